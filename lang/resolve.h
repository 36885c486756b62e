/* What names mean: functions, modules, parameters, settings; and for a name that means nothing,
 * which one was probably meant. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_RESOLVE_H
#define LANG_RESOLVE_H

#include "lang/program.h"

/* Looks for the known name that is most like a wrong one. */
struct nearest {
    struct str wanted, best;
    unsigned distance;
};
struct nearest nearest_to(struct str wanted);
void nearest_offer(struct nearest *n, struct str known);
/* The best of those offered, empty when none is like enough. */
struct str nearest_found(const struct nearest *n);

/* A parameter of the global section. */
enum setting_type {
    SET_BOOL,     /* yes/no or a number */
    SET_NUMBER,   /* a number */
    SET_PORT,     /* a number up to 65535 */
    SET_TEXT,     /* a string */
    SET_NAME,     /* a string or a bare word */
    SET_HOST,     /* a string, a bare host name or an address */
    SET_FACILITY, /* LOG_DAEMON ... */
    SET_TOS,      /* a number or IPTOS_LOWDELAY ... */
    SET_POLL,     /* epoll_lt ... */
    SET_TLS,      /* SSLv23 ... */
    SET_ALIASES,  /* name=s:x;... */
    SET_OLD_BOOL, /* of an older version: accepted and ignored */
    SET_OLD_NUMBER,
    SET_OLD_TEXT,
    SET_OLD_NAME,
};
struct setting_row {
    enum setting_id id;
    const char *name;
    enum setting_type type;
    long number;
    const char *text;
    const char *doc;
};
/* By name or synonym; NULL when unknown, then *near is the most similar one. */
const struct setting_row *resolve_setting(struct str name, struct nearest *near);
const struct setting_row *setting_row(enum setting_id id);

/* The names of a module: number 0 is its own, then those of earlier releases; NULL behind the last.
 */
const char *symbols_name(const struct symbols *m, unsigned i);
/* Number of the module called name, perhaps in an earlier release; -1 when the catalog has none. */
int resolve_module(const struct catalog *c, struct str name);

/* Where a function is looked for. */
struct fn_query {
    const struct catalog *catalog;
    const bool *loaded; /* NULL: all modules */
    struct str name;
    unsigned argc;
    unsigned routes; /* bits of route kinds that a match should allow */
};
struct fn_match {
    const struct fn_spec *fn; /* NULL: none with that many arguments */
    unsigned module;
    bool name_known;   /* there is one with another number of arguments */
    unsigned min, max; /* then: from so many to so many */
};
struct fn_match resolve_function(const struct fn_query *q);
/* Offers all function names of loaded modules (of all, when loaded is NULL). */
void offer_functions(struct nearest *n, const struct catalog *c, const bool *loaded);

#endif
