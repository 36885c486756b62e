/* Blocks in spans in chunks. */
/* SPDX-License-Identifier: MIT */
#include "core/base/slab.h"

#include <stdint.h>

#include "core/base/pages.h"

enum { SPAN = 65536, SPANS = PAGES_LARGE / SPAN };

struct span {
    struct list link; /* in open, while it has blocks to give */
    void *freed;      /* blocks that came back, each points to the next */
    uint32_t fresh;   /* where the next block lies that was never given, from the chunk's start */
    uint32_t end;     /* where the span ends */
    uint32_t size;    /* of a block */
    uint32_t used;    /* blocks given */
};

struct slab_chunk {
    struct slab *slab;
    struct list link; /* in roomy, while a span is free */
    uint32_t free;    /* a bit a span */
    struct span span[SPANS];
};

_Static_assert(SPANS == 32, "chunks have a bit a span");
enum {
    ALL_FREE = -1,
    FIRST = (sizeof(struct slab_chunk) + SLAB_GRAIN - 1) / SLAB_GRAIN * SLAB_GRAIN
};

static struct slab_chunk *chunk_of(void *block)
{
    char *p = block;
    return (struct slab_chunk *)(void *)(p - (uintptr_t)p % PAGES_LARGE);
}

void slab_init(struct slab *s)
{
    for (unsigned i = 0; i < SLAB_SIZES; i++)
        list_init(&s->open[i]);
    list_init(&s->roomy);
    s->spare = NULL;
    s->mapped = 0;
}

void slab_end(struct slab *s)
{
    slab_trim(s);
    slab_init(s);
}

static void chunk_give(struct slab *s, struct slab_chunk *c)
{
    list_remove(&c->link);
    s->mapped -= PAGES_LARGE;
    pages_give(c);
}

void slab_trim(struct slab *s)
{
    if (s->spare)
        chunk_give(s, s->spare);
    s->spare = NULL;
}

static struct slab_chunk *chunk_new(struct slab *s)
{
    struct slab_chunk *c = pages_take();
    if (!c)
        return NULL;
    c->slab = s;
    c->free = (uint32_t)ALL_FREE;
    list_append(&s->roomy, &c->link);
    s->mapped += PAGES_LARGE;
    s->spare = c;
    return c;
}

/* A chunk of which nothing is used any more. */
static void chunk_done(struct slab_chunk *c)
{
    struct slab *s = c->slab;
    if (s->spare)
        chunk_give(s, c);
    else
        s->spare = c;
}

static struct span *span_new(struct slab *s, uint32_t size)
{
    struct slab_chunk *c =
        list_empty(&s->roomy) ? chunk_new(s) : container_of(s->roomy.next, struct slab_chunk, link);
    if (!c)
        return NULL;
    if (c == s->spare)
        s->spare = NULL;
    unsigned i = (unsigned)__builtin_ctz(c->free);
    c->free &= c->free - 1;
    if (c->free == 0)
        list_remove(&c->link);
    struct span *n = &c->span[i];
    *n = (struct span){.fresh = i ? i * SPAN : FIRST, .end = (i + 1) * SPAN, .size = size};
    list_append(&s->open[size / SLAB_GRAIN - 1], &n->link);
    return n;
}

static void span_done(struct slab_chunk *c, struct span *n)
{
    list_remove(&n->link);
    if (c->free == 0)
        list_append(&c->slab->roomy, &c->link);
    c->free |= (uint32_t)1 << (n - c->span);
    if (c->free == (uint32_t)ALL_FREE)
        chunk_done(c);
}

static bool is_full(const struct span *n)
{
    return !n->freed && n->fresh + n->size > n->end;
}

void *slab_alloc(struct slab *s, size_t size)
{
    unsigned i = (unsigned)((size - 1) / SLAB_GRAIN);
    struct span *n = list_empty(&s->open[i]) ? span_new(s, (i + 1) * SLAB_GRAIN)
                                             : container_of(s->open[i].next, struct span, link);
    if (!n)
        return NULL;
    void *block = n->freed;
    if (block) {
        n->freed = *(void **)block;
    } else {
        block = (char *)chunk_of(n) + n->fresh;
        n->fresh += n->size;
    }
    n->used++;
    if (is_full(n))
        list_remove(&n->link);
    return block;
}

void slab_free(void *block)
{
    struct slab_chunk *c = chunk_of(block);
    struct span *n = &c->span[((char *)block - (char *)c) / SPAN];
    bool was_full = is_full(n);
    *(void **)block = n->freed;
    n->freed = block;
    n->used--;
    if (n->used == 0)
        span_done(c, n);
    else if (was_full)
        list_append(&c->slab->open[n->size / SLAB_GRAIN - 1], &n->link);
}
