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
    /* of url->host, in numbers, when that is a name: looked up by core/db; else NULL */
    const char *address;
    const void *conf; /* the driver module's parameters: numbers only, copied when it was opened */
    void *owner;      /* core/db's */
};

struct db_table_spec;

struct db_driver {
    const char *name;           /* of the module: "db_mysql" */
    const char *const *schemes; /* ends with NULL: "mysql" */
    size_t conn_size;           /* of its struct, zeroed for it */
    bool sql;                   /* DB_SQL works */
    size_t conf_size;           /* of the module's configuration, for db_conn.conf */
    unsigned connections;       /* of each worker to one database; 0 for a threaded driver */
    /* SELECTs that a connection takes at a time, by the module's configuration; NULL: one */
    unsigned (*together)(const void *conf);
    /* The driver has only blocking functions: they run on a thread of its own, one a database, in
     * batches between begin and end. */
    bool threaded;

    /* ---- blocking ---- */
    int (*connect_now)(struct db_conn *c, struct buf *why);
    int (*run_now)(struct db_conn *c, const struct db_query *q, struct arena *a,
                   struct db_result *out, struct buf *why);

    /* Around a batch, for threaded drivers; may be NULL. changes: not all of it are SELECTs. When
     * end fails none of the batch's changes was made. ERR_OK or ERR_IO. */
    int (*begin)(struct db_conn *c, bool changes, struct buf *why);
    int (*end)(struct db_conn *c, struct buf *why);
    /* Makes a table that is not there. ERR_EXISTS when it is; NULL: cannot. */
    int (*create)(struct db_conn *c, const struct db_table_spec *t, struct buf *why);

    /* ---- on the loop; each begins and returns, and calls back exactly once, never from inside
     * ---- */
    void (*connect)(struct db_conn *c);
    /* n queries, which live until they are answered: more than one only if all are SELECTs, and
     * never more than together. They are answered in their order. */
    void (*run)(struct db_conn *c, const struct db_query *const *q, unsigned n);

    /* Closes at once, in any state; nothing is called back any more. */
    void (*close)(struct db_conn *c);
};

/* A driver's answers, on the worker's thread. ok false: the connection is of no use, why says it;
 * core/db closes it. */
void db_conn_up(struct db_conn *c, bool ok, struct str why);
/* Answers the first query that is not answered yet. r and why live during the call. status ERR_OK
 * with r; ERR_INVALID: the database refused the query (why), the connection goes on; ERR_IO: the
 * connection is lost; ERR_STATE: it was lost before the query was sent, so that another connection
 * may have it. After these two the connection is closed, and what was not answered is given to
 * another one; while queries are left the others do not close it. */
void db_conn_answer(struct db_conn *c, int status, const struct db_result *r, struct str why);
/* An idle connection was lost. */
void db_conn_lost(struct db_conn *c, struct str why);

/* ---- the address of a server's name (host.c) ---- */

struct lookup;
enum { DB_ADDRESS_MAX = 64 };
/* address: in numbers, or empty when there is none. The lookup is gone afterwards. */
typedef void (*lookup_done)(void *arg, const char *address);
/* Whether host is a name that must be looked up: no address, and not localhost. */
bool lookup_needed(struct str host);
/* Asks; turn says which of several addresses is wanted. NULL without memory or threads. */
struct lookup *lookup_start(struct loop *loop, struct str host, unsigned turn, lookup_done done,
                            void *arg);
/* The answer is no longer wanted. On the loop's thread. */
void lookup_forget(struct lookup *l);

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
/* A text "YYYY-MM-DD HH:MM:SS" in local time becomes a DB_TIME; anything else stays as it is. */
void db_value_to_time(struct db_value *v);

/* How a dialect writes SQL. */
struct db_dialect {
    char quote;    /* around names: ` or " */
    bool numbered; /* $1, $2 instead of ? */
    bool replace;  /* REPLACE INTO is there; else INSERT ... ON CONFLICT */
    /* types of columns: the key that counts by itself, text without bound, unsigned, seconds of a
     * day and year, bytes */
    const char *id, *text, *number, *time, *blob;
};
/* The statement of a query, with marks for its values in the order of db_sql_value. */
void db_sql_text(struct buf *out, const struct db_query *q, const struct db_dialect *d);
unsigned db_sql_values(const struct db_query *q);
const struct db_value *db_sql_value(const struct db_query *q, unsigned i);

/* ---- tables of the reference (MODULES 1.37) ---- */

enum db_column_kind {
    DB_COL_STRING,
    DB_COL_TEXT,
    DB_COL_INT,
    DB_COL_REAL,
    DB_COL_TIME,
    DB_COL_BLOB
};

struct db_column_spec {
    struct str name;
    enum db_column_kind kind;
    unsigned length; /* of DB_COL_STRING */
    bool null;
    bool extra; /* a table without it is as good */
};

struct db_table_spec {
    const char *name;
    unsigned version;    /* 0: the table has none */
    const char *columns; /* see schema.def; db_column_next reads them */
    const char *unique;  /* columns of its key beside id, joined by commas, or NULL */
    const char *module;  /* who uses it */
};

/* Every table, ending with a row without name; besides what is listed each has a column id. */
extern const struct db_table_spec db_schema[];
/* Cuts the next column off *rest, which begins as the spec's columns. False at the end. */
bool db_column_next(struct db_column_spec *out, struct str *rest);
/* CREATE TABLE of a spec. */
void db_sql_create(struct buf *out, const struct db_table_spec *t, const struct db_dialect *d);
/* Makes every table that is missing and notes its version. created counts those made. For the
 * command `signalbox db create`, and for a new SQLite file. */
int db_create_all(struct db *db, unsigned *created, struct buf *why);

#endif
