/* The world's name server: a zone written line by line, and answers after a while. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/sim/world_priv.h"

enum {
    ZONE_RECORDS = 64,
    ZONE_TTL = 3600, /* of a line that says none */
    PATIENCE = 6000, /* ms: how long a resolver asks a silent server again and again */
};

/* ---- the zone ---- */

/* The next word of a line; empty at its end. */
static struct str word_cut(struct str *line)
{
    struct str word;
    *line = str_trim(*line);
    ptrdiff_t end = str_find(*line, ' ', 0);
    size_t n = end < 0 ? line->len : (size_t)end;
    word = str_sub(*line, 0, n);
    *line = str_sub(*line, n, line->len);
    return word;
}

static bool number_cut(struct str *line, uint16_t *out)
{
    uint32_t n = 0;
    bool ok = str_u32(&n, word_cut(line), 65535) == ERR_OK;
    *out = (uint16_t)n;
    return ok;
}

/* A name as the last word; "." is the root. */
static bool name_cut(struct world *w, struct str *line, struct str *out)
{
    struct str word = word_cut(line);
    if (word.len && word.p[word.len - 1] == '.')
        word.len--;
    else if (word.len == 0)
        return false;
    *out = word.len ? arena_dup(&w->arena, word) : STR_NONE;
    return true;
}

static bool read_address(struct zone_record *r, struct str text, unsigned family)
{
    r->type = family == 4 ? DNS_A : DNS_AAAA;
    return ip_parse(&r->data.ip, text) == ERR_OK && r->data.ip.family == family;
}

static bool read_data(struct world *w, struct zone_record *r, struct str type, struct str *rest)
{
    struct dns_record *d = &r->data;
    r->status = DNS_FOUND;
    if (str_ieq(type, STR("A")))
        return read_address(r, word_cut(rest), 4);
    if (str_ieq(type, STR("AAAA")))
        return read_address(r, word_cut(rest), 6);
    if (str_ieq(type, STR("SRV"))) {
        r->type = DNS_SRV;
        return number_cut(rest, &d->order) && number_cut(rest, &d->weight) &&
               number_cut(rest, &d->port) && name_cut(w, rest, &d->name);
    }
    if (str_ieq(type, STR("NAPTR"))) {
        r->type = DNS_NAPTR;
        bool ok = number_cut(rest, &d->order) && number_cut(rest, &d->weight);
        struct str flag = word_cut(rest);
        d->flag = flag.len == 1 ? ascii_lower(flag.p[0]) : 0;
        d->service = arena_dup(&w->arena, word_cut(rest));
        return ok && name_cut(w, rest, &d->name);
    }
    r->status = str_ieq(type, STR("NONE")) ? DNS_NONE : DNS_BROKEN;
    return r->status == DNS_NONE || str_ieq(type, STR("FAILS"));
}

/* Takes away what there is of a name. */
static void clear_name(struct world *w, struct str name, bool all)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < w->records; i++)
        if (!str_ieq(w->zone[i].name, name) || (!all && w->zone[i].status == DNS_FOUND))
            w->zone[kept++] = w->zone[i];
    w->records = kept;
}

int world_dns(struct world *w, struct str line)
{
    struct zone_record r = {.ttl = ZONE_TTL};
    struct str name = word_cut(&line), type = word_cut(&line);
    if (str_u32(&r.ttl, type, INT32_MAX) == ERR_OK)
        type = word_cut(&line);
    if (name.len == 0 || !read_data(w, &r, type, &line) || str_trim(line).len)
        return ERR_SYNTAX;
    if (!w->zone && !(w->zone = calloc(ZONE_RECORDS, sizeof *w->zone)))
        return ERR_NOMEM;
    clear_name(w, name, r.status != DNS_FOUND);
    if (w->records == ZONE_RECORDS)
        return ERR_LIMIT;
    r.name = arena_dup(&w->arena, name);
    w->zone[w->records++] = r;
    return r.name.p ? ERR_OK : ERR_NOMEM;
}

void world_dns_server(struct world *w, bool silent, uint32_t ms)
{
    w->dns_silent = silent;
    w->dns_delay = ms;
}

/* ---- answers ---- */

static void look(const struct world *w, const struct lookup *l, struct dns_answer *out)
{
    struct str name = str_make(l->name, l->len);
    out->ttl = DNS_LONGEST;
    for (unsigned i = 0; i < w->records; i++) {
        const struct zone_record *r = &w->zone[i];
        bool matches = str_ieq(r->name, name) && (r->status != DNS_FOUND || r->type == l->type);
        if (!matches || out->n == DNS_RECORDS)
            continue;
        out->status = r->status;
        out->ttl = r->ttl < out->ttl ? r->ttl : out->ttl;
        if (r->status == DNS_FOUND)
            out->record[out->n++] = r->data;
    }
    if (out->status == DNS_NONE && out->ttl == DNS_LONGEST)
        out->ttl = 0; /* nothing was said of it */
}

static void unlink_lookup(struct world *w, struct lookup *l)
{
    struct lookup **at = &w->lookups;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
}

static void answer(struct world *w, struct happening *h)
{
    struct lookup *l = container_of(h, struct lookup, answer);
    struct dns_record record[DNS_RECORDS];
    struct dns_answer a = {.status = w->dns_silent ? DNS_SILENT : DNS_NONE, .record = record};
    if (!w->dns_silent)
        look(w, l, &a);
    unlink_lookup(w, l);
    node_enter(l->node);
    engine_answered(l->node->engine, l->token, &a);
    node_leave(l->node);
    free(l);
}

static int ask(struct node *n, struct str name, enum dns_type type, void *token)
{
    struct world *w = n->world;
    struct lookup *l = calloc(1, sizeof *l + name.len);
    if (!l)
        return ERR_NOMEM;
    l->next = w->lookups;
    l->node = n;
    l->token = token;
    l->type = type;
    l->len = name.len;
    memcpy(l->name, name.p, name.len);
    w->lookups = l;
    w->count.lookups++;
    return world_at(w, &l->answer,
                    w->now + (w->dns_silent  ? PATIENCE
                              : w->dns_delay ? w->dns_delay
                                             : 1),
                    answer);
}

int names_ask(void *user, struct str name, enum dns_type type, void *token)
{
    struct node *n = user;
    node_inside(n->world, false);
    int rc = ask(n, name, type, token);
    node_inside(n->world, true);
    return rc;
}

void names_forget(struct world *w, const struct node *of)
{
    for (struct lookup *l = w->lookups, *next; l; l = next) {
        next = l->next;
        if (of && l->node != of)
            continue;
        world_cancel(w, &l->answer);
        unlink_lookup(w, l);
        free(l);
    }
}

void names_free(struct world *w)
{
    names_forget(w, NULL);
    free(w->zone);
}
