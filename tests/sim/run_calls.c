/* Random calls through a script, from the command line:
 *
 *     calls SCRIPT [seed=N] [calls=N] [runs=N] [gap=MS] [loss=N] [dup=N] [reorder=N] [jitter=MS]
 *           [rude=1] [shuffle=1] [workers=N] [reloads=N] [trace=1]
 *
 * loss, dup and reorder are per cent. Runs use seeds seed, seed + 1, ... Each must keep the rules
 * of core/sim/rules.def; the first that does not is shown. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/sim/shorten.h"
#include "modules/registry.h"
#include "tests/sim/calls.h"

static long option(int argc, char **argv, const char *name, long otherwise)
{
    size_t n = strlen(name);
    for (int i = 2; i < argc; i++)
        if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
            return strtol(argv[i] + n + 1, NULL, 10);
    return otherwise;
}

static void explain(struct calls_conf *conf, int argc, char **argv)
{
    conf->calls = (unsigned)option(argc, argv, "calls", 20);
    conf->gap = (unsigned)option(argc, argv, "gap", 500);
    conf->link = (struct link){.delay = 5,
                               .jitter = (uint32_t)option(argc, argv, "jitter", 0),
                               .reorder_by = 3000,
                               .loss = (uint16_t)(100 * option(argc, argv, "loss", 5)),
                               .duplicate = (uint16_t)(100 * option(argc, argv, "dup", 5)),
                               .reorder = (uint16_t)(100 * option(argc, argv, "reorder", 5))};
    conf->rude = option(argc, argv, "rude", 0);
    conf->shuffle = option(argc, argv, "shuffle", 0);
    conf->workers = (unsigned)option(argc, argv, "workers", 1);
    conf->reloads = (unsigned)option(argc, argv, "reloads", 0);
    conf->path = argv[1];
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- a history that breaks a rule, as short as it gets ---- */

static bool still_broken(void *user, const struct mishap *m, unsigned n)
{
    struct calls_conf conf = *(const struct calls_conf *)user;
    struct calls_result r;
    conf.planned = true;
    conf.plan = m;
    conf.n_plan = n;
    conf.trace = NULL;
    if (calls_run(&conf, &r) != 0)
        return false;
    free(r.mishaps);
    return r.violations > 0;
}

static void print_mishap(const struct mishap *m)
{
    static const char *const kinds[] = {"lost",   "twice", "late",   "cut short", "damaged",
                                        "reload", "jump",  "memory", "order"};
    char from[ADDR_TEXT], to[ADDR_TEXT];
    struct str a = addr_text(from, &m->from), b = addr_text(to, &m->to);
    if (m->kind >= MISHAP_RELOAD)
        printf("  %s %u: %u\n", kinds[m->kind], m->nth, m->ms);
    else
        printf("  %s: %s number %u from %.*s to %.*s (%u)\n", kinds[m->kind], m->what, m->nth,
               STR_ARG(a), STR_ARG(b), m->ms);
}

/* The fewest calls of the run that still show it, then the fewest mishaps. */
static void tell_short(const struct calls_conf *conf, struct calls_result *r)
{
    struct calls_conf less = *conf;
    less.reloads = 0;
    for (less.calls = 1; less.calls < conf->calls; less.calls++) {
        struct calls_result again;
        if (calls_run(&less, &again) != 0)
            return;
        if (again.violations) {
            free(r->mishaps);
            *r = again;
            break;
        }
        free(again.mishaps);
    }
    if (!still_broken(&less, r->mishaps, r->n_mishaps)) {
        printf("calls=%u, all %u mishaps of the seed\n", less.calls, r->n_mishaps);
        return;
    }
    unsigned n = shorten(r->mishaps, r->n_mishaps, still_broken, &less, 300);
    printf("calls=%u, %u mishaps:\n", less.calls, n);
    for (unsigned i = 0; i < n; i++)
        print_mishap(&r->mishaps[i]);
}

static int run_all(struct calls_conf *conf, long runs)
{
    struct calls_result r, sum = {0};
    double began = seconds();
    int rc = 0;
    uint64_t seed = conf->seed;
    for (long i = 0; i < runs && !rc; i++) {
        conf->seed = seed + (uint64_t)i;
        if (calls_run(conf, &r) != 0)
            return 2;
        sum.transactions += r.transactions;
        sum.packets += r.packets;
        sum.lost += r.lost;
        sum.ms += r.ms;
        sum.answered += r.answered;
        sum.refused += r.refused;
        sum.silent += r.silent;
        sum.digest ^= r.digest;
        if (r.violations) {
            printf("seed %llu: %u violations, the first at %llu ms: %s\n",
                   (unsigned long long)conf->seed, r.violations, (unsigned long long)r.first_at,
                   r.first);
            tell_short(conf, &r);
            rc = 1;
        }
        free(r.mishaps);
    }
    double took = seconds() - began;
    printf("%llu transactions, %llu packets, %llu lost, %.0f virtual seconds, calls: %u answered, "
           "%u refused, %u silent; %.2f s, %.0f transactions/s, %.0f runs/s, digest %016llx\n",
           (unsigned long long)sum.transactions, (unsigned long long)sum.packets,
           (unsigned long long)sum.lost, (double)sum.ms / 1000, sum.answered, sum.refused,
           sum.silent, took, (double)sum.transactions / took, (double)runs / took,
           (unsigned long long)sum.digest);
    return rc;
}

int main(int argc, char **argv)
{
    struct calls_conf conf = {0};
    struct diag d;
    if (argc < 2) {
        fprintf(stderr, "usage: calls SCRIPT [name=value...]\n");
        return 2;
    }
    diag_init(&d);
    conf.config = config_load(module_set(), argv[1], &d);
    diag_print(&d, stderr);
    diag_free(&d);
    if (!conf.config)
        return 2;
    explain(&conf, argc, argv);
    conf.seed = (uint64_t)option(argc, argv, "seed", 1);
    conf.trace = option(argc, argv, "trace", 0) ? stdout : NULL;
    int rc = run_all(&conf, option(argc, argv, "runs", 1));
    config_unref(conf.config);
    return rc;
}
