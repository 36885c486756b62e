/* Memory in large pages. */
/* SPDX-License-Identifier: MIT */
#include "core/base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* size and the place it begins at are multiples of PAGES_LARGE; NULL when there is no memory. */
static void *map(size_t size)
{
    const size_t more = PAGES_LARGE; /* what a map must be larger to hold an aligned piece */
    if (size > SIZE_MAX - more)
        return NULL;
    char *p = mmap(NULL, size + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)p % PAGES_LARGE;
    if (before)
        munmap(p, before);
    munmap(p + before + size, more - before);
    madvise(p + before, size, MADV_HUGEPAGE); /* where there are none, small ones will do */
    return p + before;
}

void *pages_take(void)
{
    return map(PAGES_LARGE);
}

void pages_give(void *p)
{
    munmap(p, PAGES_LARGE);
}

/* The bytes of a map for so much; 0: it comes from the heap. */
static size_t map_size(size_t bytes)
{
    size_t rest = bytes % PAGES_LARGE;
    if (bytes < PAGES_LARGE)
        return 0;
    return rest && bytes <= SIZE_MAX - PAGES_LARGE ? bytes - rest + PAGES_LARGE : bytes - rest;
}

void *pages_zalloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return map_size(bytes) ? map(map_size(bytes)) : calloc(count, size);
}

void pages_free(void *p, size_t count, size_t size)
{
    size_t bytes = map_size(count * size);
    if (bytes && p)
        munmap(p, bytes);
    else
        free(p);
}
