/* What all workers share: the configuration in force and its predecessors, sockets, modules' state,
 * counters. Everything on the path of a call is read without a lock. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_SHARED_H
#define PROXY_SHARED_H

#include <stdatomic.h>

#include "core/base/addr.h"
#include "core/base/hash.h"
#include "core/base/arena.h"
#include "core/base/spread.h"
#include "core/proxy/directory.h"
#include "core/tx/tx.h"
#include "lang/diag.h"
#include "lang/program.h"

struct db;
struct db_driver;
struct db_set;
struct engine;
struct memtable_data;
struct memtable_place;
struct module;
struct tm_conf;

/* All modules that are built in; [0] is the core. Ends with NULL. Defined in modules/registry.c. */
struct module_set {
    const struct module *const *modules;
    unsigned count;
    struct catalog catalog;
};

enum {
    SHARED_MAX_SOCKETS = 32,
    SHARED_MAX_WORKERS = 128,
    SHARED_MAX_MODULES = 128,
    SHARED_MAX_DRIVERS = 16
};

struct socket_info {
    struct addr addr;
    struct str name; /* host text as written in listen=, also counts as us */
    struct str host; /* for Via and Record-Route: address, IPv6 in brackets */
};

struct alias {
    struct str host;
    uint16_t port;
    uint8_t proto;
};

/* One version of the script with all that was made from it (DESIGN 3.7). Immutable once published;
 * freed with the last transaction that is pinned to it. */
struct config {
    atomic_uint refs;
    struct config *older; /* for whoever keeps a list of versions */
    unsigned version;     /* counts from 1 */
    struct program *program;
    struct arena arena;
    const struct alias *aliases;
    unsigned n_aliases;
    /* settings that are asked for every message, explained once */
    struct str server_header, user_agent_header; /* whole lines, empty when switched off */
    struct str advertised_host;
    uint16_t advertised_port;
    const struct tm_conf *tm; /* parameters of tm, NULL when it is not loaded (tm_conf.h) */
    int main_route, onreply_route, error_route, local_route; /* -1: none */
    bool sip_warning, reply_to_via, mhomed;
    bool watches;                                  /* a module that it loads has on_passing */
    uint32_t overload_delay, overload_retry_after; /* ms, s */
    struct tx_times times;                         /* of every transaction (tm_times) */
    struct db **db; /* of each module by its index, NULL for one without; NULL: none has */
    struct memtable_data **fresh; /* tables read for it that are not in force yet */
    unsigned n_fresh;
};

/* Hooks of struct module that are called in the middle of traffic: the modules that have one are
 * listed, two or three of ninety. */
#define HOOK_LIST(X)                                                                               \
    X(on_request)                                                                                  \
    X(on_loose_route) X(on_begin) X(on_transaction) X(on_passing) X(each_second) X(on_second)
struct hook_users {
    unsigned n;
    uint8_t module[SHARED_MAX_MODULES]; /* indices in the set */
};

struct shared {
    const struct module_set *set;
    struct directory directory;             /* of the set */
    void *module_state[SHARED_MAX_MODULES]; /* what each module's start returned, by its index */
    bool simulated;                         /* of the simulated world: set before shared_start */
    const struct db_driver *drivers[SHARED_MAX_DRIVERS];
    struct db_set *dbs;           /* every database that a version uses or used */
    struct memtable_place *table; /* tables in memory (memtable.h) */
    unsigned n_tables;
    struct socket_info sockets[SHARED_MAX_SOCKETS];
    unsigned n_sockets;
    unsigned workers;
    uint8_t table_bits; /* engines' tables begin with so many buckets, as a power of two; 0: as is
                           good for servers */
    struct hash_key key;
    struct spread spread; /* of calls over workers; drawn from the key by shared_start */
    struct arena arena;
    _Atomic(struct config *) current;
    _Atomic(struct config *) retiring; /* the one before, until every worker has left it */
    _Atomic(const struct config *) adopted[SHARED_MAX_WORKERS]; /* the version each worker is on */
    struct engine *engine[SHARED_MAX_WORKERS];                  /* each for its own thread only */
    unsigned stat_base[SHARED_MAX_MODULES]; /* where each module's statistics begin in an engine's
                                               table */
    unsigned n_stats;
#define X(hook) struct hook_users hook;
    HOOK_LIST(X)
#undef X
    uint8_t slot[SHARED_MAX_MODULES]; /* call_slot: the place of each module that has one */
    unsigned n_slots;
};

/* ---- versions (config.c) ---- */

/* Compiles a script into a configuration with one reference. Findings go to d; NULL on error. */
struct config *config_load(const struct module_set *set, const char *path, struct diag *d);
/* The same for a text in memory; includes in it are looked for as if it were the file name. */
struct config *config_load_text(const struct module_set *set, struct str name, struct str text,
                                struct diag *d);
void config_free(struct config *c);

/* Prepares the shared part for the first configuration: key, modules' state. sockets are filled by
 * the caller. ERR_OK, or an error with a sentence in why. Takes over the reference. */
int shared_start(struct shared *s, const struct module_set *set, struct config *first,
                 struct buf *why);
/* Stops modules and frees every version. Engines must be gone. */
void shared_stop(struct shared *s);

/* Opens the databases of a version and looks at the versions of their tables: before
 * shared_can_reload, and on a thread that may wait. ERR_OK, or sentences in why. */
int shared_open_dbs(struct shared *s, struct config *c, struct buf *why);
/* Whether next can replace the version in force without a restart; else false and a sentence a
 * difference in why. Reads its tables in memory. */
bool shared_can_reload(const struct shared *s, struct config *next, struct buf *why);
/* Puts next in force: one store, seen by each worker at its next message. Returns its number, 0
 * when a module refused to start. shared_settle must have been true since the last publication. */
unsigned shared_publish(struct shared *s, struct config *next);
/* Whether every worker has moved to the version in force; then the one before is let go. Any
 * thread. */
bool shared_settle(struct shared *s);
/* The database of a module in a version, by its db_use; NULL when it uses none. */
struct db *config_db(const struct shared *s, const struct config *c, const struct module *m);
/* A version lives while somebody holds a reference. Any thread. */
const struct config *config_ref(const struct config *c);
void config_unref(const struct config *c);
/* Whether the caller's reference is the last one. */
bool config_is_last(const struct config *c);
/* Names of the routes that differ between two versions, comma separated. */
void config_changes(struct buf *out, const struct config *a, const struct config *b);

#endif
