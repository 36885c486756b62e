/* Digest authentication (RFC 3261 22, RFC 7616, RFC 8760): credentials, challenges, and the sums in
 * them. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_DIGEST_H
#define SIP_DIGEST_H

#include "core/base/arena.h"
#include "core/base/sum.h"

/* Values without quotes around them, escapes as written; empty when absent. Those of a challenge
 * have no username, uri, response, cnonce and nc; those of credentials no stale and domain. */
struct digest {
    struct str username, realm, nonce, uri, response, algorithm, cnonce, opaque, qop, nc;
    struct str stale, domain;
};

/* Longest value that is looked at. */
enum { DIGEST_MAX = 8192 };

/* Explains the value of an Authorization or Proxy-Authorization header. The slices point into it.
 * ERR_UNSUPPORTED for a scheme other than Digest; ERR_SYNTAX, also for a field that stands there
 * twice and for control characters; ERR_LIMIT. */
int digest_parse(struct digest *out, struct str value);
/* The same for WWW-Authenticate and Proxy-Authenticate, by libosip2; the slices point into a.
 * ERR_NOMEM too. */
int digest_challenge(struct digest *out, struct arena *a, struct str value);

/* ---- sums ---- */

/* Row: id, name in messages, hexadecimal digits of a sum. */
#define DIGEST_ALGORITHM_LIST(X)                                                                   \
    X(MD5, "MD5", 32)                                                                              \
    X(SHA256, "SHA-256", 64)                                                                       \
    X(SHA512_256, "SHA-512-256", 64)

enum digest_algorithm {
#define X(id, name, digits) DIGEST_##id,
    DIGEST_ALGORITHM_LIST(X)
#undef X
        DIGEST_ALGORITHMS
};

/* Room for the hexadecimal digits of any sum. */
enum { DIGEST_HEX = 64 };

/* "MD5", ... and how many digits its sums have. */
struct str digest_algorithm_name(enum digest_algorithm a);
size_t digest_digits(enum digest_algorithm a);
/* The algorithm of that name in any case; an empty name is MD5 (RFC 7616 3.3). False for one that
 * is not known, the -sess ones among them. */
bool digest_algorithm_find(enum digest_algorithm *out, struct str name);
/* H(piece ":" piece ...), in lower-case hexadecimal digits in hex. */
struct str digest_sum(char hex[DIGEST_HEX], enum digest_algorithm a, const struct str *piece,
                      unsigned n);
/* The response that credentials d must have: ha1 is H(user:realm:password), body is that of the
 * message and counts with qop auth-int. */
struct str digest_response(char hex[DIGEST_HEX], enum digest_algorithm a, struct str ha1,
                           const struct digest *d, struct str method, struct str body);
/* Equality in a time that tells nothing of where two texts of one length differ. */
bool digest_equal(struct str a, struct str b);

#endif
