/* Loading: files, includes, the list of tests. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/module.h"
#include "core/proxy/shared.h"
#include "core/sim/scenario_parse.h"
#include "lang/source.h"
#include "sim/scenario_parser.h"

/* ---- files ---- */

/* A path as the file that names it means it: as it is when that exists, else beside the file. */
static struct str beside(struct arena *a, struct str file, struct str path)
{
    struct str z = arena_dup(a, path);
    size_t slash = file.len;
    if (!z.p || access(z.p, R_OK) == 0 || (path.len && path.p[0] == '/'))
        return z;
    while (slash && file.p[slash - 1] != '/')
        slash--;
    struct str near = arena_printf(a, "%.*s%.*s", (int)slash, file.p ? file.p : "", STR_ARG(path));
    return near.p && access(near.p, R_OK) == 0 ? near : z;
}

struct str scenario_beside(const struct scenario *s, struct arena *a, const struct words *path)
{
    return beside(a, s->diag.sources[path->loc.file].name, path->text);
}

/* Where a place is when its file is not the first: included texts are sources of their own. */
static void parse_source(struct scn_parse *p)
{
    p->text = p->scenario->diag.sources[p->file].text;
    p->line = p->column = 1;
    if (scn_cut(p)) {
        scn_join_lines(p);
        if (scn_yyparse(p) == 2)
            p->no_memory = true;
    }
    free(p->token);
    if (p->no_memory)
        p->scenario->no_memory = true;
}

void scn_parse_file(struct scn_parse *parent, struct scenario *s, struct str path,
                    const struct loc *at)
{
    struct scn_parse p = {.scenario = s, .party = -1, .depth = parent ? parent->depth + 1 : 0};
    struct str from = parent ? s->diag.sources[parent->file].name : STR_NONE;
    if (p.depth > SCENARIO_MAX_INCLUDES) {
        diag_add(&s->diag, DIAG_ERROR, NULL, *at, "files include each other too deeply");
        return;
    }
    struct str found = beside(&s->arena, from, path);
    int file = found.p ? source_load(&s->diag, found.p, at) : ERR_NOMEM;
    if (file < 0)
        return;
    p.file = (uint16_t)file;
    parse_source(&p);
}

/* ---- tests ---- */

static struct str case_name(struct scenario *s, const struct block *b, const struct row *r)
{
    struct buf out;
    if (!r)
        return b->name.text;
    struct str named = scenario_expand(&s->arena, b, r, &b->name);
    if (!str_eq(named, b->name.text))
        return named;
    buf_init(&out, &s->arena, b->name.text.len + 32);
    buf_add(&out, b->name.text);
    for (unsigned i = 0; i < b->columns && i < r->n; i++)
        buf_printf(&out, "%s%.*s", i ? ", " : ": ", STR_ARG(r->value[i].text));
    return buf_str(&out);
}

static unsigned count_cases(const struct scenario *s)
{
    unsigned n = 0;
    for (const struct block *b = s->blocks; b; b = b->next) {
        if (b->is_test && !b->rows)
            n++;
        for (const struct row *r = b->rows; r; r = r->next)
            n++;
    }
    return n;
}

static void list_cases(struct scenario *s)
{
    s->cases = arena_zalloc(&s->arena, (count_cases(s) + 1) * sizeof *s->cases);
    if (!s->cases)
        return;
    for (const struct block *b = s->blocks; b; b = b->next) {
        if (b->is_test && !b->rows)
            s->cases[s->n_cases++] = (struct case_row){b, NULL, b->name.text};
        for (const struct row *r = b->rows; r; r = r->next)
            s->cases[s->n_cases++] = (struct case_row){b, r, case_name(s, b, r)};
    }
}

static struct scenario *scenario_new(void)
{
    struct scenario *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    arena_init(&s->arena, NULL, 16384);
    diag_init(&s->diag);
    s->blocks_end = &s->blocks;
    return s;
}

static struct scenario *finish(struct scenario *s)
{
    scenario_check(s);
    if (s->script.text.len) {
        s->script_path = scenario_beside(s, &s->arena, &s->script);
        if (!s->script_path.p || access(s->script_path.p, R_OK) != 0)
            diag_add(&s->diag, DIAG_ERROR, NULL, s->script.loc, "there is no file '%.*s'",
                     STR_ARG(s->script.text));
    }
    if (s->diag.errors == 0)
        list_cases(s);
    if (s->no_memory || (s->diag.errors == 0 && !s->cases)) {
        scenario_free(s);
        return NULL;
    }
    return s;
}

struct scenario *scenario_load(const char *path)
{
    struct scenario *s = scenario_new();
    static const struct loc nowhere = {0, 0, 0, 0, 0};
    if (!s)
        return NULL;
    scn_parse_file(NULL, s, str_from(path), &nowhere);
    bool unread = s->diag.errors && s->diag.sources[0].text.len == 0;
    return unread ? s : finish(s);
}

struct scenario *scenario_load_text(struct str name, struct str text)
{
    struct scenario *s = scenario_new();
    int file = s ? source_add(&s->diag, name, text) : ERR_NOMEM;
    if (file < 0) {
        scenario_free(s);
        return NULL;
    }
    struct scn_parse p = {.scenario = s, .party = -1, .file = (uint16_t)file};
    parse_source(&p);
    return finish(s);
}

void scenario_free(struct scenario *s)
{
    if (!s)
        return;
    regex_free_all(s->regexes);
    diag_free(&s->diag);
    arena_reset(&s->arena);
    free(s);
}

/* ---- what it is ---- */

const struct diag *scenario_findings(const struct scenario *s)
{
    return &s->diag;
}

struct str scenario_script(const struct scenario *s)
{
    return s->script_path;
}

unsigned scenario_tests(const struct scenario *s)
{
    return s->n_cases;
}

struct str scenario_test_name(const struct scenario *s, unsigned test)
{
    return s->cases[test].name;
}

struct loc scenario_test_loc(const struct scenario *s, unsigned test)
{
    return s->cases[test].test->loc;
}

unsigned scenario_parties(const struct scenario *s)
{
    return s->parties;
}

struct str scenario_party_name(const struct scenario *s, unsigned party)
{
    return s->party[party].name.text;
}

struct addr scenario_party_addr(const struct scenario *s, unsigned party)
{
    return s->party[party].addr;
}

/* Bytes of a name: letters, digits, _. */
static bool name_byte(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || c == '_';
}

struct str scenario_expand(struct arena *a, const struct block *b, const struct row *r,
                           const struct words *w)
{
    struct buf out;
    struct str s = w->text;
    if (!w->vars && !(r && str_find(s, '$', 0) >= 0))
        return s;
    buf_init(&out, a, s.len + 32);
    for (size_t i = 0; i < s.len;) {
        size_t end = i + 1;
        while (s.p[i] == '$' && end < s.len && name_byte(s.p[end]))
            end++;
        struct str value = str_sub(s, i, end), name = str_sub(s, i + 1, end);
        for (unsigned k = 0; r && s.p[i] == '$' && k < b->columns; k++)
            if (str_eq(name, b->column[k].text))
                value = r->value[k].text;
        buf_add(&out, value);
        i = end;
    }
    return buf_str(&out);
}

/* ---- its script ---- */

/* The script's text with the scenario's parameters behind it: the last modparam counts. */
static struct str overridden(const struct scenario *s, struct arena *a, FILE *in, const char *more)
{
    struct buf out;
    char bytes[4096];
    size_t n;
    buf_init(&out, a, 16384);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        buf_add(&out, str_make(bytes, n));
    for (const struct override *o = s->overrides; o; o = o->next) {
        const char *quote = o->number ? "" : "\"";
        buf_printf(&out, "\nmodparam(\"%.*s\", \"%.*s\", %s%.*s%s)", STR_ARG(o->module.text),
                   STR_ARG(o->name.text), quote, STR_ARG(o->value.text), quote);
    }
    buf_add(&out, str_from(more));
    buf_char(&out, '\n');
    return buf_str(&out);
}

static struct config *configure(const struct scenario *s, const struct module_set *set,
                                const char *path, const char *more, struct diag *d)
{
    const char *file = path ? path : s->script_path.p;
    FILE *in = s->overrides || *more ? fopen(file, "rb") : NULL;
    struct config *c;
    struct arena a;
    if (in) {
        arena_init(&a, NULL, 16384);
        c = config_load_text(set, str_from(file), overridden(s, &a, in, more), d);
        arena_reset(&a);
        fclose(in);
    } else {
        c = config_load(set, file, d);
    }
    if (!c || path)
        return c;
    scenario_check_script(s, c->program, d);
    if (d->errors == 0)
        return c;
    config_free(c);
    return NULL;
}

struct config *scenario_config(const struct scenario *s, const struct module_set *set,
                               const char *path, struct diag *d)
{
    return configure(s, set, path, "", d);
}

struct config *scenario_config_quick(const struct scenario *s, const struct module_set *set,
                                     const struct program *base, struct diag *d)
{
    for (unsigned i = 0; i < set->count; i++)
        if (strcmp(set->modules[i]->symbols.name, "tm") == 0 && program_loaded(base, i))
            return configure(s, set, NULL,
                             "\nmodparam(\"tm\", \"fr_timer\", 2)"
                             "\nmodparam(\"tm\", \"fr_inv_timer\", 3)",
                             d);
    return NULL;
}

const char *scenario_quick(void)
{
    return " with tm fr_timer=2 and tm fr_inv_timer=3";
}
