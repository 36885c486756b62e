/* The form of compiled code: instructions and what they refer to. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_CODE_H
#define LANG_CODE_H

#include "lang/ast.h"
#include "lang/program_priv.h"

enum opcode {
#define OP(name, operands, pops, pushes, doc) OP_##name,
#include "lang/opcode.def"
#undef OP
    OPCODES
};

/* What opcode.def says of an instruction. */
struct op_info {
    const char *name, *operands;
    uint8_t pops, pushes;
    const char *doc;
};
const struct op_info *op_info(unsigned op);

struct insn {
    uint8_t op; /* enum opcode */
    uint8_t a;  /* comparison (enum ast_op), enum pv_assign or log level above LOG_ALERT_ */
    uint16_t b; /* enum operand */
    uint32_t k; /* number, object, slot, route or target */
};

/* Kinds of the objects that instructions name by number. */
enum object_kind {
    OBJECT_VALUE,  /* struct value */
    OBJECT_PV,     /* struct pv_ref */
    OBJECT_REGEX,  /* struct regex */
    OBJECT_CALL,   /* struct call_site */
    OBJECT_NET,    /* struct net */
    OBJECT_HOST,   /* struct str */
    OBJECT_SWITCH, /* struct switch_table */
    OBJECT_TEXTS,  /* struct text_set */
    OBJECT_FORMAT, /* struct format */
};

/* A call in the script. */
struct call_site {
    const struct fn_spec *fn;
    uint8_t n;
    uint8_t given; /* arguments that are not constant: their values lie on the stack, in order */
    struct arg *ready;
    struct call_arg *args;
};

struct net {
    struct ip ip;
    uint8_t bits;
};

/* What one value is compared with: a few texts. */
struct text_set {
    uint32_t n;
    struct str *text;
};

/* A case label; of two equal ones the earlier counts. */
struct switch_case {
    struct value label; /* int-typed or text */
    uint32_t order;     /* in the script */
    uint32_t target;
};

struct switch_table {
    uint32_t n_numbers, n_texts;
    struct switch_case *numbers, *texts; /* sorted */
    uint32_t otherwise;                  /* where no case fits */
    uint32_t end;                        /* behind the switch */
};

/* Where the switch goes for a value. */
uint32_t switch_find(const struct switch_table *t, const struct value *v);
/* Sorts the cases, which come in the order of the script. */
void switch_sort(struct switch_table *t);

/* How many operands an instruction takes off the stack; object is what its k names, or NULL. */
unsigned insn_pops(const struct insn *in, const void *object);

/* The kind of object a letter of opcode.def names; -1 when it names none. */
int operand_object(char letter);

/* Checks that every instruction and everything it names exists, that jumps stay in their route and
 * the stack is balanced and within the route's limit. ERR_INVALID and a sentence otherwise. */
int program_verify(const struct program *p, struct buf *why);
/* Computes the digests of all routes from their code. */
int program_digests(struct program *p);
/* Place of an instruction. */
struct loc program_loc(const struct program *p, uint32_t pc);
/* Writes an instruction as dump and trace show it; targets are numbers from base on. */
void insn_print(const struct program *p, const struct insn *in, uint32_t base, struct buf *out);

#endif
