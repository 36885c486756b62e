/* Requests for management commands, as the reference writes them (MODULES 1.31). */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/mi.h"

/* Where reading has come to. */
struct reader {
    struct str text;
    size_t at;
    bool whole;
};

/* The next line without its end. ERR_STATE when it is not complete. */
static int next_line(struct reader *r, struct str *line)
{
    ptrdiff_t end = str_find(r->text, '\n', r->at);
    if (end < 0 && !(r->whole && r->at < r->text.len))
        return ERR_STATE;
    size_t to = end < 0 ? r->text.len : (size_t)end;
    *line = str_sub(r->text, r->at, to);
    r->at = end < 0 ? to : to + 1;
    if (line->len && line->p[line->len - 1] == '\r')
        line->len--;
    return ERR_OK;
}

/* Only such names are names, so that a value may hold "::" (an IPv6 address does). */
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && s.p[i] != '_' && s.p[i] != '-')
            return false;
    return s.len > 0;
}

/* Takes \" and \\ back. */
static int unescape(struct arena *a, struct str *s)
{
    if (str_find(*s, '\\', 0) < 0)
        return ERR_OK;
    char *out = arena_alloc(a, s->len);
    size_t n = 0;
    if (!out)
        return ERR_NOMEM;
    for (size_t i = 0; i < s->len; i++) {
        bool escape = s->p[i] == '\\' && i + 1 < s->len;
        if (escape && (s->p[i + 1] == '"' || s->p[i + 1] == '\\'))
            i++;
        out[n++] = s->p[i];
    }
    *s = str_make(out, n);
    return ERR_OK;
}

/* A value in quotes, from the byte behind the first one on; may span lines, and nothing but blanks
 * follows it in its last one. */
static int read_quoted(struct reader *r, struct arena *a, size_t from, struct str *value)
{
    size_t i = from;
    struct str rest;
    while (i < r->text.len && r->text.p[i] != '"')
        i += r->text.p[i] == '\\' ? 2 : 1;
    if (i >= r->text.len)
        return r->whole ? ERR_SYNTAX : ERR_STATE;
    *value = str_sub(r->text, from, i);
    r->at = i + 1;
    int rc = next_line(r, &rest);
    if (rc != ERR_OK && !(r->whole && r->at == r->text.len))
        return rc;
    if (rc == ERR_OK && str_trim(rest).len)
        return ERR_SYNTAX;
    return unescape(a, value);
}

static int read_argument(struct reader *r, struct arena *a, struct str line, struct mi_request *out)
{
    struct mi_argument arg = {.value = str_trim(line)};
    ptrdiff_t colons = str_search(arg.value, STR("::"), 0);
    if (out->args == MI_ARGS_MAX)
        return ERR_LIMIT;
    if (colons > 0 && is_name(str_sub(arg.value, 0, (size_t)colons))) {
        arg.name = str_sub(arg.value, 0, (size_t)colons);
        arg.value = str_trim(str_sub(arg.value, (size_t)colons + 2, arg.value.len));
    }
    if (arg.value.len && arg.value.p[0] == '"') {
        int rc = read_quoted(r, a, (size_t)(arg.value.p + 1 - r->text.p), &arg.value);
        if (rc != ERR_OK)
            return rc;
    }
    out->arg[out->args++] = arg;
    return ERR_OK;
}

/* ":command:reply" */
static int read_head(struct mi_request *out, struct str line)
{
    ptrdiff_t colon = line.len && line.p[0] == ':' ? str_find(line, ':', 1) : -1;
    if (colon < 0)
        return ERR_SYNTAX;
    out->command = str_trim(str_sub(line, 1, (size_t)colon));
    out->reply = str_trim(str_sub(line, (size_t)colon + 1, line.len));
    return out->command.len ? ERR_OK : ERR_SYNTAX;
}

/* The arguments, to the empty line or the end. */
static int read_arguments(struct reader *r, struct arena *a, struct mi_request *out)
{
    struct str line;
    while (!r->whole || r->at < r->text.len) {
        int rc = next_line(r, &line);
        if (rc == ERR_OK && line.len == 0)
            return ERR_OK;
        if (rc == ERR_OK)
            rc = read_argument(r, a, line, out);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* How much a refused request takes with it: all to the next empty line, or all there is. */
static size_t to_throw_away(struct str text, size_t from)
{
    ptrdiff_t end = str_search(text, STR("\n\n"), from ? from - 1 : 0);
    return end < 0 ? text.len : (size_t)end + 2;
}

int mi_parse(struct mi_request *out, struct arena *a, struct str text, bool whole, size_t *used)
{
    struct reader r = {.text = text, .whole = whole};
    struct str line = STR_NONE;
    *used = 0;
    out->command = out->reply = STR_NONE;
    out->args = 0;
    do { /* a client that ends its request with one empty line more does no harm */
        int rc = next_line(&r, &line);
        if (rc == ERR_STATE && text.len - r.at > MI_COMMAND_MAX)
            rc = ERR_LIMIT;
        if (rc != ERR_OK) {
            *used = rc == ERR_STATE ? r.at : text.len;
            return rc;
        }
    } while (line.len == 0);
    int rc = line.len > MI_COMMAND_MAX ? ERR_LIMIT : read_head(out, line);
    if (rc == ERR_OK)
        rc = read_arguments(&r, a, out);
    if (rc == ERR_STATE && text.len >= MI_REQUEST_MAX)
        rc = ERR_LIMIT;
    if (rc == ERR_OK)
        *used = r.at;
    else if (rc != ERR_STATE)
        *used = to_throw_away(text, r.at);
    return rc;
}
