/* options: answers OPTIONS that are for this server itself (RFC 3261 11.2). */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module options_module;

struct conf {
    struct str accept, accept_encoding, accept_language, support;
};

static int options_reply(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &options_module);
    const struct uri *u = call_uri(c);
    (void)args, (void)n;
    if (c->msg->method != METHOD_OPTIONS || !u || u->user.len)
        return -1;
    buf_printf(&c->reply_headers,
               "Accept: %.*s\r\nAccept-Encoding: %.*s\r\nAccept-Language: %.*s\r\n"
               "Supported: %.*s\r\n",
               STR_ARG(conf->accept), STR_ARG(conf->accept_encoding),
               STR_ARG(conf->accept_language), STR_ARG(conf->support));
    if (c->reply_headers.failed)
        return -1;
    int sent = c->txn ? call_reply(c, 200, STR("OK")) : call_sl_reply(c, 200, STR("OK"));
    return sent > 0 ? 0 : -1;
}

static const struct fn_spec functions[] = {
    {"options_reply",
     options_reply,
     0,
     0,
     {ARG_NONE},
     ROUTE_REQUEST,
     FN_REPLIES | FN_MAY_STOP | FN_ENDS,
     NULL,
     "",
     "Answers an OPTIONS whose Request-URI has no user with 200 and what this server can do, and "
     "ends the script. False for any other request and when it could not be sent."},
    {.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("accept", accept, "*/*", "Value of Accept."),
    PARAM_STRING("accept_encoding", accept_encoding, "", "Value of Accept-Encoding."),
    PARAM_STRING("accept_language", accept_language, "en", "Value of Accept-Language."),
    PARAM_STRING("support", support, "", "Value of Supported."),
    {.name = NULL},
};

/* A value with a line end would be a header of its own. */
static int conf_check(struct prepare *p, void *data)
{
    const struct conf *conf = data;
    const struct str values[] = {conf->accept, conf->accept_encoding, conf->accept_language,
                                 conf->support};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
        if (str_find(values[i], '\r', 0) >= 0 || str_find(values[i], '\n', 0) >= 0) {
            buf_printf(p->error, "a header value of options has a line end in it");
            return ERR_INVALID;
        }
    return ERR_OK;
}

const struct module options_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "options",
                .doc = "Answers OPTIONS that are for this server.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf),
                .conf_check = conf_check},
};
