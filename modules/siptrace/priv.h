/* Inside of siptrace. */
/* SPDX-License-Identifier: MIT */
#ifndef SIPTRACE_PRIV_H
#define SIPTRACE_PRIV_H

#include <stdatomic.h>

#include "core/module.h"

extern const struct module siptrace_module;

/* Columns of a row, in the order in which it is written. */
enum {
    COL_DATE,
    COL_CALL_ID,
    COL_USER,
    COL_MSG,
    COL_METHOD,
    COL_STATUS,
    COL_FROM_IP,
    COL_TO_IP,
    COL_FROM_TAG,
    COL_DIRECTION,
    COLUMNS
};

struct conf {
    int32_t flag, on, ack, db_waiting;
    struct str db_url, table, column[COLUMNS], user_avp_text, table_avp_text, duplicate_uri,
        local_ip;
    const struct pv_ref *user_avp, *table_avp; /* or NULL */
    struct addr copy_to;                       /* of duplicate_uri; family 0 without one */
};

struct state {
    struct journal *journal; /* NULL: no rows, only copies */
    atomic_bool on;
};

/* Values of an AVP, newest first; after is NULL for the first. */
struct avp *trace_avp(struct call *c, const struct pv_ref *pv, const struct avp *after);
/* Writes the rows of a message that c shows: one without user when flagged, and one for each value
 * of the AVP of users. False when one is lost. (rows.c) */
bool trace_rows(struct call *c, const struct passing *p, bool flagged);
/* s as every database takes it for a text of at most so many bytes: what is beyond is cut off, and
 * NUL and what is no UTF-8 become question marks. p is NULL without memory. (rows.c) */
struct str trace_text(struct arena *a, struct str s, size_t most);

#endif
