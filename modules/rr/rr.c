/* rr: staying in the path of a dialog (Record-Route) and following the path (Route). */
/* SPDX-License-Identifier: MIT */
#include "modules/rr/priv.h"
#include "modules/rr/rr.h"

static int check_route_param(struct call *c, const struct arg *args, unsigned n)
{
    const struct rr_slot *s = call_slot(c, &rr_module);
    struct regex_match m;
    (void)n;
    if (!s || !s->has_params)
        return -1;
    return regex_find(args[0].obj, s->params, 0, &m) > 0 ? 1 : -1;
}

static bool other_tag(const struct call *c, struct str params)
{
    struct str ftag;
    return param_find(params, STR("ftag"), &ftag) && !str_eq(ftag, c->msg->from_tag);
}

/* Whether the request goes from callee to caller: the consumed Route carries another tag than
 * From's. */
static bool is_upstream(struct call *c)
{
    const struct rr_slot *s = call_slot(c, &rr_module);
    return s && s->has_params && s->params.len &&
           other_tag(c, str_sub(s->params, 1, s->params.len));
}

static bool names_other_tag(const struct call *c, struct str text)
{
    struct uri u;
    return uri_parse(&u, text) == ERR_OK && call_uri_is_self(c, &u) && other_tag(c, u.params);
}

/* The same of a request that no script has gone through, or looked at again later. A strict router
 * puts our URI into the request line. */
static bool came_upstream(struct call *c)
{
    const struct rr_slot *s = call_slot(c, &rr_module);
    struct value_iter it = {0};
    struct nameaddr n;
    if (s && s->has_params)
        return is_upstream(c);
    return c->msg->to_tag.len &&
           (names_other_tag(c, c->msg->uri) ||
            (msg_value_next(c->msg, HDR_ROUTE, &it) && nameaddr_parse(&n, it.text) == ERR_OK &&
             names_other_tag(c, n.uri)));
}

int rr_tells_direction(struct prepare *p)
{
    const struct rr_conf *conf = prepare_conf(p, &rr_module.symbols);
    if (conf && conf->append_fromtag)
        return ERR_OK;
    buf_printf(p->error, "the direction of a request is told by ftag in Route: that needs module "
                         "rr, with append_fromtag 1");
    return ERR_STATE;
}

enum { DOWNSTREAM, UPSTREAM };

static int is_direction(struct call *c, const struct arg *args, unsigned n)
{
    const struct rr_conf *conf = call_conf(c, &rr_module);
    (void)n;
    if (!conf->append_fromtag) {
        log_err("is_direction() needs modparam(\"rr\", \"append_fromtag\", 1)");
        return -1;
    }
    return is_upstream(c) == (args[0].v.i == UPSTREAM) ? 1 : -1;
}

static int prepare_direction(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)argn;
    bool up = str_ieq(text, STR("upstream"));
    if (!up && !str_ieq(text, STR("downstream"))) {
        buf_printf(p->error, "\"%.*s\" is no direction: upstream and downstream are",
                   STR_ARG(text));
        return ERR_INVALID;
    }
    out->v = value_int(up ? UPSTREAM : DOWNSTREAM);
    return ERR_OK;
}

enum { RECORD_ROUTES = ROUTE_REQUEST | ROUTE_BRANCH | ROUTE_FAILURE };

static const struct fn_spec functions[] = {
    {"loose_route",
     rr_loose_route,
     0,
     0,
     {ARG_NONE},
     ROUTE_REQUEST,
     FN_TARGET,
     NULL,
     "",
     "Follows the Route headers of a request inside a dialog: takes ours off and sends the request "
     "to the next. True when it was routed so; false without Route, when one cannot be parsed, and "
     "when a request outside a dialog had only ours."},
    {"record_route",
     rr_record_route,
     0,
     0,
     {ARG_NONE},
     RECORD_ROUTES,
     0,
     NULL,
     "",
     "Adds a Record-Route with our address, so that later requests of the dialog come through "
     "here. False when that was done already."},
    {"record_route",
     rr_record_route,
     1,
     1,
     {ARG_FMT},
     RECORD_ROUTES,
     0,
     NULL,
     ";parameters",
     "The same, with more parameters for our URI; the text begins with a semicolon."},
    {"record_route_strict",
     rr_record_route,
     0,
     0,
     {ARG_NONE},
     RECORD_ROUTES,
     FN_OLD,
     NULL,
     "",
     "The name of 1.0: the same as record_route."},
    {"record_route_preset",
     rr_record_route_preset,
     1,
     1,
     {ARG_FMT},
     RECORD_ROUTES,
     0,
     NULL,
     "host[:port]",
     "Adds one Record-Route with this address instead of ours. False when Record-Route was added "
     "already."},
    {"add_rr_param",
     rr_add_rr_param,
     1,
     1,
     {ARG_FMT},
     RECORD_ROUTES,
     0,
     NULL,
     ";parameters",
     "Adds parameters to the Record-Route of this message, whether it was added already or will "
     "be. The text begins with a semicolon; at most 512 bytes wait."},
    {"check_route_param",
     check_route_param,
     1,
     1,
     {ARG_RE},
     ROUTE_REQUEST,
     0,
     NULL,
     "expression",
     "True when the expression matches the parameters of the Route that loose_route() took off, "
     "written ;name=value;name."},
    {"is_direction",
     is_direction,
     1,
     1,
     {ARG_CUSTOM},
     ROUTE_REQUEST,
     0,
     prepare_direction,
     "\"downstream\" or \"upstream\"",
     "Tells, after loose_route(), whether the request goes with the dialog's first request "
     "(downstream) or against it."},
    {.name = NULL},
};

#define PARAM_CONF struct rr_conf

static const struct param_spec params[] = {
    PARAM_SWITCH("append_fromtag", append_fromtag, 1,
                 "Puts the From tag into our URI as ftag, which is_direction() needs."),
    PARAM_SWITCH("enable_double_rr", enable_double_rr, 1,
                 "Adds two headers when a request leaves by another socket than it came in by."),
    PARAM_SWITCH("enable_full_lr", enable_full_lr, 0,
                 "Writes lr=on instead of lr, for software that loses a bare lr."),
    PARAM_SWITCH("add_username", add_username, 0, "Puts the user of the Request-URI into our URI."),
    PARAM_STRING("ignore_user", ignore_user, NULL,
                 "A Route with this user is not ours, whatever its host."),
    {.name = NULL},
};

static bool add_param(struct call *c, struct str text)
{
    const struct arg arg = {.v = value_str(text)};
    return rr_add_rr_param(c, &arg, 1) > 0;
}

static const struct rr_api api = {add_param, came_upstream};

const struct module rr_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "rr",
                .doc = "Record-Route and Route: staying in the path of a dialog.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct rr_conf)},
    .slot_size = sizeof(struct rr_slot),
    .api = &api,
};
