/* Timer wheel of five levels: 1 ms, 256 ms, 65 s, 4.6 h, 49 days a slot. */
/* SPDX-License-Identifier: MIT */
#include "core/base/wheel.h"

#include <string.h>

enum { MASK = WHEEL_SLOTS - 1, LEAST_MOVED = 8 };

static unsigned shift_of(unsigned level)
{
    return level * WHEEL_BITS;
}

static unsigned slot_of(uint64_t time, unsigned level)
{
    return (unsigned)(time >> shift_of(level)) & MASK;
}

static void mark(struct wheel *w, unsigned level, unsigned slot)
{
    w->used[level][slot / 64] |= (uint64_t)1 << (slot % 64);
    w->words[level] |= (uint16_t)(1u << slot / 64);
    w->filed[level][slot]++;
}

static void unmark(struct wheel *w, unsigned level, unsigned slot)
{
    w->used[level][slot / 64] &= ~((uint64_t)1 << (slot % 64));
    if (w->used[level][slot / 64] == 0)
        w->words[level] &= (uint16_t) ~(1u << slot / 64);
    w->filed[level][slot] = 0;
}

static bool marked(const struct wheel *w, unsigned level, unsigned slot)
{
    return w->used[level][slot / 64] >> (slot % 64) & 1;
}

void wheel_init(struct wheel *w, uint64_t now)
{
    memset(w, 0, sizeof *w);
    w->now = now;
    for (unsigned l = 0; l < WHEEL_LEVELS; l++)
        for (unsigned s = 0; s < WHEEL_SLOTS; s++)
            list_init(&w->slot[l][s]);
}

/* The next timer of a slot, before anything is done with the first: what has lain for long is in no
 * cache. */
static void fetch_next(const struct timer *t)
{
    __builtin_prefetch(t->link.next, 1);
}

/* Files the timer on the finest level that has its block: the one of now or the next. due must be
 * at or after now. */
static void place(struct wheel *w, struct timer *t)
{
    unsigned level = 0;
    while (level < WHEEL_LEVELS - 1 &&
           (t->due >> shift_of(level + 1)) - (w->now >> shift_of(level + 1)) > 1)
        level++;
    unsigned slot = slot_of(t->due, level);
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

/* Number of slots from `from` (exclusive) on, around the ring, to the next marked one; 0 when there
 * is none but perhaps `from` itself. */
static unsigned next_marked(const struct wheel *w, unsigned level, unsigned from)
{
    const unsigned words = WHEEL_SLOTS / 64;
    unsigned s = (from + 1) & MASK;
    uint64_t bits = w->used[level][s / 64] >> (s % 64) << (s % 64);
    for (unsigned word = s / 64, seen = 0; seen <= words; seen++) {
        if (bits)
            return (word * 64 + (unsigned)__builtin_ctzll(bits) - from) & MASK;
        word = (word + 1) % words;
        bits = w->used[level][word];
    }
    return 0;
}

uint64_t wheel_next(const struct wheel *w)
{
    uint64_t least = UINT64_MAX;
    if (w->armed == 0)
        return least;
    for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
        if (w->words[l] == 0)
            continue;
        unsigned skip = next_marked(w, l, slot_of(w->now, l));
        /* what is filed where now is, on the highest level, comes around */
        uint64_t at = ((w->now >> shift_of(l)) + (skip ? skip : WHEEL_SLOTS)) << shift_of(l);
        if (at < least)
            least = at;
    }
    return least;
}

/* Moves the slot that now has entered to the finer levels. */
static void cascade(struct wheel *w, unsigned level)
{
    unsigned slot = slot_of(w->now, level);
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

/* Moves some of the slots that come next, as many as fits to the time that has passed: each is
 * empty when half of the slot before it is over. */
static void move_ahead(struct wheel *w, uint64_t passed)
{
    for (unsigned l = 1; l < WHEEL_LEVELS; l++) {
        unsigned slot = (slot_of(w->now, l) + 1) & MASK;
        if (!marked(w, l, slot))
            continue;
        uint64_t n = (w->filed[l][slot] * passed >> (shift_of(l) - 1)) + LEAST_MOVED;
        struct list *head = &w->slot[l][slot];
        while (n-- && !list_empty(head)) {
            struct timer *t = container_of(head->next, struct timer, link);
            /* on the highest level it may be of another round */
            if ((t->due >> shift_of(l)) - (w->now >> shift_of(l)) > 1)
                break;
            fetch_next(t);
            list_remove(&t->link);
            place(w, t);
        }
        if (list_empty(head))
            unmark(w, l, slot);
    }
}

static void fire_slot(struct wheel *w, void *ctx)
{
    unsigned slot = slot_of(w->now, 0);
    struct list *head = &w->slot[0][slot];
    unmark(w, 0, slot);
    while (!list_empty(head)) {
        struct timer *t = container_of(head->next, struct timer, link);
        fetch_next(t);
        list_remove(&t->link);
        t->link.next = t->link.prev = NULL;
        w->armed--;
        t->fire(t, ctx);
    }
}

void wheel_advance(struct wheel *w, uint64_t now, void *ctx)
{
    uint64_t before = w->now;
    while (w->now < now) {
        uint64_t next = wheel_next(w);
        if (next > now) {
            w->now = now;
            break;
        }
        w->now = next;
        for (unsigned l = WHEEL_LEVELS - 1; l > 0; l--)
            if ((w->now & (((uint64_t)1 << shift_of(l)) - 1)) == 0)
                cascade(w, l);
        fire_slot(w, ctx);
    }
    if (w->now > before)
        move_ahead(w, w->now - before);
}
