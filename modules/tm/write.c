/* t_write_req and t_write_unix: a request is described in lines of text to a program of this
 * machine, through a named pipe or a unix datagram socket. Whatever does not go at once is tried
 * again when there is room, while the script waits and its worker goes on. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "modules/tm/priv.h"

/* ---- tw_append: name:element;element ---- */

/* label=$variable, or the body. */
struct element {
    struct str label;
    const struct pv_ref *pv; /* NULL: the body */
};
struct append {
    struct append *next;
    struct str name;
    unsigned n;
    struct element list[TW_ELEMENTS];
};

static int add_element(struct prepare *p, struct append *a, struct str text)
{
    ptrdiff_t equals = str_find(text, '=', 0);
    struct element *e = &a->list[a->n];
    if (a->n == TW_ELEMENTS) {
        buf_printf(p->error, "tw_append %.*s has more than %d elements", STR_ARG(a->name),
                   TW_ELEMENTS);
        return ERR_LIMIT;
    }
    a->n++;
    if (str_eq(text, STR("$rb")))
        return ERR_OK;
    if (equals <= 0) {
        buf_printf(p->error, "\"%.*s\" is neither label=$variable nor $rb", STR_ARG(text));
        return ERR_INVALID;
    }
    e->label = str_trim(str_sub(text, 0, (size_t)equals));
    return prepare_pv(p, str_trim(str_sub(text, (size_t)equals + 1, text.len)), &e->pv);
}

int tm_add_append(struct prepare *p, void *data, const struct value *v)
{
    struct tm_conf *conf = data;
    struct str rest = v->s, name, one;
    struct append *a = arena_zalloc(p->arena, sizeof *a);
    if (!a)
        return ERR_NOMEM;
    if (str_find(v->s, ':', 0) <= 0 || !str_cut(&name, &rest, ':')) {
        buf_printf(p->error, "\"%.*s\" is not written name:element;element", STR_ARG(v->s));
        return ERR_INVALID;
    }
    a->name = str_trim(name);
    int rc = ERR_OK;
    while (rc == ERR_OK && str_cut(&one, &rest, ';'))
        if ((one = str_trim(one)).len)
            rc = add_element(p, a, one);
    a->next = conf->appends;
    conf->appends = a;
    return rc;
}

/* ---- action, or action/name ---- */

struct info {
    struct str action;
    const struct append *append; /* or NULL */
};

int tm_prepare_info(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    const struct tm_conf *conf = prepare_conf(p, &tm_module.symbols);
    struct str rest = text, action;
    struct info *info = arena_zalloc(p->arena, sizeof *info);
    if (argn == 0) {
        out->v = value_str(arena_dup(p->arena, text));
        return text.len ? ERR_OK : ERR_INVALID;
    }
    if (!info)
        return ERR_NOMEM;
    if (!str_cut(&action, &rest, '/') || !action.len) {
        buf_printf(p->error, "\"%.*s\" names no action", STR_ARG(text));
        return ERR_INVALID;
    }
    info->action = arena_dup(p->arena, action);
    const struct append *a = conf && rest.len ? conf->appends : NULL;
    while (a && !str_eq(a->name, rest))
        a = a->next;
    info->append = a;
    out->obj = info;
    if (!rest.len || a)
        return ERR_OK;
    buf_printf(p->error, "there is no tw_append of the name \"%.*s\"", STR_ARG(rest));
    return ERR_NOTFOUND;
}

/* ---- the lines ---- */

/* One line: what would begin another one is a blank. */
static void add_line(struct buf *b, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_char(b, text.p[i] == '\n' || text.p[i] == '\r' ? ' ' : text.p[i]);
    buf_char(b, '\n');
}

static void add_or_dot(struct buf *b, struct str text)
{
    add_line(b, text.len ? text : STR("."));
}

static void add_value(struct buf *b, const struct msg *m, enum hdr_id id)
{
    const struct hdr *h = msg_header(m, id);
    add_line(b, h ? h->value : STR_NONE);
}

/* The remote target of the dialog that the request may begin: its Contact, else From. */
static struct str remote_target(struct call *c)
{
    struct value_iter it = {0};
    struct nameaddr n;
    const struct nameaddr *from = call_from(c);
    if (msg_value_next(c->msg, HDR_CONTACT, &it) && nameaddr_parse(&n, it.text) == ERR_OK)
        return n.uri;
    return from ? from->uri : STR_NONE;
}

/* The way back through the proxies that recorded themselves, and the first of them; one that routes
 * strictly gets the remote target at the end (RFC 3261 12.1.1, 12.2.1.1). */
static void add_routes(struct buf *b, struct call *c)
{
    struct value_iter it = {0};
    struct nameaddr n;
    struct uri u;
    struct buf route;
    struct str hop = STR_NONE;
    bool strict = false;
    buf_init(&route, c->arena, 128);
    while (msg_value_next(c->msg, HDR_RECORD_ROUTE, &it)) {
        bool first = hop.len == 0;
        if (first && nameaddr_parse(&n, it.text) == ERR_OK && uri_parse(&u, n.uri) == ERR_OK) {
            hop = n.uri;
            strict = !param_find(u.params, STR("lr"), NULL);
        }
        if (first && strict)
            continue;
        buf_add(&route, route.len ? STR(",") : STR("Route: "));
        buf_add(&route, it.text);
    }
    if (strict)
        buf_printf(&route, "%s<%.*s>", route.len ? "," : "Route: ", STR_ARG(remote_target(c)));
    add_or_dot(b, buf_str(&route));
    add_or_dot(b, hop);
}

static void add_flags(struct buf *b, uint32_t flags)
{
    buf_add(b, STR("P-MsgFlags: "));
    do {
        buf_char(b, "0123456789abcdef"[flags & 15]);
        flags >>= 4;
    } while (flags);
    buf_char(b, '\n');
}

/* Header lines, a dot behind them, and the body or another dot. */
static void add_appended(struct buf *b, struct call *c, const struct append *a)
{
    bool body = false;
    add_flags(b, c->flags);
    for (unsigned i = 0; a && i < a->n; i++) {
        struct value v = VALUE_NULL;
        char digits[VALUE_TEXT];
        body = body || !a->list[i].pv;
        if (!a->list[i].pv || pv_read(a->list[i].pv, c, call_host(), &v) != ERR_OK ||
            value_is_null(&v))
            continue;
        buf_printf(b, "%.*s: ", STR_ARG(a->list[i].label));
        add_line(b, value_text(&v, digits));
    }
    buf_add(b, STR(".\n"));
    buf_add(b, body && c->msg->body.len ? c->msg->body : STR("."));
    buf_char(b, '\n');
}

static struct str describe(struct call *c, const struct info *info, uint32_t label)
{
    const struct msg *m = c->msg;
    const struct uri *u = call_uri(c);
    char ip[IP_TEXT];
    struct buf b;
    buf_init(&b, c->arena, 2048);
    buf_add(&b, STR("0.3\nsip_request."));
    add_line(&b, info->action);
    add_line(&b, m->method_text);
    add_line(&b, u ? u->user : STR_NONE);
    add_line(&b, u ? u->host : STR_NONE);
    add_line(&b, ip_text(ip, &m->local.ip));
    if (m->local.port == 5060)
        buf_add(&b, STR(".\n"));
    else
        buf_printf(&b, "%u\n", m->local.port);
    add_line(&b, c->target.uri);
    add_line(&b, remote_target(c));
    add_value(&b, m, HDR_FROM);
    add_value(&b, m, HDR_TO);
    add_line(&b, m->call_id);
    add_line(&b, m->from_tag);
    add_line(&b, m->to_tag);
    add_line(&b, m->cseq_number);
    buf_printf(&b, "%u:%u\n", call_worker(c), label);
    add_routes(&b, c);
    add_appended(&b, c, info->append);
    return b.failed ? STR_NONE : buf_str(&b);
}

/* ---- the way out ---- */

/* A text that waits for room; it outlives its call. */
struct handover {
    struct list link; /* of the worker's */
    struct watch watch;
    struct timer timer;
    struct wait *wait;
    struct loop *loop;
    size_t len;
    char text[];
};

struct tm_state {
    struct list waiting[TM_WORKERS];
};

void *tm_start(const struct module_start *begin, bool *failed)
{
    struct tm_state *s = calloc(1, sizeof *s);
    (void)begin;
    *failed = !s;
    for (unsigned i = 0; s && i < TM_WORKERS; i++)
        list_init(&s->waiting[i]);
    return s;
}

void tm_stop(void *state)
{
    free(state);
}

static void over(struct handover *h, int status)
{
    struct wait *w = h->wait;
    wheel_cancel(h->loop->wheel, &h->timer);
    h->loop->unwatch(h->loop, &h->watch);
    close(h->watch.fd);
    list_remove(&h->link);
    free(h);
    wait_end(w, status, NULL);
}

void tm_leave(void *state, unsigned worker)
{
    struct tm_state *s = state;
    while (!list_empty(&s->waiting[worker]))
        over(container_of(s->waiting[worker].next, struct handover, link), ERR_STATE);
}

static void too_late(struct timer *t, void *ctx)
{
    (void)ctx;
    over(container_of(t, struct handover, timer), ERR_TIMEOUT);
}

/* All of it or nothing: a pipe takes up to PIPE_BUF so, a datagram is one anyway. ERR_OK, ERR_LIMIT
 * when there is no room now, ERR_IO. */
static int put(int fd, const char *text, size_t len)
{
    ssize_t n;
    do
        n = write(fd, text, len);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)len)
        return ERR_OK;
    return n < 0 && (errno == EAGAIN || errno == ENOBUFS) ? ERR_LIMIT : ERR_IO;
}

static void ready(struct watch *w, unsigned events)
{
    struct handover *h = container_of(w, struct handover, watch);
    int rc = put(w->fd, h->text, h->len);
    (void)events;
    if (rc != ERR_LIMIT)
        over(h, rc);
}

/* What was written must be answered: the request gets a branch for it. */
static int handed_over(struct call *c, void *arg, int status, const void *answer)
{
    const uint32_t *label = arg;
    (void)answer;
    if (status == ERR_OK)
        status = call_blind_branch(c, *label);
    if (status != ERR_OK)
        log_err("tm: %.*s was not handed over: %s", STR_ARG(c->msg->call_id), err_text(status));
    return status == ERR_OK ? 1 : -1;
}

/* There is no room now: the script waits for it. Takes fd over. */
static int wait_for_room(struct call *c, int fd, struct str text, uint32_t *label)
{
    const struct tm_conf *conf = call_conf(c, &tm_module);
    struct tm_state *s = call_state(c, &tm_module);
    struct loop *l = call_loop(c);
    int status = ERR_NOMEM;
    struct handover *h = malloc(sizeof *h + text.len);
    struct wait *w = h ? call_wait(c, NULL, handed_over, label, &status) : NULL;
    if (!w) {
        free(h);
        close(fd);
        return handed_over(c, label, status, NULL);
    }
    *h = (struct handover){.watch = {.fd = fd, .ready = ready}, .wait = w, .loop = l};
    h->len = text.len;
    memcpy(h->text, text.p, text.len);
    list_append(&s->waiting[call_worker(c)], &h->link);
    if (l->watch(l, &h->watch, LOOP_WRITE) == ERR_OK) {
        wheel_arm(l->wheel, &h->timer, l->now + (uint64_t)conf->unix_tx_timeout * 1000, too_late);
        return CALL_SUSPENDED;
    }
    list_remove(&h->link);
    free(h);
    close(fd);
    wait_drop(w);
    return handed_over(c, label, ERR_IO, NULL);
}

/* A pipe that somebody reads; -1 with a line in the log. */
static int open_pipe(const char *path)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        log_err("tm: %s: %s", path, errno == ENXIO ? "nobody reads it" : strerror(errno));
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
        return fd;
    log_err("tm: %s is no named pipe", path);
    close(fd);
    return -1;
}

static int open_socket(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path) {
        log_err("tm: %s is too long for a socket", path);
        return -1;
    }
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    log_err("tm: %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int hand_over(struct call *c, const struct arg *args, int (*open_it)(const char *path))
{
    bool pipe = open_it == open_pipe;
    uint32_t *label = arena_alloc(c->arena, sizeof *label);
    if (!c->txn || !label) {
        log_err("tm: there is no transaction to be handed over: call t_newtran() before");
        return -1;
    }
    if (!call_loop(c)->watch) {
        log_err("tm: there are no programs in a simulated world");
        return -1;
    }
    *label = (uint32_t)call_random(c);
    struct str text = describe(c, args[1].obj, *label);
    if (!text.p || (pipe && text.len > PIPE_BUF)) {
        log_err("tm: %.*s takes %zu bytes, more than a pipe takes at once",
                STR_ARG(c->msg->call_id), text.len);
        return -1;
    }
    int fd = open_it(args[0].v.s.p);
    if (fd < 0)
        return -1;
    int rc = put(fd, text.p, text.len);
    if (rc == ERR_LIMIT)
        return wait_for_room(c, fd, text, label);
    close(fd);
    return handed_over(c, label, rc, NULL);
}

int tm_write_req(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return hand_over(c, args, open_pipe);
}

int tm_write_unix(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return hand_over(c, args, open_socket);
}
