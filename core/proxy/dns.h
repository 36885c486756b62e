/* What an engine knows of names: answers of the domain name system, kept for as long as they may
 * be, and questions under way. A question that several calls have is asked once.
 *
 * A name server that does not answer costs only who needs it, and no more than the deadline: the
 * questions under way are limited, and when so many in a row were not answered, the breaker opens
 * (core/base/service.h). Meanwhile, and when a question is not answered in time, an answer that has
 * expired is better than none (RFC 8767). */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_DNS_H
#define PROXY_DNS_H

#include "core/base/dns.h"
#include "core/base/hash.h"
#include "core/base/list.h"
#include "core/base/service.h"

struct engine;
struct dns_wait;

/* Told what came of a question; a lives as long as the call. */
typedef void (*dns_told)(struct dns_wait *w, const struct dns_answer *a);

/* Somebody who waits for an answer; lives inside its owner. */
struct dns_wait {
    struct list link; /* of the entry's; .next NULL: waits for nothing */
    dns_told told;
};

struct dns {
    struct htable entries;
    struct list used;   /* entries, the one not asked for longest first */
    struct list asking; /* entries whose question is under way, deadlines included */
    unsigned count;
    struct service service;
    bool inside;          /* a question is being put */
    uint64_t hits, stale; /* answers from memory; those of them that had expired */
};

enum { DNS_ENTRIES = 10000 }; /* names and types remembered; the oldest go */

/* Remembers nothing yet. ERR_NOMEM. */
int dns_init(struct engine *e);
/* Nobody may wait any more. */
void dns_free(struct engine *e);
/* What is known of a name, valid until the engine does anything else. NULL: w is told later; or,
 * with w NULL, the question is asked without anybody waiting (names that will be needed next). What
 * cannot be asked is an answer too: DNS_SILENT. */
const struct dns_answer *dns_look(struct engine *e, struct str name, enum dns_type type,
                                  struct dns_wait *w, dns_told told);
/* Waits no longer. Harmless when it does not wait. */
void dns_forget(struct dns_wait *w);

#endif
