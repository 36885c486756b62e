/* Which of several workers a call belongs to, by the beginning of its Call-ID. A function simple
 * enough for the kernel to compute it too (core/net/steer.c); drawn at start, so that nobody can
 * aim all calls at one worker. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_SPREAD_H
#define BASE_SPREAD_H

#include "core/base/hash.h"

/* So many bytes count, up to the first that is not above a blank. */
enum { SPREAD_BYTES = 30 };

struct spread {
    uint32_t start, factor; /* factor is odd */
};

/* One drawn from a key, of which it tells nothing. */
struct spread spread_from(struct hash_key key);
/* The owner among n workers; n is above 0. */
unsigned spread_owner(const struct spread *s, struct str call_id, unsigned n);

/* The last steps: the sums of neighbouring texts are close to each other. */
enum { SPREAD_SHIFT_1 = 15, SPREAD_SHIFT_2 = 12 };
#define SPREAD_FACTOR 0x2c1b3c6du

#endif
