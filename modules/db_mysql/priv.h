/* Inside db_mysql: a connection, its prepared statements, and how values go in and come out. */
/* SPDX-License-Identifier: MIT */
#ifndef DB_MYSQL_PRIV_H
#define DB_MYSQL_PRIV_H

#include <mysql.h>

#include "core/db/driver.h"
#include "core/module.h"

enum {
    STATEMENTS = 64,      /* prepared ones a connection keeps */
    ARENA_KEEP = 1 << 16, /* bytes of memory a connection keeps between queries */
    TEXT_MAX = 255,       /* the parts of a URL are shorter */
    WHY_MAX = 512,
    TOGETHER = 8,       /* SELECTs a connection takes at a time */
    AHEAD_BYTES = 4096, /* that are sent of them at once: any socket takes these when it is idle */
};

/* The module's parameters. */
struct maria_conf {
    int32_t ping_interval;    /* s; 0: never */
    int32_t timeout_interval; /* s; 0: as long as it takes */
    int32_t auto_reconnect;
    int32_t together; /* SELECTs sent in one piece; 1: each alone */
};

/* A prepared statement. */
struct statement {
    MYSQL_STMT *stmt;
    MYSQL_RES *meta; /* its result's columns, NULL when it has none */
    struct str sql;  /* allocated with the statement */
    uint64_t used;   /* when, in the connection's count of uses */
};

/* What is under way on the loop. */
enum step {
    STEP_IDLE,
    STEP_CONNECT,
    STEP_PING,
    STEP_MAKE_ROOM, /* a statement that was not used for long is closed */
    STEP_PREPARE,
    STEP_SEND, /* SELECTs are sent ahead, and the first answer is waited for */
    STEP_EXECUTE,
    STEP_STORE, /* the result is fetched whole */
    STEP_OVER,  /* all that is left is to tell */
};

struct maria_conn {
    struct db_conn base;
    MYSQL *my;
    struct statement cache[STATEMENTS];
    uint64_t uses;
    struct arena_pool pool;
    struct arena arena; /* of the query under way and its result */

    /* ---- on the loop ---- */
    struct watch watch;
    struct timer tell; /* an end that came at once is told by it */
    enum step step;
    int waits; /* MYSQL_WAIT_*: what the step under way waits for */
    bool up, inside;
    uint64_t last_use; /* ms */
    /* what the library's calls leave behind */
    MYSQL *connected;
    int failed;
    my_bool closed;
    /* the queries that were given together, the one of now, and how many of them were sent ahead,
     * with which statements */
    const struct db_query *batch[TOGETHER];
    struct statement *sent[TOGETHER];
    unsigned batched, at, ahead;
    size_t out_len, out_sent;
    unsigned char out[AHEAD_BYTES];
    /* the library's functions, one of them ours; NULL when nothing can be sent ahead */
    struct st_mariadb_methods methods;
    const struct st_mariadb_methods *library;
    /* the query of now */
    const struct db_query *query;
    struct statement *statement;
    int status;
    struct db_result result;
    struct buf why;
    char why_text[WHY_MAX];
    char host[TEXT_MAX + 1], user[TEXT_MAX + 1], password[TEXT_MAX + 1], database[TEXT_MAX + 1];
};

static inline const struct maria_conf *maria_conf(const struct maria_conn *c)
{
    static const struct maria_conf defaults = {300, 2, 1, TOGETHER};
    return c->base.conf ? c->base.conf : &defaults;
}

extern const struct db_dialect maria_dialect;

/* ---- conn.c ---- */

/* A handle with its options, c->my; on_loop: for the calls that do not block. ERR_OK, ERR_NOMEM. */
int maria_conn_init(struct maria_conn *c, bool on_loop);
/* Adds what the server or the library says to why: ERR_INVALID when the query was refused and the
 * connection goes on, ERR_IO when it is of no use any more. */
int maria_conn_failed(struct maria_conn *c, unsigned code, const char *text, struct buf *why);
void maria_conn_close(struct db_conn *base);
int maria_connect_now(struct db_conn *base, struct buf *why);
int maria_run_now(struct db_conn *base, const struct db_query *q, struct arena *a,
                  struct db_result *out, struct buf *why);
int maria_create(struct db_conn *base, const struct db_table_spec *t, struct buf *why);

/* ---- async.c: the driver on a loop (struct db_driver) ---- */

/* Begins to connect; db_conn_up tells the end. */
void maria_connect(struct db_conn *base);
/* Begins queries; db_conn_answer tells the end of each. */
void maria_run(struct db_conn *base, const struct db_query *const *q, unsigned n);

/* ---- ahead.c ---- */

/* From now on SELECTs can be sent ahead on this connection, if it is a plain one. */
void maria_ahead_init(struct maria_conn *c);
/* The library has its own functions back, before it closes. */
void maria_ahead_end(struct maria_conn *c);
/* Adds a query to what will be sent; false when it cannot be, for its kind, its size or a value. */
bool maria_ahead_add(struct maria_conn *c, struct statement *s, const struct db_query *q);
/* Sends what was added: what it waits for, 0 when all is sent or it failed (c->failed: errno). */
int maria_ahead_send(struct maria_conn *c);

/* ---- statement.c ---- */

/* The statement for a text when it is prepared already, or NULL. */
struct statement *maria_statement_find(struct maria_conn *c, struct str sql);
/* The place for another one; if a statement stands there it is to be closed first. */
struct statement *maria_statement_place(struct maria_conn *c);
/* Begins a statement in an empty place. ERR_OK, ERR_NOMEM. */
int maria_statement_new(struct maria_conn *c, struct statement *s, struct str sql);
/* Forgets it; its handle is closed by the caller, or is gone. */
void maria_statement_forget(struct statement *s);
/* Local time, as the reference keeps it; false for a time that no calendar has. */
bool maria_time(MYSQL_TIME *out, int64_t seconds);
/* Gives it the values of a query; they must stay until it was executed. ERR_OK, ERR_INVALID,
 * ERR_NOMEM. */
int maria_statement_bind(struct maria_conn *c, struct statement *s, const struct db_query *q,
                         struct arena *a, struct buf *why);
/* Reads what was stored into a. ERR_OK, ERR_NOMEM, or as maria_conn_failed. */
int maria_statement_read(struct maria_conn *c, struct statement *s, struct arena *a,
                         struct db_result *out, struct buf *why);

#endif
