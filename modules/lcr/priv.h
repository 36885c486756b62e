/* Inside of the lcr module: gateways and rules in memory, where choices are kept. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_LCR_PRIV_H
#define MODULES_LCR_PRIV_H

#include "core/module.h"

extern const struct module lcr_module;

enum { LCR_CHOICES = 32 }; /* gateways of one call */

/* An AVP that a parameter names. */
struct lcr_avp {
    struct str text;
    const struct pv_ref *pv;
};

struct lcr_conf {
    struct str db_url, gw_table, lcr_table;
    struct str gw_name_column, grp_id_column, ip_addr_column, port_column, uri_scheme_column;
    struct str transport_column, strip_column, tag_column, flags_column;
    struct str prefix_column, from_uri_column, priority_column;
    struct lcr_avp fr_inv_timer_avp, gw_uri_avp, ruri_user_avp, contact_avp, rpid_avp, flags_avp;
    int32_t fr_inv_timer, fr_inv_timer_next, prefix_mode;
};

struct gw {
    struct str name, tag;
    struct ip ip;
    int64_t group;
    unsigned number; /* of the row */
    uint16_t port;   /* 0: none */
    uint8_t strip;
    bool sips;
    uint8_t transport; /* enum proto, PROTO_ANY: not said */
    int32_t flags;
};

struct route_rule {
    struct str prefix;
    struct regex *prefix_regex; /* in prefix_mode 1 */
    struct regex *from;         /* NULL: every caller */
    int64_t group;
    int32_t priority;
};

struct lcr_tables {
    unsigned n_gws, n_rules;
    struct gw *gw;           /* by group */
    struct route_rule *rule; /* by prefix */
    size_t longest;          /* prefix */
};

/* Both in memory, a struct lcr_tables (tables.c). */
extern const struct memtable lcr_memory;

/* The gateways of a group: how many, the first at *first. */
unsigned lcr_group(const struct lcr_tables *t, int64_t group, const struct gw **first);
/* Tells of each rule that fits the number and the caller. */
void lcr_each(const struct lcr_tables *t, bool prefix_mode, struct str user, struct str caller,
              void (*fn)(void *arg, const struct route_rule *r), void *arg);

/* load_contacts() and next_contacts() (contacts.c). */
int lcr_load_contacts(struct call *c, const struct arg *args, unsigned n);
/* See lcr_load_contacts. */
int lcr_next_contacts(struct call *c, const struct arg *args, unsigned n);

/* Pushes a value on an AVP; false without memory. */
bool lcr_push(struct call *c, const struct lcr_avp *avp, const struct value *v);
/* Removes every value of it. */
void lcr_clear(struct call *c, const struct lcr_avp *avp);
/* Takes the newest value off, its text in the call's arena; false when there is none. */
bool lcr_take(struct call *c, const struct lcr_avp *avp, struct str *out);

#endif
