/* The oracles: received and sent bytes side by side. */
/* SPDX-License-Identifier: MIT */
#include "tests/messages/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "tests/messages/text.h"

enum { SHOWN = 70 }; /* bytes of a line that are shown */

static bool wrong(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(char *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, WHY, fmt, ap);
    va_end(ap);
    return false;
}

static struct str shown(struct str s)
{
    return str_sub(str_trim(s), 0, SHOWN);
}

static bool differs(char *why, struct str a, struct str b)
{
    a = shown(a);
    b = shown(b);
    return wrong(why, "\"%.*s\" became \"%.*s\"", STR_ARG(a), STR_ARG(b));
}

/* Equality where CR and NUL, which do not belong into a line, may have become blanks. */
static bool cleaned_eq(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (a.p[i] != b.p[i] && !(b.p[i] == ' ' && (a.p[i] == '\r' || a.p[i] == 0)))
            return false;
    return true;
}

/* ---- the stamps on a Via ---- */

/* A Via line with received and rport of its first via-parm taken out. */
struct stamps {
    char *rest;
    size_t len;
    struct str received, rport; /* values; p NULL when absent */
};

static size_t skip_blanks(struct str s, size_t i)
{
    while (i < s.len && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\n'))
        i++;
    return i;
}

/* Where the parameter at the ';' of that position ends when it is received or rport, else 0. */
static size_t stamp_end(struct stamps *out, struct str via, size_t semicolon)
{
    size_t from = skip_blanks(via, semicolon + 1), end = from;
    while (end < via.len && ascii_alpha(via.p[end]))
        end++;
    struct str name = str_sub(via, from, end);
    bool received = str_ieq(name, STR("received"));
    if (!received && !str_ieq(name, STR("rport")))
        return 0;
    size_t value = skip_blanks(via, end);
    if (value < via.len && via.p[value] == '=') {
        end = value = skip_blanks(via, value + 1);
        while (end < via.len && !one_of(via.p[end], ";, \t\r\n"))
            end++;
    } else {
        value = end;
    }
    *(received ? &out->received : &out->rport) = str_make(via.p + value, end - value);
    return end;
}

static void take_stamps(struct stamps *out, struct str via)
{
    bool quoted = false, bracket = false, first = true;
    *out = (struct stamps){.rest = malloc(via.len + 1)};
    for (size_t i = 0; i < via.len; i++) {
        if (via.p[i] == '"')
            quoted = !quoted;
        else if (via.p[i] == '[' || via.p[i] == ']')
            bracket = via.p[i] == '[';
        else if (via.p[i] == ',' && !quoted && !bracket)
            first = false;
        size_t end = via.p[i] == ';' && first && !quoted ? stamp_end(out, via, i) : 0;
        if (end)
            i = end - 1;
        else
            out->rest[out->len++] = via.p[i];
    }
}

/* The sent-by of a Via. */
struct sent_by {
    struct str host, port; /* port.p NULL when there is none */
    bool sure;             /* it looks like one, and nothing odd follows */
};

static size_t skip_to(struct str s, size_t i, const char *ends)
{
    while (i < s.len && !one_of(s.p[i], ends))
        i++;
    return i;
}

static bool usual_host(struct str host)
{
    if (host.len && host.p[0] == '[')
        return true;
    for (size_t i = 0; i < host.len; i++)
        if (!ascii_alpha(host.p[i]) && !ascii_digit(host.p[i]) && !one_of(host.p[i], ".-_"))
            return false;
    return host.len > 0;
}

static struct sent_by sent_by(struct str via)
{
    ptrdiff_t colon = str_find(via, ':', 0);
    struct str value = str_trim(str_sub(via, (size_t)colon + 1, via.len));
    struct sent_by out = {.sure = false};
    size_t from = 0;
    for (unsigned slashes = 0; from < value.len && slashes < 2; from++)
        slashes += value.p[from] == '/';
    from = skip_to(value, skip_blanks(value, from), " \t\r\n"); /* the transport */
    from = skip_blanks(value, from);
    bool bracket = from < value.len && value.p[from] == '[';
    size_t end = skip_to(value, from, bracket ? "]" : ":;, \t\r\n") + bracket;
    out.host = str_sub(value, from, end);
    end = skip_blanks(value, end);
    if (end < value.len && value.p[end] == ':') {
        from = end = skip_blanks(value, end + 1);
        while (end < value.len && ascii_digit(value.p[end]))
            end++;
        out.port = str_make(value.p + from, end - from);
        end = skip_blanks(value, end);
    }
    out.sure = usual_host(out.host) && (end >= value.len || one_of(value.p[end], ";,("));
    return out;
}

static bool sent_by_is(struct str via, const struct ip *ip)
{
    struct ip host;
    return ip_parse(&host, sent_by(via).host) == ERR_OK && ip_eq(&host, ip);
}

/* Whether out is in with received and rport as they must be for a packet from src. */
static bool via_stamped(struct str in, struct str out, const struct addr *src, bool cleaned,
                        char *why)
{
    struct stamps a, b;
    char text[IP_TEXT], port[8];
    struct str ip = ip_text(text, &src->ip);
    take_stamps(&a, in);
    take_stamps(&b, out);
    snprintf(port, sizeof port, "%u", src->port);
    struct str was = str_make(a.rest, a.len), now = str_make(b.rest, b.len);
    bool same = cleaned ? cleaned_eq(was, now) : str_eq(was, now);
    free(a.rest);
    free(b.rest);
    if (!same)
        return differs(why, in, out);
    if ((a.received.p || !sent_by_is(in, &src->ip)) && !str_eq(b.received, ip))
        return wrong(why, "no received=%.*s in \"%.*s\"", STR_ARG(ip), STR_ARG(shown(out)));
    if (a.rport.p && !str_eq(b.rport, str_from(port)))
        return wrong(why, "no rport=%s in \"%.*s\"", port, STR_ARG(shown(out)));
    return true;
}

/* Takes the first piece out of text when it stands behind what before says. */
static void take_out(char *text, size_t *len, const char *before, const char *piece)
{
    char both[IP_TEXT + 32];
    size_t n = (size_t)snprintf(both, sizeof both, "%s%s", before, piece);
    ptrdiff_t at = str_search(str_make(text, *len), str_make(both, n), 0);
    if (at < 0)
        return;
    size_t from = (size_t)at + strlen(before), to = (size_t)at + n;
    memmove(text + from, text + to, *len - to);
    *len -= to - from;
}

/* Whether out is in with stamps put in somewhere: in a Via that is no good nobody can say where its
 * first via-parm ends. */
static bool stamped_somewhere(struct str in, struct str out, const struct addr *src)
{
    char text[IP_TEXT], stamp[IP_TEXT + 16], port[8];
    struct str ip = ip_text(text, &src->ip);
    snprintf(stamp, sizeof stamp, ";received=%.*s", STR_ARG(ip));
    snprintf(port, sizeof port, "=%u", src->port);
    char *rest = malloc(out.len + 1);
    size_t len = out.len;
    memcpy(rest, out.p, len);
    take_out(rest, &len, "", stamp);
    take_out(rest, &len, "rport", port);
    bool same = cleaned_eq(in, str_make(rest, len));
    free(rest);
    return same;
}

/* ---- relayed requests ---- */

/* Whether b is a with some bytes left out. */
static bool is_thinned(struct str a, struct str b)
{
    size_t j = 0;
    for (size_t i = 0; i < a.len && j < b.len; i++)
        j += a.p[i] == b.p[j];
    return j == b.len;
}

/* The Request-URI may lose its headers, its method and the third colon, and nothing else. */
static bool uri_well(struct str in, struct str out)
{
    if (str_eq(in, out))
        return str_search(in, STR(":::"), 0) < 0;
    ptrdiff_t at = str_find(in, '@', 0), headers = str_find(in, '?', at < 0 ? 0 : (size_t)at);
    return (headers >= 0 || str_search(in, STR(";method="), 0) >= 0 ||
            str_search(in, STR(":::"), 0) >= 0) &&
           is_thinned(in, out) && str_search(out, STR(":::"), 0) < 0 &&
           str_find(out, '?', at < 0 ? 0 : (size_t)at) < 0;
}

static bool first_line_well(const struct parts *in, const struct parts *out, char *why)
{
    struct str version = first_word(out->first, 2);
    if (str_eq(first_word(in->first, 0), first_word(out->first, 0)) &&
        uri_well(first_word(in->first, 1), first_word(out->first, 1)) &&
        str_eq(version, STR("SIP/2.0")) && str_ends(out->first, STR("\r\n")))
        return true;
    return differs(why, in->first, out->first);
}

static bool is_max_forwards(const struct line *l)
{
    return line_is(l, "Max-Forwards", "Max-Forwards");
}

static bool max_forwards_well(const struct line *in, const struct line *out, char *why)
{
    uint32_t a = 0, b = 0;
    size_t before = (size_t)(in->value.p - in->all.p);
    bool numbers = str_u32(&a, in->value, 255) == ERR_OK && str_u32(&b, out->value, 255) == ERR_OK;
    return (numbers && b + 1 == a &&
            str_eq(str_sub(in->all, 0, before), str_sub(out->all, 0, before))) ||
           differs(why, in->all, out->all);
}

static bool is_our_via(const struct line *l)
{
    return str_starts(l->all, STR("Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK")) &&
           str_ends(l->all, STR("\r\n"));
}

/* Walks over the lines of both; what stands in out only or differs must be ours to change. */
static bool lines_well(const struct parts *in, const struct parts *out, const struct addr *src,
                       char *why)
{
    size_t i = 0, j = 0;
    bool ours = false, top = false;
    for (; j < out->count; j++) {
        const struct line *o = &out->line[j], *n = i < in->count ? &in->line[i] : NULL;
        if (n && is_via(n) && !ours) {
            ours = true;
            if (!is_our_via(o))
                return wrong(why, "no Via of ours, but \"%.*s\"", STR_ARG(shown(o->all)));
            continue;
        }
        if (n && is_via(n) && !top) {
            top = true;
            if (!via_stamped(n->all, o->all, src, false, why))
                return false;
        } else if (n && is_max_forwards(n) && is_max_forwards(o)) {
            if (!max_forwards_well(n, o, why))
                return false;
        } else if (!n && !parts_find(in, "Max-Forwards", "Max-Forwards")) {
            if (!str_eq(o->all, STR("Max-Forwards: 70\r\n")))
                return wrong(why, "\"%.*s\" was added", STR_ARG(shown(o->all)));
            continue;
        } else if (!n || !str_eq(n->all, o->all)) {
            return differs(why, n ? n->all : STR_NONE, o->all);
        }
        i++;
    }
    if (i < in->count)
        return wrong(why, "\"%.*s\" is missing", STR_ARG(shown(in->line[i].all)));
    return true;
}

static bool parts_relayed(const struct parts *in, const struct parts *out, const struct addr *src,
                          char *why)
{
    if (!first_line_well(in, out, why) || !lines_well(in, out, src, why))
        return false;
    if (!str_eq(in->empty, out->empty))
        return wrong(why, "the empty line is another one");
    return str_eq(body_of(in), out->body) ||
           wrong(why, "the body of %zu bytes became another one of %zu", body_of(in).len,
                 out->body.len);
}

bool relayed_well(struct str in, struct str out, const struct addr *src, char *why)
{
    struct parts a, b;
    parts_cut(&a, in);
    parts_cut(&b, out);
    bool well = parts_relayed(&a, &b, src, why);
    parts_free(&a);
    parts_free(&b);
    return well;
}

/* ---- answers ---- */

/* A line without what stands at its end: blanks, the line end, and what may have been taken for one
 * of them. */
static struct str line_text(const struct line *l)
{
    struct str s = l->all;
    while (s.len && (one_of(s.p[s.len - 1], " \t\r\n") || s.p[s.len - 1] == 0))
        s.len--;
    return s;
}

/* The line of that name is repeated; To may have got a tag. */
static bool repeats(const struct parts *in, const struct parts *out, const char *name,
                    const char *compact, char *why)
{
    const struct line *a = parts_find(in, name, compact), *b = parts_find(out, name, compact);
    if (a && !str_ends(a->all, STR("\n")))
        return true; /* cut off: nobody knows what it was to be */
    if (!a || !b)
        return a == b || wrong(why, "%s is in one of request and answer only", name);
    struct str was = line_text(a), now = line_text(b);
    if (*compact == 't' && now.len > was.len && str_search(now, STR(";tag="), was.len) >= 0)
        now = str_sub(now, 0, was.len);
    return cleaned_eq(was, now) || differs(why, a->all, b->all);
}

/* All Via lines in their order, the first one stamped. */
static bool repeats_vias(const struct parts *in, const struct parts *out, const struct addr *src,
                         char *why)
{
    size_t j = 0;
    bool top = true;
    for (size_t i = 0; i < in->count; i++) {
        if (!is_via(&in->line[i]))
            continue;
        while (j < out->count && !is_via(&out->line[j]))
            j++;
        if (j == out->count)
            return wrong(why, "\"%.*s\" is not in the answer", STR_ARG(shown(in->line[i].all)));
        struct str was = line_text(&in->line[i]), now = line_text(&out->line[j]);
        if (top ? !via_stamped(was, now, src, true, why) && !stamped_somewhere(was, now, src)
                : !cleaned_eq(was, now) && !differs(why, was, now))
            return false;
        top = false;
        j++;
    }
    return true;
}

/* Where an answer goes: to where the request came from; its port by RFC 3581 and RFC 3261 18.2.2,
 * or that of the source when the Via names an impossible one or cannot be read. An rport behind a
 * fault may be overlooked. */
static bool goes_back(const struct parts *in, bool bad, const struct addr *dst,
                      const struct addr *src)
{
    const struct line *via = parts_find(in, "Via", "v");
    struct sent_by by = sent_by(via->all);
    struct stamps s;
    uint32_t port = 5060;
    take_stamps(&s, via->all);
    free(s.rest);
    bool named = by.port.len && str_u32(&port, by.port, UINT16_MAX) == ERR_OK && port;
    if ((s.rport.p && !bad) || src->proto == PROTO_TCP || (by.port.p && !named))
        port = src->port;
    bool source = dst->port == src->port && (s.rport.p || !by.sure);
    return ip_eq(&dst->ip, &src->ip) && dst->proto == src->proto && (dst->port == port || source);
}

/* force_rport(): the answer's Via says which port it goes to. */
static bool forced(const struct parts *out, const struct addr *dst, const struct addr *src)
{
    const struct line *via = parts_find(out, "Via", "v");
    struct stamps s;
    uint32_t port = 0;
    if (!via)
        return false;
    take_stamps(&s, via->all);
    bool named = s.rport.len && str_u32(&port, s.rport, UINT16_MAX) == ERR_OK;
    free(s.rest);
    return named && port == src->port && addr_eq(dst, src);
}

bool answered_well(struct str in, struct str out, const struct addr *dst, const struct addr *src,
                   char *why)
{
    struct parts a, b;
    char where[ADDR_TEXT];
    parts_cut(&a, in);
    parts_cut(&b, out);
    bool well = goes_back(&a, status_of(out) == 400, dst, src) || forced(&b, dst, src);
    if (!well)
        wrong(why, "the answer goes to %.*s", STR_ARG(addr_text(where, dst)));
    well = well && repeats_vias(&a, &b, src, why) && repeats(&a, &b, "From", "f", why) &&
           repeats(&a, &b, "To", "t", why) && repeats(&a, &b, "Call-ID", "i", why) &&
           repeats(&a, &b, "CSeq", "CSeq", why);
    parts_free(&a);
    parts_free(&b);
    return well;
}

/* The values of all Via lines but the first skip ones, as one list. */
static struct str all_vias(const struct parts *p, size_t skip, struct arena *a)
{
    struct buf out;
    buf_init(&out, a, 1024);
    for (size_t i = 0; i < p->count; i++) {
        if (!is_via(&p->line[i]) || (skip && skip--))
            continue;
        if (out.len)
            buf_add(&out, STR(", "));
        buf_add(&out, p->line[i].value);
    }
    return buf_str(&out);
}

bool vias_return(struct str sent, struct str reply, char *why)
{
    struct parts a, b;
    struct arena memory;
    parts_cut(&a, sent);
    parts_cut(&b, reply);
    arena_init(&memory, NULL, 4096);
    struct str want = all_vias(&a, 1, &memory), got = all_vias(&b, 0, &memory);
    bool well = str_eq(want, got) || differs(why, want, got);
    arena_reset(&memory);
    parts_free(&a);
    parts_free(&b);
    return well;
}

bool head_is_clean(struct str out, char *why)
{
    struct parts p;
    parts_cut(&p, out);
    size_t n = p.ended ? (size_t)(p.body.p - out.p) : out.len;
    parts_free(&p);
    for (size_t i = 0; i < n; i++) {
        if (out.p[i] == '\r' && (i + 1 == n || out.p[i + 1] != '\n'))
            return wrong(why, "a bare CR went out");
        if (out.p[i] == 0 && (i == 0 || out.p[i - 1] != '\\'))
            return wrong(why, "a NUL went out");
    }
    return true;
}
