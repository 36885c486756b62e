/* What modules do without a message of somebody else: requests of our own, and the worker they live
 * on. On the worker's own thread. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_UAC_H
#define PROXY_UAC_H

#include "core/base/addr.h"
#include "core/sip/msg.h"

struct engine;

/* A request to send. Texts are copied. */
struct uac_request {
    struct str method, ruri;
    struct str next_hop; /* URI of where it goes instead of ruri, or empty */
    struct str from, to; /* values of the headers; a tag is added to From when it has none */
    struct str call_id;  /* empty: a new one, that this worker owns (DESIGN 3.4) */
    uint32_t cseq;       /* 0: 1 */
    struct str headers;  /* more header lines, each with CRLF, or empty */
    struct str body;
    int socket; /* our socket to send from, or -1 */
    bool once;  /* sent once, without a transaction: nothing is told, and the answer is dropped */
};

/* What became of it, once: the final reply, which lives during the call only; or code without
 * reply: 408 no answer in time, 476 the name of the next hop is not known, 477 it cannot be sent, 0
 * the process stops (free arg, do nothing else). */
typedef void (*uac_done)(void *arg, unsigned code, struct msg *reply);

/* Sends a request in a client transaction of its own, with Via, Max-Forwards and Content-Length.
 * ERR_OK: done will be told later, never before this returns. ERR_SYNTAX: a URI or method is none;
 * ERR_NOROUTE, ERR_NOMEM. done may be NULL. */
int uac_send(struct engine *e, const struct uac_request *r, uac_done done, void *arg);
/* Cancels an INVITE of ours that is answered provisionally (RFC 3261 9.1). ERR_NOTFOUND when this
 * worker has none with that Call-ID and CSeq, ERR_STATE when there is nothing to cancel yet. */
int uac_cancel(struct engine *e, struct str call_id, uint32_t cseq);

/* What a program says for a request that was handed to it (call_blind_branch). */
struct blind_answer {
    unsigned code; /* 100 to 699 */
    struct str reason;
    struct str to_tag;  /* empty: one of ours */
    struct str headers; /* lines with CRLF, or empty */
    struct str body;    /* with a Content-Type among headers, or empty */
};
/* Sends it up. ERR_NOTFOUND when nothing of that label waits on this worker, ERR_NOMEM. */
int engine_answer_blind(struct engine *e, uint32_t label, const struct blind_answer *a);

/* The worker that owns a call (DESIGN 3.4), and how many transactions this one has. */
unsigned engine_owner_of(const struct engine *e, struct str call_id);
uint64_t engine_transactions(const struct engine *e);
/* The worker: its number, how many there are, ms of the monotonic clock, s since 1970, 64 bits of
 * chance, our sockets. */
unsigned engine_index(const struct engine *e);
unsigned engine_workers(const struct engine *e);
uint64_t engine_now(const struct engine *e);
int64_t engine_time(const struct engine *e);
uint64_t engine_random(struct engine *e);
unsigned engine_sockets(const struct engine *e);
const struct addr *engine_socket(const struct engine *e, unsigned i);
/* The socket that sends to dst: forced when it fits or is -1, else the first that does; -1: none.
 */
int engine_socket_for(struct engine *e, const struct addr *dst, int forced);
/* One datagram, as it is: for a script's caller it is no answer. */
void engine_send_raw(struct engine *e, unsigned socket, const struct addr *dst, struct str bytes);
/* Adds n to a statistic of a module. */
struct module;
void engine_count_stat(struct engine *e, const struct module *m, unsigned stat, int64_t n);
/* A module's state, and its configuration in the version in force here; NULL when that does not
 * load it. */
/* API another loaded module offers (module.api), NULL when it is not loaded. */
const void *engine_api(const struct engine *e, const char *module);
void *engine_state(const struct engine *e, const struct module *m);
const void *engine_conf(const struct engine *e, const struct module *m);
/* Keeps the version of the script that a call is pinned to, with all configurations in it, until it
 * is let go: for work that may outlive its call. */
struct call;
struct config;
const struct config *version_hold(const struct call *c);
void version_release(const struct config *v);
/* Its loop, for descriptors, timers and items. */
struct loop *engine_loop(struct engine *e);

#endif
