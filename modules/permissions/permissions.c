/* permissions: who may call whom, by rules in files, and who is trusted, by tables. */
/* SPDX-License-Identifier: MIT */
#include "modules/permissions/priv.h"

/* ---- questions ---- */

static bool may_reach(struct call *c, const struct rules *r, struct str from, struct str text)
{
    struct str uri = permissions_uri(c->arena, text);
    return uri.p && permissions_allow(r, from, uri);
}

static int routing(struct call *c, const struct rules *r)
{
    const struct perm_conf *conf = call_conf(c, &permissions_module);
    const struct nameaddr *from = call_from(c);
    struct str uri = from ? permissions_uri(c->arena, from->uri) : STR_NONE;
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
    const struct perm_conf *conf = call_conf(c, &permissions_module);
    return routing(c, n ? args[n - 1].obj : &conf->rules);
}

static int allow_register(struct call *c, const struct arg *args, unsigned n)
{
    const struct rules *r = args[n - 1].obj;
    const struct nameaddr *to = call_to(c);
    struct str who = to ? permissions_uri(c->arena, to->uri) : STR_NONE;
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
    struct str uri = from ? permissions_uri(c->arena, from->uri) : STR_NONE;
    struct value v;
    (void)n;
    if (!uri.p || pv_read(args[1].obj, c, call_host(), &v) != ERR_OK || value_is_null(&v))
        return -1;
    return may_reach(c, args[0].obj, uri, v.s) ? 1 : -1;
}

/* ---- prepare hooks ---- */

/* A base name stands for two files, read once for the script. */
static int prepare_base(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct perm_conf *conf = prepare_conf(p, &permissions_module.symbols);
    if (argn > 0 || !conf)
        return ERR_OK;
    for (const struct base *b = conf->bases; b; b = b->next)
        if (str_eq(b->name, text)) {
            out->obj = b->rules;
            return ERR_OK;
        }
    struct str allow =
        arena_printf(p->arena, "%.*s%.*s", STR_ARG(text), STR_ARG(conf->allow_suffix));
    struct str deny = arena_printf(p->arena, "%.*s%.*s", STR_ARG(text), STR_ARG(conf->deny_suffix));
    struct rules *r = arena_zalloc(p->arena, sizeof *r);
    struct base *b = arena_alloc(p->arena, sizeof *b);
    if (!allow.p || !deny.p || !r || !b)
        return ERR_NOMEM;
    *b = (struct base){conf->bases, arena_dup(p->arena, text), r};
    conf->bases = b;
    out->obj = r;
    return b->name.p ? permissions_read(p, allow, deny, r) : ERR_NOMEM;
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
    {"allow_trusted", perm_allow_trusted, 0, 0, {ARG_NONE}, RF, 0, perm_prepare_trusted, "",
     "True when a row of the trusted table fits source address, protocol and From; its tag goes into peer_tag_avp."},
    {"allow_trusted", perm_allow_trusted, 2, 2, {ARG_PV, ARG_PV}, RF, 0, perm_prepare_trusted, "$ip, $protocol",
     "The same for this address and protocol."},
    {"allow_address", perm_allow_address, 3, 3, {ARG_IGP, ARG_PV, ARG_PV}, RFL, 0, perm_prepare_address,
     "group, $ip, $port", "True when the address table has them in the group."},
    {"allow_address", perm_allow_address_of_group, 2, 2, {ARG_PV, ARG_PV}, RF, FN_OLD, perm_prepare_address,
     "$ip, $port", "allow_address(group, $ip, $port) with the group of set_address_group()."},
    {"set_address_group", perm_set_address_group, 1, 1, {ARG_IGP}, RF, FN_OLD, NULL, "group",
     "Name the group in allow_address(group, $ip, $port)."},
    {"allow_source_address", perm_allow_source_address, 1, 1, {ARG_IGP}, RF, 0, perm_prepare_address, "group",
     "True when the address table has the source address and port in the group."},
    {"allow_source_address_group", perm_allow_source_address_group, 0, 0, {ARG_NONE}, RF, FN_MAY_STOP,
     perm_prepare_address, "", "The group that the address table has the source address and port in, or -1. A group "
     "0 ends the script."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct perm_conf

static const struct param_spec params[] = {
    PARAM_STRING("default_allow_file", allow_file, "permissions.allow", "Rules that allow."),
    PARAM_STRING("default_deny_file", deny_file, "permissions.deny", "Rules that deny."),
    PARAM_STRING("allow_suffix", allow_suffix, ".allow",
                 "What a base name has behind it for rules that allow."),
    PARAM_STRING("deny_suffix", deny_suffix, ".deny", "The same for rules that deny."),
    PARAM_SWITCH("check_all_branches", check_all_branches, 1,
                 "1: allow_routing() looks at every branch too."),
    PARAM_STRING("db_url", db_url, NULL,
                 "The database of the tables; needed by the functions that ask them."),
    PARAM_SWITCH("db_mode", db_mode, 0,
                 "1: the trusted table is in memory; 0: it is asked each time. The addresses "
                 "always are in memory."),
    PARAM_STRING("trusted_table", trusted_table, "trusted", "Table of trusted peers."),
    PARAM_STRING("source_col", source_col, "src_ip", "Its column with the address."),
    PARAM_STRING("proto_col", proto_col, "proto",
                 "Its column with the protocol: any, udp, tcp, tls, sctp or none."),
    PARAM_STRING("from_col", from_col, "from_pattern",
                 "Its column with a basic expression for the From URI."),
    PARAM_STRING("tag_col", tag_col, "tag", "Its column with the tag."),
    PARAM_STRING("peer_tag_avp", peer_tag_text, NULL,
                 "AVP that gets the tag of the peer that fits."),
    PARAM_STRING("address_table", address_table, "address", "Table of addresses."),
    PARAM_STRING("grp_col", grp_col, "grp", "Its column with the group."),
    PARAM_STRING("ip_addr_col", ip_addr_col, "ip_addr", "Its column with the address."),
    PARAM_STRING("mask_col", mask_col, "mask", "Its column with how many bits of it count."),
    PARAM_STRING("port_col", port_col, "port", "Its column with the port, 0 for any."),
    {.name = NULL},
};

static int conf_check(struct prepare *p, void *data)
{
    struct perm_conf *conf = data;
    int rc = permissions_read(p, conf->allow_file, conf->deny_file, &conf->rules);
    if (rc != ERR_OK)
        return rc;
    return prepare_avp_param(p, "peer_tag_avp", conf->peer_tag_text, &conf->peer_tag_avp);
}

/* ---- the module ---- */

static bool asks_trusted(const void *conf)
{
    return ((const struct perm_conf *)conf)->asks_trusted;
}

static bool asks_address(const void *conf)
{
    return ((const struct perm_conf *)conf)->asks_address;
}

static const struct db_table_use tables[] = {
    {.name = offsetof(struct perm_conf, trusted_table),
     .lowest = 3,
     .highest = 4,
     .wanted = asks_trusted},
    {.name = offsetof(struct perm_conf, address_table),
     .lowest = 3,
     .highest = 3,
     .wanted = asks_address},
};

static bool wanted(const void *data)
{
    const struct perm_conf *conf = data;
    return conf->asks_trusted || conf->asks_address;
}

static const struct db_use use = {.url = offsetof(struct perm_conf, db_url),
                                  .optional = true,
                                  .tables = tables,
                                  .n_tables = 2,
                                  .wanted = wanted};

const struct module permissions_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "permissions",
                .doc = "Who may call whom, by rules in files, and who is trusted, by tables.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct perm_conf),
                .conf_check = conf_check},
    .slot_size = sizeof(struct perm_slot),
    .db = &use,
    .table = {&perm_trusted, &perm_address},
    .commands = perm_commands,
};
