/* Substitutions, on the message and on the R-URI. */
/* SPDX-License-Identifier: MIT */
#include "modules/textops/priv.h"

static int replace_piece(void *user, struct str piece, struct str with)
{
    struct call *c = user;
    return edits_replace(&c->edits, c->arena, offset_of(c, piece.p), piece.len, with) ? ERR_OK
                                                                                      : ERR_NOMEM;
}

static int subst_in(struct call *c, struct str text, const struct arg *args)
{
    if (!text.len)
        return -1;
    return subst_each(args[0].obj, text, c, call_host(), replace_piece, c) > 0 ? 1 : -1;
}

int textops_subst(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return subst_in(c, behind_first_line(c->msg), args);
}

int textops_subst_body(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return subst_in(c, c->msg->body, args);
}

int textops_subst_uri(struct call *c, const struct arg *args, unsigned n)
{
    struct str text;
    (void)n;
    if (subst_apply(args[0].obj, c->target.uri, c, call_host(), &text) <= 0)
        return -1;
    return text.len && call_set_uri(c, text) == ERR_OK ? 1 : -1;
}

int textops_subst_user(struct call *c, const struct arg *args, unsigned n)
{
    const struct uri *u = call_uri(c);
    struct str text;
    (void)n;
    if (!u || subst_apply(args[0].obj, u->user, c, call_host(), &text) <= 0)
        return -1;
    return call_rewrite(c, PART_USER, text) == ERR_OK ? 1 : -1;
}
