/* Inside of the preprocessor: what source_pre.c (files, names, conditions) and source_subst.c
 * (replacing in strings, the environment) share. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_SOURCE_PRE_H
#define LANG_SOURCE_PRE_H

#include "lang/source.h"

/* ---- source_pre.c ---- */

/* An error; the text has one %.*s, for name. */
void pre_error(struct pre *p, struct loc at, const char *text, struct str name);
/* Whether s is a name and nothing else. */
bool pre_is_name(struct str s);
/* Cuts a text in quotes off: *out is what stands in them, rest goes on behind the closing one. */
bool pre_quoted(struct str *rest, struct str *out);
/* From here on the name stands for the value; an error when it stands for something already. */
void pre_define(struct pre *p, struct loc at, struct str name, struct str value);

/* ---- source_subst.c ---- */

/* #!subst replaces in strings; #!substdef also makes a name of it, #!substdefs one of a string. */
enum subst_how { SUBST_ONLY, SUBST_NAME, SUBST_TEXT };
void pre_subst_line(struct pre *p, struct loc at, struct str rest, enum subst_how how);
/* #!defenv NAME=VARIABLE, or NAME for both: flags whether the value is a string, and whether a
 * missing variable is passed over. */
enum { ENV_TEXT = 1, ENV_TRY = 2 };
void pre_env_line(struct pre *p, struct loc at, struct str rest, int how);
/* Makes all replacements in a string, in the order of the script. */
void pre_substitute(struct pre *p, struct token *string);
/* Frees what the lines made. */
void pre_subst_free(struct pre *p);

#endif
