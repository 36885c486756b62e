/* check, explain, dump and help. */
/* SPDX-License-Identifier: MIT */
#include "core/tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/module.h"
#include "lang/warning.h"
#include "lang/words.h"

/* ---- check ---- */

/* What -W and --format ask for. */
struct check_style {
    struct warning_policy policy;
    bool json, colour;
};

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

/* 0, or 2 for a word that means nothing. */
static int check_style(struct check_style *s, const struct options *o)
{
    memset(s, 0, sizeof *s);
    s->colour = wants_colour();
    s->json = o->format && strcmp(o->format, "json") == 0;
    if (o->format && !s->json && strcmp(o->format, "text") != 0) {
        fprintf(stderr, "signalbox: --format is text or json, not '%s'\n", o->format);
        return 2;
    }
    for (unsigned i = 0; i < o->warns; i++)
        if (!warning_policy_add(&s->policy, str_from(o->warn[i]))) {
            fprintf(stderr,
                    "signalbox: -W takes error, none or CODE=off, not '%s'; codes: signalbox "
                    "explain\n",
                    o->warn[i]);
            return 2;
        }
    return 0;
}

static void print_verdict(const char *path, const struct diag *d)
{
    if (d->errors)
        fprintf(stderr, "%s: %u error%s\n", path, d->errors, d->errors == 1 ? "" : "s");
    else
        printf("%s: ok%s\n", path, d->warnings ? ", with warnings" : "");
}

static int check_file(const char *path, const struct module_set *set, const struct check_style *s)
{
    struct diag d;
    diag_init(&d);
    d.warn = true;
    d.colour = s->colour;
    struct config *c = config_load(set, path, &d);
    warning_policy_apply(&s->policy, &d);
    if (s->json) {
        diag_print_json(&d, stdout);
    } else {
        diag_print(&d, stderr);
        print_verdict(path, &d);
    }
    int rc = c && d.errors == 0 ? 0 : 1;
    config_free(c);
    diag_free(&d);
    return rc;
}

int tool_check(const struct options *o, const struct module_set *set)
{
    struct check_style style;
    int rc = check_style(&style, o);
    if (rc)
        return rc;
    if (o->n_args == 0 && !o->file)
        return options_usage(o);
    if (o->file)
        rc = check_file(o->file, set, &style);
    for (int i = 0; i < o->n_args; i++)
        rc |= check_file(o->args[i], set, &style);
    return rc;
}

/* ---- explain ---- */

static void print_indented(const char *title, const char *text)
{
    struct str line, rest = str_from(text);
    printf("\n%s\n\n", title);
    while (str_cut(&line, &rest, '\n'))
        if (line.len)
            printf("    %.*s\n", STR_ARG(line));
}

static int explain_one(const char *code)
{
    enum warning w = warning_find(str_from(code));
    if (w == WARNINGS) {
        const char *like = warning_like(str_from(code));
        fprintf(stderr, "signalbox: no warning is called '%s'%s%s%s\n", code,
                like ? "; did you mean '" : "", like ? like : "", like ? "'?" : "");
        return 2;
    }
    const struct warning_text *t = warning_text(w);
    printf("%s\n\n%s\n", t->code, t->why);
    print_indented("Example:", t->example);
    print_indented("Mend:", t->mend);
    printf("\nSilence it on one line with a comment: # check: ignore %s\n", t->code);
    return 0;
}

int tool_explain(const struct options *o, const struct module_set *set)
{
    int rc = 0;
    (void)set;
    for (int i = 0; i < o->n_args; i++)
        rc |= explain_one(o->args[i]);
    for (unsigned w = 0; o->n_args == 0 && w < WARNINGS; w++)
        printf("%-12s %s\n", warning_text((enum warning)w)->code,
               warning_text((enum warning)w)->why);
    return rc;
}

/* ---- dump ---- */

int tool_dump(const struct options *o, const struct module_set *set)
{
    struct diag d;
    if (o->n_args != 1)
        return options_usage(o);
    diag_init(&d);
    struct config *c = config_load(set, o->args[0], &d);
    diag_print(&d, stderr);
    if (c)
        program_dump(c->program, stdout);
    config_free(c);
    diag_free(&d);
    return c ? 0 : 1;
}

/* ---- help ---- */

struct search {
    struct str name;
    unsigned found;
    unsigned best; /* distance of the nearest name */
    const char *nearest;
};

static bool wanted(struct search *s, const char *name)
{
    if (str_ieq(s->name, str_from(name))) {
        s->found++;
        return true;
    }
    unsigned d = str_distance(s->name, str_from(name));
    if (d < s->best) {
        s->best = d;
        s->nearest = name;
    }
    return false;
}

static void print_kinds(unsigned routes)
{
    fputs("  may be called from:", stdout);
#define X(id, keyword, letter, bit)                                                                \
    if (routes & (bit))                                                                            \
        printf(" %s", keyword);
    ROUTE_KIND_LIST(X)
#undef X
    putchar('\n');
}

static void help_functions(struct search *s, const struct symbols *m)
{
    for (const struct fn_spec *f = m->functions; f && f->name; f++)
        if (wanted(s, f->name)) {
            printf("%s(%s)  function of %s\n  %s\n", f->name, f->usage ? f->usage : "", m->name,
                   f->doc ? f->doc : "");
            print_kinds(f->routes);
        }
}

static void print_default(const struct param_spec *p)
{
    if (p->type == PARAM_INT)
        printf("  integer, default %ld%s%s\n", p->number, p->unit ? " " : "",
               p->unit ? p->unit : "");
    else if (p->type == PARAM_TEXT)
        printf("  text or integer, not set by default\n");
    else if (p->text)
        printf("  text, default \"%s\"\n", p->text);
    else
        printf("  text, not set by default\n");
}

static void help_params(struct search *s, const struct symbols *m)
{
    for (const struct param_spec *p = m->params; p && p->name; p++)
        if (wanted(s, p->name)) {
            printf("modparam(\"%s\", \"%s\", ...)  parameter of %s\n  %s\n", m->name, p->name,
                   m->name, p->doc ? p->doc : "");
            print_default(p);
        }
}

static void help_variables(struct search *s, const struct symbols *m)
{
    for (const struct pv_spec *v = m->variables; v && v->name; v++)
        if (wanted(s, v->name))
            printf("$%s%s  variable of %s%s\n  %s\n", v->name,
                   v->flags & (PV_INNER | PV_INNER_OPT) ? "(name)" : "", m->name,
                   v->set ? ", may be assigned" : "", v->doc ? v->doc : "");
}

static void list_names(const struct symbols *m)
{
    fputs("  functions:", stdout);
    for (const struct fn_spec *f = m->functions; f && f->name; f++)
        printf(" %s", f->name);
    fputs("\n  parameters:", stdout);
    for (const struct param_spec *p = m->params; p && p->name; p++)
        printf(" %s", p->name);
    fputs("\n  variables:", stdout);
    for (const struct pv_spec *v = m->variables; v && v->name; v++)
        printf(" $%s", v->name);
    putchar('\n');
}

static void help_module(struct search *s, const struct symbols *m)
{
    bool found = wanted(s, m->name);
    for (const char *const *n = m->old_names; n && *n && !found; n++)
        found = wanted(s, *n);
    if (!found)
        return;
    printf("module %s%s\n  %s\n", m->name, m->planned ? " (not built yet)" : "",
           m->doc ? m->doc : "");
    if (!m->planned)
        list_names(m);
}

static void help_words(struct search *s)
{
    struct word w;
    for (unsigned i = 0; word_at(i, &w); i++)
        if (wanted(s, w.name))
            printf("%s  %s\n  %s\n", w.form, w.kind, w.doc);
}

static int help_overview(const struct module_set *set)
{
    puts("signalbox help NAME explains a function, a parameter, a $variable, a {transformation}, a "
         "word\n"
         "of the language or a module. Modules:");
    for (unsigned i = 0; i < set->count; i++)
        if (!set->modules[i]->symbols.planned)
            printf("  %-10s %s\n", set->modules[i]->symbols.name,
                   set->modules[i]->symbols.doc ? set->modules[i]->symbols.doc : "");
    return 0;
}

int tool_help(const struct options *o, const struct module_set *set)
{
    if (o->n_args == 0)
        return help_overview(set);
    struct search s = {.name = str_from(o->args[0]), .best = 4};
    while (s.name.len > 1 && strchr("${#!", s.name.p[0]))
        s.name = str_sub(s.name, 1, s.name.len);
    if (s.name.len > 1 && s.name.p[s.name.len - 1] == '}')
        s.name = str_sub(s.name, 0, s.name.len - 1);
    for (unsigned i = 0; i < set->count; i++) {
        const struct symbols *m = &set->modules[i]->symbols;
        help_module(&s, m);
        help_functions(&s, m);
        help_params(&s, m);
        help_variables(&s, m);
    }
    help_words(&s);
    if (s.found)
        return 0;
    fprintf(stderr, "signalbox: nothing is called '%s'%s%s%s\n", o->args[0],
            s.nearest ? "; did you mean '" : "", s.nearest ? s.nearest : "", s.nearest ? "'?" : "");
    return 1;
}
