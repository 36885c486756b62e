/* A catalog like that of a real program, as far as the compiler looks at it: the core and some
 * modules with the names, arguments and places of the reference. Nothing of it can be called. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_CATALOG_H
#define LANG_CATALOG_H

#include "core/base/err.h"
#include "lang/program.h"

enum {
    QF = ROUTE_REQUEST | ROUTE_FAILURE,
    QFB = QF | ROUTE_BRANCH,
    QFRB = QFB | ROUTE_ONREPLY,
    QFRBL = QFRB | ROUTE_LOCAL,
    ROUTES_ALL = ROUTE_ANY,
};

static int stub_call(struct call *c, const struct arg *args, unsigned n)
{
    (void)c;
    (void)args;
    (void)n;
    return 1;
}

static int stub_get(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)c;
    (void)u;
    *out = VALUE_NULL;
    return ERR_OK;
}

static int stub_set(struct call *c, const struct pv_use *u, enum pv_assign op,
                    const struct value *v)
{
    (void)c;
    (void)u;
    (void)op;
    (void)v;
    return 1;
}

/* Takes "f" and nothing else, as save()'s flags. */
static int stub_prepare(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)out;
    if (argn == 0 || str_eq(text, STR("f")))
        return ERR_OK;
    buf_add(p->error, STR("unknown flag"));
    return ERR_SYNTAX;
}

#define FN(name, min, max, routes, flags, ...)                                                     \
    {                                                                                              \
        name, stub_call, min, max, {__VA_ARGS__}, routes, flags, NULL, "", "."                     \
    }
#define FN_END                                                                                     \
    {                                                                                              \
        NULL, NULL, 0, 0, {0}, 0, 0, NULL, NULL, NULL                                              \
    }
#define PV(name, set, flags)                                                                       \
    {                                                                                              \
        name, stub_get, set, NULL, 0, flags, "."                                                   \
    }
#define PV_END                                                                                     \
    {                                                                                              \
        NULL, NULL, NULL, NULL, 0, 0, NULL                                                         \
    }
#define PARAM(module, name_, type_, ...)                                                           \
    {                                                                                              \
        .name = #name_, .type = type_, .offset = offsetof(struct module##_conf, name_),            \
        __VA_ARGS__, .doc = "."                                                                    \
    }

static const struct fn_spec core_functions[] = {
    FN("setflag", 1, 1, ROUTES_ALL, 0, ARG_FLAG),
    FN("resetflag", 1, 1, ROUTES_ALL, 0, ARG_FLAG),
    FN("isflagset", 1, 1, ROUTES_ALL, 0, ARG_FLAG),
    FN("setbflag", 1, 1, ROUTES_ALL, 0, ARG_FLAG),
    FN("setbflag", 2, 2, ROUTES_ALL, 0, ARG_UINT, ARG_FLAG),
    FN("log", 1, 1, ROUTES_ALL, 0, ARG_STR),
    FN("log", 2, 2, ROUTES_ALL, 0, ARG_INT, ARG_STR),
    FN("rewritehost", 1, 1, ROUTES_ALL, FN_TARGET, ARG_STR),
    FN("sethost", 1, 1, ROUTES_ALL, FN_TARGET, ARG_STR),
    FN("rewriteport", 1, 1, ROUTES_ALL, FN_TARGET, ARG_STR),
    FN("rewriteuri", 1, 1, ROUTES_ALL, FN_TARGET, ARG_STR),
    FN("sethostport", 1, 1, ROUTES_ALL, FN_TARGET, ARG_STR),
    FN("strip", 1, 1, ROUTES_ALL, FN_TARGET, ARG_UINT),
    FN("prefix", 1, 1, ROUTES_ALL, FN_TARGET, ARG_STR),
    FN("revert_uri", 0, 0, ROUTES_ALL, FN_NO_PARENS | FN_TARGET, ARG_NONE),
    FN("isdsturiset", 0, 0, ROUTES_ALL, FN_NO_PARENS, ARG_NONE),
    FN("append_branch", 0, 0, ROUTES_ALL, FN_NO_PARENS | FN_BRANCHES, ARG_NONE),
    FN("append_branch", 1, 2, ROUTES_ALL, FN_BRANCHES, ARG_STR, ARG_QVALUE),
    FN("forward", 0, 1, ROUTES_ALL, FN_RELAYS, ARG_HOSTPORT),
    FN("send", 1, 1, ROUTES_ALL, 0, ARG_HOSTPORT),
    FN("force_rport", 0, 0, ROUTES_ALL, FN_NO_PARENS, ARG_NONE),
    FN("force_send_socket", 1, 1, ROUTES_ALL, 0, ARG_HOSTPORT),
    FN("set_advertised_address", 1, 1, ROUTES_ALL, 0, ARG_HOSTPORT),
    FN("set_advertised_port", 1, 1, ROUTES_ALL, 0, ARG_UINT),
    FN("use_blacklist", 1, 1, ROUTES_ALL, 0, ARG_STR),
    FN("pv_printf", 2, 2, ROUTES_ALL, 0, ARG_PV, ARG_FMT),
    FN_END,
};

static const struct pv_spec core_variables[] = {
    PV("ru", stub_set, 0),
    PV("rU", stub_set, PV_NULLABLE),
    PV("rd", stub_set, 0),
    PV("rp", stub_set, 0),
    PV("du", stub_set, PV_NULLABLE),
    PV("rm", NULL, 0),
    PV("si", NULL, 0),
    PV("sp", NULL, 0),
    PV("fu", NULL, 0),
    PV("fU", NULL, 0),
    PV("fd", NULL, 0),
    PV("tu", NULL, 0),
    PV("tU", NULL, 0),
    PV("ci", NULL, 0),
    PV("cs", NULL, 0),
    PV("rs", NULL, 0),
    PV("rr", NULL, 0),
    PV("ua", NULL, 0),
    PV("ml", NULL, 0),
    PV("pr", NULL, 0),
    PV("br", stub_set, 0),
    PV("fs", stub_set, 0),
    PV("hdr", NULL, PV_INNER | PV_INDEX | PV_INNER_PV),
    PV("mf", stub_set, 0),
    PV("ou", NULL, 0),
    PV("Ts", NULL, 0),
    PV_END,
};

static const struct fn_spec tm_functions[] = {
    FN("t_relay", 0, 2, ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_ONREPLY, FN_RELAYS, ARG_STR, ARG_STR),
    FN("t_newtran", 0, 0, ROUTE_REQUEST, FN_MAY_STOP, ARG_NONE),
    FN("t_reply", 2, 2, QF, FN_REPLIES, ARG_CODE, ARG_FMT),
    FN("t_on_failure", 1, 1, QFRB, FN_ARMS, ARG_ROUTE_F),
    FN("t_on_reply", 1, 1, QFRB, FN_ARMS, ARG_ROUTE_O),
    FN("t_on_branch", 1, 1, QFRB, FN_ARMS, ARG_ROUTE_B),
    FN("t_check_status", 1, 1, QFRB, 0, ARG_RE),
    FN("t_check_trans", 0, 0, ROUTE_REQUEST | ROUTE_BRANCH, FN_MAY_STOP, ARG_NONE),
    FN("t_was_cancelled", 0, 0, ROUTE_FAILURE | ROUTE_ONREPLY, 0, ARG_NONE),
    FN_END,
};
struct tm_conf {
    int32_t fr_timer, fr_inv_timer, pass_provisional_replies;
    struct str fr_timer_avp;
};
static const struct param_spec tm_params[] = {
    PARAM(tm, fr_timer, PARAM_INT, .min = 1, .max = 3600, .number = 30, .unit = "s"),
    PARAM(tm, fr_inv_timer, PARAM_INT, .min = 1, .max = 3600, .number = 120, .unit = "s"),
    PARAM(tm, pass_provisional_replies, PARAM_INT, .max = 1),
    PARAM(tm, fr_timer_avp, PARAM_STR, .text = "none"),
    {.name = NULL},
};
static const struct pv_spec tm_variables[] = {PV("T_reply_code", NULL, 0), PV_END};

static const struct fn_spec sl_functions[] = {
    FN("sl_send_reply", 2, 2, ROUTE_REQUEST | ROUTE_ERROR, FN_REPLIES, ARG_CODE, ARG_FMT),
    FN("sl_reply_error", 0, 0, ROUTE_REQUEST, FN_REPLIES, ARG_NONE),
    FN_END,
};
struct sl_conf {
    int32_t enable_stats;
};
static const struct param_spec sl_params[] = {
    PARAM(sl, enable_stats, PARAM_INT, .max = 1, .number = 1),
    {.name = NULL},
};

static const struct fn_spec rr_functions[] = {
    FN("record_route", 0, 1, QFB, 0, ARG_FMT),
    FN("loose_route", 0, 0, ROUTE_REQUEST, 0, ARG_NONE),
    FN_END,
};
static const struct fn_spec maxfwd_functions[] = {
    FN("mf_process_maxfwd_header", 1, 1, ROUTE_REQUEST, 0, ARG_UINT),
    FN_END,
};
static const struct fn_spec textops_functions[] = {
    FN("is_method", 1, 1, QFRBL, 0, ARG_STR),
    FN("search", 1, 1, QFRBL, 0, ARG_RE),
    FN("subst", 1, 1, QFRBL, 0, ARG_SUBST),
    FN("append_hf", 1, 2, QFRBL, 0, ARG_FMT, ARG_STR),
    FN("remove_hf", 1, 1, QFRBL, 0, ARG_STR),
    FN("has_body", 0, 1, QFRBL, 0, ARG_STR),
    FN("append_to_reply", 1, 1, ROUTE_REQUEST | ROUTE_BRANCH | ROUTE_ERROR, 0, ARG_FMT),
    FN_END,
};
static const struct fn_spec uri_functions[] = {
    FN("has_totag", 0, 0, ROUTE_REQUEST | ROUTE_LOCAL, 0, ARG_NONE),
    FN_END,
};
static const struct fn_spec xlog_functions[] = {
    FN("xlog", 1, 2, ROUTES_ALL, 0, ARG_FMT, ARG_FMT),
    FN_END,
};
static const struct fn_spec registrar_functions[] = {
    {"save",
     stub_call,
     1,
     2,
     {ARG_STR, ARG_CUSTOM},
     ROUTE_REQUEST,
     FN_REPLIES | FN_MAY_STOP,
     stub_prepare,
     "",
     "."},
    FN("lookup", 1, 1, QF, FN_TARGET, ARG_STR),
    FN_END,
};
static const struct fn_spec avpops_functions[] = {
    FN("avp_print", 0, 0, QFRBL, 0, ARG_NONE),
    FN("avp_delete", 1, 1, QFRBL, 0, ARG_AVP),
    FN_END,
};

static const char *const catalog_tm_names[] = {"tm_of_old", NULL};

static const struct symbols catalog_symbols[] = {
    {.name = "core", .doc = ".", .functions = core_functions, .variables = core_variables},
    {.name = "tm",
     .old_names = catalog_tm_names,
     .doc = ".",
     .functions = tm_functions,
     .variables = tm_variables,
     .params = tm_params,
     .conf_size = sizeof(struct tm_conf)},
    {.name = "sl",
     .doc = ".",
     .functions = sl_functions,
     .params = sl_params,
     .conf_size = sizeof(struct sl_conf)},
    {.name = "rr", .doc = ".", .functions = rr_functions},
    {.name = "maxfwd", .doc = ".", .functions = maxfwd_functions},
    {.name = "textops", .doc = ".", .functions = textops_functions},
    {.name = "uri", .doc = ".", .functions = uri_functions},
    {.name = "xlog", .doc = ".", .functions = xlog_functions},
    {.name = "registrar", .doc = ".", .functions = registrar_functions},
    {.name = "avpops", .doc = ".", .functions = avpops_functions},
    {.name = "acc", .doc = ".", .planned = true},
    {.name = "auth", .doc = ".", .planned = true},
};

enum { MODULE_CORE, MODULE_TM, MODULE_SL, CATALOG_MODULES = 12 };

static const struct symbols *const catalog_modules[CATALOG_MODULES] = {
    &catalog_symbols[0], &catalog_symbols[1], &catalog_symbols[2],  &catalog_symbols[3],
    &catalog_symbols[4], &catalog_symbols[5], &catalog_symbols[6],  &catalog_symbols[7],
    &catalog_symbols[8], &catalog_symbols[9], &catalog_symbols[10], &catalog_symbols[11],
};
static const struct catalog test_catalog = {catalog_modules, CATALOG_MODULES};

#endif
