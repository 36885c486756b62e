/* What is put into a script before it is read: pieces of strings that #!subst and #!substdef
 * replace, and the environment's variables that #!defenv makes names of. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "lang/ast_build.h"
#include "lang/regex.h"
#include "lang/source_pre.h"

enum { MAX_STRING = 65535 };

/* One #!subst: what it finds in a string becomes another text. */
struct pre_subst {
    struct pre_subst *next;
    struct regex *regex;
    struct str with; /* as written: \1 is a group */
    bool all;
};

/* ---- reading them ------------------------------------------------------------------------------
 */

/* Takes what stands before the next separator. */
static bool take_part(struct str *rest, char separator, struct str *out)
{
    ptrdiff_t end = str_find(*rest, separator, 0);
    if (end < 0)
        return false;
    *out = str_sub(*rest, 0, (size_t)end);
    *rest = str_sub(*rest, (size_t)end + 1, rest->len);
    return true;
}

/* The three parts of "/expression/replacement/flags", with any separator. */
static bool take_parts(struct pre *p, struct loc at, struct str quoted, struct str part[3])
{
    struct str rest = str_sub(quoted, 1, quoted.len);
    char separator = quoted.len ? quoted.p[0] : 0;
    bool good = quoted.len > 3 && take_part(&rest, separator, &part[0]) && part[0].len &&
                take_part(&rest, separator, &part[1]);
    part[2] = rest;
    if (!good)
        pre_error(p, at, "\"/expression/replacement/flags\" must follow here%.*s", STR_NONE);
    return good;
}

static unsigned flags_of(struct pre *p, struct loc at, struct str flags, bool *all)
{
    unsigned out = 0;
    *all = false;
    for (size_t i = 0; i < flags.len; i++) {
        if (flags.p[i] == 'i')
            out |= REGEX_ICASE;
        else if (flags.p[i] == 'g')
            *all = true;
        else if (flags.p[i] != 's')
            pre_error(p, at, "unknown flag '%.*s' of a substitution: i, g and s are",
                      str_sub(flags, i, i + 1));
    }
    return out;
}

static void add(struct pre *p, struct loc at, const struct str part[3])
{
    char text[256];
    struct buf why;
    size_t place = 0;
    struct pre_subst *s = arena_zalloc(p->arena, sizeof *s), **end = &p->substs;
    buf_fixed(&why, text, sizeof text);
    if (!s) {
        p->no_memory = true;
        return;
    }
    unsigned flags = flags_of(p, at, part[2], &s->all);
    int rc = regex_compile(part[0], flags, &s->regex, &why, &place);
    if (rc == ERR_NOMEM)
        p->no_memory = true;
    else if (rc != ERR_OK)
        pre_error(p, at, "%.*s", buf_str(&why));
    if (rc != ERR_OK)
        return;
    s->with = part[1];
    while (*end)
        end = &(*end)->next;
    *end = s;
}

/* A text as a string of the script: in quotes, with what has a meaning in them escaped. */
static struct str in_quotes(struct pre *p, struct str s)
{
    struct buf b;
    buf_init(&b, p->arena, s.len + 8);
    buf_char(&b, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_char(&b, '\\');
        buf_char(&b, s.p[i]);
    }
    buf_char(&b, '"');
    p->no_memory |= b.failed;
    return buf_str(&b);
}

void pre_subst_line(struct pre *p, struct loc at, struct str rest, enum subst_how how)
{
    struct str part[3], text;
    if (!pre_quoted(&rest, &text)) {
        pre_error(p, at, "\"/expression/replacement/flags\" must follow here%.*s", STR_NONE);
        return;
    }
    text = rest.p[-1] == '"' ? source_unescape(p->arena, text) : text;
    if (!text.p) {
        p->no_memory = true;
        return;
    }
    if (!take_parts(p, at, text, part))
        return;
    if (how != SUBST_ONLY && !pre_is_name(part[0])) {
        pre_error(p, at, "'%.*s' is no name", part[0]);
        return;
    }
    if (how != SUBST_ONLY)
        pre_define(p, at, part[0], how == SUBST_TEXT ? in_quotes(p, part[1]) : part[1]);
    add(p, at, part);
}

void pre_env_line(struct pre *p, struct loc at, struct str rest, int how)
{
    ptrdiff_t equals = str_find(rest, '=', 0);
    struct str name = equals < 0 ? rest : str_trim(str_sub(rest, 0, (size_t)equals));
    struct str variable = equals < 0 ? rest : str_trim(str_sub(rest, (size_t)equals + 1, rest.len));
    struct str c_name = arena_printf(p->arena, "%.*s", STR_ARG(variable));
    if (!c_name.p) {
        p->no_memory = true;
        return;
    }
    if (!pre_is_name(name) || !variable.len) {
        pre_error(p, at, "NAME=VARIABLE must follow here%.*s", STR_NONE);
        return;
    }
    const char *value = getenv(c_name.p);
    if (!value && !(how & ENV_TRY)) {
        pre_error(p, at, "the environment has no variable %.*s", variable);
        diag_hint(p->diag, "#!trydefenv passes over a missing one");
    }
    if (!value)
        return;
    struct str copy = arena_dup(p->arena, str_from(value));
    p->no_memory |= !copy.p;
    pre_define(p, at, name, how & ENV_TEXT ? in_quotes(p, copy) : copy);
}

void pre_subst_free(struct pre *p)
{
    for (struct pre_subst *s = p->substs; s; s = s->next)
        regex_free(s->regex);
    p->substs = NULL;
}

/* ---- using them ---- */

static void add_replacement(struct buf *b, struct str with, const struct regex_match *m)
{
    for (size_t i = 0; i < with.len; i++) {
        char next = i + 1 < with.len ? with.p[i + 1] : 0;
        if (with.p[i] == '\\' && ascii_digit(next)) {
            buf_add(b, m->group[next - '0']);
            i++;
        } else {
            buf_char(b, with.p[i]);
        }
    }
}

static struct str apply(struct pre *p, const struct pre_subst *s, struct str text)
{
    struct regex_match m;
    struct buf b;
    size_t at = 0;
    if (!text.p)
        text = STR("");
    if (regex_find(s->regex, text, 0, &m) <= 0)
        return text;
    buf_init(&b, p->arena, text.len + s->with.len + 64);
    do {
        size_t found = (size_t)(m.group[0].p - text.p), end = found + m.group[0].len;
        buf_add(&b, str_sub(text, at, found));
        add_replacement(&b, s->with, &m);
        at = end;
        if (m.group[0].len == 0 && at < text.len)
            buf_char(&b, text.p[at++]); /* a match of nothing moves on by one */
        else if (m.group[0].len == 0)
            break;
    } while (s->all && b.len <= MAX_STRING && regex_find(s->regex, text, at, &m) > 0);
    buf_add(&b, str_sub(text, at, text.len));
    p->no_memory |= b.failed;
    return buf_str(&b);
}

void pre_substitute(struct pre *p, struct token *string)
{
    for (const struct pre_subst *s = p->substs; s; s = s->next)
        if (string->word.text.len <= MAX_STRING)
            string->word.text = apply(p, s, string->word.text);
}
