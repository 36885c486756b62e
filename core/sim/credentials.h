/* What a phone answers to a challenge: Digest credentials (RFC 3261 22, RFC 7616) with MD5 and
 * SHA-256, their -sess forms, qop=auth or none. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_CREDENTIALS_H
#define SIM_CREDENTIALS_H

#include "core/base/arena.h"
#include "core/sip/msg.h"

/* A challenge that came, as long as its nonce is used. */
struct challenge {
    struct challenge *next;
    struct str realm, nonce, opaque, algorithm;
    bool proxy; /* of a 407 */
    bool qop;   /* auth was offered */
    uint32_t nc;
};

/* Who answers. */
struct credentials {
    struct str user, password;
};

/* The challenges of a 401 or 407 that can be answered, in the arena: of several for one realm the
 * first with a known algorithm. NULL when there are none, or without memory. */
struct challenge *challenges_of(struct arena *a, const struct msg *m);
/* Whether the reply says that the credentials were right but their nonce too old. */
bool challenge_stale(const struct msg *m, struct arena *a);
/* The header line, with its CRLF, that answers the challenge for a request; counts its nc up. Empty
 * without memory. */
struct str credentials_line(struct arena *a, const struct credentials *who, struct challenge *c,
                            struct str method, struct str uri, struct str cnonce);

#endif
