/* A net under test: runs on a thread of its own and counts what it is told. Behaviour is chosen by
 * fields that are set before rig_start. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_NET_RIG_H
#define TESTS_NET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/net/net.h"

enum { RIG_WORKERS = 4 };

struct rig;

struct rig_worker {
    struct rig *rig;
    struct net_worker *net;
    unsigned index;
    atomic_bool inside; /* a callback is in progress */
    pthread_t thread;   /* of the last callback */
    atomic_uint inputs, ticks, unreachable, stopped;
    uint64_t due; /* what next() answers */
};

struct rig {
    struct net *net;
    struct rig_worker worker[RIG_WORKERS];
    pthread_t thread;
    atomic_uint started, wrong; /* wrong: something a test forbids was seen */
    int result;                 /* of net_run */
    /* behaviour; NULL: none */
    unsigned (*owner)(const struct packet *p, unsigned workers);
    void (*input)(struct rig_worker *w, uint64_t now, const struct packet *p);
    void (*tick)(struct rig_worker *w, uint64_t now);
    void (*posted)(struct rig_worker *w, uint64_t now, void *item);
    void (*answered)(struct rig_worker *w, void *token, const struct dns_answer *a);
    bool refuse_start;
    bool gathers;                /* workers may move from thread to thread */
    const struct spread *spread; /* the kernel steers by it */
    struct net_dns dns;
    int receive_buffer;           /* 0: large */
    atomic_uint longest;          /* us that new requests have waited, as told */
    atomic_bool dropped;          /* that some were dropped was told */
    struct addr last_unreachable; /* worker 0's */
};

static inline uint64_t rig_clock(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static inline void rig_sleep(unsigned ms)
{
    struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&ts, NULL);
}

/* Waits up to 20 s for a condition. */
#define RIG_WAIT(condition)                                                                        \
    do {                                                                                           \
        uint64_t until = rig_clock() + 20000;                                                      \
        while (!(condition) && rig_clock() < until)                                                \
            rig_sleep(1);                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

/* No two callbacks of a worker at once, and all on one thread where workers do not move. */
static void rig_enter(struct rig_worker *w)
{
    bool moved = !pthread_equal(w->thread, pthread_self());
    if (atomic_exchange(&w->inside, true) || (moved && !w->rig->gathers))
        atomic_fetch_add(&w->rig->wrong, 1);
    w->thread = pthread_self();
}

static void rig_leave(struct rig_worker *w)
{
    atomic_store(&w->inside, false);
}

static void *rig_on_start(void *user, unsigned index, struct net_worker *net, uint64_t now)
{
    struct rig *r = user;
    struct rig_worker *w = &r->worker[index];
    (void)now;
    w->rig = r;
    w->net = net;
    w->index = index;
    w->thread = pthread_self();
    if (r->refuse_start)
        return NULL;
    atomic_fetch_add(&r->started, 1);
    return w;
}

static unsigned rig_owner(void *user, const struct packet *p, unsigned workers)
{
    struct rig *r = user;
    return r->owner ? r->owner(p, workers) : 0;
}

static void rig_input(void *ctx, uint64_t now, uint64_t wall, const struct packet *p)
{
    struct rig_worker *w = ctx;
    (void)wall;
    rig_enter(w);
    if (w->rig->input)
        w->rig->input(w, now, p);
    rig_leave(w);
    atomic_fetch_add(&w->inputs, 1);
}

static void rig_queued(void *ctx, uint64_t now, uint64_t wall, const struct net_queue *q)
{
    struct rig_worker *w = ctx;
    (void)now, (void)wall;
    if (q->waited > atomic_load(&w->rig->longest))
        atomic_store(&w->rig->longest, q->waited);
    if (q->dropped)
        atomic_store(&w->rig->dropped, true);
}

static void rig_tick(void *ctx, uint64_t now, uint64_t wall)
{
    struct rig_worker *w = ctx;
    (void)wall;
    rig_enter(w);
    if (now < w->due)
        atomic_fetch_add(&w->rig->wrong, 1);
    if (w->rig->tick)
        w->rig->tick(w, now);
    rig_leave(w);
    atomic_fetch_add(&w->ticks, 1);
}

static uint64_t rig_next(void *ctx)
{
    struct rig_worker *w = ctx;
    return w->due ? w->due : UINT64_MAX;
}

static void rig_posted(void *ctx, uint64_t now, void *item)
{
    struct rig_worker *w = ctx;
    rig_enter(w);
    if (w->rig->posted)
        w->rig->posted(w, now, item);
    rig_leave(w);
}

static void rig_unreachable(void *ctx, uint64_t now, uint16_t socket, const struct addr *dst)
{
    struct rig_worker *w = ctx;
    (void)now, (void)socket;
    if (w->index == 0)
        w->rig->last_unreachable = *dst;
    atomic_fetch_add(&w->unreachable, 1);
}

static void rig_answered(void *ctx, uint64_t now, void *token, const struct dns_answer *a)
{
    struct rig_worker *w = ctx;
    (void)now;
    if (w->rig->answered)
        w->rig->answered(w, token, a);
}

static void rig_stop_worker(void *ctx)
{
    struct rig_worker *w = ctx;
    atomic_fetch_add(&w->stopped, 1);
}

static inline struct net_ops rig_ops(struct rig *r)
{
    return (struct net_ops){.user = r,
                            .start = rig_on_start,
                            .owner = rig_owner,
                            .input = rig_input,
                            .queued = rig_queued,
                            .tick = rig_tick,
                            .next = rig_next,
                            .posted = rig_posted,
                            .unreachable = rig_unreachable,
                            .answered = rig_answered,
                            .stop = rig_stop_worker};
}

static inline struct addr rig_addr(const char *ip, uint16_t port)
{
    struct addr a = {.port = port, .proto = PROTO_UDP};
    assert_int_equal(ip_parse(&a.ip, str_from(ip)), ERR_OK);
    return a;
}

static inline void rig_open(struct rig *r, unsigned workers, const char *ip)
{
    struct addr listen = rig_addr(ip, 0);
    struct net_config c = {
        .workers = workers, .listen = &listen, .listens = 1, .tos = -1, .receive_buffer = 8 << 20};
    c.spread = r->spread;
    c.apart = !r->gathers;
    c.dns = r->dns;
    if (r->receive_buffer)
        c.receive_buffer = r->receive_buffer;
    struct net_ops ops = rig_ops(r);
    assert_int_equal(net_open(&r->net, &c, &ops, NULL), ERR_OK);
}

static void *rig_run(void *arg)
{
    struct rig *r = arg;
    r->result = net_run(r->net);
    return NULL;
}

static inline void rig_start(struct rig *r, unsigned workers)
{
    assert_int_equal(pthread_create(&r->thread, NULL, rig_run, r), 0);
    RIG_WAIT(atomic_load(&r->started) == workers);
}

/* Ends it; every worker that began must have been stopped once. */
static inline void rig_stop(struct rig *r)
{
    net_stop(r->net);
    pthread_join(r->thread, NULL);
    unsigned stopped = 0;
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        stopped += atomic_load(&r->worker[i].stopped);
    assert_int_equal(stopped, atomic_load(&r->started));
    assert_int_equal(atomic_load(&r->wrong), 0);
    net_free(r->net);
}

static inline unsigned rig_inputs(struct rig *r)
{
    unsigned n = 0;
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        n += atomic_load(&r->worker[i].inputs);
    return n;
}

/* A plain socket of the test's own, connected to the net's first address. */
static inline int rig_client(const struct rig *r)
{
    struct addr a = *net_listening(r->net, 0);
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&sa, &a);
    int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    return fd;
}

/* Receives one datagram within 20 s; its length. */
static inline ssize_t rig_receive(int fd, void *out, size_t cap)
{
    struct pollfd p = {fd, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 20000), 1);
    return recv(fd, out, cap, 0);
}

#endif
