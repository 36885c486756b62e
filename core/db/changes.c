/* Changes on their way to where they are kept. */
/* SPDX-License-Identifier: MIT */
#include "core/db/changes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/db/priv.h"

enum {
    MOST_FLYING = 64, /* of one worker; more are begun as these end */
    PUSH_MOST = 4096, /* of one worker, of those that somebody waits for */
    RETRY_AFTER = 1,  /* s */
    ENTRY_BITS = 8,
};

/* A thing whose row is not what memory says. */
struct entry {
    struct hnode node; /* by its group */
    struct list link;  /* of the queue, unless it flies */
    struct list waiting;
    bool flies;
    uint32_t due;  /* s since 1970, from when on it is written */
    uint64_t seq;  /* of its last change */
    uint64_t sent; /* of the last change that is on its way */
    uint16_t len[CHANGES_TEXTS];
    char text[];
};

/* One write. */
struct flight {
    struct changes *w;
    struct entry *e;
    struct worker_here here;
};

/* A call that waits for entries. */
struct watcher {
    struct loop_item item;
    struct timer timer;
    struct list link; /* of those that are told in a moment, or of the orphans */
    struct changes *w;
    struct loop *loop;
    changes_told told;
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

struct changes {
    pthread_mutex_t lock;
    struct hash_key key;
    struct htable entries;
    struct list queue;
    struct list orphans; /* watchers whose worker has ended */
    const char *who;     /* for the log */
    bool at_once;
    const struct changes_backend *backend;
    void *user;
    uint32_t next; /* s since 1970: when what is noted now is due */
    uint64_t changes;
    struct changes_counts counts;
    uint16_t flying[DB_MAX_WORKERS];
    unsigned watchers;
};

/* ---- entries ---- */

static struct changes_key entry_key(const struct entry *e)
{
    struct changes_key k;
    const char *at = e->text;
    for (unsigned i = 0; i < CHANGES_TEXTS; i++) {
        k.text[i] = str_make(at, e->len[i]);
        at += e->len[i];
    }
    return k;
}

static uint64_t group_hash(const struct changes *w, const struct str *group)
{
    return hash_texts(w->key, group, CHANGES_GROUP, 0);
}

static bool same_texts(const struct str *a, const struct str *b, unsigned n)
{
    while (n-- > 0) /* the later ones differ most */
        if (!str_eq(a[n], b[n]))
            return false;
    return true;
}

/* The next entry of a group, behind from, or the first. */
static struct entry *entry_next(struct changes *w, uint64_t hash, const struct str *group,
                                struct entry *from)
{
    struct hnode *n = from ? htable_next(&from->node) : htable_first(&w->entries, hash);
    for (; n; n = htable_next(n)) {
        struct entry *e = container_of(n, struct entry, node);
        struct changes_key k = entry_key(e);
        if (same_texts(k.text, group, CHANGES_GROUP))
            return e;
    }
    return NULL;
}

static struct entry *entry_new(const struct changes_key *k)
{
    size_t size = 0;
    for (unsigned i = 0; i < CHANGES_TEXTS; i++)
        size += k->text[i].len;
    struct entry *e = malloc(sizeof *e + size);
    if (!e)
        return NULL;
    *e = (struct entry){.flies = false};
    list_init(&e->link);
    list_init(&e->waiting);
    char *at = e->text;
    for (unsigned i = 0; i < CHANGES_TEXTS; i++) {
        e->len[i] = (uint16_t)k->text[i].len;
        if (k->text[i].len)
            memcpy(at, k->text[i].p, k->text[i].len);
        at += k->text[i].len;
    }
    return e;
}

static void entry_free(struct changes *w, struct entry *e)
{
    htable_remove(&w->entries, &e->node);
    list_remove(&e->link);
    w->counts.waiting--;
    free(e);
}

/* The entry of a thing, or NULL. Under the lock. */
static struct entry *entry_find(struct changes *w, uint64_t hash, const struct changes_key *key)
{
    struct entry *e = entry_next(w, hash, key->text, NULL);
    for (; e; e = entry_next(w, hash, key->text, e)) {
        struct changes_key k = entry_key(e);
        if (same_texts(k.text, key->text, CHANGES_TEXTS))
            break;
    }
    return e;
}

bool changes_has(struct changes *w, const struct changes_key *key)
{
    pthread_mutex_lock(&w->lock);
    bool has = entry_find(w, group_hash(w, key->text), key);
    pthread_mutex_unlock(&w->lock);
    return has;
}

static bool keyable(const struct changes_key *key)
{
    for (unsigned i = 0; i < CHANGES_TEXTS; i++)
        if (key->text[i].len > UINT16_MAX)
            return false;
    return true;
}

int changes_note(struct changes *w, const struct changes_key *key)
{
    uint64_t hash = group_hash(w, key->text);
    if (!keyable(key))
        return ERR_LIMIT;
    pthread_mutex_lock(&w->lock);
    struct entry *e = entry_find(w, hash, key);
    if (!e && (e = entry_new(key))) {
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
    return e ? ERR_OK : ERR_NOMEM;
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
static void tell_ready(struct changes *w, struct list *ready, const struct loop *here)
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
static void land(struct changes *w, struct entry *e, uint32_t due)
{
    e->flies = false;
    e->due = due;
    list_append(&w->queue, &e->link);
}

/* Writes an entry that has taken off. Without the lock. */
static int fly(struct changes *w, const struct worker_here *here, struct entry *e)
{
    struct flight *f = malloc(sizeof *f);
    const struct changes_key k = entry_key(e);
    if (!f)
        return ERR_NOMEM;
    *f = (struct flight){w, e, *here};
    int rc = w->backend->write(w->user, here, &k, f);
    if (rc != ERR_OK)
        free(f);
    return rc;
}

/* What a flight has come to. Under the lock; true: it is to take off again. */
static bool landed(struct changes *w, struct entry *e, int status, uint32_t wall,
                   struct list *ready)
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

/* Begins a flight, or lands it at once; what is ready is told by the caller. */
static bool begin(struct changes *w, const struct worker_here *here, struct entry *e,
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
static struct entry *take_due(struct changes *w, const struct worker_here *here)
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

static void write_due(struct changes *w, const struct worker_here *here)
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

void changes_done(struct flight *f, int status)
{
    struct changes *w = f->w;
    struct entry *e = f->e;
    struct worker_here here = f->here;
    struct list ready;
    list_init(&ready);
    free(f);
    if (status == ERR_INVALID) {
        const struct changes_key k = entry_key(e);
        w->backend->refused(w->user, &k);
    }
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

void changes_second(struct changes *w, const struct worker_here *here, unsigned interval)
{
    pthread_mutex_lock(&w->lock);
    if (w->at_once)
        w->next = here->wall + 1; /* until then it is the business of whoever waits for it */
    else if (w->next <= here->wall)
        w->next = here->wall - here->wall % interval + interval;
    pthread_mutex_unlock(&w->lock);
    write_due(w, here);
}

void changes_flush(struct changes *w, const struct worker_here *here)
{
    pthread_mutex_lock(&w->lock);
    for (struct list *l = w->queue.next; l != &w->queue; l = l->next) {
        struct entry *e = container_of(l, struct entry, link);
        if (e->due > here->wall)
            e->due = here->wall;
    }
    pthread_mutex_unlock(&w->lock);
    write_due(w, here);
}

/* ---- writing at once ---- */

/* Adds a wish for each entry of the group; how many. Under the lock. */
static unsigned add_wishes(struct changes *w, uint64_t hash, const struct str *group,
                           struct watcher *t)
{
    for (struct entry *e = NULL; (e = entry_next(w, hash, group, e));) {
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
static void push_entries(struct changes *w, const struct worker_here *here, uint64_t hash,
                         const struct str *group)
{
    struct entry *todo[CHANGES_GROUP_MAX];
    struct list ready;
    unsigned n = 0;
    list_init(&ready);
    pthread_mutex_lock(&w->lock);
    for (struct entry *e = NULL; n < CHANGES_GROUP_MAX && w->flying[here->index] < PUSH_MOST &&
                                 (e = entry_next(w, hash, group, e));)
        if (!e->flies) {
            take_off(e);
            w->flying[here->index]++;
            todo[n++] = e;
        }
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < n; i++)
        begin(w, here, todo[i], &ready);
    while (!list_empty(&ready)) { /* told later, never from inside changes_push */
        struct watcher *t = container_of(ready.next, struct watcher, link);
        list_remove(&t->link);
        wheel_arm(here->loop->wheel, &t->timer, here->loop->now, tell_soon);
    }
}

bool changes_push(struct changes *w, const struct worker_here *here,
                  const struct str group[CHANGES_GROUP], changes_told told, void *arg, int *status)
{
    struct watcher *t = malloc(sizeof *t);
    uint64_t hash = group_hash(w, group);
    *status = t ? ERR_OK : ERR_NOMEM;
    if (!t)
        return false;
    *t = (struct watcher){
        .item.fn = tell_here, .w = w, .loop = here->loop, .told = told, .arg = arg};
    list_init(&t->link);
    pthread_mutex_lock(&w->lock);
    bool room = w->watchers < CHANGES_MOST_WAITING;
    unsigned n = room ? add_wishes(w, hash, group, t) : 0;
    w->watchers += n > 0;
    pthread_mutex_unlock(&w->lock);
    if (n == 0) {
        *status = room ? t->status : ERR_FULL;
        free(t);
        return false;
    }
    push_entries(w, here, hash, group);
    return true;
}

void changes_begin(struct changes *w, const struct worker_here *here,
                   const struct str group[CHANGES_GROUP])
{
    push_entries(w, here, group_hash(w, group), group);
}

/* ---- life ---- */

struct changes *changes_new(const char *who, struct hash_key key, bool at_once,
                            const struct changes_backend *backend, void *user)
{
    struct changes *w = calloc(1, sizeof *w);
    if (!w || htable_init(&w->entries, ENTRY_BITS) != ERR_OK) {
        free(w);
        return NULL;
    }
    pthread_mutex_init(&w->lock, NULL);
    list_init(&w->queue);
    list_init(&w->orphans);
    w->who = who;
    w->key = key;
    w->at_once = at_once;
    w->backend = backend;
    w->user = user;
    return w;
}

void changes_free(struct changes *w)
{
    struct list ready;
    uint64_t lost = 0;
    if (!w)
        return;
    list_init(&ready);
    while (!list_empty(&w->queue)) {
        struct entry *e = container_of(w->queue.next, struct entry, link);
        const struct changes_key k = entry_key(e);
        int rc = w->backend->write_now(w->user, &k);
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
        log_err("%s: %llu changes could not be written before the end", w->who,
                (unsigned long long)lost);
    htable_free(&w->entries);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

struct changes_counts changes_counts(struct changes *w)
{
    pthread_mutex_lock(&w->lock);
    struct changes_counts n = w->counts;
    pthread_mutex_unlock(&w->lock);
    return n;
}
