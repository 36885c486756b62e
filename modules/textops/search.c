/* Expressions over the received bytes: finding, adding behind, replacing. All of them see the
 * message as it came in, not what earlier edits made of it. */
/* SPDX-License-Identifier: MIT */
#include "modules/textops/priv.h"

static int search_in(struct str text, const struct arg *args)
{
    struct regex_match m;
    return text.len && regex_find(args[0].obj, text, 0, &m) > 0 ? 1 : -1;
}

int textops_search(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return search_in(c->msg->raw, args);
}

int textops_search_body(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return search_in(c->msg->body, args);
}

static int append_in(struct call *c, struct str text, const struct arg *args)
{
    struct regex_match m;
    if (!text.len || regex_find(args[0].obj, text, 0, &m) <= 0)
        return -1;
    size_t at = offset_of(c, m.group[0].p) + m.group[0].len;
    return edits_insert(&c->edits, c->arena, at, args[1].v.s, EDIT_PLAIN) ? 1 : -1;
}

int textops_search_append(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return append_in(c, behind_first_line(c->msg), args);
}

int textops_search_append_body(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return append_in(c, c->msg->body, args);
}

static bool put(struct call *c, struct str piece, const struct arg *args)
{
    return edits_replace(&c->edits, c->arena, offset_of(c, piece.p), piece.len, args[1].v.s);
}

static int replace_first(struct call *c, struct str text, const struct arg *args)
{
    struct regex_match m;
    if (!text.len || regex_find(args[0].obj, text, 0, &m) <= 0)
        return -1;
    return put(c, m.group[0], args) ? 1 : -1;
}

/* An empty match ends the work as a failure; what was replaced before it stays replaced. */
static int replace_every(struct call *c, struct str text, const struct arg *args)
{
    struct regex_match m;
    int result = -1;
    for (size_t at = 0; at < text.len && regex_find(args[0].obj, text, at, &m) > 0; result = 1) {
        if (m.group[0].len == 0 || !put(c, m.group[0], args))
            return -1;
        at = (size_t)(m.group[0].p - text.p) + m.group[0].len;
    }
    return result;
}

int textops_replace(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return replace_first(c, behind_first_line(c->msg), args);
}

int textops_replace_all(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return replace_every(c, behind_first_line(c->msg), args);
}

int textops_replace_body(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return replace_first(c, c->msg->body, args);
}

int textops_replace_body_all(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return replace_every(c, c->msg->body, args);
}
