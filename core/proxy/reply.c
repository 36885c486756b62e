/* Replies to the caller: our own and those passed up, stateful and stateless. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

struct str call_sl_tag(struct call *c)
{
    if (!c->sl_tag.p)
        c->sl_tag = token_tag(token_tag_hash(c->engine, c->msg), 's', c->arena);
    return c->sl_tag;
}

/* ---- the destination set ---- */

static void add_contact(struct buf *out, const struct target *t)
{
    if (out->len)
        buf_add(out, STR(", "));
    if (t->q == NO_Q) {
        buf_add(out, t->uri);
        return;
    }
    buf_printf(out, "<%.*s>;q=%d", STR_ARG(t->uri), t->q / 1000);
    if (t->q % 1000) {
        char digits[8];
        struct buf text;
        buf_fixed(&text, digits, sizeof digits);
        buf_printf(&text, ".%03d", t->q % 1000);
        while (text.len && text.p[text.len - 1] == '0')
            text.len--;
        buf_add(out, buf_str(&text));
    }
}

void call_contacts(struct buf *out, const struct call *c)
{
    if (c->uri_changed)
        add_contact(out, &c->target);
    for (unsigned i = 0; i < c->extras; i++)
        add_contact(out, &c->extra[i]);
}

/* Header lines of a reply that a script makes: what it asked for, and the Contact of a redirection
 * (RFC 3261 21.3). */
static struct str script_headers(struct call *c, unsigned code)
{
    struct buf contacts, lines;
    buf_init(&contacts, c->arena, 128);
    if (code / 100 == 3)
        call_contacts(&contacts, c);
    if (contacts.len == 0)
        return buf_str(&c->reply_headers);
    buf_init(&lines, c->arena, contacts.len + c->reply_headers.len + 16);
    buf_add(&lines, buf_str(&c->reply_headers));
    buf_add(&lines, STR("Contact: "));
    buf_add(&lines, buf_str(&contacts));
    buf_add(&lines, STR("\r\n"));
    return buf_str(&lines);
}

/* ---- sending up ---- */

/* Copies bytes into the buffer for replies, which the server machine repeats from. */
static struct str hold_bytes(struct txn *t, struct str bytes)
{
    struct work *w = t->work;
    if (!w)
        return STR_NONE;
    if (w->up.len < bytes.len) {
        size_t room = bytes.len > TXN_REPLY_ROOM ? bytes.len + bytes.len / 4 : TXN_REPLY_ROOM;
        char *p = arena_alloc(&w->arena, room);
        if (!p)
            return STR_NONE;
        w->up = str_make(p, room);
    }
    memcpy((char *)(uintptr_t)w->up.p, bytes.p, bytes.len);
    return str_make(w->up.p, bytes.len);
}

static void count_final(struct txn *t, unsigned status, bool local)
{
    struct engine *e = t->engine;
    txn_count(e, local ? TM_STAT_local_replies : TM_STAT_relayed_replies, 1);
    if (status >= 200)
        txn_count(e, TM_STAT_2xx_transactions + (int)status / 100 - 2, 1);
}

/* A 2xx to an INVITE that comes after another final reply (RFC 3261 16.7 5: every 2xx goes up). */
static int send_late(struct txn *t, struct str bytes)
{
    const struct flow *f = &t->server.flow;
    engine_send(t->engine, f->socket, &f->dst, bytes);
    return ERR_OK;
}

int txn_respond(struct txn *t, unsigned status, struct str bytes, bool local)
{
    struct tx_layer *l = &t->engine->tx;
    bool once = txn_is_invite(t) && status / 100 == 2 && !local;
    bool first = !txn_answered(t);
    if (bytes.len == 0)
        return ERR_NOMEM;
    if (!once && !first)
        return ERR_STATE;
    if (!once)
        bytes = hold_bytes(t, bytes);
    if (!bytes.p)
        return ERR_NOMEM;
    int rc = local ? tx_respond_local(l, &t->server, status, bytes)
                   : tx_respond(l, &t->server, status, bytes);
    if (t->watched && (rc == ERR_OK || once))
        txn_goes(t, &t->server.flow, bytes);
    if (rc != ERR_OK)
        return once ? send_late(t, bytes) : rc;
    t->local = local;
    if (first)
        count_final(t, status, local);
    if (first && (status >= 200 || status == 183))
        txn_tell(t, TXN_REPLIED, status, bytes);
    else if (first && status > 100)
        txn_tell(t, TXN_RINGS, status, bytes);
    if (txn_is_invite(t) && status / 100 == 2)
        txn_enter_answered(t);
    return ERR_OK;
}

/* The last lines of a reply of our own: Server and, by sip_warning, what we saw of the request. */
static struct str own_lines(const struct engine *e, const struct config *config,
                            const struct msg *m, struct arena *a)
{
    char src[IP_TEXT];
    struct str server = config->server_header;
    const struct addr *local = &e->shared->sockets[m->socket].addr;
    if (!config->sip_warning)
        return server;
    ip_text(src, &m->src.ip);
    return arena_printf(a,
                        "%.*s%sWarning: 392 %.*s:%u \"Noisy feedback tells: req_src_ip=%s "
                        "req_src_port=%u in_uri=%.*s via_cnt%s1\"",
                        STR_ARG(server), server.len ? "\r\n" : "",
                        STR_ARG(e->shared->sockets[m->socket].host), local->port, src, m->src.port,
                        STR_ARG(m->uri), m->via.text.len ? "==" : "<");
}

int txn_answer(struct txn *t, const struct msg *m, struct arena *scratch, unsigned code,
               struct str reason, struct str headers)
{
    struct buf out;
    struct reply_out o = {
        .code = code,
        .reason = reason,
        .headers = headers,
        .server = own_lines(t->engine, t->config, m, scratch),
    };
    if (code >= 180)
        o.to_tag = token_tag(t->tag, 't', scratch);
    buf_init(&out, scratch, 512);
    build_reply(&out, m, &o);
    return txn_respond(t, code, out.failed ? STR_NONE : buf_str(&out), true);
}

static const char *reason_of(unsigned code)
{
    switch (code) {
    case 408:
        return "Request Timeout";
    case 487:
        return "Request Terminated";
    case 500:
    case 503:
        return "Service Unavailable";
    default:
        return "Failure";
    }
}

int txn_answer_stored(struct txn *t, unsigned code)
{
    struct arena scratch;
    int rc = ERR_NOMEM;
    arena_init(&scratch, &t->engine->pool, 4096);
    struct msg *m = txn_request(t, &scratch);
    if (m)
        rc = txn_answer(t, m, &scratch, code, str_from(reason_of(code)), t->work->reply_headers);
    arena_reset(&scratch);
    return rc;
}

int txn_answer_blind(struct txn *t, const struct blind_answer *a)
{
    struct arena scratch;
    struct buf out;
    int rc = ERR_NOMEM;
    arena_init(&scratch, &t->engine->pool, 4096);
    struct msg *m = txn_request(t, &scratch);
    if (m && !txn_answered(t)) {
        struct reply_out o = {.code = a->code,
                              .reason = a->reason,
                              .to_tag = a->to_tag,
                              .headers = a->headers,
                              .body = a->body,
                              .server = own_lines(t->engine, t->config, m, &scratch)};
        if (!o.to_tag.len && a->code >= 180)
            o.to_tag = token_tag(t->tag, 't', &scratch);
        buf_init(&out, &scratch, 1024);
        build_reply(&out, m, &o);
        t->given_tag = a->to_tag.len && a->code / 100 == 2;
        if (t->given_tag)
            t->tag = hash_str(t->engine->shared->key, a->to_tag);
        rc = txn_respond(t, a->code, out.failed ? STR_NONE : buf_str(&out), true);
    } else if (m) {
        rc = ERR_STATE;
    }
    arena_reset(&scratch);
    return rc;
}

/* ---- passing up ---- */

static struct str render(struct txn *t, struct call *c, struct arena *a)
{
    struct buf out;
    struct send_info info;
    struct way w = {.dst = t->server.flow.dst, .socket = t->server.flow.socket};
    way_info(&info, c, &w);
    buf_init(&out, a, c->msg->raw.len + 64);
    build_relayed_reply(&out, c->msg, &c->edits, &info);
    return out.failed ? STR_NONE : buf_str(&out);
}

void txn_pass_up(struct txn *t, struct call *c)
{
    t->speaker = c->branch;
    txn_respond(t, c->msg->status, render(t, c, c->arena), false);
    t->speaker = NULL;
}

struct str txn_render_reply(struct txn *t, struct call *c)
{
    return t->work ? render(t, c, &t->work->arena) : STR_NONE;
}

/* ---- t_reply ---- */

int call_reply(struct call *c, unsigned code, struct str reason)
{
    struct txn *t = c->txn;
    if (!t || !c->msg->request || c->msg->method == METHOD_ACK || code < 100 || code > 699 ||
        txn_answered(t))
        return -1;
    if (c->kind == ROUTE_FAILURE)
        t->flags = c->flags;
    t->speaker = c->branch;
    int rc = txn_answer(t, c->msg, c->arena, code, reason, script_headers(c, code));
    t->speaker = NULL;
    if (c->kind == ROUTE_FAILURE)
        c->flags = t->flags;
    if (rc != ERR_OK)
        return -1;
    if (code >= 200)
        cancel_branches(t, NULL);
    return 1;
}

/* ---- sl_send_reply ---- */

/* An INVITE whose script has waited gets its final answer from a transaction. A retransmission that
 * crosses a stateless one would run the script again, perhaps to another end: a call that nobody
 * waits for any more. */
static bool wants_transaction(const struct call *c, unsigned code)
{
    return c->paused && !c->txn && c->kind == ROUTE_REQUEST && c->config->tm && code >= 200 &&
           c->msg->method == METHOD_INVITE;
}

int call_sl_reply(struct call *c, unsigned code, struct str reason)
{
    struct buf out;
    struct addr dst;
    struct str host;
    const struct msg *m = c->msg;
    if (!m || !m->request || m->method == METHOD_ACK || code < 100 || code > 699)
        return -1;
    if (wants_transaction(c, code) && call_newtran(c) > 0)
        return call_reply(c, code, reason);
    struct reply_out o = {.code = code,
                          .reason = reason,
                          .headers = script_headers(c, code),
                          .server = own_lines(c->engine, c->config, m, c->arena)};
    if (code >= 180)
        o.to_tag = call_sl_tag(c);
    buf_init(&out, c->arena, 512);
    build_reply(&out, m, &o);
    if (out.failed)
        return -1;
    if (reply_destination(&dst, &host, m, c->config->reply_to_via) != ERR_OK &&
        reply_destination(&dst, &host, m, false) != ERR_OK)
        return -1;
    engine_send(c->engine, m->socket, &dst, buf_str(&out));
    if (c->config->watches)
        passing_stateless(c, &dst, buf_str(&out));
    return 1;
}

int call_last_error(const struct call *c, struct str *reason)
{
    return (int)failure_reply((enum failure)c->failed, "SL", c->arena, reason);
}
