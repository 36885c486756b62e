/* SHA-256 and SHA-512/256 (FIPS 180-4), for digest authentication (RFC 8760) and nonces. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_SHA2_H
#define BASE_SHA2_H

#include "core/base/str.h"

enum { SHA256_BYTES = 32, SHA512_256_BYTES = 32 };

/* A text that comes in pieces. A copy of it goes on from the same place. */
struct sha256 {
    uint32_t word[8];
    uint64_t length;   /* bytes so far */
    uint8_t block[64]; /* the last of them that fill no block yet */
};

struct sha512 {
    uint64_t word[8];
    uint64_t length;
    uint8_t block[128];
};

/* An empty text; add a piece to its end; the sum of all of it, after which s is of no use. */
void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, struct str text);
void sha256_end(struct sha256 *s, uint8_t out[SHA256_BYTES]);

/* The same for SHA-512/256: SHA-512 with its own initial words, cut to 32 bytes. */
void sha512_256_begin(struct sha512 *s);
void sha512_256_add(struct sha512 *s, struct str text);
void sha512_256_end(struct sha512 *s, uint8_t out[SHA512_256_BYTES]);

#endif
