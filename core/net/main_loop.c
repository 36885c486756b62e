/* The main thread's loop as others see it: descriptors, posted items and timers of management
 * transports. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/net/worker.h"

static void on_timer(uv_timer_t *t);

/* Time passes before a callback, and afterwards the timer is set anew. */
static void enter(void *user)
{
    struct main_loop *l = user;
    l->loop.now = uv_now(l->polls.uv);
    wheel_advance(&l->wheel, l->loop.now, l);
}

static void leave(void *user)
{
    struct main_loop *l = user;
    uint64_t due = wheel_next(&l->wheel), now = uv_now(l->polls.uv);
    if (l->ended)
        return;
    if (due == UINT64_MAX)
        uv_timer_stop(&l->timer);
    else
        uv_timer_start(&l->timer, on_timer, due > now ? due - now : 0, 0);
}

static void on_timer(uv_timer_t *t)
{
    enter(t->data);
    leave(t->data);
}

static int watch(struct loop *base, struct watch *w, unsigned events)
{
    struct main_loop *l = base->user;
    return poll_watch(&l->polls, w, events);
}

static void unwatch(struct loop *base, struct watch *w)
{
    (void)base;
    poll_unwatch(w);
}

static int post(struct loop *base, struct loop_item *i)
{
    struct main_loop *l = base->user;
    struct posted_item *p = malloc(sizeof *p);
    if (!p)
        return ERR_NOMEM;
    *p = (struct posted_item){.item = i};
    uv_mutex_lock(&l->lock);
    bool ended = l->ended;
    if (!ended) {
        *l->last = p;
        l->last = &p->next;
    }
    uv_mutex_unlock(&l->lock);
    if (ended) {
        free(p);
        return ERR_STATE;
    }
    wake_write(l->wake_fd);
    return ERR_OK;
}

static struct posted_item *take(struct main_loop *l)
{
    uv_mutex_lock(&l->lock);
    struct posted_item *list = l->first;
    l->first = NULL;
    l->last = &l->first;
    uv_mutex_unlock(&l->lock);
    return list;
}

void main_loop_posted(struct main_loop *l)
{
    struct posted_item *list = take(l), *next;
    if (!list)
        return;
    enter(l);
    for (struct posted_item *p = list; p; p = next) {
        next = p->next;
        struct loop_item *i = p->item;
        free(p);
        i->fn(i);
    }
    leave(l);
}

int main_loop_begin(struct main_loop *l, uv_loop_t *uv, int wake_fd)
{
    l->polls = (struct poll_home){.uv = uv, .user = l, .enter = enter, .leave = leave};
    list_init(&l->polls.handles);
    l->wake_fd = wake_fd;
    l->loop = (struct loop){.user = l,
                            .wheel = &l->wheel,
                            .now = uv_now(uv),
                            .watch = watch,
                            .unwatch = unwatch,
                            .post = post};
    wheel_init(&l->wheel, l->loop.now);
    l->first = NULL;
    l->last = &l->first;
    l->timer.data = l;
    int rc = uv_mutex_init(&l->lock);
    return rc == 0 ? uv_timer_init(uv, &l->timer) : rc;
}

void main_loop_settle(struct main_loop *l)
{
    leave(l);
}

void main_loop_end(struct main_loop *l)
{
    uv_mutex_lock(&l->lock);
    l->ended = true;
    uv_mutex_unlock(&l->lock);
    for (struct posted_item *p = take(l), *next; p; p = next) {
        next = p->next;
        free(p);
    }
}
