/* db_mode 3: no memory at all, each look at a table is a query. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_DIRECT_H
#define USRLOC_DIRECT_H

#include "modules/usrloc/rows.h"

/* usrloc_api.lookup and .save on the rows themselves. u and what it points at must live in the
 * call's arena. */
int direct_lookup(struct call *c, const struct row_form *f, struct str table, struct str aor,
                  bool newest_first, usrloc_done done, void *arg);
int direct_save(struct call *c, const struct row_form *f, const struct usrloc_update *u,
                const struct record_rules *rules, usrloc_done done, void *arg);

#endif
