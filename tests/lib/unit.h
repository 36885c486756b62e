/* What every unit test begins with: cmocka, which wants these headers before it. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "core/base/str.h"

/* Compares a str with a C string. */
#define assert_str(actual, expected)                                                               \
    do {                                                                                           \
        struct str unit_s = (actual);                                                              \
        assert_int_equal(unit_s.len, strlen(expected));                                            \
        assert_memory_equal(unit_s.len ? unit_s.p : "", expected, unit_s.len);                     \
    } while (0)

#endif
