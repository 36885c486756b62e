/* Several comparisons that are one: method == "A" || method == "B" asks whether a value is among
 * some texts, and ifs on one value, each in the else of the last, are a table of where to go. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/gen_priv.h"
#include "lang/pv.h"

enum { LEAST_CHOICES = 3 }; /* fewer ifs are as quick by themselves */

/* Whether reading it twice in a row gives the same: no chance, no clock, no name made at run time.
 */
static bool steady(const struct node *n)
{
    if (n->kind == NODE_OPERAND)
        return n->operand != OPERAND_SRC_IP && n->operand != OPERAND_DST_IP;
    if (n->kind != NODE_VARIABLE || str_find(n->variable.text, '$', 1) >= 0)
        return false;
    const struct pv_ref *ref = n->variable.ref;
    return pv_ref_slot(ref) || pv_ref_is_avp(ref) ||
           (ref->spec->flags & (PV_CONST_MSG | PV_TARGET)) != 0;
}

/* value op "text", of a value that can be asked once for several. */
static bool asks_for_text(const struct node *n, unsigned op)
{
    return n->kind == NODE_COMPARE && n->op == op && n->binary.right->kind == NODE_STRING &&
           steady(n->binary.left);
}

static bool same_value(const struct node *a, const struct node *b)
{
    a = a->binary.left;
    b = b->binary.left;
    if (a->kind != b->kind)
        return false;
    return a->kind == NODE_OPERAND ? a->operand == b->operand
                                   : str_eq(a->variable.text, b->variable.text);
}

const struct node *gen_set_end(const struct node *part)
{
    const struct node *last = part, *next = part->next;
    if (!next || (part->joint != AST_NONE && part->joint != next->joint))
        return part;
    unsigned joint = next->joint, op = joint == AST_OR ? AST_EQ : AST_NE;
    if (!asks_for_text(part, op))
        return part;
    for (; next && next->joint == joint && asks_for_text(next, op); next = next->next) {
        if (!same_value(part, next))
            break;
        last = next;
    }
    return last;
}

static uint32_t count_parts(const struct node *first, const struct node *last)
{
    uint32_t n = 1;
    for (; first != last; first = first->next)
        n++;
    return n;
}

void gen_set(struct gen *g, const struct node *first, const struct node *last)
{
    struct text_set *set = keep(g, &(struct text_set){0, NULL}, sizeof *set);
    uint32_t n = count_parts(first, last);
    if (set)
        set->text = arena_zalloc(&g->p->arena, n * sizeof *set->text);
    if (!set || !set->text) {
        gen_fail(g, ERR_NOMEM);
        return;
    }
    gen_left(g, first->binary.left);
    emit(g, OP_AMONG, first->op, 0, add_object(g, OBJECT_TEXTS, set));
    for (const struct node *part = first; set->n < n; part = part->next)
        set->text[set->n++] = keep_text(g, part->binary.right->text);
}

/* ---- ifs on one value ---- */

/* The comparisons of a condition that is true for some texts of one value; NULL for any other. */
static const struct node *texts_of(const struct node *cond)
{
    if (cond->kind != NODE_CHAIN)
        return asks_for_text(cond, AST_EQ) ? cond : NULL;
    const struct node *first = cond->chain.first;
    bool all = asks_for_text(first, AST_EQ) && gen_set_end(first) == cond->chain.last;
    return all ? first : NULL;
}

unsigned gen_choices(const struct node *n)
{
    const struct node *first = texts_of(n->branch.cond), *now = first;
    unsigned count = 0;
    while (now && same_value(first, now)) {
        count++;
        n = n->branch.otherwise;
        now = n && n->kind == NODE_IF ? texts_of(n->branch.cond) : NULL;
    }
    return count >= LEAST_CHOICES ? count : 0;
}

static uint32_t count_texts(const struct node *n, unsigned count)
{
    uint32_t texts = 0;
    for (; count > 0; count--, n = n->branch.otherwise)
        for (const struct node *c = texts_of(n->branch.cond); c;
             c = n->branch.cond->kind == NODE_CHAIN ? c->next : NULL)
            texts++;
    return texts;
}

/* All texts of one condition lead to the next instruction. */
static void add_texts(struct gen *g, struct switch_table *t, const struct node *cond)
{
    const struct node *c = texts_of(cond);
    while (c) {
        struct switch_case *to = &t->texts[t->n_texts];
        to->label = value_str(keep_text(g, c->binary.right->text));
        to->order = t->n_texts++;
        to->target = g->n_code;
        c = cond->kind == NODE_CHAIN ? c->next : NULL;
    }
}

const struct node *gen_choose(struct gen *g, const struct node *n, unsigned count, uint32_t *ends)
{
    struct switch_table *t = arena_zalloc(&g->p->arena, sizeof *t);
    if (t)
        t->texts = arena_zalloc(&g->p->arena, count_texts(n, count) * sizeof *t->texts);
    if (!t || !t->texts) {
        gen_fail(g, ERR_NOMEM);
        return n;
    }
    gen_left(g, texts_of(n->branch.cond)->binary.left);
    emit(g, OP_CHOOSE, 0, 0, add_object(g, OBJECT_SWITCH, t));
    for (;; n = n->branch.otherwise) {
        g->at = n->loc;
        add_texts(g, t, n->branch.cond);
        gen_branch(g, n->branch.then);
        *ends = emit_jump(g, OP_JUMP, *ends);
        if (--count == 0)
            break;
    }
    t->otherwise = t->end = g->n_code;
    switch_sort(t);
    return n;
}
