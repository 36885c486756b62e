/* Sockets, threads, signals and names: the only folder that knows libuv. It moves datagrams in
 * batches between the kernel and whoever is behind struct net_ops, and knows no SIP beyond what its
 * user tells it. A worker is run by one thread at a time: its own when there is much to do, another
 * one's that has time when there is not. */
/* SPDX-License-Identifier: MIT */
#ifndef NET_NET_H
#define NET_NET_H

#include "core/base/addr.h"
#include "core/base/dns.h"
#include "core/base/loop.h"
#include "core/base/spread.h"

struct net;
struct net_worker;

/* A datagram, or a message of a stream. bytes are valid during the call only. */
struct packet {
    struct str bytes;
    struct addr src;
    uint16_t socket; /* number of the listening socket */
};

/* The kernel's queue of new requests as they are read. */
struct net_queue {
    uint64_t clock;   /* us since 1970 */
    uint32_t waited;  /* us: the oldest of what is read now */
    uint32_t dropped; /* that found no room since the last time */
};

/* All but user are called on the thread that runs the worker, one at a time; which one that is may
 * change between two calls. ctx is what start returned.
 * now is a monotonic clock in ms, wall the time of day in ms since 1970. */
struct net_ops {
    void *user;
    /* A worker begins, on a thread of its own: returns its context, NULL to give up. */
    void *(*start)(void *user, unsigned index, struct net_worker *w, uint64_t now);
    /* Which worker a message belongs to, < workers. Called on whichever thread received it. */
    unsigned (*owner)(void *user, const struct packet *p, unsigned workers);
    void (*input)(void *ctx, uint64_t now, uint64_t wall, const struct packet *p);
    /* What is read next are new requests. May be NULL. */
    void (*queued)(void *ctx, uint64_t now, uint64_t wall, const struct net_queue *q);
    /* Time has passed: fire timers. Called at or after the time next() gave, when nothing else
     * happens up to 16 ms later. */
    void (*tick)(void *ctx, uint64_t now, uint64_t wall);
    /* When tick is wanted; UINT64_MAX for never. Asked after each batch. */
    uint64_t (*next)(void *ctx);
    /* An item posted by net_post arrives. */
    void (*posted)(void *ctx, uint64_t now, void *item);
    /* The kernel reported (ICMP) that nobody is there, or refused to send. An ICMP report reaches
     * any worker's socket, so each worker is told; one that sent nothing there ignores it. */
    void (*unreachable)(void *ctx, uint64_t now, uint16_t socket, const struct addr *dst);
    /* What net_ask asked was answered; a lives as long as the call. From inside net_ask when the
     * answer is known here. Not called for what is still in progress when the worker ends. */
    void (*answered)(void *ctx, uint64_t now, void *token, const struct dns_answer *a);
    /* The worker ends; free ctx. */
    void (*stop)(void *ctx);
    /* On net_run's thread, may be NULL: workers run, and its own loop is there for others until
     * main_stop, the last thing before workers are ended. */
    void (*main_start)(void *user, struct loop *loop);
    void (*main_stop)(void *user);
};

/* How the domain name system is asked. */
struct net_dns {
    struct str servers; /* "192.0.2.1:5353,2001:db8::1"; empty: those of /etc/resolv.conf */
    int timeout;        /* ms until a question is asked again */
    int tries;          /* how often a server is asked */
    int max_servers;    /* the first so many; 0: all */
    bool search;        /* short names of hosts are completed by the system's search list */
    const char *hosts;  /* file of names; NULL: /etc/hosts */
};

struct net_config {
    unsigned workers;          /* at least 1; a thread each */
    bool apart;                /* and each runs its own, however light the load (balance.h) */
    const struct addr *listen; /* sockets to open; numbers are indexes */
    unsigned listens;
    int tos;            /* IP_TOS, < 0 to leave */
    int receive_buffer; /* bytes wanted for SO_RCVBUF, 0 to leave */
    /* How ops->owner shares calls out, so that the kernel can deliver most messages to their owner
     * at once, new requests to a queue of their own behind which nothing else has to wait; NULL
     * when it does so otherwise. */
    const struct spread *spread;
    struct net_dns dns; /* zeroes: 2 s, twice, all servers; texts are copied */
};

/* Opens every socket (SO_REUSEPORT, one a worker) but starts nothing: a fork may still come between
 * this and net_run. A port that any other program has, a second instance of ours included, is an
 * error. On failure an error code, and one sentence in error (may be NULL): which address, what the
 * system said. */
int net_open(struct net **out, const struct net_config *c, const struct net_ops *ops,
             struct buf *error);
/* Starts the workers and runs the calling thread's loop until net_stop; signals arrive here. */
int net_run(struct net *n);
/* Ends net_run cleanly: workers finish their batch, stop is called for each. Any thread, or a
 * signal handler of net_on_signal. */
void net_stop(struct net *n);
void net_free(struct net *n);
/* Where socket i listens: as configured, a port of 0 replaced by the one the system chose. */
const struct addr *net_listening(const struct net *n, unsigned i);

/* fn runs on net_run's thread when the process gets the signal. Before net_run. */
int net_on_signal(struct net *n, int signum, void (*fn)(void *user, int signum), void *user);
/* Runs work on a thread of its own and then done on net_run's thread: compiling a script aside.
 * Call it on net_run's thread. done is always called, even while all is ending. */
int net_work(struct net *n, void (*work)(void *arg), void (*done)(void *arg), void *arg);

/* Hands an item to a worker; any thread. Items of one thread arrive in their order. ERR_STATE once
 * net_stop was called; an item posted in that very moment may be lost, so keep track of it. */
int net_post(struct net *n, unsigned worker, void *item);
/* The same for an item that knows what to do: that of a worker's struct loop, from any thread. */
int net_post_loop(struct net *n, unsigned worker, struct loop_item *i);

/* Queues a datagram; sent with the batch, at the latest when the callback in progress returns.
 * bytes are copied if they cannot be sent at once. On the worker's thread only. */
void net_send(struct net_worker *w, uint16_t socket, const struct addr *dst, struct str bytes);
/* Asks the domain name system without blocking (dns.c); the answer comes through ops->answered with
 * token. Names of /etc/hosts, as it was at the start, are answered from there. ERR_INVALID for what
 * is no name, ERR_NOMEM. */
int net_ask(struct net_worker *w, struct str name, enum dns_type type, void *token);
unsigned net_worker_index(const struct net_worker *w);
/* For descriptors and items of others on this worker's thread. ops->tick is called before each of
 * their callbacks; the user keeps its wheel and now. */
struct loop *net_loop(struct net_worker *w);

/* Turns what listen= may say into addresses: an address, a host name or an interface; empty host
 * means every IPv4 interface that is up. Blocks: at start only. Returns how many, < 0 for an error.
 */
int net_expand(struct addr *out, unsigned max, struct str host, uint16_t port, enum proto proto);
/* The source address the kernel would use towards dst (mhomed). ERR_NOROUTE. */
int net_source_for(struct ip *out, const struct addr *dst);

/* Counters of all workers since start. */
struct net_stats {
    uint64_t received, sent, send_errors, handed_over, dropped, batches;
    uint64_t kernel_drops; /* new requests that did not fit into the kernel's queue */
    unsigned threads;      /* that run workers now */
};
void net_stats(const struct net *n, struct net_stats *out);

#endif
