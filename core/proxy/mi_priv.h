/* The inside of management commands, for core/proxy only. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_MI_PRIV_H
#define PROXY_MI_PRIV_H

#include "core/module.h"
#include "core/proxy/mi.h"
#include "core/proxy/shared.h"

struct mi {
    struct list link;       /* of mi_server.open */
    struct loop_item carry; /* takes it to another thread */
    struct mi_server *server;
    const struct mi_command *command; /* NULL: a refusal */
    const struct module *module;
    unsigned module_index;
    const struct config *config; /* in force when it began, held */
    struct engine *engine;       /* of the worker that has it; NULL: the main thread */
    unsigned worker;             /* its number; server's count of workers: the main thread */
    struct arena memory;         /* this struct lies in it */
    struct mi_client client;
    struct mi_argument *arg;
    unsigned args;
    void *share;
    int64_t time;
    unsigned code;
    struct str reason;
    struct buf lines; /* the last one without its end */
};

struct mi_server {
    struct shared *shared;
    struct mi_env env;
    struct list open; /* requests under way */
    int64_t started;
    bool serving[SHARED_MAX_MODULES]; /* modules whose serve was called, by index */
};

/* Tells of each command there is now, in the order of modules. */
void mi_each_command(const struct mi_server *s,
                     void (*fn)(void *user, const struct module *m, const struct mi_command *c),
                     void *user);

#endif
