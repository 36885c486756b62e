/* The checker: what names mean, whether types, places and numbers fit. It fills in the tree's
 * (check) fields and everything of the program but its code. One file a theme: check.c statements,
 * check_expr.c conditions and values, check_call.c functions, check_route.c names of routes,
 * check_graph.c which function may run where, check_recursion.c routes without a way out,
 * check_global.c parameters, check_module.c modules. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_CHECK_H
#define LANG_CHECK_H

#include "lang/ast.h"
#include "lang/program_priv.h"
#include "lang/resolve.h"
#include "lang/source.h"

/* A call of a function, remembered until the call graph is known. */
struct call_use {
    struct call_use *next;
    const struct node *call;
    struct route_def *in;
};

/* route() from one block to another. */
struct route_edge {
    struct route_edge *next;
    struct route_def *from, *to;
    struct loc loc;
};

enum { CHECK_FAILED = 64 }; /* as many names of modules are remembered */

struct checker {
    struct script *script;
    struct program *program;
    const struct catalog *catalog;
    struct diag *diag;
    struct prepare_env *env;

    struct loc *load_loc;            /* by module: where it was loaded */
    struct str failed[CHECK_FAILED]; /* names of modules that could not be loaded */
    unsigned n_failed;
    struct route_def **sorted; /* all routes by kind and name */

    struct route_def *route; /* whose body is being checked */
    unsigned loops;          /* while and switch around the statement */
    struct call_use *uses;
    struct route_edge *edges;

    char error_text[512], hint_text[256]; /* of the last thing prepared */
    struct buf error, hint;
    bool no_memory;
};

/* Checks all of it. Findings go to the script's diag; ERR_OK, or ERR_NOMEM. */
int check_script(struct script *s, struct program *p, struct prepare_env *env);

/* ---- between the files ------------------------------------------------------------------------
 */

/* An error at a place. */
void check_error(struct checker *c, struct loc at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Zeroed memory of the tree's arena; NULL (noted in no_memory) without. */
void *check_alloc(struct checker *c, size_t n);
/* A copy of s that lives as long as the program. */
struct str check_keep(struct checker *c, struct str s);

/* What to hand to a prepare_ function, and what to do with its result: true when it is good, else
 * its complaint is reported, inside the text of n where it said so. */
struct prepare check_begin(struct checker *c);
bool check_prepared(struct checker *c, int rc, const struct prepare *p, const struct node *n);
/* Compiles the variable of a VARIABLE node. */
bool check_variable(struct checker *c, struct node *n);

/* Parameters and addresses of the global section, and the modules. */
void check_global(struct checker *c);
/* Gives the core its configuration. */
void check_core(struct checker *c);
/* loadmodule and modparam, in their order among the items. */
void check_loadmodule(struct checker *c, const struct item *i);
void check_modparam(struct checker *c, const struct item *i);
/* What the modules themselves say to their configurations. */
void check_configurations(struct checker *c);

/* Numbers and names each kind of block can have, and none twice. */
void check_route_names(struct checker *c);
/* The block called name, NULL when there is none. */
struct route_def *check_find_route(const struct checker *c, enum route_kind kind, struct str name);
/* "failure_route[1]", in the tree's arena. */
struct str check_route_title(struct checker *c, const struct route_def *r);
/* Which kinds of top-level blocks lead to which function. */
void check_graph(struct checker *c);
/* Routes that call themselves on every path; for a script without other errors. */
void check_recursion(struct checker *c);

/* Statements from first to the end of the list. */
void check_statements(struct checker *c, struct node *first);
/* One statement with all that is in it. */
void check_statement(struct checker *c, struct node *n);
/* What decides an if or a while: brings it into the forms of lang/ast.h. */
void check_condition(struct checker *c, struct node *n);
/* The right side of an assignment, or what stands in [ ]. */
void check_value(struct checker *c, struct node *n);
/* An assignment: its target can be changed, its value is one. */
void check_assign(struct checker *c, struct node *n);
/* The call of a function: finds it and prepares its arguments. */
void check_call(struct checker *c, struct node *n);
/* route(name): finds the block and remembers who calls it. */
void check_route_call(struct checker *c, struct node *n);
/* Whether name is a function that may be written without brackets. */
bool check_is_command(struct checker *c, struct str name);

#endif
