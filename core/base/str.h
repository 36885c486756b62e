/* A piece of text: pointer and length, never owned, never assumed to end in NUL. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* may be NULL only when len is 0 */
    size_t len;
};

/* A str from a string literal, usable in initialisers as STR_INIT. */
#define STR_INIT(lit)                                                                              \
    {                                                                                              \
        (lit), sizeof(lit) - 1                                                                     \
    }
#define STR(lit) ((struct str)STR_INIT(lit))
#define STR_NONE ((struct str){NULL, 0})
/* The two arguments of a "%.*s" conversion. */
#define STR_ARG(s) (int)(s).len, (s).p ? (s).p : ""

static inline struct str str_make(const char *p, size_t len)
{
    return (struct str){p, len};
}

/* View of a C string; the empty str for NULL. */
static inline struct str str_from(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* ASCII only: the locale never decides what SIP bytes mean. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ascii_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_alpha(char c)
{
    char l = ascii_lower(c);
    return l >= 'a' && l <= 'z';
}

/* Value of a hexadecimal digit, -1 when it is none. */
static inline int ascii_hex(char c)
{
    char l = ascii_lower(c);
    return ascii_digit(c) ? c - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/* Equality without regard to ASCII letter case. */
bool str_ieq(struct str a, struct str b);
/* Three-way comparison, bytes as unsigned; the shorter of two with equal start is less. */
int str_cmp(struct str a, struct str b);
/* The same without regard to ASCII letter case. */
int str_icmp(struct str a, struct str b);
/* Whether s begins with prefix, exactly or without regard to case. */
static inline bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_make(s.p, prefix.len), prefix);
}
static inline bool str_istarts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (str_eq(str_make(s.p, prefix.len), prefix) ||
                                   str_ieq(str_make(s.p, prefix.len), prefix));
}
bool str_ends(struct str s, struct str suffix);
/* Position of c, or of needle, in s from start on; -1 when absent. Inline, as the next two are: a
 * call does each some fifty times. */
static inline ptrdiff_t str_find(struct str s, char c, size_t start)
{
    const char *hit = start < s.len ? memchr(s.p + start, c, s.len - start) : NULL;
    return hit ? hit - s.p : -1;
}
ptrdiff_t str_search(struct str s, struct str needle, size_t start);
/* s[from, to), both clamped to the length. */
static inline struct str str_sub(struct str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    return from < to ? str_make(s.p + from, to - from) : STR_NONE;
}
static inline bool ascii_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
/* Without blanks, tabs, CR and LF at both ends. */
static inline struct str str_trim(struct str s)
{
    while (s.len && (unsigned char)s.p[0] <= ' ' && ascii_blank(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len && (unsigned char)s.p[s.len - 1] <= ' ' && ascii_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}
/* Cuts the text before the first sep off *rest and returns it; all of it when sep is absent.
 * False when *rest was exhausted (rest->p NULL). */
bool str_cut(struct str *out, struct str *rest, char sep);
/* Decimal digits only, the whole of s, at most max: ERR_SYNTAX or ERR_LIMIT otherwise. No sign. */
int str_u64(uint64_t *out, struct str s, uint64_t max);
int str_u32(uint32_t *out, struct str s, uint32_t max);
/* Two lower-case hexadecimal digits into out for each byte; no NUL. */
void str_hex(char *out, const void *bytes, size_t n);
/* Edit distance of two short texts ignoring case, for "did you mean"; at most 64 bytes are looked
 * at. */
unsigned str_distance(struct str a, struct str b);

#endif
