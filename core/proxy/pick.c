/* The end of a fork: which reply goes up (MODULES 1.1.6), after failure_route has had its say. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

/* ---- choosing ---- */

/* Rank of a final reply, the lowest wins: by number, 503 behind all others, and 487 before them
 * when the caller has cancelled. This is the reference's order, which scripts see in their failure
 * routes (golden cases pf-*); the preference for 401, 407, 415, 420 and 484 that RFC 3261 16.7 6
 * suggests (a SHOULD) is left out for it. */
static unsigned rank(const struct txn *t, unsigned status)
{
    if (t->cancelled && status == 487)
        return 0;
    return status == 503 ? 1000 : status;
}

static bool in_fork(const struct txn *t, const struct branch *b)
{
    return b->fork == t->fork;
}

static bool fork_pending(const struct txn *t)
{
    for (const struct branch *b = t->first; b; b = b->next)
        if (in_fork(t, b) && b->status == 0)
            return true;
    return false;
}

/* Of equal ones the first; but of two 503, and of two 487 to a CANCEL, the last, as the reference
 * does. */
static struct branch *best_of(struct txn *t)
{
    struct branch *best = NULL;
    for (struct branch *b = t->first; b; b = b->next) {
        if (!in_fork(t, b) || b->status < 300)
            continue;
        unsigned r = rank(t, b->status), r_best = best ? rank(t, best->status) : UINT32_MAX;
        if (r < r_best || (r == r_best && (r == 0 || b->status == 503)))
            best = b;
    }
    return best;
}

/* ---- sending it up ---- */

/* A 503 means that we are not available, which we are (RFC 3261 16.7 6). */
static unsigned masked(const struct branch *b)
{
    char *digits = (char *)(uintptr_t)b->leg->reply.p;
    if (b->status != 503)
        return b->status;
    if (b->leg->reply.len > 11)
        memcpy(digits + 8, "500", 3);
    return 500;
}

static void send_up(struct txn *t, struct branch *b)
{
    unsigned status = masked(b);
    bool made_here = b->leg->reply.len == 0;
    int rc = ERR_STATE;
    t->speaker = b;
    /* 408 never answers a non-INVITE: its sender has given up too (RFC 4320 4.2) */
    if (txn_is_invite(t) || status != 408)
        rc =
            made_here ? txn_answer_stored(t, status) : txn_respond(t, status, b->leg->reply, false);
    t->speaker = NULL;
    if (rc != ERR_OK)
        txn_release(t);
}

/* ---- failure_route ---- */

bool call_failed_reply(const struct call *c, unsigned i, struct str *bytes)
{
    const struct txn *t = c->kind == ROUTE_FAILURE ? c->txn : NULL;
    for (const struct branch *b = t ? t->first : NULL; b; b = b->next) {
        if (!in_fork(t, b) || b->status < 300 || !b->leg || b->leg->reply.len == 0)
            continue;
        *bytes = b->leg->reply;
        if (i-- == 0)
            return true;
    }
    return false;
}

struct call *txn_call(struct txn *t, struct branch *b)
{
    struct call *c = call_new(t->engine, t->config, ROUTE_FAILURE);
    struct msg *m = c ? txn_request(t, c->arena) : NULL;
    if (!m || edits_copy(&c->edits, &t->work->edits, c->arena) != ERR_OK) {
        if (c)
            call_free(c);
        return NULL;
    }
    call_begin(c, m);
    txn_lend(t, c, true);
    c->branch = b;
    buf_add(&c->reply_headers, t->work->reply_headers);
    if (!b || !b->leg)
        return c;
    c->status = b->status;
    c->target.flags = b->flags;
    c->target.uri = b->leg->uri;
    c->uri_changed = true; /* as in the reference: it is told of by $ds and in redirections */
    return c;
}

static void failure_done(struct call *c, const struct vm_result *r)
{
    struct txn *t = c->txn;
    struct branch *b = c->branch;
    (void)r;
    t->failing = false;
    txn_return(t, c);
    call_free(c);
    if (txn_answered(t)) {
        /* by the script, or a 2xx has come meanwhile */
    } else if (t->fork == t->next_fork) {
        fork_check(t);
    } else {
        send_up(t, b);
    }
    txn_drop(t);
}

static void run_failure(struct txn *t, struct branch *b)
{
    int route = t->armed.failure;
    struct call *c = txn_call(t, b);
    t->armed.failure = -1; /* once; the script may arm it again */
    if (!c) {
        engine_count(t->engine, COUNT_NO_MEMORY);
        send_up(t, b);
        return;
    }
    t->failing = true;
    t->next_fork = (uint8_t)(t->fork + 1);
    txn_hold(t);
    call_run(c, route, failure_done);
}

/* ---- the end ---- */

static void finish(struct txn *t, struct branch *b)
{
    t->speaker = b;
    t->local = b->leg->reply.len == 0;
    if (txn_is_invite(t))
        txn_tell(t, TXN_FAILED, b->status, b->leg->reply);
    t->speaker = NULL;
    if (t->armed.failure >= 0 && t->server.method != METHOD_CANCEL)
        run_failure(t, b);
    else
        send_up(t, b);
}

void fork_check(struct txn *t)
{
    if (txn_answered(t) || t->released || t->failing || t->relays || fork_pending(t))
        return;
    struct branch *b = best_of(t);
    if (b && b->leg)
        finish(t, b);
}

void fork_close(struct txn *t, struct branch *b)
{
    if (txn_answered(t) || t->released)
        return;
    cancel_branches(t, b);
    if (!t->failing)
        finish(t, b);
}
