/* Functions that change where the request goes: the R-URI and $du. The rules of editing are the
 * proxy's (call_rewrite). */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

static int rewrite(struct call *c, enum uri_part part, const struct arg *args)
{
    return script_result(call_rewrite(c, part, args[0].v.s));
}

int core_rewritehost(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return rewrite(c, PART_HOST, args);
}

int core_rewritehostport(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return rewrite(c, PART_HOSTPORT, args);
}

int core_rewriteuser(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return rewrite(c, PART_USER, args);
}

int core_rewriteuserpass(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return rewrite(c, PART_USERPASS, args);
}

int core_rewriteport(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return rewrite(c, PART_PORT, args);
}

int core_prefix(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return rewrite(c, PART_PREFIX, args);
}

int core_rewriteuri(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return script_result(call_set_uri(c, args[0].v.s));
}

int core_revert_uri(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    call_revert_uri(c);
    return 1;
}

static int strip(struct call *c, const struct arg *args, bool tail)
{
    const struct uri *u = call_uri(c);
    if (u && u->user.len && (uint32_t)args[0].v.i > u->user.len)
        log_warn("strip%s(%d): the user \"%.*s\" is shorter and goes", tail ? "_tail" : "",
                 args[0].v.i, STR_ARG(u->user));
    return script_result(call_strip(c, (unsigned)args[0].v.i, tail));
}

int core_strip(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return strip(c, args, false);
}

int core_strip_tail(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return strip(c, args, true);
}

int core_setdsturi(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return script_result(call_set_dst_uri(c, args[0].v.s));
}

int core_resetdsturi(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return script_result(call_set_dst_uri(c, STR_NONE));
}

int core_isdsturiset(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return c->target.dst_uri.len ? 1 : -1;
}
