/* Behind the tables: where contacts are kept besides memory. A store is told of each change after
 * it was made in memory and brings the contacts back at start. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_STORE_H
#define USRLOC_STORE_H

#include "modules/usrloc/usrloc.h"

/* What became of a contact. */
enum store_event { STORE_INSERT, STORE_UPDATE, STORE_REMOVE };

/* Takes one stored contact into memory while a table is loaded. */
typedef int (*store_put)(void *arg, struct str aor, const struct ucontact *c);

struct location_store {
    const char *name;
    /* Calls put for each contact of the table, when the table is first used; may be NULL. */
    int (*load)(void *store, struct str table, store_put put, void *arg);
    /* Notes a change. Called under the lock of a shard: it queues and must not wait. Contacts that
     * run out are not noted: a store drops them by their time. May be NULL. */
    void (*note)(void *store, enum store_event event, struct str table, struct str aor,
                 const struct ucontact *c);
};

#endif
