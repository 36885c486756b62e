/* What goes wrong in a world: what was planned, what happened. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/proxy/engine_priv.h"
#include "core/sim/world_priv.h"

enum { MOST_MISHAPS = 1 << 16 };

/* Room for one more in an array that grows; false without memory. */
static bool grow(void **array, unsigned n, unsigned *room, size_t size)
{
    if (n < *room)
        return true;
    unsigned more = *room ? 2 * *room : 64;
    void *p = realloc(*array, more * size);
    if (!p)
        return false;
    *array = p;
    *room = more;
    return true;
}

void mishap_note(struct world *w, const struct mishap *m)
{
    void *array = w->mishaps;
    if (w->n_mishaps == MOST_MISHAPS ||
        !grow(&array, w->n_mishaps, &w->mishap_room, sizeof *w->mishaps))
        return;
    w->mishaps = array;
    w->mishaps[w->n_mishaps++] = *m;
}

const struct mishap *world_mishaps(const struct world *w, unsigned *n)
{
    *n = w->n_mishaps;
    return w->mishaps;
}

bool mishap_planned(const struct world *w, enum mishap_kind kind, uint64_t key, uint32_t nth,
                    uint32_t *ms)
{
    for (unsigned i = 0; i < w->n_plan; i++) {
        const struct planned *p = &w->plan[i];
        if (p->mishap.kind == kind && p->key == key && p->mishap.nth == nth) {
            *ms = p->mishap.ms;
            return true;
        }
    }
    return false;
}

/* ---- those that are not of a packet ---- */

/* One that will happen at a time; it lies in the world's arena. */
struct event {
    struct happening when;
    struct mishap mishap;
};

static void set_memory(struct world *w, bool any)
{
    for (unsigned i = 0; i < w->nodes; i++)
        w->node[i].engine->pool.most = any ? 0 : 1;
}

static void fed_again(struct world *w, struct happening *h)
{
    (void)h;
    set_memory(w, true);
}

void world_starve(struct world *w, uint32_t ms)
{
    set_memory(w, false);
    world_at(w, &w->fed, w->now + ms, fed_again);
}

void world_on_reload(struct world *w, void (*reload)(void *user), void *user)
{
    w->reload = reload;
    w->reload_user = user;
}

static void event_happens(struct world *w, struct happening *h)
{
    const struct mishap *m = &container_of(h, struct event, when)->mishap;
    mishap_note(w, m);
    if (m->kind == MISHAP_JUMP)
        world_jump(w, (int64_t)(int32_t)m->ms * 1000);
    else if (m->kind == MISHAP_MEMORY)
        world_starve(w, m->ms);
    else if (w->reload)
        w->reload(w->reload_user);
}

static int plan_event(struct world *w, const struct mishap *m)
{
    struct event *e = arena_zalloc(&w->arena, sizeof *e);
    if (!e)
        return ERR_NOMEM;
    e->mishap = *m;
    return world_at(w, &e->when, m->nth, event_happens);
}

/* ---- plans ---- */

int world_plan_also(struct world *w, const struct mishap *m)
{
    void *array = w->plan;
    if (m->kind == MISHAP_RELOAD || m->kind == MISHAP_JUMP || m->kind == MISHAP_MEMORY)
        return plan_event(w, m);
    if (!grow(&array, w->n_plan, &w->plan_room, sizeof *w->plan))
        return ERR_NOMEM;
    w->plan = array;
    struct planned *p = &w->plan[w->n_plan++];
    *p = (struct planned){.mishap = *m};
    if (m->kind == MISHAP_ORDER)
        w->ordered = true;
    else
        p->key = network_kind(&m->from, &m->to, m->what);
    return ERR_OK;
}

int world_plan(struct world *w, const struct mishap *mishaps, unsigned n)
{
    int rc = ERR_OK;
    w->n_plan = 0;
    w->planned_only = true;
    for (unsigned i = 0; i < n && rc == ERR_OK; i++)
        rc = world_plan_also(w, &mishaps[i]);
    return rc;
}

void mishaps_free(struct world *w)
{
    free(w->mishaps);
    free(w->plan);
    free(w->moments);
}

/* ---- the order of what is due at the same time ---- */

void world_shuffle(struct world *w, bool on)
{
    w->shuffle = on;
    w->ordered = w->ordered || on;
}

void world_watch_order(struct world *w)
{
    w->moments = calloc(MOST_MOMENTS, 1);
    w->ordered = true;
}

const uint8_t *world_moments(const struct world *w, unsigned *n)
{
    *n = !w->moments ? 0 : w->n_moments < MOST_MOMENTS ? w->n_moments : MOST_MOMENTS;
    return w->moments;
}

unsigned mishap_order(struct world *w, unsigned n)
{
    uint32_t choice = 0;
    unsigned number = ++w->n_moments;
    uint64_t mixed = w->seed ^ number * 0x2545f4914f6cdd1du;
    if (w->moments && number <= MOST_MOMENTS)
        w->moments[number - 1] = (uint8_t)n;
    if (!mishap_planned(w, MISHAP_ORDER, 0, number, &choice) && w->shuffle && !w->planned_only)
        choice = (uint32_t)((splitmix(&mixed) >> 32) * n >> 32);
    if (choice >= n)
        choice = 0;
    if (choice)
        mishap_note(w, &(struct mishap){.kind = MISHAP_ORDER, .nth = number, .ms = choice});
    return choice;
}
