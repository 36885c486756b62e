/* uri_db: whether a URI belongs to who was authorized, and whether one exists. */
/* SPDX-License-Identifier: MIT */
#include "modules/auth/auth.h"

extern const struct module uri_db_module;

struct conf {
    struct str db_url, db_table, user_column, domain_column, uriuser_column;
    /* names of releases before 1.4 */
    struct str subscriber_table, subscriber_user_column, subscriber_domain_column;
    struct str uri_table, uri_user_column, uri_domain_column, uri_uriuser_column;
    int32_t use_uri_table, use_domain;
    bool asks; /* the script calls something that needs the table */
};

enum result {
    YES = 1,
    BAD_URI = -1,
    NOBODY = -2,
    NO_USER = -4,
    CANNOT_ASK = -7,
    FAILED = -8,
    NO_ROW = -9,
    DIFFERS = -10,
};

enum { SUBSCRIBER_VERSION = 6, URI_VERSION = 1 };

/* ---- the table ---- */

static int counted(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct conf *conf = call_conf(c, &uri_db_module);
    (void)arg;
    if (status == ERR_OK)
        return r->rows ? YES : NO_ROW;
    log_err("uri_db: table %.*s: %s", STR_ARG(conf->db_table), err_text(status));
    return status == ERR_LIMIT || status == ERR_STATE ? CANNOT_ASK : FAILED;
}

static int ask(struct call *c, const struct conf *conf, const struct db_match *match, unsigned n)
{
    const struct db_query q = {.verb = DB_SELECT,
                               .table = conf->db_table,
                               .columns = 1,
                               .column = &match[0].column,
                               .matches = n,
                               .match = match,
                               .limit = 1};
    return call_query(c, call_db(c, &uri_db_module), &q, counted, NULL);
}

/* ---- functions ---- */

static int check_party(struct call *c, const struct nameaddr *party)
{
    const struct conf *conf = call_conf(c, &uri_db_module);
    const struct auth_api *auth = call_api(c, "auth");
    const struct auth_user *who = auth ? auth->user(c) : NULL;
    struct uri u;
    if (!party || uri_parse(&u, party->uri) != ERR_OK)
        return BAD_URI;
    if (!who)
        return NOBODY;
    if (u.user.len == 0)
        return NO_USER;
    if (!conf->use_uri_table)
        return str_ieq(u.user, who->user) ? YES : DIFFERS;
    const struct db_match match[] = {
        {conf->user_column, DB_EQ, db_text(who->user)},
        {conf->domain_column, DB_EQ, db_text(who->realm)},
        {conf->uriuser_column, DB_EQ, db_text(u.user)},
    };
    return ask(c, conf, match, 3);
}

static int check_to(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return check_party(c, call_to(c));
}

static int check_from(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return check_party(c, call_from(c));
}

static int does_uri_exist(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &uri_db_module);
    const struct uri *u = call_uri(c);
    (void)args, (void)n;
    if (!u)
        return BAD_URI;
    if (u->user.len == 0)
        return NO_USER;
    const struct db_match match[] = {
        {conf->use_uri_table ? conf->uriuser_column : conf->user_column, DB_EQ, db_text(u->user)},
        {conf->domain_column, DB_EQ, db_text(u->host)},
    };
    return ask(c, conf, match, conf->use_domain ? 2 : 1);
}

/* ---- rows ---- */

static int need_table(struct prepare *p, const char *why)
{
    struct conf *conf = prepare_conf(p, &uri_db_module.symbols);
    if (!conf)
        return ERR_OK;
    if (conf->db_url.p && conf->db_url.len == 0) {
        buf_printf(p->error, "%s, and db_url of uri_db is empty", why);
        return ERR_INVALID;
    }
    conf->asks = true;
    return ERR_OK;
}

static int prepare_check(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    const struct conf *conf = prepare_conf(p, &uri_db_module.symbols);
    (void)argn, (void)text, (void)out;
    return conf && conf->use_uri_table ? need_table(p, "use_uri_table asks a table") : ERR_OK;
}

static int prepare_exist(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)argn, (void)text, (void)out;
    return need_table(p, "does_uri_exist() asks a table");
}

/* clang-format off */
static const struct fn_spec functions[] = {
    {"check_to", check_to, 0, 0, {ARG_NONE}, ROUTE_REQUEST, 0, prepare_check, "",
     "True when the user of To is the one who was authorized, or with use_uri_table when a row says that it is his. "
     "Else -1 bad To, -2 nobody was authorized, -4 no user, -7 or -8 the database, -9 no row, -10 somebody else."},
    {"check_from", check_from, 0, 0, {ARG_NONE}, ROUTE_REQUEST, 0, prepare_check, "", "The same for From."},
    {"does_uri_exist", does_uri_exist, 0, 0, {ARG_NONE}, ROUTE_REQUEST | ROUTE_LOCAL, 0, prepare_exist, "",
     "True when the table has the user of the R-URI, with use_domain of its host. Results as check_to."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database; without it the default one; empty: none."),
    PARAM_STRING("db_table", db_table, NULL, "The table; subscriber, or uri with use_uri_table."),
    PARAM_STRING("user_column", user_column, NULL, "Column with the user; username."),
    PARAM_STRING("domain_column", domain_column, NULL, "Column with the domain; domain."),
    PARAM_STRING("uriuser_column", uriuser_column, NULL,
                 "Column with the user of a URI; uri_user."),
    PARAM_SWITCH("use_uri_table", use_uri_table, 0, "1: the table says which URIs are whose."),
    PARAM_SWITCH("use_domain", use_domain, 0, "1: does_uri_exist() looks at the host too."),
    PARAM_STRING("subscriber_table", subscriber_table, NULL,
                 "Before 1.4: db_table without use_uri_table."),
    PARAM_STRING("subscriber_user_column", subscriber_user_column, NULL,
                 "Before 1.4: user_column without use_uri_table."),
    PARAM_STRING("subscriber_domain_column", subscriber_domain_column, NULL,
                 "Before 1.4: domain_column without use_uri_table."),
    PARAM_STRING("uri_table", uri_table, NULL, "Before 1.4: db_table with use_uri_table."),
    PARAM_STRING("uri_user_column", uri_user_column, NULL,
                 "Before 1.4: user_column with use_uri_table."),
    PARAM_STRING("uri_domain_column", uri_domain_column, NULL,
                 "Before 1.4: domain_column with use_uri_table."),
    PARAM_STRING("uri_uriuser_column", uri_uriuser_column, NULL, "Before 1.4: uriuser_column."),
    {.name = NULL},
};

/* The first that is set. */
static struct str choose(struct str now, struct str before, struct str otherwise)
{
    return now.len ? now : before.len ? before : otherwise;
}

static int conf_check(struct prepare *p, void *data)
{
    struct conf *c = data;
    bool uri = c->use_uri_table;
    (void)p;
    c->db_table = choose(c->db_table, uri ? c->uri_table : c->subscriber_table,
                         uri ? STR("uri") : STR("subscriber"));
    c->user_column = choose(c->user_column, uri ? c->uri_user_column : c->subscriber_user_column,
                            STR("username"));
    c->domain_column = choose(
        c->domain_column, uri ? c->uri_domain_column : c->subscriber_domain_column, STR("domain"));
    c->uriuser_column = choose(c->uriuser_column, c->uri_uriuser_column, STR("uri_user"));
    return ERR_OK;
}

static bool wanted(const void *data)
{
    return ((const struct conf *)data)->asks;
}

/* Nothing is kept, so the core asks here again at each reload. */
static void *start(const struct module_start *begin, bool *failed)
{
    const struct conf *conf = begin->conf;
    unsigned lowest = conf->use_uri_table ? URI_VERSION : SUBSCRIBER_VERSION;
    *failed = begin->db &&
              db_check_version(begin->db, conf->db_table, lowest, UINT32_MAX, begin->why) != ERR_OK;
    return NULL;
}

static const struct db_use use = {.url = offsetof(struct conf, db_url), .wanted = wanted};

const struct module uri_db_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "uri_db",
                .doc = "Whether a URI exists and whom it belongs to.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf),
                .conf_check = conf_check},
    .db = &use,
    .start = start,
};
