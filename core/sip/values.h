/* What a message remembers of its explained values, for this folder only. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_VALUES_H
#define SIP_VALUES_H

#include "core/sip/msg.h"

enum value_state { VALUE_UNKNOWN, VALUE_GOOD, VALUE_BAD };

struct msg_values {
    struct nameaddr from, to;
    struct uri uri;
    struct fault checked; /* what msg_check found, when was_checked */
    enum value_state from_state, to_state, uri_state;
    bool was_checked;
};

/* The message's store of values, made at the first call; NULL without memory. */
struct msg_values *msg_values_of(struct msg *m);

/* Splits the first via-parm of a comma list. */
int via_parse_first(struct via *out, struct str list);

#endif
