/* Formats: texts with pseudo-variables in them, compiled. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_FORMAT_H
#define LANG_FORMAT_H

#include "lang/pv.h"

/* A stretch of text, or a variable. */
struct format_part {
    struct str text;
    const struct pv_ref *pv; /* NULL for text */
};

struct format {
    struct str text; /* as written */
    unsigned n;
    struct format_part part[];
};

/* Longer results are refused. */
enum { FORMAT_MAX = 65535 };

#endif
