/* Phones, servers and whoever else speaks SIP in a world: they build correct requests and replies,
 * keep the state of dialogs and repeat themselves as RFC 3261 says. They do nothing else by
 * themselves: whether a phone rings, answers or hangs up is for who uses it (a scenario, a random
 * caller), who may also make it send what no correct phone would.
 *
 *     party --- leg (a dialog, or one request outside of any)
 *       |        |--- sent (a request of ours; repeats itself until it is answered)
 *       |        '--- got  (a message that came for it)
 *       '--- got, in the order of arrival
 */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_PARTY_H
#define SIM_PARTY_H

#include "core/base/list.h"
#include "core/sim/credentials.h"
#include "core/sim/world.h"
#include "core/sip/msg.h"

struct party;
struct leg;

/* A message that has come. Owned by its party. */
struct got {
    struct got *next; /* the one that came after it */
    uint64_t at;      /* ms */
    uint64_t packet;  /* number of the packet */
    struct addr from;
    struct arena arena;
    struct msg msg; /* valid when sip */
    struct str bytes;
    struct leg *leg;       /* the one it belongs to; NULL when it is no SIP */
    struct sent *request;  /* for a reply: what it answers, or NULL */
    struct answer *server; /* for a request: what is kept to repeat the answer, or NULL */
    bool sip;
    bool repeat;       /* a retransmission of something that came before */
    bool seen;         /* for the user of the party: see party_next */
    uint16_t answered; /* last status we answered this request with, 0: none */
    bool challenge;    /* a 401 or 407 that was answered with credentials */
    struct got *twin;  /* for a CANCEL: the INVITE it is about, while it is not forgotten */
};

/* A request that a party sent. Owned by its leg. */
struct sent {
    struct sent *next; /* in the leg, the latest first */
    struct leg *leg;
    struct happening again; /* timers A and B, E and F */
    struct str method, branch, bytes;
    struct str to_tag;      /* as it was sent */
    struct str last;        /* the latest reply */
    struct str credentials; /* lines that answer challenges, or empty */
    struct sent *retry;     /* with credentials, after a challenge to this one; or NULL */
    struct addr dst;
    uint32_t cseq;
    uint32_t gap;    /* ms until it is repeated */
    unsigned times;  /* how often it was sent */
    uint64_t first;  /* when */
    uint16_t status; /* highest reply so far */
    bool over;       /* it is not repeated any more */
    bool timed_out;  /* timer B or F */
};

struct party_conf {
    const char *name;   /* user part of its address of record and Contact; copied */
    struct addr at;     /* where it is */
    struct addr proxy;  /* where it sends requests outside of dialogs; port 0: where the URI says,
                           which must then be an IP address */
    const char *domain; /* of its address of record; NULL: "example.com"; copied */
    const char *user_agent;           /* NULL: none */
    const char *auth_user, *password; /* answers challenges; password NULL: it does not; copied */
    /* Called for each message as it comes; true: it has been dealt with and is forgotten after the
     * call. NULL, or false: it stays in the queue. */
    bool (*receive)(void *user, struct party *p, struct got *g);
    void (*timeout)(void *user, struct party *p, struct sent *s); /* B or F fired; may be NULL */
    void *user;
    uint32_t t1, t2;        /* 0: 500, 4000 */
    bool no_retransmission; /* it repeats nothing by itself: neither requests nor final replies,
                               nor replies and ACKs when something is repeated to it */
    bool no_negative_ack;   /* it does not acknowledge negative finals by itself */
    bool ack_2xx;           /* it acknowledges every 2xx by itself */
    bool answer_bye;        /* it answers BYE and CANCEL by itself: 200, and 487 to the INVITE */
};

struct party {
    struct endpoint endpoint;
    struct world *world;
    struct party_conf conf;
    char name[64], domain[64];
    char user[64], password[64];
    struct got *first, *last; /* what came and is not forgotten */
    struct list legs;
    struct htable calls;    /* the legs by Call-ID */
    struct arena_pool pool; /* where messages and legs lie */
    uint64_t random;        /* of Call-IDs, tags and branches */
};

/* A request that came, and what it was answered with. Owned by its leg. */
struct answer {
    struct answer *next;
    struct leg *leg;
    struct got *got;        /* while it is not forgotten */
    struct happening again; /* of a final reply to an INVITE, until the ACK comes */
    uint32_t method, cseq;
    struct str branch, sent_by;
    struct str bytes; /* the reply, empty before */
    struct addr dst;  /* where replies go */
    uint64_t first;   /* when the final was sent */
    uint32_t gap;
    uint16_t status;
    bool acked;   /* the ACK came */
    bool unacked; /* it did not, in 64*T1 */
};

/* A dialog as this party sees it, or a request outside of any. */
struct leg {
    struct list link; /* in party.legs */
    struct hnode node;
    struct party *party;
    struct arena arena;
    struct str call_id;
    struct str local, remote;         /* From and To of ours: name-addrs without tag */
    struct str local_tag, remote_tag; /* remote: empty until somebody answered */
    struct str target;                /* Request-URI of requests within */
    struct str first_uri;             /* Request-URI of the first request */
    struct str routes;                /* Route header value, or empty */
    struct addr peer;                 /* where requests go when nothing else says */
    uint32_t cseq, remote_cseq;
    struct credentials credentials; /* password empty: challenges are not answered */
    struct challenge *challenges;   /* that were met: later requests answer them at once */
    struct sent *sent;
    struct answer *answers; /* the latest first */
    struct got *invite;     /* the latest INVITE that came, while it is not forgotten */
    bool caller;            /* this party began it */
    bool confirmed;         /* a 2xx was sent or came */
    void *user;             /* whatever the user of the party keeps with it */
};

/* A party at its address, in the world until party_free. NULL without memory or when the address
 * is taken. */
struct party *party_new(struct world *w, const struct party_conf *conf);
void party_free(struct party *p);

/* Raw bytes to anywhere; dst NULL: to its proxy. */
int party_send(struct party *p, const struct addr *dst, struct str bytes);
/* The oldest message that is not marked as seen, which it then is; NULL when there is none. */
struct got *party_next(struct party *p);
/* Drops a message, or (NULL) all that were seen. Legs keep what they need. */
void party_forget(struct party *p, struct got *g);
/* The machine is off: nothing arrives, all state and timers are gone, legs with their requests too.
 * refuses: whoever sends to it hears of it. */
void party_crash(struct party *p, bool refuses);
/* On again, as new. */
void party_start(struct party *p);

/* ---- legs ---- */

/* The beginning of a call or of any request outside of a dialog. uri: whom it is for, also To. */
struct leg *leg_new(struct party *p, struct str uri);
/* Forgets a leg; requests of it are not repeated any more. */
void leg_free(struct leg *l);

/* A request to be made; zeroed: an ordinary one. */
struct request_plan {
    struct str method;
    struct str uri;     /* Request-URI; empty: as the dialog says */
    struct str headers; /* more header lines, CRLF each. One with the name of a line that would be
                           written anyway takes its place; "Name:" without value takes it away */
    struct str body, type;  /* type empty: application/sdp when there is a body */
    const struct got *to;   /* ACK: the 2xx; others: a reply whose dialog is meant (forked calls);
                               NULL: the latest */
    const struct addr *dst; /* NULL: as RFC 3261 says, or the party's proxy */
    struct str branch;      /* empty: a fresh one */
    uint32_t cseq;          /* 0: the next one */
    bool once;              /* not repeated by itself */
};

/* Builds and sends a request; NULL without memory, or when nothing says where to (a CANCEL or ACK
 * without its INVITE). An INVITE gets an SDP body when headers and body say nothing else; a CANCEL
 * takes over what must be the same; an ACK is sent once, and again for each repeat of its 2xx. */
struct sent *leg_request(struct leg *l, const struct request_plan *plan);
/* The request with credentials that a request led to in the end, or itself. */
struct sent *sent_latest(struct sent *s);
/* Sends a request of ours once more, as it was. */
int sent_again(struct sent *s);

struct reply_plan {
    unsigned code;
    struct str reason;  /* empty: the usual words */
    struct str headers; /* as above */
    struct str body, type;
    bool once; /* not repeated by itself */
};

/* Answers a request that came: tags, Record-Route, Contact (1xx above 100 and 2xx of INVITE), body
 * (SDP in the 2xx of an INVITE that says nothing else). Finals to an INVITE are repeated until the
 * ACK comes; repeats of the request get the same reply again. ERR_NOMEM, ERR_STATE when g is no
 * request. */
int leg_reply(struct leg *l, struct got *g, const struct reply_plan *plan);

/* The usual words for a status. */
struct str status_words(unsigned code);

#endif
