/* Findings about a script: collected while it is compiled, each with its place, printed with the
 * source line and a caret. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_DIAG_H
#define LANG_DIAG_H

#include <stdio.h>

#include "core/base/arena.h"

/* A stretch of source; lines and columns count from 1, columns in bytes. */
struct loc {
    uint16_t file; /* number of the source (see struct source) */
    uint32_t line, column;
    uint32_t end_line, end_column; /* one past the last byte */
};

/* A script's text with its name. */
struct source {
    struct str name; /* as the user wrote it */
    struct str text;
};

enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

struct finding {
    struct finding *next;
    enum diag_level level;
    const char *code; /* short name of a warning, or NULL */
    struct loc loc;
    struct str text;
    struct str hint; /* "did you mean ...", or empty */
};

enum { DIAG_MAX_SOURCES = 256 };

struct diag {
    struct arena arena;
    struct source sources[DIAG_MAX_SOURCES];
    unsigned n_sources;
    struct finding *first, **last;
    struct finding *newest; /* what diag_hint speaks to; NULL when it was not kept */
    unsigned errors, warnings, notes;
    bool today;          /* the script may be spelled as today's are: see lang/dialect.def */
    bool warn;           /* set by who wants warnings: a script without errors is looked through */
    bool colour;         /* diag_print writes for a terminal that has colours */
    unsigned max_errors; /* what comes later is counted, not kept; 0 means 200 */
};

/* What to say of a spelling that only today's scripts have. */
#define DIALECT_HINT "a script whose first line is #!KAMAILIO may have it"

/* No sources, no findings. */
void diag_init(struct diag *d);
/* Frees all it holds and leaves it as diag_init does. */
void diag_free(struct diag *d);
/* Registers a text whose places will be named; returns its number. name and text are copied. */
int diag_source(struct diag *d, struct str name, struct str text);
void diag_add(struct diag *d, enum diag_level level, const char *code, struct loc at,
              const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Adds a hint to the newest finding. */
void diag_hint(struct diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Whether further errors are only counted: no use in working out words and hints for them. */
bool diag_full(const struct diag *d);
/* All findings in the order of the source, "file:line:column: error: text", the source line and a
 * caret under it. */
void diag_print(const struct diag *d, FILE *out);
/* The same, a piece at a time: each finding as one text handed to put. */
void diag_each(const struct diag *d,
               void (*put)(void *user, const struct finding *f, struct str text), void *user);

#endif
