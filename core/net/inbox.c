/* The queue between threads and the pool of its nodes. */
/* SPDX-License-Identifier: MIT */
#include "core/net/inbox.h"

#include <stdlib.h>

/* Whole nodes in bytes: nearly every message, a large one, the largest datagram there is. */
static const size_t class_size[INBOX_CLASSES] = {2048, 8192, 66048};

void inbox_init(struct inbox *in)
{
    atomic_init(&in->newest, NULL);
}

void inbox_chain_add(struct inbox_chain *c, struct inbox_node *n)
{
    n->next = c->newest;
    c->newest = n;
    if (!c->oldest)
        c->oldest = n;
}

void inbox_push(struct inbox *in, struct inbox_chain *c)
{
    struct inbox_node *head = atomic_load_explicit(&in->newest, memory_order_relaxed);
    /* sequentially consistent, because the pusher then asks whether the reader sleeps while the
     * reader, about to sleep, asks whether something was pushed */
    do
        c->oldest->next = head;
    while (!atomic_compare_exchange_weak(&in->newest, &head, c->newest));
    *c = (struct inbox_chain){NULL, NULL};
}

static struct inbox_node *reverse(struct inbox_node *n)
{
    struct inbox_node *list = NULL;
    while (n) {
        struct inbox_node *next = n->next;
        n->next = list;
        list = n;
        n = next;
    }
    return list;
}

struct inbox_node *inbox_take(struct inbox *in)
{
    if (atomic_load_explicit(&in->newest, memory_order_relaxed) == NULL)
        return NULL;
    return reverse(atomic_exchange(&in->newest, NULL));
}

void inbox_pool_init(struct inbox_pool *p, size_t limit)
{
    memset(p, 0, sizeof *p);
    p->limit = limit;
    inbox_init(&p->returned);
}

static void collect(struct inbox_pool *p)
{
    struct inbox_node *n = atomic_exchange(&p->returned.newest, NULL);
    while (n) {
        struct inbox_node *next = n->next;
        n->next = p->free[n->size_class];
        p->free[n->size_class] = n;
        n = next;
    }
}

void inbox_pool_free(struct inbox_pool *p)
{
    collect(p);
    for (unsigned c = 0; c < INBOX_CLASSES; c++)
        while (p->free[c]) {
            struct inbox_node *n = p->free[c];
            p->free[c] = n->next;
            free(n);
        }
}

/* Frees idle nodes of other classes until one of class c fits; or what was common once would keep
 * the pool from what is common now. */
static bool make_room(struct inbox_pool *p, unsigned c)
{
    for (unsigned other = 0; other < INBOX_CLASSES; other++)
        while (p->held + class_size[c] > p->limit && p->free[other]) {
            struct inbox_node *n = p->free[other];
            p->free[other] = n->next;
            p->held -= class_size[other];
            free(n);
        }
    return p->held + class_size[c] <= p->limit;
}

static struct inbox_node *grow(struct inbox_pool *p, unsigned c)
{
    struct inbox_node *n = make_room(p, c) ? malloc(class_size[c]) : NULL;
    if (!n)
        return NULL;
    p->held += class_size[c];
    p->mallocs++;
    n->home = p;
    n->size_class = (uint8_t)c;
    return n;
}

struct inbox_node *inbox_node_new(struct inbox_pool *p, size_t n)
{
    unsigned c = 0;
    while (class_size[c] < sizeof(struct inbox_node) + n)
        if (++c == INBOX_CLASSES)
            return NULL;
    if (!p->free[c])
        collect(p);
    struct inbox_node *node = p->free[c];
    if (!node)
        return grow(p, c);
    p->free[c] = node->next;
    return node;
}

void inbox_give_back(struct inbox_node *list)
{
    struct inbox_chain run = {NULL, NULL}; /* neighbours of one home go back together */
    struct inbox_pool *home = NULL;
    while (list) {
        struct inbox_node *n = list;
        list = n->next;
        if (n->home != home && run.newest)
            inbox_push(&home->returned, &run);
        home = n->home;
        if (home)
            inbox_chain_add(&run, n);
        else
            free(n);
    }
    if (run.newest)
        inbox_push(&home->returned, &run);
}
