/* Pseudo-variables: what the checker asks about them, reading and writing. */
/* SPDX-License-Identifier: MIT */
#include "lang/pv.h"

#include "core/base/err.h"

const struct pv_spec *pv_ref_spec(const struct pv_ref *v)
{
    return v->spec;
}

struct str pv_ref_text(const struct pv_ref *v)
{
    return v->text;
}

struct str pv_ref_inner(const struct pv_ref *v)
{
    return v->inner_pv ? STR_NONE : v->inner;
}

bool pv_ref_inner_is_pv(const struct pv_ref *v)
{
    return v->inner_pv != NULL;
}

bool pv_ref_writable(const struct pv_ref *v)
{
    return v->spec->set != NULL;
}

bool pv_ref_nullable(const struct pv_ref *v)
{
    return (v->spec->flags & PV_NULLABLE) != 0;
}

bool pv_ref_indexed(const struct pv_ref *v)
{
    return v->index_kind != PV_INDEX_NONE;
}

bool pv_ref_transformed(const struct pv_ref *v)
{
    return v->transforms != NULL;
}

void pv_ref_walk(const struct pv_ref *v, void (*see)(void *user, const struct pv_ref *v),
                 void *user)
{
    see(user, v);
    if (v->inner_pv)
        pv_ref_walk(v->inner_pv, see, user);
    if (v->index_pv)
        pv_ref_walk(v->index_pv, see, user);
    for (const struct transform *t = v->transforms; t; t = t->next)
        for (unsigned i = 0; i < TRANSFORM_MAX_PARAMS; i++)
            if (t->param_pv[i])
                pv_ref_walk(t->param_pv[i], see, user);
}

/* ---- reading and writing ---- */

/* Evaluates a variable inner name; null is an error. */
static int eval_inner(const struct pv_ref *v, struct call *call, struct pv_use *use)
{
    if (!v->inner_pv) {
        use->inner = v->inner.len ? value_str(v->inner) : VALUE_NULL;
        return ERR_OK;
    }
    int rc = pv_eval(v->inner_pv, call, use->host, &use->inner);
    if (rc == ERR_OK && value_is_null(&use->inner))
        rc = ERR_INVALID;
    return rc;
}

static int eval_index(const struct pv_ref *v, struct call *call, struct pv_use *use)
{
    struct value index;
    use->has_index = v->index_kind != PV_INDEX_NONE;
    use->all = v->index_kind == PV_INDEX_ALL;
    use->index = v->index;
    if (v->index_kind != PV_INDEX_PV)
        return ERR_OK;
    int rc = pv_eval(v->index_pv, call, use->host, &index);
    if (rc != ERR_OK)
        return rc;
    use->index = index.i;
    return index.flags & VAL_INT ? ERR_OK : ERR_INVALID;
}

static int fill_use(const struct pv_ref *v, struct call *call, const struct host *host,
                    struct pv_use *use)
{
    use->host = host;
    use->spec = v->spec;
    use->data = v->data;
    int rc = eval_inner(v, call, use);
    return rc == ERR_OK ? eval_index(v, call, use) : rc;
}

int pv_eval(const struct pv_ref *v, struct call *call, const struct host *host, struct value *out)
{
    struct pv_use use;
    *out = VALUE_NULL;
    int rc = fill_use(v, call, host, &use);
    if (rc == ERR_OK)
        rc = v->spec->get(call, &use, out);
    if (rc == ERR_OK && v->transforms)
        rc = transform_apply(v->transforms, call, host, out);
    if (rc != ERR_OK)
        *out = VALUE_NULL;
    else if ((out->flags & (VAL_STR | VAL_INT)) == VAL_INT)
        out->flags |= VAL_PRINTS;
    return rc;
}

int pv_read(const struct pv_ref *v, struct call *call, const struct host *host, struct value *out)
{
    int rc = pv_eval(v, call, host, out);
    return rc == ERR_OK ? value_print(out, host->scratch(call)) : rc;
}

int pv_write(const struct pv_ref *v, struct call *call, const struct host *host, enum pv_assign op,
             const struct value *in)
{
    struct pv_use use;
    struct value value = *in;
    if (!v->spec->set)
        return ERR_UNSUPPORTED;
    int rc = fill_use(v, call, host, &use);
    if (rc == ERR_OK && value.flags & VAL_PRINTS)
        rc = value_print(&value, host->scratch(call));
    return rc == ERR_OK ? v->spec->set(call, &use, op, &value) : rc;
}

int avp_name_of(const struct pv_ref *v, struct call *call, const struct host *host,
                struct avp_name *out)
{
    struct pv_use use;
    int rc = fill_use(v, call, host, &use);
    return rc == ERR_OK ? avp_use_name(&use, out) : rc;
}
