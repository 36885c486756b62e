/* Making a history that breaks a rule as short as it gets. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_SHORTEN_H
#define SIM_SHORTEN_H

#include "core/sim/world.h"

/* Leaves out mishaps as long as broken() says that the rest still shows it: halves first, then
 * quarters, ... then one after another. m is rearranged; returns how many are left. Tries at most
 * most_runs times. */
unsigned shorten(struct mishap *m, unsigned n,
                 bool (*broken)(void *user, const struct mishap *m, unsigned n), void *user,
                 unsigned most_runs);

#endif
