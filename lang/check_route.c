/* Checks the names of route blocks, and the calls of them. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "lang/ast_build.h"
#include "lang/check.h"

enum { MAX_NUMBER = 39 };

struct str check_route_title(struct checker *c, const struct route_def *r)
{
    const char *keyword = route_keyword(r->kind);
    if (!r->named || str_eq(r->name, STR("0")))
        return str_from(keyword);
    return arena_printf(&c->script->arena, "%s[%.*s]", keyword, STR_ARG(r->name));
}

/* By kind, name and place. */
static int by_name(const void *a, const void *b)
{
    const struct route_def *x = *(struct route_def *const *)a;
    const struct route_def *y = *(struct route_def *const *)b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = str_cmp(x->name, y->name);
    return order ? order : x->index - y->index;
}

static bool sort_routes(struct checker *c)
{
    unsigned n = 0;
    c->sorted = check_alloc(c, c->script->n_routes * sizeof *c->sorted);
    for (struct route_def *r = c->sorted ? c->script->routes : NULL; r; r = r->next)
        c->sorted[n++] = r;
    if (n)
        qsort(c->sorted, n, sizeof *c->sorted, by_name);
    return c->sorted != NULL;
}

/* The one route whose name differs in the case of letters only; NULL for none or several. */
static struct route_def *any_case(const struct checker *c, enum route_kind kind, struct str name)
{
    struct route_def *only = NULL;
    for (struct route_def *r = c->script->routes; r; r = r->next) {
        if (r->kind != kind || !str_ieq(r->name, name))
            continue;
        if (only)
            return NULL;
        only = r;
    }
    return only;
}

struct route_def *check_find_route(const struct checker *c, enum route_kind kind, struct str name)
{
    char digits[16];
    uint64_t number;
    if (str_u64(&number, name, UINT32_MAX) == ERR_OK)
        name = str_make(digits, (size_t)snprintf(digits, sizeof digits, "%u", (unsigned)number));
    unsigned low = 0, high = c->script->n_routes;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        const struct route_def *r = c->sorted[middle];
        bool before = r->kind != kind ? r->kind < kind : str_cmp(r->name, name) < 0;
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    struct route_def *r = low < c->script->n_routes ? c->sorted[low] : NULL;
    return r && r->kind == kind && str_eq(r->name, name) ? r : any_case(c, kind, name);
}

/* Names and numbers that each kind of block can have. */
static bool check_name(struct checker *c, const struct route_def *r)
{
    const char *keyword = route_keyword(r->kind);
    bool plain = r->kind == ROUTE_ERROR || r->kind == ROUTE_LOCAL;
    bool needs = r->kind == ROUTE_FAILURE || r->kind == ROUTE_BRANCH;
    uint64_t number = 0;
    if (plain && r->named) {
        check_error(c, r->loc, "%s has no number: there can be one only", keyword);
        return false;
    }
    if (needs && !r->named) {
        check_error(c, r->loc, "%s needs a number or a name: %s[1]", keyword, keyword);
        return false;
    }
    if (!r->named || !r->numeric)
        return !r->named || dialect_ok(c->diag, DIALECT_ROUTE_NAMED, r->loc);
    unsigned least = r->kind == ROUTE_REQUEST ? 0 : 1;
    bool good = str_u64(&number, r->name, MAX_NUMBER) == ERR_OK && number >= least;
    if (!good)
        check_error(c, r->loc, "invalid routing table number %.*s: %s has numbers from %u to %d",
                    STR_ARG(r->name), keyword, least, MAX_NUMBER);
    return good;
}

void check_route_names(struct checker *c)
{
    if (!sort_routes(c))
        return;
    for (struct route_def *r = c->script->routes; r; r = r->next) {
        struct route_def *first = check_find_route(c, r->kind, r->name);
        if (!r->broken && check_name(c, r) && first && first != r) {
            struct str title = check_route_title(c, r);
            check_error(c, r->loc, "%.*s is defined already, in line %u", STR_ARG(title),
                        first->loc.line);
        }
    }
}

static void hint_route(struct checker *c, struct str name)
{
    struct nearest near = nearest_to(name);
    if (diag_full(c->diag))
        return;
    for (const struct route_def *r = c->script->routes; r; r = r->next)
        if (r->kind == ROUTE_REQUEST && !r->numeric)
            nearest_offer(&near, r->name);
    if (nearest_found(&near).len)
        diag_hint(c->diag, "did you mean route(%.*s)?", STR_ARG(nearest_found(&near)));
}

void check_route_call(struct checker *c, struct node *n)
{
    if (n->broken)
        return;
    struct route_def *target = check_find_route(c, ROUTE_REQUEST, n->route.name);
    n->route.target = target;
    if (!target) {
        if (c->script->lost)
            return;
        check_error(c, n->loc, "there is no route[%.*s]", STR_ARG(n->route.name));
        hint_route(c, n->route.name);
        return;
    }
    struct route_edge *e = check_alloc(c, sizeof *e);
    if (!e)
        return;
    *e = (struct route_edge){c->edges, c->route, target, n->loc};
    c->edges = e;
}
