/* Inside of ratelimit. */
/* SPDX-License-Identifier: MIT */
#ifndef RATELIMIT_PRIV_H
#define RATELIMIT_PRIV_H

#include <pthread.h>

#include "core/module.h"
#include "modules/ratelimit/measure.h"

extern const struct module ratelimit_module;

enum { MAX_PIPES = 16, MAX_QUEUES = 32, MAX_METHOD = 32 };

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

/* limit: TAILDROP, RED requests a second; FEEDBACK the load to be kept, in percent; NETWORK bytes
 * that may wait in the kernel. */
struct pipe {
    enum algorithm algorithm;
    uint32_t limit;
};

/* Requests with this method go through that pipe. */
struct queue {
    char method[MAX_METHOD + 1]; /* "*": any; "": there is no such queue */
    uint32_t pipe;
};

struct conf {
    int32_t timer_interval, reply_code;
    struct str reply_reason;
    unsigned queues;
    struct queue queue[MAX_QUEUES];
    struct pipe pipe[MAX_PIPES];
};

/* What a management command has put in the place of what the script says, as long as the script
 * goes on saying that. */
struct other_pipe {
    bool set;
    struct pipe was, now;
};
struct other_queue {
    bool set;
    struct queue was, now;
};

/* What passed through a pipe. */
struct flow {
    uint64_t window;      /* number of the present interval */
    uint32_t now, before; /* requests in it, and in the one before */
    /* FEEDBACK: what the controller keeps, and what it says */
    double sum, error;
    uint32_t refused; /* percent that do not pass */
};

/* Gains of the controller: of the error (load wanted less load there is, 1 is all of the
 * processor), of its sum over time, of its change; together they are percent to refuse. */
struct gains {
    double ki, kp, kd;
};

struct state {
    pthread_mutex_t lock; /* of all that follows but measure */
    struct flow flow[MAX_PIPES];
    struct other_pipe pipe[MAX_PIPES];
    struct other_queue queue[MAX_QUEUES];
    struct gains gains;
    uint64_t turn;             /* number of the interval the controller has seen the end of */
    struct cpu_time cpu, last; /* as measured last, and at the end of that interval */
    double load;               /* of that interval, 0 to 1 */
    uint64_t waiting;          /* bytes in the kernel's queues of our sockets */
    bool tells;                /* rl_set_dbg */
    struct measure *measure;   /* the main thread's; NULL where nothing can be measured */
    struct timer second;       /* the main thread's */
    struct loop *loop;         /* its loop, NULL when it does not measure */
};

/* ---- deciding (ratelimit.c): with the lock held ---- */

/* A pipe or queue as it counts now. */
struct pipe pipe_now(const struct conf *conf, const struct state *s, unsigned number);
const struct queue *queue_now(const struct conf *conf, const struct state *s, unsigned number);
const char *algorithm_name(enum algorithm a);
/* -1 when there is none of that name. */
int algorithm_named(struct str name);
/* Why a pipe cannot be like this, or NULL. */
const char *pipe_fault(struct pipe p);
/* Lets the controllers of all FEEDBACK pipes see the load s->load. */
void control(const struct conf *conf, struct state *s);

extern const struct mi_command ratelimit_commands[]; /* mi.c */

#endif
