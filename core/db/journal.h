/* Rows that nobody waits for: accounting, traces. They are inserted one behind the other by the
 * worker they come from; while the database is away they are kept, up to a bound, and what is
 * beyond it is counted. A row whose answer did not come in time is inserted again: rather twice
 * than never. */
/* SPDX-License-Identifier: MIT */
#ifndef DB_JOURNAL_H
#define DB_JOURNAL_H

#include "core/db/db.h"

struct journal;

/* What became of rows, since the last call of journal_take_counts. */
struct journal_counts {
    uint64_t written, refused, lost; /* refused: by the database; lost: beyond the bound */
};

/* most: rows that are kept. NULL without memory. */
struct journal *journal_new(struct db *db, unsigned most);
/* Writes what is left, blocking, and frees it. Workers have ended. */
void journal_free(struct journal *j);
/* Takes a row (an INSERT, which is copied) and begins to write it. ERR_OK, ERR_LIMIT when it is
 * lost, ERR_NOMEM. Any worker, on its thread. */
int journal_add(struct journal *j, unsigned worker, struct loop *loop, const struct db_query *q);
/* Tries again what could not be written. Once a second, on each worker. */
void journal_second(struct journal *j, unsigned worker, struct loop *loop);
/* How many rows wait to be written. */
unsigned journal_waiting(struct journal *j);
struct journal_counts journal_take_counts(struct journal *j);

#endif
