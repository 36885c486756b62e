/* Access to a scanned message: headers by name, comma lists, values explained when asked for. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sip/header.h"
#include "core/sip/values.h"

const struct hdr *msg_header_named(const struct msg *m, struct str name, const struct hdr *after)
{
    enum hdr_id id = hdr_lookup(name);
    const struct hdr *h = after ? msg_header_next(m, after) : msg_header(m, id);
    while (h && id == HDR_OTHER && !str_ieq(h->name, name))
        h = msg_header_next(m, h);
    return h;
}

bool msg_value_next(const struct msg *m, enum hdr_id id, struct value_iter *it)
{
    if (!it->started) {
        it->started = true;
        it->hdr = msg_header(m, id);
        it->rest = it->hdr ? it->hdr->value : STR_NONE;
    }
    while (it->hdr) {
        while (value_cut(&it->rest, &it->text))
            if (it->text.len)
                return true;
        it->hdr = msg_header_next(m, it->hdr);
        it->rest = it->hdr ? it->hdr->value : STR_NONE;
    }
    it->text = STR_NONE;
    return false;
}

struct msg_values *msg_values_of(struct msg *m)
{
    if (!m->values)
        m->values = arena_zalloc(m->arena, sizeof *m->values);
    return m->values;
}

static const struct nameaddr *explained(struct msg *m, enum hdr_id id, struct nameaddr *out,
                                        enum value_state *state)
{
    if (*state == VALUE_UNKNOWN) {
        const struct hdr *h = msg_header(m, id);
        *state = h && nameaddr_parse(out, h->value) == ERR_OK ? VALUE_GOOD : VALUE_BAD;
    }
    return *state == VALUE_GOOD ? out : NULL;
}

const struct nameaddr *msg_from(struct msg *m)
{
    struct msg_values *v = msg_values_of(m);
    return v ? explained(m, HDR_FROM, &v->from, &v->from_state) : NULL;
}

const struct nameaddr *msg_to(struct msg *m)
{
    struct msg_values *v = msg_values_of(m);
    return v ? explained(m, HDR_TO, &v->to, &v->to_state) : NULL;
}

const struct uri *msg_uri(struct msg *m)
{
    struct msg_values *v = msg_values_of(m);
    if (!v || !m->request)
        return NULL;
    if (v->uri_state == VALUE_UNKNOWN)
        v->uri_state = uri_parse(&v->uri, m->uri) == ERR_OK ? VALUE_GOOD : VALUE_BAD;
    return v->uri_state == VALUE_GOOD ? &v->uri : NULL;
}

int msg_content_length(const struct msg *m, uint32_t *out)
{
    const struct hdr *h = msg_header(m, HDR_CONTENT_LENGTH);
    if (!h)
        return ERR_NOTFOUND;
    return str_u32(out, h->value, UINT32_MAX) ? ERR_SYNTAX : ERR_OK;
}
