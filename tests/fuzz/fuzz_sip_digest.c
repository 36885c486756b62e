/* Digest credentials: fields lie inside the text and come out the same when they are written anew;
 * what is accepted twice says the same. */
/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/fuzz_sip_exercise.h"

static void add(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "%s%s=\"%.*s\"", out->len > 7 ? ", " : "", name, STR_ARG(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make((const char *)data, size);
    struct digest d, again;
    struct arena a;
    struct buf out;
    if (digest_parse(&d, text) != ERR_OK)
        return 0;
    const struct str all[] = {d.username,  d.realm,  d.nonce,  d.uri, d.response,
                              d.algorithm, d.cnonce, d.opaque, d.qop, d.nc};
    static const char *const names[] = {"username",  "realm",  "nonce",  "uri", "response",
                                        "algorithm", "cnonce", "opaque", "qop", "nc"};
    arena_init(&a, NULL, 1024);
    buf_init(&out, &a, size + 256);
    buf_add(&out, STR("Digest "));
    for (unsigned i = 0; i < 10; i++) {
        MUST(ex_inside(all[i], text));
        add(&out, names[i], all[i]);
    }
    if (!out.failed && out.len <= DIGEST_MAX) {
        /* a token may end in a backslash, which would hide the quote behind it */
        int rc = digest_parse(&again, buf_str(&out));
        MUST(rc == ERR_OK || memchr(text.p, '\\', text.len));
        MUST(rc != ERR_OK || memchr(text.p, '\\', text.len) ||
             (str_eq(again.username, d.username) && str_eq(again.realm, d.realm) &&
              str_eq(again.nonce, d.nonce) && str_eq(again.response, d.response) &&
              str_eq(again.uri, d.uri) && str_eq(again.nc, d.nc)));
    }
    arena_reset(&a);
    return 0;
}
