/* Answers to challenges. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/credentials.h"

#include "core/base/err.h"
#include "core/sim/hexdigest.h"
#include "core/sip/digest.h"

/* ---- digests ---- */

static bool session(struct str algorithm)
{
    return algorithm.len > 5 &&
           str_ieq(str_sub(algorithm, algorithm.len - 5, algorithm.len), STR("-sess"));
}

static bool known(struct str algorithm)
{
    return !algorithm.len || str_ieq(algorithm, STR("MD5")) ||
           str_ieq(algorithm, STR("MD5-sess")) || str_ieq(algorithm, STR("SHA-256")) ||
           str_ieq(algorithm, STR("SHA-256-sess"));
}

static struct str digest(char out[HEX_DIGEST], struct str algorithm, struct str text)
{
    return hex_digest(out, str_istarts(algorithm, STR("SHA-256")), text);
}

static struct str response(char out[HEX_DIGEST], struct arena *a, const struct credentials *who,
                           const struct challenge *c, struct str method, struct str uri,
                           struct str cnonce)
{
    char one[HEX_DIGEST], two[HEX_DIGEST];
    struct str ha1 = digest(one, c->algorithm,
                            arena_printf(a, "%.*s:%.*s:%.*s", STR_ARG(who->user), STR_ARG(c->realm),
                                         STR_ARG(who->password)));
    if (session(c->algorithm))
        ha1 = digest(
            one, c->algorithm,
            arena_printf(a, "%.*s:%.*s:%.*s", STR_ARG(ha1), STR_ARG(c->nonce), STR_ARG(cnonce)));
    struct str ha2 =
        digest(two, c->algorithm, arena_printf(a, "%.*s:%.*s", STR_ARG(method), STR_ARG(uri)));
    struct str all =
        c->qop ? arena_printf(a, "%.*s:%.*s:%08x:%.*s:auth:%.*s", STR_ARG(ha1), STR_ARG(c->nonce),
                              c->nc, STR_ARG(cnonce), STR_ARG(ha2))
               : arena_printf(a, "%.*s:%.*s:%.*s", STR_ARG(ha1), STR_ARG(c->nonce), STR_ARG(ha2));
    return digest(out, c->algorithm, all);
}

struct str credentials_line(struct arena *a, const struct credentials *who, struct challenge *c,
                            struct str method, struct str uri, struct str cnonce)
{
    char hex[HEX_DIGEST];
    struct buf out;
    c->nc++;
    struct str answer = response(hex, a, who, c, method, uri, cnonce);
    buf_init(&out, a, 400);
    buf_printf(&out,
               "%s: Digest username=\"%.*s\", realm=\"%.*s\", nonce=\"%.*s\", uri=\"%.*s\", "
               "response=\"%.*s\"",
               c->proxy ? "Proxy-Authorization" : "Authorization", STR_ARG(who->user),
               STR_ARG(c->realm), STR_ARG(c->nonce), STR_ARG(uri), STR_ARG(answer));
    if (c->algorithm.len)
        buf_printf(&out, ", algorithm=%.*s", STR_ARG(c->algorithm));
    if (c->opaque.len)
        buf_printf(&out, ", opaque=\"%.*s\"", STR_ARG(c->opaque));
    if (c->qop)
        buf_printf(&out, ", qop=auth, nc=%08x", c->nc);
    if (c->qop || session(c->algorithm))
        buf_printf(&out, ", cnonce=\"%.*s\"", STR_ARG(cnonce));
    buf_add(&out, STR("\r\n"));
    return out.failed || !answer.len ? STR_NONE : buf_str(&out);
}

/* ---- challenges ---- */

/* Whether a list such as "auth, auth-int" has auth. */
static bool offers_auth(struct str list)
{
    struct str one;
    while (str_cut(&one, &list, ','))
        if (str_ieq(str_trim(one), STR("auth")))
            return true;
    return false;
}

static struct challenge *take(struct arena *a, struct str value, bool proxy)
{
    struct digest d;
    if (digest_challenge(&d, a, value) != ERR_OK || !known(d.algorithm) ||
        (d.qop.len && !offers_auth(d.qop)))
        return NULL;
    struct challenge *c = arena_zalloc(a, sizeof *c);
    if (c)
        *c = (struct challenge){.realm = arena_dup(a, d.realm),
                                .nonce = arena_dup(a, d.nonce),
                                .opaque = arena_dup(a, d.opaque),
                                .algorithm = arena_dup(a, d.algorithm),
                                .proxy = proxy,
                                .qop = d.qop.len > 0};
    return c;
}

static const char *header_of(const struct msg *m)
{
    return m->status == 407 ? "Proxy-Authenticate" : "WWW-Authenticate";
}

static bool has_realm(const struct challenge *c, struct str realm)
{
    for (; c; c = c->next)
        if (str_eq(c->realm, realm))
            return true;
    return false;
}

struct challenge *challenges_of(struct arena *a, const struct msg *m)
{
    struct challenge *all = NULL;
    const struct hdr *h = NULL;
    while ((h = msg_header_named(m, str_from(header_of(m)), h)) != NULL) {
        struct challenge *c = take(a, h->value, m->status == 407);
        if (!c || has_realm(all, c->realm))
            continue;
        c->next = all;
        all = c;
    }
    return all;
}

bool challenge_stale(const struct msg *m, struct arena *a)
{
    const struct hdr *h = msg_header_named(m, str_from(header_of(m)), NULL);
    struct digest d;
    return h && digest_challenge(&d, a, h->value) == ERR_OK && str_ieq(d.stale, STR("true"));
}
