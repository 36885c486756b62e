/* Addresses in SDP bodies (RFC 4566): c= and o= lines. */
/* SPDX-License-Identifier: MIT */
#include "modules/nathelper/priv.h"

/* ---- finding ---- */

struct str nathelper_sdp(const struct msg *m)
{
    const struct hdr *type = msg_header(m, HDR_CONTENT_TYPE);
    struct str kind = type ? type->value : STR("application/sdp");
    ptrdiff_t semicolon = str_find(kind, ';', 0);
    if (semicolon >= 0)
        kind = str_sub(kind, 0, (size_t)semicolon);
    return str_ieq(str_trim(kind), STR("application/sdp")) ? m->body : STR_NONE;
}

/* The next line that begins with "letter=", from *rest on. */
static bool next_line(struct str *rest, char letter, struct str *line)
{
    while (str_cut(line, rest, '\n')) {
        *line = str_trim(*line);
        if (line->len > 1 && line->p[0] == letter && line->p[1] == '=')
            return true;
    }
    return false;
}

bool nathelper_line_ip(struct str line, struct media_ip *out)
{
    ptrdiff_t at = str_search(line, STR(" IP4 "), 0);
    out->family = 4;
    if (at < 0) {
        at = str_search(line, STR(" IP6 "), 0);
        out->family = 6;
    }
    if (at < 0)
        return false;
    struct str rest = str_trim(str_sub(line, (size_t)at + 5, line.len));
    size_t n = 0;
    while (n < rest.len && rest.p[n] != ' ' && rest.p[n] != '/')
        n++;
    out->text = str_sub(rest, 0, n);
    return n > 0;
}

bool nathelper_sdp_is_private(const struct msg *m)
{
    struct str rest = nathelper_sdp(m), line;
    struct media_ip ip;
    return rest.len && next_line(&rest, 'c', &line) && nathelper_line_ip(line, &ip) &&
           nathelper_is_private(ip.text);
}

/* ---- changing ---- */

enum fix {
    FIX_DIRECTION = 1,
    FIX_MEDIA = 2,
    FIX_MARK = 4,
    FIX_ORIGIN = 8,
};

struct work {
    struct call *c;
    struct str body, ip; /* the address to write */
    struct buf tail;     /* lines behind the body */
    bool first;          /* nothing was changed before */
};

static bool rewrite(struct work *w, const struct media_ip *old)
{
    struct call *c = w->c;
    struct ip parsed;
    if (old->family != 4)
        return false;
    if ((ip_parse(&parsed, old->text) == ERR_OK && ip_is_any(&parsed)) || str_eq(old->text, w->ip))
        return true; /* on hold, or right already */
    buf_printf(&w->tail, "a=oldmediaip:%.*s\r\n", STR_ARG(old->text));
    return edits_replace(&c->edits, c->arena, offset_of(c, old->text.p), old->text.len, w->ip);
}

static bool rewrite_lines(struct work *w, char letter)
{
    struct str rest = w->body, line;
    struct media_ip ip;
    while (next_line(&rest, letter, &line))
        if (!nathelper_line_ip(line, &ip) || !rewrite(w, &ip))
            return false;
    return true;
}

static bool append_tail(struct work *w)
{
    struct call *c = w->c;
    if (w->tail.failed)
        return false;
    return w->tail.len == 0 ||
           edits_insert(&c->edits, c->arena, offset_of(c, w->body.p + w->body.len),
                        buf_str(&w->tail), EDIT_PLAIN);
}

static bool fix(struct work *w, uint32_t mask)
{
    const struct nathelper_conf *conf = call_conf(w->c, &nathelper_module);
    if (w->first && !str_ends(w->body, STR("\n")))
        buf_add(&w->tail, STR("\r\n"));
    if (mask & FIX_DIRECTION)
        buf_add(&w->tail, STR("a=direction:active\r\n"));
    if (mask & FIX_MARK && conf->nortpproxy_str.len)
        buf_printf(&w->tail, "%.*s\r\n", STR_ARG(conf->nortpproxy_str));
    return (!(mask & FIX_MEDIA) || rewrite_lines(w, 'c')) &&
           (!(mask & FIX_ORIGIN) || rewrite_lines(w, 'o')) && append_tail(w);
}

int nathelper_fix_sdp(struct call *c, const struct arg *args, unsigned n)
{
    struct nathelper_slot *s = call_slot(c, &nathelper_module);
    struct work w = {.c = c, .body = nathelper_sdp(c->msg)};
    char mem[IP_TEXT];
    struct ip ip = c->msg->src.ip;
    if (!s || w.body.len == 0 || (n > 1 && ip_parse(&ip, args[1].v.s) != ERR_OK) || ip.family != 4)
        return -1;
    uint32_t mask = (uint32_t)args[0].v.i & ~s->sdp_fixed; /* each once */
    w.first = s->sdp_fixed == 0;
    s->sdp_fixed |= mask;
    w.ip = arena_dup(c->arena, ip_text(mem, &ip));
    buf_init(&w.tail, c->arena, 128);
    return w.ip.p && fix(&w, mask) ? 1 : -1;
}
