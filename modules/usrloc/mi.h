/* What usrloc's management commands see of it. Inside of the usrloc module. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_MI_H
#define USRLOC_MI_H

#include "modules/usrloc/table.h"

struct usrloc_view {
    struct locations *locations;
    struct record_rules rules; /* of the version in force, without any about CSeq */
    bool use_domain;
    bool in_memory; /* false with db_mode 3: there is nothing to see or change */
};
/* usrloc.c: the view of a request; whether the script names a table or there is one already. */
struct usrloc_view usrloc_view(const struct mi *m);
bool usrloc_has_table(const struct mi *m, struct str table);

/* Begins to write to the database what it has not got yet, on the worker that has the request. */
void usrloc_flush(const struct mi *m);

/* mi.c */
extern const struct mi_command usrloc_commands[];

#endif
