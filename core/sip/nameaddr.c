/* name-addr and addr-spec with header parameters, and the comma lists they come in. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sip/msg.h"
#include "core/sip/text.h"

/* Where the value that begins at p ends: at a comma outside quotes and angle brackets, or at end.
 */
static const char *value_end(const char *p, const char *end)
{
    while (p < end && *p != ',') {
        if (*p == '"')
            p = quoted_end(p, end);
        else if (*p == '<')
            p = memchr(p, '>', (size_t)(end - p));
        else
            p++;
        if (!p)
            return end;
    }
    return p;
}

bool value_cut(struct str *rest, struct str *out)
{
    if (!rest->p)
        return false;
    const char *end = rest->p + rest->len, *stop = end;
    if (memchr(rest->p, ',', rest->len))
        stop = value_end(rest->p, end);
    *out = str_trim(str_span(rest->p, stop));
    *rest = stop == end ? STR_NONE : str_span(stop + 1, end);
    return true;
}

/* A display name in front of '<'. RFC 3261 wants tokens; what people type is let through as long as
 * it cannot be taken for something else: no comma, semicolon or quote. */
static bool take_display(struct nameaddr *n, struct cursor *c)
{
    const char *from = c->p;
    if (!cursor_done(c) && *c->p == '"') {
        const char *close = quoted_end(c->p, c->end);
        if (!close)
            return false;
        n->display = str_span(from, close);
        c->p = close;
        skip_blank(c);
        return !cursor_done(c) && *c->p == '<';
    }
    while (c->p < c->end && *c->p != '<') {
        uint8_t ch = (uint8_t)*c->p;
        if (ch == '"' || ch == ',' || ch == ';' || ch == '>' || (ch < 0x20 && !char_blank(*c->p)))
            return false;
        c->p++;
    }
    n->display = str_trim(str_span(from, c->p));
    return true;
}

/* An addr-spec without brackets ends where its parameters would begin: those belong to the header.
 * A '?' or a comma would need brackets (RFC 3261 20). */
static bool take_plain(struct nameaddr *n, struct cursor *c)
{
    const char *from = c->p;
    while (c->p < c->end && *c->p != ';') {
        if (*c->p == '?' || *c->p == ',' || *c->p == '"' || *c->p == '>')
            return false;
        c->p++;
    }
    n->uri = str_trim(str_span(from, c->p));
    return n->uri.len > 0;
}

/* Whether ;parameters have names, values behind their '=' and closed quotes. */
static bool params_whole(struct str params)
{
    struct cursor c = cursor_at(params);
    do {
        skip_blank(&c);
        if (take_run(&c, CH_TOKEN).len == 0)
            return false;
        if (!skip_char(&c, '='))
            continue;
        const char *from = c.p;
        while (!cursor_done(&c) && *c.p != ';' && !char_blank(*c.p)) {
            c.p = *c.p == '"' ? quoted_end(c.p, c.end) : c.p + 1;
            if (!c.p)
                return false;
        }
        if (c.p == from)
            return false;
    } while (skip_char(&c, ';'));
    return cursor_done(&c);
}

int nameaddr_parse(struct nameaddr *out, struct str text)
{
    text = str_trim(text);
    *out = (struct nameaddr){.text = text};
    struct cursor c = cursor_at(text);
    bool bracket = text.len && (*text.p == '"' || memchr(text.p, '<', text.len));
    if (bracket) {
        if (!take_display(out, &c))
            return ERR_SYNTAX;
        const char *open = c.p + 1, *close = memchr(c.p, '>', (size_t)(c.end - c.p));
        if (!close || close == open)
            return ERR_SYNTAX;
        out->uri = str_span(open, close);
        out->angle = true;
        c.p = close + 1;
    } else if (!take_plain(out, &c)) {
        return ERR_SYNTAX;
    }
    if (skip_char(&c, ';')) {
        out->params = str_span(c.p, c.end);
        c.p = c.end;
        if (!params_whole(out->params))
            return ERR_SYNTAX;
    }
    return cursor_done(&c) ? ERR_OK : ERR_SYNTAX;
}
