/* Which destination of a set comes first. */
/* SPDX-License-Identifier: MIT */
#include "modules/dispatcher/priv.h"

enum algorithm {
    ALG_CALL_ID,
    ALG_FROM,
    ALG_TO,
    ALG_RURI,
    ALG_ROUND_ROBIN,
    ALG_AUTH_USER,
    ALG_RANDOM,
    ALG_VARIABLE,
};

/* The same on every server and after every start: calls must not change sides by a restart. FNV-1a,
 * its upper bits mixed in because the number is reduced by a small one. */
static uint32_t hash_text(uint32_t h, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (uint8_t)s.p[i]) * 16777619u;
    return h;
}

static uint32_t finish(uint32_t h)
{
    h ^= h >> 16;
    h *= 0x7feb352du;
    return h ^ h >> 15;
}

enum { HASH_START = 0x811c9dc5 };

/* User and host, with a port that is not the usual one; the user alone when so configured. */
static uint32_t hash_uri(const struct ds_conf *conf, struct str text)
{
    struct uri u;
    uint32_t h = HASH_START;
    if (uri_parse(&u, text) != ERR_OK)
        return hash_text(h, text);
    h = hash_text(h, u.user);
    if (conf->flags & DS_USER_ONLY && u.user.len)
        return h;
    for (size_t i = 0; i < u.host.len; i++) {
        char lower = ascii_lower(u.host.p[i]);
        h = hash_text(h, str_make(&lower, 1));
    }
    return u.port && u.port != uri_port(&(struct uri){.scheme = u.scheme})
               ? hash_text(h, u.port_text)
               : h;
}

static uint32_t hash_nameaddr(const struct ds_conf *conf, const struct nameaddr *n)
{
    return n ? hash_uri(conf, n->uri) : HASH_START;
}

/* The user name of a digest answer; empty without. */
static struct str auth_user(const struct msg *m)
{
    static const enum hdr_id ids[] = {HDR_AUTHORIZATION, HDR_PROXY_AUTHORIZATION};
    for (unsigned i = 0; i < 2; i++) {
        const struct hdr *h = msg_header(m, ids[i]);
        ptrdiff_t at = h ? str_search(h->value, STR("username=\""), 0) : -1;
        if (at < 0)
            continue;
        struct str rest = str_sub(h->value, (size_t)at + 10, h->value.len), user;
        str_cut(&user, &rest, '"');
        return user;
    }
    return STR_NONE;
}

static bool hash_variable(struct call *c, const struct ds_conf *conf, uint32_t *out)
{
    char digits[VALUE_TEXT];
    struct value v;
    if (!conf->hash_pvar.pv || pv_read(conf->hash_pvar.pv, c, call_host(), &v) != ERR_OK ||
        value_is_null(&v))
        return false;
    *out = hash_text(HASH_START, value_text(&v, digits));
    return true;
}

static unsigned round_robin(struct ds_set *set, unsigned count)
{
    return atomic_fetch_add(&set->last, 1) % count;
}

unsigned ds_choose(struct call *c, const struct ds_conf *conf, struct ds_set *set, int32_t alg,
                   unsigned count)
{
    struct str user;
    uint32_t h;
    switch (alg) {
    case ALG_CALL_ID:
        return finish(hash_text(HASH_START, c->msg->call_id)) % count;
    case ALG_FROM:
        return finish(hash_nameaddr(conf, call_from(c))) % count;
    case ALG_TO:
        return finish(hash_nameaddr(conf, call_to(c))) % count;
    case ALG_RURI:
        return finish(hash_uri(conf, c->target.uri)) % count;
    case ALG_ROUND_ROBIN:
        return round_robin(set, count);
    case ALG_AUTH_USER:
        user = auth_user(c->msg);
        return user.len ? finish(hash_text(HASH_START, user)) % count : round_robin(set, count);
    case ALG_RANDOM:
        return (unsigned)(call_random(c) % count);
    case ALG_VARIABLE:
        return hash_variable(c, conf, &h) ? finish(h) % count : 0;
    default:
        return 0;
    }
}
