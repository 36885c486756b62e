/* Code for conditions, values, and the actions that can stand in both. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/base/log.h"
#include "lang/format.h"
#include "lang/gen_priv.h"
#include "lang/pv.h"
#include "lang/vm_priv.h"

/* ---- actions ---- */

/* A text with variables: their values, then what joins them. */
static void gen_format(struct gen *g, const struct format *f)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->part[i].pv)
            gen_load(g, f->part[i].pv);
    emit(g, OP_FORMAT, 0, 0, add_object(g, OBJECT_FORMAT, f));
}

/* What only logs is passed over while its level is not logged: code that looks, and the jump to be
 * patched in *quiet. */
static void gen_loud(struct gen *g, const struct node *n, uint32_t *quiet)
{
    const struct call_arg *first = n->call.ready;
    int32_t level = LOG_DBG_;
    unsigned argc = n->call.argc;
    if (!(n->call.fn->flags & FN_LOGS) || !argc || first[argc - 1].mode == CALL_ARG_CONST)
        return;
    if (argc > 1) {
        if (first->mode != CALL_ARG_CONST || !(first->arg.v.flags & VAL_INT))
            return;
        level = first->arg.v.i;
    }
    if (level >= LOG_ALERT_ && level <= LOG_DBG_)
        *quiet = emit(g, OP_LOUD, (unsigned)(level - LOG_ALERT_), 0, NO_JUMP);
}

/* Both ways come together: one gave what the call gave, the other gives 1. */
static void gen_quiet(struct gen *g, uint32_t quiet)
{
    uint32_t end = emit_jump(g, OP_JUMP, NO_JUMP);
    g->depth--;
    patch(g, quiet);
    emit(g, OP_INT, 0, 0, 1);
    patch(g, end);
}

/* The values of the arguments that are no constants, then the call. */
static void gen_call(struct gen *g, const struct node *n)
{
    struct call_site *site = keep(g, &(struct call_site){.given = 0}, sizeof *site);
    uint32_t quiet = NO_JUMP;
    if (!site)
        return;
    gen_loud(g, n, &quiet);
    site->fn = n->call.fn;
    site->n = (uint8_t)n->call.argc;
    site->args = keep(g, n->call.ready, n->call.argc * sizeof *site->args);
    site->ready = keep(g, NULL, 0);
    if (site->args && n->call.argc)
        site->ready = arena_zalloc(&g->p->arena, n->call.argc * sizeof *site->ready);
    for (unsigned i = 0; site->ready && i < site->n; i++) {
        struct call_arg *arg = &site->args[i];
        site->ready[i] = arg->arg;
        site->given += arg->mode != CALL_ARG_CONST;
        arg->text = keep_text(g, arg->text);
        if (arg->mode == CALL_ARG_PV)
            gen_load(g, arg->pv);
        else if (arg->mode != CALL_ARG_CONST)
            gen_format(g, arg->format);
    }
    if (!site->ready) {
        gen_fail(g, ERR_NOMEM);
        return;
    }
    emit(g, OP_CALL, 0, 0, add_object(g, OBJECT_CALL, site));
    if (quiet != NO_JUMP)
        gen_quiet(g, quiet);
}

static const enum opcode arithmetic[] = {
    [AST_ADD] = OP_ADD, [AST_SUB] = OP_SUB,       [AST_MUL] = OP_MUL,     [AST_DIV] = OP_DIV,
    [AST_MOD] = OP_MOD, [AST_BITAND] = OP_BITAND, [AST_BITOR] = OP_BITOR, [AST_BITXOR] = OP_BITXOR,
    [AST_SHL] = OP_SHL, [AST_SHR] = OP_SHR,
};

/* $x = value, also += and its like, which compute (DEVIATIONS 1). */
static void gen_assign(struct gen *g, const struct node *n)
{
    const struct pv_ref *target = n->assign.target->variable.ref;
    unsigned how = n->op == AST_RESET ? PV_RESET : PV_SET;
    if (n->assign.value->kind == NODE_NIL) {
        emit(g, OP_STORE_NULL, how, 0, add_object(g, OBJECT_PV, target));
        return;
    }
    if (n->assign.compound != AST_NONE)
        gen_load(g, target);
    gen_value(g, n->assign.value);
    if (n->assign.compound != AST_NONE)
        emit(g, arithmetic[n->assign.compound], 0, 0, 0);
    if (pv_ref_slot(target))
        emit(g, OP_STORE_VAR, 0, 0, pv_ref_slot(target)->slot);
    else
        emit(g, OP_STORE, how, 0, add_object(g, OBJECT_PV, target));
}

void gen_action(struct gen *g, const struct node *n)
{
    if (n->kind == NODE_CALL)
        gen_call(g, n);
    else if (n->kind == NODE_ROUTE)
        emit(g, OP_ROUTE, 0, 0, (uint32_t)n->route.target->index);
    else
        gen_assign(g, n);
}

void gen_after(struct gen *g, enum opcode how)
{
    emit(g, how, 0, 0, 0);
    if (g->p->error_route >= 0)
        emit(g, OP_ERRORS, 0, 0, 0);
}

/* ---- values ---- */

void gen_load(struct gen *g, const struct pv_ref *ref)
{
    const struct var_slot *slot = pv_ref_slot(ref);
    if (slot && !pv_ref_transformed(ref))
        emit(g, OP_VAR, 0, 0, slot->slot);
    else if (pv_ref_is_rc(ref) && !pv_ref_transformed(ref))
        emit(g, OP_RC, 0, 0, 0);
    else
        emit(g, OP_LOAD, 0, 0, add_object(g, OBJECT_PV, ref));
}

static void gen_constant(struct gen *g, const struct value *v)
{
    if (v->flags & VAL_STR)
        emit(g, OP_CONST, 0, 0, add_value(g, v));
    else
        emit(g, OP_INT, 0, 0, (uint32_t)v->i);
}

/* The value of an expression of constants; false for any other. */
static bool fold(struct gen *g, const struct node *n, struct value *out)
{
    struct value left, right;
    switch (n->kind) {
    case NODE_NUMBER:
        *out = value_int(n->number.value);
        return true;
    case NODE_STRING:
        *out = value_str(n->text);
        return true;
    case NODE_COMPLEMENT:
        return fold(g, n->inner, &left) && value_complement(&left, out);
    case NODE_ARITH:
        if (!fold(g, n->binary.left, &left) || !fold(g, n->binary.right, &right))
            return false;
        if ((n->op == AST_DIV || n->op == AST_MOD) && right.i == 0)
            return false; /* for the machine to complain about */
        return value_arith(arithmetic[n->op], &left, &right, &g->p->arena, out) == ERR_OK;
    default:
        return false;
    }
}

void gen_value(struct gen *g, const struct node *n)
{
    struct value constant;
    if (fold(g, n, &constant)) {
        gen_constant(g, &constant);
        return;
    }
    switch (n->kind) {
    case NODE_VARIABLE:
        gen_load(g, n->variable.ref);
        break;
    case NODE_ARITH:
        gen_value(g, n->binary.left);
        gen_value(g, n->binary.right);
        emit(g, arithmetic[n->op], 0, 0, 0);
        break;
    case NODE_COMPLEMENT:
        gen_value(g, n->inner);
        emit(g, OP_COMPLEMENT, 0, 0, 0);
        break;
    case NODE_CALL:
    case NODE_ROUTE:
        gen_action(g, n);
        gen_after(g, OP_KEEP);
        break;
    default:
        gen_condition(g, n);
    }
}

/* ---- comparisons ---- */

void gen_left(struct gen *g, const struct node *n)
{
    if (n->kind == NODE_OPERAND)
        emit(g, OP_OPERAND, 0, n->operand, 0);
    else
        gen_load(g, n->variable.ref);
}

static void gen_myself(struct gen *g, const struct node *left, unsigned op)
{
    if (left->kind == NODE_OPERAND) {
        emit(g, OP_MYSELF, op, left->operand, 0);
        return;
    }
    gen_left(g, left);
    emit(g, OP_MYSELF_VALUE, op, 0, 0);
}

static bool is_address(const struct node *n)
{
    return n->kind == NODE_OPERAND &&
           (n->operand == OPERAND_SRC_IP || n->operand == OPERAND_DST_IP);
}

/* Whatever stands against a text: a comparison, a pattern or a host name. */
static void gen_compare_text(struct gen *g, const struct node *n)
{
    const struct node *left = n->binary.left, *right = n->binary.right;
    if (n->op == AST_MATCH || n->op == AST_NOMATCH) {
        gen_left(g, left);
        emit(g, OP_MATCH, n->op, 0, add_object(g, OBJECT_REGEX, n->binary.regex));
    } else if (is_address(left)) {
        struct str name = keep_text(g, right->text);
        emit(g, OP_IS_HOST, n->op, left->operand,
             add_object(g, OBJECT_HOST, keep(g, &name, sizeof name)));
    } else {
        struct value text = value_str(right->text);
        gen_left(g, left);
        emit(g, OP_COMPARE_TEXT, n->op, 0, add_value(g, &text));
    }
}

static void gen_compare(struct gen *g, const struct node *n)
{
    const struct node *left = n->binary.left, *right = n->binary.right;
    switch (right->kind) {
    case NODE_STRING:
        gen_compare_text(g, n);
        break;
    case NODE_NUMBER:
        gen_left(g, left);
        emit(g, OP_COMPARE_INT, n->op, 0, (uint32_t)right->number.value);
        break;
    case NODE_NIL:
        gen_left(g, left);
        emit(g, OP_IS_NULL, n->op, 0, 0);
        break;
    case NODE_MYSELF:
        gen_myself(g, left, n->op);
        break;
    case NODE_NET: {
        struct net net = {right->net.ip, right->net.bits};
        emit(g, OP_IN_NET, n->op, left->operand,
             add_object(g, OBJECT_NET, keep(g, &net, sizeof net)));
        break;
    }
    default:
        gen_left(g, left);
        gen_left(g, right);
        emit(g, n->op == AST_MATCH || n->op == AST_NOMATCH ? OP_MATCH_VALUE : OP_COMPARE, n->op, 0,
             0);
    }
}

/* ---- conditions ---- */

/* A part of a chain, or several that are one question; returns the last. */
static const struct node *gen_part(struct gen *g, const struct node *part)
{
    const struct node *last = gen_set_end(part);
    if (last == part)
        gen_condition(g, part);
    else
        gen_set(g, part, last);
    return last;
}

/* Conditions joined from left to right. Parts joined by the same operator jump to one place. */
static void gen_chain(struct gen *g, const struct node *n)
{
    uint32_t chain = NO_JUMP;
    unsigned joint = AST_NONE;
    const struct node *last = gen_part(g, n->chain.first);
    for (const struct node *part = last->next; part; part = last->next) {
        if (part->joint != joint) {
            patch(g, chain);
            chain = NO_JUMP;
        }
        joint = part->joint;
        chain = emit_jump(g, joint == AST_AND ? OP_AND : OP_OR, chain);
        last = gen_part(g, part);
    }
    patch(g, chain);
}

/* A block or an if as a condition: true when its last action gave more than 0. */
static void gen_block_condition(struct gen *g, const struct node *n)
{
    if (n->kind == NODE_BLOCK && gen_is_empty(n->block.first)) {
        emit(g, OP_INT, 0, 0, 1);
        return;
    }
    gen_statement(g, n);
    emit(g, OP_LAST, 0, 0, 0);
    emit(g, OP_DECIDE, 0, 0, 0);
}

bool gen_known(struct gen *g, const struct node *n, bool *out)
{
    struct value v;
    switch (n->kind) {
    case NODE_NUMBER:
        *out = n->number.value != 0;
        return true;
    case NODE_NOT:
        if (!gen_known(g, n->inner, out))
            return false;
        *out = !*out;
        return true;
    case NODE_TEST:
        if (!fold(g, n->inner, &v))
            return false;
        *out = value_test(&v) == COND_TRUE;
        return true;
    default:
        return false;
    }
}

void gen_condition(struct gen *g, const struct node *n)
{
    bool known;
    if (gen_known(g, n, &known)) {
        emit(g, OP_INT, 0, 0, known);
        return;
    }
    switch (n->kind) {
    case NODE_CHAIN:
        gen_chain(g, n);
        break;
    case NODE_NOT:
        gen_condition(g, n->inner);
        emit(g, OP_NOT, 0, 0, 0);
        break;
    case NODE_TEST:
        gen_value(g, n->inner);
        emit(g, OP_TEST, 0, 0, 0);
        break;
    case NODE_COMPARE:
        gen_compare(g, n);
        break;
    case NODE_VARIABLE:
        gen_load(g, n->variable.ref);
        emit(g, OP_TRUTH, 0, 0, 0);
        break;
    case NODE_CALL:
    case NODE_ROUTE:
    case NODE_ASSIGN:
        gen_action(g, n);
        gen_after(g, OP_DECIDE);
        break;
    case NODE_BLOCK:
    case NODE_IF:
        gen_block_condition(g, n);
        break;
    default: /* EXIT, DROP, RETURN: what follows is never reached, but expects a condition */
        gen_statement(g, n);
        g->depth++;
    }
}
