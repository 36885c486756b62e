/* filter_body: one part of a multipart body (RFC 2046 5.1). */
/* SPDX-License-Identifier: MIT */
#include "modules/textops/priv.h"

static struct str unquote(struct str s)
{
    return s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"' ? str_sub(s, 1, s.len - 1) : s;
}

/* The delimiter between parts, from Content-Type. */
static bool find_boundary(const struct hdr *type, struct str *out)
{
    ptrdiff_t params = str_find(type->value, ';', 0);
    if (params < 0 || !str_istarts(type->value, STR("multipart/")))
        return false;
    struct str text = str_sub(type->value, (size_t)params + 1, type->value.len);
    if (!param_find(text, STR("boundary"), out))
        return false;
    *out = unquote(*out);
    return out->len > 0;
}

/* Takes a line off the front of rest, its end included. */
static bool take_line(struct str *rest, struct str *line)
{
    if (rest->len == 0)
        return false;
    ptrdiff_t end = str_find(*rest, '\n', 0);
    size_t len = end < 0 ? rest->len : (size_t)end + 1;
    *line = str_sub(*rest, 0, len);
    *rest = str_make(rest->p + len, rest->len - len);
    return true;
}

static bool is_delimiter(struct str line, struct str boundary)
{
    return str_starts(line, STR("--")) && str_starts(str_sub(line, 2, line.len), boundary);
}

/* Whether a header line of a part is Content-Type with this type. */
static bool names_type(struct str line, struct str type)
{
    ptrdiff_t colon = str_find(line, ':', 0);
    if (colon < 0 || hdr_lookup(str_trim(str_sub(line, 0, (size_t)colon))) != HDR_CONTENT_TYPE)
        return false;
    struct str value = str_sub(line, (size_t)colon + 1, line.len);
    ptrdiff_t end = str_find(value, ';', 0);
    return str_ieq(str_trim(end < 0 ? value : str_sub(value, 0, (size_t)end)), type);
}

/* Reads the headers of a part; true when it is of the type. rest is left at its content. */
static bool part_has_type(struct str *rest, struct str type)
{
    struct str line;
    bool found = false;
    while (take_line(rest, &line) && str_trim(line).len)
        found = found || names_type(line, type);
    return found;
}

/* The content of the first part of the type, up to the delimiter behind it. */
static bool find_part(struct str body, struct str boundary, struct str type, struct str *out)
{
    struct str rest = body, line;
    while (take_line(&rest, &line)) {
        if (!is_delimiter(line, boundary) || !part_has_type(&rest, type))
            continue;
        const char *from = rest.p;
        while (take_line(&rest, &line))
            if (is_delimiter(line, boundary)) {
                *out = str_make(from, (size_t)(line.p - from));
                return true;
            }
    }
    return false;
}

static bool remove_bytes(struct call *c, const char *from, const char *to)
{
    return from == to ||
           edits_replace(&c->edits, c->arena, offset_of(c, from), (size_t)(to - from), STR_NONE);
}

int textops_filter_body(struct call *c, const struct arg *args, unsigned n)
{
    const struct hdr *type = msg_header(c->msg, HDR_CONTENT_TYPE);
    struct str body = c->msg->body, boundary, part;
    (void)n;
    if (!type || body.len == 0)
        return -1;
    if (str_istarts(type->value, args[0].v.s))
        return 1; /* it is that already */
    if (!find_boundary(type, &boundary) || !find_part(body, boundary, args[0].v.s, &part))
        return -1;
    return remove_bytes(c, body.p, part.p) && remove_bytes(c, part.p + part.len, body.p + body.len)
               ? 1
               : -1;
}
