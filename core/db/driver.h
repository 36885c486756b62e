/* What a database driver is to core/db. A driver does one thing at a time on each of its
 * connections; pooling, queues, deadlines, back-off and breaker are core/db's. */
/* SPDX-License-Identifier: MIT */
#ifndef DB_DRIVER_H
#define DB_DRIVER_H

#include "core/db/db.h"

/* scheme://[user[:password]@]host[:port]/database, as the reference reads it (MODULES 1.37), and
 * sqlite:///path. Parts that are missing are empty, port 0. */
struct db_url {
    struct str scheme, user, password, host, database;
    uint16_t port;
};
/* ERR_SYNTAX, with a sentence in why. Parts point into text. */
int db_url_parse(struct db_url *out, struct str text, struct buf *why);

/* A connection, as core/db sees it; a driver's own begins with it. */
struct db_conn {
    const struct db_driver *driver;
    const struct db_url *url;
    struct loop *loop; /* NULL: blocking use only */
    void *owner;       /* core/db's */
};

struct db_driver {
    const char *name;             /* of the module: "db_mysql" */
    const char *const *schemes;   /* ends with NULL: "mysql" */
    const char *const *old_names; /* loadmodule names of releases before; ends with NULL */
    size_t conn_size;             /* of its struct, zeroed for it */
    bool sql;                     /* DB_SQL works */
    unsigned connections;         /* wanted for each worker by default; 1 for what is embedded */

    /* ---- blocking ---- */
    int (*connect_now)(struct db_conn *c, struct buf *why);
    int (*run_now)(struct db_conn *c, const struct db_query *q, struct arena *a,
                   struct db_result *out, struct buf *why);

    /* ---- on the loop; each begins and returns, and calls back exactly once, never from inside
     * ---- */
    void (*connect)(struct db_conn *c);
    void (*run)(struct db_conn *c, const struct db_query *q);

    /* Closes at once, in any state; nothing is called back any more. */
    void (*close)(struct db_conn *c);
};

/* A driver's answers, on the worker's thread. ok false: the connection is of no use, why says it;
 * core/db closes it. */
void db_conn_up(struct db_conn *c, bool ok, struct str why);
/* r and why live during the call. status ERR_OK with r; ERR_INVALID: the database refused the query
 * (why), the connection goes on; ERR_IO: the connection is lost. */
void db_conn_answer(struct db_conn *c, int status, const struct db_result *r, struct str why);

/* ---- help for drivers ---- */

/* Builds a result row after row in an arena. */
struct db_rows {
    struct arena *a;
    unsigned columns, rows, room;
    struct str *name;
    struct db_value *cell;
};
/* ERR_NOMEM. Names are copied when they are set. */
int db_rows_begin(struct db_rows *b, struct arena *a, unsigned columns);
void db_rows_name(struct db_rows *b, unsigned column, struct str name);
/* A further row of NULLs to be filled: its first cell; NULL without memory. Texts must be the
 * arena's. */
struct db_value *db_rows_add(struct db_rows *b);
void db_rows_end(const struct db_rows *b, struct db_result *out);

/* How a dialect writes SQL. */
struct db_dialect {
    char quote;    /* around names: ` or " */
    bool numbered; /* $1, $2 instead of ? */
    bool replace;  /* REPLACE INTO is there; else INSERT ... ON CONFLICT */
};
/* The statement of a query, with marks for its values in the order of db_sql_value. */
void db_sql_text(struct buf *out, const struct db_query *q, const struct db_dialect *d);
unsigned db_sql_values(const struct db_query *q);
const struct db_value *db_sql_value(const struct db_query *q, unsigned i);

#endif
