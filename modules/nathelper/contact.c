/* Addresses in headers: are they those the message came from, and what if not. */
/* SPDX-License-Identifier: MIT */
#include "modules/nathelper/priv.h"

/* ---- questions ---- */

bool nathelper_is_private(struct str host)
{
    static const struct {
        struct ip net;
        unsigned bits;
    } nets[] = {{{4, {10}}, 8}, {{4, {172, 16}}, 12}, {{4, {192, 168}}, 16}};
    struct ip ip;
    if (ip_parse(&ip, host) != ERR_OK)
        return false;
    for (unsigned i = 0; i < sizeof nets / sizeof *nets; i++)
        if (ip_in(&ip, &nets[i].net, nets[i].bits))
            return true;
    return false;
}

/* The first Contact and its URI; false for none, for * and for what cannot be parsed. */
static bool first_contact(const struct call *c, struct uri *u)
{
    struct value_iter it = {0};
    struct nameaddr n;
    return msg_value_next(c->msg, HDR_CONTACT, &it) && nameaddr_parse(&n, it.text) == ERR_OK &&
           uri_parse(u, n.uri) == ERR_OK && u->host.len > 0;
}

static bool contact_is_private(const struct call *c)
{
    struct uri u;
    return first_contact(c, &u) && nathelper_is_private(u.host);
}

/* The Via names another host than the packet came from, or somebody has said so already. */
static bool via_is_foreign(const struct call *c)
{
    const struct via *v = &c->msg->via;
    struct ip ip;
    if (v->received.len)
        return true;
    return ip_parse(&ip, v->host) != ERR_OK || !ip_eq(&ip, &c->msg->src.ip);
}

static bool port_differs(const struct call *c)
{
    const struct via *v = &c->msg->via;
    return c->msg->src.port != (v->port ? v->port : 5060);
}

enum test {
    TEST_CONTACT = 1,
    TEST_SOURCE = 2,
    TEST_VIA = 4,
    TEST_SDP = 8,
    TEST_PORT = 16,
};

int nathelper_uac_test(struct call *c, const struct arg *args, unsigned n)
{
    int32_t mask = args[0].v.i;
    (void)n;
    bool behind_nat = (mask & TEST_SOURCE && via_is_foreign(c)) ||
                      (mask & TEST_PORT && port_differs(c)) ||
                      (mask & TEST_CONTACT && contact_is_private(c)) ||
                      (mask & TEST_SDP && nathelper_sdp_is_private(c->msg)) ||
                      (mask & TEST_VIA && nathelper_is_private(c->msg->via.host));
    return behind_nat ? 1 : -1;
}

/* ---- changes ---- */

/* ip:port the message came from. */
static struct str source_text(struct call *c)
{
    char mem[IP_TEXT];
    const struct addr *a = &c->msg->src;
    struct str ip = ip_text(mem, &a->ip);
    return arena_printf(c->arena, a->ip.family == 6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(ip),
                        a->port);
}

int nathelper_fix_contact(struct call *c, const struct arg *args, unsigned n)
{
    struct nathelper_slot *s = call_slot(c, &nathelper_module);
    struct str source = source_text(c);
    struct uri u;
    (void)args, (void)n;
    if (!s || !source.p || !first_contact(c, &u))
        return -1;
    if (s->contact_fixed)
        return 1;
    struct str end = u.port_text.len ? u.port_text : u.host;
    size_t len = (size_t)(end.p + end.len - u.host.p);
    s->contact_fixed = true;
    return edits_replace(&c->edits, c->arena, offset_of(c, u.host.p), len, source) ? 1 : -1;
}

/* sip:ip:port, with the transport when it is not UDP. */
static struct str source_uri(struct call *c)
{
    struct str source = source_text(c);
    uint8_t proto = c->msg->src.proto;
    if (!source.p)
        return STR_NONE;
    if (proto == PROTO_UDP || proto == PROTO_ANY)
        return arena_printf(c->arena, "sip:%.*s", STR_ARG(source));
    return arena_printf(c->arena, "sip:%.*s;transport=%s", STR_ARG(source), proto_name(proto));
}

int nathelper_fix_register(struct call *c, const struct arg *args, unsigned n)
{
    const struct nathelper_conf *conf = call_conf(c, &nathelper_module);
    struct value v = value_str(source_uri(c));
    struct avp_name name;
    (void)args, (void)n;
    if (!v.s.p || avp_name_of(conf->received_avp, c, call_host(), &name) != ERR_OK)
        return -1;
    return avp_push(c->avps, &name, &v) == ERR_OK ? 1 : -1;
}

int nathelper_add_rcv_param(struct call *c, const struct arg *args, unsigned n)
{
    bool in_uri = n && args[0].v.i;
    struct value_iter it = {0};
    struct nameaddr contact;
    struct str param = arena_printf(c->arena, ";received=\"%.*s\"", STR_ARG(source_uri(c)));
    if (!param.p)
        return -1;
    while (msg_value_next(c->msg, HDR_CONTACT, &it)) {
        if (nameaddr_parse(&contact, it.text) != ERR_OK || str_eq(it.text, STR("*")))
            return -1;
        struct str behind = in_uri ? contact.uri : contact.text;
        if (!edits_insert(&c->edits, c->arena, offset_of(c, behind.p + behind.len), param,
                          EDIT_PLAIN))
            return -1;
    }
    return 1;
}
