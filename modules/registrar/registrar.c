/* The registrar module: its functions and parameters as scripts see them. */
/* SPDX-License-Identifier: MIT */
#include "modules/registrar/registrar_priv.h"

/* ---- functions ------------------------------------------------------------------------------- */

static int fn_save(struct call *c, const struct arg *args, unsigned n)
{
    return registrar_save(c, args[0].v.s, n > 1 ? (unsigned)args[1].v.i : 0);
}

static int fn_save_memory(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return registrar_save(c, args[0].v.s, SAVE_MEMORY_ONLY);
}

static int fn_save_noreply(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return registrar_save(c, args[0].v.s, SAVE_NO_REPLY);
}

static int fn_lookup(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return registrar_lookup(c, args[0].v.s);
}

static int fn_registered(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return registrar_registered(c, args[0].v.s);
}

/* Behind the last header. */
static size_t headers_end(const struct msg *m)
{
    const struct str line = m->count ? m->hdr[m->count - 1].line : m->first_line;
    return (size_t)(line.p - m->raw.p) + line.len;
}

static int fn_add_sock_hdr(struct call *c, const struct arg *args, unsigned n)
{
    char text[ADDR_TEXT];
    struct str socket = addr_text(text, call_socket(c, c->msg->socket));
    struct str line =
        arena_printf(c->arena, "%.*s: %.*s\r\n", STR_ARG(args[0].v.s), STR_ARG(socket));
    (void)n;
    if (!line.p || !edits_insert(&c->edits, c->arena, headers_end(c->msg), line, EDIT_PLAIN))
        return -1;
    return 1;
}

/* usrloc must know of the table before the first message comes. */
static int prepare_table(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)out;
    return argn == 0 ? usrloc_use_table(p, text) : ERR_OK;
}

static const struct fn_spec functions[] = {
    {.name = "save",
     .call = fn_save,
     .prepare = prepare_table,
     .min = 1,
     .max = 2,
     .kind = {ARG_STR, ARG_HEX},
     .routes = ROUTE_REQUEST,
     .flags = FN_REPLIES | FN_MAY_STOP,
     .usage = "table[, flags]",
     .doc = "Enters the contacts of a REGISTER in a table and answers it. Flags: 1 memory only, 2 "
            "no answer. 1: done; -1: the answer could not be sent; on a refusal the script ends."},
    {.name = "save_memory",
     .call = fn_save_memory,
     .prepare = prepare_table,
     .min = 1,
     .max = 1,
     .kind = {ARG_STR},
     .routes = ROUTE_REQUEST,
     .flags = FN_REPLIES | FN_MAY_STOP | FN_OLD,
     .usage = "table",
     .doc = "save(table, 1), as it was called in 1.0."},
    {.name = "save_noreply",
     .call = fn_save_noreply,
     .prepare = prepare_table,
     .min = 1,
     .max = 1,
     .kind = {ARG_STR},
     .routes = ROUTE_REQUEST,
     .flags = FN_MAY_STOP | FN_OLD,
     .usage = "table",
     .doc = "save(table, 2), as it was called in 1.0."},
    {.name = "lookup",
     .call = fn_lookup,
     .prepare = prepare_table,
     .min = 1,
     .max = 1,
     .kind = {ARG_STR},
     .routes = ROUTE_REQUEST | ROUTE_FAILURE,
     .flags = FN_TARGET, /* only further contacts become branches */
     .usage = "table",
     .doc = "Replaces the Request-URI by the contacts of its user, the best one first and the "
            "others as branches. 1: found; -1: not registered; -2: no contact takes this method; "
            "-3: the Request-URI is no address of record."},
    {.name = "registered",
     .call = fn_registered,
     .prepare = prepare_table,
     .min = 1,
     .max = 1,
     .kind = {ARG_STR},
     .routes = ROUTE_REQUEST | ROUTE_FAILURE,
     .usage = "table",
     .doc = "True when the user of the Request-URI has a contact; changes nothing."},
    {.name = "add_sock_hdr",
     .call = fn_add_sock_hdr,
     .min = 1,
     .max = 1,
     .kind = {ARG_STR},
     .routes = ROUTE_REQUEST,
     .usage = "name",
     .doc = "Adds a header with our socket that received the request, for a second registrar that "
            "gets a copy (see sock_hdr_name)."},
    {0},
};

/* ---- parameters ------------------------------------------------------------------------------ */

/* The number of an AVP may stand bare. */
static int set_avp(struct prepare *p, const char *param, const struct value *v,
                   const struct pv_ref **out)
{
    char number[VALUE_TEXT];
    struct str text = value_text(v, number);
    if (!(v->flags & VAL_STR)) {
        text = arena_printf(p->arena, "i:%.*s", STR_ARG(text));
        if (!text.p)
            return ERR_NOMEM;
    }
    return prepare_avp_param(p, param, text, out);
}

static int set_received_avp(struct prepare *p, void *conf, const struct value *v)
{
    struct registrar_conf *k = conf;
    return set_avp(p, "received_avp", v, &k->received_avp);
}

static int set_aor_avp(struct prepare *p, void *conf, const struct value *v)
{
    struct registrar_conf *k = conf;
    return set_avp(p, "aor_avp", v, &k->aor_avp);
}

static const char lost[] = "what is registered could not be found any more";

#define PARAM_CONF struct registrar_conf

static const struct param_spec params[] = {
    PARAM_NUMBER("default_expires", default_expires, 0, INT32_MAX, 3600,
                 "how long a contact stays when the phone does not say", .unit = "s"),
    PARAM_NUMBER("min_expires", min_expires, 0, INT32_MAX, 60, "shorter times are raised to this",
                 .unit = "s"),
    PARAM_NUMBER("max_expires", max_expires, 0, INT32_MAX, 0, "longer times are cut; 0: never",
                 .unit = "s"),
    PARAM_NUMBER("default_q", default_q, -1, 1000, -1,
                 "q of contacts that have none, in thousandths; -1: none"),
    PARAM_SWITCH("append_branches", append_branches, 1,
                 "lookup() takes 1: all contacts, 0: only the best"),
    PARAM_SWITCH("case_sensitive", case_sensitive, 0, "1: Bob and bob are two users; 0: the same",
                 .fixed = lost),
    PARAM_STRING("realm_prefix", realm_prefix, NULL,
                 "start of host names that does not count, as in \"sip.\"; only with use_domain",
                 .fixed = lost),
    PARAM_STRING("received_param", received_param, "received",
                 "name of the Contact parameter in answers that shows where the phone really is"),
    PARAM_SET("received_avp", PARAM_STR, set_received_avp,
              "AVP with the URI where the phone really is, set by nathelper or the script"),
    PARAM_SET("aor_avp", PARAM_STR, set_aor_avp,
              "AVP with the address of record, instead of To in save() and the R-URI in lookup()"),
    PARAM_NUMBER("max_contacts", max_contacts, 0, INT32_MAX, 0,
                 "contacts an address of record may have; 0: up to 128"),
    PARAM_NUMBER("retry_after", retry_after, 0, INT32_MAX, 0, "Retry-After of 5xx answers; 0: none",
                 .unit = "s"),
    PARAM_FLAG("sock_flag", sock_flag,
               "with this message flag set, the socket is taken from the header sock_hdr_name",
               .unit = "flag"),
    PARAM_STRING("sock_hdr_name", sock_hdr_name, NULL,
                 "header that add_sock_hdr() of another server made"),
    PARAM_FLAG("tcp_persistent_flag", tcp_persistent_flag,
               "keeps the connection of a REGISTER open; without effect until there is TCP",
               .unit = "flag"),
    PARAM_SWITCH("method_filtering", method_filtering, 0,
                 "1: lookup() passes over contacts that do not take the request's method"),
    PARAM_SWITCH("use_path", use_path, 0, "1: Path headers are stored and followed (RFC 3327)"),
    PARAM_NUMBER("path_mode", path_mode, PATH_NEVER, PATH_STRICT, PATH_STRICT,
                 "Path in the answer: 0 never; 1 for phones that know it; 2 the others get 420"),
    PARAM_SWITCH(
        "path_use_received", path_use_received, 0,
        "1: the received parameter of the first Path value tells where the phone really is"),
    PARAM_SWITCH("use_domain", use_domain, 0, "as the parameter of usrloc, its place in 1.0",
                 .fixed = lost),
    PARAM_SWITCH("desc_time_order", desc_time_order, 0,
                 "as the parameter of usrloc, its place in 1.0"),
    PARAM_FLAG("nat_flag", nat_flag,
               "message flag kept with a contact by save() and set by lookup(), as in 1.0",
               .unit = "flag"),
    PARAM_FLAG("sip_natping_flag", ignored, "of 1.1; without effect", .unit = "flag"),
    PARAM_SWITCH("use_branch_flags", ignored, 1, "of 1.1; branch flags are always kept"),
    {.name = NULL},
};

/* ---- for the other files --------------------------------------------------------------------- */

const struct usrloc_api *registrar_tables(const struct call *c)
{
    const struct usrloc_api *api = call_api(c, "usrloc");
    if (!api)
        log_err("registrar: loadmodule \"usrloc.so\" is missing in the script");
    return api;
}

bool registrar_avp(struct call *c, const struct pv_ref *avp, struct str *out)
{
    struct value v;
    if (!avp || pv_read(avp, c, call_host(), &v) != ERR_OK || !(v.flags & VAL_STR) || !v.s.len)
        return false;
    *out = v.s;
    return true;
}

static const struct stat_spec stats[] = {
    [STAT_ACCEPTED] = {"accepted_regs", false, "REGISTERs carried out"},
    [STAT_REJECTED] = {"rejected_regs", false, "REGISTERs refused"},
    [STAT_FULL] = {"limited_regs", false, "of these: for want of room, by the limits of usrloc"},
    {0},
};

const struct module registrar_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "registrar",
                .doc = "answers REGISTER and finds where users are",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct registrar_conf)},
    .stats = stats,
};
