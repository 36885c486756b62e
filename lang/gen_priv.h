/* Inside of the code generator: what gen.c (statements), gen_expr.c (conditions and values) and
 * gen_emit.c (the growing code) share. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_GEN_PRIV_H
#define LANG_GEN_PRIV_H

#include "lang/code.h"
#include "lang/gen.h"

/* No instruction: the end of a chain of jumps to be patched. */
#define NO_JUMP UINT32_MAX

/* A loop or switch that a break may leave. */
struct breakable {
    struct breakable *outer;
    uint32_t exits; /* chain of jumps to its end */
};

/* Something that instructions name. */
struct object {
    const void *object;
    enum object_kind kind;
};

struct gen {
    struct program *p;
    struct insn *code;
    uint32_t n_code, cap_code;
    struct line *lines;
    uint32_t n_lines, cap_lines;
    struct object *objects;
    uint32_t n_objects, cap_objects;
    uint32_t depth, max_depth; /* operands on the stack here, and at most in this route */
    struct breakable *innermost;
    struct loc at;
    int failed; /* first error; what is emitted later does not matter */
};

/* ---- gen_emit.c ---- */

/* Appends an instruction and returns its number. */
uint32_t emit(struct gen *g, enum opcode op, unsigned a, unsigned b, uint32_t k);
/* Appends a jump to be patched later; chain links it to others with the same target. */
uint32_t emit_jump(struct gen *g, enum opcode op, uint32_t chain);
/* Makes all jumps of a chain go to the next instruction. */
void patch(struct gen *g, uint32_t chain);
/* Registers something that instructions can name; returns its number. */
uint32_t add_object(struct gen *g, enum object_kind kind, const void *object);
/* A copy of size bytes in the program. NULL, and failed set, without memory. */
void *keep(struct gen *g, const void *p, size_t size);
struct str keep_text(struct gen *g, struct str s);
uint32_t add_value(struct gen *g, const struct value *v);
void gen_fail(struct gen *g, int error);
void gen_free(struct gen *g);
/* Moves code, lines and objects into the program. */
int gen_finish(struct gen *g);

/* ---- gen_expr.c ---- */

/* Code that pushes 1, 0 or -1. */
void gen_condition(struct gen *g, const struct node *n);
/* Code that pushes a value. */
void gen_value(struct gen *g, const struct node *n);
/* The left side of a comparison as a value. */
void gen_left(struct gen *g, const struct node *n);
/* Whether a condition is known: *out is it. */
bool gen_known(struct gen *g, const struct node *n, bool *out);
/* Code that pushes a variable's value. */
void gen_load(struct gen *g, const struct pv_ref *ref);
/* Code of an action that pushes what it gave: CALL, ROUTE, ASSIGN. */
void gen_action(struct gen *g, const struct node *n);
/* Code after an action: what becomes of what it gave (DONE, DECIDE or KEEP). */
void gen_after(struct gen *g, enum opcode how);

/* ---- gen_set.c ---- */

/* The last of the parts of a chain, from this one on, that are one question: whether a value is one
 * of some texts, or none of them. It may be the part itself. */
const struct node *gen_set_end(const struct node *part);
/* Code that asks it. */
void gen_set(struct gen *g, const struct node *first, const struct node *last);
/* How many ifs, from this one on, each with the next in its else, ask one value for different
 * texts. */
unsigned gen_choices(const struct node *n);
/* Code of so many; ends is the chain of jumps behind them. Returns the last. */
const struct node *gen_choose(struct gen *g, const struct node *n, unsigned count, uint32_t *ends);

/* ---- gen.c ---- */

/* Code of what an if runs, then or else; NULL for none. */
void gen_branch(struct gen *g, const struct node *n);

/* Code of a list of statements. */
void gen_statements(struct gen *g, const struct node *first);
/* Whether no action stands in the list. */
bool gen_is_empty(const struct node *first);
void gen_statement(struct gen *g, const struct node *n);

#endif
