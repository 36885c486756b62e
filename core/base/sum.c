/* Sums by OpenSSL's libcrypto. */
/* SPDX-License-Identifier: MIT */

/* The functions of each sum, not the EVP interface that 3.0 wants in their place: an EVP context is
 * on the heap, EVP_DigestInit_ex2 of 3.0 allocates once more for each text, and a sum of 90 bytes
 * takes it 45 ns longer (MD5: 213 instead of 174, SHA-256: 120 instead of 72), where digest
 * authentication makes three of a request. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/base/sum.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

enum { SHA512_256_BYTES = 32 };

_Static_assert(sizeof(SHA512_CTX) <= sizeof((struct sum *)NULL)->state &&
                   sizeof(SHA256_CTX) <= sizeof((struct sum *)NULL)->state &&
                   sizeof(MD5_CTX) <= sizeof((struct sum *)NULL)->state,
               "room for each of them");

/* libcrypto has SHA-512/256 for EVP only; it is SHA-512 from these words on, cut (FIPS 180-4,
 * 5.3.6.2). */
static void sha512_256_init(SHA512_CTX *c)
{
    static const SHA_LONG64 first[8] = {0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151,
                                        0x963877195940eabd, 0x96283ee2a88effe3, 0xbe5e1e2553863992,
                                        0x2b0199fc2c85b8aa, 0x0eb72ddc81c52ca2};
    SHA512_Init(c);
    memcpy(c->h, first, sizeof first);
    c->md_len = SHA512_256_BYTES;
}

void sum_begin(struct sum *s, enum sum_kind kind)
{
    s->kind = kind;
    if (kind == SUM_MD5)
        MD5_Init((MD5_CTX *)s->state);
    else if (kind == SUM_SHA256)
        SHA256_Init((SHA256_CTX *)s->state);
    else
        sha512_256_init((SHA512_CTX *)s->state);
}

void sum_add(struct sum *s, struct str piece)
{
    if (s->kind == SUM_MD5)
        MD5_Update((MD5_CTX *)s->state, piece.p, piece.len);
    else if (s->kind == SUM_SHA256)
        SHA256_Update((SHA256_CTX *)s->state, piece.p, piece.len);
    else
        SHA512_Update((SHA512_CTX *)s->state, piece.p, piece.len);
}

size_t sum_end(struct sum *s, uint8_t out[SUM_MOST])
{
    if (s->kind == SUM_MD5) {
        MD5_Final(out, (MD5_CTX *)s->state);
        return MD5_DIGEST_LENGTH;
    }
    if (s->kind == SUM_SHA256) {
        SHA256_Final(out, (SHA256_CTX *)s->state);
        return SHA256_DIGEST_LENGTH;
    }
    SHA512_Final(out, (SHA512_CTX *)s->state);
    return SHA512_256_BYTES;
}
