/* Freeing contacts that have run out, a little at a time. */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/sweep.h"

/* A piece each so many ms: rarely, as each takes the caches from what comes after it. A share is
 * meant to be done after STEPS of them, a fifth of the second early; below LEAST addresses, some 50
 * us, it is not worth dividing. */
enum { STEP_MS = 100, STEPS = 8, LEAST = 1024 };

static void next_piece(struct timer *t, void *ctx);

static void piece(struct sweep *s)
{
    if (locations_sweep(s->locations, s->now, s->part, s->parts, &s->at, s->step))
        wheel_arm(s->loop->wheel, &s->timer, s->loop->now + STEP_MS, next_piece);
}

static void next_piece(struct timer *t, void *ctx)
{
    (void)ctx;
    piece(container_of(t, struct sweep, timer));
}

void sweep_second(struct sweep *s, struct locations *l, struct loop *loop, uint32_t now,
                  unsigned index, unsigned workers, unsigned interval)
{
    if (timer_armed(&s->timer)) { /* there is more than there was a second ago */
        wheel_cancel(loop->wheel, &s->timer);
        locations_sweep(l, s->now, s->part, s->parts, &s->at, SIZE_MAX);
    }
    s->step = s->at.seen / STEPS + LEAST;
    s->at = (struct sweep_place){0};
    s->locations = l;
    s->loop = loop;
    s->now = now;
    s->part = now % interval * workers + index;
    s->parts = interval * workers;
    piece(s);
}

void sweep_stop(struct sweep *s)
{
    if (s->loop)
        wheel_cancel(s->loop->wheel, &s->timer);
}
