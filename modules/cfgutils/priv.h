/* Inside of the cfgutils module: its configuration and what all workers share. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_CFGUTILS_PRIV_H
#define MODULES_CFGUTILS_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/module.h"

extern const struct module cfgutils_module;

/* varset or shvset: a variable and what it holds at first. */
struct preset {
    struct preset *next;
    struct str name;         /* of a $shv */
    const struct pv_ref *pv; /* of a $var */
    struct value value;
};

enum { CFGUTILS_HASH = 33, CFGUTILS_FILE_MAX = 16 << 20 };

struct cfgutils_conf {
    int32_t initial_probability;
    struct str hash_file; /* ends in NUL; or empty */
    char hash[CFGUTILS_HASH];
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
/* The same for an operator: tells of each $shv that was set or has a first value, of the one of
 * that name when it is not empty; how many. False without memory. */
unsigned cfgutils_each_shv(struct cfgutils_state *s, const struct cfgutils_conf *conf,
                           struct str name,
                           void (*fn)(void *arg, struct str name, const struct value *v),
                           void *arg);
bool cfgutils_keep_shv(struct cfgutils_state *s, struct str name, const struct value *v);
/* Parameters varset and shvset. */
int cfgutils_add_var(struct prepare *p, void *conf, const struct value *v);
int cfgutils_add_shv(struct prepare *p, void *conf, const struct value *v);
/* Gives each $var of varset its value. */
bool cfgutils_on_request(struct call *c);

/* manage.c: the MD5 sum of a file in hexadecimal; false when it cannot be read, or is too long. */
bool cfgutils_hash_file(const char *path, char out[CFGUTILS_HASH]);
extern const struct mi_command cfgutils_commands[];

#endif
