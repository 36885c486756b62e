/* Sending: a queue a thread and listening address that goes out in one system call before the
 * thread sleeps, and a bounded backlog a socket for when the kernel takes no more. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/net/worker.h"

/* -- the backlog ------------------------------------------------------------------------------ */

static void backlog_add(struct udp *u, const struct addr *dst, struct str bytes)
{
    size_t size = sizeof(struct backlog_entry) + bytes.len;
    struct backlog_entry *e = NULL;
    if (u->backlog_bytes + size <= BACKLOG_BYTES)
        e = malloc(size);
    if (!e) {
        count_add(&u->worker->count.dropped, 1);
        return;
    }
    e->dst = *dst;
    e->len = bytes.len;
    if (bytes.len)
        memcpy(e->bytes, bytes.p, bytes.len);
    list_append(&u->backlog, &e->link);
    u->backlog_bytes += size;
    if (!u->wants_write) {
        u->wants_write = true;
        udp_watch(u);
    }
}

static void backlog_remove(struct udp *u, struct backlog_entry *e)
{
    list_remove(&e->link);
    u->backlog_bytes -= sizeof *e + e->len;
    free(e);
}

void send_drop_backlog(struct udp *u)
{
    while (!list_empty(&u->backlog))
        backlog_remove(u, container_of(u->backlog.next, struct backlog_entry, link));
    u->wants_write = false;
}

/* -- errors ----------------------------------------------------------------------------------- */

/* What sending says about its own datagram. Out of buffers says nothing about the destination. */
static void failed(struct udp *u, const struct addr *dst, int error)
{
    count_add(&u->worker->count.send_errors, 1);
    if (error != ENOBUFS && error != ENOMEM)
        worker_unreachable(u->worker, u->number, dst, false);
}

/* An error may be an older datagram's, reported now. So each is tried twice: true means again. */
static bool try_again(struct udp *u, bool *tried)
{
    if (errno == EINTR)
        return true;
    if (*tried)
        return false;
    *tried = true;
    icmp_drain(u);
    return true;
}

void send_backlog(struct udp *u)
{
    bool tried = false;
    while (!list_empty(&u->backlog)) {
        struct backlog_entry *e = container_of(u->backlog.next, struct backlog_entry, link);
        struct sockaddr_storage sa;
        socklen_t len = addr_to_sockaddr(&sa, &e->dst);
        ssize_t n = sendto(u->fd, e->bytes, e->len, MSG_DONTWAIT, (struct sockaddr *)&sa, len);
        int error = errno;
        if (n < 0 && error == EAGAIN)
            return;
        if (n < 0 && try_again(u, &tried))
            continue;
        if (n < 0)
            failed(u, &e->dst, error);
        else
            count_add(&u->worker->count.sent, 1);
        backlog_remove(u, e);
        tried = false;
    }
    u->wants_write = false;
    udp_watch(u);
}

/* -- the outbox ------------------------------------------------------------------------------- */

int outbox_init(struct outbox *o, unsigned listens)
{
    o->bytes = malloc(SEND_BYTES);
    o->queue = calloc(listens ? listens : 1, sizeof *o->queue);
    o->listens = listens;
    return o->bytes && o->queue ? ERR_OK : ERR_NOMEM;
}

void outbox_free(struct outbox *o)
{
    free(o->bytes);
    free(o->queue);
}

static void queued_dst(struct addr *out, const struct out_queue *q, unsigned i)
{
    addr_from_sockaddr(out, (const struct sockaddr *)&q->dst[i]);
    out->proto = PROTO_UDP;
}

/* What is queued from at on moves to the backlogs of those it is from. */
static void keep_rest(struct out_queue *q, unsigned at)
{
    for (; at < q->n; at++) {
        struct addr dst;
        queued_dst(&dst, q, at);
        backlog_add(q->from[at], &dst, str_make(q->bytes[at].iov_base, q->bytes[at].iov_len));
    }
}

/* The sockets of an address are as good as each other to send by: that of the first sends all. */
static void flush_queue(struct out_queue *q)
{
    bool tried = false;
    for (unsigned at = 0; at < q->n;) {
        struct udp *u = q->from[at];
        int n = sendmmsg(u->fd, q->out + at, q->n - at, MSG_DONTWAIT);
        int error = errno;
        if (n > 0) {
            at += (unsigned)n;
            count_add(&u->worker->count.sent, (uint64_t)n);
            tried = false;
        } else if (error == EAGAIN) {
            keep_rest(q, at);
            break;
        } else if (!try_again(u, &tried)) {
            struct addr dst;
            queued_dst(&dst, q, at++);
            failed(u, &dst, error);
            tried = false;
        }
    }
    q->n = 0;
}

void outbox_flush(struct outbox *o)
{
    if (!o->used)
        return;
    for (unsigned i = 0; i < o->listens; i++)
        if (o->queue[i].n)
            flush_queue(&o->queue[i]);
    o->used = 0;
}

static socklen_t fill_dst(struct sockaddr_in6 *out, const struct addr *a)
{
    if (a->ip.family == 6) {
        *out = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
        memcpy(&out->sin6_addr, a->ip.b, 16);
        return sizeof *out;
    }
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(a->port)};
    memcpy(&four.sin_addr, a->ip.b, 4);
    memcpy(out, &four, sizeof four);
    return sizeof four;
}

static void enqueue(struct outbox *o, struct udp *u, const struct addr *dst, struct str bytes)
{
    struct out_queue *q = &o->queue[u->number];
    unsigned i = q->n++;
    char *copy = o->bytes + o->used;
    memcpy(copy, bytes.p, bytes.len);
    o->used += bytes.len;
    q->from[i] = u;
    q->bytes[i] = (struct iovec){copy, bytes.len};
    q->out[i].msg_hdr = (struct msghdr){.msg_name = &q->dst[i],
                                        .msg_namelen = fill_dst(&q->dst[i], dst),
                                        .msg_iov = &q->bytes[i],
                                        .msg_iovlen = 1};
}

void net_send(struct net_worker *w, uint16_t socket, const struct addr *dst, struct str bytes)
{
    if (socket >= w->net->listens || bytes.len == 0 || bytes.len > DATAGRAM_MAX) {
        count_add(&w->count.send_errors, 1);
        return;
    }
    struct udp *u = &w->sockets[socket];
    struct outbox *o = &w->seat->runner->outbox;
    if (dst->ip.family != w->net->listen[socket].ip.family || dst->port == 0) {
        failed(u, dst, EINVAL);
        return;
    }
    if (o->queue[socket].n == SEND_BATCH || o->used + bytes.len > SEND_BYTES)
        outbox_flush(o);
    if (list_empty(&u->backlog))
        enqueue(o, u, dst, bytes);
    else
        backlog_add(u, dst, bytes);
}
