/* Character classes of RFC 3261 25.1 and small steps over text, for this folder only. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_TEXT_H
#define SIP_TEXT_H

#include "core/base/str.h"

/* What a byte may be part of; a byte can be in several classes. */
enum char_class {
    CH_TOKEN = 1,   /* token: methods, header names, parameter names */
    CH_USER = 2,    /* user part of a SIP URI, apart from %-escapes */
    CH_PASS = 4,    /* password */
    CH_PARAM = 8,   /* paramchar */
    CH_HEADER = 16, /* hnv-unreserved: behind the '?' */
    CH_HOST = 32,   /* host name; '_' is let through */
    CH_TEL = 64,    /* telephone number with separators */
    CH_BLANK = 128, /* what LWS is made of */
};

extern const uint8_t sip_class[256];

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
    const char *from = c->p;
    while (c->p < c->end && char_is(*c->p, classes))
        c->p++;
    return str_make(from, (size_t)(c->p - from));
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
/* Value of a hexadecimal digit, -1 when it is none. */
int hex_value(char c);
/* First byte below 0x20 in [p, end), or end: line ends, tabs and what should not be there. */
const char *find_control(const char *p, const char *end);

#endif
