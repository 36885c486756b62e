/* Path headers (RFC 3327): the proxies between a phone and us, which requests to it must pass. */
/* SPDX-License-Identifier: MIT */
#include "modules/registrar/registrar_priv.h"

struct str path_first_uri(struct str values)
{
    struct str rest = values, first;
    struct nameaddr n;
    if (values.len && value_cut(&rest, &first) && nameaddr_parse(&n, first) == ERR_OK)
        return n.uri;
    return STR_NONE;
}

/* Whether text is <uri>, with lr when it is the first: a request can be sent along loose routers
 * only. */
static bool value_good(struct str text, bool first, struct uri *u)
{
    struct nameaddr n;
    if (nameaddr_parse(&n, text) != ERR_OK || !n.angle || uri_parse(u, n.uri) != ERR_OK)
        return false;
    return !first || param_find(u->params, STR("lr"), NULL);
}

/* What the first proxy says of where the REGISTER came from, when it says it well. */
static struct str received_of(struct call *c, const struct uri *u)
{
    struct str text, plain;
    struct uri r;
    if (!param_find(u->params, STR("received"), &text) ||
        registrar_unescape(c, registrar_unquote(text), &plain) != ERR_OK ||
        uri_parse(&r, plain) != ERR_OK)
        return STR_NONE;
    return plain;
}

enum verdict registrar_path(struct call *c, struct path *out)
{
    struct value_iter it = {0};
    struct buf b;
    struct uri u;
    *out = (struct path){STR_NONE, STR_NONE};
    if (!registrar_conf(c)->use_path || !msg_header(c->msg, HDR_PATH))
        return VERDICT_OK;
    buf_init(&b, c->arena, 256);
    while (msg_value_next(c->msg, HDR_PATH, &it)) {
        bool first = b.len == 0;
        if (!value_good(it.text, first, &u) || b.len + it.text.len >= USRLOC_PATH_MAX)
            return VERDICT_PATH;
        if (first && registrar_conf(c)->path_use_received)
            out->received = received_of(c, &u);
        if (!first)
            buf_char(&b, ',');
        buf_add(&b, it.text);
    }
    out->values = buf_str(&b);
    return b.failed ? VERDICT_NO_MEMORY : VERDICT_OK;
}
