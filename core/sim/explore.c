/* Running a scenario in bad weather, and shortening the history that broke a rule. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/explore.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/sim/ladder.h"
#include "core/sim/world_priv.h"

enum {
    SETTLE = 400000, /* ms: longer than anything lives */
    MOST_RUNS = 600, /* to shorten one history */
};

/* One run of a test. */
struct trial {
    const struct scenario *s;
    const struct explore_conf *conf;
    const struct mishap *plan;
    unsigned n_plan;
    bool planned, shuffled;
    unsigned test;
    struct check *check;
    struct race *out;
};

/* ---- the weather ---- */

/* What the seed says: from fair to foul; one in four has no loss, so that orders alone matter. */
static struct link weather(uint64_t seed)
{
    uint64_t state = seed;
    uint32_t a = (uint32_t)splitmix(&state), b = (uint32_t)splitmix(&state);
    return (struct link){.delay = 1 + a % 40,
                         .jitter = a >> 8 & 1 ? b % 60 : 0,
                         .reorder_by = 50 + (a >> 12) % 3000,
                         .loss = (uint16_t)(a >> 9 & 3 ? (b >> 4) % 2500 : 0),
                         .duplicate = (uint16_t)((b >> 10) % 1500),
                         .reorder = (uint16_t)((a >> 4) % 2500)};
}

static void prepare(void *user, struct world *w)
{
    struct trial *t = user;
    struct link l = weather(t->conf->seed);
    t->check = check_new(w);
    world_shuffle(w, t->shuffled);
    if (t->planned) {
        l = (struct link){.delay = l.delay};
        world_plan(w, t->plan, t->n_plan);
    }
    world_link(w, NULL, NULL, &l);
}

static void keep_mishaps(struct race *r, struct world *w)
{
    unsigned n;
    const struct mishap *m = world_mishaps(w, &n);
    r->mishaps = calloc(n + 1, sizeof *r->mishaps);
    r->n = r->mishaps ? n : 0;
    if (r->n)
        memcpy(r->mishaps, m, n * sizeof *m);
}

static void finish(void *user, struct world *w)
{
    struct trial *t = user;
    const struct violation *v;
    if (!t->check)
        return;
    world_settle(w, SETTLE);
    check_end(t->check);
    if (check_violations(t->check, &v)) {
        t->out->broken = true;
        t->out->violation = v[0];
        keep_mishaps(t->out, w);
    }
    check_free(t->check);
    t->check = NULL;
}

static int run(struct trial *t, struct scenario_result *result)
{
    struct scenario_setup setup = {.set = t->conf->set,
                                   .config = t->conf->config,
                                   .seed = t->conf->seed,
                                   .prepare = prepare,
                                   .finish = finish,
                                   .user = t,
                                   .relaxed = true};
    return scenario_run(t->s, t->test, &setup, result);
}

/* ---- making it short ---- */

static int try_once(struct trial *t, struct race *out)
{
    struct scenario_result r;
    *out = (struct race){.runs = 0};
    t->out = out;
    int rc = run(t, &r);
    scenario_result_free(&r);
    out->shuffled = t->shuffled;
    out->runs = 1;
    return rc;
}

/* Whether these mishaps alone break the same rule; then they take the place of best. */
static bool still_broken(struct trial *t, const struct mishap *plan, unsigned n, struct race *best)
{
    struct race r;
    t->plan = plan;
    t->n_plan = n;
    t->planned = true;
    if (try_once(t, &r) != ERR_OK || !r.broken || r.violation.rule != best->violation.rule) {
        best->runs++;
        race_free(&r);
        return false;
    }
    r.runs = best->runs + 1;
    race_free(best);
    *best = r;
    return true;
}

/* Leaves out [from, from + n) of best's mishaps. */
static bool without(struct trial *t, unsigned from, unsigned n, struct race *best)
{
    struct mishap *rest = calloc(best->n + 1, sizeof *rest);
    unsigned left = 0;
    if (!rest)
        return false;
    for (unsigned i = 0; i < best->n; i++)
        if (i < from || i >= from + n)
            rest[left++] = best->mishaps[i];
    bool ok = still_broken(t, rest, left, best);
    free(rest);
    return ok;
}

/* First halves, then quarters, ... then one after another, until nothing can be left out. */
static void shorten(struct trial *t, struct race *best)
{
    struct mishap *all = best->mishaps;
    unsigned n = best->n;
    best->mishaps = NULL;
    if (!still_broken(t, all, n, best)) {
        best->mishaps = all; /* as it is: the seed shows it */
        best->n = n;
        return;
    }
    free(all);
    for (unsigned size = (best->n + 1) / 2; size > 0 && best->runs < MOST_RUNS;) {
        bool less = false;
        for (unsigned at = 0; at < best->n && best->runs < MOST_RUNS;)
            if (without(t, at, size, best))
                less = true;
            else
                at += size;
        if (!less || size > best->n)
            size = size == 1 ? (less ? 1 : 0) : size / 2;
    }
    t->shuffled = false;
    if (best->shuffled && best->runs < MOST_RUNS && !without(t, best->n, 0, best))
        best->shuffled = true;
}

static void begin(struct trial *t, const struct scenario *s, unsigned test,
                  const struct explore_conf *conf)
{
    *t = (struct trial){.s = s,
                        .test = test,
                        .conf = conf,
                        .plan = conf->plan,
                        .n_plan = conf->n_plan,
                        .planned = conf->plan != NULL,
                        .shuffled = !conf->plan};
}

int explore(const struct scenario *s, unsigned test, const struct explore_conf *conf,
            struct race *out)
{
    struct trial t;
    begin(&t, s, test, conf);
    int rc = try_once(&t, out);
    if (rc == ERR_OK && out->broken && !conf->plan)
        shorten(&t, out);
    return rc;
}

void race_free(struct race *r)
{
    free(r->mishaps);
    r->mishaps = NULL;
    r->n = 0;
}

/* ---- telling it ---- */

static struct str who(const struct scenario *s, const struct addr *a, char *text)
{
    for (unsigned i = 0; i < scenario_parties(s); i++) {
        struct addr at = scenario_party_addr(s, i);
        if (addr_eq(&at, a))
            return scenario_party_name(s, i);
    }
    struct str at = addr_text(text, a);
    return str_sub(at, (size_t)str_find(at, ':', 0) + 1, at.len);
}

static const char *ordinal(uint32_t n)
{
    return n % 100 / 10 == 1 ? "th"
           : n % 10 == 1     ? "st"
           : n % 10 == 2     ? "nd"
           : n % 10 == 3     ? "rd"
                             : "th";
}

static void print_mishap(const struct scenario *s, const struct mishap *m, FILE *out)
{
    char a[ADDR_TEXT], b[ADDR_TEXT];
    struct str from = who(s, &m->from, a), to = who(s, &m->to, b);
    fprintf(out, "    the %u%s %s from %.*s to %.*s is %s", m->nth, ordinal(m->nth),
            m->what[0] ? m->what : "packet", STR_ARG(from), STR_ARG(to), mishap_name(m->kind));
    if (m->kind == MISHAP_DELAY)
        fprintf(out, " by %u ms", m->ms);
    else if (m->kind == MISHAP_DUPLICATE)
        fprintf(out, ", %u ms after", m->ms);
    fputc('\n', out);
}

/* "lost/127.0.0.1:5061/127.0.0.1:5060/200 INVITE/2/0", comma separated. */
static void print_plan(const struct race *r, FILE *out)
{
    char a[ADDR_TEXT], b[ADDR_TEXT];
    for (unsigned i = 0; i < r->n; i++) {
        const struct mishap *m = &r->mishaps[i];
        struct str from = addr_text(a, &m->from), to = addr_text(b, &m->to);
        fprintf(out, "%s%s/%.*s/%.*s/%s/%u/%u", i ? "," : "", mishap_name(m->kind), STR_ARG(from),
                STR_ARG(to), m->what, m->nth, m->ms);
    }
}

/* The history once more, for its ladder. */
static void print_ladder(const struct scenario *s, unsigned test, const struct explore_conf *conf,
                         const struct race *r, FILE *out)
{
    struct trial t;
    struct race again = {.runs = 0};
    struct scenario_result result;
    begin(&t, s, test, conf);
    t.plan = r->mishaps;
    t.n_plan = r->n;
    t.planned = true;
    t.shuffled = r->shuffled;
    t.out = &again;
    if (run(&t, &result) == ERR_OK && result.ladder)
        ladder_print(result.ladder, out);
    scenario_result_free(&result);
    race_free(&again);
}

void race_print(const struct scenario *s, unsigned test, const struct explore_conf *conf,
                const struct race *r, FILE *out)
{
    const struct violation *v = &r->violation;
    struct str name = scenario_test_name(s, test);
    fprintf(out, "RACE   %.*s\n  %s: %s (RFC %s)\n  at %llu ms: %s\n", STR_ARG(name), v->rule,
            v->means, v->source, (unsigned long long)v->at, v->text);
    fprintf(out, "  seed %llu, %u mishap%s%s:\n", (unsigned long long)conf->seed, r->n,
            r->n == 1 ? "" : "s",
            r->shuffled ? ", and another order of what happens at the same time" : "");
    for (unsigned i = 0; i < r->n; i++)
        print_mishap(s, &r->mishaps[i], out);
    fprintf(out, "  again: --seed %llu --only '%.*s'", (unsigned long long)conf->seed,
            STR_ARG(name));
    if (!r->shuffled) {
        fputs(" --plan '", out);
        print_plan(r, out);
        fputc('\'', out);
    }
    fputs("\n\n", out);
    print_ladder(s, test, conf, r, out);
    fputc('\n', out);
}

/* ---- reading it ---- */

static int read_end(struct addr *out, struct str text)
{
    struct str host;
    uint32_t port;
    ptrdiff_t colon = -1;
    int proto = str_cut(&host, &text, ':') ? proto_parse(host) : -1;
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] == ':')
            colon = (ptrdiff_t)i;
    if (proto < 0 || colon < 0 ||
        str_u32(&port, str_sub(text, (size_t)colon + 1, text.len), 65535) != ERR_OK)
        return ERR_SYNTAX;
    *out = (struct addr){.port = (uint16_t)port, .proto = (uint8_t)proto};
    return ip_parse(&out->ip, str_sub(text, 0, (size_t)colon));
}

static int read_mishap(struct mishap *m, struct str text)
{
    struct str kind, from, to, what, nth, ms;
    bool known = false;
    if (!str_cut(&kind, &text, '/') || !str_cut(&from, &text, '/') || !str_cut(&to, &text, '/') ||
        !str_cut(&what, &text, '/') || !str_cut(&nth, &text, '/') || !str_cut(&ms, &text, '/'))
        return ERR_SYNTAX;
    for (int k = MISHAP_LOSS; k <= MISHAP_FLIP && !known; k++)
        if (str_eq(kind, str_from(mishap_name((enum mishap_kind)k)))) {
            m->kind = (enum mishap_kind)k;
            known = true;
        }
    if (!known || what.len >= sizeof m->what || read_end(&m->from, from) != ERR_OK ||
        read_end(&m->to, to) != ERR_OK || str_u32(&m->nth, nth, UINT32_MAX) != ERR_OK ||
        str_u32(&m->ms, ms, UINT32_MAX) != ERR_OK)
        return ERR_SYNTAX;
    memcpy(m->what, what.p, what.len);
    return ERR_OK;
}

int plan_parse(struct mishap **out, unsigned *n, struct str text)
{
    struct str one;
    unsigned most = 1;
    int rc = ERR_OK;
    for (size_t i = 0; i < text.len; i++)
        most += text.p[i] == ',';
    *n = 0;
    *out = calloc(most, sizeof **out);
    if (!*out)
        return ERR_NOMEM;
    while (text.len && rc == ERR_OK && str_cut(&one, &text, ','))
        rc = read_mishap(&(*out)[(*n)++], one);
    return rc;
}
