/* Hierarchical timer wheel: arming and cancelling cost the same with ten timers or ten million, and
 * no advance has to move many at once. It owns no clock; the caller says what time it is, in
 * milliseconds from any fixed point. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdint.h>

#include "core/base/list.h"

/* A block is what one slot of the next level covers. Each level has room for two, the one that
 * passes and the next, so that a slot can be moved to the finer level bit by bit while the one
 * before it passes. Blocks of 512 ms would move most timers once instead of twice, but then those
 * of 500 ms, which nearly all are cancelled, leave a mark on the finest level, and the worker is
 * woken for nothing.
 */
enum { WHEEL_BITS = 8, WHEEL_LEVELS = 5, WHEEL_SLOTS = 2 << WHEEL_BITS };

/* Lives inside the element; zeroed memory is an unarmed timer. */
struct timer {
    struct list link;
    uint64_t due; /* ms; meaningful while armed */
    void (*fire)(struct timer *t, void *ctx);
};

struct wheel {
    uint64_t now;
    uint64_t armed;                                /* how many timers are armed */
    uint64_t used[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit a slot that may hold a timer */
    uint16_t words[WHEEL_LEVELS];                  /* a bit a word of used that is not 0 */
    uint32_t filed[WHEEL_LEVELS][WHEEL_SLOTS];     /* timers, those cancelled since included */
    struct list slot[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* An empty wheel at time now. */
void wheel_init(struct wheel *w, uint64_t now);
/* Fires at due or as soon after as the wheel is advanced, never before; a due in the past fires at
 * the next advance. Arming an armed timer moves it. */
void wheel_arm(struct wheel *w, struct timer *t, uint64_t due,
               void (*fire)(struct timer *, void *));
/* Does nothing to a timer that is not armed. */
void wheel_cancel(struct wheel *w, struct timer *t);
static inline bool timer_armed(const struct timer *t)
{
    return t->link.next != NULL;
}
/* Lets time pass to now and fires what is due, in order of due time at 1 ms grain; fire may arm and
 * cancel any timer. */
void wheel_advance(struct wheel *w, uint64_t now, void *ctx);
/* A time at or before the next due timer at which to advance again; UINT64_MAX when none is
 * armed. */
uint64_t wheel_next(const struct wheel *w);

#endif
