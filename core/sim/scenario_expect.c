/* What a party gets: finding it among the messages that came, waiting for it, saying what came
 * instead. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sim/scenario_run.h"

/* ---- one message against one pattern ---- */

static bool status_matches(struct str want, unsigned status)
{
    char have[8];
    snprintf(have, sizeof have, "%u", status);
    for (size_t i = 0; i < 3; i++)
        if (want.p[i] != 'x' && want.p[i] != have[i])
            return false;
    return true;
}

static bool answers_to(struct run *r, const struct pattern *p, const struct got *g)
{
    return !p->to.text.len || str_eq(run_text(r, &p->to), g->msg.cseq_method);
}

static bool what_matches(struct run *r, const struct pattern *p, const struct got *g)
{
    struct str want = run_text(r, &p->what);
    if (!g->sip) /* too odd to be understood; its first word may still say what it is */
        return !p->conds &&
               str_starts(str_trim(str_sub(g->bytes, str_starts(g->bytes, STR("SIP/2.0 ")) ? 8 : 0,
                                           g->bytes.len)),
                          want);
    if (want.len == 3 && ascii_digit(want.p[0]))
        return !g->msg.request && status_matches(want, g->msg.status) && answers_to(r, p, g);
    return g->msg.request && str_eq(g->msg.method_text, want);
}

static bool matches_regex(const struct cond *c, struct str pattern, struct str text)
{
    struct regex_match m;
    struct regex *own = NULL;
    const struct regex *re = c->regex;
    char why[200];
    struct buf error;
    size_t at;
    buf_fixed(&error, why, sizeof why - 1);
    if (!re && regex_compile(pattern, 0, &own, &error, &at) != ERR_OK)
        return false;
    bool hit = regex_find(re ? re : own, text, 0, &m) > 0;
    regex_free(own);
    return hit;
}

bool expect_value(struct run *r, const struct cond *c, struct str have)
{
    struct str want = run_text(r, &c->value);
    switch (c->op) {
    case COND_IS:
    case COND_IS_NOT:
        return str_eq(have, want);
    case COND_CONTAINS:
        return str_search(have, want, 0) >= 0;
    case COND_MATCHES:
        return matches_regex(c, want, have);
    default:
        return true;
    }
}

/* What is no header: false when the field is one. */
static bool special_field(struct run *r, struct str field, const struct got *g, struct str *out)
{
    if (str_eq(field, STR("ruri")))
        *out = g->msg.request ? g->msg.uri : STR_NONE;
    else if (str_eq(field, STR("body")))
        *out = g->msg.body;
    else if (str_eq(field, STR("reason")))
        *out = g->msg.reason;
    else if (str_eq(field, STR("source"))) {
        char *text = arena_alloc(r->arena, ADDR_TEXT);
        *out = text ? addr_text(text, &g->from) : STR_NONE;
        *out = str_sub(*out, 4, out->len); /* without "udp:" */
    } else
        return false;
    return true;
}

static bool cond_holds(struct run *r, const struct cond *c, const struct got *g)
{
    struct str text;
    bool any = false, found = false;
    if (special_field(r, c->field.text, g, &text)) {
        found = text.len > 0;
        any = expect_value(r, c, text);
    } else {
        const struct hdr *h = NULL;
        while ((h = msg_header_named(&g->msg, c->field.text, h)) != NULL) {
            found = true;
            any = any || expect_value(r, c, h->value);
        }
    }
    if (c->op == COND_ABSENT)
        return !found;
    if (c->op == COND_PRESENT)
        return found;
    return c->op == COND_IS_NOT ? !any : any;
}

static const struct cond *first_broken(struct run *r, const struct pattern *p, const struct got *g)
{
    for (const struct cond *c = p->conds; c; c = c->next)
        if (!cond_holds(r, c, g))
            return c;
    return NULL;
}

static bool from_matches(const struct run *r, const struct pattern *p, const struct got *g)
{
    return p->from < 0 || addr_eq(&g->from, &r->scenario->party[p->from].addr);
}

bool expect_matches(struct run *r, const struct pattern *p, const struct got *g)
{
    return what_matches(r, p, g) && from_matches(r, p, g) && !first_broken(r, p, g);
}

/* ---- words ---- */

struct str expect_name(struct run *r, const struct got *g)
{
    if (!g->sip)
        return arena_printf(r->arena, "something that is no SIP (%zu bytes)", g->bytes.len);
    if (g->msg.request)
        return arena_printf(r->arena, "%.*s %.*s", STR_ARG(g->msg.method_text),
                            STR_ARG(g->msg.uri));
    return arena_printf(r->arena, "%u %.*s (of %.*s)", g->msg.status, STR_ARG(g->msg.reason),
                        STR_ARG(g->msg.cseq_method));
}

static const char *op_words(enum cond_op op)
{
    static const char *const words[] = {"is", "is not", "contains", "matches", "absent", "present"};
    return words[op];
}

/* What a message has where a condition looks. */
static struct str have_text(struct run *r, const struct cond *c, const struct got *g)
{
    struct str text;
    if (special_field(r, c->field.text, g, &text))
        return text.len ? arena_printf(r->arena, "\"%.*s\"", STR_ARG(text)) : STR("nothing");
    const struct hdr *h = msg_header_named(&g->msg, c->field.text, NULL);
    if (!h)
        return STR("absent");
    return arena_printf(r->arena, "\"%.*s\"", STR_ARG(h->value));
}

static void came_instead(struct run *r, const struct pattern *p, const struct got *g)
{
    struct str name = expect_name(r, g);
    const struct cond *c = what_matches(r, p, g) ? first_broken(r, p, g) : NULL;
    if (!c) {
        run_came(r, "%.*s came after %llu ms", STR_ARG(name), (unsigned long long)g->at);
        return;
    }
    struct str field = c->field.text, have = have_text(r, c, g), want = run_text(r, &c->value);
    if (c->op == COND_ABSENT || c->op == COND_PRESENT)
        run_came(r, "%.*s came, its %.*s is %.*s, not %s", STR_ARG(name), STR_ARG(field),
                 STR_ARG(have), op_words(c->op));
    else
        run_came(r, "%.*s came, its %.*s is %.*s; it should be: %s \"%.*s\"", STR_ARG(name),
                 STR_ARG(field), STR_ARG(have), op_words(c->op), STR_ARG(want));
}

static void nothing_came(struct run *r, const struct actor *a, const struct pattern *p, uint64_t ms)
{
    const struct got *last = NULL;
    for (const struct got *g = a->party->first; g; g = g->next)
        if (!g->repeat && (!last || what_matches(r, p, g)))
            last = g;
    if (last && what_matches(r, p, last) && !last->seen)
        came_instead(r, p, last);
    else
        run_came(r, "nothing of the kind came within %llu.%03llu s",
                 (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000));
}

/* ---- messages nobody has to mention ---- */

/* Good news about a request that is no INVITE: nobody writes that down. */
static bool quiet_reply(const struct msg *m)
{
    return m->status < 200 || (m->method != METHOD_INVITE && m->status < 300);
}

static bool quiet(const struct got *g)
{
    if (g->repeat || g->seen || g->challenge)
        return true;
    if (!g->sip)
        return false;
    return g->msg.request ? g->msg.method == METHOD_ACK : quiet_reply(&g->msg);
}

/* ---- waiting ---- */

struct hunt {
    struct run *run;
    struct actor *actor;
    const struct step *step;
    struct got *found, *other; /* other: came instead */
};

static bool hunt_again(struct hunt *h)
{
    struct got *g = h->actor->again_from ? h->actor->again_from->next : h->actor->party->first;
    for (; g; g = g->next)
        if (g->repeat && expect_matches(h->run, &h->step->pattern, g)) {
            h->found = h->actor->again_from = g;
            return true;
        }
    return false;
}

static bool in_call(const struct hunt *h, const struct got *g)
{
    struct str name = h->step->call.text;
    if (!(h->step->mods & MOD_IN))
        return true;
    for (const struct named_call *c = h->run->calls; c; c = c->next)
        if (str_eq(c->name, name))
            return g->sip && str_eq(g->msg.call_id, c->call_id);
    return false;
}

/* Looks at what has come: true when there is no point in waiting on. */
static bool hunt_done(void *user)
{
    struct hunt *h = user;
    if (h->step->pattern.again)
        return hunt_again(h);
    for (struct got *g = h->actor->party->first; g; g = g->next) {
        if (g->seen || g->repeat || !in_call(h, g))
            continue;
        if (expect_matches(h->run, &h->step->pattern, g)) {
            h->found = g;
            return true;
        }
        if (!quiet(g)) {
            h->other = g;
            return true;
        }
    }
    return false;
}

static void name_call(struct run *r, const struct step *s, struct leg *leg, struct str call_id)
{
    struct named_call *c = arena_zalloc(r->arena, sizeof *c);
    if (!c)
        return;
    *c = (struct named_call){r->calls, s->call.text, arena_dup(r->arena, call_id), leg, s->party};
    r->calls = c;
}

/* A message that was waited for is there. */
static void found(struct run *r, const struct step *s, struct got *g)
{
    struct actor *a = &r->actor[s->party];
    for (struct got *x = a->party->first; x != g && !s->group; x = x->next)
        x->seen = true; /* what was passed over is in the past */
    g->seen = true;
    if (!g->sip)
        return;
    if (g->leg && (g->msg.request || g->msg.method == METHOD_INVITE))
        a->leg = g->leg;
    if (!g->msg.request && g->msg.method == METHOD_INVITE && g->msg.status / 100 == 2)
        a->last_2xx = g;
    if (s->mods & MOD_AS)
        name_call(r, s, g->leg, g->msg.call_id);
    if (g->msg.request && (g->msg.method == METHOD_BYE || g->msg.method == METHOD_CANCEL) &&
        !g->repeat)
        a->to_answer = g;
}

static void give_up(struct run *r, const struct step *s, struct hunt *h, uint64_t ms)
{
    struct str who = run_party_name(r, s->party), what = run_text(r, &s->pattern.what);
    if (r->failed)
        return;
    if (r->weather) {
        r->stopped = true;
        return;
    }
    run_fail(r, s, "%.*s should get %.*s%s", STR_ARG(who), STR_ARG(what),
             s->pattern.again ? " again" : "");
    if (h->other)
        came_instead(r, &s->pattern, h->other);
    else
        nothing_came(r, h->actor, &s->pattern, ms);
}

static void get(struct run *r, const struct step *s)
{
    struct hunt h = {.run = r, .actor = &r->actor[s->party], .step = s};
    uint64_t ms = s->mods & MOD_WITHIN ? s->ms : r->weather ? 40000 : PATIENCE;
    if (run_world(r, ms, hunt_done, &h) && h.found)
        found(r, s, h.found);
    else
        give_up(r, s, &h, ms);
}

/* ---- all of ---- */

enum { GROUP_MAX = 32 };

struct gang {
    struct run *run;
    const struct step *step[GROUP_MAX];
    struct got *got[GROUP_MAX];
    unsigned n;
    struct got *other;
};

static bool gang_takes(struct gang *x, struct got *g)
{
    for (unsigned i = 0; i < x->n; i++)
        if (!x->got[i] && expect_matches(x->run, &x->step[i]->pattern, g)) {
            x->got[i] = g;
            g->seen = true;
            return true;
        }
    return false;
}

static bool gang_done(void *user)
{
    struct gang *x = user;
    struct party *p = x->run->actor[x->step[0]->party].party;
    unsigned there = 0;
    for (struct got *g = p->first; g; g = g->next)
        if (!g->seen && !g->repeat && !gang_takes(x, g) && !quiet(g))
            x->other = g;
    for (unsigned i = 0; i < x->n; i++)
        there += x->got[i] != NULL;
    return there == x->n || x->other;
}

const struct step *expect_group(struct run *r, const struct step *s)
{
    struct gang x = {.run = r};
    const struct step *last = s;
    uint64_t ms = r->weather ? 40000 : PATIENCE;
    for (const struct step *t = s; t && t->group == s->group && x.n < GROUP_MAX; t = t->next) {
        ms = t->mods & MOD_WITHIN ? t->ms : ms;
        x.step[x.n++] = last = t;
    }
    run_world(r, ms, gang_done, &x);
    for (unsigned i = 0; i < x.n; i++) {
        struct hunt h = {.run = r, .actor = &r->actor[s->party], .other = x.other};
        if (x.got[i])
            found(r, x.step[i], x.got[i]);
        else
            give_up(r, x.step[i], &h, ms);
    }
    return last;
}

/* ---- how often, never, nothing ---- */

static unsigned count(struct run *r, const struct step *s)
{
    unsigned n = 0;
    for (struct got *g = r->actor[s->party].party->first; g; g = g->next)
        n += expect_matches(r, &s->pattern, g);
    return n;
}

static void got_times(struct run *r, const struct step *s)
{
    unsigned n = count(r, s), want = s->mods & MOD_TIMES ? s->n : 1;
    struct str who = run_party_name(r, s->party), what = run_text(r, &s->pattern.what);
    if (n == want)
        return;
    run_fail(r, s, "%.*s should have got %.*s %u times", STR_ARG(who), STR_ARG(what), want);
    run_came(r, "it came %u times", n);
}

static void never(struct run *r, const struct step *s)
{
    struct ban *b = arena_zalloc(r->arena, sizeof *b);
    if (!b)
        return;
    *b = (struct ban){r->bans, s};
    r->bans = b;
    if (count(r, s) == 0)
        return;
    run_fail(r, s, "%.*s must never get %.*s", STR_ARG(run_party_name(r, s->party)),
             STR_ARG(run_text(r, &s->pattern.what)));
    run_came(r, "it came already");
}

struct quiet_time {
    struct run *run;
    struct actor *actor;
    const struct got *last;
};

static const struct got *newest(const struct actor *a)
{
    return a->party->last;
}

static bool noise(void *user)
{
    struct quiet_time *q = user;
    return newest(q->actor) != q->last;
}

static void nothing(struct run *r, const struct step *s)
{
    struct actor *a = &r->actor[s->party];
    struct quiet_time q = {r, a, newest(a)};
    const struct got *extra = NULL;
    for (const struct got *g = a->party->first; g && !extra; g = g->next)
        if (!quiet(g))
            extra = g;
    if (!extra && run_world(r, s->mods & MOD_FOR ? s->ms : SILENCE, noise, &q))
        extra = newest(a);
    if (!extra || r->failed || r->weather)
        return;
    struct str name = expect_name(r, extra);
    run_fail(r, s, "%.*s should get nothing", STR_ARG(run_party_name(r, s->party)));
    run_came(r, "%.*s came after %llu ms", STR_ARG(name), (unsigned long long)extra->at);
}

void expect_step(struct run *r, const struct step *s)
{
    switch (s->kind) {
    case STEP_GET:
        get(r, s);
        break;
    case STEP_GOT:
        got_times(r, s);
        break;
    case STEP_NEVER:
        never(r, s);
        break;
    default:
        nothing(r, s);
    }
}

/* ---- the end ---- */

void expect_end(struct run *r)
{
    if (!r->failed && !r->stopped)
        run_world(r, LAST_LOOK, NULL, NULL);
    for (unsigned i = 0; i < r->scenario->parties && !r->weather; i++)
        for (struct got *g = r->actor[i].party->first; g && !r->failed; g = g->next) {
            if (quiet(g))
                continue;
            struct str name = expect_name(r, g);
            run_fail(r, NULL, "%.*s got something this test does not mention",
                     STR_ARG(run_party_name(r, (int)i)));
            run_came(r, "%.*s came after %llu ms", STR_ARG(name), (unsigned long long)g->at);
        }
}
