/* What rr offers to other modules, by call_api(c, "rr"). */
/* SPDX-License-Identifier: MIT */
#ifndef RR_H
#define RR_H

#include "core/module.h"

struct rr_api {
    /* Adds ;parameters to the Record-Route of this message, whether it was added already or will
     * be. False when there is no room. */
    bool (*add_param)(struct call *c, struct str params);
};

#endif
