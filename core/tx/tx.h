/* The four transaction state machines of RFC 3261 section 17 with the Accepted states of RFC 6026.
 *
 * No socket and no clock: whoever owns a layer feeds it messages and the time, and it answers
 * through struct tx_env (send these bytes) and struct tx_user (tell the user of the transaction).
 * The states and what happens in them stand in fsm.def, a row for each arrow of the RFC's figures.
 *
 * Memory: a struct tx lives inside its owner's object and the layer allocates nothing. Bytes handed
 * over (the request a client sends, the reply a server sends, an ACK) are the owner's and must live
 * as long as tx.bytes points at them: until other bytes took their place, the transaction has
 * ended, or the machine needs them no more (an INVITE after its final reply, a relayed 2xx at
 * once). Handles (struct tx_handle) name a transaction across events: a stale one is recognised.
 *
 * Time is the wheel's: advance it before feeding what has arrived. Timers that the RFC sets to zero
 * fire at the next advance, so nothing ends inside tx_respond, tx_input or tx_client_ack; only
 * wheel_advance and tx_transport_error make the calls timeout, unacked, failed and ended. */
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

/* States of all machines; fsm.def says which machine has which. IDLE: not started, or ended.
 * ANSWERED: Accepted with a 2xx of our own that still waits for its ACK (RFC 3261 13.3.1.4). */
#define TX_STATE_LIST(X)                                                                           \
    X(IDLE, "idle")                                                                                \
    X(CALLING, "calling")                                                                          \
    X(TRYING, "trying")                                                                            \
    X(PROCEEDING, "proceeding")                                                                    \
    X(COMPLETED, "completed")                                                                      \
    X(CONFIRMED, "confirmed")                                                                      \
    X(ACCEPTED, "accepted")                                                                        \
    X(TERMINATED, "terminated")                                                                    \
    X(ANSWERED, "answered")

enum tx_state {
#define X(name, text) TX_##name,
    TX_STATE_LIST(X)
#undef X
};

/* Timer lengths in ms, of one transaction. t1 and t2 are above 0. */
struct tx_times {
    uint32_t t1, t2, t4;
    uint32_t no_reply; /* B and F: until a client gives up for want of any reply (F: any final) */
    uint32_t no_ack;   /* H */
    uint32_t linger;   /* D, J, L, M: 64*T1 in the RFC; 32 s unless the script says otherwise */
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
    /* May call tx_transport_error from inside when it knows at once that it cannot. */
    void (*send)(void *user, const struct flow *flow, struct str bytes);
    void *user;
};

/* What the user of a transaction is told; it may stop or start transactions from inside, the one
 * it is told about included, and free that one after tx_stop. Each may be NULL. */
struct tx_user {
    /* Client: a reply that RFC 3261 17 and 6026 pass up: provisionals, the first final, and every
     * further 2xx of an INVITE. For a final of 300 and more to an INVITE the user hands the ACK
     * over with tx_client_ack. */
    void (*response)(struct tx *t, struct msg *m, void *ctx);
    /* Client: timer B or F, or its deadline (C). The transaction has ended. */
    void (*timeout)(struct tx *t, void *ctx);
    /* Client: a send failed (17.1.4). The transaction has ended; it may have passed up a negative
     * final before, when it was the ACK that failed. Server: a reply could not be sent; an INVITE
     * goes on (RFC 6026 7.1), anything else has ended (17.2.4). */
    void (*failed)(struct tx *t, void *ctx);
    /* Server: the ACK of a negative answer came (Confirmed), or in Accepted an ACK for a 2xx. */
    void (*acked)(struct tx *t, struct msg *m, void *ctx);
    /* Server: no ACK came, to a negative answer (timer H) or to a 2xx of tx_respond_local (timer L,
     * RFC 3261 13.3.1.4). The transaction has ended. */
    void (*unacked)(struct tx *t, void *ctx);
    /* Over: out of the table, all timers off; the owner may free it now. Always the last call,
     * never made from inside tx_stop. */
    void (*ended)(struct tx *t, void *ctx);
};

struct tx {
    struct hnode node;                 /* in the layer's table, under the key's hash */
    struct timer timer;                /* for the earlier of these two */
    uint64_t retransmit_at, expire_at; /* ms of the wheel, NEVER when it is off */
    const struct tx_user *user;
    const struct tx_times *times; /* must outlive it */
    struct tx_layer *layer;
    struct str bytes; /* what is sent again: a request, an ACK, a server's last reply; or empty */
    union {
        uint64_t key; /* with the hash in node 128 keyed bits that stand for what tells it apart */
        const char *text; /* rfc2543: what tx_server_key wrote, the owner's */
    };
    uint32_t more; /* rfc2543: how long the text is; else what tells unknown methods apart */
    struct flow flow;
    uint16_t method; /* enum method; ACK counts as INVITE */
    uint32_t interval;
    uint32_t generation;                    /* differs between two lives of the same memory */
    uint16_t status;                        /* last reply passed up or sent; 0 none */
    uint8_t kind, state;                    /* enum tx_kind, enum tx_state */
    uint8_t retransmit_event, expire_event; /* what the timers mean when they fire */
    bool rfc2543;                           /* matched by the old rules (no magic cookie) */
};

struct tx_layer {
    struct htable servers, clients;
    struct wheel *wheel;
    struct hash_key key;
    struct tx_env env;
    /* NULL, or told of each row of fsm.def (enum tx_row of fsm.h) before it is taken; user is that
     * of env. */
    void (*trace)(void *user, const struct tx *t, unsigned row);
    unsigned old_skip;       /* see tx_layer_old_rules */
    struct tx_frame *active; /* transactions whose callbacks are running, innermost first */
    uint32_t generation;
    /* Counters: transactions there are and ever were, bytes sent again by timers and repeats,
     * transactions that ran into B, F, C, H or an unanswered 2xx, events no row was for. */
    uint64_t live, created, resent, timeouts, ignored;
};

struct tx_handle {
    struct tx *tx;
    uint32_t generation;
};

/* The wheel must outlive the layer; wheel_advance's ctx must be the layer's owner as the callbacks
 * expect it. bits: size of the tables at first. */
int tx_layer_init(struct tx_layer *l, struct wheel *wheel, struct hash_key key, struct tx_env env,
                  unsigned bits);
/* Whether requests of RFC 2543, without a magic cookie, match by Request-URI and by top Via too, as
 * they do until this is called (tm's ruri_matching and via1_matching). */
void tx_layer_old_rules(struct tx_layer *l, bool by_uri, bool by_via);
/* Frees the tables. No transaction may be left. */
void tx_layer_free(struct tx_layer *l);

/* Starts a client transaction: sends bytes at once and arms A/B or E/F. t is zeroed or ended
 * memory; bytes and times are the owner's, of the branch a hash is kept. kind TX_ICT or TX_NICT. */
void tx_client_start(struct tx_layer *l, struct tx *t, enum tx_kind kind, uint32_t method,
                     struct str branch, const struct flow *flow, struct str bytes,
                     const struct tx_times *times, const struct tx_user *user);
/* Hands over the ACK to a negative final reply (17.1.1.3): called from user->response, or later. It
 * is sent at once, and again for every repeat of the final until timer D. ERR_STATE when t is no
 * INVITE client in Completed. */
int tx_client_ack(struct tx_layer *l, struct tx *t, struct str bytes);
/* A server transaction for a request that matched none (an INVITE makes an IST, all others an
 * NIST; an ACK never makes one). key_text must be a copy of what tx_server_key wrote for m and live
 * as long as t. */
void tx_server_start(struct tx_layer *l, struct tx *t, const struct msg *m, struct str key_text,
                     const struct flow *flow, const struct tx_times *times,
                     const struct tx_user *user);
/* Writes what a server transaction for m must keep of it into out, to be copied by the owner:
 * nothing when the branch has the magic cookie, as hashes of branch, sent-by and method will do;
 * for RFC 2543 peers the top Via, Call-ID, CSeq number, method, tags and Request-URI, which are
 * compared by rules (tx_layer_old_rules). The text is meant for tx_server_start alone. */
void tx_server_key(struct buf *out, const struct msg *m);
/* How long that text is. */
size_t tx_server_key_size(const struct msg *m);

/* Sends a reply through a server transaction: provisional or final; bytes replace those kept
 * before. A 2xx to an INVITE is passed on once and not kept: its repeats come from the far end.
 * ERR_STATE after a final one (but a 2xx of an INVITE may be followed by more 2xx, RFC 6026),
 * ERR_INVALID when status is none. */
int tx_respond(struct tx_layer *l, struct tx *t, unsigned status, struct str bytes);
/* The same for a reply of our own: a 2xx to an INVITE is kept and sent again on any transport, T1
 * doubling to T2, until its ACK comes (tx_server_ack) or timer L ends it (RFC 3261 13.3.1.4). */
int tx_respond_local(struct tx_layer *l, struct tx *t, unsigned status, struct str bytes);
/* The ACK to a 2xx sent with tx_respond_local has come: it has a branch of its own, so the owner
 * finds out by the dialog. user->acked is not told. Harmless in any other state. */
void tx_server_ack(struct tx_layer *l, struct tx *t);

/* The server transaction a request belongs to (17.2.3): retransmissions, and the ACK of a negative
 * answer; NULL when there is none. The ACK of a relayed 2xx belongs to none and is proxied; only
 * when its sender wrongly kept the INVITE's branch is it found, and then told by user->acked. */
struct tx *tx_match_request(struct tx_layer *l, const struct msg *m);
/* The INVITE (or other) server transaction that a CANCEL is about (9.2). */
struct tx *tx_match_cancel(struct tx_layer *l, const struct msg *m);
/* The client transaction a reply belongs to (17.1.3: branch and CSeq method). */
struct tx *tx_match_response(struct tx_layer *l, const struct msg *m);
/* The same by a branch and a method alone (a Via of ours further down: loops); NULL for none. */
struct tx *tx_client_of(struct tx_layer *l, struct str branch, uint32_t method);
/* Feeds a message to the transaction that matched it. */
void tx_input(struct tx_layer *l, struct tx *t, struct msg *m, void *ctx);
/* A packet of this transaction could not be sent (ICMP, connection lost). Means nothing where
 * nothing is sent: to an INVITE client after a provisional or a 2xx, or after other finals. */
void tx_transport_error(struct tx_layer *l, struct tx *t, void *ctx);
/* Takes a transaction out at once: table, timers; user->ended is not called. Harmless on an ended
 * one. */
void tx_stop(struct tx_layer *l, struct tx *t);
/* Sends tx.bytes again, if any (a retransmitted request was seen outside tx_input). */
void tx_resend(struct tx_layer *l, struct tx *t);
/* Makes a client in Calling, Trying or Proceeding live until the given time from now, in place of B
 * or F: fr_timer, fr_inv_timer, timer C; may be called again and again. When it passes,
 * user->timeout is told as for timer B. The first provisional stops that of an INVITE, as it stops
 * B: from then on there is no limit (RFC 3261 has none), so set one when that is passed up. */
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

/* "ICT" and so on, for logs and tests. */
const char *tx_kind_name(enum tx_kind k);
/* "Calling" and so on, as the RFC writes it. */
const char *tx_state_name(enum tx_state s);

#endif
