/* db_sqlite: tables in a file, without a server. Its calls block, so core/db runs them on a thread
 * of their own, many changes in one commit. */
/* SPDX-License-Identifier: MIT */
#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

#include "core/db/driver.h"
#include "core/module.h"

extern const struct module db_sqlite_module;

enum { STATEMENTS = 64, BUSY_MS = 2000, NAME_MAX_BYTES = 1024 };

/* Numbers only: core/db copies it. */
struct conf {
    int32_t synchronous;
};

/* A prepared statement and its text. */
struct cached {
    sqlite3_stmt *stmt;
    struct str sql; /* its own copy by sqlite */
    uint64_t used;
};

struct sqlite_conn {
    struct db_conn base;
    sqlite3 *db;
    struct cached cache[STATEMENTS];
    uint64_t uses;
};

static const struct db_dialect dialect = {.quote = '"',
                                          .replace = false,
                                          .id = "INTEGER PRIMARY KEY",
                                          .text = "TEXT",
                                          .number = "INTEGER",
                                          .time = "DATETIME",
                                          .blob = "BLOB"};

/* ---- opening ---- */

static int failed(struct sqlite_conn *c, struct buf *why)
{
    int code = sqlite3_errcode(c->db);
    buf_printf(why, "%s", sqlite3_errmsg(c->db));
    switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_FULL:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_IO;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    default:
        return ERR_INVALID;
    }
}

static int execute(struct sqlite_conn *c, const char *sql, struct buf *why)
{
    return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : failed(c, why);
}

static bool is_empty(struct sqlite_conn *c)
{
    sqlite3_stmt *s = NULL;
    bool empty = sqlite3_prepare_v2(c->db, "SELECT 1 FROM sqlite_master LIMIT 1", -1, &s, NULL) ==
                     SQLITE_OK &&
                 sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    return empty;
}

static int create(struct db_conn *base, const struct db_table_spec *t, struct buf *why);

/* A new file gets the tables of all modules. */
static int fill(struct sqlite_conn *c, struct buf *why)
{
    int rc = execute(c, "BEGIN IMMEDIATE", why);
    for (const struct db_table_spec *t = db_schema; rc == ERR_OK && t->name; t++) {
        char sql[256];
        rc = create(&c->base, t, why);
        if (rc != ERR_OK || !t->version)
            continue;
        snprintf(sql, sizeof sql,
                 "INSERT INTO version (table_name, table_version) VALUES ('%s', %u)", t->name,
                 t->version);
        rc = execute(c, sql, why);
    }
    return rc == ERR_OK ? execute(c, "COMMIT", why) : rc;
}

static int connect_now(struct db_conn *base, struct buf *why)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    const struct conf *conf = base->conf;
    char path[NAME_MAX_BYTES];
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    snprintf(path, sizeof path, "%.*s", STR_ARG(base->url->database));
    int rc = ERR_OK;
    if (sqlite3_open_v2(path, &c->db, flags, NULL) != SQLITE_OK) {
        buf_printf(why, "%s: ", path);
        rc = c->db ? failed(c, why) : ERR_NOMEM;
        return rc == ERR_INVALID ? ERR_IO : rc;
    }
    sqlite3_busy_timeout(c->db, BUSY_MS);
    rc = execute(c, "PRAGMA journal_mode=WAL", why);
    if (rc == ERR_OK)
        rc = execute(
            c, conf && !conf->synchronous ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL",
            why);
    if (rc == ERR_OK && is_empty(c)) {
        rc = fill(c, why);
        if (rc == ERR_OK && strcmp(path, ":memory:") != 0)
            log_notice("%s is new: its tables were made", path);
    }
    return rc == ERR_INVALID ? ERR_IO : rc;
}

static void close_conn(struct db_conn *base)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    for (unsigned i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(c->cache[i].stmt);
    sqlite3_close_v2(c->db);
}

/* ---- statements ---- */

/* The prepared statement for a text: the one that was not used for longest makes room. */
static sqlite3_stmt *statement(struct sqlite_conn *c, struct str sql, struct buf *why, int *rc)
{
    struct cached *oldest = &c->cache[0];
    for (unsigned i = 0; i < STATEMENTS; i++) {
        struct cached *k = &c->cache[i];
        if (k->stmt && str_eq(k->sql, sql)) {
            k->used = ++c->uses;
            return k->stmt;
        }
        if (k->used < oldest->used)
            oldest = k;
    }
    sqlite3_finalize(oldest->stmt);
    *oldest = (struct cached){.used = ++c->uses};
    if (sqlite3_prepare_v3(c->db, sql.p, (int)sql.len, SQLITE_PREPARE_PERSISTENT, &oldest->stmt,
                           NULL) != SQLITE_OK) {
        *rc = failed(c, why);
        oldest->used = 0;
        return NULL;
    }
    if (!oldest->stmt) {
        buf_printf(why, "an empty statement");
        *rc = ERR_INVALID;
        return NULL;
    }
    oldest->sql = str_from(sqlite3_sql(oldest->stmt));
    return oldest->stmt;
}

static int bind_value(sqlite3_stmt *s, int i, const struct db_value *v, struct arena *a)
{
    char text[DB_VALUE_TEXT];
    struct str t;
    switch (v->type) {
    case DB_INT:
        return sqlite3_bind_int64(s, i, v->i);
    case DB_REAL:
        return sqlite3_bind_double(s, i, v->d);
    case DB_TEXT:
        return sqlite3_bind_text64(s, i, v->s.p ? v->s.p : "", v->s.len, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case DB_BLOB:
        return sqlite3_bind_blob64(s, i, v->s.p ? v->s.p : "", v->s.len, SQLITE_STATIC);
    case DB_TIME:
        t = arena_dup(a, db_value_text(v, text));
        return t.p ? sqlite3_bind_text64(s, i, t.p, t.len, SQLITE_STATIC, SQLITE_UTF8)
                   : SQLITE_NOMEM;
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(s, i);
}

/* ---- results ---- */

static bool is_time(sqlite3_stmt *s, int column)
{
    const char *type = sqlite3_column_decltype(s, column);
    return type && str_ieq(str_from(type), STR("DATETIME"));
}

static int read_cell(struct db_value *out, sqlite3_stmt *s, int i, struct arena *a)
{
    size_t n = (size_t)sqlite3_column_bytes(s, i);
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
        *out = is_time(s, i) ? db_time(sqlite3_column_int64(s, i))
                             : db_int(sqlite3_column_int64(s, i));
        return ERR_OK;
    case SQLITE_FLOAT:
        *out = db_real(sqlite3_column_double(s, i));
        return ERR_OK;
    case SQLITE_NULL:
        *out = db_null();
        return ERR_OK;
    case SQLITE_BLOB:
        *out = db_text(arena_dup(a, str_make(sqlite3_column_blob(s, i), n)));
        out->type = DB_BLOB;
        break;
    default:
        *out = db_text(arena_dup(a, str_make((const char *)sqlite3_column_text(s, i), n)));
        if (is_time(s, i))
            db_value_to_time(out);
    }
    return out->type == DB_TIME || out->s.p ? ERR_OK : ERR_NOMEM;
}

static int read_row(struct db_rows *rows, sqlite3_stmt *s)
{
    struct db_value *row = db_rows_add(rows);
    int rc = row ? ERR_OK : ERR_NOMEM;
    for (unsigned i = 0; rc == ERR_OK && i < rows->columns; i++)
        rc = read_cell(&row[i], s, (int)i, rows->a);
    return rc;
}

static int run_statement(struct sqlite_conn *c, sqlite3_stmt *s, struct arena *a,
                         struct db_result *out, struct buf *why)
{
    struct db_rows rows;
    int rc = db_rows_begin(&rows, a, (unsigned)sqlite3_column_count(s)), step = SQLITE_DONE;
    for (unsigned i = 0; rc == ERR_OK && i < rows.columns; i++)
        db_rows_name(&rows, i, str_from(sqlite3_column_name(s, (int)i)));
    while (rc == ERR_OK && (step = sqlite3_step(s)) == SQLITE_ROW)
        rc = read_row(&rows, s);
    if (rc == ERR_OK && step != SQLITE_DONE)
        rc = failed(c, why);
    db_rows_end(&rows, out);
    out->changed = (uint64_t)sqlite3_changes64(c->db);
    return rc;
}

static int run_now(struct db_conn *base, const struct db_query *q, struct arena *a,
                   struct db_result *out, struct buf *why)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    struct buf sql;
    int rc = ERR_NOMEM;
    buf_init(&sql, a, 256);
    db_sql_text(&sql, q, &dialect);
    sqlite3_stmt *s = sql.failed ? NULL : statement(c, buf_str(&sql), why, &rc);
    if (!s)
        return rc;
    unsigned n = db_sql_values(q);
    rc = (int)n == sqlite3_bind_parameter_count(s) ? ERR_OK : ERR_INVALID;
    if (rc != ERR_OK)
        buf_printf(why, "%u values for %d marks", n, sqlite3_bind_parameter_count(s));
    for (unsigned i = 0; rc == ERR_OK && i < n; i++)
        if (bind_value(s, (int)i + 1, db_sql_value(q, i), a) != SQLITE_OK)
            rc = failed(c, why);
    if (rc == ERR_OK)
        rc = run_statement(c, s, a, out, why);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return rc;
}

/* ---- batches, tables ---- */

static int edge(struct db_conn *base, struct str sql, struct buf *why)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    int rc = ERR_IO;
    sqlite3_stmt *s = statement(c, sql, why, &rc);
    if (!s)
        return ERR_IO;
    rc = sqlite3_step(s) == SQLITE_DONE ? ERR_OK : ERR_IO;
    if (rc != ERR_OK)
        failed(c, why);
    sqlite3_reset(s);
    return rc;
}

/* A batch with a change takes the lock at once: one that read first could not have it any more when
 * another process has written meanwhile. */
static int begin(struct db_conn *base, bool changes, struct buf *why)
{
    return edge(base, changes ? STR("BEGIN IMMEDIATE") : STR("BEGIN"), why);
}

static int end(struct db_conn *base, struct buf *why)
{
    return edge(base, STR("COMMIT"), why);
}

static int create(struct db_conn *base, const struct db_table_spec *t, struct buf *why)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    char sql[2048], index[160];
    struct buf b;
    if (sqlite3_table_column_metadata(c->db, NULL, t->name, NULL, NULL, NULL, NULL, NULL, NULL) ==
        SQLITE_OK)
        return ERR_EXISTS;
    buf_fixed(&b, sql, sizeof sql - 1);
    db_sql_create(&b, t, &dialect);
    sql[b.len] = 0;
    int rc = b.failed ? ERR_LIMIT : execute(c, sql, why);
    if (rc == ERR_OK && str_starts(str_from(t->columns), STR("username"))) {
        snprintf(index, sizeof index, "CREATE INDEX \"%s_user\" ON \"%s\" (username)", t->name,
                 t->name);
        rc = execute(c, index, why);
    }
    return rc;
}

static const char *const schemes[] = {"sqlite", NULL};

static const struct db_driver driver = {.name = "db_sqlite",
                                        .schemes = schemes,
                                        .conn_size = sizeof(struct sqlite_conn),
                                        .sql = true,
                                        .conf_size = sizeof(struct conf),
                                        .threaded = true,
                                        .connect_now = connect_now,
                                        .run_now = run_now,
                                        .begin = begin,
                                        .end = end,
                                        .create = create,
                                        .close = close_conn};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_SWITCH("synchronous", synchronous, 1,
                 "1: a change that was answered survives a power failure; 0: it survives the end "
                 "of the process, and writing is faster."),
    {.name = NULL},
};

const struct module db_sqlite_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "db_sqlite",
                .doc = "Tables in a file of SQLite, without a server.",
                .params = params,
                .conf_size = sizeof(struct conf)},
    .driver = &driver,
};
