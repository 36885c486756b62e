/* db_text: tables in text files, a folder a database. They are read at their first use, kept in
 * memory, and written back after each batch of changes. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/module.h"
#include "modules/db_text/table.h"

/* Numbers only: core/db copies it. */
struct conf {
    int32_t db_mode;
};

struct text_conn {
    struct db_conn base;
    struct text_table *tables;
    struct str folder;
};

static int connect_now(struct db_conn *base, struct buf *why)
{
    struct text_conn *c = (struct text_conn *)base;
    struct stat st;
    char path[1024];
    c->folder = base->url->database;
    if (c->folder.len >= sizeof path) {
        buf_printf(why, "the folder's name is too long");
        return ERR_LIMIT;
    }
    memcpy(path, c->folder.p, c->folder.len);
    path[c->folder.len] = 0;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return ERR_OK;
    buf_printf(why, "%s is no folder", path);
    return ERR_IO;
}

static void drop(struct text_conn *c, struct text_table *gone)
{
    for (struct text_table **at = &c->tables; *at; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            text_table_free(gone);
            return;
        }
}

/* The table, read when it is not here yet; with db_mode 1 also when its file has changed. */
static int find(struct text_conn *c, struct str name, struct text_table **out, struct buf *why)
{
    const struct conf *conf = c->base.conf;
    for (struct text_table *t = c->tables; t; t = t->next) {
        if (!str_eq(t->name, name))
            continue;
        if (!conf || !conf->db_mode || t->changed || !text_table_stale(t, c->folder)) {
            *out = t;
            return ERR_OK;
        }
        drop(c, t);
        break;
    }
    int rc = text_table_load(out, c->folder, name, why);
    if (rc == ERR_OK) {
        (*out)->next = c->tables;
        c->tables = *out;
    }
    return rc == ERR_NOTFOUND || rc == ERR_SYNTAX ? ERR_INVALID : rc;
}

static int end(struct db_conn *base, struct buf *why)
{
    struct text_conn *c = (struct text_conn *)base;
    int rc = ERR_OK;
    for (struct text_table *t = c->tables; rc == ERR_OK && t; t = t->next)
        if (t->changed)
            rc = text_table_save(t, c->folder, why);
    return rc;
}

static int run_now(struct db_conn *base, const struct db_query *q, struct arena *a,
                   struct db_result *out, struct buf *why)
{
    struct text_conn *c = (struct text_conn *)base;
    struct text_table *t;
    if (q->verb == DB_SQL) {
        buf_printf(why, "text tables know no SQL");
        return ERR_UNSUPPORTED;
    }
    int rc = find(c, q->table, &t, why);
    return rc == ERR_OK ? text_table_run(t, q, a, out, why) : rc;
}

static void close_conn(struct db_conn *base)
{
    struct text_conn *c = (struct text_conn *)base;
    char text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    if (end(base, &why) != ERR_OK)
        log_err("db_text: %.*s", STR_ARG(buf_str(&why)));
    while (c->tables)
        drop(c, c->tables);
}

/* A new table: its first line. */
static int create(struct db_conn *base, const struct db_table_spec *spec, struct buf *why)
{
    struct text_conn *c = (struct text_conn *)base;
    struct str rest = str_from(spec->columns);
    struct db_column_spec column;
    struct text_table *t = NULL;
    struct buf unused, head;
    char text[256], line[4096];
    buf_fixed(&unused, text, sizeof text);
    if (find(c, str_from(spec->name), &t, &unused) == ERR_OK)
        return ERR_EXISTS;
    t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    arena_init(&t->memory, NULL, 1024);
    buf_fixed(&head, line, sizeof line);
    buf_printf(&head, "id(int,auto)");
    while (db_column_next(&column, &rest)) {
        const char *type = column.kind == DB_COL_INT    ? "int"
                           : column.kind == DB_COL_REAL ? "double"
                           : column.kind == DB_COL_TIME ? "time"
                           : column.kind == DB_COL_BLOB ? "blob"
                                                        : "string";
        buf_printf(&head, " %.*s(%s%s)", STR_ARG(column.name), type, column.null ? ",null" : "");
    }
    t->name = arena_dup(&t->memory, str_from(spec->name));
    int rc = text_table_parse(t, buf_str(&head), why);
    if (rc == ERR_OK)
        rc = text_table_save(t, c->folder, why);
    text_table_free(t);
    return rc;
}

static const char *const schemes[] = {"text", "dbtext", NULL};
static const char *const old_names[] = {"dbtext", NULL};

static const struct db_driver driver = {.name = "db_text",
                                        .schemes = schemes,
                                        .conn_size = sizeof(struct text_conn),
                                        .conf_size = sizeof(struct conf),
                                        .threaded = true,
                                        .connect_now = connect_now,
                                        .run_now = run_now,
                                        .end = end,
                                        .create = create,
                                        .close = close_conn};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_SWITCH("db_mode", db_mode, 0,
                 "0: a table is read once; 1: again whenever its file has changed."),
    {.name = NULL},
};

const struct module db_text_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "db_text",
                .old_names = old_names,
                .doc = "Tables in text files, a folder a database.",
                .params = params,
                .conf_size = sizeof(struct conf)},
    .driver = &driver,
};
