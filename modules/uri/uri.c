/* uri: questions about URIs and tags, and small changes of the Request-URI. */
/* SPDX-License-Identifier: MIT */
#include "modules/auth/auth.h"

static int has_totag(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return c->msg->to_tag.len ? 1 : -1;
}

/* Module auth knows who proved to be whom. */
static int is_user(struct call *c, const struct arg *args, unsigned n)
{
    const struct auth_api *auth = call_api(c, "auth");
    const struct auth_user *user = auth ? auth->user(c) : NULL;
    (void)n;
    return user && str_eq(user->user, args[0].v.s) ? 1 : -1;
}

static int uri_param(struct call *c, const struct arg *args, unsigned n)
{
    const struct uri *u = call_uri(c);
    struct str value;
    if (!u || !param_find(u->params, args[0].v.s, &value))
        return -1;
    return str_eq(value, n > 1 ? args[1].v.s : STR_NONE) ? 1 : -1;
}

static int add_uri_param(struct call *c, const struct arg *args, unsigned n)
{
    const struct uri *u = call_uri(c);
    struct str param = args[0].v.s;
    (void)n;
    if (param.len == 0)
        return 1;
    if (!u)
        return -1;
    size_t at = u->headers.len ? (size_t)(u->headers.p - 1 - u->text.p) : u->text.len;
    struct str head = str_sub(u->text, 0, at), tail = str_sub(u->text, at, u->text.len);
    struct str text =
        arena_printf(c->arena, "%.*s;%.*s%.*s", STR_ARG(head), STR_ARG(param), STR_ARG(tail));
    return text.p && call_set_uri(c, text) == ERR_OK ? 1 : -1;
}

static int tel2sip(struct call *c, const struct arg *args, unsigned n)
{
    const struct uri *u = call_uri(c);
    const struct nameaddr *from;
    struct uri home;
    (void)args, (void)n;
    if (!u)
        return -1;
    if (u->scheme != URI_TEL)
        return 1;
    from = call_from(c);
    if (!from || uri_parse(&home, from->uri) != ERR_OK || home.host.len == 0)
        return -1;
    struct str number = str_sub(u->text, u->scheme_text.len + 1, u->text.len);
    struct str text =
        arena_printf(c->arena, "sip:%.*s@%.*s;user=phone", STR_ARG(number), STR_ARG(home.host));
    return text.p && call_set_uri(c, text) == ERR_OK ? 1 : -1;
}

static int is_uri_user_e164(struct call *c, const struct arg *args, unsigned n)
{
    struct value v;
    struct uri u;
    (void)n;
    if (pv_read(args[0].obj, c, call_host(), &v) != ERR_OK || !(v.flags & VAL_STR))
        return -1;
    return uri_parse(&u, v.s) == ERR_OK && user_is_e164(u.user) ? 1 : -1;
}

static const struct fn_spec functions[] = {
    {"has_totag",
     has_totag,
     0,
     0,
     {ARG_NONE},
     ROUTE_REQUEST | ROUTE_LOCAL,
     0,
     NULL,
     "",
     "True when To has a tag: the request belongs to a dialog that exists already."},
    {"is_user",
     is_user,
     1,
     1,
     {ARG_STR},
     ROUTE_REQUEST | ROUTE_LOCAL,
     0,
     NULL,
     "user",
     "True when this is the user whose credentials module auth has accepted; letter case counts."},
    {"uri_param",
     uri_param,
     1,
     1,
     {ARG_STR},
     ROUTE_REQUEST | ROUTE_LOCAL,
     0,
     NULL,
     "name",
     "True when the R-URI has the parameter and it has no value."},
    {"uri_param",
     uri_param,
     2,
     2,
     {ARG_STR, ARG_STR},
     ROUTE_REQUEST | ROUTE_LOCAL,
     0,
     NULL,
     "name, value",
     "True when the R-URI has the parameter with exactly this value."},
    {"add_uri_param",
     add_uri_param,
     1,
     1,
     {ARG_STR},
     ROUTE_REQUEST,
     FN_TARGET,
     NULL,
     "parameter",
     "Adds the parameter, written as name or name=value, to the R-URI. False when that cannot be "
     "parsed."},
    {"tel2sip",
     tel2sip,
     0,
     0,
     {ARG_NONE},
     ROUTE_REQUEST,
     FN_TARGET,
     NULL,
     "",
     "Turns a tel R-URI into sip:number@host;user=phone with the host of From. True also when "
     "there was nothing to turn."},
    {"is_uri_user_e164",
     is_uri_user_e164,
     1,
     1,
     {ARG_PV},
     ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_LOCAL,
     0,
     NULL,
     "$variable",
     "True when the user of the URI in the variable is a + and 2 to 15 digits."},
    {.name = NULL},
};

const struct module uri_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "uri", .doc = "Questions about URIs and tags.", .functions = functions},
};
