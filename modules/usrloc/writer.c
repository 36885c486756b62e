/* Changes of contacts on their way to a database. */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/writer.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    MOST_FLYING = 64, /* of one worker; more are begun as these end */
    PUSH_MOST = 4096, /* of one worker, of those that somebody waits for */
    RETRY_AFTER = 1,  /* s */
    ENTRY_BITS = 8,
    WORKERS_MAX = 128,
};

/* A contact whose row is not what memory says. */
struct entry {
    struct hnode node; /* by table and address of record */
    struct list link;  /* of the queue, unless it flies */
    struct list waiting;
    bool flies;
    uint32_t due;  /* s since 1970, from when on it is written */
    uint64_t seq;  /* of its last change */
    uint64_t sent; /* of the last change that is on its way */
    uint16_t table_len, aor_len, uri_len, call_id_len;
    char text[];
};

/* One write. */
struct flight {
    struct writer *w;
    struct entry *e;
    struct worker_here here;
};

/* A call that waits for entries. */
struct watcher {
    struct loop_item item;
    struct timer timer;
    struct list link; /* of those that are told in a moment, or of the orphans */
    struct writer *w;
    struct loop *loop;
    writer_told told;
    void *arg;
    unsigned left;
    int status;
};

/* A watcher at one entry. */
struct wish {
    struct list link;
    struct watcher *watcher;
    uint64_t seq; /* fulfilled when this change was written */
};

struct writer {
    pthread_mutex_t lock;
    struct hash_key key;
    struct htable entries;
    struct list queue;
    struct list orphans; /* watchers whose worker has ended */
    struct locations *l;
    bool at_once, match_call_id;
    const struct writer_backend *backend;
    void *user;
    uint32_t next; /* s since 1970: when what is noted now is due */
    uint64_t changes;
    struct writer_counts counts;
    uint16_t flying[WORKERS_MAX];
    unsigned watchers;
};

/* ---- entries ---- */

static struct str entry_table(const struct entry *e)
{
    return str_make(e->text, e->table_len);
}

static struct str entry_aor(const struct entry *e)
{
    return str_make(e->text + e->table_len, e->aor_len);
}

static struct str entry_uri(const struct entry *e)
{
    return str_make(e->text + e->table_len + e->aor_len, e->uri_len);
}

static struct str entry_call_id(const struct entry *e)
{
    return str_make(e->text + e->table_len + e->aor_len + e->uri_len, e->call_id_len);
}

static uint64_t entry_hash(const struct writer *w, struct str table, struct str aor)
{
    const struct str texts[] = {table, aor};
    return hash_texts(w->key, texts, 2, 0);
}

/* The next entry of an address of record, behind from, or the first. */
static struct entry *entry_next(struct writer *w, uint64_t hash, struct str table, struct str aor,
                                struct entry *from)
{
    struct hnode *n = from ? htable_next(&from->node) : htable_first(&w->entries, hash);
    for (; n; n = htable_next(n)) {
        struct entry *e = container_of(n, struct entry, node);
        if (str_eq(entry_aor(e), aor) && str_eq(entry_table(e), table))
            return e;
    }
    return NULL;
}

static struct entry *entry_new(const struct str text[4])
{
    size_t size = text[0].len + text[1].len + text[2].len + text[3].len;
    struct entry *e = malloc(sizeof *e + size);
    if (!e)
        return NULL;
    *e = (struct entry){.table_len = (uint16_t)text[0].len,
                        .aor_len = (uint16_t)text[1].len,
                        .uri_len = (uint16_t)text[2].len,
                        .call_id_len = (uint16_t)text[3].len};
    list_init(&e->link);
    list_init(&e->waiting);
    char *at = e->text;
    for (unsigned i = 0; i < 4; i++) {
        if (text[i].len)
            memcpy(at, text[i].p, text[i].len);
        at += text[i].len;
    }
    return e;
}

static void entry_free(struct writer *w, struct entry *e)
{
    htable_remove(&w->entries, &e->node);
    list_remove(&e->link);
    w->counts.waiting--;
    free(e);
}

/* The entry of a contact, or NULL. Under the lock. */
static struct entry *entry_find(struct writer *w, uint64_t hash, struct str table, struct str aor,
                                const struct ucontact *c)
{
    struct str call_id = w->match_call_id ? c->call_id : STR_NONE;
    struct entry *e = entry_next(w, hash, table, aor, NULL);
    while (e && (!str_eq(entry_uri(e), c->uri) || !str_eq(entry_call_id(e), call_id)))
        e = entry_next(w, hash, table, aor, e);
    return e;
}

bool writer_has(struct writer *w, struct str table, struct str aor, const struct ucontact *c)
{
    pthread_mutex_lock(&w->lock);
    bool has = entry_find(w, entry_hash(w, table, aor), table, aor, c);
    pthread_mutex_unlock(&w->lock);
    return has;
}

void writer_note(struct writer *w, struct str table, struct str aor, const struct ucontact *c)
{
    const struct str text[4] = {table, aor, c->uri, w->match_call_id ? c->call_id : STR_NONE};
    uint64_t hash = entry_hash(w, table, aor);
    pthread_mutex_lock(&w->lock);
    struct entry *e = entry_find(w, hash, table, aor, c);
    if (!e && (e = entry_new(text))) {
        htable_insert(&w->entries, &e->node, hash);
        e->due = w->next;
        list_append(&w->queue, &e->link);
        w->counts.waiting++;
    }
    if (e)
        e->seq = ++w->changes;
    else
        w->counts.failed++;
    pthread_mutex_unlock(&w->lock);
    if (!e)
        log_err("usrloc: no memory to note that %.*s of %.*s has changed", STR_ARG(c->uri),
                STR_ARG(aor));
}

/* ---- those who wait ---- */

static void tell(struct watcher *t)
{
    pthread_mutex_lock(&t->w->lock);
    t->w->watchers--;
    pthread_mutex_unlock(&t->w->lock);
    t->told(t->arg, t->status);
    free(t);
}

static void tell_here(struct loop_item *i)
{
    tell(container_of(i, struct watcher, item));
}

static void tell_soon(struct timer *timer, void *ctx)
{
    (void)ctx;
    tell(container_of(timer, struct watcher, timer));
}

/* Settles the wishes that a write has fulfilled, or when it failed all of them; watchers that have
 * none left go to ready. Under the lock. */
static void settle(struct entry *e, uint64_t upto, int status, struct list *ready)
{
    for (struct list *at = e->waiting.next, *next; at != &e->waiting; at = next) {
        struct wish *wish = container_of(at, struct wish, link);
        struct watcher *t = wish->watcher;
        next = at->next;
        if (wish->seq > upto)
            continue;
        list_remove(at);
        free(wish);
        if (status != ERR_OK)
            t->status = status;
        if (--t->left == 0)
            list_append(ready, &t->link);
    }
}

/* Tells them on their own threads. */
static void tell_ready(struct writer *w, struct list *ready, const struct loop *here)
{
    while (!list_empty(ready)) {
        struct watcher *t = container_of(ready->next, struct watcher, link);
        list_remove(&t->link);
        if (t->loop == here) {
            tell(t);
        } else if (t->loop->post(t->loop, &t->item) != ERR_OK) {
            pthread_mutex_lock(&w->lock);
            list_append(&w->orphans, &t->link);
            pthread_mutex_unlock(&w->lock);
        }
    }
}

/* ---- flights ---- */

static void take_off(struct entry *e)
{
    list_remove(&e->link);
    e->flies = true;
    e->sent = e->seq;
}

/* Not to be written now: it is tried again. Under the lock. */
static void land(struct writer *w, struct entry *e, uint32_t due)
{
    e->flies = false;
    e->due = due;
    list_append(&w->queue, &e->link);
}

/* Writes an entry that has taken off. Without the lock. */
static int fly(struct writer *w, const struct worker_here *here, struct entry *e)
{
    struct flight *f = malloc(sizeof *f);
    struct arena a;
    struct ucontact c;
    const struct location_key k = {w->key, entry_table(e), entry_aor(e)};
    if (!f)
        return ERR_NOMEM;
    *f = (struct flight){w, e, *here};
    arena_init(&a, NULL, 1024);
    int rc = locations_get(w->l, &k, entry_uri(e), w->match_call_id ? entry_call_id(e) : STR_NONE,
                           &a, &c);
    bool gone = rc == ERR_NOTFOUND || (rc == ERR_OK && c.expires && c.expires <= here->wall);
    if (gone)
        c = (struct ucontact){.uri = entry_uri(e), .call_id = entry_call_id(e)};
    if (gone || rc == ERR_OK)
        rc = w->backend->write(w->user, here, entry_table(e), entry_aor(e), &c, gone, f);
    arena_reset(&a);
    if (rc != ERR_OK)
        free(f);
    return rc;
}

/* What a flight has come to. Under the lock; true: it is to take off again. */
static bool landed(struct writer *w, struct entry *e, int status, uint32_t wall, struct list *ready)
{
    if (status == ERR_OK || status == ERR_INVALID) {
        settle(e, e->sent, status, ready);
        w->counts.refused += status == ERR_INVALID;
        if (e->seq > e->sent) {
            e->sent = e->seq;
            return true;
        }
        entry_free(w, e);
        return false;
    }
    settle(e, UINT64_MAX, status, ready);
    w->counts.failed++;
    land(w, e, wall + RETRY_AFTER);
    return false;
}

static void refused(const struct entry *e)
{
    log_err("usrloc: the database refuses contact %.*s of %.*s: it is kept in memory only",
            STR_ARG(entry_uri(e)), STR_ARG(entry_aor(e)));
}

/* Begins a flight, or lands it at once; what is ready is told by the caller. */
static bool begin(struct writer *w, const struct worker_here *here, struct entry *e,
                  struct list *ready)
{
    int rc = fly(w, here, e);
    if (rc == ERR_OK)
        return true;
    pthread_mutex_lock(&w->lock);
    w->flying[here->index]--;
    settle(e, UINT64_MAX, rc, ready);
    w->counts.failed++;
    land(w, e, here->wall + RETRY_AFTER);
    pthread_mutex_unlock(&w->lock);
    return false;
}

/* Takes the next entry that is due, if this worker may have another one. Under the lock. */
static struct entry *take_due(struct writer *w, const struct worker_here *here)
{
    if (list_empty(&w->queue) || w->flying[here->index] >= MOST_FLYING)
        return NULL;
    struct entry *e = container_of(w->queue.next, struct entry, link);
    if (e->due > here->wall)
        return NULL;
    take_off(e);
    w->flying[here->index]++;
    return e;
}

static void write_due(struct writer *w, const struct worker_here *here)
{
    struct list ready;
    struct entry *e;
    list_init(&ready);
    do {
        pthread_mutex_lock(&w->lock);
        e = take_due(w, here);
        pthread_mutex_unlock(&w->lock);
    } while (e && begin(w, here, e, &ready));
    tell_ready(w, &ready, here->loop);
}

void writer_done(struct flight *f, int status)
{
    struct writer *w = f->w;
    struct entry *e = f->e;
    struct worker_here here = f->here;
    struct list ready;
    list_init(&ready);
    free(f);
    if (status == ERR_INVALID)
        refused(e);
    pthread_mutex_lock(&w->lock);
    bool again = landed(w, e, status, here.wall, &ready);
    if (!again)
        w->flying[here.index]--;
    pthread_mutex_unlock(&w->lock);
    if (again)
        begin(w, &here, e, &ready);
    tell_ready(w, &ready, here.loop);
    if (status == ERR_OK && !again)
        write_due(w, &here);
}

void writer_second(struct writer *w, const struct worker_here *here, unsigned interval)
{
    pthread_mutex_lock(&w->lock);
    if (w->at_once)
        w->next = here->wall + 1; /* until then it is the business of whoever waits for it */
    else if (w->next <= here->wall)
        w->next = here->wall - here->wall % interval + interval;
    pthread_mutex_unlock(&w->lock);
    write_due(w, here);
}

/* ---- writing at once ---- */

/* Adds a wish for each entry of the address; how many. Under the lock. */
static unsigned add_wishes(struct writer *w, uint64_t hash, struct str table, struct str aor,
                           struct watcher *t)
{
    for (struct entry *e = NULL; (e = entry_next(w, hash, table, aor, e));) {
        struct wish *wish = malloc(sizeof *wish);
        if (!wish) {
            t->status = ERR_NOMEM;
            continue;
        }
        *wish = (struct wish){.watcher = t, .seq = e->seq};
        list_append(&e->waiting, &wish->link);
        t->left++;
    }
    return t->left;
}

/* Begins what is not on its way yet. */
static void push_entries(struct writer *w, const struct worker_here *here, uint64_t hash,
                         struct str table, struct str aor)
{
    struct entry *todo[USRLOC_CONTACTS_MAX];
    struct list ready;
    unsigned n = 0;
    list_init(&ready);
    pthread_mutex_lock(&w->lock);
    for (struct entry *e = NULL; n < USRLOC_CONTACTS_MAX && w->flying[here->index] < PUSH_MOST &&
                                 (e = entry_next(w, hash, table, aor, e));)
        if (!e->flies) {
            take_off(e);
            w->flying[here->index]++;
            todo[n++] = e;
        }
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < n; i++)
        begin(w, here, todo[i], &ready);
    while (!list_empty(&ready)) { /* told later, never from inside writer_push */
        struct watcher *t = container_of(ready.next, struct watcher, link);
        list_remove(&t->link);
        wheel_arm(here->loop->wheel, &t->timer, here->loop->now, tell_soon);
    }
}

bool writer_push(struct writer *w, const struct worker_here *here, struct str table, struct str aor,
                 writer_told told, void *arg, int *status)
{
    struct watcher *t = malloc(sizeof *t);
    uint64_t hash = entry_hash(w, table, aor);
    *status = t ? ERR_OK : ERR_NOMEM;
    if (!t)
        return false;
    *t = (struct watcher){
        .item.fn = tell_here, .w = w, .loop = here->loop, .told = told, .arg = arg};
    list_init(&t->link);
    pthread_mutex_lock(&w->lock);
    bool room = w->watchers < WRITER_MOST_WAITING;
    unsigned n = room ? add_wishes(w, hash, table, aor, t) : 0;
    w->watchers += n > 0;
    pthread_mutex_unlock(&w->lock);
    if (n == 0) {
        *status = room ? t->status : ERR_FULL;
        free(t);
        return false;
    }
    push_entries(w, here, hash, table, aor);
    return true;
}

/* ---- life ---- */

struct writer *writer_new(struct hash_key key, struct locations *l, bool at_once,
                          bool match_call_id, const struct writer_backend *backend, void *user)
{
    struct writer *w = calloc(1, sizeof *w);
    if (!w || htable_init(&w->entries, ENTRY_BITS) != ERR_OK) {
        free(w);
        return NULL;
    }
    pthread_mutex_init(&w->lock, NULL);
    list_init(&w->queue);
    list_init(&w->orphans);
    w->key = key;
    w->l = l;
    w->at_once = at_once;
    w->match_call_id = match_call_id;
    w->backend = backend;
    w->user = user;
    return w;
}

static int write_now(struct writer *w, struct entry *e)
{
    const struct location_key k = {w->key, entry_table(e), entry_aor(e)};
    struct arena a;
    struct ucontact c;
    arena_init(&a, NULL, 1024);
    int rc = locations_get(w->l, &k, entry_uri(e), w->match_call_id ? entry_call_id(e) : STR_NONE,
                           &a, &c);
    bool gone = rc == ERR_NOTFOUND;
    if (gone)
        c = (struct ucontact){.uri = entry_uri(e), .call_id = entry_call_id(e)};
    if (gone || rc == ERR_OK)
        rc = w->backend->write_now(w->user, entry_table(e), entry_aor(e), &c, gone);
    arena_reset(&a);
    return rc;
}

void writer_free(struct writer *w)
{
    struct list ready;
    uint64_t lost = 0;
    if (!w)
        return;
    list_init(&ready);
    while (!list_empty(&w->queue)) {
        struct entry *e = container_of(w->queue.next, struct entry, link);
        int rc = write_now(w, e);
        lost += rc != ERR_OK;
        settle(e, UINT64_MAX, rc, &w->orphans);
        entry_free(w, e);
    }
    while (!list_empty(&w->orphans)) {
        struct watcher *t = container_of(w->orphans.next, struct watcher, link);
        list_remove(&t->link);
        tell(t);
    }
    if (lost)
        log_err("usrloc: %llu changed contacts could not be written before the end",
                (unsigned long long)lost);
    htable_free(&w->entries);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

struct writer_counts writer_counts(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    struct writer_counts n = w->counts;
    pthread_mutex_unlock(&w->lock);
    return n;
}
