/* Where users are: contacts by address of record, in tables by name. What usrloc offers to other
 * modules, by call_api(c, "usrloc").
 *
 * Nothing here hands out what the table holds: contacts are copied into the call's arena under a
 * short lock, and a change of several contacts is made whole or not at all. A script never runs
 * while a lock is held. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_H
#define USRLOC_H

#include "core/module.h"

/* Lengths the tables take, those of the reference's columns (MODULES 1.6) but for path. */
enum {
    USRLOC_TEXT_MAX = 255, /* contact, received, Call-ID */
    USRLOC_PATH_MAX = 1024,
    USRLOC_AOR_MAX = 256,
    USRLOC_CONTACTS_MAX = 128, /* of one address of record, whatever max_contacts says */
};

#define USRLOC_ALL_METHODS UINT32_MAX

enum ucontact_flag {
    USRLOC_MEMORY_ONLY = 1, /* not for the database */
    USRLOC_NAT = 2,         /* nat_flag of 1.0 and 1.1: the phone is behind a NAT */
    USRLOC_REMOTE = 4,      /* registered at another host, which path leads through */
};

/* One place where a user can be reached. */
struct ucontact {
    struct str uri;
    struct str received; /* where its REGISTER really came from, or empty */
    struct str path;     /* Path header values (RFC 3327), comma separated, or empty */
    struct str call_id;
    struct str user_agent;
    struct str instance; /* +sip.instance without quotes (RFC 5626), or empty */
    uint32_t reg_id;     /* of that instance's flow; 0: none */
    uint32_t expires;    /* s since 1970; 0: never */
    uint32_t modified;   /* s since 1970; set by usrloc */
    uint32_t cseq;
    uint32_t methods; /* METHOD_* bits it understands */
    uint32_t cflags;  /* branch flags for requests to it */
    uint16_t flags;   /* enum ucontact_flag */
    int16_t q;        /* thousandths, or NO_Q */
    int16_t socket;   /* our socket it registered through, or NO_SOCKET */
    bool remove;      /* in an update: take this contact away */
};

struct ucontacts {
    const struct ucontact *v;
    unsigned n;
};

/* Whether a contact is known by instance and reg-id, whatever its URI. */
static inline bool ucontact_is_flow(const struct ucontact *c)
{
    return c->instance.len && c->reg_id;
}

/* All that one REGISTER changes. */
struct usrloc_update {
    struct str table, aor;
    struct ucontacts change; /* in the order in which they are to be entered */
    bool clear;              /* remove all contacts first, whatever their Call-ID and CSeq */
    bool newest_first;       /* order by time, as desc_time_order asks too */
    unsigned max_contacts;   /* 0: only USRLOC_CONTACTS_MAX */
};

/* The parameters of usrloc that others must know. */
struct usrloc_settings {
    int32_t use_domain; /* an address of record is user@domain, not user */
    int32_t nat_bflag;  /* branch flag that marks contacts behind NAT, or -1 */
};

/* How a lookup or save has ended: see there. list lives in the call's arena and is never NULL.
 * Returns the result of the script's function, or CALL_SUSPENDED when it waits for something else.
 */
typedef int (*usrloc_done)(struct call *c, void *arg, int status, const struct ucontacts *list);

/* Told of one contact. */
typedef void (*usrloc_each_fn)(void *arg, struct str table, struct str aor,
                               const struct ucontact *contact);

struct usrloc_api {
    /* In the version of the script this call is pinned to. */
    const struct usrloc_settings *(*settings)(const struct call *c);

    /* For a function of the script to return. Both tell done, at once when they can, else when the
     * database has answered; until then the script waits.
     *
     * lookup: the contacts of aor that have not run out, best first. ERR_OK, ERR_NOTFOUND,
     * ERR_NOMEM; ERR_IO: the database does not tell. */
    int (*lookup)(struct call *c, struct str table, struct str aor, usrloc_done done, void *arg);
    /* Makes all changes of u, or none; u and its texts must lie in the call's arena. list is what
     * is registered then. Statuses as of update; besides ERR_IO with db_mode 1 and 3: the database
     * has not got the change. With db_mode 1 it is made in memory all the same, and goes on being
     * tried. */
    int (*save)(struct call *c, const struct usrloc_update *u, usrloc_done done, void *arg);

    /* What follows looks at memory alone: with db_mode 3 it finds nothing and changes nothing
     * (ERR_UNSUPPORTED); with db_mode 1 it does not wait until a change is written.
     *
     * The contacts of aor that have not run out, best first. out may be NULL: only whether there is
     * one. ERR_OK, ERR_NOTFOUND, ERR_NOMEM. */
    int (*find)(struct call *c, struct str table, struct str aor, struct ucontacts *out);

    /* Makes all changes of u, or none. after (may be NULL) gets what is registered then, also when
     * the answer is a refusal. ERR_OK; ERR_STATE: a CSeq below the one a contact was entered with,
     * or the same too long ago; ERR_LIMIT: too many contacts or a text too long; ERR_FULL: a limit
     * of all contacts or of the source address; ERR_NOMEM.
     * A contact with the Call-ID and CSeq it has already is a retransmission and left alone. */
    int (*update)(struct call *c, const struct usrloc_update *u, struct ucontacts *after);

    /* Enters one contact or refreshes it, in any case: no rule about CSeq. ERR_OK, ERR_LIMIT,
     * ERR_NOMEM. */
    int (*insert)(struct call *c, struct str table, struct str aor, const struct ucontact *contact);

    /* Removes one contact, or with an empty uri all of them. ERR_OK, ERR_NOTFOUND. */
    int (*remove)(struct call *c, struct str table, struct str aor, struct str uri);

    /* Without a call, in the version in force on a worker: the settings; and every contact in
     * memory that has not run out and falls into part of parts. Going through all parts in turn
     * spreads work on a million of them over time. */
    const struct usrloc_settings *(*engine_settings)(const struct engine *e);
    void (*each)(struct engine *e, unsigned part, unsigned parts, usrloc_each_fn fn, void *arg);
};

/* For prepare hooks: the script names this table, so that it is loaded at start. ERR_OK, ERR_LIMIT
 * with a sentence. */
int usrloc_use_table(struct prepare *p, struct str table);

#endif
