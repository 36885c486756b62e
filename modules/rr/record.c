/* Record-Route. What stands in it is known only when the message leaves: the socket it leaves by,
 * and so whether one header is enough. The header is therefore an edit that is rendered. */
/* SPDX-License-Identifier: MIT */
#include "modules/rr/priv.h"

enum { PENDING_MAX = 512 };

/* What an edit keeps until it is rendered. No pointers: it is copied as it is. */
struct record {
    bool full_lr, twice;
    uint16_t user, params; /* lengths of the pieces of text */
    char text[];           /* user, parameters */
};

/* Our address as one of its sockets has it. */
struct end {
    struct str host; /* empty: the address */
    struct ip ip;
    uint16_t port;
    uint8_t proto;
};

static void add_transport(struct buf *out, uint8_t proto)
{
    if (proto != PROTO_UDP && proto != PROTO_ANY)
        buf_printf(out, ";transport=%s", proto_name(proto));
}

static void add_host(struct buf *out, const struct end *e)
{
    char mem[IP_TEXT];
    if (e->host.len)
        buf_add(out, e->host);
    else if (e->ip.family == 6)
        buf_printf(out, "[%.*s]", STR_ARG(ip_text(mem, &e->ip)));
    else
        buf_add(out, ip_text(mem, &e->ip));
    if (e->port != 5060 || e->proto == PROTO_TLS) {
        buf_char(out, ':');
        buf_u64(out, e->port);
    }
}

static void add_record(struct buf *out, const struct record *r, const struct end *e, bool r2)
{
    buf_add(out, STR("Record-Route: <sip:"));
    if (r->user) {
        buf_add(out, str_make(r->text, r->user));
        buf_char(out, '@');
    }
    add_host(out, e);
    add_transport(out, e->proto);
    buf_add(out, r2 ? STR(";r2=on") : STR_NONE);
    buf_add(out, r->full_lr ? STR(";lr=on") : STR(";lr"));
    buf_add(out, str_make(r->text + r->user, r->params));
    buf_add(out, STR(">\r\n"));
}

/* What we call ourselves on the way out, and what we would on the way in: an advertised name or
 * port counts for both. */
static struct end end_out(const struct send_info *i)
{
    return (struct end){i->host, i->src.ip, i->port ? i->port : i->src.port, i->src.proto};
}

static struct end end_in(const struct send_info *i)
{
    struct ip named;
    bool advertised =
        i->host.len && !(ip_parse(&named, i->host) == ERR_OK && ip_eq(&named, &i->src.ip));
    return (struct end){advertised ? i->host : STR_NONE, i->received.ip,
                        i->port && i->port != i->src.port ? i->port : i->received.port,
                        i->received.proto};
}

static void render(struct buf *out, const struct edit *e, const struct send_info *info)
{
    const struct record *r = e->arg;
    struct end leaving = end_out(info), arrived = end_in(info);
    bool both = r->twice && info->received.ip.family && !addr_eq(&info->src, &info->received);
    add_record(out, r, &leaving, both);
    if (both)
        add_record(out, r, &arrived, both);
}

/* Text given by the script does not depend on the way out, yet the edit has the form of the others,
 * so that a second one is noticed. */
static void render_preset(struct buf *out, const struct edit *e, const struct send_info *info)
{
    (void)info;
    buf_add(out, str_make(e->arg, e->arg_size));
}

/* ---- what goes in ---- */

/* The edit of a Record-Route of ours in this message, also one of the request route when we are in
 * a branch route; NULL when there is none. */
static struct edit *find_record(const struct call *c)
{
    for (struct edit *e = c->edits.head; e; e = e->next)
        if (e->render == render || e->render == render_preset)
            return e;
    return NULL;
}

/* User of the Request-URI as received, else as it stands now. */
static struct str user_text(struct call *c, const struct rr_conf *conf)
{
    const struct uri *u = conf->add_username ? msg_uri(c->msg) : NULL;
    if (conf->add_username && (!u || u->user.len == 0))
        u = call_uri(c);
    struct str user = u ? u->user : STR_NONE;
    if (user.len == 0 || !str_eq(user, conf->ignore_user))
        return user;
    char first = user.p[0] == 'x' ? 'y' : 'x'; /* must not look like the user we ignore */
    return arena_printf(c->arena, "%c%.*s", first, STR_ARG(str_sub(user, 1, user.len)));
}

static void add_fromtag(struct buf *out, const struct call *c, const struct rr_conf *conf)
{
    if (conf->append_fromtag && c->msg->from_tag.len) {
        buf_add(out, STR(";ftag="));
        buf_add(out, c->msg->from_tag);
    }
}

/* Parameters that a script adds: they begin with ';' and stay inside the angle brackets. */
static bool good_params(struct str s)
{
    if (s.len == 0 || s.p[0] != ';')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '<' || s.p[i] == '>')
            return false;
    return true;
}

static size_t headers_begin(const struct msg *m)
{
    return (size_t)(m->hdr[0].line.p - m->raw.p);
}

static int insert_record(struct call *c, struct str user, struct str params)
{
    const struct rr_conf *conf = call_conf(c, &rr_module);
    size_t size = sizeof(struct record) + user.len + params.len;
    struct record *r = arena_zalloc(c->arena, size);
    if (!r || user.len > UINT16_MAX || params.len > UINT16_MAX)
        return -1;
    *r = (struct record){conf->enable_full_lr, conf->enable_double_rr, (uint16_t)user.len,
                         (uint16_t)params.len};
    memcpy(r->text, user.len ? user.p : "", user.len);
    memcpy(r->text + user.len, params.len ? params.p : "", params.len);
    return edits_render(&c->edits, c->arena, headers_begin(c->msg), render, r, size, EDIT_PLAIN)
               ? 1
               : -1;
}

int rr_record_route(struct call *c, const struct arg *args, unsigned n)
{
    const struct rr_conf *conf = call_conf(c, &rr_module);
    const struct rr_slot *s = call_slot(c, &rr_module);
    struct buf params;
    if (!s || find_record(c) || (n && args[0].v.s.len && !good_params(args[0].v.s)))
        return -1;
    buf_init(&params, c->arena, 128);
    add_fromtag(&params, c, conf);
    if (n)
        buf_add(&params, args[0].v.s);
    buf_add(&params, s->pending);
    return params.failed ? -1 : insert_record(c, user_text(c, conf), buf_str(&params));
}

int rr_record_route_preset(struct call *c, const struct arg *args, unsigned n)
{
    const struct rr_conf *conf = call_conf(c, &rr_module);
    struct str user = user_text(c, conf);
    struct buf text;
    (void)n;
    if (find_record(c) || args[0].v.s.len == 0)
        return -1;
    buf_init(&text, c->arena, 128);
    buf_add(&text, STR("Record-Route: <sip:"));
    buf_add(&text, user);
    buf_add(&text, user.len ? STR("@") : STR_NONE);
    buf_add(&text, args[0].v.s);
    buf_add(&text, conf->enable_full_lr ? STR(";lr=on") : STR(";lr"));
    add_fromtag(&text, c, conf);
    buf_add(&text, STR(">\r\n"));
    struct str line = buf_str(&text);
    if (text.failed || !edits_render(&c->edits, c->arena, headers_begin(c->msg), render_preset,
                                     line.p, line.len, EDIT_PLAIN))
        return -1;
    return 1;
}

/* Puts more parameters into a header that waits to be rendered. */
static int extend_record(struct call *c, struct edit *e, struct str more)
{
    const struct record *old = e->arg;
    size_t size = e->arg_size + more.len;
    struct record *r = arena_alloc(c->arena, size);
    if (!r || old->params + more.len > UINT16_MAX)
        return -1;
    memcpy(r, old, e->arg_size);
    memcpy((char *)r + e->arg_size, more.p, more.len);
    r->params = (uint16_t)(r->params + more.len);
    e->arg = r;
    e->arg_size = (uint32_t)size;
    return 1;
}

int rr_add_rr_param(struct call *c, const struct arg *args, unsigned n)
{
    struct rr_slot *s = call_slot(c, &rr_module);
    struct edit *e = find_record(c);
    struct str more = args[0].v.s;
    (void)n;
    if (!s || !good_params(more))
        return -1;
    if (e && e->render == render)
        return extend_record(c, e, more);
    if (s->pending.len + more.len > PENDING_MAX)
        return -1;
    struct str text = arena_printf(c->arena, "%.*s%.*s", STR_ARG(s->pending), STR_ARG(more));
    if (!text.p)
        return -1;
    s->pending = text;
    return 1;
}
