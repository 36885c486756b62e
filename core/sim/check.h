/* What must be true of a SIP proxy whatever happens, checked from outside: by what came to it and
 * what it sent, packet by packet, and by what is left of it at the end. The rules stand in
 * rules.def, each with where it comes from. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "core/sim/world.h"

struct check;

/* A rule that was broken. */
struct violation {
    const char *rule;   /* its name */
    const char *means;  /* its sentence */
    const char *source; /* where it comes from */
    uint64_t at;        /* ms */
    uint64_t packet;    /* number of the packet that showed it, 0: none */
    char text[200];     /* what happened */
};

/* Watches a world from now on; before anything has happened. NULL without memory. */
struct check *check_new(struct world *w);
/* To be called when the world has settled: what is left? Once. */
void check_end(struct check *c);
/* Whether only what is left at the end counts: where memory runs out, calls may go wrong. */
void check_only_rest(struct check *c, bool on);
/* Frees it; before the world. */
void check_free(struct check *c);

/* How often a rule was broken; v (may be NULL) gets the first ones, at most CHECK_KEPT. */
unsigned check_violations(const struct check *c, const struct violation **v);
enum { CHECK_KEPT = 8 };
/* Server transactions that it has seen. */
uint64_t check_transactions(const struct check *c);

#endif
