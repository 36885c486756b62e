/* What only the whole file shows: tables, names of tables, steps that stand in other steps. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sim/scenario_parse.h"

static void column_error(struct scenario *s, const struct block *b, const struct words *w,
                         struct str name)
{
    diag_add(&s->diag, DIAG_ERROR, NULL, w->loc, "the table of this test has no '%.*s'",
             STR_ARG(name));
    unsigned best = 3;
    const struct words *near = NULL;
    for (unsigned i = 0; i < b->columns; i++) {
        unsigned d = str_distance(name, b->column[i].text);
        if (d < best) {
            best = d;
            near = &b->column[i];
        }
    }
    if (near)
        diag_hint(&s->diag, "did you mean '$%.*s'?", STR_ARG(near->text));
}

/* A word that is a $name alone must be a column; in texts $ may mean something else. */
static void check_words(struct scenario *s, const struct block *b, const struct words *w)
{
    if (!w->vars || !w->plain || b->is_before || !b->is_test)
        return;
    struct str name = str_sub(w->text, 1, w->text.len);
    for (unsigned i = 0; i < b->columns; i++)
        if (str_eq(name, b->column[i].text))
            return;
    column_error(s, b, w, name);
}

static void check_status(struct scenario *s, const struct words *w)
{
    uint32_t code;
    if (w->vars || str_u32(&code, w->text, 100000) != ERR_OK)
        return;
    if (code < 100 || code > 699)
        diag_add(&s->diag, DIAG_ERROR, NULL, w->loc, "an answer is a number from 100 to 699");
}

static void check_answer(struct scenario *s, const struct step *step)
{
    char first = step->what.text.len ? step->what.text.p[0] : 0;
    if (step->kind != STEP_ANSWER || step->what.vars)
        return;
    if (!ascii_digit(first) || str_ends(step->what.text, STR("xx")))
        diag_add(&s->diag, DIAG_ERROR, NULL, step->what.loc,
                 "an answer is a number such as 200, not '%.*s'", STR_ARG(step->what.text));
}

static const struct block *find_steps(const struct scenario *s, struct str name)
{
    for (const struct block *b = s->blocks; b; b = b->next)
        if (!b->is_test && !b->is_before && str_eq(b->name.text, name))
            return b;
    return NULL;
}

static void resolve_do(struct scenario *s, struct step *step, const struct block *in)
{
    const struct block *b = find_steps(s, step->what.text);
    if (!b)
        diag_add(&s->diag, DIAG_ERROR, NULL, step->what.loc, "there are no steps '%.*s'",
                 STR_ARG(step->what.text));
    else if (b == in || b->loc.line > in->loc.line || b->loc.file > in->loc.file)
        diag_add(&s->diag, DIAG_ERROR, NULL, step->what.loc,
                 "steps '%.*s' must stand before where they are used", STR_ARG(step->what.text));
    else
        step->block = b;
}

static void check_step(struct scenario *s, const struct block *b, struct step *step)
{
    const struct words *all[] = {&step->what, &step->target, &step->pattern.what};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        check_words(s, b, all[i]);
    for (const struct cond *c = step->pattern.conds; c; c = c->next)
        check_words(s, b, &c->value);
    for (const struct extra *e = step->extras; e; e = e->next)
        check_words(s, b, &e->value);
    check_status(s, &step->pattern.what);
    check_answer(s, step);
    if (step->kind == STEP_DO)
        resolve_do(s, step, b);
    if (step->kind == STEP_SEND && step->has_raw && step->raw.text.len == 0)
        diag_add(&s->diag, DIAG_ERROR, NULL, step->loc, "there are no lines with '|' below");
    if (step->kind == STEP_NEXT && step->fault == FAULT_DELAY && !step->timed)
        diag_add(&s->diag, DIAG_ERROR, NULL, step->loc, "by how much? 'delay next ... by 2s'");
}

static void check_rows(struct scenario *s, const struct block *b)
{
    for (const struct row *r = b->rows; r; r = r->next)
        if (r->n != b->columns)
            diag_add(&s->diag, DIAG_ERROR, NULL, r->loc, "%u values for %u names; rows end in ','",
                     r->n, b->columns);
}

static void check_names(struct scenario *s, const struct block *b)
{
    for (const struct block *o = s->blocks; o != b; o = o->next)
        if (o->is_test == b->is_test && !b->is_before && !o->is_before &&
            str_eq(o->name.text, b->name.text)) {
            diag_add(&s->diag, DIAG_ERROR, NULL, b->loc, "%s with that name was there already",
                     b->is_test ? "a test" : "steps");
            return;
        }
}

static void check_block(struct scenario *s, struct block *b)
{
    check_names(s, b);
    check_rows(s, b);
    if (!b->first)
        diag_add(&s->diag, DIAG_WARNING, "empty", b->loc, "nothing happens here");
    for (struct step *step = b->first; step; step = step->next)
        check_step(s, b, step);
}

void scenario_check(struct scenario *s)
{
    if (!s->script.text.len)
        diag_add(&s->diag, DIAG_ERROR, NULL, (struct loc){0, 1, 1, 1, 1},
                 "which script? The first line says: script examples/proxy.cfg");
    for (struct block *b = s->blocks; b; b = b->next)
        check_block(s, b);
}
