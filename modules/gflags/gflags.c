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

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_ROW("initial", PARAM_INT, initial, "The flags at the start, as the bits of a number."),
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

/* ---- management commands ---- */

/* The mask of flags that the argument is; 0 with a refusal. */
static uint32_t mask_of(struct mi *m)
{
    uint32_t mask;
    if (str_u32(&mask, mi_arg(m, 0), UINT32_MAX) == ERR_OK && mask)
        return mask;
    mi_fail(m, 400, "Bad parameter: a mask of flags, 1 for flag 0, 2 for flag 1, 4 for flag 2 ...");
    return 0;
}

static enum mi_next mi_set(struct mi *m)
{
    struct state *s = mi_state(m);
    atomic_fetch_or(&s->flags, mask_of(m));
    return MI_DONE;
}

static enum mi_next mi_reset(struct mi *m)
{
    struct state *s = mi_state(m);
    atomic_fetch_and(&s->flags, ~mask_of(m));
    return MI_DONE;
}

static enum mi_next mi_is(struct mi *m)
{
    struct state *s = mi_state(m);
    uint32_t mask = mask_of(m);
    if (mask)
        mi_line(m, 0, NULL, "%s", (atomic_load(&s->flags) & mask) == mask ? "TRUE" : "FALSE");
    return MI_DONE;
}

static enum mi_next mi_get(struct mi *m)
{
    struct state *s = mi_state(m);
    uint32_t flags = atomic_load(&s->flags);
    mi_line(m, 0, NULL, "0x%X", flags);
    mi_line(m, 0, NULL, "%u", flags);
    return MI_DONE;
}

static const struct mi_command commands[] = {
    {"set_gflag", "mask", "Sets the flags of a mask.", 1, 1, 0, NULL, mi_set},
    {"reset_gflag", "mask", "Clears the flags of a mask.", 1, 1, 0, NULL, mi_reset},
    {"is_gflag", "mask", "TRUE when all flags of a mask are set, else FALSE.", 1, 1, 0, NULL,
     mi_is},
    {"get_gflags", "", "All flags as a number, in hexadecimal and in decimal.", 0, 0, 0, NULL,
     mi_get},
    {.name = NULL},
};

const struct module gflags_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "gflags",
                .doc = "32 flags that all messages share.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .start = start,
    .stop = free,
    .commands = commands,
};
