/* The next address of a target whose first one fails (RFC 3263 4.3): a new branch with the same
 * request. Timers, CANCEL and ACK stay with the address a branch was sent to. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

/* What a request for another address is made of; in work memory. */
struct alternates {
    struct dest dest;
    struct target target;
    struct edits edits;
    struct str advertised_host;
    uint16_t advertised_port;
    bool local_rport, tells_breadth;
};

bool failover_allowed(const struct call *c, unsigned flags)
{
    return !(flags & RELAY_NO_FAILOVER) &&
           !program_setting_int(c->config->program, SETTING_DISABLE_DNS_FAILOVER);
}

static bool keep(struct arena *a, struct str *s)
{
    if (s->len)
        *s = arena_dup(a, *s);
    return s->len == 0 || s->p;
}

struct alternates *alternates_new(struct txn *t, const struct outgoing *g)
{
    struct arena *a = &t->work->arena;
    if (!g->rest || g->rest->at >= g->rest->count)
        return NULL;
    struct alternates *o = arena_zalloc(a, sizeof *o);
    if (!o)
        return NULL;
    o->dest = *g->rest;
    o->dest.host = STR_NONE;
    o->target = *g->target;
    o->advertised_host = g->by->advertised_host;
    o->advertised_port = g->by->advertised_port;
    o->local_rport = g->by->local_rport;
    o->tells_breadth = g->tells_breadth;
    bool kept = keep(a, &o->target.uri) && keep(a, &o->target.dst_uri) &&
                keep(a, &o->target.path) && keep(a, &o->advertised_host) &&
                (!g->edits || edits_copy(&o->edits, g->edits, a) == ERR_OK);
    return kept ? o : NULL;
}

/* A call that stands for the script that sent the branch. */
static struct call *sender(struct txn *t, const struct alternates *o)
{
    struct call *c = call_new(t->engine, t->config, ROUTE_BRANCH);
    struct msg *m = c ? txn_request(t, c->arena) : NULL;
    if (!m) {
        if (c)
            call_free(c);
        return NULL;
    }
    call_begin(c, m);
    txn_lend(t, c, true);
    c->target = o->target;
    c->advertised_host = o->advertised_host;
    c->advertised_port = o->advertised_port;
    c->local_rport = o->local_rport;
    return c;
}

static bool send_next(struct branch *b, struct call *c)
{
    struct txn *t = b->txn;
    struct alternates *o = b->leg->others;
    struct way way;
    struct outgoing g = {.msg = c->msg,
                         .target = &o->target,
                         .edits = &o->edits,
                         .by = c,
                         .way = &way,
                         .others = o,
                         .fork = b->fork,
                         .breadth = b->leg->breadth,
                         .tells_breadth = o->tells_breadth};
    while (dest_next(&way, &o->dest, c, o->target.socket, t->server.flow.socket) == FAIL_NONE)
        if (branch_send(t, &g) == FAIL_NONE)
            return true;
    return false;
}

bool failover(struct branch *b)
{
    struct txn *t = b->txn;
    if (!b->leg || !b->leg->others || b->fork != t->fork || t->cancelled || t->closed ||
        t->released || txn_answered(t))
        return false;
    struct call *c = sender(t, b->leg->others);
    if (!c)
        return false;
    uint32_t flags = b->flags;
    bool sent = send_next(b, c);
    txn_return(t, c);
    call_free(c);
    if (sent) {
        b->replaced = true;
        t->last->flags = flags;
    }
    return sent;
}
