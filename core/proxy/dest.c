/* Next hops: reading them, choosing the socket. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/dest.h"

#include "core/base/err.h"
#include "core/base/log.h"

/* ---- failures ---- */

static const struct {
    int result;
    unsigned code, number;
    const char *text;
} failures[] = {
#define X(id, result, code, text, number) [FAIL_##id] = {result, code, number, text},
    FAILURE_LIST(X)
#undef X
};

int failure_result(enum failure f)
{
    return failures[f].result;
}

unsigned failure_reply(enum failure f, const char *who, struct arena *a, struct str *reason)
{
    *reason = arena_printf(a, "%s (%u/%s)", failures[f].text, failures[f].number, who);
    if (!reason->p)
        *reason = str_from(failures[f].text);
    return failures[f].code;
}

/* ---- reading a next hop ---- */

static enum failure set_host(struct dest *d, struct str host)
{
    d->host = host;
    if (host.len == 0)
        return FAIL_BAD_URI;
    if (host_ip(&d->ip, host) != ERR_OK) {
        d->ip.family = 0;
        if (!host_valid(host))
            return FAIL_UNRESOLVED;
    }
    return FAIL_NONE;
}

bool dest_scheme_ok(const struct uri *u, struct str dst_uri)
{
    return u->scheme != URI_OTHER || dst_uri.len > 0;
}

enum failure dest_read_uri(struct dest *d, const struct uri *u)
{
    struct str maddr = STR_NONE;
    *d = (struct dest){.port = 0};
    if (!u)
        return FAIL_BAD_URI;
    if (u->scheme != URI_SIP && u->scheme != URI_SIPS)
        return FAIL_UNRESOLVED; /* a telephone number is no address */
    int proto = uri_transport(u);
    d->proto = proto < 0 ? PROTO_UDP : (uint8_t)proto; /* as the reference takes transport=xyz */
    d->proto_given = u->scheme == URI_SIPS || param_find(u->params, STR("transport"), NULL);
    d->port = uri_port(u);
    d->port_given = u->port != 0;
    if (u->port_text.len && u->port == 0)
        return FAIL_BAD_URI;
    param_find(u->params, STR("maddr"), &maddr);
    return set_host(d, maddr.len ? maddr : u->host);
}

/* Cuts "proto:" off; anything else before a colon is a host. */
static void cut_proto(struct dest *d, struct str *text)
{
    ptrdiff_t colon = str_find(*text, ':', 0);
    int proto = colon > 0 ? proto_parse(str_sub(*text, 0, (size_t)colon)) : -1;
    d->proto = PROTO_UDP;
    if (proto < 0)
        return;
    d->proto_given = proto != PROTO_ANY;
    if (d->proto_given)
        d->proto = (uint8_t)proto;
    *text = str_sub(*text, (size_t)colon + 1, text->len);
}

/* Where the colon before the port is: behind the brackets of an IPv6 address, or the only one. */
static ptrdiff_t port_colon(struct str text)
{
    ptrdiff_t from = text.len && text.p[0] == '[' ? str_find(text, ']', 0) : 0;
    ptrdiff_t colon = from < 0 ? -1 : str_find(text, ':', (size_t)from);
    if (colon >= 0 && text.p[0] != '[' && str_find(text, ':', (size_t)colon + 1) >= 0)
        return -1; /* a bare IPv6 address */
    return colon;
}

static enum failure read_hop(struct dest *d, struct str text)
{
    uint32_t port = 0;
    cut_proto(d, &text);
    ptrdiff_t colon = port_colon(text);
    if (colon >= 0 &&
        (str_u32(&port, str_sub(text, (size_t)colon + 1, text.len), 65535) != ERR_OK || port == 0))
        return FAIL_BAD_URI;
    d->port_given = port != 0;
    d->port = port ? (uint16_t)port : d->proto == PROTO_TLS ? 5061 : 5060;
    return set_host(d, colon >= 0 ? str_sub(text, 0, (size_t)colon) : text);
}

static bool is_uri(struct str hop)
{
    return str_istarts(hop, STR("sip:")) || str_istarts(hop, STR("sips:")) ||
           str_istarts(hop, STR("tel:"));
}

enum failure dest_read(struct dest *d, struct str hop)
{
    struct uri u;
    if (is_uri(hop) || str_find(hop, '@', 0) >= 0)
        return dest_read_uri(d, uri_parse(&u, hop) == ERR_OK ? &u : NULL);
    *d = (struct dest){.port = 0};
    return read_hop(d, hop);
}

/* ---- sockets ---- */

static const struct addr *socket_addr(const struct call *c, unsigned i)
{
    return &c->engine->shared->sockets[i].addr;
}

static bool fits(const struct addr *ours, const struct addr *dst)
{
    return ours->proto == dst->proto && ours->ip.family == dst->ip.family;
}

/* The forced socket, or one with its address and port in the protocol of dst. */
static int forced_socket(const struct call *c, int forced, const struct addr *dst)
{
    const struct addr *want = socket_addr(c, (unsigned)forced);
    if (fits(want, dst))
        return forced;
    for (unsigned i = 0; i < c->engine->shared->n_sockets; i++) {
        const struct addr *a = socket_addr(c, i);
        if (fits(a, dst) && a->port == want->port && ip_eq(&a->ip, &want->ip))
            return (int)i;
    }
    log_warn("the forced sending socket cannot reach that destination");
    return NO_SOCKET;
}

static int routed_socket(const struct call *c, const struct addr *dst)
{
    const struct engine_env *env = &c->engine->env;
    struct ip ip;
    if (!c->config->mhomed || dst->proto != PROTO_UDP || !env->source ||
        env->source(env->user, &ip, dst) != ERR_OK)
        return NO_SOCKET;
    for (unsigned i = 0; i < c->engine->shared->n_sockets; i++)
        if (fits(socket_addr(c, i), dst) && ip_eq(&socket_addr(c, i)->ip, &ip))
            return (int)i;
    return NO_SOCKET;
}

int dest_socket(const struct call *c, const struct addr *dst, int forced, uint16_t received)
{
    int found = forced == NO_SOCKET ? NO_SOCKET : forced_socket(c, forced, dst);
    if (found == NO_SOCKET)
        found = routed_socket(c, dst);
    if (found == NO_SOCKET && fits(socket_addr(c, received), dst))
        found = received;
    for (unsigned i = 0; found == NO_SOCKET && i < c->engine->shared->n_sockets; i++)
        if (fits(socket_addr(c, i), dst))
            found = (int)i;
    return found;
}

enum failure dest_next(struct way *out, struct dest *d, const struct call *c, int forced,
                       uint16_t received)
{
    while (d->at < d->count) {
        const struct addr *dst = &d->addr[d->at++];
        int i = dest_socket(c, dst, forced, received);
        if (i != NO_SOCKET) {
            *out = (struct way){*dst, (uint16_t)i};
            return FAIL_NONE;
        }
    }
    return d->count ? FAIL_NO_TRANSPORT : FAIL_UNRESOLVED;
}

void way_info(struct send_info *info, const struct call *c, const struct way *w)
{
    const struct config *g = c->config;
    const struct socket_info *s = &c->engine->shared->sockets[w->socket];
    *info = (struct send_info){.src = s->addr, .dst = w->dst, .received = c->msg->local};
    info->host = c->advertised_host.len   ? c->advertised_host
                 : g->advertised_host.len ? g->advertised_host
                                          : s->host;
    info->port = c->advertised_port   ? c->advertised_port
                 : g->advertised_port ? g->advertised_port
                                      : s->addr.port;
}
