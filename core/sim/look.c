/* Looking at calls. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/look.h"

#include "core/base/err.h"
#include "core/proxy/call.h"
#include "core/proxy/shared.h"

const struct program *look_program(const struct call *c)
{
    return c->config->program;
}

bool look_flag(const struct call *c, enum flag_kind kind, unsigned n)
{
    uint32_t flags = kind == FLAG_MESSAGE  ? c->flags
                     : kind == FLAG_BRANCH ? c->target.flags
                                           : c->script_flags;
    return flags >> n & 1;
}

bool look_variable(struct call *c, const struct pv_ref *v, struct buf *out)
{
    struct call_error before = c->error; /* a look at a header may find it malformed */
    struct value value = VALUE_NULL;
    int rc = pv_read(v, c, call_host(), &value);
    c->error = before;
    if (rc != ERR_OK || value_is_null(&value))
        return false;
    buf_add(out, value.s);
    return true;
}
