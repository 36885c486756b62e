/* Inside of the cfgutils module: its configuration and what all workers share. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_CFGUTILS_PRIV_H
#define MODULES_CFGUTILS_PRIV_H

#include <pthread.h>

#include "core/module.h"

extern const struct module cfgutils_module;

/* varset or shvset: a variable and what it holds at first. */
struct preset {
    struct preset *next;
    struct str name;         /* of a $shv */
    const struct pv_ref *pv; /* of a $var */
    struct value value;
};

struct cfgutils_conf {
    int32_t initial_probability;
    struct preset *vars, *shvs;
};

struct shared_var;

struct cfgutils_state {
    _Atomic int32_t probability; /* % */
    pthread_mutex_t lock;        /* of vars and their values */
    struct shared_var *vars;
};

/* shared.c */
struct cfgutils_state *cfgutils_state_new(void);
/* For module.stop: state is a struct cfgutils_state or NULL. */
void cfgutils_state_free(void *state);
/* Reading, writing and naming $shv. */
int cfgutils_get_shv(struct call *c, const struct pv_use *u, struct value *out);
int cfgutils_set_shv(struct call *c, const struct pv_use *u, enum pv_assign op,
                     const struct value *v);
int cfgutils_prepare_shv(struct prepare *p, struct str inner, const void **data);
/* Parameters varset and shvset. */
int cfgutils_add_var(struct prepare *p, void *conf, const struct value *v);
int cfgutils_add_shv(struct prepare *p, void *conf, const struct value *v);
/* Gives each $var of varset its value. */
bool cfgutils_on_request(struct call *c);

#endif
