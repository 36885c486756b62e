/* Builds the global section and the route blocks. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/ast_build.h"

/* Adds an item behind the ones there are; NULL without memory. */
static struct item *new_item(struct parse *p, struct loc at, enum item_kind kind)
{
    struct item *i = arena_zalloc(&p->script->arena, sizeof *i);
    if (!i) {
        p->no_memory = true;
        return NULL;
    }
    i->kind = kind;
    i->loc = i->name_loc = at;
    *p->items_end = i;
    p->items_end = &i->next;
    return i;
}

struct lexeme ast_lost(struct parse *p)
{
    p->lost = true;
    return (struct lexeme){STR_NONE, p->at_item};
}

void ast_setting(struct parse *p, struct loc at, struct lexeme name, struct loc name_at,
                 struct node *value)
{
    struct item *i = new_item(p, at, ITEM_SETTING);
    if (!i)
        return;
    i->name = name.text;
    i->name_loc = name_at;
    i->value = value;
}

void ast_listen(struct parse *p, struct loc at, struct lexeme which, struct node_list hosts)
{
    struct item *i = new_item(p, at, (enum item_kind)which.value);
    if (i)
        i->value = hosts.first;
}

void ast_module(struct parse *p, struct loc at, enum item_kind kind, struct lexeme text,
                struct loc text_at)
{
    struct item *i = new_item(p, at, kind);
    if (!i)
        return;
    i->name = text.text;
    i->name_loc = text_at;
}

/* Reports the first of the three arguments that has the wrong shape. */
static bool modparam_ok(struct parse *p, struct loc at, struct node_list args)
{
    const struct node *mods = args.first, *name = mods ? mods->next : NULL;
    const struct node *value = name ? name->next : NULL;
    struct diag *d = p->script->diag;
    for (const struct node *a = mods; a; a = a->next)
        if (a->broken)
            return false;
    if (!value || value->next) {
        diag_add(d, DIAG_ERROR, NULL, at, "modparam takes a module, a parameter and a value");
    } else if (mods->kind != NODE_STRING || name->kind != NODE_STRING) {
        diag_add(d, DIAG_ERROR, NULL, mods->kind != NODE_STRING ? mods->loc : name->loc,
                 "the names of module and parameter must be strings");
    } else if (value->kind != NODE_STRING && value->kind != NODE_NUMBER) {
        diag_add(d, DIAG_ERROR, NULL, value->loc,
                 "the value of a parameter must be a string or a number");
    } else {
        return true;
    }
    return false;
}

void ast_modparam(struct parse *p, struct loc at, struct node_list args)
{
    struct item *i = modparam_ok(p, at, args) ? new_item(p, at, ITEM_MODPARAM) : NULL;
    if (!i)
        return;
    const struct node *name = args.first->next;
    i->modules = args.first->text;
    i->modules_loc = args.first->loc;
    i->name = name->text;
    i->name_loc = name->loc;
    i->value = name->next;
}

/* ---- blacklists -------------------------------------------------------------------------------
 */

struct blacklist_rule *ast_rule(struct parse *p, struct loc at, bool negated, struct lexeme proto,
                                struct node *net, struct lexeme port, struct lexeme pattern)
{
    struct blacklist_rule *r = arena_zalloc(&p->script->arena, sizeof *r);
    if (!r) {
        p->no_memory = true;
        return NULL;
    }
    *r = (struct blacklist_rule){.loc = at, .negated = negated, .pattern = pattern.text};
    r->proto = (uint8_t)proto.value;
    r->port = (uint16_t)port.value;
    if (net->kind == NODE_NET) {
        r->net = net->net.ip;
        r->bits = net->net.bits;
    } else if (!net->broken) {
        diag_add(p->script->diag, DIAG_ERROR, NULL, net->loc,
                 "an address or network was expected here");
    }
    if (port.value < 0 || port.value > 65535)
        diag_add(p->script->diag, DIAG_ERROR, NULL, at, "a port is a number from 0 to 65535");
    return r;
}

struct blacklist_rule *ast_rules(struct blacklist_rule *before, struct blacklist_rule *r)
{
    if (!r)
        return before; /* a broken one */
    r->next = before;
    return r;
}

void ast_blacklist(struct parse *p, struct loc at, struct lexeme name, struct blacklist_rule *rules)
{
    struct item *i = new_item(p, at, ITEM_BLACKLIST);
    if (!i)
        return;
    i->name = name.text;
    while (rules) {
        struct blacklist_rule *next = rules->next;
        rules->next = i->rules;
        i->rules = rules;
        rules = next;
    }
}

/* ---- TLS domains ------------------------------------------------------------------------------
 */

void ast_tls_begin(struct parse *p, struct loc at, struct lexeme which, struct node *name)
{
    struct item *i = new_item(p, at, ITEM_TLS_DOMAIN);
    if (!i)
        return;
    i->name = which.text;
    i->server = which.value;
    i->value = name;
    p->items_end = &i->inner;
    p->tls_next = &i->next;
}

void ast_tls_end(struct parse *p)
{
    if (p->tls_next)
        p->items_end = p->tls_next;
    p->tls_next = NULL;
}

/* ---- route blocks -----------------------------------------------------------------------------
 */

void ast_route(struct parse *p, struct loc at, struct lexeme kind, const struct lexeme *name,
               struct node *body)
{
    struct script *s = p->script;
    struct route_def *r = arena_zalloc(&s->arena, sizeof *r);
    if (!r) {
        p->no_memory = true;
        return;
    }
    uint64_t number;
    r->kind = (enum route_kind)kind.value;
    r->named = name != NULL;
    r->name = name ? ast_route_text(p, name->text) : STR("0");
    r->broken = name && !name->text.len;
    r->numeric = str_u64(&number, r->name, UINT32_MAX) == ERR_OK;
    r->loc = at;
    r->body = body;
    r->end = body->loc;
    r->end.line = r->end.end_line;
    r->end.column = r->end.end_column - (r->end.end_column > 1);
    r->index = (int)s->n_routes++;
    *s->routes_end = r;
    s->routes_end = &r->next;
    if (!body->broken && !body->block.first && !p->quiet)
        dialect_ok(s->diag, DIALECT_ROUTE_EMPTY, at);
}
