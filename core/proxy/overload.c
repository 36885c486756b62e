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
    uint32_t us =
        limit < UINT32_MAX / US / OVERLOAD_HOPELESS ? limit * US : UINT32_MAX / OVERLOAD_HOPELESS;
    return o->room && o->room / 2 < us ? o->room / 2 : us;
}

/* A window with less than five eighths of the drops that another one had: the storm has passed.
 * What comes then is what the next is compared with, and much more than that is the next storm. */
static void count_drops(struct overload *o, uint64_t now, uint32_t dropped)
{
    o->drops += dropped;
    if (now - o->window < OVERLOAD_WINDOW)
        return;
    if (o->drops < o->drops_most / 8 * 5) {
        o->after = now + OVERLOAD_AFTER;
        o->drops_most = o->drops;
    } else if (o->drops > o->drops_most) {
        if (o->drops / 8 * 5 > o->drops_most)
            o->after = 0;
        o->drops_most = o->drops;
    }
    o->drops = 0;
    o->window = now;
}

/* The time since the last report was spent on refusing, or earns the right to it. */
static void account(struct overload *o, uint64_t now, uint64_t clock)
{
    int32_t share = now < o->after ? OVERLOAD_SHARE_AFTER : OVERLOAD_SHARE;
    uint64_t passed = clock > o->clock ? clock - o->clock : 0;
    int32_t us = (int32_t)(passed < LONGEST_STEP ? passed : LONGEST_STEP);
    o->credit += o->turned_away ? -us : us / (share - 1);
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
    o->drops_most = 0;
    o->after = 0;
    return true;
}

bool overload_note(struct overload *o, uint64_t now, const struct queue_state *q, uint32_t limit)
{
    o->waited = q->waited;
    count_drops(o, now, q->dropped);
    account(o, now, q->clock);
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

enum overload_verdict overload_judge(struct overload *o, uint32_t limit)
{
    uint32_t us = limit_of(o, limit);
    if (!o->refusing || o->waited <= us)
        return OVERLOAD_SERVE;
    if (o->credit > 0) {
        o->turned_away = true;
        return OVERLOAD_REFUSE;
    }
    return o->waited > us * OVERLOAD_HOPELESS ? OVERLOAD_DROP : OVERLOAD_SERVE;
}
