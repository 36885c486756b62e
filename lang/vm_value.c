/* Operations on values: arithmetic and comparisons as LANGUAGE 4.2 and 4.3 have them. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "lang/vm_priv.h"

/* ---- arithmetic ---- */

/* 32 bits that wrap; shift counts as the processor takes them. */
static int32_t compute(enum opcode op, int32_t left, int32_t right)
{
    uint32_t a = (uint32_t)left, b = (uint32_t)right;
    switch (op) {
    case OP_ADD:
        return (int32_t)(a + b);
    case OP_SUB:
        return (int32_t)(a - b);
    case OP_MUL:
        return (int32_t)(a * b);
    case OP_DIV:
        return right == -1 ? (int32_t)(0u - a) : left / right;
    case OP_MOD:
        return right == -1 ? 0 : left % right;
    case OP_BITAND:
        return (int32_t)(a & b);
    case OP_BITOR:
        return (int32_t)(a | b);
    case OP_BITXOR:
        return (int32_t)(a ^ b);
    case OP_SHL:
        return (int32_t)(a << (b & 31));
    default:
        return left >> (b & 31);
    }
}

static int join(const struct value *left, const struct value *right, struct arena *a,
                struct value *out)
{
    char number[2][VALUE_TEXT];
    struct str l = value_text(left, number[0]), r = value_text(right, number[1]);
    if (l.len + r.len > VALUE_TEXT_MAX) {
        log_err("a text would grow beyond %d bytes", VALUE_TEXT_MAX);
        return ERR_LIMIT;
    }
    char *p = arena_alloc(a, l.len + r.len + 1);
    if (!p)
        return ERR_NOMEM;
    if (l.len)
        memcpy(p, l.p, l.len);
    if (r.len)
        memcpy(p + l.len, r.p, r.len);
    *out = value_str(str_make(p, l.len + r.len));
    return ERR_OK;
}

/* The left operand's type decides; + joins texts as soon as one side is one (DEVIATIONS 21). */
int value_arith(enum opcode op, const struct value *left, const struct value *right,
                struct arena *a, struct value *out)
{
    if (left->flags & VAL_FAILED || value_is_null(right))
        return ERR_INVALID;
    if (value_is_null(left)) /* as in the reference: nothing + text is the text */
        return op == OP_ADD && value_has_text(right) ? join(left, right, a, out) : ERR_INVALID;
    if (!(left->flags & VAL_STR && !(left->flags & VAL_TYPED)) && right->flags & VAL_INT) {
        if ((op == OP_DIV || op == OP_MOD) && right->i == 0) {
            log_err("divide by 0");
            *out = value_int(0);
            return ERR_OK;
        }
        *out = value_int(compute(op, left->i, right->i));
        return ERR_OK;
    }
    return op == OP_ADD ? join(left, right, a, out) : ERR_INVALID;
}

bool value_complement(const struct value *v, struct value *out)
{
    if (!(v->flags & VAL_INT))
        return false;
    *out = value_int(~v->i);
    return true;
}

/* ---- comparisons ---- */

/* Three-way result into the answer to op. */
static int decide(unsigned op, int order)
{
    switch (op) {
    case AST_EQ:
        return order == 0;
    case AST_NE:
        return order != 0;
    case AST_LT:
        return order < 0;
    case AST_GT:
        return order > 0;
    case AST_LE:
        return order <= 0;
    case AST_GE:
        return order >= 0;
    default:
        return COND_ERROR;
    }
}

static int compare_numbers(unsigned op, int64_t left, int64_t right)
{
    return decide(op, (left > right) - (left < right));
}

static int compare_texts(unsigned op, const struct value *left, const struct value *right)
{
    char number[2][VALUE_TEXT];
    struct str l = value_text(left, number[0]), r = value_text(right, number[1]);
    if (op == AST_EQ)
        return str_ieq(l, r);
    if (op == AST_NE)
        return !str_ieq(l, r);
    return decide(op, str_icmp(l, r));
}

int value_compare_int(unsigned op, const struct value *left, int32_t right)
{
    int64_t digits;
    if (left->flags & VAL_INT)
        return compare_numbers(op, left->i, right);
    if (left->flags & VAL_FAILED)
        return COND_ERROR;
    if (value_is_null(left))
        return op == AST_NE;
    if (value_digits(left, &digits)) /* DEVIATIONS 5 */
        return compare_numbers(op, digits, right);
    return COND_ERROR;
}

int value_compare_text(unsigned op, const struct value *left, const struct value *right)
{
    if (left->flags & VAL_FAILED)
        return COND_ERROR;
    if (value_is_null(left))
        return op == AST_NE;
    return compare_texts(op, left, right);
}

int value_compare(unsigned op, const struct value *left, const struct value *right)
{
    if ((left->flags | right->flags) & VAL_FAILED)
        return COND_ERROR;
    if (value_is_null(left) || value_is_null(right)) {
        bool both = value_is_null(left) && value_is_null(right);
        return both ? op == AST_EQ : op == AST_NE;
    }
    if (left->flags & right->flags & VAL_INT)
        return compare_numbers(op, left->i, right->i);
    return compare_texts(op, left, right);
}

int value_among(unsigned op, const struct value *left, const struct text_set *set)
{
    char number[VALUE_TEXT];
    if (left->flags & VAL_FAILED)
        return COND_ERROR;
    if (value_is_null(left))
        return op == AST_NE;
    struct str text = value_text(left, number);
    for (uint32_t i = 0; i < set->n; i++)
        if (str_ieq(text, set->text[i]))
            return op == AST_EQ;
    return op == AST_NE;
}

int condition_for(unsigned op, int equal)
{
    return equal < 0 ? COND_ERROR : op == AST_NE ? !equal : equal != 0;
}

int value_is_nil(unsigned op, const struct value *v)
{
    return condition_for(op, v->flags & VAL_FAILED ? COND_ERROR : value_is_null(v));
}

int value_match(unsigned op, const struct value *subject, const struct regex *re)
{
    char number[VALUE_TEXT];
    if (subject->flags & VAL_FAILED || !re)
        return COND_ERROR;
    if (value_is_null(subject))
        return op == AST_NOMATCH;
    struct str text = value_text(subject, number);
    if (text.len == 0)
        return COND_FALSE; /* whatever the pattern and the operator */
    int found = regex_find(re, text, 0, NULL);
    if (found < 0)
        return COND_ERROR;
    return op == AST_NOMATCH ? !found : found;
}

int value_truth(const struct value *v)
{
    if (value_is_null(v))
        return COND_FALSE;
    if (v->flags & VAL_STR && !(v->flags & VAL_TYPED))
        return v->s.len != 0;
    return v->i != 0;
}

int value_test(const struct value *v)
{
    return value_is_null(v) ? COND_ERROR : value_truth(v);
}

int32_t value_returned(const struct value *v)
{
    if (value_is_null(v))
        return -1;
    return v->flags & VAL_INT ? v->i : 1;
}

/* ---- switch ---- */

static int by_label(const void *a, const void *b)
{
    const struct switch_case *x = a, *y = b;
    int d = x->label.flags & VAL_STR ? str_icmp(x->label.s, y->label.s)
                                     : (x->label.i > y->label.i) - (x->label.i < y->label.i);
    return d ? d : (x->order > y->order) - (x->order < y->order);
}

void switch_sort(struct switch_table *t)
{
    if (t->n_numbers)
        qsort(t->numbers, t->n_numbers, sizeof *t->numbers, by_label);
    if (t->n_texts)
        qsort(t->texts, t->n_texts, sizeof *t->texts, by_label);
}

/* The first of the sorted cases with this label, or NULL. */
static const struct switch_case *find_case(const struct switch_case *cases, uint32_t n,
                                           const struct switch_case *key)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (by_label(&cases[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n)
        return NULL;
    struct switch_case same = *key;
    same.order = cases[low].order;
    return by_label(&cases[low], &same) == 0 ? &cases[low] : NULL;
}

uint32_t switch_find(const struct switch_table *t, const struct value *v)
{
    char number[VALUE_TEXT];
    const struct switch_case *n = NULL, *s = NULL;
    if (v->flags & VAL_INT && t->n_numbers)
        n = find_case(t->numbers, t->n_numbers, &(struct switch_case){.label = value_int(v->i)});
    if (!value_is_null(v) && t->n_texts)
        s = find_case(t->texts, t->n_texts,
                      &(struct switch_case){.label = value_str(value_text(v, number))});
    if (n && s)
        return n->order < s->order ? n->target : s->target;
    return n ? n->target : s ? s->target : t->otherwise;
}
