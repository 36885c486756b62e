/* Overload: who is turned away, and when. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/overload.h"

enum {
    US = 1000,
    FRESH = 10000,       /* us; what waited less tells of drops that are over */
    LONGEST_STEP = 50000 /* us between two reports that can be one piece of work */
};

/* What counts as long, in us. A kernel's queue that cannot hold so much would never let anyone wait
 * that long: then it is half of what it holds. */
static uint32_t limit_of(const struct overload *o, uint32_t limit)
{
    uint32_t us = limit < UINT32_MAX / US ? limit * US : UINT32_MAX;
    return o->room && o->room / 2 < us ? o->room / 2 : us;
}

/* The time since the last report was spent on refusing, or earns the right to it. */
static void account(struct overload *o, uint64_t clock)
{
    uint64_t passed = clock > o->clock ? clock - o->clock : 0;
    int32_t us = (int32_t)(passed < LONGEST_STEP ? passed : LONGEST_STEP);
    o->credit += o->turned_away ? -us * OVERLOAD_COST : us / (OVERLOAD_SHARE - 1);
    if (o->credit > OVERLOAD_SAVED)
        o->credit = OVERLOAD_SAVED;
    o->turned_away = false;
    o->clock = clock;
}

static bool begin(struct overload *o, uint64_t now)
{
    if (o->refusing)
        return false;
    o->refusing = true;
    o->began = now;
    o->credit = OVERLOAD_SAVED;
    return true;
}

static bool end(struct overload *o)
{
    o->refusing = false;
    o->room = 0;
    return true;
}

bool overload_note(struct overload *o, uint64_t now, const struct queue_state *q, uint32_t limit)
{
    o->waited = q->waited;
    o->now = now;
    account(o, q->clock);
    if (limit == 0)
        return o->refusing && end(o);
    if (q->dropped && q->waited > FRESH) {
        if (q->waited > o->room)
            o->room = q->waited;
        o->calm_since = 0;
        return begin(o, now);
    }
    if (q->waited > limit_of(o, limit)) {
        o->calm_since = 0;
        if (o->long_since == 0)
            o->long_since = now;
        return now - o->long_since >= OVERLOAD_PATIENCE && begin(o, now);
    }
    o->long_since = 0;
    if (o->calm_since == 0)
        o->calm_since = now;
    return o->refusing && now - o->calm_since >= OVERLOAD_CALM && end(o);
}

/* With a wait of less than half the limit, which only repeats come to, there is time to refuse. */
static enum overload_verdict judge(const struct overload *o, uint32_t us, bool again)
{
    if (again ? o->waited <= us / OVERLOAD_SHORT : !o->refusing || o->waited <= us)
        return OVERLOAD_SERVE;
    return o->credit > 0 || o->waited <= us / 2 ? OVERLOAD_REFUSE : OVERLOAD_DROP;
}

enum overload_verdict overload_judge(struct overload *o, uint32_t limit, bool again)
{
    uint32_t us = limit_of(o, limit);
    enum overload_verdict v = limit ? judge(o, us, again) : OVERLOAD_SERVE;
    if (v != OVERLOAD_SERVE)
        o->wary_until = o->now + OVERLOAD_MEMORY;
    if (v == OVERLOAD_REFUSE && o->waited > us / 2)
        o->turned_away = true;
    return v;
}
