/* Dialogs in a database: what a restart finds again. A dialog is written by the worker it lives on,
 * from when it was answered until it has ended. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_DIALOG_STORE_H
#define MODULES_DIALOG_STORE_H

#include "core/module.h"

struct dialog;
struct dialog_worker;
struct dialog_conf;

/* Columns: row of id, parameter, default name. */
#define DLG_COLUMN_LIST(X)                                                                         \
    X(ENTRY, "h_entry_column", "hash_entry")                                                       \
    X(ID, "h_id_column", "hash_id")                                                                \
    X(CALL_ID, "call_id_column", "callid")                                                         \
    X(FROM_URI, "from_uri_column", "from_uri")                                                     \
    X(FROM_TAG, "from_tag_column", "from_tag")                                                     \
    X(TO_URI, "to_uri_column", "to_uri")                                                           \
    X(TO_TAG, "to_tag_column", "to_tag")                                                           \
    X(FROM_CSEQ, "from_cseq_column", "caller_cseq")                                                \
    X(TO_CSEQ, "to_cseq_column", "callee_cseq")                                                    \
    X(FROM_ROUTE, "from_route_column", "caller_route_set")                                         \
    X(TO_ROUTE, "to_route_column", "callee_route_set")                                             \
    X(FROM_CONTACT, "from_contact_column", "caller_contact")                                       \
    X(TO_CONTACT, "to_contact_column", "callee_contact")                                           \
    X(FROM_SOCK, "from_sock_column", "caller_sock")                                                \
    X(TO_SOCK, "to_sock_column", "callee_sock")                                                    \
    X(STATE, "state_column", "state")                                                              \
    X(START, "start_time_column", "start_time")                                                    \
    X(TIMEOUT, "timeout_column", "timeout")

enum dlg_column {
#define X(id, parameter, name) DLG_##id,
    DLG_COLUMN_LIST(X)
#undef X
        DLG_COLUMNS,
};

/* When dialogs are written. */
enum dlg_db_mode { DLG_DB_NONE, DLG_DB_AT_ONCE, DLG_DB_DELAYED, DLG_DB_AT_END };

struct dialog_store;

/* Reads the table, blocking. NULL with a sentence in begin->why, or without memory. */
struct dialog_store *store_new(const struct module_start *begin);
/* Frees what no worker has taken over. */
void store_free(struct dialog_store *s);
enum dlg_db_mode store_mode(const struct dialog_store *s);
/* As the worker's table has it. */
uint64_t store_hash(const struct dialog_store *s, struct str call_id);

/* How many no worker has taken over yet. */
int store_loaded(struct dialog_store *s);
/* A worker begins: its changes, NULL without memory. */
struct changes *store_changes(struct dialog_store *s, struct dialog_worker *w);
/* The dialogs from the table that belong to this worker, linked by next_loaded. Their state is 0
 * yet; was tells what it is to be. */
struct dialog *store_take(struct dialog_store *s, const struct engine *e);
/* A dialog has changed, or ended: what is to be written is noted, and with DLG_DB_AT_ONCE begun. */
void store_note(struct dialog_store *s, struct dialog *d, struct engine *e);
/* The process ends: writes what is left of this worker, and frees its changes. */
void store_end(struct dialog_store *s, struct dialog_worker *w);

#endif
