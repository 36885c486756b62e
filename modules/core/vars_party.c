/* Variables of From, To and the other headers that name somebody. */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

static enum hdr_id header_of(int party)
{
    switch (party) {
    case PARTY_PAI:
        return HDR_P_ASSERTED_IDENTITY;
    case PARTY_PPI:
        return HDR_P_PREFERRED_IDENTITY;
    case PARTY_RPID:
        return HDR_REMOTE_PARTY_ID;
    case PARTY_REFER_TO:
        return HDR_REFER_TO;
    default:
        return HDR_DIVERSION;
    }
}

/* The first name-addr of the header; NULL when it is absent or malformed. */
static const struct nameaddr *find_party(struct call *c, int party, struct nameaddr *mem)
{
    struct value_iter it = {0};
    if (party == PARTY_FROM)
        return call_from(c);
    if (party == PARTY_TO)
        return call_to(c);
    if (!msg_value_next(c->msg, header_of(party), &it) || nameaddr_parse(mem, it.text) != ERR_OK)
        return NULL;
    return mem;
}

static struct value uri_part_value(struct str text, int what)
{
    struct uri uri;
    if (uri_parse(&uri, text) != ERR_OK)
        return VALUE_NULL;
    return text_or_null(what == WHAT_USER ? uri.user : uri.host);
}

static struct value param_value(struct str params, struct str name)
{
    struct str text;
    return param_find(params, name, &text) ? text_or_null(text) : VALUE_NULL;
}

int core_get_party(struct call *c, const struct pv_use *u, struct value *out)
{
    struct nameaddr mem;
    int what = u->spec->code & WHAT_MASK;
    const struct nameaddr *n = find_party(c, u->spec->code & ~WHAT_MASK, &mem);
    *out = VALUE_NULL;
    if (!n)
        return ERR_OK;
    switch (what) {
    case WHAT_URI:
        *out = text_or_null(n->uri);
        break;
    case WHAT_NAME:
        *out = text_or_null(n->display);
        break;
    case WHAT_REASON:
        *out = param_value(n->params, STR("reason"));
        break;
    case WHAT_PRIVACY:
        *out = param_value(n->params, STR("privacy"));
        break;
    default:
        *out = uri_part_value(n->uri, what);
    }
    return ERR_OK;
}

int core_get_tag(struct call *c, const struct pv_use *u, struct value *out)
{
    *out = text_or_null(u->spec->code == PARTY_FROM ? c->msg->from_tag : c->msg->to_tag);
    return ERR_OK;
}
