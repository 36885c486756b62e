/* MD5 (RFC 1321), as {s.md5} prints it. */
/* SPDX-License-Identifier: MIT */
#include "lang/transform.h"

struct md5 {
    uint32_t a, b, c, d;
};

static const uint8_t shifts[64] = {7, 12, 17, 22, 7, 12, 17, 22, 7, 12, 17, 22, 7, 12, 17, 22,
                                   5, 9,  14, 20, 5, 9,  14, 20, 5, 9,  14, 20, 5, 9,  14, 20,
                                   4, 11, 16, 23, 4, 11, 16, 23, 4, 11, 16, 23, 4, 11, 16, 23,
                                   6, 10, 15, 21, 6, 10, 15, 21, 6, 10, 15, 21, 6, 10, 15, 21};

/* floor(2^32 * abs(sin(i + 1))) */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

/* The function of step i over b, c, d, and which word of the block it takes. */
static uint32_t mix(const struct md5 *m, unsigned i, unsigned *word)
{
    if (i < 16) {
        *word = i;
        return (m->b & m->c) | (~m->b & m->d);
    }
    if (i < 32) {
        *word = (5 * i + 1) % 16;
        return (m->d & m->b) | (~m->d & m->c);
    }
    if (i < 48) {
        *word = (3 * i + 5) % 16;
        return m->b ^ m->c ^ m->d;
    }
    *word = 7 * i % 16;
    return m->c ^ (m->b | ~m->d);
}

static void md5_block(struct md5 *m, const uint8_t *p)
{
    struct md5 w = *m;
    for (unsigned i = 0; i < 64; i++) {
        unsigned word;
        uint32_t f = mix(&w, i, &word);
        const uint8_t *q = p + 4 * word;
        uint32_t x =
            (uint32_t)q[0] | (uint32_t)q[1] << 8 | (uint32_t)q[2] << 16 | (uint32_t)q[3] << 24;
        f += w.a + sines[i] + x;
        w.a = w.d;
        w.d = w.c;
        w.c = w.b;
        w.b += rotate(f, shifts[i]);
    }
    m->a += w.a;
    m->b += w.b;
    m->c += w.c;
    m->d += w.d;
}

/* The end of the text, the bit 1, zeros and the length in bits. */
static void md5_finish(struct md5 *m, struct str text)
{
    uint8_t tail[128] = {0};
    size_t rest = text.len % 64, size = rest < 56 ? 64 : 128;
    uint64_t bits = (uint64_t)text.len * 8;
    if (rest)
        memcpy(tail, text.p + text.len - rest, rest);
    tail[rest] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        tail[size - 8 + i] = (uint8_t)(bits >> 8 * i);
    for (size_t at = 0; at < size; at += 64)
        md5_block(m, tail + at);
}

void md5_hex(char *out, struct str text)
{
    struct md5 m = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    for (size_t at = 0; at + 64 <= text.len; at += 64)
        md5_block(&m, (const uint8_t *)text.p + at);
    md5_finish(&m, text);
    const uint32_t words[4] = {m.a, m.b, m.c, m.d};
    for (unsigned i = 0; i < 16; i++) {
        uint8_t b = (uint8_t)(words[i / 4] >> 8 * (i % 4));
        out[2 * i] = "0123456789abcdef"[b >> 4];
        out[2 * i + 1] = "0123456789abcdef"[b & 15];
    }
}
