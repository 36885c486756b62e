/* A world: its heap of happenings, its clock, its end. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/world.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/proxy/engine_priv.h"
#include "core/sim/world_priv.h"

enum { MOST_STEPS = 10000000 };

/* 2023-11-14 22:13:20 UTC */
#define START_WALL 1700000000000u

/* ---- the heap ---- */

static bool before(const struct happening *a, const struct happening *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void put(struct world *w, size_t i, struct happening *h)
{
    w->heap[i] = h;
    h->slot = i + 1;
}

static void sift_up(struct world *w, size_t i, struct happening *h)
{
    while (i > 0 && before(h, w->heap[(i - 1) / 2])) {
        put(w, i, w->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(w, i, h);
}

static void sift_down(struct world *w, size_t i, struct happening *h)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < w->planned && before(w->heap[child + 1], w->heap[child]))
            child++;
        if (child >= w->planned || before(h, w->heap[child]))
            break;
        put(w, i, w->heap[child]);
        i = child;
    }
    put(w, i, h);
}

static bool heap_grow(struct world *w)
{
    size_t room = w->heap_room ? 2 * w->heap_room : 64;
    struct happening **more = realloc(w->heap, room * sizeof(struct happening *));
    if (!more)
        return false;
    w->heap = more;
    w->heap_room = room;
    return true;
}

void world_cancel(struct world *w, struct happening *h)
{
    if (!h->slot)
        return;
    size_t i = h->slot - 1;
    struct happening *last = w->heap[--w->planned];
    h->slot = 0;
    if (last == h)
        return;
    if (i > 0 && before(last, w->heap[(i - 1) / 2]))
        sift_up(w, i, last);
    else
        sift_down(w, i, last);
}

int world_plan_at(struct world *w, struct happening *h, uint64_t due, uint64_t order,
                  void (*act)(struct world *w, struct happening *h))
{
    world_cancel(w, h);
    if (w->planned == w->heap_room && !heap_grow(w))
        return ERR_NOMEM;
    h->due = due > w->now ? due : w->now;
    h->order = order;
    h->act = act;
    sift_up(w, w->planned++, h);
    return ERR_OK;
}

int world_at(struct world *w, struct happening *h, uint64_t due,
             void (*act)(struct world *w, struct happening *h))
{
    return world_plan_at(w, h, due, ++w->order, act);
}

size_t world_planned(const struct world *w)
{
    return w->planned;
}

/* ---- time ---- */

static struct node *next_node(struct world *w)
{
    struct node *first = &w->node[0];
    for (unsigned i = 1; i < w->nodes; i++)
        if (w->node[i].next < first->next)
            first = &w->node[i];
    return first;
}

/* Whether something else is due together with the first of the heap, or the engine's timers. */
static bool company(const struct world *w, const struct node *n, uint64_t due)
{
    bool tick = n->next <= due;
    for (size_t i = tick ? 0 : 1; i < 3 && i < w->planned; i++)
        if (w->heap[i]->due <= due)
            return true;
    return false;
}

/* Of several that are due now, engines' timers before all others: which comes first? NULL: the
 * timers. */
static struct happening *choose(struct world *w, const struct node *n, uint64_t due)
{
    struct happening *all[MOMENT_MOST], *chosen = NULL;
    unsigned count = 0, first = n->next <= due ? 1 : 0;
    while (w->planned && w->heap[0]->due <= due && first + count < MOMENT_MOST) {
        all[count++] = w->heap[0];
        world_cancel(w, w->heap[0]);
    }
    unsigned which = mishap_order(w, first + count);
    if (which >= first)
        chosen = all[which - first];
    for (unsigned i = 0; i < count; i++) /* there is room: they were in the heap */
        world_plan_at(w, all[i], all[i]->due, all[i]->order, all[i]->act);
    return chosen;
}

/* The next thing happens, unless it is after until. Of one ms, engines' timers come first. */
static bool step(struct world *w, uint64_t until)
{
    struct node *n = next_node(w);
    struct happening *h = w->planned ? w->heap[0] : NULL;
    uint64_t due = h && h->due < n->next ? h->due : n->next;
    if (due > until)
        return false;
    if (due > w->now)
        w->now = due;
    w->count.steps++;
    if (w->ordered && company(w, n, w->now))
        h = choose(w, n, w->now);
    else if (n->next <= w->now)
        h = NULL;
    if (!h) {
        node_tick(n);
        return true;
    }
    world_cancel(w, h);
    h->act(w, h);
    return true;
}

enum world_stop world_run(struct world *w, uint64_t until, bool (*done)(void *user), void *user)
{
    for (;;) {
        if (done && done(user))
            return STOP_DONE;
        if (w->count.steps >= w->most_steps)
            return STOP_ENDLESS;
        if (!step(w, until))
            break;
    }
    if (until > w->now)
        w->now = until;
    return STOP_TIME;
}

enum world_stop world_pass(struct world *w, uint64_t ms)
{
    return world_run(w, w->now + ms, NULL, NULL);
}

static bool quiet(void *user)
{
    const struct world *w = user;
    return w->planned == 0 && world_live(w) == 0;
}

bool world_settle(struct world *w, uint64_t ms)
{
    return world_run(w, w->now + ms, quiet, w) == STOP_DONE;
}

uint64_t world_now(const struct world *w)
{
    return w->now;
}

void world_jump(struct world *w, int64_t ms)
{
    w->wall_jump += ms;
}

/* ---- chance ---- */

uint64_t world_random(struct world *w)
{
    return splitmix(&w->random);
}

uint32_t world_draw(struct world *w, uint32_t n)
{
    return (uint32_t)((world_random(w) >> 32) * n >> 32);
}

/* ---- observers ---- */

void world_observe(struct world *w, struct observer *o)
{
    struct observer **at = &w->observers;
    while (*at)
        at = &(*at)->next;
    o->next = NULL;
    *at = o;
}

void world_ignore(struct world *w, struct observer *o)
{
    for (struct observer **at = &w->observers; *at; at = &(*at)->next)
        if (*at == o) {
            *at = o->next;
            return;
        }
}

static void world_log(void *user, int level, struct str text)
{
    struct world *w = user;
    for (struct observer *o = w->observers; o; o = o->next)
        if (o->log)
            o->log(o->user, level, text);
}

/* ---- birth and death ---- */

struct world *world_new(const struct world_conf *conf, struct buf *why)
{
    char text[256];
    struct buf mine;
    buf_fixed(&mine, text, sizeof text);
    struct world *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    arena_init(&w->arena, NULL, 2048);
    w->seed = w->random = conf->seed;
    w->start_wall = conf->wall ? conf->wall : START_WALL;
    w->most_steps = conf->most_steps ? conf->most_steps : MOST_STEPS;
    w->shuffle = w->ordered = conf->shuffle;
    w->logs = conf->logs;
    w->inside = conf->inside;
    if (w->logs)
        log_set_sink(world_log, w);
    if (network_init(w) != ERR_OK || nodes_start(w, conf, why ? why : &mine) != ERR_OK) {
        world_free(w);
        return NULL;
    }
    return w;
}

void world_free(struct world *w)
{
    if (!w)
        return;
    nodes_free(w);
    network_free(w);
    mishaps_free(w);
    if (w->logs)
        log_set_sink(NULL, NULL);
    arena_reset(&w->arena);
    free(w->heap);
    free(w);
}

/* ---- counts ---- */

const struct world_count *world_counts(const struct world *w)
{
    return &w->count;
}

uint64_t world_live(const struct world *w)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < w->nodes; i++)
        n += engine_live(w->node[i].engine);
    return n;
}

uint64_t world_memory(const struct world *w)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < w->nodes; i++)
        n += w->node[i].engine->pool.live;
    return n;
}
