/* Between the texts and the tokens: files that include others, names that stand for other tokens
 * (#!define), and pieces that count only when a name is defined (#!ifdef). Inputs are stacked: an
 * included file or a name's value is scanned where it stands, then what stood around it goes on. */
/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>

#include "core/base/err.h"
#include "lang/ast_build.h"
#include "lang/parser.h"
#include "lang/source_pre.h"

enum {
    MAX_INPUTS = 64,         /* files and names inside one another */
    MAX_REPLACEMENTS = 50000 /* names replaced in one script */
};

/* An #!ifdef whose #!endif has not come yet. */
struct pre_condition {
    struct pre_condition *outer;
    struct loc loc;
    bool other; /* its #!else has been seen */
};

/* A text being scanned. */
struct pre_input {
    struct pre_input *outer;
    struct scan scan;
    const struct define *name;        /* whose value it is; NULL for a file */
    struct pre_condition *conditions; /* innermost first; begun in this text */
    bool known;                       /* the file's identity is */
    dev_t device;
    ino_t inode;
};

void pre_error(struct pre *p, struct loc at, const char *text, struct str name)
{
    diag_add(p->diag, DIAG_ERROR, NULL, at, text, STR_ARG(name));
}

/* ---- inputs ---- */

static struct pre_input *new_input(struct pre *p)
{
    struct pre_input *in = arena_zalloc(p->arena, sizeof *in);
    if (!in)
        p->no_memory = true;
    return in;
}

static bool push(struct pre *p, struct pre_input *in, int err)
{
    if (err != ERR_OK) {
        scan_close(&in->scan);
        p->no_memory = true;
        return false;
    }
    in->outer = p->input;
    p->input = in;
    p->depth++;
    return true;
}

static void identify(struct pre_input *in, const char *path)
{
    struct stat st;
    in->known = stat(path, &st) == 0;
    in->device = in->known ? st.st_dev : 0;
    in->inode = in->known ? st.st_ino : 0;
}

static bool push_file(struct pre *p, int file)
{
    struct pre_input *in = new_input(p);
    if (!in)
        return false;
    identify(in, p->diag->sources[file].name.p);
    return push(p, in, scan_open(&in->scan, p->diag, p->arena, file));
}

static void pop(struct pre *p)
{
    struct pre_input *in = p->input;
    for (struct pre_condition *c = in->conditions; c; c = c->outer)
        pre_error(p, c->loc, "this condition has no #!endif%.*s", STR_NONE);
    p->cut_short |= in->scan.cut_short;
    scan_close(&in->scan);
    p->input = in->outer;
    p->depth--;
}

int pre_open(struct pre *p, struct diag *d, struct arena *a, int file)
{
    *p = (struct pre){.diag = d, .arena = a};
    return push_file(p, file) ? ERR_OK : ERR_NOMEM;
}

void pre_close(struct pre *p)
{
    for (struct pre_input *in = p->input; in; in = in->outer)
        scan_close(&in->scan);
    p->input = NULL;
    pre_subst_free(p);
}

/* ---- names ---- */

const struct define *define_find(const struct define *list, struct str name)
{
    while (list && !str_eq(list->name, name))
        list = list->next;
    return list;
}

static void undefine(struct pre *p, struct str name)
{
    for (struct define **d = &p->defines; *d; d = &(*d)->next)
        if (str_eq((*d)->name, name)) {
            *d = (*d)->next;
            return;
        }
}

/* A value without the backslashes that carry it over several lines. */
static struct str joined_lines(struct pre *p, struct str s)
{
    struct buf b;
    if (str_find(s, '\\', 0) < 0)
        return s;
    buf_init(&b, p->arena, s.len + 1);
    for (size_t i = 0; i < s.len; i++) {
        struct str rest = str_sub(s, i, s.len);
        bool unix_end = str_starts(rest, STR("\\\n")), dos_end = str_starts(rest, STR("\\\r\n"));
        buf_char(&b, unix_end || dos_end ? ' ' : s.p[i]);
        i += unix_end ? 1 : dos_end ? 2 : 0;
    }
    p->no_memory |= b.failed;
    return buf_str(&b);
}

enum define_how { DEFINE_NEW, DEFINE_TRY, DEFINE_AGAIN };

static void define(struct pre *p, struct loc at, struct str name, struct str value, int how)
{
    const struct define *known = define_find(p->defines, name);
    if (known && how == DEFINE_TRY)
        return;
    if (known && how == DEFINE_NEW) {
        pre_error(p, at, "'%.*s' is defined already", name);
        diag_hint(p->diag, "since line %u; #!redef replaces it, #!trydef keeps it",
                  known->loc.line);
        return;
    }
    if (known)
        undefine(p, name);
    struct define *d = arena_zalloc(p->arena, sizeof *d);
    if (!d) {
        p->no_memory = true;
        return;
    }
    *d = (struct define){p->defines, name, joined_lines(p, value), at};
    p->defines = d;
}

void pre_define(struct pre *p, struct loc at, struct str name, struct str value)
{
    define(p, at, name, value, DEFINE_NEW);
}

/* Whether the value of d is being scanned: inside it, it is a plain word. */
static bool in_use(const struct pre *p, const struct define *d)
{
    for (const struct pre_input *in = p->input; in; in = in->outer)
        if (in->name == d)
            return true;
    return false;
}

/* The value takes the word's place; false when the word is no such name. */
static bool replace(struct pre *p, const struct token *t)
{
    const struct define *d = p->defines ? define_find(p->defines, t->word.text) : NULL;
    if (!d || in_use(p, d) || p->depth >= MAX_INPUTS)
        return false;
    if (p->replaced++ >= MAX_REPLACEMENTS) {
        if (p->replaced == MAX_REPLACEMENTS + 1)
            pre_error(p, t->loc, "the names that #!define gave are replaced too often%.*s",
                      STR_NONE);
        return true;
    }
    struct pre_input *in = new_input(p);
    if (!in)
        return true;
    in->name = d;
    push(p, in, scan_open_text(&in->scan, p->diag, p->arena, d->value, t->loc));
    return true;
}

/* ---- files ---- */

/* The path of a file that a script names: relative ones count from the script's folder. */
static struct str path_of(struct pre *p, int file, struct str name)
{
    struct str script = p->diag->sources[file].name;
    size_t folder = script.len;
    while (folder > 0 && script.p[folder - 1] != '/')
        folder--;
    if (str_starts(name, STR("/")))
        folder = 0;
    struct str path =
        arena_printf(p->arena, "%.*s%.*s", (int)folder, script.p ? script.p : "", STR_ARG(name));
    p->no_memory |= !path.p;
    return path;
}

static bool being_read(const struct pre *p, const struct stat *st)
{
    for (const struct pre_input *in = p->input; in; in = in->outer)
        if (in->known && in->device == st->st_dev && in->inode == st->st_ino)
            return true;
    return false;
}

/* must: a missing file is an error. */
static void include(struct pre *p, struct loc at, struct str name, bool must)
{
    struct str path = path_of(p, at.file, name);
    struct stat st;
    if (!path.p)
        return;
    bool there = stat(path.p, &st) == 0;
    if (!there && !must)
        return;
    if (there && being_read(p, &st))
        pre_error(p, at, "%.*s includes itself", path);
    else if (p->depth >= MAX_INPUTS)
        pre_error(p, at, "too many files inside one another%.*s", STR_NONE);
    else if (there && !S_ISREG(st.st_mode))
        pre_error(p, at, "%.*s is no file", path);
    else {
        int file = source_load(p->diag, path.p, &at);
        if (file >= 0)
            push_file(p, file);
    }
}

static bool is_include(struct str word, bool *must)
{
    *must = str_eq(word, STR("include_file"));
    return *must || str_eq(word, STR("import_file"));
}

/* ---- conditions ---- */

enum { IF_UNKNOWN = 2 };

/* Cuts the first word off. */
static struct str cut_word(struct str *rest)
{
    struct str s = str_trim(*rest);
    size_t n = 0;
    while (n < s.len && (ascii_alpha(s.p[n]) || ascii_digit(s.p[n]) || s.p[n] == '_'))
        n++;
    *rest = str_trim(str_sub(s, n, s.len));
    return str_sub(s, 0, n);
}

bool pre_is_name(struct str s)
{
    struct str rest = s;
    return s.len && ascii_alpha(s.p[0]) && cut_word(&rest).len == s.len;
}

bool pre_quoted(struct str *rest, struct str *out)
{
    char quote = rest->len > 1 ? rest->p[0] : 0;
    size_t i = 1;
    if (quote != '"' && quote != '\'')
        return false;
    while (i < rest->len && rest->p[i] != quote)
        i += quote == '"' && rest->p[i] == '\\' ? 2 : 1;
    if (i >= rest->len)
        return false;
    *out = str_sub(*rest, 1, i);
    *rest = str_make(rest->p + i + 1, rest->len - i - 1);
    return true;
}

/* The directive on a line, or nothing. */
static struct str directive_of(struct str line)
{
    line = str_trim(line);
    if (!str_starts(line, STR("#!")))
        return STR_NONE;
    line = str_sub(line, 2, line.len);
    return cut_word(&line);
}

/* How far the text is to be passed over: behind the #!else (if that may come) or the #!endif of the
 * condition. ended says which of them; at the end of the text it is neither. */
static size_t unwanted(struct str text, bool until_else, struct str *ended)
{
    struct str rest = text, line;
    unsigned depth = 0;
    while (str_cut(&line, &rest, '\n')) {
        struct str word = directive_of(line);
        *ended = word;
        if (str_eq(word, STR("ifdef")) || str_eq(word, STR("ifndef")) || str_eq(word, STR("ifexp")))
            depth++;
        else if (depth == 0 && until_else && str_eq(word, STR("else")))
            return (size_t)(line.p - text.p) + line.len;
        else if (depth == 0 && str_eq(word, STR("endif")))
            return (size_t)(line.p - text.p) + line.len;
        else if (str_eq(word, STR("endif")))
            depth--;
    }
    *ended = STR_NONE;
    return text.len;
}

static void skip(struct pre *p, bool until_else)
{
    struct pre_input *in = p->input;
    struct str ended;
    scan_skip(&in->scan, unwanted(scan_rest(&in->scan), until_else, &ended));
    if (str_eq(ended, STR("else")))
        in->conditions->other = true;
    else if (ended.len)
        in->conditions = in->conditions->outer;
}

/* wanted: whether the name is to be defined, or IF_UNKNOWN for what cannot be decided. */
static void begin_condition(struct pre *p, struct loc at, struct str name, int wanted)
{
    struct pre_condition *c = arena_zalloc(p->arena, sizeof *c);
    if (!c) {
        p->no_memory = true;
        return;
    }
    *c = (struct pre_condition){p->input->conditions, at, false};
    p->input->conditions = c;
    if (wanted == IF_UNKNOWN)
        return;
    if (!name.len)
        pre_error(p, at, "a name must follow here%.*s", STR_NONE);
    if ((define_find(p->defines, name) != NULL) != wanted)
        skip(p, true);
}

static void end_condition(struct pre *p, struct loc at, struct str word)
{
    struct pre_condition *c = p->input->conditions;
    if (!c || (c->other && str_eq(word, STR("else"))))
        pre_error(p, at, "#!%.*s without #!ifdef before it", word);
    else if (str_eq(word, STR("else")))
        skip(p, false);
    else
        p->input->conditions = c->outer;
}

/* ---- directives ---- */

enum directive {
    DIR_DEFINE,
    DIR_UNDEF,
    DIR_IF,
    DIR_END,
    DIR_INCLUDE,
    DIR_SUBST,
    DIR_ENV,
    DIR_DIALECT,
    DIR_REFUSED
};

static const struct {
    const char *word;
    enum directive what;
    int how;
} directives[] = {
#define DIRECTIVE(word, what, how, doc) {word, DIR_##what, how},
#include "lang/directive.def"
#undef DIRECTIVE
};

/* Says what a line that looks like a directive was perhaps meant to be; it is a comment. */
static void unknown_directive(struct pre *p, struct loc at, struct str word)
{
    for (unsigned i = 0; word.len > 3 && i < sizeof directives / sizeof *directives; i++)
        if (str_distance(word, str_from(directives[i].word)) <= 2) {
            diag_add(p->diag, DIAG_WARNING, "directive", at, "'#!%.*s' is a comment",
                     STR_ARG(word));
            diag_hint(p->diag, "did you mean '#!%s'?", directives[i].word);
            return;
        }
}

static void define_line(struct pre *p, struct loc at, struct str rest, int how)
{
    struct str name = cut_word(&rest);
    if (!name.len || !ascii_alpha(name.p[0]))
        pre_error(p, at, "a name must follow here%.*s", STR_NONE);
    else if (how < 0)
        undefine(p, name);
    else
        define(p, at, name, rest, how);
}

static void include_line(struct pre *p, struct loc at, struct str rest, bool must)
{
    struct str name;
    if (pre_quoted(&rest, &name))
        include(p, at, name, must);
    else
        pre_error(p, at, "the name of a file in quotes must follow here%.*s", STR_NONE);
}

static void directive(struct pre *p, const struct token *t)
{
    struct str rest = str_sub(t->word.text, 2, t->word.text.len), word = cut_word(&rest);
    unsigned i = 0;
    while (i < sizeof directives / sizeof *directives &&
           !str_eq(word, str_from(directives[i].word)))
        i++;
    if (i == sizeof directives / sizeof *directives) {
        unknown_directive(p, t->loc, word);
        return;
    }
    p->diag->today = true;
    switch (directives[i].what) {
    case DIR_DEFINE:
    case DIR_UNDEF:
        define_line(p, t->loc, rest, directives[i].how);
        break;
    case DIR_IF:
        begin_condition(p, t->loc, cut_word(&rest), directives[i].how);
        break;
    case DIR_END:
        end_condition(p, t->loc, word);
        break;
    case DIR_INCLUDE:
        include_line(p, t->loc, rest, directives[i].how);
        break;
    case DIR_SUBST:
        pre_subst_line(p, t->loc, rest, (enum subst_how)directives[i].how);
        break;
    case DIR_ENV:
        pre_env_line(p, t->loc, rest, directives[i].how);
        break;
    case DIR_REFUSED:
        pre_error(p, t->loc, "signalbox has no #!%.*s", word);
        if (str_eq(word, STR("ifexp")))
            begin_condition(p, t->loc, STR_NONE, IF_UNKNOWN);
        break;
    case DIR_DIALECT:
        break;
    }
}

/* ---- tokens ---- */

static void next(struct pre *p, struct token *out);

/* include_file "name" as a statement of its own, wherever a token can stand. */
static void include_statement(struct pre *p, struct loc at, bool must)
{
    struct token name;
    next(p, &name);
    if (name.kind == STRING) {
        include(p, ast_join(at, name.loc), name.word.text, must);
        return;
    }
    pre_error(p, at, "the name of a file in quotes must follow here%.*s", STR_NONE);
    p->held = name;
    p->holds = true;
}

/* Deals with words that are no tokens of the grammar; false for all others. */
static bool dealt_with(struct pre *p, const struct token *t)
{
    bool must;
    if (t->kind == 0 && p->input->outer)
        pop(p);
    else if (t->kind == SCAN_DIRECTIVE)
        directive(p, t);
    else if (t->kind == ID && is_include(t->word.text, &must))
        include_statement(p, t->loc, must);
    else
        return t->kind == ID && replace(p, t);
    return true;
}

static void next(struct pre *p, struct token *out)
{
    do {
        if (p->holds) {
            *out = p->held;
            p->holds = false;
            return;
        }
        scan_next(&p->input->scan, out);
    } while (dealt_with(p, out));
    if (out->kind == STRING && p->substs)
        pre_substitute(p, out);
    if (out->kind == 0 && p->input->conditions) {
        pre_error(p, p->input->conditions->loc, "this condition has no #!endif%.*s", STR_NONE);
        p->input->conditions = NULL;
    }
    p->cut_short |= p->input->scan.cut_short;
}

/* Strings side by side are one, as today's scripts have them. */
static void join_strings(struct pre *p, struct token *out)
{
    struct token more;
    for (next(p, &more); more.kind == STRING; next(p, &more)) {
        out->word.text =
            arena_printf(p->arena, "%.*s%.*s", STR_ARG(out->word.text), STR_ARG(more.word.text));
        p->no_memory |= !out->word.text.p;
        out->word.value |= more.word.value;
        out->loc = ast_join(out->loc, more.loc);
    }
    p->held = more;
    p->holds = true;
}

void pre_next(struct pre *p, struct token *out)
{
    next(p, out);
    if (out->kind == STRING && p->diag->today)
        join_strings(p, out);
}
