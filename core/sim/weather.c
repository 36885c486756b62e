/* Drawing the weather. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/weather.h"

#include "core/base/err.h"
#include "core/sim/world_priv.h"

static bool one_in(uint64_t *state, uint32_t n)
{
    return splitmix(state) % n == 0;
}

static uint32_t up_to(uint64_t *state, uint32_t n)
{
    return (uint32_t)(splitmix(state) % n);
}

static void draw_link(struct link *l, uint64_t *state)
{
    uint32_t a = (uint32_t)splitmix(state), b = (uint32_t)splitmix(state);
    *l = (struct link){.delay = 1 + a % 40,
                       .jitter = a >> 8 & 1 ? b % 60 : 0,
                       .reorder_by = 50 + (a >> 12) % 3000,
                       .loss = (uint16_t)(a >> 9 & 3 ? (b >> 4) % 2500 : 0),
                       .duplicate = (uint16_t)((b >> 10) % 1500),
                       .reorder = (uint16_t)((a >> 4) % 2500)};
    if (one_in(state, 8))
        l->truncate = (uint16_t)up_to(state, 500);
    if (one_in(state, 8))
        l->flip = (uint16_t)up_to(state, 1000);
}

void weather_draw(struct weather *out, uint64_t seed)
{
    uint64_t state = seed;
    *out = (struct weather){.shuffle = true};
    draw_link(&out->link, &state);
    out->small = one_in(&state, 8);
    out->quick = one_in(&state, 8);
    if (one_in(&state, 32) && !out->quick) /* who loads the script again has the usual timers */
        out->event[out->n_plan++] =
            (struct mishap){.kind = MISHAP_RELOAD, .nth = up_to(&state, 20000)};
    if (one_in(&state, 8)) {
        int32_t seconds = (int32_t)up_to(&state, 7200) - 3600;
        out->event[out->n_plan++] = (struct mishap){
            .kind = MISHAP_JUMP, .nth = up_to(&state, 20000), .ms = (uint32_t)seconds};
    }
    if (one_in(&state, 16))
        out->event[out->n_plan++] = (struct mishap){
            .kind = MISHAP_MEMORY, .nth = up_to(&state, 2000), .ms = 1 + up_to(&state, 3000)};
    out->plan = out->event;
}

bool weather_starves(const struct weather *w)
{
    for (unsigned i = 0; i < w->n_plan; i++)
        if (w->plan[i].kind == MISHAP_MEMORY)
            return true;
    return w->lasting;
}

int weather_begin(const struct weather *weather, struct world *w)
{
    int rc = world_link(w, NULL, NULL, &weather->link);
    world_shuffle(w, weather->shuffle);
    if (rc == ERR_OK && weather->exact)
        return world_plan(w, weather->plan, weather->n_plan);
    for (unsigned i = 0; i < weather->n_plan && rc == ERR_OK; i++)
        rc = world_plan_also(w, &weather->plan[i]);
    return rc;
}
