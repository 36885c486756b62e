/* What a party does: requests, answers, registrations, going away. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sim/party_priv.h"
#include "core/sim/scenario_run.h"

/* ---- texts ---- */

struct str act_uri(struct run *r, const struct words *target)
{
    struct str text = run_text(r, target);
    if (target->plain && str_find(text, ':', 0) < 0)
        return arena_printf(r->arena, "sip:%.*s@%.*s", STR_ARG(text), STR_ARG(r->domain));
    return text;
}

/* Header lines of "with" and "without", as plans take them. */
static struct str header_lines(struct run *r, const struct step *s, struct str before)
{
    struct buf out;
    buf_init(&out, r->arena, 128);
    buf_add(&out, before);
    for (const struct extra *e = s->extras; e; e = e->next) {
        struct str name = run_text(r, &e->name), value = run_text(r, &e->value);
        if (e->kind == EXTRA_HEADER)
            buf_printf(&out, "%.*s: %.*s\r\n", STR_ARG(name), STR_ARG(value));
        else if (e->kind == EXTRA_LINE)
            buf_printf(&out, "%.*s\r\n", STR_ARG(value));
        else if (e->kind == EXTRA_WITHOUT)
            buf_printf(&out, "%.*s:\r\n", STR_ARG(name));
    }
    return buf_str(&out);
}

static void take_credentials(struct run *r, const struct step *s, struct leg *leg)
{
    for (const struct extra *e = s->extras; e; e = e->next)
        if (e->kind == EXTRA_USER)
            leg->credentials.user = arena_dup(&leg->arena, run_text(r, &e->value));
        else if (e->kind == EXTRA_PASSWORD)
            leg->credentials.password = arena_dup(&leg->arena, run_text(r, &e->value));
}

static struct str body_of(struct run *r, const struct step *s)
{
    for (const struct extra *e = s->extras; e; e = e->next)
        if (e->kind == EXTRA_BODY)
            return run_text(r, &e->value);
    return STR_NONE;
}

/* ---- calls ---- */

static struct leg *newest_leg(struct party *p, struct str call_id)
{
    struct leg *found = NULL;
    for (struct list *l = p->legs.next; l != &p->legs; l = l->next) {
        struct leg *leg = container_of(l, struct leg, link);
        if (str_eq(leg->call_id, call_id))
            found = leg;
    }
    return found;
}

/* The leg a step is about, or NULL, about which the test hears. */
static struct leg *leg_of(struct run *r, const struct step *s)
{
    struct actor *a = &r->actor[s->party];
    struct leg *leg = s->mods & MOD_IN ? NULL : a->leg;
    for (const struct named_call *c = r->calls; c && s->mods & MOD_IN; c = c->next)
        if (str_eq(c->name, s->call.text)) {
            leg = c->party == s->party ? c->leg : newest_leg(a->party, c->call_id);
            break;
        }
    if (!leg)
        run_fail(r, s, "%.*s is in no call%s%.*s", STR_ARG(run_party_name(r, s->party)),
                 s->mods & MOD_IN ? " " : "", STR_ARG(s->call.text));
    return leg;
}

static void begin_call(struct run *r, const struct step *s, struct leg *leg)
{
    r->actor[s->party].leg = leg;
    if (!(s->mods & MOD_AS))
        return;
    struct named_call *c = arena_zalloc(r->arena, sizeof *c);
    if (!c)
        return;
    *c = (struct named_call){r->calls, s->call.text, arena_dup(r->arena, leg->call_id), leg,
                             s->party};
    r->calls = c;
}

/* ---- requests ---- */

static struct sent *request(struct run *r, const struct step *s, struct leg *leg,
                            struct request_plan *plan)
{
    plan->headers = header_lines(r, s, plan->headers);
    plan->body = body_of(r, s);
    take_credentials(r, s, leg);
    struct sent *sent = leg_request(leg, plan);
    if (!sent)
        run_fail(r, s, "%.*s cannot send %.*s here", STR_ARG(run_party_name(r, s->party)),
                 STR_ARG(plan->method));
    r->actor[s->party].last_sent = sent;
    r->actor[s->party].last_answered = NULL;
    return sent;
}

static void send_in_call(struct run *r, const struct step *s, struct str method)
{
    struct leg *leg = leg_of(r, s);
    struct got *ok = r->actor[s->party].last_2xx;
    struct request_plan plan = {.method = method};
    if (!leg)
        return;
    if (str_eq(method, STR("ACK")) && ok && ok->leg == leg)
        plan.to = ok;
    if (leg && s->mods & MOD_TO)
        plan.uri = act_uri(r, &s->target);
    request(r, s, leg, &plan);
}

static void invite(struct run *r, const struct step *s)
{
    struct leg *leg = leg_new(r->actor[s->party].party, act_uri(r, &s->what));
    if (!leg)
        return;
    begin_call(r, s, leg);
    request(r, s, leg, &(struct request_plan){.method = STR("INVITE")});
}

static void send_alone(struct run *r, const struct step *s, struct str method)
{
    struct str uri = s->mods & MOD_TO ? act_uri(r, &s->target)
                                      : arena_printf(r->arena, "sip:%.*s", STR_ARG(r->domain));
    struct leg *leg = leg_new(r->actor[s->party].party, uri);
    if (!leg)
        return;
    if (str_eq(method, STR("INVITE")) || s->mods & MOD_AS)
        begin_call(r, s, leg);
    request(r, s, leg, &(struct request_plan){.method = method});
}

static void send_raw(struct run *r, const struct step *s)
{
    party_send(r->actor[s->party].party, NULL, run_text(r, &s->raw));
}

static void send_request(struct run *r, const struct step *s)
{
    struct str method = run_text(r, &s->what);
    bool within = !(s->mods & MOD_TO) && (r->actor[s->party].leg || s->mods & MOD_IN);
    bool bound = str_eq(method, STR("ACK")) || str_eq(method, STR("CANCEL"));
    if (s->has_raw)
        send_raw(r, s);
    else if (within || bound || s->mods & MOD_IN)
        send_in_call(r, s, method);
    else
        send_alone(r, s, method);
}

/* ---- registrations ---- */

static bool answered(void *user)
{
    const struct sent *s = sent_latest(user);
    return s->status >= 200 || s->timed_out;
}

static struct got *reply_to(struct party *p, const struct sent *s)
{
    struct got *found = NULL;
    for (struct got *g = p->first; g; g = g->next)
        if (g->request == s)
            found = g;
    return found;
}

static struct str contact_line(struct run *r, const struct step *s, uint32_t seconds)
{
    const struct party_decl *d = &r->scenario->party[s->party];
    char text[ADDR_TEXT];
    struct str at = addr_text(text, &d->addr);
    at = str_sub(at, 4, at.len); /* without "udp:" */
    struct str uri = s->mods & MOD_AT ? run_text(r, &s->target) : d->contact.text;
    if (!uri.len)
        uri = arena_printf(r->arena, "sip:%.*s@%.*s", STR_ARG(d->name.text), STR_ARG(at));
    return arena_printf(r->arena, "Contact: <%.*s>\r\nExpires: %u\r\n", STR_ARG(uri), seconds);
}

static void register_at(struct run *r, const struct step *s)
{
    struct actor *a = &r->actor[s->party];
    uint32_t seconds = s->kind == STEP_UNREGISTER ? 0 : s->mods & MOD_FOR ? s->ms / 1000 : 3600;
    struct str name = run_party_name(r, s->party);
    struct str user = s->mods & MOD_AS ? run_text(r, &s->call) : name;
    struct leg *leg = leg_new(
        a->party, arena_printf(r->arena, "sip:%.*s@%.*s", STR_ARG(user), STR_ARG(r->domain)));
    if (!leg)
        return;
    struct request_plan plan = {.method = STR("REGISTER"),
                                .uri = arena_printf(r->arena, "sip:%.*s", STR_ARG(r->domain)),
                                .headers = contact_line(r, s, seconds)};
    struct sent *sent = request(r, s, leg, &plan);
    if (!sent || r->failed)
        return;
    run_world(r, r->weather ? 40000 : PATIENCE, answered, sent);
    struct got *g = reply_to(a->party, sent_latest(sent));
    if (g)
        g->seen = true;
    if (r->failed || (g && g->msg.status < 300))
        return;
    if (r->weather) {
        r->stopped = true;
        return;
    }
    run_fail(r, s, "%.*s should be registered", STR_ARG(name));
    if (g)
        run_came(r, "%.*s came", STR_ARG(expect_name(r, g)));
    else
        run_came(r, "no answer came to the REGISTER");
}

/* ---- answers ---- */

/* The newest request without a final answer. */
static struct got *to_answer(struct run *r, const struct step *s)
{
    struct got *found = NULL;
    struct str method = s->mods & MOD_TO ? run_text(r, &s->target) : STR_NONE;
    struct leg *leg = s->mods & MOD_IN ? leg_of(r, s) : NULL;
    for (struct got *g = r->actor[s->party].party->first; g && !r->failed; g = g->next)
        if (g->sip && g->msg.request && g->msg.method != METHOD_ACK && g->server && g->leg &&
            !g->repeat && g->seen && g->answered < 200 &&
            (!method.len || str_eq(method, g->msg.method_text)) && (!leg || g->leg == leg))
            found = g;
    return found;
}

static void answer(struct run *r, const struct step *s, uint32_t code)
{
    struct got *g = to_answer(r, s);
    if (!g) {
        run_fail(r, s, "%.*s has no request left to answer", STR_ARG(run_party_name(r, s->party)));
        return;
    }
    struct reply_plan plan = {.code = code,
                              .reason = run_text(r, &s->reason),
                              .headers = header_lines(r, s, STR_NONE),
                              .body = body_of(r, s)};
    leg_reply(g->leg, g, &plan);
    r->actor[s->party].last_answered = g;
}

static void answer_step(struct run *r, const struct step *s)
{
    uint32_t code;
    struct str text = run_text(r, &s->what);
    r->actor[s->party].to_answer = NULL;
    if (str_u32(&code, text, 699) != ERR_OK || code < 100)
        run_fail(r, s, "an answer is a number from 100 to 699, not '%.*s'", STR_ARG(text));
    else
        answer(r, s, code);
}

void act_overdue(struct run *r, int but)
{
    for (unsigned i = 0; i < r->scenario->parties; i++) {
        struct got *g = r->actor[i].to_answer;
        if (!g || (int)i == but)
            continue;
        r->actor[i].to_answer = NULL;
        if (g->leg && g->answered < 200)
            leg_reply(g->leg, g, &(struct reply_plan){.code = 200});
        if (g->msg.method == METHOD_CANCEL && g->twin && g->twin->leg && g->twin->answered < 200)
            leg_reply(g->twin->leg, g->twin, &(struct reply_plan){.code = 487});
    }
}

/* ---- the same bytes again ---- */

static bool repeat_answer(struct actor *a, struct str code)
{
    struct got *found = NULL;
    char have[8];
    for (struct got *g = a->party->first; g; g = g->next) {
        snprintf(have, sizeof have, "%u", g->answered);
        if (g->server && !g->repeat && str_eq(code, str_from(have)))
            found = g;
    }
    return found && answer_again(found->server) == ERR_OK;
}

static bool repeat_request(struct run *r, const struct step *s, struct str method)
{
    struct sent *last = sent_latest(r->actor[s->party].last_sent);
    if (last && str_eq(last->method, method) && !(s->mods & MOD_IN))
        return sent_again(last) == ERR_OK;
    struct leg *leg = leg_of(r, s);
    for (struct sent *x = leg ? leg->sent : NULL; x; x = x->next)
        if (str_eq(x->method, method))
            return sent_again(x) == ERR_OK;
    return false;
}

static void repeat(struct run *r, const struct step *s)
{
    struct actor *a = &r->actor[s->party];
    struct str what = run_text(r, &s->what);
    bool done;
    if (what.len && ascii_digit(what.p[0]))
        done = repeat_answer(a, what);
    else if (what.len)
        done = repeat_request(r, s, what);
    else if (a->last_answered && a->last_answered->server)
        done = answer_again(a->last_answered->server) == ERR_OK;
    else
        done = a->last_sent && sent_again(sent_latest(a->last_sent)) == ERR_OK;
    if (!done)
        run_fail(r, s, "%.*s has sent nothing of the kind", STR_ARG(run_party_name(r, s->party)));
}

/* ---- going away ---- */

static void crash(struct run *r, const struct step *s)
{
    struct actor *a = &r->actor[s->party];
    party_crash(a->party, true);
    a->leg = NULL;
    a->again_from = a->to_answer = a->last_answered = a->last_2xx = NULL;
    a->last_sent = NULL;
    for (struct named_call *c = r->calls; c; c = c->next)
        if (c->party == s->party)
            c->leg = NULL;
}

void act_step(struct run *r, const struct step *s)
{
    switch (s->kind) {
    case STEP_REGISTER:
    case STEP_UNREGISTER:
        register_at(r, s);
        break;
    case STEP_INVITE:
        invite(r, s);
        break;
    case STEP_RING:
        answer(r, s, 180);
        break;
    case STEP_ANSWER:
        answer_step(r, s);
        break;
    case STEP_SEND:
        send_request(r, s);
        break;
    case STEP_REPEAT:
        repeat(r, s);
        break;
    case STEP_CANCEL:
        send_in_call(r, s, STR("CANCEL"));
        break;
    case STEP_HANG_UP:
        send_in_call(r, s, STR("BYE"));
        break;
    case STEP_CRASH:
        crash(r, s);
        break;
    case STEP_RESTART:
        party_start(r->actor[s->party].party);
        break;
    default: /* vanishes, returns */
        circumstance_cut(r, s->party, s->kind == STEP_VANISH);
    }
}
