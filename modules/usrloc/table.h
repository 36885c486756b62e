/* The tables that all workers share: records by address of record, in shards with a lock each.
 *
 * A shard is picked by the high bits of the keyed hash and holds a table that grows by itself, so
 * a lock is held for one short list, and two workers seldom want the same. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_TABLE_H
#define USRLOC_TABLE_H

#include "modules/usrloc/record.h"
#include "modules/usrloc/store.h"

struct locations;

/* What the tables count. users and contacts include contacts that have run out and were not swept
 * yet. */
struct location_counts {
    int64_t users, contacts, expired;
};

/* An address of record in a table. */
struct location_key {
    struct hash_key key;
    struct str table, aor;
};

/* Tables of 2^bits shards each. match_call_id: contacts that are loaded are told apart by Call-ID
 * too. store may be NULL. NULL without memory. */
struct locations *locations_new(unsigned bits, bool match_call_id,
                                const struct location_store *driver, void *store);
void locations_free(struct locations *l);
/* Makes a table and fills it from the store, if it is not there. Blocks. ERR_OK, ERR_NOMEM, or what
 * the store says. */
int locations_open(struct locations *l, struct str name, struct hash_key key);
/* Copies one contact into a, whether it has run out or not; call_id may be empty: any. ERR_OK,
 * ERR_NOTFOUND, ERR_NOMEM. */
int locations_get(struct locations *l, const struct location_key *k, struct str uri,
                  struct str call_id, struct arena *a, struct ucontact *out);

/* Copies the live contacts of a record into a; out may be NULL. ERR_OK, ERR_NOTFOUND, ERR_NOMEM. */
int locations_find(struct locations *l, const struct location_key *k, uint32_t now, struct arena *a,
                   struct ucontacts *out);
/* Makes the changes of u by the rules, all or none; see usrloc_api.update. */
int locations_update(struct locations *l, const struct location_key *k,
                     const struct usrloc_update *u, const struct record_rules *rules,
                     struct arena *a, struct ucontacts *after);

/* Tells the store of every contact that is not another host's. */
void locations_note_all(struct locations *l);
/* How far a sweep has come; zeroed memory is its beginning. */
struct sweep_place {
    unsigned table;
    size_t shard, bucket;
    size_t seen; /* buckets looked at, of about one address each */
};
/* Frees what has run out in the shards whose number is part modulo parts, from at on: looks at most
 * buckets and moves at behind them. False when that was the end. */
bool locations_sweep(struct locations *l, uint32_t now, unsigned part, unsigned parts,
                     struct sweep_place *at, size_t most);
/* What changed in the counts since the last call of any thread. */
struct location_counts locations_take_counts(struct locations *l);
/* Whether there is such a table. */
bool locations_known(struct locations *l, struct str name);
/* Tells of every live contact in the shards whose number is part modulo parts, copied: no lock is
 * held meanwhile. */
void locations_each(struct locations *l, uint32_t now, unsigned part, unsigned parts,
                    usrloc_each_fn fn, void *arg);

#endif
