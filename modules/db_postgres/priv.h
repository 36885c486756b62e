/* Inside db_postgres: a connection, its prepared statements, values as PostgreSQL writes them. */
/* SPDX-License-Identifier: MIT */
#ifndef DB_POSTGRES_PRIV_H
#define DB_POSTGRES_PRIV_H

#include <libpq-fe.h>

#include "core/db/driver.h"
#include "core/module.h"

enum {
    STATEMENTS = 64,      /* prepared ones a connection keeps */
    ARENA_KEEP = 1 << 16, /* bytes of memory a connection keeps between queries */
    WHY_MAX = 512,
    NAME_MAX_BYTES = 24, /* of a prepared statement */
};

/* The module's parameters. */
struct pg_conf {
    int32_t ping_interval;    /* s; 0: never */
    int32_t timeout_interval; /* s; 0: as long as it takes */
    int32_t auto_reconnect;
};

/* A prepared statement: its text, and what number its name has. */
struct statement {
    struct str sql; /* allocated; empty: the place is free */
    uint64_t number, used;
};

/* What is under way on the loop. */
enum step {
    STEP_IDLE,
    STEP_CONNECT,
    STEP_PING,
    STEP_MAKE_ROOM, /* a statement that was not used for long is deallocated */
    STEP_PREPARE,
    STEP_EXECUTE,
    STEP_OVER, /* all that is left is to tell */
};

struct pg_conn {
    struct db_conn base;
    PGconn *pg;
    struct statement cache[STATEMENTS];
    uint64_t uses, numbers;
    struct arena_pool pool;
    struct arena arena; /* of the query under way and its result */

    /* ---- on the loop ---- */
    struct watch watch;
    struct timer tell; /* an end that came at once is told by it */
    enum step step;
    bool up, inside, polled;
    uint64_t last_use; /* ms */
    /* the query */
    const struct db_query *query;
    struct str sql;
    struct statement *statement;
    int status;
    struct db_result result;
    struct buf why;
    char why_text[WHY_MAX];
};

/* The values of a query as libpq takes them: in text, but for bytes. */
struct pg_values {
    unsigned n;
    const char **text;
    int *length, *format;
};

static inline const struct pg_conf *pg_conf(const struct pg_conn *c)
{
    static const struct pg_conf defaults = {300, 2, 1};
    return c->base.conf ? c->base.conf : &defaults;
}

extern const struct db_dialect pg_dialect;

/* ---- conn.c ---- */

/* The words for PQconnect, in room for PG_WORDS of them each; the texts are a's. ERR_NOMEM. */
enum { PG_WORDS = 12 };
int pg_words(struct pg_conn *c, struct arena *a, const char *words[PG_WORDS],
             const char *values[PG_WORDS]);
/* Adds what the server or the library says to why: ERR_INVALID when the query was refused and the
 * connection goes on, ERR_IO when it is of no use any more. r may be NULL. */
int pg_failed(struct pg_conn *c, const PGresult *r, struct buf *why);
void pg_close(struct db_conn *base);
int pg_connect_now(struct db_conn *base, struct buf *why);
int pg_run_now(struct db_conn *base, const struct db_query *q, struct arena *a,
               struct db_result *out, struct buf *why);
int pg_create(struct db_conn *base, const struct db_table_spec *t, struct buf *why);

/* ---- async.c: the driver on a loop (struct db_driver) ---- */

/* Begins to connect; db_conn_up tells the end. */
void pg_connect(struct db_conn *base);
/* Begins a query; db_conn_answer tells the end. */
void pg_run(struct db_conn *base, const struct db_query *const *q, unsigned n);

/* ---- statement.c ---- */

/* The statement for a text when it is prepared already, or NULL. */
struct statement *pg_statement_find(struct pg_conn *c, struct str sql);
/* The place for another one; if a statement stands there it is to be deallocated first. */
struct statement *pg_statement_place(struct pg_conn *c);
/* Notes a statement in an empty place, with a number that no other had. ERR_OK, ERR_NOMEM. */
int pg_statement_new(struct pg_conn *c, struct statement *s, struct str sql);
void pg_statement_forget(struct statement *s);
void pg_statement_name(char out[NAME_MAX_BYTES], const struct statement *s);
/* The SQL of a query, ended by a zero byte; NULL without memory. */
const char *pg_statement_sql(const struct db_query *q, struct arena *a, struct str *out);
/* The values of a query. ERR_OK, ERR_NOMEM, ERR_INVALID for what PostgreSQL cannot keep. */
int pg_values_make(struct pg_values *v, const struct db_query *q, struct arena *a, struct buf *why);
/* Reads a result into a. ERR_OK, ERR_NOMEM. */
int pg_result_read(const PGresult *r, struct arena *a, struct db_result *out);

#endif
