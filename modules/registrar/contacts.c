/* What the Contact headers of a REGISTER ask for. */
/* SPDX-License-Identifier: MIT */
#include "modules/registrar/registrar_priv.h"

enum { CONTACTS_MAX = 32 }; /* of one message; more are refused like too many registered ones */

struct str registrar_unquote(struct str text)
{
    if (text.len >= 2 && text.p[0] == '"' && text.p[text.len - 1] == '"')
        return str_sub(text, 1, text.len - 1);
    return text;
}

/* ---- how long -------------------------------------------------------------------------------- */

/* min_expires and max_expires. A time beyond 31 bits is no time anybody means: it gets the least
 * there is, as from the reference. */
static uint32_t clamp(const struct registrar_conf *conf, uint64_t s)
{
    uint64_t least = conf->min_expires > 0 ? (uint64_t)conf->min_expires : 1;
    if (s > INT32_MAX || s < least)
        s = least;
    if (conf->max_expires > 0 && s > (uint64_t)conf->max_expires)
        s = (uint64_t)conf->max_expires;
    return (uint32_t)s;
}

/* Seconds in text, or default_expires when it is no number. */
static uint64_t seconds(const struct registrar_conf *conf, struct str text)
{
    uint64_t s;
    return str_u64(&s, text, UINT32_MAX) == ERR_OK ? s : (uint64_t)conf->default_expires;
}

/* What the Expires header says of contacts that say nothing themselves. */
static uint64_t header_seconds(struct call *c)
{
    const struct hdr *h = msg_header(c->msg, HDR_EXPIRES);
    const struct registrar_conf *conf = registrar_conf(c);
    return h ? seconds(conf, h->value) : (uint64_t)conf->default_expires;
}

static void set_expires(struct call *c, struct ucontact *u, struct str params)
{
    struct str text;
    const struct registrar_conf *conf = registrar_conf(c);
    bool own = param_find(params, STR("expires"), &text) && text.len;
    uint64_t s = own ? seconds(conf, registrar_unquote(text)) : header_seconds(c);
    u->remove = own || msg_header(c->msg, HDR_EXPIRES) ? s == 0 : false;
    u->expires = (uint32_t)call_time(c) + clamp(conf, s);
}

/* ---- which methods --------------------------------------------------------------------------- */

static uint32_t methods_in(struct str list)
{
    uint32_t bits = 0;
    struct str rest = list, one;
    while (value_cut(&rest, &one))
        if (one.len)
            bits |= method_lookup(one);
    return bits;
}

/* All methods the Allow headers name; all there are without such a header. */
static uint32_t allowed_methods(const struct msg *m)
{
    uint32_t bits = 0;
    const struct hdr *h = msg_header(m, HDR_ALLOW);
    if (!h)
        return USRLOC_ALL_METHODS;
    for (; h; h = msg_header_next(m, h))
        bits |= methods_in(h->value);
    return bits;
}

/* ---- one contact ----------------------------------------------------------------------------- */

/* 0 to 1 with up to three decimals, in thousandths; further digits say nothing. */
static int parse_q(struct str s, int16_t *out)
{
    if (s.len == 0 || (s.p[0] != '0' && s.p[0] != '1') || (s.len > 1 && s.p[1] != '.'))
        return ERR_SYNTAX;
    int q = (s.p[0] - '0') * 1000;
    for (size_t i = 2, unit = 100; i < s.len; i++, unit /= 10) {
        if (!ascii_digit(s.p[i]))
            return ERR_SYNTAX;
        q += (s.p[i] - '0') * (int)unit;
    }
    *out = (int16_t)q;
    return q <= 1000 ? ERR_OK : ERR_SYNTAX;
}

/* Where the phone says, or a script found, that it really is. What is no URI does not count. */
static enum verdict set_received(struct call *c, struct ucontact *u, struct str params)
{
    struct str text = u->received;
    struct uri parsed;
    if (text.len == 0 && !param_find(params, STR("received"), &text))
        registrar_avp(c, registrar_conf(c)->received_avp, &text);
    text = registrar_unquote(text);
    if (text.len > USRLOC_TEXT_MAX)
        return VERDICT_CONTACT_LENGTH;
    u->received = text.len && uri_parse(&parsed, text) == ERR_OK ? text : STR_NONE;
    return VERDICT_OK;
}

/* Which phone it is and which of its flows (RFC 5626 4.1, 4.2). A reg-id says nothing without an
 * instance (6). */
static void set_flow(struct ucontact *u, struct str params)
{
    struct str value;
    if (!param_find(params, STR("+sip.instance"), &value))
        return;
    u->instance = registrar_unquote(value);
    if (!u->instance.len || !param_find(params, STR("reg-id"), &value) ||
        str_u32(&u->reg_id, value, INT32_MAX) != ERR_OK)
        u->reg_id = 0;
}

static enum verdict read_contact(struct call *c, struct str text, struct ucontact *u)
{
    struct nameaddr n;
    struct uri parsed;
    struct str value;
    if (text.len && text.p[0] == '*')
        return VERDICT_STAR_MIXED;
    if (nameaddr_parse(&n, text) != ERR_OK)
        return VERDICT_CONTACT;
    if (n.uri.len > USRLOC_TEXT_MAX)
        return VERDICT_CONTACT_LENGTH;
    if (uri_parse(&parsed, n.uri) != ERR_OK)
        return VERDICT_CONTACT;
    u->uri = n.uri;
    u->q = (int16_t)registrar_conf(c)->default_q;
    if (param_find(n.params, STR("q"), &value) && value.len &&
        parse_q(registrar_unquote(value), &u->q) != ERR_OK)
        return VERDICT_Q;
    if (param_find(n.params, STR("methods"), &value) && value.len)
        u->methods = methods_in(registrar_unquote(value));
    set_flow(u, n.params);
    set_expires(c, u, n.params);
    if (u->instance.len > USRLOC_TEXT_MAX)
        return VERDICT_CONTACT_LENGTH;
    return set_received(c, u, n.params);
}

/* ---- all contacts ---------------------------------------------------------------------------- */

/* Whether the first Contact header is *. Contacts behind it in the same header are not looked at,
 * as in the reference. */
static bool is_star(const struct msg *m)
{
    const struct hdr *h = msg_header(m, HDR_CONTACT);
    struct str rest = h->value, first;
    return value_cut(&rest, &first) && str_eq(first, STR("*"));
}

static enum verdict check_star(struct call *c)
{
    const struct hdr *h = msg_header(c->msg, HDR_EXPIRES);
    uint64_t s;
    if (!h || str_u64(&s, h->value, UINT32_MAX) != ERR_OK || s != 0)
        return VERDICT_STAR_EXPIRES;
    return msg_header_next(c->msg, msg_header(c->msg, HDR_CONTACT)) ? VERDICT_STAR_MIXED
                                                                    : VERDICT_OK;
}

static void reverse(struct ucontact *v, unsigned n)
{
    for (unsigned i = 0; i < n / 2; i++) {
        struct ucontact t = v[i];
        v[i] = v[n - 1 - i];
        v[n - 1 - i] = t;
    }
}

/* The contacts of one header, last one first: the reference enters them so, and with equal q the
 * order is what decides who is tried first. */
static enum verdict read_header(struct call *c, const struct hdr *h, const struct ucontact *common,
                                struct wishes *out)
{
    struct str rest = h->value, one;
    unsigned from = out->n;
    while (value_cut(&rest, &one)) {
        if (out->n == CONTACTS_MAX)
            return VERDICT_TOO_MANY;
        out->v[out->n] = *common;
        enum verdict v = read_contact(c, one, &out->v[out->n]);
        if (v != VERDICT_OK)
            return v;
        out->n++;
    }
    reverse(out->v + from, out->n - from);
    return VERDICT_OK;
}

/* A flow is registered by itself (RFC 5626 6). */
static bool one_flow_of_many(const struct wishes *w)
{
    unsigned entered = 0;
    bool flow = false;
    for (unsigned i = 0; i < w->n; i++) {
        entered += !w->v[i].remove;
        flow = flow || (!w->v[i].remove && ucontact_is_flow(&w->v[i]));
    }
    return flow && entered > 1;
}

enum verdict registrar_wishes(struct call *c, const struct ucontact *common, struct wishes *out)
{
    enum verdict v = VERDICT_OK;
    *out = (struct wishes){.star = is_star(c->msg)};
    if (out->star)
        return check_star(c);
    out->v = arena_alloc(c->arena, CONTACTS_MAX * sizeof *out->v);
    if (!out->v)
        return VERDICT_NO_MEMORY;
    for (const struct hdr *h = msg_header(c->msg, HDR_CONTACT); h && v == VERDICT_OK;
         h = msg_header_next(c->msg, h))
        v = read_header(c, h, common, out);
    return v == VERDICT_OK && one_flow_of_many(out) ? VERDICT_FLOWS : v;
}

/* ---- what they have in common ---------------------------------------------------------------- */

/* The socket that sock_hdr_name names: one of ours, NO_SOCKET for another host's; the receiving one
 * when there is no such header or it cannot be read. */
static int16_t socket_of(struct call *c)
{
    const struct registrar_conf *conf = registrar_conf(c);
    struct str rest, proto, host, port;
    uint32_t number;
    const struct hdr *h = NULL;
    if (conf->sock_flag >= 0 && (c->flags >> conf->sock_flag & 1) && conf->sock_hdr_name.len)
        h = msg_header_named(c->msg, conf->sock_hdr_name, NULL);
    if (!h)
        return (int16_t)c->msg->socket;
    rest = h->value;
    ptrdiff_t colon = rest.len ? str_find(rest, ':', 0) : -1;
    size_t last = rest.len;
    while (last > 0 && rest.p[last - 1] != ':')
        last--;
    if (colon < 0 || last <= (size_t)colon + 1)
        return (int16_t)c->msg->socket;
    proto = str_sub(rest, 0, (size_t)colon);
    host = str_sub(rest, (size_t)colon + 1, last - 1);
    port = str_sub(rest, last, rest.len);
    if (proto_parse(proto) < 0 || str_u32(&number, port, UINT16_MAX) != ERR_OK)
        return (int16_t)c->msg->socket;
    return (int16_t)call_find_socket(c, (enum proto)proto_parse(proto), host, (uint16_t)number);
}

static struct str user_agent(const struct msg *m)
{
    const struct hdr *h = msg_header(m, HDR_USER_AGENT);
    if (!h)
        return STR_NONE;
    return h->value.len > USRLOC_TEXT_MAX ? STR("n/a") : h->value;
}

static uint16_t contact_flags(const struct call *c, unsigned flags)
{
    int32_t nat = registrar_conf(c)->nat_flag;
    bool behind_nat = nat >= 0 && (c->flags >> nat & 1);
    return (uint16_t)((flags & SAVE_MEMORY_ONLY ? USRLOC_MEMORY_ONLY : 0) |
                      (behind_nat ? USRLOC_NAT : 0));
}

/* The Path and what follows from it. */
static enum verdict set_path(struct call *c, struct ucontact *out)
{
    struct path path;
    enum verdict v = registrar_path(c, &path);
    if (v != VERDICT_OK)
        return v;
    out->path = path.values;
    out->received = path.received;
    if (path.received.len) {
        int32_t nat = registrar_tables(c)->settings(c)->nat_bflag;
        out->cflags |= nat >= 0 ? 1u << nat : 0;
    }
    return VERDICT_OK;
}

enum verdict registrar_common(struct call *c, unsigned flags, struct ucontact *out)
{
    const struct msg *m = c->msg;
    if (m->call_id.len == 0)
        return VERDICT_NO_CALL_ID;
    if (m->cseq_number.len == 0)
        return VERDICT_NO_CSEQ;
    if (m->call_id.len > USRLOC_TEXT_MAX)
        return VERDICT_CALL_ID_LENGTH;
    *out = (struct ucontact){.call_id = m->call_id,
                             .user_agent = user_agent(m),
                             .cseq = m->cseq,
                             .methods = allowed_methods(m),
                             .cflags = c->target.flags,
                             .flags = contact_flags(c, flags),
                             .q = NO_Q,
                             .socket = socket_of(c)};
    return set_path(c, out);
}
