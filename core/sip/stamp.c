/* received and rport on the top Via, and where replies go that follow them. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/stamp.h"

#include "core/base/err.h"
#include "core/sip/text.h"

/* Where sent-by ends. */
static const char *sent_by_end(const struct via *v)
{
    struct cursor c = {v->host.p + v->host.len, v->text.p + v->text.len};
    const char *end = c.p;
    if (v->has_port && skip_char(&c, ':')) {
        while (c.p < c.end && ascii_digit(*c.p))
            c.p++;
        end = c.p;
    }
    return end;
}

/* Where a new parameter is to stand: in a Via that is no good, whose parts we cannot tell, behind
 * all of it. */
static size_t param_place(const struct msg *m, bool front)
{
    const struct via *v = &m->via;
    const char *p = v->odd                    ? v->text.p + v->text.len
                    : front || !v->params.len ? sent_by_end(v)
                                              : v->params.p + v->params.len;
    return (size_t)(p - m->raw.p);
}

static bool is_address(struct str text, const struct ip *ip)
{
    struct ip mine;
    return ip_parse(&mine, text) == ERR_OK && ip_eq(&mine, ip);
}

/* Adds ;name=value as a new parameter, or puts value in the place of an old one. */
static void stamp_param(struct own_edits *own, const struct msg *m, struct str param,
                        struct str old, size_t place)
{
    struct str value = str_sub(param, (size_t)str_find(param, '=', 0), param.len);
    if (!old.p) {
        own_add(own, place, 0, param, EDIT_UNLESS_GONE);
        return;
    }
    if (old.p[-1] == '=' || char_blank(old.p[-1]))
        value = str_sub(value, 1, value.len);
    own_add(own, (size_t)(old.p - m->raw.p), old.len, value, EDIT_UNLESS_GONE);
}

static void stamp_received(struct own_edits *own, const struct msg *m, struct buf *b, size_t place)
{
    const struct via *v = &m->via;
    char ip[IP_TEXT];
    size_t from = b->len;
    if (is_address(v->received.p ? v->received : v->host, &m->src.ip))
        return;
    buf_add(b, STR(";received="));
    buf_add(b, ip_text(ip, &m->src.ip));
    stamp_param(own, m, str_sub(buf_str(b), from, b->len), v->received, place);
}

static void stamp_rport(struct own_edits *own, const struct msg *m, struct buf *b, size_t place)
{
    const struct via *v = &m->via;
    uint32_t port = 0;
    size_t from = b->len;
    if (v->has_rport ? str_u32(&port, v->rport, UINT16_MAX) == ERR_OK && port == m->src.port
                     : !m->force_rport)
        return;
    buf_add(b, STR(";rport="));
    buf_u64(b, m->src.port);
    stamp_param(own, m, str_sub(buf_str(b), from, b->len), v->rport, place);
}

void stamp_add(struct own_edits *own, const struct msg *m, struct stamp *s, bool front)
{
    struct buf b;
    size_t place = param_place(m, front);
    buf_fixed(&b, s->memory, sizeof s->memory);
    if (!m->src.ip.family)
        return;
    if (!front)
        stamp_rport(own, m, &b, place);
    stamp_received(own, m, &b, place);
    if (front)
        stamp_rport(own, m, &b, place);
}

/* Addresses nobody may be made to send to: none, broadcast, multicast (RFC 4475 3.3.10). */
static bool unicast(const struct ip *ip)
{
    if (ip->family == 4)
        return ip->b[0] < 224 && !ip_is_any(ip);
    return ip->family == 6 && ip->b[0] != 0xff && !ip_is_any(ip);
}

/* The address itself, or NOTFOUND and the name in *host. */
static int resolve_literal(struct ip *ip, struct str *host, struct str text)
{
    if (ip_parse(ip, text) == ERR_OK)
        return unicast(ip) ? ERR_OK : ERR_INVALID;
    *host = text;
    return ERR_NOTFOUND;
}

static uint16_t default_port(uint8_t proto)
{
    return proto == PROTO_TLS ? 5061 : 5060;
}

int via_destination(struct addr *out, struct str *host, const struct via *v)
{
    int proto = proto_parse(v->transport);
    uint32_t port;
    *out = (struct addr){.port = 0};
    if (proto <= PROTO_ANY)
        return ERR_UNSUPPORTED;
    out->proto = (uint8_t)proto;
    out->port = v->port || v->has_port ? v->port : default_port(out->proto);
    if (v->rport.len && str_u32(&port, v->rport, UINT16_MAX) == ERR_OK)
        out->port = (uint16_t)port;
    if (out->port == 0)
        return ERR_INVALID;
    struct ip maddr;
    if (v->maddr.len && ip_parse(&maddr, v->maddr) == ERR_OK && unicast(&maddr)) {
        out->ip = maddr;
        return ERR_OK;
    }
    return resolve_literal(&out->ip, host, v->received.len ? v->received : v->host);
}

/* The via-parm below the topmost one. */
static int second_via(struct via *v, const struct msg *m)
{
    struct value_iter it = {0};
    if (!msg_value_next(m, HDR_VIA, &it) || !msg_value_next(m, HDR_VIA, &it))
        return ERR_INVALID;
    return via_parse(v, it.text) ? ERR_INVALID : ERR_OK;
}

int reply_destination(struct addr *out, struct str *host, const struct msg *m, bool to_via)
{
    struct via second;
    *host = STR_NONE;
    if (!m->request)
        return second_via(&second, m) ? ERR_INVALID : via_destination(out, host, &second);
    bool stream = m->src.proto != PROTO_UDP && m->src.proto != PROTO_ANY;
    *out = m->src;
    if (to_via && !stream)
        return via_destination(out, host, &m->via);
    if (!stream && !m->via.has_rport && !m->force_rport) {
        if (m->via.port)
            out->port = m->via.port;
        else if (!m->via.has_port)
            out->port = default_port(out->proto);
    }
    return out->port && unicast(&out->ip) ? ERR_OK : ERR_INVALID;
}
