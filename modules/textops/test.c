/* Questions about a message: method, body, privacy. */
/* SPDX-License-Identifier: MIT */
#include "modules/textops/priv.h"

/* ---- is_method ---- */

/* The methods of a list: bits of the known ones, or the text of a single unknown one. */
struct methods {
    uint32_t bits;
    struct str other;
};

static uint32_t method_bit(struct str name)
{
    char upper[16];
    if (name.len > sizeof upper)
        return METHOD_OTHER;
    for (size_t i = 0; i < name.len; i++)
        upper[i] = ascii_alpha(name.p[i]) ? (char)(name.p[i] & ~0x20) : name.p[i];
    return method_lookup(str_make(upper, name.len));
}

int textops_prepare_method(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct methods *m = arena_zalloc(p->arena, sizeof *m);
    struct str rest = text, name;
    (void)argn;
    if (!m)
        return ERR_NOMEM;
    out->obj = m;
    while (str_cut(&name, &rest, '|')) {
        name = str_trim(name);
        uint32_t bit = name.len ? method_bit(name) : METHOD_OTHER;
        if (bit != METHOD_OTHER) {
            m->bits |= bit;
            continue;
        }
        if (name.len == 0 || str_find(text, '|', 0) >= 0) {
            buf_printf(p->error, "\"%.*s\" is no method; one we do not know must stand alone",
                       STR_ARG(name));
            return ERR_INVALID;
        }
        m->other = arena_dup(p->arena, name);
    }
    return ERR_OK;
}

int textops_is_method(struct call *c, const struct arg *args, unsigned n)
{
    const struct methods *m = args[0].obj;
    const struct msg *msg = c->msg;
    struct str text = msg->request ? msg->method_text : msg->cseq_method;
    (void)n;
    if (msg->method != METHOD_OTHER)
        return msg->method & m->bits ? 1 : -1;
    return m->other.len && str_ieq(text, m->other) ? 1 : -1;
}

/* ---- has_body ---- */

/* "type/subtype" without parameters. */
static struct str media_type(struct str text)
{
    ptrdiff_t end = str_find(text, ';', 0);
    return str_trim(end < 0 ? text : str_sub(text, 0, (size_t)end));
}

int textops_has_body(struct call *c, const struct arg *args, unsigned n)
{
    const struct hdr *h = msg_header(c->msg, HDR_CONTENT_TYPE);
    if (c->msg->body.len == 0)
        return -1;
    if (n == 0)
        return 1;
    struct str type = h ? media_type(h->value) : STR("application/sdp");
    return str_ieq(type, media_type(args[0].v.s)) ? 1 : -1;
}

/* ---- is_privacy ---- */

int textops_prepare_privacy(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    static const char *const known[] = {"id", "user", "header", "session", "none", "critical"};
    (void)argn;
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
        if (str_ieq(text, str_from(known[i]))) {
            out->v = value_str(str_from(known[i]));
            return ERR_OK;
        }
    buf_printf(p->error,
               "\"%.*s\" is no privacy value: id, user, header, session, none and critical are",
               STR_ARG(text));
    return ERR_INVALID;
}

/* Whether the value stands in a list separated by semicolons or, as some write it, commas. */
static bool lists(struct str list, struct str value)
{
    struct str rest = list, one, part;
    while (str_cut(&one, &rest, ';'))
        while (str_cut(&part, &one, ','))
            if (str_ieq(str_trim(part), value))
                return true;
    return false;
}

int textops_is_privacy(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    for (const struct hdr *h = msg_header(c->msg, HDR_PRIVACY); h; h = msg_header_next(c->msg, h))
        if (lists(h->value, args[0].v.s))
            return 1;
    return -1;
}
