/* ;parameters of URIs and headers, and RFC 3261 19.1.4 equality, which is mostly about them. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/uri.h"

#include "core/sip/text.h"

bool param_next(struct str *rest, struct str *name, struct str *value)
{
    if (!rest->p)
        return false;
    const char *from = rest->p, *end = from + rest->len, *p = from, *eq = NULL;
    while (p < end && *p != ';') { /* up to a ';' outside quotes */
        if (*p == '"') {
            p = quoted_end(p, end);
            if (!p)
                p = end;
            continue;
        }
        if (*p == '=' && !eq)
            eq = p;
        p++;
    }
    *name = str_trim(str_span(from, eq ? eq : p));
    *value = eq ? str_trim(str_span(eq + 1, p)) : STR_NONE;
    *rest = p == end ? STR_NONE : str_span(p + 1, end);
    return true;
}

/* The next byte with an escape undone, as an unsigned number; *i moves past it. */
static int next_byte(struct str s, size_t *i)
{
    if (s.p[*i] == '%' && s.len - *i >= 3) {
        int high = ascii_hex(s.p[*i + 1]), low = ascii_hex(s.p[*i + 2]);
        if (high >= 0 && low >= 0) {
            *i += 3;
            return high * 16 + low;
        }
    }
    return (uint8_t)s.p[(*i)++];
}

/* Equality with escapes undone, with or without regard to case. */
static bool same_unescaped(struct str a, struct str b, bool fold)
{
    size_t i = 0, j = 0;
    while (i < a.len && j < b.len) {
        int x = next_byte(a, &i), y = next_byte(b, &j);
        if (x != y && (!fold || ascii_lower((char)x) != ascii_lower((char)y)))
            return false;
    }
    return i == a.len && j == b.len;
}

bool param_find(struct str params, struct str name, struct str *value)
{
    struct str rest = params, n, v;
    while (rest.len && param_next(&rest, &n, &v)) {
        if (n.len < name.len || !same_unescaped(n, name, true))
            continue;
        if (value)
            *value = v;
        return true;
    }
    if (value)
        *value = STR_NONE;
    return false;
}

/* More parameters than this are not compared: such URIs are never the same. */
enum { PARAMS_MAX = 32 };

/* Those that count even when only one of the two URIs has them. */
static bool always_counts(struct str name)
{
    static const struct str names[] = {STR_INIT("user"), STR_INIT("ttl"), STR_INIT("method"),
                                       STR_INIT("maddr"), STR_INIT("transport")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same_unescaped(name, names[i], true))
            return true;
    return false;
}

/* Whether b has nothing against the parameters of a. */
static bool params_agree(struct str a, struct str b)
{
    struct str rest = a, name, value, other;
    unsigned count = 0;
    while (rest.len && param_next(&rest, &name, &value)) {
        if (++count > PARAMS_MAX)
            return false;
        if (param_find(b, name, &other) ? !same_unescaped(value, other, true) : always_counts(name))
            return false;
    }
    return true;
}

/* Whether each of the &-separated headers of a stands in b too. */
static bool headers_within(struct str a, struct str b)
{
    struct str rest = a, one, pool, other;
    unsigned count = 0;
    while (rest.len && str_cut(&one, &rest, '&')) {
        bool found = false;
        if (++count > PARAMS_MAX)
            return false;
        for (pool = b; !found && pool.len && str_cut(&other, &pool, '&');)
            found = same_unescaped(one, other, true);
        if (!found)
            return false;
    }
    return true;
}

/* Telephone numbers are compared without their visual separators (RFC 3966 5). */
static bool same_number(struct str a, struct str b)
{
    size_t i = 0, j = 0;
    for (;;) {
        while (i < a.len && strchr("-.()", a.p[i]) && a.p[i])
            i++;
        while (j < b.len && strchr("-.()", b.p[j]) && b.p[j])
            j++;
        if (i == a.len || j == b.len)
            return i == a.len && j == b.len;
        if (ascii_lower(a.p[i++]) != ascii_lower(b.p[j++]))
            return false;
    }
}

/* A URI of a foreign scheme is only the same as itself, apart from the case of the scheme. */
static bool same_other(const struct uri *a, const struct uri *b)
{
    return str_ieq(a->scheme_text, b->scheme_text) &&
           str_eq(str_sub(a->text, a->scheme_text.len, a->text.len),
                  str_sub(b->text, b->scheme_text.len, b->text.len));
}

bool uri_same(const struct uri *a, const struct uri *b)
{
    if (a->scheme != b->scheme)
        return false;
    if (a->scheme == URI_OTHER)
        return same_other(a, b);
    if (!params_agree(a->params, b->params) || !params_agree(b->params, a->params))
        return false;
    if (a->scheme == URI_TEL)
        return same_number(a->user, b->user);
    return a->has_user == b->has_user && same_unescaped(a->user, b->user, false) &&
           same_unescaped(a->password, b->password, false) && str_ieq(a->host, b->host) &&
           a->port == b->port && headers_within(a->headers, b->headers) &&
           headers_within(b->headers, a->headers);
}
