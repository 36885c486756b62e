/* domain: which domains are ours, from a table. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/module.h"

extern const struct module domain_module;

enum { TABLE_VERSION = 1, BAD_FROM = -2 };

struct conf {
    struct str db_url, domain_table, domain_col;
    int32_t db_mode;
};

/* ---- the table in memory: names in lower case, sorted ---- */

struct list_of_names {
    unsigned n;
    struct str *name;
};

static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct str lower(struct arena *a, struct str text)
{
    struct str copy = arena_dup(a, text);
    char *p = (char *)(uintptr_t)copy.p;
    for (size_t i = 0; p && i < copy.len; i++)
        p[i] = ascii_lower(p[i]);
    return copy;
}

static bool read_names(struct memtable_reading *reading)
{
    const struct conf *conf = reading->conf;
    struct list_of_names *l = reading->data = arena_zalloc(reading->arena, sizeof *l);
    char mem[DB_VALUE_TEXT];
    struct db_result r;
    if (!l || !memtable_select(reading, conf->domain_table, 1, &conf->domain_col, &r))
        return false;
    l->name = arena_alloc(reading->arena, (r.rows + 1) * sizeof *l->name);
    for (unsigned i = 0; l->name && i < r.rows; i++) {
        struct str text = db_value_text(db_cell(&r, i, 0), mem);
        if (text.len == 0)
            continue; /* NULL, or nothing */
        l->name[l->n] = lower(reading->arena, text);
        if (!l->name[l->n++].p)
            return false;
    }
    if (l->name)
        qsort(l->name, l->n, sizeof *l->name, by_name);
    return l->name != NULL;
}

static bool in_memory(const void *conf)
{
    return ((const struct conf *)conf)->db_mode != 0;
}

static const struct memtable names = {.name = "the domains",
                                      .wanted = in_memory,
                                      .absent = "with db_mode 0 nothing is in memory",
                                      .reload = {"domain_reload", "",
                                                 "Reads the table anew; with db_mode 1.", 0, 0, 0,
                                                 NULL, mi_reload_table},
                                      .read = read_names};

/* ---- asking ---- */

static int answered(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct conf *conf = call_conf(c, &domain_module);
    (void)arg;
    if (status == ERR_OK)
        return r->rows ? 1 : -1;
    log_err("domain: table %.*s: %s", STR_ARG(conf->domain_table), err_text(status));
    return -1;
}

static int is_local(struct call *c, struct str host)
{
    const struct conf *conf = call_conf(c, &domain_module);
    struct str name = lower(c->arena, host);
    if (!name.p || name.len == 0)
        return -1;
    if (conf->db_mode) {
        const struct list_of_names *l = call_table(c, &names);
        return l && bsearch(&name, l->name, l->n, sizeof name, by_name) ? 1 : -1;
    }
    const struct db_match match = {conf->domain_col, DB_EQ, db_text(name)};
    const struct db_query q = {.verb = DB_SELECT,
                               .table = conf->domain_table,
                               .columns = 1,
                               .column = &conf->domain_col,
                               .matches = 1,
                               .match = &match,
                               .limit = 1};
    return call_query(c, call_db(c, &domain_module), &q, answered, NULL);
}

static int is_from_local(struct call *c, const struct arg *args, unsigned n)
{
    const struct nameaddr *from = call_from(c);
    struct uri u;
    (void)args, (void)n;
    if (!from || uri_parse(&u, from->uri) != ERR_OK)
        return BAD_FROM;
    return is_local(c, u.host);
}

/* In a failure route what counts is the first branch that was added, as the one that goes out. */
static int is_uri_host_local(struct call *c, const struct arg *args, unsigned n)
{
    const struct uri *u;
    struct uri branch;
    (void)args, (void)n;
    if (c->kind != ROUTE_FAILURE) {
        u = call_uri(c);
        return u ? is_local(c, u->host) : -1;
    }
    if (c->extras == 0 || uri_parse(&branch, c->extra[0].uri) != ERR_OK)
        return -1;
    return is_local(c, branch.host);
}

static int is_domain_local(struct call *c, const struct arg *args, unsigned n)
{
    struct value v;
    (void)n;
    if (pv_read(args[0].obj, c, call_host(), &v) != ERR_OK || !(v.flags & VAL_STR))
        return -1;
    return is_local(c, v.s);
}

/* ---- rows ---- */

enum { RBFL = ROUTE_REQUEST | ROUTE_BRANCH | ROUTE_FAILURE | ROUTE_LOCAL };

/* clang-format off */
static const struct fn_spec functions[] = {
    {"is_from_local", is_from_local, 0, 0, {ARG_NONE}, RBFL, 0, NULL, "",
     "True when the host of From is a domain of the table; -2 when From cannot be read."},
    {"is_uri_host_local", is_uri_host_local, 0, 0, {ARG_NONE}, RBFL, 0, NULL, "",
     "True when the host of the R-URI is; in a failure_route that of the first branch that was added."},
    {"is_domain_local", is_domain_local, 1, 1, {ARG_PV}, RBFL, 0, NULL, "$variable",
     "True when the domain in the variable is in the table."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database; without it the default one."),
    PARAM_SWITCH("db_mode", db_mode, 0,
                 "0: the database is asked each time; 1: the table is in memory, read at start and "
                 "at a reload."),
    PARAM_STRING("domain_table", domain_table, "domain", "The table."),
    PARAM_STRING("domain_col", domain_col, "domain", "Its column with the domain."),
    {.name = NULL},
};

/* ---- management ---- */

static enum mi_next mi_dump(struct mi *m)
{
    const struct list_of_names *l = mi_table(m, &names);
    if (!l)
        return mi_fail(m, 500, "%s", names.absent);
    for (unsigned i = 0; i < l->n; i++)
        mi_text(m, 0, "domain", l->name[i]);
    return MI_DONE;
}

static const struct mi_command commands[] = {
    {"domain_dump", "", "Shows the domains in memory.", 0, 0, 0, NULL, mi_dump},
    {.name = NULL},
};

/* ---- the module ---- */

static const struct db_table_use tables[] = {
    {.name = offsetof(struct conf, domain_table),
     .lowest = TABLE_VERSION,
     .highest = TABLE_VERSION},
};

static const struct db_use use = {
    .url = offsetof(struct conf, db_url), .tables = tables, .n_tables = 1};

const struct module domain_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "domain",
                .doc = "Which domains are ours.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .db = &use,
    .table = {&names},
    .commands = commands,
};
