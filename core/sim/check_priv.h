/* What the checker remembers of what it saw, for core/sim only. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_CHECK_PRIV_H
#define SIM_CHECK_PRIV_H

#include "core/base/hash.h"
#include "core/base/list.h"
#include "core/sim/check.h"
#include "core/sip/msg.h"

enum rule_id {
#define RULE(id, name, means, source) RULE_##id,
#include "core/sim/rules.def"
#undef RULE
    RULES
};

enum { FOREVER_MS = 400000, LIFE_MS = 32000, MOST_TAGS = 8, RECENT = 64 };
#define NEVER UINT64_MAX

struct up;

/* A 2xx that went up. */
struct success {
    struct hnode node; /* in check.successes, by Call-ID, CSeq, From tag and To tag */
    struct up *up;
    uint64_t tag;
    bool relayed;
};

/* A request that came to us: what RFC 3261 calls a server transaction. Texts are kept as hashes. */
struct up {
    struct hnode node; /* by branch, sent-by, method */
    struct list link;  /* in check.ups, the oldest first */
    struct down *first;
    struct addr src;
    uint32_t method;
    uint64_t call;                     /* Call-ID, CSeq number, From tag */
    uint64_t opened;                   /* ms */
    uint64_t repeated;                 /* when the latest repeat came, or NEVER */
    uint64_t trying;                   /* when our 100 went up, or NEVER */
    uint64_t negative, negative_bytes; /* first sending of that final */
    uint64_t success;                  /* first 2xx that went up */
    struct success went_up[MOST_TAGS];
    uint64_t acked, cancelled; /* ACK of the negative came; CANCEL came and got its 200 */
    uint64_t again;            /* when timer G sends it again */
    uint32_t gap;
    unsigned successes;
    uint64_t body, unknown; /* hashes of its body and of headers nobody knows */
    int hops;               /* Max-Forwards, -1: none */
    unsigned vias;
    bool tainted; /* some of its messages were damaged: nothing is said about it */
};

/* A request that we sent. */
struct down {
    struct hnode node; /* by branch and method */
    struct down *next; /* of the same up */
    struct up *up;     /* NULL: our own request */
    struct addr dst;
    uint32_t method;
    uint64_t bytes;                /* hash */
    uint64_t first, again;         /* first sending; when the timer sends it again */
    uint64_t rang, final, trouble; /* first 1xx, first final came; nobody was there */
    uint64_t cancelled;            /* our CANCEL of it was first sent */
    uint64_t success_tag[MOST_TAGS];
    uint32_t gap;
    unsigned times, successes, negatives, acks;
    uint16_t status; /* of the first final */
    bool tainted;    /* as its up's */
};

/* Whether nothing is said about a request of ours. */
static inline bool down_tainted(const struct down *d)
{
    return d->tainted || (d->up && d->up->tainted);
}

enum duty_kind {
    DUTY_2XX_UP,
    DUTY_1XX_UP,
    DUTY_ACK_DOWN,
    DUTY_ACK_NEGATIVE,
    DUTY_CANCEL,
    DUTY_REPEAT
};

/* Something that must happen within the ms. */
struct duty {
    enum duty_kind kind;
    uint64_t at, tag, packet, lookups;
    struct up *up;
    struct down *down;
};

enum { MOST_DUTIES = 64 };

struct check {
    struct world *w;
    struct observer observer;
    struct htable ups, downs;
    struct list up_list;
    struct duty duty[MOST_DUTIES];
    unsigned duties;
    struct violation kept[CHECK_KEPT];
    unsigned violations;
    uint64_t transactions, memory, timers;
    struct htable successes;
    uint64_t ack_came[RECENT]; /* dialogs of the latest ACKs */
    unsigned acks_came;
    struct tx_times times;
    bool stateful; /* the script has transactions */
    bool drops;    /* the script has a route that may drop provisional replies */
    uint64_t burst_at;
    unsigned burst, inputs;
    const struct packet *packet; /* the present one */
    bool ended, hops, only_rest;
};

/* Notes a broken rule. */
void check_broken(struct check *c, enum rule_id rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The ms of the world. */
static inline uint64_t check_now(const struct check *c)
{
    return world_now(c->w);
}
uint64_t check_hash(struct str s);

/* ---- records (check.c) ---- */

/* NULL when there is none. An ACK has the record of its INVITE. */
struct up *up_find(struct check *c, const struct via *via, uint32_t method);
struct down *down_find(struct check *c, struct str branch, uint32_t method);
/* Takes a duty on, or off: the first of that kind that fits. NULL and 0: any. */
void duty_add(struct check *c, enum duty_kind kind, struct up *u, struct down *d, uint64_t tag);
void duty_done(struct check *c, enum duty_kind kind, const struct up *u, const struct down *d,
               uint64_t tag);

/* ---- rules (check_up.c, check_down.c): a packet came, or was sent ---- */

/* u: the record of what came, NULL for some ACKs; fresh: it was made just now. */
void rules_request_came(struct check *c, const struct msg *m, struct up *u, bool fresh);
/* An ACK came that may be passed on. */
void rules_ack_seen(struct check *c, const struct msg *m);
void rules_reply_sent(struct check *c, const struct msg *m);
void rules_request_sent(struct check *c, const struct msg *m);
void rules_reply_came(struct check *c, const struct msg *m);
/* Whether the machine of a request that came has ended: the next one like it is new. */
bool rules_up_over(const struct check *c, const struct up *u);
/* The first final goes up: what rings has to be cancelled. */
void rules_call_over(struct check *c, struct up *u);
/* Nothing more is to be heard of it: was everything said? */
void rules_up_ends(struct check *c, const struct up *u);
void rules_down_ends(struct check *c, const struct down *d);
/* Call-ID, CSeq number and From tag; those and the To tag. */
uint64_t check_call_key(const struct msg *m);
uint64_t check_dialog_key(const struct msg *m);
unsigned check_vias(const struct msg *m);    /* values of Via */
int check_hops(const struct msg *m);         /* Max-Forwards, -1: none */
uint64_t check_unknown(const struct msg *m); /* headers nobody knows */

#endif
