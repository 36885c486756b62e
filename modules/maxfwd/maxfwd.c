/* maxfwd: counts Max-Forwards down, so that a request in a loop ends (RFC 3261 16.3, 16.6). */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module maxfwd_module;

struct conf {
    int32_t max_limit;
};

/* What the module did to this message. */
struct slot {
    struct edit *edit; /* the new value, or the whole new header */
    uint32_t value;    /* as it will be sent */
};

enum { PRESENT, ABSENT, MALFORMED };

/* The value that counts now: ours once it was changed, else the received one. */
static int current_value(struct call *c, uint32_t *out)
{
    const struct slot *s = call_slot(c, &maxfwd_module);
    const struct hdr *h = msg_header(c->msg, HDR_MAX_FORWARDS);
    if (s && s->edit) {
        *out = s->value;
        return PRESENT;
    }
    if (!h)
        return ABSENT;
    return str_u32(out, h->value, UINT32_MAX) == ERR_OK ? PRESENT : MALFORMED;
}

/* Adds the header behind the others. */
static int add_header(struct call *c, struct slot *s, uint32_t value)
{
    const struct msg *m = c->msg;
    struct str line = arena_printf(c->arena, "Max-Forwards: %u\r\n", value);
    const struct str last = m->hdr[m->count - 1].line;
    if (!line.p)
        return -2;
    s->edit =
        edits_insert(&c->edits, c->arena, (size_t)(last.p + last.len - m->raw.p), line, EDIT_PLAIN);
    s->value = value;
    return s->edit ? 2 : -2;
}

/* Writes the value where the old one stands, as wide as it was: "10" becomes " 9". */
static int put_value(struct call *c, struct slot *s, uint32_t value)
{
    const struct hdr *h = msg_header(c->msg, HDR_MAX_FORWARDS);
    struct str text = h ? arena_u64(c->arena, value, h->value.len)
                        : arena_printf(c->arena, "Max-Forwards: %u\r\n", value);
    if (!text.p)
        return -2;
    if (s->edit)
        s->edit->insert = text;
    else
        s->edit = edits_replace(&c->edits, c->arena, (size_t)(h->value.p - c->msg->raw.p),
                                h->value.len, text);
    s->value = value;
    return s->edit ? 1 : -2;
}

static int process_header(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &maxfwd_module);
    struct slot *s = call_slot(c, &maxfwd_module);
    uint32_t value, limit = (uint32_t)conf->max_limit;
    (void)n;
    if (!s)
        return -2;
    switch (current_value(c, &value)) {
    case ABSENT:
        return add_header(c, s, (uint32_t)args[0].v.i < limit ? (uint32_t)args[0].v.i : limit);
    case MALFORMED:
        return -2;
    }
    if (value == 0)
        return -1;
    return put_value(c, s, value > limit ? limit : value - 1);
}

static int is_less(struct call *c, const struct arg *args, unsigned n)
{
    uint32_t value;
    (void)n;
    switch (current_value(c, &value)) {
    case ABSENT:
        return -2;
    case MALFORMED:
        return -3;
    }
    return value < (uint32_t)args[0].v.i ? 1 : -1;
}

/* A hop count between 1 and the largest max_limit. */
static int check_count(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)argn;
    if (out->v.i >= 1 && out->v.i <= 256)
        return ERR_OK;
    buf_printf(p->error, "\"%.*s\" is no number of hops from 1 to 256", STR_ARG(text));
    return ERR_INVALID;
}

static const struct fn_spec functions[] = {
    {"mf_process_maxfwd_header",
     process_header,
     1,
     1,
     {ARG_UINT},
     ROUTE_REQUEST,
     0,
     check_count,
     "hops",
     "Counts Max-Forwards down by one, or adds it with the given number. 1 counted down, 2 added, "
     "-1 it was 0 already (answer 483), -2 it is no number."},
    {"is_maxfwd_lt",
     is_less,
     1,
     1,
     {ARG_UINT},
     ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH,
     0,
     check_count,
     "hops",
     "1 when Max-Forwards is less than the number, -1 when it is not, -2 without the header, -3 "
     "when it is no number."},
    {.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_NUMBER("max_limit", max_limit, 1, 256, 256, "No request leaves with more hops than this.",
                 .unit = "hops"),
    {.name = NULL},
};

const struct module maxfwd_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "maxfwd",
                .doc = "Max-Forwards: ends requests that go in circles.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .slot_size = sizeof(struct slot),
};
