/* The floor under a benchmark: what the kernel takes for the datagrams of the basic call when
 * nobody looks into them. What comes from the caller's port goes to the callee's, all else to the
 * caller's, in batches; an INVITE is answered too, as a proxy answers 100.
 *
 *     floor PORT CALLER CALLEE
 */
/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 32, BYTES = 4096, ANSWER = 300 };

struct relay {
    struct mmsghdr in[BATCH], out[2 * BATCH];
    struct iovec in_bytes[BATCH], out_bytes[2 * BATCH];
    struct sockaddr_in src[BATCH], caller, callee;
    char bytes[BATCH][BYTES];
};

static struct sockaddr_in loopback(const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static void put(struct relay *r, unsigned n, char *bytes, size_t len, struct sockaddr_in *dst)
{
    r->out_bytes[n] = (struct iovec){bytes, len};
    r->out[n].msg_hdr = (struct msghdr){
        .msg_name = dst, .msg_namelen = sizeof *dst, .msg_iov = &r->out_bytes[n], .msg_iovlen = 1};
}

static void pass_on(struct relay *r, int fd, unsigned n)
{
    unsigned out = 0;
    for (unsigned i = 0; i < n; i++) {
        size_t len = r->in[i].msg_len;
        int from_caller = r->src[i].sin_port == r->caller.sin_port;
        put(r, out++, r->bytes[i], len, from_caller ? &r->callee : &r->caller);
        if (from_caller && len > ANSWER && memcmp(r->bytes[i], "INVITE", 6) == 0)
            put(r, out++, r->bytes[i], ANSWER, &r->caller);
    }
    for (unsigned at = 0; at < out;) {
        int sent = sendmmsg(fd, r->out + at, out - at, 0);
        at += sent > 0 ? (unsigned)sent : 1;
    }
}

int main(int argc, char **argv)
{
    static struct relay r;
    if (argc != 4) {
        fputs("usage: floor PORT CALLER CALLEE\n", stderr);
        return 2;
    }
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 8 << 20;
    struct sockaddr_in self = loopback(argv[1]);
    r.caller = loopback(argv[2]);
    r.callee = loopback(argv[3]);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof self) != 0) {
        perror("floor");
        return 2;
    }
    for (unsigned i = 0; i < BATCH; i++) {
        r.in_bytes[i] = (struct iovec){r.bytes[i], BYTES};
        r.in[i].msg_hdr = (struct msghdr){.msg_name = &r.src[i],
                                          .msg_namelen = sizeof r.src[i],
                                          .msg_iov = &r.in_bytes[i],
                                          .msg_iovlen = 1};
    }
    for (;;) {
        int n = recvmmsg(fd, r.in, BATCH, MSG_WAITFORONE, NULL);
        if (n > 0)
            pass_on(&r, fd, (unsigned)n);
    }
}
