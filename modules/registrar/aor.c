/* Addresses of record: from a URI to the key of a table. */
/* SPDX-License-Identifier: MIT */
#include "modules/registrar/registrar_priv.h"

/* The reference's limits on the parts (MODULES 1.6). */
enum { USER_MAX = 64, DOMAIN_MAX = 128 };

int registrar_unescape(struct call *c, struct str text, struct str *out)
{
    char *to = arena_alloc(c->arena, text.len + 1);
    size_t n = 0;
    if (!to)
        return ERR_NOMEM;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] != '%') {
            to[n++] = text.p[i];
            continue;
        }
        int high = i + 2 < text.len ? ascii_hex(text.p[i + 1]) : -1;
        int low = high >= 0 ? ascii_hex(text.p[i + 2]) : -1;
        if (low < 0)
            return ERR_SYNTAX;
        to[n++] = (char)(high * 16 + low); /* a %00 stays a byte of the key: it ends nothing */
        i += 2;
    }
    *out = str_make(to, n);
    return ERR_OK;
}

static bool domain_counts(struct call *c)
{
    const struct usrloc_api *ul = registrar_tables(c);
    return registrar_conf(c)->use_domain || (ul && ul->settings(c)->use_domain);
}

static struct str realm(const struct registrar_conf *conf, struct str host)
{
    struct str prefix = conf->realm_prefix;
    return prefix.len && host.len > prefix.len && str_istarts(host, prefix)
               ? str_sub(host, prefix.len, host.len)
               : host;
}

/* user[@domain] in lower case, or with case_sensitive only the domain. */
static enum verdict join(struct call *c, struct str user, struct str host, struct str *out)
{
    struct buf b;
    buf_init(&b, c->arena, user.len + host.len + 2);
    buf_add(&b, user);
    if (user.len && host.len)
        buf_char(&b, '@');
    buf_add(&b, host);
    if (b.failed)
        return VERDICT_NO_MEMORY;
    for (size_t i = registrar_conf(c)->case_sensitive ? user.len : 0; i < b.len; i++)
        b.p[i] = ascii_lower(b.p[i]);
    *out = buf_str(&b);
    return VERDICT_OK;
}

enum verdict registrar_aor(struct call *c, struct str text, struct str *out)
{
    struct uri u;
    struct str user, from_avp;
    if (registrar_avp(c, registrar_conf(c)->aor_avp, &from_avp))
        text = from_avp;
    if (uri_parse(&u, text) != ERR_OK)
        return VERDICT_AOR_URI;
    if (u.user.len > USER_MAX || u.host.len > DOMAIN_MAX ||
        u.user.len + u.host.len >= USRLOC_AOR_MAX)
        return VERDICT_AOR_LENGTH;
    int rc = registrar_unescape(c, u.user, &user);
    if (rc != ERR_OK)
        return rc == ERR_NOMEM ? VERDICT_NO_MEMORY : VERDICT_AOR_ESCAPE;
    struct str host = domain_counts(c) ? realm(registrar_conf(c), u.host) : STR_NONE;
    return join(c, user, host, out);
}
