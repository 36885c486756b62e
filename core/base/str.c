/* Text slices: comparison, searching, numbers. */
/* SPDX-License-Identifier: MIT */
#include "core/base/str.h"

#include "core/base/err.h"

bool str_ieq(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    if (a.len == 0 || memcmp(a.p, b.p, a.len) == 0)
        return true;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

static int by_length(struct str a, struct str b)
{
    return (a.len > b.len) - (a.len < b.len);
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : by_length(a, b);
}

int str_icmp(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < n; i++) {
        int d = (unsigned char)ascii_lower(a.p[i]) - (unsigned char)ascii_lower(b.p[i]);
        if (d)
            return d;
    }
    return by_length(a, b);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_make(s.p + s.len - suffix.len, suffix.len), suffix);
}

ptrdiff_t str_search(struct str s, struct str needle, size_t start)
{
    if (start > s.len || needle.len > s.len - start)
        return -1;
    if (needle.len == 0)
        return (ptrdiff_t)start;
    const char *hit = memmem(s.p + start, s.len - start, needle.p, needle.len);
    return hit ? hit - s.p : -1;
}

bool str_cut(struct str *out, struct str *rest, char sep)
{
    if (!rest->p)
        return false;
    ptrdiff_t at = str_find(*rest, sep, 0);
    if (at < 0) {
        *out = *rest;
        *rest = STR_NONE;
        return true;
    }
    *out = str_make(rest->p, (size_t)at);
    *rest = str_make(rest->p + at + 1, rest->len - (size_t)at - 1);
    return true;
}

enum { SHORT = 9 }; /* so many digits fit in 32 bits, whatever they are */

int str_u64(uint64_t *out, struct str s, uint64_t max)
{
    uint64_t v = 0;
    if (s.len == 0)
        return ERR_SYNTAX;
    for (size_t i = 0; i < s.len; i++) {
        unsigned d = (unsigned)(unsigned char)s.p[i] - '0';
        if (d > 9)
            return ERR_SYNTAX;
        if (i >= 19 && v > (UINT64_MAX - d) / 10) /* 19 digits always fit */
            return ERR_LIMIT;
        v = v * 10 + d;
    }
    if (v > max)
        return ERR_LIMIT;
    *out = v;
    return ERR_OK;
}

int str_u32(uint32_t *out, struct str s, uint32_t max)
{
    uint64_t v = 0;
    if (s.len - 1 < SHORT) { /* most numbers: ports, lengths, CSeq */
        uint32_t n = 0;
        for (size_t i = 0; i < s.len; i++) {
            unsigned d = (unsigned)(unsigned char)s.p[i] - '0';
            if (d > 9)
                return ERR_SYNTAX;
            n = n * 10 + d;
        }
        if (n > max)
            return ERR_LIMIT;
        *out = n;
        return ERR_OK;
    }
    int rc = str_u64(&v, s, max);
    if (rc == ERR_OK)
        *out = (uint32_t)v;
    return rc;
}

void str_hex(char *out, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++) {
        *out++ = "0123456789abcdef"[p[i] >> 4];
        *out++ = "0123456789abcdef"[p[i] & 15];
    }
}

unsigned str_distance(struct str a, struct str b)
{
    enum { MAX = 64 };
    unsigned row[MAX + 1];
    if (a.len > MAX)
        a.len = MAX;
    if (b.len > MAX)
        b.len = MAX;
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned best = diagonal + (ascii_lower(a.p[i - 1]) != ascii_lower(b.p[j - 1]));
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.len];
}
