/* A thread that runs workers: its own from the start, others when the load is light (gather.c). */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/net/worker.h"

int runner_init(struct runner *r, struct net *n, unsigned index)
{
    r->net = n;
    r->index = index;
    r->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (r->wake_fd < 0)
        return ERR_IO;
    list_init(&r->seats);
    r->here = calloc(n->workers, sizeof(struct net_worker *));
    return r->here ? outbox_init(&r->outbox, n->listens) : ERR_NOMEM;
}

void runner_free(struct runner *r)
{
    if (!r->net)
        return;
    if (r->wake_fd >= 0)
        close(r->wake_fd);
    outbox_free(&r->outbox);
    free(r->here);
}

/* -- arrivals --------------------------------------------------------------------------------- */

void runner_receive(struct runner *r, struct net_worker *w)
{
    atomic_fetch_add(&r->seated, 1);
    w->next_arrival = atomic_load(&r->arrivals);
    while (!atomic_compare_exchange_weak(&r->arrivals, &w->next_arrival, w))
        ;
    wake_write(r->wake_fd);
}

/* Without its sockets a worker is lost, and with it the calls it has: better all begins anew. */
static void sit_down(struct net_worker *w)
{
    int rc = seat_open(w->seat);
    if (rc) {
        log_err("worker %u cannot move to thread %u: %s", w->index, w->seat->runner->index,
                uv_strerror(rc));
        worker_give_up(w, ERR_IO);
        return;
    }
    worker_enter(w);
    worker_leave(w);
}

static void on_wake(uv_poll_t *p, int status, int events)
{
    struct runner *r = p->data;
    (void)status, (void)events;
    wake_read(r->wake_fd);
    struct net_worker *w = atomic_exchange(&r->arrivals, NULL), *next;
    for (; w; w = next) {
        next = w->next_arrival;
        sit_down(w);
    }
    if (atomic_load(&r->ending)) {
        uv_close((uv_handle_t *)&r->wake, NULL);
        uv_close((uv_handle_t *)&r->before_sleep, NULL);
    }
}

/* All events of this turn are done: what they sent goes out, and failures to send are told. */
static void on_prepare(uv_prepare_t *p)
{
    struct runner *r = p->data;
    outbox_flush(&r->outbox);
    for (struct list *at = r->seats.next; at != &r->seats; at = at->next)
        worker_before_sleep(container_of(at, struct seat, link)->worker);
    outbox_flush(&r->outbox);
    for (struct list *at = r->seats.next; at != &r->seats; at = at->next) {
        const struct net_worker *w = container_of(at, struct seat, link)->worker;
        if (w->unreachables) /* what was sent on being told failed too: next time */
            wake_write(w->wake_fd);
    }
}

/* -- the thread ------------------------------------------------------------------------------- */

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

static void run(void *first)
{
    struct net_worker *w = first;
    struct runner *r = w->seat->runner;
    block_signals();
    worker_begin(w);
    uv_run(&r->loop, UV_RUN_DEFAULT);
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    uv_close(h, NULL);
}

int runner_start(struct runner *r, struct net_worker *w)
{
    w->seat = seat_new(w, r);
    if (!w->seat)
        return UV_ENOMEM;
    int rc = uv_loop_init(&r->loop);
    if (rc != 0)
        return rc;
    r->wake.data = r->before_sleep.data = r;
    uv_prepare_init(&r->loop, &r->before_sleep);
    uv_prepare_start(&r->before_sleep, on_prepare);
    rc = uv_poll_init(&r->loop, &r->wake, r->wake_fd);
    if (rc == 0)
        rc = uv_poll_start(&r->wake, UV_READABLE, on_wake);
    atomic_store(&r->seated, 1);
    if (rc == 0)
        rc = uv_thread_create(&r->thread, run, w);
    if (rc != 0) {
        free(w->seat);
        w->seat = NULL;
        uv_walk(&r->loop, close_handle, NULL);
        uv_run(&r->loop, UV_RUN_DEFAULT);
        uv_loop_close(&r->loop);
    }
    return rc;
}

void runner_stop(struct runner *r)
{
    atomic_store(&r->ending, true);
    wake_write(r->wake_fd);
    uv_thread_join(&r->thread);
    uv_loop_close(&r->loop);
}
