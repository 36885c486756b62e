/* Messages as text: lines, words, the body. */
/* SPDX-License-Identifier: MIT */
#include "tests/messages/text.h"

#include <stdlib.h>

#include "core/base/err.h"

/* Takes one physical line with its end off *rest. */
static struct str take_line(struct str *rest)
{
    ptrdiff_t lf = str_find(*rest, '\n', 0);
    size_t n = lf < 0 ? rest->len : (size_t)lf + 1;
    struct str line = str_make(rest->p, n);
    *rest = str_make(rest->p + n, rest->len - n);
    return line;
}

static struct line line_of(struct str all)
{
    struct line l = {.all = all};
    ptrdiff_t colon = str_find(all, ':', 0);
    size_t end = colon < 0 ? all.len : (size_t)colon;
    while (end && (all.p[end - 1] == ' ' || all.p[end - 1] == '\t'))
        end--;
    l.name = str_sub(all, 0, end);
    l.value = str_trim(str_sub(all, colon < 0 ? all.len : (size_t)colon + 1, all.len));
    return l;
}

void parts_cut(struct parts *p, struct str bytes)
{
    size_t room = 0;
    memset(p, 0, sizeof *p);
    while (bytes.len && (*bytes.p == '\r' || *bytes.p == '\n'))
        bytes = str_make(bytes.p + 1, bytes.len - 1);
    p->first = take_line(&bytes);
    while (bytes.len) {
        struct str line = take_line(&bytes);
        if (str_eq(line, STR("\r\n")) || str_eq(line, STR("\n"))) {
            p->empty = line;
            p->ended = true;
            p->body = bytes;
            return;
        }
        while (bytes.len && (*bytes.p == ' ' || *bytes.p == '\t'))
            line.len += take_line(&bytes).len;
        if (p->count == room) {
            room = room ? room * 2 : 32;
            p->line = realloc(p->line, room * sizeof *p->line);
        }
        p->line[p->count++] = line_of(line);
    }
}

void parts_free(struct parts *p)
{
    free(p->line);
}

bool line_is(const struct line *l, const char *name, const char *compact)
{
    return str_ieq(l->name, str_from(name)) || str_ieq(l->name, str_from(compact));
}

bool is_via(const struct line *l)
{
    return line_is(l, "Via", "v");
}

const struct line *parts_find(const struct parts *p, const char *name, const char *compact)
{
    for (size_t i = 0; i < p->count; i++)
        if (line_is(&p->line[i], name, compact))
            return &p->line[i];
    return NULL;
}

struct str first_word(struct str first, unsigned n)
{
    const char *p = first.p, *end = p + first.len;
    for (;; n--) {
        while (p < end && one_of(*p, " \t\r\n"))
            p++;
        const char *word = p;
        while (p < end && !one_of(*p, " \t\r\n"))
            p++;
        if (n == 0 || p == end)
            return n == 0 ? str_make(word, (size_t)(p - word)) : STR_NONE;
    }
}

unsigned status_of(struct str bytes)
{
    uint32_t code = 0;
    if (str_istarts(bytes, STR("SIP/2.0 ")))
        str_u32(&code, str_sub(bytes, 8, 11), 999);
    return code;
}

struct str body_of(const struct parts *p)
{
    const struct line *l = parts_find(p, "Content-Length", "l");
    uint32_t n;
    return l && str_u32(&n, l->value, UINT32_MAX) == ERR_OK ? str_sub(p->body, 0, n) : p->body;
}

bool answer_due(struct str bytes)
{
    struct parts p;
    parts_cut(&p, bytes);
    struct str first = str_trim(p.first);
    bool request = str_search(first, STR("SIP/"), 0) > 0;
    bool due = request && !str_starts(first, STR("ACK ")) && parts_find(&p, "Via", "v");
    parts_free(&p);
    return due;
}
