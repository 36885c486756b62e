/* One branch: the request as it goes to one target, and what happens to it below. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

/* ---- making ---- */

/* Room the edits take at most, so that the request is written into one piece of memory. */
static size_t edits_room(const struct edits *l)
{
    size_t n = 0;
    for (const struct edit *e = l ? l->head : NULL; e; e = e->next)
        n += e->render ? 200 : e->insert.len;
    return n;
}

static struct str path_lines(const struct target *t, struct arena *a)
{
    if (t->path.len == 0)
        return STR_NONE;
    return arena_printf(a, "Route: %.*s\r\n", STR_ARG(t->path));
}

/* The request as it goes out, in work memory: written elsewhere first, since only then it is known
 * how long it is, and a live call need not keep the difference. */
static struct str render(struct txn *t, const struct outgoing *g)
{
    struct buf out;
    struct send_info info;
    way_info(&info, g->by, g->way);
    info.received = g->msg->local;
    struct request_out o = {
        .uri = g->target->uri,
        .via_branch = g->id,
        .via_extra = g->by->local_rport ? STR(";rport") : STR_NONE,
        .route = path_lines(g->target, g->by->arena),
        .edits = g->edits,
        .info = &info,
        .content_length = g->way->dst.proto != PROTO_UDP,
        .max_breadth = g->tells_breadth ? g->breadth : 0,
    };
    buf_init(&out, g->by->arena,
             g->msg->raw.len + 96 + o.uri.len + o.route.len + info.host.len + edits_room(g->edits));
    build_request(&out, g->msg, &o);
    return out.failed ? STR_NONE : arena_dup(&t->work->arena, buf_str(&out));
}

static uint64_t peer_hash(const struct engine *e, uint16_t socket, const struct addr *a)
{
    struct {
        uint8_t b[16], family, proto;
        uint16_t port, socket;
    } key;
    memset(&key, 0, sizeof key);
    memcpy(key.b, a->ip.b, a->ip.family == 4 ? 4 : 16);
    key.family = a->ip.family;
    key.proto = a->proto;
    key.port = a->port;
    key.socket = socket;
    return hash_bytes(e->shared->key, &key, sizeof key);
}

static struct leg *make_leg(struct txn *t, struct branch *b, const struct outgoing *g)
{
    struct work *w = t->work;
    struct leg *leg = arena_zalloc(&w->arena, sizeof *leg);
    if (!leg)
        return NULL;
    leg->branch = b;
    leg->breadth = g->breadth;
    leg->id = g->id;
    leg->uri = arena_dup(&w->arena, g->target->uri);
    leg->sent = render(t, g);
    leg->others = g->others ? g->others : alternates_new(t, g);
    return leg->uri.p && leg->sent.p ? leg : NULL;
}

void branch_link(struct txn *t, struct branch *b)
{
    if (t->last)
        t->last->next = b;
    else
        t->first = b;
    t->last = b;
    t->fork = b->fork;
}

/* A timer of this transaction alone, in seconds, 0 when no AVP says so (fr_timer_avp). */
static uint32_t avp_seconds(struct txn *t, const struct call *by, const struct pv_ref *v)
{
    struct avp_name name;
    int64_t n = 0;
    struct work *w = t->work;
    if (!v || !w || avp_name_of(v, (struct call *)(uintptr_t)by, call_host(), &name) != ERR_OK)
        return 0;
    const struct avp *a = avp_find(&w->avps, &name, NULL);
    if (!a)
        return 0;
    if (a->value.flags & VAL_INT)
        n = a->value.i;
    else if (!value_digits(&a->value, &n))
        n = 0;
    return n > 0 && n < 86400 ? (uint32_t)n : 0;
}

static void start(struct txn *t, struct branch *b, const struct outgoing *g)
{
    struct engine *e = t->engine;
    uint32_t method = t->server.method;
    struct flow flow = {
        .dst = g->way->dst, .socket = g->way->socket, .reliable = g->way->dst.proto != PROTO_UDP};
    htable_insert(&e->peers, &b->leg->peer, peer_hash(e, flow.socket, &flow.dst));
    b->leg->in_peers = true;
    txn_count(e, TM_STAT_UAC_transactions, 1);
    if (t->watched)
        txn_goes(t, &flow, b->leg->sent);
    tx_client_start(&e->tx, &b->tx, method == METHOD_INVITE ? TX_ICT : TX_NICT, method, g->id,
                    &flow, b->leg->sent, &t->config->times, &branch_user);
    uint32_t seconds = avp_seconds(t, g->by, txn_conf(t)->fr_timer_avp);
    if (seconds)
        tx_client_deadline(&e->tx, &b->tx, seconds * 1000);
}

enum failure branch_send(struct txn *t, struct outgoing *g)
{
    if (t->branches >= TXN_MAX_BRANCHES && !g->others)
        return FAIL_NO_DESTINATION;
    struct branch *b = arena_zalloc(&t->small, sizeof *b);
    g->id = token_branch(t->engine, &t->work->arena);
    if (!b || !g->id.p)
        return FAIL_NO_MEMORY;
    b->txn = t;
    b->fork = g->fork;
    b->flags = g->target->flags;
    b->leg = make_leg(t, b, g);
    if (!b->leg)
        return FAIL_NO_MEMORY;
    if (dest_blocked(g->by, &g->way->dst, b->leg->sent))
        return FAIL_BLOCKED;
    branch_link(t, b);
    t->branches += !g->others;
    start(t, b, g);
    return FAIL_NONE;
}

/* ---- ending ---- */

bool branch_live(const struct branch *b)
{
    return b->tx.state == TX_CALLING || b->tx.state == TX_TRYING || b->tx.state == TX_PROCEEDING;
}

static void forget_peer(struct branch *b)
{
    if (b->leg && b->leg->in_peers) {
        htable_remove(&b->txn->engine->peers, &b->leg->peer);
        b->leg->in_peers = false;
    }
}

void branch_quiet(struct branch *b)
{
    if (b->leg)
        wheel_cancel(&b->txn->engine->wheel, &b->leg->ring);
    forget_peer(b);
    if (b->blind && b->leg)
        list_remove(&container_of(b->leg, struct blind, leg)->link);
}

uint32_t branch_fr_seconds(struct txn *t, const struct call *by)
{
    uint32_t seconds = avp_seconds(t, by, txn_conf(t)->fr_timer_avp);
    return seconds ? seconds : (uint32_t)txn_conf(t)->fr_timer;
}

void branch_fail(struct branch *b, unsigned status)
{
    if (b->status == 0)
        b->status = (uint16_t)status;
}

/* ---- what the machine tells ---- */

/* fr_inv_timer has passed: as if 408 had come, and a CANCEL for the phone that still rings. */
static void ring_over(struct timer *timer, void *ctx)
{
    struct branch *b = container_of(timer, struct leg, ring)->branch;
    struct txn *t = b->txn;
    (void)ctx;
    txn_hold(t);
    branch_fail(b, 408);
    cancel_send(b);
    fork_check(t);
    txn_drop(t);
}

void branch_ring(struct branch *b, uint32_t seconds)
{
    struct engine *e = b->txn->engine;
    wheel_arm(&e->wheel, &b->leg->ring, e->now + (uint64_t)seconds * 1000, ring_over);
}

/* How long it may ring on; 0: as long as it may already. */
static uint32_t ring_seconds(struct branch *b, const struct call *c)
{
    struct txn *t = b->txn;
    const struct tm_conf *conf = txn_conf(t);
    unsigned status = c->msg->status;
    bool first = b->last == 0, higher = status >= 180 && status > b->last;
    if (!first && !higher && !conf->restart_fr_on_each_reply)
        return 0;
    uint32_t seconds = avp_seconds(t, c, conf->fr_inv_timer_avp);
    return seconds ? seconds : (uint32_t)conf->fr_inv_timer;
}

static void provisional(struct branch *b, struct call *c)
{
    bool invite = b->tx.kind == TX_ICT;
    uint32_t seconds = invite && b->status == 0 ? ring_seconds(b, c) : 0;
    if (seconds && b->leg)
        branch_ring(b, seconds);
    if (c->msg->status > b->last)
        b->last = c->msg->status;
    if (b->leg && b->leg->cancel_due)
        cancel_send(b);
}

static void acknowledge(struct branch *b, struct call *c)
{
    struct txn *t = b->txn;
    struct buf out;
    if (!b->leg)
        return;
    buf_init(&out, &t->work->arena, 512);
    if (build_ack(&out, c->arena, b->leg->sent, c->msg, c->config->user_agent_header) != ERR_OK ||
        out.failed)
        return;
    if (t->watched)
        txn_goes(t, &b->tx.flow, buf_str(&out));
    tx_client_ack(&t->engine->tx, &b->tx, buf_str(&out));
}

static void response(struct tx *x, struct msg *m, void *ctx)
{
    struct branch *b = branch_of(x);
    struct call *c = b->txn->arriving;
    (void)ctx;
    b->txn->arriving = NULL;
    b->heard = true;
    forget_peer(b);
    txn_count(b->txn->engine, TM_STAT_received_replies, 1);
    if (m->status < 200) {
        provisional(b, c);
    } else {
        branch_quiet(b);
        if (m->status >= 300 && x->kind == TX_ICT)
            acknowledge(b, c);
    }
    response_take(b, c);
}

static void fail(struct branch *b, unsigned status)
{
    struct txn *t = b->txn;
    bool may_go_on = b->status == 0 && !b->heard;
    txn_hold(t);
    branch_quiet(b);
    branch_fail(b, t->cancelled ? 487 : status);
    if (!may_go_on || !failover(b))
        fork_check(t);
    txn_drop(t);
}

static void timeout(struct tx *x, void *ctx)
{
    (void)ctx;
    fail(branch_of(x), 408);
}

static void failed(struct tx *x, void *ctx)
{
    (void)ctx;
    fail(branch_of(x), 503);
}

/* The caller was never told of a 2xx, for want of memory each time it came: nothing else will come.
 */
static void tell_of_lost_success(struct txn *t)
{
    if (txn_answer_stored(t, 500) != ERR_OK)
        txn_release(t);
}

static void ended(struct tx *x, void *ctx)
{
    struct branch *b = branch_of(x);
    struct txn *t = b->txn;
    (void)ctx;
    if (b->status / 100 == 2 && !txn_answered(t) && !t->released && t->work) {
        txn_hold(t);
        tell_of_lost_success(t);
        t->holds--;
    }
    txn_settle(t);
}

const struct tx_user branch_user = {
    .response = response, .timeout = timeout, .failed = failed, .ended = ended};

/* ---- nobody there ---- */

static struct branch *silent_branch(struct engine *e, uint16_t socket, const struct addr *dst)
{
    struct hnode *n = htable_first(&e->peers, peer_hash(e, socket, dst));
    for (; n; n = htable_next(n)) {
        struct branch *b = container_of(n, struct leg, peer)->branch;
        if (addr_eq(&b->tx.flow.dst, dst) && b->tx.flow.socket == socket)
            return b;
    }
    return NULL;
}

void txn_unreachable(struct engine *e, uint16_t socket, const struct addr *dst)
{
    struct branch *b;
    while ((b = silent_branch(e, socket, dst))) {
        struct txn *t = b->txn;
        forget_peer(b);
        txn_hold(t);
        tx_transport_error(&e->tx, &b->tx, e);
        txn_drop(t);
    }
}
