/* alias_db: looks the Request-URI up in a table of aliases. */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module alias_db_module;

struct conf {
    struct str db_url, user_column, domain_column, alias_user_column, alias_domain_column;
    struct str domain_prefix;
    int32_t use_domain, append_branches;
};

/* The URI of a row; p is NULL when it has none. */
static struct str uri_of(struct call *c, const struct db_result *r, unsigned row, struct str table)
{
    char user_mem[DB_VALUE_TEXT], domain_mem[DB_VALUE_TEXT];
    struct str user = db_value_text(db_cell(r, row, 0), user_mem);
    struct str domain = db_value_text(db_cell(r, row, 1), domain_mem);
    struct str text = arena_printf(c->arena, "sip:%.*s@%.*s", STR_ARG(user), STR_ARG(domain));
    struct uri u;
    if (user.len && domain.len && text.p && uri_parse(&u, text) == ERR_OK)
        return text;
    log_warn("alias_db: a row of table %.*s leads to \"%.*s\", which is no URI", STR_ARG(table),
             STR_ARG(text));
    return STR_NONE;
}

static int found(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct conf *conf = call_conf(c, &alias_db_module);
    const struct str *table = arg;
    int result = -1;
    if (status != ERR_OK || r->columns < 2) {
        log_err("alias_db: table %.*s: %s", STR_ARG(*table),
                status == ERR_OK ? "an answer without columns" : err_text(status));
        return -1;
    }
    for (unsigned i = 0; i < r->rows; i++) {
        struct target t = {.uri = uri_of(c, r, i, *table), .q = 0, .socket = NO_SOCKET};
        if (!t.uri.p)
            continue;
        if (result > 0 ? call_add_branch(c, &t) != ERR_OK : call_set_uri(c, t.uri) != ERR_OK)
            return result;
        result = 1;
        if (!conf->append_branches)
            break;
    }
    return result;
}

static struct str without_prefix(struct str host, struct str prefix)
{
    bool has = prefix.len && host.len > prefix.len && str_istarts(host, prefix);
    return has ? str_sub(host, prefix.len, host.len) : host;
}

static int lookup(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &alias_db_module);
    const struct uri *u = call_uri(c);
    struct str *table = arena_alloc(c->arena, sizeof *table);
    const struct str column[] = {conf->user_column, conf->domain_column};
    (void)n;
    if (!u || u->user.len == 0 || !table)
        return -1;
    *table = args[0].v.s;
    const struct db_match match[] = {
        {conf->alias_user_column, DB_EQ, db_text(u->user)},
        {conf->alias_domain_column, DB_EQ, db_text(without_prefix(u->host, conf->domain_prefix))},
    };
    const struct db_query q = {.verb = DB_SELECT,
                               .table = *table,
                               .columns = 2,
                               .column = column,
                               .matches = conf->use_domain ? 2 : 1,
                               .match = match,
                               .limit = CALL_MAX_BRANCHES};
    return call_query(c, call_db(c, &alias_db_module), &q, found, table);
}

static const struct fn_spec functions[] = {
    {"alias_db_lookup",
     lookup,
     1,
     1,
     {ARG_FMT},
     ROUTE_REQUEST | ROUTE_FAILURE,
     FN_TARGET,
     NULL,
     "table",
     "Puts sip:user@domain of the first row whose alias is the user of the R-URI into the R-URI; "
     "with "
     "append_branches further rows become branches. False when there is none or the database "
     "fails."},
    {.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database; without it the default one."),
    PARAM_STRING("user_column", user_column, "username",
                 "Column with the user that the alias leads to."),
    PARAM_STRING("domain_column", domain_column, "domain", "Column with its domain."),
    PARAM_STRING("alias_user_column", alias_user_column, "alias_username",
                 "Column with the user of the alias."),
    PARAM_STRING("alias_domain_column", alias_domain_column, "alias_domain",
                 "Column with its domain."),
    PARAM_STRING("domain_prefix", domain_prefix, NULL,
                 "Start of the R-URI's host that does not count; with use_domain."),
    PARAM_SWITCH("use_domain", use_domain, 0, "1: the host of the R-URI must fit too."),
    PARAM_SWITCH("append_branches", append_branches, 0,
                 "1: further rows become branches with q 0."),
    {.name = NULL},
};

static const struct db_use use = {.url = offsetof(struct conf, db_url)};

const struct module alias_db_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "alias_db",
                .doc = "Looks the Request-URI up in a table of aliases.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .db = &use,
};
