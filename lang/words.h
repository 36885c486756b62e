/* All words of the language with a sentence each, for help texts and manuals: keywords, the
 * language's own variables, transformations, global parameters, #! lines. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_WORDS_H
#define LANG_WORDS_H

#include <stdbool.h>

struct word {
    const char *name; /* as it is looked for: "if", "s.len", "rc", "children" */
    const char *kind; /* "keyword", "variable", "transformation", ... */
    const char *form; /* how it stands in a script */
    const char *doc;  /* one sentence */
    char text[160];   /* form points in here */
};

/* Word number i, from 0; false behind the last. */
bool word_at(unsigned i, struct word *out);

#endif
