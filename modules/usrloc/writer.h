/* Changed contacts on their way to where they are kept: what core/db/changes.h does for anything,
 * with contacts by table, address of record, URI and perhaps Call-ID. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_WRITER_H
#define USRLOC_WRITER_H

#include "modules/usrloc/table.h"

struct writer;

/* Where contacts are written to. */
struct writer_backend {
    /* Begins to write c as it is, or with gone to take it away; changes_done tells the end, never
     * from inside. ERR_OK, or why it cannot even begin. */
    int (*write)(void *user, const struct worker_here *here, struct str table, struct str aor,
                 const struct ucontact *c, bool gone, struct flight *f);
    /* The same, blocking, when the process ends. */
    int (*write_now)(void *user, struct str table, struct str aor, const struct ucontact *c,
                     bool gone);
};

/* at_once: as for changes_new. match_call_id: a contact is known by URI and Call-ID. NULL without
 * memory. */
struct writer *writer_new(struct hash_key key, struct locations *l, bool at_once,
                          bool match_call_id, const struct writer_backend *backend, void *user);
/* Writes what is left, blocking, and frees it. Workers have ended. */
void writer_free(struct writer *w);
/* A contact has changed; c names it. For location_store.note. */
void writer_note(struct writer *w, struct str table, struct str aor, const struct ucontact *c);
/* Whether a change of that contact was noted and is not written yet. */
bool writer_has(struct writer *w, struct str table, struct str aor, const struct ucontact *c);
/* The changes themselves, whose groups are a table and an address of record. */
struct changes *writer_changes(struct writer *w);

#endif
