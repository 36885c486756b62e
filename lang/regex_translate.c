/* From POSIX extended regular expressions, as glibc's regcomp reads them, to the Perl syntax of
 * PCRE2. What differs:
 *
 *   POSIX                                   here
 *   backslash in brackets is a character    escaped
 *   []a], [^]a], [a-], [[:alpha:]] [[.-.]]  taken apart and written anew
 *   a+? is (a+)?, a*+ is (a*)+              grouped, so that it is not lazy or possessive
 *   {,n}                                    {0,n}
 *   ( | ^ before * + ? {                    an error, also (?...) and (*...)
 *   unmatched ) and }                       characters
 *   \< \> \` \'                             \b(?=\w) \b(?<=\w) \A \z
 *   \d \Q and all other letters             the letter itself; \w \W \s \S \b \B and \1-\9 stay
 *
 * One difference stays: among alternatives that match at the same place POSIX takes the longest
 * overall, we the first. Whether something matches is the same; what (a|ab)(c|bcd) covers is not.
 */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "core/base/err.h"
#include "lang/regex.h"

enum { DUP_MAX = 32767, GROUP_MAX = 100 };

struct translation {
    struct str in;
    size_t at;
    unsigned flags;
    struct buf *out;
    size_t atom;                /* where in out the last atom begins */
    bool has_atom;              /* something a repetition can follow */
    bool repeated;              /* it is repeated already */
    unsigned groups;            /* opened so far */
    unsigned depth;             /* open now */
    unsigned number[GROUP_MAX]; /* of the open ones */
    size_t start[GROUP_MAX];    /* where in out they begin */
    bool closed[10];            /* groups 1-9 that a back-reference may name */
    const char *why;
};

static int fail(struct translation *t, size_t at, const char *why)
{
    t->at = at;
    t->why = why;
    return ERR_SYNTAX;
}

static char peek(const struct translation *t, size_t ahead)
{
    return t->at + ahead < t->in.len ? t->in.p[t->at + ahead] : 0;
}

static bool more(const struct translation *t)
{
    return t->at < t->in.len;
}

static void begin_atom(struct translation *t)
{
    t->atom = t->out->len;
    t->has_atom = true;
    t->repeated = false;
}

/* Writes one byte that means itself, in or out of brackets. */
static void put_literal(struct translation *t, char c)
{
    if (ascii_alpha(c) || ascii_digit(c) || c == '_' || (unsigned char)c >= 0x80)
        buf_char(t->out, c);
    else
        buf_printf(t->out, "\\x%02x", (unsigned char)c);
}

/* ---- brackets ---- */

/* [:name:], the cursor behind "[:". */
static int put_class(struct translation *t)
{
    static const char *const names[] = {"alpha", "digit", "alnum", "upper", "lower", "space",
                                        "blank", "punct", "print", "graph", "cntrl", "xdigit"};
    ptrdiff_t end = str_search(t->in, STR(":]"), t->at);
    struct str name = end < 0 ? STR_NONE : str_sub(t->in, t->at, (size_t)end);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, str_from(names[i]))) {
            buf_printf(t->out, "[:%s:]", names[i]);
            t->at = (size_t)end + 2;
            return ERR_OK;
        }
    return fail(t, t->at, "invalid character class name");
}

/* One character of a bracket expression, also as [.x.] or [=x=]. */
static int take_member(struct translation *t, char *c)
{
    char kind = peek(t, 1);
    if (peek(t, 0) != '[' || (kind != '.' && kind != '=')) {
        *c = peek(t, 0);
        t->at++;
        return ERR_OK;
    }
    *c = peek(t, 2);
    if (t->at + 4 >= t->in.len || peek(t, 3) != kind || peek(t, 4) != ']')
        return fail(t, t->at, "invalid collation character");
    t->at += 5;
    return ERR_OK;
}

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

/* first-last. The reference compares ranges in upper case when case does not count: [A-z] is [A-Z].
 */
static int put_range(struct translation *t, char first, char last, size_t from)
{
    if (t->flags & REGEX_ICASE) {
        first = upper(first);
        last = upper(last);
    }
    if ((unsigned char)last < (unsigned char)first)
        return fail(t, from, "invalid range end");
    put_literal(t, first);
    buf_char(t->out, '-');
    put_literal(t, last);
    return ERR_OK;
}

/* A character or a range. */
static int put_member(struct translation *t, bool is_first)
{
    char first, last;
    size_t from = t->at;
    if (peek(t, 0) == '-' && !is_first && peek(t, 1) != ']')
        return fail(t, from, "invalid range: a hyphen stands first or last");
    int rc = take_member(t, &first);
    if (rc != ERR_OK)
        return rc;
    if (peek(t, 0) != '-' || peek(t, 1) == ']' || t->at + 1 >= t->in.len) {
        put_literal(t, first);
        return ERR_OK;
    }
    t->at++;
    rc = take_member(t, &last);
    return rc == ERR_OK ? put_range(t, first, last, from) : rc;
}

static int put_brackets(struct translation *t)
{
    size_t from = t->at++;
    begin_atom(t);
    buf_char(t->out, '[');
    if (peek(t, 0) == '^') {
        buf_char(t->out, '^');
        if (t->flags & REGEX_NEWLINE)
            buf_add(t->out, STR("\\n"));
        t->at++;
    }
    bool first = true;
    while (more(t) && (first || peek(t, 0) != ']')) {
        bool class_name = peek(t, 0) == '[' && peek(t, 1) == ':';
        t->at += class_name ? 2 : 0;
        int rc = class_name ? put_class(t) : put_member(t, first);
        if (rc != ERR_OK)
            return rc;
        first = false;
    }
    if (!more(t))
        return fail(t, from, "unmatched [");
    t->at++;
    buf_char(t->out, ']');
    return ERR_OK;
}

/* ---- repetition ---- */

/* Digits up to DUP_MAX; -1 when there are none, -2 when too many. */
static int take_count(struct translation *t)
{
    int n = -1;
    while (ascii_digit(peek(t, 0))) {
        n = (n < 0 ? 0 : n * 10) + (peek(t, 0) - '0');
        if (n > DUP_MAX)
            return -2;
        t->at++;
    }
    return n;
}

/* {n}, {n,}, {n,m}, {,m} or {,}, written to text. */
static int take_interval(struct translation *t, char *text, size_t size)
{
    size_t from = t->at++;
    int low = take_count(t), high = low;
    bool comma = peek(t, 0) == ',';
    if (comma) {
        t->at++;
        high = take_count(t);
    }
    if (low == -2 || high == -2)
        return fail(t, from, "repetition count too large");
    if (peek(t, 0) != '}' || (low < 0 && !comma))
        return fail(t, from, "invalid content of {}");
    t->at++;
    if (low < 0)
        low = 0;
    if (high >= 0 && high < low)
        return fail(t, from, "invalid content of {}: the second number is smaller");
    if (!comma)
        snprintf(text, size, "{%d}", low);
    else if (high < 0)
        snprintf(text, size, "{%d,}", low);
    else
        snprintf(text, size, "{%d,%d}", low, high);
    return ERR_OK;
}

/* Puts (?: ) around the last atom, which is repeated already. */
static void group_atom(struct translation *t)
{
    struct buf *b = t->out;
    size_t len = b->len - t->atom;
    buf_add(b, STR("(?:)"));
    if (b->failed)
        return;
    memmove(b->p + t->atom + 3, b->p + t->atom, len);
    memcpy(b->p + t->atom, "(?:", 3);
    b->p[b->len - 1] = ')';
}

static int put_repetition(struct translation *t)
{
    char text[32];
    if (!t->has_atom)
        return fail(t, t->at, "nothing to repeat: invalid preceding regular expression");
    if (peek(t, 0) == '{') {
        int rc = take_interval(t, text, sizeof text);
        if (rc != ERR_OK)
            return rc;
    } else {
        snprintf(text, sizeof text, "%c", peek(t, 0));
        t->at++;
    }
    if (t->repeated)
        group_atom(t);
    t->repeated = true;
    buf_add(t->out, str_from(text));
    return ERR_OK;
}

/* ---- the rest ---- */

static int open_group(struct translation *t)
{
    if (t->depth == GROUP_MAX)
        return fail(t, t->at, "too many nested brackets");
    t->start[t->depth] = t->out->len;
    t->number[t->depth++] = ++t->groups;
    t->has_atom = false;
    t->at++;
    buf_char(t->out, '(');
    return ERR_OK;
}

static void close_group(struct translation *t)
{
    t->at++;
    if (t->depth == 0) {
        begin_atom(t);
        put_literal(t, ')');
        return;
    }
    buf_char(t->out, ')');
    t->depth--;
    t->atom = t->start[t->depth];
    t->has_atom = true;
    t->repeated = false;
    if (t->number[t->depth] < 10)
        t->closed[t->number[t->depth]] = true;
}

static int put_reference(struct translation *t, char digit)
{
    if (!t->closed[digit - '0'])
        return fail(t, t->at - 2, "invalid back reference");
    begin_atom(t);
    buf_printf(t->out, "(?:\\%c)", digit);
    return ERR_OK;
}

static int put_escape(struct translation *t)
{
    static const struct {
        char c;
        bool anchor;
        const char *perl;
    } table[] = {
        {'w', false, "\\w"},       {'W', false, "\\W"},        {'s', false, "\\s"},
        {'S', false, "\\S"},       {'b', true, "\\b"},         {'B', true, "\\B"},
        {'<', true, "\\b(?=\\w)"}, {'>', true, "\\b(?<=\\w)"}, {'`', true, "\\A"},
        {'\'', true, "\\z"},
    };
    if (t->at + 1 >= t->in.len)
        return fail(t, t->at, "trailing backslash");
    char c = peek(t, 1);
    t->at += 2;
    if (c >= '1' && c <= '9')
        return put_reference(t, c);
    begin_atom(t);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].c == c) {
            buf_add(t->out, str_from(table[i].perl));
            t->has_atom = !table[i].anchor;
            return ERR_OK;
        }
    put_literal(t, c);
    return ERR_OK;
}

static int put_next(struct translation *t)
{
    char c = peek(t, 0);
    switch (c) {
    case '[':
        return put_brackets(t);
    case '(':
        return open_group(t);
    case ')':
        close_group(t);
        return ERR_OK;
    case '*':
    case '+':
    case '?':
    case '{':
        return put_repetition(t);
    case '\\':
        return put_escape(t);
    case '|':
    case '^':
    case '$':
        t->has_atom = false;
        break;
    case '.':
        begin_atom(t);
        break;
    default:
        begin_atom(t);
        put_literal(t, c);
        t->at++;
        return ERR_OK;
    }
    t->at++;
    buf_char(t->out, c);
    return ERR_OK;
}

int regex_translate(struct str posix, unsigned flags, struct buf *out, size_t *at, const char **why)
{
    struct translation t = {.in = posix, .flags = flags, .out = out};
    int rc = ERR_OK;
    if (posix.len > REGEX_MAX)
        rc = fail(&t, 0, "too long");
    while (rc == ERR_OK && more(&t) && out->len < 8 * REGEX_MAX)
        rc = put_next(&t);
    if (rc == ERR_OK && more(&t))
        rc = fail(&t, t.at, "too long");
    if (rc == ERR_OK && t.depth)
        rc = fail(&t, posix.len, "unmatched (");
    *at = t.at;
    *why = t.why;
    return rc != ERR_OK ? rc : out->failed ? ERR_NOMEM : ERR_OK;
}
