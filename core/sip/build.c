/* Messages on their way out that began as received ones: relayed requests and replies. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/build.h"

#include "core/sip/splice.h"
#include "core/sip/stamp.h"
#include "core/sip/text.h"

static size_t offset_in(const struct msg *m, const char *p)
{
    return (size_t)(p - m->raw.p);
}

/* Where the empty line that ends the headers begins. */
static size_t headers_end(const struct msg *m)
{
    const struct hdr *h = m->count ? &m->hdr[m->count - 1] : NULL;
    return h ? offset_in(m, h->line.p + h->line.len) : offset_in(m, m->body.p);
}

struct str info_host(char *mem, const struct send_info *info)
{
    if (info->host.len)
        return info->host;
    char *at = mem;
    bool v6 = info->src.ip.family == 6;
    if (v6)
        *at++ = '[';
    struct str ip = ip_text(at, &info->src.ip);
    at += ip.len;
    if (v6)
        *at++ = ']';
    return str_span(mem, at);
}

/* The name of a transport in a Via. */
static struct str via_transport(uint8_t proto)
{
    switch (proto) {
    case PROTO_TCP:
        return STR("TCP");
    case PROTO_TLS:
        return STR("TLS");
    case PROTO_SCTP:
        return STR("SCTP");
    default:
        return STR("UDP");
    }
}

/* Our Via line; arg is the request_out. */
static void render_via(struct buf *out, const struct edit *e, const struct send_info *info)
{
    const struct request_out *o = e->arg;
    char mem[IP_TEXT + 2];
    buf_add(out, STR("Via: SIP/2.0/"));
    buf_add(out, via_transport(info->src.proto));
    buf_char(out, ' ');
    buf_add(out, info_host(mem, info));
    buf_char(out, ':');
    buf_u64(out, info->port ? info->port : info->src.port);
    buf_add(out, STR(";branch="));
    buf_add(out, o->via_branch);
    buf_add(out, o->via_extra);
    buf_add(out, STR("\r\n"));
}

static bool body_edited(const struct edits *l, size_t body)
{
    for (const struct edit *e = l ? l->head : NULL; e; e = e->next)
        if (e->at >= body || (e->remove && (size_t)e->at + e->remove > body))
            return true;
    return false;
}

/* Corrects Content-Length after edits of the body, and adds it when asked and absent. mem keeps its
 * text. */
static void fix_length(struct own_edits *own, const struct msg *m, const struct edits *l,
                       const struct send_info *info, bool wanted, struct buf *mem)
{
    const struct hdr *h = msg_header(m, HDR_CONTENT_LENGTH);
    size_t body = offset_in(m, m->body.p);
    bool edited = body_edited(l, body);
    if (h && edits_removed(l, offset_in(m, h->line.p)))
        h = NULL;
    if (h ? !edited : !wanted)
        return;
    struct stretch w = {.raw = m->raw, .from = body, .to = m->raw.len, .edits = l, .info = info};
    size_t n = edited ? edits_length(&w) : m->body.len;
    if (!h)
        buf_add(mem, STR("Content-Length: "));
    buf_u64(mem, n);
    if (h) {
        own_add(own, offset_in(m, h->value.p), h->value.len, buf_str(mem), EDIT_UNLESS_GONE);
    } else {
        buf_add(mem, STR("\r\n"));
        own_add(own, headers_end(m), 0, buf_str(mem), EDIT_ALWAYS);
    }
}

/* Whether a URI holds what write_uri has to leave out. */
static bool uri_unclean(const struct uri *u)
{
    return u->headers.len || param_find(u->params, STR("method"), NULL) ||
           (u->host.p[0] == '[' && str_search(u->host, STR(":::"), 0) >= 0);
}

/* Adds text that a script may have put together: a line end in it must not become one of ours. */
static void add_line_safe(struct buf *out, struct str text)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *p = text.p, *end = text.p + text.len, *at;
    while (p < end) {
        at = find_control(p, end);
        buf_add(out, str_span(p, at));
        if (at < end) {
            const char escape[3] = {'%', digits[(uint8_t)*at >> 4], digits[*at & 15]};
            buf_add(out, str_make(escape, sizeof escape));
        }
        p = at < end ? at + 1 : end;
    }
}

/* Writes the Request-URI without what must not stand in one: headers and a method (RFC
 * 3261 19.1.1). The three colons that an ABNF fault once allowed become two (RFC 5118 4.10). */
static void write_uri(struct buf *out, struct str text)
{
    struct uri u;
    struct str name, value, rest;
    bool plain =
        str_find(text, '?', 0) < 0 && str_find(text, ';', 0) < 0 && str_find(text, '[', 0) < 0;
    if (plain || uri_parse(&u, text) || u.scheme > URI_SIPS || !uri_unclean(&u)) {
        add_line_safe(out, text);
        return;
    }
    ptrdiff_t colons = str_search(u.host, STR(":::"), 0);
    size_t host = (size_t)(u.host.p - text.p), end = host + u.host.len;
    if (u.port)
        end = (size_t)(u.port_text.p + u.port_text.len - text.p);
    if (colons >= 0) {
        buf_add(out, str_sub(text, 0, host + (size_t)colons));
        host += (size_t)colons + 1;
    } else {
        host = 0;
    }
    buf_add(out, str_sub(text, host, end));
    for (rest = u.params; rest.len && param_next(&rest, &name, &value);) {
        if (str_ieq(name, STR("method")))
            continue;
        buf_char(out, ';');
        buf_add(out, name);
        if (value.len) {
            buf_char(out, '=');
            buf_add(out, value);
        }
    }
}

/* Where Route lines go: on top of those that are there, else right behind the last Via. */
static size_t route_place(const struct msg *m)
{
    const struct hdr *h = msg_header(m, HDR_ROUTE), *next;
    if (h)
        return offset_in(m, h->line.p);
    for (h = msg_header(m, HDR_VIA); (next = msg_header_next(m, h)); h = next)
        ;
    return offset_in(m, h->line.p) + h->line.len;
}

/* The share of Max-Breadth that this branch gets. mem keeps its text. */
static void set_breadth(struct own_edits *own, const struct msg *m, const struct edits *l,
                        uint32_t breadth, struct buf *mem)
{
    const struct hdr *h = msg_header(m, HDR_MAX_BREADTH);
    if (h && edits_removed(l, offset_in(m, h->line.p)))
        h = NULL;
    if (!h)
        buf_add(mem, STR("Max-Breadth: "));
    buf_u64(mem, breadth);
    if (h) {
        own_add(own, offset_in(m, h->value.p), h->value.len, buf_str(mem), EDIT_UNLESS_GONE);
    } else {
        buf_add(mem, STR("\r\n"));
        own_add(own, headers_end(m), 0, buf_str(mem), EDIT_ALWAYS);
    }
}

void build_request(struct buf *out, const struct msg *m, const struct request_out *o)
{
    struct own_edits own = {.count = 0};
    struct stamp stamp;
    char mem[40], breadth_mem[40];
    struct buf length, breadth;
    const struct hdr *via = msg_header(m, HDR_VIA);
    buf_fixed(&length, mem, sizeof mem);
    buf_fixed(&breadth, breadth_mem, sizeof breadth_mem);
    struct edit *e = own_add(&own, offset_in(m, via->line.p), 0, STR_NONE, EDIT_ALWAYS);
    e->render = render_via;
    e->arg = (void *)(uintptr_t)o;
    stamp_add(&own, m, &stamp, true);
    if (o->route.len)
        own_add(&own, route_place(m), 0, o->route, EDIT_ALWAYS);
    fix_length(&own, m, o->edits, o->info, o->content_length, &length);
    if (o->max_breadth)
        set_breadth(&own, m, o->edits, o->max_breadth, &breadth);
    buf_add(out, m->method_text);
    buf_char(out, ' ');
    write_uri(out, o->uri);
    buf_add(out, STR(" SIP/2.0\r\n"));
    struct stretch w = {.raw = m->raw,
                        .from = offset_in(m, m->hdr[0].line.p),
                        .to = m->raw.len,
                        .edits = o->edits,
                        .own = own.head,
                        .info = o->info};
    edits_splice(out, &w);
}

void build_edited(struct buf *out, const struct msg *m, const struct edits *edits,
                  const struct send_info *info)
{
    struct own_edits own = {.count = 0};
    char mem[40];
    struct buf length;
    buf_fixed(&length, mem, sizeof mem);
    fix_length(&own, m, edits, info, false, &length);
    struct stretch w = {
        .raw = m->raw, .to = m->raw.len, .edits = edits, .own = own.head, .info = info};
    edits_splice(out, &w);
}

void build_relayed_reply(struct buf *out, const struct msg *m, const struct edits *edits,
                         const struct send_info *info)
{
    struct own_edits own = {.count = 0};
    char mem[40];
    struct buf length;
    const struct hdr *h = msg_header(m, HDR_VIA);
    struct str rest = h->value, top;
    buf_fixed(&length, mem, sizeof mem);
    if (value_cut(&rest, &top) && rest.p) {
        rest = str_trim(rest);
        own_add(&own, offset_in(m, h->value.p), (size_t)(rest.p - h->value.p), STR_NONE,
                EDIT_UNLESS_GONE);
    } else {
        own_add(&own, offset_in(m, h->line.p), h->line.len, STR_NONE, EDIT_UNLESS_GONE);
    }
    fix_length(&own, m, edits, info, false, &length);
    struct stretch w = {
        .raw = m->raw, .to = m->raw.len, .edits = edits, .own = own.head, .info = info};
    edits_splice(out, &w);
}
