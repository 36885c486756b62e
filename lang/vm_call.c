/* Calls of functions: their arguments as arg_kind of lang/host.h says. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/base/log.h"
#include "lang/vm_priv.h"

/* A status code; 0 when the text is none. */
static int32_t status_code(struct str s)
{
    uint32_t n;
    return str_u32(&n, s, 699) == ERR_OK && n >= 100 ? (int32_t)n : 0;
}

/* Whether a number may be an argument of this kind. */
static bool fits(enum arg_kind kind, int64_t n)
{
    if (kind == ARG_FLAG)
        return n >= 0 && n <= 31;
    if (kind == ARG_UINT || kind == ARG_HEX)
        return n >= 0 && n <= UINT32_MAX;
    return n >= INT32_MIN && n <= INT32_MAX;
}

/* A variable as an argument: texts as they are, numbers also out of digits. */
static bool take_pv(const struct call_arg *a, const struct value *v, struct arena *scratch,
                    struct value *out)
{
    int64_t n;
    *out = *v;
    if (a->kind == ARG_STR || a->kind == ARG_HOSTPORT)
        return value_print(out, scratch) == ERR_OK;
    if (v->flags & VAL_INT)
        n = v->i;
    else if (a->kind == ARG_IGP || !value_digits(v, &n))
        return false;
    if (!fits(a->kind, n))
        return false;
    *out = value_int((int32_t)n);
    return true;
}

/* What was computed for an argument, in the form its kind wants. False when it cannot be had. */
static bool take(const struct call_arg *a, const struct value *v, struct arena *scratch,
                 struct value *out)
{
    if (v->flags & VAL_FAILED)
        return false;
    if (a->mode == CALL_ARG_PV)
        return take_pv(a, v, scratch, out);
    *out = a->mode == CALL_ARG_CODE ? value_int(status_code(v->s)) : *v;
    return true;
}

int call_function(const struct call_site *site, const struct value *given, struct call *call,
                  const struct host *host)
{
    struct arg args[ARG_MAX];
    for (unsigned i = 0; i < site->n; i++) {
        const struct call_arg *a = &site->args[i];
        args[i] = site->ready[i];
        if (a->mode != CALL_ARG_CONST && !take(a, given++, host->scratch(call), &args[i].v)) {
            log_err("%s(): argument %u, %.*s, has no usable value", site->fn->name, i + 1,
                    STR_ARG(a->text));
            return -1;
        }
    }
    return site->fn->call(call, args, site->n);
}
