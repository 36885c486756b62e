/* Writing a stretch of a message with two sorted lists of edits, for this folder only. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_SPLICE_H
#define SIP_SPLICE_H

#include "core/sip/edit.h"

/* Orders for edits of our own, which are written behind those of the script at the same place:
 * always, or only when the script left the byte there alone. */
enum { EDIT_ALWAYS = EDIT_LATE + 1, EDIT_UNLESS_GONE };

/* A few edits of our own for one message, in memory of the caller. Zeroed memory is an empty list.
 */
enum { OWN_MAX = 8 };
struct own_edits {
    struct edit edit[OWN_MAX];
    struct edit *head;
    unsigned count;
};

/* Adds one; places that fall together keep the order of adding. At most OWN_MAX. */
struct edit *own_add(struct own_edits *o, size_t at, size_t remove, struct str text, uint8_t order);

/* raw[from, to), the script's edits and the first of our own. */
struct stretch {
    struct str raw;
    size_t from, to;
    const struct edits *edits; /* may be NULL */
    const struct edit *own;    /* sorted by place; may be NULL */
    const struct send_info *info;
};

/* Writes it. */
void edits_splice(struct buf *out, const struct stretch *w);
/* How many bytes it would write. */
size_t edits_length(const struct stretch *w);

#endif
