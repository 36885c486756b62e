/* Hiding one URI behind another: see priv.h. */
/* SPDX-License-Identifier: MIT */
#include "modules/uac/priv.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { PAD = '-' };

static void encode(struct buf *out, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)b[i] << 16 | (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
                     (left > 2 ? b[i + 2] : 0);
        buf_char(out, digits[v >> 18]);
        buf_char(out, digits[v >> 12 & 63]);
        buf_char(out, left > 1 ? digits[v >> 6 & 63] : (char)PAD);
        buf_char(out, left > 2 ? digits[v & 63] : (char)PAD);
    }
}

/* Value of four digits; how many bytes they stand for, 0 when they are none. */
static size_t decode_four(const char *p, uint8_t out[3])
{
    uint32_t v = 0;
    size_t pads = 0;
    for (int i = 0; i < 4; i++) {
        const char *at = p[i] ? strchr(digits, p[i]) : NULL;
        if (p[i] == PAD && i >= 2)
            pads++;
        else if (!at || pads)
            return 0;
        v = v << 6 | (at && p[i] != PAD ? (uint32_t)(at - digits) : 0);
    }
    out[0] = (uint8_t)(v >> 16);
    out[1] = (uint8_t)(v >> 8);
    out[2] = (uint8_t)v;
    return 3 - pads;
}

static size_t decode(uint8_t *out, struct str text)
{
    size_t n = 0;
    if (text.len % 4)
        return 0;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t got = decode_four(text.p + i, out + n);
        if (got == 0 || (got < 3 && i + 4 < text.len))
            return 0;
        n += got;
    }
    return n;
}

/* b ^= text, from the start or over and over. */
static void mix(uint8_t *b, size_t n, struct str text, bool repeat)
{
    for (size_t i = 0; i < n && text.len && (repeat || i < text.len); i++)
        b[i] ^= (uint8_t)text.p[i % text.len];
}

int uac_mask(struct str *out, struct arena *a, struct str one, struct str other,
             struct str password)
{
    uint8_t b[UAC_MASK_MAX] = {0};
    size_t n = one.len > other.len ? one.len : other.len;
    struct buf text;
    if (n > sizeof b)
        return ERR_LIMIT;
    mix(b, n, one, false);
    mix(b, n, other, false);
    mix(b, n, password, true);
    buf_init(&text, a, n * 4 / 3 + 8);
    encode(&text, b, n);
    *out = buf_str(&text);
    return text.failed ? ERR_NOMEM : ERR_OK;
}

int uac_unmask(struct str *other, struct arena *a, struct str masked, struct str one,
               struct str password)
{
    uint8_t b[UAC_MASK_MAX + 3] = {0};
    struct uri u;
    if (masked.len > (UAC_MASK_MAX + 2) / 3 * 4)
        return ERR_SYNTAX;
    size_t n = decode(b, masked);
    if (one.len > n)
        return ERR_SYNTAX;
    mix(b, n, password, true);
    mix(b, n, one, false);
    while (n && b[n - 1] == 0)
        n--;
    *other = arena_dup(a, str_make((const char *)b, n));
    if (!other->p)
        return ERR_NOMEM;
    return uri_parse(&u, *other) == ERR_OK && u.scheme != URI_OTHER ? ERR_OK : ERR_SYNTAX;
}
