/* What a running script asks of the proxy: operands, who we are, memory, errors (lang/host.h). */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/base/log.h"
#include "core/proxy/dest.h"
#include "core/proxy/engine_priv.h"

static int nameaddr_operand(const struct nameaddr *n, struct value *out)
{
    if (!n)
        return ERR_SYNTAX;
    *out = value_str(n->uri);
    return ERR_OK;
}

static int ip_operand(struct call *c, const struct ip *ip, struct value *out)
{
    char text[IP_TEXT];
    struct str s = arena_dup(c->arena, ip_text_long(text, ip));
    *out = value_str(s);
    return s.p ? ERR_OK : ERR_NOMEM;
}

/* uri and status are one operand: the start line's (LANGUAGE 5). */
static int start_line_operand(struct call *c, struct value *out)
{
    if (c->msg->request) {
        *out = value_str(c->target.uri);
        return ERR_OK;
    }
    struct str s = arena_u64(c->arena, c->msg->status, 0);
    *out = value_both(s, c->msg->status);
    return s.p ? ERR_OK : ERR_NOMEM;
}

static int operand(struct call *c, enum operand o, struct value *out)
{
    const struct msg *m = c->msg;
    switch (o) {
    case OPERAND_METHOD: /* in a reply it reads the version, as in the reference */
        *out = value_str(m->request ? m->method_text : m->version);
        return ERR_OK;
    case OPERAND_URI:
    case OPERAND_STATUS:
        return start_line_operand(c, out);
    case OPERAND_FROM_URI:
        return nameaddr_operand(call_from(c), out);
    case OPERAND_TO_URI:
        return nameaddr_operand(call_to(c), out);
    case OPERAND_SRC_IP:
        return ip_operand(c, &m->src.ip, out);
    case OPERAND_DST_IP:
        return ip_operand(c, &m->local.ip, out);
    case OPERAND_SRC_PORT:
        *out = value_int(m->src.port);
        return ERR_OK;
    case OPERAND_DST_PORT:
        *out = value_int(m->local.port);
        return ERR_OK;
    case OPERAND_PROTO:
        *out = value_int(m->src.proto);
        return ERR_OK;
    case OPERAND_AF:
        *out = value_int(m->src.ip.family == 6 ? AF_INET6 : AF_INET);
        return ERR_OK;
    case OPERAND_MSG_LEN:
        *out = value_int((int32_t)m->raw.len);
        return ERR_OK;
    }
    return ERR_INVALID;
}

static int operand_ip(struct call *c, enum operand o, struct ip *out)
{
    if (o != OPERAND_SRC_IP && o != OPERAND_DST_IP)
        return ERR_INVALID;
    *out = o == OPERAND_SRC_IP ? c->msg->src.ip : c->msg->local.ip;
    return ERR_OK;
}

static int text_is_self(const struct call *c, struct str text)
{
    struct uri u;
    if (uri_parse(&u, text) == ERR_OK && u.scheme != URI_OTHER)
        return call_uri_is_self(c, &u);
    return call_is_self(c, text, 0, true);
}

static int nameaddr_is_self(const struct call *c, const struct nameaddr *n)
{
    struct uri u;
    if (!n || uri_parse(&u, n->uri) != ERR_OK)
        return -1;
    return call_uri_is_self(c, &u);
}

static int ip_is_self(const struct call *c, const struct ip *ip)
{
    char text[IP_TEXT];
    return call_is_self(c, ip_text(text, ip), 0, true);
}

static int myself(struct call *c, enum operand o, const struct str *text)
{
    if (text)
        return text_is_self(c, *text);
    const struct uri *u;
    switch (o) {
    case OPERAND_URI:
    case OPERAND_STATUS:
        u = call_uri(c);
        return u ? call_uri_is_self(c, u) : -1;
    case OPERAND_FROM_URI:
        return nameaddr_is_self(c, call_from(c));
    case OPERAND_TO_URI:
        return nameaddr_is_self(c, call_to(c));
    case OPERAND_SRC_IP:
        return ip_is_self(c, &c->msg->src.ip);
    case OPERAND_DST_IP:
        return ip_is_self(c, &c->msg->local.ip);
    default:
        return -1;
    }
}

/* ---- scripts that wait: src_ip == "host.name" for the name, sleep() for the time ---- */

struct lookup {
    struct list link;
    struct call *call;
    struct ip wanted;
    struct dest dest;
    struct timer timer; /* of a pause; never armed for a name */
};

static void pause_over(struct timer *t, void *ctx)
{
    struct lookup *l = container_of(t, struct lookup, timer);
    (void)ctx;
    list_remove(&l->link);
    call_resume(l->call, 1);
}

int call_wait_ms(struct call *c, uint32_t ms)
{
    struct engine *e = c->engine;
    struct lookup *l = arena_zalloc(c->arena, sizeof *l);
    if (!l)
        return -1;
    l->call = c;
    list_append(&e->waiting, &l->link);
    wheel_arm(&e->wheel, &l->timer, e->now + ms, pause_over);
    return CALL_SUSPENDED;
}

static bool wanted_found(const struct lookup *l)
{
    for (unsigned i = 0; i < l->dest.count; i++)
        if (ip_eq(&l->dest.addr[i].ip, &l->wanted))
            return true;
    return false;
}

static void name_found(struct dest *d, void *arg)
{
    struct lookup *l = arg;
    list_remove(&l->link);
    if (d)
        call_resume(l->call, wanted_found(l));
    else
        call_free(l->call);
}

static int name_is_ip(struct call *c, struct str name, const struct ip *ip)
{
    struct engine *e = c->engine;
    struct ip literal;
    if (ip_parse(&literal, name) == ERR_OK)
        return ip_eq(&literal, ip);
    struct lookup *l = arena_zalloc(c->arena, sizeof *l);
    if (!l)
        return 0;
    l->call = c;
    l->wanted = *ip;
    l->dest = (struct dest){.host = name, .port = 5060, .proto = PROTO_UDP};
    list_append(&e->waiting, &l->link);
    if (dest_addresses(e, &l->dest, ip->family, c->arena, name_found, l) == FAIL_WAIT)
        return CALL_SUSPENDED;
    list_remove(&l->link);
    return wanted_found(l);
}

void host_forget(struct call *c)
{
    if (c->looking)
        dest_forget(c->looking);
    c->looking = NULL;
    for (struct list *at = c->engine->waiting.next, *next; at != &c->engine->waiting; at = next) {
        struct lookup *l = container_of(at, struct lookup, link);
        next = at->next;
        if (l->call != c)
            continue;
        list_remove(at);
        wheel_cancel(&c->engine->wheel, &l->timer);
        dest_forget(&l->dest);
    }
}

void host_free_all(struct engine *e)
{
    while (!list_empty(&e->waiting))
        call_free(container_of(e->waiting.next, struct lookup, link)->call);
}

/* ---- memory and errors ---- */

static struct avps *avps_of(struct call *c)
{
    return c->avps;
}

static struct vars *vars_of(struct call *c)
{
    return c->vars;
}

static struct arena *scratch_of(struct call *c)
{
    return c->arena;
}

static bool error_pending(struct call *c)
{
    return c->error.class != 0 && !c->in_error_route && c->config->error_route >= 0 &&
           (c->kind & (ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH));
}

static int error_run(struct call *c)
{
    enum route_kind kind = c->kind;
    c->in_error_route = true;
    c->kind = ROUTE_ERROR;
    int rc = call_run_nested(c, c->config->error_route);
    c->kind = kind;
    c->in_error_route = false;
    c->error = (struct call_error){0};
    return rc;
}

const struct host *call_host(void)
{
    static const struct host host = {
        .operand = operand,
        .operand_ip = operand_ip,
        .myself = myself,
        .name_is_ip = name_is_ip,
        .avps = avps_of,
        .vars = vars_of,
        .scratch = scratch_of,
        .error_pending = error_pending,
        .error_run = error_run,
    };
    return &host;
}
