/* The four transaction state machines of RFC 3261 section 17 with the Accepted states of RFC 6026.
 *
 * No socket and no clock: whoever owns a layer feeds it messages and the time, and it answers
 * through struct tx_env (send these bytes) and struct tx_user (tell the user of the transaction).
 * The states and what happens in them stand in fsm.def, a row for each arrow of the RFC's figures.
 *
 * Memory: a struct tx lives inside its owner's object and the layer allocates nothing. Bytes handed
 * over (the request a client sends, the reply a server sends) are the owner's and must live until
 * the transaction has ended or other bytes took their place. Handles (struct tx_handle) name a
 * transaction across events: a stale one is recognised. */
/* SPDX-License-Identifier: MIT */
#ifndef TX_TX_H
#define TX_TX_H

#include "core/base/hash.h"
#include "core/base/wheel.h"
#include "core/sip/msg.h"

enum tx_kind {
    TX_ICT,  /* INVITE client, figure 5 */
    TX_NICT, /* non-INVITE client, figure 6 */
    TX_IST,  /* INVITE server, figure 7 */
    TX_NIST, /* non-INVITE server, figure 8 */
};

/* States of all machines; fsm.def says which machine has which. */
enum tx_state {
    TX_IDLE, /* not started, or ended */
    TX_CALLING,
    TX_TRYING,
    TX_PROCEEDING,
    TX_COMPLETED,
    TX_CONFIRMED,
    TX_ACCEPTED,
    TX_TERMINATED,
};

/* Timer lengths in ms, of one transaction. */
struct tx_times {
    uint32_t t1, t2, t4;
    uint32_t no_reply; /* B and F: until a client gives up for want of any reply (F: any final) */
    uint32_t no_ack;   /* H */
    uint32_t linger;   /* D, I on the client side, J, K, L, M where the RFC says 64*T1 */
};

/* How messages of a transaction travel. */
struct flow {
    struct addr dst;
    uint16_t socket; /* number of our sending socket */
    bool reliable;   /* TCP, TLS: nothing is retransmitted, D, I, J, K are zero */
};

struct tx;

/* What the layer wants done. */
struct tx_env {
    void (*send)(void *user, const struct flow *flow, struct str bytes);
    void *user;
};

/* What the user of a transaction is told; it may stop or start transactions from inside. */
struct tx_user {
    /* Client: a reply that RFC 3261 17 and 6026 pass up: provisionals, the first final, and every
     * further 2xx of an INVITE. */
    void (*response)(struct tx *t, struct msg *m, void *ctx);
    /* Client: timer B or F. The transaction has ended. */
    void (*timeout)(struct tx *t, void *ctx);
    /* Client: a send failed (17.1.4). The transaction has ended. */
    void (*failed)(struct tx *t, void *ctx);
    /* Server: the ACK of a negative answer came (Confirmed), or in Accepted an ACK for a 2xx. */
    void (*acked)(struct tx *t, struct msg *m, void *ctx);
    /* Server: timer H, no ACK came. */
    void (*unacked)(struct tx *t, void *ctx);
    /* Over: out of the table, all timers off; the owner may free it now. Always the last call,
     * never made from inside tx_stop. */
    void (*ended)(struct tx *t, void *ctx);
};

struct tx {
    struct hnode node; /* in the layer's table, under the key's hash */
    struct timer retransmit;
    struct timer expire;
    const struct tx_user *user;
    const struct tx_times *times; /* must outlive it */
    struct str branch;            /* key: top Via's branch; the owner's memory */
    struct str sent_by;           /* key of a server: host[:port] of the top Via, as received */
    struct str bytes; /* what is sent again: a client's request, a server's last reply */
    struct flow flow;
    uint32_t method; /* enum method; ACK counts as INVITE */
    uint32_t interval;
    uint32_t generation; /* differs between two lives of the same memory */
    uint8_t kind, state;
    uint16_t status; /* last reply passed up or sent; 0 none */
    bool rfc2543;    /* matched by the old rules (no magic cookie) */
};

struct tx_layer {
    struct htable servers, clients;
    struct wheel *wheel;
    struct hash_key key;
    struct tx_env env;
    uint32_t generation;
    uint64_t live, created; /* counters */
};

struct tx_handle {
    struct tx *tx;
    uint32_t generation;
};

/* The wheel must outlive the layer; wheel_advance's ctx must be the layer's owner as the callbacks
 * expect it. bits: size of the tables at first. */
int tx_layer_init(struct tx_layer *l, struct wheel *wheel, struct hash_key key, struct tx_env env,
                  unsigned bits);
/* Frees the tables. No transaction may be left. */
void tx_layer_free(struct tx_layer *l);

/* Starts a client transaction: sends bytes at once and arms A/B or E/F. t is zeroed or ended
 * memory; branch, bytes and times are the owner's. kind TX_ICT or TX_NICT. */
void tx_client_start(struct tx_layer *l, struct tx *t, enum tx_kind kind, uint32_t method,
                     struct str branch, const struct flow *flow, struct str bytes,
                     const struct tx_times *times, const struct tx_user *user);
/* A server transaction for a request that matched none; m's top Via and, for RFC 2543 peers, its
 * Call-ID, CSeq, From and To tags and Request-URI give the key: key_text must be a copy of them
 * that lives as long as t (see tx_server_key). */
void tx_server_start(struct tx_layer *l, struct tx *t, const struct msg *m, struct str key_text,
                     const struct flow *flow, const struct tx_times *times,
                     const struct tx_user *user);
/* Writes the key of a server transaction for m into out: to be copied by the owner. */
void tx_server_key(struct buf *out, const struct msg *m);

/* Sends a reply through a server transaction: provisional or final; bytes replace those kept
 * before. ERR_STATE after a final one (but a 2xx of an INVITE may be followed by more 2xx, RFC
 * 6026). */
int tx_respond(struct tx_layer *l, struct tx *t, unsigned status, struct str bytes);

/* The server transaction a request belongs to (17.2.3): retransmissions, and the ACK of a negative
 * answer; NULL when there is none. */
struct tx *tx_match_request(struct tx_layer *l, const struct msg *m);
/* The INVITE (or other) server transaction that a CANCEL is about (9.2). */
struct tx *tx_match_cancel(struct tx_layer *l, const struct msg *m);
/* The client transaction a reply belongs to (17.1.3: branch and CSeq method). */
struct tx *tx_match_response(struct tx_layer *l, const struct msg *m);
/* Feeds a message to the transaction that matched it. */
void tx_input(struct tx_layer *l, struct tx *t, struct msg *m, void *ctx);
/* A packet of this transaction could not be sent (ICMP, connection lost). */
void tx_transport_error(struct tx_layer *l, struct tx *t, void *ctx);
/* Takes a transaction out at once: table, timers; user->ended is not called. Harmless on an ended
 * one. */
void tx_stop(struct tx_layer *l, struct tx *t);
/* Sends the last bytes again (a retransmitted request was seen outside tx_input). */
void tx_resend(struct tx_layer *l, struct tx *t);
/* Makes a client in Calling or Proceeding live until the given time from now: fr_inv_timer, timer C
 * restart. When it passes, user->timeout is told as for timer B. */
void tx_client_deadline(struct tx_layer *l, struct tx *t, uint32_t ms);

static inline struct tx_handle tx_handle(struct tx *t)
{
    return (struct tx_handle){t, t ? t->generation : 0};
}
/* NULL when it is over. Only for memory that a pool keeps: the struct must still be readable. */
static inline struct tx *tx_of(struct tx_handle h)
{
    return h.tx && h.tx->generation == h.generation && h.tx->state != TX_IDLE ? h.tx : NULL;
}

const char *tx_kind_name(enum tx_kind k);
const char *tx_state_name(enum tx_state s);

#endif
