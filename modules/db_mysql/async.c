/* The same on a worker's loop, by the library's calls that say what they wait for. Each step of a
 * query is begun, waits for the descriptor as often as it must, and leads to the next. */
/* SPDX-License-Identifier: MIT */
#include "modules/db_mysql/priv.h"

/* ---- steps: each begins and goes on; both return what it waits for, 0 when it is over ---- */

static int begin(struct maria_conn *c, enum step step)
{
    MYSQL_STMT *stmt = c->statement ? c->statement->stmt : NULL;
    int waits;
    c->step = step;
    switch (step) {
    case STEP_CONNECT:
        return mysql_real_connect_start(&c->connected, c->my, c->host, c->user, c->password,
                                        c->database, c->base.url->port, NULL, CLIENT_FOUND_ROWS);
    case STEP_PING:
        return mysql_ping_start(&c->failed, c->my);
    case STEP_MAKE_ROOM:
        return mysql_stmt_close_start(&c->closed, stmt);
    case STEP_PREPARE:
        return mysql_stmt_prepare_start(&c->failed, stmt, c->statement->sql.p,
                                        c->statement->sql.len);
    case STEP_EXECUTE:
        return mysql_stmt_execute_start(&c->failed, stmt);
    case STEP_STORE:
        return mysql_stmt_store_result_start(&c->failed, stmt);
    case STEP_SEND:
        c->failed = 0;
        waits = maria_ahead_send(c);
        return waits || c->failed ? waits : MYSQL_WAIT_READ; /* the first answer */
    case STEP_IDLE:
    case STEP_OVER:
        break;
    }
    return 0;
}

static int go_on(struct maria_conn *c, int ready)
{
    MYSQL_STMT *stmt = c->statement ? c->statement->stmt : NULL;
    switch (c->step) {
    case STEP_CONNECT:
        return mysql_real_connect_cont(&c->connected, c->my, ready);
    case STEP_PING:
        return mysql_ping_cont(&c->failed, c->my, ready);
    case STEP_MAKE_ROOM:
        return mysql_stmt_close_cont(&c->closed, stmt, ready);
    case STEP_PREPARE:
        return mysql_stmt_prepare_cont(&c->failed, stmt, ready);
    case STEP_EXECUTE:
        return mysql_stmt_execute_cont(&c->failed, stmt, ready);
    case STEP_STORE:
        return mysql_stmt_store_result_cont(&c->failed, stmt, ready);
    case STEP_SEND:
        return maria_ahead_send(c);
    case STEP_IDLE:
    case STEP_OVER:
        break;
    }
    return 0;
}

/* ---- the end ---- */

static int over(struct maria_conn *c, int status)
{
    c->status = status;
    c->step = STEP_OVER;
    return 0;
}

static int statement_failed(struct maria_conn *c)
{
    MYSQL_STMT *stmt = c->statement->stmt;
    return over(c, maria_conn_failed(c, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), &c->why));
}

static bool of_use(const struct maria_conn *c)
{
    return c->status != ERR_IO && c->status != ERR_STATE;
}

/* While nobody asks, whatever comes is bad news: the server closes. */
static void watch_idle(struct maria_conn *c)
{
    c->watch.fd = (int)mysql_get_socket(c->my);
    c->base.loop->watch(c->base.loop, &c->watch, LOOP_READ);
}

/* Tells core/db. Returns whether further queries are left; otherwise it was the last thing done, as
 * core/db may have asked the next ones or closed the connection. */
static bool tell(struct maria_conn *c)
{
    struct str why = buf_str(&c->why);
    bool was_up = c->up, more = was_up && of_use(c) && c->at + 1 < c->batched;
    int status = c->status;
    c->last_use = c->base.loop->now;
    if (of_use(c) && !more) {
        c->step = STEP_IDLE;
        watch_idle(c);
    }
    if (was_up) {
        db_conn_answer(&c->base, status, status == ERR_OK ? &c->result : NULL, why);
        return more;
    }
    c->up = status == ERR_OK;
    if (c->up)
        maria_ahead_init(c);
    db_conn_up(&c->base, c->up, why);
    return false;
}

/* ---- from step to step ---- */

static int execute(struct maria_conn *c)
{
    int rc = maria_statement_bind(c, c->statement, c->query, &c->arena, &c->why);
    if (rc == ERR_OK)
        return begin(c, STEP_EXECUTE);
    /* an answer that comes and is not read would be taken for the next one's */
    return over(c, c->at < c->ahead ? ERR_IO : rc);
}

static int prepare(struct maria_conn *c, struct str sql)
{
    int rc = maria_statement_new(c, c->statement, sql);
    return rc == ERR_OK ? begin(c, STEP_PREPARE) : over(c, rc);
}

static struct str sql_of(struct maria_conn *c, const struct db_query *q)
{
    struct buf sql;
    buf_init(&sql, &c->arena, 512);
    db_sql_text(&sql, q, &maria_dialect);
    return sql.failed ? STR_NONE : buf_str(&sql);
}

/* Sends the query of now, and those behind it, as far as their statements are there. */
static bool send_ahead(struct maria_conn *c)
{
    struct statement *s = c->statement;
    c->out_len = c->out_sent = 0;
    c->ahead = c->at;
    while (s && maria_ahead_add(c, s, c->batch[c->ahead])) {
        c->sent[c->ahead++] = s;
        if (c->ahead == c->batched)
            break;
        struct str sql = sql_of(c, c->batch[c->ahead]);
        s = sql.p ? maria_statement_find(c, sql) : NULL;
    }
    return c->ahead > c->at;
}

static int begin_query(struct maria_conn *c)
{
    if (c->at < c->ahead) {
        c->statement = c->sent[c->at];
        return execute(c);
    }
    struct str sql = sql_of(c, c->query);
    if (!sql.p)
        return over(c, ERR_NOMEM);
    c->statement = maria_statement_find(c, sql);
    if (c->statement)
        return send_ahead(c) ? begin(c, STEP_SEND) : execute(c);
    c->statement = maria_statement_place(c);
    return c->statement->stmt ? begin(c, STEP_MAKE_ROOM) : prepare(c, sql);
}

/* The query at c->at, or those from there on. */
static int begin_one(struct maria_conn *c)
{
    arena_reset(&c->arena);
    arena_init(&c->arena, &c->pool, ARENA_KEEP / 4);
    buf_fixed(&c->why, c->why_text, sizeof c->why_text);
    c->query = c->batch[c->at];
    c->statement = NULL;
    return begin_query(c);
}

static int read_result(struct maria_conn *c)
{
    int rc = maria_statement_read(c, c->statement, &c->arena, &c->result, &c->why);
    mysql_stmt_free_result(c->statement->stmt); /* it was fetched whole: nothing is asked */
    return over(c, rc);
}

/* The connection was lost before the query was sent: another one may have it. */
static int unsent(struct maria_conn *c)
{
    buf_printf(&c->why, "%s (error %u)", mysql_error(c->my), mysql_errno(c->my));
    return over(c, ERR_STATE);
}

/* The same for SELECTs, of which some may have been sent. */
static int not_sent_ahead(struct maria_conn *c)
{
    buf_printf(&c->why, "not sent (error %d)", c->failed);
    return over(c, ERR_STATE);
}

static int prepared(struct maria_conn *c)
{
    if (!c->failed) {
        c->statement->meta = mysql_stmt_result_metadata(c->statement->stmt);
        return execute(c);
    }
    int waits = statement_failed(c);
    if (c->status != ERR_IO) { /* a statement that was never prepared has nothing to be closed */
        mysql_stmt_close(c->statement->stmt);
        maria_statement_forget(c->statement);
    }
    return waits;
}

/* A step is over: begins the next one. */
static int next(struct maria_conn *c)
{
    switch (c->step) {
    case STEP_CONNECT:
        if (c->connected)
            return over(c, ERR_OK);
        maria_conn_failed(c, mysql_errno(c->my), mysql_error(c->my), &c->why);
        return over(c, ERR_IO);
    case STEP_PING:
        return c->failed ? unsent(c) : begin_one(c);
    case STEP_MAKE_ROOM:
        c->statement->stmt = NULL;
        maria_statement_forget(c->statement);
        return prepare(c, sql_of(c, c->query));
    case STEP_PREPARE:
        return prepared(c);
    case STEP_SEND:
        return c->failed ? not_sent_ahead(c) : execute(c);
    case STEP_EXECUTE:
        if (c->failed)
            return statement_failed(c);
        return c->statement->meta ? begin(c, STEP_STORE) : read_result(c);
    case STEP_STORE:
        return c->failed ? statement_failed(c) : read_result(c);
    case STEP_IDLE:
    case STEP_OVER:
        break;
    }
    return 0;
}

static void watch_for(struct maria_conn *c, int waits)
{
    struct loop *l = c->base.loop;
    int fd = (int)mysql_get_socket(c->my);
    if (c->watch.handle && c->watch.fd != fd)
        l->unwatch(l, &c->watch);
    c->watch.fd = fd;
    c->waits = waits;
    l->watch(l, &c->watch,
             (waits & MYSQL_WAIT_READ ? LOOP_READ : 0u) |
                 (waits & MYSQL_WAIT_WRITE ? LOOP_WRITE : 0u));
}

static void tell_later(struct timer *t, void *ctx);

static void proceed(struct maria_conn *c, int waits)
{
    for (;;) {
        while (waits == 0 && c->step != STEP_OVER)
            waits = next(c);
        if (waits) {
            watch_for(c, waits);
            return;
        }
        if (!of_use(c))
            c->base.loop->unwatch(c->base.loop, &c->watch);
        if (c->inside) {
            wheel_arm(c->base.loop->wheel, &c->tell, c->base.loop->now, tell_later);
            return;
        }
        if (!tell(c))
            return;
        c->at++;
        waits = begin_one(c);
    }
}

static void tell_later(struct timer *t, void *ctx)
{
    struct maria_conn *c = container_of(t, struct maria_conn, tell);
    (void)ctx;
    proceed(c, 0); /* it is over already */
}

static void ready(struct watch *w, unsigned events)
{
    struct maria_conn *c = container_of(w, struct maria_conn, watch);
    if (c->step == STEP_IDLE) {
        db_conn_lost(&c->base, STR("closed by the server"));
        return;
    }
    if (c->step == STEP_OVER)
        return; /* it is told in a moment */
    int got =
        (events & LOOP_READ ? MYSQL_WAIT_READ : 0) | (events & LOOP_WRITE ? MYSQL_WAIT_WRITE : 0);
    proceed(c, go_on(c, got & c->waits ? got & c->waits : c->waits));
}

/* ---- what core/db calls ---- */

static void enter(struct maria_conn *c)
{
    buf_fixed(&c->why, c->why_text, sizeof c->why_text);
    c->inside = true;
}

void maria_connect(struct db_conn *base)
{
    struct maria_conn *c = (struct maria_conn *)base;
    arena_pool_init(&c->pool, ARENA_KEEP);
    arena_init(&c->arena, &c->pool, ARENA_KEEP / 4);
    c->watch.ready = ready;
    enter(c);
    int rc = maria_conn_init(c, true);
    if (rc == ERR_OK && base->address)
        memcpy(c->host, base->address, strlen(base->address) + 1);
    proceed(c, rc == ERR_OK ? begin(c, STEP_CONNECT) : over(c, ERR_IO));
    c->inside = false;
}

void maria_run(struct db_conn *base, const struct db_query *const *q, unsigned n)
{
    struct maria_conn *c = (struct maria_conn *)base;
    uint64_t quiet = base->loop->now - c->last_use;
    uint64_t interval = (uint64_t)maria_conf(c)->ping_interval * 1000;
    for (unsigned i = 0; i < n; i++)
        c->batch[i] = q[i];
    c->batched = n;
    c->at = c->ahead = 0;
    enter(c);
    c->statement = NULL;
    proceed(c, interval && quiet >= interval ? begin(c, STEP_PING) : begin_one(c));
    c->inside = false;
}
