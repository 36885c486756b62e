/* RTPProxy, a relay for media: which there are, and asking them. Inside of the nathelper module. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_NATHELPER_RTPPROXY_H
#define MODULES_NATHELPER_RTPPROXY_H

#include <stdatomic.h>

#include "modules/nathelper/priv.h"

enum { RTP_ANSWER_MAX = 512, RTP_NODES = 32, RTP_WORKERS = 128 };

/* One RTPProxy. */
struct rtp_node {
    struct str url;
    struct str path;  /* of a unix socket, or empty */
    struct addr addr; /* else */
    uint32_t weight;
    _Atomic uint64_t dead_until; /* ms; 0: it answered, or was not asked */
    _Atomic bool off;            /* by an operator */
};

struct rtp_set {
    struct rtp_set *next;
    uint32_t id;
    unsigned n;
    struct rtp_node node[RTP_NODES];
};

/* rtpproxy_conf.c: takes the parameter rtpproxy_sock; the set with that number, or NULL. */
int rtp_add_socks(struct prepare *p, void *conf, const struct value *v);
struct rtp_set *rtp_find_set(const struct nathelper_conf *conf, uint32_t id);

/* What all workers share, and the questions under way of each. */
struct rtp_state {
    _Atomic bool pings_off; /* by an operator */
    struct list asked[RTP_WORKERS];
};
/* rtpproxy_ask.c. NULL without memory. */
struct rtp_state *rtp_state_new(void);
/* A worker ends: its questions are dropped. */
void rtp_state_leave(struct rtp_state *s, unsigned worker);

/* Told of the answer without cookie and line end, and whose it is; status as for wait_done. Returns
 * the script function's result, or CALL_SUSPENDED after another question. */
typedef int (*rtp_done)(struct call *c, void *arg, int status, struct str answer);
/* Puts a command to the proxy of the set that this call belongs to, or to another when that one
 * does not answer. For a script function to return. */
int rtp_ask(struct call *c, struct rtp_set *set, struct str command, rtp_done done, void *arg);

#endif
