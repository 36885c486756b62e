/* Timer wheel of five levels with 256 slots each: 1 ms, 256 ms, 65 s, 4.6 h, 49 days a slot. */
/* SPDX-License-Identifier: MIT */
#include "core/base/wheel.h"

#include <string.h>

enum { MASK = WHEEL_SLOTS - 1 };

static unsigned shift_of(unsigned level)
{
    return level * WHEEL_BITS;
}

static void mark(struct wheel *w, unsigned level, unsigned slot)
{
    w->used[level][slot / 64] |= (uint64_t)1 << (slot % 64);
}

static void unmark(struct wheel *w, unsigned level, unsigned slot)
{
    w->used[level][slot / 64] &= ~((uint64_t)1 << (slot % 64));
}

void wheel_init(struct wheel *w, uint64_t now)
{
    memset(w, 0, sizeof *w);
    w->now = now;
    for (unsigned l = 0; l < WHEEL_LEVELS; l++)
        for (unsigned s = 0; s < WHEEL_SLOTS; s++)
            list_init(&w->slot[l][s]);
}

/* Files the timer by how far off it is. due must be at or after now. */
static void place(struct wheel *w, struct timer *t)
{
    unsigned level = 0;
    while (level < WHEEL_LEVELS - 1 && (t->due ^ w->now) >> shift_of(level + 1))
        level++;
    unsigned slot = (unsigned)(t->due >> shift_of(level)) & MASK;
    list_append(&w->slot[level][slot], &t->link);
    mark(w, level, slot);
}

void wheel_arm(struct wheel *w, struct timer *t, uint64_t due, void (*fire)(struct timer *, void *))
{
    wheel_cancel(w, t);
    t->fire = fire;
    /* the slot of now has been emptied already: the earliest that can still fire is the next */
    t->due = due > w->now ? due : w->now + 1;
    place(w, t);
    w->armed++;
}

/* Slot bits stay set until the slot is visited: cheaper than looking for emptiness here. */
void wheel_cancel(struct wheel *w, struct timer *t)
{
    if (!timer_armed(t))
        return;
    list_remove(&t->link);
    t->link.next = t->link.prev = NULL;
    w->armed--;
}

/* Number of slots from `from` (exclusive) to the next marked one in this level, wrapping not;
 * 0 when there is none before the end of the level. */
static unsigned next_marked(const struct wheel *w, unsigned level, unsigned from)
{
    for (unsigned s = from + 1; s < WHEEL_SLOTS;) {
        uint64_t bits = w->used[level][s / 64] >> (s % 64);
        if (bits)
            return s + (unsigned)__builtin_ctzll(bits) - from;
        s = (s / 64 + 1) * 64;
    }
    return 0;
}

uint64_t wheel_next(const struct wheel *w)
{
    if (w->armed == 0)
        return UINT64_MAX;
    for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
        unsigned at = (unsigned)(w->now >> shift_of(l)) & MASK;
        unsigned skip = next_marked(w, l, at);
        if (skip)
            return ((w->now >> shift_of(l)) + skip) << shift_of(l);
    }
    /* all that is left lies beyond a wrap of the highest level */
    return ((w->now >> shift_of(WHEEL_LEVELS)) + 1) << shift_of(WHEEL_LEVELS);
}

/* Spreads the slot of level that now has entered over the finer levels. */
static void cascade(struct wheel *w, unsigned level)
{
    unsigned slot = (unsigned)(w->now >> shift_of(level)) & MASK;
    struct list *head = &w->slot[level][slot];
    struct list all;
    unmark(w, level, slot);
    if (list_empty(head))
        return;
    all = *head; /* take the chain over, so that a timer may come back to this very slot */
    all.next->prev = &all;
    all.prev->next = &all;
    list_init(head);
    while (!list_empty(&all)) {
        struct timer *t = container_of(all.next, struct timer, link);
        list_remove(&t->link);
        place(w, t);
    }
}

static void fire_slot(struct wheel *w, void *ctx)
{
    unsigned slot = (unsigned)w->now & MASK;
    struct list *head = &w->slot[0][slot];
    unmark(w, 0, slot);
    while (!list_empty(head)) {
        struct timer *t = container_of(head->next, struct timer, link);
        list_remove(&t->link);
        t->link.next = t->link.prev = NULL;
        w->armed--;
        t->fire(t, ctx);
    }
}

void wheel_advance(struct wheel *w, uint64_t now, void *ctx)
{
    while (w->now < now) {
        uint64_t next = wheel_next(w);
        if (next > now) {
            w->now = now;
            return;
        }
        w->now = next;
        for (unsigned l = WHEEL_LEVELS - 1; l > 0; l--)
            if ((w->now & (((uint64_t)1 << shift_of(l)) - 1)) == 0)
                cascade(w, l);
        fire_slot(w, ctx);
    }
}
