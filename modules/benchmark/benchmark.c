/* benchmark: how long pieces of a script take. */
/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "core/module.h"

extern const struct module benchmark_module;

enum { TIMERS = 64, LEVEL_DEFAULT = LOG_INFO_ };

struct conf {
    int32_t enable, granularity, loglevel;
    struct str timer[TIMERS]; /* names that the script uses */
    unsigned timers;
};

/* What one timer has measured, all workers together; us. */
struct sums {
    _Atomic uint64_t calls, total, least, most;
};

struct state {
    struct sums sums[TIMERS];
};

/* Of one message. */
struct slot {
    int64_t started[TIMERS]; /* us; 0: not */
    int64_t difference;      /* of the timer logged last */
    bool measured;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- functions ---- */

static int start_timer(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &benchmark_module);
    struct slot *s = call_slot(c, &benchmark_module);
    (void)n;
    if (conf->enable && s)
        s->started[args[0].v.i] = now_us();
    return 1;
}

static void atomic_least(_Atomic uint64_t *to, uint64_t n)
{
    uint64_t was = atomic_load(to);
    while ((was == 0 || n < was) && !atomic_compare_exchange_weak(to, &was, n))
        ;
}

static void atomic_most(_Atomic uint64_t *to, uint64_t n)
{
    uint64_t was = atomic_load(to);
    while (n > was && !atomic_compare_exchange_weak(to, &was, n))
        ;
}

/* Every granularity-th time the sums are logged. */
static void add(const struct conf *conf, struct sums *k, struct str name, uint64_t us)
{
    uint64_t calls = atomic_fetch_add(&k->calls, 1) + 1;
    uint64_t total = atomic_fetch_add(&k->total, us) + us;
    atomic_least(&k->least, us);
    atomic_most(&k->most, us);
    if (conf->granularity && calls % (uint64_t)conf->granularity == 0)
        log_line(conf->loglevel,
                 "benchmark: %.*s: %llu us now; %llu times, %llu us in all, %llu to %llu, %llu on "
                 "average",
                 STR_ARG(name), (unsigned long long)us, (unsigned long long)calls,
                 (unsigned long long)total, (unsigned long long)atomic_load(&k->least),
                 (unsigned long long)atomic_load(&k->most), (unsigned long long)(total / calls));
}

static int log_timer(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &benchmark_module);
    struct state *state = call_state(c, &benchmark_module);
    struct slot *s = call_slot(c, &benchmark_module);
    unsigned i = (unsigned)args[0].v.i;
    (void)n;
    if (!conf->enable)
        return 1;
    if (!s || !s->started[i])
        return -1;
    s->difference = now_us() - s->started[i];
    s->measured = true;
    add(conf, &state->sums[i], conf->timer[i], (uint64_t)s->difference);
    return 1;
}

/* Each name becomes a number when the script is compiled. */
static int prepare_timer(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct conf *conf = prepare_conf(p, &benchmark_module.symbols);
    unsigned i = 0;
    (void)argn;
    while (i < conf->timers && !str_eq(conf->timer[i], text))
        i++;
    if (i == TIMERS || text.len == 0) {
        buf_printf(p->error, text.len ? "there are more than %d timers" : "a timer has a name",
                   TIMERS);
        return ERR_LIMIT;
    }
    if (i == conf->timers)
        conf->timer[conf->timers++] = arena_dup(p->arena, text);
    out->v = value_int((int32_t)i);
    return conf->timer[i].p ? ERR_OK : ERR_NOMEM;
}

/* ---- rows ---- */

enum { ALL = ROUTE_ANY & ~ROUTE_ERROR };

static const struct fn_spec functions[] = {
    {"bm_start_timer",
     start_timer,
     1,
     1,
     {ARG_CUSTOM},
     ALL,
     0,
     prepare_timer,
     "name",
     "Notes the time under that name, for this message."},
    {"bm_log_timer",
     log_timer,
     1,
     1,
     {ARG_CUSTOM},
     ALL,
     0,
     prepare_timer,
     "name",
     "Adds the time since bm_start_timer() to what is known of that name. False when it was not "
     "started for this message."},
    {.name = NULL},
};

static int get_difference(struct call *c, const struct pv_use *u, struct value *out)
{
    const struct slot *s = call_slot(c, &benchmark_module);
    (void)u;
    *out = s && s->measured ? value_int((int32_t)s->difference) : VALUE_NULL;
    return ERR_OK;
}

static const struct pv_spec variables[] = {
    {"BM_time_diff", get_difference, NULL, NULL, 0, PV_NULLABLE,
     "Microseconds that bm_log_timer() measured last for this message; null before"},
    {.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_SWITCH("enable", enable, 1, "0: nothing is measured, and both functions are true"),
    PARAM_NUMBER("granularity", granularity, 0, INT32_MAX, 1,
                 "after so many times a line is logged; 0: never"),
    PARAM_NUMBER("loglevel", loglevel, -3, 4, LEVEL_DEFAULT, "level of that line"),
    {.name = NULL},
};

/* ---- management ---- */

static enum mi_next bm_timers(struct mi *m)
{
    const struct conf *conf = mi_conf(m);
    const struct state *s = mi_state(m);
    for (unsigned i = 0; i < conf->timers; i++) {
        uint64_t calls = atomic_load(&s->sums[i].calls), total = atomic_load(&s->sums[i].total);
        mi_text(m, 0, "Timer", conf->timer[i]);
        mi_attr(m, "calls", "%llu", (unsigned long long)calls);
        mi_attr(m, "total", "%llu", (unsigned long long)total);
        mi_attr(m, "least", "%llu", (unsigned long long)atomic_load(&s->sums[i].least));
        mi_attr(m, "most", "%llu", (unsigned long long)atomic_load(&s->sums[i].most));
        mi_attr(m, "average", "%llu", (unsigned long long)(calls ? total / calls : 0));
    }
    return MI_DONE;
}

static const struct mi_command commands[] = {
    {"bm_timers", "", "What every timer has measured, in microseconds.", 0, 0, 0, NULL, bm_timers},
    {.name = NULL},
};

static void *start(const struct module_start *begin, bool *failed)
{
    struct state *s = calloc(1, sizeof *s);
    (void)begin;
    *failed = !s;
    return s;
}

/* Another script may give other names their numbers: what was measured is forgotten. */
static void reloaded(void *state, const void *old_conf, const struct module_start *next)
{
    const struct conf *a = old_conf, *b = next->conf;
    struct state *s = state;
    bool same = a->timers == b->timers;
    for (unsigned i = 0; same && i < a->timers; i++)
        same = str_eq(a->timer[i], b->timer[i]);
    for (unsigned i = 0; !same && i < TIMERS; i++) {
        atomic_store(&s->sums[i].calls, 0);
        atomic_store(&s->sums[i].total, 0);
        atomic_store(&s->sums[i].least, 0);
        atomic_store(&s->sums[i].most, 0);
    }
}

const struct module benchmark_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "benchmark",
                .doc = "Measures how long pieces of a script take.",
                .functions = functions,
                .variables = variables,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .slot_size = sizeof(struct slot),
    .start = start,
    .stop = free,
    .reloaded = reloaded,
    .commands = commands,
};
