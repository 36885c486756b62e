/* permissions: who may call whom, by rules in files. */
/* SPDX-License-Identifier: MIT */
#include "modules/permissions/priv.h"

extern const struct module permissions_module;

struct conf {
    struct str allow_file, deny_file, allow_suffix, deny_suffix, unused;
    int32_t check_all_branches;
    struct rules rules; /* of the default files */
};

/* ---- questions ---- */

/* A URI as rules see it: sip:user@host, or sip:host. */
static struct str plain_uri(struct call *c, struct str text)
{
    struct uri u;
    if (uri_parse(&u, text) != ERR_OK)
        return STR_NONE;
    if (u.host.len == 0)
        return text; /* tel and the like */
    if (u.user.len == 0)
        return arena_printf(c->arena, "%.*s:%.*s", STR_ARG(u.scheme_text), STR_ARG(u.host));
    return arena_printf(c->arena, "%.*s:%.*s@%.*s", STR_ARG(u.scheme_text), STR_ARG(u.user),
                        STR_ARG(u.host));
}

static bool may_reach(struct call *c, const struct rules *r, struct str from, struct str text)
{
    struct str uri = plain_uri(c, text);
    return uri.p && permissions_allow(r, from, uri);
}

static int routing(struct call *c, const struct rules *r)
{
    const struct conf *conf = call_conf(c, &permissions_module);
    const struct nameaddr *from = call_from(c);
    struct str uri = from ? plain_uri(c, from->uri) : STR_NONE;
    if (!r->allow && !r->deny)
        return 1;
    if (!uri.p || !may_reach(c, r, uri, c->target.uri))
        return -1;
    for (unsigned i = 0; conf->check_all_branches && i < c->extras; i++)
        if (!may_reach(c, r, uri, c->extra[i].uri))
            return -1;
    return 1;
}

static int allow_routing(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &permissions_module);
    return routing(c, n ? args[n - 1].obj : &conf->rules);
}

static int allow_register(struct call *c, const struct arg *args, unsigned n)
{
    const struct rules *r = args[n - 1].obj;
    const struct nameaddr *to = call_to(c);
    struct str who = to ? plain_uri(c, to->uri) : STR_NONE;
    struct value_iter it = {0};
    struct nameaddr contact;
    if (!who.p)
        return -1;
    while (msg_value_next(c->msg, HDR_CONTACT, &it)) {
        if (str_eq(it.text, STR("*")))
            return 1;
        if (nameaddr_parse(&contact, it.text) != ERR_OK || !may_reach(c, r, who, contact.uri))
            return -1;
    }
    return 1;
}

static int allow_uri(struct call *c, const struct arg *args, unsigned n)
{
    const struct nameaddr *from = call_from(c);
    struct str uri = from ? plain_uri(c, from->uri) : STR_NONE;
    struct value v;
    (void)n;
    if (!uri.p || pv_read(args[1].obj, c, call_host(), &v) != ERR_OK || value_is_null(&v))
        return -1;
    return may_reach(c, args[0].obj, uri, v.s) ? 1 : -1;
}

static int not_built(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)args, (void)n;
    return -1;
}

/* ---- prepare hooks ---- */

static int read_rules(struct prepare *p, struct str allow, struct str deny, struct arg *out)
{
    struct rules *r = arena_zalloc(p->arena, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    out->obj = r;
    return permissions_read(p, allow, deny, r);
}

/* A base name stands for two files. */
static int prepare_base(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    const struct conf *conf = prepare_conf(p, &permissions_module.symbols);
    if (argn > 0 || !conf)
        return ERR_OK;
    struct str allow =
        arena_printf(p->arena, "%.*s%.*s", STR_ARG(text), STR_ARG(conf->allow_suffix));
    struct str deny = arena_printf(p->arena, "%.*s%.*s", STR_ARG(text), STR_ARG(conf->deny_suffix));
    return allow.p && deny.p ? read_rules(p, allow, deny, out) : ERR_NOMEM;
}

/* Two names: each argument is read by itself; join() puts them together. */
static int prepare_file(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)argn;
    struct rules *r = arena_zalloc(p->arena, sizeof *r);
    struct str none = STR("/dev/null");
    if (!r)
        return ERR_NOMEM;
    out->obj = r;
    return argn == 0 ? permissions_read(p, text, none, r) : permissions_read(p, none, text, r);
}

/* allow_routing(allow, deny): one half from each argument. */
static void join(const struct arg *args, struct rules *out)
{
    const struct rules *allow = args[0].obj, *deny = args[1].obj;
    *out = (struct rules){allow->allow, deny->deny};
}

static int allow_routing_files(struct call *c, const struct arg *args, unsigned n)
{
    struct rules r;
    (void)n;
    join(args, &r);
    return routing(c, &r);
}

static int allow_register_files(struct call *c, const struct arg *args, unsigned n)
{
    struct rules r;
    (void)n;
    join(args, &r);
    const struct arg joined = {.obj = &r};
    return allow_register(c, &joined, 1);
}

/* ---- rows ---- */

enum { RF = ROUTE_REQUEST | ROUTE_FAILURE, RFL = RF | ROUTE_LOCAL };

#define TABLE(name, least, most, usage)                                                            \
    {                                                                                              \
        name,                                                                                      \
        not_built,                                                                                 \
        least,                                                                                     \
        most,                                                                                      \
        {ARG_STR, ARG_STR, ARG_STR},                                                               \
        RFL,                                                                                       \
        FN_MISSING,                                                                                \
        NULL,                                                                                      \
        usage,                                                                                     \
        "permissions has no tables yet: there is no database module"},

/* clang-format off */
static const struct fn_spec functions[] = {
    {"allow_routing", allow_routing, 0, 0, {ARG_NONE}, RFL, 0, NULL, "",
     "True when the default files allow From to reach the R-URI and every branch."},
    {"allow_routing", allow_routing, 1, 1, {ARG_CUSTOM}, RFL, 0, prepare_base, "base name",
     "The same with the files of that name and the suffixes."},
    {"allow_routing", allow_routing_files, 2, 2, {ARG_CUSTOM, ARG_CUSTOM}, RFL, 0, prepare_file,
     "allow file, deny file", "The same with these two files."},
    {"allow_register", allow_register, 1, 1, {ARG_CUSTOM}, RF, 0, prepare_base, "base name",
     "True when the files allow To to register every Contact; also without Contact and for *."},
    {"allow_register", allow_register_files, 2, 2, {ARG_CUSTOM, ARG_CUSTOM}, RF, 0, prepare_file,
     "allow file, deny file", "The same with these two files."},
    {"allow_uri", allow_uri, 2, 2, {ARG_CUSTOM, ARG_PV}, RFL, 0, prepare_base, "base name, $variable",
     "True when the files allow From to reach the URI in the variable."},
    TABLE("allow_trusted", 0, 2, "[$ip, $protocol]")
    TABLE("allow_address", 2, 3, "group, $ip, $port")
    TABLE("allow_source_address", 1, 1, "group")
    TABLE("allow_source_address_group", 0, 0, "")
    TABLE("set_address_group", 1, 1, "group")
    {.name = NULL},
};

static int keep(struct prepare *p, void *conf, const struct value *v)
{
    (void)p, (void)conf, (void)v;
    return ERR_OK;
}

#define TEXT(name_, field_, text_, doc_)                                                           \
    {.name = name_, .type = PARAM_STR, .offset = offsetof(struct conf, field_), .text = text_,     \
     .doc = doc_},
#define OLD(name_, type_) {.name = #name_, .type = type_, .set = keep, .doc = "Not used yet."},

static const struct param_spec params[] = {
    TEXT("default_allow_file", allow_file, "permissions.allow", "Rules that allow.")
    TEXT("default_deny_file", deny_file, "permissions.deny", "Rules that deny.")
    TEXT("allow_suffix", allow_suffix, ".allow", "What a base name has behind it for rules that allow.")
    TEXT("deny_suffix", deny_suffix, ".deny", "The same for rules that deny.")
    {.name = "check_all_branches", .type = PARAM_INT, .offset = offsetof(struct conf, check_all_branches),
     .min = 0, .max = 1, .number = 1, .doc = "1: allow_routing() looks at every branch too."},
    OLD(db_url, PARAM_STR) OLD(db_mode, PARAM_INT) OLD(trusted_table, PARAM_STR)
    OLD(source_col, PARAM_STR) OLD(proto_col, PARAM_STR) OLD(from_col, PARAM_STR)
    OLD(tag_col, PARAM_STR) OLD(peer_tag_avp, PARAM_STR) OLD(address_table, PARAM_STR)
    OLD(grp_col, PARAM_STR) OLD(ip_addr_col, PARAM_STR) OLD(mask_col, PARAM_STR)
    OLD(port_col, PARAM_STR)
    {.name = NULL},
};
/* clang-format on */

static int conf_check(struct prepare *p, void *data)
{
    struct conf *conf = data;
    return permissions_read(p, conf->allow_file, conf->deny_file, &conf->rules);
}

const struct module permissions_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "permissions",
                .doc = "Who may call whom, by rules in files.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf),
                .conf_check = conf_check},
};
