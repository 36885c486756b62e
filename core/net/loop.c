/* Descriptors and posted items of others on a worker's thread: databases, programs, connections to
 * services. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/net/worker.h"

/* What libuv knows of a watch; lives until libuv has let go of it. */
struct handle {
    uv_poll_t poll;
    struct poll_home *home;
    struct watch *watch;
    int wanted; /* UV_* it is watched for */
};

static void on_ready(uv_poll_t *p, int status, int events)
{
    struct handle *h = p->data;
    struct poll_home *home = h->home;
    unsigned ready = status < 0 ? LOOP_READ | LOOP_WRITE
                                : (events & (UV_READABLE | UV_DISCONNECT) ? LOOP_READ : 0u) |
                                      (events & UV_WRITABLE ? LOOP_WRITE : 0u);
    home->enter(home->user);
    if (h->watch) /* a timer may have ended it */
        h->watch->ready(h->watch, ready);
    home->leave(home->user);
}

static void on_closed(uv_handle_t *p)
{
    free(p->data);
}

static struct handle *handle_new(struct poll_home *home, struct watch *watch)
{
    struct handle *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    if (uv_poll_init(home->uv, &h->poll, watch->fd) != 0) {
        free(h);
        return NULL;
    }
    h->poll.data = h;
    h->home = home;
    h->watch = watch;
    return h;
}

int poll_watch(struct poll_home *home, struct watch *watched, unsigned events)
{
    struct handle *h = watched->handle;
    if (!h && !(h = watched->handle = handle_new(home, watched)))
        return ERR_NOMEM;
    int wanted = (events & LOOP_READ ? UV_READABLE | UV_DISCONNECT : 0) |
                 (events & LOOP_WRITE ? UV_WRITABLE : 0);
    if (wanted == h->wanted)
        return ERR_OK;
    h->wanted = wanted;
    int rc = wanted ? uv_poll_start(&h->poll, wanted, on_ready) : uv_poll_stop(&h->poll);
    return rc == 0 ? ERR_OK : ERR_IO;
}

void poll_unwatch(struct watch *watched)
{
    struct handle *h = watched->handle;
    if (!h)
        return;
    watched->handle = NULL;
    h->watch = NULL;
    uv_poll_stop(&h->poll);
    uv_close((uv_handle_t *)&h->poll, on_closed);
}

/* ---- a worker's ---- */

static void enter(void *user)
{
    struct net_worker *w = user;
    worker_enter(w);
    w->net->ops.tick(w->ctx, worker_now(w), w->wall); /* the user learns what time it is */
}

static void leave(void *user)
{
    worker_leave(user);
}

static int watch(struct loop *l, struct watch *watched, unsigned events)
{
    struct net_worker *w = l->user;
    return poll_watch(&w->polls, watched, events);
}

static void unwatch(struct loop *l, struct watch *watched)
{
    (void)l;
    poll_unwatch(watched);
}

static int post(struct loop *l, struct loop_item *i)
{
    struct net_worker *w = l->user;
    return net_post_kind(w->net, w->index, INBOX_LOOP, i);
}

void loop_init(struct net_worker *w)
{
    w->polls = (struct poll_home){.uv = &w->loop, .user = w, .enter = enter, .leave = leave};
    w->others = (struct loop){.user = w, .watch = watch, .unwatch = unwatch, .post = post};
}

struct loop *net_loop(struct net_worker *w)
{
    return &w->others;
}
