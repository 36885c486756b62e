/* Where new requests wait when more come than are served at once: a ring of bytes, first come,
 * first out. The kernel's queue often holds a few hundred datagrams, some milliseconds of a storm;
 * what it drops nobody has seen, while what waits here can be told apart (proxy/overload.h). */
/* SPDX-License-Identifier: MIT */
#ifndef NET_ROOM_H
#define NET_ROOM_H

#include "core/base/addr.h"

enum { ROOM_BYTES = 4 << 20 }; /* 0.1 s of 60,000 requests a second */

/* Someone who waits. */
struct room_entry {
    uint64_t came; /* us, of the caller's clock */
    struct addr src;
    uint32_t len;
    uint16_t socket;
    char bytes[];
};

/* Zeroed memory is an empty one; it allocates ROOM_BYTES when the first comes, whose pages are real
 * memory once they are used. */
struct room {
    char *bytes;
    size_t at, end; /* the oldest; behind the newest */
    size_t wrap;    /* behind the last before the ring begins anew; 0: it is in one piece */
    unsigned count;
};

/* Copies it; false when there is no room or no memory. */
bool room_add(struct room *r, uint64_t came, const struct addr *src, uint16_t socket,
              struct str bytes);
/* The oldest, until room_next; NULL when there is none. */
const struct room_entry *room_first(const struct room *r);
/* The oldest has been seen to. */
void room_next(struct room *r);
void room_free(struct room *r);

#endif
