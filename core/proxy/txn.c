/* The life of a transaction: making it, lending it to scripts, letting go of it. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/txn.h"

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/module.h"

enum {
    SENT_ROOM = 248, /* what a sent request has more than the received one, its URI and branch */
    TABLE_BITS = 10,
};

const struct tm_conf tm_defaults = {
#define X(name, number, lowest, unit, doc) .name = number,
    TM_NUMBER_LIST(X)
#undef X
};

void tm_times(struct tx_times *out, const struct tm_conf *conf)
{
    const struct tm_conf *c = conf ? conf : &tm_defaults;
    *out = (struct tx_times){
        .t1 = (uint32_t)c->T1_timer,
        .t2 = (uint32_t)c->T2_timer,
        .t4 = 5000,
        .no_reply = (uint32_t)c->fr_timer * 1000,
        .no_ack = (uint32_t)c->fr_timer * 1000,
        .linger = 32000,
    };
}

/* ---- the engine's share ---- */

/* Statistics of the module tm, wherever it stands in the set. */
static int64_t *find_stats(struct engine *e)
{
    const struct module_set *set = e->shared->set;
    for (unsigned i = 0; set && i < set->count; i++) {
        const struct module *m = set->modules[i];
        if (m->stats && strcmp(m->symbols.name, "tm") == 0)
            return &e->module_stats[e->shared->stat_base[i]];
    }
    return NULL;
}

int txn_init(struct engine *e)
{
    list_init(&e->txns);
    list_init(&e->blind);
    list_init(&e->lookups);
    list_init(&e->uacs);
    if (dns_init(e) != ERR_OK)
        return ERR_NOMEM;
    e->tm_stats = find_stats(e);
    unsigned bits = e->shared->table_bits ? e->shared->table_bits : TABLE_BITS;
    if (htable_init(&e->answered, bits) != ERR_OK)
        return ERR_NOMEM;
    return htable_init(&e->peers, bits);
}

void txn_count(struct engine *e, enum tm_stat s, int n)
{
    if (e->tm_stats)
        e->tm_stats[s] += n;
}

/* ---- making one ---- */

/* Text kept in work memory; an empty one stays empty. False without memory. */
static bool keep(struct work *w, struct str *out, struct str s)
{
    *out = STR_NONE;
    if (s.len)
        *out = arena_dup(&w->arena, s);
    return s.len == 0 || out->p;
}

static bool keep_request(struct work *w, const struct call *c)
{
    const struct msg *m = c->msg;
    w->src = m->src;
    w->local = m->local;
    w->socket = m->socket;
    w->force_rport = m->force_rport;
    w->local_rport = c->local_rport;
    w->advertised_port = c->advertised_port;
    return keep(w, &w->request, m->raw) && keep(w, &w->advertised_host, c->advertised_host) &&
           keep(w, &w->reply_headers, buf_str(&c->reply_headers)) &&
           edits_copy(&w->edits, &c->edits, &w->arena) == ERR_OK;
}

static bool keep_values(struct work *w, const struct call *c)
{
    avps_init(&w->avps, &w->arena);
    w->vars.arena = &w->arena;
    return avps_copy(&w->avps, c->avps) == ERR_OK && vars_copy(&w->vars, c->vars) == ERR_OK;
}

/* Room for a plain call: the request twice, one branch, the replies, and what the script left. A
 * guess only: too little costs another block, too much is memory of a call that lives for minutes.
 */
static size_t work_room(const struct call *c)
{
    size_t room =
        sizeof(struct work) + sizeof(struct leg) + 2 * c->msg->raw.len + SENT_ROOM + TXN_REPLY_ROOM;
    room += c->edits.count * (2 * sizeof(struct edit)) + c->vars->count * sizeof(struct value);
    for (const struct avp *a = c->avps->head; a; a = a->next)
        room += 2 * sizeof *a;
    return room;
}

static struct work *work_new(struct engine *e, const struct call *c)
{
    struct arena memory;
    arena_init_tight(&memory, &e->pool, work_room(c));
    struct work *w = arena_zalloc(&memory, sizeof *w);
    if (!w)
        return NULL;
    w->arena = memory;
    if (keep_request(w, c) && keep_values(w, c))
        return w;
    memory = w->arena;
    arena_reset(&memory);
    return NULL;
}

static void server_flow(struct flow *out, const struct call *c)
{
    struct str host;
    const struct msg *m = c->msg;
    if (reply_destination(&out->dst, &host, m, c->config->reply_to_via) != ERR_OK &&
        reply_destination(&out->dst, &host, m, false) != ERR_OK)
        out->dst = m->src; /* a Via with a name: the source is known to be reachable */
    out->socket = m->socket;
    out->reliable = m->local.proto != PROTO_UDP;
}

static void server_acked(struct tx *x, struct msg *m, void *ctx)
{
    (void)m;
    (void)ctx;
    txn_settle(container_of(x, struct txn, server));
}

static void server_ended(struct tx *x, void *ctx)
{
    (void)ctx;
    txn_settle(container_of(x, struct txn, server));
}

static const struct tx_user server_user = {.acked = server_acked, .ended = server_ended};

static bool start_server(struct txn *t, const struct call *c)
{
    struct buf key;
    struct flow flow;
    const struct msg *m = c->msg;
    buf_init(&key, &t->small, tx_server_key_size(m));
    tx_server_key(&key, m);
    if (key.failed)
        return false;
    server_flow(&flow, c);
    tx_server_start(&t->engine->tx, &t->server, m, buf_str(&key), &flow, &t->config->times,
                    &server_user);
    return true;
}

static struct txn *make(struct engine *e, const struct call *c)
{
    struct arena memory;
    arena_init_tight(&memory, &e->pool,
                     ARENA_ROOM(sizeof(struct txn)) + ARENA_ROOM(sizeof(struct branch)) +
                         ARENA_ROOM(tx_server_key_size(c->msg)));
    struct txn *t = arena_zalloc(&memory, sizeof *t);
    if (!t)
        return NULL;
    t->small = memory;
    t->engine = e;
    t->config = config_ref(c->config);
    t->tag = token_tag_hash(e, c->msg);
    t->dialog.hash = txn_dialog_hash(e, c->msg);
    t->armed = c->armed;
    t->flags = t->first_flags = c->flags;
    t->restored = c->restored;
    list_append(&e->txns, &t->link);
    e->live_txns++;
    txn_count(e, TM_STAT_inuse_transactions, 1);
    return t;
}

static void destroy(struct txn *t);

struct txn *txn_new(struct call *c)
{
    struct engine *e = c->engine;
    struct txn *t = make(e, c);
    if (!t || !(t->work = work_new(e, c)) || !start_server(t, c)) {
        engine_count(e, COUNT_NO_MEMORY);
        if (t)
            destroy(t);
        return NULL;
    }
    if (c->config->watches)
        t->watched = passing_watched(c) & 15;
    engine_count(e, COUNT_TRANSACTIONS);
    txn_count(e, TM_STAT_UAS_transactions, 1);
    return t;
}

/* ---- scripts ---- */

struct msg *txn_request(struct txn *t, struct arena *a)
{
    const struct work *w = t->work;
    struct msg *m = w ? arena_alloc(a, sizeof *m) : NULL;
    if (!m || msg_scan(m, a, w->request) != ERR_OK)
        return NULL;
    m->src = w->src;
    m->local = w->local;
    m->socket = w->socket;
    m->force_rport = w->force_rport;
    return m;
}

void txn_lend(struct txn *t, struct call *c, bool avps)
{
    struct work *w = t->work;
    c->txn = t;
    c->flags = t->flags;
    if (c->config != t->config) { /* a reply that came after a reload */
        config_unref(c->config);
        c->config = config_ref(t->config);
    }
    if (!w && t->late) { /* a 2xx is repeated after the end */
        c->vars = &t->late->vars;
        c->avps = avps ? &t->late->avps : c->avps;
    }
    if (!w)
        return;
    c->vars = &w->vars;
    c->avps = avps ? &w->avps : c->avps;
    c->advertised_host = w->advertised_host;
    c->advertised_port = w->advertised_port;
    c->local_rport = w->local_rport;
}

void txn_return(struct txn *t, struct call *c)
{
    t->flags = c->flags;
    c->txn = NULL;
    c->vars = &c->own_vars;
    c->avps = &c->own_avps;
}

/* ---- letting go ---- */

/* Keeps a released transaction for the repeats of its request. */
struct rest {
    struct timer timer;
    struct txn *txn;
};

static bool busy(const struct tx *x)
{
    return x->state == TX_CALLING || x->state == TX_TRYING || x->state == TX_PROCEEDING;
}

/* Whether the caller's side still needs the request or the reply: the reply is repeated until its
 * ACK, and an old ACK is recognised by it. */
static bool server_needs_work(const struct txn *t)
{
    const struct tx *x = &t->server;
    if (busy(x))
        return !t->released;
    if (x->kind != TX_IST)
        return false;
    return x->state == TX_COMPLETED || x->state == TX_ANSWERED ||
           (x->state == TX_CONFIRMED && x->rfc2543);
}

static bool branch_needs_work(const struct branch *b)
{
    if (b->blind)
        return b->status == 0 && b->leg && !txn_answered(b->txn);
    const struct cancel *c = b->leg ? b->leg->cancel : NULL;
    return busy(&b->tx) || (c && c->tx.state != TX_IDLE);
}

static bool needs_work(const struct txn *t)
{
    if (server_needs_work(t) || t->failing || t->relays)
        return true;
    for (const struct branch *b = t->first; b; b = b->next)
        if (branch_needs_work(b))
            return true;
    return false;
}

/* Moves what a machine repeats for a while yet (an ACK, a final reply to a non-INVITE) out of work
 * memory, and forgets the rest. */
static bool save_bytes(struct txn *t, struct tx *x)
{
    bool repeats = (x->kind == TX_ICT || x->kind == TX_NIST) && x->state == TX_COMPLETED;
    struct str copy = STR_NONE;
    if (repeats && x->bytes.len) {
        copy = arena_dup(&t->small, x->bytes);
        if (!copy.p)
            return false;
    }
    x->bytes = copy;
    return true;
}

/* Values that onreply_route will look for when a 2xx is repeated. */
static bool save_values(struct txn *t)
{
    struct work *w = t->work;
    bool avps = txn_conf(t)->onreply_avp_mode && w->avps.head;
    if (!txn_is_invite(t) || t->armed.reply < 0 || (!w->vars.count && !avps))
        return true;
    struct late *l = arena_zalloc(&t->small, sizeof *l);
    if (!l)
        return false;
    l->vars.arena = l->avps.arena = &t->small;
    t->late = l;
    return vars_copy(&l->vars, &w->vars) == ERR_OK &&
           (!avps || avps_copy(&l->avps, &w->avps) == ERR_OK);
}

static void free_work(struct txn *t)
{
    struct arena memory = t->work->arena;
    for (struct branch *b = t->first; b; b = b->next) {
        branch_quiet(b);
        if (b->leg && b->leg->cancel)
            tx_stop(&t->engine->tx, &b->leg->cancel->tx);
        b->leg = NULL;
    }
    t->work = NULL;
    arena_reset(&memory);
}

static void shed(struct txn *t)
{
    bool saved = save_values(t) && save_bytes(t, &t->server);
    for (struct branch *b = t->first; b && saved; b = b->next)
        saved = save_bytes(t, &b->tx);
    if (saved)
        free_work(t);
}

static void destroy(struct txn *t)
{
    struct engine *e = t->engine;
    struct arena memory = t->small;
    if (t->work)
        free_work(t);
    if (t->rest)
        wheel_cancel(&e->wheel, &t->rest->timer);
    tx_stop(&e->tx, &t->server);
    for (struct branch *b = t->first; b; b = b->next)
        tx_stop(&e->tx, &b->tx);
    txn_leave_answered(t);
    list_remove(&t->link);
    config_unref(t->config);
    e->live_txns--;
    txn_count(e, TM_STAT_inuse_transactions, -1);
    arena_reset(&memory);
}

static bool all_idle(const struct txn *t)
{
    if (t->server.state != TX_IDLE)
        return false;
    for (const struct branch *b = t->first; b; b = b->next)
        if (b->tx.state != TX_IDLE)
            return false;
    return true;
}

void txn_settle(struct txn *t)
{
    if (t->holds)
        return;
    bool wanted = t->work && needs_work(t);
    if (t->work && !wanted)
        shed(t);
    if (!wanted && all_idle(t))
        destroy(t);
}

void txn_drop(struct txn *t)
{
    t->holds--;
    txn_settle(t);
}

static void rest_over(struct timer *timer, void *ctx)
{
    struct txn *t = container_of(timer, struct rest, timer)->txn;
    (void)ctx;
    t->rest = NULL;
    if (busy(&t->server))
        tx_stop(&t->engine->tx, &t->server);
    txn_settle(t);
}

void txn_release(struct txn *t)
{
    struct engine *e = t->engine;
    if (t->released || !busy(&t->server))
        return;
    t->released = true;
    txn_tell(t, TXN_RELEASED, 0, STR_NONE);
    t->rest = arena_zalloc(&t->small, sizeof *t->rest);
    if (!t->rest) {
        tx_stop(&e->tx, &t->server);
        return;
    }
    t->rest->txn = t;
    wheel_arm(&e->wheel, &t->rest->timer, e->now + t->config->times.linger, rest_over);
}

void txn_script_ended(struct call *c)
{
    struct txn *t = c->txn;
    if (!t)
        return;
    if (!t->first && !txn_answered(t))
        txn_release(t);
    uint32_t flags = t->flags; /* what was set after t_relay is lost unless flushed */
    txn_return(t, c);
    t->flags = flags;
    txn_drop(t);
}

void txn_free_all(struct engine *e)
{
    host_free_all(e);
    wait_free_all(e);
    dest_free_all(e);
    uac_free_all(e);
    while (!list_empty(&e->txns))
        destroy(container_of(e->txns.next, struct txn, link));
    dns_free(e);
    htable_free(&e->answered);
    htable_free(&e->peers);
}
