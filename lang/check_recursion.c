/* Recursion without end: routes that call themselves, or one another in a circle, on every path.
 * Such a call never comes back, so it is an error. Recursion that some path leaves is allowed.
 *
 * Of each route two things are asked: may control come back to its caller, and may the script end
 * in it. Both begin as no, and spread from the routes that need no other to their callers; a route
 * for which both stay no has no way out. */
/* SPDX-License-Identifier: MIT */
#include "lang/check.h"

/* What is known of a route. */
struct way {
    struct route_def *def;
    bool returns, ends;
    bool waiting;                  /* in the queue */
    const struct route_edge *call; /* its first call of a route without a way out */
    unsigned seen;                 /* number of the walk that came by; 0: none */
};

struct ways {
    struct checker *c;
    struct way *way; /* by index of the route */
    unsigned n;
    const struct route_edge **into; /* calls sorted by the route they call */
    unsigned *into_at;              /* by route: where they begin; n + 1 of them */
    unsigned *queue;                /* a ring of routes to look at, n + 1 places */
    unsigned head, tail;
    struct way *now; /* whose body is looked at */
    bool breaks;     /* a break of the loop or switch around was met */
};

/* ---- what a body lets through -----------------------------------------------------------------
 * Each function tells whether control may come out behind the node.
 */

static bool statement(struct ways *w, const struct node *n);

static bool statements(struct ways *w, const struct node *n)
{
    for (; n; n = n->next)
        if (!statement(w, n))
            return false;
    return true;
}

/* A condition or a value: what is in it and always evaluated. */
static bool expression(struct ways *w, const struct node *n)
{
    switch (n->kind) {
    case NODE_CHAIN: /* later parts may be skipped */
        if (!expression(w, n->chain.first))
            return false;
        for (const struct node *part = n->chain.first->next; part; part = part->next)
            expression(w, part);
        return true;
    case NODE_NOT:
    case NODE_TEST:
    case NODE_COMPLEMENT:
        return expression(w, n->inner);
    case NODE_COMPARE:
    case NODE_ARITH:
        return expression(w, n->binary.left) && expression(w, n->binary.right);
    default:
        return statement(w, n);
    }
}

/* An if with its else-ifs. */
static bool branches(struct ways *w, const struct node *n)
{
    bool passes = false;
    for (; n && n->kind == NODE_IF; n = n->branch.otherwise) {
        const struct node *cond = n->branch.cond;
        bool constant = cond->kind == NODE_NUMBER;
        if (!expression(w, cond))
            return passes;
        if (!constant || cond->number.value)
            passes |= statement(w, n->branch.then);
        if (constant && cond->number.value)
            return passes;
    }
    return (n ? statement(w, n) : true) || passes;
}

/* A loop ends when its condition is false, at a break, or when it had its rounds. */
static bool loop(struct ways *w, const struct node *n)
{
    bool outer = w->breaks, passes = expression(w, n->loop.cond);
    w->breaks = false;
    if (passes) {
        bool through = statement(w, n->loop.body), left = w->breaks;
        if (n->loop.cond->kind == NODE_NUMBER && n->loop.cond->number.value)
            passes = through || left;
    }
    w->breaks = outer;
    return passes;
}

static bool choice(struct ways *w, const struct node *n)
{
    bool outer = w->breaks, passes = false, has_default = false;
    w->breaks = false;
    for (const struct node *i = n->choice.cases; i; i = i->next) {
        has_default |= !i->entry.label;
        passes |= statements(w, i->entry.first);
    }
    passes |= w->breaks || !has_default;
    w->breaks = outer;
    return passes;
}

static bool statement(struct ways *w, const struct node *n)
{
    switch (n->kind) {
    case NODE_BLOCK:
        return statements(w, n->block.first);
    case NODE_IF:
        return branches(w, n);
    case NODE_WHILE:
        return loop(w, n);
    case NODE_SWITCH:
        return choice(w, n);
    case NODE_ASSIGN:
        return expression(w, n->assign.value);
    case NODE_CALL:
        w->now->ends |= n->call.fn && n->call.fn->flags & FN_MAY_STOP;
        return true;
    case NODE_ROUTE: {
        const struct way *to = &w->way[n->route.target->index];
        w->now->ends |= to->ends;
        return to->returns;
    }
    case NODE_BREAK:
        w->breaks = true;
        return false;
    case NODE_EXIT:
    case NODE_DROP:
        w->now->ends = true;
        return false;
    case NODE_RETURN:
        w->now->returns = true;
        return false;
    default:
        return true;
    }
}

/* ---- all routes -------------------------------------------------------------------------------
 */

static void enqueue(struct ways *w, unsigned route)
{
    struct way *r = &w->way[route];
    if (r->waiting || (r->returns && r->ends))
        return;
    r->waiting = true;
    w->queue[w->tail] = route;
    w->tail = (w->tail + 1) % (w->n + 1);
}

/* Looks at routes until nothing new is found; what is found of one is news to its callers. */
static void spread(struct ways *w)
{
    for (unsigned i = w->n; i-- > 0;)
        enqueue(w, i);
    while (w->head != w->tail) {
        unsigned at = w->queue[w->head];
        w->head = (w->head + 1) % (w->n + 1);
        struct way *r = w->now = &w->way[at], before = *r;
        r->waiting = false;
        r->returns |= statement(w, r->def->body);
        if (r->returns == before.returns && r->ends == before.ends)
            continue;
        for (unsigned i = w->into_at[at]; i < w->into_at[at + 1]; i++)
            enqueue(w, (unsigned)w->into[i]->from->index);
    }
}

static bool prepare(struct ways *w, struct checker *c)
{
    unsigned edges = 0;
    for (const struct route_edge *e = c->edges; e; e = e->next)
        edges++;
    *w = (struct ways){.c = c, .n = c->script->n_routes};
    w->way = check_alloc(c, w->n * sizeof *w->way);
    w->into = check_alloc(c, edges * sizeof *w->into);
    w->into_at = check_alloc(c, (w->n + 2) * sizeof *w->into_at);
    w->queue = check_alloc(c, (w->n + 1) * sizeof *w->queue);
    if (c->no_memory)
        return false;
    for (struct route_def *r = c->script->routes; r; r = r->next)
        w->way[r->index].def = r;
    /* Counted two places ahead, so that filling leaves the beginnings where they belong. */
    for (const struct route_edge *e = c->edges; e; e = e->next)
        w->into_at[e->to->index + 2]++;
    for (unsigned i = 0; i <= w->n; i++)
        w->into_at[i + 1] += w->into_at[i];
    for (const struct route_edge *e = c->edges; e; e = e->next)
        w->into[w->into_at[e->to->index + 1]++] = e;
    return true;
}

/* ---- what to say ------------------------------------------------------------------------------
 */

enum { MAX_CHAIN = 12 };

static bool endless(const struct way *r)
{
    return !r->returns && !r->ends;
}

/* The circle that begins and ends at r. */
static void report(struct ways *w, struct way *r)
{
    char text[400];
    struct buf b;
    unsigned n = 0;
    buf_fixed(&b, text, sizeof text);
    const struct way *at = r;
    do {
        struct str from = check_route_title(w->c, at->def);
        struct str to = check_route_title(w->c, at->call->to);
        buf_add(&b, n ? STR(", that") : from);
        buf_printf(&b, " calls %.*s in line %u", STR_ARG(to), at->call->loc.line);
        at = &w->way[at->call->to->index];
    } while (at != r && ++n < MAX_CHAIN);
    check_error(w->c, r->call->loc, "recursion without end: %.*s, on every path",
                STR_ARG(buf_str(&b)));
    diag_hint(w->c->diag, "some path has to leave it without the call");
}

/* Each route without a way out calls another one: the first such calls lead into circles. */
static void find_circles(struct ways *w)
{
    for (const struct route_edge *e = w->c->edges; e; e = e->next) /* newest first */
        if (endless(&w->way[e->from->index]) && endless(&w->way[e->to->index]))
            w->way[e->from->index].call = e;
    unsigned walk = 0;
    for (struct route_def *def = w->c->script->routes; def; def = def->next) {
        struct way *r = &w->way[def->index];
        walk++;
        while (endless(r) && r->call && !r->seen) {
            r->seen = walk;
            r = &w->way[r->call->to->index];
        }
        if (endless(r) && r->call && r->seen == walk)
            report(w, r);
    }
}

void check_recursion(struct checker *c)
{
    struct ways w;
    if (!c->edges || !prepare(&w, c))
        return;
    spread(&w);
    find_circles(&w);
}
