/* The machine that runs a program's routes. Its state is an object on the heap: it can stop in the
 * middle of an expression, be kept, and go on later (DESIGN 3.6). */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_VM_H
#define LANG_VM_H

#include "lang/program.h"

struct vm;

/* Script variables ($var) of one message or transaction. Zeroed memory is an empty set. */
struct vars {
    struct arena *arena; /* where values are kept; set by the owner */
    struct value *slot;
    unsigned count;
    int32_t rc; /* $rc as functions and formats see it; the VM keeps it */
};
/* Copies values into out, whose arena is set already. */
int vars_copy(struct vars *out, const struct vars *in);

enum vm_status {
    VM_DONE,      /* ran to its end, or exit, drop or return did */
    VM_SUSPENDED, /* waits for vm_resume */
    VM_FUEL,      /* stopped: too many steps */
};

/* How the run ended. */
struct vm_result {
    int32_t value; /* of the route */
    bool exited;   /* exit, drop, or a result of 0 */
    bool dropped;  /* drop */
    bool starved;  /* it did not begin: no memory for the machine's stacks */
};

/* A machine; reused for one run after another. max_steps bounds the work of a run. NULL without
 * memory. */
struct vm *vm_new(const struct host *host, uint64_t max_steps);
void vm_free(struct vm *vm);

/* Runs a top-level route for call. The machine must not be running or suspended: what starts a run
 * inside a run, as t_relay() does for a branch_route, takes another one. */
enum vm_status vm_run(struct vm *vm, const struct program *p, int route, struct call *call,
                      struct vm_result *out);
/* Goes on after CALL_SUSPENDED with the function's result. */
enum vm_status vm_resume(struct vm *vm, int result, struct vm_result *out);
/* Gives up a suspended run. */
void vm_abandon(struct vm *vm);

/* Where the run stands, for logs and traces: source file and line. */
struct loc vm_where(const struct vm *vm);
/* Called for each new source line while running, with its place; NULL for none. */
void vm_trace(struct vm *vm, void (*line)(void *user, struct loc at), void *user);

/* ---- for functions and variables of modules ---------------------------------------------------
 */

/* Configuration of the module whose function is running is found by the host; these work with
 * what the compiler prepared. */
/* Evaluates a format that a prepare hook compiled: the text lies in scratch memory. A variable that
 * cannot be read is left away. ERR_LIMIT when it is too long, ERR_NOMEM. */
int format_eval(const struct format *f, struct call *call, const struct host *host,
                struct str *out);
/* Reads and writes a variable. A number that was read has its text too. Writing gives what the
 * variable's set gives: > 0 done, < 0 refused. */
int pv_read(const struct pv_ref *v, struct call *call, const struct host *host, struct value *out);
int pv_write(const struct pv_ref *v, struct call *call, const struct host *host, enum pv_assign op,
             const struct value *in);
/* Finds the regex in text from start on: 1 and the match and groups, 0 none, < 0 error or limit. */
struct regex_match {
    struct str group[10];
};
int regex_find(const struct regex *re, struct str text, size_t start, struct regex_match *m);
/* Applies a substitution to text: how many replacements, 0 none, < 0 error; out in scratch memory.
 */
int subst_apply(const struct subst *s, struct str text, struct call *call, const struct host *host,
                struct str *out);
/* Walks the replacements instead of applying them: for each, the matched piece and its new text. */
int subst_each(const struct subst *s, struct str text, struct call *call, const struct host *host,
               int (*hit)(void *user, struct str piece, struct str with), void *user);

#endif
