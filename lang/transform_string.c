/* Transformations of class s: texts. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/base/sum.h"
#include "lang/transform.h"

int tr_len(const struct transform_use *u, struct value *v)
{
    *v = value_int((int32_t)u->in.len);
    return ERR_OK;
}

int tr_int(const struct transform_use *u, struct value *v)
{
    uint32_t n = 0;
    size_t i = u->in.len && (u->in.p[0] == '-' || u->in.p[0] == '+');
    bool minus = i && u->in.p[0] == '-';
    for (; i < u->in.len; i++) {
        if (!ascii_digit(u->in.p[i]))
            return ERR_SYNTAX;
        n = n * 10 + (uint32_t)(u->in.p[i] - '0');
    }
    *v = value_both(u->in, (int32_t)(minus ? 0u - n : n));
    v->flags |= VAL_TYPED;
    return ERR_OK;
}

/* n bytes of new text, to be filled by the caller. */
static char *new_text(const struct transform_use *u, size_t n, struct value *v)
{
    char *p = n <= TRANSFORM_MAX_TEXT ? arena_alloc(u->arena, n + 1) : NULL;
    *v = value_str(str_make(p, p ? n : 0));
    return p;
}

int tr_md5(const struct transform_use *u, struct value *v)
{
    char *p = new_text(u, 32, v);
    if (!p)
        return ERR_NOMEM;
    uint8_t bytes[SUM_MOST];
    struct sum s;
    sum_begin(&s, SUM_MD5);
    sum_add(&s, u->in);
    str_hex(p, bytes, sum_end(&s, bytes));
    return ERR_OK;
}

int tr_substr(const struct transform_use *u, struct value *v)
{
    int64_t n = (int64_t)u->in.len, at = u->param[0].i, len = u->param[1].i;
    if (at < 0)
        at += n;
    if (at < 0 || at >= n || len < 0)
        return ERR_INVALID;
    if (len == 0 || len > n - at)
        len = n - at;
    *v = value_str(str_make(u->in.p + at, (size_t)len));
    return ERR_OK;
}

static int64_t count_char(struct str s, char c)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.p[i] == c;
    return n;
}

int tr_select(const struct transform_use *u, struct value *v)
{
    struct str rest = u->in, field = STR_NONE;
    char sep = u->param[1].s.p[0];
    int64_t n = u->param[0].i;
    if (n < 0)
        n += count_char(u->in, sep) + 1;
    *v = value_str(STR(""));
    if (n < 0)
        return ERR_OK;
    for (int64_t i = 0; i <= n; i++)
        if (!str_cut(&field, &rest, sep))
            return ERR_OK;
    if (field.len)
        v->s = field;
    return ERR_OK;
}

static char hex_char(unsigned n)
{
    return "0123456789abcdef"[n & 15];
}

int tr_hex_encode(const struct transform_use *u, struct value *v)
{
    struct str in = u->in;
    char *p = new_text(u, 2 * in.len, v);
    if (!p)
        return ERR_LIMIT;
    for (size_t i = 0; i < in.len; i++) {
        p[2 * i] = hex_char((unsigned char)in.p[i] >> 4);
        p[2 * i + 1] = hex_char((unsigned char)in.p[i]);
    }
    return ERR_OK;
}

int tr_hex_decode(const struct transform_use *u, struct value *v)
{
    struct str in = u->in;
    char *p = new_text(u, in.len / 2, v);
    if (!p)
        return ERR_LIMIT;
    for (size_t i = 0; i < in.len / 2; i++) {
        int high = ascii_hex(in.p[2 * i]), low = ascii_hex(in.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return ERR_SYNTAX;
        p[i] = (char)(high << 4 | low);
    }
    return ERR_OK;
}

int tr_escape_common(const struct transform_use *u, struct value *v)
{
    struct str in = u->in;
    char *p = new_text(u, 2 * in.len, v);
    if (!p)
        return ERR_LIMIT;
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.p[i];
        if (c == '\'' || c == '"' || c == '\\' || c == 0)
            p[n++] = '\\';
        p[n++] = c ? c : '0';
    }
    v->s.len = n;
    return ERR_OK;
}

int tr_unescape_common(const struct transform_use *u, struct value *v)
{
    struct str in = u->in;
    char *p = new_text(u, in.len, v);
    if (!p)
        return ERR_LIMIT;
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char next = in.p[i] == '\\' && i + 1 < in.len ? in.p[i + 1] : 'x';
        if (next == '\'' || next == '"' || next == '\\' || next == '0') {
            p[n++] = next == '0' ? 0 : next;
            i++;
        } else {
            p[n++] = in.p[i];
        }
    }
    v->s.len = n;
    return ERR_OK;
}

/* Whether c stands as it is in the kind of text that code names. */
static bool stays(int code, char c)
{
    if (code == ESCAPE_PARAM)
        return !memchr(" ?&=,;\"", c, 7);
    return ascii_alpha(c) || ascii_digit(c) || memchr("-_.!~*'()&=+$,;?", c, 16);
}

static bool printable(char c)
{
    return c >= 32 && c <= 126;
}

int tr_escape_percent(const struct transform_use *u, struct value *v)
{
    struct str in = u->in;
    char *p = new_text(u, 3 * in.len, v);
    if (!p)
        return ERR_LIMIT;
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.p[i];
        if (!printable(c))
            return ERR_SYNTAX;
        if (stays(u->code, c)) {
            p[n++] = c;
            continue;
        }
        p[n++] = '%';
        p[n++] = hex_char((unsigned char)c >> 4);
        p[n++] = hex_char((unsigned char)c);
    }
    v->s.len = n;
    return ERR_OK;
}

int tr_unescape_percent(const struct transform_use *u, struct value *v)
{
    struct str in = u->in;
    char *p = new_text(u, in.len, v);
    if (!p)
        return ERR_LIMIT;
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.p[i];
        if (c == '%') {
            int high = i + 2 < in.len ? ascii_hex(in.p[i + 1]) : -1;
            int low = i + 2 < in.len ? ascii_hex(in.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return ERR_SYNTAX;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (!printable(c))
            return ERR_SYNTAX;
        p[n++] = c;
    }
    v->s.len = n;
    return ERR_OK;
}

int tr_tolower(const struct transform_use *u, struct value *v)
{
    struct str in = u->in;
    char *p = new_text(u, in.len, v);
    if (!p)
        return ERR_LIMIT;
    for (size_t i = 0; i < in.len; i++)
        p[i] = ascii_lower(in.p[i]);
    return ERR_OK;
}

int tr_toupper(const struct transform_use *u, struct value *v)
{
    struct str in = u->in;
    char *p = new_text(u, in.len, v);
    if (!p)
        return ERR_LIMIT;
    for (size_t i = 0; i < in.len; i++)
        p[i] = (char)(in.p[i] >= 'a' && in.p[i] <= 'z' ? in.p[i] & ~0x20 : in.p[i]);
    return ERR_OK;
}
