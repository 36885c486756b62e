/* Cutting a byte stream into messages. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/frame.h"

#include "core/base/err.h"
#include "core/sip/text.h"

static enum frame_result bad(struct frame *f, size_t *length)
{
    *f = (struct frame){0};
    *length = 0;
    return FRAME_BAD;
}

static enum frame_result done(struct frame *f, enum frame_result what, size_t n, size_t *length)
{
    *f = (struct frame){0};
    *length = n;
    return what;
}

/* Line ends before a message: CRLFCRLF asks for an answer, CRLF is one. */
static enum frame_result keep_alive(struct frame *f, struct str bytes, size_t *length)
{
    const struct str ping = STR_INIT("\r\n\r\n");
    size_t n = 0;
    while (n < bytes.len && n < ping.len && bytes.p[n] == ping.p[n])
        n++;
    if (n == ping.len)
        return done(f, FRAME_PING, n, length);
    if (n == bytes.len)
        return FRAME_MORE;
    return n == 2 ? done(f, FRAME_PONG, 2, length) : bad(f, length);
}

/* Whether the line begins a SIP message: "SIP/2.0 200 OK" or "INVITE sip:bob@host SIP/2.0". */
static bool first_line_valid(struct str line)
{
    if (str_istarts(line, STR("SIP/")))
        return true;
    line = str_trim(line);
    size_t word = line.len;
    while (word && line.p[word - 1] != ' ')
        word--;
    return word && str_istarts(str_sub(line, word, line.len), STR("SIP/"));
}

/* Takes note of Content-Length; false when it stands there twice or is no number up to max. */
static bool note_header(struct frame *f, struct str line, size_t max)
{
    ptrdiff_t colon = str_find(line, ':', 0);
    uint64_t n;
    if (colon < 0)
        return true;
    struct str name = str_trim(str_sub(line, 0, (size_t)colon));
    if (!text_ieq(name, STR("Content-Length")) && !text_ieq(name, STR("l")))
        return true;
    struct str value = str_trim(str_sub(line, (size_t)colon + 1, line.len));
    if (f->has_body || str_u64(&n, value, max))
        return false;
    f->has_body = true;
    f->body = (size_t)n;
    return true;
}

/* A logical line is complete: [f->line, end). False for an impossible one. */
static bool note_line(struct frame *f, struct str bytes, size_t end, size_t max)
{
    struct str line = str_sub(bytes, f->line, end);
    return f->line == 0 ? first_line_valid(line) : note_header(f, line, max);
}

/* Looks at the head from f->seen on, a line at a time. MESSAGE when the empty line came: *end is
 * behind it. */
static enum frame_result scan_head(struct frame *f, struct str bytes, size_t max, size_t *end)
{
    const char *stop = bytes.p + bytes.len;
    for (;;) {
        const char *p = find_control(bytes.p + f->seen, stop);
        f->seen = (size_t)(p - bytes.p);
        if (p == stop || (*p == '\r' && stop - p < 3))
            break;
        if (*p == '\n' || (*p == '\r' && p[1] != '\n'))
            return FRAME_BAD;
        if (*p == '\r' && f->line == f->seen && f->line) {
            *end = f->seen + 2;
            return FRAME_MESSAGE;
        }
        if (*p == '\r' && p[2] != ' ' && p[2] != '\t') {
            if (!note_line(f, bytes, f->seen, max))
                return FRAME_BAD;
            f->line = f->seen + 2;
        }
        f->seen += *p == '\r' ? 2 : 1;
    }
    /* the empty line that ends the head has nothing behind it when there is no body */
    const char *p = bytes.p + f->seen;
    if (stop - p == 2 && p[0] == '\r' && p[1] == '\n' && f->line && f->line == f->seen) {
        *end = f->seen + 2;
        return FRAME_MESSAGE;
    }
    return f->seen >= max ? FRAME_BAD : FRAME_MORE;
}

enum frame_result frame_next(struct frame *f, struct str bytes, size_t max, size_t *length)
{
    *length = 0;
    if (bytes.len == 0)
        return FRAME_MORE;
    if (!f->seen && (*bytes.p == '\r' || *bytes.p == '\n'))
        return keep_alive(f, bytes, length);
    if (!f->seen && !char_is(*bytes.p, CH_TOKEN))
        return bad(f, length);
    if (!f->head) {
        enum frame_result r = scan_head(f, bytes, max, &f->head);
        if (r == FRAME_MORE)
            return r;
        if (r == FRAME_BAD || !f->has_body || f->head > max || f->body > max - f->head)
            return bad(f, length);
    }
    if (bytes.len - f->head < f->body)
        return FRAME_MORE;
    return done(f, FRAME_MESSAGE, f->head + f->body, length);
}
