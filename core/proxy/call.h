/* One message under a script's hands: what the route blocks see and change, and what modules act
 * on.
 *
 * A call lives for one top-level run: a received request, a received reply, a failure, a branch
 * being built. What must outlive it (the request, edits, AVPs, variables, flags, armed routes)
 * moves into the transaction (txn.h) when there is one. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_CALL_H
#define PROXY_CALL_H

#include "core/base/arena.h"
#include "core/base/hash.h"
#include "core/base/service.h"
#include "core/db/db.h"
#include "core/sip/build.h"
#include "core/sip/edit.h"
#include "core/sip/msg.h"
#include "lang/avp.h"
#include "lang/host.h"
#include "lang/vm.h"

struct engine;
struct config;
struct txn;
struct branch;
struct dest;
struct module;

enum {
    CALL_MAX_BRANCHES = 12, /* per fork set, the R-URI included (LANGUAGE 3.1) */
    NO_SOCKET = -1,
    NO_Q = -1,
};

/* A place to send the request to: the R-URI (branch 0) or an appended branch. Texts live in the
 * call's arena. */
struct target {
    struct str uri;
    struct str dst_uri; /* outbound proxy ($du), or empty */
    struct str path; /* value of Route headers to put on top (Path of the registration), or empty */
    uint32_t flags;  /* branch flags */
    int16_t q;       /* thousandths, NO_Q when not set */
    int16_t socket;  /* forced sending socket, or NO_SOCKET */
};

/* Routes armed by t_on_*: index in the program, -1 for none. */
struct armed {
    int failure, reply, branch;
};

/* Parser errors that a script can see ($err.*, error_route). class 0: none. */
struct call_error {
    int class, level, code;
    struct str info, reason;
};

struct call {
    struct engine *engine;
    const struct config *config; /* the version of the script this call is pinned to */
    enum route_kind kind;
    struct msg *msg;
    struct arena *arena;   /* of the message; lives until the run's end */
    struct txn *txn;       /* the transaction of msg, or NULL */
    struct branch *branch; /* ONREPLY, FAILURE, BRANCH: the branch in question, or NULL */

    struct target target; /* branch 0; target.uri is the Request-URI as it stands now */
    bool uri_changed;     /* target.uri differs from the received one by a script's doing */
    struct uri uri;       /* target.uri explained; see call_uri */
    uint8_t uri_state;    /* 0 not explained yet, 1 explained, 2 malformed */
    struct target extra[CALL_MAX_BRANCHES - 1]; /* appended branches */
    unsigned extras;

    struct edits edits;         /* of msg */
    struct buf reply_headers;   /* append_to_reply: lines for replies made here */
    struct str sl_tag;          /* see call_sl_tag; empty until it is asked for */
    struct str advertised_host; /* set_advertised_address, or empty */
    uint16_t advertised_port;   /* 0: not set */
    uint32_t blacklists;        /* use_blacklist: a bit for each list of the script */
    bool local_rport;           /* force_local_rport: ;rport in our own Via */
    uint32_t flags, script_flags;
    struct avps own_avps, *avps; /* avps: the list in force, own or the transaction's */
    struct vars own_vars, *vars;
    struct armed armed; /* in force when the transaction is made */
    struct call_error error;
    bool in_error_route;
    bool fresh;       /* known to repeat no request that has a transaction */
    bool acks_us;     /* an ACK for a reply that we made or a negative one: it goes no further */
    int status;       /* FAILURE: code of the picked branch; ONREPLY: of the reply; else 0 */
    int branch_index; /* BRANCH: 1-based number of the branch being built; else 0 */
    bool dropped;     /* BRANCH, ONREPLY: the route ended with drop */
    uint8_t restored; /* enum party bits */
    uint8_t failed;   /* why the last relay, reply or forward failed: enum failure of dest.h */
    struct hnode parked_node; /* of engine->parked_requests while parked */
    bool parked, paused;      /* waits; has waited */
    bool cancelled;           /* its CANCEL came while the script waited */
    /* What the engine had sent, and how often it lacked memory, before the run; while it waits,
     * what was sent for this run. */
    uint64_t sent, starved;
    void *owner;          /* who began the run, for its done callback */
    struct dest *looking; /* the next hop whose name a function of the script waits for, or NULL */
    void **slot;          /* scratch of each module for this message, made on first use */
};

/* ---- for modules: reading and changing the call -------------------------------------------------
 */

/* The module's configuration in the version of this call (symbols.conf_size bytes), never NULL for
 * a loaded module. */
void *call_conf(const struct call *c, const struct module *m);
/* Zeroed memory of m->slot_size bytes that belongs to this message and module; NULL without memory.
 */
void *call_slot(struct call *c, const struct module *m);
/* What module->start returned: shared by all workers and versions. */
void *call_state(const struct call *c, const struct module *m);
/* API another loaded module offers (module.api), NULL when it is not loaded. */
const void *call_api(const struct call *c, const char *module);
/* Milliseconds since an arbitrary start, and seconds since 1970; both fixed while a run goes on. */
uint64_t call_now(const struct call *c);
int64_t call_time(const struct call *c);
struct hash_key call_hash_key(const struct call *c);
/* 64 bits of chance. */
uint64_t call_random(const struct call *c);
/* For a function to return: the script goes on after that time and the function has answered 1,
 * while the worker serves others. -1 without memory. */
int call_wait_ms(struct call *c, uint32_t ms);
/* Adds n to a statistic of the module. */
void call_count(const struct call *c, const struct module *m, unsigned stat, int64_t n);
/* The host interface, for format_eval, pv_read and friends. */
const struct host *call_host(void);
/* The script this call is pinned to, for its global settings (program_setting_*). */
const struct program *call_program(const struct call *c);
/* How many messages its worker has received, this one included ($mi). */
uint64_t call_number(const struct call *c);

/* The current Request-URI explained; NULL when it is malformed or msg is a reply. */
const struct uri *call_uri(struct call *c);
/* Replaces the Request-URI; text is copied, not checked. ERR_NOMEM, ERR_STATE on a reply. */
int call_set_uri(struct call *c, struct str text);
/* Changes one part of the Request-URI by the rules of LANGUAGE 6.1 and deviations 6 and 23. An
 * empty value removes the part where that makes sense. ERR_SYNTAX when the current URI is
 * malformed. */
enum uri_part {
    PART_HOST,     /* keeps the port */
    PART_HOSTPORT, /* drops the old port */
    PART_USER,     /* keeps the password */
    PART_USERPASS,
    PART_PORT,
    PART_PREFIX, /* put before the user */
};
int call_rewrite(struct call *c, enum uri_part part, struct str value);
/* Removes n characters from the user's start or end. */
int call_strip(struct call *c, unsigned n, bool tail);
/* Back to the received Request-URI. */
void call_revert_uri(struct call *c);
/* Sets $du; empty resets. ERR_SYNTAX is not judged here, only when it is used. */
int call_set_dst_uri(struct call *c, struct str uri);
/* Appends a branch. ERR_LIMIT when there are CALL_MAX_BRANCHES. Texts are copied. */
int call_add_branch(struct call *c, const struct target *t);
/* append_branch() without argument: a copy of branch 0, whose own extras are then cleared. */
int call_append_current(struct call *c);

/* Records a parser error of this message ($err.*); error_route runs after the current action. */
void call_set_error(struct call *c, int class, int level, int code, const char *reason,
                    const char *info);
/* From, To with that side effect: NULL when absent or malformed. */
const struct nameaddr *call_from(struct call *c);
const struct nameaddr *call_to(struct call *c);

/* Chooses a dst_blacklist of the script for the rest of this run, or lets it go; ERR_NOTFOUND when
 * there is none of that name. "all" stands for every list. */
int call_use_blacklist(struct call *c, struct str name, bool use);

/* ---- addresses ---- */

/* Whether host:port names us: a listening socket or an alias (LANGUAGE 5, myself). port 0 counts as
 * 5060, or as any when any_port. */
bool call_is_self(const struct call *c, struct str host, uint16_t port, bool any_port);
bool call_uri_is_self(const struct call *c, const struct uri *u);
/* Number of our socket with that address; proto PROTO_ANY and port 0 match any. -1 when none. */
int call_find_socket(const struct call *c, enum proto proto, struct str host, uint16_t port);
/* Our socket number i: its address, and the name it has in Via and Record-Route. */
const struct addr *call_socket(const struct call *c, unsigned i);
unsigned call_sockets(const struct call *c);

/* ---- acting
 * --------------------------------------------------------------------------------------- Results
 * are script results: > 0 done, < 0 failed, 0 ends the script, CALL_SUSPENDED. */

/* Stateless reply (sl_send_reply): MODULES 1.2. Fills the To tag, uses append_to_reply's lines,
 * adds the destination set to 3xx. */
int call_sl_reply(struct call *c, unsigned code, struct str reason);
/* Code and reason for sl_reply_error: the last internal error of this call, 500 by default. */
int call_last_error(const struct call *c, struct str *reason);
/* The To tag that stateless replies to this message carry. */
struct str call_sl_tag(struct call *c);
/* Stateless forwarding (forward()): to hop "[proto:]host[:port]" when not empty, else to $du or the
 * R-URI. */
int call_forward(struct call *c, struct str hop);
/* send(): the bytes as received. */
int call_send_raw(struct call *c, struct str hop);

/* tm: MODULES 1.1; flags as there. */
enum relay_flag { RELAY_NO_100 = 1, RELAY_NO_REPLY = 2, RELAY_NO_FAILOVER = 4 };
int call_relay(struct call *c, struct str hop, unsigned flags);
int call_replicate(struct call *c, struct str uri, unsigned flags);
int call_newtran(struct call *c);
int call_reply(struct call *c, unsigned code, struct str reason);
/* A prepare hook of functions whose second argument is a reason phrase: one that is empty from the
 * start is a mistake; one that turns out empty is for the function to refuse. */
int call_check_reason(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int call_check_trans(struct call *c);
int call_release(struct call *c);
int call_flush_flags(struct call *c);
int call_was_cancelled(struct call *c);
/* Adds a branch that sends nothing, for a request that was handed to a program of this machine:
 * engine_answer_blind answers it by label, or fr_timer ends it with 408. ERR_STATE without a
 * transaction that may have more branches, ERR_NOMEM. */
int call_blind_branch(struct call *c, uint32_t label);
enum local_which { LOCAL_ALL, LOCAL_BRANCH, LOCAL_LAST };
int call_local_replied(struct call *c, enum local_which which);
/* Writes the destination set as Contact values ($ds, 3xx): the Request-URI when it was changed, and
 * the branches. */
void call_contacts(struct buf *out, const struct call *c);
/* In a failure_route the i-th of the negative replies that came from outside in the fork set that
 * has failed, as it would go up; false behind the last. */
bool call_failed_reply(const struct call *c, unsigned i, struct str *bytes);
/* Replies of this request's transaction get From or To as the request came in with, whatever the
 * script made of it. */
enum party { PARTY_IN_FROM = 1, PARTY_IN_TO = 2 };
void call_restore_party(struct call *c, enum party p);
/* For rr: tells modules that a Route of ours was taken off (struct module, on_loose_route). */
void call_loose_routed(struct call *c, struct str params);
/* The code that t_check_status and $T_reply_code judge; -1 when there is none. */
int call_reply_code(struct call *c);
/* Arms a route (index in the program, -1 disarms) here or in the transaction. */
void call_arm(struct call *c, enum route_kind kind, int route);

/* ---- work that takes time ----------------------------------------------------------------------
 * A function begins work elsewhere and returns CALL_SUSPENDED; the worker serves others, and the
 * script goes on in the same line with the result. What a function keeps meanwhile lies in the
 * call's arena. A wait may be over by its service's deadline, and a call may be given up while it
 * waits: then nothing of the call is touched any more. */
struct wait;
/* How a wait ended. status ERR_OK with what was agreed in answer, ERR_TIMEOUT by the deadline, else
 * why it failed. Returns the function's result, or CALL_SUSPENDED when it has begun another wait.
 */
typedef int (*wait_done)(struct call *c, void *arg, int status, const void *answer);
/* Begins one. s limits how many there are and how long each takes, or NULL. NULL with *status:
 * ERR_LIMIT, ERR_STATE (the breaker is open), ERR_NOMEM; done is not called then. */
struct wait *call_wait(struct call *c, struct service *s, wait_done done, void *arg, int *status);
/* The work has ended, not before the function has returned. On the worker's thread, exactly once
 * for each wait; w is gone afterwards. */
void wait_end(struct wait *w, int status, const void *answer);
/* Takes a wait back, before the function returns: the work did not begin. */
void wait_drop(struct wait *w);
/* The thread of this call, for descriptors and posted items, and its number. */
struct loop *call_loop(const struct call *c);
unsigned call_worker(const struct call *c);

/* The database of a module in the version of this call (struct module, db); NULL when it uses
 * none. */
struct db *call_db(const struct call *c, const struct module *m);
/* Asks a database. done is called with the result, or with the status of db_done and NULL, at once
 * when the query cannot even begin; its value is the function's. For a function to return. */
typedef int (*query_done)(struct call *c, void *arg, int status, const struct db_result *r);
int call_query(struct call *c, struct db *db, const struct db_query *q, query_done done, void *arg);

#endif
