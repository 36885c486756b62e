/* Connections to a Redis server: hiredis on our loops. */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/redis.h"

#include <hiredis/async.h>
#include <stdlib.h>

#include "core/db/driver.h"

enum {
    WORKERS_MAX = 128,
    WORDS_MAX = 12,
    PORT = 6379,
    TEXT_MAX = 255,
    BACKOFF_FIRST = 250, /* ms */
    BACKOFF_MOST = 5000,
};

/* A worker's connection; touched by its thread alone. */
struct link {
    struct redis *redis;
    struct loop *loop;
    redisAsyncContext *ac; /* NULL: none */
    struct lookup *lookup; /* while the server's name is looked up */
    struct watch watch;
    unsigned events;
    bool up, was_up, leaving;
    unsigned turn;
    uint64_t backoff, retry_at; /* ms */
    struct timer deadline;      /* of connecting, or of the oldest question */
    struct list asked;          /* questions, oldest first */
};

/* A question under way. */
struct question {
    struct list link;
    struct link *on;
    uint64_t due;
    redis_done done;
    void *arg;
};

struct redis {
    char host[TEXT_MAX + 1], user[TEXT_MAX + 1], password[TEXT_MAX + 1];
    char number[TEXT_MAX + 1];
    uint16_t port;
    uint32_t deadline;
    redis_back back;
    void *arg;
    struct redis_now {
        redisContext *c;
        bool failed;
    } now;
    struct link link[WORKERS_MAX];
};

/* ---- the loop ---- */

static void set_events(struct link *k, unsigned events)
{
    k->events = events;
    if (!events && !k->watch.handle)
        return;
    k->watch.fd = k->ac->c.fd;
    k->loop->watch(k->loop, &k->watch, events);
}

static void add_read(void *p)
{
    struct link *k = p;
    set_events(k, k->events | LOOP_READ);
}

static void del_read(void *p)
{
    struct link *k = p;
    set_events(k, k->events & ~(unsigned)LOOP_READ);
}

static void add_write(void *p)
{
    struct link *k = p;
    set_events(k, k->events | LOOP_WRITE);
}

static void del_write(void *p)
{
    struct link *k = p;
    set_events(k, k->events & ~(unsigned)LOOP_WRITE);
}

static void cleanup(void *p)
{
    struct link *k = p;
    k->loop->unwatch(k->loop, &k->watch);
    k->events = 0;
}

static void ready(struct watch *w, unsigned events)
{
    struct link *k = container_of(w, struct link, watch);
    if (events & LOOP_READ && k->ac)
        redisAsyncHandleRead(k->ac);
    if (events & LOOP_WRITE && k->ac && k->events & LOOP_WRITE)
        redisAsyncHandleWrite(k->ac);
}

/* ---- losing it ---- */

/* The library has freed the connection, or is about to: it is opened again later. */
static void lost(struct link *k, const char *why)
{
    k->ac = NULL;
    k->up = false;
    wheel_cancel(k->loop->wheel, &k->deadline);
    k->backoff = k->backoff ? k->backoff * 2 : BACKOFF_FIRST;
    if (k->backoff > BACKOFF_MOST)
        k->backoff = BACKOFF_MOST;
    k->retry_at = k->loop->now + k->backoff;
    if (!k->leaving)
        log_err("usrloc: redis://%s: %s; contacts known here are used", k->redis->host, why);
}

static void drop(struct link *k, const char *why)
{
    redisAsyncContext *ac = k->ac;
    lost(k, why);
    if (ac)
        redisAsyncFree(ac); /* questions are answered with nothing */
}

static void too_late(struct timer *t, void *ctx)
{
    struct link *k = container_of(t, struct link, deadline);
    (void)ctx;
    if (k->lookup)
        lookup_forget(k->lookup);
    k->lookup = NULL;
    drop(k, "no answer in time");
}

/* The deadline is that of the oldest question. */
static void watch_time(struct link *k)
{
    if (list_empty(&k->asked)) {
        if (k->up)
            wheel_cancel(k->loop->wheel, &k->deadline);
        return;
    }
    const struct question *q = container_of(k->asked.next, struct question, link);
    wheel_arm(k->loop->wheel, &k->deadline, q->due, too_late);
}

/* ---- connecting ---- */

static void on_connected(const redisAsyncContext *ac, int status)
{
    struct link *k = ac->data;
    if (!k || k->ac != ac)
        return;
    if (status != REDIS_OK) {
        lost(k, ac->errstr);
        return;
    }
    bool again = k->was_up;
    if (k->backoff)
        log_notice("usrloc: redis://%s is back", k->redis->host);
    k->up = k->was_up = true;
    k->backoff = 0;
    watch_time(k);
    if (again && k == &k->redis->link[0] && k->redis->back)
        k->redis->back(k->redis->arg);
}

static void on_disconnected(const redisAsyncContext *ac, int status)
{
    struct link *k = ac->data;
    if (k && k->ac == ac)
        lost(k, status == REDIS_OK ? "closed" : ac->errstr);
}

/* The answer to AUTH and SELECT. */
static void greeted(redisAsyncContext *ac, void *reply, void *arg)
{
    const redisReply *r = reply;
    (void)ac, (void)arg;
    if (r && r->type == REDIS_REPLY_ERROR)
        log_err("usrloc: redis: %s", r->str);
}

static void greet(struct link *k)
{
    const struct redis *r = k->redis;
    if (r->password[0] && r->user[0])
        redisAsyncCommand(k->ac, greeted, NULL, "AUTH %s %s", r->user, r->password);
    else if (r->password[0])
        redisAsyncCommand(k->ac, greeted, NULL, "AUTH %s", r->password);
    if (r->number[0])
        redisAsyncCommand(k->ac, greeted, NULL, "SELECT %s", r->number);
}

static void open_to(struct link *k, const char *address)
{
    redisAsyncContext *ac = redisAsyncConnect(address, k->redis->port);
    k->ac = ac;
    if (!ac || ac->err) {
        drop(k, ac ? ac->errstr : "out of memory");
        return;
    }
    ac->data = k;
    ac->ev.data = k;
    ac->ev.addRead = add_read;
    ac->ev.delRead = del_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = cleanup;
    k->watch.ready = ready;
    redisAsyncSetConnectCallback(ac, on_connected);
    redisAsyncSetDisconnectCallback(ac, on_disconnected);
    greet(k);
}

static void found(void *arg, const char *address)
{
    struct link *k = arg;
    k->lookup = NULL;
    if (address[0])
        open_to(k, address);
    else
        lost(k, "the name of the host is not known");
}

/* Begins to connect. A name is looked up aside; what is asked meanwhile fails. */
static void open_link(struct link *k)
{
    struct str host = str_from(k->redis->host);
    wheel_arm(k->loop->wheel, &k->deadline, k->loop->now + k->redis->deadline, too_late);
    if (!lookup_needed(host))
        open_to(k, str_ieq(host, STR("localhost")) ? "127.0.0.1" : k->redis->host);
    else if (!(k->lookup = lookup_start(k->loop, host, k->turn++, found, k)))
        lost(k, "no thread to look its host up");
}

void redis_second(struct redis *r, unsigned worker)
{
    struct link *k = &r->link[worker];
    if (k->was_up && !k->ac && !k->lookup && !k->leaving && k->loop->now >= k->retry_at)
        open_link(k);
}

/* ---- asking ---- */

static void answered(redisAsyncContext *ac, void *reply, void *arg)
{
    struct question *q = arg;
    const redisReply *r = reply;
    struct link *k = q->on;
    int status = !r ? ERR_IO : r->type == REDIS_REPLY_ERROR ? ERR_INVALID : ERR_OK;
    (void)ac;
    list_remove(&q->link);
    if (k->ac)
        watch_time(k);
    if (status == ERR_INVALID)
        log_err("usrloc: redis: %s", r->str);
    q->done(q->arg, status, status == ERR_OK ? r : NULL);
    free(q);
}

int redis_ask(struct redis *r, unsigned worker, struct loop *loop, unsigned n,
              const struct str *words, redis_done done, void *arg)
{
    struct link *k = &r->link[worker];
    const char *text[WORDS_MAX];
    size_t len[WORDS_MAX];
    if (!loop->watch || k->leaving || worker >= WORKERS_MAX || n > WORDS_MAX)
        return ERR_STATE;
    k->loop = loop;
    if (!k->ac && !k->lookup && loop->now >= k->retry_at)
        open_link(k);
    if (!k->ac)
        return ERR_STATE;
    struct question *q = malloc(sizeof *q);
    if (!q)
        return ERR_NOMEM;
    *q = (struct question){.on = k, .due = loop->now + r->deadline, .done = done, .arg = arg};
    for (unsigned i = 0; i < n; i++) {
        text[i] = words[i].len ? words[i].p : "";
        len[i] = words[i].len;
    }
    if (redisAsyncCommandArgv(k->ac, answered, q, (int)n, text, len) != REDIS_OK) {
        free(q);
        return ERR_STATE;
    }
    list_append(&k->asked, &q->link);
    if (k->up)
        watch_time(k);
    return ERR_OK;
}

/* ---- blocking ---- */

static bool good(redisReply *r)
{
    bool ok = r && r->type != REDIS_REPLY_ERROR;
    if (r)
        freeReplyObject(r);
    return ok;
}

static redisContext *connect_now(struct redis *r)
{
    const struct timeval limit = {r->deadline / 1000, r->deadline % 1000 * 1000};
    redisContext *c = redisConnectWithTimeout(r->host, r->port, limit);
    bool ok = c && !c->err && redisSetTimeout(c, limit) == REDIS_OK;
    if (ok && r->password[0])
        ok = good(r->user[0] ? redisCommand(c, "AUTH %s %s", r->user, r->password)
                             : redisCommand(c, "AUTH %s", r->password));
    if (ok && r->number[0])
        ok = good(redisCommand(c, "SELECT %s", r->number));
    if (ok)
        return c;
    if (c)
        redisFree(c);
    return NULL;
}

int redis_tell_now(struct redis *r, unsigned n, const struct str *words)
{
    const char *text[WORDS_MAX];
    size_t len[WORDS_MAX];
    if (!r->now.c && !r->now.failed && !(r->now.c = connect_now(r)))
        r->now.failed = true; /* the others need not wait as long */
    if (!r->now.c)
        return ERR_IO;
    for (unsigned i = 0; i < n && i < WORDS_MAX; i++) {
        text[i] = words[i].len ? words[i].p : "";
        len[i] = words[i].len;
    }
    return good(redisCommandArgv(r->now.c, (int)n, text, len)) ? ERR_OK : ERR_IO;
}

/* ---- life ---- */

static void copy(char to[TEXT_MAX + 1], struct str from)
{
    size_t n = from.len < TEXT_MAX ? from.len : TEXT_MAX;
    if (n)
        memcpy(to, from.p, n);
    to[n] = 0;
}

struct redis *redis_new(struct str url, uint32_t deadline, redis_back back, void *arg,
                        struct buf *why)
{
    struct db_url u;
    char with_number[TEXT_MAX + 3];
    struct buf b;
    buf_fixed(&b, with_number, sizeof with_number);
    buf_add(&b, url); /* without a database it is number 0 */
    if (str_find(str_sub(url, sizeof "redis://" - 1, url.len), '/', 0) < 0)
        buf_add(&b, STR("/0"));
    struct redis *r = b.failed ? NULL : calloc(1, sizeof *r);
    if (!r) {
        buf_printf(why, "usrloc: no memory, or db_url is longer than %d bytes", TEXT_MAX);
        return NULL;
    }
    if (db_url_parse(&u, buf_str(&b), why) != ERR_OK) {
        free(r);
        return NULL;
    }
    copy(r->host, u.host.len ? u.host : STR("127.0.0.1"));
    copy(r->user, u.user);
    copy(r->password, u.password);
    copy(r->number, str_eq(u.database, STR("0")) ? STR_NONE : u.database);
    r->port = u.port ? u.port : PORT;
    r->deadline = deadline ? deadline : 2000;
    r->back = back;
    r->arg = arg;
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        r->link[i].redis = r;
        list_init(&r->link[i].asked);
    }
    return r;
}

void redis_leave(struct redis *r, unsigned worker)
{
    struct link *k = &r->link[worker];
    if (!k->loop)
        return;
    k->leaving = true;
    if (k->lookup)
        lookup_forget(k->lookup);
    k->lookup = NULL;
    if (k->ac)
        drop(k, "the worker ends");
    wheel_cancel(k->loop->wheel, &k->deadline);
}

void redis_free(struct redis *r)
{
    if (!r)
        return;
    if (r->now.c)
        redisFree(r->now.c);
    free(r);
}
