/* The sums of digest authentication. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/digest.h"

struct algorithm {
    struct str name;
    size_t digits;
};

static const struct algorithm algorithms[DIGEST_ALGORITHMS] = {
#define X(id, name, digits) {STR_INIT(name), digits},
    DIGEST_ALGORITHM_LIST(X)
#undef X
};

struct str digest_algorithm_name(enum digest_algorithm a)
{
    return algorithms[a].name;
}

size_t digest_digits(enum digest_algorithm a)
{
    return algorithms[a].digits;
}

bool digest_algorithm_find(enum digest_algorithm *out, struct str name)
{
    for (unsigned i = 0; i < DIGEST_ALGORITHMS; i++)
        if (str_ieq(name, algorithms[i].name)) {
            *out = (enum digest_algorithm)i;
            return true;
        }
    *out = DIGEST_MD5;
    return name.len == 0;
}

struct str digest_sum(char hex[DIGEST_HEX], enum digest_algorithm a, const struct str *piece,
                      unsigned n)
{
    static const enum sum_kind kind[DIGEST_ALGORITHMS] = {
        [DIGEST_MD5] = SUM_MD5, [DIGEST_SHA256] = SUM_SHA256, [DIGEST_SHA512_256] = SUM_SHA512_256};
    uint8_t bytes[SUM_MOST];
    struct sum s;
    sum_begin(&s, kind[a]);
    for (unsigned i = 0; i < n; i++) {
        if (i)
            sum_add(&s, STR(":"));
        sum_add(&s, piece[i]);
    }
    size_t len = sum_end(&s, bytes);
    str_hex(hex, bytes, len);
    return str_make(hex, 2 * len);
}

struct str digest_response(char hex[DIGEST_HEX], enum digest_algorithm a, struct str ha1,
                           const struct digest *d, struct str method, struct str body)
{
    char body_hex[DIGEST_HEX], ha2_hex[DIGEST_HEX];
    struct str what[3] = {method, d->uri, STR_NONE};
    bool whole = str_ieq(d->qop, STR("auth-int"));
    if (whole)
        what[2] = digest_sum(body_hex, a, &body, 1);
    struct str ha2 = digest_sum(ha2_hex, a, what, whole ? 3 : 2);
    if (d->qop.len == 0) {
        const struct str pieces[] = {ha1, d->nonce, ha2};
        return digest_sum(hex, a, pieces, 3);
    }
    const struct str pieces[] = {ha1, d->nonce, d->nc, d->cnonce, d->qop, ha2};
    return digest_sum(hex, a, pieces, 6);
}

bool digest_equal(struct str a, struct str b)
{
    uint8_t differ = 0;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        differ |= (uint8_t)(a.p[i] ^ b.p[i]);
    return differ == 0;
}
