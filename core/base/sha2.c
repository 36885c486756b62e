/* SHA-256 and SHA-512/256 (FIPS 180-4). */
/* SPDX-License-Identifier: MIT */
#include "core/base/sha2.h"

/* The first 64 bits of the fractions of the cube roots of the first 80 primes; SHA-256 takes the
 * upper halves of the first 64. */
static const uint64_t roots[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

static inline uint32_t right32(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static inline uint64_t right64(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

/* ---- SHA-256 ---- */

static void block256(uint32_t word[8], const uint8_t *p)
{
    uint32_t w[64], s[8];
    for (unsigned i = 0; i < 16; i++, p += 4)
        w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (right32(a, 7) ^ right32(a, 18) ^ a >> 3) +
               (right32(b, 17) ^ right32(b, 19) ^ b >> 10);
    }
    memcpy(s, word, sizeof s);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t e = s[4], a = s[0];
        uint32_t one = s[7] + (right32(e, 6) ^ right32(e, 11) ^ right32(e, 25)) +
                       ((e & s[5]) ^ (~e & s[6])) + (uint32_t)(roots[i] >> 32) + w[i];
        uint32_t two = (right32(a, 2) ^ right32(a, 13) ^ right32(a, 22)) +
                       ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++)
        word[i] += s[i];
}

void sha256_begin(struct sha256 *s)
{
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(s->word, first, sizeof first);
    s->length = 0;
}

void sha256_add(struct sha256 *s, struct str text)
{
    const uint8_t *p = (const uint8_t *)text.p;
    size_t held = s->length % 64, n = text.len;
    s->length += n;
    if (held && n) { /* an empty text may have no address */
        size_t take = n < 64 - held ? n : 64 - held;
        memcpy(s->block + held, p, take);
        if (held + take < 64)
            return;
        block256(s->word, s->block);
        p += take;
        n -= take;
    }
    for (; n >= 64; p += 64, n -= 64)
        block256(s->word, p);
    if (n)
        memcpy(s->block, p, n);
}

void sha256_end(struct sha256 *s, uint8_t out[SHA256_BYTES])
{
    size_t held = s->length % 64;
    uint64_t bits = s->length * 8;
    s->block[held++] = 0x80;
    if (held > 56) {
        memset(s->block + held, 0, 64 - held);
        block256(s->word, s->block);
        held = 0;
    }
    memset(s->block + held, 0, 56 - held);
    for (unsigned i = 0; i < 8; i++)
        s->block[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
    block256(s->word, s->block);
    for (unsigned i = 0; i < SHA256_BYTES; i++)
        out[i] = (uint8_t)(s->word[i / 4] >> (24 - 8 * (i % 4)));
}

/* ---- SHA-512/256 ---- */

static void block512(uint64_t word[8], const uint8_t *p)
{
    uint64_t w[80], s[8];
    for (unsigned i = 0; i < 16; i++) {
        w[i] = 0;
        for (unsigned k = 0; k < 8; k++)
            w[i] = w[i] << 8 | *p++;
    }
    for (unsigned i = 16; i < 80; i++) {
        uint64_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (right64(a, 1) ^ right64(a, 8) ^ a >> 7) +
               (right64(b, 19) ^ right64(b, 61) ^ b >> 6);
    }
    memcpy(s, word, sizeof s);
    for (unsigned i = 0; i < 80; i++) {
        uint64_t e = s[4], a = s[0];
        uint64_t one = s[7] + (right64(e, 14) ^ right64(e, 18) ^ right64(e, 41)) +
                       ((e & s[5]) ^ (~e & s[6])) + roots[i] + w[i];
        uint64_t two = (right64(a, 28) ^ right64(a, 34) ^ right64(a, 39)) +
                       ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++)
        word[i] += s[i];
}

void sha512_256_begin(struct sha512 *s)
{
    static const uint64_t first[8] = {0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151,
                                      0x963877195940eabd, 0x96283ee2a88effe3, 0xbe5e1e2553863992,
                                      0x2b0199fc2c85b8aa, 0x0eb72ddc81c52ca2};
    memcpy(s->word, first, sizeof first);
    s->length = 0;
}

void sha512_256_add(struct sha512 *s, struct str text)
{
    const uint8_t *p = (const uint8_t *)text.p;
    size_t held = s->length % 128, n = text.len;
    s->length += n;
    if (held && n) { /* an empty text may have no address */
        size_t take = n < 128 - held ? n : 128 - held;
        memcpy(s->block + held, p, take);
        if (held + take < 128)
            return;
        block512(s->word, s->block);
        p += take;
        n -= take;
    }
    for (; n >= 128; p += 128, n -= 128)
        block512(s->word, p);
    if (n)
        memcpy(s->block, p, n);
}

/* The length has 128 bits, of which ours needs 64. */
void sha512_256_end(struct sha512 *s, uint8_t out[SHA512_256_BYTES])
{
    size_t held = s->length % 128;
    uint64_t bits = s->length * 8;
    s->block[held++] = 0x80;
    if (held > 112) {
        memset(s->block + held, 0, 128 - held);
        block512(s->word, s->block);
        held = 0;
    }
    memset(s->block + held, 0, 120 - held);
    for (unsigned i = 0; i < 8; i++)
        s->block[120 + i] = (uint8_t)(bits >> (56 - 8 * i));
    block512(s->word, s->block);
    for (unsigned i = 0; i < SHA512_256_BYTES; i++)
        out[i] = (uint8_t)(s->word[i / 8] >> (56 - 8 * (i % 8)));
}
