/* pdt: the domain that a number prefix belongs to. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/module.h"

extern const struct module pdt_module;

enum { TABLE_VERSION = 1 };
enum strip_mode { STRIP_BOTH, STRIP_OWN, STRIP_NOTHING };
enum source_domain { ANY_DOMAIN, FROM_DOMAIN, FROM_THEN_ANY };

struct conf {
    struct str db_url, db_table, sdomain_column, prefix_column, domain_column, prefix, char_list;
};

/* ---- the table in memory, by source domain and prefix ---- */

struct entry {
    struct str source, prefix, domain;
};

struct entries {
    unsigned n;
    size_t longest; /* prefix */
    struct entry *entry;
};

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = str_icmp(x->source, y->source);
    return order ? order : str_cmp(x->prefix, y->prefix);
}

/* host or host:port, as it will stand in a URI. */
static bool good_domain(struct str domain)
{
    char text[300];
    struct buf b;
    struct uri u;
    buf_fixed(&b, text, sizeof text);
    buf_printf(&b, "sip:%.*s", STR_ARG(domain));
    return !b.failed && uri_parse(&u, buf_str(&b)) == ERR_OK && u.params.len == 0 &&
           u.headers.len == 0 && !u.has_user;
}

static bool only_of(struct str prefix, struct str list)
{
    for (size_t i = 0; i < prefix.len; i++)
        if (str_find(list, prefix.p[i], 0) < 0)
            return false;
    return prefix.len > 0;
}

static bool good_entry(const struct conf *conf, const struct entry *e)
{
    return e->source.len && only_of(e->prefix, conf->char_list) && good_domain(e->domain);
}

static bool read_entry(struct memtable_reading *reading, const struct db_result *r, unsigned row)
{
    const struct conf *conf = reading->conf;
    struct entries *l = reading->data;
    char mem[3][DB_VALUE_TEXT];
    struct entry *e = &l->entry[l->n];
    const struct entry is = {db_value_text(db_cell(r, row, 0), mem[0]),
                             db_value_text(db_cell(r, row, 1), mem[1]),
                             db_value_text(db_cell(r, row, 2), mem[2])};
    if (!good_entry(conf, &is)) {
        buf_printf(reading->why,
                   "row %u of table %.*s makes no sense: \"%.*s\", \"%.*s\", \"%.*s\"", row + 1,
                   STR_ARG(conf->db_table), STR_ARG(is.source), STR_ARG(is.prefix),
                   STR_ARG(is.domain));
        return false;
    }
    *e = (struct entry){arena_dup(reading->arena, is.source), arena_dup(reading->arena, is.prefix),
                        arena_dup(reading->arena, is.domain)};
    if (is.prefix.len > l->longest)
        l->longest = is.prefix.len;
    l->n++;
    return e->source.p && e->prefix.p && e->domain.p;
}

static bool read_entries(struct memtable_reading *reading)
{
    const struct conf *conf = reading->conf;
    const struct str column[] = {conf->sdomain_column, conf->prefix_column, conf->domain_column};
    struct entries *l = reading->data = arena_zalloc(reading->arena, sizeof *l);
    struct db_result r;
    if (!l || !memtable_select(reading, conf->db_table, 3, column, &r))
        return false;
    l->entry = arena_alloc(reading->arena, (r.rows + 1) * sizeof *l->entry);
    for (unsigned i = 0; l->entry && i < r.rows; i++)
        if (!read_entry(reading, &r, i))
            return false;
    if (l->entry)
        qsort(l->entry, l->n, sizeof *l->entry, by_key);
    return l->entry != NULL;
}

static const struct memtable table = {
    .name = "the prefixes",
    .reload = {"pdt_reload", "", "Reads the table anew.", 0, 0, 0, NULL, mi_reload_table},
    .read = read_entries};

/* The longest prefix of the number that this source has. */
static const struct entry *find(const struct entries *l, struct str source, struct str number)
{
    for (size_t n = number.len < l->longest ? number.len : l->longest; n > 0; n--) {
        const struct entry key = {.source = source, .prefix = str_sub(number, 0, n)};
        const struct entry *e = bsearch(&key, l->entry, l->n, sizeof key, by_key);
        if (e)
            return e;
    }
    return NULL;
}

/* ---- the function ---- */

static const struct entry *find_for(struct call *c, const struct entries *l, int32_t which,
                                    struct str number)
{
    const struct nameaddr *from = which == ANY_DOMAIN ? NULL : call_from(c);
    const struct entry *e = NULL;
    struct uri u;
    if (from && uri_parse(&u, from->uri) == ERR_OK)
        e = find(l, u.host, number);
    return e || which == FROM_DOMAIN ? e : find(l, STR("*"), number);
}

static int prefix2domain(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &pdt_module);
    const struct entries *l = call_table(c, &table);
    int32_t mode = n > 0 ? args[0].v.i : STRIP_BOTH, which = n > 1 ? args[1].v.i : ANY_DOMAIN;
    const struct uri *u = call_uri(c);
    if (!l || !u || u->user.len == 0 || !str_starts(u->user, conf->prefix) || mode < STRIP_BOTH ||
        mode > STRIP_NOTHING || which < ANY_DOMAIN || which > FROM_THEN_ANY)
        return -1;
    struct str number = str_sub(u->user, conf->prefix.len, u->user.len);
    const struct entry *e = find_for(c, l, which, number);
    if (!e)
        return -1;
    size_t strip = mode == STRIP_NOTHING ? 0
                   : mode == STRIP_OWN   ? conf->prefix.len
                                         : conf->prefix.len + e->prefix.len;
    if (strip && call_strip(c, (unsigned)strip, false) != ERR_OK)
        return -1;
    return call_rewrite(c, PART_HOSTPORT, e->domain) == ERR_OK ? 1 : -1;
}

/* ---- management ---- */

/* An argument narrows the list down; without it, or with a dot, it does not. */
static bool wanted(struct str argument, struct str value)
{
    return argument.len == 0 || str_eq(argument, STR(".")) || str_ieq(argument, value);
}

static enum mi_next mi_list(struct mi *m)
{
    const struct entries *l = mi_table(m, &table);
    for (unsigned i = 0; l && i < l->n; i++) {
        const struct entry *e = &l->entry[i];
        if (!wanted(mi_arg(m, 0), e->source) || !wanted(mi_arg(m, 1), e->prefix) ||
            !wanted(mi_arg(m, 2), e->domain))
            continue;
        mi_text(m, 0, "PDT", STR_NONE);
        mi_attr_text(m, "SDOMAIN", e->source);
        mi_attr_text(m, "PREFIX", e->prefix);
        mi_attr_text(m, "DOMAIN", e->domain);
    }
    return MI_DONE;
}

/* Changes the database, then reads it: what is in force is what stands there. */
static enum mi_next change(struct mi *m, const struct db_query *q)
{
    char text[256];
    struct buf why;
    struct db_result r;
    buf_fixed(&why, text, sizeof text);
    if (db_run_now(mi_db(m), q, mi_arena(m), &r, &why) != ERR_OK)
        return mi_fail(m, 500, "%.*s", STR_ARG(buf_str(&why)));
    if (q->verb == DB_DELETE && r.changed == 0)
        return mi_fail(m, 404, "there is no such row");
    return mi_read_table(m, &table);
}

static enum mi_next mi_add(struct mi *m)
{
    const struct conf *conf = mi_conf(m);
    const struct entries *l = mi_table(m, &table);
    const struct entry e = {mi_arg(m, 0), mi_arg(m, 1), mi_arg(m, 2)};
    const struct str column[] = {conf->sdomain_column, conf->prefix_column, conf->domain_column};
    const struct db_value value[] = {db_text(e.source), db_text(e.prefix), db_text(e.domain)};
    const struct db_query q = {
        .verb = DB_INSERT, .table = conf->db_table, .columns = 3, .column = column, .value = value};
    if (!good_entry(conf, &e))
        return mi_fail(m, 400, "the prefix must be made of %.*s, the domain be host or host:port",
                       STR_ARG(conf->char_list));
    if (l && bsearch(&e, l->entry, l->n, sizeof e, by_key))
        return mi_fail(m, 400, "this source has the prefix already");
    return change(m, &q);
}

static enum mi_next mi_delete(struct mi *m)
{
    const struct conf *conf = mi_conf(m);
    const struct db_match match[] = {{conf->sdomain_column, DB_EQ, db_text(mi_arg(m, 0))},
                                     {conf->domain_column, DB_EQ, db_text(mi_arg(m, 1))}};
    const struct db_query q = {
        .verb = DB_DELETE, .table = conf->db_table, .matches = 2, .match = match};
    return change(m, &q);
}

static const struct mi_command commands[] = {
    {"pdt_list", "[source [prefix [domain]]]",
     "Shows the table, or the rows with these; . for any.", 0, 3, 0, NULL, mi_list},
    {"pdt_add", "source prefix domain", "Adds a row to the table, in the database too.", 3, 3, 0,
     NULL, mi_add},
    {"pdt_delete", "source domain",
     "Removes the rows of a source with a domain, in the database too.", 2, 2, 0, NULL, mi_delete},
    {.name = NULL},
};

/* ---- rows ---- */

enum { RF = ROUTE_REQUEST | ROUTE_FAILURE };

/* clang-format off */
static const struct fn_spec functions[] = {
    {"prefix2domain", prefix2domain, 0, 2, {ARG_IGP, ARG_IGP}, RF, FN_TARGET, NULL, "[mode[, source]]",
     "Puts the domain of the longest prefix of the R-URI's number into it. Mode 0 strips that prefix and the "
     "parameter prefix, 1 only the latter, 2 nothing; source 0 takes rows of *, 1 of From's domain, 2 of both. False "
     "when there is none."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database; without it the default one."),
    PARAM_STRING("db_table", db_table, "pdt", "The table."),
    PARAM_STRING("sdomain_column", sdomain_column, "sdomain",
                 "Its column with the source domain, * for any."),
    PARAM_STRING("prefix_column", prefix_column, "prefix", "Its column with the prefix."),
    PARAM_STRING("domain_column", domain_column, "domain", "Its column with the domain."),
    PARAM_STRING("prefix", prefix, "",
                 "What numbers must begin with, before the prefix of the table."),
    PARAM_STRING("char_list", char_list, "0123456789", "Characters that prefixes are made of."),
    PARAM_OLD("fetch_rows", PARAM_INT, "Of earlier releases; without effect."),
    PARAM_OLD("clean_time", PARAM_INT, "Of earlier releases; without effect."),
    PARAM_OLD("hsize_2pow", PARAM_INT, "Of earlier releases; without effect."),
    PARAM_OLD("sync_time", PARAM_INT, "Of earlier releases; without effect."),
    PARAM_OLD("start_range", PARAM_INT, "Of earlier releases; without effect."),
    {.name = NULL},
};

/* ---- the module ---- */

static const struct db_table_use tables[] = {
    {.name = offsetof(struct conf, db_table), .lowest = TABLE_VERSION, .highest = TABLE_VERSION},
};

static const struct db_use use = {
    .url = offsetof(struct conf, db_url), .tables = tables, .n_tables = 1};

const struct module pdt_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "pdt",
                .doc = "The domain that a number prefix belongs to.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .db = &use,
    .table = {&table},
    .commands = commands,
};
