/* ratelimit: lets so many requests pass in a second. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/ratelimit/priv.h"

/* ---- pipes and queues as they count now ---- */

static bool same_pipe(struct pipe a, struct pipe b)
{
    return a.algorithm == b.algorithm && a.limit == b.limit;
}

struct pipe pipe_now(const struct conf *conf, const struct state *s, unsigned number)
{
    const struct other_pipe *o = &s->pipe[number];
    return o->set && same_pipe(o->was, conf->pipe[number]) ? o->now : conf->pipe[number];
}

const struct queue *queue_now(const struct conf *conf, const struct state *s, unsigned number)
{
    const struct other_queue *o = &s->queue[number];
    const struct queue *q = &conf->queue[number];
    bool same = o->set && o->was.pipe == q->pipe && strcmp(o->was.method, q->method) == 0;
    return same ? &o->now : q;
}

static const char *const algorithms[] = {
#define X(id, name) name,
    ALGORITHM_LIST(X)
#undef X
};

const char *algorithm_name(enum algorithm a)
{
    return algorithms[a];
}

int algorithm_named(struct str name)
{
    for (int i = 0; i < ALGORITHMS; i++)
        if (str_ieq(name, str_from(algorithms[i])))
            return i;
    return -1;
}

const char *pipe_fault(struct pipe p)
{
    if (p.algorithm == ALG_FEEDBACK && (p.limit < 1 || p.limit > 100))
        return "the load to be kept is 1 to 100 percent";
    if ((p.algorithm == ALG_TAILDROP || p.algorithm == ALG_RED) && p.limit > 1 << 20)
        return "at most 1048576 requests a second";
    return NULL;
}

/* ---- FEEDBACK: a controller ---- */

static double within(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v;
}

/* One step for a pipe. The sum counts down from 0, as idle time cannot be saved up, and not beyond
 * what refuses all: so it comes back as soon as the load does. */
static void control_pipe(struct flow *f, const struct gains *g, double wanted, double load)
{
    double error = wanted - load, change = error - f->error;
    if (f->sum < 0 || error < 0)
        f->sum += error;
    double most = g->ki < 0 ? -100 / g->ki : 100;
    f->sum = within(f->sum, -most, 0);
    f->error = error;
    f->refused = (uint32_t)within(g->kp * error + g->ki * f->sum + g->kd * change, 0, 100);
}

void control(const struct conf *conf, struct state *s)
{
    for (unsigned i = 0; i < MAX_PIPES; i++) {
        struct pipe p = pipe_now(conf, s, i);
        if (p.algorithm == ALG_FEEDBACK)
            control_pipe(&s->flow[i], &s->gains, p.limit / 100.0, s->load);
    }
}

/* ---- deciding ---- */

static void turn(struct flow *f, uint64_t window)
{
    if (window <= f->window)
        return; /* a worker's clock may be a little behind another's */
    f->before = window == f->window + 1 ? f->now : 0;
    f->now = 0;
    f->window = window;
}

/* RED lets every n-th pass when n times too many came in the interval before. FEEDBACK spreads what
 * it refuses over each hundred requests. */
static bool fits(const struct pipe *p, const struct state *s, const struct flow *f,
                 uint64_t seconds)
{
    uint64_t load, most = p->limit * seconds;
    switch (p->algorithm) {
    case ALG_TAILDROP:
        return f->now <= most;
    case ALG_RED:
        load = most ? f->before / most : f->before;
        return load < 2 ? f->now <= most || f->before <= most : f->now % load == 0;
    case ALG_FEEDBACK:
        return f->now * 37ull % 100 >= f->refused;
    case ALG_NETWORK:
        return s->waiting <= p->limit;
    default:
        return true;
    }
}

static uint64_t window_of(const struct conf *conf, uint64_t now)
{
    return now / ((uint64_t)conf->timer_interval * 1000);
}

/* With the lock held. */
static int push(struct call *c, const struct conf *conf, struct state *s, uint32_t number)
{
    struct pipe p = pipe_now(conf, s, number);
    struct flow *f = &s->flow[number];
    turn(f, window_of(conf, call_now(c)));
    f->now++;
    return fits(&p, s, f, (uint64_t)conf->timer_interval) ? 1 : -1;
}

static int push_to(struct call *c, uint32_t number)
{
    struct state *s = call_state(c, &ratelimit_module);
    pthread_mutex_lock(&s->lock);
    int result = push(c, call_conf(c, &ratelimit_module), s, number);
    pthread_mutex_unlock(&s->lock);
    return result;
}

static int check_queue(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &ratelimit_module);
    struct state *s = call_state(c, &ratelimit_module);
    int result = 1;
    (void)args, (void)n;
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < MAX_QUEUES; i++) {
        const struct queue *q = queue_now(conf, s, i);
        if (strcmp(q->method, "*") == 0 || str_ieq(str_from(q->method), c->msg->method_text)) {
            result = push(c, conf, s, q->pipe);
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return result;
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
    return push_to(c, (uint32_t)v.i);
}

static int check_pipe(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return push_to(c, (uint32_t)args[0].v.i);
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
    struct queue q = {.pipe = 0};
    str_cut(&number, &rest, ':');
    if (rest.len == 0 || rest.len > MAX_METHOD || str_u32(&q.pipe, number, MAX_PIPES - 1) != ERR_OK)
        return complain(p, "a queue is written pipe:method", v->s);
    if (conf->queues == MAX_QUEUES)
        return complain(p, "too many queues", v->s);
    memcpy(q.method, rest.p, rest.len);
    conf->queue[conf->queues++] = q;
    return ERR_OK;
}

static int add_pipe(struct prepare *p, void *data, const struct value *v)
{
    struct conf *conf = data;
    struct str rest = v->s, number, name = STR_NONE;
    uint32_t at, limit;
    str_cut(&number, &rest, ':');
    str_cut(&name, &rest, ':');
    if (str_u32(&at, number, MAX_PIPES - 1) != ERR_OK ||
        str_u32(&limit, rest, UINT32_MAX) != ERR_OK)
        return complain(p, "a pipe is written number:algorithm:limit", v->s);
    int algorithm = algorithm_named(name);
    if (algorithm < 0)
        return complain(p, "no such algorithm", name);
    struct pipe pipe = {(enum algorithm)algorithm, limit};
    if (pipe_fault(pipe))
        return complain(p, pipe_fault(pipe), v->s);
    conf->pipe[at] = pipe;
    return ERR_OK;
}

/* ---- life ---- */

static bool measures(const struct conf *conf)
{
    for (unsigned i = 0; i < MAX_PIPES; i++)
        if (conf->pipe[i].algorithm >= ALG_FEEDBACK)
            return true;
    return false;
}

/* The files are opened now, before the process may lose its rights or its root. */
static void *start(const struct module_start *begin, bool *failed)
{
    struct state *s = calloc(1, sizeof *s);
    size_t before = begin->why->len;
    *failed = true;
    if (!s)
        return NULL;
    s->gains = (struct gains){.ki = -25};
    buf_printf(begin->why, "%sratelimit: FEEDBACK and NETWORK: ", before ? "; " : "");
    s->measure = measure_new(begin->socket, begin->sockets, begin->why);
    *failed = (!s->measure && measures(begin->conf)) || pthread_mutex_init(&s->lock, NULL) != 0;
    if (*failed) {
        measure_free(s->measure);
        free(s);
        return NULL;
    }
    begin->why->len = before;
    return s;
}

static void stop(void *state)
{
    struct state *s = state;
    if (!s)
        return;
    measure_free(s->measure);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    const struct state *s = state;
    (void)old_conf;
    if (s->measure || !measures(next->conf))
        return true;
    buf_printf(next->why, "%sratelimit: /proc cannot be read, which FEEDBACK and NETWORK need",
               next->why->len ? "; " : "");
    return false;
}

/* ---- measuring: the main thread each second, what follows from it a worker each interval ---- */

static void take_measure(struct timer *t, void *ctx)
{
    struct state *s = container_of(t, struct state, second);
    struct cpu_time cpu;
    bool known = measure_cpu(s->measure, &cpu);
    uint64_t waiting = measure_waiting(s->measure);
    (void)ctx;
    pthread_mutex_lock(&s->lock);
    if (known)
        s->cpu = cpu;
    s->waiting = waiting;
    pthread_mutex_unlock(&s->lock);
    wheel_arm(s->loop->wheel, t, s->loop->now + 1000, take_measure);
}

static int serve(void *state, struct mi_server *server, struct buf *why)
{
    struct state *s = state;
    (void)why;
    if (s->measure) {
        s->loop = mi_loop(server);
        take_measure(&s->second, NULL);
    }
    return ERR_OK;
}

static void unserve(void *state)
{
    struct state *s = state;
    if (s->loop)
        wheel_cancel(s->loop->wheel, &s->second);
    s->loop = NULL;
}

static void tell(const struct conf *conf, const struct state *s)
{
    for (unsigned i = 0; i < MAX_PIPES; i++) {
        struct pipe p = pipe_now(conf, s, i);
        if (p.algorithm != ALG_NONE)
            log_notice("ratelimit: pipe %u %s %u: %u requests, %u%% refused by load %.3f, %llu "
                       "bytes wait",
                       i, algorithm_name(p.algorithm), p.limit, s->flow[i].before,
                       s->flow[i].refused, s->load, (unsigned long long)s->waiting);
    }
}

/* The end of an interval: the load in it is known now. */
static void interval_over(const struct conf *conf, struct state *s, uint64_t window)
{
    uint64_t all = s->cpu.all - s->last.all;
    for (unsigned i = 0; i < MAX_PIPES; i++)
        turn(&s->flow[i], window);
    if (s->last.all && s->cpu.all > s->last.all)
        s->load = (double)(s->cpu.busy - s->last.busy) / (double)all;
    s->last = s->cpu;
    control(conf, s);
    if (s->tells)
        tell(conf, s);
}

static void on_second(struct engine *e, void *state, const void *data)
{
    const struct conf *conf = data;
    struct state *s = state;
    uint64_t window = window_of(conf, engine_now(e));
    if (engine_index(e) != 0)
        return;
    pthread_mutex_lock(&s->lock);
    if (s->turn && window != s->turn)
        interval_over(conf, s, window);
    s->turn = window;
    pthread_mutex_unlock(&s->lock);
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
/* clang-format on */

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_NUMBER("timer_interval", timer_interval, 1, 3600, 10,
                 "Length of the interval that is counted.", .unit = "s"),
    PARAM_NUMBER("reply_code", reply_code, 300, 699, 503, "Status of rl_drop()."),
    PARAM_STRING("reply_reason", reply_reason, "Server Unavailable", "Its reason."),
    PARAM_SET("queue", PARAM_STR, add_queue, "pipe:method, * for any method."),
    PARAM_SET("pipe", PARAM_STR, add_pipe, "number:algorithm:limit."),
    {.name = NULL},
};

const struct module ratelimit_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "ratelimit",
                .doc = "Lets so many requests pass in a second.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .start = start,
    .stop = stop,
    .reload = reload,
    .on_second = on_second,
    .commands = ratelimit_commands,
    .serve = serve,
    .unserve = unserve,
};
