/* Digests through OpenSSL. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/hexdigest.h"

#include <openssl/evp.h>
#include <stdio.h>

struct str hex_digest(char out[HEX_DIGEST], bool sha256, struct str text)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    if (!text.p ||
        EVP_Digest(text.p, text.len, bytes, &n, sha256 ? EVP_sha256() : EVP_md5(), NULL) != 1 ||
        2 * n >= HEX_DIGEST)
        return STR_NONE;
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return str_make(out, 2 * n);
}
