/* MD5 (RFC 1321). */
/* SPDX-License-Identifier: MIT */
#include "core/base/md5.h"

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

static inline uint32_t rotate(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static inline uint32_t word_at(const uint8_t *p, unsigned i)
{
    p += 4 * i;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* F mixes three words, k says which word of the block step i takes. */
#define STEP(w, x, y, z, i, k, shift)                                                              \
    w = x + rotate(w + F(x, y, z) + sines[i] + word_at(p, (k) % 16), shift)
#define FOUR(i, first, by, s1, s2, s3, s4)                                                         \
    STEP(a, b, c, d, i, first + (i)*by, s1);                                                       \
    STEP(d, a, b, c, i + 1, first + (i + 1) * by, s2);                                             \
    STEP(c, d, a, b, i + 2, first + (i + 2) * by, s3);                                             \
    STEP(b, c, d, a, i + 3, first + (i + 3) * by, s4)

static void block(uint32_t word[4], const uint8_t *p)
{
    uint32_t a = word[0], b = word[1], c = word[2], d = word[3];
#define F(x, y, z) (((x) & (y)) | (~(x) & (z)))
    for (unsigned i = 0; i < 16; i += 4) {
        FOUR(i, 0, 1, 7, 12, 17, 22);
    }
#undef F
#define F(x, y, z) (((z) & (x)) | (~(z) & (y)))
    for (unsigned i = 16; i < 32; i += 4) {
        FOUR(i, 1, 5, 5, 9, 14, 20);
    }
#undef F
#define F(x, y, z) ((x) ^ (y) ^ (z))
    for (unsigned i = 32; i < 48; i += 4) {
        FOUR(i, 5, 3, 4, 11, 16, 23);
    }
#undef F
#define F(x, y, z) ((y) ^ ((x) | ~(z)))
    for (unsigned i = 48; i < 64; i += 4) {
        FOUR(i, 0, 7, 6, 10, 15, 21);
    }
#undef F
    word[0] += a;
    word[1] += b;
    word[2] += c;
    word[3] += d;
}

void md5_begin(struct md5 *m)
{
    static const uint32_t first[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    memcpy(m->word, first, sizeof first);
    m->length = 0;
}

void md5_add(struct md5 *m, struct str text)
{
    const uint8_t *p = (const uint8_t *)text.p;
    size_t held = m->length % 64, n = text.len;
    m->length += n;
    if (held && n) { /* an empty text may have no address */
        size_t take = n < 64 - held ? n : 64 - held;
        memcpy(m->block + held, p, take);
        if (held + take < 64)
            return;
        block(m->word, m->block);
        p += take;
        n -= take;
    }
    for (; n >= 64; p += 64, n -= 64)
        block(m->word, p);
    if (n)
        memcpy(m->block, p, n);
}

/* The end of the text, the bit 1, zeros and the length in bits. */
void md5_end(struct md5 *m, uint8_t out[MD5_BYTES])
{
    size_t held = m->length % 64;
    uint64_t bits = m->length * 8;
    m->block[held++] = 0x80;
    if (held > 56) {
        memset(m->block + held, 0, 64 - held);
        block(m->word, m->block);
        held = 0;
    }
    memset(m->block + held, 0, 56 - held);
    for (unsigned i = 0; i < 8; i++)
        m->block[56 + i] = (uint8_t)(bits >> 8 * i);
    block(m->word, m->block);
    for (unsigned i = 0; i < MD5_BYTES; i++)
        out[i] = (uint8_t)(m->word[i / 4] >> 8 * (i % 4));
}

void md5_hex(char *out, struct str text)
{
    struct md5 m;
    uint8_t sum[MD5_BYTES];
    md5_begin(&m);
    md5_add(&m, text);
    md5_end(&m, sum);
    str_hex(out, sum, sizeof sum);
}
