/* Gateways and the rules that lead to them, read whole from two tables. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/lcr/priv.h"

enum { GW_COLUMNS = 9, RULE_COLUMNS = 4 };

static void free_tables(void *data)
{
    struct lcr_tables *t = data;
    for (unsigned i = 0; i < t->n_rules; i++) {
        regex_free(t->rule[i].prefix_regex);
        regex_free(t->rule[i].from);
    }
}

/* ---- gateways ---- */

/* The reference's numbers are ours: 1 UDP, 2 TCP, 3 TLS, 4 SCTP; 0 and NULL: not said. */
static bool read_numbers(struct gw *g, const struct db_result *r, unsigned row)
{
    int64_t port = db_value_int(db_cell(r, row, 3), 0);
    int64_t scheme = db_value_int(db_cell(r, row, 4), 1);
    int64_t transport = db_value_int(db_cell(r, row, 5), PROTO_ANY);
    int64_t strip = db_value_int(db_cell(r, row, 6), 0);
    g->group = db_value_int(db_cell(r, row, 1), -1);
    g->flags = (int32_t)db_value_int(db_cell(r, row, 8), 0);
    g->port = (uint16_t)port;
    g->sips = scheme == 2;
    g->transport = (uint8_t)transport;
    g->strip = (uint8_t)strip;
    return g->group >= 0 && port >= 0 && port <= 65535 && (scheme == 1 || scheme == 2) &&
           transport >= PROTO_ANY && transport <= PROTO_SCTP && strip >= 0 && strip <= UINT8_MAX;
}

/* What stands in front of a number: digits and the like, nothing that ends the user of a URI. */
static bool good_tag(struct str tag)
{
    for (size_t i = 0; i < tag.len; i++)
        if ((uint8_t)tag.p[i] <= ' ' || strchr("@:;?<>\",/", tag.p[i]))
            return false;
    return true;
}

static bool read_gw(struct memtable_reading *reading, const struct db_result *r, unsigned row)
{
    char mem[3][DB_VALUE_TEXT];
    struct lcr_tables *t = reading->data;
    struct gw *g = &t->gw[t->n_gws];
    struct str name = db_value_text(db_cell(r, row, 0), mem[0]);
    struct str ip = db_value_text(db_cell(r, row, 2), mem[1]);
    struct str tag = db_value_text(db_cell(r, row, 7), mem[2]);
    if (!read_numbers(g, r, row) || ip_parse(&g->ip, ip) != ERR_OK || !good_tag(tag)) {
        buf_printf(reading->why,
                   "row %u of the gateways makes no sense: name \"%.*s\", address \"%.*s\", tag "
                   "\"%.*s\", or a number",
                   row + 1, STR_ARG(name), STR_ARG(ip), STR_ARG(tag));
        return false;
    }
    g->number = row;
    g->name = arena_dup(reading->arena, name);
    g->tag = arena_dup(reading->arena, tag);
    t->n_gws++;
    return g->name.p && g->tag.p;
}

static int by_group(const void *a, const void *b)
{
    const struct gw *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

unsigned lcr_group(const struct lcr_tables *t, int64_t group, const struct gw **first)
{
    unsigned low = 0, high = t->n_gws, n = 0;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (t->gw[middle].group < group)
            low = middle + 1;
        else
            high = middle;
    }
    *first = t->gw + low;
    while (low + n < t->n_gws && t->gw[low + n].group == group)
        n++;
    return n;
}

/* ---- rules ---- */

static bool compile(struct str text, struct regex **out, struct buf *why)
{
    size_t at = 0;
    *out = NULL;
    return text.len == 0 || regex_compile(text, REGEX_BASIC, out, why, &at) == ERR_OK;
}

static bool read_rule(struct memtable_reading *reading, const struct db_result *r, unsigned row)
{
    const struct lcr_conf *conf = reading->conf;
    struct lcr_tables *t = reading->data;
    struct buf *why = reading->why;
    char mem[2][DB_VALUE_TEXT];
    struct route_rule *rule = &t->rule[t->n_rules];
    struct str prefix = db_value_text(db_cell(r, row, 0), mem[0]);
    int64_t priority = db_value_int(db_cell(r, row, 3), 0);
    rule->group = db_value_int(db_cell(r, row, 2), -1);
    rule->priority = (int32_t)priority;
    rule->prefix = arena_dup(reading->arena, prefix);
    t->n_rules++; /* free_tables sees what is compiled from here on */
    bool good = rule->group >= 0 && priority >= 0 && priority <= INT32_MAX && rule->prefix.p &&
                compile(db_value_text(db_cell(r, row, 1), mem[1]), &rule->from, why) &&
                (!conf->prefix_mode || compile(prefix, &rule->prefix_regex, why));
    if (!good)
        buf_printf(why, "%srow %u of the rules makes no sense: prefix \"%.*s\"",
                   why->len ? "; " : "", row + 1, STR_ARG(prefix));
    if (prefix.len > t->longest)
        t->longest = prefix.len;
    return good;
}

static int by_prefix(const void *a, const void *b)
{
    return str_cmp(((const struct route_rule *)a)->prefix, ((const struct route_rule *)b)->prefix);
}

static bool fits_caller(const struct route_rule *r, struct str caller)
{
    return !r->from || regex_find(r->from, caller, 0, NULL) > 0;
}

static void each_with_prefix(const struct lcr_tables *t, struct str prefix, struct str caller,
                             void (*fn)(void *arg, const struct route_rule *r), void *arg)
{
    unsigned low = 0, high = t->n_rules;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (str_cmp(t->rule[middle].prefix, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < t->n_rules && str_eq(t->rule[low].prefix, prefix); low++)
        if (fits_caller(&t->rule[low], caller))
            fn(arg, &t->rule[low]);
}

void lcr_each(const struct lcr_tables *t, bool prefix_mode, struct str user, struct str caller,
              void (*fn)(void *arg, const struct route_rule *r), void *arg)
{
    if (!prefix_mode) {
        size_t longest = user.len < t->longest ? user.len : t->longest;
        for (size_t n = 0; n <= longest; n++)
            each_with_prefix(t, str_sub(user, 0, n), caller, fn, arg);
        return;
    }
    for (unsigned i = 0; i < t->n_rules; i++) {
        const struct route_rule *r = &t->rule[i];
        if ((!r->prefix_regex || regex_find(r->prefix_regex, user, 0, NULL) > 0) &&
            fits_caller(r, caller))
            fn(arg, r);
    }
}

/* ---- both ---- */

static bool read_gws(struct memtable_reading *reading)
{
    const struct lcr_conf *c = reading->conf;
    struct lcr_tables *t = reading->data;
    const struct str column[GW_COLUMNS] = {
        c->gw_name_column, c->grp_id_column,     c->ip_addr_column,
        c->port_column,    c->uri_scheme_column, c->transport_column,
        c->strip_column,   c->tag_column,        c->flags_column};
    struct db_result r;
    if (!memtable_select(reading, c->gw_table, GW_COLUMNS, column, &r))
        return false;
    t->gw = arena_zalloc(reading->arena, (r.rows + 1) * sizeof *t->gw);
    for (unsigned i = 0; t->gw && i < r.rows; i++)
        if (!read_gw(reading, &r, i))
            return false;
    if (t->gw)
        qsort(t->gw, t->n_gws, sizeof *t->gw, by_group);
    return t->gw != NULL;
}

static bool read_rules(struct memtable_reading *reading)
{
    const struct lcr_conf *c = reading->conf;
    struct lcr_tables *t = reading->data;
    const struct str column[RULE_COLUMNS] = {c->prefix_column, c->from_uri_column, c->grp_id_column,
                                             c->priority_column};
    struct db_result r;
    if (!memtable_select(reading, c->lcr_table, RULE_COLUMNS, column, &r))
        return false;
    t->rule = arena_zalloc(reading->arena, (r.rows + 1) * sizeof *t->rule);
    for (unsigned i = 0; t->rule && i < r.rows; i++)
        if (!read_rule(reading, &r, i))
            return false;
    if (t->rule)
        qsort(t->rule, t->n_rules, sizeof *t->rule, by_prefix);
    return t->rule != NULL;
}

static bool read_both(struct memtable_reading *reading)
{
    reading->data = arena_zalloc(reading->arena, sizeof(struct lcr_tables));
    return reading->data && read_gws(reading) && read_rules(reading);
}

const struct memtable lcr_memory = {
    .name = "gateways and rules",
    .reload = {"lcr_reload", "", "Reads gateways and rules anew.", 0, 0, 0, NULL, mi_reload_table},
    .read = read_both,
    .free = free_tables};
