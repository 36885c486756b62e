/* $hdr(name): any header by its name. */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

/* A header name, looked up: id HDR_OTHER leaves the name to be compared. */
struct wanted {
    enum hdr_id id;
    struct str name;
};

int core_prepare_hdr(struct prepare *p, struct str inner, const void **data)
{
    struct wanted *w = arena_alloc(p->arena, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    *w = (struct wanted){hdr_lookup(inner), arena_dup(p->arena, inner)};
    *data = w;
    return w->name.p || inner.len == 0 ? ERR_OK : ERR_NOMEM;
}

static const struct hdr *next_header(const struct msg *m, const struct wanted *w,
                                     const struct hdr *after)
{
    if (w->id == HDR_OTHER)
        return msg_header_named(m, w->name, after);
    return after ? msg_header_next(m, after) : msg_header(m, w->id);
}

/* What stands behind the colon, blanks at the end included: scripts see them in the reference. */
static struct str header_text(const struct hdr *h)
{
    const char *end = h->line.p + h->line.len;
    while (end > h->value.p && (end[-1] == '\n' || end[-1] == '\r'))
        end--;
    return h->value.len ? str_make(h->value.p, (size_t)(end - h->value.p)) : h->value;
}

static int join_headers(struct call *c, const struct wanted *w, struct value *out)
{
    struct buf text;
    const struct hdr *h = next_header(c->msg, w, NULL);
    if (!h)
        return ERR_OK;
    buf_init(&text, c->arena, 256);
    for (bool first = true; h; h = next_header(c->msg, w, h), first = false) {
        if (!first)
            buf_add(&text, STR(", "));
        buf_add(&text, header_text(h));
    }
    *out = value_str(buf_str(&text));
    return text.failed ? ERR_NOMEM : ERR_OK;
}

/* Number index from the front, or from the end (-1) when it is negative. */
static const struct hdr *header_at(const struct msg *m, const struct wanted *w, int32_t index)
{
    const struct hdr *h = NULL;
    if (index < 0) {
        int32_t count = 0;
        while ((h = next_header(m, w, h)))
            count++;
        index += count;
        if (index < 0)
            return NULL;
    }
    for (h = next_header(m, w, NULL); h && index > 0; index--)
        h = next_header(m, w, h);
    return h;
}

int core_get_hdr(struct call *c, const struct pv_use *u, struct value *out)
{
    char mem[VALUE_TEXT];
    struct wanted by_name;
    const struct wanted *w = u->data;
    *out = VALUE_NULL;
    if (!w) { /* the name is a variable's value */
        struct str name = value_text(&u->inner, mem);
        if (name.len == 0)
            return ERR_INVALID;
        by_name = (struct wanted){hdr_lookup(name), name};
        w = &by_name;
    }
    if (u->all)
        return join_headers(c, w, out);
    const struct hdr *h = header_at(c->msg, w, u->has_index ? u->index : 0);
    if (h)
        *out = value_str(header_text(h));
    return ERR_OK;
}
