/* Tables in memory: what a module reads whole from its database, or from elsewhere, and then looks
 * things up in without asking. A module says only how one is read (struct module, table). It is
 * read when a version of the script is loaded that has the module, at each reload, and by a
 * management command; always on the main thread, never on a worker. What was read is put in force
 * when all of the version is good, and a worker finds it without a lock (core/base/snapshot.h). */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_MEMTABLE_H
#define PROXY_MEMTABLE_H

#include "core/base/arena.h"
#include "core/db/db.h"
#include "core/proxy/mi.h"

struct call;
struct config;
struct engine;
struct mi;
struct module;
struct shared;

/* One reading. */
struct memtable_reading {
    const void *conf;      /* of the module, in the version to come */
    struct db *db;         /* by its db_use, or NULL; blocking queries are fine here */
    struct buf *why;       /* a sentence, when it cannot */
    const void *now;       /* what is in force, or NULL: what it has learned can be taken over */
    struct arena *arena;   /* of what is read: goes with it */
    struct arena *scratch; /* goes when the reading is over */
    void *data;            /* the result, set by read */
};

/* How a table is read: the same for all workers and versions. */
struct memtable {
    const char *name; /* for what is said about it, "the trusted peers" */
    /* Whether these parameters want it in memory; NULL: always. */
    bool (*wanted)(const void *conf);
    const char *absent; /* what a command answers when they do not */
    /* The command that reads it anew, with mi_reload_table as run; without a name there is none. */
    struct mi_command reload;
    /* Sets r->data, as soon as there is something for free to see. False with a sentence in r->why:
     * what was read so far is thrown away, the table in force stays. A row that makes no sense
     * should be named there where half a table would be worse than the old one. */
    bool (*read)(struct memtable_reading *r);
    /* Frees what the arena does not; NULL: nothing. data may be half of what read makes. */
    void (*free)(void *data);
};

enum { MODULE_TABLES = 4 };

/* ---- for modules ---- */

/* All rows of a table of the database, those columns, blocking; out lives in r->scratch. False with
 * a sentence in r->why. */
bool memtable_select(struct memtable_reading *r, struct str table, unsigned columns,
                     const struct str *column, struct db_result *out);
/* What is in force of a table of the module; NULL when it was never wanted. It stays until the
 * worker is back at its loop, so it is not to be kept while a script waits. */
void *call_table(const struct call *c, const struct memtable *t);
/* The same for what runs without a message. */
void *engine_table(const struct engine *e, const struct memtable *t);
/* The same for a command; NULL when the parameters in force do not want it. */
void *mi_table(const struct mi *m, const struct memtable *t);
/* The handler of memtable.reload. */
enum mi_next mi_reload_table(struct mi *m);
/* Reads a table anew, for a handler to return: MI_DONE, or a refusal that says why. */
enum mi_next mi_read_table(struct mi *m, const struct memtable *t);

/* ---- for the core ---- */

struct memtable_data;

/* Knows the tables of all modules. ERR_OK or ERR_NOMEM. */
int memtables_start(struct shared *s);
/* Frees them; no worker may be left. */
void memtables_stop(struct shared *s);
/* Reads the tables that a version wants and keeps them in it. False with a sentence a table in why.
 */
bool memtables_read(const struct shared *s, struct config *c, struct buf *why);
/* Puts what was read for a version in force. */
void memtables_use(struct shared *s, struct config *c);
/* Frees what was read for a version and not put in force. */
void memtables_drop(struct config *c);
/* Worker number worker is at its loop: what was replaced can go when all have been there. */
void memtables_pass(struct shared *s, unsigned worker);

#endif
