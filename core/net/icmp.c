/* ICMP errors: an unconnected UDP socket learns that nobody listens only from its error queue. */
/* SPDX-License-Identifier: MIT */
#include <time.h>

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>

#include "core/base/err.h"
#include "core/net/worker.h"

enum { DRAIN = 64 }; /* reports read at once; the kernel wakes us for the rest */

void icmp_enable(int fd, bool six)
{
    int on = 1;
    setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_RECVERR : IP_RECVERR, &on,
               sizeof on);
}

/* RFC 3261 18.4: unreachable and parameter problem count, time exceeded and source quench do not.
 * "Fragmentation needed" arrives as unreachable too, but the kernel acts on it itself. */
static bool is_fatal(const struct sock_extended_err *e)
{
    if (e->ee_origin == SO_EE_ORIGIN_ICMP)
        return (e->ee_type == ICMP_DEST_UNREACH && e->ee_code != ICMP_FRAG_NEEDED) ||
               e->ee_type == ICMP_PARAMETERPROB;
    if (e->ee_origin == SO_EE_ORIGIN_ICMP6)
        return e->ee_type == ICMPV6_DEST_UNREACH || e->ee_type == ICMPV6_PARAMPROB;
    return false;
}

static const struct sock_extended_err *find_error(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
            return (const void *)CMSG_DATA(c);
    return NULL;
}

void icmp_drain(struct udp *u)
{
    _Alignas(struct cmsghdr) char control[512];
    struct sockaddr_storage dst;
    for (unsigned i = 0; i < DRAIN; i++) {
        struct msghdr m = {.msg_name = &dst,
                           .msg_namelen = sizeof dst,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
        if (recvmsg(u->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
        const struct sock_extended_err *e = find_error(&m);
        struct addr a = {.proto = PROTO_UDP};
        if (e && is_fatal(e) && addr_from_sockaddr(&a, (struct sockaddr *)&dst) == ERR_OK)
            worker_unreachable(u->worker, u->number, &a, true);
    }
}
