/* The inside of an engine, for core/proxy only. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_ENGINE_PRIV_H
#define PROXY_ENGINE_PRIV_H

#include "core/base/wheel.h"
#include "core/proxy/call.h"
#include "core/proxy/dns.h"
#include "core/proxy/engine.h"
#include "core/proxy/turned.h"
#include "core/tx/tx.h"

/* Row: id, name for get_statistics (the reference's where it has one), text. What an engine counts
 * besides the modules' own statistics. */
#define COUNTER_LIST(X)                                                                            \
    X(REQUESTS, "rcv_requests", "requests received")                                               \
    X(REPLIES, "rcv_replies", "replies received")                                                  \
    X(NOT_SIP, "not_sip", "datagrams that are no SIP message, dropped")                            \
    X(BAD_REQUESTS, "err_requests", "malformed requests answered")                                 \
    X(BAD_DROPPED, "err_dropped", "malformed messages that cannot be answered, dropped")           \
    X(FOREIGN_REPLIES, "drop_replies", "replies whose top Via is not ours, dropped")               \
    X(STRAY_REPLIES, "fwd_replies", "replies that match no transaction, forwarded statelessly")    \
    X(STRAY_DROPPED, "stray_dropped", "stray final answers to INVITE, dropped")                    \
    X(UNANSWERED, "drop_requests", "requests that the script neither answered nor relayed")        \
    X(FUEL, "script_stopped", "scripts stopped for using too many steps")                          \
    X(NO_MEMORY, "no_memory", "messages given up for want of memory")                              \
    X(SEND_FAILED, "send_failed", "packets that could not be sent")                                \
    X(LOOPS, "loops", "requests that came back unchanged, answered 482")                           \
    X(FORWARDED, "fwd_requests", "requests forwarded statelessly")                                 \
    X(TRANSACTIONS, "transactions", "transactions created")                                        \
    X(ABSORBED, "absorbed", "request retransmissions absorbed")                                    \
    X(OVERLOAD_REFUSED, "overload_refused", "new requests refused with 503 for want of time")      \
    X(OVERLOAD_DROPPED, "overload_dropped", "new requests dropped for want of time")

enum counter {
#define X(id, name, text) COUNT_##id,
    COUNTER_LIST(X)
#undef X
        COUNTERS
};

struct engine {
    struct shared *shared;
    const struct config
        *config; /* the version new calls begin with; this engine holds a reference */
    struct engine_env env;
    unsigned index;
    uint64_t now, wall; /* ms */
    struct wheel wheel;
    struct tx_layer tx;
    struct arena_pool pool;
    size_t trimmed;        /* bytes the pool gave back since pages last went to the system */
    struct vm *idle_vm[8]; /* machines at rest, for nested runs too */
    unsigned idle_vms;
    struct timer second; /* modules' each_second */
    struct overload overload;
    struct turned turned;
    uint64_t live_txns, parked; /* transactions alive; calls whose script waits */
    uint64_t pauses;            /* how often a script has begun to wait */
    uint64_t id;                /* for branch parameters */
    uint64_t sent;              /* packets; tells whether a script answered */
    uint64_t count[COUNTERS];
    int64_t *module_stats;         /* shared->n_stats of them */
    struct list waiting;           /* name look-ups of host.c */
    struct list waits;             /* scripts that wait (wait.c) */
    struct htable parked_requests; /* those of requests without a transaction (parked.c) */
    struct loop *loop;             /* the environment's, or no_loop */
    struct loop no_loop;           /* one that has only timers */
    struct list txns;              /* every transaction */
    struct list blind;             /* branches that a program answers for (blind.c) */
    struct list uacs;              /* requests of our own (uac.c) */
    struct list lookups;           /* next hops being looked up (locate.c) */
    struct dns dns;
    struct htable answered; /* INVITE transactions that sent a 2xx, by dialog: for their ACK */
    struct htable peers;    /* branches without any reply yet, by destination */
    int64_t *tm_stats;      /* those of the tm module in module_stats, or NULL */
};

/* ---- calls and runs (run.c) ---- */

typedef void (*call_done)(struct call *c, const struct vm_result *r);

/* A call with an arena of its own, pinned to config (a reference is taken). msg may be NULL at
 * first. */
struct call *call_new(struct engine *e, const struct config *config, enum route_kind kind);
/* Attaches the message: target, AVPs, error state. */
void call_begin(struct call *c, struct msg *m);
/* Gives everything back: arena, reference. */
void call_free(struct call *c);
/* Runs a top-level route; done is called when it has ended, at once or, when the script waited,
 * later. done may free the call. route < 0: done at once with value 1. Script flags are cleared
 * first. */
void call_run(struct call *c, int route, call_done done);
/* Goes on with a script that a function suspended; the function's result is result. */
void call_resume(struct call *c, int result);
/* Runs a route on a call that is running already (error_route): at once or not at all. */
int call_run_nested(struct call *c, int route);
/* Gives up a suspended run without calling done (its transaction is gone). */
void call_abandon(struct call *c);

/* Lets go of whatever a call that is given up waits for, and gives up every call that waits
 * (wait.c). */
void wait_forget(struct call *c);
void wait_free_all(struct engine *e);

/* A request's script waits from now on, or goes on (parked.c). */
void parked_add(struct call *c);
void parked_remove(struct call *c);
/* Whether a request is a retransmission of one that waits, which is absorbed, or its CANCEL, which
 * is answered here. */
bool parked_takes(struct call *c);
/* Whether it is such a retransmission. */
bool parked_has(struct engine *e, const struct msg *m);

/* Drops what a call that is given up waits for: a pause, src_ip == "name", the name of
 * a next hop. */
void host_forget(struct call *c);
/* Gives up every script that waits here: the process stops. */
void host_free_all(struct engine *e);

/* ---- sending (engine.c) ---- */

/* One packet out; how it fares is told by txn_unreachable at best. */
void engine_send(struct engine *e, uint16_t socket, const struct addr *dst, struct str bytes);
static inline void engine_count(struct engine *e, enum counter c)
{
    e->count[c]++;
}
/* What is to be done with a message, before it is parsed: what is dropped need not be (admit.c). */
enum overload_verdict engine_look(struct engine *e, struct str bytes);
/* A request before anything is done for it, and what was thought of it then: true when this worker
 * has no time for it and has answered or dropped it. */
bool call_turned_away(struct call *c, enum overload_verdict v);
/* Answers a request statelessly without a script: malformed ones. */
void engine_refuse(struct engine *e, struct msg *m, unsigned code, struct str reason);

/* ---- where a URI leads (dest.c) ---- */

/* A way out: address and our socket. */
struct way {
    struct addr dst;
    uint16_t socket;
};
/* Fills what build_* needs to know about a way out. */
void way_info(struct send_info *info, const struct call *c, const struct way *w);

/* ---- transactions (txn.c, relay.c, reply.c, response.c, cancel.c) ---- */

/* What an engine keeps of transactions; ERR_NOMEM. txn_free_all is the end of it. */
int txn_init(struct engine *e);
/* A request before its script: ACK for a negative answer stops its retransmission here, and
 * c->acks_us is set. Scripts see retransmissions; t_relay, t_newtran, t_check_trans absorb them. */
void txn_request_arrived(struct call *c);
/* The request's script has ended: a transaction that was made but neither answered nor relayed is
 * released. Does not free the call. */
void txn_script_ended(struct call *c);
/* A reply after the default onreply_route: to its transaction, or statelessly on by RFC 3261 16.7
 * and 18.1.2, or dropped. Takes the call over. */
void txn_reply_arrived(struct call *c);
/* The kernel says nobody is there. */
void txn_unreachable(struct engine *e, uint16_t socket, const struct addr *dst);
/* Gives up requests of our own. */
void uac_free_all(struct engine *e);
/* Ends all transactions without a word: the process stops. */
void txn_free_all(struct engine *e);

#endif
