/* The contacts of one address of record, and what a REGISTER does to them. No lock and no clock
 * here: the caller holds the one and tells the time. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_RECORD_H
#define USRLOC_RECORD_H

#include "modules/usrloc/limits.h"
#include "modules/usrloc/usrloc.h"

/* A contact as it is kept: one piece of memory, its texts one behind the other in the order of enum
 * binding_text. A million of them must be cheap, hence the narrow fields. */
enum binding_text {
    TEXT_URI,
    TEXT_RECEIVED,
    TEXT_PATH,
    TEXT_CALL_ID,
    TEXT_AGENT,
    TEXT_INSTANCE,
    TEXT_COUNT
};
struct binding {
    struct binding *next;
    uint32_t expires, modified, cseq, methods, cflags, reg_id;
    int16_t q, socket;
    uint16_t flags;
    uint16_t source; /* limits_slot of where it was registered from last; 0: not known */
    uint16_t len[TEXT_COUNT];
    char text[];
};

struct record {
    struct hnode node;
    struct binding *first; /* best first */
    uint32_t earliest;     /* none of them runs out before; UINT32_MAX: none ever does */
    uint16_t count;        /* those that have run out and were not swept yet included */
    uint16_t aor_len;
    char aor[];
};

/* How contacts are told apart and ordered, and what time it is. */
struct record_rules {
    uint32_t now;       /* s since 1970 */
    bool match_call_id; /* the same URI with another Call-ID is another contact */
    bool newest_first;
    bool any_cseq; /* no rule about Call-ID and CSeq */
    bool
        stored; /* the change comes from where contacts are stored: it is not told, and has its time
                 */
    uint32_t cseq_delay;              /* how long the same CSeq counts as a retransmission */
    unsigned max;                     /* most contacts there may be */
    const struct limits_claim *claim; /* who adds contacts, or NULL: they are not limited */
};

/* A change that was prepared but not made: how the list would look, and what it would cost. */
enum plan_state { PLAN_KEPT, PLAN_INSERTED, PLAN_UPDATED };
struct plan_item {
    struct binding *b;
    uint8_t state; /* enum plan_state: other than KEPT, b belongs to the plan */
};
/* A contact that is no longer in the list. */
struct plan_gone {
    struct binding *b;
    bool replaced; /* by a refresh; else it was removed or had run out */
};
struct plan {
    struct plan_item *item;
    struct plan_gone *gone;
    unsigned n, gones, cap;
    unsigned inserted;
};

/* An empty record for aor; NULL without memory. */
struct record *record_new(struct str aor);
/* Frees it with its contacts. */
void record_free(struct record *r);
static inline struct str record_aor(const struct record *r)
{
    return str_make(r->aor, r->aor_len);
}

static inline bool binding_live(const struct binding *b, uint32_t now)
{
    return b->expires == 0 || b->expires > now;
}
static inline struct str binding_uri(const struct binding *b)
{
    return str_make(b->text, b->len[TEXT_URI]);
}
/* A view of what is kept; its texts lie in text, a copy of b->text or that itself. */
void binding_view(struct ucontact *out, const struct binding *b, const char *text);
/* Bytes of all texts together. */
size_t binding_text_len(const struct binding *b);

/* Works out what the changes of u make of the record, with scratch memory from a. Whatever the
 * answer, the record is untouched. ERR_OK: finish with plan_commit or plan_drop; otherwise (see
 * usrloc_api.update) nothing is left to do. */
int plan_make(struct plan *p, struct arena *a, const struct record *r,
              const struct usrloc_update *u, const struct record_rules *rules);
/* Makes it so. The caller frees the bindings in p->gone when it has told others of them. */
void plan_commit(struct plan *p, struct record *r);
/* Frees what was prepared. */
void plan_drop(struct plan *p);

/* Adds a contact that comes from a store, in order of q. ERR_OK, ERR_LIMIT, ERR_NOMEM; ERR_EXISTS:
 * it is there already (by URI, with match_call_id by Call-ID too). */
int record_load(struct record *r, const struct ucontact *c, bool match_call_id);
/* Puts the contacts in order of age, the newest first. */
void record_sort_by_age(struct record *r);
/* Copies the contacts that have not run out into a; out may be NULL. ERR_OK, ERR_NOTFOUND when
 * there are none, ERR_NOMEM. */
int record_copy(const struct record *r, uint32_t now, struct arena *a, struct ucontacts *out);
/* The contact of that URI, and Call-ID unless that is empty; NULL when there is none. */
const struct binding *record_find(const struct record *r, struct str uri, struct str call_id);
/* Frees what plan_commit has taken out of a record. */
void free_binding(struct binding *b);
/* Frees the contacts that have run out, telling of each before; how many. */
unsigned record_expire(struct record *r, uint32_t now,
                       void (*gone)(void *arg, const struct binding *b), void *arg);

#endif
