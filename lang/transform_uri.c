/* Transformations of class uri. The language knows no SIP library, so it splits URIs itself, no
 * finer than these parts need. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/transform.h"

struct uri_parts {
    struct str user, password, host, port, params;
    uint16_t port_number;
};

/* Cuts the scheme off: ERR_SYNTAX unless it is one of ours; *tel for the telephone kind. */
static int cut_scheme(struct str *s, bool *tel)
{
    static const struct {
        struct str name;
        bool tel;
    } schemes[] = {
        {STR_INIT("sip:"), false},
        {STR_INIT("sips:"), false},
        {STR_INIT("tel:"), true},
        {STR_INIT("tels:"), true},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (str_istarts(*s, schemes[i].name)) {
            *s = str_sub(*s, schemes[i].name.len, s->len);
            *tel = schemes[i].tel;
            return s->len ? ERR_OK : ERR_SYNTAX;
        }
    return ERR_SYNTAX;
}

/* Cuts s before the first c; what stands behind it is returned, none when c is absent. */
static struct str cut_at(struct str *s, char c)
{
    ptrdiff_t at = str_find(*s, c, 0);
    if (at < 0)
        return STR_NONE;
    struct str rest = str_sub(*s, (size_t)at + 1, s->len);
    *s = str_sub(*s, 0, (size_t)at);
    return rest;
}

/* user[:password]@; neither an @ nor a password can stand without a user */
static int cut_user(struct str *s, struct uri_parts *out)
{
    ptrdiff_t at = str_find(*s, '@', 0);
    if (at < 0)
        return ERR_OK;
    out->user = str_sub(*s, 0, (size_t)at);
    *s = str_sub(*s, (size_t)at + 1, s->len);
    out->password = cut_at(&out->user, ':');
    return out->user.len ? ERR_OK : ERR_SYNTAX;
}

/* host[:port], IPv6 in brackets */
static int split_host(struct str s, struct uri_parts *out)
{
    size_t name = 0;
    if (s.len && s.p[0] == '[') {
        ptrdiff_t close = str_find(s, ']', 0);
        if (close < 2)
            return ERR_SYNTAX;
        name = (size_t)close + 1;
    }
    ptrdiff_t colon = str_find(s, ':', name);
    if (name && name < s.len && colon != (ptrdiff_t)name)
        return ERR_SYNTAX;
    out->host = str_sub(s, 0, colon < 0 ? s.len : (size_t)colon);
    if (out->host.len == 0)
        return ERR_SYNTAX;
    if (colon < 0)
        return ERR_OK;
    uint32_t port;
    out->port = str_sub(s, (size_t)colon + 1, s.len);
    int rc = str_u32(&port, out->port, 65535);
    out->port_number = (uint16_t)(rc == ERR_OK ? port : 0);
    return rc;
}

static int uri_split(struct str s, struct uri_parts *out)
{
    bool tel;
    *out = (struct uri_parts){.port_number = 0};
    int rc = cut_scheme(&s, &tel);
    if (rc != ERR_OK)
        return rc;
    if (!tel && cut_user(&s, out) != ERR_OK)
        return ERR_SYNTAX;
    cut_at(&s, '?');
    out->params = cut_at(&s, ';');
    if (!tel)
        return split_host(s, out);
    out->user = s;
    return s.len ? ERR_OK : ERR_SYNTAX;
}

/* The value of a parameter; empty when it is absent or has none. */
static struct str param_value(struct str params, struct str name)
{
    struct str one;
    while (str_cut(&one, &params, ';')) {
        struct str value = cut_at(&one, '=');
        if (str_ieq(one, name))
            return value;
    }
    return STR_NONE;
}

static void set_text(struct value *v, struct str s)
{
    *v = value_str(s.p ? s : STR(""));
}

int tr_uri_part(const struct transform_use *u, struct value *v)
{
    struct uri_parts uri;
    int rc = uri_split(u->in, &uri);
    if (rc != ERR_OK)
        return rc;
    switch (u->code) {
    case URI_USER:
        set_text(v, uri.user);
        break;
    case URI_HOST:
        set_text(v, uri.host);
        break;
    case URI_PASSWORD:
        set_text(v, uri.password);
        break;
    default:
        set_text(v, uri.params);
    }
    return ERR_OK;
}

int tr_uri_port(const struct transform_use *u, struct value *v)
{
    struct uri_parts uri;
    int rc = uri_split(u->in, &uri);
    if (rc != ERR_OK)
        return rc;
    set_text(v, uri.port);
    v->i = uri.port_number;
    v->flags |= VAL_INT | VAL_TYPED;
    return ERR_OK;
}

int tr_uri_param(const struct transform_use *u, struct value *v)
{
    struct uri_parts uri;
    int rc = uri_split(u->in, &uri);
    if (rc == ERR_OK)
        set_text(v, param_value(uri.params, u->param[0].s));
    return rc;
}

int tr_uri_known(const struct transform_use *u, struct value *v)
{
    static const struct str names[] = {
        [KNOWN_TRANSPORT] = STR_INIT("transport"),
        [KNOWN_TTL] = STR_INIT("ttl"),
        [KNOWN_USER] = STR_INIT("user"),
        [KNOWN_MADDR] = STR_INIT("maddr"),
        [KNOWN_METHOD] = STR_INIT("method"),
        [KNOWN_LR] = STR_INIT("lr"),
        [KNOWN_R2] = STR_INIT("r2"),
    };
    struct uri_parts uri;
    int rc = uri_split(u->in, &uri);
    if (rc == ERR_OK)
        set_text(v, u->code == KNOWN_R2 ? STR_NONE : param_value(uri.params, names[u->code]));
    return rc;
}
