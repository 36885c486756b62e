/* A worker's share of a database: its connections, the queue before them, deadlines and back-off.
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/db/priv.h"

enum { POOL_KEEP = 1 << 20, JOB_FIRST = 1024 };

/* ---- jobs ---- */

/* Copies values into the job: texts and the array. */
static struct db_value *copy_values(struct arena *a, const struct db_value *from, unsigned n)
{
    struct db_value *to = arena_alloc(a, n * sizeof *to + 1);
    for (unsigned i = 0; to && i < n; i++) {
        to[i] = from[i];
        if (from[i].type == DB_TEXT || from[i].type == DB_BLOB) {
            to[i].s = arena_dup(a, from[i].s);
            if (!to[i].s.p)
                return NULL;
        }
    }
    return to;
}

static bool copy_columns(struct arena *a, struct db_query *to, const struct db_query *from)
{
    struct str *names = arena_alloc(a, from->columns * sizeof *names + 1);
    if (!names)
        return false;
    for (unsigned i = 0; from->column && i < from->columns; i++)
        if (!(names[i] = arena_dup(a, from->column[i])).p)
            return false;
    to->column = from->column ? names : NULL;
    if (from->value)
        to->value = copy_values(a, from->value, from->columns);
    return !from->value || to->value;
}

static bool copy_matches(struct arena *a, struct db_query *to, const struct db_query *from)
{
    struct db_match *m = arena_alloc(a, from->matches * sizeof *m + 1);
    if (!m)
        return false;
    for (unsigned i = 0; i < from->matches; i++) {
        const struct db_value *v = copy_values(a, &from->match[i].value, 1);
        m[i] = from->match[i];
        m[i].column = arena_dup(a, from->match[i].column);
        if (!v || !m[i].column.p)
            return false;
        m[i].value = *v;
    }
    to->match = m;
    return true;
}

bool query_copy(struct arena *a, struct db_query *to, const struct db_query *from)
{
    *to = *from;
    to->table = arena_dup(a, from->table);
    to->order = arena_dup(a, from->order);
    to->sql = arena_dup(a, from->sql);
    return to->table.p && to->order.p && to->sql.p && copy_columns(a, to, from) &&
           copy_matches(a, to, from);
}

static void job_free(struct job *j)
{
    struct arena memory = j->memory; /* the job lies in it */
    arena_reset(&memory);
}

static struct job *job_new(struct lane *l, const struct db_query *q, db_done done, void *arg)
{
    struct arena memory;
    /* a thread fills in the result: the pool is this worker's alone */
    arena_init(&memory, l->db->thread ? NULL : &l->pool, JOB_FIRST);
    struct job *j = arena_zalloc(&memory, sizeof *j);
    bool ok = j && query_copy(&memory, &j->query, q);
    if (!ok) {
        arena_reset(&memory);
        return NULL;
    }
    j->lane = l;
    j->done = done;
    j->arg = arg;
    j->memory = memory;
    return j;
}

/* Ends a job: it is out of every list, and its caller hears how. */
static void job_over(struct job *j, int status, const struct db_result *r)
{
    struct lane *l = j->lane;
    enum service_end how = status == ERR_OK || status == ERR_INVALID ? SERVICE_OK
                           : status == ERR_TIMEOUT                   ? SERVICE_LATE
                                                                     : SERVICE_FAILED;
    list_remove(&j->link);
    wheel_cancel(l->loop->wheel, &j->timer);
    service_end(&l->service, l->loop->now, how);
    j->done(j->arg, status, r);
    job_free(j);
}

/* ---- connections ---- */

static void pump(struct lane *l);

static void link_close(struct link *k)
{
    struct db_conn *c = k->conn;
    k->conn = NULL;
    k->state = LINK_CLOSED;
    wheel_cancel(k->lane->loop->wheel, &k->opening);
    if (k->lookup)
        lookup_forget(k->lookup);
    k->lookup = NULL;
    if (c) {
        c->driver->close(c);
        conn_free(c);
    }
}

static void retry(struct timer *t, void *ctx)
{
    (void)ctx;
    pump(container_of(t, struct lane, retry));
}

static bool any_link(const struct lane *l)
{
    for (unsigned i = 0; i < l->links; i++)
        if (l->link[i].state == LINK_IDLE || l->link[i].state == LINK_BUSY)
            return true;
    return false;
}

/* The database is away: it is asked again later, twice as late each time. */
static void lost(struct lane *l)
{
    l->backoff = l->backoff ? l->backoff * 2 : DB_BACKOFF_FIRST;
    if (l->backoff > DB_BACKOFF_MOST)
        l->backoff = DB_BACKOFF_MOST;
    l->retry_at = l->loop->now + l->backoff;
    if (any_link(l))
        return;
    struct list failing;
    list_init(&failing);
    while (!list_empty(&l->queue)) {
        struct list *first = l->queue.next;
        list_remove(first);
        list_append(&failing, first);
    }
    while (!list_empty(&failing))
        job_over(container_of(failing.next, struct job, link), ERR_IO, NULL);
}

static void opening_failed(struct link *k, struct str why)
{
    struct lane *l = k->lane;
    log_err("%s: no connection: %.*s", l->db->name, STR_ARG(why));
    link_close(k);
    lost(l);
    pump(l);
}

void db_conn_up(struct db_conn *c, bool ok, struct str why)
{
    struct link *k = c->owner;
    struct lane *l = k->lane;
    if (!ok) {
        opening_failed(k, why);
        return;
    }
    if (l->backoff)
        log_notice("%s is back", l->db->name);
    l->backoff = 0;
    k->state = LINK_IDLE;
    wheel_cancel(l->loop->wheel, &k->opening);
    pump(l);
}

static struct job *first_of(struct list *jobs)
{
    return container_of(jobs->next, struct job, link);
}

/* Its connection is closed: the queries it has not answered may have another one. They were not
 * sent yet, or are SELECTs. */
static void ask_again(struct link *k)
{
    struct lane *l = k->lane;
    while (!list_empty(&k->jobs)) {
        struct job *j = first_of(&k->jobs);
        list_remove(&j->link);
        j->on = NULL;
        if (++j->tries < DB_TRIES)
            list_append(&l->queue, &j->link);
        else
            job_over(j, ERR_IO, NULL);
    }
}

void db_conn_answer(struct db_conn *c, int status, const struct db_result *r, struct str why)
{
    struct link *k = c->owner;
    struct lane *l = k->lane;
    struct job *j = first_of(&k->jobs);
    if (status == ERR_STATE && j->tries + 1 < DB_TRIES) {
        link_close(k);
        ask_again(k);
        pump(l);
        return;
    }
    list_remove(&j->link);
    j->on = NULL;
    bool last = list_empty(&k->jobs);
    if (last)
        k->state = LINK_IDLE;
    if (status != ERR_OK)
        log_err("%s: query on %.*s failed: %.*s", l->db->name, STR_ARG(j->query.table),
                STR_ARG(why));
    if (status == ERR_IO || status == ERR_STATE) { /* closed first: the job's end may ask anew */
        link_close(k);
        ask_again(k);
        job_over(j, ERR_IO, NULL);
        lost(l);
    } else {
        job_over(j, status, r);
        if (!last)
            return; /* more answers come */
    }
    pump(l);
}

void db_conn_lost(struct db_conn *c, struct str why)
{
    struct link *k = c->owner;
    log_info("%s: a connection was lost: %.*s", k->lane->db->name, STR_ARG(why));
    link_close(k);
    pump(k->lane);
}

static void not_open_in_time(struct timer *t, void *ctx)
{
    (void)ctx;
    opening_failed(container_of(t, struct link, opening), STR("it takes too long"));
}

static void no_means(struct timer *t, void *ctx)
{
    (void)ctx;
    opening_failed(container_of(t, struct link, opening), STR("out of memory or threads"));
}

static void link_connect(struct link *k, const char *address)
{
    k->conn = conn_new(k->lane->db, k->lane->loop, k);
    if (!k->conn) { /* told later, never from inside db_run */
        wheel_arm(k->lane->loop->wheel, &k->opening, k->lane->loop->now, no_means);
        return;
    }
    k->conn->address = address;
    k->conn->driver->connect(k->conn);
}

static void address_found(void *arg, const char *address)
{
    struct link *k = arg;
    k->lookup = NULL;
    if (!address[0]) {
        opening_failed(k, STR("the name of its host is not known"));
        return;
    }
    memcpy(k->address, address, strlen(address) + 1);
    link_connect(k, k->address);
}

static void link_open(struct link *k)
{
    struct lane *l = k->lane;
    struct str host = l->db->url.host;
    k->state = LINK_OPENING;
    wheel_arm(l->loop->wheel, &k->opening, l->loop->now + DB_CONNECT_MOST, not_open_in_time);
    if (!lookup_needed(host)) {
        link_connect(k, NULL);
        return;
    }
    k->lookup = lookup_start(l->loop, host, k->turn++, address_found, k);
    if (!k->lookup)
        wheel_arm(l->loop->wheel, &k->opening, l->loop->now, no_means);
}

/* An idle connection; NULL while one is being opened or none may be. */
static struct link *link_take(struct lane *l)
{
    struct link *closed = NULL;
    for (unsigned i = 0; i < l->links; i++) {
        struct link *k = &l->link[i];
        if (k->state == LINK_IDLE)
            return k;
        if (k->state == LINK_CLOSED && !closed)
            closed = k;
    }
    if (closed && l->loop->now >= l->retry_at)
        link_open(closed);
    return NULL;
}

/* The first of the queue, and with a SELECT those behind it. They share their connection's fate, so
 * only what can be asked twice is given together. */
static void give(struct lane *l, struct link *k)
{
    const struct db_query *q[DB_TOGETHER];
    unsigned n = 0;
    do {
        struct job *j = first_of(&l->queue);
        if (n && j->query.verb != DB_SELECT)
            break;
        list_remove(&j->link);
        list_append(&k->jobs, &j->link);
        j->on = k;
        q[n++] = &j->query;
    } while (n < l->together && q[0]->verb == DB_SELECT && !list_empty(&l->queue));
    k->state = LINK_BUSY;
    k->conn->driver->run(k->conn, q, n);
}

static void pump(struct lane *l)
{
    if (l->db->thread) {
        thread_push(l->db->thread, &l->queue);
        return;
    }
    while (!list_empty(&l->queue)) {
        struct link *k = link_take(l);
        if (!k)
            break;
        give(l, k);
    }
    if (!list_empty(&l->queue) && !any_link(l) && l->loop->now < l->retry_at)
        wheel_arm(l->loop->wheel, &l->retry, l->retry_at, retry);
}

static void put_off_pump(struct loop_item *i)
{
    struct lane *l = container_of(i, struct lane, pump);
    l->put_off = false;
    pump(l);
}

/* Queries that come with one event are given to connections together. */
static void pump_soon(struct lane *l)
{
    if (!l->loop->after) {
        pump(l);
        return;
    }
    if (l->put_off)
        return;
    l->put_off = true;
    l->loop->after(l->loop, &l->pump);
}

static void too_late(struct timer *t, void *ctx)
{
    struct job *j = container_of(t, struct job, timer);
    struct lane *l = j->lane;
    struct link *k = j->on;
    (void)ctx;
    log_warn("%s: no answer within %u ms to a query on %.*s", l->db->name,
             l->service.limits.deadline, STR_ARG(j->query.table));
    list_remove(&j->link);
    if (k) { /* what it still does is of no use to anybody, and what is behind it would wait */
        link_close(k);
        ask_again(k);
    }
    job_over(j, ERR_TIMEOUT, NULL);
    pump_soon(l); /* most of those behind it are too late as well, in a moment */
}

/* ---- on a thread ---- */

static void finished(struct loop_item *i)
{
    struct lane *l = container_of(i, struct lane, wake);
    struct list all;
    list_init(&all);
    thread_take(l->db->thread, l, &all);
    while (!list_empty(&all)) {
        struct job *j = container_of(all.next, struct job, link);
        if (!j->late) {
            job_over(j, j->status, j->status == ERR_OK ? &j->result : NULL);
            continue;
        }
        list_remove(&j->link);
        job_free(j);
    }
}

/* The thread cannot be interrupted: the caller is told, the job is freed when it comes back. */
static void late_on_thread(struct timer *t, void *ctx)
{
    struct job *j = container_of(t, struct job, timer);
    struct lane *l = j->lane;
    (void)ctx;
    log_warn("%s: no answer within %u ms to a query on %.*s", l->db->name,
             l->service.limits.deadline, STR_ARG(j->query.table));
    if (thread_cancel(l->db->thread, j)) {
        job_over(j, ERR_TIMEOUT, NULL);
        return;
    }
    j->late = true;
    service_end(&l->service, l->loop->now, SERVICE_LATE);
    j->done(j->arg, ERR_TIMEOUT, NULL);
}

static int run_on_thread(struct lane *l, struct job *j)
{
    if (l->service.limits.deadline)
        wheel_arm(l->loop->wheel, &j->timer, l->loop->now + l->service.limits.deadline,
                  late_on_thread);
    list_append(&l->queue, &j->link);
    pump_soon(l);
    return ERR_OK;
}

/* ---- the simulated way ---- */

static void answer_now(struct timer *t, void *ctx)
{
    struct job *j = container_of(t, struct job, timer);
    struct lane *l = j->lane;
    const struct db_weather *w = &l->db->set->weather;
    struct db_result r;
    char text[256];
    struct buf why;
    (void)ctx;
    buf_fixed(&why, text, sizeof text);
    if (w->silent) {
        too_late(t, ctx);
        return;
    }
    int status = w->down ? ERR_IO : db_run_now(l->db, &j->query, &j->memory, &r, &why);
    if (status != ERR_OK)
        log_err("%s: query on %.*s failed: %.*s", l->db->name, STR_ARG(j->query.table),
                STR_ARG(buf_str(&why)));
    job_over(j, status, status == ERR_OK ? &r : NULL);
}

static int run_simulated(struct lane *l, struct job *j)
{
    const struct db_weather *w = &l->db->set->weather;
    uint32_t delay = w->silent ? l->service.limits.deadline : w->delay;
    list_append(&l->running, &j->link);
    if (!w->silent || delay)
        wheel_arm(l->loop->wheel, &j->timer, l->loop->now + delay, answer_now);
    return ERR_OK;
}

/* ---- from outside ---- */

int lane_run(struct lane *l, const struct db_query *q, db_done done, void *arg)
{
    if (l->closing)
        return ERR_STATE;
    if (!l->db->set->simulated && !l->db->thread && !any_link(l) && l->loop->now < l->retry_at)
        return ERR_STATE; /* it was away a moment ago */
    int rc = service_begin(&l->service, l->loop->now);
    if (rc != ERR_OK)
        return rc;
    struct job *j = job_new(l, q, done, arg);
    if (!j) {
        service_end(&l->service, l->loop->now, SERVICE_OK);
        return ERR_NOMEM;
    }
    if (l->db->set->simulated)
        return run_simulated(l, j);
    if (l->db->thread)
        return run_on_thread(l, j);
    list_append(&l->queue, &j->link);
    if (l->service.limits.deadline)
        wheel_arm(l->loop->wheel, &j->timer, l->loop->now + l->service.limits.deadline, too_late);
    pump_soon(l);
    return ERR_OK;
}

struct lane *lane_of(struct db *db, unsigned worker, struct loop *loop)
{
    struct lane *l = db->lane[worker];
    if (l)
        return l;
    l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->db = db;
    l->worker = worker;
    l->loop = loop;
    l->service = (struct service){.name = db->name, .limits = db->limits};
    l->links =
        db->driver->connections < DB_MAX_CONNECTIONS ? db->driver->connections : DB_MAX_CONNECTIONS;
    arena_pool_init(&l->pool, POOL_KEEP);
    list_init(&l->queue);
    list_init(&l->running);
    list_init(&l->finished);
    l->together = db->driver->together ? db->driver->together(db->conf) : 1;
    if (l->together > DB_TOGETHER)
        l->together = DB_TOGETHER;
    l->wake.fn = finished;
    l->pump.fn = put_off_pump;
    for (unsigned i = 0; i < l->links; i++) {
        l->link[i].lane = l;
        list_init(&l->link[i].jobs);
    }
    db->lane[worker] = l;
    return l;
}

static void drop(struct list *jobs)
{
    while (!list_empty(jobs))
        job_over(container_of(jobs->next, struct job, link), ERR_STATE, NULL);
}

void lane_free(struct lane *l)
{
    l->closing = true;
    for (unsigned i = 0; i < l->links; i++)
        link_close(&l->link[i]);
    if (l->db->thread) {
        pump(l);
        thread_settle(l->db->thread, l);
        finished(&l->wake);
    }
    for (unsigned i = 0; i < l->links; i++)
        drop(&l->link[i].jobs);
    drop(&l->queue);
    drop(&l->running);
    wheel_cancel(l->loop->wheel, &l->retry);
    arena_pool_free(&l->pool);
    free(l);
}
