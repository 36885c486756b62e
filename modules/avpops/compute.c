/* What values are: comparing, computing, substituting. */
/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>

#include "modules/avpops/priv.h"

/* ---- avp_check ---- */

static bool holds(enum avpops_operator op, int order)
{
    switch (op) {
    case AVPOPS_EQ:
        return order == 0;
    case AVPOPS_NE:
        return order != 0;
    case AVPOPS_LT:
        return order < 0;
    case AVPOPS_LE:
        return order <= 0;
    case AVPOPS_GT:
        return order > 0;
    default:
        return op == AVPOPS_GE && order >= 0;
    }
}

static bool check_numbers(const struct value_arg *a, int32_t left, int32_t right)
{
    switch (a->op) {
    case AVPOPS_AND:
        return (left & right) != 0;
    case AVPOPS_OR:
        return (left | right) != 0;
    case AVPOPS_XOR:
        return (left ^ right) != 0;
    default:
        return holds(a->op, (left > right) - (left < right));
    }
}

static bool shell_match(struct call *c, struct str text, struct str pattern, bool nocase)
{
    struct str t = arena_dup(c->arena, text), f = arena_dup(c->arena, pattern);
    return t.p && f.p && fnmatch(f.p, t.p, nocase ? FNM_CASEFOLD : 0) == 0;
}

static bool check_texts(struct call *c, const struct value_arg *a, struct str left,
                        struct str right)
{
    struct regex_match m;
    bool nocase = a->flags & AVPOPS_NOCASE;
    if (a->op == AVPOPS_RE)
        return regex_find(a->regex, left, 0, &m) > 0;
    if (a->op == AVPOPS_FM)
        return shell_match(c, left, right, nocase);
    nocase = nocase || (a->op != AVPOPS_EQ && a->op != AVPOPS_NE);
    return holds(a->op, nocase ? str_icmp(left, right) : str_cmp(left, right));
}

/* A number and a text are never equal, nor in any order. */
static bool check_pair(struct call *c, const struct value_arg *a, const struct value *left,
                       const struct value *right)
{
    if (is_number(left) != is_number(right))
        return false;
    return is_number(left) ? check_numbers(a, left->i, right->i)
                           : check_texts(c, a, left->s, right->s);
}

/* One value against all of the right side. */
static bool check_value(struct call *c, const struct value_arg *a, const struct value *left)
{
    struct values right;
    if (!a->pv)
        return check_pair(c, a, left, &a->constant);
    if (!values_first(&right, c, a->pv, a->is_avp))
        return false;
    do {
        if (check_pair(c, a, left, values_now(&right)))
            return true;
    } while (values_next(&right, c));
    return false;
}

int avpops_check(struct call *c, const struct arg *args, unsigned n)
{
    const struct operand_arg *name = args[0].obj;
    const struct value_arg *a = args[1].obj;
    struct values left;
    (void)n;
    if (!values_first(&left, c, name->pv, name->is_avp))
        return -1;
    do {
        if (check_value(c, a, values_now(&left)))
            return 1;
    } while (a->flags & AVPOPS_ALL && values_next(&left, c));
    return -1;
}

/* ---- avp_op ---- */

static int32_t compute(enum avpops_operator op, int32_t left, int32_t right)
{
    int64_t a = left, b = right;
    switch (op) {
    case AVPOPS_ADD:
        return (int32_t)(uint32_t)(a + b);
    case AVPOPS_SUB:
        return (int32_t)(uint32_t)(a - b);
    case AVPOPS_MUL:
        return (int32_t)(uint32_t)(a * b);
    case AVPOPS_DIV:
        return b ? (int32_t)(uint32_t)(a / b) : 0;
    case AVPOPS_MOD:
        return b ? (int32_t)(a % b) : 0;
    case AVPOPS_AND:
        return left & right;
    case AVPOPS_OR:
        return left | right;
    case AVPOPS_XOR:
        return left ^ right;
    default:
        return ~left;
    }
}

static bool right_number(struct call *c, const struct value_arg *a, int32_t *out)
{
    struct values w;
    if (!a->pv) {
        *out = a->constant.i;
        return true;
    }
    if (!values_first(&w, c, a->pv, a->is_avp) || !(values_now(&w)->flags & VAL_INT))
        return false;
    *out = values_now(&w)->i;
    return true;
}

/* Names of the AVP read and of the one written. */
static bool names(struct call *c, const struct operand_arg *a, struct avp_name *from,
                  struct avp_name *to)
{
    return avp_name_of(a->pv, c, call_host(), from) == ERR_OK &&
           avp_name_of(a->dest ? a->dest : a->pv, c, call_host(), to) == ERR_OK;
}

int avpops_op(struct call *c, const struct arg *args, unsigned n)
{
    const struct operand_arg *name = args[0].obj;
    const struct value_arg *a = args[1].obj;
    struct avp_name from, to;
    int32_t right;
    int result = -1;
    (void)n;
    if (!names(c, name, &from, &to) || !right_number(c, a, &right))
        return -1;
    for (struct avp *at = avp_find(c->avps, &from, NULL), *next; at; at = next) {
        next = avp_find(c->avps, &from, at);
        if (!is_number(&at->value))
            continue;
        struct value v = value_int(compute(a->op, at->value.i, right));
        if (avp_push(c->avps, &to, &v) != ERR_OK)
            return -1;
        if (a->flags & AVPOPS_DELETE)
            avp_remove(c->avps, at);
        result = 1;
        if (!(a->flags & AVPOPS_ALL))
            break;
    }
    return result;
}

/* ---- avp_subst ---- */

int avpops_subst(struct call *c, const struct arg *args, unsigned n)
{
    const struct operand_arg *name = args[0].obj;
    struct avp_name from, to;
    struct str text;
    int result = -1;
    (void)n;
    if (!names(c, name, &from, &to))
        return -1;
    for (struct avp *at = avp_find(c->avps, &from, NULL), *next; at; at = next) {
        next = avp_find(c->avps, &from, at);
        if (!is_number(&at->value) &&
            subst_apply(args[1].obj, at->value.s, c, call_host(), &text) > 0) {
            struct value v = value_str(text);
            if (avp_push(c->avps, &to, &v) != ERR_OK)
                return -1;
            if (!name->dest || name->flags & AVPOPS_DELETE)
                avp_remove(c->avps, at);
            result = 1;
        }
        if (!(name->flags & AVPOPS_ALL))
            break;
    }
    return result;
}
