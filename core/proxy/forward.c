/* Stateless forwarding: forward(), send(), ACKs, and replies that belong to no transaction. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

/* ---- requests ---- */

/* A request or reply on its way to a name that is being looked up; in its call. */
struct forward {
    struct call *call;
    struct dest dest;
    bool raw; /* send(): the bytes as received */
    bool inside, answered;
};

static struct str render(const struct call *c, const struct way *w)
{
    struct buf out;
    struct send_info info;
    way_info(&info, c, w);
    struct request_out o = {
        .uri = c->target.uri,
        .via_branch = token_forward(c->engine, &c->msg->via, c->msg, c->arena),
        .via_extra = c->local_rport ? STR(";rport") : STR_NONE,
        .edits = &c->edits,
        .info = &info,
        .content_length = w->dst.proto != PROTO_UDP,
    };
    if (c->target.path.len)
        o.route = arena_printf(c->arena, "Route: %.*s\r\n", STR_ARG(c->target.path));
    buf_init(&out, c->arena, c->msg->raw.len + 256);
    build_request(&out, c->msg, &o);
    return out.failed ? STR_NONE : buf_str(&out);
}

static int fail(struct call *c, enum failure f)
{
    c->failed = (uint8_t)f;
    engine_count(c->engine, COUNT_SEND_FAILED);
    return -1;
}

static int forward_send(struct forward *f)
{
    struct call *c = f->call;
    struct way way;
    struct str bytes;
    bool blocked = false;
    do { /* a blacklist may forbid one address and not the next */
        enum failure why = dest_next(&way, &f->dest, c, c->target.socket, c->msg->socket);
        if (why != FAIL_NONE)
            return fail(c, blocked ? FAIL_BLOCKED : why);
        bytes = f->raw ? c->msg->raw : render(c, &way);
        if (!bytes.p)
            return fail(c, FAIL_NO_MEMORY);
        blocked = dest_blocked(c, &way.dst, bytes);
    } while (blocked);
    engine_send(c->engine, way.socket, &way.dst, bytes);
    engine_count(c->engine, COUNT_FORWARDED);
    return 1;
}

static void forward_found(struct dest *d, void *arg)
{
    struct forward *f = arg;
    f->answered = true;
    f->call->looking = NULL;
    if (!d)
        call_free(f->call);
    else if (!f->inside)
        call_resume(f->call, forward_send(f));
}

/* The next hop; an empty one is the R-URI, most often explained already. */
static enum failure read_hop(struct call *c, struct dest *d, struct str hop)
{
    const struct uri *u = hop.len ? NULL : call_uri(c);
    if (u && (u->scheme == URI_SIP || u->scheme == URI_SIPS))
        return dest_read_uri(d, u);
    return dest_read(d, hop.len ? hop : c->target.uri);
}

/* Why a request must not be sent on. */
static enum failure may_go(struct call *c)
{
    const struct uri *u = call_uri(c);
    if (u && !dest_scheme_ok(u, c->target.dst_uri))
        return FAIL_SCHEME;
    return breadth_allows(c->msg) ? FAIL_NONE : FAIL_BREADTH;
}

static int forward_begin(struct call *c, struct str hop, bool raw)
{
    struct forward *f = arena_zalloc(c->arena, sizeof *f);
    if (!f)
        return fail(c, FAIL_NO_MEMORY);
    f->call = c;
    f->raw = raw;
    enum failure why = raw ? FAIL_NONE : may_go(c);
    if (why == FAIL_NONE)
        why = read_hop(c, &f->dest, hop);
    if (why == FAIL_NONE) {
        f->inside = true;
        why = dest_resolve(c->engine, &f->dest, c->arena, forward_found, f);
        f->inside = false;
    }
    if (why == FAIL_WAIT && !f->answered) {
        c->looking = &f->dest;
        return CALL_SUSPENDED;
    }
    return why == FAIL_NONE || why == FAIL_WAIT ? forward_send(f) : fail(c, why);
}

int call_forward(struct call *c, struct str hop)
{
    if (!c->msg || !c->msg->request)
        return -1;
    return forward_begin(c, hop.len ? hop : c->target.dst_uri, false);
}

int call_send_raw(struct call *c, struct str hop)
{
    return c->msg && hop.len ? forward_begin(c, hop, true) : -1;
}

/* ---- replies without transaction ---- */

/* The via-parm below ours; false when there is none. */
static bool second_via(struct via *out, const struct msg *m)
{
    struct value_iter it = {0};
    return msg_value_next(m, HDR_VIA, &it) && msg_value_next(m, HDR_VIA, &it) &&
           via_parse(out, it.text) == ERR_OK;
}

/* Whether the top Via is one that forward() wrote. */
static bool wrote_via(const struct call *c, const struct via *below)
{
    const struct msg *m = c->msg;
    return str_eq(m->via.branch, token_forward(c->engine, below, m, c->arena));
}

/* RFC 3261 18.1.2. */
static bool names_us(const struct call *c)
{
    const struct via *v = &c->msg->via;
    const struct config *g = c->config;
    return call_is_self(c, v->host, v->port, false) ||
           (g->advertised_host.len && str_ieq(v->host, g->advertised_host));
}

/* Final answers to a request that was not forwarded without state belong to a transaction that is
 * over: RFC 6026 7 wants them dropped for INVITE, RFC 4320 4.2 for the others. */
static bool reply_allowed(struct call *c)
{
    const struct msg *m = c->msg;
    struct via below;
    if (!second_via(&below, m)) {
        engine_count(c->engine, COUNT_FOREIGN_REPLIES);
        return false;
    }
    if (wrote_via(c, &below))
        return true;
    if (!names_us(c)) {
        engine_count(c->engine, COUNT_FOREIGN_REPLIES);
        return false;
    }
    if (m->status >= 200 || m->status == 100) {
        engine_count(c->engine, COUNT_STRAY_DROPPED);
        return false;
    }
    engine_count(c->engine, COUNT_STRAY_REPLIES);
    return true;
}

static void reply_send(struct call *c, const struct addr *dst)
{
    struct buf out;
    struct send_info info;
    int i = dest_socket(c, dst, NO_SOCKET, c->msg->socket);
    if (i == NO_SOCKET) {
        engine_count(c->engine, COUNT_SEND_FAILED);
        return;
    }
    struct way way = {*dst, (uint16_t)i};
    way_info(&info, c, &way);
    buf_init(&out, c->arena, c->msg->raw.len + 64);
    build_relayed_reply(&out, c->msg, &c->edits, &info);
    if (!out.failed)
        engine_send(c->engine, way.socket, dst, buf_str(&out));
}

static void reply_found(struct dest *d, void *arg)
{
    struct forward *f = arg;
    f->answered = true;
    if (f->inside)
        return;
    if (d && d->count)
        reply_send(f->call, &d->addr[0]);
    call_free(f->call);
}

/* A Via that names a host we have to look up. */
static void reply_to_name(struct call *c, struct str host, const struct addr *like)
{
    struct forward *f = arena_zalloc(c->arena, sizeof *f);
    if (f) {
        f->call = c;
        f->inside = true;
        f->dest = (struct dest){.host = host, .port = like->port, .proto = like->proto};
        if (dest_addresses(c->engine, &f->dest, 0, c->arena, reply_found, f) == FAIL_WAIT &&
            !f->answered) {
            f->inside = false;
            return; /* reply_found frees the call */
        }
        if (f->dest.count)
            reply_send(c, &f->dest.addr[0]);
    }
    call_free(c);
}

void forward_reply(struct call *c)
{
    struct addr dst = {.port = 0};
    struct str host = STR_NONE;
    if (reply_allowed(c)) {
        int rc = reply_destination(&dst, &host, c->msg, false);
        if (rc == ERR_NOTFOUND) {
            reply_to_name(c, host, &dst);
            return;
        }
        if (rc == ERR_OK)
            reply_send(c, &dst);
        else
            engine_count(c->engine, COUNT_SEND_FAILED);
    }
    call_free(c);
}
