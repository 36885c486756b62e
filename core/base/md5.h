/* MD5 (RFC 1321): what digest authentication and {s.md5} ask for; not a safe hash. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_MD5_H
#define BASE_MD5_H

#include "core/base/str.h"

enum { MD5_BYTES = 16 };

/* A text that comes in pieces. */
struct md5 {
    uint32_t word[4];
    uint64_t length;   /* bytes so far */
    uint8_t block[64]; /* the last of them that fill no block yet */
};

/* An empty text. */
void md5_begin(struct md5 *m);
/* Adds a piece to its end. */
void md5_add(struct md5 *m, struct str text);
/* The sum of all of it; m is of no use afterwards. */
void md5_end(struct md5 *m, uint8_t out[MD5_BYTES]);
/* MD5 of a text: 32 lower-case hexadecimal digits into out. */
void md5_hex(char *out, struct str text);

#endif
