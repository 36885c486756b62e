/* gflags: 32 flags that all messages and workers share. */
/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdlib.h>

#include "core/module.h"

extern const struct module gflags_module;

struct conf {
    int32_t initial;
};

struct state {
    _Atomic uint32_t flags;
};

static uint32_t bit(const struct arg *args)
{
    return (uint32_t)1 << args[0].v.i;
}

static int set_gflag(struct call *c, const struct arg *args, unsigned n)
{
    struct state *s = call_state(c, &gflags_module);
    (void)n;
    atomic_fetch_or(&s->flags, bit(args));
    return 1;
}

static int reset_gflag(struct call *c, const struct arg *args, unsigned n)
{
    struct state *s = call_state(c, &gflags_module);
    (void)n;
    atomic_fetch_and(&s->flags, ~bit(args));
    return 1;
}

static int is_gflag(struct call *c, const struct arg *args, unsigned n)
{
    struct state *s = call_state(c, &gflags_module);
    (void)n;
    return atomic_load(&s->flags) & bit(args) ? 1 : -1;
}

enum {
    ROUTES = ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH | ROUTE_ONREPLY | ROUTE_LOCAL,
};

#define ROW(name, doc)                                                                             \
    {                                                                                              \
#name, name, 1, 1, {ARG_FLAG }, ROUTES, 0, NULL, "flag", doc                               \
    }

static const struct fn_spec functions[] = {
    ROW(set_gflag, "Sets the global flag, 0 to 31. Always true."),
    ROW(reset_gflag, "Clears the global flag. Always true."),
    ROW(is_gflag, "True when the global flag is set."),
    {.name = NULL},
};

static const struct param_spec params[] = {
    {.name = "initial",
     .type = PARAM_INT,
     .offset = offsetof(struct conf, initial),
     .doc = "The flags at the start, as the bits of a number."},
    {.name = NULL},
};

static void *start(const struct module_start *begin, bool *failed)
{
    const struct conf *c = begin->conf;
    struct state *s = calloc(1, sizeof *s);
    *failed = !s;
    if (s)
        atomic_init(&s->flags, (uint32_t)c->initial);
    return s;
}

const struct module gflags_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "gflags",
                .doc = "32 flags that all messages share.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .start = start,
    .stop = free,
};
