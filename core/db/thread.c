/* The thread of a driver that can only block: it takes all that waits at once, so that many changes
 * share one commit, and gives the answers back to the workers that asked. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/db/priv.h"

enum { BATCH_MAX = 512, WHY_MAX = 256 };

struct db_thread {
    struct db *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more, idle;
    struct list queue, batch; /* jobs */
    bool ending;
};

/* ---- one batch ---- */

static int run_job(struct db *db, struct job *j)
{
    char text[WHY_MAX];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    int rc = db_connect_now(db, &why);
    if (rc == ERR_OK)
        rc = db->driver->run_now(db->now, &j->query, &j->memory, &j->result, &why);
    if (rc != ERR_OK)
        log_err("%s: query on %.*s failed: %.*s", db->name, STR_ARG(j->query.table),
                STR_ARG(buf_str(&why)));
    return rc;
}

static void fail_all(struct list *batch)
{
    for (struct list *at = batch->next; at != batch; at = at->next)
        container_of(at, struct job, link)->status = ERR_IO;
}

/* One without the other is of no use: begin and end stand around all of them. */
static bool edge(struct db *db, bool begins, bool changes)
{
    const struct db_driver *d = db->driver;
    char text[WHY_MAX];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    int rc = db_connect_now(db, &why);
    if (rc == ERR_OK && begins)
        rc = d->begin ? d->begin(db->now, changes, &why) : ERR_OK;
    else if (rc == ERR_OK)
        rc = d->end ? d->end(db->now, &why) : ERR_OK;
    if (rc != ERR_OK)
        log_err("%s: %.*s", db->name, STR_ARG(buf_str(&why)));
    return rc == ERR_OK;
}

static bool any_change(const struct list *batch)
{
    for (const struct list *at = batch->next; at != batch; at = at->next)
        if (container_of(at, struct job, link)->query.verb != DB_SELECT)
            return true;
    return false;
}

static void run_batch(struct db *db, struct list *batch)
{
    pthread_mutex_lock(&db->lock);
    bool changes = any_change(batch);
    bool alone = !changes && batch->next->next == batch; /* one SELECT needs no edges */
    bool ok = alone || edge(db, true, changes), lost = false;
    for (struct list *at = batch->next; ok && !lost && at != batch; at = at->next) {
        struct job *j = container_of(at, struct job, link);
        j->status = run_job(db, j);
        lost = j->status == ERR_IO;
    }
    if (!ok || lost || (!alone && !edge(db, false, false))) {
        fail_all(batch);
        db_disconnect(db); /* a new one for the next batch */
    }
    pthread_mutex_unlock(&db->lock);
}

/* ---- queues ---- */

/* Gives what is done to the lanes; under the lock. */
static void give_back(struct db_thread *t)
{
    while (!list_empty(&t->batch)) {
        struct job *j = container_of(t->batch.next, struct job, link);
        struct lane *l = j->lane;
        bool first = list_empty(&l->finished);
        list_remove(&j->link);
        list_append(&l->finished, &j->link);
        if (first)
            l->loop->post(l->loop, &l->wake);
    }
    pthread_cond_broadcast(&t->idle);
}

static void take_batch(struct db_thread *t)
{
    for (unsigned n = 0; n < BATCH_MAX && !list_empty(&t->queue); n++) {
        struct list *first = t->queue.next;
        list_remove(first);
        container_of(first, struct job, link)->queued = false;
        list_append(&t->batch, first);
    }
}

static void *thread_main(void *arg)
{
    struct db_thread *t = arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_mutex_lock(&t->lock);
    for (;;) {
        while (list_empty(&t->queue) && !t->ending)
            pthread_cond_wait(&t->more, &t->lock);
        if (list_empty(&t->queue))
            break;
        take_batch(t);
        pthread_mutex_unlock(&t->lock);
        run_batch(t->db, &t->batch);
        pthread_mutex_lock(&t->lock);
        give_back(t);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

struct db_thread *thread_new(struct db *db)
{
    struct db_thread *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->db = db;
    list_init(&t->queue);
    list_init(&t->batch);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->more, NULL);
    pthread_cond_init(&t->idle, NULL);
    if (pthread_create(&t->thread, NULL, thread_main, t) == 0)
        return t;
    free(t);
    return NULL;
}

void thread_free(struct db_thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    pthread_cond_signal(&t->more);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->more);
    pthread_cond_destroy(&t->idle);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void thread_push(struct db_thread *t, struct list *jobs)
{
    if (list_empty(jobs))
        return;
    pthread_mutex_lock(&t->lock);
    while (!list_empty(jobs)) {
        struct job *j = container_of(jobs->next, struct job, link);
        j->queued = true;
        list_remove(&j->link);
        list_append(&t->queue, &j->link);
    }
    pthread_cond_signal(&t->more);
    pthread_mutex_unlock(&t->lock);
}

void thread_take(struct db_thread *t, struct lane *l, struct list *out)
{
    pthread_mutex_lock(&t->lock);
    while (!list_empty(&l->finished)) {
        struct list *first = l->finished.next;
        list_remove(first);
        list_append(out, first);
    }
    pthread_mutex_unlock(&t->lock);
}

bool thread_cancel(struct db_thread *t, struct job *j)
{
    pthread_mutex_lock(&t->lock);
    bool waits = j->queued;
    if (waits)
        list_remove(&j->link);
    pthread_mutex_unlock(&t->lock);
    return waits;
}

static bool any_of(const struct list *jobs, const struct lane *l)
{
    for (const struct list *at = jobs->next; at != jobs; at = at->next)
        if (container_of(at, struct job, link)->lane == l)
            return true;
    return false;
}

void thread_settle(struct db_thread *t, struct lane *l)
{
    pthread_mutex_lock(&t->lock);
    while (any_of(&t->queue, l) || any_of(&t->batch, l))
        pthread_cond_wait(&t->idle, &t->lock);
    pthread_mutex_unlock(&t->lock);
}
