/* Which transaction a request belongs to, and what t_check_trans and friends make of that. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

static struct txn *owner_of(struct tx *x)
{
    return x ? container_of(x, struct txn, server) : NULL;
}

struct txn *txn_of_request(struct engine *e, const struct msg *m)
{
    return owner_of(tx_match_request(&e->tx, m));
}

struct txn *txn_of_cancel(struct engine *e, const struct msg *m)
{
    return owner_of(tx_match_cancel(&e->tx, m));
}

/* ---- ACK of a 2xx: known by its dialog (MODULES 1.1.2) ---- */

uint64_t txn_dialog_hash(const struct engine *e, const struct msg *m)
{
    const struct str texts[] = {m->call_id, m->from_tag};
    return hash_texts(e->shared->key, texts, 2, m->cseq);
}

void txn_enter_answered(struct txn *t)
{
    if (t->in_answered)
        return;
    htable_insert(&t->engine->answered, &t->dialog, t->dialog.hash);
    t->in_answered = true;
}

void txn_leave_answered(struct txn *t)
{
    if (t->in_answered)
        htable_remove(&t->engine->answered, &t->dialog);
    t->in_answered = false;
}

struct txn *txn_of_ack(struct engine *e, const struct msg *m)
{
    struct hnode *n = htable_first(&e->answered, txn_dialog_hash(e, m));
    return n ? container_of(n, struct txn, dialog) : NULL;
}

/* A 2xx made here has our tag; one of the far end has its own, and its ACK goes on to it. */
static bool acks_our_2xx(const struct txn *t, const struct msg *m)
{
    if (t->given_tag)
        return hash_str(t->engine->shared->key, m->to_tag) == t->tag;
    return t->local && str_eq(m->to_tag, token_tag(t->tag, 't', m->arena));
}

void txn_request_arrived(struct call *c)
{
    struct engine *e = c->engine;
    struct msg *m = c->msg;
    if (m->method != METHOD_ACK)
        return;
    struct txn *t = txn_of_request(e, m), *answered = NULL;
    if (!t || t->server.state == TX_ACCEPTED)
        answered = txn_of_ack(e, m);
    c->acks_us = answered ? acks_our_2xx(answered, m) : t && t->server.state != TX_ACCEPTED;
    struct txn *acked = t ? t : answered;
    if (c->acks_us && acked->watched)
        txn_comes(acked, m);
    if (t) {
        txn_hold(t);
        tx_input(&e->tx, &t->server, m, e);
        txn_drop(t);
    } else if (c->acks_us) {
        tx_server_ack(&e->tx, &answered->server);
        txn_settle(answered);
    }
}

/* ---- for scripts ---- */

/* A repeat of a request: its last reply goes out again. */
static bool absorb(struct call *c)
{
    struct engine *e = c->engine;
    struct txn *t = c->fresh ? NULL : txn_of_request(e, c->msg);
    c->fresh = !t;
    if (!t)
        return false;
    txn_hold(t);
    tx_input(&e->tx, &t->server, c->msg, e);
    txn_drop(t);
    engine_count(e, COUNT_ABSORBED);
    return true;
}

int call_newtran(struct call *c)
{
    if (c->txn)
        return -10;
    if (!c->msg || !c->msg->request)
        return -1;
    if (c->msg->method == METHOD_ACK)
        return 1;
    if (absorb(c))
        return 0;
    txn_tell_begin(c);
    struct txn *t = txn_new(c);
    if (!t) {
        c->failed = FAIL_NO_MEMORY;
        return -2;
    }
    txn_hold(t);
    txn_lend(t, c, true);
    return 1;
}

int call_check_trans(struct call *c)
{
    struct engine *e = c->engine;
    const struct msg *m = c->msg;
    if (!m || !m->request)
        return -1;
    if (m->method == METHOD_CANCEL)
        return txn_of_cancel(e, m) ? 1 : -1;
    if (m->method == METHOD_ACK)
        return txn_of_request(e, m) || txn_of_ack(e, m) ? 1 : -1;
    if (c->txn)
        return 1;
    return absorb(c) ? 0 : -1;
}

int call_release(struct call *c)
{
    if (!c->txn)
        return -1;
    txn_release(c->txn);
    return 1;
}

int call_flush_flags(struct call *c)
{
    if (!c->txn)
        return -1;
    c->txn->flags = c->flags;
    return 1;
}

int call_was_cancelled(struct call *c)
{
    return c->txn && c->txn->cancelled ? 1 : -1;
}

int call_reply_code(struct call *c)
{
    if (!c->txn || c->kind == ROUTE_BRANCH)
        return -1;
    return c->kind & (ROUTE_FAILURE | ROUTE_ONREPLY) ? c->status : c->txn->server.status;
}

static bool nothing_heard(const struct txn *t)
{
    for (const struct branch *b = t->first; b; b = b->next)
        if (b->fork == t->fork && b->heard)
            return false;
    return true;
}

int call_local_replied(struct call *c, enum local_which which)
{
    const struct txn *t = c->txn;
    const struct branch *picked = c->kind == ROUTE_FAILURE ? c->branch : NULL;
    if (!t)
        return -1;
    if (which == LOCAL_ALL)
        return nothing_heard(t) ? 1 : -1;
    if (picked)
        return (which == LOCAL_BRANCH ? !picked->heard : !picked->leg || !picked->leg->reply.len)
                   ? 1
                   : -1;
    return which == LOCAL_LAST && t->local ? 1 : -1;
}

void call_arm(struct call *c, enum route_kind kind, int route)
{
    struct armed *a = c->txn ? &c->txn->armed : &c->armed;
    if (kind == ROUTE_FAILURE)
        a->failure = route;
    else if (kind == ROUTE_ONREPLY)
        a->reply = route;
    else if (kind == ROUTE_BRANCH)
        a->branch = route;
}
