/* Answers of the domain name system (RFC 1035, 2782, 3403): what a question is, what an answer
 * says, and reading one from the bytes of a name server. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_DNS_H
#define BASE_DNS_H

#include "core/base/addr.h"
#include "core/base/arena.h"

/* The number of a type is that on the wire. */
enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33, DNS_NAPTR = 35 };

enum {
    DNS_NAME = 255,             /* bytes of a name in dots, at most */
    DNS_RECORDS = 32,           /* of an answer that are looked at */
    DNS_LONGEST = 86400,        /* s an answer is believed at most */
    DNS_LONGEST_NEGATIVE = 300, /* the same for "there is none" */
};

enum dns_status {
    DNS_FOUND,
    DNS_NONE,   /* there is no such name, or it has no such records */
    DNS_BROKEN, /* the server cannot say: SERVFAIL, REFUSED, no sense in its answer */
    DNS_SILENT, /* no server has answered */
};

/* One record; which fields count is the type's matter. */
struct dns_record {
    struct ip ip;             /* A, AAAA */
    uint16_t order, weight;   /* SRV: priority, weight; NAPTR: order, preference */
    uint16_t port;            /* SRV */
    char flag;                /* NAPTR: 's', 'a', ... in lower case, 0 for none */
    struct str service, name; /* NAPTR: service, replacement; SRV: target. Without a final dot, the
                                 root is empty */
};

struct dns_answer {
    enum dns_status status;
    uint32_t ttl; /* s */
    unsigned n;
    struct dns_record *record;
};

/* Explains the response to a question about name; an empty name is that of the question in the
 * response. What is for another name, and records beyond DNS_RECORDS,
 * are left out; CNAMEs are followed. Texts are copied into a. bytes may be anything: the status is
 * DNS_BROKEN when they make no sense. ERR_NOMEM. */
int dns_parse(struct dns_answer *out, struct arena *a, struct str name, enum dns_type type,
              struct str bytes);
/* "A", "SRV", ... */
const char *dns_type_name(enum dns_type t);
/* Copies an answer with its texts into a. ERR_NOMEM. */
int dns_answer_copy(struct dns_answer *out, const struct dns_answer *in, struct arena *a);

#endif
