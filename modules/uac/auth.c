/* uac_auth: answering the challenge of the next server with credentials of ours. */
/* SPDX-License-Identifier: MIT */
#include "modules/uac/priv.h"

/* ---- credentials ---- */

/* "user:realm:password"; the password may hold colons. */
int uac_credential(struct prepare *p, void *data, const struct value *v)
{
    struct uac_conf *conf = data;
    struct uac_credential *c = arena_zalloc(p->arena, sizeof *c);
    struct str rest = v->s;
    if (!c)
        return ERR_NOMEM;
    if (!str_cut(&c->user, &rest, ':') || c->user.len == 0 || !str_cut(&c->realm, &rest, ':') ||
        !rest.p) {
        buf_printf(p->error, "\"credential\" is written user:realm:password");
        return ERR_INVALID;
    }
    c->password = rest;
    c->next = conf->credentials;
    conf->credentials = c;
    return ERR_OK;
}

static struct str avp_text(struct call *c, const struct pv_ref *v)
{
    char digits[VALUE_TEXT];
    struct avp_name name;
    if (!v || avp_name_of(v, c, call_host(), &name) != ERR_OK)
        return STR_NONE;
    const struct avp *a = avp_find(c->avps, &name, NULL);
    return a ? arena_dup(c->arena, value_text(&a->value, digits)) : STR_NONE;
}

/* AVPs before parameters; false when there is nothing for that realm. */
static bool find_credential(struct call *c, const struct uac_conf *conf, struct str realm,
                            struct uac_credential *out)
{
    struct str avp_realm = avp_text(c, conf->auth_realm.pv);
    if (avp_realm.len && str_eq(avp_realm, realm)) {
        *out = (struct uac_credential){.user = avp_text(c, conf->auth_user.pv),
                                       .realm = realm,
                                       .password = avp_text(c, conf->auth_password.pv)};
        return out->user.len > 0;
    }
    for (const struct uac_credential *k = conf->credentials; k; k = k->next)
        if (str_eq(k->realm, realm)) {
            *out = *k;
            return true;
        }
    return false;
}

/* ---- the answer ---- */

struct answer {
    struct digest digest; /* as the credentials will be */
    enum digest_algorithm algorithm;
    struct uac_credential credential;
};

/* What stands in quotes in the challenge goes back as it is: it must not end the line. */
static bool safe(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] < ' ' && s.p[i] != '\t')
            return false;
    return true;
}

static bool offers_auth(struct str qop)
{
    struct str one;
    while (str_cut(&one, &qop, ','))
        if (str_ieq(str_trim(one), STR("auth")))
            return true;
    return false;
}

/* Whether we can answer this challenge, and with what. */
static bool understand(struct call *c, const struct uac_conf *conf, struct str value,
                       struct answer *a)
{
    struct digest ch;
    if (digest_challenge(&ch, c->arena, value) != ERR_OK || ch.nonce.len == 0 ||
        !digest_algorithm_find(&a->algorithm, ch.algorithm) ||
        (ch.qop.len && !offers_auth(ch.qop)) || !safe(ch.realm) || !safe(ch.nonce) ||
        !safe(ch.opaque))
        return false;
    if (!find_credential(c, conf, ch.realm, &a->credential) || !safe(a->credential.user))
        return false;
    a->digest = (struct digest){.username = a->credential.user,
                                .realm = ch.realm,
                                .nonce = ch.nonce,
                                .uri = c->target.uri,
                                .opaque = ch.opaque,
                                .algorithm = ch.algorithm,
                                .qop = ch.qop.len ? STR("auth") : STR_NONE};
    return true;
}

/* The first challenge that we can answer: servers put what they like best on top (RFC 8760 2.4). */
static bool choose(struct call *c, const struct uac_conf *conf, const struct msg *reply,
                   enum hdr_id id, struct answer *a)
{
    for (const struct hdr *h = msg_header(reply, id); h; h = msg_header_next(reply, h))
        if (understand(c, conf, h->value, a))
            return true;
    log_err("uac: no credentials fit the challenge of %.*s", STR_ARG(c->target.uri));
    return false;
}

static void add_quoted(struct buf *out, const char *name, struct str value, bool escape)
{
    buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        if (escape && (value.p[i] == '"' || value.p[i] == '\\'))
            buf_char(out, '\\');
        buf_char(out, value.p[i]);
    }
    buf_char(out, '"');
}

static void write_answer(struct buf *out, struct answer *a, const char *name, struct str method)
{
    const struct str secret[] = {a->credential.user, a->credential.realm, a->credential.password};
    struct digest *d = &a->digest;
    char ha1[DIGEST_HEX], response[DIGEST_HEX];
    struct str h = digest_sum(ha1, a->algorithm, secret, 3);
    struct str r = digest_response(response, a->algorithm, h, d, method, STR_NONE);
    buf_printf(out, "%s: Digest ", name);
    add_quoted(out, "username", d->username, true);
    add_quoted(out, ", realm", d->realm, false);
    add_quoted(out, ", nonce", d->nonce, false);
    add_quoted(out, ", uri", d->uri, false);
    if (d->qop.len) {
        buf_printf(out, ", qop=auth, nc=%.*s", STR_ARG(d->nc));
        add_quoted(out, ", cnonce", d->cnonce, false);
    }
    add_quoted(out, ", response", r, false);
    if (d->algorithm.len)
        buf_printf(out, ", algorithm=%.*s", STR_ARG(digest_algorithm_name(a->algorithm)));
    if (d->opaque.len)
        add_quoted(out, ", opaque", d->opaque, false);
    buf_add(out, STR("\r\n"));
}

/* The header becomes part of what is relayed next, to where the challenge came from. */
static int send_again(struct call *c, struct str line)
{
    const struct msg *m = c->msg;
    struct str last = m->hdr[m->count - 1].line;
    struct target t = c->target;
    t.q = NO_Q;
    if (!edits_insert(&c->edits, c->arena, (size_t)(last.p + last.len - m->raw.p), line,
                      EDIT_PLAIN))
        return -1;
    return c->extras || call_add_branch(c, &t) == ERR_OK ? 1 : -1;
}

/* The reply that the failure route is about. */
static bool challenge(struct call *c, struct msg *out)
{
    struct str bytes;
    for (unsigned i = 0; call_failed_reply(c, i, &bytes); i++)
        if (msg_scan(out, c->arena, bytes) == ERR_OK && out->status == c->status)
            return true;
    return false;
}

int uac_auth(struct call *c, const struct arg *args, unsigned n)
{
    const struct uac_conf *conf = call_conf(c, &uac_module);
    bool proxy = c->status == 407;
    struct answer a;
    struct msg *reply = arena_alloc(c->arena, sizeof *reply);
    struct buf line;
    (void)args, (void)n;
    if (c->status != 401 && !proxy) {
        log_err("uac: the call failed with %d, which is no challenge", c->status);
        return -1;
    }
    if (!reply || !challenge(c, reply) ||
        !choose(c, conf, reply, proxy ? HDR_PROXY_AUTHENTICATE : HDR_WWW_AUTHENTICATE, &a))
        return -1;
    a.digest.nc = STR("00000001");
    a.digest.cnonce = arena_printf(c->arena, "%016llx", (unsigned long long)call_random(c));
    buf_init(&line, c->arena, 512);
    write_answer(&line, &a, proxy ? "Proxy-Authorization" : "Authorization", c->msg->method_text);
    return line.failed || !a.digest.cnonce.p ? -1 : send_again(c, buf_str(&line));
}
