/* Which lines and branches of a script ran, over any number of worlds. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_COVERAGE_H
#define SIM_COVERAGE_H

#include <stdio.h>

#include "core/sim/world.h"

struct coverage;

/* Watches for the lines of p, which must live as long as this does. NULL without memory. */
struct coverage *coverage_new(const struct program *p);
/* From now on it is another compilation of the same script that runs, which must live until
 * coverage_watch's world has ended; counts go on. False when the scripts differ: their names, or a
 * line of code. */
bool coverage_same(struct coverage *c, const struct program *p);
void coverage_free(struct coverage *c);
/* Watches a world (world_conf.lines) until it ends. */
void coverage_watch(struct coverage *c, struct world *w);
/* A line with the sums, then the lines that never ran and the conditions that were never true or
 * never false. */
void coverage_print(const struct coverage *c, FILE *out);
/* The same as a page: each source line with how often it ran. */
void coverage_html(const struct coverage *c, FILE *out);

#endif
