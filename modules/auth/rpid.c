/* Remote-Party-ID (draft-ietf-sip-privacy) from what is known of the caller. */
/* SPDX-License-Identifier: MIT */
#include "modules/auth/priv.h"

/* The newest value of rpid_avp; false when there is none, or none that fits in a header. */
static bool read_rpid(struct call *c, struct str *out)
{
    const struct auth_conf *conf = call_conf(c, &auth_module);
    struct value v;
    if (!conf->rpid_avp || pv_read(conf->rpid_avp, c, call_host(), &v) != ERR_OK ||
        !(v.flags & VAL_STR) || v.s.len == 0)
        return false;
    for (size_t i = 0; i < v.s.len; i++)
        if ((uint8_t)v.s.p[i] < ' ') {
            log_err("auth: rpid_avp has a control character in it");
            return false;
        }
    *out = v.s;
    return true;
}

int auth_is_rpid_user_e164(struct call *c, const struct arg *args, unsigned n)
{
    struct nameaddr party;
    struct str rpid;
    struct uri u;
    (void)args, (void)n;
    if (!read_rpid(c, &rpid) || nameaddr_parse(&party, rpid) != ERR_OK ||
        uri_parse(&u, party.uri) != ERR_OK)
        return -1;
    return user_is_e164(u.user) ? 1 : -1;
}

int auth_append_rpid_hf(struct call *c, const struct arg *args, unsigned n)
{
    const struct auth_conf *conf = call_conf(c, &auth_module);
    struct str prefix = n ? args[0].v.s : conf->rpid_prefix;
    struct str suffix = n ? args[1].v.s : conf->rpid_suffix;
    const struct msg *m = c->msg;
    struct str rpid;
    if (!read_rpid(c, &rpid) || m->count == 0)
        return -1;
    struct str line = arena_printf(c->arena, "Remote-Party-ID: %.*s%.*s%.*s\r\n", STR_ARG(prefix),
                                   STR_ARG(rpid), STR_ARG(suffix));
    const struct hdr *last = &m->hdr[m->count - 1];
    size_t at = (size_t)(last->line.p + last->line.len - m->raw.p);
    return line.p && edits_insert(&c->edits, c->arena, at, line, EDIT_PLAIN) ? 1 : -1;
}
