/* New requests that wait: the ring. */
/* SPDX-License-Identifier: MIT */
#include "core/net/room.h"

#include <stdlib.h>
#include <string.h>

static size_t size_of(size_t len)
{
    size_t align = _Alignof(struct room_entry);
    return (sizeof(struct room_entry) + len + align - 1) / align * align;
}

/* Where size bytes in one piece are free; NULL: nowhere. An end that met the beginning from behind
 * would look like an empty ring, so they never meet. */
static char *place(struct room *r, size_t size)
{
    if (r->wrap)
        return r->at - r->end > size ? r->bytes + r->end : NULL;
    if (ROOM_BYTES - r->end >= size)
        return r->bytes + r->end;
    if (r->at <= size)
        return NULL;
    r->wrap = r->end;
    r->end = 0;
    return r->bytes;
}

bool room_add(struct room *r, uint64_t came, const struct addr *src, uint16_t socket,
              struct str bytes)
{
    size_t size = size_of(bytes.len);
    if (!r->bytes)
        r->bytes = malloc(ROOM_BYTES);
    struct room_entry *w =
        r->bytes && size <= ROOM_BYTES ? (struct room_entry *)place(r, size) : NULL;
    if (!w)
        return false;
    *w = (struct room_entry){
        .came = came, .src = *src, .len = (uint32_t)bytes.len, .socket = socket};
    if (bytes.len)
        memcpy(w->bytes, bytes.p, bytes.len);
    r->end += size;
    r->count++;
    return true;
}

const struct room_entry *room_first(const struct room *r)
{
    return r->count ? (const struct room_entry *)(r->bytes + r->at) : NULL;
}

void room_next(struct room *r)
{
    r->at += size_of(room_first(r)->len);
    if (--r->count == 0) {
        r->at = r->end = r->wrap = 0;
    } else if (r->wrap && r->at == r->wrap) {
        r->at = r->wrap = 0;
    }
}

void room_free(struct room *r)
{
    free(r->bytes);
    *r = (struct room){0};
}
