/* Keeping the way through a NAT open: a few bytes, or a request, to each phone now and then. */
/* SPDX-License-Identifier: MIT */
#include "modules/nathelper/rtpproxy.h"
#include "modules/usrloc/usrloc.h"

/* The pings of one second. */
struct round {
    struct engine *engine;
    const struct nathelper_conf *conf;
    uint32_t nat_flag; /* branch flag of contacts behind NAT, or 0 */
    int socket;        /* for contacts without one, or -1 */
};

static bool has_flag(uint32_t flags, int32_t flag)
{
    return flag >= 0 && flags & (uint32_t)1 << flag;
}

static bool wanted(const struct round *r, const struct ucontact *c)
{
    return !r->conf->ping_nated_only || c->cflags & r->nat_flag || c->flags & USRLOC_NAT;
}

/* The URI of the first Path value, or empty. */
static struct str first_path(struct str path)
{
    struct str one;
    struct nameaddr n;
    if (!value_cut(&path, &one) || nameaddr_parse(&n, one) != ERR_OK)
        return STR_NONE;
    return n.uri;
}

/* Where packets to the contact go: its Path, where it registered from, or what it says. */
static struct str hop_of(const struct ucontact *c)
{
    struct str path = first_path(c->path);
    return path.len ? path : c->received.len ? c->received : c->uri;
}

static int socket_of(const struct round *r, const struct ucontact *c)
{
    bool good = c->socket >= 0 && (unsigned)c->socket < engine_sockets(r->engine);
    return good ? c->socket : r->socket;
}

static void send_request(const struct round *r, const struct ucontact *c)
{
    char to[USRLOC_TEXT_MAX + 3], route[USRLOC_PATH_MAX + 16];
    struct buf b, headers;
    buf_fixed(&b, to, sizeof to);
    buf_printf(&b, "<%.*s>", STR_ARG(c->uri));
    buf_fixed(&headers, route, sizeof route);
    if (c->path.len)
        buf_printf(&headers, "Route: %.*s\r\n", STR_ARG(c->path));
    struct uac_request q = {.method = r->conf->sipping_method,
                            .ruri = c->uri,
                            .next_hop = hop_of(c),
                            .from = r->conf->sipping_from,
                            .to = buf_str(&b),
                            .headers = buf_str(&headers),
                            .socket = socket_of(r, c),
                            .once = true};
    int rc = b.failed || headers.failed ? ERR_LIMIT : uac_send(r->engine, &q, NULL, NULL);
    if (rc != ERR_OK)
        log_dbg("nathelper: %.*s is not pinged: %s", STR_ARG(c->uri), err_text(rc));
}

/* Four zero bytes over UDP: no SIP, so that a phone drops them. Names are not looked up for that.
 */
static void send_bytes(const struct round *r, const struct ucontact *c)
{
    static const char nothing[4];
    struct addr dst = {.proto = PROTO_UDP};
    struct uri u;
    if (uri_parse(&u, hop_of(c)) != ERR_OK || uri_transport(&u) != PROTO_UDP ||
        ip_parse(&dst.ip, u.host) != ERR_OK || ip_is_any(&dst.ip))
        return;
    dst.port = uri_port(&u);
    int socket = socket_of(r, c);
    if (socket < 0 || engine_socket(r->engine, (unsigned)socket)->ip.family != dst.ip.family)
        socket = engine_socket_for(r->engine, &dst, -1);
    if (socket >= 0 && dst.port)
        engine_send_raw(r->engine, (unsigned)socket, &dst, str_make(nothing, sizeof nothing));
}

static void ping(void *arg, struct str table, struct str aor, const struct ucontact *c)
{
    const struct round *r = arg;
    (void)table, (void)aor;
    if (!wanted(r, c))
        return;
    if (has_flag(c->cflags, r->conf->sipping_bflag))
        send_request(r, c);
    else
        send_bytes(r, c);
}

/* Our socket that force_socket names; -1. */
static int named_socket(const struct engine *e, struct str name)
{
    for (unsigned i = 0; name.len && i < engine_sockets(e); i++) {
        char text[ADDR_TEXT];
        struct str s = addr_text(text, engine_socket(e, i));
        ptrdiff_t colon = str_find(s, ':', 0);
        if (str_ieq(s, name) || str_ieq(str_sub(s, (size_t)colon + 1, s.len), name))
            return (int)i;
    }
    return -1;
}

/* Each second each worker looks at its part of the contacts: all of them in an interval. */
void nathelper_on_second(struct engine *e, void *state, const void *data)
{
    const struct nathelper_conf *conf = data;
    const struct rtp_state *s = state;
    unsigned interval = (unsigned)conf->natping_interval, workers = engine_workers(e);
    const struct usrloc_api *usrloc = interval ? engine_api(e, "usrloc") : NULL;
    if (!usrloc || atomic_load(&s->pings_off))
        return;
    int32_t nat = usrloc->engine_settings(e)->nat_bflag;
    struct round r = {.engine = e,
                      .conf = conf,
                      .nat_flag = nat < 0 ? 0 : (uint32_t)1 << nat,
                      .socket = named_socket(e, conf->force_socket)};
    unsigned second = (unsigned)(engine_time(e) % interval);
    usrloc->each(e, second * workers + engine_index(e), interval * workers, ping, &r);
}

int nathelper_check_ping(struct prepare *p, struct nathelper_conf *conf)
{
    struct nameaddr n;
    struct uri u;
    if (!conf->natping_interval || conf->sipping_bflag < 0)
        return ERR_OK;
    if (nameaddr_parse(&n, conf->sipping_from) != ERR_OK || uri_parse(&u, n.uri) != ERR_OK) {
        buf_printf(p->error, "sipping_bflag needs sipping_from, a URI");
        return ERR_INVALID;
    }
    if (method_lookup(conf->sipping_method) == METHOD_OTHER) {
        buf_printf(p->error, "sipping_method is no method: \"%.*s\"",
                   STR_ARG(conf->sipping_method));
        return ERR_INVALID;
    }
    if (!n.angle)
        conf->sipping_from = arena_printf(p->arena, "<%.*s>", STR_ARG(n.uri));
    return conf->sipping_from.p ? ERR_OK : ERR_NOMEM;
}
