/* The registrar's answers: what is registered now, or why nothing was. */
/* SPDX-License-Identifier: MIT */
#include "modules/registrar/registrar_priv.h"

static const struct {
    uint16_t code;
    struct str text;
} verdicts[] = {
#define X(id, code, text) [VERDICT_##id] = {code, STR_INIT(text)},
    VERDICT_LIST(X)
#undef X
};

unsigned verdict_code(enum verdict v)
{
    return verdicts[v].code;
}

struct str verdict_text(enum verdict v)
{
    return verdicts[v].text;
}

static struct str reason_of(unsigned code)
{
    switch (code) {
    case 200:
        return STR("OK");
    case 400:
        return STR("Bad Request");
    case 420:
        return STR("Bad Extension");
    case 503:
        return STR("Service Unavailable");
    default:
        return STR("Server Internal Error");
    }
}

/* ";q=0.5": without zeros at the end. */
static void add_q(struct buf *b, int q)
{
    if (q < 0)
        return;
    buf_printf(b, ";q=%d", q / 1000);
    int rest = q % 1000;
    if (rest == 0)
        return;
    buf_char(b, '.');
    for (int unit = 100; rest; unit /= 10) {
        buf_char(b, (char)('0' + rest / unit));
        rest %= unit;
    }
}

/* Which phone and flow it is, as it came. */
static void add_flow(struct buf *b, const struct ucontact *u)
{
    if (u->instance.len)
        buf_printf(b, ";+sip.instance=\"%.*s\"", STR_ARG(u->instance));
    if (ucontact_is_flow(u))
        buf_printf(b, ";reg-id=%u", u->reg_id);
}

static void add_contact(struct call *c, struct buf *b, const struct ucontact *u)
{
    uint32_t left = u->expires ? u->expires - (uint32_t)call_time(c) : UINT32_MAX;
    buf_char(b, '<');
    buf_add(b, u->uri);
    buf_char(b, '>');
    add_q(b, u->q);
    buf_add(b, STR(";expires="));
    buf_u64(b, left);
    if (u->received.len) {
        buf_char(b, ';');
        buf_add(b, registrar_conf(c)->received_param);
        buf_add(b, STR("=\""));
        buf_add(b, u->received);
        buf_char(b, '"');
    }
    add_flow(b, u);
}

static void add_contacts(struct call *c, struct buf *b, const struct ucontacts *list)
{
    if (list->n == 0)
        return;
    buf_add(b, STR("Contact: "));
    for (unsigned i = 0; i < list->n; i++) {
        if (i)
            buf_add(b, STR(", "));
        add_contact(c, b, &list->v[i]);
    }
    buf_add(b, STR("\r\n"));
}

static bool supports_path(const struct msg *m)
{
    struct value_iter it = {0};
    while (msg_value_next(m, HDR_SUPPORTED, &it))
        if (str_ieq(it.text, STR("path")))
            return true;
    return false;
}

/* path_mode: whether the phone is told of the Path, and whether it may have one at all. */
static enum verdict add_path(struct call *c, struct buf *b, struct str path)
{
    int32_t mode = registrar_conf(c)->path_mode;
    bool known = supports_path(c->msg);
    if (path.len == 0 || mode == PATH_NEVER || (!known && mode == PATH_LAZY))
        return VERDICT_OK;
    if (!known)
        buf_add(b, STR("Unsupported: path\r\n"));
    buf_add(b, STR("Path: "));
    buf_add(b, path);
    buf_add(b, STR("\r\n"));
    return known ? VERDICT_OK : VERDICT_PATH_UNSUPPORTED;
}

enum { FULL_RETRY_AFTER = 60 }; /* s; a flood must be told when to come back */

static void add_error(struct call *c, struct buf *b, enum verdict v)
{
    int32_t after = registrar_conf(c)->retry_after;
    if (verdict_code(v) == 200)
        return;
    if (v == VERDICT_FULL && after <= 0)
        after = FULL_RETRY_AFTER;
    buf_add(b, STR("P-Registrar-Error: "));
    buf_add(b, verdict_text(v));
    buf_add(b, STR("\r\n"));
    if (verdict_code(v) >= 500 && after > 0)
        buf_printf(b, "Retry-After: %d\r\n", (int)after);
}

/* Sends the answer with these lines besides the script's own; they belong to it alone. */
static bool answer_with(struct call *c, unsigned code, struct buf lines)
{
    struct buf kept = c->reply_headers;
    struct str reason = reason_of(code);
    if (lines.failed) {
        log_err("registrar: no memory for an answer");
        return false;
    }
    c->reply_headers = lines;
    int rc = c->txn ? call_reply(c, code, reason) : call_sl_reply(c, code, reason);
    c->reply_headers = kept;
    return rc > 0;
}

bool registrar_answer(struct call *c, enum verdict v, const struct ucontacts *list, struct str path)
{
    struct buf lines;
    buf_init(&lines, c->arena, 512);
    buf_add(&lines, buf_str(&c->reply_headers));
    add_contacts(c, &lines, list);
    if (v == VERDICT_OK)
        v = add_path(c, &lines, path);
    add_error(c, &lines, v);
    return answer_with(c, verdict_code(v), lines);
}
