/* Where a worker sits: its handles in the loop of the thread that runs it. It can get up and sit in
 * another one between two callbacks; whom its calls belong to does not change by that. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/net/worker.h"

struct seat *seat_new(struct net_worker *w, struct runner *r)
{
    struct seat *s = calloc(1, sizeof *s + w->net->sockets * sizeof s->sockets[0]);
    if (!s)
        return NULL;
    s->worker = w;
    s->runner = r;
    return s;
}

/* -- what its handles do ---------------------------------------------------------------------- */

static void on_wake(uv_poll_t *p, int status, int events)
{
    struct net_worker *w = ((struct seat *)p->data)->worker;
    (void)status, (void)events;
    worker_enter(w);
    wake_read(w->wake_fd);
    if (atomic_load(&w->stopping)) {
        worker_end(w);
        return;
    }
    udp_serve_room(w);
    worker_leave(w);
    seat_change(w);
}

/* -- sitting down and getting up -------------------------------------------------------------- */

static int open_sockets(struct seat *s)
{
    struct net_worker *w = s->worker;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < w->net->sockets; i++) {
        struct udp *u = &w->sockets[i];
        if (u->fd < 0)
            continue;
        rc = udp_sit(u, &s->runner->loop, &s->sockets[i]);
    }
    return rc;
}

int seat_open(struct seat *s)
{
    struct net_worker *w = s->worker;
    uv_loop_t *loop = &s->runner->loop;
    s->wake.data = s->timer.data = s;
    list_append(&s->runner->seats, &s->link);
    s->runner->here[w->index] = w;
    uv_timer_init(loop, &s->timer);
    w->timer_due = UINT64_MAX;
    int rc = uv_poll_init(loop, &s->wake, w->wake_fd);
    if (rc == 0)
        rc = uv_poll_start(&s->wake, UV_READABLE, on_wake);
    if (rc == 0)
        rc = open_sockets(s);
    return rc == 0 ? poll_home_enter(&w->polls, loop) : rc;
}

static void on_closed(uv_handle_t *h)
{
    struct seat *s = uv_handle_get_data(h);
    if (--s->open == 0)
        free(s);
}

/* What was never opened has no type. */
static void close_one(struct seat *s, void *handle)
{
    uv_handle_t *h = handle;
    if (uv_handle_get_type(h) == UV_UNKNOWN_HANDLE)
        return;
    uv_handle_set_data(h, s);
    s->open++;
    uv_close(h, on_closed);
}

void seat_close(struct seat *s)
{
    struct net_worker *w = s->worker;
    outbox_flush(&s->runner->outbox); /* it knows our sockets */
    list_remove(&s->link);
    s->runner->here[w->index] = NULL;
    close_one(s, &s->timer);
    close_one(s, &s->wake);
    for (unsigned i = 0; i < w->net->sockets; i++) {
        close_one(s, &s->sockets[i]);
        w->sockets[i].poll = NULL;
    }
    w->seat = NULL;
    atomic_fetch_sub(&s->runner->seated, 1);
}

void seat_change(struct net_worker *w)
{
    struct runner *to = &w->net->runner[atomic_load(&w->wanted)];
    if (to == w->seat->runner)
        return;
    struct seat *s = seat_new(w, to);
    if (!s || !poll_home_leave(&w->polls)) {
        free(s);
        atomic_store(&w->wanted, w->seat->runner->index); /* until the next look */
        return;
    }
    seat_close(w->seat);
    w->seat = s;
    runner_receive(to, w);
}
