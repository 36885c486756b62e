/* An engine with a script, a clock that is set by hand, and a record of all that it sends. The
 * proxy is 127.0.0.1:5060, [::1]:5060 and, on TCP, 127.0.0.1:5060. */
/* SPDX-License-Identifier: MIT */
#ifndef MESSAGES_WORLD_H
#define MESSAGES_WORLD_H

#include <stdio.h>

#include "core/base/addr.h"
#include "core/proxy/shared.h"

#define PHONE "198.51.100.20" /* where scripts/relay.cfg sends everything, and names lead */

struct engine;

/* Something the engine sent. */
struct packet {
    struct addr dst;
    struct str bytes; /* in memory of exactly that size */
};

struct question {
    void *token;
    bool known;
};

enum { WORLD_QUESTIONS = 64 };

struct world {
    const char *script;
    struct shared shared;
    struct engine *engine;
    uint64_t now;
    struct packet *packet; /* [0, count) sent since world_clear */
    size_t count, room;
    struct question asked[WORLD_QUESTIONS]; /* not answered yet */
    unsigned questions;
    unsigned lookups; /* names asked for since world_clear */
    struct buf log;   /* what was logged since world_clear */
    struct arena log_memory;
};

/* A world that runs the script of that path; ends the program when it does not compile. */
struct world *world_new(const char *script);
void world_free(struct world *w);
/* Forgets what was sent and logged so far. */
void world_clear(struct world *w);
/* Hands the engine a datagram, or a message of a stream when src says so, from src. */
void world_feed(struct world *w, struct str bytes, const struct addr *src);
/* Lets time pass, stopping wherever the engine wants it. */
void world_pass(struct world *w, uint64_t ms);
/* What is still there that should be over 64 s after the last packet; NULL when nothing is. */
const char *world_left(const struct world *w);

/* "192.0.2.1:5060" or "[2001:db8::1]:5060" as an address; port 5060 when absent. */
struct addr addr_of(const char *text, enum proto proto);

#endif
