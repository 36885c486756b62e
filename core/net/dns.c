/* Questions to name servers: c-ares on the worker's loop. It keeps the servers, asks again, changes
 * server, falls back to TCP; what the answers mean is read by core/base/dns.c. */
/* SPDX-License-Identifier: MIT */
#include <ares.h>
#include <arpa/nameser.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/net/worker.h"

enum { TIMEOUT = 2000 /* ms */, TRIES = 2, UDP_ANSWER = 1232 /* bytes without fragments */ };

/* A socket of c-ares. */
struct dns_socket {
    struct watch watch;
    struct list link;
    struct resolver *resolver;
};

struct resolver {
    struct net_worker *worker;
    ares_channel channel;
    struct list sockets;
    uint64_t due; /* when c-ares wants to be called */
    bool stopping;
};

struct query {
    struct resolver *resolver;
    void *token;
    enum dns_type type;
    bool searched; /* the answer may be for a longer name */
    size_t len;
    char name[DNS_NAME + 1];
};

/* ---- sockets and time ---- */

/* c-ares says how long it can wait for its sockets. */
static void set_timer(struct resolver *r)
{
    struct timeval mem, *tv = ares_timeout(r->channel, NULL, &mem);
    r->due = UINT64_MAX;
    if (tv)
        r->due =
            worker_now(r->worker) + (uint64_t)tv->tv_sec * 1000 + (uint64_t)tv->tv_usec / 1000 + 1;
}

uint64_t resolver_next(const struct net_worker *w)
{
    return w->resolver ? w->resolver->due : UINT64_MAX;
}

void resolver_tick(struct net_worker *w)
{
    struct resolver *r = w->resolver;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(r);
}

static void on_socket(struct watch *w, unsigned events)
{
    struct resolver *r = container_of(w, struct dns_socket, watch)->resolver;
    int fd = w->fd;
    ares_process_fd(r->channel, events & LOOP_READ ? fd : ARES_SOCKET_BAD,
                    events & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
    set_timer(r); /* w may be gone */
}

static struct dns_socket *socket_of(struct resolver *r, int fd)
{
    for (struct list *at = r->sockets.next; at != &r->sockets; at = at->next) {
        struct dns_socket *s = container_of(at, struct dns_socket, link);
        if (s->watch.fd == fd)
            return s;
    }
    return NULL;
}

/* c-ares opens, closes, or waits otherwise for a socket. */
static void on_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = data;
    struct loop *l = &r->worker->others;
    struct dns_socket *s = socket_of(r, fd);
    if (!readable && !writable) {
        if (!s)
            return;
        l->unwatch(l, &s->watch);
        list_remove(&s->link);
        free(s);
        return;
    }
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s)
            return; /* c-ares' own timeout ends the question */
        s->watch = (struct watch){.fd = fd, .ready = on_socket};
        s->resolver = r;
        list_append(&r->sockets, &s->link);
    }
    l->watch(l, &s->watch, (readable ? LOOP_READ : 0u) | (writable ? LOOP_WRITE : 0u));
}

/* ---- answers ---- */

static enum dns_status status_of(int code)
{
    switch (code) {
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
        return DNS_NONE;
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
    case ARES_EFORMERR:
    case ARES_ENOTIMP:
    case ARES_EBADRESP:
    case ARES_ECONNREFUSED: /* also what is said when the last server said SERVFAIL */
        return DNS_BROKEN;
    default:
        return DNS_SILENT;
    }
}

static void tell(struct resolver *r, void *token, const struct dns_answer *a)
{
    struct net_worker *w = r->worker;
    w->net->ops.answered(w->ctx, worker_now(w), token, a);
}

static void on_answer(void *arg, int code, int timeouts, unsigned char *bytes, int n)
{
    struct query *q = arg;
    struct dns_answer a = {.status = status_of(code)};
    struct arena scratch;
    (void)timeouts;
    if (!q->resolver->stopping) {
        arena_init(&scratch, NULL, 4096);
        struct str name = q->searched ? STR_NONE : str_make(q->name, q->len);
        if (bytes && n > 0 &&
            dns_parse(&a, &scratch, name, q->type, str_make((char *)bytes, (size_t)n)) != ERR_OK)
            a = (struct dns_answer){.status = DNS_SILENT};
        tell(q->resolver, q->token, &a);
        arena_reset(&scratch);
    }
    free(q);
}

/* ---- asking ---- */

static bool answer_here(struct resolver *r, struct str name, enum dns_type type, void *token)
{
    struct dns_record record[DNS_RECORDS];
    struct dns_answer a = {.record = record};
    if (!hosts_answer(r->worker->net->hosts, name, type, &a))
        return false;
    tell(r, token, &a);
    return true;
}

int net_ask(struct net_worker *w, struct str name, enum dns_type type, void *token)
{
    struct resolver *r = w->resolver;
    if (name.len == 0 || name.len > DNS_NAME || memchr(name.p, 0, name.len))
        return ERR_INVALID;
    if (!r)
        return ERR_STATE;
    if (answer_here(r, name, type, token))
        return ERR_OK;
    struct query *q = calloc(1, sizeof *q);
    if (!q)
        return ERR_NOMEM;
    q->resolver = r;
    q->token = token;
    q->type = type;
    q->len = name.len;
    memcpy(q->name, name.p, name.len);
    q->searched =
        w->net->dns.search && (type == DNS_A || type == DNS_AAAA) && str_find(name, '.', 0) < 0;
    if (q->searched)
        ares_search(r->channel, q->name, ns_c_in, type, on_answer, q);
    else
        ares_query(r->channel, q->name, ns_c_in, type, on_answer, q);
    set_timer(r);
    return ERR_OK;
}

/* ---- birth and death ---- */

/* The servers that a setting names, or the first of the system's. */
static int choose_servers(ares_channel channel, const struct net *n)
{
    if (n->dns_servers)
        return ares_set_servers_ports_csv(channel, n->dns_servers);
    struct ares_addr_port_node *all = NULL, *at;
    int rc = n->dns.max_servers > 0 ? ares_get_servers_ports(channel, &all) : ARES_SUCCESS;
    if (!all)
        return rc;
    at = all;
    for (int i = 1; at && i < n->dns.max_servers; i++)
        at = at->next;
    struct ares_addr_port_node *rest = at ? at->next : NULL;
    if (at)
        at->next = NULL;
    rc = ares_set_servers_ports(channel, all);
    if (at)
        at->next = rest;
    ares_free_data(all);
    return rc;
}

void resolver_start(struct net_worker *w)
{
    const struct net_dns *d = &w->net->dns;
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return;
    struct ares_options o = {
        .flags = ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
        .timeout = d->timeout > 0 ? d->timeout : TIMEOUT,
        .tries = d->tries > 0 ? d->tries : TRIES,
        .ednspsz = UDP_ANSWER,
        .sock_state_cb = on_state,
        .sock_state_cb_data = r,
    };
    r->worker = w;
    list_init(&r->sockets);
    int rc = ares_init_options(&r->channel, &o,
                               ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                   ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB);
    if (rc == ARES_SUCCESS)
        rc = choose_servers(r->channel, w->net);
    if (rc != ARES_SUCCESS) {
        log_err("worker %u: names cannot be looked up: %s", w->index, ares_strerror(rc));
        if (r->channel)
            ares_destroy(r->channel);
        free(r);
        return;
    }
    r->due = UINT64_MAX;
    w->resolver = r;
}

void resolver_stop(struct net_worker *w)
{
    struct resolver *r = w->resolver;
    if (!r)
        return;
    w->resolver = NULL;
    r->stopping = true;
    ares_destroy(r->channel); /* every question is answered "the end", every socket closed */
    free(r);
}
