/* Bump allocation from pooled blocks, and text buffers on top. */
/* SPDX-License-Identifier: MIT */
#include "core/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRAIN = 64, FINE = 64, LARGEST = 65536, ALIGN = ARENA_ALIGN };
enum { MAX_DIGITS = 20 }; /* of 64 bits */

/* From how many bytes of blocks on a pool takes further ones from slabs: what is less finds its
 * place in the caches, and a small process is to stay small. Never under AddressSanitizer, which
 * looks after each block that comes from malloc. */
#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SLABS_FROM SIZE_MAX
#else
#define SLABS_FROM ((size_t)4 << 20)
#endif

static const uint32_t coarse_size[ARENA_CLASSES - FINE] = {6144, 8192, 16384, 32768, LARGEST};

static size_t class_size(unsigned c)
{
    return c < FINE ? (size_t)(c + 1) * GRAIN : coarse_size[c - FINE];
}

struct arena_block {
    struct arena_block *next;
    size_t size : 63; /* bytes of the whole block, this head included */
    size_t slab : 1;  /* it came from the pool's slab, not from malloc */
    char data[] __attribute__((aligned(ALIGN)));
};

/* The class whose blocks hold need bytes; ARENA_CLASSES when it is larger than any. */
static unsigned class_for(size_t need)
{
    if (need <= FINE * GRAIN)
        return need ? (unsigned)((need - 1) / GRAIN) : 0;
    unsigned c = FINE;
    while (c < ARENA_CLASSES && class_size(c) < need)
        c++;
    return c;
}

void arena_pool_init(struct arena_pool *p, size_t keep)
{
    memset(p, 0, sizeof *p);
    p->keep = keep;
    slab_init(&p->slab);
}

static struct arena_block *block_new(struct arena_pool *p, size_t size)
{
    bool slab = p && p->live + p->held >= SLABS_FROM && size <= SLAB_LARGEST;
    struct arena_block *b = slab ? slab_alloc(&p->slab, size) : malloc(size);
    if (b) {
        b->size = size;
        b->slab = slab;
    }
    return b;
}

static void block_free(struct arena_block *b)
{
    if (b->slab)
        slab_free(b);
    else
        free(b);
}

void arena_pool_free(struct arena_pool *p)
{
    for (unsigned c = 0; c < ARENA_CLASSES; c++)
        while (p->free[c]) {
            struct arena_block *b = p->free[c];
            p->free[c] = b->next;
            block_free(b);
        }
    slab_end(&p->slab);
    p->held = 0;
}

void arena_pool_rest(struct arena_pool *p)
{
    slab_trim(&p->slab);
}

size_t arena_pool_trim(struct arena_pool *p, size_t most)
{
    size_t freed = 0;
    for (unsigned c = 0; c < ARENA_CLASSES; c++) {
        for (uint32_t idle = p->low[c]; idle && freed < most; idle--) {
            struct arena_block *b = p->free[c];
            p->free[c] = b->next;
            p->count[c]--;
            freed += b->size;
            block_free(b);
        }
        p->low[c] = p->count[c];
    }
    p->held -= freed;
    return freed;
}

static struct arena_block *block_refused(struct arena_pool *p)
{
    if (p)
        p->refused++;
    return NULL;
}

static struct arena_block *block_take(struct arena_pool *p, size_t need)
{
    unsigned c = class_for(need);
    size_t size = c < ARENA_CLASSES ? class_size(c) : need;
    if (p && p->most && p->live + size > p->most)
        return block_refused(p);
    struct arena_block *b = p && c < ARENA_CLASSES ? p->free[c] : NULL;
    if (b) {
        p->free[c] = b->next;
        p->held -= size;
        if (--p->count[c] < p->low[c])
            p->low[c] = p->count[c];
    } else {
        b = block_new(p, size);
        if (!b)
            return block_refused(p);
        if (p)
            p->mallocs++;
    }
    if (p)
        p->live += size;
    return b;
}

static void block_give(struct arena_pool *p, struct arena_block *b)
{
    unsigned c = class_for(b->size);
    if (p)
        p->live -= b->size;
    if (p && c < ARENA_CLASSES && p->held + b->size <= p->keep) {
        b->next = p->free[c];
        p->free[c] = b;
        p->held += b->size;
        p->count[c]++;
        return;
    }
    block_free(b);
}

void arena_init(struct arena *a, struct arena_pool *pool, size_t first)
{
    *a = (struct arena){.pool = pool, .first = first < LARGEST ? (uint32_t)first : LARGEST};
}

void arena_init_tight(struct arena *a, struct arena_pool *pool, size_t first)
{
    arena_init(a, pool, first);
    a->tight = true;
}

void *arena_alloc_slow(struct arena *a, size_t n)
{
    if (n > SIZE_MAX - ALIGN)
        return NULL;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (a->head && n <= (size_t)(a->end - a->at)) {
        a->at += n;
        return a->at - n;
    }
    size_t need = n + sizeof(struct arena_block);
    size_t want = a->head ? a->head->size * 2 : a->first;
    if (a->tight) /* what was said is what will be taken */
        want = a->head ? 0 : a->first + sizeof(struct arena_block);
    if (want > LARGEST)
        want = LARGEST;
    if (need < n)
        return NULL;
    struct arena_block *b = block_take(a->pool, need > want ? need : want);
    if (!b)
        return NULL;
    b->next = a->head;
    a->head = b;
    a->at = b->data + n;
    a->end = (char *)b + b->size;
    return b->data;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}

struct str arena_dup(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);
    if (!p)
        return STR_NONE;
    if (s.len)
        memcpy(p, s.p, s.len);
    p[s.len] = 0;
    return str_make(p, s.len);
}

struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, ap);
    return p ? str_make(p, (size_t)n) : STR_NONE;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return text;
}

/* Writes the digits of v so that they end at end; returns where they begin. */
static char *put_digits(char *end, uint64_t v)
{
    do {
        *--end = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    return end;
}

struct str arena_u64(struct arena *a, uint64_t v, size_t width)
{
    char digits[MAX_DIGITS], *end = digits + sizeof digits;
    size_t n = (size_t)(end - put_digits(end, v)), len = n < width ? width : n;
    char *p = arena_alloc(a, len);
    if (!p)
        return STR_NONE;
    memset(p, ' ', len - n);
    memcpy(p + len - n, end - n, n);
    return str_make(p, len);
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->head, a->at};
}

void arena_rewind(struct arena *a, struct arena_mark m)
{
    while (a->head != m.head) {
        struct arena_block *b = a->head;
        a->head = b->next;
        block_give(a->pool, b);
    }
    a->at = m.at;
    a->end = a->head ? (char *)a->head + a->head->size : NULL;
}

void arena_reset(struct arena *a)
{
    arena_rewind(a, (struct arena_mark){NULL, NULL});
}

size_t arena_size(const struct arena *a)
{
    size_t n = 0;
    for (const struct arena_block *b = a->head; b; b = b->next)
        n += b->size;
    return n;
}

void buf_init(struct buf *b, struct arena *a, size_t cap)
{
    *b = (struct buf){.arena = a, .p = arena_alloc(a, cap), .cap = cap};
    b->failed = b->p == NULL;
}

void buf_fixed(struct buf *b, char *mem, size_t cap)
{
    *b = (struct buf){.p = mem, .cap = cap};
}

bool buf_room(struct buf *b, size_t n)
{
    if (b->failed)
        return false;
    if (n <= b->cap - b->len)
        return true;
    size_t cap = b->cap * 2 > b->len + n ? b->cap * 2 : b->len + n;
    char *p = b->arena && cap >= n ? arena_alloc(b->arena, cap) : NULL;
    if (!p) {
        b->failed = true;
        return false;
    }
    if (b->len)
        memcpy(p, b->p, b->len);
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_u64(struct buf *b, uint64_t v)
{
    char digits[MAX_DIGITS], *end = digits + sizeof digits, *p = put_digits(end, v);
    buf_add(b, str_make(p, (size_t)(end - p)));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    /* vsnprintf wants room for its NUL too */
    if (n > 0 && buf_room(b, (size_t)n + 1)) {
        vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}
