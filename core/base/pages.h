/* Large pieces of memory straight from the system, in large pages where it has some: what is spread
 * over many megabytes and touched here and there otherwise costs a walk through cold page tables
 * for each touch. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

/* The size of a large page, to which the pieces are aligned, too. */
enum { PAGES_LARGE = 2 << 20 };

/* PAGES_LARGE zeroed bytes, which the system may fill with one large page at their first use; NULL
 * when there is no memory. */
void *pages_take(void);
/* Gives them back to the system. */
void pages_give(void *p);
/* count elements of size bytes, zeroed: from the heap, or in large pages when there is so much of
 * it. NULL when there is no memory. */
void *pages_zalloc(size_t count, size_t size);
/* Frees what pages_zalloc gave, which must be told its count and size. */
void pages_free(void *p, size_t count, size_t size);

#endif
