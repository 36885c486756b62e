/* dialog: follows calls from INVITE to BYE. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/dialog/priv.h"

/* ---- profiles ---- */

/* A row of the script's: the profile's number, found at load. */
static unsigned profile_of(const struct arg *a)
{
    return (unsigned)a->v.i;
}

static int set_profile(struct call *c, const struct arg *args, unsigned n)
{
    const struct dialog_conf *conf = call_conf(c, &dialog_module);
    const struct dialog_state *s = call_state(c, &dialog_module);
    struct dialog_slot *slot = call_slot(c, &dialog_module);
    struct str value = n > 1 ? args[1].v.s : STR_NONE;
    enum side from;
    struct dialog *d = dialog_by_tags(c, &from);
    if (d)
        return profile_link(s->profiles, d, conf->profile[profile_of(&args[0])], value) == ERR_OK
                   ? 1
                   : -1;
    if (c->kind != ROUTE_REQUEST || c->msg->to_tag.len || !slot)
        return -1;
    struct pending *p = arena_alloc(c->arena, sizeof *p);
    if (!p)
        return -1;
    *p = (struct pending){slot->links, profile_of(&args[0]), arena_dup(c->arena, value)};
    slot->links = p;
    return 1;
}

static int is_in_profile(struct call *c, const struct arg *args, unsigned n)
{
    const struct dialog_conf *conf = call_conf(c, &dialog_module);
    struct str name = conf->profile[profile_of(&args[0])];
    enum side from;
    struct dialog *d = dialog_by_tags(c, &from);
    for (const struct dlg_link *l = d ? d->links : NULL; l; l = l->next)
        if (str_eq(l->name, name) && (n < 2 || str_eq(l->value, args[1].v.s)))
            return 1;
    return -1;
}

static int get_profile_size(struct call *c, const struct arg *args, unsigned n)
{
    const struct dialog_conf *conf = call_conf(c, &dialog_module);
    const struct dialog_state *s = call_state(c, &dialog_module);
    struct str name = conf->profile[profile_of(&args[0])];
    unsigned size = profile_size(s->profiles, name, n > 2 ? &args[1].v.s : NULL);
    struct value v = value_int((int32_t)size);
    return pv_write(args[n - 1].obj, c, call_host(), PV_SET, &v) > 0 ? 1 : -1;
}

static int prepare_profile(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    const struct dialog_conf *conf = prepare_conf(p, &dialog_module.symbols);
    if (argn)
        return ERR_OK;
    int i = conf ? profile_number(conf, text) : -1;
    if (i < 0) {
        buf_printf(p->error, "there is no profile \"%.*s\"", STR_ARG(text));
        if (p->hint)
            buf_printf(p->hint,
                       "profiles are declared by profiles_with_value and profiles_no_value");
        return ERR_NOTFOUND;
    }
    out->v = value_int(i);
    return ERR_OK;
}

/* ---- variables ---- */

static int get_count(struct call *c, const struct pv_use *u, struct value *out)
{
    struct dialog_state *s = call_state(c, &dialog_module);
    (void)u;
    dialog_worker(s, c->engine); /* those of the database are this worker's by now */
    *out = value_int(atomic_load(&s->active));
    return ERR_OK;
}

static int get_status(struct call *c, const struct pv_use *u, struct value *out)
{
    const struct dialog_slot *slot = call_slot(c, &dialog_module);
    (void)u;
    *out = slot && slot->state ? value_int(slot->state) : VALUE_NULL;
    return ERR_OK;
}

static int get_lifetime(struct call *c, const struct pv_use *u, struct value *out)
{
    const struct dialog_slot *slot = call_slot(c, &dialog_module);
    bool known = slot && slot->state;
    (void)u;
    *out = !known ? VALUE_NULL : value_int(slot->start ? (int32_t)(call_time(c) - slot->start) : 0);
    return ERR_OK;
}

static const struct pv_spec variables[] = {
    {"DLG_count", get_count, NULL, NULL, 0, 0, "How many answered calls there are"},
    {"DLG_status", get_status, NULL, NULL, 0, PV_NULLABLE,
     "State of the dialog that loose_route() found for this request: 1 unconfirmed, 2 early, 3 "
     "answered, 4 confirmed, 5 ended; null without"},
    {"DLG_lifetime", get_lifetime, NULL, NULL, 0, PV_NULLABLE,
     "Seconds since it was answered; null without"},
    {.name = NULL},
};

/* ---- rows ---- */

enum { R = ROUTE_REQUEST, ALL = R | ROUTE_FAILURE | ROUTE_ONREPLY | ROUTE_BRANCH };

static const struct fn_spec functions[] = {
    {"set_dlg_profile",
     set_profile,
     1,
     2,
     {ARG_CUSTOM, ARG_FMT},
     ALL,
     0,
     prepare_profile,
     "profile[, value]",
     "Puts the call into a profile; before it is relayed, as soon as there is a dialog."},
    {"is_in_profile",
     is_in_profile,
     1,
     2,
     {ARG_CUSTOM, ARG_FMT},
     ALL,
     0,
     prepare_profile,
     "profile[, value]",
     "True when the call is in the profile, with that value if one is given."},
    {"get_profile_size",
     get_profile_size,
     2,
     2,
     {ARG_CUSTOM, ARG_PV},
     ALL,
     0,
     prepare_profile,
     "profile, variable",
     "Writes how many calls are in the profile into the variable."},
    {"get_profile_size",
     get_profile_size,
     3,
     3,
     {ARG_CUSTOM, ARG_FMT, ARG_PV},
     ALL,
     0,
     prepare_profile,
     "profile, value, variable",
     "The same for those with that value."},
    {.name = NULL},
};

#define PARAM_CONF struct dialog_conf
#define FIXED "dialogs are read from the database at start"
#define X(id, parameter, name)                                                                     \
    PARAM_STRING(parameter, column[DLG_##id], name, "column of the table", .fixed = FIXED),

static const struct param_spec params[] = {
    PARAM_FLAG(
        "dlg_flag", dlg_flag,
        "message flag that a request must have when it is first relayed, to be followed; mandatory",
        .unit = "flag"),
    PARAM_STRING("rr_param", rr_param, "did", "parameter of Record-Route that names the dialog"),
    PARAM_STRING("timeout_avp", timeout_avp_text, NULL,
                 "AVP with a lifetime in seconds for one call"),
    PARAM_NUMBER("default_timeout", default_timeout, 1, INT32_MAX, 43200,
                 "how long a dialog is kept after its last request", .unit = "s"),
    PARAM_NUMBER("dlg_match_mode", match_mode, 0, 2, 0,
                 "how requests find their dialog: 0 by rr_param, 1 by that or Call-ID and tags, 2 "
                 "by those only"),
    PARAM_ROW("use_tight_match", PARAM_INT, unused_number,
              "of 1.1 and 1.2: tags are always compared"),
    PARAM_NUMBER("hash_size", hash_size, 1, 1 << 30, 4096,
                 "how far the first number of a did goes"),
    PARAM_NUMBER("enable_stats", unused_number, 0, 0, 1, "no effect: statistics cost nothing"),
    PARAM_STRING("dlg_extra_hdrs", extra_hdrs, NULL, "header lines for the BYEs of dlg_end_dlg"),
    PARAM_STRING("profiles_with_value", with_value_text, NULL,
                 "names of profiles with a value: a;b;c"),
    PARAM_STRING("profiles_no_value", no_value_text, NULL, "names of profiles without"),
    PARAM_NUMBER("db_mode", db_mode, 0, 3, 0,
                 "where dialogs are kept: 0 memory; and in a database 1 at once, 2 every "
                 "db_update_period, 3 when the process ends",
                 .fixed = FIXED),
    PARAM_STRING("db_url", db_url, NULL, "the database; not used while db_mode is 0",
                 .fixed = FIXED),
    PARAM_STRING("table_name", table, "dialog", "its table", .fixed = FIXED),
    PARAM_NUMBER("db_update_period", period, 1, 86400, 60, "db_mode 2: how long a change waits",
                 .unit = "s"),
    /* clang-format off */
    DLG_COLUMN_LIST(X)
    /* clang-format on */
    {.name = NULL},
};
#undef X

/* "a;b;c": letters, digits and _. */
static int add_profiles(struct prepare *p, struct dialog_conf *conf, struct str list)
{
    struct str name;
    while (str_cut(&name, &list, ';')) {
        name = str_trim(name);
        for (size_t i = 0; i < name.len; i++)
            if (!ascii_alpha(name.p[i]) && !ascii_digit(name.p[i]) && name.p[i] != '_') {
                buf_printf(p->error, "\"%.*s\" is no name of a profile", STR_ARG(name));
                return ERR_INVALID;
            }
        if (name.len == 0)
            continue;
        if (conf->profiles == DLG_PROFILES || profile_number(conf, name) >= 0) {
            buf_printf(p->error, "profile \"%.*s\" is one too many", STR_ARG(name));
            return ERR_LIMIT;
        }
        conf->profile[conf->profiles++] = name;
    }
    return ERR_OK;
}

static int conf_check(struct prepare *p, void *data)
{
    struct dialog_conf *conf = data;
    if (conf->dlg_flag < 0) {
        buf_printf(p->error, "dlg_flag is not set: it marks the calls to be followed");
        return ERR_INVALID;
    }
    int rc = add_profiles(p, conf, conf->with_value_text);
    conf->with_value = conf->profiles;
    if (rc == ERR_OK)
        rc = add_profiles(p, conf, conf->no_value_text);
    if (rc != ERR_OK)
        return rc;
    return prepare_avp_param(p, "timeout_avp", conf->timeout_avp_text, &conf->timeout_avp);
}

/* ---- life ---- */

static bool wants_db(const void *data)
{
    const struct dialog_conf *conf = data;
    return conf->db_mode != DLG_DB_NONE;
}

static const struct db_table_use tables[] = {
    {.name = offsetof(struct dialog_conf, table), .lowest = 2, .highest = 2},
    {.name = SIZE_MAX},
};
static const struct db_use db_use = {.url = offsetof(struct dialog_conf, db_url),
                                     .tables = tables,
                                     .n_tables = 1,
                                     .wanted = wants_db};

static void forget(struct hnode *n, void *arg)
{
    (void)arg;
    dialog_free(container_of(n, struct dialog, node));
}

static void stop(void *state)
{
    struct dialog_state *s = state;
    for (unsigned i = 0; i < DLG_WORKERS; i++) {
        struct dialog_worker *w = &s->worker[i];
        if (!w->ready)
            continue;
        if (s->store)
            store_end(s->store, w);
        htable_each(&w->table, forget, NULL);
        htable_free(&w->table);
    }
    if (s->store)
        store_free(s->store);
    if (s->profiles)
        profiles_free(s->profiles);
    free(s);
}

static void *start(const struct module_start *begin, bool *failed)
{
    struct dialog_state *s = calloc(1, sizeof *s);
    *failed = !s || !(s->profiles = profiles_new()) ||
              (wants_db(begin->conf) && !(s->store = store_new(begin)));
    if (*failed) {
        if (s)
            stop(s);
        return NULL;
    }
    if (s->store)
        atomic_store(&s->active, store_loaded(s->store));
    return s;
}

/* Tells the statistics what has become of the rows of this worker. */
static void count_writes(struct engine *e, struct dialog_worker *w)
{
    struct changes_counts n = changes_counts(w->changes), t = w->told;
    engine_count_stat(e, &dialog_module, STAT_UNWRITTEN, (int64_t)(n.waiting - t.waiting));
    engine_count_stat(e, &dialog_module, STAT_WRITES_FAILED, (int64_t)(n.failed - t.failed));
    engine_count_stat(e, &dialog_module, STAT_REFUSED, (int64_t)(n.refused - t.refused));
    w->told = n;
}

static void on_second(struct engine *e, void *state, const void *data)
{
    const struct dialog_conf *conf = data;
    struct dialog_state *s = state;
    struct dialog_worker *w = s->store ? dialog_worker(s, e) : NULL;
    const struct worker_here here = {engine_index(e), engine_loop(e), (uint32_t)engine_time(e)};
    if (!w)
        return;
    if (store_mode(s->store) != DLG_DB_AT_END)
        changes_second(w->changes, &here, (unsigned)conf->period);
    count_writes(e, w);
}

static uint32_t transaction_flags(const void *data)
{
    const struct dialog_conf *conf = data;
    return (uint32_t)1 << conf->dlg_flag;
}

static const struct stat_spec stats[] = {
    [STAT_ACTIVE] = {"active_dialogs", true, "answered calls that go on"},
    [STAT_EARLY] = {"early_dialogs", true, "calls that ring"},
    [STAT_PROCESSED] = {"processed_dialogs", false, "calls that were followed"},
    [STAT_EXPIRED] = {"expired_dialogs", false, "calls whose lifetime was over"},
    [STAT_FAILED] = {"failed_dialogs", false, "calls that nobody answered with 2xx"},
    [STAT_UNWRITTEN] = {"unwritten_dialogs", true, "changed calls the database has not got yet"},
    [STAT_WRITES_FAILED] = {"failed_dialog_writes", false,
                            "writes of calls that failed and are tried again"},
    [STAT_REFUSED] = {"refused_dialogs", false, "calls the database did not take"},
    {.name = NULL},
};

const struct module dialog_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "dialog",
                .doc = "Follows calls from the first INVITE to BYE, and counts them.",
                .functions = functions,
                .variables = variables,
                .params = params,
                .conf_size = sizeof(struct dialog_conf),
                .conf_check = conf_check},
    .stats = stats,
    .slot_size = sizeof(struct dialog_slot),
    .start = start,
    .stop = stop,
    .db = &db_use,
    .on_second = on_second,
    .on_begin = dialog_on_begin,
    .on_transaction = dialog_on_transaction,
    .on_loose_route = dialog_on_loose_route,
    .transaction_flags = transaction_flags,
    .commands = dialog_commands,
};
