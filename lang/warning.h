/* Warnings: their codes and texts, comments that silence one, and what -W makes of them. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_WARNING_H
#define LANG_WARNING_H

#include "lang/diag.h"

enum warning {
#define WARNING(id, code, why, example, mend) WARN_##id,
#include "lang/warning.def"
#undef WARNING
    WARNINGS
};

/* What "signalbox explain" shows of one. */
struct warning_text {
    const char *code, *why; /* short name, one sentence */
    const char *example;    /* a script that gets it */
    const char *mend;       /* the same script without it */
};

/* Of one of WARN_..., not of WARNINGS. */
const struct warning_text *warning_text(enum warning w);
/* The warning with that code, or WARNINGS. */
enum warning warning_find(struct str code);
/* The code most like this one, or NULL. */
const char *warning_like(struct str code);

/* What becomes of each warning. */
enum warning_fate { WARNING_SHOWN, WARNING_ERROR, WARNING_OFF };
struct warning_policy {
    uint8_t fate[WARNINGS]; /* enum warning_fate */
};

/* Takes "error", "none", "all" or CODE=error, CODE=off, CODE=on; false when it is none of them. */
bool warning_policy_add(struct warning_policy *p, struct str text);
/* Turns warnings into errors or takes them out, and counts anew. */
void warning_policy_apply(const struct warning_policy *p, struct diag *d);
/* Takes out the warnings whose line says "check: ignore CODE" in a comment. */
void warning_silence(struct diag *d);

/* Findings as JSON, one object a line: file line column endLine endColumn level code text hint. */
void diag_print_json(const struct diag *d, FILE *out);

#endif
