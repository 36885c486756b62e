/* Writes responses of name servers, for tests of those who read them. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DNS_BYTES_H
#define TESTS_DNS_BYTES_H

#include <stdint.h>
#include <string.h>

#include "core/base/dns.h"

#define DNS_FN static __attribute__((unused))

struct dns_bytes {
    uint8_t p[2048];
    size_t n;
    size_t length_at; /* of the record at hand */
};

DNS_FN void dns_u16(struct dns_bytes *b, unsigned v)
{
    b->p[b->n++] = (uint8_t)(v >> 8);
    b->p[b->n++] = (uint8_t)v;
}

DNS_FN void dns_u32(struct dns_bytes *b, uint32_t v)
{
    dns_u16(b, v >> 16);
    dns_u16(b, v & 0xffff);
}

DNS_FN void dns_text(struct dns_bytes *b, const char *text, size_t n)
{
    b->p[b->n++] = (uint8_t)n;
    memcpy(b->p + b->n, text, n);
    b->n += n;
}

/* A name in dots, uncompressed. */
DNS_FN void dns_name(struct dns_bytes *b, const char *name)
{
    while (*name) {
        size_t n = strcspn(name, ".");
        dns_text(b, name, n);
        name += n + (name[n] == '.');
    }
    b->p[b->n++] = 0;
}

/* The header and one question. counts: answers, authorities. */
DNS_FN void dns_begin(struct dns_bytes *b, unsigned id, unsigned rcode, const char *name,
                      unsigned type, unsigned answers, unsigned authorities)
{
    b->n = 0;
    dns_u16(b, id);
    dns_u16(b, 0x8180 | rcode);
    dns_u16(b, 1);
    dns_u16(b, answers);
    dns_u16(b, authorities);
    dns_u16(b, 0);
    dns_name(b, name);
    dns_u16(b, type);
    dns_u16(b, 1);
}

/* The head of a record; its data follows, then dns_end. */
DNS_FN void dns_record(struct dns_bytes *b, const char *owner, unsigned type, uint32_t ttl)
{
    if (owner)
        dns_name(b, owner);
    else
        dns_u16(b, 0xc00c); /* the name of the question */
    dns_u16(b, type);
    dns_u16(b, 1);
    dns_u32(b, ttl);
    b->length_at = b->n;
    dns_u16(b, 0);
}

DNS_FN void dns_end(struct dns_bytes *b)
{
    size_t n = b->n - b->length_at - 2;
    b->p[b->length_at] = (uint8_t)(n >> 8);
    b->p[b->length_at + 1] = (uint8_t)n;
}

DNS_FN void dns_a(struct dns_bytes *b, const char *owner, uint32_t ttl, uint32_t address)
{
    dns_record(b, owner, DNS_A, ttl);
    dns_u32(b, address);
    dns_end(b);
}

DNS_FN void dns_srv(struct dns_bytes *b, uint32_t ttl, unsigned priority, unsigned weight,
                    unsigned port, const char *target)
{
    dns_record(b, NULL, DNS_SRV, ttl);
    dns_u16(b, priority);
    dns_u16(b, weight);
    dns_u16(b, port);
    dns_name(b, target);
    dns_end(b);
}

DNS_FN void dns_naptr(struct dns_bytes *b, unsigned order, unsigned preference, const char *flag,
                      const char *service, const char *replacement)
{
    dns_record(b, NULL, DNS_NAPTR, 60);
    dns_u16(b, order);
    dns_u16(b, preference);
    dns_text(b, flag, strlen(flag));
    dns_text(b, service, strlen(service));
    dns_text(b, "", 0);
    dns_name(b, replacement);
    dns_end(b);
}

DNS_FN void dns_soa(struct dns_bytes *b, uint32_t ttl, uint32_t minimum)
{
    dns_record(b, "example.com", 6, ttl);
    dns_name(b, "ns.example.com");
    dns_name(b, "admin.example.com");
    for (unsigned i = 0; i < 4; i++)
        dns_u32(b, i);
    dns_u32(b, minimum);
    dns_end(b);
}

DNS_FN struct str dns_str(const struct dns_bytes *b)
{
    return str_make((const char *)b->p, b->n);
}

#endif
