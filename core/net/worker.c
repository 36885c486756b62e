/* A worker: its memory, its begin and end, and what happens at the edges of each of its callbacks.
 */
/* SPDX-License-Identifier: MIT */
#include "core/net/worker.h"

#include <errno.h>
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
    w->ring = receive_ring_new();
    for (unsigned i = 0; w->sockets && i < n->sockets; i++) {
        w->sockets[i].fd = -1;
        list_init(&w->sockets[i].backlog);
    }
    return w->sockets && w->outgoing && w->ring ? ERR_OK : ERR_NOMEM;
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
    atomic_init(&w->wanted, index);
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
    room_free(&w->room);
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

static void input(struct net_worker *w, const struct packet *p)
{
    count_add(&w->count.handled, 1);
    w->net->ops.input(w->ctx, worker_now(w), w->wall, p);
}

/* Another worker that this thread runs has its turn within ours; worker_leave ends it, too. */
static void join(struct net_worker *guest, const struct net_worker *w)
{
    if (!guest->seat->busy && guest != w) {
        worker_enter(guest);
        guest->seat->busy = true;
    }
}

void worker_deliver(struct net_worker *w, const struct packet *p)
{
    const struct net_ops *ops = &w->net->ops;
    struct net_worker *here;
    unsigned owner = w->index;
    if (w->net->workers > 1)
        owner = ops->owner(ops->user, p, w->net->workers);
    if (owner == w->index)
        input(w, p);
    else if (owner >= w->net->workers)
        count_add(&w->count.dropped, 1);
    else if (!(here = w->seat->runner->here[owner]))
        hand_to(w, owner, p);
    else {
        join(here, w);
        input(here, p);
    }
}

void worker_queued(struct net_worker *w, const struct net_queue *q)
{
    struct list *seats = &w->seat->runner->seats;
    for (struct list *at = seats->next; at != seats; at = at->next) {
        struct net_worker *k = container_of(at, struct seat, link)->worker;
        join(k, w);
        k->net->ops.queued(k->ctx, worker_now(k), k->wall, q);
    }
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
        input(w, &p);
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

uint64_t wall_clock_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* The clock of another thread's loop may be a little behind. */
void worker_enter(struct net_worker *w)
{
    uint64_t now = uv_now(&w->seat->runner->loop);
    atomic_store_explicit(&w->asleep, false, memory_order_relaxed);
    if (now > w->now)
        w->now = now;
    w->wall_us = wall_clock_us();
    w->wall = w->wall_us / 1000;
}

static void on_timer(uv_timer_t *t)
{
    struct net_worker *w = ((struct seat *)t->data)->worker;
    worker_enter(w);
    w->timer_due = UINT64_MAX;
    w->net->ops.tick(w->ctx, worker_now(w), w->wall);
    if (resolver_next(w) <= worker_now(w))
        resolver_tick(w);
    worker_leave(w);
}

/* Timers fire at each message that comes, and at the next multiple of TIMER_STEP when none does:
 * there is nearly always one due in a ms or two, and to arm the kernel's timer for that before each
 * sleep, and to disarm it behind, costs more than all timers of a call. */
static void set_timer(struct net_worker *w)
{
    uint64_t due = w->net->ops.next(w->ctx), names = resolver_next(w), now = worker_now(w);
    due = names < due ? names : due;
    if (due > now && due < UINT64_MAX - TIMER_STEP)
        due = (due + TIMER_STEP - 1) / TIMER_STEP * TIMER_STEP;
    if (due == w->timer_due)
        return;
    w->timer_due = due;
    if (due == UINT64_MAX)
        uv_timer_stop(&w->seat->timer);
    else
        uv_timer_start(&w->seat->timer, on_timer, due > now ? due - now : 0, 0);
}

/* Whether there is something that must not wait for the next event. */
static bool unfinished(struct net_worker *w)
{
    if (w->unreachables || w->put_off || !inbox_empty(&w->inbox))
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
        loop_run_put_off(w);
        if (w->unreachables)
            tell_unreachable(w);
    } while (unfinished(w) && ++round < ROUNDS);
    if (round == ROUNDS)
        wake_write(w->wake_fd);
    set_timer(w);
}

void worker_leave(struct net_worker *w)
{
    struct list *seats = &w->seat->runner->seats;
    settle(w);
    for (struct list *at = seats->next; at != seats; at = at->next) {
        struct seat *s = container_of(at, struct seat, link);
        if (!s->busy)
            continue;
        s->busy = false;
        settle(s->worker);
    }
}

/* Says that it sleeps, then looks once more, as who pushes first looks whether we sleep. One of the
 * two sees the other. Who sleeps on while its thread does other work has said so before. */
void worker_before_sleep(struct net_worker *w)
{
    if (!w->unreachables && atomic_load_explicit(&w->asleep, memory_order_relaxed))
        return;
    atomic_store(&w->asleep, true);
    if (!unfinished(w))
        return;
    worker_enter(w);
    worker_leave(w);
    atomic_store(&w->asleep, true);
    if (unfinished(w))
        wake_write(w->wake_fd); /* busy: sockets and timers have a turn, then we come back */
}

/* -- begin and end ---------------------------------------------------------------------------- */

/* Lookups in progress end with the resolver. */
void worker_end(struct net_worker *w)
{
    if (w->ctx)
        settle(w);
    resolver_stop(w);
    if (w->ctx)
        w->net->ops.stop(w->ctx);
    w->ctx = NULL;
    outbox_flush(&w->seat->runner->outbox);
    poll_home_end(&w->polls);
    for (unsigned i = 0; i < w->net->sockets; i++)
        send_drop_backlog(&w->sockets[i]);
    seat_close(w->seat);
    uv_sem_post(&w->net->ended);
}

void worker_give_up(struct net_worker *w, int status)
{
    struct net *n = w->net;
    worker_end(w);
    atomic_store(&n->status, status);
    net_stop(n);
}

/* Nothing is delivered before handles and user are both there. */
void worker_begin(struct net_worker *w)
{
    const struct net_ops *ops = &w->net->ops;
    loop_init(w);
    w->now = uv_now(&w->seat->runner->loop);
    resolver_start(w);
    int rc = seat_open(w->seat);
    if (rc)
        log_err("worker %u: %s", w->index, uv_strerror(rc));
    else
        w->ctx = ops->start(ops->user, w->index, w, worker_now(w));
    if (!w->ctx) {
        worker_give_up(w, ERR_STATE);
        return;
    }
    worker_enter(w);
    worker_leave(w);
}

unsigned net_worker_index(const struct net_worker *w)
{
    return w->index;
}
