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
    struct arena arena;
    unsigned n;
    struct str *name;
};

static void free_names(void *data)
{
    struct list_of_names *l = data;
    arena_reset(&l->arena);
    free(l);
}

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

static bool take_rows(struct list_of_names *l, const struct db_result *r)
{
    char mem[DB_VALUE_TEXT];
    l->name = arena_alloc(&l->arena, (r->rows + 1) * sizeof *l->name);
    for (unsigned i = 0; l->name && i < r->rows; i++) {
        struct str text = db_value_text(db_cell(r, i, 0), mem);
        if (text.len == 0)
            continue; /* NULL, or nothing */
        l->name[l->n] = lower(&l->arena, text);
        if (!l->name[l->n++].p)
            return false;
    }
    if (l->name)
        qsort(l->name, l->n, sizeof *l->name, by_name);
    return l->name != NULL;
}

/* All of the table; NULL with a sentence in why. */
static struct list_of_names *read_names(const struct module_start *begin)
{
    const struct conf *conf = begin->conf;
    struct list_of_names *l = calloc(1, sizeof *l);
    struct db_query q = {
        .verb = DB_SELECT, .table = conf->domain_table, .columns = 1, .column = &conf->domain_col};
    struct arena scratch;
    struct db_result r;
    if (!l)
        return NULL;
    arena_init(&l->arena, NULL, 4096);
    arena_init(&scratch, NULL, 4096);
    bool ok = db_run_now(begin->db, &q, &scratch, &r, begin->why) == ERR_OK && take_rows(l, &r);
    arena_reset(&scratch);
    if (ok)
        return l;
    free_names(l);
    return NULL;
}

struct state {
    struct snapshot names;
    struct db *db;
};

static bool load(struct state *s, const struct module_start *begin)
{
    const struct conf *conf = begin->conf;
    s->db = begin->db;
    if (!conf->db_mode)
        return true;
    struct list_of_names *l = read_names(begin);
    if (l)
        snapshot_set(&s->names, l);
    return l != NULL;
}

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
        const struct state *s = call_state(c, &domain_module);
        const struct list_of_names *l = snapshot_get(&s->names);
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

static const struct param_spec params[] = {
    {.name = "db_url", .type = PARAM_STR, .offset = offsetof(struct conf, db_url),
     .doc = "The database; without it the default one."},
    {.name = "db_mode", .type = PARAM_INT, .offset = offsetof(struct conf, db_mode), .min = 0, .max = 1,
     .doc = "0: the database is asked each time; 1: the table is in memory, read at start and at a reload."},
    {.name = "domain_table", .type = PARAM_STR, .offset = offsetof(struct conf, domain_table),
     .text = "domain", .doc = "The table."},
    {.name = "domain_col", .type = PARAM_STR, .offset = offsetof(struct conf, domain_col),
     .text = "domain", .doc = "Its column with the domain."},
    {.name = NULL},
};
/* clang-format on */

/* ---- management ---- */

static enum mi_next mi_reload(struct mi *m)
{
    const struct conf *conf = mi_conf(m);
    struct state *s = mi_state(m);
    char text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    struct module_start begin = {.conf = conf, .db = s->db, .why = &why};
    if (!conf->db_mode)
        return mi_fail(m, 500, "with db_mode 0 nothing is in memory");
    return load(s, &begin) ? MI_DONE : mi_fail(m, 500, "%.*s", STR_ARG(buf_str(&why)));
}

static enum mi_next mi_dump(struct mi *m)
{
    const struct conf *conf = mi_conf(m);
    const struct state *s = mi_state(m);
    const struct list_of_names *l = snapshot_get(&s->names);
    if (!conf->db_mode)
        return mi_fail(m, 500, "with db_mode 0 nothing is in memory");
    for (unsigned i = 0; l && i < l->n; i++)
        mi_text(m, 0, "domain", l->name[i]);
    return MI_DONE;
}

static const struct mi_command commands[] = {
    {"domain_reload", "", "Reads the table anew; with db_mode 1.", 0, 0, 0, NULL, mi_reload},
    {"domain_dump", "", "Shows the domains in memory.", 0, 0, 0, NULL, mi_dump},
    {.name = NULL},
};

/* ---- life ---- */

static void *start(const struct module_start *begin, bool *failed)
{
    struct state *s = calloc(1, sizeof *s);
    *failed = !s || !snapshot_init(&s->names, free_names);
    if (*failed) {
        free(s);
        return NULL;
    }
    *failed = !load(s, begin);
    return s;
}

static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    (void)old_conf;
    return load(state, next);
}

static void each_second(void *state, uint64_t now, int64_t wall, unsigned worker, unsigned workers)
{
    struct state *s = state;
    (void)now, (void)wall;
    snapshot_pass(&s->names, worker, workers);
}

static void stop(void *state)
{
    struct state *s = state;
    if (s)
        snapshot_end(&s->names);
    free(s);
}

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
    .start = start,
    .reload = reload,
    .stop = stop,
    .each_second = each_second,
    .commands = commands,
};
