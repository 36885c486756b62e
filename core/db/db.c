/* The databases of a process, and their blocking use. */
/* SPDX-License-Identifier: MIT */
#include "core/db/db.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/db/priv.h"

enum { SIMULATED_DELAY = 1 };

/* ---- the set ---- */

struct db_set *db_set_new(const struct db_driver *const *drivers, bool simulated)
{
    struct db_set *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->drivers = drivers;
    s->simulated = simulated;
    s->weather.delay = SIMULATED_DELAY;
    list_init(&s->dbs);
    if (pthread_mutex_init(&s->lock, NULL) == 0)
        return s;
    free(s);
    return NULL;
}

void db_set_weather(struct db_set *s, struct db_weather w)
{
    s->weather = w;
}

uint64_t db_set_pending(const struct db_set *s)
{
    uint64_t n = 0;
    for (const struct list *at = s ? s->dbs.next : NULL; s && at != &s->dbs; at = at->next) {
        const struct db *db = container_of(at, struct db, link);
        for (unsigned i = 0; i < DB_MAX_WORKERS; i++)
            n += db->lane[i] ? db->lane[i]->service.waiting : 0;
    }
    return n;
}

static void db_free(struct db *db)
{
    if (db->thread)
        thread_free(db->thread);
    db_disconnect(db);
    pthread_mutex_destroy(&db->lock);
    free(db->conf);
    free(db);
}

void db_set_free(struct db_set *s)
{
    if (!s)
        return;
    while (!list_empty(&s->dbs)) {
        struct db *db = container_of(s->dbs.next, struct db, link);
        list_remove(&db->link);
        db_free(db);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void db_set_leave(struct db_set *s, unsigned worker)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    for (struct list *at = s->dbs.next; at != &s->dbs; at = at->next) {
        struct db *db = container_of(at, struct db, link);
        if (db->lane[worker])
            lane_free(db->lane[worker]);
        db->lane[worker] = NULL;
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- opening ---- */

struct db_conn *conn_new(struct db *db, struct loop *loop, void *owner)
{
    struct db_conn *c = calloc(1, db->driver->conn_size);
    if (c)
        *c = (struct db_conn){
            .driver = db->driver, .url = &db->url, .loop = loop, .conf = db->conf, .owner = owner};
    return c;
}

void conn_free(struct db_conn *c)
{
    free(c);
}

static bool names(const struct db_driver *d, struct str scheme)
{
    for (const char *const *s = d->schemes; *s; s++)
        if (str_ieq(str_from(*s), scheme))
            return true;
    return false;
}

static const struct db_driver *driver_of(const struct db_set *s, struct str scheme)
{
    for (const struct db_driver *const *d = s->drivers; *d; d++)
        if (names(*d, scheme))
            return *d;
    return NULL;
}

/* The URL without its password. */
static void write_name(struct db *db)
{
    const struct db_url *u = &db->url;
    if (u->host.len == 0 && u->user.len == 0) {
        snprintf(db->name, sizeof db->name, "%s", db->text);
        return;
    }
    int n = snprintf(db->name, sizeof db->name, "%.*s://%.*s%s%.*s", STR_ARG(u->scheme),
                     STR_ARG(u->user), u->user.len ? "@" : "", STR_ARG(u->host));
    if (n > 0 && (size_t)n < sizeof db->name)
        snprintf(db->name + n, sizeof db->name - (size_t)n, "/%.*s", STR_ARG(u->database));
}

static bool copy_conf(struct db *db, const void *conf)
{
    if (!conf || !db->driver->conf_size)
        return true;
    db->conf = malloc(db->driver->conf_size);
    if (db->conf)
        memcpy(db->conf, conf, db->driver->conf_size);
    return db->conf;
}

static struct db *db_new(struct db_set *s, struct str url, const struct db_options *o,
                         struct buf *why)
{
    struct db *db = calloc(1, sizeof *db);
    if (!db) {
        buf_printf(why, "out of memory");
        return NULL;
    }
    if (url.len > DB_URL_MAX) {
        buf_printf(why, "the database URL is longer than %d bytes", DB_URL_MAX);
        free(db);
        return NULL;
    }
    memcpy(db->text, url.p, url.len);
    db->set = s;
    db->limits = o->limits;
    if (db_url_parse(&db->url, str_make(db->text, url.len), why) != ERR_OK) {
        free(db);
        return NULL;
    }
    db->driver = driver_of(s, db->url.scheme);
    if (!db->driver)
        buf_printf(why, "no driver knows databases of the kind \"%.*s\"", STR_ARG(db->url.scheme));
    if (!db->driver || !copy_conf(db, o->conf) || pthread_mutex_init(&db->lock, NULL) != 0) {
        free(db->conf);
        free(db);
        return NULL;
    }
    write_name(db);
    return db;
}

/* The blocking connection, opened when it is not; under the lock. */
int db_connect_now(struct db *db, struct buf *why)
{
    if (db->now)
        return ERR_OK;
    db->now = conn_new(db, NULL, NULL);
    if (!db->now)
        return ERR_NOMEM;
    int rc = db->driver->connect_now(db->now, why);
    if (rc != ERR_OK)
        db_disconnect(db);
    return rc;
}

void db_disconnect(struct db *db)
{
    if (!db->now)
        return;
    db->driver->close(db->now);
    conn_free(db->now);
    db->now = NULL;
}

struct db *db_open(struct db_set *s, struct str url, const struct db_options *o, struct buf *why)
{
    struct db *db = NULL;
    pthread_mutex_lock(&s->lock);
    for (struct list *at = s->dbs.next; at != &s->dbs && !db; at = at->next) {
        struct db *d = container_of(at, struct db, link);
        if (str_eq(str_from(d->text), url))
            db = d;
    }
    pthread_mutex_unlock(&s->lock);
    if (db || !(db = db_new(s, url, o, why)))
        return db;
    size_t before = why->len;
    if (db_connect_now(db, why) != ERR_OK) {
        if (!o->later) {
            db_free(db);
            return NULL;
        }
        log_err("%s: %.*s; it is asked again", db->name, (int)(why->len - before), why->p + before);
        why->len = before;
    }
    if (db->driver->threaded && !s->simulated && !(db->thread = thread_new(db))) {
        buf_printf(why, "no thread for %s", db->name);
        db_free(db);
        return NULL;
    }
    pthread_mutex_lock(&s->lock);
    list_append(&s->dbs, &db->link);
    pthread_mutex_unlock(&s->lock);
    return db;
}

const char *db_name(const struct db *db)
{
    return db->name;
}

/* ---- running ---- */

int db_run(struct db *db, unsigned worker, struct loop *loop, const struct db_query *q,
           db_done done, void *arg)
{
    struct lane *l = worker < DB_MAX_WORKERS ? lane_of(db, worker, loop) : NULL;
    return l ? lane_run(l, q, done, arg) : ERR_NOMEM;
}

int db_run_now(struct db *db, const struct db_query *q, struct arena *a, struct db_result *out,
               struct buf *why)
{
    int rc = ERR_IO;
    pthread_mutex_lock(&db->lock);
    bool fresh = !db->now;
    for (int try = 0; try < 2 && rc == ERR_IO; try++) {
        size_t before = why->len;
        rc = db_connect_now(db, why);
        if (rc == ERR_OK)
            rc = db->driver->run_now(db->now, q, a, out, why);
        if (rc == ERR_IO) /* perhaps the server closed an idle connection */
            db_disconnect(db);
        if (fresh || rc != ERR_IO)
            break;
        if (try == 0)
            why->len = before;
    }
    pthread_mutex_unlock(&db->lock);
    return rc;
}

int db_check_version(struct db *db, struct str table, unsigned lowest, unsigned highest,
                     struct buf *why)
{
    static const struct str column[] = {STR_INIT("table_version")};
    struct db_match match = {STR("table_name"), DB_EQ, db_text(table)};
    struct db_query q = {.verb = DB_SELECT,
                         .table = STR("version"),
                         .columns = 1,
                         .column = column,
                         .matches = 1,
                         .match = &match};
    struct arena a;
    struct db_result r;
    arena_init(&a, NULL, 1024);
    int rc = db_run_now(db, &q, &a, &r, why);
    int64_t found = rc == ERR_OK && r.rows ? db_value_int(db_cell(&r, 0, 0), 0) : 0;
    arena_reset(&a);
    if (rc != ERR_OK || (found >= lowest && found <= highest))
        return rc;
    buf_printf(why, "table %.*s of %s has version %lld, wanted is %u%s", STR_ARG(table), db->name,
               (long long)found, lowest, highest > lowest ? " or later" : "");
    return ERR_STATE;
}
