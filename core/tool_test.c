/* signalbox test: the scenarios of files, each test in a world of its own. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/err.h"
#include "core/outside.h"
#include "core/sim/coverage.h"
#include "core/sim/junit.h"
#include "core/sim/ladder.h"
#include "core/sim/scenario.h"
#include "core/tools.h"

struct suite {
    const struct options *o;
    const struct module_set *set;
    uint64_t seed;
    uint32_t repeat;
    unsigned passed, failed;
    FILE *junit, *html;        /* NULL: not asked for */
    struct coverage *coverage; /* of the script at hand; NULL: not asked for */
    struct covered *covered;   /* all of them */
    struct outside *outside;   /* --over udp */
    const char *path;          /* of the scenario at hand */
};

/* A script, over all files that are about it. */
struct covered {
    struct covered *next;
    struct coverage *coverage;
    const struct config *config; /* whose lines it counts */
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- one test ---- */

static void report(struct suite *u, const struct scenario *s, unsigned test,
                   const struct scenario_result *r)
{
    struct str name = scenario_test_name(s, test);
    printf("%s %.*s (%llu.%03llu s)\n", r->passed ? "ok    " : "FAILED", STR_ARG(name),
           (unsigned long long)(r->ms / 1000), (unsigned long long)(r->ms % 1000));
    if (!r->passed) {
        fflush(stdout);
        scenario_result_print(s, r, stdout);
        if (u->outside && outside_trouble(u->outside).len)
            printf("    %.*s\n", STR_ARG(outside_trouble(u->outside)));
    }
    if (r->ladder && (!r->passed || u->o->test.ladder)) {
        putchar('\n');
        (u->o->test.ladder ? ladder_print_whole : ladder_print)(r->ladder, stdout);
        putchar('\n');
    }
}

static void to_junit(struct suite *u, const struct scenario *s, unsigned test,
                     const struct scenario_result *r, double took)
{
    char *text = NULL;
    size_t n = 0;
    FILE *all = r->passed ? NULL : open_memstream(&text, &n);
    if (all) {
        scenario_result_print(s, r, all);
        if (r->ladder)
            ladder_print(r->ladder, all);
        fclose(all);
    }
    junit_case(u->junit, str_from(u->path), scenario_test_name(s, test), took, str_make(text, n));
    free(text);
}

static void watch(void *user, struct world *w)
{
    struct suite *u = user;
    coverage_watch(u->coverage, w);
}

static void run_test(struct suite *u, const struct scenario *s, struct config *c, unsigned test)
{
    struct str name = scenario_test_name(s, test);
    struct scenario_setup setup = {.set = u->set,
                                   .config = c,
                                   .seed = u->seed,
                                   .lines = u->o->test.ladder || u->coverage,
                                   .prepare = u->coverage ? watch : NULL,
                                   .user = u,
                                   .driver = u->outside ? outside_driver(u->outside) : NULL};
    if (u->o->test.only && str_search(name, str_from(u->o->test.only), 0) < 0)
        return;
    for (uint32_t i = 0; i < u->repeat; i++) {
        struct scenario_result r;
        double start = seconds();
        scenario_run(s, test, &setup, &r);
        if (u->junit)
            to_junit(u, s, test, &r, seconds() - start);
        if (i + 1 == u->repeat || !r.passed)
            report(u, s, test, &r);
        u->passed += r.passed;
        u->failed += !r.passed;
        bool go_on = r.passed;
        scenario_result_free(&r);
        if (!go_on)
            break;
    }
}

/* ---- coverage ---- */

/* The coverage of this script: one that was begun for another file, or a new one, which comes last.
 */
static struct coverage *covered_by(struct suite *u, const struct config *c)
{
    struct covered **at = &u->covered;
    for (; *at; at = &(*at)->next)
        if (coverage_same((*at)->coverage, c->program))
            return (*at)->coverage;
    struct covered *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->coverage = coverage_new(c->program);
    n->config = config_ref(c);
    *at = n;
    return n->coverage;
}

static void tell_coverage(struct suite *u)
{
    for (struct covered *x = u->covered, *next; x; x = next) {
        next = x->next;
        if (x->coverage)
            coverage_print(x->coverage, stdout);
        if (x->coverage && u->html)
            coverage_html(x->coverage, u->html);
        coverage_free(x->coverage);
        config_unref(x->config);
        free(x);
    }
}

/* ---- one file ---- */

static int run_file(struct suite *u, const char *path)
{
    struct diag d;
    struct scenario *s = scenario_load(path);
    if (!s)
        return 1;
    diag_print(scenario_findings(s), stderr);
    if (scenario_findings(s)->errors) {
        scenario_free(s);
        return 1;
    }
    diag_init(&d);
    struct config *c = scenario_config(s, u->set, NULL, &d);
    if (!c)
        diag_print(&d, stderr);
    printf("%s\n", path);
    u->path = path;
    if (c && u->o->test.over && !(u->outside = outside_new(s, c->program)))
        fputs("signalbox: --over udp needs a script with listen=ADDRESS\n", stderr);
    if (c && u->o->test.coverage)
        u->coverage = covered_by(u, c);
    for (unsigned i = 0; c && i < scenario_tests(s); i++)
        run_test(u, s, c, i);
    outside_free(u->outside);
    u->outside = NULL;
    u->coverage = NULL;
    config_unref(c);
    diag_free(&d);
    scenario_free(s);
    return c ? 0 : 1;
}

static int open_file(FILE **out, const char *path)
{
    *out = path ? fopen(path, "w") : NULL;
    if (!path || *out)
        return 0;
    fprintf(stderr, "%s: error: cannot be written: %s\n", path, strerror(errno));
    return 2;
}

static int close_file(FILE *f)
{
    return f && fclose(f) != 0;
}

int tool_test(const struct options *o, const struct module_set *set)
{
    struct suite u = {.o = o, .set = set, .seed = 1};
    uint64_t repeat = 1;
    int rc = options_number(&u.seed, "--seed", o->test.seed, UINT64_MAX) |
             options_number(&repeat, "--repeat", o->test.repeat, 1000000);
    if (o->n_args == 0)
        return options_usage(o);
    if (o->test.over && strcmp(o->test.over, "udp") != 0) {
        fprintf(stderr, "signalbox: --over takes udp, not '%s'\n", o->test.over);
        return 2;
    }
    if (rc)
        return 2;
    u.repeat = (uint32_t)repeat;
    if (open_file(&u.junit, o->test.junit) || open_file(&u.html, o->test.html))
        return 2;
    if (u.junit)
        junit_begin(u.junit);
    double start = seconds();
    for (int i = 0; i < o->n_args; i++)
        rc |= run_file(&u, o->args[i]);
    double took = seconds() - start;
    tell_coverage(&u);
    if (u.junit)
        junit_end(u.junit);
    rc |= close_file(u.junit) | close_file(u.html);
    printf("%u passed, %u failed in %.3f s (%.0f a second)\n", u.passed, u.failed, took,
           took > 0 ? (u.passed + u.failed) / took : 0);
    return rc || u.failed;
}
