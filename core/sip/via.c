/* Via: one via-parm cut into slices (RFC 3261 20.42). */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sip/msg.h"
#include "core/sip/text.h"
#include "core/sip/values.h"

/* sent-protocol: name / version / transport, blanks anywhere between. */
static int split_protocol(struct via *v, struct cursor *c)
{
    const struct str usual = STR("SIP/2.0/UDP ");
    if ((size_t)(c->end - c->p) > usual.len && memcmp(c->p, usual.p, usual.len) == 0) {
        v->version = str_make(c->p + 4, 3);
        v->transport = str_make(c->p + 8, 3);
        c->p += usual.len - 1; /* the blank is still to be seen */
        return ERR_OK;
    }
    struct str name = take_run(c, CH_TOKEN);
    if (name.len == 0 || !skip_char(c, '/'))
        return ERR_SYNTAX;
    struct str version = take_run(c, CH_TOKEN);
    if (version.len == 0 || !skip_char(c, '/'))
        return ERR_SYNTAX;
    v->transport = take_run(c, CH_TOKEN);
    v->version = version;
    if (v->transport.len == 0 || cursor_done(c) || !char_blank(*c->p))
        return ERR_SYNTAX;
    if (!text_ieq(name, STR("SIP")))
        v->odd = true;
    return ERR_OK;
}

/* Whether nothing more of a sent-by follows. */
static bool sent_by_ends(struct cursor *c)
{
    skip_blank(c);
    return cursor_done(c) || *c->p == ';' || *c->p == ',' || *c->p == '(';
}

static int split_port(struct via *v, struct cursor *c)
{
    const char *from = c->p;
    while (c->p < c->end && ascii_digit(*c->p))
        c->p++;
    uint32_t port = 0;
    v->has_port = true;
    if (c->p == from)
        return ERR_SYNTAX;
    struct str digits = str_span(from, c->p);
    if (!sent_by_ends(c) || str_u32(&port, digits, UINT16_MAX)) {
        v->odd = true;
        port = 0;
    }
    v->port = (uint16_t)port;
    return ERR_OK;
}

static int split_sent_by(struct via *v, struct cursor *c)
{
    skip_blank(c);
    const char *from = c->p;
    if (c->p < c->end && *c->p == '[') {
        const char *close = memchr(from, ']', (size_t)(c->end - from));
        if (!close)
            return ERR_SYNTAX;
        c->p = close + 1;
        v->host = str_span(from, c->p);
        v->odd |= !host_valid(v->host);
    } else {
        v->host = take_run(c, CH_HOST);
        if (v->host.len == 0)
            return ERR_SYNTAX;
        v->odd |= !host_labels(v->host);
    }
    if (skip_char(c, ':'))
        return split_port(v, c);
    if (!sent_by_ends(c))
        v->odd = v->has_port = true; /* a port may be in what we cannot read */
    return ERR_OK;
}

/* A parameter's value: quoted, or what stands up to a separator. Not only tokens: branches with '@'
 * are about, and the value is only compared and sent back. */
static struct str take_value(struct via *v, struct cursor *c)
{
    const char *from = c->p;
    if (!cursor_done(c) && *c->p == '"') {
        const char *close = quoted_end(c->p, c->end);
        v->odd |= close == NULL;
        c->p = close ? close : c->end;
    } else {
        take_run(c, CH_VIA_VALUE);
    }
    v->odd |= c->p == from;
    return str_span(from, c->p);
}

/* Remembers the parameters that routing needs; one of them twice is odd. */
static void keep_param(struct via *v, struct str name, struct str value)
{
    struct str *slot = NULL;
    switch (name.len) {
    case 5:
        if (text_ieq(name, STR("maddr")))
            slot = &v->maddr;
        else if (text_ieq(name, STR("rport"))) {
            v->odd |= v->has_rport;
            v->has_rport = true;
            v->rport = value.p ? value : str_make(name.p + name.len, 0);
        }
        break;
    case 6:
        if (text_ieq(name, STR("branch")))
            slot = &v->branch;
        break;
    case 8:
        if (text_ieq(name, STR("received")))
            slot = &v->received;
        break;
    default:
        break;
    }
    if (!slot)
        return;
    v->odd |= slot->p != NULL;
    if (!slot->p)
        *slot = value;
}

static void split_params(struct via *v, struct cursor *c)
{
    const char *from = c->p;
    do {
        struct str name = take_run(c, CH_TOKEN), value = STR_NONE;
        if (skip_char(c, '='))
            value = take_value(v, c);
        v->odd |= name.len == 0;
        keep_param(v, name, value);
    } while (skip_char(c, ';'));
    v->params = str_trim(str_span(from, c->p));
}

/* A comment may stand at the end (RFC 2543). */
static void skip_comment(struct via *v, struct cursor *c)
{
    unsigned depth = 0;
    while (!cursor_done(c) && (*c->p == '(' || depth)) {
        if (*c->p == '(')
            depth++;
        else if (*c->p == ')')
            depth--;
        else if (*c->p == '\\' && c->end - c->p > 1)
            c->p++;
        c->p++;
        if (!depth)
            skip_blank(c);
    }
    v->odd |= depth > 0;
}

/* Splits what stands at the cursor and stops behind it. */
static int split_via(struct via *out, struct cursor *c)
{
    *out = (struct via){.odd = false};
    if (split_protocol(out, c) || split_sent_by(out, c))
        return ERR_SYNTAX;
    if (skip_char(c, ';'))
        split_params(out, c);
    skip_comment(out, c);
    return ERR_OK;
}

int via_parse(struct via *out, struct str text)
{
    struct cursor c = cursor_at(text);
    if (split_via(out, &c))
        return ERR_SYNTAX;
    out->text = text;
    out->odd |= !cursor_done(&c);
    return ERR_OK;
}

int via_parse_first(struct via *out, struct str list)
{
    struct cursor c = cursor_at(list);
    if (split_via(out, &c))
        return ERR_SYNTAX;
    out->text = str_trim(str_span(list.p, c.p));
    if (!cursor_done(&c) && *c.p != ',') {
        value_cut(&list, &out->text);
        out->odd = true;
    }
    return ERR_OK;
}
