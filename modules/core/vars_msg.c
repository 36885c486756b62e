/* Variables of the message itself and of what was wrong with it. */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

int core_get_method(struct call *c, const struct pv_use *u, struct value *out)
{
    const struct msg *m = c->msg;
    (void)u;
    *out = value_both(m->request ? m->method_text : m->cseq_method, (int32_t)m->method);
    return ERR_OK;
}

int core_get_status(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = c->msg->request ? VALUE_NULL : value_int(c->msg->status);
    return ERR_OK;
}

int core_get_reason(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = c->msg->request ? VALUE_NULL : value_str(c->msg->reason);
    return ERR_OK;
}

int core_get_call_id(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = text_or_null(c->msg->call_id);
    return ERR_OK;
}

int core_get_cseq(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = text_or_null(c->msg->cseq_number);
    return ERR_OK;
}

int core_get_header_of(struct call *c, const struct pv_use *u, struct value *out)
{
    const struct hdr *h = msg_header(c->msg, (enum hdr_id)u->spec->code);
    *out = h ? value_str(h->value) : VALUE_NULL;
    return ERR_OK;
}

int core_get_content_length(struct call *c, const struct pv_use *u, struct value *out)
{
    uint32_t length;
    (void)u;
    *out = msg_content_length(c->msg, &length) == ERR_OK ? value_int((int32_t)length) : VALUE_NULL;
    return ERR_OK;
}

int core_get_body(struct call *c, const struct pv_use *u, struct value *out)
{
    bool there = c->msg->body.len || msg_header(c->msg, HDR_CONTENT_LENGTH);
    (void)u;
    *out = there ? value_str(c->msg->body) : VALUE_NULL;
    return ERR_OK;
}

int core_get_message_length(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = value_int((int32_t)c->msg->raw.len);
    return ERR_OK;
}

int core_get_message(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = value_str(c->msg->raw);
    return ERR_OK;
}

int core_get_message_number(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = value_int((int32_t)call_number(c));
    return ERR_OK;
}

int core_get_error(struct call *c, const struct pv_use *u, struct value *out)
{
    const struct call_error *e = &c->error;
    switch (u->spec->code) {
    case ERROR_CLASS:
        *out = value_int(e->class);
        break;
    case ERROR_LEVEL:
        *out = value_int(e->level);
        break;
    case ERROR_RCODE:
        *out = value_int(e->code);
        break;
    case ERROR_INFO:
        *out = value_str(e->info);
        break;
    default:
        *out = value_str(e->reason);
    }
    return ERR_OK;
}
