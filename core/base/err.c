/* Texts of the error codes. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"

const char *err_text(int code)
{
    switch (code) {
#define X(name, value, text)                                                                       \
    case value:                                                                                    \
        return text;
        ERR_LIST(X)
#undef X
    }
    return "unknown error";
}
