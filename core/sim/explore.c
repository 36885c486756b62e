/* Running a scenario in bad weather, and shortening the history that broke a rule. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/explore.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/sim/shorten.h"

enum {
    MOST_RUNS = 600,     /* to shorten one history */
    MOST_DEVIATIONS = 3, /* from the order of planning, of one history */
};

/* One test under one seed. */
struct trial {
    const struct scenario *s;
    const struct explore_conf *conf;
    unsigned test;
    struct weather drawn;
    const char *rule; /* that was broken */
    struct race *out;
    unsigned runs;
};

static int run(struct trial *t, const struct weather *w, bool order, struct scenario_result *out)
{
    struct scenario_setup setup = {.set = t->conf->set,
                                   .config = t->drawn.quick ? t->conf->quick : t->conf->config,
                                   .seed = t->conf->seed,
                                   .weather = w,
                                   .watch_order = order};
    t->runs++;
    return scenario_run(t->s, t->test, &setup, out);
}

/* The weather of the seed with nothing in it but these mishaps. */
static struct weather exactly(const struct trial *t, const struct mishap *m, unsigned n)
{
    return (struct weather){.link.delay = t->drawn.link.delay,
                            .small = t->drawn.small,
                            .exact = true,
                            .plan = m,
                            .n_plan = n};
}

/* ---- making it short ---- */

/* Whether these mishaps alone break the same rule. */
static bool still_broken(void *user, const struct mishap *m, unsigned n)
{
    struct trial *t = user;
    struct scenario_result r;
    struct weather w = exactly(t, m, n);
    bool same = run(t, &w, false, &r) == ERR_OK && r.broken && r.violation.rule == t->rule;
    if (same)
        t->out->violation = r.violation;
    scenario_result_free(&r);
    return same;
}

static void take(struct race *out, struct scenario_result *r)
{
    out->broken = true;
    out->violation = r->violation;
    out->mishaps = r->mishaps;
    out->n = r->n_mishaps;
    r->mishaps = NULL;
}

int explore(const struct scenario *s, unsigned test, const struct explore_conf *conf,
            struct race *out)
{
    struct trial t = {.s = s, .conf = conf, .test = test, .out = out};
    struct scenario_result r;
    *out = (struct race){.broken = false};
    weather_draw(&t.drawn, conf->seed);
    out->quick = t.drawn.quick = t.drawn.quick && conf->quick;
    int rc = run(&t, &t.drawn, false, &r);
    if (rc == ERR_OK && r.broken) {
        take(out, &r);
        t.rule = out->violation.rule;
        out->drawn = !still_broken(&t, out->mishaps, out->n);
        if (!out->drawn)
            out->n = shorten(out->mishaps, out->n, still_broken, &t, MOST_RUNS);
    }
    out->runs = t.runs;
    scenario_result_free(&r);
    return rc;
}

/* ---- every order ---- */

/* Deviations from the order of planning, the first of them first. */
struct order {
    struct order *next;
    unsigned n;
    struct mishap turn[MOST_DEVIATIONS];
};

struct queue {
    struct order *first, **last;
    uint64_t n, most;
};

static int put(struct queue *q, const struct order *o, uint32_t moment, uint32_t choice)
{
    struct order *more = malloc(sizeof *more);
    if (!more)
        return ERR_NOMEM;
    if (o)
        *more = *o;
    else
        more->n = 0;
    more->next = NULL;
    if (choice)
        more->turn[more->n++] = (struct mishap){.kind = MISHAP_ORDER, .nth = moment, .ms = choice};
    *q->last = more;
    q->last = &more->next;
    q->n++;
    return ERR_OK;
}

/* What deviates once more, behind the last deviation of o. */
static int put_children(struct queue *q, const struct order *o, const struct scenario_result *r,
                        bool *all)
{
    int rc = ERR_OK;
    unsigned from = o->n ? o->turn[o->n - 1].nth : 0;
    for (unsigned i = from; i < r->n_moments && rc == ERR_OK; i++)
        for (unsigned k = 1; k < r->moments[i] && rc == ERR_OK; k++)
            if (o->n == MOST_DEVIATIONS || q->n >= q->most)
                *all = false;
            else
                rc = put(q, o, i + 1, k);
    return rc;
}

int explore_orders(const struct scenario *s, unsigned test, const struct explore_conf *conf,
                   uint64_t most, uint64_t *runs, bool *all, struct race *out)
{
    struct trial t = {.s = s, .conf = conf, .test = test, .out = out};
    struct queue q = {.last = &q.first, .most = most};
    t.drawn.link.delay = 1;
    *out = (struct race){.orders = true};
    *all = true;
    int rc = put(&q, NULL, 0, 0);
    while (q.first && rc == ERR_OK && !out->broken && t.runs < most) {
        struct order *o = q.first;
        struct scenario_result r;
        struct weather w = exactly(&t, o->turn, o->n);
        q.first = o->next;
        if (!q.first)
            q.last = &q.first;
        rc = run(&t, &w, true, &r);
        if (rc == ERR_OK && r.broken)
            take(out, &r);
        else if (rc == ERR_OK)
            rc = put_children(&q, o, &r, all);
        scenario_result_free(&r);
        free(o);
    }
    *all = *all && !q.first;
    *runs = t.runs;
    while (q.first) {
        struct order *o = q.first;
        q.first = o->next;
        free(o);
    }
    return rc;
}

void race_free(struct race *r)
{
    free(r->mishaps);
    r->mishaps = NULL;
    r->n = 0;
}
