/* Variables of the R-URI as it stands and as received, and of $du. */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

/* The URI a row speaks of, explained; NULL when there is none or it cannot be parsed. */
static const struct uri *find_uri(struct call *c, int whose, struct uri *mem)
{
    if (whose == URI_NOW)
        return call_uri(c);
    if (whose == URI_RECEIVED)
        return c->msg->request ? msg_uri(c->msg) : NULL;
    if (c->target.dst_uri.len == 0 || uri_parse(mem, c->target.dst_uri) != ERR_OK)
        return NULL;
    return mem;
}

static struct value port_value(const struct uri *u)
{
    return u->port_text.len ? value_both(u->port_text, u->port) : value_both(STR("5060"), 5060);
}

static struct value transport_value(const struct uri *u)
{
    struct str text;
    if (!param_find(u->params, STR("transport"), &text) || text.len == 0)
        return value_both(STR("UDP"), PROTO_UDP);
    int proto = proto_parse(text);
    return value_both(text, proto < 0 ? PROTO_ANY : proto);
}

int core_get_uri(struct call *c, const struct pv_use *u, struct value *out)
{
    struct uri mem;
    int whose = u->spec->code & ~WHAT_MASK;
    *out = VALUE_NULL;
    if (u->spec->code == (URI_DST | WHAT_URI)) { /* shown even when it is no URI */
        *out = text_or_null(c->target.dst_uri);
        return ERR_OK;
    }
    const struct uri *uri = find_uri(c, whose, &mem);
    if (!uri)
        return ERR_OK;
    switch (u->spec->code & WHAT_MASK) {
    case WHAT_URI:
        *out = value_str(uri->text);
        break;
    case WHAT_USER:
        *out = text_or_null(uri->user);
        break;
    case WHAT_HOST:
        *out = text_or_null(uri->host);
        break;
    case WHAT_PORT:
        *out = port_value(uri);
        break;
    case WHAT_TRANSPORT:
        *out = transport_value(uri);
        break;
    }
    return ERR_OK;
}

int core_set_ru(struct call *c, const struct pv_use *u, enum pv_assign op, const struct value *v)
{
    char mem[VALUE_TEXT];
    (void)u, (void)op;
    struct str text = value_text(v, mem);
    if (!value_has_text(v) || text.len == 0)
        return -1;
    return script_result(call_set_uri(c, text));
}

/* Changes a part: null and the empty text remove it, where it can be removed. */
static int set_part(struct call *c, enum uri_part part, const struct value *v)
{
    char mem[VALUE_TEXT];
    if (!value_is_null(v) && !value_has_text(v))
        return -1; /* a literal number has no text */
    return script_result(call_rewrite(c, part, value_text(v, mem)));
}

int core_set_rU(struct call *c, const struct pv_use *u, enum pv_assign op, const struct value *v)
{
    (void)u, (void)op;
    return set_part(c, PART_USER, v);
}

int core_set_rd(struct call *c, const struct pv_use *u, enum pv_assign op, const struct value *v)
{
    (void)u, (void)op;
    return value_is_null(v) ? -1 : set_part(c, PART_HOST, v);
}

int core_set_rp(struct call *c, const struct pv_use *u, enum pv_assign op, const struct value *v)
{
    char mem[VALUE_TEXT];
    (void)u, (void)op;
    return script_result(call_rewrite(c, PART_PORT, value_text(v, mem)));
}

int core_set_du(struct call *c, const struct pv_use *u, enum pv_assign op, const struct value *v)
{
    char mem[VALUE_TEXT];
    (void)u, (void)op;
    if (!value_is_null(v) && !value_has_text(v))
        return -1;
    return script_result(call_set_dst_uri(c, value_text(v, mem)));
}
