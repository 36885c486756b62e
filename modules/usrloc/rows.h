/* Contacts as rows of the reference's table location, version 1004 (MODULES 1.5, 1.37). */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_ROWS_H
#define USRLOC_ROWS_H

#include "modules/usrloc/writer.h"

/* Columns whose names are parameters, in the order in which rows are written. */
#define ROW_COLUMN_LIST(X)                                                                         \
    X(USER, "user_column", "username")                                                             \
    X(DOMAIN, "domain_column", "domain")                                                           \
    X(CONTACT, "contact_column", "contact")                                                        \
    X(EXPIRES, "expires_column", "expires")                                                        \
    X(Q, "q_column", "q")                                                                          \
    X(CALL_ID, "callid_column", "callid")                                                          \
    X(CSEQ, "cseq_column", "cseq")                                                                 \
    X(FLAGS, "flags_column", "flags")                                                              \
    X(CFLAGS, "cflags_column", "cflags")                                                           \
    X(AGENT, "user_agent_column", "user_agent")                                                    \
    X(RECEIVED, "received_column", "received")                                                     \
    X(PATH, "path_column", "path")                                                                 \
    X(SOCKET, "socket_column", "socket")                                                           \
    X(METHODS, "methods_column", "methods")

enum row_column {
#define X(id, parameter, name) ROW_##id,
    ROW_COLUMN_LIST(X)
#undef X
        ROW_MODIFIED, /* last_modified, which no parameter names */
    ROW_INSTANCE,     /* these two are not the reference's: see flows */
    ROW_REG_ID,
    ROW_COLUMNS,
};

enum { ROW_SOCKETS = 32 };

/* How rows of this process look. */
struct row_form {
    struct db *db;
    struct str column[ROW_COLUMNS];
    bool flows;         /* the tables have columns for instance and reg-id */
    bool use_domain;    /* an address of record is user@domain; else the domain is not looked at */
    bool match_call_id; /* the Call-ID belongs to the key */
    unsigned fetch;     /* rows read at a time at start */
    unsigned sockets;
    struct addr socket[ROW_SOCKETS];
};

/* A query with what it points at. */
struct row_query {
    struct db_query query;
    struct str column[ROW_COLUMNS + 1]; /* and the id */
    struct db_value value[ROW_COLUMNS];
    struct db_match match[4];
    char socket[ADDR_TEXT];
};

/* UPDATE, INSERT or DELETE of one contact, or the SELECT of an address of record. q is filled and
 * points into itself, aor and c. */
void row_update(struct row_query *q, const struct row_form *f, struct str table, struct str aor,
                const struct ucontact *c);
void row_insert(struct row_query *q, const struct row_form *f, struct str table, struct str aor,
                const struct ucontact *c);
void row_delete(struct row_query *q, const struct row_form *f, struct str table, struct str aor,
                const struct ucontact *c);
void row_select(struct row_query *q, const struct row_form *f, struct str table, struct str aor);
/* DELETE of all that ran out an hour before now, in s since 1970 (an hour, for local time may go
 * back by one). */
void row_delete_old(struct row_query *q, const struct row_form *f, struct str table, uint32_t now);

/* Whether a table has the columns for instance and reg-id; blocks. */
bool row_has_flows(const struct row_form *f, struct str table);

/* A row of a SELECT as a contact; texts are the result's, or lie here. */
struct row {
    struct str aor;
    struct ucontact contact;
    char aor_text[USRLOC_AOR_MAX], text[9][DB_VALUE_TEXT];
};
/* False: the row is not usable. */
bool row_read(struct row *out, const struct row_form *f, const struct db_result *r, unsigned row);

/* What usrloc says of a query's end: ERR_OK, ERR_NOMEM, and ERR_IO for all that can go wrong with a
 * database. */
static inline int row_status(int status)
{
    return status == ERR_OK || status == ERR_NOMEM ? status : ERR_IO;
}

/* location_store.load: all rows of a table, blocking. */
int rows_load(const struct row_form *f, struct str table, store_put put, void *arg);
/* user is a struct row_form. */
extern const struct writer_backend row_backend;

#endif
