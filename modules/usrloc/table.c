/* Tables of records: finding the shard, changing under its lock, sweeping. */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    TABLES_MAX = 64, /* a script names a handful */
    SHARD_BITS = 1,  /* buckets a shard begins with */
    CACHE_LINE = 64,
};

struct shard {
    _Alignas(CACHE_LINE) pthread_mutex_t lock;
    struct htable records;
};

struct table {
    struct str name;
    unsigned bits; /* 2^bits shards */
    struct shard *shard;
};

/* Tables come with their first contact and stay. */
struct locations {
    pthread_mutex_t lock; /* for making tables */
    _Atomic(struct table *) table[TABLES_MAX];
    unsigned bits;
    bool match_call_id;
    const struct location_store *driver;
    void *store;
    struct limits *limits;
    _Atomic int64_t users, contacts, expired; /* changes not taken yet */
};

/* ---- tables ---------------------------------------------------------------------------------- */

static void shards_free(struct shard *shard, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        pthread_mutex_destroy(&shard[i].lock);
        htable_free(&shard[i].records);
    }
    free(shard);
}

static struct shard *shards_new(size_t n)
{
    struct shard *shard = aligned_alloc(CACHE_LINE, n * sizeof *shard);
    for (size_t i = 0; shard && i < n; i++) {
        if (htable_init(&shard[i].records, SHARD_BITS) != ERR_OK) {
            shards_free(shard, i);
            return NULL;
        }
        pthread_mutex_init(&shard[i].lock, NULL);
    }
    return shard;
}

static struct table *table_new(struct str name, unsigned bits)
{
    struct table *t = malloc(sizeof *t + name.len);
    if (!t)
        return NULL;
    char *text = (char *)(t + 1);
    if (name.len)
        memcpy(text, name.p, name.len);
    *t = (struct table){str_make(text, name.len), bits, shards_new((size_t)1 << bits)};
    if (!t->shard) {
        free(t);
        return NULL;
    }
    return t;
}

static void free_record(struct hnode *n, void *arg)
{
    (void)arg;
    record_free(container_of(n, struct record, node));
}

static void table_free(struct table *t)
{
    size_t n = (size_t)1 << t->bits;
    for (size_t i = 0; i < n; i++)
        htable_each(&t->shard[i].records, free_record, NULL);
    shards_free(t->shard, n);
    free(t);
}

/* The table of that name, or NULL; *free_slot: where a new one would go. */
static struct table *table_find(struct locations *l, struct str name, unsigned *free_slot)
{
    unsigned i = 0;
    for (; i < TABLES_MAX; i++) {
        struct table *t = atomic_load_explicit(&l->table[i], memory_order_acquire);
        if (!t)
            break;
        if (str_eq(t->name, name))
            return t;
    }
    *free_slot = i;
    return NULL;
}

struct locations *locations_new(unsigned bits, bool match_call_id,
                                const struct location_store *driver, void *store)
{
    struct locations *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    pthread_mutex_init(&l->lock, NULL);
    l->bits = bits;
    l->match_call_id = match_call_id;
    l->driver = driver;
    l->store = store;
    l->limits = limits_new();
    if (!l->limits) {
        locations_free(l);
        return NULL;
    }
    return l;
}

void locations_free(struct locations *l)
{
    if (!l)
        return;
    for (unsigned i = 0; i < TABLES_MAX && l->table[i]; i++)
        table_free(l->table[i]);
    limits_free(l->limits);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* ---- records --------------------------------------------------------------------------------- */

static uint64_t key_hash(const struct location_key *k)
{
    return hash_str(k->key, k->aor);
}

/* The shard of a hash: its high bits, since the table inside uses the low ones. */
static struct shard *shard_of(const struct table *t, uint64_t hash)
{
    return &t->shard[t->bits ? hash >> (64 - t->bits) : 0];
}

static struct record *shard_find(struct shard *s, struct str aor, uint64_t hash)
{
    for (struct hnode *n = htable_first(&s->records, hash); n; n = htable_next(n)) {
        struct record *r = container_of(n, struct record, node);
        if (str_eq(record_aor(r), aor))
            return r;
    }
    return NULL;
}

/* ---- counts ---------------------------------------------------------------------------------- */

static void count(struct locations *l, int64_t users, int64_t contacts, int64_t expired)
{
    if (users)
        atomic_fetch_add_explicit(&l->users, users, memory_order_relaxed);
    if (contacts)
        atomic_fetch_add_explicit(&l->contacts, contacts, memory_order_relaxed);
    if (expired)
        atomic_fetch_add_explicit(&l->expired, expired, memory_order_relaxed);
}

struct location_counts locations_take_counts(struct locations *l)
{
    return (struct location_counts){
        .users = atomic_exchange_explicit(&l->users, 0, memory_order_relaxed),
        .contacts = atomic_exchange_explicit(&l->contacts, 0, memory_order_relaxed),
        .expired = atomic_exchange_explicit(&l->expired, 0, memory_order_relaxed)};
}

/* ---- loading --------------------------------------------------------------------------------- */

/* Where a store puts what it loads. */
struct loading {
    struct locations *l;
    struct table *t;
    struct hash_key key;
};

static int load_one(void *arg, struct str aor, const struct ucontact *c)
{
    struct loading *d = arg;
    uint64_t hash = hash_str(d->key, aor);
    struct shard *s = shard_of(d->t, hash);
    struct record *r = aor.len <= USRLOC_AOR_MAX ? shard_find(s, aor, hash) : NULL;
    bool fresh = !r;
    if (aor.len > USRLOC_AOR_MAX)
        return ERR_LIMIT;
    if (fresh && !(r = record_new(aor)))
        return ERR_NOMEM;
    int rc = record_load(r, c, d->l->match_call_id);
    if (fresh && rc == ERR_OK)
        htable_insert(&s->records, &r->node, hash);
    else if (fresh)
        record_free(r);
    if (rc == ERR_OK) {
        count(d->l, fresh, 1, 0);
        limits_count(d->l->limits, 0, 1);
    }
    return rc;
}

/* Fills a table that nobody else knows yet. */
static int table_load(struct locations *l, struct table *t, struct hash_key key)
{
    struct loading d = {l, t, key};
    int rc =
        l->driver && l->driver->load ? l->driver->load(l->store, t->name, load_one, &d) : ERR_OK;
    if (rc != ERR_OK)
        log_err("usrloc: table %.*s could not be loaded whole from %s", STR_ARG(t->name),
                l->driver->name);
    return rc;
}

/* The table of that name, made when it is not there; NULL without memory or when there are too
 * many. *loaded: how filling it went. */
static struct table *table_make(struct locations *l, struct str name, struct hash_key key,
                                int *loaded)
{
    unsigned slot;
    struct table *t = table_find(l, name, &slot);
    *loaded = ERR_OK;
    if (t)
        return t;
    pthread_mutex_lock(&l->lock);
    t = table_find(l, name, &slot);
    if (!t && slot < TABLES_MAX && (t = table_new(name, l->bits))) {
        *loaded = table_load(l, t, key);
        atomic_store_explicit(&l->table[slot], t, memory_order_release);
    }
    pthread_mutex_unlock(&l->lock);
    return t;
}

static struct table *table_get(struct locations *l, const struct location_key *k)
{
    int loaded;
    return table_make(l, k->table, k->key, &loaded);
}

int locations_open(struct locations *l, struct str name, struct hash_key key)
{
    int loaded;
    return table_make(l, name, key, &loaded) ? loaded : ERR_NOMEM;
}

int locations_find(struct locations *l, const struct location_key *k, uint32_t now, struct arena *a,
                   struct ucontacts *out)
{
    struct table *t = table_get(l, k);
    if (out)
        *out = (struct ucontacts){NULL, 0};
    if (!t)
        return ERR_NOTFOUND;
    uint64_t hash = key_hash(k);
    struct shard *s = shard_of(t, hash);
    pthread_mutex_lock(&s->lock);
    struct record *r = shard_find(s, k->aor, hash);
    int rc = r ? record_copy(r, now, a, out) : ERR_NOTFOUND;
    pthread_mutex_unlock(&s->lock);
    return rc;
}

int locations_get(struct locations *l, const struct location_key *k, struct str uri,
                  struct str call_id, struct arena *a, struct ucontact *out)
{
    struct table *t = table_get(l, k);
    if (!t)
        return ERR_NOTFOUND;
    uint64_t hash = key_hash(k);
    struct shard *s = shard_of(t, hash);
    pthread_mutex_lock(&s->lock);
    struct record *r = shard_find(s, k->aor, hash);
    const struct binding *b = r ? record_find(r, uri, call_id) : NULL;
    struct str text = b ? arena_dup(a, str_make(b->text, binding_text_len(b))) : STR_NONE;
    if (b && text.p)
        binding_view(out, b, text.p);
    pthread_mutex_unlock(&s->lock);
    return !b ? ERR_NOTFOUND : text.p ? ERR_OK : ERR_NOMEM;
}

/* ---- changes --------------------------------------------------------------------------------- */

static void note(const struct locations *l, enum store_event event, const struct location_key *k,
                 const struct binding *b)
{
    struct ucontact c;
    if (!l->driver || !l->driver->note || (b->flags & USRLOC_MEMORY_ONLY))
        return;
    binding_view(&c, b, b->text);
    l->driver->note(l->store, event, k->table, k->aor, &c);
}

/* Counts and tells the store what a plan did, and frees what is gone; how many of these had run
 * out. */
static int64_t plan_finish(const struct locations *l, const struct plan *p,
                           const struct location_key *k, const struct record_rules *rules)
{
    uint32_t now = rules->now;
    int64_t expired = 0;
    for (unsigned i = 0; i < p->gones; i++) {
        if (!rules->stored && !p->gone[i].replaced && binding_live(p->gone[i].b, now))
            note(l, STORE_REMOVE, k, p->gone[i].b);
        expired += !binding_live(p->gone[i].b, now);
        limits_count(l->limits, p->gone[i].b->source, -1);
        free(p->gone[i].b);
    }
    for (unsigned i = 0; i < p->n; i++) {
        if (p->item[i].state == PLAN_KEPT)
            continue;
        limits_count(l->limits, p->item[i].b->source, 1);
        if (!rules->stored)
            note(l, p->item[i].state == PLAN_INSERTED ? STORE_INSERT : STORE_UPDATE, k,
                 p->item[i].b);
    }
    return expired;
}

/* What is noted of a whole table. */
struct telling {
    const struct locations *l;
    struct str table;
};

static void tell_record(struct hnode *n, void *arg)
{
    const struct telling *t = arg;
    const struct record *r = container_of(n, struct record, node);
    const struct location_key k = {.table = t->table, .aor = record_aor(r)};
    for (const struct binding *b = r->first; b; b = b->next)
        if (!(b->flags & USRLOC_REMOTE))
            note(t->l, STORE_UPDATE, &k, b);
}

void locations_note_all(struct locations *l)
{
    for (unsigned i = 0; i < TABLES_MAX; i++) {
        struct table *t = atomic_load_explicit(&l->table[i], memory_order_acquire);
        if (!t)
            return;
        struct telling all = {l, t->name};
        for (size_t s = 0; s < (size_t)1 << t->bits; s++) {
            pthread_mutex_lock(&t->shard[s].lock);
            htable_each(&t->shard[s].records, tell_record, &all);
            pthread_mutex_unlock(&t->shard[s].lock);
        }
    }
}

/* What locations_update works with, the shard's lock held. */
struct change {
    struct locations *l;
    const struct location_key *k;
    struct shard *s;
    uint64_t hash;
    struct record *r; /* of the address, or a new one that is not in the shard yet */
    bool fresh;
};

static void change_commit(struct change *ch, struct plan *p, const struct record_rules *rules)
{
    int64_t before = ch->r->count;
    plan_commit(p, ch->r);
    int64_t expired = plan_finish(ch->l, p, ch->k, rules);
    int64_t users = 0;
    if (ch->fresh && ch->r->first) {
        htable_insert(&ch->s->records, &ch->r->node, ch->hash);
        users = 1;
    } else if (!ch->fresh && !ch->r->first) {
        htable_remove(&ch->s->records, &ch->r->node);
        users = -1;
    }
    count(ch->l, users, ch->r->count - before, expired);
}

static int change_make(struct change *ch, const struct usrloc_update *u,
                       const struct record_rules *rules, struct arena *a, struct ucontacts *after)
{
    struct plan plan;
    ch->r = shard_find(ch->s, ch->k->aor, ch->hash);
    ch->fresh = !ch->r;
    if (ch->fresh && !(ch->r = record_new(ch->k->aor)))
        return ERR_NOMEM;
    int rc = plan_make(&plan, a, ch->r, u, rules);
    if (rc == ERR_OK && plan.inserted && rules->claim &&
        !limits_admit(ch->l->limits, rules->claim, plan.inserted)) {
        plan_drop(&plan);
        rc = ERR_FULL;
    }
    if (rc == ERR_OK)
        change_commit(ch, &plan, rules);
    if (after && record_copy(ch->r, rules->now, a, after) == ERR_NOMEM)
        log_err("usrloc: no memory to report the contacts of %.*s", STR_ARG(ch->k->aor));
    if (!ch->r->first)
        record_free(ch->r); /* it is not in the shard, or no longer */
    return rc;
}

int locations_update(struct locations *l, const struct location_key *k,
                     const struct usrloc_update *u, const struct record_rules *rules,
                     struct arena *a, struct ucontacts *after)
{
    struct table *t = k->aor.len <= USRLOC_AOR_MAX ? table_get(l, k) : NULL;
    if (after)
        *after = (struct ucontacts){NULL, 0};
    if (!t)
        return ERR_LIMIT;
    uint64_t hash = key_hash(k);
    struct change ch = {.l = l, .k = k, .s = shard_of(t, hash), .hash = hash};
    pthread_mutex_lock(&ch.s->lock);
    int rc = change_make(&ch, u, rules, a, after);
    pthread_mutex_unlock(&ch.s->lock);
    return rc;
}

/* ---- sweeping -------------------------------------------------------------------------------- */

struct freeing {
    struct locations *l;
    struct shard *s;
    uint32_t now;
    int64_t users, expired;
};

static void swept(void *arg, const struct binding *b)
{
    const struct freeing *w = arg;
    limits_count(w->l->limits, b->source, -1);
}

static void sweep_record(struct hnode *n, void *arg)
{
    struct freeing *w = arg;
    struct record *r = container_of(n, struct record, node);
    w->expired += record_expire(r, w->now, swept, w);
    if (r->first)
        return;
    htable_remove(&w->s->records, n);
    record_free(r);
    w->users++;
}

/* Looks at up to most buckets of the shard that at stands in; how many. */
static size_t shard_sweep(struct locations *l, struct shard *s, uint32_t now,
                          struct sweep_place *at, size_t most)
{
    struct freeing w = {.l = l, .s = s, .now = now};
    size_t from = at->bucket;
    pthread_mutex_lock(&s->lock);
    bool more = s->records.count && htable_some(&s->records, &at->bucket, most, sweep_record, &w);
    pthread_mutex_unlock(&s->lock);
    count(l, -w.users, -w.expired, w.expired);
    size_t seen = at->bucket - from;
    at->seen += seen;
    if (!more)
        at->bucket = 0;
    return seen;
}

bool locations_sweep(struct locations *l, uint32_t now, unsigned part, unsigned parts,
                     struct sweep_place *at, size_t most)
{
    for (; at->table < TABLES_MAX; at->table++, at->shard = 0) {
        struct table *t = atomic_load_explicit(&l->table[at->table], memory_order_acquire);
        if (!t)
            return false;
        if (at->shard == 0 && at->bucket == 0)
            at->shard = part;
        for (; at->shard < (size_t)1 << t->bits; at->shard += parts) {
            if (most == 0)
                return true;
            most -= shard_sweep(l, &t->shard[at->shard], now, at, most);
            if (at->bucket)
                return true;
        }
    }
    return false;
}

/* ---- looking at all -------------------------------------------------------------------------- */

bool locations_known(struct locations *l, struct str name)
{
    unsigned slot;
    return table_find(l, name, &slot) != NULL;
}

/* A contact copied out of a shard. */
struct seen {
    struct seen *next;
    struct str aor;
    struct ucontact contact;
};

struct looking {
    struct arena memory;
    struct seen *first, **last;
    uint32_t now;
};

static void see_record(struct hnode *n, void *arg)
{
    struct looking *w = arg;
    const struct record *r = container_of(n, struct record, node);
    struct str aor = STR_NONE;
    for (const struct binding *b = r->first; b; b = b->next) {
        if (!binding_live(b, w->now))
            continue;
        size_t len = binding_text_len(b);
        struct seen *s = arena_alloc(&w->memory, sizeof *s + len);
        if (!aor.p)
            aor = arena_dup(&w->memory, record_aor(r));
        if (!s || !aor.p)
            return;
        char *text = memcpy(s + 1, b->text, len);
        *s = (struct seen){.aor = aor};
        binding_view(&s->contact, b, text);
        *w->last = s;
        w->last = &s->next;
    }
}

static void see_shard(const struct table *t, struct shard *shard, uint32_t now, usrloc_each_fn fn,
                      void *arg)
{
    struct looking w = {.now = now};
    w.last = &w.first;
    arena_init(&w.memory, NULL, 4096);
    pthread_mutex_lock(&shard->lock);
    if (shard->records.count)
        htable_each(&shard->records, see_record, &w);
    pthread_mutex_unlock(&shard->lock);
    for (const struct seen *s = w.first; s; s = s->next)
        fn(arg, t->name, s->aor, &s->contact);
    arena_reset(&w.memory);
}

void locations_each(struct locations *l, uint32_t now, unsigned part, unsigned parts,
                    usrloc_each_fn fn, void *arg)
{
    for (unsigned i = 0; i < TABLES_MAX; i++) {
        const struct table *t = atomic_load_explicit(&l->table[i], memory_order_acquire);
        if (!t)
            return;
        for (size_t s = part; s < (size_t)1 << t->bits; s += parts)
            see_shard(t, &t->shard[s], now, fn, arg);
    }
}
