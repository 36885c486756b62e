/* Error codes of the whole program, with their texts. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* One row a code: name, value, text. Functions return 0 (ERR_OK) or one of these negative values.
 */
#define ERR_LIST(X)                                                                                \
    X(OK, 0, "success")                                                                            \
    X(NOMEM, -1, "out of memory")                                                                  \
    X(SYNTAX, -2, "malformed input")                                                               \
    X(LIMIT, -3, "a limit was reached")                                                            \
    X(NOTFOUND, -4, "not found")                                                                   \
    X(EXISTS, -5, "exists already")                                                                \
    X(INVALID, -6, "invalid argument")                                                             \
    X(IO, -7, "input/output error")                                                                \
    X(STATE, -8, "not possible in this state")                                                     \
    X(UNSUPPORTED, -9, "not supported")                                                            \
    X(NOROUTE, -10, "no way to that destination")                                                  \
    X(TIMEOUT, -11, "no answer in time")                                                           \
    X(FULL, -12, "no room for more")

enum err {
#define X(name, value, text) ERR_##name = value,
    ERR_LIST(X)
#undef X
};

/* The text of a code, never NULL; "unknown error" for a number that is none of ours. */
const char *err_text(int code);

#endif
