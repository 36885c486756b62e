/* dialplan: translates numbers by rules of a table. */
/* SPDX-License-Identifier: MIT */
#include "modules/dialplan/priv.h"

static int translate(struct call *c, const struct way *w, int32_t id)
{
    const struct dp_conf *conf = call_conf(c, &dialplan_module);
    const struct rules *l = call_table(c, &dp_table);
    struct value in, out;
    if (!l || pv_read(w->in, c, call_host(), &in) != ERR_OK ||
        value_print(&in, c->arena) != ERR_OK || !(in.flags & VAL_STR))
        return -1;
    const struct rule *r = rules_find(l, id, in.s);
    if (!r || rule_apply(r, c->arena, in.s, &out.s) != ERR_OK)
        return -1;
    bool same = w->target && !r->subst && r->replacement.len == 0; /* it stays as it is written */
    out = value_str(out.s);
    if (!same && pv_write(w->out, c, call_host(), PV_SET, &out) <= 0)
        return -1;
    struct value attrs = value_str(r->attrs);
    if (conf->attrs_pvar && pv_write(conf->attrs_pvar, c, call_host(), PV_SET, &attrs) <= 0)
        return -1;
    if (c->kind == ROUTE_FAILURE && w->target && call_append_current(c) != ERR_OK)
        return -1;
    return 1;
}

/* The number of a dial plan: as written, or that of a variable, whose text may be digits. */
static bool read_id(struct call *c, const struct arg *arg, int32_t *id)
{
    struct value v = arg->v;
    int64_t digits;
    if (arg->obj && pv_read(arg->obj, c, call_host(), &v) != ERR_OK)
        return false;
    *id = v.i;
    if (v.flags & VAL_INT)
        return true;
    if (!(v.flags & VAL_STR) || !value_digits(&v, &digits) || digits > INT32_MAX)
        return false;
    *id = (int32_t)digits;
    return true;
}

static int dp_translate(struct call *c, const struct arg *args, unsigned n)
{
    const struct dp_conf *conf = call_conf(c, &dialplan_module);
    int32_t id;
    if (!read_id(c, &args[0], &id))
        return -1;
    return translate(c, n > 1 ? args[1].obj : &conf->user, id);
}

/* ---- prepare hooks ---- */

static bool is_target(struct str name)
{
    return str_eq(name, STR("$ru")) || str_eq(name, STR("$rU")) || str_eq(name, STR("$ruri")) ||
           str_eq(name, STR("$ruri.user"));
}

static int read_way(struct prepare *p, struct str text, struct way *w)
{
    ptrdiff_t slash = str_find(text, '/', 0);
    if (slash < 0) {
        buf_printf(p->error, "\"%.*s\" is not written in/out", STR_ARG(text));
        return ERR_INVALID;
    }
    struct str in = str_trim(str_sub(text, 0, (size_t)slash));
    struct str to = str_trim(str_sub(text, (size_t)slash + 1, text.len));
    w->target = is_target(to);
    if (!w->target && !str_istarts(to, STR("$avp(")) && !str_starts(to, STR("$var("))) {
        buf_printf(p->error, "\"%.*s\" is none of $ru, $rU, $avp(..) and $var(..)", STR_ARG(to));
        return ERR_INVALID;
    }
    int rc = prepare_pv(p, in, &w->in);
    return rc == ERR_OK ? prepare_pv(p, to, &w->out) : rc;
}

static int prepare_id(struct prepare *p, struct str text, struct arg *out)
{
    const struct pv_ref *pv = NULL;
    uint32_t id = 0;
    int rc =
        text.len && text.p[0] == '$' ? prepare_pv(p, text, &pv) : str_u32(&id, text, INT32_MAX);
    if (rc != ERR_OK && !pv && p->error->len == 0)
        buf_printf(p->error, "\"%.*s\" is neither a number nor a variable", STR_ARG(text));
    out->obj = pv;
    out->v = value_int((int32_t)id);
    return rc;
}

/* The id, and "in/out", each the R-URI, its user, an AVP or a $var. */
static int prepare(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    if (argn == 0)
        return prepare_id(p, text, out);
    struct way *w = arena_zalloc(p->arena, sizeof *w);
    out->obj = w;
    return w ? read_way(p, text, w) : ERR_NOMEM;
}

/* ---- management ---- */

static enum mi_next mi_translate(struct mi *m)
{
    const struct rules *l = mi_table(m, &dp_table);
    struct str out;
    uint32_t id;
    if (str_u32(&id, mi_arg(m, 0), INT32_MAX) != ERR_OK)
        return mi_fail(m, 400, "the id is no number");
    const struct rule *r = l ? rules_find(l, id, mi_arg(m, 1)) : NULL;
    if (!r || rule_apply(r, mi_arena(m), mi_arg(m, 1), &out) != ERR_OK)
        return mi_fail(m, 404, "No translation");
    mi_text(m, 0, "Output", out);
    mi_text(m, 0, "ATTRIBUTES", r->attrs);
    return MI_DONE;
}

static const struct mi_command commands[] = {
    {"dp_translate", "id input", "Shows what the rules of a dial plan make of an input.", 2, 2, 0,
     NULL, mi_translate},
    {.name = NULL},
};

/* ---- rows ---- */

enum { RFBL = ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH | ROUTE_LOCAL };

/* clang-format off */
static const struct fn_spec functions[] = {
    {"dp_translate", dp_translate, 1, 1, {ARG_CUSTOM}, RFBL, FN_TARGET, prepare, "id",
     "Translates the user of the R-URI by the rules of this dial plan. False when none fits."},
    {"dp_translate", dp_translate, 2, 2, {ARG_CUSTOM, ARG_CUSTOM}, RFBL, FN_TARGET, prepare, "id, in/out",
     "The same from a variable to the R-URI, its user, an AVP or a $var; in a failure_route the first two also "
     "become a branch."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct dp_conf

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database; without it the default one."),
    PARAM_STRING("table_name", table_name, "dialplan", "The table."),
    PARAM_STRING("dpid_col", dpid_col, "dpid", "Its column with the number of the dial plan."),
    PARAM_STRING("pr_col", pr_col, "pr",
                 "Its column with the priority; the lowest is tried first."),
    PARAM_STRING("match_op_col", match_op_col, "match_op",
                 "Its column with 0 for equality, 1 for an expression."),
    PARAM_STRING("match_exp_col", match_exp_col, "match_exp",
                 "Its column with what the input must be."),
    PARAM_STRING("match_len_col", match_len_col, "match_len",
                 "Its column with the length of inputs, 0 for any."),
    PARAM_STRING("subst_exp_col", subst_exp_col, "subst_exp",
                 "Its column with the expression whose groups are used."),
    PARAM_STRING("repl_exp_col", repl_exp_col, "repl_exp", "Its column with the output."),
    PARAM_STRING("attrs_col", attrs_col, "attrs", "Its column with a text for attrs_pvar."),
    PARAM_STRING("attrs_pvar", attrs_text, NULL, "Variable that gets it."),
    PARAM_STRING("attribute_pvar", attrs_text, NULL, "The same as attrs_pvar."),
    PARAM_NUMBER("fetch_rows", fetch_rows, 0, INT32_MAX, 1000,
                 "Without effect: the table is read in one go, at start."),
    {.name = NULL},
};

static int conf_check(struct prepare *p, void *data)
{
    struct dp_conf *conf = data;
    int rc = read_way(p, STR("$rU/$rU"), &conf->user);
    if (rc != ERR_OK || conf->attrs_text.len == 0)
        return rc;
    return prepare_pv(p, conf->attrs_text, &conf->attrs_pvar);
}

/* ---- the module ---- */

static const struct db_table_use tables[] = {
    {.name = offsetof(struct dp_conf, table_name), .lowest = 1, .highest = 1},
};

static const struct db_use use = {
    .url = offsetof(struct dp_conf, db_url), .tables = tables, .n_tables = 1};

const struct module dialplan_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "dialplan",
                .doc = "Translates numbers by rules of a table.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct dp_conf),
                .conf_check = conf_check},
    .db = &use,
    .table = {&dp_table},
    .commands = commands,
};
