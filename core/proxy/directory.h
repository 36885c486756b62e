/* Where a module stands in the set, by its descriptor or its name: asked several times a message,
 * of ninety. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_DIRECTORY_H
#define PROXY_DIRECTORY_H

#include <stdint.h>

struct module;

enum {
    DIRECTORY_BITS = 9,
    DIRECTORY_SIZE = 1 << DIRECTORY_BITS, /* a few times what a set may have */
    DIRECTORY_NONE = UINT8_MAX,
};

/* Open addressing: an index of the set, or DIRECTORY_NONE where nothing is. */
struct directory {
    uint8_t by_address[DIRECTORY_SIZE];
    uint8_t by_name[DIRECTORY_SIZE];
};

/* Fills it with the n modules of a set, fewer than DIRECTORY_NONE. */
void directory_fill(struct directory *d, const struct module *const *modules, unsigned n);

static inline unsigned directory_place(uint64_t key)
{
    return (unsigned)(key * 0x9e3779b97f4a7c15u >> (64 - DIRECTORY_BITS));
}

/* Index of a module; DIRECTORY_NONE when the set does not have it. */
static inline unsigned directory_of(const struct directory *d, const struct module *const *modules,
                                    const struct module *m)
{
    unsigned at = directory_place((uintptr_t)m);
    while (d->by_address[at] != DIRECTORY_NONE && modules[d->by_address[at]] != m)
        at = (at + 1) % DIRECTORY_SIZE;
    return d->by_address[at];
}

/* The same by the name that loadmodule knows. */
unsigned directory_named(const struct directory *d, const struct module *const *modules,
                         const char *name);

#endif
