/* Changes on their way to a database. A change is only noted that it is there: what is written is
 * the thing as it is in memory at that moment, so that a database which was away for an hour gets
 * the last state and nothing is lost. A thing is written by one worker at a time. Rows that are
 * only ever added, and never looked at again, go through journal.h.
 *
 * Any thread; what needs a loop is told which worker it runs on. */
/* SPDX-License-Identifier: MIT */
#ifndef DB_CHANGES_H
#define DB_CHANGES_H

#include "core/base/hash.h"
#include "core/base/loop.h"
#include "core/base/str.h"

struct changes;
struct flight;

enum {
    CHANGES_TEXTS = 4, /* that name a thing */
    CHANGES_GROUP = 2, /* the first of them name a group, all of which is waited for at once */
    CHANGES_GROUP_MAX = 128,
    CHANGES_MOST_WAITING = 50000, /* calls that wait at a time */
};

/* The name of a thing, each text at most 64 kB; unused ones are empty. */
struct changes_key {
    struct str text[CHANGES_TEXTS];
};

/* The worker that something runs on. */
struct worker_here {
    unsigned index;
    struct loop *loop;
    uint32_t wall; /* s since 1970 */
};

/* Where things are written to. */
struct changes_backend {
    /* Begins to write the thing as it is in memory, or to take it away when it is not there any
     * more; changes_done tells the end, never from inside. ERR_OK, or why it cannot even begin. */
    int (*write)(void *user, const struct worker_here *here, const struct changes_key *key,
                 struct flight *f);
    /* The same, blocking, when the process ends. */
    int (*write_now)(void *user, const struct changes_key *key);
    /* It will never be written, as the database does not take it: for the log. */
    void (*refused)(void *user, const struct changes_key *key);
};

/* A call that waits until its change is safe. */
typedef void (*changes_told)(void *arg, int status);

/* at_once: changes are written as they come (changes_push, changes_begin); otherwise those of an
 * interval together. who, for the log, must outlive it. NULL without memory. */
struct changes *changes_new(const char *who, struct hash_key key, bool at_once,
                            const struct changes_backend *backend, void *user);
/* Writes what is left, blocking, and frees it. Workers have ended. NULL is fine. */
void changes_free(struct changes *w);

/* A thing has changed. ERR_OK, ERR_NOMEM; ERR_LIMIT when its name is too long. */
int changes_note(struct changes *w, const struct changes_key *key);
/* Begins to write what was noted of a group, and tells when all of it is written, on this worker:
 * ERR_OK; ERR_INVALID when the database refuses it; else why it could not be written now, which
 * goes on being tried. Returns false when told is not called: *status is ERR_OK then, as nothing is
 * to be written, or ERR_NOMEM, or ERR_FULL when too many wait already. */
bool changes_push(struct changes *w, const struct worker_here *here,
                  const struct str group[CHANGES_GROUP], changes_told told, void *arg, int *status);
/* Begins it for nobody who waits. */
void changes_begin(struct changes *w, const struct worker_here *here,
                   const struct str group[CHANGES_GROUP]);
/* Whether a change of that thing was noted and is not written yet. */
bool changes_has(struct changes *w, const struct changes_key *key);
/* Writes what is due. Once a second, on each worker. interval: s until the next changes are. */
void changes_second(struct changes *w, const struct worker_here *here, unsigned interval);
/* Makes all that waits due now, what failed before included, and begins to write it. */
void changes_flush(struct changes *w, const struct worker_here *here);
/* For the backend: a thing was written, or not. ERR_INVALID: it never can be. */
void changes_done(struct flight *f, int status);
/* How many things wait to be written, and how many writes failed, were refused, since start. */
struct changes_counts {
    uint64_t waiting, failed, refused;
};
struct changes_counts changes_counts(struct changes *w);

#endif
