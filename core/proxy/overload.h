/* Overload: when new requests are refused, so that those in progress are served. Only time and what
 * the network tells go in, so that it behaves in a simulated world as it does in the server.
 *
 * A queue that is long for a moment is no overload: new requests are turned away when they have
 * waited longer than the setting overload_delay for a while without a break, or when the kernel
 * drops. From then on those that have waited longer get 503 and those that have not are served,
 * until for a second none has waited so long. The wait stays about the setting, so the worker never
 * runs dry. Refusing costs time too, so it may take one part in OVERLOAD_SHARE of it, as measured:
 * when ten times too much comes, the calls that are served would otherwise pay for all others. What
 * is beyond is dropped before it is parsed, so that the queue is worked off and the kernel need not
 * drop what nobody has seen.
 *
 * Who was turned away tries again, for seconds, and is known by then (turned.h). New requests go
 * before those: a repeat is served when the queue is short, and refused, whatever the share, when
 * it is not but no new request has to fear for its turn. So who calls after a storm is served at
 * once, while its repeats are told to go away. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_OVERLOAD_H
#define PROXY_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

enum {
    OVERLOAD_PATIENCE = 100, /* ms of long waits until new requests are turned away */
    OVERLOAD_CALM = 1000,    /* ms without a long wait until the overload is over */
    OVERLOAD_SHARE = 24,     /* of so many parts of the time, refusing may take one */
    OVERLOAD_SAVED = 10000,  /* us of refusing that may be saved up */
    OVERLOAD_COST = 4,  /* times what refusing takes at once: the answer is sent, its ACK comes */
    OVERLOAD_SHORT = 8, /* of so many parts of the limit one is a short wait */
    OVERLOAD_MEMORY = 32000, /* ms for which repeats of who was turned away come (64 T1) */
};

enum overload_verdict {
    OVERLOAD_SERVE,
    OVERLOAD_REFUSE, /* 503 and Retry-After */
    OVERLOAD_DROP,   /* without a word: its sender tries again */
    OVERLOAD_LATER,  /* whether it is new is not known before it is parsed */
};

/* What the network tells before it gives new requests. */
struct queue_state {
    uint64_t clock;   /* us, of any clock */
    uint32_t waited;  /* us: what is read next, the oldest of it */
    uint32_t dropped; /* that found no room since the last time */
};

/* Zeroed memory is the state at start. */
struct overload {
    bool refusing;
    bool turned_away; /* since the last queue_state: what passes is the time of refusing */
    uint32_t waited;  /* us */
    uint32_t room;    /* us: what the kernel's queue held when it was full; 0: it never was */
    int32_t credit;   /* us that refusing may still take */
    uint64_t clock;   /* us */
    uint64_t now, wary_until;               /* ms: repeats come until then */
    uint64_t long_since, calm_since, began; /* ms; 0: not so */
};

/* now and limit, the setting, are in ms; 0 turns nothing away. True when an overload has begun or
 * ended, which refusing tells apart. */
bool overload_note(struct overload *o, uint64_t now, const struct queue_state *q, uint32_t limit);
/* Whether there is anything to judge. */
static inline bool overload_wary(const struct overload *o)
{
    return o->refusing || o->now < o->wary_until;
}
/* What to do with a new request that was read then; again: with the repeat of one that was turned
 * away. */
enum overload_verdict overload_judge(struct overload *o, uint32_t limit, bool again);

#endif
