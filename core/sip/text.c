/* Character classes of RFC 3261 25.1 and small steps over text. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/text.h"

/* unreserved and what many classes share */
#define MARK (CH_USER | CH_PASS | CH_PARAM | CH_HEADER | CH_VIA_VALUE)
#define WORD (MARK | CH_TOKEN)
#define ALNUM (WORD | CH_HOST | CH_SCHEME)

const uint16_t sip_class[256] = {
    ['\t'] = CH_BLANK,
    ['\n'] = CH_BLANK,
    ['\r'] = CH_BLANK,
    [' '] = CH_BLANK,
    ['0' ... '9'] = ALNUM | CH_TEL,
    ['G' ... 'Z'] = ALNUM,
    ['g' ... 'z'] = ALNUM,
    ['A' ... 'F'] = ALNUM | CH_TEL,
    ['a' ... 'f'] = ALNUM | CH_TEL,
    ['-'] = WORD | CH_HOST | CH_TEL | CH_SCHEME,
    ['.'] = WORD | CH_HOST | CH_TEL | CH_SCHEME,
    ['_'] = WORD | CH_HOST,
    ['!'] = WORD,
    ['~'] = WORD,
    ['*'] = WORD | CH_TEL,
    ['\''] = WORD,
    ['('] = MARK | CH_TEL,
    [')'] = MARK | CH_TEL,
    ['%'] = CH_TOKEN | CH_VIA_VALUE,
    ['`'] = CH_TOKEN | CH_VIA_VALUE,
    ['+'] = CH_TOKEN | MARK | CH_TEL | CH_SCHEME,
    ['&'] = MARK,
    ['='] = MARK, /* in values of parameters it is common */
    ['$'] = MARK,
    [','] = CH_USER | CH_PASS,
    [';'] = CH_USER,
    ['?'] = CH_USER | CH_HEADER | CH_VIA_VALUE,
    ['/'] = CH_USER | CH_PARAM | CH_HEADER | CH_VIA_VALUE,
    ['['] = CH_PARAM | CH_HEADER | CH_VIA_VALUE,
    [']'] = CH_PARAM | CH_HEADER | CH_VIA_VALUE,
    [':'] = CH_PARAM | CH_HEADER | CH_VIA_VALUE,
    /* RFC 3261 wants %23 in a user part, yet telephones send star codes with a plain '#' */
    ['#'] = CH_USER | CH_TEL | CH_VIA_VALUE,
    ['"'] = CH_VIA_VALUE,
    ['<'] = CH_VIA_VALUE,
    ['>'] = CH_VIA_VALUE,
    ['@'] = CH_VIA_VALUE,
    ['\\'] = CH_VIA_VALUE,
    ['^'] = CH_VIA_VALUE,
    ['{' ... '}'] = CH_VIA_VALUE,
    [0x7f ... 0xff] = CH_VIA_VALUE,
};

const char *quoted_end(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\' && ++p == end)
            break;
    }
    return NULL;
}

bool text_is(struct str s, unsigned classes)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '%') {
            if (s.len - i < 3 || ascii_hex(s.p[i + 1]) < 0 || ascii_hex(s.p[i + 2]) < 0)
                return false;
            i += 2;
        } else if (!char_is(s.p[i], classes)) {
            return false;
        }
    }
    return true;
}
