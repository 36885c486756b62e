/* Parameters of the tm module, which the transactions obey. The module declares them at these
 * offsets; a configuration without tm has tm_defaults. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_TM_CONF_H
#define PROXY_TM_CONF_H

#include "core/base/str.h"

struct pv_ref;
struct tx_times;

/* Row: name as in modparam, default, lowest value (0: any), unit, what it does. Fields of struct
 * tm_conf of the same name, int32_t. */
#define TM_NUMBER_LIST(X)                                                                          \
    X(fr_timer, 30, 2, "s",                                                                        \
      "how long a request may stay without any reply, and a negative reply "                       \
      "to an INVITE without its ACK")                                                              \
    X(fr_inv_timer, 120, 2, "s", "how long an INVITE may ring: from a provisional reply on")       \
    X(wt_timer, 5, 2, "s", "taken and not used: a finished transaction is kept 32 s (RFC 6026)")   \
    X(delete_timer, 2, 2, "s", "taken and not used: memory is freed with the last reference")      \
    X(T1_timer, 500, 1, "ms", "first retransmission; the next ones wait twice as long each")       \
    X(T2_timer, 4000, 1, "ms", "longest time between two retransmissions")                         \
    X(ruri_matching, 1, 0, "bool", "requests without a magic cookie match by Request-URI too")     \
    X(via1_matching, 1, 0, "bool", "requests without a magic cookie match by top Via too")         \
    X(unix_tx_timeout, 2, 0, "s", "how long t_write_req and t_write_unix wait for room")           \
    X(restart_fr_on_each_reply, 1, 0, "bool",                                                      \
      "every provisional reply restarts fr_inv_timer; 0: only the first and those that go up")     \
    X(enable_stats, 1, 0, "bool", "taken and not used: counting is always on")                     \
    X(pass_provisional_replies, 0, 0, "bool", "local callbacks see provisional replies too")       \
    X(syn_branch, 1, 0, "bool", "taken and not used: branches are always random")                  \
    X(onreply_avp_mode, 0, 0, "bool", "the transaction's AVPs are those of onreply_route")         \
    X(max_breadth, 60, 0, "branches",                                                              \
      "Max-Breadth of requests that have none (RFC 5393); 0: the header is left alone")            \
    X(disable_6xx_block, 0, 0, "bool", "6xx is a negative reply like any other")

struct tm_conf {
#define X(name, number, lowest, unit, doc) int32_t name;
    TM_NUMBER_LIST(X)
#undef X
    /* AVPs that override a timer for one transaction, in seconds; the text of the parameter, and
     * what conf_check made of it (prepare_pv), NULL when unset */
    struct str fr_timer_avp_text, fr_inv_timer_avp_text;
    const struct pv_ref *fr_timer_avp, *fr_inv_timer_avp;
    void *appends; /* of tw_append, the module's own */
};

extern const struct tm_conf tm_defaults;

/* Timer lengths of the state machines; conf may be NULL. */
void tm_times(struct tx_times *out, const struct tm_conf *conf);

/* Statistics of the tm module, in the order of its list; ends with the gauge. */
#define TM_STAT_LIST(X)                                                                            \
    X(received_replies, "replies that belong to a transaction")                                    \
    X(relayed_replies, "replies passed on to the caller")                                          \
    X(local_replies, "replies made here and sent to the caller")                                   \
    X(UAS_transactions, "transactions made for received requests")                                 \
    X(UAC_transactions, "branches and requests sent")                                              \
    X(2xx_transactions, "transactions that ended with 2xx")                                        \
    X(3xx_transactions, "transactions that ended with 3xx")                                        \
    X(4xx_transactions, "transactions that ended with 4xx")                                        \
    X(5xx_transactions, "transactions that ended with 5xx")                                        \
    X(6xx_transactions, "transactions that ended with 6xx")                                        \
    X(inuse_transactions, "transactions alive")

enum tm_stat {
#define X(name, doc) TM_STAT_##name,
    TM_STAT_LIST(X)
#undef X
        TM_STATS
};

#endif
