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
    struct loop *loop; /* NULL while nothing is served */
    struct watch watch;
    struct list waiting; /* askers */
    unsigned n_waiting;
    char *path, *indent; /* path is NULL for UDP */
    struct addr addr;
    struct owner owner;
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
    if (sendto(s->watch.fd, text.p, text.len, MSG_DONTWAIT | MSG_NOSIGNAL,
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
    struct state *s = container_of(w, struct state, watch);
    (void)events;
    for (unsigned i = 0; i < BATCH && s->loop; i++) {
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

static int complain(struct buf *why, const char *where, const char *what)
{
    buf_printf(why, "mi_datagram: %s: %s", where, what);
    return ERR_IO;
}

static int open_unix(struct state *s, struct buf *why)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;
    memcpy(a.sun_path, s->path, strlen(s->path) + 1); /* conf_check has looked at the length */
    if (lstat(s->path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return complain(why, s->path, "it exists and is no socket");
        unlink(s->path);
    }
    s->watch.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->watch.fd < 0 || bind(s->watch.fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        owner_give(s->path, &s->owner) != ERR_OK)
        return complain(why, s->path, strerror(errno));
    return ERR_OK;
}

static int open_udp(struct state *s, struct buf *why)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(s->addr.port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(s->addr.port)};
    bool four = s->addr.ip.family == 4;
    char text[ADDR_TEXT];
    memcpy(&in.sin_addr, s->addr.ip.b, sizeof in.sin_addr);
    memcpy(&in6.sin6_addr, s->addr.ip.b, sizeof in6.sin6_addr);
    s->watch.fd = socket(four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc = s->watch.fd < 0 ? -1
             : four          ? bind(s->watch.fd, (struct sockaddr *)&in, sizeof in)
                             : bind(s->watch.fd, (struct sockaddr *)&in6, sizeof in6);
    if (rc == 0)
        return ERR_OK;
    addr_text(text, &s->addr);
    return complain(why, text, strerror(errno));
}

static void unserve(void *state)
{
    struct state *s = state;
    if (!s->loop)
        return;
    while (!list_empty(&s->waiting))
        asker_free(container_of(s->waiting.next, struct asker, link));
    if (s->watch.fd >= 0) {
        s->loop->unwatch(s->loop, &s->watch);
        close(s->watch.fd);
        s->watch.fd = -1;
        if (s->path)
            unlink(s->path);
    }
    s->loop = NULL;
}

static int serve(void *state, struct mi_server *server, struct buf *why)
{
    struct state *s = state;
    s->server = server;
    s->loop = mi_loop(server);
    s->watch = (struct watch){.fd = -1, .ready = ready};
    int rc = s->path ? open_unix(s, why) : open_udp(s, why);
    return rc == ERR_OK ? s->loop->watch(s->loop, &s->watch, LOOP_READ) : rc;
}

/* ---- life ---- */

static void stop(void *state)
{
    struct state *s = state;
    free(s->path);
    free(s->indent);
    free(s);
}

static void *start(const struct module_start *begin, bool *failed)
{
    const struct conf *conf = begin->conf;
    struct state *s = calloc(1, sizeof *s);
    *failed = true;
    if (!s)
        return NULL;
    list_init(&s->waiting);
    s->path = conf->path.len ? strndup(conf->path.p, conf->path.len) : NULL;
    s->indent = strndup(conf->reply_indent.p, conf->reply_indent.len);
    s->addr = conf->addr;
    s->owner = conf->owner;
    if (!s->indent || (conf->path.len && !s->path)) {
        stop(s);
        return NULL;
    }
    *failed = false;
    return s;
}

static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    const struct conf *a = old_conf, *b = next->conf;
    (void)state;
    if (str_eq(a->socket_name, b->socket_name) && str_eq(a->reply_indent, b->reply_indent) &&
        a->mode == b->mode && a->owner.user == b->owner.user && a->owner.group == b->owner.group)
        return true;
    buf_printf(next->why, "%smi_datagram: its socket is opened at start and cannot be changed live",
               next->why->len ? "; " : "");
    return false;
}

/* ---- rows ---- */

static int keep_name(struct prepare *p, struct str *out, const struct value *v)
{
    char digits[VALUE_TEXT];
    *out = arena_dup(p->arena, value_text(v, digits));
    return out->p ? ERR_OK : ERR_NOMEM;
}

static int set_user(struct prepare *p, void *conf, const struct value *v)
{
    struct conf *k = conf;
    return keep_name(p, &k->user, v);
}

static int set_group(struct prepare *p, void *conf, const struct value *v)
{
    struct conf *k = conf;
    return keep_name(p, &k->group, v);
}

#define NUMBER(name_, field_, most_, number_, unit_, doc_)                                         \
    {                                                                                              \
        .name = name_, .type = PARAM_INT, .offset = offsetof(struct conf, field_), .max = most_,   \
        .number = number_, .unit = unit_, .doc = doc_                                              \
    }

static const struct param_spec params[] = {
    {.name = "socket_name",
     .type = PARAM_STR,
     .offset = offsetof(struct conf, socket_name),
     .doc = "where requests arrive: /path of a unix socket, or udp:address:port; mandatory"},
    NUMBER("unix_socket_mode", mode, 0777, 0660, NULL, "permissions of the unix socket"),
    {.name = "unix_socket_user",
     .type = PARAM_ANY,
     .set = set_user,
     .doc = "who the unix socket belongs to, by name or number"},
    {.name = "unix_socket_group",
     .type = PARAM_ANY,
     .set = set_group,
     .doc = "its group, by name or number"},
    NUMBER("children_count", children, INT32_MAX, 1, NULL,
           "no effect: the main thread answers, and a command never makes it wait"),
    NUMBER("socket_timeout", timeout, INT32_MAX, 2000, "ms",
           "no effect: an answer that cannot be sent at once is dropped"),
    {.name = "reply_indent",
     .type = PARAM_STR,
     .offset = offsetof(struct conf, reply_indent),
     .text = "\t",
     .doc = "what a level of an answer is moved to the right by"},
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

static int check_owner(struct prepare *p, struct conf *conf)
{
    conf->owner =
        (struct owner){owner_user(conf->user), owner_group(conf->group), (unsigned)conf->mode};
    if (conf->owner.user == OWNER_UNKNOWN)
        buf_printf(p->error, "there is no user %.*s", STR_ARG(conf->user));
    else if (conf->owner.group == OWNER_UNKNOWN)
        buf_printf(p->error, "there is no group %.*s", STR_ARG(conf->group));
    else
        return ERR_OK;
    return ERR_NOTFOUND;
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
    return check_owner(p, conf);
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
    .reload = reload,
    .serve = serve,
    .unserve = unserve,
};
