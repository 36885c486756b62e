/* UDP sockets: opening, and receiving in batches. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/net/worker.h"

/* -- receiving -------------------------------------------------------------------------------- */

/* Only the pages that datagrams reach are ever real memory: some KB, not 2 MB, a worker. */
struct receive_ring *receive_ring_new(void)
{
    struct receive_ring *r = calloc(1, sizeof *r);
    char *memory = malloc((size_t)BATCH * DATAGRAM_STEP);
    if (!r || !memory) {
        free(memory);
        free(r);
        return NULL;
    }
    r->memory = memory;
    for (size_t i = 0; i < BATCH; i++) {
        r->iov[i] = (struct iovec){memory + i * DATAGRAM_STEP, DATAGRAM_MAX};
        r->msgs[i].msg_hdr.msg_iov = &r->iov[i];
        r->msgs[i].msg_hdr.msg_iovlen = 1;
        r->msgs[i].msg_hdr.msg_name = &r->src[i];
        r->msgs[i].msg_hdr.msg_namelen = sizeof r->src[i];
    }
    return r;
}

void receive_ring_free(struct receive_ring *r)
{
    if (r)
        free(r->memory);
    free(r);
}

/* Datagram i of a batch; false when it is none of use. */
static bool take(struct udp *u, unsigned i, struct packet *p)
{
    struct receive_ring *r = u->worker->ring;
    struct mmsghdr *m = &r->msgs[i];
    *p = (struct packet){.bytes = str_make(r->iov[i].iov_base, m->msg_len), .socket = u->number};
    p->src.proto = PROTO_UDP;
    bool known = addr_from_sockaddr(&p->src, (const struct sockaddr *)&r->src[i]) == ERR_OK;
    m->msg_hdr.msg_namelen = sizeof r->src[i];
    if (known && !(m->msg_hdr.msg_flags & MSG_TRUNC))
        return true;
    count_add(&u->worker->count.dropped, 1);
    return false;
}

/* ---- how long they waited ---- */

void udp_measure(struct udp *u)
{
    int on = 1;
    u->measured = setsockopt(u->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0;
    setsockopt(u->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
}

/* When the first of a batch, which waited longest, came, us since 1970; the kernel's drops are
 * counted. */
static uint64_t came(struct udp *u)
{
    struct net_worker *w = u->worker;
    struct msghdr *m = &w->ring->msgs[0].msg_hdr;
    uint64_t at = w->wall_us;
    uint32_t drops = u->drops;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct timespec ts;
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&ts, CMSG_DATA(c), sizeof ts);
            at = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
        } else if (c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&drops, CMSG_DATA(c), sizeof drops);
        }
    }
    count_add(&w->count.kernel_drops, drops - u->drops);
    u->drops = drops;
    return at;
}

/* The clock may have been set since: what is in the future has not waited. */
static void tell_wait(struct net_worker *w, uint64_t at, uint64_t clock, uint32_t dropped)
{
    uint64_t waited = at < clock ? clock - at : 0;
    struct net_queue q = {.clock = clock, .dropped = dropped};
    q.waited = waited < UINT32_MAX ? (uint32_t)waited : UINT32_MAX;
    if (q.waited > PRESSING_US)
        gather_press(w);
    if (w->net->ops.queued)
        worker_queued(w, &q);
}

/* ---- batches ---- */

/* How many came in one system call, and since when the first waited; below 0: an ICMP error was
 * there instead, and what was received waits behind it. */
static int receive_batch(struct udp *u, uint64_t *at)
{
    struct net_worker *w = u->worker;
    struct msghdr *first = &w->ring->msgs[0].msg_hdr;
    first->msg_control = u->measured ? w->ring->control : NULL;
    first->msg_controllen = u->measured ? sizeof w->ring->control : 0;
    int n = recvmmsg(u->fd, w->ring->msgs, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n < 0) {
        icmp_drain(u);
        return n;
    }
    count_add(&w->count.batches, 1);
    count_add(&w->count.received, (uint64_t)n);
    *at = u->measured && n > 0 ? came(u) : w->wall_us;
    return n;
}

static void receive(struct udp *u)
{
    struct net_worker *w = u->worker;
    struct packet p;
    uint64_t at;
    uint32_t drops = u->drops;
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        int n = receive_batch(u, &at);
        if (u->measured && n > 0)
            tell_wait(w, at, w->wall_us, u->drops - drops);
        drops = u->drops;
        for (int i = 0; i < n; i++)
            if (take(u, (unsigned)i, &p))
                worker_deliver(w, &p);
        if (n >= 0 && n < BATCH)
            return;
    }
    gather_press(w);
}

/* ---- new requests ---- */

/* Behind those who wait. */
static void keep(struct net_worker *w, uint64_t at, const struct packet *p)
{
    if (room_add(&w->room, at, &p->src, p->socket, p->bytes))
        return;
    count_add(&w->count.dropped, 1);
    w->drops_untold++;
}

/* The first of those that come when nobody waits are served at once, without a copy; all else is
 * read, so that the kernel need not drop it unseen. What it drops nevertheless came in one burst,
 * and says nothing of how long anyone waits: it is counted, but not told. */
static void receive_new(struct udp *u)
{
    struct net_worker *w = u->worker;
    struct packet p;
    uint64_t at;
    bool waited = w->room.count;
    int served = waited ? NEW_BATCH : 0, n = BATCH;
    for (unsigned batch = 0; batch < NEW_BATCHES && (n < 0 || n == BATCH); batch++) {
        n = receive_batch(u, &at);
        if (n > 0 && served < NEW_BATCH)
            tell_wait(w, at, w->wall_us, 0);
        for (int i = 0; i < n; i++) {
            if (!take(u, (unsigned)i, &p))
                continue;
            if (served++ < NEW_BATCH)
                worker_deliver(w, &p);
            else
                keep(w, at, &p);
        }
    }
    if (w->room.count && !waited)
        wake_write(w->wake_fd);
}

/* Each tells how long it waited: what is done with one decides about the next. */
void udp_serve_room(struct net_worker *w)
{
    const struct room_entry *e;
    uint64_t now = w->wall_us, until = now + NEW_TURN_US;
    while (now < until && (e = room_first(&w->room))) {
        struct packet p = {str_make(e->bytes, e->len), e->src, e->socket};
        tell_wait(w, e->came, now, w->drops_untold);
        w->drops_untold = 0;
        worker_deliver(w, &p);
        room_next(&w->room);
        now = wall_clock_us();
    }
    if (w->room.count)
        wake_write(w->wake_fd);
}

/* libuv reports a socket with an error pending as UV_EBADF and stops watching it. */
static void on_socket(uv_poll_t *p, int status, int events)
{
    struct udp *u = p->data;
    worker_enter(u->worker);
    if (status < 0) {
        icmp_drain(u);
        events = UV_READABLE | UV_WRITABLE;
        udp_watch(u);
    }
    if ((events & UV_WRITABLE) && u->wants_write)
        send_backlog(u);
    if (events & UV_READABLE)
        (u->fresh ? receive_new : receive)(u);
    worker_leave(u->worker);
}

void udp_watch(struct udp *u)
{
    uv_poll_start(u->poll, UV_READABLE | (u->wants_write ? UV_WRITABLE : 0), on_socket);
}

int udp_sit(struct udp *u, uv_loop_t *loop, uv_poll_t *poll)
{
    int rc = uv_poll_init(loop, poll, u->fd);
    if (rc == 0) {
        poll->data = u;
        u->poll = poll;
        udp_watch(u);
    }
    return rc;
}

/* -- opening ---------------------------------------------------------------------------------- */

/* More than net.core.rmem_max needs CAP_NET_ADMIN; without it the kernel gives what it may. */
static void set_receive_buffer(int fd, int bytes)
{
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

/* Settings without which we can still work: failures are ignored. */
static void set_options(int fd, bool six, const struct net_config *c)
{
    int fragment =
        six ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT; /* large messages must get through */
    int level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    setsockopt(fd, level, six ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &fragment, sizeof fragment);
    if (c->tos >= 0)
        setsockopt(fd, level, six ? IPV6_TCLASS : IP_TOS, &c->tos, sizeof c->tos);
    if (c->receive_buffer > 0)
        set_receive_buffer(fd, c->receive_buffer);
    icmp_enable(fd, six);
}

/* A second instance must be refused, yet our workers share the port. So the first socket binds
 * without SO_REUSEPORT, which fails if anyone has the port, and turns it on afterwards: from then
 * on our others may join, as they set it before they bind, while another instance's first may not.
 * Unlike a probe that is closed again this leaves no moment in which two can slip in. */
static int bind_shared(int fd, const struct addr *a, bool first, bool shared)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&sa, a);
    int on = 1;
    if (!first && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&sa, len) < 0)
        return -1;
    if (first && shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        return -1;
    return 0;
}

static int learn_port(int fd, struct addr *a)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        return -1;
    return addr_from_sockaddr(a, (struct sockaddr *)&sa) == ERR_OK ? 0 : -1;
}

int udp_open(struct addr *a, const struct net_config *c, bool first, bool shared)
{
    bool six = a->ip.family == 6;
    int on = 1;
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_options(fd, six, c);
    if ((six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        bind_shared(fd, a, first, shared) < 0 || learn_port(fd, a) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}
