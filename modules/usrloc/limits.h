/* How many contacts there may be in memory: of all users, of one source address, and while the
 * database does not take them. A flood of REGISTERs with made-up users ends here: who is registered
 * already can always refresh. Any thread. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_LIMITS_H
#define USRLOC_LIMITS_H

#include "core/module.h"

struct limits;

/* On whose behalf contacts are added, and how many there may be; 0: no limit. */
struct limits_claim {
    struct ip source;
    uint16_t slot; /* that counts this source: see limits_slot */
    int64_t total, of_source, unwritten;
    int64_t waiting; /* contacts that the database has not got */
    uint32_t now;    /* s since 1970 */
};

/* NULL without memory. */
struct limits *limits_new(void);
void limits_free(struct limits *l);
/* The number under which contacts of an address are counted: of an IPv6 address that of its /64,
 * which is what one subscriber has. 0, which is not counted, for no address. Two sources share a
 * number by chance only: it comes from a keyed hash. */
uint16_t limits_slot(struct hash_key key, const struct ip *source);
/* Whether n more contacts may be added. If not, the log says why, once a minute. */
bool limits_admit(struct limits *l, const struct limits_claim *claim, unsigned n);
/* Contacts have come (n > 0) or gone, of a source's number. */
void limits_count(struct limits *l, uint16_t slot, int n);

#endif
