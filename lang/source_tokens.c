/* Between scanner and parser: tells a parameter's name from a word, and puts right what is wrong
 * with brackets, so that a forgotten one is one finding at its place and the rest of the script is
 * still understood. */
/* SPDX-License-Identifier: MIT */
#include "lang/ast_build.h"
#include "lang/parser.h"

/* ---- looking ahead ----------------------------------------------------------------------------
 */

static const struct token *peek(struct parse *p, unsigned i)
{
    for (; p->n_ahead <= i; p->n_ahead++) {
        struct token *t = &p->ahead[p->n_ahead];
        if (p->stopped)
            *t = (struct token){.kind = 0, .loc = p->now.loc};
        else
            pre_next(&p->pre, t);
    }
    return &p->ahead[i];
}

static void drop_first(struct parse *p)
{
    memmove(&p->ahead[0], &p->ahead[1], --p->n_ahead * sizeof p->ahead[0]);
}

struct loc parse_gap(const struct parse *p)
{
    return ast_behind(p->before.loc);
}

/* Whether a token begins a line, as far as the tokens before it tell. */
static bool new_line(const struct parse *p, const struct token *t)
{
    return t->loc.line > p->now.loc.end_line || t->loc.file != p->now.loc.file;
}

static void error_at(struct parse *p, struct loc at, const char *text)
{
    if (!p->quiet)
        diag_add(p->script->diag, DIAG_ERROR, NULL, at, "%s", text);
}

/* ---- brackets ---------------------------------------------------------------------------------
 */

static char closing(char opening)
{
    return opening == '(' ? ')' : opening == '[' ? ']' : '}';
}

static struct bracket *top(struct parse *p)
{
    return p->n_open ? &p->open[p->n_open - 1] : NULL;
}

/* Whether an open ( or [ stands above the innermost {. */
static bool round_or_square_open(struct parse *p)
{
    struct bracket *b = top(p);
    return b && b->kind != '{' && !b->statements;
}

/* Gives the parser a closing bracket that the script lacks. */
static int close_for(struct parse *p, struct lexeme *word, struct loc *loc)
{
    struct token t = {closing(top(p)->kind), {STR_NONE, 0}, ast_behind(p->now.loc)};
    p->n_open--;
    p->earlier = p->before;
    p->before = p->now;
    p->now = t;
    *word = t.word;
    *loc = t.loc;
    return t.kind;
}

static void report_missing(struct parse *p, const struct token *before)
{
    char c = closing(top(p)->kind);
    if (p->quiet)
        return;
    if (before->kind == 0)
        diag_add(p->script->diag, DIAG_ERROR, NULL, ast_behind(p->now.loc),
                 "missing '%c' at the end", c);
    else
        diag_add(p->script->diag, DIAG_ERROR, NULL, ast_behind(p->now.loc),
                 "missing '%c' before '%c'", c, before->kind);
    diag_hint(p->script->diag, "it belongs to the '%c' in line %u, column %u", top(p)->kind,
              top(p)->loc.line, top(p)->loc.column);
}

static void report_unclosed(struct parse *p)
{
    error_at(p, p->suspect.line ? p->suspect : top(p)->loc, "this '{' is never closed");
    p->suspect.line = 0;
}

static void open_bracket(struct parse *p, const struct token *t)
{
    struct bracket *outer = top(p);
    if (t->kind == '{' && p->now.kind == '(' && outer)
        outer->statements = true;
    if (p->n_open == AST_MAX_DEPTH) {
        parse_too_deep(p, t->loc);
        p->n_ahead = 0;
        return;
    }
    p->open[p->n_open++] = (struct bracket){(char)t->kind, p->indent, false, t->loc};
}

/* Whether a bracket that t would close is open before the next {. */
static bool closes_something(struct parse *p, int kind)
{
    for (unsigned i = p->n_open; i-- > 0;) {
        if (closing(p->open[i].kind) == kind)
            return true;
        if (p->open[i].kind == '{')
            return false;
    }
    return false;
}

/* Deals with a closing bracket: true when the parser gets it, false when it closes nothing and is
 * skipped, or when one of the script's is missing before it (*insert). */
static bool close_bracket(struct parse *p, const struct token *t, bool *insert)
{
    if (!closes_something(p, t->kind)) {
        char text[] = "')' closes nothing here";
        text[1] = (char)t->kind;
        error_at(p, t->loc, text);
        drop_first(p);
        return false;
    }
    if (closing(top(p)->kind) != t->kind) {
        report_missing(p, t);
        *insert = true;
        return false;
    }
    if (t->kind == '}' && t->loc.column == p->indent && p->indent < top(p)->indent &&
        !p->suspect.line)
        p->suspect = top(p)->loc;
    p->n_open--;
    if (p->n_open == 0)
        p->suspect.line = 0;
    return true;
}

/* ---- where blocks begin -----------------------------------------------------------------------
 */

/* route { , route [x] { or route <x> { : the head of a block, not a call. */
static bool route_head(struct parse *p)
{
    int next = peek(p, 1)->kind;
    if (next == '{')
        return true;
    return (next == '[' || next == '<') && peek(p, 4)->kind == '{';
}

/* Whether the first token ahead can only stand outside all blocks. */
static bool begins_block(struct parse *p)
{
    switch (peek(p, 0)->kind) {
    case ROUTE:
        return route_head(p);
    case ROUTE_BLOCK:
        return peek(p, 1)->kind == '[' || peek(p, 1)->kind == '{' || peek(p, 1)->kind == '<';
    case LOADMODULE:
        return peek(p, 1)->kind == STRING;
    case MODPARAM:
        return peek(p, 1)->kind == '(';
    default:
        return false;
    }
}

/* At the end of the text, or where the next block begins, all must be closed: gives the parser what
 * is missing, one at a time. */
static int close_all(struct parse *p, struct lexeme *word, struct loc *loc)
{
    const struct token *t = peek(p, 0);
    if (p->pre.cut_short)
        p->quiet = true;
    if (round_or_square_open(p))
        report_missing(p, &(struct token){.kind = t->kind ? '{' : 0});
    else
        report_unclosed(p);
    p->quiet = p->quiet || t->kind == 0;
    return close_for(p, word, loc);
}

/* Words become parameters when '=' follows outside of blocks. */
static int classify(struct parse *p, const struct token *t)
{
    if (t->kind == TLS_DOMAIN)
        p->in_settings = true;
    else if (p->n_open == 0 && t->kind == '}')
        p->in_settings = false;
    bool outside = p->n_open == 0 || (p->in_settings && top(p)->kind == '{');
    return t->kind == ID && outside && peek(p, 1)->kind == '=' ? SETTING : t->kind;
}

static void note(struct parse *p, const struct token *t)
{
    if (t->kind == CASE)
        p->in_label = true;
    else if (t->kind == ':' || t->kind == ';' || t->kind == '{')
        p->in_label = false;
    p->earlier = p->before;
    p->before = p->now;
    p->now = *t;
}

static int give(struct parse *p, struct lexeme *word, struct loc *loc)
{
    struct token t = *peek(p, 0);
    t.kind = classify(p, &t);
    drop_first(p);
    note(p, &t);
    *word = t.word;
    *loc = t.loc;
    return t.kind;
}

/* Looks at the next token with regard to brackets. */
enum verdict { GIVE, SKIP, CLOSE_FIRST };

static enum verdict judge(struct parse *p, const struct token *t)
{
    bool insert = false;
    switch (t->kind) {
    case '{':
    case ';':
        insert = round_or_square_open(p) && !(t->kind == '{' && p->now.kind == '(');
        if (insert)
            report_missing(p, t);
        else if (t->kind == '{')
            open_bracket(p, t);
        break;
    case '(':
    case '[':
        open_bracket(p, t);
        break;
    case ')':
    case ']':
    case '}':
        if (!close_bracket(p, t, &insert) && !insert)
            return SKIP;
        break;
    case IF:
        if (p->now.kind == '(' && p->n_open)
            top(p)->statements = true;
        break;
    default:
        break;
    }
    return insert ? CLOSE_FIRST : GIVE;
}

/* ---- going on after a syntax error ------------------------------------------------------------
 */

static bool item_token(int kind)
{
    switch (kind) {
    case SETTING:
    case LISTEN:
    case MPATH:
    case BLACKLIST:
    case TLS_DOMAIN:
    case ROUTE:
    case ROUTE_BLOCK:
    case LOADMODULE:
    case MODPARAM:
        return true;
    default:
        return false;
    }
}

void parse_skip(struct parse *p)
{
    int kind = p->now.kind;
    bool opener = kind == '(' || kind == '[' || kind == '{';
    bool closer = kind == ')' || kind == ']' || kind == '}' || kind == ';' || kind == 0;
    p->at_item = p->n_open == 0 && item_token(kind);
    p->skip = !closer && !p->at_item;
    p->skip_indent = p->indent;
    p->skip_open = p->n_open - (opener && p->n_open);
}

/* Whether a statement of the global section begins here. */
static bool begins_item(struct parse *p)
{
    switch (peek(p, 0)->kind) {
    case LISTEN:
    case MPATH:
    case BLACKLIST:
        return peek(p, 1)->kind == '=';
    case ID:
        return peek(p, 1)->kind == '=';
    case TLS_DOMAIN:
        return true;
    default:
        return begins_block(p);
    }
}

/* Whether the parser can go on with the next token. */
static bool can_go_on(struct parse *p)
{
    int kind = peek(p, 0)->kind;
    if (kind == 0 || p->n_open < p->skip_open || (p->n_open && begins_block(p)))
        return true;
    if (p->n_open > p->skip_open)
        return false;
    if (p->n_open == 0)
        return begins_item(p);
    if (kind == ';' || kind == '}' || kind == closing(top(p)->kind))
        return true;
    if (top(p)->kind != '{')
        return kind == '{';
    return kind == CASE || kind == DEFAULT || (kind == ':' && p->in_label);
}

/* Passes over what cannot be understood. False: a statement with a block ended, which is as good as
 * a semicolon. */
static bool skip(struct parse *p)
{
    while (!can_go_on(p)) {
        struct token t = *peek(p, 0);
        enum verdict v = judge(p, &t);
        if (v == SKIP || p->stopped)
            continue;
        if (v == CLOSE_FIRST) {
            p->n_open--;
            continue;
        }
        bool statement =
            p->n_open == 0 && new_line(p, &t) && t.loc.column <= p->skip_indent && t.kind != ';';
        drop_first(p);
        note(p, &t);
        if (statement)
            parse_outside(p);
        if (t.kind == '}' && p->n_open == p->skip_open && p->n_open && top(p)->kind == '{' &&
            peek(p, 0)->kind != ELSE)
            return false;
    }
    return true;
}

static int as_semicolon(struct parse *p, struct lexeme *word, struct loc *loc)
{
    struct token t = {';', {STR_NONE, 0}, ast_behind(p->now.loc)};
    note(p, &t);
    *word = t.word;
    *loc = t.loc;
    return t.kind;
}

int parse_token(struct parse *p, struct lexeme *word, struct loc *loc)
{
    enum verdict v;
    bool ended = p->skip && !skip(p);
    p->skip = false;
    if (ended)
        return as_semicolon(p, word, loc);
    do {
        const struct token *t = peek(p, 0);
        if (new_line(p, t))
            p->indent = t->loc.column;
        if (p->n_open && (t->kind == 0 || begins_block(p)))
            return close_all(p, word, loc);
        v = judge(p, t);
    } while (v == SKIP);
    return v == GIVE ? give(p, word, loc) : close_for(p, word, loc);
}
