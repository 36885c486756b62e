/* Checks a script: the order of things, and statements. */
/* SPDX-License-Identifier: MIT */
#include "lang/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/err.h"
#include "lang/ast_build.h"
#include "lang/flow.h"

/* ---- helpers of all check files ---------------------------------------------------------------
 */

void check_error(struct checker *c, struct loc at, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_add(c->diag, DIAG_ERROR, NULL, at, "%s", text);
}

void *check_alloc(struct checker *c, size_t n)
{
    void *p = arena_zalloc(&c->script->arena, n ? n : 1);
    c->no_memory |= !p;
    return p;
}

struct str check_keep(struct checker *c, struct str s)
{
    struct str copy = arena_dup(&c->program->arena, s);
    c->no_memory |= !copy.p;
    return copy;
}

struct prepare check_begin(struct checker *c)
{
    return prepare_begin(c->env, &c->error, &c->hint);
}

/* Where in the script byte `at` of the node's text stands. */
static struct loc place_inside(const struct checker *c, const struct node *n, size_t at)
{
    struct loc l = n->loc;
    if ((n->kind != NODE_STRING && n->kind != NODE_VARIABLE) || diag_full(c->diag))
        return l;
    if (n->kind == NODE_STRING)
        l = source_inside(c->diag, l, at);
    else
        l.column += (uint32_t)at;
    l.end_line = l.line;
    l.end_column = l.column + 1;
    return l;
}

bool check_prepared(struct checker *c, int rc, const struct prepare *p, const struct node *n)
{
    if (rc == ERR_OK)
        return true;
    c->no_memory |= rc == ERR_NOMEM;
    struct str text = buf_str(&c->error), hint = buf_str(&c->hint);
    if (!text.len)
        text = str_from(err_text(rc));
    if (c->n_failed && !hint.len && str_starts(text, STR("unknown variable")))
        return false; /* it may belong to the module that could not be loaded */
    check_error(c, p->at ? place_inside(c, n, p->at) : n->loc, "%.*s", STR_ARG(text));
    if (hint.len)
        diag_hint(c->diag, "%.*s", STR_ARG(hint));
    return false;
}

bool check_variable(struct checker *c, struct node *n)
{
    if (n->broken)
        return false;
    struct prepare p = check_begin(c);
    int rc = prepare_pv(&p, n->variable.text, &n->variable.ref);
    return check_prepared(c, rc, &p, n);
}

/* ---- statements -------------------------------------------------------------------------------
 */

static void check_return(struct checker *c, struct node *n)
{
    if (!n->broken && n->ret.value && n->ret.value->kind == NODE_VARIABLE)
        check_variable(c, n->ret.value);
}

/* An if and its else-ifs, which nest without end. */
static void check_if(struct checker *c, struct node *n)
{
    for (; n && n->kind == NODE_IF; n = n->branch.otherwise) {
        check_condition(c, n->branch.cond);
        check_statement(c, n->branch.then);
    }
    if (n)
        check_statement(c, n);
}

static void check_while(struct checker *c, struct node *n)
{
    check_condition(c, n->loop.cond);
    c->loops++;
    check_statement(c, n->loop.body);
    c->loops--;
}

static void check_label(struct checker *c, const struct node *label)
{
    if (label->broken || label->kind == NODE_NUMBER || label->kind == NODE_STRING)
        return;
    check_error(c, label->loc, "the label of a case must be a number or a string");
    if (label->kind == NODE_WORD)
        diag_hint(c->diag, "put it in quotes: case \"%.*s\":", STR_ARG(label->text));
}

/* default stands last, and not alone. */
static void check_default(struct checker *c, const struct node *cases, const struct node *n)
{
    bool first = true;
    for (const struct node *i = cases; i != n; i = i->next)
        first &= i->entry.label == NULL;
    if (first || n->next) {
        struct loc at = n->loc;
        at.end_line = at.line;
        at.end_column = at.column + (uint32_t)strlen("default");
        dialect_ok(c->diag, DIALECT_DEFAULT_FIRST, at);
    }
}

static void check_switch(struct checker *c, struct node *n)
{
    struct node *subject = n->choice.subject;
    if (subject->kind == NODE_VARIABLE)
        check_variable(c, subject);
    else if (!subject->broken)
        check_error(c, subject->loc, "switch takes a variable: switch ($var(x))");
    if (!n->choice.cases && !n->broken)
        check_error(c, n->loc, "this switch has no case");
    c->loops++;
    for (struct node *i = n->choice.cases; i; i = i->next) {
        if (i->kind != NODE_CASE)
            continue;
        if (i->entry.label)
            check_label(c, i->entry.label);
        else
            check_default(c, n->choice.cases, i);
        check_statements(c, i->entry.first);
    }
    c->loops--;
}

void check_statement(struct checker *c, struct node *n)
{
    switch (n->kind) {
    case NODE_BLOCK:
        check_statements(c, n->block.first);
        break;
    case NODE_IF:
        check_if(c, n);
        break;
    case NODE_WHILE:
        check_while(c, n);
        break;
    case NODE_SWITCH:
        check_switch(c, n);
        break;
    case NODE_BREAK:
        if (!c->loops)
            check_error(c, n->loc, "'break' can stand in a switch or a while loop only");
        break;
    case NODE_CALL:
        check_call(c, n);
        break;
    case NODE_ROUTE:
        check_route_call(c, n);
        break;
    case NODE_ASSIGN:
        check_assign(c, n);
        break;
    case NODE_RETURN:
        check_return(c, n);
        break;
    default: /* exit, drop, empty, or a piece of a broken one */
        break;
    }
}

void check_statements(struct checker *c, struct node *first)
{
    for (struct node *n = first; n; n = n->next)
        check_statement(c, n);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

int check_script(struct script *s, struct program *p, struct prepare_env *env)
{
    struct checker c = {.script = s, .program = p, .diag = s->diag, .env = env};
    c.catalog = p->catalog;
    buf_fixed(&c.error, c.error_text, sizeof c.error_text);
    buf_fixed(&c.hint, c.hint_text, sizeof c.hint_text);
    c.load_loc = check_alloc(&c, c.catalog->count * sizeof *c.load_loc);
    if (!c.load_loc)
        return ERR_NOMEM;
    check_global(&c);
    check_route_names(&c);
    for (c.route = s->routes; c.route; c.route = c.route->next) {
        c.loops = 0;
        check_statement(&c, c.route->body);
    }
    check_graph(&c);
    if (s->diag->errors == 0 && !c.no_memory)
        check_recursion(&c);
    if (s->diag->warn && s->diag->errors == 0 && !c.no_memory)
        flow_check(&c);
    if (s->diag->warn)
        warning_silence(s->diag);
    return c.no_memory ? ERR_NOMEM : ERR_OK;
}
