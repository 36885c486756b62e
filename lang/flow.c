/* Data flow: states, the order of routes, and the three steps. */
/* SPDX-License-Identifier: MIT */
#include "lang/flow.h"

#include <stdarg.h>
#include <stdio.h>

enum { MAX_ROUNDS = 6 }; /* over routes that call one another in a circle */

void flow_warn(struct flow *f, enum warning w, struct loc at, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    f->diag->newest = NULL;
    if (!f->speak)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_add(f->diag, DIAG_WARNING, warning_text(w)->code, at, "%s", text);
}

bool flow_join(struct flow_state *to, const struct flow_state *from)
{
    if (!from->live)
        return false;
    if (!to->live) {
        *to = *from;
        return true;
    }
    uint64_t news = 0;
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; i < FLOW_WORDS; i++) {
            news |= from->may[k][i] & ~to->may[k][i];
            to->may[k][i] |= from->may[k][i];
        }
    return news != 0;
}

/* ---- order ------------------------------------------------------------------------------------
 */

struct visit {
    struct flow *f;
    const struct route_edge **out; /* calls, sorted by their caller */
    unsigned *out_at;              /* by route: where its calls begin; n + 1 of them */
    unsigned *next;                /* by route: the call to follow next */
    unsigned *stack;
    uint8_t *seen; /* 1: being visited, 2: placed */
    unsigned placed;
};

static bool visit_init(struct visit *v, struct flow *f)
{
    struct checker *c = f->c;
    unsigned edges = 0;
    for (const struct route_edge *e = c->edges; e; e = e->next)
        edges++;
    *v = (struct visit){.f = f};
    v->out = check_alloc(c, edges * sizeof *v->out);
    v->out_at = check_alloc(c, (f->n + 1) * sizeof *v->out_at);
    v->next = check_alloc(c, (f->n + 1) * sizeof *v->next);
    v->stack = check_alloc(c, f->n * sizeof *v->stack);
    v->seen = check_alloc(c, f->n * sizeof *v->seen);
    if (c->no_memory)
        return false;
    for (const struct route_edge *e = c->edges; e; e = e->next)
        v->out_at[e->from->index + 1]++;
    for (unsigned i = 0; i < f->n; i++)
        v->out_at[i + 1] += v->out_at[i];
    memcpy(v->next, v->out_at, (f->n + 1) * sizeof *v->next);
    for (const struct route_edge *e = c->edges; e; e = e->next)
        v->out[v->next[e->from->index]++] = e;
    memcpy(v->next, v->out_at, (f->n + 1) * sizeof *v->next);
    return true;
}

/* Places a route behind all that it calls. */
static void visit(struct visit *v, unsigned from)
{
    unsigned depth = 0;
    v->stack[depth++] = from;
    v->seen[from] = 1;
    while (depth) {
        unsigned r = v->stack[depth - 1];
        if (v->next[r] == v->out_at[r + 1]) {
            v->f->order[v->placed++] = &v->f->routes[r];
            v->seen[r] = 2;
            depth--;
            continue;
        }
        unsigned to = (unsigned)v->out[v->next[r]++]->to->index;
        v->f->circles |= v->seen[to] == 1;
        if (!v->seen[to]) {
            v->seen[to] = 1;
            v->stack[depth++] = to;
        }
    }
}

static bool prepare(struct flow *f)
{
    struct visit v;
    f->routes = check_alloc(f->c, f->n * sizeof *f->routes);
    f->order = check_alloc(f->c, f->n * sizeof *f->order);
    if (f->c->no_memory)
        return false;
    for (struct route_def *r = f->c->script->routes; r; r = r->next)
        f->routes[r->index].def = r;
    if (!visit_init(&v, f))
        return false;
    for (unsigned i = 0; i < f->n; i++)
        if (!v.seen[i])
            visit(&v, i);
    return true;
}

/* ---- steps ------------------------------------------------------------------------------------
 */

/* Walks a route from a state on; its ends are joined into its summary. */
static void walk(struct flow *f, struct flow_route *r, const struct flow_state *from)
{
    f->now = r;
    f->at = *from;
    f->breaks = NULL;
    f->loops = 0;
    f->killer = NULL;
    flow_body(f);
}

/* One round is enough unless routes call one another in a circle. */
static bool once_more(struct flow *f, unsigned round)
{
    bool more = round == 0 || (f->circles && f->changed && round < MAX_ROUNDS);
    f->changed = false;
    return more;
}

static void summaries(struct flow *f)
{
    struct flow_state same = {.live = true};
    memset(same.may[1], 0xff, sizeof same.may[1]);
    for (unsigned round = 0; once_more(f, round); round++)
        for (unsigned i = 0; i < f->n; i++)
            walk(f, f->order[i], &same);
}

/* What holds where a message enters a top-level block. */
static struct flow_state beginning(const struct flow *f, const struct route_def *r)
{
    unsigned facts = FACT_FRESH | FACT_UNSENT | FACT_APART;
    struct flow_state s = {.live = true};
    bool request = r->kind == ROUTE_REQUEST;
    if (request)
        facts |= FACT_SILENT;
    if (r->kind == ROUTE_FAILURE || r->kind == ROUTE_ONREPLY)
        facts |= FACT_NO_BRANCH;
    memcpy(s.may, f->given.may, sizeof s.may);
    for (unsigned k = 0; k < 2; k++) {
        s.may[k][0] = (s.may[k][0] & ~(((uint64_t)1 << FLOW_FIRST_VAR) - 1)) | facts;
        for (unsigned i = 0; !request && i < FLOW_WORDS; i++)
            s.may[k][i] &=
                ~(i ? f->written[i] : f->written[0] & ~(((uint64_t)1 << FLOW_FIRST_VAR) - 1));
    }
    return s;
}

static void entries(struct flow *f)
{
    memset(f->given.may, 0xff, sizeof f->given.may);
    flow_given(f, &f->given);
    for (unsigned i = 0; i < f->n; i++)
        if (flow_is_top(f->routes[i].def))
            f->routes[i].entry = beginning(f, f->routes[i].def);
    for (unsigned round = 0; once_more(f, round); round++)
        for (unsigned i = f->n; i-- > 0;)
            if (f->order[i]->entry.live) {
                struct flow_state entry = f->order[i]->entry;
                walk(f, f->order[i], &entry);
            }
}

void flow_check(struct checker *c)
{
    struct flow f = {.c = c, .diag = c->diag, .n = c->script->n_routes};
    if (!f.n || !prepare(&f))
        return;
    summaries(&f);
    for (unsigned i = 0; i < f.n; i++)
        f.routes[i].done = true;
    entries(&f);
    f.speak = true;
    for (struct route_def *r = c->script->routes; r; r = r->next)
        if (f.routes[r->index].entry.live)
            walk(&f, &f.routes[r->index], &f.routes[r->index].entry);
    flow_routes(&f);
    flow_shapes(&f);
}
