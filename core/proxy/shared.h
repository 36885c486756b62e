/* What all workers share: the configuration in force and its predecessors, sockets, modules' state,
 * counters. Everything on the path of a call is read without a lock. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_SHARED_H
#define PROXY_SHARED_H

#include <stdatomic.h>

#include "core/base/addr.h"
#include "core/base/hash.h"
#include "lang/program.h"

struct module;

/* All modules that are built in; [0] is the core. Ends with NULL. Defined in modules/registry.c. */
struct module_set {
    const struct module *const *modules;
    unsigned count;
    struct catalog catalog;
};

enum { SHARED_MAX_SOCKETS = 32, SHARED_MAX_WORKERS = 128 };

struct socket_info {
    struct addr addr;
    struct str name; /* host text as written in listen=, also counts as us */
    struct str host; /* for Via and Record-Route: address, IPv6 in brackets */
};

struct alias {
    struct str host;
    uint16_t port;
    uint8_t proto;
};

/* One version of the script with all that was made from it (DESIGN 3.7). Immutable once published;
 * freed with the last transaction that is pinned to it. */
struct config {
    atomic_uint refs;
    unsigned version; /* counts from 1 */
    struct program *program;
    struct arena arena;
    const struct alias *aliases;
    unsigned n_aliases;
    /* settings that are asked for every message, explained once */
    struct str server_header, user_agent_header; /* whole lines, empty when switched off */
    struct str advertised_host;
    uint16_t advertised_port;
    int main_route, onreply_route, error_route, local_route; /* -1: none */
    bool check_via, reply_to_via, mhomed, auto_100;
};

struct shared {
    const struct module_set *set;
    void *module_state[64]; /* what each module's start returned, by its index */
    struct socket_info sockets[SHARED_MAX_SOCKETS];
    unsigned n_sockets;
    unsigned workers;
    struct hash_key key;
    struct arena arena;
    _Atomic(struct config *) current;
    _Atomic(const struct config *) adopted[SHARED_MAX_WORKERS]; /* the version each worker is on */
    struct stat_table *stats;
};

#endif
