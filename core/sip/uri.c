/* SIP, SIPS and tel URIs: splitting, parameters, comparison. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/uri.h"

#include "core/base/err.h"
#include "core/sip/text.h"

/* Names past these many parameters are not compared with each other, which keeps the work linear.
 */
enum { COMPARED_PARAMS = 16 };

int host_ip(struct ip *out, struct str host)
{
    char text[IP_TEXT];
    ptrdiff_t at = str_search(host, STR(":::"), 0);
    if (at < 0 || host.len > sizeof text)
        return ip_parse(out, host);
    memcpy(text, host.p, (size_t)at);
    memcpy(text + at, host.p + at + 1, host.len - (size_t)at - 1);
    return ip_parse(out, str_make(text, host.len - 1));
}

bool host_valid(struct str host)
{
    struct ip ip;
    if (host.len && host.p[0] == '[')
        return host.len <= HOST_MAX && host_ip(&ip, host) == ERR_OK && ip.family == 6;
    struct cursor c = cursor_at(host);
    take_run(&c, CH_HOST);
    return cursor_done(&c) && host_labels(host);
}

/* Takes host and port up to what ends them. */
static int split_hostport(struct uri *u, struct cursor *c)
{
    const char *from = c->p;
    if (c->p < c->end && *c->p == '[') {
        const char *close = memchr(c->p, ']', (size_t)(c->end - c->p));
        if (!close)
            return ERR_SYNTAX;
        c->p = close + 1;
        u->host = str_span(from, c->p);
        if (!host_valid(u->host))
            return ERR_SYNTAX;
    } else {
        u->host = take_run(c, CH_HOST);
        if (!host_labels(u->host))
            return ERR_SYNTAX;
    }
    if (cursor_done(c) || *c->p != ':')
        return ERR_OK;
    from = ++c->p;
    while (c->p < c->end && ascii_digit(*c->p))
        c->p++;
    u->port_text = str_span(from, c->p);
    uint32_t port;
    if (str_u32(&port, u->port_text, UINT16_MAX)) /* 0 is a URI; whoever sends there refuses it */
        return ERR_SYNTAX;
    u->port = (uint16_t)port;
    return ERR_OK;
}

/* Whether there is nothing in them to look at closely: bytes that may stand in a parameter, and one
 * name, with a value if there is a '='. */
static bool single_param(struct str params)
{
    struct cursor c = cursor_at(params);
    struct str all = take_run(&c, CH_PARAM);
    return cursor_done(&c) && all.len && all.p[0] != '=' && all.p[all.len - 1] != '=';
}

/* Checks ;parameters: none empty, none twice. */
static bool params_valid(struct str params)
{
    if (single_param(params))
        return true;
    struct str seen[COMPARED_PARAMS], name, value, part, rest = params;
    size_t count = 0;
    while (str_cut(&part, &rest, ';')) {
        bool valued = str_find(part, '=', 0) >= 0;
        struct str one = part;
        if (!param_next(&one, &name, &value) || name.len == 0 || (valued && value.len == 0) ||
            !text_is(name, CH_PARAM) || !text_is(value, CH_PARAM))
            return false;
        for (size_t i = 0; i < count; i++)
            if (text_ieq(seen[i], name))
                return false;
        if (count < COMPARED_PARAMS)
            seen[count++] = name;
    }
    return true;
}

/* The ;parameters and ?headers at the end of a SIP URI. */
static int split_tail(struct uri *u, struct cursor *c)
{
    if (c->p < c->end && *c->p == ';') {
        const char *from = ++c->p;
        while (c->p < c->end && *c->p != '?')
            c->p++;
        u->params = str_span(from, c->p);
        if (!params_valid(u->params))
            return ERR_SYNTAX;
    }
    if (c->p < c->end && *c->p == '?') {
        u->headers = str_span(c->p + 1, c->end);
        c->p = c->end;
        if (u->headers.len == 0 || !text_is(u->headers, CH_HEADER | CH_USER))
            return ERR_SYNTAX;
    }
    return cursor_done(c) ? ERR_OK : ERR_SYNTAX;
}

static int split_user(struct uri *u, struct str info)
{
    ptrdiff_t colon = str_find(info, ':', 0);
    u->has_user = true;
    u->user = colon < 0 ? info : str_sub(info, 0, (size_t)colon);
    if (colon >= 0)
        u->password = str_sub(info, (size_t)colon + 1, info.len);
    if (u->user.len == 0 || !text_is(u->user, CH_USER) || !text_is(u->password, CH_PASS))
        return ERR_SYNTAX;
    return ERR_OK;
}

static int split_sip(struct uri *u, struct str rest)
{
    struct cursor c = cursor_at(rest);
    ptrdiff_t at = str_find(rest, '@', 0);
    if (at >= 0) {
        if (split_user(u, str_sub(rest, 0, (size_t)at)))
            return ERR_SYNTAX;
        c.p += at + 1;
    }
    return split_hostport(u, &c) ? ERR_SYNTAX : split_tail(u, &c);
}

/* The part up to the first ';' and the parameters behind it. */
static void split_opaque(struct uri *u, struct str rest)
{
    ptrdiff_t semi = str_find(rest, ';', 0);
    u->user = semi < 0 ? rest : str_sub(rest, 0, (size_t)semi);
    if (semi >= 0)
        u->params = str_span(rest.p + semi + 1, rest.p + rest.len);
}

static int split_tel(struct uri *u, struct str rest)
{
    split_opaque(u, rest);
    bool digit = false;
    for (size_t i = 0; i < u->user.len; i++)
        digit |= ascii_hex(u->user.p[i]) >= 0 || u->user.p[i] == '*' || u->user.p[i] == '#';
    if (!digit || !text_is(u->user, CH_TEL))
        return ERR_SYNTAX;
    return u->params.p && !params_valid(u->params) ? ERR_SYNTAX : ERR_OK;
}

/* Any other scheme: visible bytes, none that ends a URI elsewhere. */
static int split_other(struct uri *u, struct str rest)
{
    if (rest.len == 0)
        return ERR_SYNTAX;
    for (size_t i = 0; i < rest.len; i++) {
        char ch = rest.p[i];
        if ((uint8_t)ch <= 0x20 || (uint8_t)ch >= 0x7f || ch == '<' || ch == '>' || ch == '"')
            return ERR_SYNTAX;
    }
    split_opaque(u, rest);
    return ERR_OK;
}

static enum uri_scheme scheme_of(struct str s)
{
    if (s.len > 4)
        return URI_OTHER;
    if (text_ieq(s, STR("sip")))
        return URI_SIP;
    if (text_ieq(s, STR("sips")))
        return URI_SIPS;
    return text_ieq(s, STR("tel")) ? URI_TEL : URI_OTHER;
}

struct str uri_scheme_text(struct str uri)
{
    size_t n = 0;
    while (n < uri.len && char_is(uri.p[n], CH_SCHEME))
        n++;
    if (n == 0 || n == uri.len || uri.p[n] != ':' || !ascii_alpha(uri.p[0]))
        return STR_NONE;
    return str_make(uri.p, n);
}

int uri_parse(struct uri *out, struct str text)
{
    *out = (struct uri){.text = text, .scheme = URI_OTHER};
    out->scheme_text = uri_scheme_text(text);
    size_t n = out->scheme_text.len;
    if (n == 0)
        return ERR_SYNTAX;
    out->scheme = scheme_of(out->scheme_text);
    struct str rest = str_make(text.p + n + 1, text.len - n - 1);
    if (out->scheme == URI_TEL)
        return split_tel(out, rest);
    return out->scheme == URI_OTHER ? split_other(out, rest) : split_sip(out, rest);
}

int uri_transport(const struct uri *u)
{
    struct str name;
    if (!param_find(u->params, STR("transport"), &name))
        return u->scheme == URI_SIPS ? PROTO_TLS : PROTO_UDP;
    int p = proto_parse(name);
    if (u->scheme == URI_SIPS)
        return p == PROTO_TCP || p == PROTO_TLS ? PROTO_TLS : -1;
    return p == PROTO_ANY ? -1 : p;
}

bool user_is_e164(struct str user)
{
    if (user.len < 3 || user.len > 16 || user.p[0] != '+')
        return false;
    for (size_t i = 1; i < user.len; i++)
        if (!ascii_digit(user.p[i]))
            return false;
    return true;
}

uint16_t uri_port(const struct uri *u)
{
    if (u->port)
        return u->port;
    return u->scheme == URI_SIPS || uri_transport(u) == PROTO_TLS ? 5061 : 5060;
}
