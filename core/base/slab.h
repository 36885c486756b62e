/* Blocks of one thread that there are in great numbers, packed into large pages.
 *
 *     chunk, 2 MB:  | what is where | span | span | ... |      a span: 64 kB of blocks of one size
 *
 * A block costs no head. A span whose blocks are all free may serve another size; a chunk whose
 * spans are all free goes back to the system, but for one. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include "core/base/list.h"

/* Sizes are rounded up to multiples of SLAB_GRAIN. */
enum { SLAB_GRAIN = 64, SLAB_LARGEST = 4096, SLAB_SIZES = SLAB_LARGEST / SLAB_GRAIN };

struct slab_chunk;

struct slab {
    struct list open[SLAB_SIZES]; /* spans with blocks to give */
    struct list roomy;            /* chunks with spans to give */
    struct slab_chunk *spare;     /* one in roomy of which nothing is used, or NULL */
    size_t mapped;                /* bytes of all chunks */
};

/* An empty one. It must not be moved from then on. */
void slab_init(struct slab *s);
/* Gives the last chunk back; all blocks must be free. */
void slab_end(struct slab *s);
/* Gives a chunk of which nothing is used back, too: nothing more will be wanted soon. */
void slab_trim(struct slab *s);
/* A block of n bytes, uninitialised, aligned for any type; n is from 1 to SLAB_LARGEST. NULL when
 * there is no memory. */
void *slab_alloc(struct slab *s, size_t n);
/* Gives a block back to the slab that it came from. */
void slab_free(void *block);

#endif
