/* From POSIX basic regular expressions, with what GNU adds, to extended ones: where a character is
 * an operator with a backslash in one, it is so without in the other.
 *
 *   basic                       extended
 *   \( \) \{ \} \+ \? \|        ( ) { } + ? |
 *   ( ) { } + ? |               with a backslash
 *   * at the beginning          \*
 *   ^ not at the beginning      \^
 *   $ not at the end            \$
 *   [...]                       as it is
 */
/* SPDX-License-Identifier: MIT */
#include "lang/regex.h"

static bool is_swapped(char c)
{
    return memchr("(){}+?|", c, 7) != NULL;
}

/* Length of the bracket expression that text begins with; 1 when it does not end. */
static size_t bracket_length(struct str text)
{
    size_t n = 1;
    n += n < text.len && text.p[n] == '^';
    n += n < text.len && text.p[n] == ']';
    for (; n < text.len && text.p[n] != ']'; n++) {
        bool class = text.p[n] == '[' && n + 1 < text.len && memchr(":.=", text.p[n + 1], 3);
        if (!class)
            continue;
        char close[] = {text.p[n + 1], ']'};
        ptrdiff_t end = str_search(text, str_make(close, 2), n + 2);
        if (end < 0)
            return 1;
        n = (size_t)end + 1;
    }
    return n < text.len ? n + 1 : 1;
}

/* Whether what is at the place begins the pattern or an alternative of it. */
static bool at_begin(struct str basic, size_t at)
{
    struct str before = str_sub(basic, 0, at);
    return at == 0 || str_ends(before, STR("\\(")) || str_ends(before, STR("\\|")) ||
           (at == 1 && *basic.p == '^');
}

static bool at_end(struct str basic, size_t at)
{
    struct str behind = str_sub(basic, at + 1, basic.len);
    return behind.len == 0 || str_starts(behind, STR("\\)")) || str_starts(behind, STR("\\|"));
}

void regex_from_basic(struct str basic, struct buf *out)
{
    for (size_t i = 0; i < basic.len; i++) {
        char c = basic.p[i];
        size_t n = c == '[' ? bracket_length(str_sub(basic, i, basic.len)) : 1;
        if (c == '\\' && i + 1 < basic.len) {
            char next = basic.p[++i];
            if (!is_swapped(next))
                buf_char(out, '\\');
            buf_char(out, next);
            continue;
        }
        bool plain = is_swapped(c) || (c == '*' && at_begin(basic, i)) ||
                     (c == '^' && (i > 0 && !at_begin(basic, i))) ||
                     (c == '$' && !at_end(basic, i));
        if (plain)
            buf_char(out, '\\');
        buf_add(out, str_sub(basic, i, i + n));
        i += n - 1;
    }
}
