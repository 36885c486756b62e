/* For tests of registrar: REGISTERs as bytes in, answers and Request-URIs out. usrloc is the real
 * one; the proxy around is played by the functions here. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_REGISTRAR_ALONE_H
#define TESTS_REGISTRAR_ALONE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "modules/registrar/registrar_priv.h"
#include "tests/unit/modules_alone.h"

extern const struct module usrloc_module;

/* ---- the proxy, played ----------------------------------------------------------------------- */

static struct {
    void *conf[2]; /* [0] of usrloc */
    bool no_usrloc, send_fails, stateful;
    struct arena arena;
    struct call call;
    struct msg msg;
    struct addr socket[2];
    const char *avp; /* what any AVP reads as, NULL for nothing */
    int64_t stat[8];
    unsigned code, replies, cseq;
    char headers[65536]; /* of the last reply */
} world;

static struct call *const call = &world.call;
static char prepared[64]; /* the last AVP that was prepared */

void *call_conf(const struct call *c, const struct module *m)
{
    (void)c;
    return world.conf[m == &registrar_module];
}

const void *call_api(const struct call *c, const char *module)
{
    (void)c;
    return world.no_usrloc || strcmp(module, "usrloc") != 0 ? NULL : usrloc_module.api;
}

void call_count(const struct call *c, const struct module *m, unsigned stat, int64_t n)
{
    (void)c;
    if (m == &registrar_module)
        world.stat[stat] += n;
}

const struct host *call_host(void)
{
    return NULL;
}

int pv_read(const struct pv_ref *v, struct call *c, const struct host *host, struct value *out)
{
    (void)v, (void)c, (void)host;
    *out = world.avp ? value_str(str_from(world.avp)) : VALUE_NULL;
    return ERR_OK;
}

int prepare_avp_param(struct prepare *p, const char *param, struct str text,
                      const struct pv_ref **out)
{
    (void)p, (void)param;
    snprintf(prepared, sizeof prepared, "%.*s", STR_ARG(text));
    *out = (const struct pv_ref *)prepared;
    return ERR_OK;
}

int call_set_uri(struct call *c, struct str text)
{
    c->target.uri = arena_dup(c->arena, text);
    return ERR_OK;
}

int call_set_dst_uri(struct call *c, struct str uri)
{
    c->target.dst_uri = arena_dup(c->arena, uri);
    return ERR_OK;
}

int call_add_branch(struct call *c, const struct target *t)
{
    if (c->extras == CALL_MAX_BRANCHES - 1)
        return ERR_LIMIT;
    c->extra[c->extras++] = *t;
    return ERR_OK;
}

const struct nameaddr *call_to(struct call *c)
{
    return msg_to(c->msg);
}

int call_find_socket(const struct call *c, enum proto proto, struct str host, uint16_t port)
{
    struct ip ip;
    (void)c;
    for (int i = 0; i < 2; i++)
        if (world.socket[i].proto == proto && world.socket[i].port == port &&
            ip_parse(&ip, host) == ERR_OK && ip_eq(&ip, &world.socket[i].ip))
            return i;
    return NO_SOCKET;
}

const struct addr *call_socket(const struct call *c, unsigned i)
{
    (void)c;
    return &world.socket[i];
}

int call_sl_reply(struct call *c, unsigned code, struct str reason)
{
    (void)reason;
    world.code = code;
    world.replies++;
    snprintf(world.headers, sizeof world.headers, "%.*s", STR_ARG(buf_str(&c->reply_headers)));
    return world.send_fails ? -1 : 1;
}

int call_reply(struct call *c, unsigned code, struct str reason)
{
    world.stateful = true;
    return call_sl_reply(c, code, reason);
}

/* ---- scripts, in C --------------------------------------------------------------------------- */

/* Sets a parameter of usrloc (0) or registrar (1); value NULL: the number. */
static inline void set_param(int which, const char *name, const char *text, int32_t number)
{
    const struct module *m = which ? &registrar_module : &usrloc_module;
    char error[128];
    struct buf why;
    buf_fixed(&why, error, sizeof error);
    struct prepare prepare = {.arena = &world.arena, .error = &why};
    for (const struct param_spec *p = m->symbols.params; p->name; p++) {
        struct str s = str_from(text);
        struct value v = text ? value_str(s) : value_int(number);
        char *at = (char *)world.conf[which] + p->offset;
        if (strcmp(p->name, name) != 0)
            continue;
        if (p->set)
            assert_int_equal(p->set(&prepare, world.conf[which], &v), ERR_OK);
        else if (p->type == PARAM_STR)
            memcpy(at, &s, sizeof s);
        else
            memcpy(at, &number, sizeof number);
    }
}

static inline void set_int(const char *name, int32_t n)
{
    set_param(1, name, NULL, n);
}

static inline void defaults(int which)
{
    const struct module *m = which ? &registrar_module : &usrloc_module;
    world.conf[which] = calloc(1, m->symbols.conf_size);
    for (const struct param_spec *p = m->symbols.params; p->name; p++)
        if (!p->set)
            set_param(which, p->name, p->text, (int32_t)p->number);
}

static inline int setup(void **state)
{
    bool failed;
    (void)state;
    memset(&world, 0, sizeof world);
    memset(&alone, 0, sizeof alone);
    arena_init(&world.arena, NULL, 65536);
    defaults(0);
    defaults(1);
    alone.time = 1000;
    alone.state = usrloc_module.start(
        &(struct module_start){.module = &usrloc_module, .conf = world.conf[0]}, &failed);
    for (int i = 0; i < 2; i++) {
        world.socket[i] = (struct addr){.port = (uint16_t)(5060 + i), .proto = PROTO_UDP};
        ip_parse(&world.socket[i].ip, STR("192.0.2.1"));
    }
    return failed;
}

static inline int teardown(void **state)
{
    (void)state;
    usrloc_module.stop(alone.state);
    free(world.conf[0]);
    free(world.conf[1]);
    arena_reset(&world.arena);
    return 0;
}

/* A request arrives: what stands in start, a header line or more with CRLF in headers. */
static inline void arrive(const char *start, const char *headers)
{
    struct str text = arena_printf(&world.arena,
                                   "%s SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n"
                                   "From: <sip:f@example.test>;tag=1\r\n%s\r\n",
                                   start, headers);
    assert_int_equal(msg_scan(&world.msg, &world.arena, text), ERR_OK);
    *call = (struct call){.msg = &world.msg, .arena = &world.arena, .kind = ROUTE_REQUEST};
    call->target = (struct target){.uri = world.msg.uri, .q = NO_Q, .socket = NO_SOCKET};
    call->reply_headers.arena = &world.arena;
    world.code = 0;
    world.headers[0] = '\0';
}

static inline int run(const char *name, const char *a, int b)
{
    struct arg args[2] = {{.v = value_str(str_from(a))}, {.v = value_int(b)}};
    const struct fn_spec *f = registrar_module.symbols.functions;
    while (strcmp(f->name, name) != 0)
        f++;
    return f->call(call, args, b >= 0 ? 2 : 1);
}

static inline void arrive_register(const char *user, const char *headers)
{
    struct str all = arena_printf(&world.arena,
                                  "To: <sip:%s@example.test>\r\nCall-ID: c1\r\n"
                                  "CSeq: %u REGISTER\r\n%s",
                                  user, ++world.cseq, headers);
    arrive("REGISTER sip:example.test", all.p);
}

/* A REGISTER for al, with the next CSeq, and save("location"); its result. */
static inline int reg(const char *headers)
{
    arrive_register("al", headers);
    return run("save", "location", -1);
}

static inline void expect(unsigned code, const char *headers)
{
    assert_int_equal(world.code, code);
    assert_string_equal(world.headers, headers);
}

static inline int look(const char *uri)
{
    struct str start = arena_printf(&world.arena, "INVITE %s", uri);
    arrive(start.p, "To: <sip:x@example.test>\r\nCall-ID: c9\r\nCSeq: 1 INVITE\r\n");
    return run("lookup", "location", -1);
}

static inline const char *repeat(const char *before, unsigned n, const char *after)
{
    struct buf b;
    buf_init(&b, &world.arena, n + 100);
    buf_add(&b, str_from(before));
    for (unsigned i = 0; i < n; i++)
        buf_char(&b, 'x');
    buf_add(&b, str_from(after));
    buf_char(&b, '\0');
    return b.p;
}

#define assert_str(s, lit) assert_true(str_eq(s, STR(lit)))
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define T3(a, b, c) T(a), T(b), T(c)

#endif
