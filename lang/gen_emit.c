/* The growing code of a program: instructions, jumps to be patched, objects, lines. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "lang/format.h"
#include "lang/gen_priv.h"

static const struct op_info infos[] = {
#define OP(name, operands, pops, pushes, doc) {#name, operands, pops, pushes, doc},
#include "lang/opcode.def"
#undef OP
};

const struct op_info *op_info(unsigned op)
{
    return op < OPCODES ? &infos[op] : NULL;
}

unsigned insn_pops(const struct insn *in, const void *object)
{
    if (in->op == OP_CALL && object)
        return ((const struct call_site *)object)->given;
    if (in->op == OP_FORMAT && object)
        return ((const struct format *)object)->gaps;
    return infos[in->op].pops;
}

void gen_fail(struct gen *g, int error)
{
    if (g->failed == ERR_OK)
        g->failed = error;
}

/* The array with room for one more element; NULL without memory, the array is as before then. */
static void *room(struct gen *g, void *array, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    uint32_t more = *cap ? *cap * 2 : 64;
    void *p = more <= UINT32_MAX / 64 ? realloc(array, more * size) : NULL;
    if (!p) {
        gen_fail(g, more > UINT32_MAX / 64 ? ERR_LIMIT : ERR_NOMEM);
        return NULL;
    }
    *cap = more;
    return p;
}

/* Notes where the next instruction comes from, once a line. */
static void mark_line(struct gen *g)
{
    const struct line *last = g->n_lines ? &g->lines[g->n_lines - 1] : NULL;
    if (last && last->loc.line == g->at.line && last->loc.file == g->at.file)
        return;
    struct line *lines = room(g, g->lines, g->n_lines, &g->cap_lines, sizeof *lines);
    if (!lines)
        return;
    g->lines = lines;
    g->lines[g->n_lines++] = (struct line){g->n_code, g->at};
}

uint32_t emit(struct gen *g, enum opcode op, unsigned a, unsigned b, uint32_t k)
{
    struct insn *code = room(g, g->code, g->n_code, &g->cap_code, sizeof *code);
    if (!code)
        return 0;
    g->code = code;
    mark_line(g);
    g->code[g->n_code] = (struct insn){(uint8_t)op, (uint8_t)a, (uint16_t)b, k};
    bool object = op == OP_CALL || op == OP_FORMAT;
    unsigned pops = insn_pops(&g->code[g->n_code], object ? g->objects[k].object : NULL);
    g->depth = g->depth - pops + infos[op].pushes;
    if (g->depth > g->max_depth)
        g->max_depth = g->depth;
    return g->n_code++;
}

uint32_t emit_jump(struct gen *g, enum opcode op, uint32_t chain)
{
    return emit(g, op, 0, 0, chain);
}

void patch(struct gen *g, uint32_t chain)
{
    while (chain != NO_JUMP && g->failed == ERR_OK) {
        uint32_t next = g->code[chain].k;
        g->code[chain].k = g->n_code;
        chain = next;
    }
}

uint32_t add_object(struct gen *g, enum object_kind kind, const void *object)
{
    struct object *objects = room(g, g->objects, g->n_objects, &g->cap_objects, sizeof *objects);
    if (!object)
        gen_fail(g, ERR_NOMEM);
    if (!objects)
        return 0;
    g->objects = objects;
    g->objects[g->n_objects] = (struct object){object, kind};
    return g->n_objects++;
}

void *keep(struct gen *g, const void *p, size_t size)
{
    void *copy = arena_alloc(&g->p->arena, size);
    if (!copy)
        gen_fail(g, ERR_NOMEM);
    else if (size)
        memcpy(copy, p, size);
    return copy;
}

struct str keep_text(struct gen *g, struct str s)
{
    struct str copy = arena_dup(&g->p->arena, s);
    if (!copy.p)
        gen_fail(g, ERR_NOMEM);
    return copy;
}

uint32_t add_value(struct gen *g, const struct value *v)
{
    struct value copy = *v;
    if (copy.flags & VAL_STR)
        copy.s = keep_text(g, v->s);
    return add_object(g, OBJECT_VALUE, keep(g, &copy, sizeof copy));
}

void gen_free(struct gen *g)
{
    free(g->code);
    free(g->lines);
    free(g->objects);
}

/* Objects and their kinds become two arrays: the machine needs only the first. */
static void finish_objects(struct gen *g)
{
    struct program *p = g->p;
    p->n_objects = g->n_objects;
    p->objects = arena_alloc(&p->arena, g->n_objects * sizeof *p->objects);
    p->object_kind = arena_alloc(&p->arena, g->n_objects);
    if (!p->objects || !p->object_kind) {
        gen_fail(g, ERR_NOMEM);
        return;
    }
    for (uint32_t i = 0; i < g->n_objects; i++) {
        p->objects[i] = g->objects[i].object;
        p->object_kind[i] = (uint8_t)g->objects[i].kind;
    }
}

int gen_finish(struct gen *g)
{
    struct program *p = g->p;
    p->code = keep(g, g->code, g->n_code * sizeof *g->code);
    p->n_code = g->n_code;
    p->lines = keep(g, g->lines, g->n_lines * sizeof *g->lines);
    p->n_lines = g->n_lines;
    finish_objects(g);
    return g->failed;
}
