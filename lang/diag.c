/* Findings: collecting, ordering, and printing them under their source lines. */
/* SPDX-License-Identifier: MIT */
#include "lang/diag.h"

#include <stdarg.h>
#include <stdlib.h>

#include "core/base/err.h"

enum {
    DEFAULT_MAX_ERRORS = 200,
    LINE_WINDOW = 110, /* most bytes of a source line that are shown */
    LINE_BEFORE = 60,  /* of them before the place, when the line is longer */
};

void diag_init(struct diag *d)
{
    memset(d, 0, sizeof *d);
    arena_init(&d->arena, NULL, 4096);
    d->last = &d->first;
}

void diag_free(struct diag *d)
{
    arena_reset(&d->arena);
    memset(d, 0, sizeof *d);
    d->last = &d->first;
}

int diag_source(struct diag *d, struct str name, struct str text)
{
    if (d->n_sources == DIAG_MAX_SOURCES)
        return ERR_LIMIT;
    struct source *s = &d->sources[d->n_sources];
    s->name = arena_dup(&d->arena, name);
    s->text = arena_dup(&d->arena, text);
    if (!s->name.p || !s->text.p)
        return ERR_NOMEM;
    return (int)d->n_sources++;
}

static void count(struct diag *d, enum diag_level level)
{
    unsigned *const counter[] = {&d->errors, &d->warnings, &d->notes};
    ++*counter[level];
}

/* Same place and same words: said once. */
static bool said_already(const struct diag *d, const struct finding *n)
{
    for (const struct finding *f = d->first; f; f = f->next)
        if (f->loc.line == n->loc.line && f->loc.column == n->loc.column &&
            f->loc.file == n->loc.file && f->level == n->level && str_eq(f->text, n->text))
            return true;
    return false;
}

static bool keeps_more(const struct diag *d, enum diag_level level)
{
    unsigned max = d->max_errors ? d->max_errors : DEFAULT_MAX_ERRORS;
    return (level == DIAG_ERROR ? d->errors : d->warnings + d->notes) < max;
}

bool diag_full(const struct diag *d)
{
    return !keeps_more(d, DIAG_ERROR);
}

void diag_add(struct diag *d, enum diag_level level, const char *code, struct loc at,
              const char *fmt, ...)
{
    struct finding *f = keeps_more(d, level) ? arena_zalloc(&d->arena, sizeof *f) : NULL;
    d->newest = NULL;
    if (!f) {
        count(d, level);
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    *f = (struct finding){.level = level, .code = code, .loc = at};
    f->text = arena_vprintf(&d->arena, fmt, ap);
    va_end(ap);
    if (said_already(d, f))
        return;
    count(d, level);
    *d->last = f;
    d->last = &f->next;
    d->newest = f;
}

void diag_hint(struct diag *d, const char *fmt, ...)
{
    if (!d->newest)
        return;
    va_list ap;
    va_start(ap, fmt);
    d->newest->hint = arena_vprintf(&d->arena, fmt, ap);
    va_end(ap);
}

/* ---- printing ---------------------------------------------------------------------------------
 */

static int by_place(const void *a, const void *b)
{
    const struct finding *x = *(const struct finding *const *)a;
    const struct finding *y = *(const struct finding *const *)b;
    if (x->loc.file != y->loc.file)
        return x->loc.file < y->loc.file ? -1 : 1;
    if (x->loc.line != y->loc.line)
        return x->loc.line < y->loc.line ? -1 : 1;
    if (x->loc.column != y->loc.column)
        return x->loc.column < y->loc.column ? -1 : 1;
    return (int)x->level - (int)y->level;
}

/* Where a line of a source begins; asked in rising order it walks each source once. */
struct cursor {
    unsigned file;
    uint32_t line;
    size_t at;
};

static struct str line_at(const struct diag *d, struct cursor *c, const struct loc *loc)
{
    if (loc->file >= d->n_sources || loc->line == 0)
        return STR_NONE;
    struct str text = d->sources[loc->file].text;
    if (c->file != loc->file || c->line == 0 || c->line > loc->line)
        *c = (struct cursor){loc->file, 1, 0};
    while (c->line < loc->line) {
        const char *nl = memchr(text.p + c->at, '\n', text.len - c->at);
        if (!nl)
            return STR_NONE;
        c->at = (size_t)(nl - text.p) + 1;
        c->line++;
    }
    ptrdiff_t end = str_find(text, '\n', c->at);
    struct str line = str_sub(text, c->at, end < 0 ? text.len : (size_t)end);
    return line.len && line.p[line.len - 1] == '\r' ? str_sub(line, 0, line.len - 1) : line;
}

static bool utf8_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The piece of a long line that shows column at; moves at along. */
static struct str window(struct str line, size_t *at, bool *cut_left, bool *cut_right)
{
    size_t from = 0, to = line.len;
    if (line.len > LINE_WINDOW) {
        from = *at > LINE_BEFORE ? *at - LINE_BEFORE : 0;
        to = from + LINE_WINDOW < line.len ? from + LINE_WINDOW : line.len;
        while (from > 0 && utf8_tail(line.p[from]))
            from--;
        while (to < line.len && utf8_tail(line.p[to]))
            to++;
    }
    *cut_left = from > 0;
    *cut_right = to < line.len;
    *at -= from;
    return str_sub(line, from, to);
}

static void add_visible(struct buf *b, char c)
{
    bool control = (unsigned char)c < 0x20 || c == 0x7f;
    buf_char(b, control && c != '\t' ? '?' : c);
}

/* Words may quote the script: whatever stands there, they stay one line. */
static void add_words(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        add_visible(b, s.p[i]);
}

static void add_caret(struct buf *b, struct str shown, size_t at, size_t width)
{
    for (size_t i = 0; i < at; i++) {
        char c = i < shown.len ? shown.p[i] : ' ';
        if (!utf8_tail(c))
            buf_char(b, c == '\t' ? '\t' : ' ');
    }
    buf_char(b, '^');
    for (size_t i = at + 1; i < at + width && i < shown.len; i++)
        if (!utf8_tail(shown.p[i]))
            buf_char(b, '~');
    buf_char(b, '\n');
}

static void add_line(struct buf *b, struct str line, const struct loc *loc)
{
    size_t at = loc->column ? loc->column - 1 : 0, width = 1;
    if (loc->end_line > loc->line)
        width = line.len > at ? line.len - at : 1;
    else if (loc->end_column > loc->column)
        width = loc->end_column - loc->column;
    if (at > line.len)
        at = line.len;
    bool left, right;
    struct str shown = window(line, &at, &left, &right);
    buf_add(b, left ? STR(" ...") : STR("    "));
    for (size_t i = 0; i < shown.len; i++)
        add_visible(b, shown.p[i]);
    buf_add(b, right ? STR("...\n") : STR("\n"));
    buf_add(b, STR("    "));
    add_caret(b, shown, at, width);
}

static void add_level(const struct diag *d, struct buf *b, const struct finding *f)
{
    static const char *const names[] = {"error", "warning", "note"};
    static const char *const colours[] = {"\033[1;31m", "\033[1;35m", "\033[1;36m"};
    buf_printf(b, "%s%s:%s ", d->colour ? colours[f->level] : "", names[f->level],
               d->colour ? "\033[0m" : "");
    add_words(b, f->text);
    if (f->code)
        buf_printf(b, " [%s]", f->code);
    buf_char(b, '\n');
}

static void render(const struct diag *d, struct buf *b, struct cursor *c, const struct finding *f)
{
    struct str file = f->loc.file < d->n_sources ? d->sources[f->loc.file].name : STR("(no file)");
    if (f->loc.line)
        buf_printf(b, "%.*s:%u:%u: ", STR_ARG(file), f->loc.line, f->loc.column);
    else
        buf_printf(b, "%.*s: ", STR_ARG(file));
    add_level(d, b, f);
    struct str line = line_at(d, c, &f->loc);
    if (line.p)
        add_line(b, line, &f->loc);
    if (f->hint.len) {
        buf_add(b, STR("    hint: "));
        add_words(b, f->hint);
        buf_char(b, '\n');
    }
}

void diag_each(const struct diag *d,
               void (*put)(void *user, const struct finding *f, struct str text), void *user)
{
    size_t n = 0, i = 0;
    for (const struct finding *f = d->first; f; f = f->next)
        n++;
    const struct finding **order = calloc(n ? n : 1, sizeof *order);
    if (!order)
        return;
    for (const struct finding *f = d->first; f; f = f->next)
        order[i++] = f;
    qsort(order, n, sizeof *order, by_place);
    struct cursor c = {0, 0, 0};
    struct arena a;
    arena_init(&a, NULL, 1024);
    for (i = 0; i < n; i++) {
        struct buf b;
        buf_init(&b, &a, 512);
        render(d, &b, &c, order[i]);
        put(user, order[i], buf_str(&b));
        arena_reset(&a);
    }
    free(order);
}

static void put_file(void *user, const struct finding *f, struct str text)
{
    (void)f;
    fwrite(text.p, 1, text.len, user);
}

void diag_print(const struct diag *d, FILE *out)
{
    diag_each(d, put_file, out);
    unsigned kept = 0;
    for (const struct finding *f = d->first; f; f = f->next)
        kept += f->level == DIAG_ERROR;
    if (d->errors > kept)
        fprintf(out, "... and %u more errors\n", d->errors - kept);
}
