/* The address of a database server's name: asked on a thread of its own, since the libraries would
 * ask while a worker waits. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/db/priv.h"

struct lookup {
    struct loop_item item;
    struct loop *loop;
    _Atomic int holders; /* who asked, and the thread or its item */
    lookup_done done;    /* NULL: nobody wants to know any more */
    void *arg;
    unsigned turn;
    char host[DB_URL_MAX + 1], address[DB_ADDRESS_MAX];
};

static void let_go(struct lookup *l)
{
    if (atomic_fetch_sub(&l->holders, 1) == 1)
        free(l);
}

bool lookup_needed(struct str host)
{
    char text[DB_URL_MAX + 1];
    struct in6_addr address;
    if (host.len == 0 || host.len > DB_URL_MAX || str_ieq(host, STR("localhost")))
        return false;
    memcpy(text, host.p, host.len);
    text[host.len] = 0;
    return inet_pton(AF_INET, text, &address) != 1 && inet_pton(AF_INET6, text, &address) != 1;
}

/* Of several addresses each has its turn. */
static const struct addrinfo *choose(const struct addrinfo *all, unsigned turn)
{
    unsigned n = 0;
    for (const struct addrinfo *a = all; a; a = a->ai_next)
        n++;
    const struct addrinfo *one = all;
    for (unsigned i = n ? turn % n : 0; i > 0; i--)
        one = one->ai_next;
    return one;
}

static void *ask(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    if (getaddrinfo(l->host, NULL, &hints, &all) == 0 && all) {
        const struct addrinfo *one = choose(all, l->turn);
        if (getnameinfo(one->ai_addr, one->ai_addrlen, l->address, sizeof l->address, NULL, 0,
                        NI_NUMERICHOST) != 0)
            l->address[0] = 0;
    }
    if (all)
        freeaddrinfo(all);
    if (l->loop->post(l->loop, &l->item) != ERR_OK)
        let_go(l);
    return NULL;
}

static void answered(struct loop_item *i)
{
    struct lookup *l = container_of(i, struct lookup, item);
    if (l->done) {
        l->done(l->arg, l->address);
        let_go(l);
    }
    let_go(l);
}

struct lookup *lookup_start(struct loop *loop, struct str host, unsigned turn, lookup_done done,
                            void *arg)
{
    struct lookup *l = calloc(1, sizeof *l);
    pthread_attr_t detached;
    pthread_t thread;
    sigset_t all, before;
    if (!l)
        return NULL;
    l->item.fn = answered;
    l->loop = loop;
    l->done = done;
    l->arg = arg;
    l->turn = turn;
    memcpy(l->host, host.p, host.len);
    atomic_init(&l->holders, 2);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = pthread_create(&thread, &detached, ask, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
    if (rc == 0)
        return l;
    free(l);
    return NULL;
}

void lookup_forget(struct lookup *l)
{
    l->done = NULL;
    let_go(l);
}
