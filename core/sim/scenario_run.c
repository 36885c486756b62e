/* Runs one test of a scenario in a world of its own. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/scenario_run.h"

#include <stdarg.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"

/* ---- failing ---- */

static struct str format(struct arena *a, const char *fmt, va_list ap)
{
    struct str text = arena_vprintf(a, fmt, ap);
    return text.p ? text : STR("(no memory)");
}

void run_fail(struct run *r, const struct step *s, const char *fmt, ...)
{
    va_list ap;
    if (r->failed)
        return;
    va_start(ap, fmt);
    r->result->text = format(r->arena, fmt, ap);
    va_end(ap);
    r->result->at = s ? s->loc : r->test->loc;
    r->failed = true;
}

void run_came(struct run *r, const char *fmt, ...)
{
    va_list ap;
    if (r->result->came.len)
        return;
    va_start(ap, fmt);
    r->result->came = format(r->arena, fmt, ap);
    va_end(ap);
}

struct str run_text(struct run *r, const struct words *w)
{
    return scenario_expand(r->arena, r->test, r->row, w);
}

struct str run_party_name(const struct run *r, int party)
{
    return party < 0 ? STR("nobody") : r->scenario->party[party].name.text;
}

/* ---- time ---- */

struct waiting {
    struct run *run;
    bool (*done)(void *user);
    void *user;
};

static bool done_or_failed(void *user)
{
    struct waiting *w = user;
    return w->run->failed || (w->done && w->done(w->user));
}

/* The world was stopped: where the test stood, and what went on. */
static void never_ends(struct run *r)
{
    const struct world_count *n = world_counts(r->world);
    run_fail(r, r->step, "this does not end");
    run_came(
        r,
        "the world was stopped after %llu happenings, %llu of them packets, %llu ms into the test",
        (unsigned long long)n->steps, (unsigned long long)n->sent,
        (unsigned long long)world_now(r->world));
}

bool run_world(struct run *r, uint64_t ms, bool (*done)(void *user), void *user)
{
    struct waiting w = {r, done, user};
    uint64_t until = world_now(r->world) + ms;
    const struct scenario_driver *d = r->setup->driver;
    enum world_stop stop = d ? d->run(d->user, r->world, until, done_or_failed, &w)
                             : world_run(r->world, until, done_or_failed, &w);
    if (stop == STOP_ENDLESS)
        never_ends(r);
    return done && stop == STOP_DONE && !r->failed;
}

/* ---- watching ---- */

static void watch_packet(void *user, const struct packet *p, enum packet_fate fate)
{
    if (fate == PACKET_SENT)
        circumstance_packet(user, p);
}

static void watch_line(void *user, const struct program *program, struct loc at)
{
    struct run *r = user;
    for (const struct ran_line *l = r->ran; l; l = l->next)
        if (l->program == program && l->at.line == at.line && l->at.file == at.file)
            return;
    struct ran_line *n = arena_zalloc(r->arena, sizeof *n);
    if (!n)
        return;
    *n = (struct ran_line){r->ran, program, at};
    r->ran = n;
}

static void watch_log(void *user, int level, struct str text)
{
    struct run *r = user;
    (void)level;
    buf_add(&r->log, text);
    if (!str_ends(text, STR("\n")))
        buf_char(&r->log, '\n');
}

static void watch_ran(void *user, struct call *c, int route)
{
    left_ran(user, c, route);
}

/* ---- steps ---- */

static void run_step(struct run *r, const struct step *s)
{
    r->step = s;
    act_overdue(r, s->kind == STEP_ANSWER ? s->party : -1);
    switch (s->kind) {
    case STEP_GET:
    case STEP_GOT:
    case STEP_NEVER:
    case STEP_NOTHING:
        expect_step(r, s);
        break;
    case STEP_WAIT:
        run_world(r, s->ms, NULL, NULL);
        break;
    case STEP_DO:
        if (s->block)
            run_steps(r, s->block);
        break;
    case STEP_VARIABLE:
    case STEP_FLAG:
        left_step(r, s);
        break;
    case STEP_ROW:
    case STEP_TABLE:
    case STEP_DATABASE:
        database_step(r, s);
        break;
    case STEP_MISHAP:
    case STEP_EVENT:
        weather_step(r, s);
        break;
    case STEP_EXPLORE: /* done before all others */
        break;
    case STEP_LEFT:
    case STEP_FAULT:
    case STEP_NEXT:
    case STEP_RELOAD:
    case STEP_DNS:
    case STEP_DNS_SERVER:
    case STEP_DNS_COUNT:
    case STEP_QUEUE:
    case STEP_LOG:
    case STEP_RAN:
        circumstance_step(r, s);
        break;
    default:
        act_step(r, s);
    }
}

void run_steps(struct run *r, const struct block *b)
{
    for (const struct step *s = b->first; s && !r->failed && !r->stopped; s = s->next) {
        if (s->kind == STEP_GET && s->group) {
            r->step = s;
            act_overdue(r, -1);
            s = expect_group(r, s);
        } else {
            run_step(r, s);
        }
    }
}

/* ---- the world ---- */

/* A message has come: none that must never come? */
static bool receive(void *user, struct party *p, struct got *g)
{
    struct run *r = user;
    for (const struct ban *b = r->bans; b && !r->failed; b = b->next) {
        int who = b->step->party;
        if (r->actor[who].party != p || !expect_matches(r, &b->step->pattern, g))
            continue;
        struct str name = expect_name(r, g);
        run_fail(r, b->step, "%.*s must never get %.*s", STR_ARG(run_party_name(r, who)),
                 STR_ARG(run_text(r, &b->step->pattern.what)));
        run_came(r, "%.*s came %llu ms into the test", STR_ARG(name), (unsigned long long)g->at);
    }
    return false;
}

static void name_domain(struct run *r)
{
    char text[IP_TEXT];
    const struct scenario_driver *d = r->setup->driver;
    const struct addr *at = d ? &d->proxy : world_listen(r->world, 0);
    r->domain = r->scenario->domain.text;
    if (r->domain.len || !at)
        return;
    struct str ip = ip_text(text, &at->ip);
    bool six = at->ip.family == 6;
    r->domain = at->port == 5060
                    ? arena_printf(r->arena, six ? "[%.*s]" : "%.*s", STR_ARG(ip))
                    : arena_printf(r->arena, six ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(ip), at->port);
}

static bool add_parties(struct run *r, const struct addr *proxy)
{
    const struct scenario *s = r->scenario;
    char domain[64];
    snprintf(domain, sizeof domain, "%.*s", STR_ARG(r->domain));
    for (unsigned i = 0; i < s->parties; i++) {
        const struct party_decl *d = &s->party[i];
        char name[64], user[64], password[64];
        snprintf(name, sizeof name, "%.*s", STR_ARG(d->name.text));
        snprintf(user, sizeof user, "%.*s", STR_ARG(d->user.text));
        snprintf(password, sizeof password, "%.*s", STR_ARG(d->password.text));
        struct party_conf conf = {.name = name,
                                  .at = s->party[i].addr,
                                  .proxy = *proxy,
                                  .domain = domain,
                                  .auth_user = user[0] ? user : NULL,
                                  .password = password,
                                  .receive = receive,
                                  .user = r};
        r->actor[i].party = party_new(r->world, &conf);
        r->actor[i].from = r->actor[i].to = r->all;
        if (!r->actor[i].party)
            return false;
    }
    return true;
}

/* ---- a program outside ---- */

/* Why a step cannot be taken when the proxy is a process of its own; NULL when it can. */
static const char *only_inside(const struct step *s)
{
    switch (s->kind) {
    case STEP_LOG:
    case STEP_RAN:
    case STEP_VARIABLE:
    case STEP_FLAG:
        return "it looks into the proxy";
    case STEP_ROW:
    case STEP_TABLE:
    case STEP_DATABASE:
        return "the database is the proxy's own";
    case STEP_CRASH:
    case STEP_RESTART:
        return "the machines of phones cannot be switched off; 'vanishes' cuts them off";
    case STEP_MISHAP:
    case STEP_EVENT:
    case STEP_EXPLORE:
        return "real time, memory and packets are not ours";
    case STEP_QUEUE:
        return "the queue is the kernel's";
    default:
        return NULL;
    }
}

/* Complains about the first step that needs the simulated world. */
static bool refuse_outside(struct run *r, const struct block *b)
{
    for (const struct step *s = b ? b->first : NULL; s && !r->failed; s = s->next) {
        const char *why = only_inside(s);
        if (why) {
            run_fail(r, s, "this step needs the simulated world");
            run_came(r, "--over udp: %s", why);
        } else if (s->kind == STEP_DO) {
            refuse_outside(r, s->block);
        }
    }
    return r->failed;
}

static bool refuse_rows(struct run *r)
{
    if (!r->scenario->table_rows)
        return false;
    run_fail(r, r->scenario->table_rows, "this line needs the simulated world");
    run_came(r, "--over udp: the database is the proxy's own");
    return true;
}

static bool needs(const struct block *b, enum step_kind kind)
{
    for (const struct step *s = b ? b->first : NULL; s; s = s->next)
        if (s->kind == kind || (s->kind == STEP_DO && needs(s->block, kind)))
            return true;
    return false;
}

static bool test_needs(const struct run *r, enum step_kind kind)
{
    return needs(r->test, kind) || needs(r->scenario->before, kind);
}

static void build_ladder(struct run *r)
{
    r->ladder = ladder_new(r->arena, r->world);
    r->result->ladder = r->ladder;
    if (!r->ladder)
        return;
    const struct scenario_driver *d = r->setup->driver;
    const struct scenario *s = r->scenario;
    if (s->parties) /* who calls stands left, the proxy next */
        ladder_column(r->ladder, s->party[0].name.text, &s->party[0].addr);
    if (d)
        ladder_column(r->ladder, STR("proxy"), &d->proxy);
    for (unsigned i = 0; !d && i < world_listens(r->world); i++)
        ladder_column(r->ladder, STR("proxy"), world_listen(r->world, i));
    for (unsigned i = 1; i < s->parties; i++)
        ladder_column(r->ladder, s->party[i].name.text, &s->party[i].addr);
}

static int open_world(struct run *r)
{
    char text[256];
    struct buf why;
    const struct scenario_driver *d = r->setup->driver;
    struct world_conf conf = {.seed = r->seed,
                              .table_bits = r->weather && r->weather->small ? 1 : 0,
                              .most_steps =
                                  r->setup->most_steps ? r->setup->most_steps : MOST_STEPS,
                              .inside = r->setup->inside,
                              .config = r->setup->config,
                              .listen = d ? &d->inside : NULL,
                              .listens = d ? 1 : 0,
                              .lines = r->setup->lines || test_needs(r, STEP_RAN),
                              .logs = !r->setup->weather,
                              .fill = r->scenario->table_rows ? database_fill : NULL,
                              .fill_user = r};
    buf_fixed(&why, text, sizeof text);
    if (test_needs(r, STEP_LOG))
        log_set_level(LOG_INFO_);
    r->world = world_new(&conf, &why);
    if (!r->world) {
        run_fail(r, NULL, "the script cannot be started: %.*s", STR_ARG(buf_str(&why)));
        return ERR_INVALID;
    }
    buf_init(&r->log, r->arena, 256);
    left_prepare(r, r->scenario->before);
    left_prepare(r, r->test);
    r->observer = (struct observer){.user = r,
                                    .packet = watch_packet,
                                    .line = conf.lines ? watch_line : NULL,
                                    .ran = watch_ran,
                                    .log = conf.logs ? watch_log : NULL};
    world_observe(r->world, &r->observer);
    r->all = (struct link){.delay = 1};
    if (!r->weather)
        return ERR_OK;
    int rc = weather_start(r);
    if (rc != ERR_OK)
        run_fail(r, NULL, "no memory for the weather");
    return rc;
}

static int people_world(struct run *r)
{
    const struct scenario_driver *d = r->setup->driver;
    build_ladder(r);
    name_domain(r);
    const struct addr *proxy = d ? &d->proxy : world_listen(r->world, 0);
    if (!r->ladder || !proxy || !add_parties(r, proxy)) {
        run_fail(r, NULL,
                 "no room for the parties: two of them, or one and the proxy, have the "
                 "same address");
        return ERR_INVALID;
    }
    if (d && d->start(d->user, r->world) != ERR_OK) {
        run_fail(r, NULL, "the program outside cannot be reached");
        return ERR_INVALID;
    }
    return ERR_OK;
}

static void close_world(struct run *r)
{
    const struct scenario_driver *d = r->setup->driver;
    r->result->ms = r->world ? world_now(r->world) : 0;
    if (r->ladder)
        ladder_stop(r->ladder);
    if (d && r->world)
        d->stop(d->user);
    for (unsigned i = 0; i < r->scenario->parties; i++)
        party_free(r->actor[i].party);
    check_free(r->check);
    if (r->world) {
        circumstance_end(r);
        world_ignore(r->world, &r->observer);
        world_free(r->world);
    }
}

int scenario_run(const struct scenario *s, unsigned test, const struct scenario_setup *setup,
                 struct scenario_result *out)
{
    struct run r = {.scenario = s, .setup = setup, .result = out, .arena = &out->arena};
    memset(out, 0, sizeof *out);
    arena_init(&out->arena, NULL, 16384);
    r.test = s->cases[test].test;
    r.row = s->cases[test].row;
    r.seed = setup->seed;
    r.weather = setup->weather;
    if (!r.weather)
        weather_of_test(&r);
    bool refused = setup->driver &&
                   (refuse_rows(&r) || refuse_outside(&r, s->before) || refuse_outside(&r, r.test));
    int level = log_level();
    int rc = refused ? ERR_INVALID : open_world(&r);
    if (rc == ERR_OK)
        rc = people_world(&r);
    if (rc == ERR_OK) {
        if (setup->prepare)
            setup->prepare(setup->user, r.world);
        if (s->before)
            run_steps(&r, s->before);
        run_steps(&r, r.test);
        act_overdue(&r, -1);
        expect_end(&r);
        if (r.weather)
            weather_end(&r);
        if (setup->finish)
            setup->finish(setup->user, r.world);
    }
    close_world(&r);
    log_set_level(level);
    out->passed = rc == ERR_OK && (r.weather ? !out->broken : !r.failed);
    out->stopped = r.stopped;
    return rc;
}

void scenario_result_free(struct scenario_result *r)
{
    free(r->mishaps);
    free(r->moments);
    arena_reset(&r->arena);
}

void scenario_result_print(const struct scenario *s, const struct scenario_result *r, FILE *out)
{
    struct diag d;
    diag_init(&d);
    memcpy(d.sources, s->diag.sources, sizeof d.sources);
    d.n_sources = s->diag.n_sources;
    diag_add(&d, DIAG_ERROR, NULL, r->at, "%.*s", STR_ARG(r->text));
    diag_print(&d, out);
    if (r->came.len)
        fprintf(out, "    instead: %.*s\n", STR_ARG(r->came));
    diag_free(&d);
}
