/* A whole engine in a test: a script, a clock that stands still until it is told, and phones that
 * are lines of this file. What the engine sends is caught and looked at one by one.
 *
 * Addresses: the proxy is 192.0.2.1:5060, alice calls from 192.0.2.10:5060; targets are whatever
 * the script names. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PROXY_WORLD_H
#define TESTS_PROXY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/module.h"
#include "core/proxy/engine_priv.h"
#include "modules/registry.h"

enum { WORLD_PACKETS = 512, WORLD_LOOKUPS = 512, WORLD_TEXT = 8192 };

struct caught {
    struct addr dst;
    uint16_t socket;
    uint64_t at; /* ms of the test */
    char text[WORLD_TEXT];
};

struct asked {
    void *token;
    char name[256];
};

struct world {
    struct shared shared;
    struct engine *engine;
    uint64_t now, start;
    struct caught *caught; /* [0, n) sent, [read, n) not looked at yet */
    unsigned n, read;
    struct asked asked[WORLD_LOOKUPS];
    unsigned lookups;
    char log[WORLD_TEXT]; /* what scripts wrote */
};

#define WORLD_FN static __attribute__((unused))

/* ---- the world ---- */

WORLD_FN void world_send(void *user, uint16_t socket, const struct addr *dst, struct str bytes)
{
    struct world *w = user;
    assert_true(w->n < WORLD_PACKETS);
    assert_true(bytes.len < WORLD_TEXT);
    struct caught *c = &w->caught[w->n++];
    c->dst = *dst;
    c->socket = socket;
    c->at = w->now - w->start;
    memcpy(c->text, bytes.p, bytes.len);
    c->text[bytes.len] = 0;
}

/* Names have addresses at most: no NAPTR, no SRV. */
WORLD_FN int world_ask(void *user, struct str name, enum dns_type type, void *token)
{
    struct world *w = user;
    const struct dns_answer none = {.status = DNS_NONE, .ttl = 1};
    if (type != DNS_A) {
        engine_answered(w->engine, token, &none);
        return ERR_OK;
    }
    assert_true(w->lookups < WORLD_LOOKUPS);
    struct asked *a = &w->asked[w->lookups++];
    a->token = token;
    snprintf(a->name, sizeof a->name, "%.*s", STR_ARG(name));
    return ERR_OK;
}

WORLD_FN uint64_t world_random(void *user)
{
    (void)user;
    return 4; /* chosen by fair dice roll */
}

WORLD_FN void world_log(void *user, int level, struct str text)
{
    struct world *w = user;
    size_t at = strlen(w->log);
    (void)level;
    snprintf(w->log + at, sizeof w->log - at, "%.*s", STR_ARG(text));
}

WORLD_FN struct addr world_addr(const char *text)
{
    struct addr a = {.proto = PROTO_UDP, .port = 5060};
    struct str s = str_from(text), host = s;
    uint32_t port;
    for (size_t i = s.len; i-- > 0 && s.p[i] != ']';)
        if (s.p[i] == ':') {
            host = str_sub(s, 0, i);
            assert_int_equal(str_u32(&port, str_sub(s, i + 1, s.len), 65535), ERR_OK);
            a.port = (uint16_t)port;
            break;
        }
    assert_int_equal(ip_parse(&a.ip, host), ERR_OK);
    return a;
}

static const char world_prelude[] = "loadmodule \"tm.so\"\nloadmodule \"sl.so\"\n"
                                    "loadmodule \"textops.so\"\nloadmodule \"xlog.so\"\n"
                                    "loadmodule \"maxfwd.so\"\nloadmodule \"rr.so\"\n"
                                    "loadmodule \"uri.so\"\n";

WORLD_FN struct config *world_compile(const char *script)
{
    struct diag d;
    char path[] = "/tmp/proxy-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(write(fd, world_prelude, sizeof world_prelude - 1) > 0);
    assert_true(write(fd, script, strlen(script)) > 0);
    close(fd);
    diag_init(&d);
    struct config *c = config_load(module_set(), path, &d);
    if (!c)
        diag_print(&d, stderr);
    diag_free(&d);
    unlink(path);
    assert_non_null(c);
    return c;
}

WORLD_FN void world_socket(struct world *w, const char *address, const char *host)
{
    struct socket_info *s = &w->shared.sockets[w->shared.n_sockets++];
    s->addr = world_addr(address);
    s->name = s->host = str_from(host);
}

/* script: everything behind the loadmodule lines. */
WORLD_FN struct world *world_new(const char *script)
{
    struct world *w = calloc(1, sizeof *w);
    char why_text[256];
    struct buf why;
    w->caught = calloc(WORLD_PACKETS, sizeof *w->caught);
    w->now = w->start = 1000000;
    w->shared.workers = 1;
    w->shared.key = (struct hash_key){7, 8};
    world_socket(w, "192.0.2.1:5060", "192.0.2.1");
    world_socket(w, "[2001:db8::1]:5060", "[2001:db8::1]");
    log_set_sink(world_log, w);
    buf_fixed(&why, why_text, sizeof why_text);
    assert_int_equal(shared_start(&w->shared, module_set(), world_compile(script), &why), ERR_OK);
    struct engine_env env = {
        .user = w, .send = world_send, .ask = world_ask, .random = world_random};
    w->engine = engine_new(&w->shared, 0, &env, w->now);
    assert_non_null(w->engine);
    return w;
}

/* Lets time pass, stopping wherever the engine wants it. */
WORLD_FN void pass(struct world *w, uint64_t ms)
{
    uint64_t end = w->now + ms;
    for (;;) {
        uint64_t next = engine_next(w->engine);
        w->now = next < end ? (next > w->now ? next : w->now) : end;
        engine_set_time(w->engine, w->now, 1700000000000 + w->now);
        engine_tick(w->engine);
        if (w->now == end)
            return;
    }
}

WORLD_FN void world_free(struct world *w)
{
    engine_free(w->engine);
    shared_stop(&w->shared);
    log_set_sink(NULL, NULL);
    free(w->caught);
    free(w);
}

/* Everything must be over 64 s after the last packet: no transaction, no byte of memory. */
WORLD_FN void world_end(struct world *w)
{
    pass(w, 64000);
    assert_int_equal(engine_live(w->engine), 0);
    assert_int_equal(w->engine->pool.live, 0);
    assert_int_equal(w->engine->tx.live, 0);
    assert_int_equal(w->engine->answered.count, 0);
    assert_int_equal(w->engine->peers.count, 0);
    world_free(w);
}

/* ---- messages in ---- */

/* Bytes from an address; a lone LF stands for CRLF. */
WORLD_FN void hear(struct world *w, const char *from, const char *text)
{
    char wire[2 * WORLD_TEXT], *at = wire;
    struct addr src = world_addr(from);
    assert_true(strlen(text) < WORLD_TEXT);
    for (const char *p = text; *p; p++) {
        if (*p == '\n' && (p == text || p[-1] != '\r'))
            *at++ = '\r';
        *at++ = *p;
    }
    engine_set_time(w->engine, w->now, 1700000000000 + w->now);
    engine_tick(w->engine);
    engine_input(w->engine, str_make(wire, (size_t)(at - wire)), &src, src.ip.family == 6);
}

/* A request of alice, more: header lines with LF. */
WORLD_FN void call_request(struct world *w, const char *method, const char *uri, const char *branch,
                           const char *to_tag, const char *more)
{
    char text[WORLD_TEXT];
    snprintf(text, sizeof text,
             "%s %s SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK%s\n"
             "From: \"Alice\" <sip:alice@example.com>;tag=a1\nTo: <sip:bob@example.com>%s%s\n"
             "Call-ID: c1@192.0.2.10\nCSeq: 1 %s\nMax-Forwards: 70\n"
             "Contact: <sip:alice@192.0.2.10>\n%sContent-Length: 0\n\n",
             method, uri, branch, *to_tag ? ";tag=" : "", to_tag, method, more);
    hear(w, "192.0.2.10", text);
}

WORLD_FN void invite(struct world *w)
{
    call_request(w, "INVITE", "sip:bob@192.0.2.20", "-i1", "", "");
}

WORLD_FN void cancel(struct world *w)
{
    call_request(w, "CANCEL", "sip:bob@192.0.2.20", "-i1", "", "");
}

/* The ACK of a negative final reply. */
WORLD_FN void ack_negative(struct world *w, const char *to_tag)
{
    call_request(w, "ACK", "sip:bob@192.0.2.20", "-i1", to_tag, "");
}

/* ---- messages out ---- */

/* The next packet, which must go to dst and begin with start. */
WORLD_FN struct caught *expect(struct world *w, const char *dst, const char *start)
{
    if (w->read == w->n)
        fail_msg("expected \"%s\" to %s, but nothing was sent", start, dst);
    struct caught *c = &w->caught[w->read++];
    char got[ADDR_TEXT];
    struct addr want = world_addr(dst);
    struct str at = addr_text(got, &c->dst);
    if (!addr_eq(&c->dst, &want) || strncmp(c->text, start, strlen(start)) != 0)
        fail_msg("expected \"%s\" to %s, got to %.*s:\n%s", start, dst, STR_ARG(at), c->text);
    return c;
}

WORLD_FN void expect_nothing(struct world *w)
{
    if (w->read < w->n)
        fail_msg("unexpected:\n%s", w->caught[w->read].text);
}

/* Value of the first header of that name; "" when absent. One at a time. */
WORLD_FN const char *header(const struct caught *c, const char *name)
{
    static char value[WORLD_TEXT];
    char want[64];
    snprintf(want, sizeof want, "\r\n%s: ", name);
    const char *at = strstr(c->text, want);
    value[0] = 0;
    if (at) {
        at += strlen(want);
        size_t n = strcspn(at, "\r");
        memcpy(value, at, n);
        value[n] = 0;
    }
    return value;
}

WORLD_FN bool has(const struct caught *c, const char *piece)
{
    return strstr(c->text, piece) != NULL;
}

/* A reply to a caught request, from where it was sent to. */
WORLD_FN void answer_with(struct world *w, const struct caught *c, int code, const char *reason,
                          const char *tag, const char *more)
{
    char text[WORLD_TEXT], addr[ADDR_TEXT];
    int n = snprintf(text, sizeof text, "SIP/2.0 %d %s\r\n", code, reason);
    const char *line = strstr(c->text, "\r\n") + 2, *end;
    for (; *line != '\r'; line = end + 2) {
        end = strstr(line, "\r\n");
        int len = (int)(end - line);
        bool to = strncmp(line, "To:", 3) == 0, tagged = to && memmem(line, len, ";tag=", 5);
        if (to || !strncmp(line, "Via:", 4) || !strncmp(line, "From:", 5) ||
            !strncmp(line, "Call-ID:", 8) || !strncmp(line, "CSeq:", 5) ||
            !strncmp(line, "Record-Route:", 13))
            n += snprintf(text + n, sizeof text - n, "%.*s%s%s\r\n", len, line,
                          to && *tag && !tagged ? ";tag=" : "", to && !tagged ? tag : "");
    }
    snprintf(text + n, sizeof text - n, "%sContent-Length: 0\r\n\r\n", more);
    struct str at = addr_text(addr, &c->dst);
    char from[ADDR_TEXT];
    snprintf(from, sizeof from, "%.*s", (int)at.len - 4, at.p + 4);
    hear(w, from, text);
}

WORLD_FN void answer(struct world *w, const struct caught *c, int code, const char *reason)
{
    answer_with(w, c, code, reason, "b1", "");
}

/* The answer to the oldest name that was asked for; NULL: there is no such name. */
WORLD_FN void resolved(struct world *w, const char *name, const char *address)
{
    assert_true(w->lookups > 0);
    struct asked a = w->asked[0];
    memmove(w->asked, w->asked + 1, --w->lookups * sizeof a);
    assert_string_equal(a.name, name);
    struct dns_record found = {.ip = {.family = 0}};
    struct dns_answer answer = {address ? DNS_FOUND : DNS_NONE, 0, address != NULL, &found};
    if (address)
        found.ip = world_addr(address).ip;
    engine_answered(w->engine, a.token, &answer);
}

#endif
