/* Inside of the transaction layer: the engine that steps through fsm.def, and the table's side of a
 * start. Outside only tests and tracers include it, for the names of rows. */
/* SPDX-License-Identifier: MIT */
#ifndef TX_FSM_H
#define TX_FSM_H

#include "core/tx/tx.h"

enum tx_event {
#define EVENT(name, text) EV_##name,
#include "core/tx/fsm.def"
    EV_COUNT
};

/* The rows, in their order: ROW_ICT_CALLING_TIMER_A. What has none is ROW_NONE. */
enum tx_row {
    ROW_NONE,
#define ROW(machine, state, event, next, actions, section) ROW_##machine##_##state##_##event,
#include "core/tx/fsm.def"
    ROW_COUNT
};

/* What comes with an event. */
struct fsm_input {
    struct str bytes; /* to be sent */
    struct msg *msg;  /* that has arrived */
    unsigned status;  /* of the reply that is sent or has arrived */
    void *ctx;        /* for the user's callbacks */
};

/* Takes the row for this event. False when there is none: nothing was done. The transaction may be
 * gone afterwards, with its memory. */
bool fsm_step(struct tx_layer *l, struct tx *t, enum tx_event event, const struct fsm_input *in);
/* Whether there is a row for the event in the transaction's state. */
bool fsm_expects(const struct tx *t, enum tx_event event);
/* Arms the timer that ends a transaction, in ms from now. */
void fsm_expire_in(struct tx *t, enum tx_event event, uint32_t ms);
/* Clears t and gives it a new life in state IDLE. */
void fsm_born(struct tx_layer *l, struct tx *t, enum tx_kind kind);

/* Puts a transaction whose key is set into its table; m: the request of a server. */
void table_add_client(struct tx_layer *l, struct tx *t, struct str branch);
void table_add_server(struct tx_layer *l, struct tx *t, const struct msg *m, struct str text);
void table_remove(struct tx_layer *l, struct tx *t);

#endif
