/* What rr offers to other modules, by call_api(c, "rr"). */
/* SPDX-License-Identifier: MIT */
#ifndef RR_H
#define RR_H

#include "core/module.h"

struct rr_api {
    /* Adds ;parameters to the Record-Route of this message, whether it was added already or will
     * be. False when there is no room. */
    bool (*add_param)(struct call *c, struct str params);
    /* Whether a request goes from callee to caller: the Route of ours that it came with, consumed
     * by loose_route() or not, names another From tag than its own. */
    bool (*upstream)(struct call *c);
};

/* For conf_check of modules that ask for upstream: ERR_OK, or a sentence why it cannot be told. */
int rr_tells_direction(struct prepare *p);

#endif
