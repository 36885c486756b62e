/* Rows that nobody waits for. */
/* SPDX-License-Identifier: MIT */
#include "core/db/journal.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/db/priv.h"

enum { MOST_FLYING = 32 }; /* rows of one worker that are on their way */

/* A row; it lies in its own memory. */
struct row {
    struct list link;
    struct arena memory;
    struct db_query query;
    struct journal *journal;
    unsigned worker;
    struct loop *loop;
};

struct journal {
    struct db *db;
    pthread_mutex_t lock;
    struct list rows; /* those that are not on their way, oldest first */
    unsigned waiting, most;
    bool losing; /* it was said that rows are lost */
    struct journal_counts counts;
    uint16_t flying[DB_MAX_WORKERS];
};

struct journal *journal_new(struct db *db, unsigned most)
{
    struct journal *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->db = db;
    j->most = most;
    list_init(&j->rows);
    pthread_mutex_init(&j->lock, NULL);
    return j;
}

static void row_free(struct row *r)
{
    struct arena memory = r->memory;
    arena_reset(&memory);
}

static struct row *row_new(struct journal *j, const struct db_query *q)
{
    struct arena memory;
    arena_init(&memory, NULL, 512);
    struct row *r = arena_zalloc(&memory, sizeof *r);
    if (!r || !query_copy(&memory, &r->query, q)) {
        arena_reset(&memory);
        return NULL;
    }
    r->journal = j;
    r->memory = memory;
    return r;
}

/* The oldest row when this worker may have another one on its way; it is then. */
static struct row *take(struct journal *j, unsigned worker, struct loop *loop)
{
    struct row *r = NULL;
    pthread_mutex_lock(&j->lock);
    if (!list_empty(&j->rows) && j->flying[worker] < MOST_FLYING) {
        r = container_of(j->rows.next, struct row, link);
        list_remove(&r->link);
        r->worker = worker;
        r->loop = loop;
        j->flying[worker]++;
    }
    pthread_mutex_unlock(&j->lock);
    return r;
}

/* A row is no longer on its way: it is written, or goes back to the front. */
static void landed(struct journal *j, struct row *r, int status)
{
    bool over = status == ERR_OK || status == ERR_INVALID;
    pthread_mutex_lock(&j->lock);
    j->flying[r->worker]--;
    j->counts.written += status == ERR_OK;
    j->counts.refused += status == ERR_INVALID;
    j->waiting -= over;
    j->losing = j->losing && !over;
    if (!over) {
        r->link.prev = &j->rows;
        r->link.next = j->rows.next;
        j->rows.next->prev = &r->link;
        j->rows.next = &r->link;
    }
    pthread_mutex_unlock(&j->lock);
    if (over)
        row_free(r);
}

static void write_rows(struct journal *j, unsigned worker, struct loop *loop);

static void written(void *arg, int status, const struct db_result *result)
{
    struct row *r = arg;
    struct journal *j = r->journal;
    unsigned worker = r->worker;
    struct loop *loop = r->loop;
    (void)result;
    landed(j, r, status);
    if (status == ERR_OK || status == ERR_INVALID)
        write_rows(j, worker, loop);
}

static void write_rows(struct journal *j, unsigned worker, struct loop *loop)
{
    struct row *r;
    while ((r = take(j, worker, loop))) {
        int rc = db_run(j->db, worker, loop, &r->query, written, r);
        if (rc != ERR_OK) {
            landed(j, r, rc);
            return; /* it is tried again in a second */
        }
    }
}

int journal_add(struct journal *j, unsigned worker, struct loop *loop, const struct db_query *q)
{
    struct row *r = row_new(j, q);
    if (!r)
        return ERR_NOMEM;
    pthread_mutex_lock(&j->lock);
    bool room = j->waiting < j->most, first = !room && !j->losing;
    if (room) {
        list_append(&j->rows, &r->link);
        j->waiting++;
    } else {
        j->counts.lost++;
        j->losing = true;
    }
    pthread_mutex_unlock(&j->lock);
    if (first)
        log_err("%s: %u rows wait to be written, as many as may: further ones are lost",
                db_name(j->db), j->most);
    if (!room) {
        row_free(r);
        return ERR_LIMIT;
    }
    write_rows(j, worker, loop);
    return ERR_OK;
}

void journal_second(struct journal *j, unsigned worker, struct loop *loop)
{
    write_rows(j, worker, loop);
}

unsigned journal_waiting(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    unsigned n = j->waiting;
    pthread_mutex_unlock(&j->lock);
    return n;
}

struct journal_counts journal_take_counts(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    struct journal_counts n = j->counts;
    j->counts = (struct journal_counts){0};
    pthread_mutex_unlock(&j->lock);
    return n;
}

/* What is left at the end: the first failure gives the others up. */
static unsigned write_now(struct journal *j)
{
    char text[256];
    unsigned lost = 0;
    while (!list_empty(&j->rows)) {
        struct row *r = container_of(j->rows.next, struct row, link);
        struct buf why;
        struct arena a;
        struct db_result result;
        buf_fixed(&why, text, sizeof text);
        arena_init(&a, NULL, 512);
        int rc = lost ? ERR_IO : db_run_now(j->db, &r->query, &a, &result, &why);
        if (rc != ERR_OK && !lost)
            log_err("%s: %.*s", db_name(j->db), STR_ARG(buf_str(&why)));
        lost += rc != ERR_OK;
        arena_reset(&a);
        list_remove(&r->link);
        row_free(r);
    }
    return lost;
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    unsigned lost = write_now(j);
    if (lost)
        log_err("%s: %u rows could not be written before the end", db_name(j->db), lost);
    pthread_mutex_destroy(&j->lock);
    free(j);
}
