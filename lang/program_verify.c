/* The verifier: proves that a program cannot lead the machine astray. It follows every way through
 * a route once and knows how many operands lie on the stack at each instruction. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "lang/code.h"
#include "lang/regex.h"

int operand_object(char letter)
{
    switch (letter) {
    case 'v':
        return OBJECT_VALUE;
    case 'p':
        return OBJECT_PV;
    case 'r':
        return OBJECT_REGEX;
    case 'f':
        return OBJECT_CALL;
    case 'n':
        return OBJECT_NET;
    case 'h':
        return OBJECT_HOST;
    case 'w':
        return OBJECT_SWITCH;
    case 'e':
        return OBJECT_TEXTS;
    case 'm':
        return OBJECT_FORMAT;
    default:
        return -1;
    }
}

struct verifier {
    const struct program *p;
    const struct route *r;
    struct buf *why;
    int32_t *depth; /* by instruction of the route; -1: not reached yet */
    uint32_t *todo; /* reached, not looked at */
    uint32_t n_todo;
};

static int wrong(struct verifier *v, uint32_t pc, const char *what)
{
    buf_printf(v->why, "instruction %u: %s", pc, what);
    return ERR_INVALID;
}

/* Instruction pc is reached with that many operands. */
static int reach(struct verifier *v, uint32_t from, uint32_t pc, int32_t depth)
{
    if (pc < v->r->start || pc >= v->r->end)
        return wrong(v, from, "leads out of its route");
    if (depth < 0 || (uint32_t)depth > v->r->stack)
        return wrong(v, from,
                     depth < 0 ? "takes operands that are not there"
                               : "pushes more operands than its route may have");
    int32_t *known = &v->depth[pc - v->r->start];
    if (*known == depth)
        return ERR_OK;
    if (*known >= 0)
        return wrong(v, pc, "is reached with different numbers of operands");
    *known = depth;
    v->todo[v->n_todo++] = pc;
    return ERR_OK;
}

/* ---- operands ---- */

static int check_call(struct verifier *v, uint32_t pc, const struct call_site *site)
{
    unsigned given = 0;
    if (!site->fn || !site->fn->call || site->n > ARG_MAX || !site->ready || !site->args)
        return wrong(v, pc, "calls nothing");
    for (unsigned i = 0; i < site->n; i++)
        given += site->args[i].mode != CALL_ARG_CONST;
    return given == site->given ? ERR_OK : wrong(v, pc, "takes other arguments than it has");
}

static int check_object(struct verifier *v, uint32_t pc, char letter, uint32_t k)
{
    int kind = operand_object(letter);
    if (k >= v->p->n_objects || v->p->object_kind[k] != kind || !v->p->objects[k])
        return wrong(v, pc, "names an object that is not there");
    return kind == OBJECT_CALL ? check_call(v, pc, v->p->objects[k]) : ERR_OK;
}

/* Which comparisons an instruction knows. */
static bool good_comparison(const struct insn *in)
{
    switch (in->op) {
    case OP_COMPARE_INT:
    case OP_COMPARE_TEXT:
    case OP_COMPARE:
        return in->a >= AST_EQ && in->a <= AST_GE;
    case OP_MATCH:
    case OP_MATCH_VALUE:
        return in->a == AST_MATCH || in->a == AST_NOMATCH;
    default:
        return in->a == AST_EQ || in->a == AST_NE;
    }
}

static int check_operand(struct verifier *v, uint32_t pc, const struct insn *in, char letter)
{
    switch (letter) {
    case 'i':
        return ERR_OK;
    case 't':
    case 'T':
        return in->k >= v->r->start && in->k < v->r->end ? ERR_OK
                                                         : wrong(v, pc, "leads out of its route");
    case 's':
        return in->k < v->p->n_vars ? ERR_OK : wrong(v, pc, "names a $var that is not there");
    case 'o':
        return in->b <= OPERAND_MSG_LEN ? ERR_OK : wrong(v, pc, "names no operand");
    case 'c':
        return good_comparison(in) ? ERR_OK : wrong(v, pc, "has no such comparison");
    case 'l':
        return in->a <= LOG_DBG_ - LOG_ALERT_ ? ERR_OK : wrong(v, pc, "has no such log level");
    case 'a':
        return in->a <= PV_RESET ? ERR_OK : wrong(v, pc, "has no such assignment");
    case 'R':
        return in->k < v->p->n_routes ? ERR_OK : wrong(v, pc, "calls a route that is not there");
    default:
        return check_object(v, pc, letter, in->k);
    }
}

/* ---- ways ---- */

static int follow_cases(struct verifier *v, uint32_t pc, const struct switch_case *c, uint32_t n,
                        int32_t depth)
{
    int rc = ERR_OK;
    for (uint32_t i = 0; i < n && rc == ERR_OK; i++)
        rc = reach(v, pc, c[i].target, depth);
    return rc;
}

static int follow_switch(struct verifier *v, uint32_t pc, const struct switch_table *t,
                         int32_t depth)
{
    int rc = follow_cases(v, pc, t->numbers, t->n_numbers, depth);
    if (rc == ERR_OK)
        rc = follow_cases(v, pc, t->texts, t->n_texts, depth);
    if (rc == ERR_OK)
        rc = reach(v, pc, t->otherwise, depth);
    return rc == ERR_OK ? reach(v, pc, t->end, depth) : rc;
}

static bool goes_on(unsigned op)
{
    return op != OP_JUMP && op != OP_SWITCH && op != OP_CHOOSE && op != OP_RETURN && op != OP_END &&
           op != OP_EXIT && op != OP_DROP;
}

/* Where an instruction leads, and with how many operands. */
static int follow(struct verifier *v, uint32_t pc, const struct insn *in, int32_t before)
{
    const struct op_info *info = op_info(in->op);
    bool object = in->op == OP_CALL || in->op == OP_FORMAT;
    int32_t pops = (int32_t)insn_pops(in, object ? v->p->objects[in->k] : NULL);
    int32_t after = before - pops + info->pushes;
    int rc = before < pops ? wrong(v, pc, "takes operands that are not there") : ERR_OK;
    if (rc == ERR_OK && strchr(info->operands, 't'))
        rc = reach(v, pc, in->k, after);
    if (rc == ERR_OK && strchr(info->operands, 'T'))
        rc = reach(v, pc, in->k, before);
    if (rc == ERR_OK && (in->op == OP_SWITCH || in->op == OP_CHOOSE))
        rc = follow_switch(v, pc, v->p->objects[in->k], after);
    if (rc == ERR_OK && in->op == OP_ROUND && before < 1)
        rc = wrong(v, pc, "has no count of rounds");
    if (rc == ERR_OK && goes_on(in->op))
        rc = reach(v, pc, pc + 1, after);
    return rc;
}

static int check_insn(struct verifier *v, uint32_t pc)
{
    const struct insn *in = &v->p->code[pc];
    const struct op_info *info = op_info(in->op);
    if (!info)
        return wrong(v, pc, "does not exist");
    for (const char *letter = info->operands; *letter; letter++) {
        int rc = check_operand(v, pc, in, *letter);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static int check_route(struct verifier *v)
{
    const struct route *r = v->r;
    if (r->start >= r->end || r->end > v->p->n_code)
        return wrong(v, r->start, "the route has no code");
    for (uint32_t pc = r->start; pc < r->end; pc++) {
        int rc = check_insn(v, pc);
        if (rc != ERR_OK)
            return rc;
        v->depth[pc - r->start] = -1;
    }
    v->n_todo = 0;
    int rc = reach(v, r->start, r->start, 0);
    while (rc == ERR_OK && v->n_todo) {
        uint32_t pc = v->todo[--v->n_todo];
        rc = follow(v, pc, &v->p->code[pc], v->depth[pc - r->start]);
    }
    return rc;
}

int program_verify(const struct program *p, struct buf *why)
{
    struct verifier v = {.p = p, .why = why};
    int rc = ERR_OK;
    v.depth = malloc((p->n_code + 1) * sizeof *v.depth);
    v.todo = malloc((p->n_code + 1) * sizeof *v.todo);
    if (!v.depth || !v.todo)
        rc = ERR_NOMEM;
    for (uint32_t i = 0; i < p->n_routes && rc == ERR_OK; i++) {
        v.r = &p->routes[i];
        rc = check_route(&v);
    }
    free(v.depth);
    free(v.todo);
    return rc;
}
