/* A look at a call that a script has left: for observers of runs (world.h). Apart from the rest of
 * core/sim, since what a party is means something else in calls. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_LOOK_H
#define SIM_LOOK_H

#include "core/base/arena.h"
#include "lang/program.h"

enum flag_kind { FLAG_MESSAGE, FLAG_BRANCH, FLAG_SCRIPT };

/* The version of the script that the call runs under. */
const struct program *look_program(const struct call *c);
/* Whether the flag is set; of branch flags those of the Request-URI. */
bool look_flag(const struct call *c, enum flag_kind kind, unsigned n);
/* Writes the variable's text to out; false when it is null or cannot be read. The call stays as it
 * is. */
bool look_variable(struct call *c, const struct pv_ref *v, struct buf *out);

#endif
