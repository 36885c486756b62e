/* auth_db: digest authentication against a table of subscribers. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/auth_db/priv.h"

enum { TABLE_VERSION = 6, MAX_WORKERS = 128 };

struct state {
    _Atomic unsigned generation; /* rises with each reload: what was kept before is forgotten */
    struct cache *cache[MAX_WORKERS];
};

/* A request while its row is asked for. */
struct job {
    struct auth_claim claim;
    struct str table, column;
};

/* ---- judging a row ---- */

static const struct auth_api *auth_of(const struct call *c)
{
    return call_api(c, "auth");
}

static bool is_ha1(const struct auth_db_conf *conf)
{
    return !conf->calculate_ha1;
}

/* The password of a row as text; false, with a line in the log, when it can let nobody in. */
static bool read_password(const struct auth_db_conf *conf, const struct job *job,
                          const struct db_value *cell, char mem[DB_VALUE_TEXT], struct str *out)
{
    *out = db_value_text(cell, mem);
    if (out->len && (!is_ha1(conf) || out->len == digest_digits(job->claim.algorithm)))
        return true;
    log_warn("auth_db: user %.*s of table %.*s: column %.*s is %s", STR_ARG(job->claim.user),
             STR_ARG(job->table), STR_ARG(job->column),
             out->len == 0 ? "empty" : "no sum of this algorithm");
    return false;
}

static void push_columns(struct call *c, const struct auth_db_conf *conf, const struct row *row)
{
    for (unsigned i = 0; i < conf->loads; i++) {
        const struct db_value *cell = &row->cell[1 + i];
        char mem[DB_VALUE_TEXT];
        struct avp_name name;
        if (cell->type == DB_NULL)
            continue;
        struct value v = cell->type == DB_INT ? value_int((int32_t)cell->i)
                                              : value_str(db_value_text(cell, mem));
        if (avp_name_of(conf->load[i].avp, c, call_host(), &name) != ERR_OK ||
            avp_push(c->avps, &name, &v) != ERR_OK)
            log_err("auth_db: no AVP for column %.*s", STR_ARG(conf->load[i].column));
    }
}

static int judge(struct call *c, const struct job *job, const struct row *row)
{
    const struct auth_db_conf *conf = call_conf(c, &auth_db_module);
    char mem[DB_VALUE_TEXT];
    struct str password;
    if (!read_password(conf, job, &row->cell[0], mem, &password))
        return AUTH_WRONG_PASSWORD;
    int rc = auth_of(c)->finish(c, &job->claim, password, is_ha1(conf));
    if (rc == AUTH_OK)
        push_columns(c, conf, row);
    return rc;
}

/* ---- the cache ---- */

/* The domain that the row must have: that of the name, else the realm. */
static struct str domain_of(const struct job *job)
{
    return job->claim.domain.len ? job->claim.domain : job->claim.digest.realm;
}

static struct cache_key key_of(struct call *c, const struct job *job)
{
    const struct auth_db_conf *conf = call_conf(c, &auth_db_module);
    struct state *s = call_state(c, &auth_db_module);
    return (struct cache_key){.conf = conf,
                              .generation = atomic_load(&s->generation),
                              .table = job->table,
                              .column = job->column,
                              .user = job->claim.user,
                              .domain = conf->use_domain ? domain_of(job) : STR_NONE};
}

/* The cache of this worker, or NULL when none is wanted. */
static struct cache *cache_of(struct call *c)
{
    const struct auth_db_conf *conf = call_conf(c, &auth_db_module);
    struct state *s = call_state(c, &auth_db_module);
    unsigned worker = call_worker(c);
    if (conf->cache_rows == 0 || conf->cache_ttl == 0 || worker >= MAX_WORKERS)
        return NULL;
    if (!s->cache[worker])
        s->cache[worker] = cache_new((unsigned)conf->cache_rows);
    return s->cache[worker];
}

/* ---- the query ---- */

static int answered(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct auth_db_conf *conf = call_conf(c, &auth_db_module);
    struct job *job = arg;
    if (status != ERR_OK) {
        log_err("auth_db: table %.*s: %s", STR_ARG(job->table), err_text(status));
        return auth_of(c)->give_up(c);
    }
    if (r->rows == 0)
        return AUTH_UNKNOWN_USER;
    if (r->columns < 1 + conf->loads) {
        log_err("auth_db: table %.*s: %u columns were asked for, %u came", STR_ARG(job->table),
                1 + conf->loads, r->columns);
        return auth_of(c)->give_up(c);
    }
    struct row row = {.columns = 1 + conf->loads};
    for (unsigned i = 0; i < row.columns; i++)
        row.cell[i] = *db_cell(r, 0, i);
    int rc = judge(c, job, &row);
    struct cache *cache = cache_of(c);
    struct hash_key hash = call_hash_key(c);
    struct cache_key key = key_of(c, job);
    if (cache && rc == AUTH_OK)
        cache_keep(cache, &hash, &key, call_now(c), &row);
    return rc;
}

static int ask(struct call *c, const struct auth_db_conf *conf, struct job *job)
{
    struct str column[1 + AUTH_DB_COLUMNS] = {job->column};
    struct db_match match[] = {
        {conf->user_column, DB_EQ, db_text(job->claim.user)},
        {conf->domain_column, DB_EQ, db_text(domain_of(job))},
    };
    for (unsigned i = 0; i < conf->loads; i++)
        column[1 + i] = conf->load[i].column;
    struct db_query q = {.verb = DB_SELECT,
                         .table = job->table,
                         .columns = 1 + conf->loads,
                         .column = column,
                         .matches = conf->use_domain ? 2 : 1,
                         .match = match,
                         .limit = 1};
    struct db *db = call_db(c, &auth_db_module);
    return db ? call_query(c, db, &q, answered, job) : auth_of(c)->give_up(c);
}

/* By the row that was kept, if there is one; else, and when it does not fit, by the table. */
static int look_up(struct call *c, const struct auth_db_conf *conf, struct job *job)
{
    struct cache *cache = cache_of(c);
    struct cache_key key = key_of(c, job);
    struct hash_key hash = call_hash_key(c);
    const struct row *row =
        cache ? cache_find(cache, &hash, &key, call_now(c), (uint64_t)conf->cache_ttl * 1000)
              : NULL;
    if (row) {
        int rc = judge(c, job, row);
        if (rc != AUTH_WRONG_PASSWORD)
            return rc;
        cache_drop(cache, &hash, &key); /* perhaps it has been changed */
    }
    return ask(c, conf, job);
}

/* The column with the password, or with H(user:realm:password) for this algorithm and this way of
 * writing the name; empty when there is none. */
static struct str column_for(const struct auth_db_conf *conf, const struct auth_claim *claim)
{
    if (conf->calculate_ha1 || (claim->algorithm == DIGEST_MD5 && claim->domain.len == 0))
        return conf->password_column;
    if (claim->algorithm == DIGEST_MD5)
        return conf->password_column_2;
    if (claim->domain.len)
        return STR_NONE;
    return claim->algorithm == DIGEST_SHA256 ? conf->sha256_column : conf->sha512_256_column;
}

static int authorize(struct call *c, enum auth_kind kind, const struct arg *args)
{
    const struct auth_db_conf *conf = call_conf(c, &auth_db_module);
    const struct auth_api *auth = auth_of(c);
    struct auth_claim claim;
    int rc = auth ? auth->begin(c, kind, args[0].v.s, &claim) : AUTH_ERROR;
    if (rc != AUTH_ASK)
        return rc;
    struct job *job = arena_alloc(c->arena, sizeof *job);
    if (!job)
        return auth->give_up(c);
    *job = (struct job){.claim = claim, .table = args[1].v.s, .column = column_for(conf, &claim)};
    if (job->column.len == 0) {
        log_err("auth_db: no column has the sum of %.*s for user %.*s",
                STR_ARG(digest_algorithm_name(claim.algorithm)), STR_ARG(claim.digest.username));
        return AUTH_ERROR;
    }
    return look_up(c, conf, job);
}

static int www_authorize(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return authorize(c, AUTH_WWW, args);
}

static int proxy_authorize(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return authorize(c, AUTH_PROXY, args);
}

/* ---- rows ---- */

/* Notes the tables, whose versions are looked at when the server starts. */
static int prepare_table(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct auth_db_conf *conf = prepare_conf(p, &auth_db_module.symbols);
    (void)out;
    if (argn != 1 || !conf)
        return ERR_OK;
    if (text.len == 0) {
        buf_printf(p->error, "the table has no name");
        return ERR_INVALID;
    }
    for (const struct table_name *t = conf->tables; t; t = t->next)
        if (str_eq(t->name, text))
            return ERR_OK;
    struct table_name *t = arena_alloc(p->arena, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    *t = (struct table_name){conf->tables, arena_dup(p->arena, text)};
    conf->tables = t;
    return t->name.p ? ERR_OK : ERR_NOMEM;
}

/* clang-format off */
static const struct fn_spec functions[] = {
    {"www_authorize", www_authorize, 2, 2, {ARG_FMT, ARG_STR}, ROUTE_REQUEST, FN_MAY_STOP, prepare_table,
     "realm, table", "Checks Authorization against a table of subscribers: 1, 0 after an answer of 400 or 500, -1 "
     "unknown user, -2 wrong password, -3 stale nonce, -4 no credentials for this realm, -5 other error, -6 nonce "
     "used before. An empty realm is the domain of To in a REGISTER, else of From."},
    {"proxy_authorize", proxy_authorize, 2, 2, {ARG_FMT, ARG_STR}, ROUTE_REQUEST, FN_MAY_STOP, prepare_table,
     "realm, table", "The same for Proxy-Authorization."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct auth_db_conf

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database; without it the default one."),
    PARAM_STRING("user_column", user_column, "username", "Column with the user."),
    PARAM_STRING("domain_column", domain_column, "domain", "Column with the domain."),
    PARAM_STRING("password_column", password_column, "ha1",
                 "Column with MD5(user:realm:password), or with the password."),
    PARAM_STRING("password_column_2", password_column_2, "ha1b",
                 "Column with MD5(user@domain:realm:password), for names with a domain."),
    PARAM_STRING("sha256_column", sha256_column, NULL, "Column with SHA-256(user:realm:password)."),
    PARAM_STRING("sha512_256_column", sha512_256_column, NULL,
                 "Column with SHA-512/256(user:realm:password)."),
    PARAM_STRING("load_credentials", load_text, "rpid",
                 "Columns that become AVPs of those who are let in: column or $avp(x)=column, with "
                 "semicolons."),
    PARAM_SWITCH("calculate_ha1", calculate_ha1, 0, "1: password_column has the plain password."),
    PARAM_SWITCH("use_domain", use_domain, 0,
                 "1: the domain must fit too, that of the name or else the realm."),
    PARAM_NUMBER("cache_rows", cache_rows, 0, 1 << 24, 0,
                 "Rows of accepted users that each worker keeps; 0: none.", .unit = "rows"),
    PARAM_NUMBER("cache_ttl", cache_ttl, 0, 86400, 0, "How long it keeps them; 0: not at all.",
                 .unit = "s"),
    {.name = NULL},
};

/* ---- configuration ---- */

static int read_load(struct prepare *p, struct auth_db_conf *conf, struct str item)
{
    ptrdiff_t equals = str_find(item, '=', 0);
    struct load *l = &conf->load[conf->loads];
    struct str avp = str_trim(str_sub(item, 0, equals < 0 ? 0 : (size_t)equals));
    l->column = str_trim(str_sub(item, equals < 0 ? 0 : (size_t)equals + 1, item.len));
    if (l->column.len == 0 || conf->loads == AUTH_DB_COLUMNS) {
        buf_printf(p->error, "load_credentials has %s",
                   l->column.len ? "too many columns" : "a column without name");
        return ERR_INVALID;
    }
    if (equals < 0)
        avp = arena_printf(p->arena, "$avp(s:%.*s)", STR_ARG(l->column));
    else if (!str_istarts(avp, STR("$avp("))) /* the notation of 1.1 */
        avp = arena_printf(p->arena, "$avp(%.*s)", STR_ARG(avp));
    conf->loads++;
    return avp.p ? prepare_pv(p, avp, &l->avp) : ERR_NOMEM;
}

static int conf_check(struct prepare *p, void *data)
{
    struct auth_db_conf *conf = data;
    struct str rest = conf->load_text, item;
    int rc = ERR_OK;
    while (rc == ERR_OK && str_cut(&item, &rest, ';'))
        if (str_trim(item).len)
            rc = read_load(p, conf, str_trim(item));
    return rc;
}

/* ---- life ---- */

static bool check_tables(const struct module_start *begin)
{
    const struct auth_db_conf *conf = begin->conf;
    for (const struct table_name *t = conf->tables; t && begin->db; t = t->next)
        if (db_check_version(begin->db, t->name, TABLE_VERSION, TABLE_VERSION, begin->why) !=
            ERR_OK)
            return false;
    return true;
}

static void *start(const struct module_start *begin, bool *failed)
{
    struct state *s = calloc(1, sizeof *s);
    *failed = !s || !check_tables(begin);
    return s;
}

static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    (void)state, (void)old_conf;
    return check_tables(next);
}

static void reloaded(void *state, const void *old_conf, const struct module_start *next)
{
    struct state *s = state;
    (void)old_conf, (void)next;
    atomic_fetch_add(&s->generation, 1);
}

static void stop(void *state)
{
    struct state *s = state;
    for (unsigned i = 0; s && i < MAX_WORKERS; i++)
        cache_free(s->cache[i]);
    free(s);
}

/* A script that asks nothing needs no database. */
static bool wanted(const void *data)
{
    return ((const struct auth_db_conf *)data)->tables != NULL;
}

static const struct db_use use = {.url = offsetof(struct auth_db_conf, db_url), .wanted = wanted};

const struct module auth_db_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "auth_db",
                .doc = "Digest authentication against a table of subscribers.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct auth_db_conf),
                .conf_check = conf_check},
    .db = &use,
    .start = start,
    .reload = reload,
    .reloaded = reloaded,
    .stop = stop,
};
