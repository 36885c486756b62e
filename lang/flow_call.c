/* Data flow through calls of functions and routes. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/flow.h"

/* ---- methods nobody waits an answer to --------------------------------------------------------
 */

/* Whether a list of methods, or a plain expression for them, names nothing but ACK and CANCEL. */
static bool all_quiet(struct str names)
{
    struct str name;
    bool any = false;
    while (str_cut(&name, &names, '|')) {
        while (name.len && (name.p[0] == '^' || name.p[0] == '('))
            name = str_sub(name, 1, name.len);
        while (name.len && (name.p[name.len - 1] == '$' || name.p[name.len - 1] == ')'))
            name = str_sub(name, 0, name.len - 1);
        any = true;
        if (!str_ieq(name, STR("ACK")) && !str_ieq(name, STR("CANCEL")))
            return false;
    }
    return any;
}

static bool is_method_variable(const struct node *n)
{
    return n->kind == NODE_VARIABLE && str_eq(n->variable.text, STR("$rm"));
}

void flow_refine(const struct node *n, struct flow_state *yes, struct flow_state *no)
{
    const struct node *left = n->binary.left, *right = n->binary.right;
    bool method =
        (left->kind == NODE_OPERAND && left->operand == OPERAND_METHOD) || is_method_variable(left);
    if (!method || right->kind != NODE_STRING || !all_quiet(right->text))
        return;
    if (n->op == AST_EQ || n->op == AST_MATCH)
        flow_clear(yes, FACT_SILENT);
    else if (n->op == AST_NE || n->op == AST_NOMATCH)
        flow_clear(no, FACT_SILENT);
}

/* ---- functions --------------------------------------------------------------------------------
 */

/* Forwards in the transaction, to which failure routes and branches belong. */
static bool relays_in_transaction(unsigned flags)
{
    return flags & FN_HANDS_ON && flags & FN_MAY_STOP;
}

/* Whether the answer this function gives is surely, or surely not, a final one. */
static bool is_provisional(const struct node *n)
{
    const struct call_arg *a = n->call.ready;
    if (!n->call.argc || a->kind != ARG_CODE || a->mode != CALL_ARG_CONST)
        return false;
    return a->arg.v.i < 200;
}

static bool is_final(const struct node *n)
{
    const struct call_arg *a = n->call.ready;
    if (n->call.argc && a->kind == ARG_CODE)
        return a->mode == CALL_ARG_CONST && a->arg.v.i >= 200;
    return n->call.argc == n->call.fn->min; /* a further argument may be "do not answer" */
}

static void before_relay(struct flow *f, const struct node *n)
{
    unsigned flags = n->call.fn->flags;
    if (flow_may(&f->at, FACT_ANSWERED)) {
        flow_warn(f, WARN_AFTER_REPLY, n->loc,
                  "on some path the request has had its final answer before this sends it on");
        diag_hint(f->diag, "is an exit missing behind the reply?");
    }
    if (relays_in_transaction(flags) && flow_may(&f->at, FACT_NO_BRANCH)) {
        flow_warn(f, WARN_NO_BRANCH, n->loc,
                  "in a failure or reply route %s() sends nothing where no branch was added: it "
                  "gives -3",
                  n->call.fn->name);
        diag_hint(f->diag, "append_branch(); before it, behind the change of the target");
    }
    if (relays_in_transaction(flags) && f->now->def->reached == ROUTE_REQUEST &&
        !flow_may(&f->at, FACT_APART)) {
        flow_warn(f, WARN_TWICE, n->loc,
                  "append_branch() added the request's own target, and it was not changed since: "
                  "it is called twice");
        diag_hint(f->diag, "in a request route the R-URI is a branch without append_branch()");
    }
}

static void before_reply(struct flow *f, const struct node *n)
{
    if (flow_may(&f->at, FACT_ANSWERED) && is_final(n)) {
        flow_warn(f, WARN_AFTER_REPLY, n->loc,
                  "on some path the request has had its final answer before this one");
        diag_hint(f->diag, "is an exit missing behind the first reply?");
    }
}

static void before_call(struct flow *f, const struct node *n)
{
    unsigned flags = n->call.fn->flags;
    if (!f->speak)
        return;
    if (flags & FN_HANDS_ON)
        before_relay(f, n);
    else if (flags & FN_REPLIES)
        before_reply(f, n);
    if (flags & FN_ARMS && !flow_may(&f->at, FACT_UNSENT)) {
        flow_warn(f, WARN_ARMED_LATE, n->loc,
                  "%s() comes after the request was sent: an answer may be here before it",
                  n->call.fn->name);
        diag_hint(f->diag, "arm it before the relay");
    }
}

/* What a function does to the facts; in s for the result that is not below 0. */
static void effects(const struct node *n, struct flow_state *s)
{
    unsigned flags = n->call.fn->flags;
    bool answers = flags & (FN_RELAYS | FN_REPLIES) && !is_provisional(n);
    flow_clear(s, FACT_FRESH);
    if (flags & FN_ENDS)
        return;
    if (answers)
        flow_clear(s, FACT_SILENT | FACT_BRANCH_WAITS);
    if (flags & FN_HANDS_ON)
        flow_clear(s, FACT_UNSENT);
    if (flags & FN_REPLIES && is_final(n))
        flow_set(s, FACT_ANSWERED);
    if (flags & FN_TARGET)
        flow_set(s, FACT_APART);
    if (flags & FN_BRANCHES) {
        flow_clear(s, FACT_NO_BRANCH);
        flow_set(s, FACT_BRANCH_WAITS);
    }
    if (flags & FN_BRANCHES && !(flags & FN_TARGET) && !n->call.argc)
        flow_clear(s, FACT_APART);
    if (flags & FN_BEGINS)
        flow_set(s, FACT_BEGUN);
}

enum { DEEDS = FN_HANDS_ON | FN_REPLIES | FN_BRANCHES | FN_WRITES };

/* It was not done, but tried. */
static void failed(const struct fn_spec *fn, struct flow_state *s)
{
    flow_clear(s, FACT_FRESH);
    if (fn->flags & (FN_HANDS_ON | FN_REPLIES))
        flow_clear(s, FACT_SILENT | FACT_BRANCH_WAITS);
}

void flow_call(struct flow *f, const struct node *n, bool tested, struct flow_state *yes,
               struct flow_state *no)
{
    const struct fn_spec *fn = n->call.fn;
    unsigned i = 0;
    *yes = *no = f->at;
    if (!fn)
        return;
    for (const struct node *a = n->call.args; a; a = a->next, i++)
        flow_read_arg(f, n, i, a);
    before_call(f, n);
    if (fn->flags & FN_TARGET)
        flow_uri_changes(f, n, fn->name, n->call.argc ? n->call.ready[0].text : STR_NONE);
    if (fn->flags & FN_TARGET && !f->now->target)
        f->now->target = n;
    f->now->does |= fn->flags;
    f->now->ends |= (fn->flags & FN_MAY_STOP) != 0;
    *no = f->at;
    if (fn->flags & FN_WRITES)
        flow_write_first(f, n);
    *yes = f->at;
    effects(n, yes);
    if (tested && fn->flags & DEEDS && !(fn->flags & FN_ENDS))
        failed(fn, no);
    else
        *no = *yes;
    if (fn->flags & FN_METHOD && n->call.argc && all_quiet(n->call.ready[0].text))
        flow_clear(yes, FACT_SILENT);
}

/* ---- routes -----------------------------------------------------------------------------------
 */

static void apply(const struct flow_state *summary, const struct flow_state *at,
                  struct flow_state *out)
{
    out->live = summary->live && at->live;
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; i < FLOW_WORDS; i++)
            out->may[k][i] = summary->may[0][i] | (summary->may[1][i] & at->may[k][i]);
}

void flow_route_call(struct flow *f, const struct node *n, bool tested, struct flow_state *yes,
                     struct flow_state *no)
{
    *yes = *no = f->at;
    if (!n->route.target)
        return;
    struct flow_route *to = &f->routes[n->route.target->index];
    to->tested |= tested;
    f->now->does |= to->does;
    f->now->ends |= to->ends;
    if (!f->now->target)
        f->now->target = to->target;
    if (f->now->done && !f->speak)
        f->changed |= flow_join(&to->entry, &f->at);
    apply(&to->yes, &f->at, yes);
    apply(&to->no, &f->at, no);
    if (to->done && !to->yes.live && !to->no.live && !to->ends)
        *no = f->at; /* more circles than rounds were made: what it does is not known */
    flow_clear(yes, FACT_FRESH);
    flow_clear(no, FACT_FRESH);
}
