/* Rows of struct param_spec as modules write them. Each names a member of the module's
 * configuration, whose type a module says once, before its rows:
 *
 *     #define PARAM_CONF struct conf
 *
 * What else a row has may follow the sentence: PARAM_NUMBER(..., "How long.", .unit = "s").
 */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_PARAMS_H
#define LANG_PARAMS_H

#include "lang/host.h"

/* Any row that is stored in a member; the others are written with it. */
#define PARAM_ROW(name_, type_, field_, doc_, ...)                                                 \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(PARAM_CONF, field_), .doc = doc_,         \
        __VA_ARGS__                                                                                \
    }

/* A number from least to most in an int32_t. */
#define PARAM_NUMBER(name_, field_, least, most, number_, doc_, ...)                               \
    PARAM_ROW(name_, PARAM_INT, field_, doc_, .min = least, .max = most, .number = number_,        \
              __VA_ARGS__)

/* 1 or 0 in an int32_t. */
#define PARAM_SWITCH(name_, field_, number_, doc_, ...)                                            \
    PARAM_NUMBER(name_, field_, 0, 1, number_, doc_, __VA_ARGS__)

/* The number of a flag of messages or branches in an int32_t; -1, which is none, until it is set.
 */
#define PARAM_FLAG(name_, field_, doc_, ...)                                                       \
    PARAM_NUMBER(name_, field_, -1, 31, -1, doc_, __VA_ARGS__)

/* A text in a struct str; text is what it holds until it is set, NULL for nothing. */
#define PARAM_STRING(name_, field_, text_, doc_, ...)                                              \
    PARAM_ROW(name_, PARAM_STR, field_, doc_, .text = text_, __VA_ARGS__)

/* A number or a text that set gets, each time it is given. */
#define PARAM_SET(name_, type_, set_, doc_)                                                        \
    {                                                                                              \
        .name = name_, .type = type_, .set = set_, .doc = doc_                                     \
    }

/* Taken from old scripts and not looked at; doc says why. */
#define PARAM_OLD(name_, type_, doc_)                                                              \
    {                                                                                              \
        .name = name_, .type = type_, .ignored = true, .doc = doc_                                 \
    }

#endif
