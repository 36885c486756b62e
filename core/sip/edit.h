/* Changes that a script makes to a message: an ordered list beside the untouched bytes, spliced in
 * when the message is written. Edits never see each other's text: all speak of the received bytes.
 */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_EDIT_H
#define SIP_EDIT_H

#include "core/base/addr.h"
#include "core/base/arena.h"
#include "core/sip/msg.h"

/* What is known only when a message is sent: which way it leaves. Edits such as Record-Route depend
 * on it. */
struct send_info {
    struct addr src;      /* our sending socket */
    struct addr dst;      /* where it goes */
    struct addr received; /* our socket on which the message had come in */
    struct str host; /* what to call ourselves: advertised address or the socket's; may be empty */
    uint16_t port;   /* advertised port or the socket's */
};

struct edit;
typedef void (*edit_render)(struct buf *out, const struct edit *e, const struct send_info *info);

struct edit {
    struct edit *next;
    uint32_t at;        /* offset in msg.raw */
    uint32_t remove;    /* bytes dropped from there on */
    struct str insert;  /* text written there, before what follows; unused when render is set */
    edit_render render; /* writes the text instead, knowing the way out */
    void *arg; /* for render: plain data of arg_size bytes, no pointers into other memory */
    uint32_t arg_size;
    uint8_t order; /* enum edit_order */
};

/* Order among inserts at the same place: EARLY before all, LATE after all, both newest outermost
 * (EARLY: the last one added stands first); PLAIN in between, in the order they were added. */
enum edit_order { EDIT_EARLY, EDIT_PLAIN, EDIT_LATE };

/* Kept sorted by place and order. Zeroed memory is an empty list. */
struct edits {
    struct edit *head;
    uint32_t count;
};

/* Adds one; everything it points at must live in a, or as long. Returns it, or NULL without memory.
 */
struct edit *edits_insert(struct edits *l, struct arena *a, size_t at, struct str text,
                          enum edit_order order);
struct edit *edits_replace(struct edits *l, struct arena *a, size_t at, size_t remove,
                           struct str text);
struct edit *edits_render(struct edits *l, struct arena *a, size_t at, edit_render render,
                          const void *arg, size_t arg_size, enum edit_order order);
/* Copy of a list with all its text into another arena; arg_size bytes at arg are copied too.
 * ERR_NOMEM. */
int edits_copy(struct edits *out, const struct edits *in, struct arena *a);
/* Whether some edit removes the byte at this offset. */
bool edits_removed(const struct edits *l, size_t at);
/* Writes raw[from, to) with the edits of that stretch applied. Edits at `to` itself are left to the
 * next stretch, except when to is the end of raw. What an edit removes, no other edit can bring
 * back; text inserted inside a removed stretch is written at its end. */
void edits_write(struct buf *out, struct str raw, size_t from, size_t to, const struct edits *l,
                 const struct send_info *info);

#endif
