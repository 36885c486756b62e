/* A worker: one thread, one loop, and what happens at the edges of each of its callbacks. */
/* SPDX-License-Identifier: MIT */
#include "core/net/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/log.h"

enum { ROUNDS = 8 }; /* of one callback, and of one falling asleep; what is left waits its turn */

/* -- birth and death -------------------------------------------------------------------------- */

static int worker_allocate(struct net_worker *w)
{
    const struct net *n = w->net;
    w->sockets = calloc(n->sockets ? n->sockets : 1, sizeof *w->sockets);
    w->outgoing = calloc(n->workers, sizeof *w->outgoing);
    w->send_bytes = malloc(SEND_BYTES);
    w->ring = receive_ring_new();
    for (unsigned i = 0; w->sockets && i < n->sockets; i++) {
        w->sockets[i].fd = -1;
        list_init(&w->sockets[i].backlog);
    }
    return w->sockets && w->outgoing && w->send_bytes && w->ring ? ERR_OK : ERR_NOMEM;
}

int worker_new(struct net_worker **out, struct net *n, unsigned index)
{
    size_t size = (sizeof(struct net_worker) + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
    struct net_worker *w = aligned_alloc(CACHE_LINE, size);
    if (!w)
        return ERR_NOMEM;
    memset(w, 0, sizeof *w);
    w->net = n;
    w->index = index;
    w->timer_due = UINT64_MAX;
    inbox_init(&w->inbox);
    inbox_pool_init(&w->pool, HANDOVER_BYTES);
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int rc = w->wake_fd < 0 ? ERR_IO : worker_allocate(w);
    if (rc != ERR_OK) {
        worker_free(w);
        return rc;
    }
    *out = w;
    return ERR_OK;
}

/* Every inbox must have been read empty, that all nodes be in the pools. */
void worker_free(struct net_worker *w)
{
    if (!w)
        return;
    for (unsigned i = 0; w->sockets && i < w->net->sockets; i++)
        if (w->sockets[i].fd >= 0) {
            send_drop_backlog(&w->sockets[i]);
            close(w->sockets[i].fd);
        }
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    inbox_pool_free(&w->pool);
    receive_ring_free(w->ring);
    free(w->send_bytes);
    free(w->outgoing);
    free(w->sockets);
    free(w);
}

/* -- waking ----------------------------------------------------------------------------------- */

void wake_write(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void wake_read(int fd)
{
    uint64_t value;
    while (read(fd, &value, sizeof value) < 0 && errno == EINTR)
        ;
}

void worker_wake(struct net_worker *w)
{
    if (atomic_load(&w->asleep) && atomic_exchange(&w->asleep, false))
        wake_write(w->wake_fd);
}

/* -- handing over ----------------------------------------------------------------------------- */

static void hand_to(struct net_worker *w, unsigned target, const struct packet *p)
{
    struct inbox_node *n = inbox_node_new(&w->pool, p->bytes.len);
    if (!n) {
        count_add(&w->count.dropped, 1);
        return;
    }
    n->kind = INBOX_PACKET;
    n->socket = p->socket;
    n->addr = p->src;
    n->len = p->bytes.len;
    if (n->len)
        memcpy(n->bytes, p->bytes.p, n->len);
    inbox_chain_add(&w->outgoing[target], n);
    count_add(&w->count.handed_over, 1);
}

void worker_deliver(struct net_worker *w, const struct packet *p)
{
    const struct net_ops *ops = &w->net->ops;
    unsigned owner = w->index;
    if (w->net->workers > 1)
        owner = ops->owner(ops->user, p, w->net->workers);
    if (owner == w->index)
        ops->input(w->ctx, worker_now(w), w->wall, p);
    else if (owner < w->net->workers)
        hand_to(w, owner, p);
    else
        count_add(&w->count.dropped, 1);
}

/* Pushes what was collected for the others: one push and at most one wake-up each. */
static void hand_over(struct net_worker *w)
{
    for (unsigned i = 0; i < w->net->workers; i++)
        if (w->outgoing[i].newest) {
            inbox_push(&w->net->worker[i]->inbox, &w->outgoing[i]);
            worker_wake(w->net->worker[i]);
        }
}

static void read_node(struct net_worker *w, const struct inbox_node *n)
{
    const struct net_ops *ops = &w->net->ops;
    switch ((enum inbox_kind)n->kind) {
    case INBOX_PACKET: {
        struct packet p = {str_make(n->bytes, n->len), n->addr, n->socket};
        ops->input(w->ctx, worker_now(w), w->wall, &p);
        break;
    }
    case INBOX_UNREACHABLE:
        ops->unreachable(w->ctx, worker_now(w), n->socket, &n->addr);
        break;
    case INBOX_ITEM:
        ops->posted(w->ctx, worker_now(w), n->item);
        break;
    case INBOX_LOOP: {
        struct loop_item *i = n->item;
        ops->tick(w->ctx, worker_now(w), w->wall);
        i->fn(i);
        break;
    }
    }
}

static void read_inbox(struct net_worker *w)
{
    struct inbox_node *list = inbox_take(&w->inbox);
    for (struct inbox_node *n = list; n; n = n->next)
        read_node(w, n);
    inbox_give_back(list);
}

/* -- unreachable destinations ----------------------------------------------------------------- */

/* SO_REUSEPORT gives an ICMP error to the socket that would receive from that peer, not to the one
 * that sent: only the user knows whose it is, so every worker hears of it. */
static void tell_others(struct net_worker *w, uint16_t socket, const struct addr *dst)
{
    for (unsigned i = 0; i < w->net->workers; i++) {
        struct inbox_node *n = i == w->index ? NULL : inbox_node_new(&w->pool, 0);
        if (!n)
            continue;
        n->kind = INBOX_UNREACHABLE;
        n->socket = socket;
        n->addr = *dst;
        inbox_chain_add(&w->outgoing[i], n);
    }
}

void worker_unreachable(struct net_worker *w, uint16_t socket, const struct addr *dst,
                        bool everyone)
{
    for (unsigned i = 0; i < w->unreachables; i++)
        if (w->unreachable[i].socket == socket && addr_eq(&w->unreachable[i].dst, dst))
            return;
    if (w->unreachables == UNREACHABLE_MAX)
        return; /* the user's own timers will find out */
    w->unreachable[w->unreachables++] = (struct unreachable){*dst, socket};
    if (everyone)
        tell_others(w, socket, dst);
}

static void tell_unreachable(struct net_worker *w)
{
    struct unreachable told[UNREACHABLE_MAX];
    unsigned n = w->unreachables;
    memcpy(told, w->unreachable, n * sizeof *told);
    w->unreachables = 0;
    for (unsigned i = 0; i < n; i++)
        w->net->ops.unreachable(w->ctx, worker_now(w), told[i].socket, &told[i].dst);
}

/* -- the edges of a callback ------------------------------------------------------------------ */

static uint64_t wall_clock_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void worker_enter(struct net_worker *w)
{
    atomic_store_explicit(&w->asleep, false, memory_order_relaxed);
    w->wall_us = wall_clock_us();
    w->wall = w->wall_us / 1000;
}

static void on_timer(uv_timer_t *t)
{
    struct net_worker *w = t->data;
    worker_enter(w);
    w->timer_due = UINT64_MAX;
    w->net->ops.tick(w->ctx, worker_now(w), w->wall);
    worker_leave(w);
}

static void set_timer(struct net_worker *w)
{
    uint64_t due = w->net->ops.next(w->ctx), now = worker_now(w);
    if (due == w->timer_due)
        return;
    w->timer_due = due;
    if (due == UINT64_MAX)
        uv_timer_stop(&w->timer);
    else
        uv_timer_start(&w->timer, on_timer, due > now ? due - now : 0, 0);
}

/* Whether sending or telling left something that must not wait for the next event. */
static bool unfinished(const struct net_worker *w)
{
    if (w->send_used || w->unreachables)
        return true;
    for (unsigned i = 0; i < w->net->workers; i++)
        if (w->outgoing[i].newest)
            return true;
    return false;
}

/* The user may send when told of a failure, and that may fail: so in rounds, but not for ever. */
static void settle(struct net_worker *w)
{
    unsigned round = 0;
    do {
        hand_over(w);
        read_inbox(w);
        send_flush(w);
        if (w->unreachables)
            tell_unreachable(w);
    } while (unfinished(w) && ++round < ROUNDS);
    if (round == ROUNDS)
        wake_write(w->wake_fd);
}

void worker_leave(struct net_worker *w)
{
    settle(w);
    set_timer(w);
}

/* Before the loop sleeps: says so, then looks once more, as who pushes first looks whether we
 * sleep. One of the two sees the other. */
static void on_prepare(uv_prepare_t *p)
{
    struct net_worker *w = p->data;
    for (unsigned round = 0; round < ROUNDS; round++) {
        atomic_store(&w->asleep, true);
        if (inbox_empty(&w->inbox))
            return;
        worker_enter(w);
        worker_leave(w);
    }
    wake_write(w->wake_fd); /* busy: sockets and timers have a turn, then we come back */
}

/* -- the thread ------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

/* Last batch, then everything is closed, and uv_run returns when lookups in progress have. */
static void worker_end(struct net_worker *w)
{
    const struct net_ops *ops = &w->net->ops;
    settle(w);
    resolver_stop(w);
    ops->stop(w->ctx);
    w->ctx = NULL;
    for (unsigned i = 0; i < w->net->sockets; i++)
        udp_stop(&w->sockets[i]);
    uv_walk(&w->loop, close_handle, NULL);
}

static void on_wake(uv_poll_t *p, int status, int events)
{
    struct net_worker *w = p->data;
    (void)status, (void)events;
    worker_enter(w);
    wake_read(w->wake_fd);
    if (atomic_load(&w->stopping))
        worker_end(w);
    else
        worker_leave(w);
}

static int start_handles(struct net_worker *w)
{
    loop_init(w);
    resolver_start(w);
    int rc = uv_poll_init(&w->loop, &w->wake, w->wake_fd);
    if (rc == 0)
        rc = uv_poll_start(&w->wake, UV_READABLE, on_wake);
    uv_prepare_init(&w->loop, &w->before_sleep);
    uv_prepare_start(&w->before_sleep, on_prepare);
    uv_timer_init(&w->loop, &w->timer);
    w->wake.data = w->before_sleep.data = w->timer.data = w;
    for (unsigned i = 0; rc == 0 && i < w->net->sockets; i++)
        rc = udp_start(&w->sockets[i], w);
    if (rc)
        log_err("worker %u: %s", w->index, uv_strerror(rc));
    return rc;
}

/* Handles, then the user's start: nothing is delivered before both are there. */
static bool worker_begin(struct net_worker *w)
{
    const struct net_ops *ops = &w->net->ops;
    if (start_handles(w) == 0)
        w->ctx = ops->start(ops->user, w->index, w, worker_now(w));
    if (!w->ctx)
        return false;
    worker_enter(w);
    worker_leave(w);
    return true;
}

/* Signals are the main loop's; a crash must still be seen here. */
static void block_signals(void)
{
    static const int crash[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF};
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < sizeof crash / sizeof *crash; i++)
        sigdelset(&set, crash[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void worker_main(void *worker)
{
    struct net_worker *w = worker;
    block_signals();
    if (!worker_begin(w)) {
        resolver_stop(w);
        uv_walk(&w->loop, close_handle, NULL);
        atomic_store(&w->net->status, ERR_STATE);
        net_stop(w->net);
    }
    uv_run(&w->loop, UV_RUN_DEFAULT);
}

unsigned net_worker_index(const struct net_worker *w)
{
    return w->index;
}
