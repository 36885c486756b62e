/* The weather of a world: what `signalbox explore` draws from a seed, and what a scenario that
 * shows a race again says instead. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_WEATHER_H
#define SIM_WEATHER_H

#include "core/sim/world.h"

enum { WEATHER_EVENTS = 3 };

struct weather {
    struct link link; /* every link */
    bool shuffle;     /* what is due in one ms happens in any order */
    bool quick;       /* tm's timers are short, where there is a script with such */
    bool small;       /* the engines' tables begin with two buckets */
    bool lasting;     /* memory runs out: calls may go wrong, only what is left counts */
    bool exact;       /* the plan is all that goes wrong; else it happens besides what is drawn */
    const struct mishap *plan;
    unsigned n_plan;
    struct mishap event[WEATHER_EVENTS]; /* where a drawn plan lies */
};

/* What the seed says: from fair to foul. One in four has no loss, so that orders alone matter; few
 * have damaged packets, tiny tables, a reload, a jump of the clock or a time without memory. */
void weather_draw(struct weather *out, uint64_t seed);
/* Whether memory runs out in it. */
bool weather_starves(const struct weather *w);
/* Makes it; before anything has happened. ERR_NOMEM. */
int weather_begin(const struct weather *weather, struct world *w);

#endif
