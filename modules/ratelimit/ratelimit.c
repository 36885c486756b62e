/* ratelimit: lets so many requests pass in a second. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>

#include "core/module.h"

extern const struct module ratelimit_module;

enum { MAX_PIPES = 16, MAX_QUEUES = 32 };

/* Row: id, name as in a pipe. */
#define ALGORITHM_LIST(X)                                                                          \
    X(NONE, "NOP")                                                                                 \
    X(TAILDROP, "TAILDROP")                                                                        \
    X(RED, "RED")                                                                                  \
    X(FEEDBACK, "FEEDBACK")                                                                        \
    X(NETWORK, "NETWORK")

enum algorithm {
#define X(id, name) ALG_##id,
    ALGORITHM_LIST(X)
#undef X
        ALGORITHMS
};

struct pipe {
    enum algorithm algorithm;
    uint32_t limit; /* requests a second */
};

/* Requests with this method go through that pipe. */
struct queue {
    struct str method; /* "*": any */
    uint32_t pipe;
};

struct conf {
    int32_t timer_interval, reply_code;
    struct str reply_reason;
    unsigned queues;
    struct queue queue[MAX_QUEUES];
    struct pipe pipe[MAX_PIPES];
};

/* What passed through a pipe. */
struct flow {
    uint64_t window;      /* number of the present interval */
    uint32_t now, before; /* requests in it, and in the one before */
};

struct state {
    pthread_mutex_t lock;
    struct flow flow[MAX_PIPES];
};

/* ---- deciding ---- */

/* RED lets every n-th pass when n times too many came in the interval before. */
static bool fits(const struct pipe *p, const struct flow *f, uint32_t most)
{
    uint32_t load;
    switch (p->algorithm) {
    case ALG_TAILDROP:
        return f->now <= most;
    case ALG_RED:
        load = most ? f->before / most : f->before;
        return load < 2 ? f->now <= most || f->before <= most : f->now % load == 0;
    default:
        return true;
    }
}

static int push(struct call *c, uint32_t number)
{
    const struct conf *conf = call_conf(c, &ratelimit_module);
    struct state *s = call_state(c, &ratelimit_module);
    const struct pipe *p = &conf->pipe[number];
    uint64_t window = call_now(c) / ((uint64_t)conf->timer_interval * 1000);
    pthread_mutex_lock(&s->lock);
    struct flow *f = &s->flow[number];
    if (window != f->window) {
        f->before = window == f->window + 1 ? f->now : 0;
        f->now = 0;
        f->window = window;
    }
    f->now++;
    bool pass = fits(p, f, p->limit * (uint32_t)conf->timer_interval);
    pthread_mutex_unlock(&s->lock);
    return pass ? 1 : -1;
}

static int check_queue(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &ratelimit_module);
    (void)args, (void)n;
    for (unsigned i = 0; i < conf->queues; i++) {
        const struct queue *q = &conf->queue[i];
        if (str_eq(q->method, STR("*")) || str_ieq(q->method, c->msg->method_text))
            return push(c, q->pipe);
    }
    return 1;
}

static int check_variable(struct call *c, const struct arg *args, unsigned n)
{
    struct value v;
    (void)n;
    if (pv_read(args[0].obj, c, call_host(), &v) != ERR_OK || !(v.flags & VAL_INT) || v.i < 0 ||
        v.i >= MAX_PIPES) {
        log_err("rl_check(): the variable holds no number of a pipe");
        return -1;
    }
    return push(c, (uint32_t)v.i);
}

static int check_pipe(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return push(c, (uint32_t)args[0].v.i);
}

static int drop(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &ratelimit_module);
    if (n > 0) {
        uint32_t low = (uint32_t)args[0].v.i, high = n > 1 ? (uint32_t)args[1].v.i : low;
        uint32_t more = high > low ? (uint32_t)(call_random(c) % (high - low + 1)) : 0;
        uint32_t s = low + more;
        buf_printf(&c->reply_headers, "Retry-After: %u\r\n", s);
    }
    unsigned code = (unsigned)conf->reply_code;
    int rc = c->txn ? call_reply(c, code, conf->reply_reason)
                    : call_sl_reply(c, code, conf->reply_reason);
    return rc > 0 ? 1 : -1;
}

/* ---- prepare hooks and parameters ---- */

static int complain(struct prepare *p, const char *what, struct str text)
{
    buf_printf(p->error, "%s: \"%.*s\"", what, STR_ARG(text));
    return ERR_INVALID;
}

static int check_number(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)argn;
    return out->v.i >= 0 && out->v.i < MAX_PIPES ? ERR_OK : complain(p, "pipes are 0 to 15", text);
}

static int check_seconds(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)argn;
    return out->v.i >= 0 && out->v.i <= 86400 ? ERR_OK : complain(p, "at most 86400 seconds", text);
}

static int add_queue(struct prepare *p, void *data, const struct value *v)
{
    struct conf *conf = data;
    struct str rest = v->s, number;
    struct queue q;
    str_cut(&number, &rest, ':');
    q.method = rest;
    if (rest.len == 0 || str_u32(&q.pipe, number, MAX_PIPES - 1) != ERR_OK)
        return complain(p, "a queue is written pipe:method", v->s);
    if (conf->queues == MAX_QUEUES)
        return complain(p, "too many queues", v->s);
    conf->queue[conf->queues++] = q;
    return ERR_OK;
}

static int add_pipe(struct prepare *p, void *data, const struct value *v)
{
    static const char *const names[] = {
#define X(id, name) name,
        ALGORITHM_LIST(X)
#undef X
    };
    struct conf *conf = data;
    struct str rest = v->s, number, name = STR_NONE;
    uint32_t at, limit;
    str_cut(&number, &rest, ':');
    str_cut(&name, &rest, ':');
    if (str_u32(&at, number, MAX_PIPES - 1) != ERR_OK || str_u32(&limit, rest, 1 << 20) != ERR_OK)
        return complain(p, "a pipe is written number:algorithm:limit", v->s);
    for (unsigned i = 0; i < ALGORITHMS; i++)
        if (str_ieq(name, str_from(names[i]))) {
            conf->pipe[at] = (struct pipe){(enum algorithm)i, limit};
            return ERR_OK;
        }
    return complain(p, "no such algorithm", name);
}

static void *start(const struct module_start *begin, bool *failed)
{
    const struct conf *conf = begin->conf;
    struct state *s = calloc(1, sizeof *s);
    for (unsigned i = 0; i < MAX_PIPES; i++)
        if (conf->pipe[i].algorithm >= ALG_FEEDBACK)
            log_warn("ratelimit: pipe %u lets everything pass: FEEDBACK and NETWORK measure what "
                     "is not measured here",
                     i);
    *failed = !s || pthread_mutex_init(&s->lock, NULL) != 0;
    if (!*failed)
        return s;
    free(s);
    return NULL;
}

static void stop(void *state)
{
    struct state *s = state;
    if (s)
        pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- rows ---- */

enum { RL = ROUTE_REQUEST | ROUTE_LOCAL };

/* clang-format off */
static const struct fn_spec functions[] = {
    {"rl_check", check_queue, 0, 0, {ARG_NONE}, RL, 0, NULL, "",
     "Counts the request in the pipe that its method's queue names. False when it is over the limit."},
    {"rl_check", check_variable, 1, 1, {ARG_PV}, RL, 0, NULL, "$variable",
     "The same with the pipe whose number the variable holds."},
    {"rl_check_pipe", check_pipe, 1, 1, {ARG_UINT}, RL, 0, check_number, "pipe",
     "The same with this pipe."},
    {"rl_drop", drop, 0, 2, {ARG_UINT, ARG_UINT}, RL, FN_REPLIES, check_seconds, "[low[, high]]",
     "Answers with reply_code, and Retry-After of so many seconds or of some between the two. True "
     "when it was sent."},
    {.name = NULL},
};

static const struct param_spec params[] = {
    {.name = "timer_interval", .type = PARAM_INT, .offset = offsetof(struct conf, timer_interval),
     .min = 1, .max = 3600, .number = 10, .unit = "s", .doc = "Length of the interval that is counted."},
    {.name = "reply_code", .type = PARAM_INT, .offset = offsetof(struct conf, reply_code),
     .min = 300, .max = 699, .number = 503, .doc = "Status of rl_drop()."},
    {.name = "reply_reason", .type = PARAM_STR, .offset = offsetof(struct conf, reply_reason),
     .text = "Server Unavailable", .doc = "Its reason."},
    {.name = "queue", .type = PARAM_STR, .set = add_queue, .doc = "pipe:method, * for any method."},
    {.name = "pipe", .type = PARAM_STR, .set = add_pipe, .doc = "number:algorithm:limit a second."},
    {.name = NULL},
};
/* clang-format on */

const struct module ratelimit_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "ratelimit",
                .doc = "Lets so many requests pass in a second.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .start = start,
    .stop = stop,
};
