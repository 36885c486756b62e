/* Challenges: 401 and 407 with a fresh nonce, one header for each algorithm (RFC 8760). */
/* SPDX-License-Identifier: MIT */
#include "modules/auth/priv.h"

/* Inside of quotes; control characters are left out: a line end would begin a header. */
static void add_quoted(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_char(out, '\\');
        if ((uint8_t)text.p[i] >= ' ' && text.p[i] != 127)
            buf_char(out, text.p[i]);
    }
}

static void add_qop(struct buf *out, unsigned qop)
{
    buf_add(out, STR(", qop=\""));
    buf_add(out, qop == QOP_AUTH       ? STR("auth")
                 : qop == QOP_AUTH_INT ? STR("auth-int")
                                       : STR("auth,auth-int"));
    buf_char(out, '"');
}

static void add_challenge(struct buf *out, const struct auth_conf *conf, enum auth_kind kind,
                          struct str realm, struct str nonce, unsigned qop, bool stale,
                          enum digest_algorithm a)
{
    buf_add(out, kind == AUTH_WWW ? STR("WWW-Authenticate: Digest realm=\"")
                                  : STR("Proxy-Authenticate: Digest realm=\""));
    add_quoted(out, realm);
    buf_add(out, STR("\", nonce=\""));
    buf_add(out, nonce);
    buf_char(out, '"');
    if (qop)
        add_qop(out, qop);
    if (stale)
        buf_add(out, STR(", stale=true"));
    if (conf->n_order > 1 || a != DIGEST_MD5) { /* alone, MD5 goes without saying */
        buf_add(out, STR(", algorithm="));
        buf_add(out, digest_algorithm_name(a));
    }
    buf_add(out, STR("\r\n"));
}

int auth_challenge(struct call *c, enum auth_kind kind, struct str given, bool qop)
{
    const struct auth_conf *conf = call_conf(c, &auth_module);
    const struct auth_slot *slot = call_slot(c, &auth_module);
    struct str realm = auth_realm(c, kind, given);
    struct buf kept = c->reply_headers, lines;
    char text[NONCE_MAX];
    if (!slot || realm.len == 0)
        return -1;
    struct str nonce = nonce_make(call_state(c, &auth_module), conf, c, text);
    buf_init(&lines, c->arena, kept.len + realm.len + 256);
    buf_add(&lines, buf_str(&kept));
    for (unsigned i = 0; i < conf->n_order; i++)
        add_challenge(&lines, conf, kind, realm, nonce, qop ? conf->qop : 0, slot->stale,
                      (enum digest_algorithm)conf->order[i]);
    if (lines.failed) {
        log_err("auth: no memory for a challenge");
        return -1;
    }
    c->reply_headers = lines;
    int rc = kind == AUTH_WWW ? auth_answer(c, 401, "Unauthorized")
                              : auth_answer(c, 407, "Proxy Authentication Required");
    c->reply_headers = kept;
    if (rc != AUTH_STOP)
        return -1;
    call_count(c, &auth_module, STAT_CHALLENGES, 1);
    return 0;
}
