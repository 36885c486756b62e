/* Which new requests a worker that cannot keep up turns away, before the script sees them. */
/* SPDX-License-Identifier: MIT */
#include "core/base/log.h"
#include "core/proxy/txn.h"
#include "core/sip/glance.h"

void engine_queued(struct engine *e, const struct queue_state *q)
{
    struct overload *o = &e->overload;
    uint32_t limit = e->config->overload_delay;
    if (!overload_note(o, e->now, q, limit))
        return;
    if (o->refusing) {
        turned_begin(&e->turned);
        log_warn("worker %u is overloaded: new requests have waited %u ms%s and are refused",
                 e->index, q->waited / 1000, q->dropped ? ", some were dropped," : "");
        return;
    }
    log_notice("worker %u: the overload is over after %llu s; new requests since the start: "
               "%llu refused, %llu dropped",
               e->index, (unsigned long long)(e->now - o->began + 500) / 1000,
               (unsigned long long)e->count[COUNT_OVERLOAD_REFUSED],
               (unsigned long long)e->count[COUNT_OVERLOAD_DROPPED]);
}

/* A request that begins something: no part of a dialog or of a transaction that we have. */
static bool is_new(struct engine *e, const struct msg *m)
{
    return m->method != METHOD_ACK && m->method != METHOD_CANCEL && m->to_tag.len == 0 &&
           !txn_of_request(e, m) && !parked_has(e, m);
}

/* Remembers who is not served. */
static enum overload_verdict judge(struct engine *e, struct str bytes)
{
    uint64_t hash = hash_str(e->shared->key, bytes);
    bool again = turned_has(&e->turned, hash);
    enum overload_verdict v = overload_judge(&e->overload, e->config->overload_delay, again);
    if (v != OVERLOAD_SERVE)
        turned_add(&e->turned, hash);
    if (v == OVERLOAD_DROP)
        engine_count(e, COUNT_OVERLOAD_DROPPED);
    return v;
}

/* ---- before it is parsed ---- */

enum overload_verdict engine_look(struct engine *e, struct str bytes)
{
    if (!overload_wary(&e->overload))
        return OVERLOAD_SERVE;
    if (glance_continues(bytes))
        return OVERLOAD_LATER;
    return judge(e, bytes);
}

/* ---- after it ---- */

/* RFC 3261 21.5.4. Between one and two times the setting, that not all come back at once. */
static void refuse(struct call *c)
{
    unsigned least = c->config->overload_retry_after;
    unsigned spread = (unsigned)(token_tag_hash(c->engine, c->msg) % (least + 1));
    buf_add(&c->reply_headers, STR("Retry-After: "));
    buf_u64(&c->reply_headers, least + spread);
    buf_add(&c->reply_headers, STR("\r\n"));
    call_sl_reply(c, 503, STR("Service Unavailable"));
    engine_count(c->engine, COUNT_OVERLOAD_REFUSED);
}

bool call_turned_away(struct call *c, enum overload_verdict v)
{
    struct engine *e = c->engine;
    if (v == OVERLOAD_SERVE || !is_new(e, c->msg))
        return false;
    if (v == OVERLOAD_LATER)
        v = judge(e, c->msg->raw);
    if (v == OVERLOAD_REFUSE)
        refuse(c);
    return v != OVERLOAD_SERVE;
}
