/* t_relay: a request, or a failed or answered one, goes to its targets (RFC 3261 16.6).
 *
 * A relay is a job that may have to wait twice for each target, for branch_route and for a name. It
 * lies in the call of the script that began it; when it waited, that script is told the result. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

enum stage { ROUTE, FIND, SEND };

struct relay {
    struct call *call;
    struct txn *txn;
    const struct msg *msg;     /* the request */
    const struct edits *edits; /* of it */
    struct str hop;            /* for every branch, or empty */
    unsigned flags;
    int route;         /* branch_route armed when it began */
    uint8_t fork;      /* set that new branches join */
    bool created;      /* the transaction was made for this */
    bool inside;       /* a function that may call back is on the stack */
    bool answered;     /* it called back at once */
    struct call *view; /* the call of branch_route for the present target, or NULL */
    struct dest dest;
    struct breadth breadth; /* to be shared by all targets */
    enum stage stage;
    enum failure failure; /* the first */
    unsigned sent, at, count;
    struct target set[CALL_MAX_BRANCHES];
};

static int relay_go(struct relay *r);

static void relay_continue(struct relay *r)
{
    int result = relay_go(r);
    if (result != CALL_SUSPENDED)
        call_resume(r->call, result);
}

/* Somebody the relay waits for has answered. */
static void answered(struct relay *r)
{
    if (r->inside)
        r->answered = true;
    else
        relay_continue(r);
}

/* ---- branch_route ---- */

static void view_done(struct call *view, const struct vm_result *result)
{
    struct relay *r = view->owner;
    (void)result;
    r->call->flags = view->flags; /* message flags are the message's, not the branch's */
    r->call->script_flags = view->script_flags; /* those of the run that came last */
    answered(r);
}

static void view_free(struct relay *r)
{
    if (!r->view)
        return;
    r->view->txn = NULL;
    call_free(r->view);
    r->view = NULL;
}

static struct call *view_new(struct relay *r)
{
    struct call *c = r->call, *v = call_new(c->engine, c->config, ROUTE_BRANCH);
    struct msg *m = v ? arena_alloc(v->arena, sizeof *m) : NULL;
    if (!m || edits_copy(&v->edits, r->edits, v->arena) != ERR_OK) {
        if (v)
            call_free(v);
        return NULL;
    }
    *m = *r->msg;
    call_begin(v, m);
    txn_lend(r->txn, v, true);
    v->target = r->set[r->at];
    v->uri_changed = !str_eq(v->target.uri, m->uri);
    v->flags = c->flags;
    v->advertised_host = c->advertised_host;
    v->advertised_port = c->advertised_port;
    v->local_rport = c->local_rport;
    v->branch_index = r->txn->branches + 1;
    v->owner = r;
    return v;
}

static enum failure run_route(struct relay *r)
{
    if (r->route < 0)
        return FAIL_NONE;
    r->view = view_new(r);
    if (!r->view)
        return FAIL_NO_MEMORY;
    r->inside = true;
    r->answered = false;
    call_run(r->view, r->route, view_done);
    r->inside = false;
    return r->answered ? FAIL_NONE : FAIL_WAIT;
}

/* ---- one target ---- */

/* The call whose target, edits and advertised address are those of the present branch. */
static struct call *maker(const struct relay *r)
{
    return r->view ? r->view : r->call;
}

static const struct target *target_of(const struct relay *r)
{
    return r->view ? &r->view->target : &r->set[r->at];
}

static void found(struct dest *d, void *arg)
{
    struct relay *r = arg;
    r->call->looking = NULL;
    if (d) {
        answered(r);
        return;
    }
    view_free(r);
    call_free(r->call);
}

/* The URI of a target explained, most often that of the script's R-URI, which was explained before;
 * NULL when it is malformed. */
static const struct uri *target_uri(struct relay *r, const struct target *t, struct uri *mem)
{
    struct call *c = r->view ? r->view : r->call;
    if (c->target.uri.p == t->uri.p && c->target.uri.len == t->uri.len)
        return call_uri(c);
    return uri_parse(mem, t->uri) == ERR_OK ? mem : NULL;
}

static enum failure find(struct relay *r)
{
    const struct target *t = target_of(r);
    struct uri mem;
    struct str hop = r->hop.len ? r->hop : t->dst_uri;
    const struct uri *u = target_uri(r, t, &mem);
    if (!u || !dest_scheme_ok(u, t->dst_uri))
        return u ? FAIL_SCHEME : FAIL_BAD_URI;
    enum failure f = hop.len ? dest_read(&r->dest, hop) : dest_read_uri(&r->dest, u);
    if (f != FAIL_NONE)
        return f;
    r->inside = true;
    r->answered = false;
    f = dest_resolve(r->call->engine, &r->dest, r->call->arena, found, r);
    r->inside = false;
    if (f == FAIL_WAIT && !r->answered)
        r->call->looking = &r->dest;
    return f == FAIL_WAIT && r->answered ? FAIL_NONE : f;
}

/* Why no more branches may be started now: the caller, or somebody below, has ended it. */
static enum failure barred(const struct txn *t)
{
    if (t->cancelled || t->closed)
        return FAIL_NO_DESTINATION;
    return txn_answered(t) ? FAIL_GENERIC : FAIL_NONE;
}

static enum failure start_branch(struct relay *r)
{
    struct way way;
    struct txn *t = r->txn;
    const struct target *target = target_of(r);
    uint32_t share = breadth_share(&r->breadth, r->at, r->count);
    struct outgoing g = {.msg = r->msg,
                         .target = target,
                         .edits = r->view ? &r->view->edits : r->edits,
                         .by = maker(r),
                         .way = &way,
                         .fork = r->fork,
                         .rest = failover_allowed(r->call, r->flags) ? &r->dest : NULL,
                         .breadth = share,
                         .tells_breadth = share != r->breadth.limit};
    enum failure f = barred(t), next = FAIL_NONE;
    if (f != FAIL_NONE)
        return f;
    do { /* a blacklist may forbid one address and not the next */
        next = dest_next(&way, &r->dest, r->call, target->socket, t->server.flow.socket);
        if (next != FAIL_NONE)
            return f == FAIL_BLOCKED ? f : next;
        f = branch_send(t, &g);
    } while (f == FAIL_BLOCKED);
    r->sent += f == FAIL_NONE;
    return f;
}

static enum failure step(struct relay *r)
{
    switch (r->stage) {
    case ROUTE:
        return run_route(r);
    case FIND:
        return r->view && r->view->dropped ? FAIL_NO_DESTINATION : find(r);
    default:
        return start_branch(r);
    }
}

/* Takes the present target through its stages; false when it has to wait. */
static bool branch_done(struct relay *r)
{
    enum failure f = FAIL_NONE;
    while (f == FAIL_NONE && r->stage <= SEND) {
        f = step(r);
        r->stage++;
    }
    if (f == FAIL_WAIT)
        return false;
    if (f != FAIL_NONE && r->failure == FAIL_NONE)
        r->failure = f;
    view_free(r);
    return true;
}

/* ---- the whole ---- */

/* Nothing could be sent: the caller is told, when the transaction was made for this relay and
 * nobody objects (MODULES 1.1.1); else the script is. */
static int relay_failed(struct relay *r)
{
    struct call *c = r->call;
    struct txn *t = r->txn;
    enum failure f = r->failure == FAIL_NONE ? FAIL_NO_DESTINATION : r->failure;
    struct str reason;
    c->failed = (uint8_t)f;
    if (!r->created || r->flags & RELAY_NO_REPLY)
        return failure_result(f);
    if (txn_answered(t))
        return 0;
    unsigned code = failure_reply(f, "TM", c->arena, &reason);
    int rc = txn_answer(t, c->msg, c->arena, code, reason, buf_str(&c->reply_headers));
    return rc == ERR_OK ? 0 : failure_result(f);
}

static int relay_end(struct relay *r)
{
    struct txn *t = r->txn;
    struct call *c = r->call;
    c->extras = 0;
    t->flags = c->flags;
    t->relays--;
    if (t->replicate)
        txn_release(t);
    if (r->sent == 0)
        return relay_failed(r);
    if (c->kind == ROUTE_REQUEST)
        fork_check(t); /* branches may have ended while others waited for a name */
    return 1;
}

static int relay_go(struct relay *r)
{
    while (r->at < r->count) {
        if (!branch_done(r))
            return CALL_SUSPENDED;
        r->stage = ROUTE;
        r->at++;
    }
    return relay_end(r);
}

/* ---- beginning ---- */

/* The first relay of a request goes to its Request-URI too, later ones to what was appended. */
static void fill_set(struct relay *r)
{
    struct call *c = r->call;
    if (c->kind == ROUTE_REQUEST && r->txn->branches == 0)
        r->set[r->count++] = c->target;
    for (unsigned i = 0; i < c->extras; i++)
        r->set[r->count++] = c->extra[i];
}

static struct relay *relay_new(struct call *c, struct str hop, unsigned flags, bool created)
{
    struct txn *t = c->txn;
    struct relay *r = arena_alloc(c->arena, sizeof *r);
    bool on_reply = c->kind == ROUTE_ONREPLY;
    if (!r)
        return NULL;
    memset(r, 0, offsetof(struct relay, set));
    r->call = c;
    r->txn = t;
    r->msg = on_reply ? txn_request(t, c->arena) : c->msg;
    r->edits = on_reply ? &t->work->edits : &c->edits;
    r->hop = hop;
    r->flags = flags;
    r->created = created;
    r->route = t->armed.branch;
    r->fork = c->kind == ROUTE_FAILURE ? t->next_fork : t->fork;
    return r->msg ? r : NULL;
}

static int relay_start(struct relay *r)
{
    r->failure = barred(r->txn);
    r->txn->relays++;
    if (r->failure == FAIL_NONE)
        r->failure = breadth_take(&r->breadth, r->txn, r->msg, r->count);
    if (r->failure != FAIL_NONE)
        r->at = r->count;
    return relay_go(r);
}

static int relay_begin(struct call *c, struct str hop, unsigned flags, bool created)
{
    struct relay *r = relay_new(c, hop, flags, created);
    if (!r)
        return failure_result(FAIL_NO_MEMORY);
    fill_set(r);
    return relay_start(r);
}

/* Makes the transaction; > 0 when it is there. Is there no memory for it, the caller is told
 * without one, unless the script wants to. */
static int create(struct call *c, unsigned flags)
{
    struct str reason;
    if (!call_uri(c)) {
        c->failed = FAIL_BAD_URI;
        return failure_result(FAIL_BAD_URI);
    }
    int result = call_newtran(c);
    if (result > 0 || c->failed != FAIL_NO_MEMORY || flags & RELAY_NO_REPLY)
        return result;
    unsigned code = failure_reply(FAIL_NO_MEMORY, "TM", c->arena, &reason);
    return call_sl_reply(c, code, reason) > 0 ? 0 : result;
}

/* An ACK has no transaction: one for a reply of ours ends here, others go on (17.1.1.3, 16.10). */
static int relay_ack(struct call *c, struct str hop)
{
    if (c->acks_us)
        return 0;
    int result = call_forward(c, hop);
    struct txn *t = txn_of_ack(c->engine, c->msg);
    if (t && result > 0)
        txn_tell_ack(t, c);
    return result;
}

/* The caller hung up while the script waited: nobody is called any more (RFC 3261 9.2). */
static int give_up(struct call *c)
{
    if (!txn_answered(c->txn))
        call_reply(c, 487, STR("Request Terminated"));
    return 1;
}

static int relay_request(struct call *c, struct str hop, unsigned flags)
{
    const struct msg *m = c->msg;
    int result;
    if (m->method == METHOD_ACK)
        return c->txn ? 1 : relay_ack(c, hop);
    if (m->method == METHOD_CANCEL && cancel_request(c, &result))
        return result;
    if (c->txn)
        return c->cancelled ? give_up(c) : relay_begin(c, hop, flags, false);
    result = create(c, flags);
    if (result <= 0)
        return result;
    if (c->cancelled)
        return give_up(c);
    if (m->method == METHOD_INVITE && !(flags & RELAY_NO_100))
        txn_answer(c->txn, m, c->arena, 100, STR("Giving a try"), buf_str(&c->reply_headers));
    return relay_begin(c, hop, flags, true);
}

/* Deviation 10: a final negative reply may start new branches, in its own fork set. */
static bool may_relay_on_reply(const struct call *c)
{
    const struct branch *b = c->branch;
    return c->txn && c->txn->work && b && c->msg->status >= 300 && b->status == 0;
}

int call_relay(struct call *c, struct str hop, unsigned flags)
{
    if (c->kind == ROUTE_REQUEST)
        return relay_request(c, hop, flags);
    if (c->kind == ROUTE_FAILURE && c->txn)
        return relay_begin(c, hop, flags, false);
    if (c->kind == ROUTE_ONREPLY && may_relay_on_reply(c))
        return relay_begin(c, hop, flags, false);
    return -1;
}

/* The request goes to uri, and what was appended gives further next hops; the Request-URI stays. */
static void fill_replicas(struct relay *r, struct str uri)
{
    struct call *c = r->call;
    r->set[r->count] = c->target;
    r->set[r->count++].dst_uri = uri;
    for (unsigned i = 0; i < c->extras; i++) {
        r->set[r->count] = c->extra[i];
        r->set[r->count].dst_uri = c->extra[i].uri;
        r->set[r->count++].uri = c->target.uri;
    }
}

int call_replicate(struct call *c, struct str uri, unsigned flags)
{
    if (c->kind != ROUTE_REQUEST || c->txn)
        return -10;
    int result = create(c, flags | RELAY_NO_REPLY);
    if (result <= 0)
        return result;
    struct relay *r = relay_new(c, STR_NONE, flags | RELAY_NO_REPLY, true);
    if (!r)
        return failure_result(FAIL_NO_MEMORY);
    c->txn->replicate = true;
    fill_replicas(r, uri);
    return relay_start(r);
}
