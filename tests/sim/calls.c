/* Random calls. */
/* SPDX-License-Identifier: MIT */
#include "tests/sim/calls.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/sim/check.h"
#include "core/sim/party.h"
#include "modules/registry.h"

enum { CALLERS = 3, PHONES = 4, SETTLE = 400000, BURY = 70000 };

struct crowd {
    const struct calls_conf *conf;
    struct calls_result *out;
    struct world *w;
    struct party *caller[CALLERS], *phone[PHONES], *voicemail;
    struct happening next_call, reload;
    struct observer watch;
    unsigned begun, reloaded;
};

/* One end of a call. */
struct end {
    struct crowd *crowd;
    struct leg *leg;
    struct happening next, bury;
    struct got *invite;   /* waits for an answer */
    struct sent *request; /* of the caller */
    unsigned code;        /* to answer with */
    bool rang, cancelled, hangs_up, over;
};

static uint32_t draw(struct crowd *c, uint32_t n)
{
    return world_draw(c->w, n);
}

/* ---- ends ---- */

static void bury(struct world *w, struct happening *h)
{
    struct end *e = container_of(h, struct end, bury);
    world_cancel(w, &e->next);
    if (e->invite)
        party_forget(e->leg->party, e->invite);
    leg_free(e->leg);
    free(e);
}

static void bury_later(struct end *e)
{
    world_at(e->crowd->w, &e->bury, world_now(e->crowd->w) + BURY, bury);
}

static struct end *end_new(struct crowd *c, struct leg *l)
{
    struct end *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    e->crowd = c;
    e->leg = l;
    l->user = e;
    return e;
}

static void hang_up(struct world *w, struct happening *h)
{
    struct end *e = container_of(h, struct end, next);
    (void)w;
    leg_request(e->leg, &(struct request_plan){.method = STR("BYE")});
    bury_later(e);
}

/* ---- phones ---- */

static void reply(struct end *e, unsigned code)
{
    leg_reply(e->leg, e->invite,
              &(struct reply_plan){.code = code, .headers = STR("X-Through: from below\r\n")});
}

static void done_with_invite(struct end *e)
{
    struct got *g = e->invite;
    e->invite = NULL;
    e->over = true;
    party_forget(e->leg->party, g);
    bury_later(e);
}

/* What no phone should do, some do: another final after the first. */
static void be_rude(struct world *w, struct happening *h)
{
    struct end *e = container_of(h, struct end, next);
    static const unsigned codes[] = {200, 486, 200, 603, 180};
    (void)w;
    reply(e, codes[draw(e->crowd, 5)]);
    done_with_invite(e);
}

static void answers(struct world *w, struct happening *h)
{
    struct end *e = container_of(h, struct end, next);
    struct crowd *c = e->crowd;
    if (!e->rang) {
        e->rang = true;
        if (e->code == 0) { /* it says nothing ever */
            done_with_invite(e);
            return;
        }
        if (draw(c, 4) == 0)
            reply(e, 100);
        if (draw(c, 8))
            reply(e, draw(c, 4) ? 180 : 183);
        world_at(w, h, world_now(w) + draw(c, draw(c, 3) ? 4000 : 30000), answers);
        return;
    }
    if (e->code >= 200)
        reply(e, e->code);
    if (c->conf->rude && draw(c, 4) == 0) {
        world_at(w, h, world_now(w) + draw(c, 3000), be_rude);
        return;
    }
    bool hangs_up = e->code == 200 && e->hangs_up;
    done_with_invite(e);
    if (hangs_up)
        world_at(w, h, world_now(w) + 1000 + draw(c, 20000), hang_up);
}

static void phone_invited(struct crowd *c, struct party *p, struct got *g)
{
    static const unsigned codes[] = {200, 200, 200, 486, 486, 603, 503, 480, 180, 0};
    struct end *e = end_new(c, g->leg);
    e->invite = g;
    e->code = p == c->voicemail ? (draw(c, 5) ? 200 : codes[draw(c, 10)]) : codes[draw(c, 10)];
    e->hangs_up = draw(c, 2);
    world_at(c->w, &e->next, world_now(c->w) + draw(c, draw(c, 2) ? 50 : 1500), answers);
}

static bool phone_receives(void *user, struct party *p, struct got *g)
{
    struct crowd *c = user;
    if (!g->sip || !g->leg || g->repeat)
        return true;
    struct end *e = g->leg->user;
    if (!g->msg.request)
        return true;
    if (g->msg.method == METHOD_INVITE && !e) {
        phone_invited(c, p, g);
        return false;
    }
    if (g->msg.method == METHOD_CANCEL && e && e->invite && e->invite->answered >= 200 &&
        !c->conf->rude) {
        world_cancel(c->w, &e->next);
        done_with_invite(e);
    } else if (!e) {
        /* MESSAGE, OPTIONS and what belongs to no call */
        if (g->msg.method != METHOD_BYE && g->msg.method != METHOD_CANCEL &&
            g->msg.method != METHOD_ACK && draw(c, 8))
            leg_reply(g->leg, g,
                      &(struct reply_plan){.code = draw(c, 5)   ? 200
                                                   : draw(c, 2) ? 480
                                                                : 100});
        bury_later(end_new(c, g->leg));
    } else if (g->msg.method == METHOD_BYE) {
        world_cancel(c->w, &e->next);
        if (e->invite)
            done_with_invite(e);
    }
    return true;
}

/* ---- callers ---- */

static void cancels(struct world *w, struct happening *h)
{
    struct end *e = container_of(h, struct end, next);
    (void)w;
    if (e->request->status >= 200)
        return;
    leg_request(e->leg, &(struct request_plan){.method = STR("CANCEL")});
    e->cancelled = true;
}

static void caller_timed_out(void *user, struct party *p, struct sent *s)
{
    struct end *e = s->leg->user;
    struct crowd *c = user;
    (void)p;
    if (!e || s != e->request || e->over)
        return;
    c->out->silent++;
    e->over = true;
    bury_later(e);
}

static void call_answered(struct end *e, struct got *g)
{
    struct crowd *c = e->crowd;
    if (e->over) { /* a fork brought a second one: hang up at once */
        leg_request(e->leg, &(struct request_plan){.method = STR("BYE"), .to = g});
        bury_later(e);
        return;
    }
    e->over = true;
    c->out->answered++;
    world_cancel(c->w, &e->next);
    if (draw(c, 2))
        world_at(c->w, &e->next, world_now(c->w) + 1000 + draw(c, 20000), hang_up);
    else
        bury_later(e);
}

static bool caller_receives(void *user, struct party *p, struct got *g)
{
    struct crowd *c = user;
    struct end *e = g->sip && g->leg ? g->leg->user : NULL;
    (void)p;
    if (!e || g->repeat || g->msg.request || !g->request || g->request != e->request ||
        g->msg.status < 200)
        return true;
    if (g->msg.status < 300 && g->msg.method == METHOD_INVITE) {
        call_answered(e, g);
    } else if (!e->over) {
        e->over = true;
        c->out->refused++;
        world_cancel(c->w, &e->next);
        bury_later(e);
    }
    return true;
}

/* ---- calls begin ---- */

static void give_up(struct world *w, struct happening *h)
{
    struct end *e = container_of(h, struct end, bury);
    if (!e->over)
        e->crowd->out->silent++;
    bury(w, h);
}

static void begin_call(struct crowd *c)
{
    static const char *const methods[] = {"INVITE", "INVITE",  "INVITE",
                                          "INVITE", "MESSAGE", "OPTIONS"};
    char uri[64];
    struct party *p = c->caller[draw(c, CALLERS)];
    const char *method = methods[draw(c, 6)];
    snprintf(uri, sizeof uri, "sip:%s@192.0.2.%u", draw(c, 3) ? "bob" : "all",
             20 + draw(c, PHONES));
    struct end *e = end_new(c, leg_new(p, str_from(uri)));
    e->request = leg_request(
        e->leg, &(struct request_plan){.method = str_from(method),
                                       .headers = STR("X-Through: so  it was \t\"written\"\r\n")});
    if (draw(c, 4) == 0 && method[0] == 'I')
        world_at(c->w, &e->next, world_now(c->w) + draw(c, draw(c, 2) ? 100 : 6000), cancels);
    world_at(c->w, &e->bury, world_now(c->w) + 5 * BURY, give_up);
}

static void next_call(struct world *w, struct happening *h)
{
    struct crowd *c = container_of(h, struct crowd, next_call);
    begin_call(c);
    if (++c->begun < c->conf->calls)
        world_at(w, h, world_now(w) + draw(c, 2 * c->conf->gap + 1), next_call);
}

static void reload(struct world *w, struct happening *h)
{
    struct crowd *c = container_of(h, struct crowd, reload);
    struct diag d;
    char text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    diag_init(&d);
    struct config *next = config_load(module_set(), c->conf->path, &d);
    diag_free(&d);
    if (next)
        world_reload(w, next, &why);
    if (++c->reloaded < c->conf->reloads)
        world_at(w, h, world_now(w) + draw(c, 2 * c->conf->calls * c->conf->gap / c->conf->reloads),
                 reload);
}

/* ---- the world around ---- */

static void print_packet(FILE *out, const struct packet *p, const char *fate)
{
    char what[40], src[ADDR_TEXT], dst[ADDR_TEXT];
    packet_what(what, sizeof what, p->bytes);
    struct str from = addr_text(src, &p->src), to = addr_text(dst, &p->dst);
    fprintf(out, "%8llu #%llu %-9s %.*s -> %.*s %s %s%s\n", (unsigned long long)p->due,
            (unsigned long long)p->number, fate, STR_ARG(from), STR_ARG(to), what,
            p->why ? p->why : "", p->copy ? " (copy)" : "");
    if (p->due == p->sent && fate[0] == 's')
        fprintf(out, "%.*s", STR_ARG(p->bytes));
}

static void watch(void *user, const struct packet *p, enum packet_fate fate)
{
    struct crowd *c = user;
    static const char *const names[] = {"sent", "delivered", "lost"};
    if (c->conf->trace)
        print_packet(c->conf->trace, p, names[fate]);
    uint64_t h = c->out->digest ^ fate;
    h = (h ^ p->due) * 0x100000001b3u;
    h ^= hash_bytes((struct hash_key){1, 2}, p->bytes.p, p->bytes.len);
    c->out->digest = h * 0x100000001b3u;
}

static struct party *somebody(struct crowd *c, const char *name, unsigned host, bool caller)
{
    char text[32];
    struct party_conf conf = {.name = name, .at.port = 5060, .at.proto = PROTO_UDP, .user = c};
    snprintf(text, sizeof text, "192.0.2.%u", host);
    ip_parse(&conf.at.ip, str_from(text));
    conf.proxy = *world_listen(c->w, 0);
    conf.receive = caller ? caller_receives : phone_receives;
    conf.timeout = caller ? caller_timed_out : NULL;
    conf.ack_2xx = conf.answer_bye = true;
    return party_new(c->w, &conf);
}

static void people(struct crowd *c)
{
    static const char *const callers[] = {"alice", "carol", "erin"};
    static const char *const phones[] = {"bob", "dave", "frank", "heidi"};
    for (unsigned i = 0; i < CALLERS; i++)
        c->caller[i] = somebody(c, callers[i], 10 + i, true);
    for (unsigned i = 0; i < PHONES; i++)
        c->phone[i] = somebody(c, phones[i], 20 + i, false);
    c->voicemail = somebody(c, "vm", 90, false);
}

static void part(struct crowd *c)
{
    for (unsigned i = 0; i < CALLERS; i++)
        party_free(c->caller[i]);
    for (unsigned i = 0; i < PHONES; i++)
        party_free(c->phone[i]);
    party_free(c->voicemail);
}

static void report(struct crowd *c, struct check *k)
{
    struct calls_result *out = c->out;
    const struct violation *v;
    unsigned n;
    out->violations = check_violations(k, &v);
    if (out->violations) {
        snprintf(out->first, sizeof out->first, "%s: %s", v->rule, v->text);
        out->first_at = v->at;
    }
    const struct mishap *m = world_mishaps(c->w, &n);
    out->mishaps = calloc(n + 1, sizeof *out->mishaps);
    if (n && out->mishaps)
        memcpy(out->mishaps, m, n * sizeof *m);
    out->n_mishaps = n;
    out->packets = world_counts(c->w)->sent;
    out->lost = world_counts(c->w)->lost;
    out->steps = world_counts(c->w)->steps;
    out->ms = world_now(c->w);
    out->transactions = check_transactions(k);
}

int calls_run(const struct calls_conf *conf, struct calls_result *out)
{
    struct crowd c = {.conf = conf, .out = out};
    struct world_conf wc = {.seed = conf->seed,
                            .config = conf->config,
                            .workers = conf->workers,
                            .most_steps = UINT64_MAX,
                            .shuffle = conf->shuffle,
                            .inside = conf->inside,
                            .logs = true};
    *out = (struct calls_result){.digest = 0xcbf29ce484222325u};
    c.w = world_new(&wc, NULL);
    if (!c.w)
        return ERR_NOMEM;
    c.watch = (struct observer){.user = &c, .packet = watch};
    world_observe(c.w, &c.watch);
    struct check *k = check_new(c.w);
    check_only_rest(k, conf->lasting);
    if (conf->prepare)
        conf->prepare(c.w);
    world_link(c.w, NULL, NULL, &conf->link);
    if (conf->planned)
        world_plan(c.w, conf->plan, conf->n_plan);
    people(&c);
    world_at(c.w, &c.next_call, 1, next_call);
    if (conf->reloads)
        world_at(c.w, &c.reload, 10, reload);
    while (c.begun < conf->calls)
        world_pass(c.w, 10000);
    world_settle(c.w, SETTLE);
    check_end(k);
    report(&c, k);
    part(&c);
    check_free(k);
    world_free(c.w);
    return ERR_OK;
}
