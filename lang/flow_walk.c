/* Data flow through statements and conditions. */
/* SPDX-License-Identifier: MIT */
#include "lang/flow.h"

/* ---- statements -------------------------------------------------------------------------------
 */

/* What people write behind an end for safety's sake. */
static bool is_harmless(const struct node *n)
{
    return n->kind == NODE_BREAK || n->kind == NODE_EXIT || n->kind == NODE_DROP ||
           n->kind == NODE_RETURN || n->kind == NODE_NOP;
}

static void dead_code(struct flow *f, const struct node *n)
{
    const struct node *k = f->killer;
    if (!f->speak || is_harmless(n) || !k)
        return;
    if (k->kind == NODE_ROUTE)
        flow_warn(f, WARN_DEAD_CODE, n->loc,
                  "this is never reached: route(%.*s) in line %u always ends the script",
                  STR_ARG(k->route.name), k->loc.line);
    else
        flow_warn(f, WARN_DEAD_CODE, n->loc, "this is never reached: '%s' in line %u comes first",
                  ast_kind_name((enum node_kind)k->kind), k->loc.line);
}

static void statements(struct flow *f, const struct node *n)
{
    for (; n; n = n->next) {
        if (!f->at.live) {
            dead_code(f, n);
            return;
        }
        flow_statement(f, n);
    }
}

static void condition(struct flow *f, const struct node *n, struct flow_state *yes,
                      struct flow_state *no);

/* if (!t_relay()) { sl_reply_error(); }: the branch for its failure. */
static const struct node *failure_branch(const struct node *n, const struct node **call)
{
    *call = n->branch.cond;
    if ((*call)->kind == NODE_CALL)
        return n->branch.otherwise;
    if ((*call)->kind != NODE_NOT || (*call)->inner->kind != NODE_CALL)
        return NULL;
    *call = (*call)->inner;
    return n->branch.then;
}

static const struct node *find_reply(const struct node *n)
{
    const struct node *i = n && n->kind == NODE_BLOCK ? n->block.first : n;
    for (; i; i = n->kind == NODE_BLOCK ? i->next : NULL)
        if (i->kind == NODE_CALL && i->call.fn && i->call.fn->flags & FN_REPLIES)
            return i;
    return NULL;
}

/* Its last argument is a number with bit 2: what fails gives a result below 0. */
static bool asks_for_result(const struct node *call)
{
    const struct node *last = call->call.args;
    while (last && last->next)
        last = last->next;
    if (!last || (last->kind != NODE_STRING && last->kind != NODE_NUMBER))
        return false;
    struct str text = last->kind == NODE_STRING ? last->text : last->number.text;
    return text.len && ascii_digit(text.p[0]) && source_number(text) & 2;
}

static void zero_ends(struct flow *f, const struct node *n)
{
    const struct node *call, *branch = failure_branch(n, &call), *reply = find_reply(branch);
    unsigned flags = call->kind == NODE_CALL && call->call.fn ? call->call.fn->flags : 0;
    if (!reply || !(flags & FN_MAY_STOP) || !(flags & (FN_RELAYS | FN_REPLIES)) ||
        f->now->def->reached != ROUTE_REQUEST || flow_may(&f->at, FACT_BEGUN) ||
        asks_for_result(call))
        return;
    flow_warn(f, WARN_ZERO_ENDS, reply->loc,
              "%s() in line %u answers by itself when it fails, and its result 0 ends the script: "
              "this hardly ever runs",
              call->call.fn->name, call->loc.line);
    if (flags & FN_RELAYS)
        diag_hint(f->diag, "leave it out, or take the answer over with %s(\"0x02\")",
                  call->call.fn->name);
}

/* An if with its else-ifs. */
static void walk_if(struct flow *f, const struct node *n)
{
    struct flow_state after = {.live = false}, yes, no;
    for (; n && n->kind == NODE_IF && f->at.live; n = n->branch.otherwise) {
        if (f->speak)
            zero_ends(f, n);
        condition(f, n->branch.cond, &yes, &no);
        f->at = yes;
        if (f->at.live)
            flow_statement(f, n->branch.then);
        flow_join(&after, &f->at);
        f->at = no;
    }
    if (n && n->kind != NODE_IF && f->at.live)
        flow_statement(f, n);
    flow_join(&f->at, &after);
}

/* The body is walked once, as in its first turn: a second one adds no more than the join does. It
 * ends after max_while_loops turns, whatever its condition says. */
static void walk_while(struct flow *f, const struct node *n)
{
    struct flow_state leaves = {.live = false}, *outer = f->breaks, yes, no;
    condition(f, n->loop.cond, &yes, &no);
    f->breaks = &leaves;
    f->loops++;
    f->at = yes;
    if (f->at.live)
        flow_statement(f, n->loop.body);
    f->loops--;
    f->breaks = outer;
    flow_join(&f->at, &no);
    flow_join(&f->at, &leaves);
}

/* Without break a case runs on into the next, but never into default. */
static void walk_switch(struct flow *f, const struct node *n)
{
    struct flow_state leaves = {.live = false}, *outer = f->breaks, head;
    bool has_default = false;
    flow_value(f, n->choice.subject);
    head = f->at;
    f->breaks = &leaves;
    f->at.live = false;
    for (const struct node *i = n->choice.cases; i; i = i->next) {
        if (!i->entry.label) {
            has_default = true;
            flow_join(&leaves, &f->at);
            f->at.live = false;
        }
        flow_join(&f->at, &head);
        statements(f, i->entry.first);
    }
    f->breaks = outer;
    flow_join(&f->at, &leaves);
    if (!has_default)
        flow_join(&f->at, &head);
}

/* ---- ends -------------------------------------------------------------------------------------
 */

static void give(struct flow *f, struct flow_state *to)
{
    if (!f->now->done)
        f->changed |= flow_join(to, &f->at);
}

static void zero_returned(struct flow *f, const struct node *n)
{
    if (f->now->tested && !flow_is_top(f->now->def)) {
        flow_warn(f, WARN_ZERO_ENDS, n->loc,
                  "return(0) ends the whole script: the condition that calls this route is never "
                  "decided");
        diag_hint(f->diag, "return(-1) is false; write exit where the end is meant");
    }
    flow_end(f, n->loc);
}

static void walk_return(struct flow *f, const struct node *n)
{
    const struct node *value = n->ret.value;
    if (value)
        flow_value(f, value);
    if (f->loops) {
        flow_warn(f, WARN_LOOP_RETURN, n->loc,
                  "the reference ends the whole script at a return inside while, signalbox returns "
                  "from the route (deviation 2)");
        diag_hint(f->diag, "break, and return behind the loop");
    }
    if (flow_is_top(f->now->def)) {
        flow_end(f, n->loc);
    } else if (!value || value->kind != NODE_NUMBER) {
        give(f, &f->now->yes);
        if (value)
            give(f, &f->now->no);
    } else if (value->number.value == 0) {
        zero_returned(f, n);
    } else {
        give(f, value->number.value > 0 ? &f->now->yes : &f->now->no);
    }
    f->at.live = false;
}

static void walk_drop(struct flow *f, const struct node *n)
{
    if (f->now->def->reached == ROUTE_FAILURE) {
        flow_warn(f, WARN_IDLE_DROP, n->loc,
                  "in a failure route drop keeps no answer back: the caller gets the last one");
        diag_hint(f->diag, "write exit, or t_reply() another answer first");
    }
    flow_clear(&f->at, FACT_SILENT);
    flow_end(f, n->loc);
}

void flow_body(struct flow *f)
{
    const struct route_def *r = f->now->def;
    struct loc last = r->end;
    flow_statement(f, r->body);
    if (!f->at.live)
        return;
    if (flow_is_top(f->now->def)) {
        flow_end(f, last);
        return;
    }
    give(f, &f->now->yes);
    give(f, &f->now->no);
}

/* ---- one statement ----------------------------------------------------------------------------
 */

static void action(struct flow *f, const struct node *n)
{
    struct flow_state yes, no;
    if (n->kind == NODE_CALL)
        flow_call(f, n, false, &yes, &no);
    else
        flow_route_call(f, n, false, &yes, &no);
    f->at = yes;
    flow_join(&f->at, &no);
}

static void leave(struct flow *f, const struct node *n)
{
    switch (n->kind) {
    case NODE_BREAK:
        if (f->breaks)
            flow_join(f->breaks, &f->at);
        f->at.live = false;
        break;
    case NODE_EXIT:
        flow_end(f, n->loc);
        break;
    case NODE_DROP:
        walk_drop(f, n);
        break;
    default:
        walk_return(f, n);
    }
}

/* Each of them leaves a result in $rc. */
static void split(struct flow *f, const struct node *n)
{
    if (n->kind == NODE_IF)
        walk_if(f, n);
    else if (n->kind == NODE_WHILE)
        walk_while(f, n);
    else
        walk_switch(f, n);
    flow_clear(&f->at, FACT_FRESH);
}

void flow_statement(struct flow *f, const struct node *n)
{
    switch (n->kind) {
    case NODE_BLOCK:
        statements(f, n->block.first);
        return;
    case NODE_IF:
    case NODE_WHILE:
    case NODE_SWITCH:
        split(f, n);
        return;
    case NODE_CALL:
    case NODE_ROUTE:
        action(f, n);
        break;
    case NODE_ASSIGN:
        flow_assign(f, n);
        break;
    case NODE_BREAK:
    case NODE_EXIT:
    case NODE_DROP:
    case NODE_RETURN:
        leave(f, n);
        break;
    default:
        return;
    }
    if (!f->at.live)
        f->killer = n;
}

/* ---- conditions -------------------------------------------------------------------------------
 */

static void walk_chain(struct flow *f, const struct node *n, struct flow_state *yes,
                       struct flow_state *no)
{
    struct flow_state yes2, no2;
    condition(f, n->chain.first, yes, no);
    for (const struct node *part = n->chain.first->next; part; part = part->next) {
        bool both = part->joint == AST_AND;
        f->at = both ? *yes : *no;
        condition(f, part, &yes2, &no2);
        *(both ? yes : no) = both ? yes2 : no2;
        flow_join(both ? no : yes, both ? &no2 : &yes2);
    }
}

/* A condition that leads both ways. */
static void either(const struct flow *f, struct flow_state *yes, struct flow_state *no)
{
    *yes = *no = f->at;
}

static void simple(struct flow *f, const struct node *n, struct flow_state *yes,
                   struct flow_state *no)
{
    switch (n->kind) {
    case NODE_TEST:
        flow_value(f, n->inner);
        break;
    case NODE_COMPARE:
    case NODE_VARIABLE:
        flow_value(f, n);
        break;
    case NODE_NUMBER:
        break;
    default:
        flow_statement(f, n);
    }
    either(f, yes, no);
    if (n->kind == NODE_COMPARE)
        flow_refine(n, yes, no);
    if (n->kind == NODE_COMPARE)
        flow_refine_uri(n, yes, no);
    if (n->kind == NODE_NUMBER && n->number.value)
        no->live = false;
}

static void condition(struct flow *f, const struct node *n, struct flow_state *yes,
                      struct flow_state *no)
{
    either(f, yes, no);
    if (!f->at.live)
        return;
    switch (n->kind) {
    case NODE_CHAIN:
        walk_chain(f, n, yes, no);
        break;
    case NODE_NOT:
        condition(f, n->inner, no, yes);
        break;
    case NODE_CALL:
        flow_call(f, n, true, yes, no);
        break;
    case NODE_ROUTE:
        flow_route_call(f, n, true, yes, no);
        break;
    default:
        simple(f, n, yes, no);
    }
}
