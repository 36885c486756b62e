/* Values: their texts, what is kept of them. */
/* SPDX-License-Identifier: MIT */
#include "lang/value.h"

#include "core/base/err.h"

struct str value_text(const struct value *v, char *buf)
{
    if (v->flags & VAL_STR)
        return v->s;
    if (!(v->flags & VAL_INT))
        return STR_NONE;
    size_t at = VALUE_TEXT;
    uint32_t n = v->i < 0 ? 0u - (uint32_t)v->i : (uint32_t)v->i;
    do {
        buf[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    if (v->i < 0)
        buf[--at] = '-';
    return str_make(buf + at, VALUE_TEXT - at);
}

int value_print(struct value *v, struct arena *a)
{
    char buf[VALUE_TEXT];
    if (v->flags & VAL_STR || !(v->flags & VAL_INT))
        return ERR_OK;
    v->s = arena_dup(a, value_text(v, buf));
    if (!v->s.p)
        return ERR_NOMEM;
    v->flags |= VAL_STR;
    return ERR_OK;
}

int value_store(struct value *out, const struct value *v, struct arena *a)
{
    if (v->flags & VAL_TYPED || !(v->flags & VAL_STR)) {
        *out = v->flags & VAL_INT ? value_int(v->i) : VALUE_NULL;
        return ERR_OK;
    }
    struct str s = arena_dup(a, v->s);
    if (!s.p)
        return ERR_NOMEM;
    *out = value_str(s);
    return ERR_OK;
}

bool value_digits(const struct value *v, int64_t *out)
{
    uint64_t n;
    if (!(v->flags & VAL_STR) || str_u64(&n, v->s, INT64_MAX) != ERR_OK)
        return false;
    *out = (int64_t)n;
    return true;
}
