/* SQL of a script with variables in it, taken apart when the script is loaded. Values are bound: a
 * quoted text that has variables becomes one ? with the whole text as its value, a variable by
 * itself becomes a ?. So nothing that a message says can be SQL. What cannot be bound, names of
 * tables and columns and pieces of numbers, is refused. */
/* SPDX-License-Identifier: MIT */
#include "modules/avpops/db.h"

enum { MAX_VALUES = 64 };

struct splitter {
    struct prepare *p;
    struct str in;
    size_t at;
    struct buf out;
    struct statement *to;
};

static int refuse(struct prepare *p, const char *what, struct str text)
{
    buf_printf(p->error, "%s: %.*s", what, STR_ARG(text));
    return ERR_INVALID;
}

static bool word_char(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || c == '_';
}

/* Where the quoted text that begins at s->at ends, behind its last quote; 0 when it does not. A
 * doubled quote is one of the text; so is one behind a backslash, as MySQL has it. */
static size_t quoted_end(const struct splitter *s)
{
    char quote = s->in.p[s->at];
    for (size_t i = s->at + 1; i < s->in.len; i++) {
        if (s->in.p[i] == '\\')
            i++;
        else if (s->in.p[i] == quote && i + 1 < s->in.len && s->in.p[i + 1] == quote)
            i++;
        else if (s->in.p[i] == quote)
            return i + 1;
    }
    return 0;
}

/* How long the variable at s->at is: $name, $name(...), $(...). */
static size_t variable_end(const struct splitter *s)
{
    size_t i = s->at + 1;
    unsigned depth = 0;
    while (i < s->in.len && (word_char(s->in.p[i]) || s->in.p[i] == '.'))
        i++;
    if (i == s->in.len || s->in.p[i] != '(') {
        while (i > s->at + 1 && s->in.p[i - 1] == '.')
            i--;
        return i;
    }
    for (; i < s->in.len; i++) {
        depth += s->in.p[i] == '(';
        depth -= s->in.p[i] == ')';
        if (depth == 0)
            return i + 1;
    }
    return s->in.len;
}

static struct sql_value *add_value(struct splitter *s)
{
    if (s->to->values == MAX_VALUES) {
        buf_printf(s->p->error, "a statement with more than %d values", MAX_VALUES);
        return NULL;
    }
    buf_char(&s->out, '?');
    return &s->to->value[s->to->values++];
}

/* The text between quotes, doubled and escaped ones resolved. */
static struct str inside(struct splitter *s, size_t end)
{
    struct str text = str_sub(s->in, s->at + 1, end - 1);
    char quote = s->in.p[s->at], *out = arena_alloc(s->p->arena, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < text.len; i++) {
        bool twice = i + 1 < text.len && text.p[i] == quote && text.p[i + 1] == quote;
        bool escaped = i + 1 < text.len && text.p[i] == '\\' &&
                       (text.p[i + 1] == quote || text.p[i + 1] == '\\');
        i += twice || escaped;
        out[n++] = text.p[i];
    }
    return str_make(out, n);
}

static int take_quoted(struct splitter *s)
{
    size_t end = quoted_end(s);
    if (end == 0)
        return refuse(s->p, "a quote that does not end", str_sub(s->in, s->at, s->in.len));
    struct str whole = str_sub(s->in, s->at, end);
    bool variables = str_find(whole, '$', 0) >= 0;
    if (variables && *whole.p == '`')
        return refuse(s->p, "a name cannot be a variable, only a value can", whole);
    if (!variables) {
        buf_add(&s->out, whole);
    } else {
        struct sql_value *v = add_value(s);
        struct str text = inside(s, end);
        if (!v || !text.p)
            return v ? ERR_NOMEM : ERR_LIMIT;
        int rc = prepare_format(s->p, text, &v->text);
        if (rc != ERR_OK)
            return rc;
    }
    s->at = end;
    return ERR_OK;
}

/* Whether a name must come next: behind FROM, INTO, UPDATE, JOIN, TABLE. */
static bool wants_name(struct str sql)
{
    static const char *const words[] = {"from", "into", "update", "join", "table"};
    struct str before = str_trim(sql);
    size_t n = before.len;
    while (n > 0 && word_char(before.p[n - 1]))
        n--;
    struct str word = str_sub(before, n, before.len);
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(word, str_from(words[i])))
            return true;
    return before.len == 0; /* the statement itself is the variable */
}

static int take_variable(struct splitter *s)
{
    size_t end = variable_end(s);
    struct str text = str_sub(s->in, s->at, end);
    char before = s->at ? s->in.p[s->at - 1] : ' ', behind = end < s->in.len ? s->in.p[end] : ' ';
    if (wants_name(buf_str(&s->out)))
        return refuse(s->p, "a table, or the statement, cannot be a variable, only a value can",
                      text);
    if (word_char(before) || before == '.' || word_char(behind) || behind == '$')
        return refuse(s->p, "a value is a whole word, or stands in quotes", text);
    struct sql_value *v = add_value(s);
    s->at = end;
    return v ? prepare_pv(s->p, text, &v->pv) : ERR_LIMIT;
}

int avpops_prepare_sql(struct prepare *p, struct str text, struct statement **out)
{
    struct statement *to = arena_zalloc(p->arena, sizeof *to);
    struct splitter s = {.p = p, .in = text, .to = to};
    int rc = ERR_OK;
    if (to)
        to->value = arena_zalloc(p->arena, MAX_VALUES * sizeof *to->value);
    if (!to || !to->value)
        return ERR_NOMEM;
    buf_init(&s.out, p->arena, text.len + 1);
    while (rc == ERR_OK && s.at < text.len) {
        char c = text.p[s.at];
        if (c == '?')
            return refuse(p, "a question mark outside of quotes stands for a value", text);
        if (c == '\'' || c == '"' || c == '`')
            rc = take_quoted(&s);
        else if (c == '$')
            rc = take_variable(&s);
        else
            buf_char(&s.out, text.p[s.at++]);
    }
    to->sql = buf_str(&s.out);
    *out = to;
    return rc == ERR_OK && s.out.failed ? ERR_NOMEM : rc;
}
