/* Messages of our own: replies, ACK for negative answers, CANCEL. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sip/stamp.h"
#include "core/sip/text.h"

/* Name and value of a row, without the line end. */
static struct str row_text(const struct hdr *h)
{
    return h->value.len ? str_span(h->line.p, h->value.p + h->value.len) : str_trim(h->line);
}

/* The line end as it came: who sends bare LF gets it back, as from the reference. */
static struct str row_end(const struct hdr *h)
{
    return str_ends(h->line, STR("\r\n")) ? STR("\r\n") : STR("\n");
}

static void add_row(struct buf *out, const struct hdr *h)
{
    buf_add(out, row_text(h));
    buf_add(out, row_end(h));
}

/* The row of the top Via with received and rport. */
static void add_top_via(struct buf *out, const struct msg *m, const struct hdr *h)
{
    struct own_edits own = {.count = 0};
    struct stamp stamp;
    struct str row = row_text(h);
    size_t from = (size_t)(row.p - m->raw.p), to = from + row.len;
    stamp_add(&own, m, &stamp, false);
    struct stretch w = {.raw = str_make(m->raw.p, to), .from = from, .to = to, .own = own.head};
    edits_splice(out, &w);
    buf_add(out, STR("\r\n"));
}

static void add_to(struct buf *out, const struct msg *m, const struct hdr *h, struct str tag)
{
    buf_add(out, row_text(h));
    if (tag.len && !m->to_tag.p) {
        buf_add(out, STR(";tag="));
        buf_add(out, tag);
    }
    buf_add(out, row_end(h));
}

/* The rows of the request that a reply carries, in the order of the request. */
static void add_rows(struct buf *out, const struct msg *m, const struct reply_out *o)
{
    bool dialog = o->code > 100 && o->code < 300;
    for (uint16_t i = 0; i < m->count; i++) {
        const struct hdr *h = &m->hdr[i];
        bool first = m->first[h->id] == i + 1;
        if (h->id == HDR_VIA && first)
            add_top_via(out, m, h);
        else if (h->id == HDR_TO && first)
            add_to(out, m, h, o->to_tag);
        else if (h->id == HDR_VIA || (h->id == HDR_RECORD_ROUTE && dialog) ||
                 (first && (h->id == HDR_FROM || h->id == HDR_CALL_ID || h->id == HDR_CSEQ)))
            add_row(out, h);
    }
}

/* A message that is refused may hold stray CR or NUL in the rows that its answer carries: they must
 * not get out as line ends. */
static void clean(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->len; i++)
        if (out->p[i] == 0 || (out->p[i] == '\r' && (i + 1 == out->len || out->p[i + 1] != '\n')))
            out->p[i] = ' ';
}

static void add_line(struct buf *out, struct str line)
{
    if (line.len) {
        buf_add(out, line);
        buf_add(out, STR("\r\n"));
    }
}

/* Content-Length, the empty line and the body. */
static void add_body(struct buf *out, struct str body)
{
    buf_add(out, STR("Content-Length: "));
    buf_u64(out, body.len);
    buf_add(out, STR("\r\n\r\n"));
    buf_add(out, body);
}

void build_reply(struct buf *out, const struct msg *m, const struct reply_out *o)
{
    buf_add(out, STR("SIP/2.0 "));
    buf_u64(out, o->code);
    buf_char(out, ' ');
    buf_add(out, o->reason);
    buf_add(out, STR("\r\n"));
    size_t rows = out->len;
    add_rows(out, m, o);
    if (m->fault.code)
        clean(out, rows);
    buf_add(out, o->headers);
    add_line(out, o->server);
    add_body(out, o->body);
}

void build_fault_headers(struct buf *out, const struct msg *m, struct fault f)
{
    struct value_iter it = {0};
    bool more = false;
    if (f.code != 420)
        return;
    buf_add(out, STR("Unsupported: "));
    for (; msg_value_next(m, HDR_PROXY_REQUIRE, &it); more = true) {
        if (more)
            buf_add(out, STR(", "));
        buf_add(out, it.text);
    }
    buf_add(out, STR("\r\n"));
}

/* The first row of an id as it stands in m; nothing when it is absent. */
static void add_first(struct buf *out, const struct msg *m, enum hdr_id id)
{
    const struct hdr *h = msg_header(m, id);
    if (h)
        add_row(out, h);
}

/* What ACK and CANCEL have in common; to is the message whose To they carry. */
static int build_local(struct buf *out, struct arena *scratch, struct str sent,
                       const struct msg *reply, struct str method, struct str agent)
{
    struct msg m;
    if (msg_scan(&m, scratch, sent) || !m.request)
        return ERR_SYNTAX;
    buf_add(out, method);
    buf_char(out, ' ');
    buf_add(out, m.uri);
    buf_add(out, STR(" SIP/2.0\r\nVia: "));
    buf_add(out, m.via.text);
    buf_add(out, STR("\r\n"));
    add_first(out, &m, HDR_FROM);
    add_first(out, &m, HDR_CALL_ID);
    add_first(out, reply && msg_header(reply, HDR_TO) ? reply : &m, HDR_TO);
    buf_add(out, STR("CSeq: "));
    buf_u64(out, m.cseq);
    buf_char(out, ' ');
    buf_add(out, method);
    buf_add(out, STR("\r\nMax-Forwards: 70\r\n"));
    for (const struct hdr *h = msg_header(&m, HDR_ROUTE); h; h = msg_header_next(&m, h))
        add_row(out, h);
    add_line(out, agent);
    add_body(out, STR_NONE);
    return ERR_OK;
}

int build_ack(struct buf *out, struct arena *scratch, struct str sent, const struct msg *reply,
              struct str agent)
{
    return build_local(out, scratch, sent, reply, STR("ACK"), agent);
}

int build_cancel(struct buf *out, struct arena *scratch, struct str sent, struct str agent)
{
    return build_local(out, scratch, sent, NULL, STR("CANCEL"), agent);
}
