/* Checks the names of route blocks, and the calls of them. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/ast_build.h"
#include "lang/check.h"

enum { MAX_NUMBER = 39 };

const char *check_route_keyword(enum route_kind k)
{
    switch (k) {
#define X(id, keyword, letter, bit)                                                                \
    case ROUTE_##id:                                                                               \
        return keyword;
        ROUTE_KIND_LIST(X)
#undef X
    default:
        return "";
    }
}

struct str check_route_title(struct checker *c, const struct route_def *r)
{
    const char *keyword = check_route_keyword(r->kind);
    if (!r->named || str_eq(r->name, STR("0")))
        return str_from(keyword);
    return arena_printf(&c->script->arena, "%s[%.*s]", keyword, STR_ARG(r->name));
}

struct route_def *check_find_route(const struct checker *c, enum route_kind kind, struct str name)
{
    uint64_t number;
    bool numeric = str_u64(&number, name, UINT32_MAX) == ERR_OK;
    for (struct route_def *r = c->script->routes; r; r = r->next) {
        uint64_t n;
        if (r->kind != kind || r->numeric != numeric)
            continue;
        if (numeric ? str_u64(&n, r->name, UINT32_MAX) == ERR_OK && n == number
                    : str_eq(r->name, name))
            return r;
    }
    return NULL;
}

/* Names and numbers that each kind of block can have. */
static void check_name(struct checker *c, const struct route_def *r)
{
    const char *keyword = check_route_keyword(r->kind);
    bool plain = r->kind == ROUTE_ERROR || r->kind == ROUTE_LOCAL;
    bool needs = r->kind == ROUTE_FAILURE || r->kind == ROUTE_BRANCH;
    uint64_t number = 0;
    if (plain && r->named) {
        check_error(c, r->loc, "%s has no number: there can be one only", keyword);
        return;
    }
    if (needs && !r->named) {
        check_error(c, r->loc, "%s needs a number or a name: %s[1]", keyword, keyword);
        return;
    }
    if (!r->named)
        return;
    if (!r->numeric) {
        dialect_ok(c->diag, DIALECT_ROUTE_NAMED, r->loc);
        return;
    }
    unsigned least = r->kind == ROUTE_REQUEST ? 0 : 1;
    if (str_u64(&number, r->name, MAX_NUMBER) != ERR_OK || number < least)
        check_error(c, r->loc, "invalid routing table number %.*s: %s has numbers from %u to %d",
                    STR_ARG(r->name), keyword, least, MAX_NUMBER);
}

void check_route_names(struct checker *c)
{
    for (struct route_def *r = c->script->routes; r; r = r->next) {
        struct route_def *first = check_find_route(c, r->kind, r->name);
        check_name(c, r);
        if (first && first != r) {
            struct str title = check_route_title(c, r);
            check_error(c, r->loc, "%.*s is defined already, in line %u", STR_ARG(title),
                        first->loc.line);
        }
    }
}

static void hint_route(struct checker *c, struct str name)
{
    struct nearest near = nearest_to(name);
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
