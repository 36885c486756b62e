/* Descriptors and posted items of others on a worker's thread: databases, programs, connections to
 * services. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/net/worker.h"

/* What libuv knows of a watch; lives until libuv has let go of it. */
struct handle {
    uv_poll_t poll;
    struct list link; /* of the home */
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
    list_append(&home->handles, &h->link);
    return h;
}

/* Libuv forgets it; the memory goes when libuv says so. */
static void handle_drop(struct handle *h)
{
    list_remove(&h->link);
    h->watch = NULL;
    uv_poll_stop(&h->poll);
    uv_close((uv_handle_t *)&h->poll, on_closed);
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
    if (watched->handle)
        handle_drop(watched->handle);
    watched->handle = NULL;
}

void poll_home_end(struct poll_home *home)
{
    while (!list_empty(&home->handles))
        poll_unwatch(container_of(home->handles.next, struct handle, link)->watch);
}

/* ---- moving ---- */

/* The old handles belong to the old loop until it has let go of them, so new ones take their place
 * in the list, without a loop yet. */
bool poll_home_leave(struct poll_home *home)
{
    struct list fresh, *at;
    list_init(&fresh);
    for (at = home->handles.next; at != &home->handles; at = at->next) {
        struct handle *old = container_of(at, struct handle, link);
        struct handle *h = calloc(1, sizeof *h);
        if (!h)
            break;
        *h = (struct handle){.home = home, .watch = old->watch, .wanted = old->wanted};
        list_append(&fresh, &h->link);
    }
    bool ok = at == &home->handles;
    while (ok && !list_empty(&home->handles))
        handle_drop(container_of(home->handles.next, struct handle, link));
    while (!list_empty(&fresh)) {
        struct handle *h = container_of(fresh.next, struct handle, link);
        list_remove(&h->link);
        if (ok) {
            h->watch->handle = h;
            list_append(&home->handles, &h->link);
        } else {
            free(h);
        }
    }
    return ok;
}

int poll_home_enter(struct poll_home *home, uv_loop_t *uv)
{
    int rc = 0;
    home->uv = uv;
    for (struct list *at = home->handles.next; rc == 0 && at != &home->handles; at = at->next) {
        struct handle *h = container_of(at, struct handle, link);
        rc = uv_poll_init(uv, &h->poll, h->watch->fd);
        h->poll.data = h;
        if (rc == 0 && h->wanted)
            rc = uv_poll_start(&h->poll, h->wanted, on_ready);
    }
    return rc;
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

static void after(struct loop *l, struct loop_item *i)
{
    struct net_worker *w = l->user;
    i->next = NULL;
    *w->put_off_end = i;
    w->put_off_end = &i->next;
}

void loop_run_put_off(struct net_worker *w)
{
    struct loop_item *i = w->put_off;
    w->put_off = NULL;
    w->put_off_end = &w->put_off;
    while (i) {
        struct loop_item *next = i->next; /* fn may put it off again */
        i->fn(i);
        i = next;
    }
}

void loop_init(struct net_worker *w)
{
    w->polls = (struct poll_home){.user = w, .enter = enter, .leave = leave};
    list_init(&w->polls.handles);
    w->others =
        (struct loop){.user = w, .watch = watch, .unwatch = unwatch, .post = post, .after = after};
    w->put_off_end = &w->put_off;
}

struct loop *net_loop(struct net_worker *w)
{
    return &w->others;
}
