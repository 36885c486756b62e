/* The only header of ours that a module includes: its descriptor, and what its functions may do
 * with a message. A module is one const struct module named <name>_module and a manual beside it.
 */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_MODULE_H
#define CORE_MODULE_H

#include "core/base/addr.h"
#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/hash.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/proxy/call.h"
#include "core/proxy/tm_conf.h"
#include "core/sip/build.h"
#include "core/sip/edit.h"
#include "core/sip/msg.h"
#include "core/sip/uri.h"
#include "lang/avp.h"
#include "lang/host.h"
#include "lang/vm.h"

enum { MODULE_ABI = 1 };

struct stat_spec {
    const char *name;
    bool gauge; /* can fall, is not reset */
    const char *doc;
};

struct module {
    uint32_t abi; /* MODULE_ABI */
    struct symbols symbols;
    const struct stat_spec *stats; /* ends with a row without name; may be NULL */
    size_t slot_size;              /* see call_slot */
    const void *api; /* for other modules; its type stands in the module's own header */

    /* Once, before workers start, when the first loaded program has the module: makes what is
     * shared by workers and outlives versions; may be NULL. conf is the module's configuration.
     * NULL result with *failed set: the program does not start. */
    void *(*start)(const struct module *m, const void *conf, bool *failed);
    void (*stop)(void *state);
    /* A reload brings another configuration: false refuses the reload, with a sentence in why
     * naming what cannot be changed live. */
    bool (*reload)(void *state, const void *old_conf, const void *new_conf, struct buf *why);
    /* Before the script of each request: false ends the matter, the script does not run. */
    bool (*on_request)(struct call *c);
    /* Once a second on each worker, now in ms and wall in s since 1970; worker of workers lets
     * state be divided among them. */
    void (*each_second)(void *state, uint64_t now, int64_t wall, unsigned worker, unsigned workers);
};

#endif
