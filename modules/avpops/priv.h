/* Inside of the avpops module: what its functions are given, compiled. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_AVPOPS_PRIV_H
#define MODULES_AVPOPS_PRIV_H

#include "core/module.h"

extern const struct module avpops_module;

/* Letters behind the last slash of an argument. */
enum avpops_flag {
    AVPOPS_ALL = 1,     /* g */
    AVPOPS_DELETE = 2,  /* d */
    AVPOPS_NUMBER = 4,  /* n */
    AVPOPS_TEXT = 8,    /* s */
    AVPOPS_NOCASE = 16, /* i */
    AVPOPS_EMPTY = 32,  /* e */
};

/* A variable with flags: "$avp(s:x)/g". */
struct operand_arg {
    const struct pv_ref *pv;   /* NULL with class */
    const struct pv_ref *dest; /* second variable ("$avp(a)/$avp(b)"), or NULL */
    bool is_avp;               /* pv is an AVP without index: it may have many values */
    char class;                /* avp_delete: s, i or a for all, else 0 */
    uint8_t class_flags;       /* user flags those must have, 0 for any */
    unsigned flags;            /* enum avpops_flag */
};

/* Row: id, spelling. Of avp_check first, of avp_op behind, of both in between. */
#define AVPOPS_OPERATOR_LIST(X)                                                                    \
    X(EQ, "eq")                                                                                    \
    X(NE, "ne")                                                                                    \
    X(LT, "lt")                                                                                    \
    X(LE, "le")                                                                                    \
    X(GT, "gt")                                                                                    \
    X(GE, "ge")                                                                                    \
    X(RE, "re")                                                                                    \
    X(FM, "fm")                                                                                    \
    X(AND, "and")                                                                                  \
    X(OR, "or")                                                                                    \
    X(XOR, "xor")                                                                                  \
    X(ADD, "add")                                                                                  \
    X(SUB, "sub")                                                                                  \
    X(MUL, "mul")                                                                                  \
    X(DIV, "div")                                                                                  \
    X(MOD, "mod")                                                                                  \
    X(NOT, "not")

enum avpops_operator {
#define X(id, spelling) AVPOPS_##id,
    AVPOPS_OPERATOR_LIST(X)
#undef X
        AVPOPS_OPERATORS
};

/* "op/value/flags". */
struct value_arg {
    enum avpops_operator op;
    const struct pv_ref *pv; /* NULL: constant counts */
    bool is_avp;
    struct value constant;
    const struct regex *regex; /* with AVPOPS_RE */
    unsigned flags;
};

/* Where avp_pushto writes. */
enum push_target { PUSH_URI, PUSH_USER, PUSH_DOMAIN, PUSH_DST, PUSH_BRANCH };

/* parse.c: prepare hooks. Arguments become struct operand_arg or struct value_arg. */
int avpops_prepare_delete(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int avpops_prepare_copy(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int avpops_prepare_pushto(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int avpops_prepare_check(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int avpops_prepare_op(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int avpops_prepare_subst(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int avpops_prepare_set(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int avpops_prepare_write(struct prepare *p, unsigned argn, struct str text, struct arg *out);
/* A function as scripts call it; what each does stands in its row in avpops.c. */
typedef int script_function(struct call *c, const struct arg *args, unsigned n);

/* list.c: which values there are. */
script_function avpops_delete, avpops_copy, avpops_pushto, avpops_write, avpops_is_set,
    avpops_print;
/* compute.c: what they are. */
script_function avpops_check, avpops_op, avpops_subst;

/* A walk over what an argument stands for: every value of an AVP, newest first, or the one value of
 * another variable. */
struct values {
    const struct avp *at;
    struct avp_name name;
    struct value one;
    bool avp, done;
};
/* False when there is no value at all; then values_now is not to be called. */
bool values_first(struct values *w, struct call *c, const struct pv_ref *pv, bool is_avp);
bool values_next(struct values *w, const struct call *c);
const struct value *values_now(const struct values *w);

/* Whether a value is a number rather than a text. */
static inline bool is_number(const struct value *v)
{
    return (v->flags & VAL_TYPED) != 0;
}

#endif
