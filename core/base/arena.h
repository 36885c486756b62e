/* Bump allocation: many small pieces, freed at once. A pool keeps blocks for reuse, so that a
 * worker in its steady state calls malloc for no message. Not shared between threads. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>

#include "core/base/slab.h"
#include "core/base/str.h"

struct arena_block;

/* Free blocks of one worker, by size class: multiples of 64 up to 4 kB, since what lives long and
 * in great numbers is of that size, then a few larger ones. */
enum { ARENA_CLASSES = 69 };
struct arena_pool {
    struct arena_block *free[ARENA_CLASSES];
    size_t held;                   /* bytes in free blocks */
    size_t live;                   /* bytes in blocks given out */
    size_t keep;                   /* most bytes kept free; more goes back */
    size_t most;                   /* most bytes given out, 0: no bound; there is no memory above */
    uint64_t refused;              /* blocks that were not to be had */
    uint64_t mallocs;              /* blocks that were taken anew: constant in the steady state */
    uint32_t count[ARENA_CLASSES]; /* free blocks of each class */
    uint32_t low[ARENA_CLASSES];   /* the least there were since the last trim */
    struct slab slab;              /* where blocks come from when there are many */
};

struct arena {
    struct arena_pool *pool; /* NULL: plain malloc and free */
    struct arena_block *head;
    char *at, *end;
    uint32_t first; /* size of the first block in bytes */
    bool tight;     /* further blocks are as small as fits, not twice the one before */
};

/* Where an arena stood; see arena_rewind. */
struct arena_mark {
    struct arena_block *head;
    char *at;
};

/* An empty pool that keeps at most keep bytes of free blocks. It must not be moved from then on. */
void arena_pool_init(struct arena_pool *p, size_t keep);
/* Frees the blocks the pool holds. All arenas that use it must be gone. */
void arena_pool_free(struct arena_pool *p);

/* Gives blocks back that were not needed since the last call, up to about most bytes;
 * returns how many bytes. Called now and then, a pool follows the load down. */
size_t arena_pool_trim(struct arena_pool *p, size_t most);
/* Gives large pages of which nothing is used back to the system: nothing is going on. */
void arena_pool_rest(struct arena_pool *p);

/* An empty arena; takes its first block, of at least first bytes, when first used. pool may be
 * NULL. */
void arena_init(struct arena *a, struct arena_pool *pool, size_t first);
/* One for what lives long: no block is larger than what it was taken for asks, and the first one
 * has room for exactly first bytes in pieces rounded up to ARENA_ALIGN. */
void arena_init_tight(struct arena *a, struct arena_pool *pool, size_t first);
/* The same as arena_alloc, from a new block when need be. */
void *arena_alloc_slow(struct arena *a, size_t n);
enum { ARENA_ALIGN = _Alignof(max_align_t) };
/* What a piece of n bytes takes of an arena. */
#define ARENA_ROOM(n) (((n) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1))
/* n bytes aligned for any type, uninitialised; NULL when memory is out. Inline, as buf_add is: a
 * call does either a hundred times. */
static inline void *arena_alloc(struct arena *a, size_t n)
{
    size_t need = ARENA_ROOM(n);
    if (need - 1 >= (size_t)(a->end - a->at)) /* 0 and what wraps around are large here */
        return arena_alloc_slow(a, n);
    void *p = a->at;
    a->at += need;
    return p;
}
/* The same, zeroed. */
void *arena_zalloc(struct arena *a, size_t n);
/* Copy of s, followed by a NUL that the length does not count. p is NULL when memory is out. */
struct str arena_dup(struct arena *a, struct str s);
/* printf into the arena; p is NULL when memory is out. */
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same of a list of arguments, which it leaves as vprintf does. */
struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Decimal digits, at least width bytes, blanks in front. */
struct str arena_u64(struct arena *a, uint64_t v, size_t width);
struct arena_mark arena_mark(const struct arena *a);
/* Gives back all that was allocated since the mark. */
void arena_rewind(struct arena *a, struct arena_mark m);
/* Gives everything back and leaves an empty, usable arena. */
void arena_reset(struct arena *a);
/* Bytes of all blocks it holds. */
size_t arena_size(const struct arena *a);

/* Growing text in an arena, or in fixed memory when arena is NULL. */
struct buf {
    char *p;
    size_t len, cap;
    struct arena *arena;
    bool failed; /* out of memory or room: what was added later is missing */
};

/* An empty text with room for cap bytes; grows in the arena. */
void buf_init(struct buf *b, struct arena *a, size_t cap);
/* An empty text in cap bytes at mem; what does not fit sets failed. */
void buf_fixed(struct buf *b, char *mem, size_t cap);
/* Makes room for n more bytes; false, and failed set, when there is none. */
bool buf_room(struct buf *b, size_t n);
/* Add to the end: bytes, one byte, decimal digits, printf. */
static inline void buf_add(struct buf *b, struct str s)
{
    if (s.len && ((!b->failed && s.len <= b->cap - b->len) || buf_room(b, s.len))) {
        memcpy(b->p + b->len, s.p, s.len);
        b->len += s.len;
    }
}
static inline void buf_char(struct buf *b, char c)
{
    buf_add(b, str_make(&c, 1));
}
void buf_u64(struct buf *b, uint64_t v);
/* In fixed memory it needs room for one byte more than its text. */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline struct str buf_str(const struct buf *b)
{
    return str_make(b->p, b->len);
}

#endif
