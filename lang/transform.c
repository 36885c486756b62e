/* Transformations: the list, parsing, and applying them one after another. */
/* SPDX-License-Identifier: MIT */
#include "lang/transform.h"

#include "core/base/err.h"
#include "lang/pv.h"

static const struct {
    const char *name;
    bool refuses_empty;
} classes[] = {
#define X(id, name, refuses_empty) {name, refuses_empty},
    TRANSFORM_CLASS_LIST(X)
#undef X
};

static const struct transform_spec specs[] = {
#define TRANSFORM(class_id, name, params, fn, code, doc)                                           \
    {TRANSFORM_##class_id, name, params, fn, code, doc},
#include "lang/transform.def"
#undef TRANSFORM
};

enum { SPECS = sizeof specs / sizeof *specs };

const struct transform_spec *transform_list(unsigned *n)
{
    *n = SPECS;
    return specs;
}

const char *transform_class_name(enum transform_class c)
{
    return classes[c].name;
}

/* ---- parsing ---- */

/* Where the parser stands in "{class.name,param,param}". */
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

/* What stands from here to one of stops, or to the end. */
static struct str take_until(struct cursor *c, const char *stops)
{
    size_t from = c->at;
    while (c->at < c->text.len && !(peek(c) && strchr(stops, peek(c))))
        c->at++;
    return str_sub(c->text, from, c->at);
}

/* The row of a class and name; hints at the nearest one when there is none. */
static const struct transform_spec *find_spec(struct prepare *p, struct str class_name,
                                              struct str name)
{
    const struct transform_spec *best = NULL;
    unsigned best_distance = 4;
    for (unsigned i = 0; i < SPECS; i++) {
        struct str have = str_from(specs[i].name);
        struct str have_class = str_from(classes[specs[i].class_id].name);
        unsigned d = str_distance(have, name) + str_distance(have_class, class_name);
        if (d == 0)
            return &specs[i];
        if (d < best_distance) {
            best = &specs[i];
            best_distance = d;
        }
    }
    if (best)
        prepare_hint(p, "did you mean {%s.%s}?", classes[best->class_id].name, best->name);
    return NULL;
}

/* A signed number. */
static int parse_number(struct cursor *c, struct value *out)
{
    size_t from = c->at;
    struct str s = str_trim(take_until(c, ",}"));
    bool minus = s.len && s.p[0] == '-';
    uint32_t n;
    if (s.len && (s.p[0] == '-' || s.p[0] == '+'))
        s = str_sub(s, 1, s.len);
    if (str_u32(&n, s, INT32_MAX) != ERR_OK)
        return prepare_fail(c->p, from, "this parameter must be a number");
    *out = value_int(minus ? -(int32_t)n : (int32_t)n);
    return ERR_OK;
}

static int parse_text(struct cursor *c, struct value *out)
{
    size_t from = c->at;
    struct str s = take_until(c, ",} \t\n");
    take_until(c, ",}");
    if (s.len == 0)
        return prepare_fail(c->p, from, "a parameter is missing");
    struct str copy = arena_dup(c->p->arena, s);
    *out = value_str(copy);
    return copy.p ? ERR_OK : ERR_NOMEM;
}

static int parse_char(struct cursor *c, struct value *out)
{
    if (c->at + 1 >= c->text.len)
        return prepare_fail(c->p, c->at, "a separator character is missing");
    struct str copy = arena_dup(c->p->arena, str_sub(c->text, c->at, c->at + 1));
    c->at++;
    *out = value_str(copy);
    return copy.p ? ERR_OK : ERR_NOMEM;
}

static int parse_variable(struct cursor *c, const struct pv_ref **out)
{
    size_t used;
    int rc = pv_parse(c->p, str_sub(c->text, c->at, c->text.len), c->depth + 1, &used, out);
    if (rc != ERR_OK) {
        c->p->at += c->at;
        return rc;
    }
    c->at += used;
    while (peek(c) == ' ')
        c->at++;
    return ERR_OK;
}

/* Parameter number i, after its comma. */
static int parse_param(struct cursor *c, struct transform *t, unsigned i)
{
    char kind = t->spec->params[i];
    if (peek(c) != ',')
        return prepare_fail(c->p, c->at, "{%s.%s} needs %zu parameter(s)",
                            classes[t->spec->class_id].name, t->spec->name,
                            strlen(t->spec->params));
    c->at++;
    if (kind == 'c')
        return parse_char(c, &t->param[i]);
    while (peek(c) == ' ')
        c->at++;
    if (peek(c) == '$')
        return parse_variable(c, &t->param_pv[i]);
    return kind == 'i' ? parse_number(c, &t->param[i]) : parse_text(c, &t->param[i]);
}

static int parse_body(struct cursor *c, struct transform *t)
{
    size_t from = c->at;
    struct str class_name = take_until(c, ".,}");
    if (peek(c) == '.')
        c->at++;
    struct str name = take_until(c, ",}");
    t->spec = find_spec(c->p, class_name, name);
    if (!t->spec)
        return prepare_fail(c->p, from, "unknown transformation {%.*s.%.*s}", STR_ARG(class_name),
                            STR_ARG(name));
    for (unsigned i = 0; t->spec->params[i]; i++) {
        int rc = parse_param(c, t, i);
        if (rc != ERR_OK)
            return rc;
    }
    if (peek(c) != '}')
        return prepare_fail(c->p, c->at, "'}' expected after {%s.%s",
                            classes[t->spec->class_id].name, t->spec->name);
    c->at++;
    return ERR_OK;
}

int transform_parse(struct prepare *p, struct str text, unsigned depth, size_t *used,
                    struct transform **out)
{
    struct cursor c = {p, text, 1, depth};
    *out = arena_zalloc(p->arena, sizeof **out);
    if (!*out)
        return ERR_NOMEM;
    int rc = parse_body(&c, *out);
    *used = c.at;
    return rc;
}

/* ---- applying ---- */

/* Reads parameter number i where it is a variable, and sees that it is of the right kind. */
static int eval_param(const struct transform *t, unsigned i, struct call *call,
                      const struct host *host, struct transform_use *u)
{
    u->param[i] = t->param[i];
    if (!t->param_pv[i])
        return ERR_OK;
    int rc = pv_eval(t->param_pv[i], call, host, &u->param[i]);
    if (rc != ERR_OK)
        return rc;
    if (t->spec->params[i] == 'i')
        return u->param[i].flags & VAL_INT ? ERR_OK : ERR_INVALID;
    return value_is_null(&u->param[i]) ? ERR_INVALID : value_print(&u->param[i], u->arena);
}

static int apply_one(const struct transform *t, struct call *call, const struct host *host,
                     struct value *v)
{
    struct transform_use u = {.arena = host->scratch(call), .code = t->spec->code};
    if (value_is_null(v))
        return ERR_INVALID;
    int rc = value_print(v, u.arena);
    for (unsigned i = 0; rc == ERR_OK && t->spec->params[i]; i++)
        rc = eval_param(t, i, call, host, &u);
    if (rc != ERR_OK)
        return rc;
    u.in = v->s;
    if (u.in.len == 0 && classes[t->spec->class_id].refuses_empty)
        return ERR_INVALID;
    return t->spec->fn(&u, v);
}

int transform_apply(const struct transform *t, struct call *call, const struct host *host,
                    struct value *v)
{
    int rc = ERR_OK;
    for (; t && rc == ERR_OK; t = t->next)
        rc = apply_one(t, call, host, v);
    return rc;
}
