/* Inside of the dialog module. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_DIALOG_PRIV_H
#define MODULES_DIALOG_PRIV_H

#include <stdatomic.h>

#include "core/module.h"
#include "modules/dialog/store.h"

extern const struct module dialog_module;

enum {
    DLG_PROFILES = 32,   /* that can be declared */
    DLG_ID_BITS = 32,    /* of the second number of a did */
    DLG_TEXT_MAX = 4096, /* bytes of all texts of a dialog together */
    DLG_WORKERS = 128,
    DLG_DID_TEXT = 20, /* both numbers and the dot */
};

/* As the reference numbers them. */
enum dlg_state {
    DLG_UNCONFIRMED = 1,
    DLG_EARLY,
    DLG_UNACKED, /* a 2xx went up, its ACK is not seen yet */
    DLG_CONFIRMED,
    DLG_DELETED,
};

enum dlg_match { MATCH_DID, MATCH_DID_OR_TAGS, MATCH_TAGS };

struct dialog_conf {
    int32_t dlg_flag, default_timeout, match_mode, hash_size, db_mode, period, unused_number;
    struct str db_url, table, column[DLG_COLUMNS];
    struct str rr_param, timeout_avp_text, extra_hdrs, with_value_text, no_value_text;
    const struct pv_ref *timeout_avp;
    struct str profile[DLG_PROFILES]; /* names; the first with_value of them take a value */
    unsigned profiles, with_value;
};

enum side { CALLER, CALLEE };

/* A link to a profile; the value follows. */
struct dlg_link {
    struct dlg_link *next;
    struct profile_count *count; /* of profile and value together (profile.c) */
    struct str name, value;      /* texts lie behind */
};

/* What is known of one side. */
struct dlg_party {
    struct str uri, tag;
    struct str contact; /* its remote target */
    struct str routes;  /* comma separated, as in-dialog requests to it need them */
    uint32_t cseq;      /* of the latest request from there */
    int16_t socket;     /* of ours, towards it */
};

struct dialog {
    struct hnode node;  /* in its worker's table, by Call-ID */
    struct timer timer; /* its lifetime */
    struct dialog_worker *worker;
    uint32_t entry, id;
    uint8_t state;     /* enum dlg_state */
    bool stored;       /* there may be a row of it */
    uint8_t was;       /* loaded from a row: its state there */
    uint32_t lifetime; /* s */
    int64_t until;     /* s since 1970, when that is over */
    int64_t start;     /* s since 1970, 0 until it was answered */
    struct str call_id;
    struct dlg_party party[2];
    struct dlg_link *links;
    struct dialog *next_loaded; /* while no worker has it */
    struct arena memory;        /* this struct lies in it */
};

/* Those of one worker; nobody else touches them. */
struct dialog_worker {
    struct dialog_state *state;
    struct htable table;
    struct changes *changes;    /* with a database */
    struct changes_counts told; /* what the statistics have heard of them */
    bool ready;
};

struct profiles;
struct dialog_state {
    atomic_int active; /* of all workers: $DLG_count */
    struct profiles *profiles;
    struct dialog_store *store; /* NULL without a database */
    struct dialog_worker worker[DLG_WORKERS];
};

enum dlg_stat {
    STAT_ACTIVE,
    STAT_EARLY,
    STAT_PROCESSED,
    STAT_EXPIRED,
    STAT_FAILED,
    STAT_UNWRITTEN,
    STAT_WRITES_FAILED,
    STAT_REFUSED,
};

/* Of one message. */
struct dialog_slot {
    uint8_t state;         /* of the dialog that loose_route() found, 0: none */
    int64_t start;         /* when that was answered */
    struct pending *links; /* set_dlg_profile() before there is a dialog */
};
struct pending {
    struct pending *next;
    unsigned profile;
    struct str value;
};

/* ---- table.c ---- */

/* The table of a worker, made when it is first needed, with the dialogs of the database that belong
 * to it; NULL without memory. */
struct dialog_worker *dialog_worker(struct dialog_state *s, struct engine *e);
/* A dialog for the INVITE of a call; NULL without memory or when it has no single Contact. */
struct dialog *dialog_new(struct call *c);
/* Takes it out and frees it. */
void dialog_free(struct dialog *d);
/* The one with that Call-ID and numbers; NULL. */
struct dialog *dialog_by_did(struct call *c, uint32_t entry, uint32_t id);
/* The same without a message; key as module_start gave it. */
struct dialog *dialog_known(struct dialog_worker *w, struct hash_key key, struct str call_id,
                            uint32_t entry, uint32_t id);
/* Whether it was answered and goes on. */
static inline bool dialog_answered(const struct dialog *d)
{
    return d->state == DLG_UNACKED || d->state == DLG_CONFIRMED;
}
/* The one that a message belongs to by Call-ID and tags; *from: the side it comes from. */
struct dialog *dialog_by_tags(struct call *c, enum side *from);
/* Which side sent a message, by its tags; false when it does not belong to the dialog. */
bool dialog_side(const struct dialog *d, const struct msg *m, enum side *from);
/* The same in a text of the dialog's own memory; false without memory or beyond its limit. */
bool dialog_keep(struct dialog *d, struct str *out, struct str text);
/* (Re)starts its lifetime. */
void dialog_arm(struct dialog *d, struct engine *e);
/* Something of it has changed that a restart should find. */
void dialog_changed(struct dialog *d, struct engine *e);
/* Another state, counted. e is the worker. */
void dialog_enter(struct dialog *d, struct engine *e, enum dlg_state state);
/* ";did=..." value: both numbers in hexadecimal, lowest digit first. */
void dialog_write_did(struct buf *out, const struct dialog *d);
bool dialog_read_did(struct str text, uint32_t *entry, uint32_t *id);

/* ---- events.c ---- */

/* A followed request gets its transaction: its dialog is made and named in Record-Route. */
void dialog_on_begin(struct call *c);
/* What becomes of that transaction. */
void dialog_on_transaction(struct call *c, const struct txn_event *e);
/* A request inside some dialog; what it finds is noted for the variables. */
void dialog_on_loose_route(struct call *c, struct str params);

/* ---- profile.c: how many dialogs of all workers are in a profile; locked ---- */

/* Without any link; NULL without memory. */
struct profiles *profiles_new(void);
/* No dialog may be left. */
void profiles_free(struct profiles *p);
/* Links a dialog to a profile, with a value or an empty one. ERR_OK, ERR_NOMEM. */
int profile_link(struct profiles *p, struct dialog *d, struct str name, struct str value);
/* Takes all its links off. */
void profile_unlink_all(struct profiles *p, struct dialog *d);
/* How many dialogs: of that value, or of all when value is NULL. */
unsigned profile_size(struct profiles *p, struct str name, const struct str *value);
/* Number of a declared profile; -1. */
int profile_number(const struct dialog_conf *conf, struct str name);

/* mi.c */
extern const struct mi_command dialog_commands[];

#endif
