/* Questions to RTPProxies: each has a socket of its own for a moment, is repeated over UDP, and
 * goes to the next proxy when one is silent. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "modules/nathelper/rtpproxy.h"

struct question {
    struct list link; /* of its worker's */
    struct loop *loop;
    struct wait *wait;
    struct rtp_set *set;
    struct rtp_node *node;
    const struct config *version; /* that the set is part of, held */
    struct watch watch;
    struct timer timer;
    int32_t patience, repeats; /* ms, and how often */
    uint64_t pause;            /* ms a silent proxy is left alone */
    int32_t sent;
    uint32_t sum; /* of the Call-ID: picks the proxy */
    bool again;   /* dead ones were tried once more */
    size_t cookie, len, got;
    char answer[RTP_ANSWER_MAX + 1];
    char text[]; /* cookie and command */
};

/* ---- which proxy ---- */

static bool alive(const struct question *q, const struct rtp_node *n)
{
    return !atomic_load(&n->off) && atomic_load(&n->dead_until) <= q->loop->now;
}

static uint32_t live_weight(const struct question *q)
{
    uint32_t total = 0;
    for (unsigned i = 0; i < q->set->n; i++)
        total += alive(q, &q->set->node[i]) ? q->set->node[i].weight : 0;
    return total;
}

/* The same for all messages of a call as long as the same proxies live. When none does, each is
 * tried once more. */
static struct rtp_node *pick(struct question *q)
{
    uint32_t total = live_weight(q);
    if (!total && !q->again) {
        q->again = true;
        for (unsigned i = 0; i < q->set->n; i++)
            atomic_store(&q->set->node[i].dead_until, 0);
        total = live_weight(q);
    }
    uint32_t at = total ? q->sum % total : 0;
    for (unsigned i = 0; total && i < q->set->n; i++) {
        struct rtp_node *n = &q->set->node[i];
        if (!alive(q, n))
            continue;
        if (at < n->weight)
            return n;
        at -= n->weight;
    }
    return NULL;
}

/* ---- its life ---- */

static void hang_up(struct question *q)
{
    wheel_cancel(q->loop->wheel, &q->timer);
    if (q->watch.fd >= 0) {
        q->loop->unwatch(q->loop, &q->watch);
        close(q->watch.fd);
        q->watch.fd = -1;
    }
}

static void finish(struct question *q, int status)
{
    struct str answer = str_make(q->answer, q->got);
    hang_up(q);
    list_remove(&q->link);
    wait_end(q->wait, status, &answer);
    version_release(q->version);
    free(q);
}

static void try_next(struct question *q);

static void node_failed(struct question *q, const char *why)
{
    log_err("nathelper: RTPProxy %.*s: %s; it is left alone for %llu s", STR_ARG(q->node->url), why,
            (unsigned long long)q->pause / 1000);
    atomic_store(&q->node->dead_until, q->loop->now + q->pause);
    hang_up(q);
    try_next(q);
}

/* Takes what arrived: behind the cookie over UDP, a line over a stream. False: it is none of ours.
 */
static bool is_answer(struct question *q)
{
    struct str s = str_make(q->answer, q->got), rest;
    if (q->node->path.len == 0) {
        if (!str_starts(s, str_make(q->text, q->cookie)))
            return false;
        s = str_sub(s, q->cookie, s.len);
    }
    rest = s;
    str_cut(&s, &rest, '\n');
    s = str_trim(s);
    memmove(q->answer, s.p, s.len);
    q->got = s.len;
    return true;
}

static void readable(struct question *q)
{
    bool udp = q->node->path.len == 0;
    size_t from = udp ? 0 : q->got;
    ssize_t n = recv(q->watch.fd, q->answer + from, RTP_ANSWER_MAX - from, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        node_failed(q, strerror(errno));
        return;
    }
    q->got = from + (size_t)n;
    if (!udp && n > 0 && !memchr(q->answer, '\n', q->got) && q->got < RTP_ANSWER_MAX)
        return; /* the line is not whole */
    if (!udp && q->got == 0)
        node_failed(q, "it hangs up");
    else if (is_answer(q))
        finish(q, ERR_OK);
}

static void silent(struct timer *t, void *ctx);

static void send_question(struct question *q)
{
    q->sent++;
    wheel_arm(q->loop->wheel, &q->timer, q->loop->now + (uint64_t)q->patience, silent);
    if (send(q->watch.fd, q->text + (q->node->path.len ? q->cookie : 0),
             q->len - (q->node->path.len ? q->cookie : 0), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
        errno != EAGAIN)
        node_failed(q, strerror(errno));
}

static void silent(struct timer *t, void *ctx)
{
    struct question *q = container_of(t, struct question, timer);
    (void)ctx;
    if (q->node->path.len == 0 && q->sent <= q->repeats)
        send_question(q);
    else
        node_failed(q, "no answer");
}

static void ready(struct watch *w, unsigned events)
{
    struct question *q = container_of(w, struct question, watch);
    (void)events;
    readable(q);
}

static int connect_to(struct question *q)
{
    const struct rtp_node *n = q->node;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(n->addr.port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(n->addr.port)};
    bool path = n->path.len > 0, six = n->addr.ip.family == 6;
    if (path)
        memcpy(un.sun_path, n->path.p, n->path.len);
    memcpy(&in.sin_addr, n->addr.ip.b, sizeof in.sin_addr);
    memcpy(&in6.sin6_addr, n->addr.ip.b, sizeof in6.sin6_addr);
    q->watch.fd = socket(path  ? AF_UNIX
                         : six ? AF_INET6
                               : AF_INET,
                         (path ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (q->watch.fd < 0)
        return -1;
    return path  ? connect(q->watch.fd, (struct sockaddr *)&un, sizeof un)
           : six ? connect(q->watch.fd, (struct sockaddr *)&in6, sizeof in6)
                 : connect(q->watch.fd, (struct sockaddr *)&in, sizeof in);
}

static void try_next(struct question *q)
{
    q->node = pick(q);
    q->sent = 0;
    q->got = 0;
    if (!q->node)
        finish(q, ERR_IO);
    else if (connect_to(q) != 0 || q->loop->watch(q->loop, &q->watch, LOOP_READ) != ERR_OK)
        node_failed(q, strerror(errno));
    else
        send_question(q);
}

/* ---- asking ---- */

struct waiting {
    rtp_done done;
    void *arg;
};

static int over(struct call *c, void *arg, int status, const void *answer)
{
    const struct waiting *w = arg;
    const struct str *text = answer;
    return w->done(c, w->arg, status, text ? *text : STR_NONE);
}

/* A question goes out when its function has returned: a failure may be known at once. */
static void begin(struct timer *t, void *ctx)
{
    (void)ctx;
    try_next(container_of(t, struct question, timer));
}

static uint32_t sum_of(struct str s)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < s.len; i++)
        sum += (uint8_t)s.p[i];
    return sum & 0xff;
}

int rtp_ask(struct call *c, struct rtp_set *set, struct str command, rtp_done done, void *arg)
{
    const struct nathelper_conf *conf = call_conf(c, &nathelper_module);
    struct rtp_state *state = call_state(c, &nathelper_module);
    struct waiting *w = arena_alloc(c->arena, sizeof *w);
    struct str cookie =
        arena_printf(c->arena, "%ld_%016llx ", (long)getpid(), (unsigned long long)call_random(c));
    int status = ERR_NOMEM;
    if (!call_loop(c)->watch) {
        log_err("nathelper: there is no RTPProxy in a simulated world");
        return done(c, arg, ERR_UNSUPPORTED, STR_NONE);
    }
    struct question *q = calloc(1, sizeof *q + cookie.len + command.len + 1);
    if (q && w && cookie.p) {
        *w = (struct waiting){done, arg};
        q->wait = call_wait(c, NULL, over, w, &status);
    }
    if (!q || !q->wait) {
        free(q);
        return done(c, arg, status, STR_NONE);
    }
    q->loop = call_loop(c);
    q->set = set;
    q->version = version_hold(c);
    q->watch = (struct watch){.fd = -1, .ready = ready};
    q->patience = conf->rtpproxy_tout * 1000;
    q->repeats = conf->rtpproxy_retr;
    q->pause = (uint64_t)conf->rtpproxy_disable_tout * 1000;
    q->sum = sum_of(c->msg->call_id);
    q->cookie = cookie.len;
    q->len = cookie.len + command.len + 1;
    memcpy(q->text, cookie.p, cookie.len);
    memcpy(q->text + cookie.len, command.p, command.len);
    q->text[q->len - 1] = '\n';
    list_append(&state->asked[call_worker(c)], &q->link);
    wheel_arm(q->loop->wheel, &q->timer, q->loop->now, begin);
    return CALL_SUSPENDED;
}

struct rtp_state *rtp_state_new(void)
{
    struct rtp_state *s = calloc(1, sizeof *s);
    for (unsigned i = 0; s && i < RTP_WORKERS; i++)
        list_init(&s->asked[i]);
    return s;
}

void rtp_state_leave(struct rtp_state *s, unsigned worker)
{
    while (!list_empty(&s->asked[worker]))
        finish(container_of(s->asked[worker].next, struct question, link), ERR_STATE);
}
