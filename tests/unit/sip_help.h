/* What the tests of core/sip share: messages from text, comparison of slices. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_HELP_H
#define SIP_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "core/sip/build.h"

#define assert_str(slice, text) check_str((slice), (text), __FILE__, __LINE__)

static inline void check_str(struct str got, const char *want, const char *file, int line)
{
    if (str_eq(got, str_from(want)))
        return;
    print_error("got  \"%.*s\"\nwant \"%s\"\n", STR_ARG(got), want);
    _fail(file, line);
}

/* Scans text into m with the arena; CRLF must be in the text. */
static inline int scan_text(struct msg *m, struct arena *a, const char *text)
{
    return msg_scan(m, a, str_from(text));
}

#define HEAD(method)                                                                               \
    method " sip:bob@example.com SIP/2.0\r\n"                                                      \
           "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n"
#define REST(method)                                                                               \
    "From: <sip:alice@example.com>;tag=f1\r\n"                                                     \
    "To: <sip:bob@example.com>\r\n"                                                                \
    "Call-ID: c1@host\r\n"                                                                         \
    "CSeq: 7 " method "\r\n"

#endif
