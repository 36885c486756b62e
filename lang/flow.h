/* Data flow over a script that has no errors: what may have happened at each place, through all
 * calls of routes. It finds what is allowed and still goes wrong, and reports it as warnings.
 *
 * A state says for each fact whether it may hold at a place: once for the case that it did not hold
 * where the route begins, once for the case that it did. So the states at the end of a route are
 * its summary, whoever calls it. The steps (flow.c): 1 summaries of all routes, called ones first;
 *   2 the states each route can be entered with, callers first;
 *   3 a last walk with these, in which warnings are given.
 * One file a theme: flow_walk.c statements and conditions, flow_call.c what functions do,
 * flow_vars.c reading and writing variables, flow_uri.c the R-URI's scheme, flow_end.c ends of the
 * script and routes as wholes, flow_shape.c and flow_values.c what can be seen without states. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_FLOW_H
#define LANG_FLOW_H

#include "lang/check.h"
#include "lang/pv.h"
#include "lang/warning.h"

/* "May be": each is 1 when there is a path on which it holds. */
enum flow_fact {
    FACT_SILENT = 1,       /* nothing answered or sent the request on */
    FACT_FRESH = 2,        /* no action has run */
    FACT_UNSENT = 4,       /* the request was not sent on */
    FACT_BRANCH_WAITS = 8, /* append_branch() ran and nothing was sent since */
    FACT_NO_BRANCH = 16,   /* in a failure or reply route: no branch was added */
    FACT_ANSWERED = 32,    /* a final answer was given */
    FACT_APART = 64,       /* no branch was added, or the target changed since */
    FACT_BEGUN = 128,      /* the transaction was made by hand */
    FACT_SIPS = 256,   /* a condition, or an assignment, said that the R-URI begins with sips: */
    FACT_TEL = 512,    /* with tel: */
    FACT_PHONE = 1024, /* that it has user=phone */
};

enum {
    FLOW_WORDS = 8,
    FLOW_FIRST_VAR = 16,                          /* bits before it are facts */
    FLOW_VARS = FLOW_WORDS * 64 - FLOW_FIRST_VAR, /* $var beyond that many are not followed */
};

struct flow_state {
    bool live;                   /* there is a path to here */
    uint64_t may[2][FLOW_WORDS]; /* [0]: if it did not hold at the beginning, [1]: if it did */
};

/* A route block. */
struct flow_route {
    struct route_def *def;
    struct flow_state yes, no; /* where its result is > 0, and < 0 */
    struct flow_state entry;   /* what may hold where it begins */
    bool ends;                 /* on some path it ends the script */
    bool tested;               /* its result decides something */
    bool done;                 /* its summary is there */
    unsigned does;             /* enum fn_flag of what it and the routes it calls run */
    const struct node *target; /* first change of the target */
};

struct flow {
    struct checker *c;
    struct diag *diag;
    struct flow_route *routes; /* by index */
    struct flow_route **order; /* called ones first */
    unsigned n;
    struct flow_route *now;       /* whose body is walked */
    struct flow_state at;         /* where the walk stands */
    struct flow_state *breaks;    /* where break goes on */
    const struct node *killer;    /* what ended the last path */
    unsigned loops;               /* while around the statement */
    bool speak;                   /* the last walk: warnings are given */
    bool circles;                 /* routes call one another in a circle */
    bool changed;                 /* a state of a route, in this round */
    uint64_t written[FLOW_WORDS]; /* variables some request route writes */
    struct flow_state given;      /* where a message begins: what the settings leave unwritten */
    uint64_t told[FLOW_WORDS];    /* variables a warning was given for */
};

/* Looks at a script without errors and reports warnings. */
void flow_check(struct checker *c);

/* ---- between the files ------------------------------------------------------------------------
 */

/* A warning at a place, in the last walk only. */
void flow_warn(struct flow *f, enum warning w, struct loc at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Either path: what may hold on one may hold. Whether `to` changed. */
bool flow_join(struct flow_state *to, const struct flow_state *from);
/* Whether a fact may hold here. */
static inline bool flow_may(const struct flow_state *s, enum flow_fact fact)
{
    return s->live && s->may[0][0] & (uint64_t)fact;
}
static inline void flow_set(struct flow_state *s, unsigned facts)
{
    s->may[0][0] |= facts;
    s->may[1][0] |= facts;
}
static inline void flow_clear(struct flow_state *s, unsigned facts)
{
    s->may[0][0] &= ~(uint64_t)facts;
    s->may[1][0] &= ~(uint64_t)facts;
}

/* Whether a message, reply or event enters the script here. */
static inline bool flow_is_top(const struct route_def *r)
{
    return r->kind != ROUTE_REQUEST || (r->numeric && str_eq(r->name, STR("0")));
}
/* Walks the body of f->now from f->at on. */
void flow_body(struct flow *f);
/* One statement: moves f->at behind it. */
void flow_statement(struct flow *f, const struct node *n);
/* A call of a function or a route whose result is tested or not. */
void flow_call(struct flow *f, const struct node *n, bool tested, struct flow_state *yes,
               struct flow_state *no);
void flow_route_call(struct flow *f, const struct node *n, bool tested, struct flow_state *yes,
                     struct flow_state *no);
/* Where a condition is true, and where not, the request is one that nobody waits an answer to. */
void flow_refine(const struct node *n, struct flow_state *yes, struct flow_state *no);
/* The same for what a condition says of the R-URI's scheme. */
void flow_refine_uri(const struct node *n, struct flow_state *yes, struct flow_state *no);
/* A function, or the variable that is assigned to, changes the R-URI: a warning where the reference
 * would change its scheme, too. text is its argument, or nothing when that is not constant. */
void flow_uri_changes(struct flow *f, const struct node *n, const char *name, struct str text);
/* The script ends at this place. */
void flow_end(struct flow *f, struct loc at);

/* Variables that are read in an expression, an argument, an assignment. */
void flow_read(struct flow *f, const struct pv_ref *v, struct loc at);
void flow_read_arg(struct flow *f, const struct node *call, unsigned i, const struct node *a);
void flow_write_first(struct flow *f, const struct node *call);
void flow_assign(struct flow *f, const struct node *n);
void flow_value(struct flow *f, const struct node *n);

/* Takes out the variables that modparam("cfgutils", "varset", ...) gives a value. */
void flow_given(struct flow *f, struct flow_state *s);

/* Routes as wholes: never called, never armed, failure routes that go nowhere. */
void flow_routes(struct flow *f);
/* What needs no states: whole conditions, values, switches, spellings. */
void flow_shapes(struct flow *f);
/* A comparison that cannot vary, or that the reference sees otherwise. */
void flow_compare(struct flow *f, const struct node *n);
/* Conditions joined by && and ||: mixed, or never true together. */
void flow_chain(struct flow *f, const struct node *n);
/* Arithmetic that the reference reads otherwise. */
void flow_arith(struct flow *f, const struct node *n);
/* A text that looks as if the variables in it were expanded. */
void flow_literal(struct flow *f, const struct node *text, struct str s);

#endif
