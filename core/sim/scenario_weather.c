/* Bad weather in a test: mishaps that steps name one by one, and the rules that hold all the same.
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/sim/scenario_parse.h"
#include "core/sim/scenario_run.h"
#include "core/sim/world_priv.h"

enum { SETTLE = 400000 }; /* ms: longer than anything lives */

/* ---- the whole of it ---- */

static const struct step *explore_step(const struct block *b)
{
    for (const struct step *s = b ? b->first : NULL; s; s = s->next) {
        if (s->kind == STEP_EXPLORE)
            return s;
        const struct step *inner = s->kind == STEP_DO ? explore_step(s->block) : NULL;
        if (inner)
            return inner;
    }
    return NULL;
}

void weather_of_test(struct run *r)
{
    const struct step *s = explore_step(r->scenario->before);
    if (!s)
        s = explore_step(r->test);
    if (!s)
        return;
    r->seed = s->n;
    weather_draw(&r->own_weather, r->seed);
    if (s->timed) { /* nothing is drawn: further steps say what goes wrong */
        r->own_weather = (struct weather){.exact = true, .link = {.delay = s->ms}};
        r->own_weather.small = s->never;
    }
    r->weather = &r->own_weather;
}

int weather_start(struct run *r)
{
    r->all = r->weather->link;
    r->check = check_new(r->world);
    world_on_reload(r->world, weather_reload, r);
    if (r->setup->watch_order)
        world_watch_order(r->world);
    if (!r->check)
        return ERR_NOMEM;
    check_only_rest(r->check, weather_starves(r->weather));
    return weather_begin(r->weather, r->world);
}

static void keep(struct scenario_result *out, struct world *w)
{
    unsigned n;
    const struct mishap *m = world_mishaps(w, &n);
    out->mishaps = calloc(n + 1, sizeof *m);
    out->n_mishaps = out->mishaps ? n : 0;
    if (out->n_mishaps)
        memcpy(out->mishaps, m, n * sizeof *m);
}

static void keep_moments(struct scenario_result *out, struct world *w)
{
    unsigned n;
    const uint8_t *m = world_moments(w, &n);
    out->moments = n ? malloc(n) : NULL;
    out->n_moments = out->moments ? n : 0;
    if (out->moments)
        memcpy(out->moments, m, n);
}

void weather_end(struct run *r)
{
    struct scenario_result *out = r->result;
    const struct violation *v;
    world_settle(r->world, SETTLE);
    check_end(r->check);
    keep_moments(out, r->world);
    if (!check_violations(r->check, &v))
        return;
    out->broken = true;
    out->violation = v[0];
    keep(out, r->world);
    const struct step *s = explore_step(r->scenario->before);
    out->at = s ? s->loc : r->test->loc;
    out->text = arena_printf(r->arena, "%s: %s (RFC %s)", v->rule, v->means, v->source);
    out->came = arena_printf(r->arena, "at %llu ms: %s", (unsigned long long)v->at, v->text);
}

void weather_reload(void *user)
{
    struct run *r = user;
    struct diag d;
    char text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    diag_init(&d);
    struct config *c = scenario_config(r->scenario, r->setup->set, NULL, &d);
    if (c)
        world_reload(r->world, c, &why);
    diag_free(&d);
}

/* ---- one mishap ---- */

/* A party, the proxy, or an address as it is written. */
static bool end_of(struct run *r, const struct words *w, struct addr *out)
{
    struct str name = run_text(r, w);
    int party = scn_party_number(r->scenario, name);
    if (party >= 0)
        *out = r->scenario->party[party].addr;
    else if (str_eq(name, STR("proxy")))
        *out = *world_listen(r->world, 0);
    else
        return scn_address(out, name);
    return true;
}

static void mishap(struct run *r, const struct step *s)
{
    struct mishap m = {.kind = s->mishap, .nth = s->n, .ms = s->ms};
    struct str what = run_text(r, &s->pattern.what), method = run_text(r, &s->pattern.to);
    if (m.kind != MISHAP_ORDER &&
        (!end_of(r, &s->target, &m.from) || !end_of(r, &s->call, &m.to))) {
        run_fail(r, s, "nobody is there that it could go from or to");
        return;
    }
    if (str_eq(what, STR("packet")))
        what = STR_NONE;
    if (what.len && ascii_digit(what.p[0]) && !method.len)
        method = STR("INVITE");
    snprintf(m.what, sizeof m.what, "%.*s%s%.*s", STR_ARG(what), method.len ? " " : "",
             STR_ARG(method));
    world_plan_also(r->world, &m);
}

static void event(struct run *r, const struct step *s)
{
    uint64_t at = s->timed ? s->n : world_now(r->world);
    struct mishap m = {.kind = s->mishap, .nth = (uint32_t)at, .ms = s->ms};
    if (m.kind == MISHAP_JUMP)
        m.ms = s->never ? (uint32_t) - (int32_t)(s->ms / 1000) : s->ms / 1000;
    if (m.kind == MISHAP_MEMORY && r->check)
        check_only_rest(r->check, true);
    world_on_reload(r->world, weather_reload, r);
    world_plan_also(r->world, &m);
}

void weather_step(struct run *r, const struct step *s)
{
    if (s->kind == STEP_MISHAP)
        mishap(r, s);
    else
        event(r, s);
}
