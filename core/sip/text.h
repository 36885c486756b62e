/* Character classes of RFC 3261 25.1 and small steps over text, for this folder only. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_TEXT_H
#define SIP_TEXT_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/str.h"

/* What a byte may be part of; a byte can be in several classes. */
enum char_class {
    CH_TOKEN = 1,       /* token: methods, header names, parameter names */
    CH_USER = 2,        /* user part of a SIP URI, apart from %-escapes */
    CH_PASS = 4,        /* password */
    CH_PARAM = 8,       /* paramchar */
    CH_HEADER = 16,     /* hnv-unreserved: behind the '?' */
    CH_HOST = 32,       /* host name; '_' is let through */
    CH_TEL = 64,        /* telephone number with separators */
    CH_BLANK = 128,     /* what LWS is made of */
    CH_SCHEME = 256,    /* URI scheme */
    CH_VIA_VALUE = 512, /* in values of Via parameters: all that is visible but ';' and ',' */
};

extern const uint16_t sip_class[256];

static inline bool char_is(char c, unsigned classes)
{
    return (sip_class[(uint8_t)c] & classes) != 0;
}

static inline bool char_blank(char c)
{
    return char_is(c, CH_BLANK);
}

/* A read position that cannot leave its text. */
struct cursor {
    const char *p, *end;
};

static inline struct cursor cursor_at(struct str s)
{
    return (struct cursor){s.p, s.p + s.len};
}

static inline bool cursor_done(const struct cursor *c)
{
    return c->p == c->end;
}

static inline void skip_blank(struct cursor *c)
{
    while (c->p < c->end && char_blank(*c->p))
        c->p++;
}

/* Skips blanks and then one ch, with blanks behind it; false, and standing at what is there
 * instead, when ch does not come. */
static inline bool skip_char(struct cursor *c, char ch)
{
    skip_blank(c);
    if (c->p == c->end || *c->p != ch)
        return false;
    c->p++;
    skip_blank(c);
    return true;
}

/* Takes the longest run of bytes of these classes, possibly none. */
static inline struct str take_run(struct cursor *c, unsigned classes)
{
    const char *from = c->p, *p = from, *end = c->end;
    while (p < end && char_is(*p, classes))
        p++;
    c->p = p;
    return str_make(from, (size_t)(p - from));
}

/* A DNS name has at most 253 bytes; one more for a final dot. */
enum { HOST_MAX = 254 };

/* Whether a run of CH_HOST is a host name: not empty, not too long, and without empty labels but
 * behind a final dot. */
static inline bool host_labels(struct str host)
{
    if (host.len == 0 || host.len > HOST_MAX || host.p[0] == '.')
        return false;
    for (size_t i = 1; i < host.len; i++)
        if (host.p[i] == '.' && host.p[i - 1] == '.')
            return false;
    return true;
}

/* From one pointer up to another. */
static inline struct str str_span(const char *from, const char *to)
{
    return str_make(from, (size_t)(to - from));
}

/* Where the quoted string that begins at p ends: behind its closing quote, or NULL when open. */
const char *quoted_end(const char *p, const char *end);
/* Whether s is made of bytes of these classes and well-formed %-escapes. */
bool text_is(struct str s, unsigned classes);

enum { WORDWISE = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ };

/* Where in a word of memory the first byte is whose top bit is set in marks. */
static inline size_t first_marked(uint64_t marks)
{
    return (size_t)__builtin_ctzll(marks) / 8;
}

static inline uint64_t load_word(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* Equality without regard to case, quick when the case is the same: words that overlap, no call for
 * the few bytes that names have. */
static inline bool text_ieq(struct str a, struct str b)
{
    size_t n = a.len;
    if (n != b.len)
        return false;
    if (n < 4) {
        while (n && a.p[n - 1] == b.p[n - 1])
            n--;
        if (n == 0)
            return true;
    } else if (n <= 8) {
        uint32_t head[2], tail[2];
        memcpy(&head[0], a.p, 4);
        memcpy(&head[1], b.p, 4);
        memcpy(&tail[0], a.p + n - 4, 4);
        memcpy(&tail[1], b.p + n - 4, 4);
        if (head[0] == head[1] && tail[0] == tail[1])
            return true;
    } else if (n <= 24) {
        if (load_word(a.p) == load_word(b.p) && load_word(a.p + n - 8) == load_word(b.p + n - 8) &&
            (n <= 16 || load_word(a.p + 8) == load_word(b.p + 8)))
            return true;
    }
    return str_ieq(a, b);
}

/* Sixteen bytes at a time where the processor has that: three steps for a header line. */
#ifdef __SSE2__
#define TEXT_SKIP(p, end, is_wanted)                                                               \
    for (; (end) - (p) >= 16; (p) += 16) {                                                         \
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p));                           \
        int marks = _mm_movemask_epi8(is_wanted);                                                  \
        if (marks)                                                                                 \
            return (p) + __builtin_ctz((unsigned)marks);                                           \
    }
#else
#define TEXT_SKIP(p, end, is_wanted)
#endif

/* First byte below 0x20 in [p, end), or end: line ends, tabs and what should not be there. Eight
 * bytes at a time: taking 0x20 from a byte below it borrows into its top bit. A borrow can mark the
 * byte above such a one too, which on little-endian machines comes behind it; others go bytewise.
 */
static inline const char *find_control(const char *p, const char *end)
{
    const uint64_t low = 0x2020202020202020u, top = 0x8080808080808080u;
    TEXT_SKIP(p, end, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));
    for (; WORDWISE && end - p >= 8; p += 8) {
        uint64_t w = load_word(p), marks = (w - low) & ~w & top;
        if (marks)
            return p + first_marked(marks);
    }
    while (p < end && (uint8_t)*p >= 0x20)
        p++;
    return p;
}

/* First ':' in [p, end), or end; the same way. */
static inline const char *find_colon(const char *p, const char *end)
{
    const uint64_t ones = 0x0101010101010101u, top = 0x8080808080808080u;
    TEXT_SKIP(p, end, _mm_cmpeq_epi8(v, _mm_set1_epi8(':')));
    for (; WORDWISE && end - p >= 8; p += 8) {
        uint64_t w = load_word(p) ^ ones * ':', marks = (w - ones) & ~w & top;
        if (marks)
            return p + first_marked(marks);
    }
    while (p < end && *p != ':')
        p++;
    return p;
}

#endif
