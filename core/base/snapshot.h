/* Data that is replaced whole while others read it: tables held in memory, reloaded now and then.
 * Reading is one load and takes no lock. A reader may use what it got until it returns to its
 * worker's loop; what was replaced is freed when every worker has been there since. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_SNAPSHOT_H
#define BASE_SNAPSHOT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SNAPSHOT_MAX_WORKERS = 128 };

struct snapshot_old;

struct snapshot {
    _Atomic(void *) current; /* never looked at but by snapshot_get */
    void (*free)(void *data);
    atomic_uint waiting;  /* how many were replaced and not freed: mostly none, and no lock then */
    pthread_mutex_t lock; /* of what follows */
    struct snapshot_old *old;
};

/* Begins with nothing: snapshot_get gives NULL. Data handed over is freed by free. False without
 * the means for a lock. */
bool snapshot_init(struct snapshot *s, void (*free)(void *data));
/* Frees all of it; no worker may be reading. */
void snapshot_end(struct snapshot *s);
/* What is in force, or NULL. */
static inline const void *snapshot_get(const struct snapshot *s)
{
    return atomic_load_explicit(&((struct snapshot *)(uintptr_t)s)->current, memory_order_acquire);
}
/* Puts data, which is s's from now on, in the place of what there was. Any thread. */
void snapshot_set(struct snapshot *s, void *data);
/* This worker of so many is at its loop and reads nothing: to be called now and then on each. */
void snapshot_pass(struct snapshot *s, unsigned worker, unsigned workers);

#endif
