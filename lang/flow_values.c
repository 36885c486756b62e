/* Comparisons that cannot vary, conditions that contradict themselves, and what the reference
 * computes otherwise. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/flow.h"

static void always(struct flow *f, const struct node *n, bool truth, const char *why)
{
    flow_warn(f, WARN_ALWAYS, n->loc, "this is always %s: %s", truth ? "true" : "false", why);
}

/* ---- one comparison ---------------------------------------------------------------------------
 */

/* Least and greatest value of an operand that is a number. */
static bool range_of(enum operand o, int64_t *low, int64_t *high)
{
    *low = 0;
    *high = o == OPERAND_SRC_PORT || o == OPERAND_DST_PORT ? 65535 : INT32_MAX;
    return o == OPERAND_SRC_PORT || o == OPERAND_DST_PORT || o == OPERAND_MSG_LEN;
}

/* 1 always true, 0 always false, -1 it depends. */
static int fixed(unsigned op, int64_t low, int64_t high, int64_t value)
{
    switch (op) {
    case AST_EQ:
        return value < low || value > high ? 0 : -1;
    case AST_NE:
        return value < low || value > high ? 1 : -1;
    case AST_LT:
        return high < value ? 1 : low >= value ? 0 : -1;
    case AST_GT:
        return low > value ? 1 : high <= value ? 0 : -1;
    case AST_LE:
        return high <= value ? 1 : low > value ? 0 : -1;
    case AST_GE:
        return low >= value ? 1 : high < value ? 0 : -1;
    default:
        return -1;
    }
}

static void number_range(struct flow *f, const struct node *n)
{
    int64_t low, high;
    if (n->binary.right->kind != NODE_NUMBER || !range_of(n->binary.left->operand, &low, &high))
        return;
    int truth = fixed(n->op, low, high, n->binary.right->number.value);
    if (truth >= 0)
        always(f, n, truth, high == 65535 ? "a port is 0 to 65535" : "a length is not below 0");
}

static void with_operand(struct flow *f, const struct node *n)
{
    enum operand o = n->binary.left->operand;
    const struct node *right = n->binary.right;
    number_range(f, n);
    if ((o == OPERAND_SRC_IP || o == OPERAND_DST_IP) && n->op == AST_NE &&
        right->kind == NODE_STRING)
        flow_warn(f, WARN_REPAIRED, n->loc,
                  "the reference never comes back from != with a host name (deviation 7)");
    if (right->kind == NODE_STRING && (n->op == AST_EQ || n->op == AST_NE))
        flow_literal(f, right, right->text);
}

static void with_variable(struct flow *f, const struct node *n)
{
    const struct node *left = n->binary.left, *right = n->binary.right;
    const struct pv_ref *v = left->variable.ref;
    if (!v)
        return;
    if (right->kind == NODE_VARIABLE && str_eq(right->variable.text, left->variable.text) &&
        n->op != AST_MATCH && n->op != AST_NOMATCH)
        always(f, n, n->op == AST_EQ || n->op == AST_LE || n->op == AST_GE,
               "both sides are the same");
    if (right->kind == NODE_NUMBER && v->spec->flags & PV_DIGITS && !pv_ref_transformed(v)) {
        flow_warn(f, WARN_NUMBER_TEXT, n->loc,
                  "%.*s is a text: signalbox compares its digits with the number, in the reference "
                  "this is an error and false (deviation 5)",
                  STR_ARG(left->variable.text));
        diag_hint(f->diag, "for both write %s \"%.*s\"", ast_op_text((enum ast_op)n->op),
                  STR_ARG(right->number.text));
    }
    if (right->kind == NODE_STRING && (n->op == AST_EQ || n->op == AST_NE))
        flow_literal(f, right, right->text);
}

void flow_compare(struct flow *f, const struct node *n)
{
    if (n->binary.left->kind == NODE_OPERAND)
        with_operand(f, n);
    else if (n->binary.left->kind == NODE_VARIABLE)
        with_variable(f, n);
}

/* ---- chains -----------------------------------------------------------------------------------
 */

static bool same_left(const struct node *a, const struct node *b)
{
    const struct node *x = a->binary.left, *y = b->binary.left;
    if (x->kind != y->kind)
        return false;
    return x->kind == NODE_OPERAND    ? x->operand == y->operand
           : x->kind == NODE_VARIABLE ? str_eq(x->variable.text, y->variable.text)
                                      : false;
}

/* Both are constants of one kind, and differ. */
static bool differ(const struct node *a, const struct node *b)
{
    if (a->kind == NODE_STRING && b->kind == NODE_STRING)
        return !str_ieq(a->text, b->text);
    return a->kind == NODE_NUMBER && b->kind == NODE_NUMBER && a->number.value != b->number.value;
}

static bool steady(const struct node *n)
{
    return n->binary.left->kind != NODE_VARIABLE || !n->binary.left->variable.ref ||
           !n->binary.left->variable.ref->index_pv;
}

enum { MAX_PARTS = 32 }; /* of a chain, as many are held against each other */

/* x == "a" && x == "b" is false, x != "a" || x != "b" is true. */
static void contradiction(struct flow *f, const struct node *n, unsigned joint)
{
    unsigned op = joint == AST_AND ? AST_EQ : AST_NE, parts = 0;
    for (const struct node *a = n->chain.first; a && parts < MAX_PARTS; a = a->next, parts++)
        for (const struct node *b = n->chain.first; b != a; b = b->next)
            if (a->kind == NODE_COMPARE && b->kind == NODE_COMPARE && a->op == op && b->op == op &&
                same_left(a, b) && steady(a) && differ(a->binary.right, b->binary.right)) {
                always(f, n, joint == AST_OR,
                       joint == AST_OR ? "nothing is equal to both" : "it cannot equal both");
                diag_hint(f->diag, "%s is meant?", joint == AST_OR ? "&&" : "||");
                return;
            }
}

/* A part of a chain that stands on one line, or "...". */
static struct str part_text(struct str line, const struct node *chain, const struct node *part)
{
    uint32_t from = part->loc.column - chain->loc.column;
    struct str text = str_sub(line, from, part->loc.end_column - chain->loc.column);
    return !text.len || text.len > 40 ? STR("...") : text;
}

/* Writes a mixed chain with the brackets it is read with. */
static void add_reading(struct flow *f, struct buf *b, const struct node *n)
{
    unsigned changes = 0, before = 0;
    struct str line = source_slice(f->diag, &n->loc);
    for (const struct node *part = n->chain.first->next; part; part = part->next) {
        changes += before && part->joint != before;
        before = part->joint;
    }
    for (unsigned i = 0; i < changes; i++)
        buf_char(b, '(');
    before = 0;
    for (const struct node *part = n->chain.first; part; part = part->next) {
        if (before && part->joint != before)
            buf_char(b, ')');
        if (part != n->chain.first)
            buf_printf(b, " %s ", ast_op_text((enum ast_op)part->joint));
        buf_add(b, part_text(line, n, part));
        before = part->joint;
    }
}

void flow_chain(struct flow *f, const struct node *n)
{
    unsigned joints = 0;
    for (const struct node *part = n->chain.first->next; part; part = part->next)
        joints |= part->joint == AST_AND ? 1u : 2u;
    if (joints != 3) {
        contradiction(f, n, joints == 1 ? AST_AND : AST_OR);
        return;
    }
    char text[300];
    struct buf b;
    buf_fixed(&b, text, sizeof text);
    flow_warn(f, WARN_MIXED, n->loc, "&& and || without brackets are taken from left to right");
    if (!f->diag->newest || n->loc.line != n->loc.end_line)
        return;
    add_reading(f, &b, n);
    if (!b.failed)
        diag_hint(f->diag, "it is read as %.*s", STR_ARG(buf_str(&b)));
}

/* ---- arithmetic -------------------------------------------------------------------------------
 */

static bool is_bare_number(const struct node *n)
{
    return n->kind == NODE_NUMBER;
}

void flow_arith(struct flow *f, const struct node *n)
{
    const struct node *left = n->binary.left, *right = n->binary.right;
    if (right->kind == NODE_ARITH && !right->grouped) {
        flow_warn(f, WARN_PRECEDENCE, n->loc,
                  "'%s' binds tighter than '%s' here, the reference goes from left to right "
                  "(deviation 20)",
                  ast_op_text((enum ast_op)right->op), ast_op_text((enum ast_op)n->op));
        diag_hint(f->diag, "brackets make both read it alike");
    }
    if (n->op == AST_ADD && ((left->kind == NODE_STRING && is_bare_number(right)) ||
                             (right->kind == NODE_STRING && is_bare_number(left))))
        flow_warn(f, WARN_JOINS, n->loc,
                  "text and number are joined to a text, the reference makes 0 of them (deviation "
                  "21)");
}
