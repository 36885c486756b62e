/* Looking for races: a test of a scenario is run in worlds whose weather the seed says, the rules
 * of rules.def are checked after each, and a history that breaks one is made as short as it gets.
 */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_EXPLORE_H
#define SIM_EXPLORE_H

#include "core/sim/check.h"
#include "core/sim/scenario.h"

/* A history that broke a rule. */
struct race {
    bool broken;
    struct violation violation;
    struct mishap *mishaps; /* those it takes, in their order */
    unsigned n;
    bool shuffled; /* it takes another order of what happens in one ms */
    unsigned runs; /* it took to make it short */
};

struct explore_conf {
    const struct module_set *set;
    struct config *config; /* of the scenario's script; stays the caller's */
    uint64_t seed;
    const struct mishap *plan; /* exactly these, instead of what the seed says; may be NULL */
    unsigned n_plan;
};

/* Runs a test once under a seed. What was broken is in out, which race_free empties, its history
 * made short. ERR_OK, also when a rule was broken; or why it could not be run. */
int explore(const struct scenario *s, unsigned test, const struct explore_conf *conf,
            struct race *out);
void race_free(struct race *r);
/* Shows it: the rule, the mishaps in words and as an argument of --plan, the ladder. */
void race_print(const struct scenario *s, unsigned test, const struct explore_conf *conf,
                const struct race *r, FILE *out);
/* Reads what race_print wrote for --plan. The array is the caller's to free. ERR_OK, ERR_NOMEM or
 * ERR_SYNTAX. */
int plan_parse(struct mishap **out, unsigned *n, struct str text);

#endif
