/* Credentials: found by realm, judged in everything but the password, then by it. */
/* SPDX-License-Identifier: MIT */
#include "modules/auth/priv.h"

enum { NC_DIGITS = 8, NOT_DECIDED = 3 };

static enum hdr_id header_of(enum auth_kind kind)
{
    return kind == AUTH_WWW ? HDR_AUTHORIZATION : HDR_PROXY_AUTHORIZATION;
}

int auth_answer(struct call *c, unsigned code, const char *reason)
{
    struct str text = str_from(reason);
    int rc = c->txn ? call_reply(c, code, text) : call_sl_reply(c, code, text);
    return rc > 0 ? AUTH_STOP : AUTH_ERROR;
}

struct str auth_realm(struct call *c, enum auth_kind kind, struct str given)
{
    const struct auth_conf *conf = call_conf(c, &auth_module);
    bool to = kind == AUTH_WWW && c->msg->method == METHOD_REGISTER;
    struct uri u;
    if (given.len)
        return given;
    const struct nameaddr *party = to ? call_to(c) : call_from(c);
    if (!party || uri_parse(&u, party->uri) != ERR_OK)
        return STR_NONE;
    struct str prefix = conf->realm_prefix;
    bool strip = prefix.len && u.host.len > prefix.len && str_istarts(u.host, prefix);
    return strip ? str_sub(u.host, prefix.len, u.host.len) : u.host;
}

/* ---- finding ---- */

static int malformed(struct call *c, const char *what)
{
    log_warn("auth: %.*s %.*s: %s", STR_ARG(c->msg->method_text), STR_ARG(c->msg->call_id), what);
    call_count(c, &auth_module, STAT_MALFORMED, 1);
    return auth_answer(c, 400, "Bad Request");
}

/* The first credentials for this realm and with an algorithm that we offer. */
static int find(struct call *c, const struct auth_conf *conf, struct str realm,
                struct auth_claim *out)
{
    const struct hdr *h = msg_header(c->msg, header_of(out->kind));
    for (; h; h = msg_header_next(c->msg, h)) {
        int rc = digest_parse(&out->digest, h->value);
        if (rc == ERR_UNSUPPORTED)
            continue; /* another scheme, somebody else's (RFC 8898) */
        if (rc != ERR_OK)
            return malformed(c, "credentials that are too long, malformed or have a field twice");
        if (!str_ieq(out->digest.realm, realm))
            continue;
        out->header = h;
        if (digest_algorithm_find(&out->algorithm, out->digest.algorithm) &&
            conf->offered & 1u << out->algorithm)
            return AUTH_ASK;
    }
    return AUTH_NO_CREDENTIALS;
}

/* ---- judging ---- */

/* The name behind its escapes; p is NULL without memory. */
static struct str unescaped(struct call *c, struct str text)
{
    if (str_find(text, '\\', 0) < 0)
        return text;
    char *out = arena_alloc(c->arena, text.len);
    size_t n = 0;
    for (size_t i = 0; out && i < text.len; i++) {
        i += text.p[i] == '\\' && i + 1 < text.len;
        out[n++] = text.p[i];
    }
    return str_make(out, n);
}

static bool read_nc(struct str text, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = ascii_hex(text.p[i]);
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return text.len == NC_DIGITS && *out > 0;
}

/* What is missing or makes no sense, or NULL. */
static const char *fault_of(const struct auth_conf *conf, struct auth_claim *a)
{
    const struct digest *d = &a->digest;
    if (d->username.len == 0 || d->nonce.len == 0 || d->uri.len == 0 || d->response.len == 0)
        return "credentials without username, nonce, uri or response";
    if (d->response.len != digest_digits(a->algorithm))
        return "a response of the wrong length";
    a->nc = 0;
    if (d->qop.len == 0)
        return NULL;
    if (d->cnonce.len == 0 || !read_nc(d->nc, &a->nc))
        return "qop without cnonce or with a bad nc";
    bool whole = str_ieq(d->qop, STR("auth-int"));
    if (!whole && !str_ieq(d->qop, STR("auth")))
        return "a qop that nobody knows";
    return whole && !(conf->qop & QOP_AUTH_INT) ? "qop auth-int, which is not offered" : NULL;
}

/* user@domain: the domain must be the realm. */
static bool split_name(struct call *c, struct auth_claim *a)
{
    struct str name = unescaped(c, a->digest.username);
    ptrdiff_t at = str_find(name, '@', 0);
    a->user = at < 0 ? name : str_sub(name, 0, (size_t)at);
    a->domain = at < 0 ? STR_NONE : str_sub(name, (size_t)at + 1, name.len);
    return a->user.len && (at < 0 || str_eq(a->domain, a->digest.realm));
}

/* The digest is bound to the target that the sender wrote (RFC 3261 22.4, RFC 7616 3.4.6). */
static bool fits_request(const struct msg *m, struct str uri)
{
    struct uri have, want;
    if (str_eq(uri, m->uri))
        return true;
    return uri_parse(&have, uri) == ERR_OK && uri_parse(&want, m->uri) == ERR_OK &&
           uri_same(&have, &want);
}

static int stale(struct call *c, struct auth_slot *slot, enum auth_result r)
{
    slot->stale = true;
    call_count(c, &auth_module, r == AUTH_STALE ? STAT_STALE : STAT_REPLAYED, 1);
    return r;
}

static int judge(struct call *c, const struct auth_conf *conf, struct auth_slot *slot,
                 struct auth_claim *a)
{
    struct nonces *nonces = call_state(c, &auth_module);
    const char *fault = fault_of(conf, a);
    if (!fault && !split_name(c, a))
        fault = "a user name without user or with another domain than the realm";
    if (fault)
        return malformed(c, fault);
    if (nonce_read(nonces, conf, c, a->digest.nonce, a) != AUTH_OK)
        return stale(c, slot, AUTH_STALE);
    if (!nonce_use(nonces, c, conf, a, false) && !nonce_repeated(nonces, c, a))
        return stale(c, slot, AUTH_REUSED);
    if (conf->check_uri && !fits_request(c->msg, a->digest.uri))
        return malformed(c, "a digest for another URI (check_uri)");
    return AUTH_ASK;
}

int auth_begin(struct call *c, enum auth_kind kind, struct str realm, struct auth_claim *out)
{
    const struct auth_conf *conf = call_conf(c, &auth_module);
    struct auth_slot *slot = call_slot(c, &auth_module);
    *out = (struct auth_claim){.kind = kind};
    if (c->msg->method == METHOD_ACK || c->msg->method == METHOD_CANCEL)
        return AUTH_OK; /* neither can be challenged (RFC 3261 22.1) */
    realm = auth_realm(c, kind, realm);
    if (!slot || realm.len == 0)
        return AUTH_ERROR;
    slot->stale = false;
    int rc = find(c, conf, realm, out);
    return rc == AUTH_ASK ? judge(c, conf, slot, out) : rc;
}

/* ---- the password ---- */

int auth_finish(struct call *c, const struct auth_claim *a, struct str password, bool is_ha1)
{
    const struct auth_conf *conf = call_conf(c, &auth_module);
    struct auth_slot *slot = call_slot(c, &auth_module);
    char ha1_hex[DIGEST_HEX], hex[DIGEST_HEX];
    const struct digest *d = &a->digest;
    const struct str who[] = {d->username, d->realm, password};
    struct str ha1 = is_ha1 ? password : digest_sum(ha1_hex, a->algorithm, who, 3);
    if (!slot)
        return AUTH_ERROR;
    struct str want = digest_response(hex, a->algorithm, ha1, d, c->msg->method_text, c->msg->body);
    if (ha1.len == 0 || !digest_equal(want, d->response)) {
        call_count(c, &auth_module, STAT_REFUSED, 1);
        return AUTH_WRONG_PASSWORD;
    }
    struct nonces *nonces = call_state(c, &auth_module);
    if (nonce_use(nonces, c, conf, a, true))
        nonce_note(nonces, c, a);
    else if (!nonce_repeated(nonces, c, a))
        return stale(c, slot, AUTH_REUSED);
    slot->authorized = true;
    slot->header[a->kind] = a->header;
    slot->user = (struct auth_user){a->user, a->domain, d->realm};
    call_count(c, &auth_module, STAT_ACCEPTED, 1);
    return AUTH_OK;
}
