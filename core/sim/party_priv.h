/* The inside of parties, for core/sim only. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_PARTY_PRIV_H
#define SIM_PARTY_PRIV_H

#include "core/sim/party.h"

enum { T1 = 500, T2 = 4000, GIVE_UP = 64 };

/* ---- party.c ---- */

/* Random text for tags and branches: hexadecimal digits, in the arena. */
struct str party_token(struct party *p, struct arena *a, const char *prefix);

/* ---- leg.c ---- */

/* A leg of that Call-ID, or of a fresh one when it is empty. NULL without memory. */
struct leg *leg_create(struct party *p, struct str call_id);
/* The leg that a message belongs to; made when a request begins one. NULL for a reply to nothing,
 * or without memory. Fills in what the message is to it: request, server, twin, repeat. */
struct leg *leg_take(struct party *p, struct got *g);
/* A message is forgotten: nothing points at it any more. */
void leg_forget(struct leg *l, const struct got *g);
/* ACK of a negative final. */
void leg_ack_negative(struct sent *s, const struct got *g);
/* Takes a timer of a leg off. */
void sent_quiet(struct sent *s);
/* Lets a sent request, or a reply, be repeated as time goes by. */
void sent_arm(struct sent *s);
void answer_arm(struct answer *a);
int answer_again(struct answer *a);

/* ---- challenge.c ---- */

/* A 401 or 407 to a request: sends it again with credentials when there are any. */
void sent_challenged(struct sent *s, struct got *g);
/* Lines that answer the challenges met so far, for a new request of the leg; or empty. */
struct str leg_credentials(struct leg *l, struct str method, struct str uri);
/* Zeroed, of the leg, with method, branch (empty: a fresh one) and gap; NULL without memory. */
struct sent *sent_new(struct leg *l, struct str method, struct str branch);
/* Puts it on the wire; it is repeated unless once. */
struct sent *sent_launch(struct sent *s, bool once);

/* ---- compose.c ---- */

/* Whose To, target and routes a request is made with. */
struct dialog {
    struct str remote_tag, target, routes;
};
/* What a reply says about the dialog it is of, in the arena; target and routes may be empty. */
void dialog_of_reply(struct dialog *d, struct arena *a, const struct msg *m);
/* Writes a request; the branch in s->branch, the CSeq in s->cseq. */
struct str compose_request(struct leg *l, const struct request_plan *plan, const struct sent *s,
                           const struct dialog *d);
/* The ACK of a negative final, or a CANCEL: made from the request as it was sent. */
struct str compose_from_sent(struct leg *l, const struct sent *s, const char *method, struct str to,
                             struct str headers);
/* A request of ours once more, with another branch and CSeq and with lines of credentials. */
struct str compose_again(struct leg *l, const struct sent *old, const struct sent *s);
struct str compose_reply(struct leg *l, const struct got *g, const struct reply_plan *plan);
/* A name-addr header value without its tag, in the arena. */
struct str without_tag(struct arena *a, struct str value);
/* Where a URI, or a Route value, says: an IP address and a port. ERR_NOTFOUND otherwise. */
int uri_address(struct addr *out, struct str uri);
int route_address(struct addr *out, struct str routes);

#endif
