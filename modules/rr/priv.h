/* Inside of the rr module: its configuration and what it remembers of a message. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_RR_PRIV_H
#define MODULES_RR_PRIV_H

#include "core/module.h"

extern const struct module rr_module;

struct rr_conf {
    int32_t append_fromtag, enable_double_rr, enable_full_lr, add_username;
    struct str ignore_user;
};

/* Of one message. */
struct rr_slot {
    int routed;         /* what loose_route() answered, 0 before it was called */
    bool has_params;    /* a Route of ours was consumed: */
    struct str params;  /* its URI's parameters with the first ';' */
    struct str pending; /* add_rr_param before record_route: parameters with their ';' */
};

/* record.c: what a script calls. */
int rr_record_route(struct call *c, const struct arg *args, unsigned n);
int rr_record_route_preset(struct call *c, const struct arg *args, unsigned n);
int rr_add_rr_param(struct call *c, const struct arg *args, unsigned n);

/* loose.c: what a script calls. */
int rr_loose_route(struct call *c, const struct arg *args, unsigned n);

#endif
