/* What travels between threads: messages for another worker, posted items, ICMP reports. Any thread
 * pushes, one takes; no lock. A node belongs to the pool of the worker that filled it and goes back
 * there when it has been read, so that nobody calls malloc once the pools are warm. */
/* SPDX-License-Identifier: MIT */
#ifndef NET_INBOX_H
#define NET_INBOX_H

#include <stdatomic.h>

#include "core/base/addr.h"

enum { CACHE_LINE = 64 };

enum inbox_kind {
    INBOX_PACKET,      /* bytes, src in addr */
    INBOX_UNREACHABLE, /* destination in addr */
    INBOX_ITEM,        /* net_post */
    INBOX_LOOP,        /* struct loop_item, of struct loop's post */
};

struct inbox_pool;

struct inbox_node {
    struct inbox_node *next;
    struct inbox_pool *home; /* NULL: alone, from malloc */
    void *item;
    size_t len;
    struct addr addr;
    uint16_t socket;
    uint8_t kind;       /* enum inbox_kind */
    uint8_t size_class; /* of home */
    char bytes[];
};

/* Pushed with one compare-and-swap and taken whole with one exchange: no ABA question arises. */
struct inbox {
    _Alignas(CACHE_LINE) _Atomic(struct inbox_node *) newest;
};

/* Nodes on their way to one inbox, newest first, pushed together. */
struct inbox_chain {
    struct inbox_node *newest, *oldest;
};

enum { INBOX_CLASSES = 3 };

/* Nodes of one worker. Only returned is touched by others. */
struct inbox_pool {
    struct inbox_node *free[INBOX_CLASSES];
    size_t held, limit; /* bytes of all nodes; most there may be */
    uint64_t mallocs;   /* constant in the steady state */
    struct inbox returned;
};

/* Makes it empty. */
void inbox_init(struct inbox *in);
/* Puts a node behind those in the chain. */
void inbox_chain_add(struct inbox_chain *c, struct inbox_node *n);
/* Pushes a chain, which must hold a node, and leaves it empty. */
void inbox_push(struct inbox *in, struct inbox_chain *c);
/* Takes all there is, oldest first; NULL when empty. Its one reader only. */
struct inbox_node *inbox_take(struct inbox *in);
static inline bool inbox_empty(struct inbox *in)
{
    return atomic_load(&in->newest) == NULL;
}

/* An empty pool of at most limit bytes. */
void inbox_pool_init(struct inbox_pool *p, size_t limit);
/* Frees the nodes that are back home. */
void inbox_pool_free(struct inbox_pool *p);
/* A node with room for n bytes; NULL when the limit is reached or memory is out. */
struct inbox_node *inbox_node_new(struct inbox_pool *p, size_t n);
/* Gives a list of nodes, linked by next, back to their pools. Any thread. */
void inbox_give_back(struct inbox_node *list);

#endif
