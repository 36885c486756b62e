/* The same on a worker's loop: each step is sent, waits until the server has answered, and leads to
 * the next. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "modules/db_postgres/priv.h"

static void no_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

/* ---- watching ---- */

static void watch(struct pg_conn *c, unsigned events)
{
    struct loop *l = c->base.loop;
    int fd = PQsocket(c->pg);
    if (c->watch.handle && c->watch.fd != fd)
        l->unwatch(l, &c->watch);
    c->watch.fd = fd;
    l->watch(l, &c->watch, events);
}

static bool of_use(const struct pg_conn *c)
{
    return c->status != ERR_IO && c->status != ERR_STATE;
}

/* ---- the end ---- */

/* Tells core/db, which may ask the next query or close the connection: the last thing done. */
static void tell(struct pg_conn *c)
{
    struct str why = buf_str(&c->why);
    bool was_up = c->up;
    int status = c->status;
    c->last_use = c->base.loop->now;
    if (of_use(c)) {
        c->step = STEP_IDLE;
        watch(c, LOOP_READ); /* while nobody asks, whatever comes may be a farewell */
    }
    if (was_up) {
        db_conn_answer(&c->base, status, status == ERR_OK ? &c->result : NULL, why);
        return;
    }
    c->up = status == ERR_OK;
    db_conn_up(&c->base, c->up, why);
}

static void tell_later(struct timer *t, void *ctx)
{
    (void)ctx;
    tell(container_of(t, struct pg_conn, tell));
}

static void over(struct pg_conn *c, int status)
{
    c->status = status;
    c->step = STEP_OVER;
    if (!of_use(c))
        c->base.loop->unwatch(c->base.loop, &c->watch);
    if (c->inside)
        wheel_arm(c->base.loop->wheel, &c->tell, c->base.loop->now, tell_later);
    else
        tell(c);
}

/* ---- steps ---- */

/* Something was handed to the library: it is sent as far as the socket takes it. */
static void sent(struct pg_conn *c, enum step step, int ok)
{
    int left = ok ? PQflush(c->pg) : -1;
    c->step = step;
    if (left < 0) {
        pg_failed(c, NULL, &c->why);
        over(c, step == STEP_PING ? ERR_STATE : ERR_IO);
    } else {
        watch(c, LOOP_READ | (left ? LOOP_WRITE : 0u));
    }
}

static void execute(struct pg_conn *c)
{
    char name[NAME_MAX_BYTES];
    struct pg_values v;
    int rc = pg_values_make(&v, c->query, &c->arena, &c->why);
    if (rc != ERR_OK) {
        over(c, rc);
        return;
    }
    pg_statement_name(name, c->statement);
    sent(c, STEP_EXECUTE,
         PQsendQueryPrepared(c->pg, name, (int)v.n, v.text, v.length, v.format, 0));
}

static void prepare(struct pg_conn *c)
{
    char name[NAME_MAX_BYTES];
    if (pg_statement_new(c, c->statement, c->sql) != ERR_OK) {
        over(c, ERR_NOMEM);
        return;
    }
    pg_statement_name(name, c->statement);
    sent(c, STEP_PREPARE, PQsendPrepare(c->pg, name, c->sql.p, 0, NULL));
}

static void make_room(struct pg_conn *c)
{
    char name[NAME_MAX_BYTES], command[NAME_MAX_BYTES + 16];
    pg_statement_name(name, c->statement);
    snprintf(command, sizeof command, "DEALLOCATE %s", name);
    pg_statement_forget(c->statement);
    sent(c, STEP_MAKE_ROOM, PQsendQuery(c->pg, command));
}

static void begin_query(struct pg_conn *c)
{
    if (!pg_statement_sql(c->query, &c->arena, &c->sql)) {
        over(c, ERR_NOMEM);
        return;
    }
    c->statement = pg_statement_find(c, c->sql);
    if (c->statement) {
        execute(c);
        return;
    }
    c->statement = pg_statement_place(c);
    if (c->statement->sql.len)
        make_room(c);
    else
        prepare(c);
}

/* ---- answers ---- */

/* Takes one result of the step under way; only the first counts. */
static void take(struct pg_conn *c, const PGresult *r)
{
    ExecStatusType how = PQresultStatus(r);
    if (c->status != ERR_OK)
        return;
    switch (how) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (c->step == STEP_EXECUTE)
            c->status = pg_result_read(r, &c->arena, &c->result);
        return;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        buf_printf(&c->why, "COPY is of no use here");
        c->status = ERR_IO; /* the connection would wait for data */
        return;
    case PGRES_EMPTY_QUERY:
        if (c->step == STEP_PING)
            return;
        buf_printf(&c->why, "an empty statement");
        c->status = ERR_INVALID;
        return;
    default:
        c->status = pg_failed(c, r, &c->why);
    }
}

/* The step under way is over. */
static void next(struct pg_conn *c)
{
    enum step done = c->step;
    if (done == STEP_PING && c->status != ERR_OK) {
        over(c, ERR_STATE); /* the query was not sent: another connection may have it */
    } else if (c->status != ERR_OK || done == STEP_EXECUTE) {
        if (done == STEP_PREPARE)
            pg_statement_forget(c->statement);
        over(c, c->status);
    } else if (done == STEP_PING) {
        begin_query(c);
    } else if (done == STEP_MAKE_ROOM) {
        prepare(c);
    } else {
        execute(c);
    }
}

static void read_answers(struct pg_conn *c)
{
    while (!PQisBusy(c->pg)) {
        PGresult *r = PQgetResult(c->pg);
        if (!r) {
            next(c);
            return;
        }
        take(c, r);
        PQclear(r);
        if (c->status == ERR_IO) {
            over(c, ERR_IO);
            return;
        }
    }
}

static void lost(struct pg_conn *c)
{
    pg_failed(c, NULL, &c->why);
    over(c, c->step == STEP_PING ? ERR_STATE : ERR_IO);
}

static void exchange(struct pg_conn *c, unsigned events)
{
    if (events & LOOP_READ && !PQconsumeInput(c->pg)) {
        lost(c);
        return;
    }
    int left = PQflush(c->pg);
    if (left < 0) {
        lost(c);
        return;
    }
    watch(c, LOOP_READ | (left ? LOOP_WRITE : 0u));
    read_answers(c);
}

/* Between queries the server may speak of itself; a connection that it has closed is lost. */
static void overheard(struct pg_conn *c)
{
    if (PQconsumeInput(c->pg) && PQstatus(c->pg) == CONNECTION_OK) {
        PGresult *r = PQisBusy(c->pg) ? NULL : PQgetResult(c->pg);
        bool farewell = r && PQresultStatus(r) == PGRES_FATAL_ERROR;
        PQclear(r);
        if (!farewell)
            return;
    }
    db_conn_lost(&c->base, STR("closed by the server"));
}

/* ---- connecting ---- */

/* The library may open another socket in each round: it is never watched while it may close one. */
static void connect_on(struct pg_conn *c)
{
    c->base.loop->unwatch(c->base.loop, &c->watch);
    PostgresPollingStatusType how = c->polled ? PQconnectPoll(c->pg) : PGRES_POLLING_WRITING;
    c->polled = true;
    switch (how) {
    case PGRES_POLLING_READING:
        watch(c, LOOP_READ);
        return;
    case PGRES_POLLING_WRITING:
        watch(c, LOOP_WRITE);
        return;
    case PGRES_POLLING_OK:
        over(c, PQsetnonblocking(c->pg, 1) == 0 ? ERR_OK : ERR_IO);
        return;
    default:
        pg_failed(c, NULL, &c->why);
        over(c, ERR_IO);
    }
}

static void ready(struct watch *w, unsigned events)
{
    struct pg_conn *c = container_of(w, struct pg_conn, watch);
    switch (c->step) {
    case STEP_CONNECT:
        connect_on(c);
        return;
    case STEP_IDLE:
        overheard(c);
        return;
    case STEP_OVER:
        return; /* it is told in a moment */
    default:
        exchange(c, events);
    }
}

/* ---- what core/db calls ---- */

static void enter(struct pg_conn *c)
{
    buf_fixed(&c->why, c->why_text, sizeof c->why_text);
    c->status = ERR_OK;
    c->inside = true;
}

void pg_connect(struct db_conn *base)
{
    struct pg_conn *c = (struct pg_conn *)base;
    const char *words[PG_WORDS], *values[PG_WORDS];
    arena_pool_init(&c->pool, ARENA_KEEP);
    arena_init(&c->arena, &c->pool, ARENA_KEEP / 4);
    c->watch.ready = ready;
    c->step = STEP_CONNECT;
    enter(c);
    if (pg_words(c, &c->arena, words, values) == ERR_OK)
        c->pg = PQconnectStartParams(words, values, 0);
    if (c->pg && PQstatus(c->pg) != CONNECTION_BAD) {
        PQsetNoticeReceiver(c->pg, no_notice, NULL);
        connect_on(c);
    } else {
        buf_printf(&c->why, "%s", c->pg ? PQerrorMessage(c->pg) : "out of memory");
        over(c, ERR_IO);
    }
    c->inside = false;
}

void pg_run(struct db_conn *base, const struct db_query *const *q, unsigned n)
{
    struct pg_conn *c = (struct pg_conn *)base;
    uint64_t quiet = base->loop->now - c->last_use;
    uint64_t interval = (uint64_t)pg_conf(c)->ping_interval * 1000;
    arena_reset(&c->arena);
    arena_init(&c->arena, &c->pool, ARENA_KEEP / 4);
    enter(c);
    c->query = q[0];
    (void)n; /* one: the driver takes no more together */
    if (interval && quiet >= interval)
        sent(c, STEP_PING, PQsendQuery(c->pg, ""));
    else
        begin_query(c);
    c->inside = false;
}
