/* Looks at the load of threads and workers from the main thread, a few times a second, and tells
 * workers which thread is to run them. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/log.h"
#include "core/net/balance.h"
#include "core/net/worker.h"

enum {
    EVERY = 200,     /* ms between two looks */
    SELDOM = 1000,   /* while one thread runs all and has little to do */
    LITTLE = 100000, /* millionths of a core */
    SOONEST = 20000, /* us: a look that a worker asked for tells little earlier */
};

/* What is remembered of a thread and its own worker from look to look. */
struct gathered {
    clockid_t clock; /* of the CPU time of the thread */
    uint64_t cpu;    /* ns */
    uint64_t handled;
};

struct gather {
    uv_timer_t timer;
    uint64_t at; /* ns: the last look */
    unsigned calm;
    struct balance_thread *threads;
    struct balance_worker *workers;
    unsigned *first; /* worker that a thread runs */
    struct gathered last[];
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    if (clock_gettime(clock, &ts) != 0)
        return 0;
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void measure(struct net *n, struct gather *g, uint64_t elapsed)
{
    for (unsigned i = 0; i < n->workers; i++) {
        struct net_worker *w = n->worker[i];
        struct gathered *last = &g->last[i];
        uint64_t cpu = clock_ns(last->clock);
        uint64_t handled = atomic_load_explicit(&w->count.handled, memory_order_relaxed);
        g->threads[i] = (struct balance_thread){.share = (cpu - last->cpu) * 1000000 / elapsed};
        g->workers[i].weight = handled - last->handled;
        g->workers[i].thread = atomic_load(&w->wanted);
        last->cpu = cpu;
        last->handled = handled;
    }
    for (unsigned i = 0; i < n->workers; i++)
        if (atomic_exchange(&n->worker[i]->pressed, false))
            g->threads[g->workers[i].thread].pressed = true;
}

/* One worker of each thread reads for all that the thread runs, so that one system call does. Until
 * everyone has moved, what comes to the wrong thread is handed over. */
static void steer_to_readers(struct net *n)
{
    for (unsigned i = n->workers; i-- > 0;)
        n->gather->first[n->gather->workers[i].thread] = i;
    for (unsigned i = 0; i < n->workers; i++)
        n->reader[i] = n->gather->first[n->gather->workers[i].thread];
    for (unsigned i = 0; i < n->listens; i++)
        if (n->worker[0]->sockets[n->listens + i].fd >= 0)
            steer(n->worker[0]->sockets[i].fd, n->spread, n->workers, n->reader);
}

/* Whoever cannot keep up asks for a look, so that little is lost by looking seldom. */
static bool little_to_do(unsigned n, const struct gather *g)
{
    uint64_t all = 0;
    for (unsigned i = 0; i < n; i++) {
        all += g->threads[i].share;
        if (g->workers[i].thread != g->workers[0].thread)
            return false;
    }
    return all < LITTLE;
}

static void look(struct net *n)
{
    struct gather *g = n->gather;
    uint64_t now = clock_ns(CLOCK_MONOTONIC), elapsed = now - g->at;
    g->at = now;
    measure(n, g, elapsed ? elapsed : 1);
    unsigned moves = balance(&g->calm, n->workers, g->threads, g->workers);
    uv_timer_set_repeat(&g->timer, little_to_do(n->workers, g) ? SELDOM : EVERY);
    if (moves == 0)
        return;
    for (unsigned i = 0; i < n->workers; i++) {
        struct net_worker *w = n->worker[i];
        if (atomic_load(&w->wanted) == g->workers[i].thread)
            continue;
        log_dbg("worker %u moves to thread %u", i, g->workers[i].thread);
        atomic_store(&w->wanted, g->workers[i].thread);
        wake_write(w->wake_fd);
    }
    if (n->sorted)
        steer_to_readers(n);
}

static void on_timer(uv_timer_t *t)
{
    look(t->data);
}

int gather_begin(struct net *n)
{
    if (n->apart || n->workers < 2)
        return 0;
    struct gather *g = calloc(1, sizeof *g + n->workers * sizeof g->last[0]);
    if (!g)
        return UV_ENOMEM;
    n->gather = g;
    g->threads = calloc(n->workers, sizeof *g->threads);
    g->workers = calloc(n->workers, sizeof *g->workers);
    g->first = calloc(n->workers, sizeof *g->first);
    if (!g->threads || !g->workers || !g->first)
        return UV_ENOMEM;
    for (unsigned i = 0; i < n->workers; i++)
        if (pthread_getcpuclockid(n->runner[i].thread, &g->last[i].clock) != 0)
            return UV_ENOTSUP;
    g->calm = BALANCE_CALM;
    g->at = clock_ns(CLOCK_MONOTONIC);
    g->timer.data = n;
    int rc = uv_timer_init(&n->loop, &g->timer);
    return rc == 0 ? uv_timer_start(&g->timer, on_timer, EVERY, EVERY) : rc;
}

void gather_free(struct net *n)
{
    if (!n->gather)
        return;
    free(n->gather->threads);
    free(n->gather->workers);
    free(n->gather->first);
    free(n->gather);
}

/* A thread's CPU clock is gone when the thread is. */
void gather_end(struct net *n)
{
    if (n->gather && n->gather->timer.data)
        uv_timer_stop(&n->gather->timer);
}

void gather_check(struct net *n)
{
    if (!n->gather || clock_ns(CLOCK_MONOTONIC) - n->gather->at < SOONEST * 1000ull)
        return;
    for (unsigned i = 0; i < n->workers; i++)
        if (atomic_load_explicit(&n->worker[i]->pressed, memory_order_relaxed)) {
            look(n);
            return;
        }
}

void gather_press(struct net_worker *w)
{
    if (atomic_load_explicit(&w->seat->runner->seated, memory_order_relaxed) > 1 &&
        !atomic_exchange(&w->pressed, true))
        wake_write(w->net->wake_fd);
}
