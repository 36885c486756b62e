/* signalbox explore: the tests of scenario files in worlds of every weather. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/sim/explore.h"
#include "core/tools.h"

enum { SEEDS = 1000 };

struct search {
    const struct options *o;
    struct explore_conf conf;
    uint32_t first, seeds, orders;
    uint64_t runs;
    unsigned races;
};

/* What scripts log a hundred thousand times is of no use to anybody. */
static void ignore(void *user, int level, struct str text)
{
    (void)user, (void)level, (void)text;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool wanted(const struct search *x, const struct scenario *s, unsigned test)
{
    const char *only = x->o->test.only;
    return !only || str_search(scenario_test_name(s, test), str_from(only), 0) >= 0;
}

/* One test under one seed; a race is shown. */
static int look(struct search *x, const struct scenario *s, unsigned test)
{
    struct race r;
    int rc = explore(s, test, &x->conf, &r);
    x->runs++;
    if (rc == ERR_OK && r.broken) {
        x->races++;
        race_print(s, test, &x->conf, &r, stdout);
    }
    race_free(&r);
    return rc;
}

/* Every seed with the next of the tests, so that each has its share; up to the first race. */
static int all_seeds(struct search *x, const struct scenario *s)
{
    unsigned tests = scenario_tests(s), n = 0;
    for (unsigned i = 0; i < tests; i++)
        n += wanted(x, s, i);
    if (n == 0)
        return ERR_NOTFOUND;
    for (uint32_t i = 0, test = 0; i < x->seeds && !x->races; test = (test + 1) % tests) {
        if (!wanted(x, s, test))
            continue;
        x->conf.seed = x->first + (n == 1 ? i : i / n);
        int rc = look(x, s, test);
        if (rc != ERR_OK)
            return rc;
        i++;
    }
    return ERR_OK;
}

/* Every test in the orders of what happens at the same time. */
static int all_orders(struct search *x, const struct scenario *s)
{
    uint64_t sum = 0, runs = 0;
    unsigned whole = 0, n = 0;
    int rc = ERR_OK;
    x->conf.seed = x->first;
    for (unsigned i = 0; i < scenario_tests(s) && !x->races && rc == ERR_OK; i++) {
        struct race r;
        bool all;
        if (!wanted(x, s, i))
            continue;
        rc = explore_orders(s, i, &x->conf, x->orders, &runs, &all, &r);
        n++;
        sum += runs;
        whole += all;
        if (rc == ERR_OK && r.broken) {
            x->races++;
            race_print(s, i, &x->conf, &r, stdout);
        }
        race_free(&r);
    }
    x->runs += sum;
    if (rc == ERR_OK)
        printf("# %llu orders of what happens at the same time; of %u of %u tests every one\n",
               (unsigned long long)sum, whole, n);
    return rc;
}

static int explore_file(struct search *x, const char *path)
{
    struct scenario *s = scenario_load(path);
    struct diag d;
    int rc = 2;
    if (!s)
        return 2;
    diag_print(scenario_findings(s), stderr);
    diag_init(&d);
    x->conf.config =
        scenario_findings(s)->errors ? NULL : scenario_config(s, x->conf.set, NULL, &d);
    if (x->conf.config)
        x->conf.quick = scenario_config_quick(s, x->conf.set, x->conf.config->program, &d);
    diag_print(&d, stderr);
    diag_free(&d);
    if (x->conf.config) {
        double began = seconds();
        uint64_t runs = x->runs;
        int done = x->orders ? all_orders(x, s) : ERR_OK;
        if (done == ERR_OK && !x->races)
            done = all_seeds(x, s);
        double took = seconds() - began;
        if (done == ERR_OK)
            printf("# %s: %llu histories in %.1f s, %u race%s\n", path,
                   (unsigned long long)(x->runs - runs), took, x->races, x->races == 1 ? "" : "s");
        else
            fprintf(stderr, "signalbox: %s: %s\n", path, err_text(done));
        rc = done != ERR_OK ? 2 : x->races ? 1 : 0;
        if (x->conf.quick)
            config_unref(x->conf.quick);
        config_unref(x->conf.config);
    }
    scenario_free(s);
    return rc;
}

/* 0, or the exit status after a complaint. */
static int read_numbers(struct search *x)
{
    const struct test_options *t = &x->o->test;
    uint64_t first = x->first, seeds = x->seeds, orders = x->orders;
    int rc = options_number(&first, "--seed", t->seed, UINT32_MAX) |
             options_number(&seeds, "--seeds", t->seeds, UINT32_MAX) |
             options_number(&orders, "--orders", t->orders, UINT32_MAX);
    x->first = (uint32_t)first;
    x->seeds = (uint32_t)seeds;
    x->orders = (uint32_t)orders;
    return rc;
}

int tool_explore(const struct options *o, const struct module_set *set)
{
    struct search x = {.o = o, .conf.set = set, .first = 1, .seeds = SEEDS};
    if (o->n_args == 0)
        return options_usage(o);
    int rc = read_numbers(&x);
    log_set_sink(ignore, NULL);
    for (int i = 0; i < o->n_args && rc == 0; i++)
        rc = explore_file(&x, o->args[i]);
    return rc;
}
