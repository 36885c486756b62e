/* Transactions: the response context of RFC 3261 16. A struct txn is one received request with its
 * branches and what scripts left for later; it lives until every machine below it has ended.
 *
 * Memory is of two kinds. `small` holds what must outlive the work: the structs themselves and the
 * keys the tx layer looks them up by. `work` holds the request, what was sent, AVPs, variables and
 * replies on their way; it is given back (txn_settle) as soon as all that is left to do is to
 * recognise repeats: 32 s of a finished call cost a few hundred bytes.
 *
 *     call --- txn --- server machine            (the caller)
 *               |---- branch --- client machine  (one a target)
 *               |        '--- leg, cancel        (in work)
 *               '--- work
 *
 * Who is inside holds the transaction (txn_hold): the call of a script, a branch being built. Only
 * txn_drop, and the tx layer telling that a machine has ended, may free it. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_TXN_H
#define PROXY_TXN_H

#include "core/module.h"
#include "core/proxy/dest.h"
#include "core/proxy/engine_priv.h"
#include "core/proxy/tm_conf.h"

/* Our CANCEL of a branch; in work memory, which stays until this has ended. */
struct cancel {
    struct tx tx;
    struct branch *branch;
};

/* What a branch needs while something is still to be done for it. */
struct leg {
    struct branch *branch;
    struct timer ring; /* fr_inv_timer: an INVITE in Proceeding */
    struct hnode peer; /* in engine.peers while nothing was heard */
    uint32_t breadth;  /* its share of Max-Breadth */
    bool in_peers;
    bool cancel_due; /* CANCEL as soon as a provisional reply allows it (RFC 3261 9.1) */
    struct cancel *cancel;
    struct alternates *others; /* further addresses of the same target, or NULL */
    struct str id;             /* its branch parameter */
    struct str uri;            /* Request-URI as sent */
    struct str sent;           /* the request as sent */
    struct str reply; /* its negative final, as it would go up; empty when it was made here */
};

struct branch {
    struct tx tx;
    struct txn *txn;
    struct branch *next; /* in the order they were sent */
    struct leg *leg;     /* NULL when the work memory is gone */
    uint32_t flags;      /* branch flags */
    uint16_t status;     /* final status, perhaps of our own making; 0: still pending */
    uint16_t last;       /* highest provisional so far */
    uint8_t fork;        /* fork set it belongs to */
    bool heard;          /* some reply came from the wire */
    bool replaced;       /* another branch goes to the target's next address: counts no more */
    bool blind;          /* sends nothing: leg is that of a struct blind */
};

/* A branch whose request was handed to a program on this machine, which answers for it (blind.c).
 */
struct blind {
    struct leg leg;   /* first */
    struct list link; /* of engine.blind */
    uint32_t label;   /* by which the program names it */
};

struct work {
    struct arena arena; /* this struct lies in it */
    struct str request; /* as received */
    struct addr src, local;
    uint16_t socket;
    bool force_rport, local_rport;
    uint16_t advertised_port;
    struct str advertised_host, reply_headers;
    struct edits edits; /* made before the transaction was: part of every branch */
    struct avps avps;
    struct vars vars;
    struct str up;  /* buffer of the last reply sent up; len is its size */
    uint64_t shape; /* of the request, for loop.c; 0: not asked for yet */
};

/* What is left of work for a repeated 2xx, when onreply_route is armed. */
struct late {
    struct vars vars;
    struct avps avps;
};

struct txn {
    struct tx server;
    struct engine *engine;
    const struct config *config; /* the version it began with, pinned */
    struct list link;            /* in engine.txns */
    struct hnode dialog;         /* in engine.answered after a 2xx */
    struct arena small;          /* this struct lies in it */
    struct work *work;
    struct late *late;
    struct branch *first, *last;
    struct call *arriving; /* a reply on its way through tx_input */
    struct rest *rest;     /* timer of a released transaction, or NULL */
    uint64_t tag;          /* of the To tag in replies of our own */
    struct armed armed;
    uint32_t flags;       /* message flags */
    uint32_t first_flags; /* those it was made with */
    uint32_t holds;
    struct branch *speaker;   /* whose reply is being passed up, or NULL */
    uint8_t branches, relays; /* branches sent; relays under way */
    uint8_t fork;             /* the latest fork set: only its branches count */
    uint8_t next_fork;        /* of branches that a failure_route adds */
    bool cancelled : 1;       /* by the caller */
    bool closed : 1;          /* no more branches, after a 6xx */
    bool replicate : 1;       /* replies are for nobody */
    bool failing : 1;         /* its failure_route runs */
    bool released : 1;        /* kept only to absorb repeats */
    bool local : 1;           /* the last reply up was made here */
    bool in_answered : 1;
    bool given_tag : 1;   /* tag is the hash of the To tag that a program has chosen */
    uint8_t restored : 4; /* enum party bits: replies get these as the request had them */
    uint8_t watched : 4;  /* by which modules with on_passing (passing.c) */
};

enum {
    TXN_MAX_BRANCHES = 12,
    TXN_REPLY_ROOM = 448, /* for the replies that go up; most fit */
};

/* ---- life (txn.c) ---- */

/* Makes the transaction of a call's request: call_newtran without its checks. NULL without memory.
 */
struct txn *txn_new(struct call *c);
static inline void txn_hold(struct txn *t)
{
    t->holds++;
}
/* Lets go; may free it. */
void txn_drop(struct txn *t);
/* Looks whether work memory, or all of it, is needed any more. */
void txn_settle(struct txn *t);
/* Nobody will answer it: it goes on absorbing repeats for a while and then ends. */
void txn_release(struct txn *t);
/* Whether a final reply went up. */
static inline bool txn_answered(const struct txn *t)
{
    return t->server.status >= 200;
}
static inline bool txn_is_invite(const struct txn *t)
{
    return t->server.method == METHOD_INVITE;
}
static inline const struct tm_conf *txn_conf(const struct txn *t)
{
    return t->config->tm ? t->config->tm : &tm_defaults;
}
/* The stored request, indexed anew in a; NULL without memory or when work is gone. */
struct msg *txn_request(struct txn *t, struct arena *a);
/* Gives a call what the transaction keeps for scripts. */
void txn_lend(struct txn *t, struct call *c, bool avps);
/* A call for a route that looks back at the request; b (or NULL) gives the R-URI. It is lent the
 * transaction; NULL without memory. */
struct call *txn_call(struct txn *t, struct branch *b);
/* Takes flags back and separates the two. */
void txn_return(struct txn *t, struct call *c);
void txn_count(struct engine *e, enum tm_stat s, int n);

/* ---- matching (match.c) ---- */

/* The transaction a request repeats, or NULL. */
struct txn *txn_of_request(struct engine *e, const struct msg *m);
struct txn *txn_of_cancel(struct engine *e, const struct msg *m);
/* The INVITE transaction with a 2xx that an ACK belongs to by its dialog, or NULL. */
struct txn *txn_of_ack(struct engine *e, const struct msg *m);
/* Of Call-ID, From tag and CSeq number. It stands for the texts: it is keyed, so that nobody can
 * aim at another's call. */
uint64_t txn_dialog_hash(const struct engine *e, const struct msg *m);
void txn_enter_answered(struct txn *t);
void txn_leave_answered(struct txn *t);

/* ---- texts that nobody else can make (token.c) ---- */

/* A branch parameter like no other. */
struct str token_branch(struct engine *e, struct arena *a);
/* A branch parameter that repeats of a request get too (RFC 3261 16.11), with its CANCEL and ACK,
 * and by which its replies are known again; via: the one below ours. */
struct str token_forward(const struct engine *e, const struct via *via, const struct msg *m,
                         struct arena *a);
/* To tag for replies of ours to a request: the same for its repeats and its ACK. kind keeps
 * stateful and stateless ones apart. */
uint64_t token_tag_hash(const struct engine *e, const struct msg *m);
struct str token_tag(uint64_t hash, char kind, struct arena *a);

/* ---- branches (branch.c) ---- */

/* What a branch is made of. */
struct outgoing {
    const struct msg *msg; /* the request */
    const struct target *target;
    const struct edits *edits; /* of msg */
    const struct call *by;     /* whose advertised address and so on count */
    const struct way *way;
    const struct dest *rest;   /* further addresses for failover, or NULL */
    struct alternates *others; /* failover: what the branch before had left; else NULL */
    uint8_t fork;              /* set it joins */
    uint32_t breadth;          /* its share of Max-Breadth */
    bool tells_breadth;        /* which the request does not say already */
    struct str id;             /* branch parameter; branch_send fills it in */
};

/* Sends the request to one target. g lives as long as the call. */
enum failure branch_send(struct txn *t, struct outgoing *g);
static inline struct branch *branch_of(struct tx *x)
{
    return container_of(x, struct branch, tx);
}
/* Whether its client machine may still bring a final reply. */
bool branch_live(const struct branch *b);
/* Nothing more is awaited from it: timers and marks off. */
void branch_quiet(struct branch *b);
/* Makes it one of t's, in its fork. */
void branch_link(struct txn *t, struct branch *b);
/* fr_timer of this transaction in s, as its AVP says or the parameter. */
uint32_t branch_fr_seconds(struct txn *t, const struct call *by);
/* Runs the timer of a branch for that long; 408 then. */
void branch_ring(struct branch *b, uint32_t seconds);
/* Gives it a final status of our own. */
void branch_fail(struct branch *b, unsigned status);
extern const struct tx_user branch_user;

/* ---- failover (failover.c) ---- */

/* Whether the script lets further addresses be tried. */
bool failover_allowed(const struct call *c, unsigned flags);
/* What branch_send keeps of g for failover; NULL without further addresses or memory. */
struct alternates *alternates_new(struct txn *t, const struct outgoing *g);
/* A branch got no answer, an error, or a 503: sends to the next address of the same target, if
 * there is one, and takes this branch out of its fork (RFC 3263 4.3). False when there is none. */
bool failover(struct branch *b);

/* ---- Max-Breadth (breadth.c) ---- */

/* How many branches, of ours and of proxies further down, a request may have at a time. */
struct breadth {
    uint32_t limit; /* as it came, or the default; 0: switched off (tm's max_breadth) */
    uint32_t free;  /* what pending branches have left of it */
};
/* Looks whether there is at least one for each of n new branches of t, to whom free is then given
 * (RFC 5393 5.3.3); FAIL_BREADTH when there is not. */
enum failure breadth_take(struct breadth *out, const struct txn *t, const struct msg *m,
                          unsigned n);
/* The share of the i-th of n. */
uint32_t breadth_share(const struct breadth *b, unsigned i, unsigned n);
/* Whether a request may be sent on at all: it came without Max-Breadth, or with more than 0. */
bool breadth_allows(const struct msg *m);

/* ---- loops (loop.c) ---- */

/* Whether the request is one that this engine has sent on, come back with nothing changed that a
 * script could go by: it would go round for ever (RFC 3261 16.3 4, RFC 5393 4.2). */
bool loop_found(struct engine *e, struct msg *m);

/* ---- replies to the caller (reply.c) ---- */

/* Sends bytes up, wherever they lie. ERR_STATE when that is not allowed any more. */
int txn_respond(struct txn *t, unsigned status, struct str bytes, bool local);
/* Makes a reply of our own to the request m and sends it up. headers: lines with CRLF. */
int txn_answer(struct txn *t, const struct msg *m, struct arena *scratch, unsigned code,
               struct str reason, struct str headers);
/* The same from the stored request. */
int txn_answer_stored(struct txn *t, unsigned code);
/* Sends up what a program says for a blind branch. ERR_STATE when a final reply went up before. */
int txn_answer_blind(struct txn *t, const struct blind_answer *a);
/* Passes a reply up; c holds it. */
void txn_pass_up(struct txn *t, struct call *c);
/* The negative reply of a branch as it will go up, into work memory. */
struct str txn_render_reply(struct txn *t, struct call *c);

/* ---- replies from below (response.c) ---- */

/* A reply that the machine of b passed up: onreply_route, then up or kept. Takes the call over. */
void response_take(struct branch *b, struct call *c);

/* ---- telling modules (events.c) ---- */

/* Of a reply that went up, or a fork that has failed with this one. */
void txn_tell(struct txn *t, enum txn_event_kind kind, unsigned code, struct str reply);
/* That a transaction will be made. */
void txn_tell_begin(struct call *c);
/* Of the ACK for a 2xx. */
void txn_tell_ack(struct txn *t, struct call *ack);

/* ---- telling modules of messages (passing.c) ---- */

/* Which modules want to be told of the messages of a transaction made for this call: txn.watched.
 * The version of the script loads one (config.watches). */
unsigned passing_watched(struct call *c);
/* A message of a transaction that is watched goes out, or has come in. */
void txn_goes(struct txn *t, const struct flow *way, struct str bytes);
void txn_comes(struct txn *t, const struct msg *m);
/* A reply without transaction went out. */
void passing_stateless(struct call *c, const struct addr *dst, struct str bytes);

/* ---- the end of a fork (pick.c) ---- */

/* A branch has come to its end: when it was the last one of the fork set, picks the reply that goes
 * up, through failure_route. */
void fork_check(struct txn *t);
/* A 6xx: decides at once. */
void fork_close(struct txn *t, struct branch *b);

/* ---- CANCEL (cancel.c) ---- */

/* t_relay of a CANCEL: handled here when its transaction is ours; 0 when it is not and goes on like
 * any request, else *result. */
bool cancel_request(struct call *c, int *result);
/* Cancels branches that are pending, but one. */
void cancel_branches(struct txn *t, const struct branch *except);
void cancel_send(struct branch *b);
extern const struct tx_user cancel_user;

/* ---- requests of our own (uac.c) ---- */

/* A reply to one of them. Takes the call over. */
void uac_take(struct call *c, struct tx *x);
extern const struct tx_user uac_user;

/* ---- stateless (forward.c) ---- */

/* A reply without transaction. Takes the call over. */
void forward_reply(struct call *c);

#endif
