/* The whole: opens the sockets of all workers, starts and ends them, runs the main loop. */
/* SPDX-License-Identifier: MIT */
#include "core/net/net.h"

#include <ares.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/net/worker.h"

/* -- opening ---------------------------------------------------------------------------------- */

static const char *bind_problem(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program has that port";
    case EADDRNOTAVAIL:
        return "this machine has no such address";
    case EACCES:
        return "ports below 1024 need root's rights";
    default:
        return strerror(error);
    }
}

static void explain(struct buf *error, const struct addr *a, const char *problem)
{
    char text[ADDR_TEXT];
    struct str where = addr_text(text, a);
    if (error)
        buf_printf(error, "cannot listen on %.*s: %s", STR_ARG(where), problem);
}

/* Socket number `at` of each worker, for address i. The order in which they are bound is what
 * steering counts by. */
static int open_row(struct net *n, const struct net_config *c, unsigned i, unsigned at)
{
    for (unsigned w = 0; w < n->workers; w++) {
        int fd = udp_open(&n->listen[i], c, at == i && w == 0, n->workers > 1 || n->sorted);
        if (fd < 0)
            return ERR_IO;
        struct udp *u = &n->worker[w]->sockets[at];
        u->fd = fd;
        u->number = (uint16_t)i;
        u->worker = n->worker[w];
        u->fresh = at != i;
    }
    return ERR_OK;
}

static void close_row(struct net *n, unsigned at)
{
    for (unsigned w = 0; w < n->workers; w++) {
        struct udp *u = &n->worker[w]->sockets[at];
        if (u->fd >= 0)
            close(u->fd);
        u->fd = -1;
    }
}

/* New requests get sockets of their own, if the kernel agrees to sort what comes. */
static void open_for_new(struct net *n, const struct net_config *c, unsigned i)
{
    unsigned at = n->listens + i;
    if (open_row(n, c, i, at) != ERR_OK ||
        !steer(n->worker[0]->sockets[i].fd, c->spread, n->workers, n->reader)) {
        close_row(n, at);
        at = i;
    }
    for (unsigned w = 0; w < n->workers; w++)
        udp_measure(&n->worker[w]->sockets[at]);
}

/* One address in every worker. */
static int open_address(struct net *n, const struct net_config *c, unsigned i, struct buf *error)
{
    struct addr *a = &n->listen[i];
    if (a->proto != PROTO_UDP || a->ip.family == 0) {
        explain(error, a, a->ip.family ? "only udp is built yet" : "no address");
        return ERR_UNSUPPORTED;
    }
    if (open_row(n, c, i, i) != ERR_OK) {
        explain(error, a, bind_problem(errno));
        return ERR_IO;
    }
    if (n->sorted)
        open_for_new(n, c, i);
    return ERR_OK;
}

static int open_all(struct net *n, const struct net_config *c, struct buf *error)
{
    n->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    n->listen = calloc(c->listens ? c->listens : 1, sizeof *n->listen);
    n->worker = calloc(c->workers, sizeof(struct net_worker *));
    n->runner = calloc(c->workers, sizeof *n->runner);
    n->reader = calloc(c->workers, sizeof *n->reader);
    if (n->wake_fd < 0 || !n->listen || !n->worker || !n->runner || !n->reader)
        return n->wake_fd < 0 ? ERR_IO : ERR_NOMEM;
    n->listens = c->listens;
    n->workers = c->workers;
    n->apart = c->apart;
    n->sorted = c->spread != NULL;
    n->spread = c->spread;
    for (unsigned i = 0; i < n->workers; i++)
        n->reader[i] = i;
    n->sockets = n->sorted ? 2 * n->listens : n->listens;
    if (c->listens)
        memcpy(n->listen, c->listen, c->listens * sizeof *n->listen);
    int rc = ERR_OK;
    for (unsigned i = 0; rc == ERR_OK && i < n->workers; i++) {
        rc = worker_new(&n->worker[i], n, i);
        if (rc == ERR_OK)
            rc = runner_init(&n->runner[i], n, i);
    }
    for (unsigned i = 0; rc == ERR_OK && i < n->listens; i++)
        rc = open_address(n, c, i, error);
    return rc;
}

/* What every worker's resolver goes by. */
static int open_names(struct net *n, const struct net_dns *d)
{
    n->dns = *d;
    n->dns.servers = STR_NONE;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return ERR_NOMEM;
    n->names_open = true;
    if (d->servers.len && !(n->dns_servers = strndup(d->servers.p, d->servers.len)))
        return ERR_NOMEM;
    n->hosts = hosts_read(d->hosts ? d->hosts : "/etc/hosts");
    return ERR_OK;
}

int net_open(struct net **out, const struct net_config *c, const struct net_ops *ops,
             struct buf *error)
{
    if (c->workers == 0 || c->listens > UINT16_MAX)
        return ERR_INVALID;
    struct net *n = calloc(1, sizeof *n);
    if (!n)
        return ERR_NOMEM;
    n->ops = *ops;
    n->wake_fd = -1;
    int rc = open_names(n, &c->dns);
    if (rc == ERR_OK)
        rc = open_all(n, c, error);
    if (rc != ERR_OK) {
        net_free(n);
        return rc;
    }
    *out = n;
    return ERR_OK;
}

void net_free(struct net *n)
{
    if (!n)
        return;
    /* first every node goes home, then the homes go */
    for (unsigned i = 0; i < n->workers; i++)
        if (n->worker[i])
            inbox_give_back(inbox_take(&n->worker[i]->inbox));
    for (unsigned i = 0; i < n->workers; i++) {
        worker_free(n->worker[i]);
        runner_free(&n->runner[i]);
    }
    gather_free(n);
    if (n->wake_fd >= 0)
        close(n->wake_fd);
    if (n->main_begun)
        uv_mutex_destroy(&n->main.lock);
    hosts_free(n->hosts);
    free(n->dns_servers);
    if (n->names_open)
        ares_library_cleanup();
    free(n->worker);
    free(n->runner);
    free(n->reader);
    free(n->listen);
    free(n);
}

/* -- the main loop ---------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

/* Workers first, wherever they sit, then the threads. */
static void stop_workers(struct net *n)
{
    gather_end(n);
    for (unsigned i = 0; i < n->started; i++) {
        atomic_store(&n->worker[i]->stopping, true);
        wake_write(n->worker[i]->wake_fd);
    }
    for (unsigned i = 0; i < n->started; i++)
        uv_sem_wait(&n->ended);
    for (unsigned i = 0; i < n->started; i++)
        runner_stop(&n->runner[i]);
    n->started = 0;
}

static void start_serving(struct net *n)
{
    n->serving = n->ops.main_start != NULL;
    if (n->serving) {
        n->ops.main_start(n->ops.user, &n->main.loop);
        main_loop_settle(&n->main);
    }
}

static void stop_serving(struct net *n)
{
    if (n->serving && n->ops.main_stop)
        n->ops.main_stop(n->ops.user);
    n->serving = false;
    if (n->main_begun)
        main_loop_end(&n->main);
}

static void on_wake(uv_poll_t *p, int status, int events)
{
    struct net *n = p->data;
    (void)status, (void)events;
    wake_read(n->wake_fd);
    if (!atomic_load(&n->stopping)) {
        main_loop_posted(&n->main);
        gather_check(n);
        return;
    }
    stop_serving(n);
    stop_workers(n);
    uv_walk(&n->loop, close_handle, NULL);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct signal_watch *s = handle->data;
    s->fn(s->user, signum);
}

static int start_main_handles(struct net *n)
{
    int rc = uv_poll_init(&n->loop, &n->wake, n->wake_fd);
    n->wake.data = n;
    if (rc == 0)
        rc = uv_poll_start(&n->wake, UV_READABLE, on_wake);
    if (rc == 0)
        rc = main_loop_begin(&n->main, &n->loop, n->wake_fd);
    n->main_begun = rc == 0;
    for (unsigned i = 0; rc == 0 && i < n->signal_count; i++) {
        struct signal_watch *s = &n->signals[i];
        rc = uv_signal_init(&n->loop, &s->handle);
        s->handle.data = s;
        if (rc == 0)
            rc = uv_signal_start(&s->handle, on_signal, s->signum);
    }
    return rc;
}

static int start_workers(struct net *n)
{
    for (; n->started < n->workers; n->started++) {
        int rc = runner_start(&n->runner[n->started], n->worker[n->started]);
        if (rc != 0)
            return rc;
    }
    return gather_begin(n);
}

int net_run(struct net *n)
{
    int rc = n->running ? UV_EBUSY : uv_loop_init(&n->loop);
    if (rc != 0)
        return ERR_STATE;
    n->running = true;
    rc = uv_sem_init(&n->ended, 0);
    signal(SIGPIPE, SIG_IGN);
    if (rc == 0)
        rc = start_main_handles(n);
    if (rc == 0)
        rc = start_workers(n);
    if (rc != 0) {
        log_err("cannot start: %s", uv_strerror(rc));
        atomic_store(&n->status, ERR_IO);
        stop_serving(n);
        stop_workers(n);
        uv_walk(&n->loop, close_handle, NULL);
    } else {
        start_serving(n);
    }
    uv_run(&n->loop, UV_RUN_DEFAULT); /* ends when all is closed and all work is done */
    uv_loop_close(&n->loop);
    uv_sem_destroy(&n->ended);
    return atomic_load(&n->status);
}

void net_stop(struct net *n)
{
    atomic_store(&n->stopping, true);
    wake_write(n->wake_fd);
}

int net_on_signal(struct net *n, int signum, void (*fn)(void *user, int signum), void *user)
{
    if (n->running)
        return ERR_STATE;
    if (n->signal_count == SIGNALS_MAX)
        return ERR_LIMIT;
    struct signal_watch *s = &n->signals[n->signal_count++];
    *s = (struct signal_watch){.net = n, .signum = signum, .fn = fn, .user = user};
    return ERR_OK;
}

/* -- work and posts --------------------------------------------------------------------------- */

struct work {
    uv_work_t req;
    struct net *net;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

static void do_work(uv_work_t *req)
{
    struct work *k = req->data;
    k->work(k->arg);
}

static void work_done(uv_work_t *req, int status)
{
    struct work *k = req->data;
    (void)status; /* never cancelled: what began with net_work ends with done */
    k->done(k->arg);
    main_loop_settle(&k->net->main); /* it may have begun a timer */
    free(k);
}

int net_work(struct net *n, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    if (!n->running)
        return ERR_STATE;
    struct work *k = malloc(sizeof *k);
    if (!k)
        return ERR_NOMEM;
    *k = (struct work){.net = n, .work = work, .done = done, .arg = arg};
    k->req.data = k;
    if (uv_queue_work(&n->loop, &k->req, do_work, work_done) != 0) {
        free(k);
        return ERR_STATE;
    }
    return ERR_OK;
}

int net_post(struct net *n, unsigned worker, void *item)
{
    return net_post_kind(n, worker, INBOX_ITEM, item);
}

int net_post_loop(struct net *n, unsigned worker, struct loop_item *i)
{
    return net_post_kind(n, worker, INBOX_LOOP, i);
}

int net_post_kind(struct net *n, unsigned worker, enum inbox_kind kind, void *item)
{
    if (worker >= n->workers)
        return ERR_INVALID;
    if (atomic_load(&n->stopping))
        return ERR_STATE;
    struct inbox_node *node = malloc(sizeof *node);
    if (!node)
        return ERR_NOMEM;
    *node = (struct inbox_node){.kind = (uint8_t)kind, .item = item};
    struct inbox_chain chain = {node, node};
    inbox_push(&n->worker[worker]->inbox, &chain);
    worker_wake(n->worker[worker]);
    return ERR_OK;
}

/* -- questions -------------------------------------------------------------------------------- */

void net_stats(const struct net *n, struct net_stats *out)
{
    *out = (struct net_stats){0};
    for (unsigned i = 0; i < n->workers; i++) {
        const struct counters *c = &n->worker[i]->count;
#define ADD(field) out->field += atomic_load_explicit(&c->field, memory_order_relaxed)
        ADD(received);
        ADD(sent);
        ADD(send_errors);
        ADD(handed_over);
        ADD(dropped);
        ADD(batches);
        ADD(kernel_drops);
#undef ADD
        out->threads += atomic_load(&n->runner[i].seated) != 0;
    }
}

const struct addr *net_listening(const struct net *n, unsigned i)
{
    return &n->listen[i];
}
