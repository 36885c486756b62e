/* A syntax error in words: from what the parser could have taken to what a person should do. */
/* SPDX-License-Identifier: MIT */
#include "lang/ast_build.h"
#include "lang/parser.h"
#include "lang/resolve.h"

enum { MAX_NAMED = 4 }; /* more possibilities than these are not listed */

/* The tokens that could have come, by the names parser.y gives them. */
struct expectation {
    const char *const *names;
    unsigned n;
};

static bool expects(const struct expectation *e, const char *name)
{
    for (unsigned i = 0; i < e->n; i++)
        if (strcmp(e->names[i], name) == 0)
            return true;
    return false;
}

/* The token in the parser's hands, for a message. */
static struct str token_text(const struct parse *p)
{
    const struct token *t = &p->now;
    struct arena *a = &p->script->arena;
    if (t->kind == 0)
        return STR("the end of the script");
    if (t->word.text.len > 40)
        return t->kind == STRING ? STR("a string") : STR("this");
    if (t->kind == STRING)
        return arena_printf(a, "\"%.*s\"", STR_ARG(t->word.text));
    return arena_printf(a, "'%.*s'", STR_ARG(t->word.text));
}

static void say(const struct parse *p, struct loc at, const char *fmt)
{
    struct str text = token_text(p);
    struct str words = arena_printf(&p->script->arena, fmt, STR_ARG(text));
    diag_add(p->script->diag, DIAG_ERROR, NULL, at, "%.*s", STR_ARG(words));
}

/* ---- lists of possibilities -------------------------------------------------------------------
 */

static bool one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

/* What goes on with a value that could also end here. */
static const char *const operators[] = {"a comparison", "'&&'", "':='", "'<<'", "'<'", "'>'", "'|'",
                                        "'^'",          "'&'",  "'+'",  "'-'",  "'.'", "'*'", "'/'",
                                        "'%'",          "'='",  "'('",  "':'",  NULL};

/* What a value can begin with. */
static const char *const beginnings[] = {
    "a name",   "a host name", "an address", "an IPv6 address",
    "a number", "a string",    "a variable", "a transport",
    "'any'",    "'myself'",    "'null'",     "a keyword such as method",
    "'route'",  "'exit'",      "'drop'",     "'return'",
    "'!'",      "'~'",         "'+'",        "'-'",
    "'('",      "'['",         "'if'",       "'{'",
    NULL};

/* "a, b or c" from the expected tokens without those of skip; more than MAX_NAMED give nothing. */
static void list_names(struct buf *b, const struct expectation *e, const char *const *skip,
                       const char *instead)
{
    const char *chosen[MAX_NAMED + 1];
    unsigned n = 0;
    if (instead)
        chosen[n++] = instead;
    bool any = expects(e, "'any'"); /* whose old spelling nobody need know */
    for (unsigned i = 0; i < e->n && n <= MAX_NAMED; i++)
        if (!one_of(e->names[i], skip) && !(any && strcmp(e->names[i], "'*'") == 0))
            chosen[n++] = e->names[i];
    for (unsigned i = 0; i < n && n <= MAX_NAMED; i++) {
        buf_add(b, i == 0 ? STR("") : i + 1 == n ? STR(" or ") : STR(", "));
        buf_add(b, str_from(chosen[i]));
    }
}

/* A keyword in capitals is a name like any other. */
static void hint_case(struct parse *p)
{
    static const char *const words[] = {"and",  "or",     "not",  "if",     "else",
                                        "case", "switch", "exit", "return", NULL};
    for (const char *const *w = words; p->now.kind == ID && *w; w++)
        if (str_ieq(p->now.word.text, str_from(*w)))
            diag_hint(p->script->diag, "keywords are written in lower case: %s", *w);
}

/* if (a == b | c == d): what stands between two conditions is || and &&. */
static void hint_single(struct parse *p)
{
    int single = p->earlier.kind;
    if (p->now.kind == RELATION && (single == '|' || single == '&'))
        diag_hint(p->script->diag, "write %s between conditions; a single %c did in OpenSER 1.0",
                  single == '|' ? "||" : "&&", single);
}

/* Whether a statement begins with the token found. */
static bool at_statement(const struct parse *p)
{
    static const int before[] = {';', '{', '}', ':', ELSE, 0};
    for (const int *b = before; *b; b++)
        if (p->before.kind == *b)
            return true;
    return false;
}

static void general(struct parse *p, const struct expectation *e)
{
    static const char *const nothing[] = {NULL};
    char text[256];
    struct buf b;
    buf_fixed(&b, text, sizeof text);
    if (expects(e, "a comparison"))
        list_names(&b, e, operators, NULL);
    else if (expects(e, "a number") && expects(e, "a variable"))
        list_names(&b, e, beginnings, "a value");
    else
        list_names(&b, e, nothing, NULL);
    struct str found = token_text(p);
    if (b.len && !b.failed)
        diag_add(p->script->diag, DIAG_ERROR, NULL, p->now.loc, "expected %.*s, found %.*s",
                 STR_ARG(buf_str(&b)), STR_ARG(found));
    else
        diag_add(p->script->diag, DIAG_ERROR, NULL, p->now.loc, "%.*s cannot stand here",
                 STR_ARG(found));
    hint_case(p);
    hint_single(p);
}

/* ---- outside of routes ------------------------------------------------------------------------
 */

/* Statements of the global section that are no parameters. */
static void offer_statements(struct nearest *near)
{
    static const char *const words[] = {"route",        "failure_route", "onreply_route",
                                        "branch_route", "error_route",   "local_route",
                                        "loadmodule",   "modparam",      "mpath",
                                        "listen",       "alias",         NULL};
    for (const char *const *w = words; *w; w++)
        nearest_offer(near, str_from(*w));
}

static void unknown(struct parse *p, const struct token *t, const char *what)
{
    struct nearest near = nearest_to(t->word.text);
    if (resolve_setting(t->word.text, &near)) {
        diag_add(p->script->diag, DIAG_ERROR, NULL, t->loc, "expected '=' after '%.*s'",
                 STR_ARG(t->word.text));
        return;
    }
    offer_statements(&near);
    diag_add(p->script->diag, DIAG_ERROR, NULL, t->loc, "unknown %s '%.*s'", what,
             STR_ARG(t->word.text));
    if (nearest_found(&near).len)
        diag_hint(p->script->diag, "did you mean '%.*s'?", STR_ARG(nearest_found(&near)));
}

void parse_outside(struct parse *p)
{
    if (p->quiet || diag_full(p->script->diag))
        return;
    switch (p->now.kind) {
    case ID:
        unknown(p, &p->now, "statement");
        return;
    case SETTING:
        return;
    case VARIABLE:
    case IF:
    case WHILE:
    case SWITCH:
    case EXIT:
    case DROP:
    case RETURN:
        say(p, p->now.loc, "%.*s can stand in a route block only");
        return;
    default:
        say(p, p->now.loc, "%.*s cannot stand here, outside of route blocks");
    }
}

/* ---- all the rest -----------------------------------------------------------------------------
 */

/* Mistakes that are told by the token before and the one found; false when there is more to say. */
static bool by_neighbours(struct parse *p, const struct expectation *e)
{
    struct diag *d = p->script->diag;
    int before = p->before.kind, now = p->now.kind;
    if (before == LOADMODULE || before == MPATH) {
        diag_add(d, DIAG_ERROR, NULL, p->now.loc, "the name behind 'loadmodule' must be in quotes");
    } else if ((before == LISTEN || before == MPATH || before == BLACKLIST) && expects(e, "'='")) {
        diag_add(d, DIAG_ERROR, NULL, p->now.loc, "expected '=' after '%.*s'",
                 STR_ARG(p->before.word.text));
    } else if (before == STRING && now == STRING) {
        diag_add(d, DIAG_ERROR, NULL, p->now.loc, "two strings cannot stand side by side");
        diag_hint(d, "arguments are separated by ',', texts are joined with '+'");
    } else if (now == AND && expects(e, "';'") && !expects(e, "'&&'")) {
        say(p, p->now.loc, "%.*s joins conditions, it cannot be part of a value");
    } else if (before == '=' && p->earlier.kind == SETTING &&
               !resolve_setting(p->earlier.word.text, NULL)) {
        unknown(p, &p->earlier, "parameter");
    } else if (before == '=' && expects(e, "a string") && p->n_open == 0) {
        diag_add(d, DIAG_ERROR, NULL, parse_gap(p), "expected a value behind '='");
    } else if (now == ROUTE_BLOCK || now == LOADMODULE || now == MODPARAM) {
        say(p, p->now.loc, "%.*s cannot stand inside of a route block");
    } else {
        return false;
    }
    return true;
}

void parse_unexpected(struct parse *p, const char *const *expected, unsigned n)
{
    struct expectation e = {expected, n};
    parse_skip(p);
    if (p->quiet)
        return;
    if (diag_full(p->script->diag)) {
        p->script->diag->errors++;
        return;
    }
    if (expects(&e, "'loadmodule'"))
        parse_outside(p);
    else if (by_neighbours(p, &e))
        return;
    else if (expects(&e, "'if'") && (p->now.kind == CASE || p->now.kind == DEFAULT))
        say(p, p->now.loc, "%.*s can stand in a switch only");
    else if (expects(&e, "'if'") && at_statement(p))
        say(p, p->now.loc, "a statement cannot begin with %.*s");
    else if (expects(&e, "'if'") && expects(&e, "'}'"))
        say(p, p->now.loc, "expected ';' after this command, found %.*s");
    else if (expects(&e, "'if'") && expects(&e, "';'"))
        say(p, p->now.loc, "expected a statement after the condition, found %.*s");
    else
        general(p, &e);
}
