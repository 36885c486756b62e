/* Digest credentials and challenges (RFC 3261 22, RFC 7616), explained by libosip2. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_DIGEST_H
#define SIP_DIGEST_H

#include "core/base/arena.h"

/* Values without quotes around them, escapes as written; empty when absent. Those of a challenge
 * have no username, uri, response, cnonce and nc; those of credentials no stale and domain. */
struct digest {
    struct str username, realm, nonce, uri, response, algorithm, cnonce, opaque, qop, nc;
    struct str stale, domain;
};

/* Longest value that is looked at. */
enum { DIGEST_MAX = 8192 };

/* Explains the value of an Authorization or Proxy-Authorization header. The slices point into a.
 * ERR_UNSUPPORTED for a scheme other than Digest, ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int digest_parse(struct digest *out, struct arena *a, struct str value);
/* The same for WWW-Authenticate and Proxy-Authenticate. */
int digest_challenge(struct digest *out, struct arena *a, struct str value);

#endif
