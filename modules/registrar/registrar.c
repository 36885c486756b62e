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

/* An AVP as "$avp(i:42)" or, before 1.2, "i:42", "s:name", an alias or a number. */
static int prepare_avp_param(struct prepare *p, const struct value *v, const struct pv_ref **out)
{
    char number[VALUE_TEXT];
    struct str text = value_text(v, number);
    if (text.len == 0)
        return ERR_OK; /* "": not set */
    if (text.p[0] != '$')
        text = arena_printf(p->arena, v->flags & VAL_STR ? "$avp(%.*s)" : "$avp(i:%.*s)",
                            STR_ARG(text));
    if (!text.p)
        return ERR_NOMEM;
    if (!str_starts(text, STR("$avp(")) && !str_starts(text, STR("$(avp("))) {
        buf_printf(p->error, "%.*s is not an AVP", STR_ARG(text));
        return ERR_INVALID;
    }
    return prepare_pv(p, text, out);
}

static int set_received_avp(struct prepare *p, void *conf, const struct value *v)
{
    struct registrar_conf *k = conf;
    return prepare_avp_param(p, v, &k->received_avp);
}

static int set_aor_avp(struct prepare *p, void *conf, const struct value *v)
{
    struct registrar_conf *k = conf;
    return prepare_avp_param(p, v, &k->aor_avp);
}

#define INT_FIXED(name_, field_, lo_, hi_, def_, unit_, fixed_, doc_)                              \
    {                                                                                              \
        .name = name_, .type = PARAM_INT, .offset = offsetof(struct registrar_conf, field_),       \
        .min = lo_, .max = hi_, .number = def_, .unit = unit_, .fixed = fixed_, .doc = doc_        \
    }
#define INT(name_, field_, lo_, hi_, def_, unit_, doc_)                                            \
    INT_FIXED(name_, field_, lo_, hi_, def_, unit_, NULL, doc_)
#define TEXT(name_, field_, def_, fixed_, doc_)                                                    \
    {                                                                                              \
        .name = name_, .type = PARAM_STR, .offset = offsetof(struct registrar_conf, field_),       \
        .text = def_, .fixed = fixed_, .doc = doc_                                                 \
    }
#define AVP(name_, type_, set_, doc_)                                                              \
    {                                                                                              \
        .name = name_, .type = type_, .set = set_, .doc = doc_                                     \
    }

static const char lost[] = "what is registered could not be found any more";

static const struct param_spec params[] = {
    INT("default_expires", default_expires, 0, INT32_MAX, 3600, "s",
        "how long a contact stays when the phone does not say"),
    INT("min_expires", min_expires, 0, INT32_MAX, 60, "s", "shorter times are raised to this"),
    INT("max_expires", max_expires, 0, INT32_MAX, 0, "s", "longer times are cut; 0: never"),
    INT("default_q", default_q, -1, 1000, -1, NULL,
        "q of contacts that have none, in thousandths; -1: none"),
    INT("append_branches", append_branches, 0, 1, 1, NULL,
        "lookup() takes 1: all contacts, 0: only the best"),
    INT_FIXED("case_sensitive", case_sensitive, 0, 1, 0, NULL, lost,
              "1: Bob and bob are two users; 0: the same"),
    TEXT("realm_prefix", realm_prefix, NULL, lost,
         "start of host names that does not count, as in \"sip.\"; only with use_domain"),
    TEXT("received_param", received_param, "received", NULL,
         "name of the Contact parameter in answers that shows where the phone really is"),
    AVP("received_avp", PARAM_STR, set_received_avp,
        "AVP with the URI where the phone really is, set by nathelper or the script"),
    AVP("aor_avp", PARAM_STR, set_aor_avp,
        "AVP with the address of record, instead of To in save() and the R-URI in lookup()"),
    INT("max_contacts", max_contacts, 0, INT32_MAX, 0, NULL,
        "contacts an address of record may have; 0: up to 128"),
    INT("retry_after", retry_after, 0, INT32_MAX, 0, "s", "Retry-After of 5xx answers; 0: none"),
    INT("sock_flag", sock_flag, -1, 31, -1, "flag",
        "with this message flag set, the socket is taken from the header sock_hdr_name"),
    TEXT("sock_hdr_name", sock_hdr_name, NULL, NULL,
         "header that add_sock_hdr() of another server made"),
    INT("tcp_persistent_flag", tcp_persistent_flag, -1, 31, -1, "flag",
        "keeps the connection of a REGISTER open; without effect until there is TCP"),
    INT("method_filtering", method_filtering, 0, 1, 0, NULL,
        "1: lookup() passes over contacts that do not take the request's method"),
    INT("use_path", use_path, 0, 1, 0, NULL, "1: Path headers are stored and followed (RFC 3327)"),
    INT("path_mode", path_mode, PATH_NEVER, PATH_STRICT, PATH_STRICT, NULL,
        "Path in the answer: 0 never; 1 for phones that know it; 2 the others get 420"),
    INT("path_use_received", path_use_received, 0, 1, 0, NULL,
        "1: the received parameter of the first Path value tells where the phone really is"),
    INT_FIXED("use_domain", use_domain, 0, 1, 0, NULL, lost,
              "as the parameter of usrloc, its place in 1.0"),
    INT("desc_time_order", desc_time_order, 0, 1, 0, NULL,
        "as the parameter of usrloc, its place in 1.0"),
    INT("nat_flag", nat_flag, -1, 31, -1, "flag",
        "message flag kept with a contact by save() and set by lookup(), as in 1.0"),
    INT("sip_natping_flag", ignored, -1, 31, -1, "flag", "of 1.1; without effect"),
    INT("use_branch_flags", ignored, 0, 1, 1, NULL, "of 1.1; branch flags are always kept"),
    {0},
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
