/* Data flow of variables: what reads one, what writes one. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/flow.h"

/* The bit of a $var(..); false when it is none that is followed. */
static bool bit_of(const struct pv_ref *v, unsigned *word, uint64_t *bit)
{
    int slot = pv_ref_var(v);
    if (slot < 0 || slot >= FLOW_VARS)
        return false;
    *word = (unsigned)(slot + FLOW_FIRST_VAR) / 64;
    *bit = (uint64_t)1 << ((unsigned)(slot + FLOW_FIRST_VAR) % 64);
    return true;
}

struct reading {
    struct flow *f;
    struct loc at;
};

static void unset(struct flow *f, const struct pv_ref *v, struct loc at)
{
    unsigned word = 0;
    uint64_t bit = 0;
    if (!bit_of(v, &word, &bit) || !(f->at.may[0][word] & bit) || f->told[word] & bit)
        return;
    f->told[word] |= bit;
    flow_warn(f, WARN_UNSET, at, "%.*s is read here, and on some path nothing was written to it",
              STR_ARG(v->text));
    diag_hint(f->diag, "it is 0 then; in the reference what an earlier message left (deviation 3)");
}

static void deviations(struct flow *f, const struct pv_ref *v, struct loc at)
{
    if (pv_ref_is_rc(v) && flow_may(&f->at, FACT_FRESH))
        flow_warn(f, WARN_RC_START, at,
                  "nothing has run yet: %.*s is 1 here, in the reference the result of the message "
                  "before (deviation 22)",
                  STR_ARG(v->text));
    bool transport = strcmp(v->spec->name, "rP") == 0 || strcmp(v->spec->name, "oP") == 0;
    if (transport || (strcmp(v->spec->name, "hdr") == 0 && v->index_kind == PV_INDEX_ALL))
        flow_warn(f, WARN_REPAIRED, at, "the reference gives %s for %.*s (deviation 7)",
                  transport ? "\"transport=...\"" : "null", STR_ARG(v->text));
}

static void see(void *user, const struct pv_ref *v)
{
    struct reading *r = user;
    if (!r->f->speak)
        return;
    unset(r->f, v, r->at);
    deviations(r->f, v, r->at);
}

void flow_read(struct flow *f, const struct pv_ref *v, struct loc at)
{
    struct reading r = {f, at};
    if (v && f->speak)
        pv_ref_walk(v, see, &r);
}

static void write_slot(struct flow *f, unsigned slot)
{
    if (slot >= FLOW_VARS)
        return;
    unsigned word = (slot + FLOW_FIRST_VAR) / 64;
    uint64_t bit = (uint64_t)1 << (slot + FLOW_FIRST_VAR) % 64;
    f->at.may[0][word] &= ~bit;
    f->at.may[1][word] &= ~bit;
    if (f->now->def->reached & ROUTE_REQUEST)
        f->written[word] |= bit;
}

static void write_to(struct flow *f, const struct pv_ref *v)
{
    if (v && pv_ref_var(v) >= 0)
        write_slot(f, (unsigned)pv_ref_var(v));
}

static void assigned(struct flow *f, const struct node *n, const struct pv_spec *spec)
{
    if (spec->flags & PV_TARGET) {
        flow_set(&f->at, FACT_APART);
        f->now->does |= FN_TARGET;
        if (!f->now->target)
            f->now->target = n;
    }
    if (spec->flags & PV_BRANCHES) {
        flow_clear(&f->at, FACT_NO_BRANCH);
        flow_set(&f->at, FACT_BRANCH_WAITS);
        f->now->does |= FN_BRANCHES;
    }
}

/* ---- arguments --------------------------------------------------------------------------------
 */

static void write_name(struct flow *f, struct str name)
{
    for (const struct var_slot *s = f->c->env->vars; s; s = s->next)
        if (str_eq(s->name, name))
            write_slot(f, s->slot);
}

/* Arguments that only their function understands: what they name may be written. */
static void write_named(struct flow *f, struct str text)
{
    struct str start = STR("var(");
    for (ptrdiff_t at = 0; (at = str_search(text, start, (size_t)at)) >= 0;) {
        size_t from = (size_t)at + start.len;
        ptrdiff_t end = str_find(text, ')', from);
        struct str name = str_sub(text, from, end < 0 ? text.len : (size_t)end);
        write_name(f, name);
        at = (ptrdiff_t)from;
    }
}

/* avp_pushto("$br", ...) */
void flow_given(struct flow *f, struct flow_state *s)
{
    struct str name, rest;
    f->at = *s;
    for (const struct item *i = f->c->script->items; i; i = i->next) {
        if (i->kind != ITEM_MODPARAM || !i->value || i->value->kind != NODE_STRING ||
            !str_eq(i->name, STR("varset")))
            continue;
        rest = i->value->text;
        if (str_cut(&name, &rest, '='))
            write_name(f, name);
    }
    *s = f->at;
}

void flow_write_first(struct flow *f, const struct node *n)
{
    const struct pv_ref *v = NULL;
    struct str text = n->call.ready[0].text;
    size_t used = 0;
    struct prepare p = check_begin(f->c);
    if (text.len && text.p[0] == '$' && prepare_pv_at(&p, text, &used, &v) == ERR_OK)
        assigned(f, n, v->spec);
}

void flow_read_arg(struct flow *f, const struct node *call, unsigned i, const struct node *a)
{
    struct reading r = {f, a->loc};
    const struct call_arg *arg = &call->call.ready[i];
    switch (arg->mode) {
    case CALL_ARG_FORMAT:
    case CALL_ARG_CODE:
        if (f->speak)
            format_walk(arg->format, see, &r);
        return;
    case CALL_ARG_PV:
        flow_read(f, arg->pv, a->loc);
        return;
    default:
        break;
    }
    if (arg->kind == ARG_PV)
        write_to(f, arg->arg.obj);
    else if (arg->kind == ARG_CUSTOM)
        write_named(f, arg->text);
}

/* ---- values and assignments -------------------------------------------------------------------
 */

static void call_value(struct flow *f, const struct node *n)
{
    struct flow_state yes, no;
    if (n->kind == NODE_CALL)
        flow_call(f, n, true, &yes, &no);
    else
        flow_route_call(f, n, true, &yes, &no);
    f->at = yes;
    flow_join(&f->at, &no);
}

void flow_value(struct flow *f, const struct node *n)
{
    switch (n->kind) {
    case NODE_VARIABLE:
        flow_read(f, n->variable.ref, n->loc);
        break;
    case NODE_ARITH:
    case NODE_COMPARE:
        flow_value(f, n->binary.left);
        flow_value(f, n->binary.right);
        break;
    case NODE_COMPLEMENT:
        flow_value(f, n->inner);
        break;
    case NODE_CALL:
    case NODE_ROUTE:
        if (f->at.live)
            call_value(f, n);
        break;
    default:
        break;
    }
}

void flow_assign(struct flow *f, const struct node *n)
{
    const struct pv_ref *v = n->assign.target->variable.ref;
    flow_value(f, n->assign.value);
    if (!v)
        return;
    if (n->assign.compound)
        flow_read(f, v, n->assign.target->loc);
    if (v->inner_pv)
        flow_read(f, v->inner_pv, n->assign.target->loc);
    if (v->index_pv)
        flow_read(f, v->index_pv, n->assign.target->loc);
    const struct node *value = n->assign.value;
    flow_uri_changes(f, n, v->spec->name, value->kind == NODE_STRING ? value->text : STR_NONE);
    write_to(f, v);
    assigned(f, n, v->spec);
    flow_clear(&f->at, FACT_FRESH);
}
