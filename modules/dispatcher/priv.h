/* Inside of the dispatcher module: sets of destinations. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_DISPATCHER_PRIV_H
#define MODULES_DISPATCHER_PRIV_H

#include <stdatomic.h>

#include "core/module.h"

extern const struct module dispatcher_module;

/* State bits of a destination, as the file and ds_mark_dst have them. */
enum ds_state { DS_INACTIVE = 1, DS_PROBING = 2 };

/* Bits of the parameter flags. */
enum ds_flag { DS_USER_ONLY = 1, DS_FAILOVER = 2 };

struct ds_dest {
    struct str uri;
    struct ip ip;    /* of its host, family 0 when that is a name */
    uint16_t port;   /* 0: any */
    uint32_t listed; /* state in the list that was read */
    _Atomic uint32_t state, failures;
};

struct ds_set {
    struct ds_set *next;
    uint32_t id;
    unsigned n, room;
    struct ds_dest *dest;
    _Atomic uint32_t last; /* round robin: how many were chosen */
};

/* All of them, as they were read. */
struct ds_list {
    struct ds_set *sets, **end; /* in their order */
};

/* A parameter that names an AVP or a variable: its text and what conf_check made of it. */
struct ds_variable {
    struct str text;
    const struct pv_ref *pv;
};

struct ds_conf {
    struct str list_file, ping_method, ping_from;
    struct str db_url, table_name, setid_col, destination_col, flags_col;
    struct str path; /* where list_file was found; empty with db_url */
    int32_t force_dst, flags, use_default, probing_threshold, ping_interval, probing_mode;
    struct ds_variable dst_avp, grp_avp, cnt_avp, hash_pvar, setid_pvname;
};

/* list.c: the list in force, a struct ds_list. */
extern const struct memtable ds_table;
/* Finds list_file and looks whether it can be understood; a complaint in p->error otherwise. */
int ds_check_file(struct prepare *p, struct ds_conf *conf);
/* The set with that number, or NULL, also for no list. */
struct ds_set *ds_find_set(const struct ds_list *l, uint32_t id);

/* ping.c: a destination of a set by its URI, or NULL; another state of it, where DS_PROBING is one
 * more failure; the requests of this second. */
struct ds_dest *ds_find_dest(const struct ds_list *l, uint32_t set, struct str uri);
void ds_mark(const struct ds_conf *conf, struct ds_dest *d, uint32_t state);
void ds_on_second(struct engine *e, void *state, const void *conf);

/* mi.c */
extern const struct mi_command ds_commands[];

/* choose.c: which destination of a set is the first one by algorithm alg. */
unsigned ds_choose(struct call *c, const struct ds_conf *conf, struct ds_set *set, int32_t alg,
                   unsigned count);

#endif
