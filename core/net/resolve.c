/* Names to addresses without blocking a worker: getaddrinfo on libuv's threads. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/net/worker.h"

enum { NAME_MAX_BYTES = 255 };

struct lookup {
    uv_getaddrinfo_t req;
    struct net_worker *worker; /* NULL: the worker has stopped, the answer is not wanted */
    struct list link;
    void *token;
    uint16_t port;
    uint8_t proto;
};

static bool known(const struct addr *found, unsigned n, const struct addr *a)
{
    for (unsigned i = 0; i < n; i++)
        if (addr_eq(&found[i], a))
            return true;
    return false;
}

static void on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct lookup *l = req->data;
    struct net_worker *w = l->worker;
    struct addr found[RESOLVED_MAX];
    unsigned n = 0;
    for (const struct addrinfo *i = list; status == 0 && i && n < RESOLVED_MAX; i = i->ai_next) {
        found[n] = (struct addr){.proto = l->proto};
        if (addr_from_sockaddr(&found[n], i->ai_addr) != ERR_OK)
            continue;
        found[n].port = l->port;
        n += !known(found, n, &found[n]);
    }
    uv_freeaddrinfo(list);
    void *token = l->token;
    list_remove(&l->link);
    free(l);
    if (w) {
        worker_enter(w);
        w->net->ops.resolved(w->ctx, worker_now(w), token, found, n);
        worker_leave(w);
    }
}

/* An address of a family that no socket of ours speaks is of no use. */
static int wanted_family(const struct net *n)
{
    bool four = false, six = false;
    for (unsigned i = 0; i < n->listens; i++)
        if (n->listen[i].ip.family == 6)
            six = true;
        else
            four = true;
    return four == six ? AF_UNSPEC : six ? AF_INET6 : AF_INET;
}

int net_resolve(struct net_worker *w, struct str name, uint16_t port, enum proto proto, void *token)
{
    char z[NAME_MAX_BYTES + 1];
    if (name.len == 0 || name.len > NAME_MAX_BYTES || memchr(name.p, 0, name.len))
        return ERR_INVALID;
    memcpy(z, name.p, name.len);
    z[name.len] = 0;
    struct lookup *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    *l = (struct lookup){.worker = w, .token = token, .port = port, .proto = (uint8_t)proto};
    l->req.data = l;
    struct addrinfo hints = {.ai_family = wanted_family(w->net),
                             .ai_socktype = proto == PROTO_UDP ? SOCK_DGRAM : SOCK_STREAM};
    if (uv_getaddrinfo(&w->loop, &l->req, on_answer, z, NULL, &hints) != 0) {
        free(l);
        return ERR_INVALID;
    }
    list_append(&w->lookups, &l->link);
    return ERR_OK;
}

void resolve_stop(struct net_worker *w)
{
    while (!list_empty(&w->lookups)) {
        struct lookup *l = container_of(w->lookups.next, struct lookup, link);
        l->worker = NULL;
        list_remove(&l->link);
        uv_cancel((uv_req_t *)&l->req); /* one that has begun runs to its end, unheard */
    }
}
