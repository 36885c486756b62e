/* A race as a scenario: what was found, as comments, and a test that shows it again. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/sim/explore.h"
#include "core/sim/ladder.h"
#include "core/sim/scenario_ast.h"

/* ---- texts ---- */

/* A text as the language writes it. */
static void put_words(const struct words *w, FILE *out)
{
    struct str s = w->text;
    if (w->plain) {
        fprintf(out, "%.*s", STR_ARG(s));
        return;
    }
    fputc('"', out);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void put_comment(struct str text, FILE *out)
{
    struct str line;
    while (str_cut(&line, &text, '\n'))
        fprintf(out, line.len ? "# %.*s\n" : "#\n", STR_ARG(line));
}

static const char *ordinal(uint32_t n)
{
    return n % 100 / 10 == 1 ? "th"
           : n % 10 == 1     ? "st"
           : n % 10 == 2     ? "nd"
           : n % 10 == 3     ? "rd"
                             : "th";
}

/* ---- what goes wrong ---- */

/* Whether it is the first listen= address of the script. */
static bool is_proxy(const struct config *c, const struct addr *a)
{
    const struct listen_spec *l;
    struct ip ip;
    return program_listens(c->program, &l) > 0 && ip_parse(&ip, l->host) == ERR_OK &&
           ip_eq(&ip, &a->ip) && a->port == (l->port ? l->port : 5060);
}

static void put_end(const struct scenario *s, const struct config *c, const struct addr *a,
                    FILE *out)
{
    char text[ADDR_TEXT];
    for (unsigned i = 0; i < s->parties; i++)
        if (addr_eq(&s->party[i].addr, a)) {
            fprintf(out, "%.*s", STR_ARG(s->party[i].name.text));
            return;
        }
    if (is_proxy(c, a)) {
        fputs("proxy", out);
        return;
    }
    struct str at = addr_text(text, a);
    at = str_sub(at, (size_t)str_find(at, ':', 0) + 1, at.len);
    fprintf(out, "\"%.*s\"", STR_ARG(at));
}

static void put_packet(const struct scenario *s, const struct config *c, const struct mishap *m,
                       FILE *out)
{
    fprintf(out, "the %u%s ", m->nth, ordinal(m->nth));
    if (ascii_digit(m->what[0]))
        fprintf(out, "%.3s of %s", m->what, m->what + 4);
    else
        fputs(m->what[0] ? m->what : "packet", out);
    fputs(" from ", out);
    put_end(s, c, &m->from, out);
    fputs(" to ", out);
    put_end(s, c, &m->to, out);
}

static void put_mishap(const struct scenario *s, const struct config *c, const struct mishap *m,
                       FILE *out)
{
    static const char *const verbs[] = {"lose ", "duplicate ", "delay ", "truncate ", "flip "};
    int32_t seconds = (int32_t)m->ms;
    fputs("  ", out);
    if (m->kind == MISHAP_RELOAD)
        fprintf(out, "at %ums reload\n", m->nth);
    else if (m->kind == MISHAP_MEMORY)
        fprintf(out, "at %ums memory is out for %ums\n", m->nth, m->ms);
    else if (m->kind == MISHAP_JUMP)
        fprintf(out, "at %ums the clock jumps %sby %ds\n", m->nth, seconds < 0 ? "back " : "",
                seconds < 0 ? -seconds : seconds);
    else if (m->kind == MISHAP_ORDER)
        fprintf(out, "moment %u takes the %u%s\n", m->nth, m->ms + 1, ordinal(m->ms + 1));
    else {
        fputs(verbs[m->kind], out);
        if (m->kind == MISHAP_FLIP)
            fprintf(out, "bit %u of ", m->ms);
        put_packet(s, c, m, out);
        if (m->kind == MISHAP_DUPLICATE)
            fprintf(out, " after %ums", m->ms);
        else if (m->kind == MISHAP_DELAY)
            fprintf(out, " by %ums", m->ms);
        else if (m->kind == MISHAP_TRUNCATE)
            fprintf(out, " after %u bytes", m->ms);
        fputc('\n', out);
    }
}

/* ---- the scenario it was found in ---- */

static void put_head(const struct scenario *s, bool quick, FILE *out)
{
    fputs("script ", out);
    fprintf(out, "\"%.*s\"", STR_ARG(s->script_path));
    for (const struct override *o = s->overrides; o; o = o->next) {
        fprintf(out, " with %.*s %.*s=", STR_ARG(o->module.text), STR_ARG(o->name.text));
        put_words(&o->value, out);
    }
    fprintf(out, "%s\n", quick ? scenario_quick() : "");
    for (unsigned i = 0; i < s->parties; i++) {
        const struct party_decl *d = &s->party[i];
        const struct words *more[] = {&d->user, &d->password, &d->contact};
        static const char *const names[] = {"user", "password", "contact"};
        fprintf(out, "%s %.*s %.*s", d->server ? "server" : "phone", STR_ARG(d->name.text),
                STR_ARG(d->address.text));
        for (unsigned k = 0; k < 3; k++)
            if (more[k]->text.len) {
                fprintf(out, " %s ", names[k]);
                put_words(more[k], out);
            }
        fputc('\n', out);
    }
    if (s->domain.text.len) {
        fputs("domain ", out);
        put_words(&s->domain, out);
        fputc('\n', out);
    }
    for (const struct step *row = s->table_rows; row; row = row->next) {
        fprintf(out, "row %.*s", STR_ARG(row->what.text));
        for (const struct extra *e = row->extras; e; e = e->next) {
            fprintf(out, " %.*s ", STR_ARG(e->name.text));
            put_words(&e->value, out);
        }
        fputc('\n', out);
    }
    fputc('\n', out);
}

static bool declares(struct str line)
{
    static const char *const words[] = {"script \"", "phone ", "server ", "domain ", "include "};
    line = str_trim(line);
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (str_starts(line, str_from(words[i])))
            return true;
    return false;
}

/* The lines of a block from its first step on, up to the next block of its file. */
static void put_steps(const struct scenario *s, const struct block *b, FILE *out)
{
    struct str line, rest = s->diag.sources[b->loc.file].text;
    uint32_t from = b->first ? b->first->loc.line : UINT32_MAX, to = UINT32_MAX;
    for (const struct block *x = s->blocks; x; x = x->next)
        if (x->loc.file == b->loc.file && x->loc.line > b->loc.line && x->loc.line < to)
            to = x->loc.line;
    for (uint32_t n = 1; str_cut(&line, &rest, '\n'); n++)
        if (n >= from && n < to && !declares(line) && str_trim(line).len &&
            str_trim(line).p[0] != '#')
            fprintf(out, "%.*s\n", STR_ARG(line));
    fputc('\n', out);
}

static void put_named_steps(const struct scenario *s, FILE *out)
{
    for (const struct block *b = s->blocks; b; b = b->next)
        if (!b->is_test && !b->is_before) {
            fprintf(out, "steps %.*s\n", STR_ARG(b->name.text));
            put_steps(s, b, out);
        }
}

static void put_weather(const struct scenario *s, const struct explore_conf *conf,
                        const struct race *r, FILE *out)
{
    struct weather w;
    weather_draw(&w, conf->seed);
    fputs("before each test\n", out);
    fprintf(out, "  explore with seed %llu", (unsigned long long)conf->seed);
    if (!r->drawn)
        fprintf(out, " and delay %ums%s", r->orders ? 1 : w.link.delay,
                w.small && !r->orders ? " and small tables" : "");
    fputc('\n', out);
    for (unsigned i = 0; i < r->n && !r->drawn; i++)
        put_mishap(s, conf->config, &r->mishaps[i], out);
    if (s->before)
        put_steps(s, s->before, out);
    else
        fputc('\n', out);
}

static void put_test(const struct scenario *s, unsigned test, FILE *out)
{
    const struct block *b = s->cases[test].test;
    const struct row *row = s->cases[test].row;
    fputs("test ", out);
    put_words(&b->name, out);
    for (unsigned i = 0; i < b->columns; i++)
        fprintf(out, "%s%.*s", i ? ", " : " for each ", STR_ARG(b->column[i].text));
    if (row)
        fputs(" in\n   ", out);
    for (unsigned i = 0; row && i < row->n; i++) {
        fputc(' ', out);
        put_words(&row->value[i], out);
    }
    fputc('\n', out);
    put_steps(s, b, out);
}

/* ---- what it looks like ---- */

static void put_ladder(const struct scenario *s, unsigned test, const struct explore_conf *conf,
                       const struct race *r, FILE *out)
{
    struct scenario_result result;
    struct weather w;
    char *text = NULL;
    size_t n = 0;
    FILE *drawing = open_memstream(&text, &n);
    weather_draw(&w, conf->seed);
    if (!r->drawn)
        w = (struct weather){.link.delay = r->orders ? 1 : w.link.delay,
                             .small = w.small && !r->orders,
                             .exact = true,
                             .plan = r->mishaps,
                             .n_plan = r->n};
    else
        w.plan = w.event;
    struct scenario_setup setup = {.set = conf->set,
                                   .config = r->quick ? conf->quick : conf->config,
                                   .seed = conf->seed,
                                   .weather = &w};
    if (scenario_run(s, test, &setup, &result) == ERR_OK && result.ladder && drawing)
        ladder_print(result.ladder, drawing);
    scenario_result_free(&result);
    if (drawing && fclose(drawing) == 0)
        put_comment(str_make(text, n), out);
    free(text);
}

void race_print(const struct scenario *s, unsigned test, const struct explore_conf *conf,
                const struct race *r, FILE *out)
{
    const struct violation *v = &r->violation;
    fprintf(out,
            "# A rule was broken, %s: %s (RFC %s).\n# At %llu ms: %s\n"
            "# %u mishap%s, after %u runs. This is a scenario: signalbox test shows it again.\n#\n",
            v->rule, v->means, v->source, (unsigned long long)v->at, v->text, r->n,
            r->n == 1 ? "" : "s", r->runs);
    put_ladder(s, test, conf, r, out);
    fputc('\n', out);
    put_head(s, r->quick, out);
    put_named_steps(s, out);
    put_weather(s, conf, r, out);
    put_test(s, test, out);
}
