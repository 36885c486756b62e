/* Where packets come from and go to: transport, IP address, port. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/base/arena.h"
#include "core/base/str.h"

/* Row: name, number the scripts see ($pr), text. */
#define PROTO_LIST(X)                                                                              \
    X(ANY, 0, "any") X(UDP, 1, "udp") X(TCP, 2, "tcp") X(TLS, 3, "tls") X(SCTP, 4, "sctp")

enum proto {
#define X(name, value, text) PROTO_##name = value,
    PROTO_LIST(X)
#undef X
};

/* An IPv4 or IPv6 address; family 0 is "none". */
struct ip {
    uint8_t family; /* 0, 4 or 6 */
    uint8_t b[16];  /* network order; IPv4 uses the first four */
};

/* One end of a transport. */
struct addr {
    struct ip ip;
    uint16_t port; /* host order */
    uint8_t proto; /* enum proto */
};

enum { IP_TEXT = 48, ADDR_TEXT = 64 };

const char *proto_name(enum proto p); /* lower case */
/* By name in any case; PROTO_ANY for "any" and *; -1 when unknown. */
int proto_parse(struct str s);

/* "192.0.2.1", "2001:db8::1" or "[2001:db8::1]"; ERR_SYNTAX otherwise. Strict: no octal, no zone.
 */
int ip_parse(struct ip *out, struct str s);
bool ip_eq(const struct ip *a, const struct ip *b);
/* Whether a lies in net/bits; different families never match. */
bool ip_in(const struct ip *a, const struct ip *net, unsigned bits);
/* Canonical text, IPv6 without brackets; buf holds IP_TEXT bytes. Returns a view of buf. */
struct str ip_text(char *buf, const struct ip *ip);
/* As the reference prints $si: IPv6 as eight upper-case groups without leading zeros. */
struct str ip_text_long(char *buf, const struct ip *ip);
bool ip_is_any(const struct ip *ip);

/* Same transport, address and port. */
bool addr_eq(const struct addr *a, const struct addr *b);
/* "udp:192.0.2.1:5060", IPv6 in brackets; buf holds ADDR_TEXT bytes. */
struct str addr_text(char *buf, const struct addr *a);
/* Conversion to and from what the kernel takes; the length is returned. proto is not part of it. */
socklen_t addr_to_sockaddr(struct sockaddr_storage *out, const struct addr *a);
int addr_from_sockaddr(struct addr *out, const struct sockaddr *sa);

#endif
