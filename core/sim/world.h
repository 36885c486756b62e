/* A whole world in one thread: a virtual clock, a network that can be as bad as one likes, the real
 * engine, and whoever is attached to an address (party.h: phones and servers).
 *
 * Nothing here waits, opens a socket or draws a number that the seed did not give: the same
 * configuration, seed and calls give the same bytes. What happens is a heap of happenings ordered
 * by (time, order); time jumps from one to the next, engines' timers included.
 *
 * What the network does to a packet depends on the seed, its ends, what it is ("INVITE", "200
 * INVITE") and how many of that kind went before, on nothing else. So a mishap can be named, left
 * out or played again (struct mishap), and the rest of the history stays as it was as far as it
 * can.
 */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "core/proxy/engine.h"

struct world;

/* ---- what happens ---- */

/* Lives inside whatever is to happen; zeroed memory is one that is not planned. */
struct happening {
    uint64_t due;   /* ms of the world's clock */
    uint64_t order; /* among those of one ms */
    size_t slot;    /* place in the heap + 1, 0: not planned */
    void (*act)(struct world *w, struct happening *h);
};

/* Plans h for due (at once when that is past); one that is planned already is moved. ERR_NOMEM. */
int world_at(struct world *w, struct happening *h, uint64_t due,
             void (*act)(struct world *w, struct happening *h));
/* Takes it back; harmless when it is not planned. */
void world_cancel(struct world *w, struct happening *h);

/* ---- packets ---- */

enum packet_fate {
    PACKET_SENT,      /* put on the wire; told before its fate */
    PACKET_DELIVERED, /* told before the receiver sees it */
    PACKET_LOST,      /* why says how */
};

struct packet {
    uint64_t number;    /* 1, 2, ... in the order of sending; a copy has its original's */
    uint64_t sent, due; /* ms; due: of its delivery */
    struct addr src, dst;
    uint16_t socket;  /* the engine's, for packets it sent */
    bool from_engine; /* one of our workers sent it */
    bool copy;        /* the network's duplicate */
    bool damaged;     /* not as it was sent */
    const char *why;  /* LOST: "loss", "cut", "too large", "nobody there", "refused" */
    struct str bytes;
    struct str original; /* as it was sent, when it is damaged */
};

/* One who watches the world; each may be NULL. Lives as long as the world or until world_ignore.
 * Told from the inside of engines: it takes note and does nothing to the world. */
struct observer {
    struct observer *next; /* the world's */
    void *user;
    void (*packet)(void *user, const struct packet *p, enum packet_fate fate);
    /* A script has come to another line of a version of the script (needs world_conf.lines). */
    void (*line)(void *user, const struct program *program, struct loc at);
    /* The run of a route has ended, as engine_env.ran. */
    void (*ran)(void *user, struct call *c, int route);
    void (*log)(void *user, int level, struct str text); /* as log_sink (needs world_conf.logs) */
};
void world_observe(struct world *w, struct observer *o);
void world_ignore(struct world *w, struct observer *o); /* takes an observer away */

/* Somebody at an address. Fields are set by the caller before world_attach. */
struct endpoint {
    struct endpoint *next; /* the world's */
    struct addr at;
    void *user;
    void (*receive)(void *user, const struct packet *p); /* bytes live as long as the call */
    bool down;    /* what comes is lost without a word, as with a machine that is off */
    bool refuses; /* with down: the sender hears of it (ICMP), as with a closed port */
};
/* Puts an endpoint into the world; the address must be free (ERR_EXISTS). */
int world_attach(struct world *w, struct endpoint *e);
void world_detach(struct world *w, struct endpoint *e); /* and takes it out again */
/* Puts bytes on the wire. ERR_NOMEM. */
int world_send(struct world *w, const struct addr *src, const struct addr *dst, struct str bytes);

/* ---- the network ---- */

/* How packets fare between two ends. Chances are of 10,000. */
struct link {
    uint32_t delay;      /* ms */
    uint32_t jitter;     /* up to so many ms more, evenly drawn */
    uint32_t reorder_by; /* ms more for packets that are reordered; 0: 100 */
    uint32_t mtu;        /* longer packets are lost; 0: none is too long */
    uint16_t loss, duplicate, reorder, truncate, flip;
    bool cut; /* nothing goes through */
};
/* Sets the link from one end to another, that way only; NULL: whoever. Port 0: any port. What was
 * set last wins; at first: 1 ms and no mishap. ERR_NOMEM. */
int world_link(struct world *w, const struct addr *from, const struct addr *to,
               const struct link *l);
/* Forgets what world_link set from one end to another (both as they were given). */
void world_unlink(struct world *w, const struct addr *from, const struct addr *to);

enum mishap_kind {
    MISHAP_LOSS,
    MISHAP_DUPLICATE, /* ms: how long after the first */
    MISHAP_DELAY,     /* ms more */
    MISHAP_TRUNCATE,  /* ms: bytes that are left */
    MISHAP_FLIP,      /* ms: which bit */
    /* not of one packet; nth: when, in ms of the world */
    MISHAP_RELOAD, /* the script is loaded again (world_on_reload) */
    MISHAP_JUMP,   /* the wall clock jumps; ms: seconds, as an int32_t */
    MISHAP_MEMORY, /* engines get no more memory for ms */
    /* Of what is due in the same ms another than the oldest comes first; nth: at which such
     * moment, 1 for the first; ms: which, 0 for the oldest */
    MISHAP_ORDER,
};

/* One thing that went wrong, or shall. */
struct mishap {
    enum mishap_kind kind;
    struct addr from, to;
    char what[40]; /* "INVITE", "200 INVITE", "ACK"; "" for what is no SIP */
    uint32_t nth;  /* the how-manieth such packet from `from` to `to`, 1 for the first */
    uint32_t ms;
};

/* From now on exactly these mishaps happen, and nothing draws any of its own. The array is
 * copied. ERR_NOMEM. */
int world_plan(struct world *w, const struct mishap *mishaps, unsigned n);
/* One mishap more, besides what is drawn. ERR_NOMEM. */
int world_plan_also(struct world *w, const struct mishap *m);
/* Who loads the script again when MISHAP_RELOAD says so. */
void world_on_reload(struct world *w, void (*reload)(void *user), void *user);
/* Takes the engines' memory for ms, beginning now: what is in use stays, more is not to be had. */
void world_starve(struct world *w, uint32_t ms);
/* The mishaps that happened so far, in their order, the first 65,536 at most; valid until the next
 * step. */
const struct mishap *world_mishaps(const struct world *w, unsigned *n);
/* What a packet is, as in struct mishap. cap: 40 suffices for what is known. */
void packet_what(char *out, size_t cap, struct str bytes);

/* ---- birth and death ---- */

struct world_conf {
    uint64_t seed;
    struct config *config; /* of the script (config_load); the world takes a reference of its own */
    const struct addr *listen; /* our addresses; NULL: the script's listen= lines, numbers only */
    unsigned listens;
    unsigned workers;    /* 0: 1 */
    uint64_t most_steps; /* happenings until it counts as endless; 0: 10,000,000 */
    unsigned table_bits; /* shared.table_bits */
    uint64_t wall;       /* ms since 1970 at the start; 0: 2023-11-14 22:13:20 UTC */
    bool lines, logs;    /* observers get script lines; log lines (one such world at a time) */
    /* Told when an engine begins and ceases to run: allocations of the world itself are not its. */
    void (*inside)(bool engine);
    /* Puts rows into the tables of the script's database (NULL: it uses none) before it starts;
     * NULL for none. An error code and a sentence in why stop the world. */
    int (*fill)(void *user, struct db *db, struct buf *why);
    void *fill_user;
    bool shuffle; /* what is due in the same ms happens in an order drawn from the seed */
};

/* NULL and a sentence in why (may be NULL) when it cannot be. */
struct world *world_new(const struct world_conf *conf, struct buf *why);
/* Ends it: engines, packets in flight. Endpoints and observers are their owners'. */
void world_free(struct world *w);

/* ---- time ---- */

enum world_stop {
    STOP_TIME,    /* the time has come */
    STOP_DONE,    /* done() said so */
    STOP_ENDLESS, /* most_steps were taken: nothing happens any more */
};

uint64_t world_now(const struct world *w); /* ms since its start */
/* Lets things happen until `until`, or until done (may be NULL; asked before the first and after
 * each happening) is true. */
enum world_stop world_run(struct world *w, uint64_t until, bool (*done)(void *user), void *user);
/* The same for ms from now. */
enum world_stop world_pass(struct world *w, uint64_t ms);
/* Lets things happen until no packet is in flight, nothing is planned and no engine has a live
 * transaction, for ms at most. Whether it came to that. */
bool world_settle(struct world *w, uint64_t ms);
/* The wall clock (of scripts: $Tf, registrations) jumps by ms, which may be negative. */
void world_jump(struct world *w, int64_t ms);
/* 64 bits from the seed; each call gives others. */
uint64_t world_random(struct world *w);
/* Evenly drawn from 0 ... n - 1; n > 0. */
uint32_t world_draw(struct world *w, uint32_t n);

/* ---- the engine inside ---- */

/* An address of ours. */
const struct addr *world_listen(const struct world *w, unsigned n);
unsigned world_listens(const struct world *w); /* how many there are */
const struct shared *world_shared(const struct world *w);
/* How often a script has begun to wait, for a name or a database. */
uint64_t world_pauses(const struct world *w);
/* Whether a script waits now. */
bool world_waiting(const struct world *w);
/* The database of the script in force; NULL when it uses none. */
struct db *world_db(const struct world *w);
struct engine *world_engine(struct world *w, unsigned worker);
/* Puts another version in force as SIGHUP does; workers adopt it at their next message. Takes over
 * the reference, also on failure. ERR_OK, or ERR_INVALID and sentences in why: it needs a restart.
 */
int world_reload(struct world *w, struct config *next, struct buf *why);
/* The network tells all workers that what they read next of new requests has waited for ms, and how
 * many found no room since the last time, as engine_queued; that holds until it tells otherwise.
 * Refusing takes no time in a world, so it never has to stop. */
void world_queue(struct world *w, uint32_t ms, uint32_t dropped);
/* A worker's process dies and starts again: its transactions and their memory are gone. */
int world_restart(struct world *w, unsigned worker);
/* A line for the world's name server, as in a zone file: "NAME [TTL] A ADDRESS", "... AAAA
 * ADDRESS",
 * "... SRV PRIORITY WEIGHT PORT TARGET", "... NAPTR ORDER PREFERENCE FLAG SERVICE REPLACEMENT". It
 * adds a record, believed for TTL s (3600). "NAME [TTL] NONE" takes all of a name away, "NAME
 * FAILS" has the server say SERVFAIL. Names nobody wrote do not exist, which nobody remembers.
 * ERR_SYNTAX, ERR_LIMIT beyond 64 records. */
int world_dns(struct world *w, struct str line);
/* Whether the name server says nothing at all from now on, and how long it takes otherwise; 0: 1
 * ms.
 */
void world_dns_server(struct world *w, bool silent, uint32_t ms);

/* What is due in the same ms happens in an order drawn from the seed, from now on (or no more).
 * Each deviation from the order in which it was planned is a MISHAP_ORDER. */
void world_shuffle(struct world *w, bool on);
/* Counts the moments in which several things were due, from now on: see world_moments. */
void world_watch_order(struct world *w);
/* Of each moment in which several things were due in the same ms how many there were to choose
 * from, MOMENT_MOST at most; the first 4,096 moments. Valid until the next step. */
enum { MOMENT_MOST = 8 };
const uint8_t *world_moments(const struct world *w, unsigned *n);

/* What has happened so far. */
struct world_count {
    uint64_t steps, sent, delivered, lost, copied, lookups, handed_over;
};
const struct world_count *world_counts(const struct world *w);
/* Sums over the workers: live transactions, waiting scripts; bytes of their memory in use. */
uint64_t world_live(const struct world *w);
uint64_t world_memory(const struct world *w);
/* Packets in flight and everything else that is planned. */
size_t world_planned(const struct world *w);

#endif
