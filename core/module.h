/* The only header of ours that a module includes: its descriptor, and what its functions may do
 * with a message. A module is one const struct module named <name>_module and a manual beside it.
 */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_MODULE_H
#define CORE_MODULE_H

#include "core/base/addr.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/hash.h"
#include "core/base/inlet.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/loop.h"
#include "core/base/service.h"
#include "core/base/snapshot.h"
#include "core/base/str.h"
#include "core/db/changes.h"
#include "core/db/db.h"
#include "core/db/journal.h"
#include "core/proxy/call.h"
#include "core/proxy/memtable.h"
#include "core/proxy/mi.h"
#include "core/proxy/tm_conf.h"
#include "core/proxy/uac.h"
#include "core/sip/build.h"
#include "core/sip/digest.h"
#include "core/sip/edit.h"
#include "core/sip/msg.h"
#include "core/sip/uri.h"
#include "lang/avp.h"
#include "lang/host.h"
#include "lang/params.h"
#include "lang/regex.h"
#include "lang/vm.h"

enum { MODULE_ABI = 1 };

struct stat_spec {
    const char *name;
    bool gauge; /* can fall, is not reset */
    const char *doc;
};

typedef void (*stat_put)(void *user, const char *group, struct str name, int64_t value);

/* What becomes of a transaction. */
enum txn_event_kind {
    TXN_REPLIED,  /* a reply with code went up: a final one, or 183 */
    TXN_FAILED,   /* every branch of an INVITE has failed; failure_route comes next */
    TXN_ACKED,    /* the ACK for its 2xx passes; code is that of the 2xx */
    TXN_RINGS,    /* a provisional reply other than 100 and 183 went up */
    TXN_RELEASED, /* nobody will answer it: no reply goes up any more */
};

struct txn_event {
    enum txn_event_kind kind;
    unsigned code;
    struct str reply;     /* as it was sent or received, empty when there is none */
    bool local;           /* the reply was made here */
    uint32_t flags;       /* message flags of the transaction as they are now */
    uint32_t first_flags; /* as they were when it was made */
};

/* A message on its way, for who watches a transaction. */
struct passing {
    bool out; /* it leaves us */
    struct str bytes;
    struct addr from, to;
    uint16_t socket; /* ours: that of from, or of to */
};

/* A table that a module uses. */
struct db_table_use {
    size_t name; /* offset in the configuration of the struct str with its name, or SIZE_MAX */
    const char *fixed;        /* its name when no parameter changes it */
    unsigned lowest, highest; /* versions it can work with (MODULES 1.37); 0: not looked at */
    bool (*wanted)(const void *conf); /* whether these parameters use it; NULL: yes */
};

/* How a module uses a database. */
struct db_use {
    size_t url;    /* offset in the configuration of the struct str that db_url sets */
    bool optional; /* without a URL there is no database; else the default one is used */
    const struct db_table_use *tables; /* ends with a row without name and fixed */
    unsigned n_tables;
    /* Whether these parameters use the database at all, a URL being there; NULL: yes. */
    bool (*wanted)(const void *conf);
};

/* What a module begins with, or is reloaded to. */
struct module_start {
    const struct module *module;
    const void *conf;
    struct db *db;   /* by its db_use, or NULL; blocking queries are fine here */
    struct buf *why; /* a sentence, when it cannot */
    struct hash_key key;
    const struct addr *socket; /* ours, as many as sockets */
    unsigned sockets;
};

struct module {
    uint32_t abi; /* MODULE_ABI */
    struct symbols symbols;
    const struct stat_spec *stats; /* ends with a row without name; may be NULL */
    size_t slot_size;              /* see call_slot */
    const void *api; /* for other modules; its type stands in the module's own header */
    const struct db_driver *driver;              /* NULL: is no database driver */
    const struct db_use *db;                     /* NULL: uses none */
    const struct memtable *table[MODULE_TABLES]; /* tables in memory; the rest is NULL */

    /* Once, before workers start, when the first loaded program has the module: makes what is
     * shared by workers and outlives versions; may be NULL. conf is the module's configuration.
     * NULL result with *failed set: the program does not start. */
    void *(*start)(const struct module_start *begin, bool *failed);
    void (*stop)(void *state);
    /* A reload brings another configuration: false refuses the reload, with a sentence in why
     * naming what cannot be changed live. Another module may refuse it yet, so nothing changes. */
    bool (*reload)(void *state, const void *old_conf, const struct module_start *next);
    /* The reload has come true: takes over what does not lie in the configuration. */
    void (*reloaded)(void *state, const void *old_conf, const struct module_start *next);
    /* Before the script of each request: false ends the matter, the script does not run. */
    bool (*on_request)(struct call *c);
    /* loose_route() has taken a Route of ours off; params are those of its URI with the first ';',
     * or empty. */
    void (*on_loose_route)(struct call *c, struct str params);
    /* A transaction is about to be made for this request: what is done to the call now is part of
     * all that it sends. transaction_flags holds for the call's flags. */
    void (*on_begin)(struct call *c);
    /* Something has become of a transaction. c shows its request, with its AVPs and variables; the
     * R-URI is that of the branch in question, message flags may be changed. With TXN_ACKED it is
     * the ACK's own call. */
    void (*on_transaction)(struct call *c, const struct txn_event *e);
    /* Message flags one of which must be set when a transaction is made for on_transaction to be
     * told of it; NULL: of all. */
    uint32_t (*transaction_flags)(const void *conf);
    /* For tracing. Whether on_passing shall be told of the messages of the transaction that is made
     * for this request, or of a reply to it without one. */
    bool (*watches)(struct call *c);
    /* A message of such a transaction comes in or goes out: what branches send and receive, the
     * replies that go up, CANCEL and ACK of ours, the ACK that ends here. Not the request itself,
     * which a script sees, and no repeats that timers or repeats of the request cause. c is a call
     * of the message's own with flags and AVPs of the transaction, to be looked at. */
    void (*on_passing)(struct call *c, const struct passing *p);
    /* Once a second on each worker, now in ms and wall in s since 1970; worker of workers lets
     * state be divided among them. */
    void (*each_second)(void *state, uint64_t now, int64_t wall, unsigned worker, unsigned workers);
    /* The same, for what sends something: engine is the worker (core/proxy/uac.h), conf the
     * configuration in force. */
    void (*on_second)(struct engine *e, void *state, const void *conf);
    /* A worker ends, on its thread: what it has begun must be over. Scripts that waited have been
     * given up already. */
    void (*leave)(void *state, unsigned worker);

    const struct mi_command *commands; /* ends with a row without name; may be NULL */
    /* Statistics beyond stats, which a script or the traffic brought into being: tells of each with
     * its group; sets one to 0, false when there is none of that name. On the main thread. */
    void (*stat_list)(void *state, stat_put put, void *user);
    bool (*stat_reset)(void *state, struct str name);
    /* For transports of management commands, and what else has its place on the main thread: it
     * begins to serve, once, and it ends. Not called in a simulated world. ERR_OK, or an error
     * with a sentence in why. */
    int (*serve)(void *state, struct mi_server *mi, struct buf *why);
    void (*unserve)(void *state);
};

#endif
