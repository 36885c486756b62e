/* Checks calls of functions: the name, the number and the form of arguments. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "lang/ast_build.h"
#include "lang/check.h"

/* ---- finding the function ---------------------------------------------------------------------
 */

static struct fn_query query(const struct checker *c, struct str name, unsigned argc)
{
    return (struct fn_query){.catalog = c->catalog,
                             .loaded = c->program->loaded,
                             .name = name,
                             .argc = argc,
                             .routes = c->route ? (unsigned)c->route->kind : 0};
}

bool check_is_command(struct checker *c, struct str name)
{
    struct fn_query q = query(c, name, 0);
    struct fn_match m = resolve_function(&q);
    return m.fn && m.fn->flags & FN_NO_PARENS;
}

/* Words that other languages have, and today's names of old functions. */
static const char *foreign_word(struct str name)
{
    static const struct {
        const char *word, *hint;
    } words[] = {
        {"continue", "there is no 'continue': put the rest of the loop into an if"},
        {"for", "there is no 'for': use while"},
        {"foreach", "there is no 'foreach': use while"},
        {"return_code", "the result of the last call is in $retcode"},
        {"send_tcp", "write send(\"tcp:host:port\")"},
    };
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(name, str_from(words[i].word)))
            return words[i].hint;
    return NULL;
}

static void hint_unknown(struct checker *c, const struct node *n)
{
    const char *foreign = foreign_word(n->call.name);
    struct nearest near = nearest_to(n->call.name);
    offer_functions(&near, c->catalog, c->program->loaded);
    struct str like = nearest_found(&near);
    if (foreign)
        diag_hint(c->diag, "%s", foreign);
    else if (like.len)
        diag_hint(c->diag, "did you mean '%.*s'?", STR_ARG(like));
}

/* Whether the name is a known one but for a letter. */
static bool is_slip(struct checker *c, struct str name)
{
    struct nearest near = nearest_to(name);
    offer_functions(&near, c->catalog, c->program->loaded);
    return near.distance <= 1;
}

/* The name alone, without arguments. */
static struct loc name_loc(const struct node *n)
{
    struct loc l = n->loc;
    l.end_line = l.line;
    l.end_column = l.column + (uint32_t)n->call.name.len;
    return l;
}

static void unknown_function(struct checker *c, const struct node *n)
{
    if (diag_full(c->diag)) {
        check_error(c, n->loc, "unknown command");
        return;
    }
    struct fn_query q = query(c, n->call.name, n->call.argc);
    q.loaded = NULL;
    struct fn_match other = resolve_function(&q);
    if (!other.fn && other.name_known) {
        q.argc = other.min;
        other = resolve_function(&q);
    }
    if ((c->script->lost || (!other.fn && c->n_failed)) && !is_slip(c, n->call.name))
        return; /* it may belong to a module that could not be loaded */
    check_error(c, name_loc(n), "unknown command '%.*s', missing loadmodule?",
                STR_ARG(n->call.name));
    if (other.fn)
        diag_hint(c->diag, "it belongs to module \"%s\": add loadmodule \"%s.so\"",
                  c->catalog->modules[other.module]->name, c->catalog->modules[other.module]->name);
    else
        hint_unknown(c, n);
}

static void wrong_count(struct checker *c, const struct node *n, const struct fn_match *m)
{
    char count[48];
    if (m->min == m->max)
        snprintf(count, sizeof count, "%u argument%s", m->min, m->min == 1 ? "" : "s");
    else
        snprintf(count, sizeof count, "%u to %u arguments", m->min, m->max);
    check_error(c, n->loc, "%.*s() takes %s, not %u", STR_ARG(n->call.name),
                m->max ? count : "no argument", n->call.argc);
}

/* ---- arguments --------------------------------------------------------------------------------
 */

static bool takes_number(enum arg_kind k)
{
    return k == ARG_UINT || k == ARG_INT || k == ARG_HEX || k == ARG_FLAG;
}

static bool takes_variable(const struct fn_spec *fn, unsigned i)
{
    unsigned kind = fn->kind[i] & (ARG_OR_PV - 1);
    return fn->kind[i] & ARG_OR_PV || kind == ARG_PV || kind == ARG_AVP || kind == ARG_IGP;
}

/* A number's text with its sign, yes and no as digits. */
static struct str number_text(struct checker *c, const struct node *n)
{
    char sign[2] = {n->number.sign, 0};
    if (n->number.text.len && ascii_digit(n->number.text.p[0]))
        return arena_printf(&c->script->arena, "%s%.*s", sign, STR_ARG(n->number.text));
    return arena_printf(&c->script->arena, "%d", n->number.value);
}

/* proto:host:port, as far as they were given. */
static struct str host_text(struct checker *c, const struct node *n)
{
    struct arena *a = &c->script->arena;
    bool six = str_find(n->host.host, ':', 0) >= 0 && n->host.host.p[0] != '[';
    struct str host = six ? arena_printf(a, "[%.*s]", STR_ARG(n->host.host)) : n->host.host;
    if (n->host.port)
        host = arena_printf(a, "%.*s:%u", STR_ARG(host), n->host.port);
    if (n->host.proto == PROTO_ANY)
        return host;
    return arena_printf(a, "%s:%.*s", proto_name(n->host.proto), STR_ARG(host));
}

/* How the argument is written, and its text; false when it can be no argument at all. */
static bool form_of(struct checker *c, const struct node *a, enum arg_form *form, struct str *text)
{
    switch (a->kind) {
    case NODE_STRING:
        *form = ARG_FORM_STRING;
        *text = a->text;
        return true;
    case NODE_NUMBER:
        *form = ARG_FORM_NUMBER;
        *text = number_text(c, a);
        return true;
    case NODE_VARIABLE:
        *form = ARG_FORM_PV;
        *text = a->variable.text;
        return true;
    case NODE_HOST:
        *form = ARG_FORM_WORD;
        *text = host_text(c, a);
        return true;
    case NODE_WORD:
    case NODE_NET:
    case NODE_ARITH:
        *form = ARG_FORM_WORD;
        *text = ast_host_text(a);
        return text->p != NULL;
    default:
        return false;
    }
}

/* Core commands want numbers bare and texts in quotes; functions of modules take numbers both
 * ways. */
static bool form_fits(struct checker *c, const struct node *n, unsigned i, const struct node *a,
                      enum arg_form form)
{
    const struct fn_spec *fn = n->call.fn;
    enum arg_kind kind = fn->kind[i] & (ARG_OR_PV - 1);
    bool core = n->call.module == 0, number = takes_number(kind);
    if (kind == ARG_CUSTOM || (form == ARG_FORM_PV && takes_variable(fn, i)))
        return true;
    switch (form) {
    case ARG_FORM_STRING:
        if (!core || !number)
            return true;
        check_error(c, a->loc, "bad argument, number expected");
        diag_hint(c->diag, "leave the quotes out");
        return false;
    case ARG_FORM_NUMBER:
        if (number || kind == ARG_IGP || kind == ARG_HOSTPORT)
            return true;
        if (!core)
            return dialect_ok(c->diag, DIALECT_NUMBER_ARGUMENT, a->loc);
        break;
    case ARG_FORM_WORD:
        if (kind == ARG_HOSTPORT)
            return true;
        break;
    case ARG_FORM_PV:
        break;
    }
    check_error(c, a->loc, "bad argument, %s expected", core && number ? "number" : "string");
    if (kind == ARG_FMT || kind == ARG_CODE || (kind == ARG_STR && form != ARG_FORM_PV))
        diag_hint(c->diag, "put it in quotes");
    return false;
}

static enum route_kind route_kind_of(enum arg_kind kind)
{
    return kind == ARG_ROUTE_F ? ROUTE_FAILURE : kind == ARG_ROUTE_O ? ROUTE_ONREPLY : ROUTE_BRANCH;
}

static bool is_route(enum arg_kind kind)
{
    return kind == ARG_ROUTE_F || kind == ARG_ROUTE_O || kind == ARG_ROUTE_B;
}

/* The index of the route an argument names; "0" means none. */
static void route_argument(struct checker *c, const struct node *a, enum arg_kind kind,
                           struct str text, struct call_arg *out)
{
    enum route_kind rk = route_kind_of(kind);
    struct route_def *target = check_find_route(c, rk, text);
    int index = target ? target->index : -1;
    *out = (struct call_arg){.mode = CALL_ARG_CONST, .kind = (uint8_t)kind};
    out->arg.v = value_int(index);
    out->text = check_keep(c, text);
    if (target)
        target->armed = true;
    if (!target && !str_eq(text, STR("0")) && !c->script->lost)
        check_error(c, a->loc, "there is no %s[%.*s]", route_keyword(rk), STR_ARG(text));
}

/* A list of the script, or one that is always there. */
static void check_list(struct checker *c, const struct node *a, struct str name)
{
    struct nearest near = nearest_to(name);
    for (unsigned i = 0; i < c->program->n_blacklists; i++) {
        if (str_eq(c->program->blacklists[i].name, name))
            return;
        nearest_offer(&near, c->program->blacklists[i].name);
    }
    if (str_eq(name, STR("dns")) || str_eq(name, STR("all")) || c->script->lost)
        return;
    check_error(c, a->loc, "there is no dst_blacklist '%.*s'", STR_ARG(name));
    if (nearest_found(&near).len)
        diag_hint(c->diag, "did you mean '%.*s'?", STR_ARG(nearest_found(&near)));
}

/* The variable a function assigns to. */
static void check_target(struct checker *c, const struct node *a, const struct call_arg *arg)
{
    const struct pv_ref *v = arg->arg.obj;
    if (!pv_ref_writable(v) || pv_ref_transformed(v))
        check_error(c, a->loc, "%.*s cannot be assigned to", STR_ARG(pv_ref_text(v)));
}

static void check_argument(struct checker *c, const struct node *n, unsigned i,
                           const struct node *a, struct call_arg *out)
{
    enum arg_form form;
    struct str text;
    enum arg_kind kind = n->call.fn->kind[i] & (ARG_OR_PV - 1);
    if (a->broken)
        return;
    if (!form_of(c, a, &form, &text)) {
        check_error(c, a->loc, "bad argument: it must be a string, a number or a variable");
        return;
    }
    if (!form_fits(c, n, i, a, form))
        return;
    if (is_route(kind)) {
        route_argument(c, a, kind, text, out);
        return;
    }
    if (kind == ARG_LIST)
        check_list(c, a, text);
    struct prepare p = check_begin(c);
    bool good = check_prepared(c, prepare_arg(&p, n->call.fn, i, form, text, out), &p, a);
    if (good && i == 0 && kind == ARG_PV && n->call.fn->flags & FN_WRITES)
        check_target(c, a, out);
}

static void check_arguments(struct checker *c, struct node *n)
{
    unsigned i = 0;
    n->call.ready = arena_zalloc(&c->program->arena, (n->call.argc + 1) * sizeof *n->call.ready);
    if (!n->call.ready) {
        c->no_memory = true;
        return;
    }
    for (const struct node *a = n->call.args; a; a = a->next, i++)
        check_argument(c, n, i, a, &n->call.ready[i]);
    if (n->call.fn->max == 0 && n->call.fn->prepare) {
        struct prepare p = check_begin(c);
        check_prepared(c, n->call.fn->prepare(&p, 0, STR_NONE, NULL), &p, n);
    }
}

static void remember(struct checker *c, const struct node *n)
{
    struct call_use *u = check_alloc(c, sizeof *u);
    if (!u)
        return;
    *u = (struct call_use){c->uses, n, c->route};
    c->uses = u;
}

void check_call(struct checker *c, struct node *n)
{
    struct fn_query q = query(c, n->call.name, n->call.argc);
    struct fn_match m = resolve_function(&q);
    if (n->broken)
        return;
    for (const struct node *a = n->call.args; a; a = a->next)
        if (a->broken && m.name_known && !m.fn)
            return; /* the count may be wrong because of that */
    if (!m.name_known) {
        unknown_function(c, n);
    } else if (!m.fn) {
        wrong_count(c, n, &m);
    } else if (m.fn->flags & FN_MISSING) {
        check_error(c, name_loc(n), "%s() is not built yet", m.fn->name);
        diag_hint(c->diag, "%s", m.fn->doc);
    } else if (!n->call.brackets && !(m.fn->flags & FN_NO_PARENS)) {
        check_error(c, n->loc, "missing '(' or ')' ? write %.*s()", STR_ARG(n->call.name));
    } else {
        n->call.fn = m.fn;
        n->call.module = m.module;
        check_arguments(c, n);
        remember(c, n);
    }
}
