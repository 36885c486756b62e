/* A transaction layer in virtual time with one transaction in it, and a log of all it does. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FSM_WORLD_H
#define TESTS_FSM_WORLD_H

#include <stdio.h>

#include "core/base/err.h"
#include "core/tx/fsm.h"

struct world {
    struct wheel wheel;
    struct tx_layer layer;
    struct tx t;
    struct tx_times times;
    struct flow flow;
    struct arena arena; /* messages and the log, until the world ends */
    struct buf log;     /* a line an effect: "500 send INVITE" */
    struct str method;
    bool reached[ROW_COUNT]; /* of fsm.def; kept from world to world */
};

static inline struct world *world_of(struct tx *t)
{
    return container_of(t, struct world, t);
}

static inline void world_note(struct world *w, const char *what, struct str detail)
{
    buf_printf(&w->log, "%llu %s", (unsigned long long)w->wheel.now, what);
    if (detail.len)
        buf_printf(&w->log, " %.*s", STR_ARG(detail));
    buf_char(&w->log, '\n');
}

/* "INVITE" of a request, "180" of a reply. */
static inline struct str world_label(struct str bytes)
{
    struct str word = STR_NONE, rest = bytes;
    str_cut(&word, &rest, ' ');
    if (str_eq(word, STR("SIP/2.0")))
        str_cut(&word, &rest, ' ');
    return word;
}

static inline void world_send(void *user, const struct flow *flow, struct str bytes)
{
    (void)flow;
    world_note(user, "send", world_label(bytes));
}

static inline void world_trace(void *user, const struct tx *t, unsigned row)
{
    struct world *w = user;
    (void)t;
    w->reached[row] = true;
}

static inline void world_response(struct tx *t, struct msg *m, void *ctx)
{
    (void)ctx;
    struct str words = m->first_line;
    world_note(world_of(t), "response", world_label(words));
}

static inline void world_acked(struct tx *t, struct msg *m, void *ctx)
{
    (void)ctx;
    world_note(world_of(t), "acked", world_label(m->first_line));
}

#define WORLD_CALL(name)                                                                           \
    static inline void world_##name(struct tx *t, void *ctx)                                       \
    {                                                                                              \
        (void)ctx;                                                                                 \
        world_note(world_of(t), #name, STR_NONE);                                                  \
    }
WORLD_CALL(timeout)
WORLD_CALL(failed)
WORLD_CALL(unacked)
WORLD_CALL(ended)
#undef WORLD_CALL

static const struct tx_user world_user = {world_response, world_timeout, world_failed,
                                          world_acked,    world_unacked, world_ended};

static inline void world_begin(struct world *w)
{
    struct tx_env env = {world_send, w};
    struct hash_key key = {1, 2};
    wheel_init(&w->wheel, 0);
    if (tx_layer_init(&w->layer, &w->wheel, key, env, 2) != ERR_OK)
        abort();
    w->layer.trace = world_trace;
    w->t = (struct tx){0};
    w->times = (struct tx_times){500, 4000, 5000, 32000, 32000, 32000};
    w->flow = (struct flow){.socket = 1};
    arena_init(&w->arena, NULL, 4096);
    buf_init(&w->log, &w->arena, 1024);
}

static inline void world_end(struct world *w)
{
    tx_layer_free(&w->layer);
    arena_reset(&w->arena);
}

/* Lets time pass. A timer that fires where the machine has no row for it should have been off. */
static inline void world_advance(struct world *w, uint64_t now)
{
    uint64_t ignored = w->layer.ignored;
    wheel_advance(&w->wheel, now, w);
    if (w->layer.ignored != ignored)
        world_note(w, "stray timer", STR_NONE);
}

/* Lets time pass until no timer is armed. */
static inline void world_drain(struct world *w)
{
    while (w->wheel.armed)
        world_advance(w, wheel_next(&w->wheel));
}

/* A request as a phone sends it; via: what stands behind "SIP/2.0/". */
static inline struct str world_request(struct world *w, struct str method, const char *via)
{
    return arena_printf(&w->arena,
                        "%.*s sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/%s\r\n"
                        "From: <sip:a@example.org>;tag=f1\r\nTo: <sip:b@example.net>\r\n"
                        "Call-ID: c1\r\nCSeq: 1 %.*s\r\nContent-Length: 0\r\n\r\n",
                        STR_ARG(method), via,
                        STR_ARG(str_eq(method, STR("ACK")) ? STR("INVITE") : method));
}

static inline struct str world_reply(struct world *w, unsigned status, struct str method,
                                     const char *via)
{
    return arena_printf(&w->arena,
                        "SIP/2.0 %u Text\r\nVia: SIP/2.0/%s\r\n"
                        "From: <sip:a@example.org>;tag=f1\r\nTo: <sip:b@example.net>;tag=t1\r\n"
                        "Call-ID: c1\r\nCSeq: 1 %.*s\r\nContent-Length: 0\r\n\r\n",
                        status, via, STR_ARG(method));
}

static inline struct msg *world_scan(struct world *w, struct str bytes)
{
    struct msg *m = arena_alloc(&w->arena, sizeof *m);
    if (msg_scan(m, &w->arena, bytes) != ERR_OK)
        abort();
    return m;
}

static inline struct str world_key(struct world *w, const struct msg *m)
{
    struct buf key;
    buf_init(&key, &w->arena, 64);
    tx_server_key(&key, m);
    return buf_str(&key);
}

#endif
