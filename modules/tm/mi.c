/* tm's management commands: requests of the operator's own, and how many transactions there are. */
/* SPDX-License-Identifier: MIT */
#include "modules/tm/priv.h"

/* ---- t_uac_dlg ---- */

/* "." stands for an argument that is not given. */
static struct str given(const struct mi *m, unsigned i)
{
    struct str s = mi_arg(m, i);
    return str_eq(s, STR(".")) ? STR_NONE : s;
}

/* The headers of the argument, those that are ours to write apart. */
struct heads {
    struct str from, to, call_id, cseq;
    struct buf rest;
    bool content_type;
};

/* Writes text with "!!" replaced by where we send from. */
static void add_expanded(struct buf *out, struct str text, const struct addr *a)
{
    char mem[IP_TEXT];
    ptrdiff_t at;
    while ((at = str_search(text, STR("!!"), 0)) >= 0) {
        struct str ip = ip_text(mem, &a->ip);
        buf_add(out, str_sub(text, 0, (size_t)at));
        buf_printf(out, a->ip.family == 6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(ip), a->port);
        text = str_sub(text, (size_t)at + 2, text.len);
    }
    buf_add(out, text);
}

static struct str expanded(struct arena *a, struct str text, const struct addr *own)
{
    struct buf b;
    buf_init(&b, a, text.len + 64);
    add_expanded(&b, text, own);
    return buf_str(&b);
}

/* One header line, its continuation lines in it. False when it is none, or not for others to
 * write. */
static bool take_head(struct heads *h, struct arena *a, struct str line, const struct addr *own)
{
    ptrdiff_t colon = str_find(line, ':', 0);
    if (colon <= 0 || line.p[0] == ' ' || line.p[0] == '\t')
        return false;
    struct str name = str_trim(str_sub(line, 0, (size_t)colon));
    struct str value = str_trim(str_sub(line, (size_t)colon + 1, line.len));
    switch (hdr_lookup(name)) {
    case HDR_FROM:
        h->from = expanded(a, value, own);
        return true;
    case HDR_TO:
        h->to = expanded(a, value, own);
        return true;
    case HDR_CALL_ID:
        h->call_id = expanded(a, value, own);
        return true;
    case HDR_CSEQ:
        h->cseq = value;
        return true;
    case HDR_CONTENT_LENGTH:
    case HDR_VIA:
        return false;
    case HDR_CONTENT_TYPE:
        h->content_type = true;
        break;
    default:
        break;
    }
    add_expanded(&h->rest, line, own);
    buf_add(&h->rest, STR("\r\n"));
    return true;
}

static bool read_heads(struct heads *h, struct arena *a, struct str text, const struct addr *own)
{
    struct str line;
    buf_init(&h->rest, a, text.len + 64);
    while (str_cut(&line, &text, '\n')) {
        if (line.len && line.p[line.len - 1] == '\r')
            line.len--;
        if (line.len && !take_head(h, a, line, own))
            return false;
    }
    return !h->rest.failed;
}

/* The number of "7 OPTIONS"; 0 when it is none. */
static uint32_t cseq_number(struct str s)
{
    struct str digits;
    uint32_t n = 0;
    return str_cut(&digits, &s, ' ') && str_u32(&n, digits, INT32_MAX) == ERR_OK ? n : 0;
}

/* The remote target: the first Contact of the answer. */
static struct str contact_of(const struct msg *m)
{
    struct value_iter it = {0};
    struct nameaddr n;
    if (msg_value_next(m, HDR_CONTACT, &it) && nameaddr_parse(&n, it.text) == ERR_OK)
        return n.uri;
    return STR(".");
}

static void answered(void *arg, unsigned code, struct msg *reply)
{
    struct mi *m = arg;
    if (code == 0)
        return; /* all ends, the request with it */
    if (!reply) {
        mi_line(m, 0, NULL, "%u %s", code,
                code == 408   ? "Request Timeout"
                : code == 476 ? "Unresolvable destination"
                              : "Send failed");
        for (unsigned i = 0; i < 4; i++)
            mi_text(m, 0, NULL, STR("."));
    } else {
        struct str head = str_sub(reply->raw, 0, reply->raw.len - reply->body.len);
        mi_line(m, 0, NULL, "%u %.*s", code, STR_ARG(reply->reason));
        mi_text(m, 0, NULL, contact_of(reply));
        mi_text(m, 0, NULL, STR("."));
        mi_text(m, 0, NULL, STR("."));
        mi_text(m, 0, NULL, str_sub(head, reply->first_line.len + 2, head.len));
    }
    mi_finish(m);
}

/* Our socket that the argument names; -1 for none, -2 for a wrong one. */
static int named_socket(const struct engine *e, struct str text)
{
    if (text.len == 0)
        return -1;
    for (unsigned i = 0; i < engine_sockets(e); i++) {
        char full[ADDR_TEXT];
        struct str s = addr_text(full, engine_socket(e, i));
        ptrdiff_t colon = str_find(s, ':', 0); /* "udp:address:port" */
        if (str_ieq(s, text) || str_ieq(str_sub(s, (size_t)colon + 1, s.len), text))
            return (int)i;
    }
    return -2;
}

static enum mi_next send_it(struct mi *m, struct uac_request *r, const struct heads *h)
{
    r->from = h->from;
    r->to = h->to;
    r->call_id = h->call_id;
    r->headers = buf_str(&h->rest);
    r->cseq = cseq_number(h->cseq);
    int rc = uac_send(mi_engine(m), r, answered, m);
    return rc == ERR_OK ? MI_LATER : mi_fail(m, 500, "cannot be sent: %s", err_text(rc));
}

static enum mi_next uac_dlg(struct mi *m)
{
    struct engine *e = mi_engine(m);
    struct heads h = {.content_type = false};
    struct uac_request r = {.method = mi_arg(m, 0),
                            .ruri = mi_arg(m, 1),
                            .next_hop = given(m, 2),
                            .body = given(m, 5),
                            .socket = named_socket(e, given(m, 3))};
    if (r.socket == -2)
        return mi_fail(m, 404, "no such socket of ours");
    if (!read_heads(&h, mi_arena(m), given(m, 4),
                    engine_socket(e, r.socket < 0 ? 0 : (unsigned)r.socket)))
        return mi_fail(m, 400, "Invalid headers");
    if (h.from.len == 0 || h.to.len == 0)
        return mi_fail(m, 400, "Headers From and To are needed");
    if (r.body.len && !h.content_type)
        return mi_fail(m, 400, "A body needs Content-Type");
    if (h.call_id.len && engine_owner_of(e, h.call_id) != mi_worker(m))
        return MI_NEXT; /* its answer would come to another worker */
    return send_it(m, &r, &h);
}

/* ---- the others ---- */

static enum mi_next cancel_uac(struct mi *m)
{
    uint32_t cseq;
    if (str_u32(&cseq, mi_arg(m, 1), INT32_MAX) != ERR_OK)
        return mi_fail(m, 400, "CSeq is no number");
    int rc = uac_cancel(mi_engine(m), mi_arg(m, 0), cseq);
    if (rc == ERR_NOTFOUND)
        return MI_NEXT;
    return rc == ERR_OK ? MI_DONE : mi_fail(m, 500, "not cancelled: %s", err_text(rc));
}

/* ---- t_reply ---- */

/* "worker:label", as t_write_req writes it. */
static bool read_id(struct str text, uint32_t *worker, uint32_t *label)
{
    struct str first;
    return str_cut(&first, &text, ':') && str_u32(worker, first, UINT32_MAX) == ERR_OK &&
           str_u32(label, text, UINT32_MAX) == ERR_OK;
}

/* Lines with CRLF, whatever ended them; false when one is no header, or not for others to write. */
static bool reply_lines(struct buf *out, struct str text)
{
    struct str line;
    while (str_cut(&line, &text, '\n')) {
        line = str_trim(line);
        ptrdiff_t colon = str_find(line, ':', 0);
        if (line.len == 0)
            continue;
        if (colon <= 0 ||
            hdr_lookup(str_trim(str_sub(line, 0, (size_t)colon))) == HDR_CONTENT_LENGTH)
            return false;
        buf_add(out, line);
        buf_add(out, STR("\r\n"));
    }
    return !out->failed;
}

static enum mi_next reply(struct mi *m)
{
    struct blind_answer a = {.reason = mi_arg(m, 1), .to_tag = given(m, 3), .body = given(m, 5)};
    uint32_t code, worker, label;
    struct buf lines;
    buf_init(&lines, mi_arena(m), 256);
    if (str_u32(&code, mi_arg(m, 0), 699) != ERR_OK || code < 100)
        return mi_fail(m, 400, "Invalid code");
    if (!read_id(mi_arg(m, 2), &worker, &label))
        return mi_fail(m, 400, "Invalid trans_id");
    if (str_find(a.reason, '\r', 0) >= 0 || str_find(a.reason, '\n', 0) >= 0)
        return mi_fail(m, 400, "Invalid reason");
    if (!reply_lines(&lines, given(m, 4)))
        return mi_fail(m, 400, "Invalid headers");
    if (worker != mi_worker(m))
        return MI_NEXT;
    a.code = code;
    a.headers = buf_str(&lines);
    int rc = engine_answer_blind(mi_engine(m), label, &a);
    if (rc == ERR_OK)
        return MI_DONE;
    return rc == ERR_NOTFOUND ? MI_NEXT : mi_fail(m, 500, "not sent: %s", err_text(rc));
}

static enum mi_next not_found(struct mi *m)
{
    return mi_fail(m, 404, "Transaction not found");
}

static enum mi_next no_such(struct mi *m)
{
    return mi_fail(m, 481, "No such transaction");
}

static enum mi_next hash(struct mi *m)
{
    mi_line(m, 0, "Worker", "%u", mi_worker(m));
    mi_attr(m, "Current", "%llu", (unsigned long long)engine_transactions(mi_engine(m)));
    return MI_NEXT;
}

const struct mi_command tm_commands[] = {
    {"t_uac_dlg", "method ruri next_hop socket headers [body]",
     "Sends a request and tells its final answer: code and reason, the Contact, two lines of the "
     "route, all headers. \".\" stands for no next hop and no socket.",
     5, 6, 0, uac_dlg, NULL},
    {"t_uac_cancel", "call_id cseq", "Cancels an INVITE of t_uac_dlg that rings.", 2, 2, 0,
     cancel_uac, no_such},
    {"t_reply", "code reason id to_tag headers [body]",
     "Answers a request that t_write_req or t_write_unix has handed to a program; id is what stood "
     "there. \".\" stands for no tag and no headers.",
     5, 6, 0, reply, not_found},
    {"t_hash", "", "How many transactions each worker has.", 0, 0, 0, hash, NULL},
    {.name = NULL},
};
