/* diversion: adds the Diversion header (RFC 5806). */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module diversion_module;

struct conf {
    struct str suffix;
};

/* Before the first Diversion, which is older, else behind the last header. */
static size_t place(const struct msg *m)
{
    const struct hdr *first = msg_header(m, HDR_DIVERSION);
    struct str last = m->hdr[m->count - 1].line;
    const char *at = first ? first->line.p : last.p + last.len;
    return (size_t)(at - m->raw.p);
}

static int add_diversion(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &diversion_module);
    (void)n;
    struct str line =
        arena_printf(c->arena, "Diversion: <%.*s%.*s>;reason=%.*s\r\n", STR_ARG(c->msg->uri),
                     STR_ARG(conf->suffix), STR_ARG(args[0].v.s));
    if (!line.p)
        return -1;
    return edits_insert(&c->edits, c->arena, place(c->msg), line, EDIT_PLAIN) ? 1 : -1;
}

/* A token or a quoted string (RFC 5806 4). */
static int check_reason(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    bool quoted = text.len > 1 && text.p[0] == '"' && text.p[text.len - 1] == '"';
    bool good = text.len > 0;
    (void)argn, (void)out;
    for (size_t i = 0; i < text.len; i++) {
        char l = text.p[i];
        good &= quoted ? l >= ' ' : ascii_alpha(l) || ascii_digit(l) || strchr("-.!%*_+`'~", l);
    }
    if (good)
        return ERR_OK;
    buf_printf(p->error, "\"%.*s\" is no reason: a word like user-busy is", STR_ARG(text));
    return ERR_INVALID;
}

static const struct fn_spec functions[] = {
    {"add_diversion",
     add_diversion,
     1,
     1,
     {ARG_STR},
     ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_LOCAL,
     0,
     check_reason,
     "reason",
     "Adds a Diversion header with the Request-URI as received and the reason. False without "
     "memory."},
    {.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("suffix", suffix, "", "Text behind the URI, such as ;user=phone."),
    {.name = NULL},
};

const struct module diversion_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "diversion",
                .doc = "Adds the Diversion header.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
};
