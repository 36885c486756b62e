/* Attribute-value pairs: named stacks of values that follow a message into its transaction
 * (LANGUAGE 7.4). */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_AVP_H
#define LANG_AVP_H

#include "core/base/arena.h"
#include "lang/value.h"

/* $avp(s:text), $avp(i:number); flags as in s3:name. */
struct avp_name {
    struct str text; /* empty: numbered */
    uint16_t number;
    uint8_t flags; /* user flag bits; on reading 0 means any */
};

struct avp {
    struct avp *next; /* older */
    struct avp_name name;
    struct value value;
};

/* Newest first. Names and values are copied into arena. */
struct avps {
    struct arena *arena;
    struct avp *head;
};

static inline void avps_init(struct avps *l, struct arena *a)
{
    l->arena = a;
    l->head = NULL;
}
/* Newest of that name (after = NULL), then older ones; NULL at the end. */
struct avp *avp_find(const struct avps *l, const struct avp_name *name, const struct avp *after);
/* Puts a value on top. ERR_NOMEM. */
int avp_push(struct avps *l, const struct avp_name *name, const struct value *v);
/* Removes this one. */
void avp_remove(struct avps *l, struct avp *a);
/* Removes all of that name; how many. */
unsigned avp_clear(struct avps *l, const struct avp_name *name);
/* Name of an $avp(..) variable that the compiler prepared, evaluated when it is dynamic. */
struct pv_ref;
struct call;
struct host;
int avp_name_of(const struct pv_ref *v, struct call *call, const struct host *host,
                struct avp_name *out);
/* Copies a list into another whose arena is set. */
int avps_copy(struct avps *out, const struct avps *in);

#endif
