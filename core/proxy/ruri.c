/* The Request-URI under a script's hands: reading it and changing its parts (LANGUAGE 6.1).
 *
 * The parts are spliced in the text, so whatever is not changed stays byte for byte: scheme, user
 * parameters, URI parameters (deviations 6 and 23). */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/call.h"

enum { URI_MAX = 1024 }; /* the reference's MAX_URI_SIZE */

enum { UNKNOWN = 0, EXPLAINED = 1, MALFORMED = 2 };

const struct uri *call_uri(struct call *c)
{
    if (c->target.uri.len == 0)
        return NULL; /* a reply without a transaction */
    if (c->msg && c->target.uri.p == c->msg->uri.p && c->target.uri.len == c->msg->uri.len)
        return msg_uri(c->msg); /* as received: msg_check has explained it */
    if (c->uri_state == UNKNOWN)
        c->uri_state = uri_parse(&c->uri, c->target.uri) == ERR_OK ? EXPLAINED : MALFORMED;
    return c->uri_state == EXPLAINED ? &c->uri : NULL;
}

/* Takes over text that lives in the call's arena already. */
static int take_uri(struct call *c, struct str text)
{
    if (!text.p)
        return ERR_NOMEM;
    c->target.uri = text;
    c->uri_changed = true;
    c->uri_state = UNKNOWN;
    return ERR_OK;
}

int call_set_uri(struct call *c, struct str text)
{
    if (c->target.uri.len == 0)
        return ERR_STATE;
    return take_uri(c, arena_dup(c->arena, text));
}

void call_revert_uri(struct call *c)
{
    if (!c->msg || !c->msg->request)
        return;
    c->target.uri = c->msg->uri;
    c->uri_changed = false;
    c->uri_state = UNKNOWN;
}

/* Replaces text[from, to) of the current URI by up to three pieces. */
static int splice(struct call *c, const char *from, const char *to, struct str a, struct str b,
                  struct str tail)
{
    struct str old = c->target.uri;
    size_t head = (size_t)(from - old.p);
    size_t rest = old.len - (size_t)(to - old.p);
    size_t len = head + a.len + b.len + tail.len + rest;
    if (len > URI_MAX)
        return ERR_LIMIT;
    struct buf out;
    buf_init(&out, c->arena, len + 1);
    buf_add(&out, str_make(old.p, head));
    buf_add(&out, a);
    buf_add(&out, b);
    buf_add(&out, tail);
    buf_add(&out, str_make(to, rest));
    return out.failed ? ERR_NOMEM : take_uri(c, buf_str(&out));
}

static const char *end_of(struct str s)
{
    return s.p + s.len;
}

/* First byte behind "scheme:". */
static const char *after_scheme(const struct uri *u)
{
    return end_of(u->scheme_text) + 1;
}

/* tel:number with a host becomes sip:number@host. */
static int tel_to_host(struct call *c, const struct uri *u, struct str host)
{
    struct str number = u->user;
    return splice(c, u->text.p, end_of(number), STR("sip:"), number,
                  arena_printf(c->arena, "@%.*s", STR_ARG(host)));
}

static int set_host(struct call *c, const struct uri *u, struct str value, bool with_port)
{
    if (u->scheme == URI_TEL)
        return value.len == 0 ? ERR_INVALID : tel_to_host(c, u, value);
    if (!u->host.p)
        return ERR_SYNTAX;
    const char *to = with_port && u->port_text.p ? end_of(u->port_text) : end_of(u->host);
    return splice(c, u->host.p, to, value, STR_NONE, STR_NONE);
}

/* user, "userpass" and prefix. The userinfo to write ends before the '@', which comes and goes with
 * it. */
static int set_user(struct call *c, const struct uri *u, struct str value, bool drop_password)
{
    if (u->scheme == URI_TEL)
        return value.len ? splice(c, u->user.p, end_of(u->user), value, STR_NONE, STR_NONE)
                         : ERR_INVALID;
    const char *from = after_scheme(u);
    bool keep = u->password.len && !drop_password;
    if (!u->has_user)
        return value.len ? splice(c, from, from, value, STR("@"), STR_NONE) : ERR_OK;
    if (value.len == 0 && !keep) /* user and '@' go */
        return splice(c, from, u->host.p, STR_NONE, STR_NONE, STR_NONE);
    const char *to = keep ? end_of(u->user) : u->host.p - 1;
    return splice(c, from, to, value, STR_NONE, STR_NONE);
}

static int set_port(struct call *c, const struct uri *u, struct str value)
{
    if (u->scheme == URI_TEL || !u->host.p)
        return ERR_SYNTAX;
    const char *from = end_of(u->host);
    const char *to = u->port_text.p ? end_of(u->port_text) : from;
    return splice(c, from, to, value.len ? STR(":") : STR_NONE, value, STR_NONE);
}

static int set_prefix(struct call *c, const struct uri *u, struct str value)
{
    if (!u->has_user && u->scheme != URI_TEL)
        return set_user(c, u, value, false);
    const char *at = u->scheme == URI_TEL ? u->user.p : after_scheme(u);
    return splice(c, at, at, value, STR_NONE, STR_NONE);
}

int call_rewrite(struct call *c, enum uri_part part, struct str value)
{
    const struct uri *u = call_uri(c);
    if (!u)
        return ERR_SYNTAX;
    switch (part) {
    case PART_HOST:
        return set_host(c, u, value, false);
    case PART_HOSTPORT:
        return set_host(c, u, value, true);
    case PART_USER:
        return set_user(c, u, value, false);
    case PART_USERPASS:
        return set_user(c, u, value, true);
    case PART_PORT:
        return set_port(c, u, value);
    case PART_PREFIX:
        return set_prefix(c, u, value);
    }
    return ERR_INVALID;
}

int call_strip(struct call *c, unsigned n, bool tail)
{
    const struct uri *u = call_uri(c);
    if (!u)
        return ERR_SYNTAX;
    struct str user = u->user;
    if (n == 0 || user.len == 0)
        return ERR_OK;
    if (n >= user.len)
        return u->scheme == URI_TEL ? ERR_INVALID : set_user(c, u, STR_NONE, false);
    struct str left = tail ? str_sub(user, 0, user.len - n) : str_sub(user, n, user.len);
    return splice(c, user.p, end_of(user), left, STR_NONE, STR_NONE);
}

int call_set_dst_uri(struct call *c, struct str uri)
{
    if (uri.len == 0) {
        c->target.dst_uri = STR_NONE;
        return ERR_OK;
    }
    struct str copy = arena_dup(c->arena, uri);
    if (!copy.p)
        return ERR_NOMEM;
    c->target.dst_uri = copy;
    return ERR_OK;
}

/* Copies a text that may live elsewhere; an empty one stays empty. */
static bool keep(struct call *c, struct str *s)
{
    if (s->len == 0)
        return true;
    *s = arena_dup(c->arena, *s);
    return s->p != NULL;
}

int call_add_branch(struct call *c, const struct target *t)
{
    if (c->extras >= CALL_MAX_BRANCHES - 1)
        return ERR_LIMIT;
    struct target copy = *t;
    if (!keep(c, &copy.uri) || !keep(c, &copy.dst_uri) || !keep(c, &copy.path))
        return ERR_NOMEM;
    c->extra[c->extras++] = copy;
    return ERR_OK;
}

int call_append_current(struct call *c)
{
    struct target t = c->target;
    t.q = NO_Q; /* the R-URI's own q is not copied (LANGUAGE 8.2) */
    int rc = call_add_branch(c, &t);
    if (rc != ERR_OK)
        return rc;
    c->target.dst_uri = STR_NONE;
    c->target.path = STR_NONE;
    c->target.flags = 0;
    c->target.socket = NO_SOCKET;
    return ERR_OK;
}
