/* Checks loadmodule and modparam, and fills the configurations of modules. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/check.h"
#include "lang/vm.h"

/* ---- loadmodule -------------------------------------------------------------------------------
 */

/* The last part of a path, without .so. */
static struct str stem(struct str path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.p[i - 1] == '/') {
            path = str_sub(path, i, path.len);
            break;
        }
    return str_ends(path, STR(".so")) ? str_sub(path, 0, path.len - 3) : path;
}

static void set_defaults(const struct symbols *m, char *conf)
{
    for (const struct param_spec *s = m->params; s && s->name; s++) {
        if (s->set || s->ignored)
            continue;
        if (s->type == PARAM_INT) {
            int32_t number = (int32_t)s->number;
            memcpy(conf + s->offset, &number, sizeof number);
        } else {
            struct str text = str_from(s->text);
            memcpy(conf + s->offset, &text, sizeof text);
        }
    }
}

/* Room for the configuration of a module, with its defaults. */
static void configure(struct checker *c, unsigned module)
{
    const struct symbols *m = c->catalog->modules[module];
    if (!m->conf_size)
        return;
    c->program->conf[module] = arena_zalloc(&c->program->arena, m->conf_size);
    if (!c->program->conf[module])
        c->no_memory = true;
    else
        set_defaults(m, c->program->conf[module]);
}

void check_core(struct checker *c)
{
    configure(c, 0);
}

static void load_failed(struct checker *c, struct str name)
{
    if (c->n_failed < CHECK_FAILED)
        c->failed[c->n_failed++] = name;
}

static void hint_module(struct checker *c, struct str name)
{
    struct nearest near = nearest_to(name);
    for (unsigned i = 1; i < c->catalog->count; i++)
        nearest_offer(&near, str_from(c->catalog->modules[i]->name));
    if (nearest_found(&near).len)
        diag_hint(c->diag, "did you mean \"%.*s.so\"?", STR_ARG(nearest_found(&near)));
}

void check_loadmodule(struct checker *c, const struct item *i)
{
    struct str name = stem(i->name);
    int module = resolve_module(c->catalog, name);
    if (module <= 0) {
        check_error(c, i->name_loc, "failed to load module: there is no module \"%.*s\"",
                    STR_ARG(name));
        hint_module(c, name);
    } else if (c->catalog->modules[module]->planned) {
        check_error(c, i->name_loc, "failed to load module: \"%.*s\" is known, but not built yet",
                    STR_ARG(name));
    } else if (c->program->loaded[module]) {
        check_error(c, i->name_loc, "failed to load module: \"%.*s\" was loaded in line %u",
                    STR_ARG(name), c->load_loc[module].line);
        return;
    } else {
        c->program->loaded[module] = true;
        c->load_loc[module] = i->name_loc;
        configure(c, (unsigned)module);
        return;
    }
    load_failed(c, name);
}

/* ---- modparam ---------------------------------------------------------------------------------
 */

/* Which loaded modules a modparam speaks to: names joined by |, or a regular expression. */
struct selector {
    struct str names;
    const struct regex *regex; /* NULL: names are plain */
};

static bool plain_names(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && !strchr("_-|", s.p[i]))
            return false;
    return true;
}

static bool selector_init(struct checker *c, struct selector *s, const struct item *i)
{
    *s = (struct selector){.names = i->modules};
    if (plain_names(i->modules))
        return true;
    struct node at = {.kind = NODE_NIL, .loc = i->modules_loc};
    struct prepare p = check_begin(c);
    struct str whole = arena_printf(&c->script->arena, "^(%.*s)$", STR_ARG(i->modules));
    return check_prepared(c, prepare_regex(&p, whole, false, &s->regex), &p, &at);
}

static bool selects_name(const struct selector *s, struct str module)
{
    struct str rest = s->names, one;
    struct regex_match m;
    if (s->regex)
        return regex_find(s->regex, module, 0, &m) == 1;
    while (str_cut(&one, &rest, '|'))
        if (str_ieq(one, module))
            return true;
    return false;
}

/* By its name, or one that it had in an earlier release. */
static bool selects(const struct selector *s, const struct symbols *m)
{
    const char *one;
    for (unsigned i = 0; (one = symbols_name(m, i)); i++)
        if (selects_name(s, str_from(one)))
            return true;
    return false;
}

static const struct param_spec *find_param(const struct symbols *m, struct str name)
{
    for (const struct param_spec *s = m->params; s && s->name; s++)
        if (str_eq(name, str_from(s->name)))
            return s;
    return NULL;
}

static void unknown_param(struct checker *c, const struct symbols *m, const struct item *i)
{
    struct nearest near = nearest_to(i->name);
    for (const struct param_spec *s = m->params; s && s->name; s++)
        nearest_offer(&near, str_from(s->name));
    check_error(c, i->name_loc, "parameter \"%.*s\" not found in module \"%s\"", STR_ARG(i->name),
                m->name);
    if (nearest_found(&near).len)
        diag_hint(c->diag, "did you mean \"%.*s\"?", STR_ARG(nearest_found(&near)));
}

/* Type and range; *out is the value as the module gets it. */
static bool param_value(struct checker *c, const struct param_spec *s, const struct node *n,
                        struct value *out)
{
    if (s->type == PARAM_STR && n->kind != NODE_STRING) {
        check_error(c, n->loc, "string value expected: \"%s\" takes a text", s->name);
        return false;
    }
    if (s->type == PARAM_INT && n->kind != NODE_NUMBER) {
        check_error(c, n->loc, "number expected: \"%s\" takes a number", s->name);
        return false;
    }
    if (n->kind == NODE_STRING) {
        *out = value_str(check_keep(c, n->text));
        return out->s.p != NULL;
    }
    *out = value_int(n->number.value);
    if (s->max > s->min && (out->i < s->min || out->i > s->max)) {
        check_error(c, n->loc, "\"%s\" must be from %ld to %ld", s->name, s->min, s->max);
        return false;
    }
    return true;
}

static void set_param(struct checker *c, unsigned module, const struct param_spec *s,
                      const struct item *i)
{
    struct value v;
    char *conf = c->program->conf[module];
    if (!param_value(c, s, i->value, &v))
        return;
    if (s->ignored) {
        diag_add(c->diag, DIAG_NOTE, "old-parameter", i->name_loc, "%s has no effect", s->name);
    } else if (s->set) {
        struct prepare p = check_begin(c);
        if (check_prepared(c, s->set(&p, conf, &v), &p, i->value) && c->hint.len)
            diag_add(c->diag, DIAG_NOTE, "old-parameter", i->name_loc, "%s has no effect (%.*s)",
                     s->name, STR_ARG(buf_str(&c->hint)));
    } else if (conf && s->type == PARAM_INT) {
        memcpy(conf + s->offset, &v.i, sizeof v.i);
    } else if (conf) {
        char digits[VALUE_TEXT];
        struct str text = v.flags & VAL_STR ? v.s : check_keep(c, value_text(&v, digits));
        memcpy(conf + s->offset, &text, sizeof text);
    }
}

/* Whether the modparam is for a module whose loading failed: that has been said. */
static bool for_failed(const struct checker *c, const struct selector *s)
{
    for (unsigned i = 0; i < c->n_failed; i++)
        if (selects_name(s, c->failed[i]))
            return true;
    return false;
}

static void no_module(struct checker *c, const struct selector *s, const struct item *i)
{
    if (for_failed(c, s) || c->script->lost)
        return;
    check_error(c, i->modules_loc, "no module matching \"%.*s\" is loaded", STR_ARG(i->modules));
    for (unsigned m = 1; m < c->catalog->count; m++)
        if (selects(s, c->catalog->modules[m])) {
            diag_hint(c->diag, "add loadmodule \"%s.so\" before this line",
                      c->catalog->modules[m]->name);
            return;
        }
}

void check_modparam(struct checker *c, const struct item *i)
{
    struct selector s;
    bool found = false;
    if (!selector_init(c, &s, i))
        return;
    for (unsigned m = 0; m < c->catalog->count; m++) {
        const struct symbols *symbols = c->catalog->modules[m];
        if ((m > 0 && !c->program->loaded[m]) || !selects(&s, symbols))
            continue;
        const struct param_spec *spec = find_param(symbols, i->name);
        found = true;
        if (spec)
            set_param(c, m, spec, i);
        else
            unknown_param(c, symbols, i);
    }
    if (!found)
        no_module(c, &s, i);
}

void check_configurations(struct checker *c)
{
    for (unsigned m = 0; m < c->catalog->count; m++) {
        const struct symbols *s = c->catalog->modules[m];
        if (!c->program->loaded[m] || !s->conf_check)
            continue;
        struct node at = {.kind = NODE_NIL, .loc = c->load_loc[m]};
        struct prepare p = check_begin(c);
        check_prepared(c, s->conf_check(&p, c->program->conf[m]), &p, &at);
    }
}
