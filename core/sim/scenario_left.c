/* What the script left when a route had run: variables and flags, for the steps that ask. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sim/scenario_run.h"

/* ---- against the script, before anything runs ---- */

/* The scenario's file as a source of d. */
static struct loc in_diag(const struct scenario *s, struct diag *d, struct loc at)
{
    const struct source *file = &s->diag.sources[at.file];
    for (unsigned i = 0; i < d->n_sources; i++)
        if (str_eq(d->sources[i].name, file->name)) {
            at.file = (uint16_t)i;
            return at;
        }
    int n = diag_source(d, file->name, file->text);
    at.file = n < 0 ? 0 : (uint16_t)n;
    return at;
}

static void check_variable(const struct scenario *s, const struct program *p, struct diag *d,
                           const struct step *step)
{
    char why[300], way_out[300];
    struct buf error, hint;
    struct arena a;
    const struct pv_ref *ref;
    size_t byte = 0;
    arena_init(&a, NULL, 1024);
    buf_fixed(&error, why, sizeof why);
    buf_fixed(&hint, way_out, sizeof way_out);
    if (program_variable(p, &a, step->what.text, &error, &hint, &byte, &ref) != ERR_OK) {
        diag_add(d, DIAG_ERROR, NULL, in_diag(s, d, step->what.loc), "%.*s",
                 STR_ARG(buf_str(&error)));
        if (hint.len)
            diag_hint(d, "%.*s", STR_ARG(buf_str(&hint)));
    }
    arena_reset(&a);
}

static void check_route(const struct scenario *s, const struct program *p, struct diag *d,
                        const struct step *step)
{
    struct str title = step->call.text;
    bool found = false, other = false;
    for (unsigned i = 0; i < program_route_count(p); i++)
        if (str_eq(program_route_name(p, (int)i), title)) {
            found = true;
            other = program_route_kind(p, (int)i) == ROUTE_REQUEST &&
                    program_route(p, ROUTE_REQUEST, STR("0")) != (int)i;
        }
    if (!found)
        diag_add(d, DIAG_ERROR, NULL, in_diag(s, d, step->call.loc), "the script has no %.*s",
                 STR_ARG(title));
    if (!other)
        return;
    diag_add(d, DIAG_ERROR, NULL, in_diag(s, d, step->call.loc),
             "%.*s runs as a part of others: what is left is theirs", STR_ARG(title));
    diag_hint(d, "write 'in route', or the failure_route ... that calls it");
}

static void check_block(const struct scenario *s, const struct program *p, struct diag *d,
                        const struct block *b)
{
    for (const struct step *step = b->first; step; step = step->next) {
        if (step->kind == STEP_VARIABLE)
            check_variable(s, p, d, step);
        if ((step->kind == STEP_VARIABLE || step->kind == STEP_FLAG) && step->mods & MOD_IN)
            check_route(s, p, d, step);
    }
}

void scenario_check_script(const struct scenario *s, const struct program *p, struct diag *d)
{
    for (const struct block *b = s->blocks; b; b = b->next)
        check_block(s, p, d, b);
}

/* ---- while it runs ---- */

void left_prepare(struct run *r, const struct block *b)
{
    for (const struct step *s = b ? b->first : NULL; s; s = s->next) {
        if (s->kind == STEP_DO)
            left_prepare(r, s->block);
        if (s->kind != STEP_VARIABLE && s->kind != STEP_FLAG)
            continue;
        struct left *l = arena_zalloc(r->arena, sizeof *l);
        if (!l)
            return;
        l->next = r->left;
        l->step = s;
        buf_init(&l->value, r->arena, 32);
        r->left = l;
    }
}

/* The variable as this version of the script understands it. */
static void name_variable(struct run *r, struct left *l, const struct program *p)
{
    char why[300];
    struct buf error;
    size_t at;
    if (l->program == p)
        return;
    l->program = p;
    buf_fixed(&error, why, sizeof why);
    if (program_variable(p, r->arena, l->step->what.text, &error, NULL, &at, &l->ref) != ERR_OK)
        l->ref = NULL;
}

static void read_variable(struct run *r, struct left *l, struct call *c)
{
    name_variable(r, l, look_program(c));
    l->value.len = 0;
    l->unknown = !l->ref;
    l->absent = !l->ref || !look_variable(c, l->ref, &l->value);
}

void left_ran(struct run *r, struct call *c, int route)
{
    struct str title = program_route_name(look_program(c), route);
    for (struct left *l = r->left; l; l = l->next) {
        const struct step *s = l->step;
        if (s->mods & MOD_IN && !str_eq(title, s->call.text))
            continue;
        l->route = title;
        if (s->kind == STEP_VARIABLE)
            read_variable(r, l, c);
        else
            l->set = look_flag(c, s->flag, s->n);
    }
}

/* ---- the steps ---- */

static void flag_step(struct run *r, const struct step *s, const struct left *l)
{
    static const char *const kinds[] = {"", "branch ", "script "};
    if (l->set != s->never)
        return;
    run_fail(r, s, "%sflag %u should %sbe set", kinds[s->flag], s->n, s->never ? "not " : "");
    run_came(r, "%.*s left it %sset", STR_ARG(l->route), l->set ? "" : "not ");
}

static const char *asks(enum cond_op op)
{
    static const char *const words[] = {"",
                                        "something else than ",
                                        "something with ",
                                        "something that matches ",
                                        "nothing in it",
                                        "something in it"};
    return words[op];
}

static void variable_step(struct run *r, const struct step *s, const struct left *l)
{
    const struct cond *c = s->pattern.conds;
    struct str have = buf_str(&l->value), want = run_text(r, &c->value);
    bool fits = c->op == COND_ABSENT    ? l->absent
                : c->op == COND_PRESENT ? !l->absent
                : l->absent             ? c->op == COND_IS_NOT
                                        : expect_value(r, c, have) != (c->op == COND_IS_NOT);
    if (fits && !l->unknown)
        return;
    bool bare = c->op == COND_ABSENT || c->op == COND_PRESENT;
    run_fail(r, s, "the script should leave %.*s with %s%s%.*s%s", STR_ARG(s->what.text),
             asks(c->op), bare ? "" : "\"", STR_ARG(bare ? STR_NONE : want), bare ? "" : "\"");
    if (l->unknown)
        run_came(r, "the version of the script that ran has no such variable");
    else if (l->absent)
        run_came(r, "%.*s left nothing in it", STR_ARG(l->route));
    else
        run_came(r, "%.*s left \"%.*s\"", STR_ARG(l->route), STR_ARG(have));
}

void left_step(struct run *r, const struct step *s)
{
    const struct left *l = r->left;
    while (l && l->step != s)
        l = l->next;
    if (!l)
        return;
    if (!l->route.len) {
        run_fail(r, s, "%s should have been left by the script",
                 s->kind == STEP_FLAG ? "the flag" : "the variable");
        run_came(r, "%.*s has not run to its end", (int)(s->mods & MOD_IN ? s->call.text.len : 7),
                 s->mods & MOD_IN ? s->call.text.p : "a route");
        return;
    }
    if (s->kind == STEP_FLAG)
        flag_step(r, s, l);
    else
        variable_step(r, s, l);
}
