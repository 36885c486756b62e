/* Which sockets to open: -l, else listen=, else every IPv4 interface. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/base/log.h"
#include "core/net/net.h"
#include "core/serve.h"

enum { DEFAULT_PORT = 5060 };

/* Adds a socket unless we have it already. name: what the user wrote, another name for us. */
static int add_socket(struct shared *s, const struct addr *a, struct str name, struct buf *why)
{
    char text[IP_TEXT];
    for (unsigned i = 0; i < s->n_sockets; i++)
        if (addr_eq(&s->sockets[i].addr, a))
            return ERR_OK;
    if (s->n_sockets == SHARED_MAX_SOCKETS) {
        buf_printf(why, "more than %d addresses to listen on", SHARED_MAX_SOCKETS);
        return ERR_LIMIT;
    }
    struct socket_info *k = &s->sockets[s->n_sockets++];
    struct str ip = ip_text(text, &a->ip);
    k->addr = *a;
    k->host = arena_printf(&s->arena, a->ip.family == 6 ? "[%.*s]" : "%.*s", STR_ARG(ip));
    k->name = name.len ? arena_dup(&s->arena, name) : k->host;
    return k->host.p && k->name.p ? ERR_OK : ERR_NOMEM;
}

static int add_spec(struct shared *s, const struct listen_spec *l, uint16_t port, struct buf *why)
{
    struct addr found[SHARED_MAX_SOCKETS];
    if (l->proto != PROTO_ANY && l->proto != PROTO_UDP) {
        log_warn("listen=%s:%.*s: only UDP is built yet, this address is left out",
                 proto_name(l->proto), STR_ARG(l->host));
        return ERR_OK;
    }
    int n = net_expand(found, SHARED_MAX_SOCKETS, l->host, l->port ? l->port : port, PROTO_UDP);
    if (n <= 0) {
        buf_printf(why,
                   "cannot listen on \"%.*s\": neither an address nor an interface of this "
                   "machine, nor a name that resolves",
                   STR_ARG(l->host));
        return ERR_NOTFOUND;
    }
    for (int i = 0; i < n; i++) {
        int rc = add_socket(s, &found[i], l->host, why);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* Reads "[proto:]host[:port]"; ERR_SYNTAX for a bad port. */
static int read_hostport(struct listen_spec *l, struct str rest)
{
    ptrdiff_t colon = str_find(rest, ':', 0);
    int proto = colon > 0 ? proto_parse(str_sub(rest, 0, (size_t)colon)) : -1;
    *l = (struct listen_spec){.proto = PROTO_ANY};
    if (proto >= 0) {
        l->proto = (uint8_t)proto;
        rest = str_sub(rest, (size_t)colon + 1, rest.len);
    }
    l->host = rest;
    bool six = rest.len && rest.p[0] == '[';
    ptrdiff_t port = str_find(rest, ':', six ? (size_t)(str_find(rest, ']', 0) + 1) : 0);
    if (port >= 0) {
        uint32_t n = 0;
        if (str_u32(&n, str_sub(rest, (size_t)port + 1, rest.len), 65535) != ERR_OK || n == 0)
            return ERR_SYNTAX;
        l->port = (uint16_t)n;
        l->host = str_sub(rest, 0, (size_t)port);
    }
    return ERR_OK;
}

/* An address of the command line. */
static int parse_listen(struct listen_spec *l, const char *text, struct buf *why)
{
    int rc = read_hostport(l, str_from(text));
    if (rc != ERR_OK)
        buf_printf(why, "-l %s: a port is a number from 1 to 65535", text);
    return rc;
}

static int from_command_line(struct shared *s, const struct options *o, uint16_t port,
                             struct buf *why)
{
    for (unsigned i = 0; i < o->listens; i++) {
        struct listen_spec l;
        int rc = parse_listen(&l, o->listen[i], why);
        if (rc == ERR_OK)
            rc = add_spec(s, &l, port, why);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

int sockets_fill(struct shared *s, const struct options *o, const struct program *p,
                 struct buf *why)
{
    const struct listen_spec *specs;
    static const struct listen_spec everywhere = {.proto = PROTO_UDP};
    unsigned n = program_listens(p, &specs);
    int given = program_setting_int(p, SETTING_PORT);
    uint16_t port = given > 0 && given < 65536 ? (uint16_t)given : DEFAULT_PORT;
    int rc = ERR_OK;
    arena_init(&s->arena, NULL, 1024);
    if (o->listens)
        rc = from_command_line(s, o, port, why);
    else if (n == 0)
        rc = add_spec(s, &everywhere, port, why);
    else
        for (unsigned i = 0; i < n && rc == ERR_OK; i++)
            rc = add_spec(s, &specs[i], port, why);
    if (rc == ERR_OK && s->n_sockets == 0) {
        buf_printf(why, "no UDP address to listen on");
        rc = ERR_NOTFOUND;
    }
    return rc;
}

void sockets_free(struct shared *s)
{
    arena_reset(&s->arena);
    s->n_sockets = 0;
}

/* ---- what calls in the script name ---- */

struct address_check {
    const struct shared *shared;
    const struct program *program;
    struct buf *why;
};

static void complain(struct address_check *k, const struct fn_spec *fn, struct str text,
                     const char *what, struct loc at)
{
    struct str name;
    program_source_line(k->program, at, &name);
    buf_printf(k->why, "%s%.*s:%u:%u: %s(%.*s): %s", k->why->len ? "; " : "", STR_ARG(name),
               at.line, at.column, fn->name, STR_ARG(text), what);
}

static bool is_our_socket(const struct shared *s, const struct listen_spec *l)
{
    struct ip ip;
    bool numeric = ip_parse(&ip, l->host) == ERR_OK;
    for (unsigned i = 0; i < s->n_sockets; i++) {
        const struct socket_info *k = &s->sockets[i];
        bool host = numeric ? ip_eq(&ip, &k->addr.ip) : str_ieq(l->host, k->name);
        if (host && (l->proto == PROTO_ANY || l->proto == k->addr.proto) &&
            (l->port == 0 || l->port == k->addr.port))
            return true;
    }
    return false;
}

static void check_call_addresses(void *user, const struct fn_spec *fn, const struct arg *args,
                                 unsigned n, struct loc at)
{
    struct address_check *k = user;
    struct listen_spec l;
    struct addr found[1];
    if (n == 0 || !(fn->flags & (FN_OUR_SOCKET | FN_FIXED_HOP)) || args[0].v.s.len == 0)
        return;
    struct str text = args[0].v.s;
    if (read_hostport(&l, text) != ERR_OK)
        complain(k, fn, text, "a port is a number from 1 to 65535", at);
    else if (fn->flags & FN_OUR_SOCKET && !is_our_socket(k->shared, &l))
        complain(k, fn, text, "we do not listen there", at);
    else if (fn->flags & FN_FIXED_HOP &&
             net_expand(found, 1, l.host, l.port ? l.port : DEFAULT_PORT, PROTO_UDP) <= 0)
        complain(k, fn, text, "no such host", at);
}

bool sockets_serve(const struct shared *s, const struct program *p, struct buf *why)
{
    struct address_check k = {s, p, why};
    program_each_call(p, check_call_addresses, &k);
    return why->len == 0;
}
