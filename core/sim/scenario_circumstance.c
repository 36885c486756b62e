/* What happens around the parties: the network, the script's versions, its log and its lines. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sim/scenario_parse.h"
#include "core/sim/scenario_run.h"
#include "core/sim/world_priv.h"

/* ---- links ---- */

static const struct addr *addr_of(const struct run *r, int party)
{
    return party < 0 ? NULL : &r->scenario->party[party].addr;
}

/* Puts the links of a party (or of all) into the world as they should be now. */
static void set_links(struct run *r, int party)
{
    if (party < 0) {
        world_link(r->world, NULL, NULL, &r->all);
        for (unsigned i = 0; i < r->scenario->parties; i++)
            if (r->actor[i].bad)
                set_links(r, (int)i);
        return;
    }
    struct actor *a = &r->actor[party];
    world_link(r->world, addr_of(r, party), NULL, &a->from);
    world_link(r->world, NULL, addr_of(r, party), &a->to);
    a->bad = true;
}

static void change(struct link *l, const struct step *s)
{
    switch (s->fault) {
    case FAULT_LOSS:
        l->loss = (uint16_t)(s->permille * 10);
        break;
    case FAULT_DUPLICATE:
        l->duplicate = (uint16_t)(s->permille * 10);
        break;
    case FAULT_DELAY:
        l->delay = s->permille;
        l->jitter = s->ms_max > s->permille ? s->ms_max - s->permille : 0;
        break;
    case FAULT_CUT:
        l->cut = true;
        break;
    default:
        *l = (struct link){.delay = 1};
    }
}

/* Takes one fault off a link again. */
static void heal(struct link *l, enum fault_kind f)
{
    if (f == FAULT_LOSS)
        l->loss = 0;
    else if (f == FAULT_DUPLICATE)
        l->duplicate = 0;
    else if (f == FAULT_DELAY)
        *l = (struct link){.delay = 1, .loss = l->loss, .duplicate = l->duplicate, .cut = l->cut};
    else
        l->cut = false;
}

/* The links a step is about: at most two. */
static unsigned links_of(struct run *r, const struct step *s, struct link *out[2])
{
    unsigned n = 0;
    if (s->party < 0) {
        out[n++] = &r->all;
        return n;
    }
    if (s->direction != DIRECTION_TO)
        out[n++] = &r->actor[s->party].from;
    if (s->direction != DIRECTION_FROM)
        out[n++] = &r->actor[s->party].to;
    return n;
}

static void spell_over(struct world *w, struct happening *h)
{
    struct spell *x = container_of(h, struct spell, end);
    struct link *links[2];
    unsigned n = links_of(x->run, x->step, links);
    (void)w;
    for (unsigned i = 0; i < n; i++)
        heal(links[i], x->step->fault);
    set_links(x->run, x->step->party);
}

static void fault(struct run *r, const struct step *s)
{
    struct link *links[2];
    unsigned n = links_of(r, s, links);
    for (unsigned i = 0; i < n; i++)
        change(links[i], s);
    set_links(r, s->party);
    if (!s->timed)
        return;
    struct spell *x = arena_zalloc(r->arena, sizeof *x);
    if (!x)
        return;
    x->run = r;
    x->step = s;
    x->next = r->spells;
    r->spells = x;
    world_at(r->world, &x->end, world_now(r->world) + s->ms, spell_over);
}

void circumstance_cut(struct run *r, int party, bool cut)
{
    r->actor[party].from.cut = r->actor[party].to.cut = cut;
    set_links(r, party);
}

/* ---- the next ones ---- */

static bool what_is(struct str what, struct str want)
{
    if (want.len == 3 && ascii_digit(want.p[0]) && str_ends(want, STR("xx")))
        return what.len > 3 && what.p[0] == want.p[0] && what.p[3] == ' ';
    if (want.len == 3 && ascii_digit(want.p[0]))
        return what.len > 3 && str_starts(what, want);
    return str_eq(what, want);
}

static struct next_rule *rule_for(struct run *r, const struct packet *p)
{
    char what[40];
    packet_what(what, sizeof what, p->bytes);
    for (struct next_rule *x = r->rules; x; x = x->next) {
        const struct step *s = x->step;
        const struct addr *end = s->direction == DIRECTION_FROM ? &p->src : &p->dst;
        if (x->left && addr_eq(end, addr_of(r, x->party)) &&
            what_is(str_from(what), run_text(r, &s->pattern.what)))
            return x;
    }
    return NULL;
}

static void unbend(struct run *r)
{
    if (r->bent)
        world_unlink(r->world, &r->bent_from, &r->bent_to);
    r->bent = false;
}

void circumstance_packet(struct run *r, const struct packet *p)
{
    unbend(r);
    struct next_rule *x = r->rules ? rule_for(r, p) : NULL;
    if (!x)
        return;
    struct link l = {.delay = 1};
    if (x->step->fault == FAULT_LOSS)
        l.cut = true;
    else if (x->step->fault == FAULT_DUPLICATE)
        l.duplicate = 10000;
    else
        l.delay += x->step->ms;
    r->bent = world_link(r->world, &p->src, &p->dst, &l) == ERR_OK;
    r->bent_from = p->src;
    r->bent_to = p->dst;
    x->left--;
}

static void next_ones(struct run *r, const struct step *s)
{
    struct next_rule *x = arena_zalloc(r->arena, sizeof *x), **at;
    if (!x)
        return;
    for (at = &r->rules; *at; at = &(*at)->next)
        ;
    *x = (struct next_rule){NULL, s, s->party, s->n};
    if (s->target.text.len)
        x->party = scn_party_number(r->scenario, run_text(r, &s->target));
    if (x->party < 0)
        run_fail(r, s, "nobody is called '%.*s'", STR_ARG(run_text(r, &s->target)));
    else
        *at = x;
}

/* ---- the script ---- */

static void first_finding(void *user, const struct finding *f, struct str text)
{
    struct run *r = user;
    if (f->level == DIAG_ERROR)
        run_came(r, "%.*s", STR_ARG(str_trim(text)));
}

static void reload(struct run *r, const struct step *s)
{
    char text[512];
    struct buf why;
    struct diag d;
    struct str path = s->what.text.len ? scenario_beside(r->scenario, r->arena, &s->what)
                                       : r->scenario->script_path;
    const struct scenario_driver *driver = r->setup->driver;
    buf_fixed(&why, text, sizeof text);
    if (driver) {
        if (driver->reload(driver->user, path.p) != ERR_OK)
            run_fail(r, s, "the script should be loaded anew");
        return;
    }
    diag_init(&d);
    struct config *c = scenario_config(r->scenario, r->setup->set, path.p, &d);
    if (!c) {
        run_fail(r, s, "%.*s should be a script without mistakes", STR_ARG(path));
        diag_each(&d, first_finding, r);
    } else if (world_reload(r->world, c, &why) != ERR_OK) {
        run_fail(r, s, "%.*s should be loaded", STR_ARG(path));
        run_came(r, "%.*s", STR_ARG(buf_str(&why)));
    }
    diag_free(&d);
}

static void left(struct run *r, const struct step *s)
{
    const struct scenario_driver *d = r->setup->driver;
    if (s->timed)
        run_world(r, s->ms, NULL, NULL);
    uint64_t live = d ? d->live(d->user) : world_live(r->world);
    if (live == 0)
        return;
    run_fail(r, s, "no transaction should be left");
    run_came(r, "%llu %s alive", (unsigned long long)live, live == 1 ? "is" : "are");
}

/* ---- log and lines ---- */

static bool log_has(struct run *r, const struct step *s)
{
    struct regex_match m;
    struct str want = run_text(r, &s->what), log = buf_str(&r->log);
    if (s->matches)
        return s->regex && regex_find(s->regex, log, 0, &m) > 0;
    return str_search(log, want, 0) >= 0;
}

static void check_log(struct run *r, const struct step *s)
{
    struct str want = run_text(r, &s->what), log = buf_str(&r->log);
    if (log_has(r, s) != s->never)
        return;
    run_fail(r, s, "the log should %s \"%.*s\"", s->never ? "never have" : "have", STR_ARG(want));
    run_came(r, log.len ? "the log is: %.*s" : "the log is empty%.*s", STR_ARG(str_trim(log)));
}

/* Blanks do not count. */
static bool line_has(struct str line, struct str want)
{
    return str_search(line, str_trim(want), 0) >= 0;
}

/* Whether the line stands in the block that begins with this title: "failure_route[BUSY]". */
static bool in_route(const struct program *p, struct loc at, struct str title)
{
    struct str name;
    for (; at.line > 0; at.line--) {
        struct str line = program_source_line(p, at, &name);
        if (line.len == 0 || !ascii_alpha(line.p[0]) || str_search(line, STR("route"), 0) < 0)
            continue;
        size_t end = line.len;
        while (end && (line.p[end - 1] == ' ' || line.p[end - 1] == '{'))
            end--;
        return str_eq(str_sub(line, 0, end), title);
    }
    return false;
}

static bool ran(struct run *r, const struct step *s)
{
    struct str want = run_text(r, &s->what), name;
    for (const struct ran_line *l = r->ran; l; l = l->next) {
        if (s->n && l->at.line == s->n && l->at.file == 0)
            return true;
        if (s->n)
            continue;
        if (s->what.plain ? in_route(l->program, l->at, want)
                          : line_has(program_source_line(l->program, l->at, &name), want))
            return true;
    }
    return false;
}

static void check_ran(struct run *r, const struct step *s)
{
    if (ran(r, s) != s->never)
        return;
    run_fail(r, s, "the script should %s %s%.*s", s->never ? "never run" : "run",
             s->n ? "line " : "", STR_ARG(run_text(r, &s->what)));
    run_came(r, s->never ? "it ran" : "it did not run");
}

/* ---- names ---- */

/* A program outside asks the system's name servers. */
static bool dns_here(struct run *r, const struct step *s)
{
    if (r->setup->driver)
        run_fail(r, s, "there is no name server of the test's own with --over");
    return !r->setup->driver;
}

static void zone_line(struct run *r, const struct step *s)
{
    struct str line = run_text(r, &s->what);
    int rc = dns_here(r, s) ? world_dns(r->world, line) : ERR_OK;
    if (rc != ERR_OK)
        run_fail(r, s, "\"%.*s\" is no line for a name server: %s", STR_ARG(line), err_text(rc));
}

static void dns_count(struct run *r, const struct step *s)
{
    unsigned long long n = world_counts(r->world)->lookups;
    if (dns_here(r, s) && n != s->n)
        run_fail(r, s, "the name server should have had %u questions, it had %llu", s->n, n);
}

void circumstance_step(struct run *r, const struct step *s)
{
    switch (s->kind) {
    case STEP_LEFT:
        left(r, s);
        break;
    case STEP_FAULT:
        fault(r, s);
        break;
    case STEP_NEXT:
        next_ones(r, s);
        break;
    case STEP_RELOAD:
        reload(r, s);
        break;
    case STEP_DNS:
        zone_line(r, s);
        break;
    case STEP_DNS_SERVER:
        if (dns_here(r, s))
            world_dns_server(r->world, s->never, s->ms);
        break;
    case STEP_DNS_COUNT:
        dns_count(r, s);
        break;
    case STEP_QUEUE:
        world_queue(r->world, s->ms, s->n);
        break;
    case STEP_LOG:
        check_log(r, s);
        break;
    default:
        check_ran(r, s);
    }
}

void circumstance_end(struct run *r)
{
    for (struct spell *x = r->spells; x; x = x->next)
        world_cancel(r->world, &x->end);
}
