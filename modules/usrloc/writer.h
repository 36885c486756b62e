/* Changes of contacts on their way to a database. A change is only noted that it is there: what is
 * written is the contact as it is in memory at that moment, so that a database which was away for
 * an hour gets the last state and nothing is lost. A contact is written by one worker at a time.
 *
 * Any thread; what needs a loop is told which worker it runs on. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_WRITER_H
#define USRLOC_WRITER_H

#include "modules/usrloc/table.h"

struct writer;
struct flight;

/* The worker that something runs on. */
struct worker_here {
    unsigned index;
    struct loop *loop;
    uint32_t wall; /* s since 1970 */
};

/* Where contacts are written to. */
struct writer_backend {
    /* Begins to write c as it is, or with gone to take it away; writer_done tells the end, never
     * from inside. ERR_OK, or why it cannot even begin. */
    int (*write)(void *user, const struct worker_here *here, struct str table, struct str aor,
                 const struct ucontact *c, bool gone, struct flight *f);
    /* The same, blocking, when the process ends. */
    int (*write_now)(void *user, struct str table, struct str aor, const struct ucontact *c,
                     bool gone);
};

/* A call that waits until its contacts are safe. */
typedef void (*writer_told)(void *arg, int status);

/* at_once: changes are written as they come (writer_push); otherwise those of an interval together.
 * match_call_id: a contact is known by URI and Call-ID. NULL without memory. */
struct writer *writer_new(struct hash_key key, struct locations *l, bool at_once,
                          bool match_call_id, const struct writer_backend *backend, void *user);
/* Writes what is left, blocking, and frees it. Workers have ended. */
void writer_free(struct writer *w);

/* A contact has changed; c names it. For location_store.note. */
void writer_note(struct writer *w, struct str table, struct str aor, const struct ucontact *c);
/* Begins to write what was noted of an address of record, and tells when all of it is written, on
 * this worker: ERR_OK; ERR_INVALID when the database refuses it; else why it could not be written
 * now, which goes on being tried. Returns false when told is not called: *status is ERR_OK then, as
 * nothing is to be written, or ERR_NOMEM, or ERR_FULL when too many wait already. */
bool writer_push(struct writer *w, const struct worker_here *here, struct str table, struct str aor,
                 writer_told told, void *arg, int *status);
/* Whether a change of that contact was noted and is not written yet. */
bool writer_has(struct writer *w, struct str table, struct str aor, const struct ucontact *c);
/* Writes what is due. interval: s until the next changes are. */
void writer_second(struct writer *w, const struct worker_here *here, unsigned interval);
/* For the backend: a contact was written, or not. ERR_INVALID: it never can be. */
void writer_done(struct flight *f, int status);
enum { WRITER_MOST_WAITING = 50000 }; /* calls at a time */

/* How many contacts wait to be written, and how many writes failed, were refused, since start. */
struct writer_counts {
    uint64_t waiting, failed, refused;
};
struct writer_counts writer_counts(struct writer *w);

#endif
