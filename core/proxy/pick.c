/* The end of a fork: which reply goes up (MODULES 1.1.6), after failure_route has had its say. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

/* ---- choosing ---- */

/* Those by which the caller can do better (RFC 3261 16.7 6). */
static bool preferred(unsigned status)
{
    return status == 401 || status == 407 || status == 415 || status == 420 || status == 484;
}

/* Rank of a final reply, the lowest wins: by number, 503 behind all others, and 487 before them
 * when the caller has cancelled. That is the reference's order, which scripts see in their failure
 * routes (golden cases pf-*). Where no failure route is told of the choice, the preferred codes go
 * before the others of their class, as RFC 3261 16.7 6 asks. */
static unsigned rank(const struct txn *t, unsigned status)
{
    if (t->cancelled && status == 487)
        return 0;
    if (status == 503)
        return 10000;
    bool first = t->armed.failure < 0 && preferred(status);
    return status / 100 * 1000 + (first ? 0 : 100) + status % 100;
}

static bool in_fork(const struct txn *t, const struct branch *b)
{
    return b->fork == t->fork && !b->replaced;
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

static bool is_challenge(const struct branch *b)
{
    return (b->status == 401 || b->status == 407) && b->leg && b->leg->reply.len;
}

/* Whether the lines have one of that name and value already. */
static bool has_line(const struct msg *best, struct str lines, const struct hdr *h)
{
    const struct hdr *at = msg_header(best, (enum hdr_id)h->id);
    for (; at; at = msg_header_next(best, at))
        if (str_eq(at->value, h->value))
            return true;
    return str_search(lines, h->line, 0) >= 0;
}

static void add_challenges(struct buf *lines, const struct msg *best, const struct msg *m)
{
    for (unsigned i = 0; i < m->count; i++) {
        const struct hdr *h = &m->hdr[i];
        if ((h->id == HDR_WWW_AUTHENTICATE || h->id == HDR_PROXY_AUTHENTICATE) &&
            !has_line(best, buf_str(lines), h))
            buf_add(lines, h->line);
    }
}

/* A 401 or 407 with the challenges of all other branches that asked for credentials, so that the
 * caller can answer them together (RFC 3261 16.7 7). The reply itself when there are no others, or
 * no room. */
static struct str join_challenges(struct txn *t, const struct branch *best, struct arena *a)
{
    struct str reply = best->leg->reply;
    struct msg top, m;
    struct buf lines, out;
    buf_init(&lines, a, 512);
    if (!is_challenge(best) || msg_scan(&top, a, reply) != ERR_OK)
        return reply;
    for (struct branch *b = t->first; b; b = b->next)
        if (b != best && is_challenge(b) && msg_scan(&m, a, b->leg->reply) == ERR_OK)
            add_challenges(&lines, &top, &m);
    if (lines.len == 0 || lines.failed || reply.len + lines.len > MSG_MAX_BYTES)
        return reply;
    const struct str last = top.hdr[top.count - 1].line;
    size_t head = (size_t)(last.p + last.len - reply.p);
    buf_init(&out, a, reply.len + lines.len);
    buf_add(&out, str_sub(reply, 0, head));
    buf_add(&out, buf_str(&lines));
    buf_add(&out, str_sub(reply, head, reply.len));
    return out.failed ? reply : buf_str(&out);
}

static int pass_up(struct txn *t, struct branch *b, unsigned status)
{
    struct arena scratch;
    arena_init(&scratch, &t->engine->pool, 4096);
    int rc = txn_respond(t, status, join_challenges(t, b, &scratch), false);
    arena_reset(&scratch);
    return rc;
}

static void send_up(struct txn *t, struct branch *b)
{
    unsigned status = masked(b);
    bool made_here = b->leg->reply.len == 0;
    int rc = ERR_STATE;
    t->speaker = b;
    /* 408 never answers a non-INVITE: its sender has given up too (RFC 4320 4.2) */
    if (txn_is_invite(t) || status != 408)
        rc = made_here ? txn_answer_stored(t, status) : pass_up(t, b, status);
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
