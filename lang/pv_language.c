/* Pseudo-variables of the language itself: $avp $var $rc $retcode $null $def and $$. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/pv.h"

/* ---- $var ---- */

struct value vars_get(const struct vars *vars, unsigned slot)
{
    return slot < vars->count ? vars->slot[slot] : value_int(0);
}

/* Makes room for total variables, all 0 to begin with. */
static int vars_grow(struct vars *vars, unsigned total)
{
    struct value *slot = arena_alloc(vars->arena, total * sizeof *slot);
    if (!slot)
        return ERR_NOMEM;
    for (unsigned i = 0; i < total; i++)
        slot[i] = vars_get(vars, i);
    vars->slot = slot;
    vars->count = total;
    return ERR_OK;
}

int vars_set(struct vars *vars, unsigned slot, unsigned total, const struct value *v)
{
    struct value kept;
    if (slot >= vars->count && vars_grow(vars, slot < total ? total : slot + 1) != ERR_OK)
        return ERR_NOMEM;
    int rc = value_store(&kept, v, vars->arena);
    if (rc == ERR_OK)
        vars->slot[slot] = value_is_null(&kept) ? value_int(0) : kept;
    return rc;
}

int vars_copy(struct vars *out, const struct vars *in)
{
    out->rc = in->rc;
    out->count = 0;
    for (unsigned i = 0; i < in->count; i++) {
        int rc = vars_set(out, i, in->count, &in->slot[i]);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static int var_get(struct call *call, const struct pv_use *u, struct value *out)
{
    const struct var_slot *s = u->data;
    *out = vars_get(u->host->vars(call), s->slot);
    return ERR_OK;
}

static int var_set(struct call *call, const struct pv_use *u, enum pv_assign op,
                   const struct value *v)
{
    const struct var_slot *s = u->data;
    (void)op;
    int rc = vars_set(u->host->vars(call), s->slot, *s->total, v);
    return rc == ERR_OK ? 1 : rc;
}

/* Finds the slot of a name, or gives the next one. */
static int var_prepare(struct prepare *p, struct str inner, const void **data)
{
    struct prepare_env *env = p->compiler;
    struct var_slot *s = env->vars;
    while (s && !str_eq(s->name, inner))
        s = s->next;
    if (!s) {
        s = arena_alloc(p->arena, sizeof *s);
        if (!s)
            return ERR_NOMEM;
        *s = (struct var_slot){env->vars, arena_dup(p->arena, inner), *env->var_total,
                               env->var_total};
        if (!s->name.p)
            return ERR_NOMEM;
        env->vars = s;
        ++*env->var_total;
    }
    *data = s;
    return ERR_OK;
}

/* ---- $avp ---- */

static int avp_prepare(struct prepare *p, struct str inner, const void **data)
{
    struct avp_name *name = arena_zalloc(p->arena, sizeof *name);
    if (!name)
        return ERR_NOMEM;
    *data = name;
    return avp_parse(p, inner, name);
}

int avp_use_name(const struct pv_use *u, struct avp_name *out)
{
    if (u->data) {
        *out = *(const struct avp_name *)u->data;
    } else {
        *out = (struct avp_name){.flags = 0};
        if (u->inner.flags & VAL_TYPED)
            out->number = (uint16_t)u->inner.i;
        else
            out->text = u->inner.s;
    }
    return out->text.len || out->number ? ERR_OK : ERR_INVALID;
}

/* All values, newest first, with ", " between. */
static int avp_join(const struct avps *l, const struct avp_name *name, struct arena *a,
                    struct value *out)
{
    char number[VALUE_TEXT];
    struct buf b;
    const struct avp *at = avp_find(l, name, NULL);
    if (!at)
        return ERR_OK;
    buf_init(&b, a, 128);
    for (unsigned n = 0; at; at = avp_find(l, name, at), n++) {
        if (n)
            buf_add(&b, STR(", "));
        buf_add(&b, value_text(&at->value, number));
    }
    *out = value_str(buf_str(&b));
    return b.failed ? ERR_NOMEM : ERR_OK;
}

/* Value number index: 0 the newest, -1 the oldest; NULL out of range. */
static const struct avp *avp_at(const struct avps *l, const struct avp_name *name, int64_t index)
{
    const struct avp *a;
    if (index < 0)
        for (a = avp_find(l, name, NULL); a; a = avp_find(l, name, a))
            index++;
    if (index < 0)
        return NULL;
    a = avp_find(l, name, NULL);
    while (a && index-- > 0)
        a = avp_find(l, name, a);
    return a;
}

static int avp_get(struct call *call, const struct pv_use *u, struct value *out)
{
    struct avp_name name;
    const struct avps *l = u->host->avps(call);
    if (avp_use_name(u, &name) != ERR_OK)
        return ERR_OK; /* a name that cannot have a value has none */
    if (u->all)
        return avp_join(l, &name, u->host->scratch(call), out);
    const struct avp *a = avp_at(l, &name, u->has_index ? u->index : 0);
    if (a)
        *out = a->value;
    return ERR_OK;
}

/* Values stack up: = adds one and = null takes the newest away; an index makes no difference. */
static int avp_set(struct call *call, const struct pv_use *u, enum pv_assign op,
                   const struct value *v)
{
    struct avp_name name;
    struct avps *l = u->host->avps(call);
    int rc = avp_use_name(u, &name);
    if (rc != ERR_OK)
        return rc;
    if (op == PV_RESET)
        avp_clear(l, &name);
    if (!value_is_null(v)) {
        rc = avp_push(l, &name, v);
    } else if (op == PV_SET) {
        struct avp *newest = avp_find(l, &name, NULL);
        if (newest)
            avp_remove(l, newest);
    }
    return rc == ERR_OK ? 1 : rc;
}

/* ---- the others ---- */

static int rc_get(struct call *call, const struct pv_use *u, struct value *out)
{
    *out = value_int(u->host->vars(call)->rc);
    return ERR_OK;
}

static int null_get(struct call *call, const struct pv_use *u, struct value *out)
{
    (void)call;
    (void)u;
    *out = VALUE_NULL;
    return ERR_OK;
}

static int dollar_get(struct call *call, const struct pv_use *u, struct value *out)
{
    (void)call;
    (void)u;
    *out = value_both(STR("$"), '$');
    return ERR_OK;
}

static int def_prepare(struct prepare *p, struct str inner, const void **data)
{
    struct prepare_env *env = p->compiler;
    struct str *value = arena_zalloc(p->arena, sizeof *value);
    if (!value)
        return ERR_NOMEM;
    if (!env->define || !env->define(env->define_user, inner, value))
        return prepare_fail(p, p->at, "%.*s is not defined", STR_ARG(inner));
    *value = arena_dup(p->arena, *value);
    *data = value;
    return value->p ? ERR_OK : ERR_NOMEM;
}

static int def_get(struct call *call, const struct pv_use *u, struct value *out)
{
    (void)call;
    *out = value_str(*(const struct str *)u->data);
    return ERR_OK;
}

static const struct pv_spec language[] = {
    {"avp", avp_get, avp_set, avp_prepare, 0, PV_INNER | PV_INDEX | PV_INNER_PV | PV_NULLABLE,
     "values under a name that stay with the message and its transaction: = adds one on top, := "
     "replaces all, = null takes the newest away; [0] is the newest, [-1] the oldest, [*] all"},
    {"var", var_get, var_set, var_prepare, 0, PV_INNER | PV_NULLABLE,
     "a variable of the script: the number 0 at the start of every message"},
    {"rc", rc_get, NULL, NULL, 0, 0, "what the last action gave"},
    {"retcode", rc_get, NULL, NULL, 0, 0, "the same as $rc"},
    {"null", null_get, NULL, NULL, 0, PV_CONST_MSG, "no value"},
    {"def", def_get, NULL, def_prepare, 0, PV_INNER | PV_CONST_MSG,
     "the value of a #!define, as a text"},
    {"$", dollar_get, NULL, NULL, 0, PV_CONST_MSG, "a dollar sign"},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};

const struct pv_spec *pv_language_list(void)
{
    return language;
}

bool pv_ref_is_avp(const struct pv_ref *v)
{
    return v->spec->get == avp_get;
}

bool pv_ref_is_rc(const struct pv_ref *v)
{
    return v->spec->get == rc_get;
}

const struct var_slot *pv_ref_slot(const struct pv_ref *v)
{
    return v->spec->get == var_get ? v->data : NULL;
}

int pv_ref_var(const struct pv_ref *v)
{
    const struct var_slot *s = pv_ref_slot(v);
    return s ? (int)s->slot : -1;
}
