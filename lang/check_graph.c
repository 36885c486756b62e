/* Which function may run where: follows route() from every top-level block and holds what it meets
 * against the kinds of block each function allows (DEVIATIONS 8 and 13). */
/* SPDX-License-Identifier: MIT */
#include "lang/check.h"

enum { KINDS = 6, MAX_CHAIN = 12 };

struct graph {
    struct checker *c;
    unsigned n;                    /* routes */
    struct route_def **route;      /* by index */
    const struct route_edge **via; /* [kind * n + route]: the call it was reached through first */
    struct route_def **queue;
    const struct route_edge **out; /* calls sorted by their caller */
    unsigned *out_at;              /* by route: where its calls begin in out; n + 1 of them */
};

static bool is_top(const struct route_def *r)
{
    return r->kind != ROUTE_REQUEST || (r->numeric && r->name.len == 1 && r->name.p[0] == '0');
}

/* Spreads one kind from its top-level blocks over all that they call. */
static void spread(struct graph *g, unsigned kind)
{
    unsigned head = 0, tail = 0, bit = 1u << kind;
    for (unsigned i = 0; i < g->n; i++)
        if ((unsigned)g->route[i]->kind == bit && is_top(g->route[i])) {
            g->route[i]->reached |= bit;
            g->queue[tail++] = g->route[i];
        }
    while (head < tail) {
        unsigned from = (unsigned)g->queue[head++]->index;
        for (unsigned i = g->out_at[from]; i < g->out_at[from + 1]; i++) {
            struct route_def *to = g->out[i]->to;
            if (to->reached & bit)
                continue;
            to->reached |= bit;
            g->via[kind * g->n + (unsigned)to->index] = g->out[i];
            g->queue[tail++] = to;
        }
    }
}

static void sort_edges(struct graph *g)
{
    for (const struct route_edge *e = g->c->edges; e; e = e->next)
        g->out_at[e->from->index + 1]++;
    for (unsigned i = 0; i < g->n; i++)
        g->out_at[i + 1] += g->out_at[i];
    unsigned *next = check_alloc(g->c, (g->n + 1) * sizeof *next);
    if (!next)
        return;
    memcpy(next, g->out_at, (g->n + 1) * sizeof *next);
    for (const struct route_edge *e = g->c->edges; e; e = e->next)
        g->out[next[e->from->index]++] = e;
}

static bool graph_init(struct graph *g, struct checker *c)
{
    unsigned edges = 0;
    for (const struct route_edge *e = c->edges; e; e = e->next)
        edges++;
    g->c = c;
    g->n = c->script->n_routes;
    g->route = check_alloc(c, g->n * sizeof *g->route);
    g->via = check_alloc(c, g->n * KINDS * sizeof *g->via);
    g->queue = check_alloc(c, g->n * sizeof *g->queue);
    g->out = check_alloc(c, edges * sizeof *g->out);
    g->out_at = check_alloc(c, (g->n + 1) * sizeof *g->out_at);
    if (c->no_memory)
        return false;
    for (struct route_def *r = c->script->routes; r; r = r->next)
        g->route[r->index] = r;
    sort_edges(g);
    return !c->no_memory;
}

/* The kinds of block a function may be called from. */
static void add_kinds(struct buf *b, unsigned routes)
{
    bool first = true;
    for (unsigned kind = 0; kind < KINDS; kind++)
        if (routes & 1u << kind) {
            buf_add(b, first ? STR("") : STR(", "));
            buf_add(b, str_from(route_keyword((enum route_kind)(1 << kind))));
            first = false;
        }
}

/* "failure_route[1] calls route[2] in line 7, that calls route[3] in line 12" */
static void add_chain(struct graph *g, struct buf *b, unsigned kind, const struct route_def *r)
{
    const struct route_edge *chain[MAX_CHAIN];
    unsigned n = 0;
    for (const struct route_edge *e; n < MAX_CHAIN; r = e->from) {
        e = g->via[kind * g->n + (unsigned)r->index];
        if (!e)
            break;
        chain[n++] = e;
    }
    for (unsigned i = n; i-- > 0;) {
        struct str from = check_route_title(g->c, chain[i]->from);
        struct str to = check_route_title(g->c, chain[i]->to);
        if (i + 1 == n)
            buf_add(b, from);
        else
            buf_add(b, STR(", that"));
        buf_printf(b, " calls %.*s in line %u", STR_ARG(to), chain[i]->loc.line);
    }
}

static void check_use(struct graph *g, const struct call_use *u)
{
    const struct fn_spec *fn = u->call->call.fn;
    unsigned bad = u->in->reached & ~(unsigned)fn->routes & ROUTE_ANY;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        if (!(bad & 1u << kind))
            continue;
        char chain[400], kinds[128];
        struct buf b, k;
        buf_fixed(&b, chain, sizeof chain);
        buf_fixed(&k, kinds, sizeof kinds);
        add_chain(g, &b, kind, u->in);
        add_kinds(&k, fn->routes);
        check_error(g->c, u->call->loc, "%s() cannot be used in %s%s%.*s", fn->name,
                    route_keyword((enum route_kind)(1 << kind)), b.len ? ": " : "",
                    STR_ARG(buf_str(&b)));
        diag_hint(g->c->diag, "it can be used in %.*s", STR_ARG(buf_str(&k)));
    }
}

void check_graph(struct checker *c)
{
    struct graph g;
    if (!graph_init(&g, c))
        return;
    for (unsigned kind = 0; kind < KINDS; kind++)
        spread(&g, kind);
    for (const struct call_use *u = c->uses; u; u = u->next)
        check_use(&g, u);
}
