/* Coverage: counts lines as the machine tells of them, and sees from the order of lines which way a
 * condition went: into its body, or past it. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/coverage.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "lang/code.h"

/* A condition with a body: if, while. */
struct fork_point {
    struct loc at;
    uint32_t body;     /* first line of what runs when it is true */
    uint32_t from, to; /* lines of the body */
    bool was_true, was_false;
};

struct line_count {
    uint32_t line;
    uint16_t file;
    uint64_t times;
};

struct coverage {
    const struct program *program; /* whose lines these are */
    const struct program *running; /* the same script, perhaps compiled again */
    struct observer observer;
    struct line_count *line;
    unsigned lines;
    struct fork_point *fork;
    unsigned forks;
    struct loc before, last; /* the last two lines that ran; line 0: none */
};

/* ---- what there is to run ---- */

static struct loc loc_of(const struct program *p, uint32_t pc)
{
    struct loc at = {0, 0, 0, 0, 0};
    for (uint32_t i = 0; i < p->n_lines && p->lines[i].pc <= pc; i++)
        at = p->lines[i].loc;
    return at;
}

static struct str text_of(const struct program *p, uint16_t file, uint32_t line)
{
    struct str name;
    struct loc at = {file, line, 1, line, 1};
    return program_source_line(p, at, &name);
}

static struct line_count *find_line(const struct coverage *c, uint16_t file, uint32_t line)
{
    for (unsigned i = 0; i < c->lines; i++)
        if (c->line[i].line == line && c->line[i].file == file)
            return &c->line[i];
    return NULL;
}

static int by_place(const void *a, const void *b)
{
    const struct line_count *x = a, *y = b;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static void list_lines(struct coverage *c)
{
    const struct program *p = c->program;
    for (uint32_t i = 0; i < p->n_lines; i++) {
        struct loc at = p->lines[i].loc;
        struct str text = str_trim(text_of(p, at.file, at.line));
        if (at.line == 0 || text.len == 0 || text.p[0] == '}' || find_line(c, at.file, at.line))
            continue;
        c->line[c->lines++] = (struct line_count){at.line, at.file, 0};
    }
    qsort(c->line, c->lines, sizeof *c->line, by_place);
}

static void add_fork(struct coverage *c, uint32_t pc, uint32_t target)
{
    const struct program *p = c->program;
    struct fork_point f = {.at = loc_of(p, pc), .from = UINT32_MAX};
    for (uint32_t i = pc + 1; i < target; i++) {
        struct loc at = loc_of(p, i);
        if (at.line == f.at.line || at.file != f.at.file)
            continue;
        f.body = f.body ? f.body : at.line;
        f.from = at.line < f.from ? at.line : f.from;
        f.to = at.line > f.to ? at.line : f.to;
    }
    if (f.body)
        c->fork[c->forks++] = f;
}

struct coverage *coverage_new(const struct program *p)
{
    struct coverage *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->program = c->running = p;
    c->line = calloc(p->n_lines + 1, sizeof *c->line);
    c->fork = calloc(p->n_code + 1, sizeof *c->fork);
    if (!c->line || !c->fork) {
        coverage_free(c);
        return NULL;
    }
    list_lines(c);
    for (uint32_t pc = 0; pc < p->n_code; pc++)
        if (p->code[pc].op == OP_BRANCH && p->code[pc].k > pc)
            add_fork(c, pc, p->code[pc].k);
    return c;
}

/* The scripts' own texts: what a scenario's parameters add stands behind them. */
static bool same_text(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    return str_eq(str_sub(a, 0, n), str_sub(b, 0, n));
}

bool coverage_same(struct coverage *c, const struct program *p)
{
    const struct program *mine = c->program;
    if (p->n_sources != mine->n_sources)
        return false;
    for (unsigned i = 0; i < p->n_sources; i++)
        if (!str_eq(p->sources[i].name, mine->sources[i].name) ||
            !same_text(p->sources[i].text, mine->sources[i].text))
            return false;
    c->running = p;
    return true;
}

void coverage_free(struct coverage *c)
{
    if (!c)
        return;
    free(c->line);
    free(c->fork);
    free(c);
}

/* ---- watching ---- */

/* Another message begins: what ran before has nothing to do with it. */
static bool begins_route(const struct program *p, struct loc at)
{
    for (uint32_t i = 0; i < p->n_routes; i++) {
        struct loc first = loc_of(p, p->routes[i].start);
        if (first.line == at.line && first.file == at.file)
            return true;
    }
    return false;
}

static bool inside(const struct fork_point *f, struct loc at)
{
    return at.line >= f->from && at.line <= f->to && at.file == f->at.file;
}

/* c->last is a condition's line, and next is where it led. */
static void went(struct coverage *c, struct loc next)
{
    for (unsigned i = 0; i < c->forks; i++) {
        struct fork_point *f = &c->fork[i];
        if (f->at.line != c->last.line || f->at.file != c->last.file)
            continue;
        if (next.line == f->body && next.file == f->at.file)
            f->was_true = true;
        else if (!inside(f, c->before) || c->before.line == 0)
            f->was_false = true;
    }
}

static void saw_line(void *user, const struct program *program, struct loc at)
{
    struct coverage *c = user;
    if (program != c->running)
        return;
    struct line_count *l = find_line(c, at.file, at.line);
    if (l)
        l->times++;
    if (c->last.line)
        went(c, at);
    c->before = begins_route(program, at) ? (struct loc){0, 0, 0, 0, 0} : c->last;
    c->last = at;
}

void coverage_watch(struct coverage *c, struct world *w)
{
    c->last = c->before = (struct loc){0, 0, 0, 0, 0};
    c->observer = (struct observer){.user = c, .line = saw_line};
    world_observe(w, &c->observer);
}

/* ---- telling ---- */

static const char *missed(const struct fork_point *f)
{
    return f->was_true && f->was_false ? NULL
           : f->was_true               ? "never false"
           : f->was_false              ? "never true"
                                       : NULL; /* it never ran */
}

static const struct fork_point *fork_at(const struct coverage *c, const struct line_count *l)
{
    for (unsigned i = 0; i < c->forks; i++)
        if (c->fork[i].at.line == l->line && c->fork[i].at.file == l->file)
            return &c->fork[i];
    return NULL;
}

static void sums(const struct coverage *c, unsigned *lines, unsigned *ways)
{
    *lines = *ways = 0;
    for (unsigned i = 0; i < c->lines; i++)
        *lines += c->line[i].times > 0;
    for (unsigned i = 0; i < c->forks; i++)
        *ways += c->fork[i].was_true + c->fork[i].was_false;
}

static struct str file_name(const struct coverage *c, uint16_t file)
{
    const struct source *s = program_source(c->program, file);
    return s ? s->name : STR("?");
}

void coverage_print(const struct coverage *c, FILE *out)
{
    unsigned lines, ways;
    sums(c, &lines, &ways);
    fprintf(out, "%.*s: %u of %u lines ran, %u of %u branches\n", STR_ARG(file_name(c, 0)), lines,
            c->lines, ways, 2 * c->forks);
    for (unsigned i = 0; i < c->lines; i++) {
        const struct line_count *l = &c->line[i];
        const struct fork_point *f = fork_at(c, l);
        const char *why = l->times == 0 ? "never ran" : f ? missed(f) : NULL;
        if (why)
            fprintf(out, "%.*s:%u: %s: %.*s\n", STR_ARG(file_name(c, l->file)), l->line, why,
                    STR_ARG(str_trim(text_of(c->program, l->file, l->line))));
    }
}

static void html_text(struct str s, FILE *out)
{
    for (size_t i = 0; i < s.len; i++)
        switch (s.p[i]) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        default:
            fputc(s.p[i], out);
        }
}

static void html_line(const struct coverage *c, uint16_t file, uint32_t n, struct str text,
                      FILE *out)
{
    const struct line_count *l = find_line(c, file, n);
    const struct fork_point *f = l ? fork_at(c, l) : NULL;
    const char *why = f && l->times ? missed(f) : NULL;
    const char *kind = !l ? "none" : !l->times ? "no" : why ? "half" : "yes";
    char times[32] = "";
    if (l)
        snprintf(times, sizeof times, "%llu", (unsigned long long)l->times);
    fprintf(out, "<tr class=%s><td>%u<td>%s<td><pre>", kind, n, times);
    html_text(text, out);
    fprintf(out, "</pre><td>%s\n", why ? why : "");
}

void coverage_html(const struct coverage *c, FILE *out)
{
    unsigned lines, ways;
    sums(c, &lines, &ways);
    fputs("<!doctype html><meta charset=utf-8><title>coverage</title><style>"
          "table{border-collapse:collapse;font:14px monospace}td{padding:0 .6em}pre{margin:0}"
          "td:nth-child(-n+2){text-align:right;color:#777}.no{background:#fcc}"
          ".half{background:#fec}.yes td:nth-child(3){background:#efe}</style>\n",
          out);
    for (uint16_t file = 0; file < c->program->n_sources; file++) {
        struct str line, rest = c->program->sources[file].text;
        fputs("<h2>", out);
        html_text(file_name(c, file), out);
        fprintf(out, "</h2><p>%u of %u lines ran, %u of %u branches</p><table>\n", lines, c->lines,
                ways, 2 * c->forks);
        for (uint32_t n = 1; str_cut(&line, &rest, '\n'); n++)
            html_line(c, file, n, line, out);
        fputs("</table>\n", out);
    }
}
