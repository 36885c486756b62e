/* Pseudo-variables in the text of a script: $name, $name(inner), $(name(inner)[index]{tr}...). */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/pv.h"

/* Where the parser stands. */
struct cursor {
    struct prepare *p;
    struct str text;
    size_t at;
    unsigned depth;
};

static char peek(const struct cursor *c)
{
    return c->at < c->text.len ? c->text.p[c->at] : 0;
}

static bool name_char(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || c == '_' || c == '.';
}

static struct str take_name(struct cursor *c)
{
    size_t from = c->at;
    while (c->at < c->text.len && name_char(peek(c)))
        c->at++;
    return str_sub(c->text, from, c->at);
}

/* Takes the text up to the bracket that closes the one before the cursor, and that bracket. */
static bool take_brackets(struct cursor *c, struct str *inner)
{
    size_t from = c->at;
    for (unsigned open = 1; c->at < c->text.len; c->at++) {
        open += peek(c) == '(';
        open -= peek(c) == ')';
        if (open == 0) {
            *inner = str_sub(c->text, from, c->at++);
            return true;
        }
    }
    return false;
}

/* ---- names ---- */

static bool is_name(const char *have, struct str name)
{
    return name.len && strncmp(have, name.p, name.len) == 0 && have[name.len] == 0;
}

static const struct pv_spec *find_in(const struct pv_spec *list, struct str name)
{
    for (; list && list->name; list++)
        if (is_name(list->name, name))
            return list;
    return NULL;
}

/* The row of a name among the loaded modules; *elsewhere is the module that would have it. */
static const struct pv_spec *find_spec(const struct prepare_env *env, struct str name,
                                       const struct symbols **elsewhere)
{
    const struct pv_spec *spec = find_in(pv_language_list(), name);
    *elsewhere = NULL;
    for (unsigned i = 0; !spec && i < env->catalog->count; i++) {
        const struct symbols *m = env->catalog->modules[i];
        const struct pv_spec *found = find_in(m->variables, name);
        if (found && (i == 0 || env->loaded[i]))
            spec = found;
        else if (found)
            *elsewhere = m;
    }
    return spec;
}

struct nearest {
    struct str name;
    const char *best;
    unsigned distance;
};

static void consider(struct nearest *n, const struct pv_spec *list)
{
    for (; list && list->name; list++) {
        unsigned d = 2 * str_distance(str_from(list->name), n->name) + 1;
        if (str_ieq(str_from(list->name), n->name))
            d = 0;
        if (d < n->distance) {
            n->best = list->name;
            n->distance = d;
        }
    }
}

static void hint_nearest(struct prepare *p, const struct prepare_env *env, struct str name)
{
    struct nearest n = {name, NULL, name.len > 3 ? 6 : 4};
    consider(&n, pv_language_list());
    for (unsigned i = 0; i < env->catalog->count; i++)
        if (i == 0 || env->loaded[i])
            consider(&n, env->catalog->modules[i]->variables);
    if (n.best)
        prepare_hint(p, "did you mean $%s?", n.best);
}

/* Complains about a name that is none: because of what follows it, of a module not loaded, or of a
 * slip of the pen. */
static int unknown_name(struct cursor *c, struct str name)
{
    const struct prepare_env *env = c->p->compiler;
    const struct symbols *module;
    if (name.len == 0) {
        prepare_hint(c->p, "write $$ for a dollar sign");
        return prepare_fail(c->p, 0, "a variable's name must follow $");
    }
    for (size_t n = name.len - 1; n > 0; n--)
        if ((name.p[n] == '.' || name.p[n] == '_') &&
            find_spec(env, str_sub(name, 0, n), &module)) {
            prepare_hint(c->p, "write $(%.*s) where '%c' follows the name", (int)n, name.p,
                         name.p[n]);
            return prepare_fail(c->p, 0, "unknown variable $%.*s", STR_ARG(name));
        }
    find_spec(env, name, &module);
    if (module) {
        prepare_hint(c->p, "add loadmodule \"%s.so\"", module->name);
        return prepare_fail(c->p, 0, "$%.*s belongs to the module %s, which is not loaded",
                            STR_ARG(name), module->name);
    }
    hint_nearest(c->p, env, name);
    return prepare_fail(c->p, 0, "unknown variable $%.*s", STR_ARG(name));
}

/* ---- parts ---- */

/* Parses a variable that must take all of text, which stands at offset base. */
static int parse_whole(struct cursor *c, struct str text, size_t base, const struct pv_ref **out)
{
    size_t used = 0;
    int rc = pv_parse(c->p, text, c->depth + 1, &used, out);
    if (rc == ERR_OK && used != text.len)
        rc = prepare_fail(c->p, used, "text behind the variable");
    if (rc != ERR_OK)
        c->p->at += base;
    return rc;
}

/* $hdr(name[1]), as OpenSER 1.1 and 1.2 had it. */
static int old_index(struct cursor *c, const struct pv_ref *v, struct str inner, ptrdiff_t bracket)
{
    prepare_hint(c->p, "write $(%s(%.*s)%.*s)", v->spec->name, (int)bracket, inner.p,
                 STR_ARG(str_sub(inner, (size_t)bracket, inner.len)));
    return prepare_fail(c->p, c->at - inner.len - 1 + (size_t)bracket,
                        "the index stands behind the name in brackets since OpenSER 1.3");
}

static int set_inner(struct cursor *c, struct pv_ref *v, struct str inner, size_t base)
{
    ptrdiff_t bracket = str_find(inner, '[', 0);
    if (v->spec->flags & PV_INDEX && bracket > 0 && str_ends(inner, STR("]")))
        return old_index(c, v, inner, bracket);
    v->inner = arena_dup(c->p->arena, inner);
    if (!v->inner.p)
        return ERR_NOMEM;
    if (inner.p[0] == '$' && v->spec->flags & PV_INNER_PV)
        return parse_whole(c, inner, base, &v->inner_pv);
    c->p->at = base;
    return v->spec->prepare ? v->spec->prepare(c->p, v->inner, &v->data) : ERR_OK;
}

/* (inner), where the variable takes or needs one. */
static int parse_inner(struct cursor *c, struct pv_ref *v)
{
    uint16_t flags = v->spec->flags;
    struct str inner;
    if (peek(c) != '(') {
        if (flags & PV_INNER)
            return prepare_fail(c->p, c->at, "$%s needs a name in brackets: $%s(name)",
                                v->spec->name, v->spec->name);
        return v->spec->prepare ? v->spec->prepare(c->p, STR_NONE, &v->data) : ERR_OK;
    }
    if (!(flags & (PV_INNER | PV_INNER_OPT))) {
        prepare_hint(c->p, "write $(%s) where a bracket follows", v->spec->name);
        return prepare_fail(c->p, c->at, "$%s takes no name in brackets", v->spec->name);
    }
    size_t base = ++c->at;
    if (!take_brackets(c, &inner))
        return prepare_fail(c->p, c->at, "')' is missing");
    if (inner.len == 0)
        return prepare_fail(c->p, base, "the name in the brackets of $%s is empty", v->spec->name);
    return set_inner(c, v, inner, base);
}

static int parse_index_number(struct cursor *c, struct pv_ref *v, struct str s, size_t base)
{
    uint32_t n;
    bool minus = s.len && s.p[0] == '-';
    if (str_u32(&n, minus ? str_sub(s, 1, s.len) : s, 1000000) != ERR_OK)
        return prepare_fail(c->p, base, "an index is a number, * or a variable");
    v->index_kind = PV_INDEX_NUMBER;
    v->index = minus ? -(int32_t)n : (int32_t)n;
    return ERR_OK;
}

/* [index] */
static int parse_index(struct cursor *c, struct pv_ref *v)
{
    size_t base = ++c->at;
    if (!(v->spec->flags & PV_INDEX))
        return prepare_fail(c->p, base - 1, "$%s has no index", v->spec->name);
    while (c->at < c->text.len && peek(c) != ']')
        c->at++;
    struct str s = str_sub(c->text, base, c->at);
    if (peek(c) != ']')
        return prepare_fail(c->p, c->at, "']' is missing");
    c->at++;
    if (str_eq(s, STR("*"))) {
        v->index_kind = PV_INDEX_ALL;
        return ERR_OK;
    }
    if (s.len == 0 || s.p[0] != '$')
        return parse_index_number(c, v, s, base);
    v->index_kind = PV_INDEX_PV;
    return parse_whole(c, s, base, &v->index_pv);
}

/* {tr}{tr}... with blanks between. */
static int parse_transforms(struct cursor *c, struct pv_ref *v)
{
    const struct transform **end = &v->transforms;
    while (peek(c) == ' ' || peek(c) == '\t')
        c->at++;
    while (peek(c) == '{') {
        struct transform *t;
        size_t used;
        int rc = transform_parse(c->p, str_sub(c->text, c->at, c->text.len), c->depth, &used, &t);
        if (rc != ERR_OK) {
            c->p->at += c->at;
            return rc;
        }
        *end = t;
        end = &t->next;
        c->at += used;
        while (peek(c) == ' ' || peek(c) == '\t')
            c->at++;
    }
    return ERR_OK;
}

/* name(inner), and within $( ) also index and transformations. */
static int parse_body(struct cursor *c, struct pv_ref *v, bool delimited)
{
    const struct symbols *elsewhere;
    struct str name = take_name(c);
    v->spec = find_spec(c->p->compiler, name, &elsewhere);
    if (!v->spec || name.len == 0)
        return unknown_name(c, name);
    int rc = parse_inner(c, v);
    if (rc == ERR_OK && delimited && peek(c) == '[')
        rc = parse_index(c, v);
    if (rc == ERR_OK && delimited)
        rc = parse_transforms(c, v);
    if (rc == ERR_OK && delimited && peek(c) != ')')
        rc = prepare_fail(c->p, c->at, "')' expected at the end of $(%s", v->spec->name);
    if (rc == ERR_OK && delimited)
        c->at++;
    return rc;
}

int pv_parse(struct prepare *p, struct str text, unsigned depth, size_t *used,
             const struct pv_ref **out)
{
    struct pv_ref *v = arena_zalloc(p->arena, sizeof *v);
    struct cursor c = {p, text, 1, depth};
    *out = v;
    if (!v)
        return ERR_NOMEM;
    if (depth > PV_MAX_DEPTH)
        return prepare_fail(p, 0, "variables within variables are too deep");
    if (peek(&c) == '$') {
        v->spec = find_in(pv_language_list(), STR("$"));
        c.at++;
    } else {
        bool delimited = peek(&c) == '(';
        c.at += delimited;
        int rc = parse_body(&c, v, delimited);
        if (rc != ERR_OK)
            return rc;
    }
    v->text = arena_dup(p->arena, str_sub(text, 0, c.at));
    *used = c.at;
    return v->text.p ? ERR_OK : ERR_NOMEM;
}

int prepare_pv_at(struct prepare *p, struct str text, size_t *used, const struct pv_ref **out)
{
    return pv_parse(p, text, 0, used, out);
}

int prepare_pv(struct prepare *p, struct str text, const struct pv_ref **out)
{
    size_t used = 0;
    if (text.len == 0 || text.p[0] != '$') {
        prepare_hint(p, "variables begin with $");
        return prepare_fail(p, 0, "a variable is needed here");
    }
    int rc = pv_parse(p, text, 0, &used, out);
    if (rc == ERR_OK && used != text.len)
        return prepare_fail(p, used, "text behind the variable $%s", (*out)->spec->name);
    return rc;
}

int prepare_avp(struct prepare *p, struct str text, const struct pv_ref **out)
{
    if (text.len && text.p[0] == '$') {
        int rc = prepare_pv(p, text, out);
        if (rc == ERR_OK && !pv_ref_is_avp(*out))
            return prepare_fail(p, 0, "an AVP is needed here: $avp(s:name) or $avp(i:number)");
        return rc;
    }
    /* as before 1.2: s:name, i:5 or an alias, without $avp( ) */
    struct str whole = arena_printf(p->arena, "$avp(%.*s)", STR_ARG(text));
    if (!whole.p)
        return ERR_NOMEM;
    return prepare_pv(p, whole, out);
}

int prepare_avp_param(struct prepare *p, const char *param, struct str text,
                      const struct pv_ref **out)
{
    int rc = text.len ? prepare_avp(p, text, out) : ERR_OK;
    if (rc == ERR_OK || rc == ERR_NOMEM)
        return rc;
    return prepare_fail(p, 0, "%s: %.*s", param, STR_ARG(buf_str(p->error)));
}
