/* Variables of the credentials a request carries: read, not checked. */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

static struct str unquote(struct str s)
{
    return s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"' ? str_sub(s, 1, s.len - 1) : s;
}

/* The value of one parameter of "Digest a=b, c="d"". */
static bool digest_param(struct str credentials, struct str name, struct str *out)
{
    struct str rest = str_trim(credentials), item;
    if (!str_istarts(rest, STR("digest ")))
        return false;
    rest = str_sub(rest, 7, rest.len);
    while (value_cut(&rest, &item)) {
        ptrdiff_t eq = str_find(item, '=', 0);
        if (eq < 0 || !str_ieq(str_trim(str_sub(item, 0, (size_t)eq)), name))
            continue;
        *out = unquote(str_trim(str_sub(item, (size_t)eq + 1, item.len)));
        return true;
    }
    return false;
}

/* Proxy-Authorization, else Authorization; neither says who calls in ACK and CANCEL. */
static const struct hdr *credentials_of(const struct msg *m)
{
    if (!m->request || m->method == METHOD_ACK || m->method == METHOD_CANCEL)
        return NULL;
    const struct hdr *h = msg_header(m, HDR_PROXY_AUTHORIZATION);
    return h ? h : msg_header(m, HDR_AUTHORIZATION);
}

static struct str param_name(int code)
{
    return code == CREDENTIAL_REALM ? STR("realm")
           : code == CREDENTIAL_URI ? STR("uri")
                                    : STR("username");
}

int core_get_credential(struct call *c, const struct pv_use *u, struct value *out)
{
    const struct hdr *h = credentials_of(c->msg);
    int code = u->spec->code;
    struct str text;
    *out = VALUE_NULL;
    if (!h || !digest_param(h->value, param_name(code), &text))
        return ERR_OK;
    ptrdiff_t at = str_find(text, '@', 0);
    size_t user_end = at < 0 ? text.len : (size_t)at;
    if (code == CREDENTIAL_NAME)
        text = str_sub(text, 0, user_end);
    else if (code == CREDENTIAL_DOMAIN)
        text = str_sub(text, at < 0 ? user_end : user_end + 1, text.len);
    *out = value_str(text);
    return ERR_OK;
}

int core_get_account(struct call *c, const struct pv_use *u, struct value *out)
{
    const struct nameaddr *from = call_from(c);
    struct uri uri;
    (void)u;
    *out = VALUE_NULL;
    if (!from || uri_parse(&uri, from->uri) != ERR_OK || uri.user.len == 0)
        return ERR_OK;
    struct str text = arena_printf(c->arena, "%.*s@%.*s", STR_ARG(uri.user), STR_ARG(uri.host));
    if (!text.p)
        return ERR_NOMEM;
    *out = value_str(text);
    return ERR_OK;
}
