/* What a variable, an operand or an argument holds while a script runs. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_VALUE_H
#define LANG_VALUE_H

#include "core/base/arena.h"

/* A value may have a text, a number or both (LANGUAGE 7.2). No flag at all is null. */
enum value_flag {
    VAL_STR = 1,    /* s is set */
    VAL_INT = 2,    /* i is set */
    VAL_TYPED = 4,  /* int-typed: the number is what it is, the text only how it prints */
    VAL_PRINTS = 8, /* a number read from a variable: its decimals may stand where a text is asked
                       for, which those of a literal or a result may not (LANGUAGE 4.3, $rU) */
};

struct value {
    uint8_t flags;
    int32_t i;
    struct str s; /* lives as long as the run, or as what it was read from */
};

#define VALUE_NULL ((struct value){0, 0, {NULL, 0}})

static inline struct value value_int(int32_t i)
{
    return (struct value){VAL_INT | VAL_TYPED, i, {NULL, 0}};
}
static inline struct value value_str(struct str s)
{
    return (struct value){VAL_STR, 0, s};
}
/* A string that also has a number, as $rp (type S+i of the reference). */
static inline struct value value_both(struct str s, int32_t i)
{
    return (struct value){VAL_STR | VAL_INT, i, s};
}
static inline bool value_is_null(const struct value *v)
{
    return (v->flags & (VAL_STR | VAL_INT)) == 0;
}

/* Whether a text can be had of it where one is asked for. */
static inline bool value_has_text(const struct value *v)
{
    return (v->flags & (VAL_STR | VAL_PRINTS)) != 0;
}

enum { VALUE_TEXT = 12 };
/* The text of a value; a number without text is printed into buf (VALUE_TEXT bytes). Null gives an
 * empty str. */
struct str value_text(const struct value *v, char *buf);
/* Gives a number its text, made in a; no change when it has one or is null. ERR_NOMEM. */
int value_print(struct value *v, struct arena *a);
/* What a variable keeps of a value: a number when it is int-typed, else its text copied into a.
 * ERR_NOMEM. */
int value_store(struct value *out, const struct value *v, struct arena *a);
/* The number of a text made of digits only (DEVIATIONS 5). */
bool value_digits(const struct value *v, int64_t *out);

#endif
