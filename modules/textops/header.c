/* Header lines: adding, removing, asking for them. */
/* SPDX-License-Identifier: MIT */
#include "modules/textops/priv.h"

#include <time.h>

static size_t headers_end(const struct call *c)
{
    struct str last = c->msg->hdr[c->msg->count - 1].line;
    return offset_of(c, last.p) + last.len;
}

/* Header text with a line end: without one it would swallow the line behind it. */
static struct str whole_lines(struct call *c, struct str text)
{
    if (str_ends(text, STR("\n")))
        return text;
    return arena_printf(c->arena, "%.*s\r\n", STR_ARG(text));
}

static int add_lines(struct call *c, size_t at, struct str text)
{
    struct str lines = whole_lines(c, text);
    if (text.len == 0 || !lines.p)
        return -1;
    return edits_insert(&c->edits, c->arena, at, lines, EDIT_PLAIN) ? 1 : -1;
}

/* The header a second argument names. */
static const struct hdr *named(const struct call *c, const struct arg *args, unsigned n)
{
    return n > 1 ? msg_header_named(c->msg, args[1].v.s, NULL) : NULL;
}

int textops_append_hf(struct call *c, const struct arg *args, unsigned n)
{
    const struct hdr *h = named(c, args, n);
    return add_lines(c, h ? offset_of(c, h->line.p) + h->line.len : headers_end(c), args[0].v.s);
}

int textops_insert_hf(struct call *c, const struct arg *args, unsigned n)
{
    const struct hdr *h = named(c, args, n);
    return add_lines(c, offset_of(c, h ? h->line.p : c->msg->hdr[0].line.p), args[0].v.s);
}

int textops_append_urihf(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    struct str line = arena_printf(c->arena, "%.*s%.*s%.*s", STR_ARG(args[0].v.s),
                                   STR_ARG(c->msg->uri), STR_ARG(args[1].v.s));
    return line.p ? add_lines(c, headers_end(c), line) : -1;
}

int textops_remove_hf(struct call *c, const struct arg *args, unsigned n)
{
    int result = -1;
    (void)n;
    for (const struct hdr *h = msg_header_named(c->msg, args[0].v.s, NULL); h;
         h = msg_header_named(c->msg, args[0].v.s, h)) {
        if (!edits_replace(&c->edits, c->arena, offset_of(c, h->line.p), h->line.len, STR_NONE))
            return -1;
        result = 1;
    }
    return result;
}

int textops_is_present_hf(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return msg_header_named(c->msg, args[0].v.s, NULL) ? 1 : -1;
}

int textops_append_to_reply(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    buf_add(&c->reply_headers, args[0].v.s);
    return c->reply_headers.failed ? -1 : 1;
}

int textops_append_time(struct call *c, const struct arg *args, unsigned n)
{
    char text[64];
    struct tm parts;
    time_t now = (time_t)call_time(c);
    (void)args, (void)n;
    if (!gmtime_r(&now, &parts))
        return -1;
    size_t len = strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    buf_add(&c->reply_headers, str_make(text, len));
    return c->reply_headers.failed ? -1 : 1;
}
