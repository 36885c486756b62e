/* What the scanner's patterns cannot say: nested comments, strings that are not closed, variables
 * with brackets, keywords, and where a token stands. */
/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "lang/source.h"
#include "lang/parser.h"

enum {
    MAX_LEN = 65535,     /* the word max_len: the largest message */
    MAX_VARIABLE = 2048, /* longest $variable, so that looking for its end has one */
};

struct keyword {
    const char *text;
    int token;
    int32_t value;
};

static const struct keyword keywords[] = {
#define KEYWORD(text, token, value, doc) {text, token, value},
#include "lang/keyword.def"
#undef KEYWORD
};

enum { KEYWORDS = sizeof keywords / sizeof *keywords };

static unsigned word_hash(struct str s)
{
    unsigned h = (unsigned)s.len;
    for (size_t i = 0; i < s.len; i++)
        h = h * 31 + (unsigned char)s.p[i];
    return h ^ h >> 8;
}

void scan_init(struct scan *s, struct diag *d, struct arena *a, int file)
{
    memset(s, 0, sizeof *s);
    s->diag = d;
    s->arena = a;
    s->text = d->sources[file].text;
    s->loc.file = (uint16_t)file;
    s->line = s->column = 1;
    for (unsigned i = 0; i < KEYWORDS; i++) {
        unsigned slot = word_hash(str_from(keywords[i].text));
        while (s->keyword_slot[slot % 256])
            slot++;
        s->keyword_slot[slot % 256] = (uint8_t)(i + 1);
    }
}

void scan_advance(struct scan *s, size_t n)
{
    if (s->fixed) {
        s->at += n;
        return;
    }
    for (const char *p = s->text.p + s->at, *end = p + n; p < end; p++) {
        s->column++;
        if (*p == '\n') {
            s->line++;
            s->column = 1;
        }
    }
    s->at += n;
    s->loc.end_line = s->line;
    s->loc.end_column = s->column;
}

void scan_begin(struct scan *s, size_t n)
{
    s->start = s->at;
    if (!s->fixed) {
        s->loc.line = s->line;
        s->loc.column = s->column;
    }
    scan_advance(s, n);
}

struct str scan_text(const struct scan *s)
{
    return str_make(s->text.p + s->start, s->at - s->start);
}

void scan_error(struct scan *s, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_add(s->diag, DIAG_ERROR, NULL, s->loc, "%s", text);
}

bool scan_at_line(const struct scan *s)
{
    size_t i = s->start;
    while (i > 0 && (s->text.p[i - 1] == ' ' || s->text.p[i - 1] == '\t'))
        i--;
    return !s->fixed && (i == 0 || s->text.p[i - 1] == '\n');
}

void scan_slashes(struct scan *s)
{
    if (s->diag->today)
        return;
    scan_error(s, "a comment begins with '#', not with '//'");
    diag_hint(s->diag, DIALECT_HINT);
}

struct str scan_rest(const struct scan *s)
{
    return str_make(s->text.p + s->at, s->text.len - s->at);
}

size_t scan_comment(struct scan *s)
{
    struct str r = scan_rest(s);
    unsigned depth = 1;
    size_t i = 0;
    for (; i + 1 < r.len && depth; i++) {
        if (r.p[i] == '/' && r.p[i + 1] == '*') {
            depth++;
            i++;
        } else if (r.p[i] == '*' && r.p[i + 1] == '/') {
            depth--;
            i++;
        }
    }
    if (depth) {
        scan_error(s, "this comment is never closed");
        if (depth > 1)
            diag_hint(s->diag, "comments nest: each '/*' inside needs its own '*/'");
        s->cut_short = true;
        i = r.len;
    }
    scan_advance(s, i);
    return i;
}

/* ---- strings ----------------------------------------------------------------------------------
 */

/* Length up to the closing quote; false when there is none. */
static bool find_quote(struct str r, char quote, size_t *len)
{
    for (size_t i = 0; i < r.len; i++) {
        if (r.p[i] == quote) {
            *len = i;
            return true;
        }
        if (r.p[i] == '\\' && quote == '"')
            i++;
    }
    *len = r.len;
    return false;
}

static bool word_char(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || c == '_' || c == '$' || (c & 0x80);
}

/* A quote that was forgotten pairs up with the quote that opens the next string: the text of that
 * one then stands right behind, where nothing could. */
static bool looks_shifted(struct str r, size_t len)
{
    struct str after = str_sub(r, len + 1, r.len);
    if (!after.len || !word_char(after.p[0]))
        return false;
    return !str_starts(after, STR("and")) && !str_starts(after, STR("or"));
}

/* Where a string that is not closed was probably meant to end: before the last bracket or semicolon
 * of its line. */
static size_t probable_end(struct str r)
{
    ptrdiff_t nl = str_find(r, '\n', 0);
    size_t end = nl < 0 ? r.len : (size_t)nl;
    while (end > 0 && r.p[end - 1] && strchr("); }\r\t", r.p[end - 1]))
        end--;
    return end;
}

/* raw is what stands up to the next quote, or to the end of the script. */
static void string_open(struct scan *s, char quote, struct str raw, bool ended)
{
    if (ended && quote == '\'' && raw.len && raw.p[raw.len - 1] == '\\') {
        scan_error(s, "this string ends at the next quote, although a backslash stands before it");
        diag_hint(s->diag, "put a text with a single quote in it between double quotes");
        return;
    }
    uint32_t line = s->line;
    for (size_t i = 0; i < raw.len; i++)
        line += raw.p[i] == '\n';
    scan_error(s, "this string is never closed");
    if (line > s->line)
        diag_hint(s->diag, "it would go on to line %u", line);
}

size_t scan_string(struct scan *s, struct lexeme *out)
{
    char quote = s->text.p[s->start];
    struct str r = scan_rest(s);
    size_t len, used;
    bool ended = find_quote(r, quote, &len);
    bool closed = ended && !looks_shifted(r, len);
    if (!closed) {
        string_open(s, quote, str_sub(r, 0, len), ended);
        len = probable_end(r);
    }
    used = closed ? len + 1 : len;
    s->cut_short |= !closed && str_trim(str_sub(r, len, r.len)).len == 0;
    struct str raw = str_sub(r, 0, len);
    scan_advance(s, used);
    bool plain = quote == '\'' || str_find(raw, '\\', 0) < 0;
    *out = (struct lexeme){plain ? raw : source_unescape(s->arena, raw), closed ? 0 : -1};
    return used;
}

/* ---- variables --------------------------------------------------------------------------------
 */

static bool name_char(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || c == '_' || c == '.';
}

/* Length of the bracketed part that begins at r[at]; 0 when it is not closed on its line. */
static size_t bracketed(struct str r, size_t at)
{
    unsigned depth = 0;
    for (size_t i = at; i < r.len && i < MAX_VARIABLE && r.p[i] != '\n'; i++) {
        depth += r.p[i] == '(';
        if (r.p[i] == ')' && --depth == 0)
            return i + 1 - at;
    }
    return 0;
}

/* How much of r a variable without its closing bracket covers: up to where it clearly ended. */
static size_t broken_variable(struct str r, size_t at)
{
    while (at < r.len && !strchr(" \t\r\n;,\"'", r.p[at]) && r.p[at])
        at++;
    return at;
}

/* What cannot stand directly behind a variable, but inside its outer brackets: its length. */
static size_t misplaced_part(struct str r, size_t at, char *kind)
{
    *kind = at < r.len ? r.p[at] : 0;
    if (*kind != '{' && *kind != '[')
        return 0;
    r = str_sub(r, 0, at + MAX_VARIABLE);
    ptrdiff_t end = str_find(r, *kind == '{' ? '}' : ']', at), nl = str_find(r, '\n', at);
    if (end < 0 || (nl >= 0 && nl < end))
        return 0;
    struct str inside = str_sub(r, at + 1, (size_t)end);
    bool transformation = str_find(inside, '.', 0) > 0 && str_find(inside, ' ', 0) < 0;
    return *kind == '[' || transformation ? (size_t)end + 1 - at : 0;
}

size_t scan_variable(struct scan *s, struct lexeme *out)
{
    struct str r = scan_rest(s);
    size_t n = 0, inside;
    if (r.len && (r.p[0] == '$' || r.p[0] == '?'))
        n = 1;
    else
        while (n < r.len && name_char(r.p[n]))
            n++;
    bool bad = n == 0 || r.p[0] == '?';
    if (r.len > n && r.p[n] == '(' && (n == 0 || r.p[0] != '$')) {
        inside = bracketed(r, n);
        bad = inside == 0;
        n = bad ? broken_variable(r, n) : n + inside;
    }
    char kind = 0;
    size_t more = bad ? 0 : misplaced_part(r, n, &kind);
    n += more;
    scan_advance(s, n);
    *out = (struct lexeme){bad || more ? STR_NONE : scan_text(s), 0};
    if (more)
        scan_error(s, "%s of a variable stands inside its round brackets: %s",
                   kind == '[' ? "the index" : "a transformation",
                   kind == '[' ? "$(name[0])" : "$(name{s.len})");
    if (bad && r.len && r.p[0] == '?')
        scan_error(s, "'$?' is written $retcode since OpenSER 1.2");
    else if (bad && n == 0)
        scan_error(s, "'$' must be followed by the name of a variable");
    else if (bad)
        scan_error(s, "the bracket of this variable is not closed");
    return n;
}

/* ---- words ------------------------------------------------------------------------------------
 */

int scan_word(struct scan *s, struct lexeme *out)
{
    struct str text = scan_text(s);
    *out = (struct lexeme){text, 0};
    for (unsigned slot = word_hash(text); s->keyword_slot[slot % 256]; slot++) {
        const struct keyword *k = &keywords[s->keyword_slot[slot % 256] - 1];
        if (str_eq(text, str_from(k->text))) {
            out->value = k->value;
            return k->token;
        }
    }
    return ID;
}

/* Whether c can begin a token or a gap between tokens. */
static bool sensible(char c)
{
    return c > 0x20 ? c < 0x7f && !strchr("?@`\\", c) : c && strchr(" \t\r\n\b", c) != NULL;
}

size_t scan_stray(struct scan *s)
{
    struct str r = scan_rest(s);
    unsigned char first = (unsigned char)s->text.p[s->start];
    size_t n = 0;
    while (n < r.len && !sensible(r.p[n]))
        n++;
    scan_advance(s, n);
    if (first >= 0x80)
        scan_error(s, "letters beyond ASCII can stand in strings and comments only");
    else if (first > 0x20 && first < 0x7f)
        scan_error(s, "'%c' means nothing here", first);
    else
        scan_error(s, "a byte of value %u cannot stand here", first);
    return n;
}
