/* Looking for races: a test of a scenario is run in worlds whose weather the seed says, the rules
 * of rules.def are checked after each, and a history that breaks one is made as short as it gets
 * and printed as a scenario.
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
    bool drawn;    /* they are not enough: it takes all of the seed's weather */
    bool orders;   /* fair weather but for the order of what happens at the same time
                      (explore_orders) */
    bool quick;    /* with the quick configuration */
    unsigned runs; /* it took to make it short */
};

struct explore_conf {
    const struct module_set *set;
    struct config *config; /* of the scenario's script; stays the caller's */
    struct config *quick;  /* scenario_config_quick, or NULL */
    uint64_t seed;
};

/* Runs a test once in the weather of a seed. What was broken is in out, which race_free empties,
 * its history made short. ERR_OK, also when a rule was broken; or why it could not be run. */
int explore(const struct scenario *s, unsigned test, const struct explore_conf *conf,
            struct race *out);
/* Runs a test in fair weather in every order of what happens at the same time, those first that
 * differ least from the order of planning, until a rule is broken or `most` were run; *runs says
 * how many, *all whether there was none left. As explore. */
int explore_orders(const struct scenario *s, unsigned test, const struct explore_conf *conf,
                   uint64_t most, uint64_t *runs, bool *all, struct race *out);
void race_free(struct race *r);
/* Prints it as a scenario with the one test, which fails: the rule and the ladder are comments. */
void race_print(const struct scenario *s, unsigned test, const struct explore_conf *conf,
                const struct race *r, FILE *out);

#endif
