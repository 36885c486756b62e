/* Requests whose script waits before they have a transaction: their retransmissions are absorbed,
 * and a CANCEL is answered and remembered, so that the request is not sent on afterwards (RFC 3261
 * 9.2). */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"
#include "core/proxy/engine_priv.h"

/* The same for an INVITE and its CANCEL. */
static uint64_t hash_of(const struct engine *e, const struct msg *m)
{
    struct str texts[] = {m->via.branch, m->call_id, m->from_tag};
    return hash_texts(e->shared->key, texts, 3, m->cseq);
}

static bool same_request(const struct msg *a, const struct msg *b)
{
    return a->cseq == b->cseq && str_eq(a->via.branch, b->via.branch) &&
           str_ieq(a->via.host, b->via.host) && a->via.port == b->via.port &&
           str_eq(a->call_id, b->call_id) && str_eq(a->from_tag, b->from_tag) &&
           str_eq(a->uri, b->uri);
}

void parked_add(struct call *c)
{
    if (c->kind != ROUTE_REQUEST || c->txn || c->parked)
        return;
    htable_insert(&c->engine->parked_requests, &c->parked_node, hash_of(c->engine, c->msg));
    c->parked = c->paused = true;
}

void parked_remove(struct call *c)
{
    if (c->parked)
        htable_remove(&c->engine->parked_requests, &c->parked_node);
    c->parked = false;
}

static struct call *find(struct engine *e, const struct msg *m, enum method method)
{
    struct hnode *n = htable_first(&e->parked_requests, hash_of(e, m));
    for (; n; n = htable_next(n)) {
        struct call *c = container_of(n, struct call, parked_node);
        if (c->msg->method == method && same_request(c->msg, m) &&
            (method != METHOD_OTHER || str_eq(c->msg->method_text, m->method_text)))
            return c;
    }
    return NULL;
}

bool parked_has(struct engine *e, const struct msg *m)
{
    return e->parked_requests.count && find(e, m, m->method);
}

bool parked_takes(struct call *c)
{
    struct engine *e = c->engine;
    if (e->parked_requests.count == 0)
        return false;
    if (parked_has(e, c->msg)) {
        engine_count(e, COUNT_ABSORBED);
        return true;
    }
    struct call *invite = c->msg->method == METHOD_CANCEL ? find(e, c->msg, METHOD_INVITE) : NULL;
    if (!invite)
        return false;
    invite->cancelled = true;
    call_sl_reply(c, 200, STR("canceling"));
    return true;
}
