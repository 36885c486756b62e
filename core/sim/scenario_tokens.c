/* Words of a scenario: what each is, and where a line goes on. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/sim/scenario_parse.h"
#include "sim/scenario_parser.h"

static const struct {
    const char *text;
    int token;
} keywords[] = {
#define WORD(text, token) {text, token},
#include "core/sim/scenario_words.def"
#undef WORD
#define VERB(id, text, token, mods, doc) {text, token},
#include "core/sim/scenario_verbs.def"
#undef VERB
};

enum { KEYWORDS = sizeof keywords / sizeof *keywords };

/* ---- places ---- */

struct loc scn_join(struct loc a, struct loc b)
{
    if (b.end_line > a.end_line || (b.end_line == a.end_line && b.end_column > a.end_column)) {
        a.end_line = b.end_line;
        a.end_column = b.end_column;
    }
    return a;
}

void scn_begin(struct scn_parse *p, const char *text, size_t n)
{
    p->loc = (struct loc){p->file, p->line, p->column, p->line, p->column + (uint32_t)n};
    p->column += (uint32_t)n;
    p->from = p->to;
    p->to += n;
    if (n == 1 && *text == '\n') {
        p->line++;
        p->column = 1;
    }
}

struct str scn_seen(const struct scn_parse *p)
{
    return str_sub(p->text, p->from, p->to);
}

/* ---- tokens ---- */

void scn_put(struct scn_parse *p, int kind, struct str text)
{
    if (p->n == p->cap) {
        unsigned cap = p->cap ? 2 * p->cap : 256;
        struct scn_token *more = realloc(p->token, cap * sizeof *more);
        if (!more) {
            p->no_memory = true;
            return;
        }
        p->token = more;
        p->cap = cap;
    }
    struct scn_token *t = &p->token[p->n++];
    *t = (struct scn_token){.kind = kind, .word = {.text = text, .loc = p->loc, .plain = true}};
}

void scn_stray(struct scn_parse *p, char c)
{
    unsigned char byte = (unsigned char)c;
    if (byte > 0x20 && byte < 0x7f)
        diag_add(&p->scenario->diag, DIAG_ERROR, NULL, p->loc,
                 "'%c' can only stand inside of quotes", c);
    else
        diag_add(&p->scenario->diag, DIAG_ERROR, NULL, p->loc,
                 "a byte 0x%02x can only stand inside of quotes", byte);
}

/* The byte behind a backslash; moves *i over what belongs to it. */
static char escaped(struct str s, size_t *i)
{
    char c = s.p[++*i];
    if (c == 'x' && *i + 2 < s.len && ascii_hex(s.p[*i + 1]) >= 0 && ascii_hex(s.p[*i + 2]) >= 0) {
        *i += 2;
        return (char)(ascii_hex(s.p[*i - 1]) * 16 + ascii_hex(s.p[*i]));
    }
    return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c == '0' ? 0 : c;
}

void scn_string(struct scn_parse *p, struct str text, bool closed)
{
    struct str inner = str_sub(text, 1, text.len - (closed ? 1 : 0));
    char *out = arena_alloc(&p->scenario->arena, inner.len + 1);
    size_t n = 0;
    if (!closed)
        diag_add(&p->scenario->diag, DIAG_ERROR, NULL, p->loc,
                 "the closing quote is missing on this line");
    if (!out) {
        p->no_memory = true;
        return;
    }
    for (size_t i = 0; i < inner.len; i++)
        out[n++] = inner.p[i] == '\\' && i + 1 < inner.len ? escaped(inner, &i) : inner.p[i];
    scn_put(p, STRING, str_make(out, n));
    if (p->n) {
        struct words *w = &p->token[p->n - 1].word;
        w->plain = false;
        w->vars = str_find(w->text, '$', 0) >= 0;
    }
}

/* ---- words ---- */

/* "5", "1.5": in thousandths; the length read, 0 when it is no number. */
static size_t thousandths(struct str s, uint64_t *out)
{
    size_t i = 0, unit = 100;
    uint64_t v = 0;
    while (i < s.len && ascii_digit(s.p[i]) && v < 10000000)
        v = v * 10 + (uint64_t)(s.p[i++] - '0');
    if (i == 0)
        return 0;
    v *= 1000;
    if (i + 1 < s.len && s.p[i] == '.' && ascii_digit(s.p[i + 1]))
        for (i++; i < s.len && ascii_digit(s.p[i]); i++, unit /= 10)
            v += (uint64_t)(s.p[i] - '0') * unit;
    *out = v;
    return i;
}

/* A time with its unit, in ms. */
static bool time_of(struct str s, uint32_t *ms)
{
    static const struct {
        const char *name;
        uint32_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}};
    uint64_t v;
    size_t n = thousandths(s, &v);
    for (unsigned i = 0; n && i < sizeof units / sizeof *units; i++)
        if (str_eq(str_sub(s, n, s.len), str_from(units[i].name))) {
            v = v * units[i].ms / 1000;
            *ms = v > 86400000 ? 86400000 : (uint32_t)v;
            return true;
        }
    return false;
}

static bool put_time(struct scn_parse *p, struct str s)
{
    ptrdiff_t dots = str_search(s, STR(".."), 0);
    uint32_t from, to;
    if (!time_of(dots > 0 ? str_sub(s, 0, (size_t)dots) : s, &from))
        return false;
    to = from;
    if (dots > 0 && !time_of(str_sub(s, (size_t)dots + 2, s.len), &to))
        return false;
    scn_put(p, TIME, s);
    if (!p->no_memory) {
        p->token[p->n - 1].value = from;
        p->token[p->n - 1].most = to;
    }
    return true;
}

static bool put_number(struct scn_parse *p, struct str s)
{
    uint64_t v = 0;
    size_t n = thousandths(s, &v);
    bool percent = n && n + 1 == s.len && s.p[n] == '%';
    if (n == 0 || (n != s.len && !percent) || (!percent && v % 1000))
        return false;
    scn_put(p, percent ? PERCENT : NUMBER, s);
    if (!p->no_memory)
        p->token[p->n - 1].value = (uint32_t)(percent ? v / 100 : v / 1000);
    return true;
}

/* 1st, 2nd, 33rd. */
static bool put_ordinal(struct scn_parse *p, struct str s)
{
    static const char *const ends[] = {"th", "st", "nd", "rd"};
    uint64_t v = 0;
    size_t n = thousandths(s, &v);
    if (n == 0 || v % 1000 || s.len != n + 2)
        return false;
    v /= 1000;
    unsigned last = v % 100 / 10 == 1 || v % 10 > 3 ? 0 : (unsigned)(v % 10);
    if (!str_eq(str_sub(s, n, s.len), str_from(ends[last])))
        return false;
    scn_put(p, ORDINAL, s);
    if (!p->no_memory)
        p->token[p->n - 1].value = (uint32_t)v;
    return true;
}

static bool is_method(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return s.len > 1;
}

static bool is_class(struct str s)
{
    return s.len == 3 && s.p[0] >= '1' && s.p[0] <= '6' && s.p[1] == 'x' && s.p[2] == 'x';
}

void scn_word(struct scn_parse *p, struct str s)
{
    for (unsigned i = 0; i < KEYWORDS; i++)
        if (str_eq(s, str_from(keywords[i].text))) {
            scn_put(p, keywords[i].token, s);
            return;
        }
    if (put_time(p, s) || put_number(p, s) || put_ordinal(p, s))
        return;
    if (s.p[0] == '$') {
        scn_put(p, COLUMN, s);
        if (!p->no_memory)
            p->token[p->n - 1].word.vars = true;
        return;
    }
    scn_put(p, is_class(s) ? CLASS : is_method(s) ? METHOD : NAME, s);
}

/* ---- lines ---- */

/* Tokens after which a line goes on. */
static bool goes_on(int kind)
{
    return kind == ',' || kind == IN || kind == AND;
}

/* What is listed, so that "and" before it is a comma: messages and what somebody does. */
static bool is_listed(int kind)
{
    switch (kind) {
    case METHOD:
    case NUMBER:
    case CLASS:
    case COLUMN:
    case NEVER:
    case NOTHING:
    case PLAIN_VERB:
    case TARGET_VERB:
    case ANSWERS:
    case SENDS:
    case REPEATS:
    case HANGS:
    case GETS:
    case GOT:
        return true;
    }
    return false;
}

void scn_join_lines(struct scn_parse *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n; i++) {
        struct scn_token *t = &p->token[i];
        int next = i + 1 < p->n ? p->token[i + 1].kind : 0;
        if (t->kind == NEWLINE && n && goes_on(p->token[n - 1].kind))
            continue;
        if (t->kind == TIMES && n && p->token[n - 1].kind == NUMBER) {
            p->token[n - 1].kind = TIMES;
            continue;
        }
        if (t->kind == AND && (next == WITH || next == WITHOUT || next == WHERE))
            continue;
        p->token[n] = *t;
        if (t->kind == AND && is_listed(next))
            p->token[n].kind = ',';
        n++;
    }
    p->n = n;
}

int scn_next(struct scn_parse *p, struct scn_token *out, struct loc *loc)
{
    if (p->at == p->n) {
        *out = (struct scn_token){.word = {.loc = p->loc}};
        *loc = p->loc;
        return 0;
    }
    *out = p->token[p->at++];
    *loc = out->word.loc;
    return out->kind;
}

/* ---- what the parser did not expect ---- */

/* Whether a keyword could stand where the parser is: its token is among the expected ones. */
static bool expected(const char *text, const char *const *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (strstr(names[i], text))
            return true;
    return false;
}

/* The keyword that was perhaps meant. Verbs count where any verb may stand. */
static const char *meant(struct str word, const char *const *names, unsigned n)
{
    unsigned best = word.len > 5 ? 3 : 2;
    bool verbs = expected("a verb", names, n);
    const char *found = NULL;
    for (unsigned i = 0; i < KEYWORDS; i++) {
        unsigned d = str_distance(word, str_from(keywords[i].text));
        bool verb = keywords[i].token >= PLAIN_VERB && keywords[i].token <= GOT;
        char quoted[32];
        snprintf(quoted, sizeof quoted, "'%s", keywords[i].text);
        if (d < best && (verb ? verbs : expected(quoted, names, n))) {
            best = d;
            found = keywords[i].text;
        }
    }
    return found;
}

static void list_expected(struct buf *out, const char *const *names, unsigned n)
{
    unsigned shown = 0;
    for (unsigned i = 0; i < n && shown < 6; i++) {
        if (strncmp(names[i], "the end", 7) == 0 && n > 1)
            continue;
        buf_printf(out, "%s%s", shown ? (i + 1 == n ? " or " : ", ") : "", names[i]);
        shown++;
    }
}

void scn_unexpected(struct scn_parse *p, const struct loc *at, bool at_end,
                    const char *const *names, unsigned n)
{
    struct diag *d = &p->scenario->diag;
    const struct scn_token *t = p->at ? &p->token[p->at - 1] : NULL;
    char text[256];
    struct buf list;
    buf_fixed(&list, text, sizeof text);
    list_expected(&list, names, n);
    bool verbs = expected("a verb", names, n);
    if (at_end || !t || t->kind == NEWLINE)
        diag_add(d, DIAG_ERROR, NULL, *at, "the line ends too early; %s comes next",
                 verbs ? "what the party does" : text);
    else if (n > 8 && !verbs)
        diag_add(d, DIAG_ERROR, NULL, *at, "'%.*s' makes no sense here", STR_ARG(t->word.text));
    else
        diag_add(d, DIAG_ERROR, NULL, *at, "'%.*s' makes no sense here; %s is expected",
                 STR_ARG(t->word.text), verbs ? "what the party does" : text);
    const char *better = t && t->kind != NEWLINE ? meant(t->word.text, names, n) : NULL;
    if (better)
        diag_hint(d, "did you mean '%s'?", better);
    else if (verbs)
        diag_hint(d, "parties gets, sends, answers, invites, rings, registers, cancels, hangs up, "
                     "repeats, crashes ...");
}
