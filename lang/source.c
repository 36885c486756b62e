/* Texts of scripts: files, slices, escapes, numbers. */
/* SPDX-License-Identifier: MIT */
#include "lang/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"

enum { MAX_FILE = 256 << 20 };

/* ---- files ------------------------------------------------------------------------------------
 */

/* Reads all of f into malloc'd memory. */
static int read_all(FILE *f, char **out, size_t *len)
{
    size_t cap = 1 << 16, n = 0, got;
    char *p = malloc(cap);
    while (p && (got = fread(p + n, 1, cap - n, f)) > 0) {
        n += got;
        if (n < cap)
            continue;
        char *more = cap < MAX_FILE ? realloc(p, cap * 2) : NULL;
        if (!more) {
            free(p);
            return cap < MAX_FILE ? ERR_NOMEM : ERR_LIMIT;
        }
        p = more;
        cap *= 2;
    }
    *out = p;
    *len = n;
    if (!p)
        return ERR_NOMEM;
    if (!ferror(f))
        return ERR_OK;
    free(p);
    return ERR_IO;
}

int source_add(struct diag *d, struct str name, struct str text)
{
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = str_sub(text, 3, text.len);
    return diag_source(d, name, text);
}

/* A file that no other includes is the place of its own finding. */
static void say_unread(struct diag *d, const char *path, const char *why, const struct loc *at)
{
    int file = at->line ? -1 : diag_source(d, str_from(path), STR_NONE);
    struct loc whole = {.file = (uint16_t)file};
    if (file >= 0)
        diag_add(d, DIAG_ERROR, NULL, whole, "cannot be read: %s", why);
    else
        diag_add(d, DIAG_ERROR, NULL, *at, "cannot read %s: %s", path, why);
}

int source_load(struct diag *d, const char *path, const struct loc *at)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = fopen(path, "rb");
    int err = f ? read_all(f, &text, &len) : ERR_IO;
    const char *why = err == ERR_IO ? strerror(errno) : err_text(err);
    if (f)
        fclose(f);
    if (err == ERR_OK) {
        err = source_add(d, str_from(path), str_make(text, len));
        why = err_text(err);
        free(text);
    }
    if (err < 0)
        say_unread(d, path, why, at);
    return err;
}

/* Offset of a line and column in text; its length when there is no such place. */
static size_t offset_of(struct str text, uint32_t line, uint32_t column)
{
    size_t at = 0;
    while (line > 1) {
        const char *nl = at < text.len ? memchr(text.p + at, '\n', text.len - at) : NULL;
        if (!nl)
            return text.len;
        at = (size_t)(nl - text.p) + 1;
        line--;
    }
    return at + column - 1 < text.len ? at + column - 1 : text.len;
}

struct str source_slice(const struct diag *d, const struct loc *loc)
{
    struct str text = d->sources[loc->file].text;
    size_t from = offset_of(text, loc->line, loc->column);
    size_t to = offset_of(text, loc->end_line, loc->end_column);
    return from < to ? str_sub(text, from, to) : STR_NONE;
}

/* ---- escapes ----------------------------------------------------------------------------------
 */

/* Number of octal digits at the start of s, at most 3. */
static size_t octal_digits(struct str s)
{
    size_t n = 0;
    while (n < 3 && n < s.len && s.p[n] >= '0' && s.p[n] <= '7')
        n++;
    return n;
}

/* \xH or \xHH: s begins behind the x. Bytes used, 0 when it is none. */
static size_t hex_escape(struct str s, char *out)
{
    size_t n = 0;
    int value = 0;
    while (n < 2 && n < s.len && ascii_hex(s.p[n]) >= 0)
        value = value * 16 + ascii_hex(s.p[n++]);
    *out = (char)value;
    return n;
}

/* \OO or \OOO: s begins with the first digit. */
static size_t octal_escape(struct str s, char *out)
{
    size_t n = octal_digits(s);
    int value = 0;
    if (n < 2)
        return 0;
    for (size_t i = 0; i < n; i++)
        value = value * 8 + (s.p[i] - '0');
    *out = (char)value;
    return n;
}

/* Writes what the escape behind a backslash means; returns how much of s it took. An escape that is
 * none is kept with its backslash, which is what regular expressions and \1 need. */
static size_t one_escape(struct str s, char **to)
{
    static const char from[] = "nrat\"\\", means[] = "\n\r\a\t\"\\";
    const char *known = s.len && s.p[0] ? strchr(from, s.p[0]) : NULL;
    size_t used = 0;
    if (known) {
        *(*to)++ = means[known - from];
        return 1;
    }
    if (s.len && s.p[0] == '\n')
        return 1;
    if (s.len > 1 && s.p[0] == '\r' && s.p[1] == '\n')
        return 2;
    if (s.len && s.p[0] == 'x')
        used = hex_escape(str_sub(s, 1, s.len), *to);
    if (used) {
        ++*to;
        return used + 1;
    }
    used = octal_escape(s, *to);
    *to += used > 0;
    if (used)
        return used;
    *(*to)++ = '\\';
    return 0;
}

struct str source_unescape(struct arena *a, struct str raw)
{
    char *out = arena_alloc(a, raw.len + 1), *to = out;
    if (!out)
        return STR_NONE;
    for (size_t i = 0; i < raw.len;) {
        char c = raw.p[i++];
        if (c == '\\')
            i += one_escape(str_sub(raw, i, raw.len), &to);
        else
            *to++ = c;
    }
    *to = 0;
    return str_make(out, strlen(out)); /* a NUL ends a text, as in the reference */
}

struct loc source_inside(const struct diag *d, struct loc string, size_t at)
{
    struct str raw = source_slice(d, &string);
    bool escapes = raw.len && raw.p[0] == '"';
    char ignored[4], *to = ignored;
    size_t i = 1, made = 0;
    while (i < raw.len && made < at) {
        size_t used = 1;
        to = ignored;
        if (escapes && raw.p[i] == '\\')
            used += one_escape(str_sub(raw, i + 1, raw.len), &to);
        else
            to++;
        made += (size_t)(to - ignored);
        for (; used > 0; used--, i++) {
            string.column = raw.p[i] == '\n' ? 0 : string.column + 1;
            string.line += raw.p[i] == '\n';
        }
    }
    string.column++;
    return string;
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

int32_t source_number(struct str text)
{
    unsigned base = 10;
    size_t i = 0;
    if (text.len > 1 && text.p[0] == '0') {
        base = ascii_lower(text.p[1]) == 'x' ? 16 : 8;
        i = base == 16 ? 2 : 1;
    }
    uint64_t value = 0;
    for (; i < text.len; i++) {
        int digit = ascii_hex(text.p[i]);
        if (digit < 0 || value > INT64_MAX / base)
            break;
        value = value * base + (unsigned)digit;
    }
    return (int32_t)(uint32_t)value;
}
