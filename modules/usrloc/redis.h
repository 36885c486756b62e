/* Connections to a Redis server on the workers' loops, one each. What is asked while the server is
 * away fails at once; it is tried again after a while that doubles. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_REDIS_H
#define USRLOC_REDIS_H

#include <hiredis/hiredis.h>

#include "core/module.h"

struct redis;

/* status ERR_OK with the server's reply, which lives during the call; ERR_INVALID: an error reply,
 * which was logged; ERR_IO, ERR_TIMEOUT: no answer. */
typedef void (*redis_done)(void *arg, int status, const redisReply *r);
/* Worker 0 has a connection again that it had lost. */
typedef void (*redis_back)(void *arg);

/* url: redis://[[user]:password@]host[:port][/number]. deadline: ms that an answer may take. NULL
 * with a sentence in why. */
struct redis *redis_new(struct str url, uint32_t deadline, redis_back back, void *arg,
                        struct buf *why);
/* The worker ends: what it has asked fails. On its thread. */
void redis_leave(struct redis *r, unsigned worker);
void redis_free(struct redis *r);
/* Once a second: a connection that was lost is opened again, asked for or not. */
void redis_second(struct redis *r, unsigned worker);
/* Sends a command of n words; done is told later, never from inside. ERR_OK; ERR_STATE: the server
 * is away; ERR_NOMEM. */
int redis_ask(struct redis *r, unsigned worker, struct loop *loop, unsigned n,
              const struct str *words, redis_done done, void *arg);
/* The same, blocking, on a connection that is opened for it; only whether it went well. */
int redis_tell_now(struct redis *r, unsigned n, const struct str *words);

#endif
