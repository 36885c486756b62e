/* Inside of the machine: its state, and the operations on values it is made of. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_VM_PRIV_H
#define LANG_VM_PRIV_H

#include "lang/code.h"
#include "lang/regex.h"
#include "lang/vm.h"

enum {
    VAL_FAILED = 128,      /* flag of a value on the stack: it could not be read or computed */
    VALUE_TEXT_MAX = 65535 /* texts grow no longer by + */
};
#define VALUE_FAILED ((struct value){VAL_FAILED, 0, {NULL, 0}})

/* Results of conditions. */
enum { COND_ERROR = -1, COND_FALSE = 0, COND_TRUE = 1 };

/* ---- vm_value.c ---- */

/* left op right for OP_ADD to OP_SHR; new texts go to a. An error when it has no value. */
int value_arith(enum opcode op, const struct value *left, const struct value *right,
                struct arena *a, struct value *out);
/* ~v; false when v is no number. */
bool value_complement(const struct value *v, struct value *out);
/* The comparisons of opcode.def; op is an enum ast_op, results are conditions. */
int value_compare_int(unsigned op, const struct value *left, int32_t right);
int value_compare_text(unsigned op, const struct value *left, const struct value *right);
int value_compare(unsigned op, const struct value *left, const struct value *right);
int value_among(unsigned op, const struct value *left, const struct text_set *set);
int value_is_nil(unsigned op, const struct value *v);
/* re NULL: a pattern that could not be compiled. */
int value_match(unsigned op, const struct value *subject, const struct regex *re);
int value_truth(const struct value *v);
int value_test(const struct value *v);
/* The answer to == turned into that to op (== or !=); errors stay. */
int condition_for(unsigned op, int equal);
/* What return($v) returns. */
int32_t value_returned(const struct value *v);

/* ---- vm_call.c ---- */

/* Makes a call with the values of the arguments that are no constants. */
int call_function(const struct call_site *site, const struct value *given, struct call *call,
                  const struct host *host);

/* ---- the machine ---- */

enum {
    VM_MAX_DEPTH = 100,
    VM_SLICE = 512,            /* steps between two looks at the budget */
    VM_MAX_SCRATCH = 16 << 20, /* bytes of scratch memory a message may take */
};

/* A route that is running. */
struct frame {
    uint32_t back; /* where its caller goes on */
    uint32_t base; /* operands of its callers */
};

struct vm {
    const struct host *host;
    const struct program *p;
    struct call *call;
    struct value *stack;
    uint32_t sp, stack_cap;
    struct frame *frames;
    uint32_t depth, frame_cap;
    uint32_t pc;
    int32_t last, cond;
    uint64_t max_steps, steps; /* steps: left, beside those of the present slice */
    bool suspended;
    struct regex_cache *patterns; /* made when first needed */
    void (*trace)(void *user, struct loc at);
    void *trace_user;
    struct loc traced;
};

#endif
