/* The engine: what happens to a message before and after its script. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/engine.h"

#include <malloc.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/module.h"
#include "core/proxy/engine_priv.h"
#include "core/proxy/tm_conf.h"
#include "core/proxy/txn.h"

enum { POOL_KEEP = 64 << 20, TRIM_MOST = 16 << 20, TABLE_BITS = 12, PARKED_BITS = 4 };

/* ---- birth and death ---- */

static void tx_send(void *user, const struct flow *flow, struct str bytes)
{
    engine_send(user, flow->socket, &flow->dst, bytes);
}

/* Memory follows the load down: a little each second while there are calls; pages go back to the
 * system when there are none, because that takes the allocator's locks. */
static void give_memory_back(struct engine *e)
{
    e->trimmed += arena_pool_trim(&e->pool, TRIM_MOST);
    if (e->trimmed && e->live_txns == 0 && e->parked == 0) {
        arena_pool_rest(&e->pool);
        malloc_trim(0);
        e->trimmed = 0;
    }
}

static void second_passed(struct timer *t, void *ctx)
{
    struct engine *e = ctx;
    const struct shared *s = e->shared;
    for (unsigned k = 0; k < s->each_second.n; k++) {
        unsigned i = s->each_second.module[k];
        const struct module *m = s->set->modules[i];
        if (program_loaded(e->config->program, i))
            m->each_second(s->module_state[i], e->now, (int64_t)(e->wall / 1000), e->index,
                           s->workers);
    }
    for (unsigned k = 0; k < s->on_second.n; k++) {
        unsigned i = s->on_second.module[k];
        if (program_loaded(e->config->program, i))
            s->set->modules[i]->on_second(e, s->module_state[i],
                                          program_conf(e->config->program, i));
    }
    memtables_pass(e->shared, e->index);
    give_memory_back(e);
    wheel_arm(&e->wheel, t, e->now + 1000, second_passed);
}

/* What the layers below must know of a version. */
static void apply(struct engine *e)
{
    const struct tm_conf *tm = e->config->tm;
    tx_layer_old_rules(&e->tx, !tm || tm->ruri_matching, !tm || tm->via1_matching);
}

struct engine *engine_new(struct shared *shared, unsigned index, const struct engine_env *env,
                          uint64_t now)
{
    struct engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->shared = shared;
    e->index = index;
    e->env = *env;
    e->now = now;
    e->config = config_ref(atomic_load(&shared->current));
    atomic_store(&shared->adopted[index], e->config);
    list_init(&e->waiting);
    list_init(&e->waits);
    wheel_init(&e->wheel, now);
    e->loop = env->loop ? env->loop : &e->no_loop;
    e->loop->wheel = &e->wheel;
    e->loop->now = now;
    arena_pool_init(&e->pool, POOL_KEEP);
    struct tx_env tx_env = {.send = tx_send, .user = e};
    e->module_stats = calloc(shared->n_stats + 1, sizeof *e->module_stats);
    if (!e->module_stats ||
        tx_layer_init(&e->tx, &e->wheel, shared->key, tx_env,
                      shared->table_bits ? shared->table_bits : TABLE_BITS) != ERR_OK ||
        htable_init(&e->parked_requests, PARKED_BITS) != ERR_OK || txn_init(e) != ERR_OK) {
        free(e->module_stats);
        config_unref(e->config);
        free(e);
        return NULL;
    }
    apply(e);
    shared->engine[index] = e;
    wheel_arm(&e->wheel, &e->second, now + 1000, second_passed);
    return e;
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    e->shared->engine[e->index] = NULL;
    txn_free_all(e);
    for (unsigned i = 0; i < e->shared->set->count; i++) {
        const struct module *m = e->shared->set->modules[i];
        if (m->leave && e->shared->module_state[i])
            m->leave(e->shared->module_state[i], e->index);
    }
    db_set_leave(e->shared->dbs, e->index);
    tx_layer_free(&e->tx);
    htable_free(&e->parked_requests);
    turned_free(&e->turned);
    while (e->idle_vms)
        vm_free(e->idle_vm[--e->idle_vms]);
    arena_pool_free(&e->pool);
    config_unref(e->config);
    free(e->module_stats);
    free(e);
}

/* ---- time ---- */

void engine_set_time(struct engine *e, uint64_t now, uint64_t wall)
{
    if (now > e->now)
        e->loop->now = e->now = now;
    e->wall = wall;
}

void engine_tick(struct engine *e)
{
    wheel_advance(&e->wheel, e->now, e);
}

uint64_t engine_next(const struct engine *e)
{
    return wheel_next(&e->wheel);
}

uint64_t engine_pauses(const struct engine *e)
{
    return e->pauses;
}

uint64_t engine_waiting(const struct engine *e)
{
    return e->parked;
}

uint64_t engine_live(const struct engine *e)
{
    return e->live_txns + e->parked;
}

/* ---- sending ---- */

void engine_send(struct engine *e, uint16_t socket, const struct addr *dst, struct str bytes)
{
    e->sent++;
    e->env.send(e->env.user, socket, dst, bytes);
}

void engine_refuse(struct engine *e, struct msg *m, unsigned code, struct str reason)
{
    struct call *c = call_new(e, e->config, ROUTE_ERROR);
    if (!c)
        return;
    call_begin(c, m);
    call_sl_reply(c, code, reason);
    call_free(c);
}

/* ---- versions ---- */

/* Moves to the version in force. One atomic load a message; the publisher keeps both versions alive
 * until every worker has adopted (shared_adopted). */
static void adopt(struct engine *e)
{
    struct config *now = atomic_load_explicit(&e->shared->current, memory_order_acquire);
    if (now == e->config)
        return;
    const struct config *old = e->config;
    e->config = config_ref(now);
    atomic_store_explicit(&e->shared->adopted[e->index], e->config, memory_order_release);
    config_unref(old);
    apply(e);
}

void engine_adopt(struct engine *e)
{
    adopt(e);
}

/* ---- requests ---- */

/* How often memory was not to be had. */
static uint64_t starved(const struct engine *e)
{
    return e->pool.refused + (uint64_t)e->count[COUNT_NO_MEMORY];
}

/* A script that came to nothing because memory ran out: the caller hears of it instead of repeating
 * himself, as far as there is memory for that (RFC 3261 21.5.4). */
static void refuse_starved(struct call *c)
{
    const struct engine *e = c->engine;
    if (e->sent != c->sent || starved(e) == c->starved)
        return;
    if (c->txn)
        call_reply(c, 503, STR("Service Unavailable"));
    else
        call_sl_reply(c, 503, STR("Service Unavailable"));
}

static void request_done(struct call *c, const struct vm_result *r)
{
    (void)r;
    refuse_starved(c);
    txn_script_ended(c);
    call_free(c);
}

static bool modules_let_pass(struct call *c)
{
    const struct shared *s = c->engine->shared;
    for (unsigned k = 0; k < s->on_request.n; k++) {
        unsigned i = s->on_request.module[k];
        if (program_loaded(c->config->program, i) && !s->set->modules[i]->on_request(c))
            return false;
    }
    return true;
}

/* A malformed request: error_route may answer it; if it does not, we do (deviation 15). */
static void malformed_request(struct call *c, struct fault f)
{
    struct engine *e = c->engine;
    uint64_t sent = e->sent;
    if (c->msg->method == METHOD_ACK) {
        engine_count(e, COUNT_BAD_DROPPED);
        return;
    }
    engine_count(e, COUNT_BAD_REQUESTS);
    if (c->config->error_route >= 0) {
        c->kind = ROUTE_ERROR;
        c->in_error_route = true;
        call_set_error(c, 1, 3, f.code, f.reason, f.reason);
        call_run_nested(c, c->config->error_route);
    }
    build_fault_headers(&c->reply_headers, c->msg, f);
    if (e->sent == sent)
        call_sl_reply(c, f.code, str_from(f.reason));
}

/* Whether this is the ACK of an answer that was given without a transaction. */
static bool acks_stateless(struct call *c)
{
    const struct msg *m = c->msg;
    struct str tag = m->to_tag;
    return m->method == METHOD_ACK && m->fault.code == 0 && tag.len > 2 &&
           tag.p[tag.len - 1] == 's' && str_eq(tag, call_sl_tag(c));
}

static void take_request(struct call *c, enum overload_verdict v)
{
    struct engine *e = c->engine;
    engine_count(e, COUNT_REQUESTS);
    if (call_turned_away(c, v)) {
        call_free(c);
        return;
    }
    if (acks_stateless(c)) { /* before anything else: an overload brings many */
        modules_let_pass(c); /* who counts them */
        call_free(c);
        return;
    }
    struct fault f = c->msg->fault.code ? c->msg->fault : msg_check(c->msg);
    if (f.code) {
        malformed_request(c, f);
        call_free(c);
        return;
    }
    txn_request_arrived(c);
    if (parked_takes(c) || !modules_let_pass(c)) {
        call_free(c);
        return;
    }
    if (loop_found(e, c->msg)) {
        engine_count(e, COUNT_LOOPS);
        call_sl_reply(c, 482, STR("Loop Detected"));
        call_free(c);
        return;
    }
    c->sent = e->sent;
    c->starved = starved(e);
    call_run(c, c->config->main_route, request_done);
}

/* ---- replies ---- */

static void reply_route_done(struct call *c, const struct vm_result *r)
{
    if (r->dropped && c->msg->status < 200)
        call_free(c);
    else
        txn_reply_arrived(c);
}

static void take_reply(struct call *c)
{
    engine_count(c->engine, COUNT_REPLIES);
    c->kind = ROUTE_ONREPLY;
    c->status = c->msg->status;
    call_run(c, c->config->onreply_route, reply_route_done);
}

/* ---- input ---- */

/* The call's own copy of the bytes, indexed; NULL when it is no message. */
static struct msg *receive(struct call *c, struct str bytes, const struct addr *src,
                           uint16_t socket)
{
    struct msg *m = arena_alloc(c->arena, sizeof *m);
    struct str copy = arena_dup(c->arena, bytes);
    if (!m || !copy.p) {
        engine_count(c->engine, COUNT_NO_MEMORY);
        return NULL;
    }
    if (msg_scan(m, c->arena, copy) != ERR_OK) {
        engine_count(c->engine, COUNT_NOT_SIP);
        return NULL;
    }
    m->src = *src;
    m->local = c->engine->shared->sockets[socket].addr;
    m->socket = socket;
    return m;
}

void engine_input(struct engine *e, struct str bytes, const struct addr *src, uint16_t socket)
{
    engine_tick(e); /* timers count from now, not from the last time one fired */
    adopt(e);
    enum overload_verdict v = engine_look(e, bytes);
    if (v == OVERLOAD_DROP)
        return;
    struct call *c = call_new(e, e->config, ROUTE_REQUEST);
    if (!c)
        return;
    struct msg *m = receive(c, bytes, src, socket);
    if (!m) {
        call_free(c);
        return;
    }
    call_begin(c, m);
    if (m->request)
        take_request(c, v);
    else
        take_reply(c);
}

void engine_unreachable(struct engine *e, uint16_t socket, const struct addr *dst)
{
    engine_tick(e);
    txn_unreachable(e, socket, dst);
}

/* ---- which worker ---- */

/* Value of a "Call-ID" or "i" line, or empty. */
static struct str call_id_of_line(struct str line)
{
    ptrdiff_t colon = str_find(line, ':', 0);
    if (colon < 0)
        return STR_NONE;
    struct str name = str_trim(str_sub(line, 0, (size_t)colon));
    if (!str_ieq(name, STR("Call-ID")) && !str_ieq(name, STR("i")))
        return STR_NONE;
    return str_trim(str_sub(line, (size_t)colon + 1, line.len));
}

unsigned engine_owner(const struct shared *s, struct str bytes, unsigned workers)
{
    struct str line, rest = bytes;
    if (workers < 2)
        return 0;
    while (str_cut(&line, &rest, '\n')) {
        if (line.len == 0 || line.p[0] == '\r')
            break; /* end of the headers */
        char first = ascii_lower(line.p[0]);
        struct str id = first == 'c' || first == 'i' ? call_id_of_line(line) : STR_NONE;
        if (id.len)
            return spread_owner(&s->spread, id, workers);
    }
    return 0;
}

/* ---- report ---- */

void engine_report(const struct engine *e, void (*put)(void *user, const char *text, int64_t n),
                   void *user)
{
    static const char *const texts[] = {
#define X(id, name, text) text,
        COUNTER_LIST(X)
#undef X
    };
    for (unsigned i = 0; i < COUNTERS; i++)
        if (e->count[i])
            put(user, texts[i], (int64_t)e->count[i]);
    put(user, "questions to name servers", (int64_t)e->dns.service.begun);
    put(user, "names known already", (int64_t)e->dns.hits);
    put(user, "names of which old answers served", (int64_t)e->dns.stale);
    put(user, "transactions alive", (int64_t)e->live_txns);
    put(user, "scripts waiting", (int64_t)e->parked);
    put(user, "bytes of memory in use", (int64_t)e->pool.live);
    put(user, "blocks taken from the system", (int64_t)e->pool.mallocs);
}
