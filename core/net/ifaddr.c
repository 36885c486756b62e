/* Addresses of this machine: what listen= means, and from where a packet would leave. */
/* SPDX-License-Identifier: MIT */
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/net/net.h"

struct expansion {
    struct addr *out;
    unsigned max, n;
    uint16_t port;
    uint8_t proto;
    bool full; /* more than max */
};

static void expansion_add(struct expansion *x, const struct sockaddr *sa)
{
    struct addr a = {.proto = x->proto};
    if (addr_from_sockaddr(&a, sa) != ERR_OK)
        return;
    a.port = x->port;
    for (unsigned i = 0; i < x->n; i++)
        if (addr_eq(&x->out[i], &a))
            return;
    if (x->n < x->max)
        x->out[x->n++] = a;
    else
        x->full = true;
}

/* Link-local IPv6 addresses need a zone, which struct addr does not have. */
static bool is_link_local(const struct sockaddr *sa)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)sa;
    return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr);
}

/* Adds the addresses of one family that the named interface has, or all interfaces that are up when
 * name is empty. */
static void add_interfaces(struct expansion *x, const struct ifaddrs *list, struct str name,
                           int family)
{
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != family || !(i->ifa_flags & IFF_UP))
            continue;
        if ((name.len && !str_eq(name, str_from(i->ifa_name))) || is_link_local(i->ifa_addr))
            continue;
        expansion_add(x, i->ifa_addr);
    }
}

/* As the reference: interface names come first and stand for their IPv4 addresses; one that has
 * only IPv6 stands for those. */
static void expand_interface(struct expansion *x, struct str name)
{
    struct ifaddrs *list;
    if (getifaddrs(&list) != 0)
        return;
    add_interfaces(x, list, name, AF_INET);
    if (x->n == 0 && name.len)
        add_interfaces(x, list, name, AF_INET6);
    freeifaddrs(list);
}

/* Only the first address, as the reference: the others are seldom this machine's. */
static void expand_host(struct expansion *x, struct str name)
{
    char z[256];
    struct addrinfo *list, hints = {.ai_socktype = SOCK_DGRAM};
    if (name.len == 0 || name.len >= sizeof z || memchr(name.p, 0, name.len))
        return;
    memcpy(z, name.p, name.len);
    z[name.len] = 0;
    hints.ai_family = AF_INET;
    if (getaddrinfo(z, NULL, &hints, &list) != 0) {
        hints.ai_family = AF_INET6;
        if (getaddrinfo(z, NULL, &hints, &list) != 0)
            return;
    }
    expansion_add(x, list->ai_addr);
    freeaddrinfo(list);
}

int net_expand(struct addr *out, unsigned max, struct str host, uint16_t port, enum proto proto)
{
    struct expansion x = {.out = out, .max = max, .port = port, .proto = (uint8_t)proto};
    struct addr one = {.port = port, .proto = (uint8_t)proto};
    if (host.len && ip_parse(&one.ip, host) == ERR_OK) {
        if (max == 0)
            return ERR_LIMIT;
        out[0] = one;
        return 1;
    }
    expand_interface(&x, host);
    if (x.n == 0)
        expand_host(&x, host);
    if (x.full)
        return ERR_LIMIT;
    return x.n ? (int)x.n : ERR_NOTFOUND;
}

int net_source_for(struct ip *out, const struct addr *dst)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&sa, dst);
    struct addr found = {0};
    int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_NOROUTE;
    /* connecting a UDP socket sends nothing: it looks up the route and fixes the source */
    int rc = connect(fd, (struct sockaddr *)&sa, len);
    len = sizeof sa;
    if (rc == 0)
        rc = getsockname(fd, (struct sockaddr *)&sa, &len);
    close(fd);
    if (rc != 0 || addr_from_sockaddr(&found, (struct sockaddr *)&sa) != ERR_OK)
        return ERR_NOROUTE;
    *out = found.ip;
    return ERR_OK;
}
