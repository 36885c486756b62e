/* The engine: one worker's share of the proxy. It does no I/O (DESIGN 3.3): events and the time go
 * in, effects come out through struct engine_env. One thread at a time. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_ENGINE_H
#define PROXY_ENGINE_H

#include "core/base/addr.h"
#include "core/base/dns.h"
#include "core/base/loop.h"
#include "core/proxy/overload.h"
#include "core/proxy/shared.h"

struct engine;

/* What the engine wants done. */
struct engine_env {
    void *user;
    void (*send)(void *user, uint16_t socket, const struct addr *dst, struct str bytes);
    /* Ask the domain name system; the answer comes through engine_answered with the token, exactly
     * once unless the engine is gone by then, from inside or later. */
    int (*ask)(void *user, struct str name, enum dns_type type, void *token);
    /* The run of a route (its number in the call's program) has ended; the call is as the script
     * left it, for looking at only. May be NULL. */
    void (*ran)(void *user, struct call *c, int route);
    uint64_t (*random)(void *user);
    /* The address of ours that the system would send to dst from (mhomed); may be NULL. */
    int (*source)(void *user, struct ip *out, const struct addr *dst);
    /* A script has come to another line; may be NULL. */
    void (*line)(void *user, const struct program *program, struct loc at);
    /* Of the thread the engine lives on; the engine sets its wheel and keeps its now. */
    struct loop *loop;
};

/* now: any monotonic clock in ms. The shared part must outlive it. NULL without memory. */
struct engine *engine_new(struct shared *shared, unsigned index, const struct engine_env *env,
                          uint64_t now);
void engine_free(struct engine *e);

/* wall: ms since 1970. */
void engine_set_time(struct engine *e, uint64_t now, uint64_t wall);
/* How long what is given next has waited; decides whether new requests are served (overload.h).
 * Engines that are never told serve all. */
void engine_queued(struct engine *e, const struct queue_state *q);
/* A datagram, or a message of a stream, came in from src on socket number socket. */
void engine_input(struct engine *e, struct str bytes, const struct addr *src, uint16_t socket);
void engine_tick(struct engine *e);
/* When engine_tick is wanted, in ms of `now`; UINT64_MAX for never. */
uint64_t engine_next(const struct engine *e);
void engine_unreachable(struct engine *e, uint16_t socket, const struct addr *dst);
void engine_answered(struct engine *e, void *token, const struct dns_answer *a);

/* Which worker a message belongs to: by its Call-ID, found by a quick look at the bytes. */
unsigned engine_owner(const struct shared *s, struct str bytes, unsigned workers);

/* How often a script has begun to wait since the start. */
uint64_t engine_pauses(const struct engine *e);
/* How many scripts wait now. */
uint64_t engine_waiting(const struct engine *e);
/* Live transactions, for tests, statistics and a clean end. */
uint64_t engine_live(const struct engine *e);

/* Moves to the version in force now, without waiting for a message (shared_publish). */
void engine_adopt(struct engine *e);
/* Tells an engine's counters, a text and a number each, those of value 0 left out. */
void engine_report(const struct engine *e, void (*put)(void *user, const char *text, int64_t n),
                   void *user);

#endif
