/* Sums of texts that come in pieces: MD5 (RFC 1321), which digest authentication and {s.md5} ask
 * for and which is no safe hash; SHA-256 and SHA-512/256 (FIPS 180-4), for digest authentication
 * (RFC 8760) and nonces. OpenSSL's libcrypto makes them; only sum.c knows. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_SUM_H
#define BASE_SUM_H

#include "core/base/str.h"

enum sum_kind { SUM_MD5, SUM_SHA256, SUM_SHA512_256 };

enum { SUM_MOST = 32 }; /* bytes of the longest; MD5 has 16 */

/* A text so far. A copy of it goes on from the same place. Nothing is to be freed. */
struct sum {
    enum sum_kind kind;
    uint64_t state[27]; /* libcrypto's */
};

/* An empty text. */
void sum_begin(struct sum *s, enum sum_kind kind);
/* Adds a piece to its end. */
void sum_add(struct sum *s, struct str piece);
/* The sum of all of it: how many bytes of out it has. s is of no use afterwards. */
size_t sum_end(struct sum *s, uint8_t out[SUM_MOST]);

#endif
