/* What can be seen in the shape of a script without following it: conditions, switches, spellings.
 * Walks every route once. */
/* SPDX-License-Identifier: MIT */
#include "lang/ast_build.h"
#include "lang/flow.h"

static void statement(struct flow *f, const struct node *n);

/* ---- texts that look like formats -------------------------------------------------------------
 */

static bool starts_variable(struct str s, size_t at)
{
    char next = at + 1 < s.len ? s.p[at + 1] : 0;
    return s.p[at] == '$' && (ascii_alpha(next) || next == '(');
}

void flow_literal(struct flow *f, const struct node *text, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '$' && i + 1 < s.len && s.p[i + 1] == '$') {
            i++;
            continue;
        }
        if (!starts_variable(s, i))
            continue;
        const struct pv_ref *v = NULL;
        size_t used = 0;
        struct prepare p = check_begin(f->c);
        if (prepare_pv_at(&p, str_sub(s, i, s.len), &used, &v) != 0 || v->spec == NULL)
            continue;
        flow_warn(f, WARN_LITERAL, text->loc,
                  "%.*s stays as it is written: variables are not expanded in this text",
                  STR_ARG(v->text));
        diag_hint(f->diag, "join texts with + or use pv_printf()");
        return;
    }
}

/* ---- calls ------------------------------------------------------------------------------------
 */

static void call(struct flow *f, const struct node *n)
{
    const struct fn_spec *fn = n->call.fn;
    unsigned i = 0;
    if (!fn)
        return;
    if (fn->flags & FN_OLD) {
        flow_warn(f, WARN_OLD, n->loc, "%s() is an old spelling", fn->name);
        diag_hint(f->diag, "%s", fn->doc);
    }
    for (const struct node *a = n->call.args; a; a = a->next, i++)
        if (a->kind == NODE_STRING && n->call.ready[i].kind == ARG_STR && fn->flags & FN_TARGET)
            flow_literal(f, a, a->text);
}

/* ---- values -----------------------------------------------------------------------------------
 */

static void value(struct flow *f, const struct node *n)
{
    switch (n->kind) {
    case NODE_ARITH:
        flow_arith(f, n);
        value(f, n->binary.left);
        value(f, n->binary.right);
        break;
    case NODE_COMPLEMENT:
        value(f, n->inner);
        break;
    case NODE_COMPARE:
        flow_compare(f, n);
        break;
    case NODE_CALL:
        call(f, n);
        break;
    default:
        break;
    }
}

/* $avp(x) = $avp(x) + 1 in a loop: each turn leaves a value behind. */
static void stacks(struct flow *f, const struct node *n)
{
    const struct node *v = n->assign.value, *target = n->assign.target;
    if (!f->loops || n->op != AST_SET || !pv_ref_is_avp(target->variable.ref))
        return;
    while (v->kind == NODE_ARITH)
        v = v->binary.left;
    if (!n->assign.compound &&
        (v->kind != NODE_VARIABLE || !str_eq(v->variable.text, target->variable.text)))
        return;
    flow_warn(f, WARN_STACKS, n->loc,
              "= puts a value on top of %.*s in each turn of the loop, the old ones stay below",
              STR_ARG(target->variable.text));
    diag_hint(f->diag, "use := which replaces them, or a $var");
}

static void assign(struct flow *f, const struct node *n)
{
    const struct node *v = n->assign.value;
    if (!n->assign.target->variable.ref)
        return;
    if (n->assign.compound) {
        struct str name = n->assign.target->variable.text;
        flow_warn(f, WARN_COMPOUND, n->loc,
                  "the reference takes %s= as =, signalbox computes (deviation 1)",
                  ast_op_text((enum ast_op)n->assign.compound));
        diag_hint(f->diag, "for both write %.*s = %.*s %s ...", STR_ARG(name), STR_ARG(name),
                  ast_op_text((enum ast_op)n->assign.compound));
    }
    stacks(f, n);
    if (v->kind == NODE_STRING)
        flow_literal(f, v, v->text);
    value(f, v);
}

/* ---- conditions -------------------------------------------------------------------------------
 */

static void condition(struct flow *f, const struct node *n);

/* use_blacklist() and others whose result says nothing. */
static void result_used(struct flow *f, const struct node *n)
{
    if (n->call.fn && str_eq(n->call.name, STR("use_blacklist")))
        flow_warn(f, WARN_REPAIRED, n->loc,
                  "in the reference use_blacklist() is false also when it worked (deviation 7)");
}

static void test_of(struct flow *f, const struct node *n)
{
    switch (n->kind) {
    case NODE_CHAIN:
        flow_chain(f, n);
        for (const struct node *part = n->chain.first; part; part = part->next)
            condition(f, part);
        break;
    case NODE_NOT:
        condition(f, n->inner);
        break;
    case NODE_TEST:
        value(f, n->inner);
        break;
    case NODE_COMPARE:
        flow_compare(f, n);
        break;
    default:
        statement(f, n);
    }
}

static void condition(struct flow *f, const struct node *n)
{
    if (n->kind == NODE_ASSIGN) {
        flow_warn(f, WARN_ASSIGN_TEST, n->loc,
                  "this assigns and is true whatever was in %.*s: a comparison has ==",
                  STR_ARG(n->assign.target->variable.text));
        diag_hint(f->diag, "write == or put the assignment before the condition");
    }
    if (n->kind == NODE_CALL)
        result_used(f, n);
    test_of(f, n);
}

/* ---- switches ---------------------------------------------------------------------------------
 */

static bool same_label(const struct node *a, const struct node *b)
{
    if (!a || !b || a->kind != b->kind)
        return false;
    return a->kind == NODE_NUMBER ? a->number.value == b->number.value : str_ieq(a->text, b->text);
}

enum { MAX_LABELS = 64 }; /* as many are held against each other */

static void labels(struct flow *f, const struct node *n)
{
    unsigned seen = 0;
    for (const struct node *i = n->choice.cases; i && seen < MAX_LABELS; i = i->next, seen++)
        for (const struct node *before = n->choice.cases; before != i; before = before->next)
            if (same_label(before->entry.label, i->entry.label)) {
                flow_warn(f, WARN_SAME_CASE, i->entry.label->loc,
                          "this label stands in line %u already, which is the one taken",
                          before->entry.label->loc.line);
                break;
            }
}

static bool leaves(const struct node *n)
{
    const struct node *last = n;
    while (last && last->next)
        last = last->next;
    if (!last)
        return true; /* case 1: case 2: ... is meant */
    return last->kind == NODE_BREAK || last->kind == NODE_EXIT || last->kind == NODE_DROP ||
           last->kind == NODE_RETURN || last->kind == NODE_ROUTE || last->kind == NODE_IF ||
           last->kind == NODE_SWITCH;
}

static void choice(struct flow *f, const struct node *n)
{
    labels(f, n);
    for (const struct node *i = n->choice.cases; i; i = i->next) {
        if (i->next && i->next->entry.label && !leaves(i->entry.first)) {
            flow_warn(f, WARN_FALLS_ON, i->loc,
                      "this case has no break: it runs on into the case in line %u",
                      i->next->loc.line);
            diag_hint(f->diag, "break; at its end");
        }
        for (const struct node *s = i->entry.first; s; s = s->next)
            statement(f, s);
    }
}

/* ---- loops ------------------------------------------------------------------------------------
 */

static bool leaves_loop(const struct flow *f, const struct node *n, bool inner);

static bool any_leaves(const struct flow *f, const struct node *n, bool inner)
{
    for (; n; n = n->next)
        if (leaves_loop(f, n, inner))
            return true;
    return false;
}

/* Whether something in a statement or condition may end the loop around; inner: inside of another
 * loop or a switch, to which a break belongs. */
static bool leaves_loop(const struct flow *f, const struct node *n, bool inner)
{
    switch (n->kind) {
    case NODE_BLOCK:
        return any_leaves(f, n->block.first, inner);
    case NODE_IF:
        for (; n && n->kind == NODE_IF; n = n->branch.otherwise)
            if (leaves_loop(f, n->branch.cond, inner) || leaves_loop(f, n->branch.then, inner))
                return true;
        return n && leaves_loop(f, n, inner);
    case NODE_WHILE:
        return leaves_loop(f, n->loop.cond, true) || leaves_loop(f, n->loop.body, true);
    case NODE_SWITCH:
        for (const struct node *i = n->choice.cases; i; i = i->next)
            if (any_leaves(f, i->entry.first, true))
                return true;
        return false;
    case NODE_CHAIN:
        return any_leaves(f, n->chain.first, inner);
    case NODE_NOT:
    case NODE_TEST:
        return leaves_loop(f, n->inner, inner);
    case NODE_ASSIGN:
        return leaves_loop(f, n->assign.value, inner);
    case NODE_CALL:
        return n->call.fn && n->call.fn->flags & FN_MAY_STOP;
    case NODE_ROUTE:
        return n->route.target && f->routes[n->route.target->index].ends;
    case NODE_BREAK:
        return !inner;
    default:
        return n->kind == NODE_EXIT || n->kind == NODE_DROP || n->kind == NODE_RETURN;
    }
}

static void loop(struct flow *f, const struct node *n)
{
    const struct node *cond = n->loop.cond;
    if (cond->kind == NODE_NUMBER && cond->number.value && !leaves_loop(f, n->loop.body, false)) {
        flow_warn(f, WARN_ENDLESS, n->loc,
                  "nothing ends this loop but the number of its rounds, max_while_loops");
        diag_hint(f->diag, "break in it, or a condition that becomes false");
    }
    condition(f, cond);
    f->loops++;
    statement(f, n->loop.body);
    f->loops--;
}

/* ---- statements -------------------------------------------------------------------------------
 */

static void branches(struct flow *f, const struct node *n)
{
    for (; n && n->kind == NODE_IF; n = n->branch.otherwise) {
        condition(f, n->branch.cond);
        statement(f, n->branch.then);
    }
    if (n)
        statement(f, n);
}

static void statement(struct flow *f, const struct node *n)
{
    switch (n->kind) {
    case NODE_BLOCK:
        for (const struct node *s = n->block.first; s; s = s->next)
            statement(f, s);
        break;
    case NODE_IF:
        branches(f, n);
        break;
    case NODE_WHILE:
        loop(f, n);
        break;
    case NODE_SWITCH:
        choice(f, n);
        break;
    case NODE_CALL:
        call(f, n);
        break;
    case NODE_ASSIGN:
        assign(f, n);
        break;
    default:
        break;
    }
}

void flow_shapes(struct flow *f)
{
    f->loops = 0;
    for (struct route_def *r = f->c->script->routes; r; r = r->next)
        statement(f, r->body);
}
