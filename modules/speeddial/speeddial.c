/* speeddial: short numbers of each user, from a table. */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module speeddial_module;

struct conf {
    struct str db_url, user_column, domain_column, sd_user_column, sd_domain_column;
    struct str new_uri_column, domain_prefix;
    int32_t use_domain;
};

static int found(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct str *table = arg;
    char mem[DB_VALUE_TEXT];
    struct uri u;
    if (status != ERR_OK || r->columns < 1) {
        log_err("speeddial: table %.*s: %s", STR_ARG(*table),
                status == ERR_OK ? "an answer without columns" : err_text(status));
        return -1;
    }
    if (r->rows == 0)
        return -1;
    struct str text = db_value_text(db_cell(r, 0, 0), mem);
    if (uri_scheme_text(text).len == 0)
        text = arena_printf(c->arena, "sip:%.*s", STR_ARG(text));
    if (!text.p || uri_parse(&u, text) != ERR_OK) {
        log_warn("speeddial: a row of table %.*s leads to \"%.*s\", which is no URI",
                 STR_ARG(*table), STR_ARG(text));
        return -1;
    }
    return call_set_uri(c, text) == ERR_OK ? 1 : -1;
}

static struct str without_prefix(struct str host, struct str prefix)
{
    bool has = prefix.len && host.len > prefix.len && str_istarts(host, prefix);
    return has ? str_sub(host, prefix.len, host.len) : host;
}

/* Whose short numbers: of the owner if there is one, else of the sender. */
static bool read_owner(struct call *c, const struct arg *args, unsigned n, struct uri *out)
{
    const struct nameaddr *from = n > 1 ? NULL : call_from(c);
    struct str text = n > 1 ? args[1].v.s : from ? from->uri : STR_NONE;
    return uri_parse(out, text) == ERR_OK && out->user.len;
}

static int lookup(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &speeddial_module);
    const struct uri *u = call_uri(c);
    struct str *table = arena_alloc(c->arena, sizeof *table);
    struct db_match match[4];
    unsigned matches = 0;
    struct uri owner;
    if (!u || u->user.len == 0 || !table || !read_owner(c, args, n, &owner))
        return -1;
    *table = args[0].v.s;
    match[matches++] = (struct db_match){conf->user_column, DB_EQ, db_text(owner.user)};
    match[matches++] = (struct db_match){conf->sd_user_column, DB_EQ, db_text(u->user)};
    if (conf->use_domain >= 1)
        match[matches++] = (struct db_match){
            conf->domain_column, DB_EQ, db_text(without_prefix(owner.host, conf->domain_prefix))};
    if (conf->use_domain >= 2)
        match[matches++] = (struct db_match){conf->sd_domain_column, DB_EQ,
                                             db_text(without_prefix(u->host, conf->domain_prefix))};
    const struct db_query q = {.verb = DB_SELECT,
                               .table = *table,
                               .columns = 1,
                               .column = &conf->new_uri_column,
                               .matches = matches,
                               .match = match,
                               .limit = 1};
    return call_query(c, call_db(c, &speeddial_module), &q, found, table);
}

static const struct fn_spec functions[] = {
    {"sd_lookup",
     lookup,
     1,
     2,
     {ARG_FMT, ARG_FMT},
     ROUTE_REQUEST,
     FN_TARGET,
     NULL,
     "table[, owner]",
     "Replaces the R-URI, when its user is a short number of the sender or of the URI owner, by "
     "what "
     "the table has for it. False when there is none or the database fails."},
    {.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database; without it the default one."),
    PARAM_STRING("user_column", user_column, "username", "Column with the owner's user."),
    PARAM_STRING("domain_column", domain_column, "domain", "Column with the owner's domain."),
    PARAM_STRING("sd_user_column", sd_user_column, "sd_username", "Column with the short number."),
    PARAM_STRING("sd_domain_column", sd_domain_column, "sd_domain",
                 "Column with the domain of the short number."),
    PARAM_STRING("new_uri_column", new_uri_column, "new_uri",
                 "Column with the URI that it stands for."),
    PARAM_STRING("domain_prefix", domain_prefix, NULL, "Start of hosts that does not count."),
    PARAM_NUMBER("use_domain", use_domain, 0, 2, 0,
                 "1: the owner's domain must fit too; 2: that of the R-URI as well."),
    {.name = NULL},
};

static const struct db_use use = {.url = offsetof(struct conf, db_url)};

const struct module speeddial_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "speeddial",
                .doc = "Short numbers of each user.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .db = &use,
};
