/* Transformations of the classes param (a=1;b="x y") and nameaddr ("Name" <uri>). */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/transform.h"

/* ---- parameter lists ---- */

struct param {
    struct str name, value;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct str *s)
{
    while (s->len && is_blank(s->p[0]))
        *s = str_make(s->p + 1, s->len - 1);
}

/* Takes what stands before a blank or one of stops off the front of s. */
static struct str take_token(struct str *s, const char *stops)
{
    size_t n = 0;
    while (n < s->len && !is_blank(s->p[n]) && !(s->p[n] && strchr(stops, s->p[n])))
        n++;
    struct str token = str_sub(*s, 0, n);
    *s = str_make(s->p + n, s->len - n);
    return token;
}

/* The text of a quoted value, without its quotes; a backslash keeps a quote from ending it. */
static int take_quoted(struct str *s, struct str *out)
{
    size_t n = 1;
    while (n < s->len && s->p[n] != '"')
        n += s->p[n] == '\\' ? 2 : 1;
    if (n >= s->len)
        return ERR_SYNTAX;
    *out = str_make(s->p + 1, n - 1);
    *s = str_make(s->p + n + 1, s->len - n - 1);
    return ERR_OK;
}

static int take_value(struct str *s, struct str *out)
{
    skip_blanks(s);
    if (s->len && s->p[0] == '"')
        return take_quoted(s, out);
    *out = take_token(s, ",;");
    return out->len ? ERR_OK : ERR_SYNTAX;
}

/* Takes one parameter off s: 1, 0 at the end of the list, or an error. A comma ends the list. */
static int take_param(struct str *s, struct param *out)
{
    skip_blanks(s);
    if (s->len == 0 || s->p[0] == ',')
        return 0;
    *out = (struct param){.name = take_token(s, "=;,")};
    skip_blanks(s);
    if (out->name.len == 0)
        return ERR_SYNTAX;
    if (s->len && s->p[0] == '=') {
        *s = str_make(s->p + 1, s->len - 1);
        int rc = take_value(s, &out->value);
        if (rc != ERR_OK)
            return rc;
        skip_blanks(s);
    }
    if (s->len == 0 || s->p[0] == ',')
        return 1;
    if (s->p[0] != ';')
        return ERR_SYNTAX;
    *s = str_make(s->p + 1, s->len - 1);
    skip_blanks(s);
    return s->len ? 1 : ERR_SYNTAX; /* a semicolon announces a parameter */
}

/* The list without one last semicolon, which is forgiven. */
static struct str param_list(struct str s)
{
    return s.len && s.p[s.len - 1] == ';' ? str_sub(s, 0, s.len - 1) : s;
}

/* Counts the parameters and so proves the list well-formed; < 0 when it is not. */
static int count_params(struct str s)
{
    struct param one;
    int n = 0, rc;
    while ((rc = take_param(&s, &one)) == 1)
        n++;
    return rc < 0 ? rc : n;
}

static void set_text(struct value *v, struct str s)
{
    *v = value_str(s.p ? s : STR(""));
}

/* Of parameters with one name the last one counts, as in the reference. */
int tr_param_value(const struct transform_use *u, struct value *v)
{
    struct str s = param_list(u->in), found = STR_NONE;
    struct param one;
    if (count_params(s) < 0)
        return ERR_SYNTAX;
    while (take_param(&s, &one) == 1)
        if (str_ieq(one.name, u->param[0].s))
            found = one.value;
    set_text(v, found);
    return ERR_OK;
}

int tr_param_at(const struct transform_use *u, struct value *v)
{
    struct str s = param_list(u->in);
    struct param one = {STR_NONE, STR_NONE};
    int count = count_params(s);
    if (count < 0)
        return count;
    int64_t n = u->param[0].i;
    if (n < 0)
        n += count;
    if (n >= 0 && n < count)
        for (int64_t i = 0; i <= n; i++)
            take_param(&s, &one);
    set_text(v, u->code == PARAM_NAME ? one.name : one.value);
    return ERR_OK;
}

int tr_param_count(const struct transform_use *u, struct value *v)
{
    int count = count_params(param_list(u->in));
    if (count >= 0)
        *v = value_int(count);
    return count < 0 ? count : ERR_OK;
}

/* ---- "Name" <uri> ---- */

/* Position of c outside quotes, from start on; -1 when absent. */
static ptrdiff_t find_unquoted(struct str s, char c, size_t start)
{
    bool quoted = false;
    for (size_t i = start; i < s.len; i++) {
        if (quoted && s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.p[i] == c)
            return (ptrdiff_t)i;
    }
    return -1;
}

int tr_nameaddr(const struct transform_use *u, struct value *v)
{
    ptrdiff_t open = find_unquoted(u->in, '<', 0);
    ptrdiff_t close = open < 0 ? -1 : find_unquoted(u->in, '>', (size_t)open);
    if (u->code == NAMEADDR_LEN) {
        *v = value_int((int32_t)(close + 1));
        return ERR_OK;
    }
    if (close < 0)
        return ERR_SYNTAX;
    set_text(v, u->code == NAMEADDR_NAME ? str_sub(u->in, 0, (size_t)open)
                                         : str_sub(u->in, (size_t)open + 1, (size_t)close));
    return ERR_OK;
}
