/* mi_datagram: management commands in datagrams, over UDP or a unix socket. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/module.h"

extern const struct module mi_datagram_module;

enum {
    DATAGRAM_MAX = 65457, /* bytes of a request or an answer, as the reference has it */
    BATCH = 16,           /* requests taken at a time, before others have their turn */
    WAITING_MAX = 256,    /* requests whose answer is still being made */
};

struct conf {
    struct str socket_name, reply_indent;
    struct str path;  /* of a unix socket, or empty */
    struct addr addr; /* else */
    struct str user, group;
    struct owner owner;
    int32_t mode, children, timeout;
};

/* On the main thread only. */
struct state {
    struct mi_server *server;
    struct inlet socket; /* path is NULL for UDP */
    struct list waiting; /* askers */
    unsigned n_waiting;
    struct arena arena; /* of the texts */
    const char *indent;
    struct addr addr;
    char text[DATAGRAM_MAX + 1];
};

/* Who asked. */
struct asker {
    struct list link;
    struct state *state;
    socklen_t len;
    struct sockaddr_storage addr;
};

/* ---- requests ---- */

static void asker_free(struct asker *a)
{
    list_remove(&a->link);
    a->state->n_waiting--;
    free(a);
}

/* One datagram; an asker that cannot take it now has lost it. */
static void answer(void *user, struct str text)
{
    struct asker *a = user;
    struct state *s = a->state;
    if (sendto(s->socket.watch.fd, text.p, text.len, MSG_DONTWAIT | MSG_NOSIGNAL,
               (struct sockaddr *)&a->addr, a->len) < 0)
        log_warn("mi_datagram: an answer could not be sent: %s", strerror(errno));
    asker_free(a);
}

static struct asker *asker_new(struct state *s, const struct sockaddr_storage *from, socklen_t len)
{
    struct asker *a = s->n_waiting < WAITING_MAX ? malloc(sizeof *a) : NULL;
    if (!a) {
        log_warn("mi_datagram: %u requests wait for their answer, one more was dropped",
                 s->n_waiting);
        return NULL;
    }
    *a = (struct asker){.state = s, .len = len, .addr = *from};
    list_append(&s->waiting, &a->link);
    s->n_waiting++;
    return a;
}

static void take_request(struct state *s, struct str text, struct asker *asker)
{
    struct mi_client client = {answer, asker, s->indent, DATAGRAM_MAX};
    struct mi_request r;
    struct arena a;
    size_t used;
    arena_init(&a, NULL, 1024);
    int rc = mi_parse(&r, &a, text, true, &used);
    if (rc == ERR_OK)
        mi_begin(s->server, &r, &client);
    else
        mi_refuse(s->server, &r, &client);
    arena_reset(&a);
}

static void ready(struct watch *w, unsigned events)
{
    struct state *s = container_of(w, struct state, socket.watch);
    (void)events;
    for (unsigned i = 0; i < BATCH && s->socket.loop; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof from;
        ssize_t n =
            recvfrom(w->fd, s->text, sizeof s->text, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
        if (n < 0)
            return;
        if (n > DATAGRAM_MAX || len <= sizeof(sa_family_t))
            continue; /* too long, or from nobody whom an answer could reach */
        struct asker *asker = asker_new(s, &from, len);
        if (asker)
            take_request(s, str_make(s->text, (size_t)n), asker);
    }
}

/* ---- the socket ---- */

static int open_unix(struct inlet *e, struct buf *why)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int rc = inlet_clear(e, S_IFSOCK, why);
    if (rc != ERR_OK)
        return rc;
    memcpy(a.sun_path, e->path, strlen(e->path) + 1); /* conf_check has looked at the length */
    e->watch.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (e->watch.fd < 0 || bind(e->watch.fd, (struct sockaddr *)&a, sizeof a) != 0)
        return inlet_failed(e->path, why);
    return ERR_OK;
}

static int open_udp(struct inlet *e, struct buf *why)
{
    const struct addr *at = &container_of(e, struct state, socket)->addr;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    bool four = at->ip.family == 4;
    char text[ADDR_TEXT];
    memcpy(&in.sin_addr, at->ip.b, sizeof in.sin_addr);
    memcpy(&in6.sin6_addr, at->ip.b, sizeof in6.sin6_addr);
    e->watch.fd = socket(four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc = e->watch.fd < 0 ? -1
             : four          ? bind(e->watch.fd, (struct sockaddr *)&in, sizeof in)
                             : bind(e->watch.fd, (struct sockaddr *)&in6, sizeof in6);
    if (rc == 0)
        return ERR_OK;
    addr_text(text, at);
    return inlet_failed(text, why);
}

static void unserve(void *state)
{
    struct state *s = state;
    while (!list_empty(&s->waiting))
        asker_free(container_of(s->waiting.next, struct asker, link));
    inlet_close(&s->socket);
}

static int serve(void *state, struct mi_server *server, struct buf *why)
{
    struct state *s = state;
    s->server = server;
    return inlet_open(&s->socket, mi_loop(server), s->socket.path ? open_unix : open_udp, ready,
                      why);
}

/* ---- life ---- */

static void stop(void *state)
{
    struct state *s = state;
    if (s)
        arena_reset(&s->arena);
    free(s);
}

static void *start(const struct module_start *begin, bool *failed)
{
    const struct conf *conf = begin->conf;
    struct state *s = calloc(1, sizeof *s);
    *failed = !s;
    if (!s)
        return NULL;
    arena_init(&s->arena, NULL, 256);
    list_init(&s->waiting);
    if (conf->path.len)
        s->socket.path = arena_dup(&s->arena, conf->path).p;
    s->socket.owner = conf->owner;
    s->indent = arena_dup(&s->arena, conf->reply_indent).p;
    s->addr = conf->addr;
    *failed = !s->indent || (conf->path.len && !s->socket.path);
    return s;
}

/* ---- rows ---- */

static const char opened[] = "the socket is opened at start";

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("socket_name", socket_name, NULL,
                 "where requests arrive: /path of a unix socket, or udp:address:port; mandatory",
                 .fixed = opened),
    PARAM_NUMBER("unix_socket_mode", mode, 0, 0777, 0660, "permissions of the unix socket",
                 .fixed = opened),
    PARAM_ROW("unix_socket_user", PARAM_TEXT, user,
              "who the unix socket belongs to, by name or number", .fixed = opened),
    PARAM_ROW("unix_socket_group", PARAM_TEXT, group, "its group, by name or number",
              .fixed = opened),
    PARAM_NUMBER("children_count", children, 0, INT32_MAX, 1,
                 "no effect: the main thread answers, and a command never makes it wait"),
    PARAM_NUMBER("socket_timeout", timeout, 0, INT32_MAX, 2000,
                 "no effect: an answer that cannot be sent at once is dropped", .unit = "ms"),
    PARAM_STRING("reply_indent", reply_indent, "\t",
                 "what a level of an answer is moved to the right by", .fixed = opened),
    {.name = NULL},
};

static int bad_socket(struct prepare *p, const char *what)
{
    buf_printf(p->error, "socket_name %s", what);
    if (p->hint)
        buf_printf(p->hint, "\"/path\" or \"udp:address:port\"");
    return ERR_INVALID;
}

/* "udp:address:port", an IPv6 address in brackets or not. */
static int read_udp(struct prepare *p, struct conf *conf, struct str text)
{
    size_t colon = text.len;
    uint32_t port;
    while (colon && text.p[colon - 1] != ':')
        colon--;
    struct str host = str_sub(text, 0, colon ? colon - 1 : 0);
    if (str_eq(host, STR("localhost")))
        host = STR("127.0.0.1");
    if (str_u32(&port, str_sub(text, colon, text.len), 65535) != ERR_OK || port == 0)
        return bad_socket(p, "has no port");
    if (ip_parse(&conf->addr.ip, host) != ERR_OK)
        return bad_socket(p, "has no address: names are not looked up");
    conf->addr.port = (uint16_t)port;
    conf->addr.proto = PROTO_UDP;
    return ERR_OK;
}

static int conf_check(struct prepare *p, void *data)
{
    struct conf *conf = data;
    struct str name = conf->socket_name;
    if (name.len == 0)
        return bad_socket(p, "is not set");
    if (str_istarts(name, STR("udp:")))
        return read_udp(p, conf, str_sub(name, 4, name.len));
    if (str_istarts(name, STR("unix:")))
        name = str_sub(name, 5, name.len);
    if (name.len == 0 || name.p[0] != '/')
        return bad_socket(p, "is neither a path nor udp:address:port");
    if (name.len >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return bad_socket(p, "is too long for a unix socket");
    conf->path = name;
    return owner_find(&conf->owner, conf->user, conf->group, (unsigned)conf->mode, p->error);
}

const struct module mi_datagram_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "mi_datagram",
                .doc = "Management commands in datagrams, over UDP or a unix socket.",
                .params = params,
                .conf_size = sizeof(struct conf),
                .conf_check = conf_check},
    .start = start,
    .stop = stop,
    .serve = serve,
    .unserve = unserve,
};
