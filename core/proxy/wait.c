/* Scripts that wait for work elsewhere: a database, a name server, a program. A wait outlives its
 * call when the call is given up, so that the answer finds somebody to tell. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/module.h"
#include "core/proxy/engine_priv.h"

struct wait {
    struct list link; /* of engine->waits while call is set */
    struct engine *engine;
    struct call *call; /* NULL: given up, or its deadline has passed */
    struct service *service;
    struct timer deadline;
    wait_done done;
    void *arg;
};

static void settle_service(struct wait *w, enum service_end how)
{
    if (w->service)
        service_end(w->service, w->engine->now, how);
    w->service = NULL;
}

/* The call goes on; w no longer belongs to it. */
static void go_on(struct wait *w, int status, const void *answer)
{
    struct call *c = w->call;
    list_remove(&w->link);
    wheel_cancel(&w->engine->wheel, &w->deadline);
    w->call = NULL;
    int result = w->done(c, w->arg, status, answer);
    if (result != CALL_SUSPENDED)
        call_resume(c, result);
}

static void too_late(struct timer *t, void *ctx)
{
    struct wait *w = container_of(t, struct wait, deadline);
    (void)ctx;
    settle_service(w, SERVICE_LATE);
    go_on(w, ERR_TIMEOUT, NULL);
}

struct wait *call_wait(struct call *c, struct service *s, wait_done done, void *arg, int *status)
{
    struct engine *e = c->engine;
    *status = s ? service_begin(s, e->now) : ERR_OK;
    if (*status != ERR_OK)
        return NULL;
    struct wait *w = calloc(1, sizeof *w);
    if (!w) {
        if (s)
            service_end(s, e->now, SERVICE_OK);
        *status = ERR_NOMEM;
        return NULL;
    }
    *w = (struct wait){.engine = e, .call = c, .service = s, .done = done, .arg = arg};
    list_append(&e->waits, &w->link);
    if (s && s->limits.deadline)
        wheel_arm(&e->wheel, &w->deadline, e->now + s->limits.deadline, too_late);
    return w;
}

void wait_end(struct wait *w, int status, const void *answer)
{
    settle_service(w, status == ERR_OK ? SERVICE_OK : SERVICE_FAILED);
    if (w->call)
        go_on(w, status, answer);
    free(w);
}

void wait_drop(struct wait *w)
{
    settle_service(w, SERVICE_OK);
    list_remove(&w->link);
    wheel_cancel(&w->engine->wheel, &w->deadline);
    free(w);
}

void wait_forget(struct call *c)
{
    for (struct list *at = c->engine->waits.next, *next; at != &c->engine->waits; at = next) {
        struct wait *w = container_of(at, struct wait, link);
        next = at->next;
        if (w->call != c)
            continue;
        list_remove(at);
        wheel_cancel(&w->engine->wheel, &w->deadline);
        w->call = NULL;
    }
}

void wait_free_all(struct engine *e)
{
    while (!list_empty(&e->waits))
        call_free(container_of(e->waits.next, struct wait, link)->call);
}

/* ---- queries ---- */

struct query {
    struct wait *wait;
    query_done done;
    void *arg;
};

static int query_over(struct call *c, void *arg, int status, const void *answer)
{
    struct query *q = arg;
    if (status == ERR_NOMEM)
        engine_count(c->engine, COUNT_NO_MEMORY);
    return q->done(c, q->arg, status, answer);
}

static void query_answered(void *arg, int status, const struct db_result *r)
{
    wait_end(arg, status, r);
}

struct db *call_db(const struct call *c, const struct module *m)
{
    return config_db(c->engine->shared, c->config, m);
}

struct loop *call_loop(const struct call *c)
{
    return c->engine->loop;
}

unsigned call_worker(const struct call *c)
{
    return c->engine->index;
}

int call_query(struct call *c, struct db *db, const struct db_query *q, query_done done, void *arg)
{
    int status = ERR_NOMEM;
    struct query *mine = arena_alloc(c->arena, sizeof *mine);
    if (mine) {
        *mine = (struct query){.done = done, .arg = arg};
        mine->wait = call_wait(c, NULL, query_over, mine, &status);
    }
    if (mine && mine->wait) {
        status = db_run(db, c->engine->index, c->engine->loop, q, query_answered, mine->wait);
        if (status == ERR_OK)
            return CALL_SUSPENDED;
        wait_drop(mine->wait);
    }
    if (status == ERR_NOMEM)
        engine_count(c->engine, COUNT_NO_MEMORY);
    return done(c, arg, status, NULL);
}
