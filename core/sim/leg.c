/* Legs: dialogs of parties, their requests and answers, and how these are repeated. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sim/party_priv.h"
#include "core/sim/world_priv.h"

static const struct hash_key call_key = {1, 2};

static uint32_t t1_of(const struct leg *l)
{
    return l->party->conf.t1;
}

/* ---- birth and death ---- */

struct leg *leg_create(struct party *p, struct str call_id)
{
    struct arena a;
    arena_init(&a, &p->pool, 4096);
    struct leg *l = arena_zalloc(&a, sizeof *l);
    if (!l) {
        arena_reset(&a);
        return NULL;
    }
    l->arena = a;
    l->party = p;
    l->call_id = call_id.len ? arena_dup(&l->arena, call_id) : party_token(p, &l->arena, p->name);
    l->local_tag = party_token(p, &l->arena, "t");
    l->credentials = (struct credentials){str_from(p->user), str_from(p->password)};
    list_append(&p->legs, &l->link);
    htable_insert(&p->calls, &l->node, hash_str(call_key, l->call_id));
    return l;
}

struct leg *leg_new(struct party *p, struct str uri)
{
    struct leg *l = leg_create(p, STR_NONE);
    if (!l)
        return NULL;
    l->caller = true;
    l->first_uri = arena_dup(&l->arena, uri);
    l->remote = arena_printf(&l->arena, "<%.*s>", STR_ARG(uri));
    l->local = arena_printf(&l->arena, "<sip:%s@%s>", p->name, p->domain);
    l->peer = p->conf.proxy;
    return l;
}

void leg_free(struct leg *l)
{
    struct party *p = l->party;
    struct arena a = l->arena;
    for (struct got *g = p->first; g; g = g->next)
        if (g->leg == l) {
            g->leg = NULL;
            g->request = NULL;
            g->server = NULL;
        }
    for (struct sent *s = l->sent; s; s = s->next)
        world_cancel(p->world, &s->again);
    for (struct answer *s = l->answers; s; s = s->next)
        world_cancel(p->world, &s->again);
    list_remove(&l->link);
    htable_remove(&p->calls, &l->node);
    arena_reset(&a);
}

void leg_forget(struct leg *l, const struct got *g)
{
    if (l->invite == g)
        l->invite = NULL;
    for (struct answer *a = l->answers; a; a = a->next)
        if (a->got == g)
            a->got = NULL;
}

/* ---- repeating requests ---- */

void sent_quiet(struct sent *s)
{
    s->over = true;
    world_cancel(s->leg->party->world, &s->again);
}

int sent_again(struct sent *s)
{
    struct party *p = s->leg->party;
    s->times++;
    return world_send(p->world, &p->endpoint.at, &s->dst, s->bytes);
}

static bool sent_invite(const struct sent *s)
{
    return str_eq(s->method, STR("INVITE"));
}

/* Timers A and E; B and F when it is time to give up. */
static void sent_due(struct world *w, struct happening *h)
{
    struct sent *s = container_of(h, struct sent, again);
    struct party *p = s->leg->party;
    if (world_now(w) >= s->first + (uint64_t)GIVE_UP * p->conf.t1) {
        s->over = s->timed_out = true;
        if (p->conf.timeout)
            p->conf.timeout(p->conf.user, p, s);
        return;
    }
    sent_again(s);
    s->gap = s->gap * 2;
    if (!sent_invite(s) && (s->gap > p->conf.t2 || s->status >= 100))
        s->gap = p->conf.t2;
    sent_arm(s);
}

void sent_arm(struct sent *s)
{
    struct party *p = s->leg->party;
    uint64_t next = world_now(p->world) + s->gap, end = s->first + (uint64_t)GIVE_UP * p->conf.t1;
    world_at(p->world, &s->again, next < end ? next : end, sent_due);
}

/* ---- repeating replies ---- */

int answer_again(struct answer *a)
{
    struct party *p = a->leg->party;
    return world_send(p->world, &p->endpoint.at, &a->dst, a->bytes);
}

static void answer_due(struct world *w, struct happening *h)
{
    struct answer *a = container_of(h, struct answer, again);
    const struct party_conf *conf = &a->leg->party->conf;
    if (world_now(w) >= a->first + (uint64_t)GIVE_UP * conf->t1) {
        a->unacked = true;
        return;
    }
    answer_again(a);
    a->gap = a->gap * 2 < conf->t2 ? a->gap * 2 : conf->t2;
    answer_arm(a);
}

void answer_arm(struct answer *a)
{
    struct world *w = a->leg->party->world;
    uint64_t next = world_now(w) + a->gap, end = a->first + (uint64_t)GIVE_UP * t1_of(a->leg);
    world_at(w, &a->again, next < end ? next : end, answer_due);
}

/* ---- a reply has come ---- */

static struct sent *sent_of_reply(struct leg *l, const struct msg *m)
{
    for (struct sent *s = l->sent; s; s = s->next)
        if (str_eq(s->branch, m->via.branch) && str_eq(s->method, m->cseq_method))
            return s;
    return NULL;
}

/* The latest ACK for a dialog. */
static struct sent *ack_of(struct leg *l, struct str tag, uint32_t cseq)
{
    for (struct sent *s = l->sent; s; s = s->next)
        if (str_eq(s->method, STR("ACK")) && s->cseq == cseq && str_eq(s->to_tag, tag))
            return s;
    return NULL;
}

static void learn_dialog(struct leg *l, const struct msg *m)
{
    struct dialog d;
    if (l->confirmed || !m->to_tag.len || m->status < 101 || m->status > 299)
        return;
    l->confirmed = m->status >= 200 && m->method == METHOD_INVITE;
    if (l->remote_tag.len && !l->confirmed && str_eq(l->remote_tag, m->to_tag))
        return;
    dialog_of_reply(&d, &l->arena, m);
    l->remote_tag = d.remote_tag;
    l->routes = d.routes;
    if (d.target.len)
        l->target = d.target;
}

void leg_ack_negative(struct sent *s, const struct got *g)
{
    struct leg *l = s->leg;
    const struct hdr *to = msg_header(&g->msg, HDR_TO);
    struct str bytes = compose_from_sent(l, s, "ACK", to ? to->value : STR_NONE, STR_NONE);
    if (bytes.len)
        world_send(l->party->world, &l->party->endpoint.at, &s->dst, bytes);
}

static void final_of_invite(struct sent *s, struct got *g)
{
    struct party *p = s->leg->party;
    if (g->msg.status >= 300) {
        if (!p->conf.no_negative_ack)
            leg_ack_negative(s, g);
        return;
    }
    struct sent *ack = ack_of(s->leg, g->msg.to_tag, s->cseq);
    g->repeat = g->repeat || ack;
    if (ack && !p->conf.no_retransmission)
        sent_again(ack);
    else if (!ack && p->conf.ack_2xx)
        leg_request(s->leg, &(struct request_plan){.method = STR("ACK"), .to = g});
}

/* Whether the same reply came before. */
static bool reply_repeated(struct sent *s, const struct msg *m)
{
    struct msg old;
    struct arena a;
    if (!s->last.len)
        return false;
    if (str_eq(s->last, m->raw))
        return true;
    if (m->status < 200)
        return false;
    arena_init(&a, NULL, 4096);
    bool same = msg_scan(&old, &a, s->last) == ERR_OK && old.status == m->status &&
                str_eq(old.to_tag, m->to_tag);
    arena_reset(&a);
    return same;
}

static void take_reply(struct leg *l, struct got *g)
{
    const struct msg *m = &g->msg;
    struct sent *s = sent_of_reply(l, m);
    g->request = s;
    if (!s)
        return;
    bool invite = sent_invite(s);
    g->repeat = reply_repeated(s, m);
    if (m->status >= 200 || invite)
        sent_quiet(s);
    if (m->status > s->status)
        s->status = m->status;
    if (!g->repeat)
        s->last = arena_dup(&l->arena, m->raw);
    learn_dialog(l, m);
    if (invite && m->status >= 200)
        final_of_invite(s, g);
    if ((m->status == 401 || m->status == 407) && !g->repeat)
        sent_challenged(s, g);
}

/* ---- a request has come ---- */

static struct answer *answer_find(struct leg *l, const struct msg *m, uint32_t method)
{
    for (struct answer *a = l->answers; a; a = a->next)
        if (a->method == method && str_eq(a->branch, m->via.branch) &&
            str_eq(a->sent_by, m->via.host))
            return a;
    return NULL;
}

static struct answer *answer_new(struct leg *l, struct got *g)
{
    const struct msg *m = &g->msg;
    struct answer *a = arena_zalloc(&l->arena, sizeof *a);
    if (!a)
        return NULL;
    *a = (struct answer){.next = l->answers,
                         .leg = l,
                         .got = g,
                         .method = m->method,
                         .cseq = m->cseq,
                         .dst = g->from};
    a->branch = arena_dup(&l->arena, m->via.branch);
    a->sent_by = arena_dup(&l->arena, m->via.host);
    if (!m->via.has_rport)
        a->dst.port = m->via.port ? m->via.port : 5060;
    l->answers = a;
    return a;
}

/* The dialog as an incoming request begins it (RFC 3261 12.1.1). */
static void learn_caller(struct leg *l, const struct got *g)
{
    const struct msg *m = &g->msg;
    const struct hdr *from = msg_header(m, HDR_FROM), *to = msg_header(m, HDR_TO);
    struct dialog d;
    dialog_of_reply(&d, &l->arena, m);
    l->remote = without_tag(&l->arena, from ? from->value : STR_NONE);
    l->local = without_tag(&l->arena, to ? to->value : STR_NONE);
    if (m->to_tag.len)
        l->local_tag = arena_dup(&l->arena, m->to_tag);
    l->remote_tag = d.remote_tag;
    l->target = d.target;
    l->routes = d.routes;
    l->peer = g->from;
}

static void take_ack(struct leg *l, const struct msg *m)
{
    for (struct answer *a = l->answers; a; a = a->next)
        if (a->method == METHOD_INVITE && a->cseq == m->cseq && a->status >= 200) {
            a->acked = true;
            world_cancel(l->party->world, &a->again);
        }
}

static void take_request(struct leg *l, struct got *g)
{
    const struct msg *m = &g->msg;
    if (m->method == METHOD_ACK) {
        take_ack(l, m);
        return;
    }
    struct answer *a = answer_find(l, m, m->method);
    g->server = a ? a : answer_new(l, g);
    if (a) {
        g->repeat = true;
        g->answered = a->status;
        if (a->bytes.len && !l->party->conf.no_retransmission)
            answer_again(a);
        return;
    }
    if (m->cseq > l->remote_cseq)
        l->remote_cseq = m->cseq;
    struct answer *invite = answer_find(l, m, METHOD_INVITE);
    if (m->method == METHOD_CANCEL && invite)
        g->twin = invite->got;
    if (m->method == METHOD_INVITE)
        l->invite = g;
}

/* ---- whose it is ---- */

static bool is_of(struct leg *l, const struct msg *m)
{
    if (!str_eq(l->call_id, m->call_id))
        return false;
    if (!m->request)
        return sent_of_reply(l, m) != NULL;
    if (answer_find(l, m,
                    m->method == METHOD_ACK || m->method == METHOD_CANCEL ? METHOD_INVITE
                                                                          : m->method))
        return true;
    if (!m->to_tag.len || !str_eq(m->to_tag, l->local_tag))
        return false;
    return !l->remote_tag.len || str_eq(m->from_tag, l->remote_tag);
}

struct leg *leg_take(struct party *p, struct got *g)
{
    const struct msg *m = &g->msg;
    struct leg *l = NULL;
    for (struct hnode *n = htable_first(&p->calls, hash_str(call_key, m->call_id)); n && !l;
         n = htable_next(n))
        if (is_of(container_of(n, struct leg, node), m))
            l = container_of(n, struct leg, node);
    if (!l && m->request && m->method != METHOD_ACK) {
        l = leg_create(p, m->call_id);
        if (l)
            learn_caller(l, g);
    }
    g->leg = l;
    if (l && m->request)
        take_request(l, g);
    else if (l)
        take_reply(l, g);
    return l;
}

/* ---- sending ---- */

/* Where a request goes: RFC 3261 12.2.1.1 and 8.1.2. */
static int destination(struct leg *l, const struct request_plan *plan, const struct dialog *d,
                       struct addr *out)
{
    if (plan->dst) {
        *out = *plan->dst;
        return ERR_OK;
    }
    if (d->routes.len && route_address(out, d->routes) == ERR_OK)
        return ERR_OK;
    bool within = d->remote_tag.len > 0;
    if (!within && l->party->conf.proxy.port) {
        *out = l->party->conf.proxy;
        return ERR_OK;
    }
    struct str uri = plan->uri.len ? plan->uri : d->target.len ? d->target : l->first_uri;
    if (uri_address(out, uri) == ERR_OK)
        return ERR_OK;
    *out = l->peer;
    return out->port ? ERR_OK : ERR_NOTFOUND;
}

static struct sent *latest_invite(struct leg *l)
{
    struct sent *s = l->sent;
    while (s && !sent_invite(s))
        s = s->next;
    return s;
}

struct sent *sent_new(struct leg *l, struct str method, struct str branch)
{
    struct sent *s = arena_zalloc(&l->arena, sizeof *s);
    if (!s)
        return NULL;
    s->leg = l;
    s->method = arena_dup(&l->arena, method);
    s->branch =
        branch.len ? arena_dup(&l->arena, branch) : party_token(l->party, &l->arena, "z9hG4bK");
    s->gap = t1_of(l);
    return s;
}

struct sent *sent_launch(struct sent *s, bool once)
{
    struct leg *l = s->leg;
    if (!s->bytes.len)
        return NULL;
    s->first = world_now(l->party->world);
    s->next = l->sent;
    l->sent = s;
    sent_again(s);
    if (!once && !l->party->conf.no_retransmission && !str_eq(s->method, STR("ACK")))
        sent_arm(s);
    return s;
}

static struct sent *send_cancel(struct leg *l, const struct request_plan *plan)
{
    struct sent *invite = latest_invite(l),
                *s = invite ? sent_new(l, plan->method, plan->branch) : NULL;
    if (!s)
        return NULL;
    s->branch = invite->branch;
    s->cseq = invite->cseq;
    s->dst = plan->dst ? *plan->dst : invite->dst;
    s->bytes = compose_from_sent(l, invite, "CANCEL", STR_NONE, plan->headers);
    return sent_launch(s, plan->once);
}

struct sent *leg_request(struct leg *l, const struct request_plan *plan)
{
    bool ack = str_eq(plan->method, STR("ACK"));
    struct sent *invite = latest_invite(l), *s;
    struct dialog d = {l->remote_tag, l->target, l->routes};
    if (str_eq(plan->method, STR("CANCEL")))
        return send_cancel(l, plan);
    s = sent_new(l, plan->method, plan->branch);
    if (!s)
        return NULL;
    if (plan->to)
        dialog_of_reply(&d, &l->arena, &plan->to->msg);
    s->to_tag = d.remote_tag;
    if (plan->cseq)
        s->cseq = plan->cseq;
    else if (ack)
        s->cseq = plan->to ? plan->to->msg.cseq : invite ? invite->cseq : 1;
    else
        s->cseq = l->cseq + 1;
    if (!ack && s->cseq > l->cseq)
        l->cseq = s->cseq;
    if (destination(l, plan, &d, &s->dst) != ERR_OK)
        return NULL;
    struct str uri = plan->uri.len ? plan->uri : d.target.len ? d.target : l->first_uri;
    s->credentials = ack && invite ? invite->credentials : leg_credentials(l, plan->method, uri);
    s->bytes = compose_request(l, plan, s, &d);
    return sent_launch(s, plan->once);
}

int leg_reply(struct leg *l, struct got *g, const struct reply_plan *plan)
{
    struct answer *a = g->server;
    if (!g->sip || !g->msg.request || !a)
        return ERR_STATE;
    a->bytes = compose_reply(l, g, plan);
    if (!a->bytes.len)
        return ERR_NOMEM;
    world_cancel(l->party->world, &a->again);
    a->status = g->answered = (uint16_t)plan->code;
    if (plan->code >= 200 && plan->code < 300 && a->method == METHOD_INVITE)
        l->confirmed = true;
    if (plan->code >= 200 && a->method == METHOD_INVITE && !plan->once &&
        !l->party->conf.no_retransmission) {
        a->first = world_now(l->party->world);
        a->gap = t1_of(l);
        answer_arm(a);
    }
    return answer_again(a);
}
