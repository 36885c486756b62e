/* The usrloc module: parameters, statistics, and the API through which registrar works. Where
 * contacts live is in table.c, what a REGISTER does to them in record.c. */
/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdlib.h>

#include "modules/usrloc/cluster.h"
#include "modules/usrloc/direct.h"
#include "modules/usrloc/mi.h"
#include "modules/usrloc/store.h"
#include "modules/usrloc/sweep.h"
#include "modules/usrloc/table.h"
#include "modules/usrloc/usrloc.h"

/* Prototype of the one thing the registry needs. */
extern const struct module usrloc_module;

enum { HASH_SIZE_DEFAULT = 9, HASH_SIZE_MAX = 16, TABLES_NAMED = 64, TABLE_VERSION = 1004 };

/* Where contacts are kept. */
enum db_mode {
    DB_MODE_MEMORY,
    DB_MODE_THROUGH,
    DB_MODE_BACK,
    DB_MODE_ONLY,
    DB_MODE_CLUSTER, /* db_url is redis:// */
};

struct usrloc_conf {
    struct usrloc_settings settings; /* what other modules see */
    int32_t db_mode, timer_interval, desc_time_order, matching_mode, cseq_delay, hash_size;
    int32_t fetch_rows, cluster_deadline;
    int32_t max_total, max_source, max_unwritten;
    struct str db_url, cluster_uri;
    struct str column[ROW_COLUMNS];
    struct str table[TABLES_NAMED]; /* that the script names */
    unsigned tables;
};

/* What outlives versions of the script. */
struct usrloc_state {
    struct locations *locations;
    struct writer *writer;   /* of db_mode 1 and 2 */
    struct row_form form;    /* how rows look, when there is a database */
    struct cluster *cluster; /* of DB_MODE_CLUSTER */
    struct hash_key key;
    enum db_mode mode;
    _Atomic int32_t interval;          /* timer_interval of the newest version */
    struct changes_counts told;        /* what the statistics have heard, by worker 0 */
    struct sweep sweep[SWEEP_WORKERS]; /* each its worker's */
};

/* ---- parameters ------------------------------------------------------------------------------ */

#define PARAM_CONF struct usrloc_conf
#define X(id, parameter, name)                                                                     \
    PARAM_STRING(parameter, column[ROW_##id], name, "column of the database table"),

static const struct param_spec params[] = {
    PARAM_NUMBER("db_mode", db_mode, 0, 3, 0,
                 "0: contacts are kept in memory only; 1: and in a database, before REGISTER is "
                 "answered; 2: and in a database, some time later; 3: in a database only"),
    PARAM_STRING("db_url", db_url, NULL, "the database; not used while db_mode is 0"),
    PARAM_NUMBER("timer_interval", timer_interval, 1, 86400, 60,
                 "within this time every contact that has run out is freed, and with db_mode 2 "
                 "what has changed is written",
                 .unit = "s"),
    PARAM_SWITCH("use_domain", settings.use_domain, 0,
                 "1: an address of record is user@domain; 0: the user alone"),
    PARAM_SWITCH("desc_time_order", desc_time_order, 0,
                 "1: the newest contact first; 0: the one with the highest q"),
    PARAM_SWITCH(
        "matching_mode", matching_mode, 0,
        "1: the same contact URI under another Call-ID is another contact; 0: it is the same"),
    PARAM_NUMBER("cseq_delay", cseq_delay, 0, 86400, 33,
                 "how long a REGISTER with known Call-ID and CSeq counts as a retransmission",
                 .unit = "s"),
    PARAM_NUMBER("hash_size", hash_size, 0, HASH_SIZE_MAX, HASH_SIZE_DEFAULT,
                 "a table has 2 to this power parts, each locked by itself; 0 and 1 mean 9"),
    PARAM_NUMBER("max_total_contacts", max_total, 0, INT32_MAX, 2000000,
                 "contacts of all tables in memory; new ones beyond get 503; 0: no limit"),
    PARAM_NUMBER("max_source_contacts", max_source, 0, INT32_MAX, 100000,
                 "contacts in memory that came from one address (IPv6: one /64); 0: no limit"),
    PARAM_NUMBER("max_unwritten_contacts", max_unwritten, 0, INT32_MAX, 200000,
                 "no new contacts while so many wait for the database; 0: no limit"),
    PARAM_NUMBER("fetch_rows", fetch_rows, 0, 1000000, 2000,
                 "rows read at a time at start; 0: all at once"),
    PARAM_STRING(
        "cluster_uri", cluster_uri, NULL,
        "with a db_url of redis://: where the other hosts reach this one; else the first socket"),
    PARAM_NUMBER("cluster_deadline", cluster_deadline, 1, 60000, 500,
                 "with a db_url of redis://: how long an answer of Redis is waited for",
                 .unit = "ms"),
    PARAM_FLAG("nat_bflag", settings.nat_bflag,
               "branch flag that marks a contact behind NAT; -1 for none", .unit = "flag"),
    /* clang-format off */
    ROW_COLUMN_LIST(X)
    /* clang-format on */
    PARAM_STRING("instance_column", column[ROW_INSTANCE], "instance",
                 "column of +sip.instance, used when the tables have it"),
    PARAM_STRING("reg_id_column", column[ROW_REG_ID], "reg_id", "column of reg-id, the same"),
    PARAM_STRING("method_column", column[ROW_METHODS], "methods",
                 "methods_column, its name in 1.0"),
    {.name = NULL},
};
#undef X

/* ---- the database ---------------------------------------------------------------------------- */

static enum db_mode mode_of(const struct usrloc_conf *k)
{
    bool redis = str_istarts(k->db_url, STR("redis://"));
    return redis && k->db_mode != DB_MODE_MEMORY ? DB_MODE_CLUSTER : (enum db_mode)k->db_mode;
}

/* Whether there are tables of rows. */
static bool has_rows(enum db_mode mode)
{
    return mode != DB_MODE_MEMORY && mode != DB_MODE_CLUSTER;
}

static bool wants_db(const void *conf)
{
    return has_rows(mode_of(conf));
}

static const struct db_use db_use = {.url = offsetof(struct usrloc_conf, db_url),
                                     .wanted = wants_db};

static bool names(const struct usrloc_conf *k, struct str table)
{
    for (unsigned i = 0; k && i < k->tables; i++)
        if (str_eq(k->table[i], table))
            return true;
    return false;
}

int usrloc_use_table(struct prepare *p, struct str table)
{
    struct usrloc_conf *k = prepare_conf(p, &usrloc_module.symbols);
    if (!k || names(k, table)) /* without usrloc: that is said when the function runs */
        return ERR_OK;
    if (k->tables == TABLES_NAMED) {
        buf_printf(p->error, "usrloc: a script can name %d tables at most", TABLES_NAMED);
        return ERR_LIMIT;
    }
    k->table[k->tables] = arena_dup(p->arena, table);
    return k->table[k->tables++].p ? ERR_OK : ERR_NOMEM;
}

static void make_form(struct row_form *f, const struct module_start *begin)
{
    const struct usrloc_conf *k = begin->conf;
    *f = (struct row_form){.db = begin->db,
                           .use_domain = k->settings.use_domain,
                           .match_call_id = k->matching_mode == 1,
                           .fetch = (unsigned)k->fetch_rows};
    memcpy(f->column, k->column, sizeof f->column);
    f->column[ROW_MODIFIED] = STR("last_modified");
    f->sockets = begin->sockets < ROW_SOCKETS ? begin->sockets : ROW_SOCKETS;
    for (unsigned i = 0; i < f->sockets; i++)
        f->socket[i] = begin->socket[i];
}

/* The names of columns are the first configuration's, which goes with its version. */
static bool keep_columns(struct row_form *f)
{
    size_t size = 0;
    for (unsigned i = 0; i < ROW_COLUMNS; i++)
        size += f->column[i].len;
    char *text = malloc(size + 1);
    if (!text)
        return false;
    for (unsigned i = 0; i < ROW_COLUMNS; i++) {
        struct str s = f->column[i];
        if (s.len)
            memcpy(text, s.p, s.len);
        f->column[i] = str_make(text, s.len);
        text += s.len;
    }
    return true;
}

static int load(void *store, struct str table, store_put put, void *arg)
{
    const struct usrloc_state *s = store;
    return rows_load(&s->form, table, put, arg);
}

static void note(void *store, enum store_event event, struct str table, struct str aor,
                 const struct ucontact *c)
{
    struct usrloc_state *s = store;
    (void)event;
    writer_note(s->writer, table, aor, c);
}

static const struct location_store shared_store = {.name = "Redis", .note = note};
static const struct location_store database = {.name = "the database", .load = load, .note = note};

/* Instance and reg-id are stored when all tables have room for them, which a reload cannot change.
 */
static bool look_for_flows(struct usrloc_state *s, const struct module_start *begin,
                           const struct usrloc_conf *before)
{
    const struct usrloc_conf *k = begin->conf;
    bool all = true;
    for (unsigned i = 0; has_rows(s->mode) && all && i < k->tables; i++) {
        bool has = names(before, k->table[i]) || row_has_flows(&s->form, k->table[i]);
        if (!has && before && s->form.flows) {
            buf_printf(begin->why, "table %.*s has no columns %.*s and %.*s, which the others have",
                       STR_ARG(k->table[i]), STR_ARG(s->form.column[ROW_INSTANCE]),
                       STR_ARG(s->form.column[ROW_REG_ID]));
            return false;
        }
        all = has;
    }
    if (!before)
        s->form.flows = all;
    return true;
}

/* The tables that a version names and the one before did not: their versions are looked at, and
 * they are read. A reload that names no new one needs no database. */
static bool open_tables(struct usrloc_state *s, const struct module_start *begin,
                        const struct usrloc_conf *before)
{
    const struct usrloc_conf *k = begin->conf;
    if (!look_for_flows(s, begin, before))
        return false;
    for (unsigned i = 0; has_rows(s->mode) && i < k->tables; i++) {
        if (names(before, k->table[i]))
            continue;
        if (db_check_version(begin->db, k->table[i], TABLE_VERSION, TABLE_VERSION, begin->why) !=
            ERR_OK)
            return false;
        if (s->mode != DB_MODE_ONLY &&
            locations_open(s->locations, k->table[i], s->key) != ERR_OK) {
            buf_printf(begin->why, "table %.*s of %s cannot be read", STR_ARG(k->table[i]),
                       db_name(begin->db));
            return false;
        }
    }
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

static unsigned table_bits(const struct usrloc_conf *k)
{
    return (unsigned)(k->hash_size > 1 ? k->hash_size : HASH_SIZE_DEFAULT);
}

static void stop(void *state)
{
    struct usrloc_state *s = state;
    writer_free(s->writer);
    cluster_free(s->cluster);
    locations_free(s->locations);
    if (has_rows(s->mode))
        free((char *)s->form.column[0].p);
    free(s);
}

/* The URI by which other hosts know this one. */
static bool join_cluster(struct usrloc_state *s, const struct module_start *begin)
{
    const struct usrloc_conf *k = begin->conf;
    struct addr a;
    char text[ADDR_TEXT], uri[ADDR_TEXT + 8];
    struct str self = k->cluster_uri;
    if (!self.len && begin->sockets) {
        a = begin->socket[0];
        struct str where = addr_text(text, &a); /* udp:address:port */
        ptrdiff_t colon = str_find(where, ':', 0);
        struct buf b;
        buf_fixed(&b, uri, sizeof uri);
        buf_printf(&b, "sip%.*s", STR_ARG(str_sub(where, (size_t)colon, where.len)));
        self = buf_str(&b);
    }
    s->cluster = cluster_new(k->db_url, self, (uint32_t)k->cluster_deadline, s->form.match_call_id,
                             begin->why);
    return s->cluster;
}

static bool make_writer(struct usrloc_state *s)
{
    bool shared = s->mode == DB_MODE_CLUSTER;
    s->writer = writer_new(s->key, s->locations, s->mode != DB_MODE_BACK, s->form.match_call_id,
                           shared ? &cluster_backend : &row_backend,
                           shared ? (void *)s->cluster : &s->form);
    if (s->writer && shared)
        cluster_use(s->cluster, s->locations, s->writer);
    return s->writer;
}

static bool make_state(struct usrloc_state *s, const struct module_start *begin)
{
    const struct usrloc_conf *k = begin->conf;
    const struct location_store *store = s->mode == DB_MODE_CLUSTER ? &shared_store
                                         : s->mode == DB_MODE_THROUGH || s->mode == DB_MODE_BACK
                                             ? &database
                                             : NULL;
    s->key = begin->key;
    atomic_init(&s->interval, k->timer_interval);
    s->form.match_call_id = k->matching_mode == 1;
    if (has_rows(s->mode)) {
        make_form(&s->form, begin);
        if (!keep_columns(&s->form)) {
            s->form.column[0].p = NULL;
            return false;
        }
    }
    if (s->mode == DB_MODE_CLUSTER && !join_cluster(s, begin))
        return false;
    s->locations = locations_new(table_bits(k), s->form.match_call_id, store, s);
    return s->locations && (!store || make_writer(s)) && open_tables(s, begin, NULL);
}

static void *start(const struct module_start *begin, bool *failed)
{
    struct usrloc_state *s = calloc(1, sizeof *s);
    *failed = true;
    if (!s)
        return NULL;
    s->mode = mode_of(begin->conf);
    *failed = !make_state(s, begin);
    if (*failed) {
        stop(s);
        return NULL;
    }
    return s;
}

static bool same_columns(const struct usrloc_conf *a, const struct usrloc_conf *b)
{
    for (unsigned i = 0; i < ROW_MODIFIED; i++)
        if (!str_eq(a->column[i], b->column[i]))
            return false;
    return true;
}

static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    const struct usrloc_conf *a = old_conf, *b = next->conf;
    struct usrloc_state *s = state;
    bool stored = a->db_mode != DB_MODE_MEMORY && b->db_mode != DB_MODE_MEMORY;
    const struct {
        bool changed;
        const char *name, *reason;
    } fixed[] = {
        {a->db_mode != b->db_mode, "db_mode", "the database is opened at start"},
        {stored && (next->db != s->form.db || mode_of(a) != mode_of(b)), "db_url",
         "the database is opened at start"},
        {stored && a->matching_mode != b->matching_mode, "matching_mode",
         "rows are known by what it says"},
        {stored && !same_columns(a, b), "the name of a column", "the tables are read at start"},
        {s->mode == DB_MODE_CLUSTER &&
             (!str_eq(a->db_url, b->db_url) || !str_eq(a->cluster_uri, b->cluster_uri) ||
              a->cluster_deadline != b->cluster_deadline),
         "db_url, cluster_uri or cluster_deadline", "Redis is known from the start"},
        {table_bits(a) != table_bits(b), "hash_size", "the tables are made at start"},
        {a->settings.use_domain != b->settings.use_domain, "use_domain",
         "what is registered could not be found any more"},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (fixed[i].changed) {
            buf_printf(next->why, "%susrloc: %s cannot be changed live: %s",
                       next->why->len ? "; " : "", fixed[i].name, fixed[i].reason);
            return false;
        }
    return open_tables(s, next, a);
}

static void reloaded(void *state, const void *old_conf, const struct module_start *next)
{
    const struct usrloc_conf *b = next->conf;
    struct usrloc_state *s = state;
    (void)old_conf;
    atomic_store_explicit(&s->interval, b->timer_interval, memory_order_relaxed);
}

/* ---- the API --------------------------------------------------------------------------------- */

enum { STAT_USERS, STAT_CONTACTS, STAT_EXPIRED, STAT_WAITING, STAT_FAILED, STAT_REFUSED };

static const struct stat_spec stats[] = {
    [STAT_USERS] = {"registered_users", true, "addresses of record with a contact"},
    [STAT_CONTACTS] = {"registered_contacts", true, "contacts of all tables"},
    [STAT_EXPIRED] = {"expired_contacts", false, "contacts that ran out"},
    [STAT_WAITING] = {"unwritten_contacts", true, "changed contacts the database has not got yet"},
    [STAT_FAILED] = {"failed_writes", false, "writes of contacts that failed and are tried again"},
    [STAT_REFUSED] = {"refused_contacts", false, "contacts the database did not take"},
    {0},
};

static void forget_old(void *arg, int status, const struct db_result *r)
{
    (void)arg, (void)status, (void)r; /* what is left is for the next time; lane.c has logged it */
}

/* Rows that ran out, whoever wrote them, are taken away once an interval. */
static void delete_old(struct usrloc_state *s, const struct usrloc_conf *k,
                       const struct worker_here *here)
{
    struct row_query q;
    for (unsigned i = 0; i < k->tables; i++) {
        row_delete_old(&q, &s->form, k->table[i], here->wall);
        db_run(s->form.db, here->index, here->loop, &q.query, forget_old, NULL);
    }
}

static void count_writes(struct engine *e, struct usrloc_state *s)
{
    struct changes_counts n = changes_counts(writer_changes(s->writer)), t = s->told;
    engine_count_stat(e, &usrloc_module, STAT_WAITING, (int64_t)(n.waiting - t.waiting));
    engine_count_stat(e, &usrloc_module, STAT_FAILED, (int64_t)(n.failed - t.failed));
    engine_count_stat(e, &usrloc_module, STAT_REFUSED, (int64_t)(n.refused - t.refused));
    s->told = n;
}

/* Sweeps a part of the tables, so that all of them have had their turn after timer_interval. */
static void sweep_some(struct engine *e, struct usrloc_state *s, const struct worker_here *here)
{
    sweep_second(&s->sweep[here->index], s->locations, here->loop, here->wall, here->index,
                 engine_workers(e),
                 (unsigned)atomic_load_explicit(&s->interval, memory_order_relaxed));
}

static void on_second(struct engine *e, void *state, const void *conf)
{
    const struct usrloc_conf *k = conf;
    struct usrloc_state *s = state;
    struct worker_here here = {engine_index(e), engine_loop(e), (uint32_t)engine_time(e)};
    if (s->locations)
        sweep_some(e, s, &here);
    if (s->mode == DB_MODE_MEMORY)
        return;
    if (s->cluster)
        cluster_second(s->cluster, here.index);
    if (s->writer)
        changes_second(writer_changes(s->writer), &here, (unsigned)k->timer_interval);
    if (here.index != 0)
        return;
    if (s->writer)
        count_writes(e, s);
    if (has_rows(s->mode) && here.wall % (uint32_t)k->timer_interval == 0)
        delete_old(s, k, &here);
}

static const struct usrloc_conf *conf_of(const struct call *c)
{
    return call_conf(c, &usrloc_module);
}

static const struct usrloc_state *state_of(const struct call *c)
{
    return call_state(c, &usrloc_module);
}

static struct locations *locations_of(const struct call *c)
{
    return state_of(c)->locations;
}

static struct location_key key_of(const struct call *c, struct str table, struct str aor)
{
    return (struct location_key){call_hash_key(c), table, aor};
}

/* Brings the statistics up to date; sweeping, which has no call, leaves its share to the next. */
static void count_changes(const struct call *c)
{
    struct location_counts n = locations_take_counts(locations_of(c));
    if (n.users)
        call_count(c, &usrloc_module, STAT_USERS, n.users);
    if (n.contacts)
        call_count(c, &usrloc_module, STAT_CONTACTS, n.contacts);
    if (n.expired)
        call_count(c, &usrloc_module, STAT_EXPIRED, n.expired);
}

static void leave(void *state, unsigned worker)
{
    struct usrloc_state *s = state;
    sweep_stop(&s->sweep[worker]);
    if (s->cluster)
        cluster_leave(s->cluster, worker);
}

static const struct usrloc_settings *settings(const struct call *c)
{
    return &conf_of(c)->settings;
}

static int find(struct call *c, struct str table, struct str aor, struct ucontacts *out)
{
    struct location_key k = key_of(c, table, aor);
    return locations_find(locations_of(c), &k, (uint32_t)call_time(c), c->arena, out);
}

static struct record_rules rules_of(const struct call *c, const struct usrloc_update *u,
                                    bool any_cseq)
{
    const struct usrloc_conf *conf = conf_of(c);
    struct record_rules rules = {
        .now = (uint32_t)call_time(c),
        .match_call_id = conf->matching_mode == 1,
        .newest_first = conf->desc_time_order || u->newest_first,
        .any_cseq = any_cseq,
        .cseq_delay = (uint32_t)conf->cseq_delay,
        .max = USRLOC_CONTACTS_MAX,
    };
    if (u->max_contacts && u->max_contacts < rules.max)
        rules.max = u->max_contacts;
    return rules;
}

/* What the sender of this message may add. */
static struct limits_claim claim_of(const struct call *c)
{
    const struct usrloc_conf *conf = conf_of(c);
    struct writer *w = state_of(c)->writer;
    return (struct limits_claim){.source = c->msg->src.ip,
                                 .slot = limits_slot(call_hash_key(c), &c->msg->src.ip),
                                 .total = conf->max_total,
                                 .of_source = conf->max_source,
                                 .unwritten = conf->max_unwritten,
                                 .waiting =
                                     w ? (int64_t)changes_counts(writer_changes(w)).waiting : 0,
                                 .now = (uint32_t)call_time(c)};
}

static int apply(struct call *c, const struct usrloc_update *u, bool any_cseq,
                 struct ucontacts *after)
{
    struct location_key k = key_of(c, u->table, u->aor);
    struct record_rules rules = rules_of(c, u, any_cseq);
    struct limits_claim claim = claim_of(c);
    rules.claim = &claim;
    if (after)
        *after = (struct ucontacts){NULL, 0};
    if (state_of(c)->mode == DB_MODE_ONLY)
        return ERR_UNSUPPORTED;
    int rc = locations_update(locations_of(c), &k, u, &rules, c->arena, after);
    count_changes(c);
    return rc;
}

/* A lookup that asks Redis first; in the call's arena. */
struct looking {
    struct str table, aor;
    usrloc_done done;
    void *arg;
};

static int looked(struct call *c, void *arg)
{
    const struct looking *l = arg;
    struct ucontacts list;
    int rc = find(c, l->table, l->aor, &list);
    return l->done(c, l->arg, rc, &list);
}

static int shared_lookup(struct call *c, struct str table, struct str aor, usrloc_done done,
                         void *arg)
{
    struct location_key k = key_of(c, table, aor);
    static const struct ucontacts none = {NULL, 0};
    struct looking *l = arena_alloc(c->arena, sizeof *l);
    if (!l)
        return done(c, arg, ERR_NOMEM, &none);
    *l = (struct looking){table, aor, done, arg};
    return cluster_refresh(c, state_of(c)->cluster, &k, looked, l);
}

static int lookup(struct call *c, struct str table, struct str aor, usrloc_done done, void *arg)
{
    struct ucontacts list;
    if (state_of(c)->mode == DB_MODE_ONLY)
        return direct_lookup(c, &state_of(c)->form, table, aor, conf_of(c)->desc_time_order, done,
                             arg);
    if (state_of(c)->cluster)
        return shared_lookup(c, table, aor, done, arg);
    int rc = find(c, table, aor, &list);
    return done(c, arg, rc, &list);
}

/* A save that waits until its contacts are written; in the call's arena. */
struct saving {
    const struct usrloc_update *update;
    usrloc_done done;
    void *arg;
    struct ucontacts list;
};

static int saved(struct call *c, void *arg, int status, const void *answer)
{
    struct saving *s = arg;
    (void)answer;
    if (state_of(c)->cluster) /* without Redis the phone is found here at least, and later there */
        status = ERR_OK;
    return s->done(c, s->arg, status == ERR_FULL ? ERR_FULL : row_status(status), &s->list);
}

/* The wait outlives its call, which may be given up meanwhile. */
static void written(void *arg, int status)
{
    wait_end(arg, status, NULL);
}

static int wait_written(struct call *c, struct saving *s)
{
    const struct usrloc_update *u = s->update;
    const struct worker_here here = {call_worker(c), call_loop(c), (uint32_t)call_time(c)};
    int status;
    struct wait *w = call_wait(c, NULL, saved, s, &status);
    if (!w)
        return saved(c, s, status, NULL);
    const struct str group[CHANGES_GROUP] = {u->table, u->aor};
    if (changes_push(writer_changes(state_of(c)->writer), &here, group, written, w, &status))
        return CALL_SUSPENDED;
    wait_drop(w);
    return saved(c, s, status, NULL);
}

/* Makes the change in memory; with at_once its contacts are written then. */
static int save_here(struct call *c, void *arg)
{
    struct saving *s = arg;
    enum db_mode mode = state_of(c)->mode;
    int rc = apply(c, s->update, false, &s->list);
    if (rc == ERR_OK && (mode == DB_MODE_THROUGH || mode == DB_MODE_CLUSTER))
        return wait_written(c, s);
    return s->done(c, s->arg, rc, &s->list);
}

static int save(struct call *c, const struct usrloc_update *u, usrloc_done done, void *arg)
{
    static const struct ucontacts none = {NULL, 0};
    const struct usrloc_state *state = state_of(c);
    struct record_rules rules = rules_of(c, u, false);
    struct location_key k = key_of(c, u->table, u->aor);
    if (state->mode == DB_MODE_ONLY)
        return direct_save(c, &state->form, u, &rules, done, arg);
    struct saving *s = arena_alloc(c->arena, sizeof *s);
    if (!s)
        return done(c, arg, ERR_NOMEM, &none);
    *s = (struct saving){u, done, arg, none};
    return state->cluster ? cluster_refresh(c, state->cluster, &k, save_here, s) : save_here(c, s);
}

static int update(struct call *c, const struct usrloc_update *u, struct ucontacts *after)
{
    return apply(c, u, false, after);
}

static int insert(struct call *c, struct str table, struct str aor, const struct ucontact *contact)
{
    struct usrloc_update u = {.table = table, .aor = aor, .change = {contact, 1}};
    return apply(c, &u, true, NULL);
}

/* As changes: the removal of each contact with that URI, whatever its Call-ID. */
static struct ucontacts removals(struct call *c, const struct ucontacts *now, struct str uri)
{
    struct ucontact *v = arena_zalloc(c->arena, now->n * sizeof *v);
    unsigned n = 0;
    for (unsigned i = 0; v && i < now->n; i++)
        if (str_eq(now->v[i].uri, uri))
            v[n++] = (struct ucontact){.uri = uri, .call_id = now->v[i].call_id, .remove = true};
    return (struct ucontacts){v, n};
}

static int remove_contact(struct call *c, struct str table, struct str aor, struct str uri)
{
    struct ucontacts now;
    int rc = find(c, table, aor, &now);
    if (rc != ERR_OK)
        return rc;
    struct usrloc_update u = {.table = table, .aor = aor, .clear = uri.len == 0};
    if (!u.clear)
        u.change = removals(c, &now, uri);
    return u.clear || u.change.n ? apply(c, &u, true, NULL) : ERR_NOTFOUND;
}

static const struct usrloc_settings *engine_settings(const struct engine *e)
{
    const struct usrloc_conf *conf = engine_conf(e, &usrloc_module);
    return &conf->settings;
}

static void each(struct engine *e, unsigned part, unsigned parts, usrloc_each_fn fn, void *arg)
{
    const struct usrloc_state *s = engine_state(e, &usrloc_module);
    locations_each(s->locations, (uint32_t)engine_time(e), part, parts, fn, arg);
}

bool usrloc_has_table(const struct mi *m, struct str table)
{
    const struct usrloc_conf *conf = mi_conf(m);
    const struct usrloc_state *s = mi_state(m);
    for (unsigned i = 0; i < conf->tables; i++)
        if (str_eq(conf->table[i], table))
            return true;
    return locations_known(s->locations, table);
}

struct usrloc_view usrloc_view(const struct mi *m)
{
    const struct usrloc_conf *conf = mi_conf(m);
    const struct usrloc_state *s = mi_state(m);
    return (struct usrloc_view){.locations = s->locations,
                                .use_domain = conf->settings.use_domain,
                                .in_memory = s->mode != DB_MODE_ONLY,
                                .rules = {.now = (uint32_t)mi_time(m),
                                          .match_call_id = conf->matching_mode == 1,
                                          .newest_first = conf->desc_time_order,
                                          .any_cseq = true,
                                          .max = USRLOC_CONTACTS_MAX}};
}

void usrloc_flush(const struct mi *m)
{
    struct engine *e = mi_engine(m);
    const struct usrloc_state *s = mi_state(m);
    struct worker_here here = {engine_index(e), engine_loop(e), (uint32_t)engine_time(e)};
    if (s->writer)
        changes_flush(writer_changes(s->writer), &here);
}

static const struct usrloc_api api = {settings,       lookup,          save, find, update, insert,
                                      remove_contact, engine_settings, each};

const struct module usrloc_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "usrloc",
                .doc = "keeps where users are: the contacts of each address of record",
                .params = params,
                .conf_size = sizeof(struct usrloc_conf)},
    .stats = stats,
    .commands = usrloc_commands,
    .api = &api,
    .start = start,
    .stop = stop,
    .reload = reload,
    .reloaded = reloaded,
    .db = &db_use,
    .on_second = on_second,
    .leave = leave,
};
