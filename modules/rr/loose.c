/* Following Route headers (RFC 3261 16.4, 16.6), those of strict routers too.
 *
 * Nothing is changed before all that is needed has been parsed. First the routes are listed; then
 * the case decides how many go from the front, whether the last one goes, and where the request is
 * sent; then the edits are made. */
/* SPDX-License-Identifier: MIT */
#include "modules/rr/priv.h"

/* One Route. */
struct route {
    const struct hdr *hdr;
    struct str text; /* "<sip:...>" */
    struct uri uri;  /* explained on demand */
    bool explained;
};

/* The routes of a message and what becomes of them. */
struct plan {
    struct route *route;
    unsigned count;
    unsigned front;   /* so many are taken off the front */
    bool last;        /* the last one is taken off */
    bool keep_target; /* R-URI goes to the end as a Route (next hop is strict) */
    struct str ruri;  /* new R-URI, or empty */
    struct str dst;   /* new $du, or empty */
    int socket;       /* to send from, NO_SOCKET to leave it */
};

/* FAILED: nothing is done. EXHAUSTED: only routes of ours were there, which go; for the script it
 * was no routing. */
enum outcome { GO_ON, ROUTED, FAILED, EXHAUSTED };

/* ---- the routes ---- */

static enum outcome list_routes(struct call *c, struct plan *p)
{
    struct value_iter it = {0};
    unsigned n = 0;
    while (msg_value_next(c->msg, HDR_ROUTE, &it))
        n++;
    p->route = n ? arena_zalloc(c->arena, n * sizeof *p->route) : NULL;
    if (!p->route)
        return FAILED;
    memset(&it, 0, sizeof it);
    while (p->count < n && msg_value_next(c->msg, HDR_ROUTE, &it))
        p->route[p->count++] = (struct route){.hdr = it.hdr, .text = it.text};
    return GO_ON;
}

/* The URI of route number i; NULL when it cannot be parsed or has no angle brackets. */
static const struct uri *route_uri(struct plan *p, unsigned i)
{
    struct route *r = &p->route[i];
    struct nameaddr n;
    if (r->explained)
        return &r->uri;
    if (nameaddr_parse(&n, r->text) != ERR_OK || !n.angle || uri_parse(&r->uri, n.uri) != ERR_OK)
        return NULL;
    r->explained = true;
    return &r->uri;
}

static bool is_loose(const struct uri *u)
{
    return param_find(u->params, STR("lr"), NULL);
}

static bool is_ours(const struct call *c, const struct uri *u)
{
    const struct rr_conf *conf = call_conf(c, &rr_module);
    if (conf->ignore_user.len && str_eq(u->user, conf->ignore_user))
        return false;
    return call_uri_is_self(c, u);
}

/* Where a route leads: its URI, with maddr in the place of the host. */
static struct str route_target(struct call *c, const struct uri *u)
{
    struct str maddr;
    if (!param_find(u->params, STR("maddr"), &maddr) || maddr.len == 0)
        return u->text;
    return u->port ? arena_printf(c->arena, "sip:%.*s:%u", STR_ARG(maddr), u->port)
                   : arena_printf(c->arena, "sip:%.*s", STR_ARG(maddr));
}

/* Our socket that a Route of ours names. */
static int route_socket(const struct call *c, const struct uri *u)
{
    int proto = uri_transport(u);
    return proto < 0 ? NO_SOCKET : call_find_socket(c, proto, u->host, uri_port(u));
}

static void remember_params(struct call *c, struct str params)
{
    struct rr_slot *s = call_slot(c, &rr_module);
    s->has_params = true;
    s->params = params.len ? str_make(params.p - 1, params.len + 1) : STR_NONE;
}

/* A request that changed sockets at this proxy carries two Routes of ours: behind the one just
 * taken (or the R-URI in its place) the other one tells which socket to send from, and goes as
 * well. */
static enum outcome take_second_half(struct call *c, struct plan *p, const struct uri *first)
{
    const struct rr_conf *conf = call_conf(c, &rr_module);
    if (!conf->enable_double_rr || !param_find(first->params, STR("r2"), NULL) ||
        p->front == p->count)
        return GO_ON;
    const struct uri *second = route_uri(p, p->front);
    if (!second)
        return FAILED;
    if (is_ours(c, second)) {
        p->socket = route_socket(c, second);
        p->front++;
    }
    return GO_ON;
}

/* ---- the cases ---- */

/* Sends the request to the first route that is left: by its own rules when it is a loose router. */
static enum outcome to_next_hop(struct call *c, struct plan *p)
{
    const struct uri *next = route_uri(p, p->front);
    if (!next)
        return FAILED;
    if (is_loose(next)) {
        p->dst = route_target(c, next);
        return ROUTED;
    }
    p->keep_target = true; /* a strict router finds itself in the R-URI */
    p->ruri = route_target(c, next);
    p->front++;
    return ROUTED;
}

/* The previous hop was a loose router, or the client put the routes there itself. */
static enum outcome after_loose(struct call *c, struct plan *p, bool preloaded)
{
    const struct uri *top = route_uri(p, 0);
    if (!top)
        return FAILED;
    if (is_ours(c, top)) {
        p->front = 1;
        if (take_second_half(c, p, top) == FAILED)
            return FAILED;
        if (p->front < p->count && !route_uri(p, p->front))
            return FAILED;
        remember_params(c, top->params);
    }
    if (p->front < p->count)
        return to_next_hop(c, p);
    return preloaded ? EXHAUSTED : ROUTED;
}

/* The previous hop was a strict router: it put us into the R-URI, and the R-URI is the last Route.
 */
static enum outcome after_strict(struct call *c, struct plan *p, const struct uri *us)
{
    if (take_second_half(c, p, us) == FAILED || p->front == p->count)
        return FAILED;
    const struct uri *next = route_uri(p, p->front), *last = route_uri(p, p->count - 1);
    if (!next || !last)
        return FAILED;
    remember_params(c, us->params);
    if (!is_loose(next)) {
        p->ruri = route_target(c, next);
        p->front++;
        return ROUTED;
    }
    p->dst = route_target(c, next);
    p->ruri = route_target(c, last);
    p->last = true;
    return ROUTED;
}

static enum outcome decide(struct call *c, struct plan *p)
{
    const struct uri *ruri = call_uri(c);
    if (c->msg->to_tag.len == 0)
        return after_loose(c, p, true);
    if (!ruri)
        return FAILED;
    return is_ours(c, ruri) ? after_strict(c, p, ruri) : after_loose(c, p, false);
}

/* ---- carrying it out ---- */

static bool is_taken(const struct plan *p, unsigned i)
{
    return i < p->front || (p->last && i == p->count - 1);
}

static bool remove_bytes(struct call *c, const char *from, const char *to)
{
    return edits_replace(&c->edits, c->arena, (size_t)(from - c->msg->raw.p), (size_t)(to - from),
                         STR_NONE);
}

/* Takes routes [first, end), all those of one header, off where the plan says so: the whole line
 * when nothing is left of it. */
static bool edit_line(struct call *c, const struct plan *p, unsigned first, unsigned end)
{
    const struct route *r = p->route;
    unsigned taken = 0;
    for (unsigned i = first; i < end; i++)
        taken += is_taken(p, i);
    if (taken == end - first)
        return remove_bytes(c, r[first].hdr->line.p, r[first].hdr->line.p + r[first].hdr->line.len);
    for (unsigned i = first; i < end; i++) {
        const char *from = r[i].text.p, *to = from + r[i].text.len;
        if (!is_taken(p, i))
            continue;
        if (i + 1 < end)
            to = r[i + 1].text.p; /* the comma behind it goes too */
        else
            from = r[i - 1].text.p + r[i - 1].text.len; /* or the one before */
        if (!remove_bytes(c, from, to))
            return false;
    }
    return true;
}

static bool edit_lines(struct call *c, const struct plan *p)
{
    for (unsigned i = 0, end; i < p->count; i = end) {
        end = i + 1;
        while (end < p->count && p->route[end].hdr == p->route[i].hdr)
            end++;
        if (!edit_line(c, p, i, end))
            return false;
    }
    return true;
}

/* The R-URI as the last Route of all. */
static bool append_target(struct call *c)
{
    const struct msg *m = c->msg;
    struct str last = m->hdr[m->count - 1].line;
    struct str line = arena_printf(c->arena, "Route: <%.*s>\r\n", STR_ARG(c->target.uri));
    return line.p && edits_insert(&c->edits, c->arena, (size_t)(last.p + last.len - m->raw.p), line,
                                  EDIT_PLAIN);
}

static bool carry_out(struct call *c, const struct plan *p)
{
    if (!edit_lines(c, p) || (p->keep_target && !append_target(c)))
        return false;
    if (p->ruri.len && call_set_uri(c, p->ruri) != ERR_OK)
        return false;
    if (p->dst.len && call_set_dst_uri(c, p->dst) != ERR_OK)
        return false;
    if (p->socket != NO_SOCKET)
        c->target.socket = (int16_t)p->socket;
    return true;
}

int rr_loose_route(struct call *c, const struct arg *args, unsigned n)
{
    struct rr_slot *s = call_slot(c, &rr_module);
    struct plan p = {.socket = NO_SOCKET};
    (void)args, (void)n;
    if (!s || s->routed) /* a second call finds its work done */
        return s ? s->routed : -1;
    enum outcome o = list_routes(c, &p) == GO_ON ? decide(c, &p) : FAILED;
    bool done = o != FAILED && carry_out(c, &p);
    s->routed = done && o == ROUTED ? 1 : -1;
    if (done && s->has_params)
        call_loose_routed(c, s->params);
    return s->routed;
}
