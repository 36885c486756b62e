/* Inside of the permissions module: rules read from files, peers and addresses from tables. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_PERMISSIONS_PRIV_H
#define MODULES_PERMISSIONS_PRIV_H

#include "core/module.h"

extern const struct module permissions_module;

/* A list of expressions; without any it matches everything (ALL). */
struct patterns {
    struct patterns *next;
    const struct regex *regex;
};

/* FROM_LIST [EXCEPT LIST] : URI_LIST [EXCEPT LIST] */
struct rule {
    struct rule *next;
    const struct patterns *from, *from_except, *to, *to_except;
    bool except_from, except_to; /* an EXCEPT was there */
};

/* What an allow file and a deny file say. */
struct rules {
    const struct rule *allow, *deny;
};

/* Files that a function of the script names, by their base name. */
struct base {
    struct base *next;
    struct str name;
    const struct rules *rules;
};

struct perm_conf {
    struct str allow_file, deny_file, allow_suffix, deny_suffix;
    struct str db_url, trusted_table, source_col, proto_col, from_col, tag_col, peer_tag_text;
    struct str address_table, grp_col, ip_addr_col, mask_col, port_col;
    const struct pv_ref *peer_tag_avp; /* or NULL */
    int32_t check_all_branches, db_mode;
    struct rules rules;              /* of the default files */
    struct base *bases;              /* of the others, those with a base name */
    bool asks_trusted, asks_address; /* functions that the script calls */
};

/* Reads both files; one that is missing has no rules. A complaint in p->error otherwise. */
int permissions_read(struct prepare *p, struct str allow, struct str deny, struct rules *out);
/* Whether from may reach uri: an allow rule matches, or no deny rule does. */
bool permissions_allow(const struct rules *r, struct str from, struct str uri);

/* A URI as rules see it: sip:user@host, or sip:host, in a. p is NULL when it is none. */
struct str permissions_uri(struct arena *a, struct str text);

/* ---- tables (tables.c) ---- */

/* A row of the trusted table. */
struct peer {
    struct ip ip;
    struct str proto;   /* "any", "none", "udp", ... */
    struct regex *from; /* NULL: whoever it is from */
    struct str tag;
    unsigned number; /* of the row */
};

struct peers {
    unsigned n;
    struct peer *row; /* by address, in the order of the table */
};

/* A row of the address table. */
struct address {
    struct ip ip;
    uint8_t bits;
    uint16_t port; /* 0: any */
    int32_t group;
};

struct addresses {
    unsigned n, nets; /* single addresses, sorted; then networks */
    struct address *row;
};

/* Both in memory: a struct peers, with db_mode 1; a struct addresses. */
extern const struct memtable perm_trusted, perm_address;
/* A pattern of the trusted table, a basic one that minds letter case; false with a line in the log.
 * *out is NULL for an empty one. */
bool peer_pattern(struct str text, struct regex **out);
/* Whether a peer of this proto and pattern fits. */
bool peer_fits(struct str row_proto, const struct regex *from, struct str proto, struct str uri);
/* The first row with this address, protocol and From; NULL when there is none. */
const struct peer *peers_find(const struct peers *l, const struct ip *ip, struct str proto,
                              struct str uri);
/* Whether an address is in a group; a group below 0 stands for all. The row, or NULL. */
const struct address *addresses_find(const struct addresses *l, int32_t group, const struct ip *ip,
                                     uint16_t port);

/* Management commands (manage.c). */
extern const struct mi_command perm_commands[];

/* ---- functions (access.c) ---- */

/* allow_trusted([$ip, $protocol]). */
int perm_allow_trusted(struct call *c, const struct arg *args, unsigned n);
/* allow_address(group, $ip, $port). */
int perm_allow_address(struct call *c, const struct arg *args, unsigned n);
/* allow_address($ip, $port). */
int perm_allow_address_of_group(struct call *c, const struct arg *args, unsigned n);
/* allow_source_address(group). */
int perm_allow_source_address(struct call *c, const struct arg *args, unsigned n);
/* allow_source_address_group(). */
int perm_allow_source_address_group(struct call *c, const struct arg *args, unsigned n);
/* set_address_group(group). */
int perm_set_address_group(struct call *c, const struct arg *args, unsigned n);
/* Notes that the script asks the trusted table; ERR_INVALID without db_url. */
int perm_prepare_trusted(struct prepare *p, unsigned argn, struct str text, struct arg *out);
/* Notes that the script asks the address table; ERR_INVALID without db_url. */
int perm_prepare_address(struct prepare *p, unsigned argn, struct str text, struct arg *out);

/* Of one message. */
struct perm_slot {
    int32_t group; /* of set_address_group() */
};

#endif
