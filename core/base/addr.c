/* IP addresses and transports as text, as values and as socket addresses. */
/* SPDX-License-Identifier: MIT */
#include "core/base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "core/base/err.h"

const char *proto_name(enum proto p)
{
    switch (p) {
#define X(name, value, text)                                                                       \
    case PROTO_##name:                                                                             \
        return text;
        PROTO_LIST(X)
#undef X
    }
    return "?";
}

int proto_parse(struct str s)
{
#define X(name, value, text)                                                                       \
    if (str_ieq(s, STR(text)))                                                                     \
        return value;
    PROTO_LIST(X)
#undef X
    return str_eq(s, STR("*")) ? PROTO_ANY : -1;
}

/* Four numbers without leading zeros, as inet_pton takes them, without its copy: a call asks this
 * of some fifteen texts. */
static bool ip4_parse(uint8_t *out, struct str s)
{
    const char *p = s.p, *end = s.p + s.len;
    for (int i = 0; i < 4; i++) {
        unsigned n = p < end ? (unsigned)(*p++ - '0') : 10, d;
        if (n > 9)
            return false;
        while (p < end && (d = (unsigned)(*p - '0')) <= 9) {
            n = n ? n * 10 + d : 256; /* a zero stands alone */
            if (n > 255)
                return false;
            p++;
        }
        if (i < 3 && (p == end || *p++ != '.'))
            return false;
        out[i] = (uint8_t)n;
    }
    return p == end;
}

static bool ip6_parse(uint8_t *out, struct str s)
{
    char z[INET6_ADDRSTRLEN + 1];
    if (s.len < 2 || s.len >= sizeof z || str_find(s, ':', 0) < 0 || memchr(s.p, 0, s.len))
        return false;
    memcpy(z, s.p, s.len);
    z[s.len] = 0;
    return inet_pton(AF_INET6, z, out) == 1;
}

int ip_parse(struct ip *out, struct str s)
{
    memset(out, 0, sizeof *out);
    bool bracketed = s.len >= 2 && s.p[0] == '[' && s.p[s.len - 1] == ']';
    if (bracketed)
        s = str_sub(s, 1, s.len - 1);
    if (!bracketed && ip4_parse(out->b, s))
        out->family = 4;
    else if (ip6_parse(out->b, s))
        out->family = 6;
    return out->family ? ERR_OK : ERR_SYNTAX;
}

static size_t ip_bytes(const struct ip *ip)
{
    return ip->family == 4 ? 4 : ip->family == 6 ? 16 : 0;
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
    return a->family == b->family && memcmp(a->b, b->b, ip_bytes(a)) == 0;
}

bool ip_in(const struct ip *a, const struct ip *net, unsigned bits)
{
    if (a->family != net->family || bits > ip_bytes(a) * 8)
        return false;
    if (memcmp(a->b, net->b, bits / 8) != 0)
        return false;
    if (bits % 8 == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff00 >> (bits % 8));
    return (a->b[bits / 8] & mask) == (net->b[bits / 8] & mask);
}

/* inet_ntop goes through printf, 80 ns; every relayed message writes a few of these. */
static struct str ip4_text(char *buf, const uint8_t *b)
{
    char *p = buf;
    for (int i = 0; i < 4; i++) {
        if (i)
            *p++ = '.';
        if (b[i] >= 100)
            *p++ = (char)('0' + b[i] / 100);
        if (b[i] >= 10)
            *p++ = (char)('0' + b[i] / 10 % 10);
        *p++ = (char)('0' + b[i] % 10);
    }
    *p = 0;
    return str_make(buf, (size_t)(p - buf));
}

struct str ip_text(char *buf, const struct ip *ip)
{
    if (ip->family == 4)
        return ip4_text(buf, ip->b);
    buf[0] = 0;
    if (ip->family)
        inet_ntop(AF_INET6, ip->b, buf, IP_TEXT);
    return str_from(buf);
}

struct str ip_text_long(char *buf, const struct ip *ip)
{
    if (ip->family != 6)
        return ip_text(buf, ip);
    int n = 0;
    for (int i = 0; i < 16; i += 2)
        n += snprintf(buf + n, (size_t)(IP_TEXT - n), "%s%X", i ? ":" : "",
                      (unsigned)(ip->b[i] << 8 | ip->b[i + 1]));
    return str_make(buf, (size_t)n);
}

bool ip_is_any(const struct ip *ip)
{
    for (size_t i = 0; i < ip_bytes(ip); i++)
        if (ip->b[i])
            return false;
    return true;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return a->proto == b->proto && a->port == b->port && ip_eq(&a->ip, &b->ip);
}

struct str addr_text(char *buf, const struct addr *a)
{
    char ip[IP_TEXT];
    bool six = a->ip.family == 6;
    ip_text(ip, &a->ip);
    int n = snprintf(buf, ADDR_TEXT, "%s:%s%s%s:%u", proto_name(a->proto), six ? "[" : "", ip,
                     six ? "]" : "", a->port);
    return str_make(buf, (size_t)n);
}

socklen_t addr_to_sockaddr(struct sockaddr_storage *out, const struct addr *a)
{
    memset(out, 0, sizeof *out);
    if (a->ip.family == 6) {
        struct sockaddr_in6 *s6 = (struct sockaddr_in6 *)out;
        s6->sin6_family = AF_INET6;
        s6->sin6_port = htons(a->port);
        memcpy(&s6->sin6_addr, a->ip.b, 16);
        return sizeof *s6;
    }
    struct sockaddr_in *s4 = (struct sockaddr_in *)out;
    s4->sin_family = AF_INET;
    s4->sin_port = htons(a->port);
    memcpy(&s4->sin_addr, a->ip.b, 4);
    return sizeof *s4;
}

int addr_from_sockaddr(struct addr *out, const struct sockaddr *sa)
{
    memset(&out->ip, 0, sizeof out->ip);
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *s4 = (const struct sockaddr_in *)sa;
        out->ip.family = 4;
        memcpy(out->ip.b, &s4->sin_addr, 4);
        out->port = ntohs(s4->sin_port);
        return ERR_OK;
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *s6 = (const struct sockaddr_in6 *)sa;
        out->ip.family = 6;
        memcpy(out->ip.b, &s6->sin6_addr, 16);
        out->port = ntohs(s6->sin6_port);
        return ERR_OK;
    }
    return ERR_INVALID;
}
