/* Databases: one asynchronous interface for SQLite, MySQL, PostgreSQL and text files. A query is
 * data (verb, table, columns, matches), not a text, so that each driver binds the values and none
 * is ever pasted; db_sql.h turns it into SQL for those that speak it.
 *
 * A struct db stands for a URL. It is opened at start (or aside, for a reload) and lives as long as
 * the process. Each worker has connections of its own; nothing on the path of a call is locked. */
/* SPDX-License-Identifier: MIT */
#ifndef DB_DB_H
#define DB_DB_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/loop.h"
#include "core/base/service.h"

struct db;
struct db_driver;

/* ---- values ---- */

enum db_type {
    DB_NULL,
    DB_INT,
    DB_REAL,
    DB_TEXT,
    DB_BLOB,
    DB_TIME, /* i: seconds since 1970; local time in a datetime column, as the reference keeps it */
};

struct db_value {
    enum db_type type;
    union {
        int64_t i;
        double d;
        struct str s;
    };
};

static inline struct db_value db_int(int64_t i)
{
    return (struct db_value){.type = DB_INT, .i = i};
}
static inline struct db_value db_text(struct str s)
{
    return (struct db_value){.type = DB_TEXT, .s = s};
}
static inline struct db_value db_real(double d)
{
    return (struct db_value){.type = DB_REAL, .d = d};
}
static inline struct db_value db_time(int64_t seconds)
{
    return (struct db_value){.type = DB_TIME, .i = seconds};
}
static inline struct db_value db_null(void)
{
    return (struct db_value){.type = DB_NULL};
}

/* ---- queries ---- */

enum db_verb {
    DB_SELECT,
    DB_INSERT,
    DB_REPLACE, /* inserts, or updates the row whose match columns are equal */
    DB_UPDATE,
    DB_DELETE,
    DB_SQL, /* sql as given, with a ? for each of values: not every driver has it */
};

enum db_compare { DB_EQ, DB_NE, DB_LT, DB_GT, DB_LE, DB_GE, DB_LIKE };

struct db_match {
    struct str column;
    enum db_compare how;
    struct db_value value;
};

struct db_query {
    enum db_verb verb;
    struct str table;
    unsigned columns; /* SELECT: wanted, 0 for all; INSERT, REPLACE, UPDATE: set to values */
    const struct str *column;
    const struct db_value *value; /* of each column; of each ? for DB_SQL (columns counts them) */
    unsigned matches;             /* joined by AND */
    const struct db_match *match;
    struct str order; /* SELECT: column to sort by, "-" before it for falling; empty: none */
    unsigned limit;   /* SELECT: most rows; 0: all */
    struct str sql;
};

/* ---- answers ---- */

struct db_result {
    unsigned columns, rows;
    const struct str *name;      /* of each column */
    const struct db_value *cell; /* row after row */
    uint64_t changed;            /* rows that an INSERT, UPDATE, DELETE touched */
};

static inline const struct db_value *db_cell(const struct db_result *r, unsigned row,
                                             unsigned column)
{
    return &r->cell[(size_t)row * r->columns + column];
}
/* A cell as text: numbers are written out into mem; empty for NULL. */
enum { DB_VALUE_TEXT = 32 };
struct str db_value_text(const struct db_value *v, char mem[DB_VALUE_TEXT]);
/* A cell as a number: text of digits counts; otherwise what is given as missing. */
int64_t db_value_int(const struct db_value *v, int64_t missing);

/* Tells how a query ended, on the worker's thread. status: ERR_OK, ERR_TIMEOUT (deadline passed),
 * ERR_LIMIT (too many wait), ERR_STATE (breaker open), ERR_IO (no connection), ERR_INVALID (the
 * database refused the query, which was logged), ERR_UNSUPPORTED. r is NULL unless ERR_OK, and
 * lives during the call. */
typedef void (*db_done)(void *arg, int status, const struct db_result *r);

/* Runs a query for worker number worker, whose loop is given; everything in q is copied. done is
 * called once, later and never from inside db_run; a query that was ended by its deadline may still
 * reach the database. ERR_OK; otherwise (ERR_LIMIT, ERR_STATE, ERR_NOMEM) done is not called. */
int db_run(struct db *db, unsigned worker, struct loop *loop, const struct db_query *q,
           db_done done, void *arg);
/* The same, blocking: at start, at a reload (on the thread aside), for tools. The result lives in
 * a. Why it failed is added to why. */
int db_run_now(struct db *db, const struct db_query *q, struct arena *a, struct db_result *out,
               struct buf *why);

/* Name for logs: the URL without its password. */
const char *db_name(const struct db *db);

/* ---- opening ---- */

/* The databases of one process, by URL. */
struct db_set;

/* drivers ends with NULL. simulated: no threads and no descriptors; queries run at once through
 * their driver's blocking way and are answered after a delay of virtual time. NULL without memory.
 */
struct db_set *db_set_new(const struct db_driver *const *drivers, bool simulated);
/* How the databases of a simulated set fare from now on. */
struct db_weather {
    uint32_t delay; /* ms until an answer */
    bool silent;    /* none answers: only deadlines end a query */
    bool down;      /* every query fails */
};
void db_set_weather(struct db_set *s, struct db_weather w);
/* Queries of a simulated set that are not answered yet: each has a timer. 0 for NULL. */
uint64_t db_set_pending(const struct db_set *s);
/* Workers must have called db_set_leave. */
void db_set_free(struct db_set *s);
/* Closes this worker's connections; what is still asked is answered ERR_STATE. On its own thread.
 */
void db_set_leave(struct db_set *s, unsigned worker);
struct db_options {
    struct service_limits limits;
    const void *conf; /* of the driver's module, or NULL */
    bool later;       /* it may be away now: it is asked for again */
};
/* The database of that URL, opened when it is new. Blocks while it connects. NULL with a sentence
 * in why. */
struct db *db_open(struct db_set *s, struct str url, const struct db_options *o, struct buf *why);
/* Checks the version of a table as the reference does (table `version`): ERR_OK, or a sentence in
 * why that names what was found and what is wanted. */
int db_check_version(struct db *db, struct str table, unsigned lowest, unsigned highest,
                     struct buf *why);

#endif
