/* What auth offers to other modules, by call_api(c, "auth"): the check of digest credentials but
 * for the password, which is theirs to find, and who was found to be in. */
/* SPDX-License-Identifier: MIT */
#ifndef AUTH_H
#define AUTH_H

#include "core/module.h"

/* WWW: Authorization and 401, from whoever answers; PROXY: Proxy-Authorization and 407. */
enum auth_kind { AUTH_WWW, AUTH_PROXY, AUTH_KINDS };

/* Results of the authorize functions, as a script sees them (MODULES 1.11). */
enum auth_result {
    AUTH_OK = 1,
    AUTH_STOP = 0, /* answered with 400 or 500 */
    AUTH_UNKNOWN_USER = -1,
    AUTH_WRONG_PASSWORD = -2,
    AUTH_STALE = -3,
    AUTH_NO_CREDENTIALS = -4,
    AUTH_ERROR = -5,
    AUTH_REUSED = -6,
    AUTH_ASK = 2, /* never a script's: the password is wanted now */
};

/* Credentials that are fine but for the password, not looked at yet. Slices live as long as the
 * call. */
struct auth_claim {
    enum auth_kind kind;
    enum digest_algorithm algorithm;
    struct digest digest;
    const struct hdr *header;
    struct str user;   /* without domain, escapes resolved */
    struct str domain; /* behind the @, or empty */
    uint64_t ticket;   /* of the nonce; with nc, see nonce.c */
    uint32_t instance, time, nc;
};

/* Who proved who he is. */
struct auth_user {
    struct str user, domain, realm; /* domain empty when the name has none */
};

struct auth_api {
    /* Looks for credentials of this kind and realm (empty: as of From or To) and checks all but the
     * password: AUTH_ASK with *out filled, or another enum auth_result for the script. */
    int (*begin)(struct call *c, enum auth_kind kind, struct str realm, struct auth_claim *out);
    /* Judges the claim by the password, or by H(user:realm:password) when is_ha1: AUTH_OK and the
     * sender is authorized, AUTH_WRONG_PASSWORD, AUTH_REUSED. */
    int (*finish)(struct call *c, const struct auth_claim *claim, struct str password, bool is_ha1);
    /* For a database that failed: answers 500. AUTH_STOP. */
    int (*give_up)(struct call *c);
    /* Who was authorized last for this message, or NULL. */
    const struct auth_user *(*user)(struct call *c);
};

#endif
