/* The scan: one pass over the head of a message that finds its lines, names its headers and slices
 * what every message needs.
 *
 * Line ends: CRLF. A bare LF ends a line too, as older software sends it, but does not fold one. A
 * bare CR never ends a line: the next hop might think otherwise, so it is a fault. So is a NUL,
 * unless a backslash in a quoted string escapes it. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sip/header.h"
#include "core/sip/text.h"
#include "core/sip/values.h"

/* A header table begins with this many rows and doubles up to MSG_MAX_HEADERS. */
enum { FIRST_ROWS = 24 };

struct scan {
    struct msg *m;
    struct cursor c;
    uint16_t room;            /* rows the table has */
    bool quote_open;          /* state of nul_quoted */
    const char *quote_seen;   /* up to here */
    uint16_t last[HDR_COUNT]; /* newest row + 1 of each id; meaningful when first is set */
};

static void set_fault(struct msg *m, uint16_t code, const char *reason)
{
    if (!m->fault.code)
        m->fault = (struct fault){code, reason};
}

/* Whether the NUL at p is escaped inside a quoted string of the logical line that begins at line.
 * Goes on where it stopped at the NUL before, so that many of them cost no more than their line is
 * long. */
static bool nul_quoted(struct scan *s, const char *line, const char *p)
{
    if (!s->quote_seen || s->quote_seen < line) {
        s->quote_seen = line;
        s->quote_open = false;
    }
    while (s->quote_seen < p) {
        char c = *s->quote_seen++;
        if (c == '"')
            s->quote_open = !s->quote_open;
        else if (c == '\\' && s->quote_open && s->quote_seen++ == p)
            return true;
    }
    return false;
}

/* Looks at a control byte that is no CRLF. Gives the line end when it is one, else NULL. */
static const char *odd_control(struct scan *s, const char *line, const char *p)
{
    if (*p == '\n')
        return p;
    if (*p == '\r')
        set_fault(s->m, 400, "Bare CR");
    else if (*p == 0 && !nul_quoted(s, line, p))
        set_fault(s->m, 400, "NUL in Header");
    return NULL;
}

/* Finds the end of the physical line that begins at the cursor; line starts the logical one. NULL
 * when the bytes end first. The cursor moves behind the line end. */
static const char *find_line(struct scan *s, const char *line)
{
    const char *p = s->c.p, *end = s->c.end;
    while ((p = find_control(p, end)) < end) {
        bool crlf = *p == '\r' && end - p > 1 && p[1] == '\n';
        if (crlf || odd_control(s, line, p)) {
            s->c.p = p + 1 + crlf;
            return p;
        }
        p++;
    }
    s->c.p = end;
    return NULL;
}

/* The end of the logical line at the cursor, folds included; NULL when the bytes end within. */
static inline const char *find_logical(struct scan *s)
{
    const char *plain = find_control(s->c.p, s->c.end);
    if (s->c.end - plain > 2 && plain[0] == '\r' && plain[1] == '\n' && plain[2] > ' ') {
        s->c.p = plain + 2; /* nothing odd, as nearly always */
        return plain;
    }
    const char *line = s->c.p, *eol = find_line(s, line);
    while (eol && !cursor_done(&s->c) && (*s->c.p == ' ' || *s->c.p == '\t')) {
        if (*eol == '\n')
            set_fault(s->m, 400, "Fold After Bare LF");
        eol = find_line(s, line);
    }
    return eol;
}

static bool rows_grow(struct scan *s)
{
    struct msg *m = s->m;
    uint16_t room = s->room ? (uint16_t)(s->room * 2) : FIRST_ROWS;
    if (room > MSG_MAX_HEADERS)
        room = MSG_MAX_HEADERS;
    struct hdr *rows = arena_alloc(m->arena, room * sizeof *rows);
    if (!rows)
        return false;
    if (m->count)
        memcpy(rows, m->hdr, m->count * sizeof *rows);
    m->hdr = rows;
    s->room = room;
    return true;
}

/* Enters a row into the table and the chain of its id. */
static int add_row(struct scan *s, enum hdr_id id, struct str name, struct str value,
                   struct str line)
{
    struct msg *m = s->m;
    if (m->count == MSG_MAX_HEADERS) {
        set_fault(m, 400, "Too Many Headers");
        return ERR_OK;
    }
    if (m->count == s->room && !rows_grow(s))
        return ERR_NOMEM;
    m->hdr[m->count++] = (struct hdr){name, value, line, 0, (uint8_t)id};
    if (!m->first[id])
        m->first[id] = m->count;
    else
        m->hdr[s->last[id] - 1].next = m->count;
    s->last[id] = m->count;
    return ERR_OK;
}

/* Without blanks at both ends; most values have one in front. */
static struct str trim(const char *p, const char *end)
{
    while (p < end && char_blank(*p))
        p++;
    while (p < end && char_blank(end[-1]))
        end--;
    return str_span(p, end);
}

static bool is_token(struct str s)
{
    struct cursor c = cursor_at(s);
    take_run(&c, CH_TOKEN);
    return s.len && cursor_done(&c);
}

/* Reads the header line at the cursor. */
static int scan_header(struct scan *s)
{
    const char *from = s->c.p, *eol = find_logical(s);
    if (!eol) {
        set_fault(s->m, 400, "Unfinished Header");
        return ERR_OK;
    }
    const char *colon = find_colon(from, eol), *end = colon;
    while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    struct str name = str_span(from, end);
    enum hdr_id id = hdr_lookup(name);
    if (colon == eol || (id == HDR_OTHER && !is_token(name))) {
        set_fault(s->m, 400, "Bad Header Line");
        return ERR_OK;
    }
    if (s->m->first[id] && hdr_flags(id) == HDR_IS_SINGLE)
        set_fault(s->m, 400, "Header Twice");
    return add_row(s, id, name, trim(colon + 1, eol), str_span(from, s->c.p));
}

static int scan_headers(struct scan *s)
{
    while (!cursor_done(&s->c)) {
        const char *p = s->c.p;
        if (*p == '\n' || (*p == '\r' && s->c.end - p > 1 && p[1] == '\n')) {
            s->c.p += *p == '\n' ? 1 : 2;
            return ERR_OK;
        }
        if (scan_header(s))
            return ERR_NOMEM;
    }
    set_fault(s->m, 400, "Headers Do Not End");
    return ERR_OK;
}

/* "SIP/2.0 200 OK"; some leave the blank and the reason away. */
static int scan_status(struct msg *m, struct str line)
{
    uint32_t code;
    struct str rest = str_sub(line, 8, line.len);
    if (!str_istarts(line, STR("SIP/2.0 ")) || str_u32(&code, str_sub(rest, 0, 3), 699) ||
        code < 100 || (rest.len > 3 && rest.p[3] != ' '))
        return ERR_SYNTAX;
    m->version = str_sub(line, 0, 7);
    m->status = (uint16_t)code;
    m->reason = str_sub(rest, 4, rest.len);
    return ERR_OK;
}

/* "INVITE sip:bob@example.com SIP/2.0": a SIP message by its last word, else dropped. */
static int scan_request(struct msg *m, struct str line)
{
    struct str s = str_trim(line);
    size_t first = 0, last = s.len;
    while (first < s.len && s.p[first] != ' ')
        first++;
    while (last > first && s.p[last - 1] != ' ')
        last--;
    m->version = str_sub(s, last, s.len);
    if (last <= first || !str_istarts(m->version, STR("SIP/")))
        return ERR_SYNTAX;
    m->request = true;
    m->method_text = str_sub(s, 0, first);
    m->uri = str_sub(s, first + 1, last - 1);
    m->method = method_lookup(m->method_text);
    struct cursor c = cursor_at(m->method_text);
    take_run(&c, CH_TOKEN);
    if (!cursor_done(&c) || m->method_text.len == 0)
        return ERR_SYNTAX;
    if (!text_ieq(m->version, STR("SIP/2.0")))
        set_fault(m, 505, "Version Not Supported");
    if (m->uri.len == 0 || s.len != line.len || str_find(m->uri, ' ', 0) >= 0 ||
        str_find(m->uri, '\t', 0) >= 0)
        set_fault(m, 400, "Bad Request Line");
    return ERR_OK;
}

static int scan_first_line(struct scan *s)
{
    const char *from = s->c.p, *eol = find_line(s, from);
    if (!eol)
        return ERR_SYNTAX;
    s->m->first_line = str_span(from, eol);
    if (str_istarts(s->m->first_line, STR("SIP/")))
        return scan_status(s->m, s->m->first_line);
    return scan_request(s->m, s->m->first_line);
}

/* Transports a Via may name; an answer for any other would not arrive. */
static bool transport_known(struct str t)
{
    static const struct str names[] = {STR_INIT("UDP"),     STR_INIT("TCP"), STR_INIT("TLS"),
                                       STR_INIT("SCTP"),    STR_INIT("WS"),  STR_INIT("WSS"),
                                       STR_INIT("TLS-SCTP")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text_ieq(t, names[i]))
            return true;
    return false;
}

/* The topmost via-parm. Without a usable one nothing can be answered. */
static int scan_via(struct msg *m)
{
    const struct hdr *h = msg_header(m, HDR_VIA);
    if (!h || via_parse_first(&m->via, h->value) || !transport_known(m->via.transport))
        return ERR_SYNTAX;
    if (!str_eq(m->via.version, STR("2.0")) && m->fault.code != 505)
        return ERR_SYNTAX;
    if (m->via.odd)
        set_fault(m, 400, "Bad Via");
    return ERR_OK;
}

/* "1 INVITE" */
static void scan_cseq(struct msg *m)
{
    const struct hdr *h = msg_header(m, HDR_CSEQ);
    if (!h)
        return;
    struct cursor c = cursor_at(h->value);
    while (c.p < c.end && ascii_digit(*c.p))
        c.p++;
    m->cseq_number = str_span(h->value.p, c.p);
    skip_blank(&c);
    m->cseq_method = take_run(&c, CH_TOKEN);
    bool blank = m->cseq_method.p > m->cseq_number.p + m->cseq_number.len;
    if (str_u32(&m->cseq, m->cseq_number, UINT32_MAX) || m->cseq_method.len == 0 || !blank ||
        !cursor_done(&c)) {
        m->cseq_number = m->cseq_method = STR_NONE;
        set_fault(m, 400, "Bad CSeq");
    } else if (!m->request) {
        m->method = method_lookup(m->cseq_method);
        m->method_text = m->cseq_method;
    }
}

/* Where the header parameters of a From or To may begin: behind quotes and angle brackets. NULL
 * when one of them is open. */
static const char *behind_uri(struct str value)
{
    const char *p = value.p, *end = p + value.len;
    if (value.len && *p == '"')
        p = quoted_end(p, end);
    const char *open = NULL;
    if (p && p < end)
        open = *p == '<' ? p : memchr(p, '<', (size_t)(end - p));
    return open ? memchr(open, '>', (size_t)(end - open)) : p;
}

/* The tag parameter of a From or To. */
static struct str scan_tag(struct msg *m, enum hdr_id id)
{
    const struct hdr *h = msg_header(m, id);
    const char *p = h ? behind_uri(h->value) : NULL;
    if (!p)
        return STR_NONE;
    const char *end = h->value.p + h->value.len;
    struct str name, value;
    while (p < end && *p != ';')
        p++;
    if (p == end)
        return STR_NONE;
    if (end - p > 5 && memcmp(p, ";tag=", 5) == 0) {
        struct cursor c = {p + 5, end};
        value = take_run(&c, CH_TOKEN);
        if (cursor_done(&c))
            return value; /* nothing else there, as nearly always */
    }
    for (struct str rest = str_span(p + 1, end); param_next(&rest, &name, &value);)
        if (name.len == 3 && text_ieq(name, STR("tag")))
            return value;
    return STR_NONE;
}

/* Cuts the body by Content-Length: bytes behind it are not part of the message, and too few make
 * the message unusable (RFC 3261 18.3). */
static void scan_body(struct scan *s)
{
    struct msg *m = s->m;
    struct str rest = str_span(s->c.p, s->c.end);
    uint32_t length = 0;
    int rc = msg_content_length(m, &length);
    if (rc == ERR_SYNTAX)
        set_fault(m, 400, "Bad Content-Length");
    else if (rc == ERR_OK && length > rest.len)
        set_fault(m, 400, "Body Too Short");
    else if (rc == ERR_OK &&
             !(m->fault.code && msg_header_next(m, msg_header(m, HDR_CONTENT_LENGTH))))
        rest.len = length;
    m->body = rest;
    m->raw.len = (size_t)(rest.p + rest.len - m->raw.p);
}

int msg_scan(struct msg *m, struct arena *a, struct str bytes)
{
    struct scan s;
    memset(m, 0, sizeof *m);
    if (bytes.len == 0 || bytes.len > MSG_MAX_BYTES)
        return ERR_SYNTAX;
    s.m = m;
    s.c = cursor_at(bytes);
    s.room = 0;
    s.quote_seen = NULL;
    m->arena = a;
    while (!cursor_done(&s.c) && (*s.c.p == '\r' || *s.c.p == '\n'))
        s.c.p++;
    m->raw = str_span(s.c.p, s.c.end);
    if (scan_first_line(&s))
        return ERR_SYNTAX;
    if (scan_headers(&s))
        return ERR_NOMEM;
    if (scan_via(m))
        return ERR_SYNTAX;
    const struct hdr *id = msg_header(m, HDR_CALL_ID);
    m->call_id = id ? id->value : STR_NONE;
    m->from_tag = scan_tag(m, HDR_FROM);
    m->to_tag = scan_tag(m, HDR_TO);
    scan_cseq(m);
    scan_body(&s);
    return m->request || !m->fault.code ? ERR_OK : ERR_SYNTAX;
}
