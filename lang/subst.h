/* Substitutions: /regex/replacement/flags, compiled. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_SUBST_H
#define LANG_SUBST_H

#include "lang/regex.h"

/* A piece of the replacement: text, a group of the match, or a variable. */
struct subst_part {
    struct str text;
    const struct pv_ref *pv; /* or NULL */
    int8_t group;            /* 0-9, else -1 */
};

struct subst {
    const struct regex *regex;
    bool all; /* flag g */
    unsigned n;
    struct subst_part *part;
};

/* A text grown by replacements goes no further than this. */
enum { SUBST_MAX = 65535 };

#endif
