/* Inside of the auth module: its configuration, nonces, what it knows of a message. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_AUTH_PRIV_H
#define MODULES_AUTH_PRIV_H

#include <stdatomic.h>

#include "modules/auth/auth.h"

extern const struct module auth_module;

enum auth_stat {
    STAT_CHALLENGES,
    STAT_ACCEPTED,
    STAT_REFUSED,
    STAT_STALE,
    STAT_REPLAYED,
    STAT_MALFORMED,
};

/* Bits of what a qop parameter offers. */
enum { QOP_AUTH = 1, QOP_AUTH_INT = 2 };

struct auth_conf {
    struct str secret, realm_prefix, rpid_prefix, rpid_suffix, algorithm_text, qop_text;
    struct str rpid_text, username_text, password_text;
    const struct pv_ref *rpid_avp, *username, *password;
    int32_t nonce_expire, calculate_ha1, nonce_slots, disable_nonce_check, check_uri;
    uint8_t order[DIGEST_ALGORITHMS]; /* algorithms as offered, n_order of them */
    unsigned n_order, offered;        /* offered: a bit for each */
    unsigned qop;
    uint8_t key[SUM_MOST]; /* made of secret */
};

/* Of one message. */
struct auth_slot {
    bool stale; /* what the last check found: the next challenge says so */
    bool authorized;
    struct auth_user user;
    const struct hdr *header[AUTH_KINDS]; /* credentials that were authorized, or NULL */
};

/* ---- nonces (nonce.c) ---- */

/* What all workers share. */
struct nonces;
struct nonces *nonces_new(unsigned slots, bool shared_secret);
void nonces_free(struct nonces *n);

enum { NONCE_MAX = 64 };
/* Writes a fresh nonce: its digits are in text. */
struct str nonce_make(struct nonces *n, const struct auth_conf *conf, struct call *c,
                      char text[NONCE_MAX]);
/* Explains one: AUTH_OK with ticket, instance and time of the claim, or AUTH_STALE when it is not
 * ours or too old. */
int nonce_read(struct nonces *n, const struct auth_conf *conf, struct call *c, struct str text,
               struct auth_claim *out);
/* Whether the claim's nonce may be used with its nc; take: it is used from now on. nc 0: without
 * counting, so only once. Lock-free; true for one taker only, whichever workers ask. */
bool nonce_use(struct nonces *n, const struct call *c, const struct auth_conf *conf,
               const struct auth_claim *claim, bool take);

/* Remembers a request that was let in, and whether this one is a copy of it that was sent again. */
void nonce_note(struct nonces *n, const struct call *c, const struct auth_claim *claim);
bool nonce_repeated(struct nonces *n, const struct call *c, const struct auth_claim *claim);

/* ---- the rest ---- */

/* What auth_api's begin and finish are. */
int auth_begin(struct call *c, enum auth_kind kind, struct str realm, struct auth_claim *out);
/* See auth_begin. */
int auth_finish(struct call *c, const struct auth_claim *claim, struct str password, bool is_ha1);
/* Answers with this code, in the transaction if there is one; AUTH_STOP, or AUTH_ERROR when it
 * could not be sent. */
int auth_answer(struct call *c, unsigned code, const char *reason);
/* The realm that an empty one stands for; empty when From or To cannot be read. */
struct str auth_realm(struct call *c, enum auth_kind kind, struct str given);
/* Sends a challenge: 0, or -1 when that is not possible. */
int auth_challenge(struct call *c, enum auth_kind kind, struct str realm, bool qop);

/* ---- functions of rpid.c ---- */

/* is_rpid_user_e164() and append_rpid_hf(). */
int auth_is_rpid_user_e164(struct call *c, const struct arg *args, unsigned n);
/* With a prefix and a suffix, or those of the parameters. */
int auth_append_rpid_hf(struct call *c, const struct arg *args, unsigned n);

#endif
