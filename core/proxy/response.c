/* Replies from below: matching, onreply_route, and what is done with them (RFC 3261 16.7). */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

/* A reply with no via-parm below ours is for nobody. */
static bool has_second_via(const struct msg *m)
{
    struct value_iter it = {0};
    return msg_value_next(m, HDR_VIA, &it) && msg_value_next(m, HDR_VIA, &it);
}

static void to_cancel(struct call *c, struct tx *x)
{
    struct engine *e = c->engine;
    struct txn *t = container_of(x, struct cancel, tx)->branch->txn;
    txn_hold(t);
    if (t->watched)
        txn_comes(t, c->msg);
    tx_input(&e->tx, x, c->msg, e);
    call_free(c);
    txn_drop(t);
}

static void to_branch(struct call *c, struct tx *x)
{
    struct engine *e = c->engine;
    struct txn *t = branch_of(x)->txn;
    txn_hold(t);
    if (t->watched)
        txn_comes(t, c->msg);
    t->arriving = c;
    tx_input(&e->tx, x, c->msg, e);
    if (t->arriving == c) { /* a repeat that the machine has dealt with */
        t->arriving = NULL;
        call_free(c);
    }
    txn_drop(t);
}

void txn_reply_arrived(struct call *c)
{
    struct tx *x = tx_match_response(&c->engine->tx, c->msg);
    if (x && x->user == &cancel_user) {
        to_cancel(c, x);
    } else if (x && x->user == &uac_user) {
        uac_take(c, x);
    } else if (x && has_second_via(c->msg)) {
        to_branch(c, x);
    } else if (x) {
        engine_count(c->engine, COUNT_FOREIGN_REPLIES);
        call_free(c);
    } else {
        forward_reply(c);
    }
}

/* ---- deciding ---- */

static void pass_provisional(struct branch *b, struct call *c)
{
    struct txn *t = b->txn;
    bool wanted = c->msg->status > 100 && !c->dropped && b->status == 0 && !txn_answered(t);
    /* a non-INVITE has no provisional reply but 100 (RFC 4320 4.1) */
    if (wanted && txn_is_invite(t) && !t->replicate)
        txn_pass_up(t, c);
}

static void take_success(struct branch *b, struct call *c)
{
    struct txn *t = b->txn;
    b->status = c->msg->status;
    if (t->replicate)
        return;
    txn_pass_up(t, c);
    if (txn_is_invite(t))
        cancel_branches(t, b);
}

static void take_negative(struct branch *b, struct call *c)
{
    struct txn *t = b->txn;
    if (b->status != 0)
        return; /* given up already: too late to count */
    b->status = c->msg->status;
    if (b->status == 503 && failover(b))
        return;
    if (b->leg && !t->replicate)
        b->leg->reply = txn_render_reply(t, c);
    if (t->closed && b->status >= 600)
        fork_close(t, b);
    else
        fork_check(t);
}

static void route_done(struct call *c, const struct vm_result *r)
{
    struct txn *t = c->txn;
    struct branch *b = c->branch;
    unsigned status = c->msg->status;
    (void)r;
    b->flags = c->target.flags;
    txn_return(t, c);
    if (status < 200)
        pass_provisional(b, c);
    else if (status < 300)
        take_success(b, c);
    else
        take_negative(b, c);
    call_free(c);
    txn_drop(t);
}

/* Puts the value of a header back to what the request came in with. */
static void restore_header(struct call *c, const struct msg *request, enum hdr_id id)
{
    const struct hdr *now = msg_header(c->msg, id), *was = msg_header(request, id);
    if (now && was && !str_eq(now->value, was->value))
        edits_replace(&c->edits, c->arena, (size_t)(now->value.p - c->msg->raw.p), now->value.len,
                      was->value);
}

/* call_restore_party. */
static void restore_parties(struct txn *t, struct call *c)
{
    const struct msg *m = t->restored ? txn_request(t, c->arena) : NULL;
    if (m && t->restored & PARTY_IN_FROM)
        restore_header(c, m, HDR_FROM);
    if (m && t->restored & PARTY_IN_TO)
        restore_header(c, m, HDR_TO);
}

void call_restore_party(struct call *c, enum party p)
{
    c->restored |= p;
    if (c->txn)
        c->txn->restored |= p;
}

void response_take(struct branch *b, struct call *c)
{
    struct txn *t = b->txn;
    const struct tm_conf *conf = txn_conf(t);
    if (c->msg->status >= 600 && b->status == 0 && !conf->disable_6xx_block)
        t->closed = true;
    txn_hold(t); /* until the route has ended */
    txn_lend(t, c, conf->onreply_avp_mode);
    c->kind = ROUTE_ONREPLY;
    c->branch = b;
    restore_parties(t, c);
    c->dropped = false;
    c->extras = 0;
    c->target.flags = b->flags;
    if (b->leg) { /* the script may go on from where this branch went */
        c->target.uri = b->leg->uri;
        c->uri_state = 0;
    }
    call_run(c, t->armed.reply, route_done);
}
