/* Calls of functions: their arguments as arg_kind of lang/host.h says. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/base/log.h"
#include "lang/pv.h"
#include "lang/vm_priv.h"

/* A status code; 0 when the text is none. */
static int32_t status_code(struct str s)
{
    uint32_t n;
    return str_u32(&n, s, 699) == ERR_OK && n >= 100 ? (int32_t)n : 0;
}

static int eval_format(const struct call_arg *a, struct call *call, const struct host *host,
                       struct arg *out)
{
    struct str text;
    int rc = format_eval(a->format, call, host, &text);
    if (rc != ERR_OK)
        return rc;
    out->v = a->mode == CALL_ARG_CODE ? value_int(status_code(text)) : value_str(text);
    return ERR_OK;
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

/* A variable for an argument: texts as they are, numbers also out of digits. */
static int eval_pv(const struct call_arg *a, struct call *call, const struct host *host,
                   struct arg *out)
{
    int64_t n;
    int rc = pv_read(a->pv, call, host, &out->v);
    if (rc != ERR_OK || a->kind == ARG_STR || a->kind == ARG_HOSTPORT)
        return rc;
    if (out->v.flags & VAL_INT)
        n = out->v.i;
    else if (a->kind == ARG_IGP || !value_digits(&out->v, &n))
        return ERR_INVALID;
    if (!fits(a->kind, n))
        return ERR_INVALID;
    out->v = value_int((int32_t)n);
    return ERR_OK;
}

static int eval_arg(const struct call_arg *a, struct call *call, const struct host *host,
                    struct arg *out)
{
    switch (a->mode) {
    case CALL_ARG_FORMAT:
    case CALL_ARG_CODE:
        return eval_format(a, call, host, out);
    case CALL_ARG_PV:
        return eval_pv(a, call, host, out);
    default:
        return ERR_OK;
    }
}

int call_function(const struct call_site *site, struct call *call, const struct host *host)
{
    struct arg args[ARG_MAX];
    if (site->constant)
        return site->fn->call(call, site->ready, site->n);
    for (unsigned i = 0; i < site->n; i++) {
        args[i] = site->ready[i];
        int rc = eval_arg(&site->args[i], call, host, &args[i]);
        if (rc != ERR_OK) {
            log_err("%s(): argument %u, %.*s, has no usable value: %s", site->fn->name, i + 1,
                    STR_ARG(site->args[i].text), err_text(rc));
            return -1;
        }
    }
    return site->fn->call(call, args, site->n);
}
