/* Runs everything of core/sip over one piece of input and aborts when an invariant does not hold.
 * Used by the fuzzer and by the test that feeds every prefix of every torture message. */
/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_SIP_EXERCISE_H
#define FUZZ_SIP_EXERCISE_H

#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/sip/build.h"
#include "core/sip/digest.h"

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline bool ex_inside(struct str part, struct str whole)
{
    return part.len == 0 || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

static inline void ex_uri(struct str text)
{
    struct uri u;
    struct str rest, name, value;
    if (uri_parse(&u, text))
        return;
    struct str parts[] = {u.scheme_text, u.user, u.password, u.host, u.params, u.headers};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        MUST(ex_inside(parts[i], text));
    uri_transport(&u);
    MUST(uri_port(&u) != 0);
    unsigned count = 0;
    for (rest = u.params; rest.len && param_next(&rest, &name, &value); count++)
        MUST(ex_inside(name, text) && ex_inside(value, text));
    if (count < 16 && u.headers.len == 0)
        MUST(uri_same(&u, &u));
}

static inline void ex_nameaddr(struct str text)
{
    struct nameaddr n;
    if (nameaddr_parse(&n, text))
        return;
    MUST(ex_inside(n.display, text) && ex_inside(n.uri, text) && ex_inside(n.params, text));
    MUST(n.uri.len > 0);
    ex_uri(n.uri);
}

/* The index: rows follow each other without a gap, slices stay inside their rows. */
static inline void ex_index(const struct msg *m, struct str bytes)
{
    MUST(ex_inside(m->raw, bytes) && ex_inside(m->first_line, m->raw));
    MUST(m->body.p >= m->raw.p && m->body.p + m->body.len == m->raw.p + m->raw.len);
    unsigned chained = 0;
    for (unsigned id = 0; id < HDR_COUNT; id++)
        for (const struct hdr *h = msg_header(m, id); h; h = msg_header_next(m, h), chained++)
            MUST(h->id == id);
    MUST(chained == m->count);
    for (unsigned i = 0; i < m->count; i++) {
        const struct hdr *h = &m->hdr[i];
        MUST(ex_inside(h->name, h->line) && ex_inside(h->value, h->line) && h->name.len);
        MUST(ex_inside(h->line, m->raw) && h->line.p[h->line.len - 1] == '\n');
        MUST(hdr_lookup(h->name) == h->id);
        MUST(h->id == HDR_OTHER || h->name.len == 1 || str_ieq(h->name, str_from(hdr_name(h->id))));
        MUST(m->fault.code || i == 0 || h->line.p == h[-1].line.p + h[-1].line.len);
    }
}

static inline void ex_values(struct msg *m)
{
    for (unsigned id = 1; id < HDR_COUNT; id++) {
        struct value_iter it = {.started = false};
        size_t steps = 0;
        while (msg_value_next(m, id, &it)) {
            MUST(it.text.len && ex_inside(it.text, it.hdr->value));
            MUST(++steps <= m->raw.len);
            struct via v;
            if (id == HDR_VIA && via_parse(&v, it.text) == ERR_OK)
                MUST(v.host.len && ex_inside(v.params, it.text) && ex_inside(v.branch, it.text));
            if (id != HDR_VIA)
                ex_nameaddr(it.text);
        }
    }
    const struct nameaddr *from = msg_from(m), *to = msg_to(m);
    MUST(!from || from == msg_from(m));
    MUST(!to || to->uri.len);
    const struct uri *u = msg_uri(m);
    MUST(!u || str_eq(u->text, m->uri));
    ex_uri(m->uri);
    static const enum hdr_id ids[] = {HDR_AUTHORIZATION, HDR_PROXY_AUTHORIZATION,
                                      HDR_WWW_AUTHENTICATE, HDR_PROXY_AUTHENTICATE};
    for (unsigned i = 0; i < 4; i++)
        for (const struct hdr *h = msg_header(m, ids[i]); h; h = msg_header_next(m, h)) {
            struct digest d;
            if (i < 2)
                digest_parse(&d, h->value);
            else
                digest_challenge(&d, m->arena, h->value);
        }
}

/* What is relayed differs from what came only in our Via, received and rport. */
static inline void ex_relay(struct msg *m, bool fine, struct arena *a)
{
    struct send_info info = {.src = {.port = 5060, .proto = PROTO_UDP}};
    struct request_out o = {
        .uri = STR("sip:next@192.0.2.9"), .via_branch = STR("z9hG4bKours"), .info = &info};
    struct buf out, plain;
    struct msg again;
    static const char start[] = " sip:next@192.0.2.9 SIP/2.0\r\n";
    static const char via[] = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours\r\n";
    ip_parse(&info.src.ip, STR("192.0.2.1"));
    struct addr src = m->src;
    m->src.ip.family = 0;
    buf_init(&plain, a, m->raw.len + 512);
    build_request(&plain, m, &o);
    m->src = src;
    size_t head = m->method_text.len + sizeof start - 1;
    size_t before = (size_t)(msg_header(m, HDR_VIA)->line.p - m->hdr[0].line.p);
    size_t rows = (size_t)(m->hdr[0].line.p - m->raw.p);
    MUST(!plain.failed && plain.len == head + sizeof via - 1 + m->raw.len - rows);
    MUST(memcmp(plain.p + head, m->hdr[0].line.p, before) == 0);
    MUST(memcmp(plain.p + head + before, via, sizeof via - 1) == 0);
    MUST(memcmp(plain.p + head + before + sizeof via - 1, m->hdr[0].line.p + before,
                m->raw.len - rows - before) == 0);
    buf_init(&out, a, m->raw.len + 512);
    build_request(&out, m, &o);
    MUST(!out.failed);
    if (!fine || out.len > MSG_MAX_BYTES || m->count == MSG_MAX_HEADERS)
        return;
    MUST(msg_scan(&again, a, buf_str(&out)) == ERR_OK && again.fault.code == 0);
    MUST(again.count == m->count + 1 && str_eq(again.via.branch, o.via_branch));
    MUST(str_eq(again.body, m->body) && str_eq(again.call_id, m->call_id));
    MUST(str_eq(again.from_tag, m->from_tag) && str_eq(again.to_tag, m->to_tag));
    MUST(again.cseq == m->cseq && again.method == m->method);
    struct fault f = msg_check(&again);
    MUST(f.code == 0 || strstr(f.reason, "Vias"));
}

/* An answer of our own can be read again, whatever the request was. */
static inline void ex_answer(struct msg *m, bool fine, struct fault f, struct arena *a)
{
    struct reply_out r = {.code = f.code ? f.code : 200,
                          .reason = str_from(f.code ? f.reason : "OK"),
                          .to_tag = STR("ours"),
                          .server = STR("Server: x")};
    struct buf out, extra;
    struct msg again;
    struct addr where;
    struct str host;
    buf_init(&extra, a, 64);
    build_fault_headers(&extra, m, f);
    r.headers = buf_str(&extra);
    buf_init(&out, a, m->raw.len + 512);
    build_reply(&out, m, &r);
    MUST(!out.failed);
    for (size_t i = 0; i < out.len; i++)
        MUST(!m->fault.code || (out.p[i] != 0 && (out.p[i] != '\r' || out.p[i + 1] == '\n')));
    if (fine && out.len <= MSG_MAX_BYTES) {
        MUST(msg_scan(&again, a, buf_str(&out)) == ERR_OK);
        MUST(!again.request && again.status == r.code && str_eq(again.call_id, m->call_id));
        MUST(str_eq(again.from_tag, m->from_tag) && again.to_tag.len);
    }
    if (reply_destination(&where, &host, m, false) == ERR_OK)
        MUST(where.port != 0 && where.ip.family);
    if (reply_destination(&where, &host, m, true) == ERR_OK)
        MUST(where.port != 0);
}

static inline void ex_local(struct msg *m, bool fine, struct arena *a)
{
    struct buf ack, cancel;
    struct msg again;
    buf_init(&ack, a, 512);
    buf_init(&cancel, a, 512);
    if (!fine)
        return;
    MUST(build_ack(&ack, a, m->raw, m, STR_NONE) == ERR_OK && !ack.failed);
    MUST(build_cancel(&cancel, a, m->raw, STR("User-Agent: x")) == ERR_OK && !cancel.failed);
    if (ack.len > MSG_MAX_BYTES || m->uri.len == 0)
        return;
    MUST(msg_scan(&again, a, buf_str(&ack)) == ERR_OK && again.method == METHOD_ACK);
    MUST(again.cseq == m->cseq && str_eq(again.call_id, m->call_id));
}

static inline void ex_relayed_reply(struct msg *m, struct arena *a)
{
    struct send_info info = {.src = {.port = 5060, .proto = PROTO_UDP}};
    struct buf out;
    struct addr where;
    struct str host;
    struct msg again;
    struct value_iter it = {.started = false};
    unsigned vias = 0, left = 0;
    buf_init(&out, a, m->raw.len + 64);
    build_relayed_reply(&out, m, NULL, &info);
    MUST(!out.failed && out.len < m->raw.len);
    while (msg_value_next(m, HDR_VIA, &it))
        vias++;
    if (reply_destination(&where, &host, m, false) == ERR_OK)
        MUST(where.port != 0 && vias > 1);
    if (msg_scan(&again, a, buf_str(&out)))
        return;
    for (it = (struct value_iter){.started = false}; msg_value_next(&again, HDR_VIA, &it);)
        left++;
    MUST(left + 1 == vias && str_eq(again.body, m->body) && again.status == m->status);
}

/* All of it. bytes must not be longer than what is allocated behind them, for ASan to see
 * overreads. */
static inline void exercise(struct str bytes)
{
    struct arena a;
    struct msg m;
    arena_init(&a, NULL, 4096);
    if (msg_scan(&m, &a, bytes) == ERR_OK) {
        m.src = (struct addr){.port = 7777, .proto = PROTO_UDP};
        ip_parse(&m.src.ip, STR("127.0.0.9"));
        ex_index(&m, bytes);
        ex_values(&m);
        struct fault f = msg_check(&m);
        MUST(f.code == msg_check(&m).code);
        MUST(!m.fault.code || f.code == m.fault.code);
        if (m.request) {
            ex_relay(&m, f.code == 0, &a);
            ex_answer(&m, f.code == 0, f, &a);
            ex_local(&m, f.code == 0, &a);
        } else {
            ex_relayed_reply(&m, &a);
        }
    }
    arena_reset(&a);
}

#endif
