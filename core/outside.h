/* Scenarios against the program itself: a real process on loopback, real sockets, real time. The
 * parties live in a world as always; what they send to the proxy's address leaves it, what comes
 * from there enters it. */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_OUTSIDE_H
#define CORE_OUTSIDE_H

#include "core/sim/scenario.h"

struct outside;

/* For the scenario's script on its first listen= address. NULL without memory. */
struct outside *outside_new(const struct scenario *s, const struct program *p);
void outside_free(struct outside *o);
const struct scenario_driver *outside_driver(struct outside *o);
/* Why start failed; empty when it did not. */
struct str outside_trouble(const struct outside *o);

#endif
