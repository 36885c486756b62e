/* The load generator's sockets, and a quick look at headers. */
/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64 };

double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void die(const char *what)
{
    perror(what);
    exit(2);
}

int open_socket(unsigned short port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 8 << 20;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0)
        die("bind");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    return fd;
}

/* What waits to be sent in one system call, a party. */
static struct queue {
    unsigned n;
    struct mmsghdr msgs[BATCH];
    struct iovec iov[BATCH];
    char bytes[BATCH][BYTES];
} queue[PARTIES];

static void flush_party(struct load *l, enum party from)
{
    struct queue *q = &queue[from];
    struct pollfd p = {l->fd[from], POLLOUT, 0};
    for (unsigned at = 0; at < q->n;) {
        int n = sendmmsg(l->fd[from], q->msgs + at, q->n - at, 0);
        if (n > 0)
            at += (unsigned)n;
        else
            poll(&p, 1, 10); /* also after an ICMP error, which is told once */
    }
    q->n = 0;
}

void flush(struct load *l)
{
    for (unsigned i = 0; i < PARTIES; i++)
        if (queue[i].n)
            flush_party(l, (enum party)i);
}

void send_text(struct load *l, enum party from, const char *text, size_t len)
{
    struct queue *q = &queue[from];
    if (q->n == BATCH)
        flush_party(l, from);
    unsigned i = q->n++;
    memcpy(q->bytes[i], text, len);
    q->iov[i] = (struct iovec){q->bytes[i], len};
    q->msgs[i].msg_hdr = (struct msghdr){.msg_name = &l->proxy,
                                         .msg_namelen = sizeof l->proxy,
                                         .msg_iov = &q->iov[i],
                                         .msg_iovlen = 1};
}

int read_socket(struct load *l, enum party p, double now,
                void (*take)(struct load *l, enum party p, const char *msg, double now))
{
    static char bytes[BATCH][BYTES];
    struct mmsghdr m[BATCH];
    struct iovec v[BATCH];
    memset(m, 0, sizeof m);
    for (int i = 0; i < BATCH; i++) {
        v[i] = (struct iovec){bytes[i], BYTES - 1};
        m[i].msg_hdr.msg_iov = &v[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    int n = recvmmsg(l->fd[p], m, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        bytes[i][m[i].msg_len] = 0;
        take(l, p, bytes[i], now);
    }
    return n;
}

bool header(const char *msg, const char *name, char *out, size_t cap)
{
    const char *p = strstr(msg, name);
    if (!p)
        return false;
    p += strlen(name);
    size_t n = strcspn(p, "\r\n");
    if (n >= cap)
        n = cap - 1;
    memcpy(out, p, n);
    out[n] = 0;
    return true;
}

size_t copy_lines(const char *msg, const char *name, const char *as, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = 0;
    for (const char *p = msg; (p = strstr(p, name));) {
        p += strlen(name);
        len += (size_t)snprintf(out + len, cap - len, "%s%.*s\r\n", as, (int)strcspn(p, "\r\n"), p);
        if (len >= cap)
            die("a header is too long");
    }
    return len;
}
