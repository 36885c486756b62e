/* group: which groups a user is in, from a table or by patterns. */
/* SPDX-License-Identifier: MIT */
#include "modules/auth/auth.h"

extern const struct module group_module;

struct conf {
    struct str db_url, table, user_column, domain_column, group_column;
    struct str re_table, re_exp_column, re_gid_column;
    int32_t use_domain, multiple_gid;
    bool asks; /* the script calls is_user_in() */
};

enum result { YES = 1, BAD_ORIGIN = -1, FAILED = -5, NO_MEMBER = -6 };

/* ---- who ---- */

enum origin_kind { ORIGIN_RURI, ORIGIN_TO, ORIGIN_FROM, ORIGIN_CREDENTIALS, ORIGIN_PV };

struct origin {
    enum origin_kind kind;
    const struct pv_ref *pv;
};

struct who {
    struct str user, domain;
};

static bool split(struct str text, struct who *out)
{
    struct uri u;
    if (uri_parse(&u, text) != ERR_OK || u.user.len == 0)
        return false;
    *out = (struct who){u.user, u.host};
    return true;
}

static bool read_authorized(struct call *c, struct who *out)
{
    const struct auth_api *auth = call_api(c, "auth");
    const struct auth_user *user = auth ? auth->user(c) : NULL;
    if (!user)
        return false;
    *out = (struct who){user->user, user->realm};
    return true;
}

static bool read_origin(struct call *c, const struct origin *s, struct who *out)
{
    const struct nameaddr *party;
    struct value v;
    switch (s->kind) {
    case ORIGIN_RURI:
        return split(c->target.uri, out);
    case ORIGIN_TO:
    case ORIGIN_FROM:
        party = s->kind == ORIGIN_TO ? call_to(c) : call_from(c);
        return party && split(party->uri, out);
    case ORIGIN_CREDENTIALS:
        return read_authorized(c, out);
    case ORIGIN_PV:
        return pv_read(s->pv, c, call_host(), &v) == ERR_OK && (v.flags & VAL_STR) &&
               split(v.s, out);
    }
    return false;
}

static int prepare_origin(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    static const struct {
        const char *name;
        enum origin_kind kind;
    } names[] = {{"Request-URI", ORIGIN_RURI},
                 {"To", ORIGIN_TO},
                 {"From", ORIGIN_FROM},
                 {"Credentials", ORIGIN_CREDENTIALS}};
    struct origin *s;
    if (argn > 0)
        return ERR_OK;
    s = arena_zalloc(p->arena, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    out->obj = s;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (str_ieq(text, str_from(names[i].name))) {
            s->kind = names[i].kind;
            return ERR_OK;
        }
    s->kind = ORIGIN_PV;
    if (text.len && text.p[0] == '$')
        return prepare_pv(p, text, &s->pv);
    buf_printf(p->error, "\"%.*s\" is none of Request-URI, To, From, Credentials, and no variable",
               STR_ARG(text));
    return ERR_INVALID;
}

/* ---- is_user_in ---- */

static int prepare_asking(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct conf *conf = prepare_conf(p, &group_module.symbols);
    if (conf)
        conf->asks = true;
    return prepare_origin(p, argn, text, out);
}

static int answered(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct conf *conf = call_conf(c, &group_module);
    (void)arg;
    if (status == ERR_OK)
        return r->rows ? YES : NO_MEMBER;
    log_err("group: table %.*s: %s", STR_ARG(conf->table), err_text(status));
    return FAILED;
}

static int is_user_in(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &group_module);
    struct who who;
    (void)n;
    if (!read_origin(c, args[0].obj, &who))
        return BAD_ORIGIN;
    const struct db_match match[] = {
        {conf->user_column, DB_EQ, db_text(who.user)},
        {conf->group_column, DB_EQ, db_text(args[1].v.s)},
        {conf->domain_column, DB_EQ, db_text(who.domain)},
    };
    const struct db_query q = {.verb = DB_SELECT,
                               .table = conf->table,
                               .columns = 1,
                               .column = &conf->group_column,
                               .matches = conf->use_domain ? 3 : 2,
                               .match = match,
                               .limit = 1};
    return call_query(c, call_db(c, &group_module), &q, answered, NULL);
}

/* ---- groups by pattern ---- */

struct pattern {
    struct regex *regex;
    int32_t group;
};

/* In the order of the table. */
struct patterns {
    unsigned n;
    struct pattern *row;
};

static void free_patterns(void *data)
{
    struct patterns *l = data;
    for (unsigned i = 0; i < l->n; i++)
        regex_free(l->row[i].regex);
}

/* A row; false, with a line in the log, when it cannot be used. */
static bool read_row(struct pattern *out, const struct db_result *r, unsigned row)
{
    char mem[DB_VALUE_TEXT], text[128];
    struct str expression = db_value_text(db_cell(r, row, 0), mem);
    int64_t group = db_value_int(db_cell(r, row, 1), -1);
    struct buf why;
    size_t at = 0;
    buf_fixed(&why, text, sizeof text);
    if (expression.len && group >= 0 && group <= INT32_MAX &&
        regex_compile(expression, REGEX_ICASE | REGEX_JIT, &out->regex, &why, &at) == ERR_OK) {
        out->group = (int32_t)group;
        return true;
    }
    log_err("group: row %u of the patterns is left out: \"%.*s\", group %lld: %.*s", row + 1,
            STR_ARG(expression), (long long)group,
            STR_ARG(why.len ? buf_str(&why) : STR("not a pattern and a number from 0 on")));
    return false;
}

static bool read_patterns(struct memtable_reading *reading)
{
    const struct conf *conf = reading->conf;
    const struct str column[] = {conf->re_exp_column, conf->re_gid_column};
    struct patterns *l = reading->data = arena_zalloc(reading->arena, sizeof *l);
    struct db_result r;
    if (!l || !memtable_select(reading, conf->re_table, 2, column, &r))
        return false;
    l->row = arena_alloc(reading->arena, (r.rows + 1) * sizeof *l->row);
    for (unsigned i = 0; l->row && i < r.rows; i++)
        l->n += read_row(&l->row[l->n], &r, i);
    return l->row != NULL;
}

static bool has_patterns(const void *conf)
{
    return ((const struct conf *)conf)->re_table.len != 0;
}

static const struct memtable patterns = {
    .name = "the patterns", .wanted = has_patterns, .read = read_patterns, .free = free_patterns};

static int get_user_group(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &group_module);
    const struct patterns *l = call_table(c, &patterns);
    struct avp_name name;
    struct who who;
    int found = 0;
    (void)n;
    if (!l || !read_origin(c, args[0].obj, &who) ||
        avp_name_of(args[1].obj, c, call_host(), &name) != ERR_OK)
        return -1;
    struct str uri =
        arena_printf(c->arena, "sip:%.*s@%.*s", STR_ARG(who.user), STR_ARG(who.domain));
    for (unsigned i = l->n; uri.p && i-- > 0;) {
        struct value v = value_int(l->row[i].group);
        if (regex_find(l->row[i].regex, uri, 0, NULL) <= 0)
            continue;
        if (avp_push(c->avps, &name, &v) != ERR_OK)
            return -1;
        found++;
        if (!conf->multiple_gid)
            break;
    }
    return found ? found : -1;
}

/* A function without table of patterns would never find anything. */
static int prepare_patterns(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    const struct conf *conf = prepare_conf(p, &group_module.symbols);
    if (conf && conf->re_table.len == 0) {
        buf_printf(p->error, "get_user_group() needs the parameter re_table of group");
        return ERR_INVALID;
    }
    return prepare_origin(p, argn, text, out);
}

/* ---- rows ---- */

enum { RFBL = ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH | ROUTE_LOCAL };

/* clang-format off */
static const struct fn_spec functions[] = {
    {"is_user_in", is_user_in, 2, 2, {ARG_CUSTOM, ARG_STR}, RFBL, 0, prepare_asking, "source, group",
     "True when the user of source (Request-URI, To, From, Credentials or a variable with a URI) is in the group; "
     "-1 no such user, -5 the database failed, -6 not in it."},
    {"get_user_group", get_user_group, 2, 2, {ARG_CUSTOM, ARG_AVP}, RFBL, 0, prepare_patterns, "source, $avp",
     "Puts the number of each group whose pattern fits sip:user@domain into the AVP; how many, or -1."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database; without it the default one."),
    PARAM_STRING("table", table, "grp", "Table of who is in which group."),
    PARAM_STRING("user_column", user_column, "username", "Its column with the user."),
    PARAM_STRING("domain_column", domain_column, "domain", "Its column with the domain."),
    PARAM_STRING("group_column", group_column, "grp", "Its column with the group."),
    PARAM_SWITCH("use_domain", use_domain, 0, "1: is_user_in() looks at the domain too."),
    PARAM_STRING("re_table", re_table, NULL,
                 "Table of patterns for get_user_group(), usually re_grp."),
    PARAM_STRING("re_exp_column", re_exp_column, "reg_exp",
                 "Its column with an extended regular expression."),
    PARAM_STRING("re_gid_column", re_gid_column, "group_id",
                 "Its column with the number of a group."),
    PARAM_SWITCH("multiple_gid", multiple_gid, 1,
                 "0: get_user_group() stops at the first that fits."),
    {.name = NULL},
};

/* ---- the module ---- */

static bool wanted(const void *data)
{
    const struct conf *conf = data;
    return conf->asks || conf->re_table.len;
}

static const struct db_table_use tables[] = {
    {.name = offsetof(struct conf, table), .lowest = 2, .highest = 2},
    {.name = offsetof(struct conf, re_table), .lowest = 1, .highest = 1},
};

static const struct db_use use = {
    .url = offsetof(struct conf, db_url), .tables = tables, .n_tables = 2, .wanted = wanted};

const struct module group_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "group",
                .doc = "Which groups a user is in.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .db = &use,
    .table = {&patterns},
};
