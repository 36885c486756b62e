/* The new requests that were turned away, of late: a set of hashes of their bytes. A repeat over
 * UDP is the same bytes again (RFC 3261 17.1.1.2), so it is known before it is parsed. Of fixed
 * size: who comes pushes out who came longest ago; then a repeat looks new, no more. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_TURNED_H
#define PROXY_TURNED_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TURNED_SETS = 65536, /* by the low bits of the hash; 1 MB in all */
    TURNED_WAYS = 4,     /* in each, the latest first */
};

/* Zeroed memory is one without room, which remembers nobody. */
struct turned {
    uint32_t (*set)[TURNED_WAYS];
};

/* Makes room, if there is none and memory allows. */
void turned_begin(struct turned *t);
void turned_free(struct turned *t);
/* Remembers it, as the latest. hash: keyed, that nobody can make others look turned away. */
void turned_add(struct turned *t, uint64_t hash);
/* Whether it is remembered; one stranger in four billion looks so, times four. */
bool turned_has(const struct turned *t, uint64_t hash);

#endif
