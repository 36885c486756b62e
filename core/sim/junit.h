/* Results of tests for CI, in the XML that JUnit made common. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_JUNIT_H
#define SIM_JUNIT_H

#include <stdio.h>

#include "core/base/str.h"

/* The head, one case after the other (failure empty: it passed), the end. */
void junit_begin(FILE *out);
void junit_case(FILE *out, struct str file, struct str name, double seconds, struct str failure);
void junit_end(FILE *out);

#endif
