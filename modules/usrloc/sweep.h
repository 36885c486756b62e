/* Freeing contacts that have run out, a little at a time. Inside of the usrloc module. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_SWEEP_H
#define USRLOC_SWEEP_H

#include "core/module.h"
#include "modules/usrloc/table.h"

enum { SWEEP_WORKERS = 128 };

/* A worker's share of the work of one second. Zeroed memory has none. */
struct sweep {
    struct locations *locations;
    struct loop *loop;
    struct timer timer; /* for the next piece */
    struct sweep_place at;
    unsigned part, parts;
    size_t step; /* addresses a piece */
    uint32_t now;
};

/* Once a second on a worker, its number index of workers: begins with the part of the tables whose
 * turn it is, so that all have had theirs after interval s. Each piece of it is small beside the
 * time until the next, in which the worker does other things; what the last second has left is done
 * first. now is in s since 1970. */
void sweep_second(struct sweep *s, struct locations *l, struct loop *loop, uint32_t now,
                  unsigned index, unsigned workers, unsigned interval);
/* The worker ends, on its thread. */
void sweep_stop(struct sweep *s);

#endif
