/* Destinations that scripts keep themselves from sending to (LANGUAGE 8.5). */
/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>

#include "core/base/err.h"
#include "core/proxy/dest.h"

int call_use_blacklist(struct call *c, struct str name, bool use)
{
    const struct blacklist *lists;
    unsigned n = program_blacklists(c->config->program, &lists);
    uint32_t bits = 0;
    for (unsigned i = 0; i < n; i++)
        if (str_eq(name, STR("all")) || str_eq(name, lists[i].name))
            bits |= (uint32_t)1 << i;
    if (bits == 0)
        return ERR_NOTFOUND;
    c->blacklists = use ? c->blacklists | bits : c->blacklists & ~bits;
    return ERR_OK;
}

/* The pattern speaks of the whole text; what lies behind a NUL is not looked at. */
static bool pattern_fits(const struct block_rule *r, struct arena *a, struct str bytes)
{
    if (r->pattern.len == 0)
        return true;
    struct arena_mark mark = arena_mark(a);
    struct str text = arena_dup(a, bytes);
    bool fits = text.p && fnmatch(r->pattern.p, text.p, 0) == 0;
    arena_rewind(a, mark);
    return fits;
}

static bool rule_fits(const struct block_rule *r, struct arena *a, const struct addr *dst,
                      struct str bytes)
{
    return (r->proto == PROTO_ANY || r->proto == dst->proto) &&
           (r->port == 0 || r->port == dst->port) && ip_in(&dst->ip, &r->net, r->bits) &&
           pattern_fits(r, a, bytes);
}

bool dest_blocked(const struct call *c, const struct addr *dst, struct str bytes)
{
    const struct blacklist *lists;
    if (c->blacklists == 0)
        return false;
    unsigned n = program_blacklists(c->config->program, &lists);
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; c->blacklists >> i & 1 && k < lists[i].count; k++) {
            const struct block_rule *r = &lists[i].rules[k];
            if (rule_fits(r, c->arena, dst, bytes) != r->negated)
                return true;
        }
    return false;
}
