/* The texts that parties send. Written apart from core/sip, so that one can prove the other. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "core/base/err.h"
#include "core/sim/party_priv.h"

enum { TEXT_ROOM = 1024, MAX_LINES = 16 };

/* A message being written. Lines of extra with the name of a line that is written anyway take its
 * place; done: the names that were written. */
struct composer {
    struct buf out;
    struct str extra;
    struct str done[MAX_LINES];
    unsigned n;
};

/* ---- header lines ---- */

static struct str line_name(struct str line)
{
    ptrdiff_t colon = str_find(line, ':', 0);
    return colon < 0 ? STR_NONE : str_trim(str_sub(line, 0, (size_t)colon));
}

static bool line_empty(struct str line)
{
    ptrdiff_t colon = str_find(line, ':', 0);
    return colon < 0 || str_trim(str_sub(line, (size_t)colon + 1, line.len)).len == 0;
}

static void put_line(struct composer *c, struct str line)
{
    buf_add(&c->out, str_trim(line));
    buf_add(&c->out, STR("\r\n"));
}

/* Writes the lines of extra with this name; whether there were any. */
static bool put_extra(struct composer *c, struct str name)
{
    struct str line, rest = c->extra;
    bool any = false;
    while (str_cut(&line, &rest, '\n')) {
        if (line.len == 0 || !str_ieq(line_name(line), name))
            continue;
        any = true;
        if (!line_empty(line))
            put_line(c, line);
    }
    return any;
}

static void put_header(struct composer *c, const char *name, struct str value)
{
    struct str key = str_from(name);
    if (c->n < MAX_LINES)
        c->done[c->n++] = key;
    if (put_extra(c, key))
        return;
    buf_add(&c->out, key);
    buf_add(&c->out, STR(": "));
    buf_add(&c->out, value);
    buf_add(&c->out, STR("\r\n"));
}

static bool is_done(const struct composer *c, struct str name)
{
    for (unsigned i = 0; i < c->n; i++)
        if (str_ieq(c->done[i], name))
            return true;
    return false;
}

/* Lines of credentials, unless extra has such a line. */
static void put_credentials(struct composer *c, struct str lines)
{
    struct str line;
    while (str_cut(&line, &lines, '\n'))
        if (line.len && !put_extra(c, line_name(line)))
            put_line(c, line);
        else if (line.len && c->n < MAX_LINES)
            c->done[c->n++] = line_name(line);
}

/* The lines of extra that took no other's place; length; body. */
static struct str put_rest(struct composer *c, struct str body, struct str type)
{
    struct str line, rest = c->extra;
    char length[16];
    if (body.len)
        put_header(c, "Content-Type", type.len ? type : STR("application/sdp"));
    snprintf(length, sizeof length, "%zu", body.len);
    put_header(c, "Content-Length", str_from(length));
    while (str_cut(&line, &rest, '\n'))
        if (!line_empty(line) && !is_done(c, line_name(line)))
            put_line(c, line);
    buf_add(&c->out, STR("\r\n"));
    buf_add(&c->out, body);
    return c->out.failed ? STR_NONE : buf_str(&c->out);
}

static void begin(struct composer *c, struct arena *a, struct str extra)
{
    *c = (struct composer){.extra = extra};
    buf_init(&c->out, a, TEXT_ROOM);
}

static struct str tagged(struct arena *a, struct str value, struct str tag)
{
    return tag.len ? arena_printf(a, "%.*s;tag=%.*s", STR_ARG(value), STR_ARG(tag)) : value;
}

static struct str contact_of(struct leg *l)
{
    char text[ADDR_TEXT];
    struct str at = addr_text(text, &l->party->endpoint.at);
    at = str_sub(at, (size_t)str_find(at, ':', 0) + 1, at.len);
    return arena_printf(&l->arena, "<sip:%s@%.*s>", l->party->name, STR_ARG(at));
}

static struct str sdp_of(struct leg *l)
{
    char text[IP_TEXT];
    const struct ip *ip = &l->party->endpoint.at.ip;
    struct str at = ip_text(text, ip);
    int v = ip->family == 6 ? 6 : 4;
    return arena_printf(&l->arena,
                        "v=0\r\no=%s 1 1 IN IP%d %.*s\r\ns=-\r\nc=IN IP%d %.*s\r\nt=0 0\r\n"
                        "m=audio 4000 RTP/AVP 0\r\n",
                        l->party->name, v, STR_ARG(at), v, STR_ARG(at));
}

/* ---- values ---- */

struct str without_tag(struct arena *a, struct str value)
{
    struct nameaddr n;
    struct str name, text, rest;
    struct buf out;
    if (nameaddr_parse(&n, value) != ERR_OK)
        return arena_dup(a, value);
    buf_init(&out, a, value.len + 2);
    if (n.display.len) {
        buf_add(&out, n.display);
        buf_char(&out, ' ');
    }
    buf_char(&out, '<');
    buf_add(&out, n.uri);
    buf_char(&out, '>');
    for (rest = n.params; param_next(&rest, &name, &text);)
        if (!str_ieq(name, STR("tag")))
            buf_printf(&out, text.len ? ";%.*s=%.*s" : ";%.*s%.*s", STR_ARG(name), STR_ARG(text));
    return buf_str(&out);
}

int uri_address(struct addr *out, struct str text)
{
    struct uri u;
    if (uri_parse(&u, text) != ERR_OK || (u.scheme != URI_SIP && u.scheme != URI_SIPS))
        return ERR_NOTFOUND;
    *out = (struct addr){.proto = PROTO_UDP, .port = uri_port(&u)};
    return ip_parse(&out->ip, u.host) == ERR_OK ? ERR_OK : ERR_NOTFOUND;
}

int route_address(struct addr *out, struct str routes)
{
    struct nameaddr n;
    struct str first;
    if (!value_cut(&routes, &first) || nameaddr_parse(&n, first) != ERR_OK)
        return ERR_NOTFOUND;
    return uri_address(out, n.uri);
}

/* The values of Record-Route as one list: in their order for who was called, the other way round
 * for the caller (RFC 3261 12.1). */
static struct str routes_of(struct arena *a, const struct msg *m, bool reversed)
{
    struct value_iter it = {0};
    struct str all = STR_NONE;
    while (msg_value_next(m, HDR_RECORD_ROUTE, &it)) {
        struct str front = reversed ? it.text : all, back = reversed ? all : it.text;
        all = arena_printf(a, "%.*s%s%.*s", STR_ARG(front), all.len ? ", " : "", STR_ARG(back));
    }
    return all;
}

static struct str contact_uri(struct arena *a, const struct msg *m)
{
    struct value_iter it = {0};
    struct nameaddr n;
    if (!msg_value_next(m, HDR_CONTACT, &it) || nameaddr_parse(&n, it.text) != ERR_OK)
        return STR_NONE;
    return arena_dup(a, n.uri);
}

void dialog_of_reply(struct dialog *d, struct arena *a, const struct msg *m)
{
    d->remote_tag = arena_dup(a, m->request ? m->from_tag : m->to_tag);
    d->target = contact_uri(a, m);
    d->routes = routes_of(a, m, !m->request);
}

/* ---- requests ---- */

static struct str via_of(struct leg *l, struct str branch)
{
    char text[ADDR_TEXT];
    struct str at = addr_text(text, &l->party->endpoint.at);
    at = str_sub(at, (size_t)str_find(at, ':', 0) + 1, at.len);
    return arena_printf(&l->arena, "SIP/2.0/UDP %.*s;branch=%.*s", STR_ARG(at), STR_ARG(branch));
}

/* Whether a dialog may come of it, or it tells where somebody is. */
static bool has_contact(struct str method)
{
    return str_eq(method, STR("INVITE")) || str_eq(method, STR("REGISTER")) ||
           str_eq(method, STR("SUBSCRIBE")) || str_eq(method, STR("UPDATE")) ||
           str_eq(method, STR("REFER")) || str_eq(method, STR("NOTIFY"));
}

struct str compose_request(struct leg *l, const struct request_plan *plan, const struct sent *s,
                           const struct dialog *d)
{
    struct composer c;
    struct str uri = plan->uri.len ? plan->uri : d->target.len ? d->target : l->first_uri;
    struct str body = plan->body;
    char cseq[48];
    begin(&c, &l->arena, plan->headers);
    buf_printf(&c.out, "%.*s %.*s SIP/2.0\r\n", STR_ARG(plan->method), STR_ARG(uri));
    put_header(&c, "Via", via_of(l, s->branch));
    put_header(&c, "Max-Forwards", STR("70"));
    if (d->routes.len)
        put_header(&c, "Route", d->routes);
    put_header(&c, "From", tagged(&l->arena, l->local, l->local_tag));
    put_header(&c, "To", tagged(&l->arena, l->remote, d->remote_tag));
    put_header(&c, "Call-ID", l->call_id);
    snprintf(cseq, sizeof cseq, "%u %.*s", s->cseq, STR_ARG(plan->method));
    put_header(&c, "CSeq", str_from(cseq));
    put_credentials(&c, s->credentials);
    if (has_contact(plan->method))
        put_header(&c, "Contact", contact_of(l));
    if (l->party->conf.user_agent)
        put_header(&c, "User-Agent", str_from(l->party->conf.user_agent));
    if (!body.len && str_eq(plan->method, STR("INVITE")) &&
        str_search(plan->headers, STR("Content-"), 0) < 0)
        body = sdp_of(l);
    return put_rest(&c, body, plan->type);
}

struct str compose_from_sent(struct leg *l, const struct sent *s, const char *method, struct str to,
                             struct str headers)
{
    struct composer c;
    struct msg m;
    char cseq[48];
    if (msg_scan(&m, &l->arena, s->bytes) != ERR_OK)
        return STR_NONE;
    begin(&c, &l->arena, headers);
    buf_printf(&c.out, "%s %.*s SIP/2.0\r\n", method, STR_ARG(m.uri));
    put_header(&c, "Via", m.via.text);
    put_header(&c, "Max-Forwards", STR("70"));
    for (const struct hdr *h = msg_header(&m, HDR_ROUTE); h; h = msg_header_next(&m, h))
        put_header(&c, "Route", h->value);
    const struct hdr *from = msg_header(&m, HDR_FROM), *old = msg_header(&m, HDR_TO);
    put_header(&c, "From", from ? from->value : STR_NONE);
    put_header(&c, "To", to.len ? to : old ? old->value : STR_NONE);
    put_header(&c, "Call-ID", m.call_id);
    snprintf(cseq, sizeof cseq, "%u %s", m.cseq, method);
    put_header(&c, "CSeq", str_from(cseq));
    if (method[0] == 'A')
        put_credentials(&c, s->credentials);
    return put_rest(&c, STR_NONE, STR_NONE);
}

static bool names_credentials(struct str name)
{
    return str_ieq(name, STR("Authorization")) || str_ieq(name, STR("Proxy-Authorization"));
}

/* A Via of ours with another branch. */
static struct str rebranched(struct arena *a, struct str via, struct str from, struct str to)
{
    ptrdiff_t at = str_search(via, from, 0);
    if (at < 0)
        return via;
    return arena_printf(a, "%.*s%.*s%.*s", (int)at, via.p, STR_ARG(to),
                        STR_ARG(str_sub(via, (size_t)at + from.len, via.len)));
}

struct str compose_again(struct leg *l, const struct sent *old, const struct sent *s)
{
    struct buf out;
    struct msg m;
    bool first = true;
    if (msg_scan(&m, &l->arena, old->bytes) != ERR_OK)
        return STR_NONE;
    buf_init(&out, &l->arena, old->bytes.len + s->credentials.len + 64);
    buf_printf(&out, "%.*s %.*s SIP/2.0\r\n", STR_ARG(s->method), STR_ARG(m.uri));
    for (unsigned i = 0; i < m.count; i++) {
        const struct hdr *h = &m.hdr[i];
        if (str_ieq(h->name, STR("CSeq"))) {
            buf_printf(&out, "CSeq: %u %.*s\r\n", s->cseq, STR_ARG(s->method));
            buf_add(&out, s->credentials);
        } else if (h->id == HDR_VIA && first) {
            struct str via = rebranched(&l->arena, h->value, old->branch, s->branch);
            buf_printf(&out, "Via: %.*s\r\n", STR_ARG(via));
            first = false;
        } else if (!names_credentials(h->name)) {
            buf_printf(&out, "%.*s: %.*s\r\n", STR_ARG(h->name), STR_ARG(h->value));
        }
    }
    buf_add(&out, STR("\r\n"));
    buf_add(&out, m.body);
    return out.failed ? STR_NONE : buf_str(&out);
}

/* ---- replies ---- */

static void put_same(struct composer *c, const struct msg *m, enum hdr_id id)
{
    if (put_extra(c, str_from(hdr_name(id)))) {
        if (c->n < MAX_LINES)
            c->done[c->n++] = str_from(hdr_name(id));
        return;
    }
    for (const struct hdr *h = msg_header(m, id); h; h = msg_header_next(m, h))
        put_line(c, h->line);
}

struct str compose_reply(struct leg *l, const struct got *g, const struct reply_plan *plan)
{
    const struct msg *m = &g->msg;
    const struct hdr *to = msg_header(m, HDR_TO);
    struct str reason = plan->reason.len ? plan->reason : status_words(plan->code);
    struct str body = plan->body;
    bool invite = m->method == METHOD_INVITE, early = plan->code > 100 && plan->code < 300;
    struct composer c;
    begin(&c, &l->arena, plan->headers);
    buf_printf(&c.out, "SIP/2.0 %03u %.*s\r\n", plan->code, STR_ARG(reason));
    put_same(&c, m, HDR_VIA);
    if (early)
        put_same(&c, m, HDR_RECORD_ROUTE);
    put_same(&c, m, HDR_FROM);
    if (m->to_tag.len || plan->code == 100)
        put_same(&c, m, HDR_TO);
    else
        put_header(&c, "To", tagged(&l->arena, to ? to->value : STR_NONE, l->local_tag));
    put_same(&c, m, HDR_CALL_ID);
    put_same(&c, m, HDR_CSEQ);
    if (early && has_contact(m->method_text) && m->method != METHOD_REGISTER)
        put_header(&c, "Contact", contact_of(l));
    if (!body.len && invite && early && plan->code >= 200 &&
        str_search(plan->headers, STR("Content-"), 0) < 0)
        body = sdp_of(l);
    return put_rest(&c, body, plan->type);
}

struct str status_words(unsigned code)
{
    static const struct {
        unsigned code;
        const char *words;
    } known[] = {
        {100, "Trying"},
        {180, "Ringing"},
        {181, "Call Is Being Forwarded"},
        {182, "Queued"},
        {183, "Session Progress"},
        {200, "OK"},
        {202, "Accepted"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Moved Temporarily"},
        {305, "Use Proxy"},
        {380, "Alternative Service"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {410, "Gone"},
        {415, "Unsupported Media Type"},
        {420, "Bad Extension"},
        {421, "Extension Required"},
        {423, "Interval Too Brief"},
        {480, "Temporarily Unavailable"},
        {481, "Call/Transaction Does Not Exist"},
        {482, "Loop Detected"},
        {483, "Too Many Hops"},
        {484, "Address Incomplete"},
        {485, "Ambiguous"},
        {486, "Busy Here"},
        {487, "Request Terminated"},
        {488, "Not Acceptable Here"},
        {491, "Request Pending"},
        {500, "Server Internal Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Server Time-out"},
        {513, "Message Too Large"},
        {600, "Busy Everywhere"},
        {603, "Decline"},
        {604, "Does Not Exist Anywhere"},
        {606, "Not Acceptable"},
    };
    static const char *const classes[] = {
        "Unknown",      "Progress",       "Success", "Redirected", "Client Error",
        "Server Error", "Global Failure", "Unknown", "Unknown",    "Unknown"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].code == code)
            return str_from(known[i].words);
    return str_from(classes[code / 100 % 10]);
}
