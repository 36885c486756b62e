/* Message, script and branch flags. */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

static uint32_t bit(const struct arg *a)
{
    return (uint32_t)1 << (a->v.i & 31);
}

static int truth(bool b)
{
    return b ? 1 : -1;
}

/* The flags of branch number `index`: 0 is the R-URI. NULL when there is no such branch. */
static uint32_t *branch_flags(struct call *c, int32_t index)
{
    if (index == 0)
        return &c->target.flags;
    return index > 0 && (unsigned)index <= c->extras ? &c->extra[index - 1].flags : NULL;
}

int core_setflag(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    c->flags |= bit(args);
    return 1;
}

int core_resetflag(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    c->flags &= ~bit(args);
    return 1;
}

int core_isflagset(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return truth(c->flags & bit(args));
}

int core_setsflag(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    c->script_flags |= bit(args);
    return 1;
}

int core_resetsflag(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    c->script_flags &= ~bit(args);
    return 1;
}

int core_issflagset(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return truth(c->script_flags & bit(args));
}

int core_setbflag(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    c->target.flags |= bit(args);
    return 1;
}

int core_resetbflag(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    c->target.flags &= ~bit(args);
    return 1;
}

int core_isbflagset(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return truth(c->target.flags & bit(args));
}

int core_setbflag_of(struct call *c, const struct arg *args, unsigned n)
{
    uint32_t *flags = branch_flags(c, args[0].v.i);
    (void)n;
    if (flags)
        *flags |= bit(&args[1]);
    return truth(flags);
}

int core_resetbflag_of(struct call *c, const struct arg *args, unsigned n)
{
    uint32_t *flags = branch_flags(c, args[0].v.i);
    (void)n;
    if (flags)
        *flags &= ~bit(&args[1]);
    return truth(flags);
}

int core_isbflagset_of(struct call *c, const struct arg *args, unsigned n)
{
    const uint32_t *flags = branch_flags(c, args[0].v.i);
    (void)n;
    return truth(flags && (*flags & bit(&args[1])));
}
