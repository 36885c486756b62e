/* Inside of the permissions module: rules read from files. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_PERMISSIONS_PRIV_H
#define MODULES_PERMISSIONS_PRIV_H

#include "core/module.h"

/* A list of expressions; without any it matches everything (ALL). */
struct patterns {
    struct patterns *next;
    const struct regex *regex;
};

/* FROM_LIST [EXCEPT LIST] : URI_LIST [EXCEPT LIST] */
struct rule {
    struct rule *next;
    const struct patterns *from, *from_except, *to, *to_except;
    bool except_from, except_to; /* an EXCEPT was there */
};

/* What an allow file and a deny file say. */
struct rules {
    const struct rule *allow, *deny;
};

/* Reads both files; one that is missing has no rules. A complaint in p->error otherwise. */
int permissions_read(struct prepare *p, struct str allow, struct str deny, struct rules *out);
/* Whether from may reach uri: an allow rule matches, or no deny rule does. */
bool permissions_allow(const struct rules *r, struct str from, struct str uri);

#endif
