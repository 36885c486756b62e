/* Inside of the textops module: its functions by file, and places in a message. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_TEXTOPS_PRIV_H
#define MODULES_TEXTOPS_PRIV_H

#include "core/module.h"

/* A function as scripts call it. What each does stands in its row in textops.c. */
typedef int script_function(struct call *c, const struct arg *args, unsigned n);

/* search.c */
script_function textops_search, textops_search_body, textops_search_append,
    textops_search_append_body, textops_replace, textops_replace_all, textops_replace_body,
    textops_replace_body_all;

/* subst.c */
script_function textops_subst, textops_subst_body, textops_subst_uri, textops_subst_user;

/* header.c */
script_function textops_append_hf, textops_insert_hf, textops_append_urihf, textops_remove_hf,
    textops_is_present_hf, textops_append_to_reply, textops_append_time;

/* test.c */
script_function textops_is_method, textops_has_body, textops_is_privacy;
/* Compile the method list and the privacy value of those. */
int textops_prepare_method(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int textops_prepare_privacy(struct prepare *p, unsigned argn, struct str text, struct arg *out);

/* multipart.c */
script_function textops_filter_body;

/* Offset of a piece of the message in its bytes. */
static inline size_t offset_of(const struct call *c, const char *p)
{
    return (size_t)(p - c->msg->raw.p);
}

/* Headers and body: all behind the first line. */
static inline struct str behind_first_line(const struct msg *m)
{
    const char *from = m->hdr[0].line.p;
    return str_make(from, (size_t)(m->raw.p + m->raw.len - from));
}

#endif
