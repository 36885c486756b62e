/* Data that is replaced whole while others read it. */
/* SPDX-License-Identifier: MIT */
#include "core/base/snapshot.h"

#include <stdlib.h>

struct snapshot_old {
    struct snapshot_old *next;
    void *data;
    unsigned passed;                          /* workers that have been at their loop since */
    uint64_t seen[SNAPSHOT_MAX_WORKERS / 64]; /* which */
};

bool snapshot_init(struct snapshot *s, void (*free_data)(void *data))
{
    s->free = free_data;
    s->old = NULL;
    atomic_init(&s->current, NULL);
    atomic_init(&s->waiting, 0);
    return pthread_mutex_init(&s->lock, NULL) == 0;
}

void snapshot_end(struct snapshot *s)
{
    void *data = atomic_load(&s->current);
    while (s->old) {
        struct snapshot_old *o = s->old;
        s->old = o->next;
        s->free(o->data);
        free(o);
    }
    if (data)
        s->free(data);
    pthread_mutex_destroy(&s->lock);
}

void snapshot_set(struct snapshot *s, void *data)
{
    void *was = atomic_exchange_explicit(&s->current, data, memory_order_acq_rel);
    struct snapshot_old *o = was ? calloc(1, sizeof *o) : NULL;
    if (!o)
        return; /* without memory for the note it is never freed: better than too early */
    o->data = was;
    pthread_mutex_lock(&s->lock);
    o->next = s->old;
    s->old = o;
    atomic_fetch_add(&s->waiting, 1);
    pthread_mutex_unlock(&s->lock);
}

/* Notes that the worker has passed; whether all have. */
static bool all_passed(struct snapshot_old *o, unsigned worker, unsigned workers)
{
    uint64_t bit = (uint64_t)1 << worker % 64, *seen = &o->seen[worker / 64];
    if (!(*seen & bit)) {
        *seen |= bit;
        o->passed++;
    }
    return o->passed >= workers;
}

void snapshot_pass(struct snapshot *s, unsigned worker, unsigned workers)
{
    if (worker >= SNAPSHOT_MAX_WORKERS || atomic_load(&s->waiting) == 0)
        return;
    pthread_mutex_lock(&s->lock);
    for (struct snapshot_old **at = &s->old; *at;) {
        struct snapshot_old *o = *at;
        if (!all_passed(o, worker, workers)) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        atomic_fetch_sub(&s->waiting, 1);
        s->free(o->data);
        free(o);
    }
    pthread_mutex_unlock(&s->lock);
}
