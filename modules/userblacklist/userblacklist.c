/* userblacklist: numbers that may not be called, for each user and for all. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/module.h"

extern const struct module userblacklist_module;

enum { TABLE_VERSION = 1 };

struct table_name {
    struct table_name *next;
    struct str name;
};

struct conf {
    struct str db_url, db_table;
    int32_t use_domain;
    bool asks;                 /* the script calls check_user_blacklist() */
    struct table_name *tables; /* of check_blacklist() */
};

/* ---- tables in memory ---- */

struct entry {
    struct str prefix;
    bool allowed;
};

struct table {
    struct str name;
    unsigned n;
    struct entry *entry; /* by prefix */
};

struct tables {
    unsigned n;
    struct table *table;
};

static int by_prefix(const void *a, const void *b)
{
    return str_cmp(((const struct entry *)a)->prefix, ((const struct entry *)b)->prefix);
}

/* prefix and whitelist of a row; false for one without prefix. */
static bool read_entry(const struct db_result *r, unsigned row, char mem[DB_VALUE_TEXT],
                       struct entry *out)
{
    out->prefix = db_value_text(db_cell(r, row, 0), mem);
    out->allowed = db_value_int(db_cell(r, row, 1), 0) != 0;
    return out->prefix.len > 0;
}

static bool read_table(struct memtable_reading *reading, const struct table_name *name)
{
    static const struct str column[] = {STR_INIT("prefix"), STR_INIT("whitelist")};
    struct tables *l = reading->data;
    struct table *t = &l->table[l->n++];
    char mem[DB_VALUE_TEXT];
    struct db_result r;
    if (db_check_version(reading->db, name->name, TABLE_VERSION, TABLE_VERSION, reading->why) !=
            ERR_OK ||
        !memtable_select(reading, name->name, 2, column, &r))
        return false;
    t->name = arena_dup(reading->arena, name->name);
    t->entry = arena_alloc(reading->arena, (r.rows + 1) * sizeof *t->entry);
    for (unsigned i = 0; t->entry && i < r.rows; i++) {
        struct entry e;
        if (!read_entry(&r, i, mem, &e)) {
            log_warn("userblacklist: row %u of table %.*s has no prefix", i + 1,
                     STR_ARG(name->name));
            continue;
        }
        e.prefix = arena_dup(reading->arena, e.prefix);
        if (!e.prefix.p)
            return false;
        t->entry[t->n++] = e;
    }
    if (t->entry)
        qsort(t->entry, t->n, sizeof *t->entry, by_prefix);
    return t->name.p && t->entry;
}

static bool read_tables(struct memtable_reading *reading)
{
    const struct conf *conf = reading->conf;
    struct tables *l = reading->data = arena_zalloc(reading->arena, sizeof *l);
    unsigned n = 1;
    for (const struct table_name *t = conf->tables; t; t = t->next)
        n++;
    bool ok = l && (l->table = arena_zalloc(reading->arena, n * sizeof *l->table));
    for (const struct table_name *t = conf->tables; ok && t; t = t->next)
        ok = read_table(reading, t);
    return ok;
}

static const struct memtable lists = {.name = "the blacklists",
                                      .reload = {"reload_blacklist", "",
                                                 "Reads the tables of check_blacklist() anew.", 0,
                                                 0, 0, NULL, mi_reload_table},
                                      .read = read_tables};

/* ---- questions ---- */

/* A number from its first digit on: a + or the like in front does not count. */
static struct str digits_of(struct str number)
{
    size_t i = 0;
    while (i < number.len && !ascii_digit(number.p[i]))
        i++;
    return str_sub(number, i, number.len);
}

static bool table_allows(const struct table *t, struct str number)
{
    for (size_t n = number.len; n > 0; n--) {
        const struct entry key = {.prefix = str_sub(number, 0, n)};
        const struct entry *e = bsearch(&key, t->entry, t->n, sizeof key, by_prefix);
        if (e)
            return e->allowed;
    }
    return true;
}

static int check_blacklist(struct call *c, const struct arg *args, unsigned n)
{
    const struct tables *l = call_table(c, &lists);
    const struct uri *u = call_uri(c);
    (void)n;
    for (unsigned i = 0; u && l && i < l->n; i++)
        if (str_eq(l->table[i].name, args[0].v.s))
            return table_allows(&l->table[i], digits_of(u->user)) ? 1 : -1;
    return -1;
}

/* What waits for the rows of a user. */
struct question {
    struct str number, table;
};

static int answered(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct question *q = arg;
    size_t longest = 0;
    bool allowed = true;
    char mem[DB_VALUE_TEXT];
    struct entry e;
    (void)c;
    if (status != ERR_OK || r->columns < 2) {
        log_err("userblacklist: table %.*s: %s", STR_ARG(q->table),
                status == ERR_OK ? "an answer without columns" : err_text(status));
        return -1;
    }
    for (unsigned i = 0; i < r->rows; i++)
        if (read_entry(r, i, mem, &e) && e.prefix.len > longest &&
            str_starts(q->number, e.prefix)) {
            longest = e.prefix.len;
            allowed = e.allowed;
        }
    return allowed ? 1 : -1;
}

static int check_user_blacklist(struct call *c, const struct arg *args, unsigned n)
{
    static const struct str column[] = {STR_INIT("prefix"), STR_INIT("whitelist")};
    const struct conf *conf = call_conf(c, &userblacklist_module);
    const struct uri *u = call_uri(c);
    struct question *q = arena_alloc(c->arena, sizeof *q);
    if (!q || (n < 3 && !u))
        return -1;
    q->number = digits_of(n < 3 ? u->user : args[2].v.s);
    q->table = n < 4 ? conf->db_table : args[3].v.s;
    const struct db_match match[] = {{STR("username"), DB_EQ, db_text(args[0].v.s)},
                                     {STR("domain"), DB_EQ, db_text(args[1].v.s)}};
    const struct db_query query = {.verb = DB_SELECT,
                                   .table = q->table,
                                   .columns = 2,
                                   .column = column,
                                   .matches = conf->use_domain ? 2 : 1,
                                   .match = match};
    return call_query(c, call_db(c, &userblacklist_module), &query, answered, q);
}

/* ---- rows ---- */

static int prepare_user(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct conf *conf = prepare_conf(p, &userblacklist_module.symbols);
    (void)argn, (void)text, (void)out;
    if (conf)
        conf->asks = true;
    return ERR_OK;
}

static int prepare_table(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct conf *conf = prepare_conf(p, &userblacklist_module.symbols);
    (void)argn, (void)out;
    if (text.len == 0) {
        buf_printf(p->error, "the table has no name");
        return ERR_INVALID;
    }
    for (const struct table_name *t = conf ? conf->tables : NULL; t; t = t->next)
        if (str_eq(t->name, text))
            return ERR_OK;
    struct table_name *t = arena_alloc(p->arena, sizeof *t);
    if (!t || !conf)
        return conf ? ERR_NOMEM : ERR_OK;
    *t = (struct table_name){conf->tables, arena_dup(p->arena, text)};
    conf->tables = t;
    return t->name.p ? ERR_OK : ERR_NOMEM;
}

enum { RF = ROUTE_REQUEST | ROUTE_FAILURE };

/* clang-format off */
static const struct fn_spec functions[] = {
    {"check_user_blacklist", check_user_blacklist, 2, 4, {ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT}, RF, 0, prepare_user,
     "user, domain[, number[, table]]", "True when this user may call the number, else that of the R-URI: the longest "
     "prefix in his rows says so, or none fits. False too when the database fails."},
    {"check_blacklist", check_blacklist, 1, 1, {ARG_STR}, RF, 0, prepare_table, "table",
     "True when everybody may call the number of the R-URI, by a table in memory."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database; without it the default one."),
    PARAM_STRING("db_table", db_table, "userblacklist", "Table of check_user_blacklist()."),
    PARAM_SWITCH("use_domain", use_domain, 0, "1: the domain of the user must fit too."),
    {.name = NULL},
};

/* ---- the module ---- */

static bool asks(const void *conf)
{
    return ((const struct conf *)conf)->asks;
}

static bool wanted(const void *data)
{
    const struct conf *conf = data;
    return conf->asks || conf->tables;
}

static const struct db_table_use used[] = {
    {.name = offsetof(struct conf, db_table),
     .lowest = TABLE_VERSION,
     .highest = TABLE_VERSION,
     .wanted = asks},
};

static const struct db_use use = {
    .url = offsetof(struct conf, db_url), .tables = used, .n_tables = 1, .wanted = wanted};

const struct module userblacklist_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "userblacklist",
                .doc = "Numbers that may not be called.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .db = &use,
    .table = {&lists},
};
