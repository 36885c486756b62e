/* From the checked AST to bytecode. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_GEN_H
#define LANG_GEN_H

#include "lang/program_priv.h"

struct script; /* lang/ast.h */

/* Writes code, lines, routes and constants of p, and takes the regular expressions out of env and
 * the sources out of d. The AST must have been checked without error. ERR_OK, ERR_NOMEM, or
 * ERR_LIMIT for a script too large. */
int gen_program(struct program *p, const struct script *ast, struct prepare_env *env,
                const struct diag *d);

#endif
