/* What happened in a world, to be shown to people: every packet and every script line that decided,
 * in the order of time, drawn as a ladder. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_LADDER_H
#define SIM_LADDER_H

#include <stdio.h>

#include "core/sim/world.h"

struct ladder;

/* Watches a world from now on; its memory lies in the arena. NULL without memory. */
struct ladder *ladder_new(struct arena *a, struct world *w);
/* Stops watching; what was seen stays. */
void ladder_stop(struct ladder *l);
/* A column: who is at an address, or the proxy itself (several addresses may have one name). */
void ladder_column(struct ladder *l, struct str name, const struct addr *at);
/* A remark of the test's author or runner, at the present time. */
void ladder_note(struct ladder *l, struct str text);
/* Draws it; the middle of a long one is left out. */
void ladder_print(const struct ladder *l, FILE *out);
/* Draws all of it. */
void ladder_print_whole(const struct ladder *l, FILE *out);
/* One line a message, "INVITE alice > proxy", without times: to compare two runs. */
void ladder_digest(const struct ladder *l, struct buf *out);

#endif
