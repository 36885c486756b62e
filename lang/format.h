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
    struct str text;  /* as written */
    unsigned n, gaps; /* parts, and those of them that are variables */
    size_t length;    /* of the texts between them */
    struct format_part part[];
};

enum {
    FORMAT_MAX = 65535,    /* longer results are refused */
    FORMAT_MAX_GAPS = 1000 /* so many variables can one text have */
};

/* The text with a value in each gap, in the order of the gaps: a number in decimals, null as
 * <null>, a failed one (VAL_FAILED) as nothing. Made in a, or the text of the only value there is.
 * ERR_LIMIT when it is too long, ERR_NOMEM. */
int format_join(const struct format *f, const struct value *values, struct arena *a,
                struct str *out);

#endif
