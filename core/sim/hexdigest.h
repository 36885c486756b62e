/* Digests of texts as Digest credentials carry them. OpenSSL stays behind it: its names are ours,
 * too. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_HEXDIGEST_H
#define SIM_HEXDIGEST_H

#include "core/base/str.h"

/* Room for the digits and a NUL. */
enum { HEX_DIGEST = 65 };

/* MD5 or SHA-256 of a text in hexadecimal digits, in out; empty when the text is NULL or the digest
 * is not to be had. */
struct str hex_digest(char out[HEX_DIGEST], bool sha256, struct str text);

#endif
