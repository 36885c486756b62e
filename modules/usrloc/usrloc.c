/* The usrloc module: parameters, statistics, and the API through which registrar works. Where
 * contacts live is in table.c, what a REGISTER does to them in record.c. */
/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdlib.h>

#include "modules/usrloc/store.h"
#include "modules/usrloc/table.h"
#include "modules/usrloc/usrloc.h"

/* Prototype of the one thing the registry needs. */
extern const struct module usrloc_module;

struct usrloc_conf {
    struct usrloc_settings settings; /* what other modules see */
    int32_t db_mode, timer_interval, desc_time_order, matching_mode, cseq_delay, hash_size;
    int32_t fetch_rows;
    struct str db_url;
    struct str column; /* any of the column names: kept for the driver to come */
};

/* What outlives versions of the script. */
struct usrloc_state {
    struct locations *locations;
    const struct location_store *driver;
    void *store;
    _Atomic int32_t interval; /* timer_interval of the newest version */
};

enum { HASH_SIZE_DEFAULT = 9, HASH_SIZE_MAX = 16 };

/* ---- parameters ------------------------------------------------------------------------------ */

#define INT(name, field, lo, hi, def, unit, doc)                                                   \
    {                                                                                              \
        name, PARAM_INT, offsetof(struct usrloc_conf, field), lo, hi, def, NULL, NULL, unit, doc   \
    }
#define TEXT(name, field, def, doc)                                                                \
    {                                                                                              \
        name, PARAM_STR, offsetof(struct usrloc_conf, field), 0, 0, 0, def, NULL, NULL, doc        \
    }
#define COLUMN(name, def) TEXT(name, column, def, "column of the database table")

static const struct param_spec params[] = {
    INT("db_mode", db_mode, 0, 3, 0, NULL,
        "0 keeps contacts in memory only; 1 to 3 ask for a database, which is not built yet"),
    TEXT("db_url", db_url, "mysql://openser:openserrw@localhost/openser",
         "the database; not used while db_mode is 0"),
    INT("timer_interval", timer_interval, 1, 86400, 60, "s",
        "within this time every contact that has run out is freed; until then it is only ignored"),
    INT("use_domain", settings.use_domain, 0, 1, 0, NULL,
        "1: an address of record is user@domain; 0: the user alone"),
    INT("desc_time_order", desc_time_order, 0, 1, 0, NULL,
        "1: the newest contact first; 0: the one with the highest q"),
    INT("matching_mode", matching_mode, 0, 1, 0, NULL,
        "1: the same contact URI under another Call-ID is another contact; 0: it is the same"),
    INT("cseq_delay", cseq_delay, 0, 86400, 33, "s",
        "how long a REGISTER with known Call-ID and CSeq counts as a retransmission"),
    INT("hash_size", hash_size, 0, HASH_SIZE_MAX, HASH_SIZE_DEFAULT, NULL,
        "a table has 2 to this power parts, each locked by itself; 0 and 1 mean 9"),
    INT("fetch_rows", fetch_rows, 0, 0, 2000, NULL,
        "rows fetched at a time from a database; not used while db_mode is 0"),
    INT("nat_bflag", settings.nat_bflag, -1, 31, -1, "flag",
        "branch flag that marks a contact behind NAT; -1 for none"),
    COLUMN("user_column", "username"),
    COLUMN("domain_column", "domain"),
    COLUMN("contact_column", "contact"),
    COLUMN("expires_column", "expires"),
    COLUMN("q_column", "q"),
    COLUMN("callid_column", "callid"),
    COLUMN("cseq_column", "cseq"),
    COLUMN("flags_column", "flags"),
    COLUMN("cflags_column", "cflags"),
    COLUMN("user_agent_column", "user_agent"),
    COLUMN("received_column", "received"),
    COLUMN("path_column", "path"),
    COLUMN("socket_column", "socket"),
    COLUMN("methods_column", "methods"),
    COLUMN("method_column", "methods"), /* its name in 1.0 and 1.1 */
    {0},
};

static int check(struct prepare *p, void *conf)
{
    const struct usrloc_conf *k = conf;
    if (location_store(k->db_mode))
        return ERR_OK;
    buf_printf(p->error,
               "usrloc: db_mode %d keeps contacts in a database, and databases are not built yet",
               (int)k->db_mode);
    if (p->hint)
        buf_add(p->hint, STR("db_mode 0 keeps them in memory: they are lost at a restart, not at "
                             "a reload"));
    return ERR_UNSUPPORTED;
}

/* ---- life ------------------------------------------------------------------------------------ */

static unsigned table_bits(const struct usrloc_conf *k)
{
    return (unsigned)(k->hash_size > 1 ? k->hash_size : HASH_SIZE_DEFAULT);
}

static void stop(void *state)
{
    struct usrloc_state *s = state;
    locations_free(s->locations);
    if (s->driver->close)
        s->driver->close(s->store);
    free(s);
}

static void *start(const struct module_start *begin, bool *failed)
{
    const struct usrloc_conf *k = begin->conf;
    struct usrloc_state *s = calloc(1, sizeof *s);
    *failed = true;
    if (!s)
        return NULL;
    s->driver = location_store(k->db_mode);
    if (!s->driver || (s->driver->open && !(s->store = s->driver->open(k->db_url, failed)))) {
        free(s);
        return NULL;
    }
    atomic_init(&s->interval, k->timer_interval);
    s->locations = locations_new(table_bits(k), s->driver, s->store);
    *failed = !s->locations;
    if (*failed) {
        stop(s);
        return NULL;
    }
    return s;
}

static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    const struct usrloc_conf *a = old_conf, *b = next->conf;
    struct usrloc_state *s = state;
    const struct {
        bool changed;
        const char *name, *reason;
    } fixed[] = {
        {a->db_mode != b->db_mode, "db_mode", "the database is opened at start"},
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
    atomic_store_explicit(&s->interval, b->timer_interval, memory_order_relaxed);
    return true;
}

/* Sweeps a part of the tables, so that all of them have had their turn after timer_interval. */
static void each_second(void *state, uint64_t now, int64_t wall, unsigned worker, unsigned workers)
{
    struct usrloc_state *s = state;
    unsigned interval = (unsigned)atomic_load_explicit(&s->interval, memory_order_relaxed);
    unsigned turn = (unsigned)(wall % interval);
    (void)now;
    if (!s->locations)
        return;
    locations_sweep(s->locations, (uint32_t)wall, turn * workers + worker, interval * workers);
    if (worker == 0 && s->driver->flush)
        s->driver->flush(s->store, wall);
}

/* ---- the API --------------------------------------------------------------------------------- */

enum { STAT_USERS, STAT_CONTACTS, STAT_EXPIRED };

static const struct stat_spec stats[] = {
    [STAT_USERS] = {"registered_users", true, "addresses of record with a contact"},
    [STAT_CONTACTS] = {"registered_contacts", true, "contacts of all tables"},
    [STAT_EXPIRED] = {"expired_contacts", false, "contacts that ran out"},
    {0},
};

static const struct usrloc_conf *conf_of(const struct call *c)
{
    return call_conf(c, &usrloc_module);
}

static struct locations *locations_of(const struct call *c)
{
    const struct usrloc_state *s = call_state(c, &usrloc_module);
    return s->locations;
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

static const struct usrloc_settings *settings(const struct call *c)
{
    return &conf_of(c)->settings;
}

static int find(struct call *c, struct str table, struct str aor, struct ucontacts *out)
{
    struct location_key k = key_of(c, table, aor);
    return locations_find(locations_of(c), &k, (uint32_t)call_time(c), c->arena, out);
}

static int apply(struct call *c, const struct usrloc_update *u, bool any_cseq,
                 struct ucontacts *after)
{
    const struct usrloc_conf *conf = conf_of(c);
    struct location_key k = key_of(c, u->table, u->aor);
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
    int rc = locations_update(locations_of(c), &k, u, &rules, c->arena, after);
    count_changes(c);
    return rc;
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

static const struct usrloc_api api = {settings, find, update, insert, remove_contact};

const struct module usrloc_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "usrloc",
                .doc = "keeps where users are: the contacts of each address of record",
                .params = params,
                .conf_size = sizeof(struct usrloc_conf),
                .conf_check = check},
    .stats = stats,
    .api = &api,
    .start = start,
    .stop = stop,
    .reload = reload,
    .each_second = each_second,
};
