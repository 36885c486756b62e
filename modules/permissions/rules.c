/* Rule files: FROM_LIST [EXCEPT LIST] : URI_LIST [EXCEPT LIST], a rule a line. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "modules/permissions/priv.h"

enum { LINE_BYTES = 4096 };

/* ---- reading ---- */

static bool take_word(struct str *rest, const char *word)
{
    struct str w = str_from(word);
    *rest = str_trim(*rest);
    if (!str_starts(*rest, w))
        return false;
    *rest = str_sub(*rest, w.len, rest->len);
    return true;
}

/* An expression in double quotes. */
static int take_pattern(struct prepare *p, struct str *rest, const struct patterns **list)
{
    *rest = str_trim(*rest);
    ptrdiff_t end = rest->len && rest->p[0] == '"' ? str_find(*rest, '"', 1) : -1;
    struct patterns *one = arena_zalloc(p->arena, sizeof *one);
    if (!one)
        return ERR_NOMEM;
    if (end < 0)
        return ERR_SYNTAX;
    int rc = prepare_regex(p, str_sub(*rest, 1, (size_t)end), true, &one->regex);
    *rest = str_sub(*rest, (size_t)end + 1, rest->len);
    one->next = (struct patterns *)(uintptr_t)*list;
    *list = one;
    return rc;
}

/* ALL, or expressions with commas between them. */
static int take_list(struct prepare *p, struct str *rest, const struct patterns **list)
{
    if (take_word(rest, "ALL"))
        return ERR_OK;
    int rc;
    do
        rc = take_pattern(p, rest, list);
    while (rc == ERR_OK && take_word(rest, ","));
    return rc;
}

static int take_side(struct prepare *p, struct str *rest, const struct patterns **list,
                     const struct patterns **except, bool *has_except)
{
    int rc = take_list(p, rest, list);
    *has_except = rc == ERR_OK && take_word(rest, "EXCEPT");
    return *has_except ? take_list(p, rest, except) : rc;
}

static int read_rule(struct prepare *p, struct str line, struct rule *r)
{
    struct str rest = line;
    int rc = take_side(p, &rest, &r->from, &r->from_except, &r->except_from);
    if (rc == ERR_OK && !take_word(&rest, ":"))
        rc = ERR_SYNTAX;
    if (rc == ERR_OK)
        rc = take_side(p, &rest, &r->to, &r->to_except, &r->except_to);
    rest = str_trim(rest);
    return rc == ERR_OK && rest.len && rest.p[0] != '#' ? ERR_SYNTAX : rc;
}

static int read_line(struct prepare *p, struct str name, unsigned number, struct str line,
                     const struct rule ***last)
{
    struct rule *r;
    if (line.len == 0 || line.p[0] == '#')
        return ERR_OK;
    r = arena_zalloc(p->arena, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    int rc = read_rule(p, line, r);
    if (rc == ERR_SYNTAX && p->error->len == 0)
        buf_printf(p->error, "%.*s, line %u: a rule is written \"from\" : \"uri\"", STR_ARG(name),
                   number);
    **last = r;
    *last = (const struct rule **)&r->next;
    return rc;
}

static int read_file(struct prepare *p, struct str name, const struct rule **first)
{
    char bytes[LINE_BYTES];
    struct str path = prepare_path(p, name);
    FILE *f = path.p ? fopen(path.p, "r") : NULL;
    int rc = ERR_OK;
    if (!f && path.p && errno == ENOENT)
        return ERR_OK;
    if (!f) {
        buf_printf(p->error, "cannot read %.*s: %s", STR_ARG(path), strerror(errno));
        return ERR_IO;
    }
    for (unsigned n = 1; rc == ERR_OK && fgets(bytes, sizeof bytes, f); n++)
        rc = read_line(p, path, n, str_trim(str_from(bytes)), &first);
    fclose(f);
    return rc;
}

int permissions_read(struct prepare *p, struct str allow, struct str deny, struct rules *out)
{
    *out = (struct rules){NULL, NULL};
    int rc = read_file(p, allow, &out->allow);
    return rc == ERR_OK ? read_file(p, deny, &out->deny) : rc;
}

/* ---- asking ---- */

static bool in_list(const struct patterns *list, struct str text)
{
    struct regex_match m;
    if (!list)
        return true; /* ALL */
    for (; list; list = list->next)
        if (regex_find(list->regex, text, 0, &m) > 0)
            return true;
    return false;
}

static bool matches(const struct rule *r, struct str from, struct str uri)
{
    return in_list(r->from, from) && !(r->except_from && in_list(r->from_except, from)) &&
           in_list(r->to, uri) && !(r->except_to && in_list(r->to_except, uri));
}

static bool any_matches(const struct rule *r, struct str from, struct str uri)
{
    while (r && !matches(r, from, uri))
        r = r->next;
    return r != NULL;
}

bool permissions_allow(const struct rules *r, struct str from, struct str uri)
{
    return any_matches(r->allow, from, uri) || !any_matches(r->deny, from, uri);
}

struct str permissions_uri(struct arena *a, struct str text)
{
    struct uri u;
    if (uri_parse(&u, text) != ERR_OK)
        return STR_NONE;
    if (u.host.len == 0)
        return text; /* tel and the like */
    if (u.user.len == 0)
        return arena_printf(a, "%.*s:%.*s", STR_ARG(u.scheme_text), STR_ARG(u.host));
    return arena_printf(a, "%.*s:%.*s@%.*s", STR_ARG(u.scheme_text), STR_ARG(u.user),
                        STR_ARG(u.host));
}
