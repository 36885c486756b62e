/* Messages and script lines as log lines, for people and for examples/ladder. */
/* SPDX-License-Identifier: MIT */
#include "core/trace.h"

#include "core/base/log.h"

/* Value of the first header line with one of these names; a look at bytes, good enough to show. */
static struct str header_value(struct str bytes, struct str name, struct str compact)
{
    struct str line, rest = bytes;
    while (str_cut(&line, &rest, '\n') && str_trim(line).len) {
        struct str left;
        if (str_cut(&left, &line, ':') && line.p &&
            (str_ieq(str_trim(left), name) || str_ieq(str_trim(left), compact)))
            return str_trim(line);
    }
    return STR_NONE;
}

void trace_message(bool in, const struct addr *peer, struct str bytes)
{
    char text[ADDR_TEXT];
    struct str first, rest = bytes;
    if (!str_cut(&first, &rest, '\n'))
        return;
    struct str cseq = header_value(rest, STR("CSeq"), STR("CSeq"));
    struct str id = header_value(rest, STR("Call-ID"), STR("i"));
    first = str_trim(first);
    if (str_ends(first, STR(" SIP/2.0")))
        first.len -= 8;
    addr_text(text, peer);
    log_line(LOG_ALERT_, "trace %s %s | %.*s | %.*s | %.*s", in ? "<-" : "->", text, STR_ARG(first),
             STR_ARG(cseq), STR_ARG(id));
}

void trace_line(const struct program *p, struct loc at)
{
    struct str name, line = program_source_line(p, at, &name);
    ptrdiff_t slash = -1, next;
    while ((next = str_find(name, '/', (size_t)(slash + 1))) >= 0)
        slash = next;
    name = str_sub(name, (size_t)(slash + 1), name.len);
    log_line(LOG_ALERT_, "trace .. %.*s:%u | %.*s", STR_ARG(name), at.line,
             STR_ARG(str_trim(line)));
}
