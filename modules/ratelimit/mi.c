/* ratelimit's management commands. */
/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "modules/ratelimit/priv.h"

/* ---- reading arguments ---- */

static bool read_number(struct mi *m, unsigned i, uint32_t most, uint32_t *out)
{
    return str_u32(out, mi_arg(m, i), most) == ERR_OK;
}

/* A number with or without a fraction. */
static bool read_fraction(struct mi *m, unsigned i, double *out)
{
    char text[32], *end;
    struct str s = mi_arg(m, i);
    if (s.len == 0 || s.len >= sizeof text || ascii_blank(s.p[0]))
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = 0;
    *out = strtod(text, &end);
    return end == text + s.len && isfinite(*out) && fabs(*out) < 1e6;
}

/* ---- pipes ---- */

static enum mi_next set_pipe(struct mi *m)
{
    const struct conf *conf = mi_conf(m);
    struct state *s = mi_state(m);
    uint32_t number, limit;
    int algorithm = algorithm_named(mi_arg(m, 1));
    if (!read_number(m, 0, MAX_PIPES - 1, &number))
        return mi_fail(m, 400, "Bad pipe: 0 to %d", MAX_PIPES - 1);
    if (algorithm < 0)
        return mi_fail(m, 400, "Bad algorithm: NOP, TAILDROP, RED, FEEDBACK or NETWORK");
    if (!read_number(m, 2, UINT32_MAX, &limit))
        return mi_fail(m, 400, "Bad limit: a number");
    struct pipe p = {(enum algorithm)algorithm, limit};
    if (pipe_fault(p))
        return mi_fail(m, 400, "Bad limit: %s", pipe_fault(p));
    if (p.algorithm >= ALG_FEEDBACK && !s->measure)
        return mi_fail(m, 500, "/proc cannot be read: nothing is measured");
    pthread_mutex_lock(&s->lock);
    s->pipe[number] = (struct other_pipe){.set = true, .was = conf->pipe[number], .now = p};
    s->flow[number].sum = s->flow[number].error = 0;
    s->flow[number].refused = 0;
    pthread_mutex_unlock(&s->lock);
    return MI_DONE;
}

static enum mi_next get_pipes(struct mi *m)
{
    struct state *s = mi_state(m);
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < MAX_PIPES; i++) {
        struct pipe p = pipe_now(mi_conf(m), s, i);
        if (p.algorithm == ALG_NONE)
            continue;
        mi_line(m, 0, "PIPE", "%s", "");
        mi_attr(m, "id", "%u", i);
        mi_attr(m, "algorithm", "%s", algorithm_name(p.algorithm));
        mi_attr(m, "limit", "%u", p.limit);
        mi_attr(m, "counter", "%u", s->flow[i].now);
    }
    pthread_mutex_unlock(&s->lock);
    return MI_DONE;
}

static enum mi_next stats(struct mi *m)
{
    struct state *s = mi_state(m);
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < MAX_PIPES; i++) {
        struct pipe p = pipe_now(mi_conf(m), s, i);
        if (p.algorithm != ALG_NONE)
            mi_line(m, 0, NULL, "PIPE[%u]: %u/%u (drop rate: %u)", i, s->flow[i].before, p.limit,
                    s->flow[i].refused);
    }
    mi_line(m, 0, NULL, "LOAD: %.3f", s->load);
    mi_line(m, 0, NULL, "NETWORK: %llu", (unsigned long long)s->waiting);
    pthread_mutex_unlock(&s->lock);
    return MI_DONE;
}

/* ---- queues ---- */

static enum mi_next set_queue(struct mi *m)
{
    const struct conf *conf = mi_conf(m);
    struct state *s = mi_state(m);
    struct str method = mi_arg(m, 1);
    struct queue q;
    uint32_t number;
    if (!read_number(m, 0, MAX_QUEUES - 1, &number))
        return mi_fail(m, 400, "Bad queue: 0 to %d", MAX_QUEUES - 1);
    if (method.len == 0 || method.len > MAX_METHOD)
        return mi_fail(m, 400, "Bad method");
    if (!read_number(m, 2, MAX_PIPES - 1, &q.pipe))
        return mi_fail(m, 400, "Bad pipe: 0 to %d", MAX_PIPES - 1);
    memset(q.method, 0, sizeof q.method);
    memcpy(q.method, method.p, method.len);
    pthread_mutex_lock(&s->lock);
    s->queue[number] = (struct other_queue){.set = true, .was = conf->queue[number], .now = q};
    pthread_mutex_unlock(&s->lock);
    return MI_DONE;
}

static enum mi_next get_queues(struct mi *m)
{
    struct state *s = mi_state(m);
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < MAX_QUEUES; i++) {
        const struct queue *q = queue_now(mi_conf(m), s, i);
        if (!q->method[0])
            continue;
        mi_line(m, 0, "QUEUE", "%s", "");
        mi_attr(m, "id", "%u", i);
        mi_attr_text(m, "method", str_from(q->method));
        mi_attr(m, "pipe", "%u", q->pipe);
    }
    pthread_mutex_unlock(&s->lock);
    return MI_DONE;
}

/* ---- the controller ---- */

static enum mi_next set_pid(struct mi *m)
{
    struct state *s = mi_state(m);
    struct gains g;
    if (!read_fraction(m, 0, &g.ki) || !read_fraction(m, 1, &g.kp) || !read_fraction(m, 2, &g.kd))
        return mi_fail(m, 400, "Bad parameter: ki, kp and kd are numbers");
    pthread_mutex_lock(&s->lock);
    s->gains = g;
    pthread_mutex_unlock(&s->lock);
    return MI_DONE;
}

static enum mi_next get_pid(struct mi *m)
{
    struct state *s = mi_state(m);
    pthread_mutex_lock(&s->lock);
    struct gains g = s->gains;
    pthread_mutex_unlock(&s->lock);
    mi_line(m, 0, "PID", "%s", "");
    mi_attr(m, "ki", "%.3f", g.ki);
    mi_attr(m, "kp", "%.3f", g.kp);
    mi_attr(m, "kd", "%.3f", g.kd);
    return MI_DONE;
}

static enum mi_next push_load(struct mi *m)
{
    struct state *s = mi_state(m);
    double load;
    if (!read_fraction(m, 0, &load) || load < 0 || load > 1)
        return mi_fail(m, 400, "Bad load: 0.0 to 1.0");
    pthread_mutex_lock(&s->lock);
    s->load = load;
    control(mi_conf(m), s);
    pthread_mutex_unlock(&s->lock);
    return MI_DONE;
}

static enum mi_next set_dbg(struct mi *m)
{
    struct state *s = mi_state(m);
    uint32_t on;
    if (!read_number(m, 0, 1, &on))
        return mi_fail(m, 400, "Bad parameter: 0 or 1");
    pthread_mutex_lock(&s->lock);
    s->tells = on;
    pthread_mutex_unlock(&s->lock);
    return MI_DONE;
}

const struct mi_command ratelimit_commands[] = {
    {"rl_stats", "", "What passed through each pipe in the last interval, the load, what waits.", 0,
     0, 0, NULL, stats},
    {"rl_set_pipe", "pipe algorithm limit", "Gives a pipe another algorithm and limit.", 3, 3, 0,
     NULL, set_pipe},
    {"rl_get_pipes", "", "The pipes in use, with what passed through them in this interval.", 0, 0,
     0, NULL, get_pipes},
    {"rl_set_queue", "queue method pipe", "Sends requests with a method through another pipe.", 3,
     3, 0, NULL, set_queue},
    {"rl_get_queues", "", "The queues in use.", 0, 0, 0, NULL, get_queues},
    {"rl_set_pid", "ki kp kd", "Sets the gains of the controller of FEEDBACK pipes.", 3, 3, 0, NULL,
     set_pid},
    {"rl_get_pid", "", "The gains of the controller of FEEDBACK pipes.", 0, 0, 0, NULL, get_pid},
    {"rl_push_load", "load", "Lets FEEDBACK pipes see this load, 0.0 to 1.0, until it is measured.",
     1, 1, 0, NULL, push_load},
    {"rl_set_dbg", "0|1", "1: each interval a line of the log for each pipe in use.", 1, 1, 0, NULL,
     set_dbg},
    {.name = NULL},
};
