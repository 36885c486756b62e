/* SPDX-License-Identifier: MIT */
#include "core/net/balance.h"

/* Shares out what each thread used among its workers, by their messages; evenly without any. */
static void share_out(unsigned n, struct balance_thread *t, struct balance_worker *w)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t all = 0;
        t[i].seated = 0;
        for (unsigned k = 0; k < n; k++)
            if (w[k].thread == i) {
                t[i].seated++;
                all += w[k].weight;
            }
        for (unsigned k = 0; k < n; k++)
            if (w[k].thread == i)
                w[k].work = all ? t[i].share * w[k].weight / all : t[i].share / t[i].seated;
    }
}

static void move(struct balance_thread *t, struct balance_worker *w, unsigned to)
{
    t[w->thread].share -= w->work;
    t[w->thread].seated--;
    t[to].share += w->work;
    t[to].seated++;
    w->thread = to;
}

/* -- giving away ------------------------------------------------------------------------------ */

/* The worker of a thread with most work; n when it has none. */
static unsigned heaviest(unsigned n, const struct balance_worker *w, unsigned thread)
{
    unsigned found = n;
    for (unsigned k = 0; k < n; k++)
        if (w[k].thread == thread && (found == n || w[k].work > w[found].work))
            found = k;
    return found;
}

/* Where it fits beside others, else its own thread or another without workers; n: nowhere. */
static unsigned place_for(unsigned n, const struct balance_thread *t,
                          const struct balance_worker *w, unsigned worker)
{
    unsigned empty = n;
    for (unsigned i = 0; i < n; i++) {
        if (i == w[worker].thread)
            continue;
        if (t[i].seated && !t[i].pressed && t[i].share + w[worker].work <= BALANCE_ROOM)
            return i;
        if (!t[i].seated && (empty == n || i == worker))
            empty = i;
    }
    return empty;
}

/* Gives away about half of what a thread does. */
static unsigned relieve(unsigned n, struct balance_thread *t, struct balance_worker *w,
                        unsigned thread)
{
    uint64_t half = t[thread].share / 2;
    unsigned moves = 0;
    while (t[thread].seated > 1 && (moves == 0 || t[thread].share > half)) {
        unsigned k = heaviest(n, w, thread), to = place_for(n, t, w, k);
        if (to == n)
            break;
        move(t, &w[k], to);
        moves++;
    }
    return moves;
}

/* -- gathering -------------------------------------------------------------------------------- */

/* The thread with workers that does least, and one that has room for all of them: n when there is
 * none. */
static unsigned least(unsigned n, const struct balance_thread *t)
{
    unsigned found = n;
    for (unsigned i = 0; i < n; i++)
        if (t[i].seated && (found == n || t[i].share <= t[found].share))
            found = i;
    return found;
}

static unsigned room_for(unsigned n, const struct balance_thread *t, unsigned guest)
{
    unsigned found = n;
    for (unsigned i = 0; i < n; i++)
        if (i != guest && t[i].seated && t[i].share + t[guest].share <= BALANCE_ROOM &&
            (found == n || t[i].share > t[found].share))
            found = i;
    return found;
}

static unsigned gather(unsigned n, struct balance_thread *t, struct balance_worker *w)
{
    unsigned moves = 0;
    for (unsigned round = 0; round < n; round++) {
        unsigned from = least(n, t), to = room_for(n, t, from);
        if (to == n)
            break;
        for (unsigned k = 0; k < n; k++)
            if (w[k].thread == from) {
                move(t, &w[k], to);
                moves++;
            }
    }
    return moves;
}

unsigned balance(unsigned *calm, unsigned n, struct balance_thread *t, struct balance_worker *w)
{
    bool full = false;
    unsigned moves = 0;
    share_out(n, t, w);
    for (unsigned i = 0; i < n; i++)
        if (t[i].share > BALANCE_FULL || t[i].pressed) {
            full = true;
            moves += relieve(n, t, w, i);
        }
    if (full)
        *calm = 0;
    else if (++*calm > BALANCE_CALM) {
        *calm = 0;
        moves = gather(n, t, w);
    }
    return moves;
}
