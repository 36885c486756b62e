/* A glance at a message. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/glance.h"

/* By the first word; CANCEL goes after its INVITE. The kernel sorts by the others, too
 * (net/steer.c).
 */
static bool method_continues(struct str bytes)
{
    static const struct str first[] = {
        STR_INIT("SIP/"),    STR_INIT("ACK "),    STR_INIT("BYE "),
        STR_INIT("CANCEL "), STR_INIT("PRACK "),  STR_INIT("INFO "),
        STR_INIT("UPDATE "), STR_INIT("NOTIFY "), STR_INIT("REFER ")};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (str_starts(bytes, first[i]))
            return true;
    return false;
}

static bool names_to(struct str line)
{
    if (ascii_lower(line.p[0]) != 't')
        return false;
    ptrdiff_t colon = str_find(line, ':', 0);
    struct str name = colon < 0 ? STR_NONE : str_trim(str_sub(line, 0, (size_t)colon));
    return str_ieq(name, STR("To")) || str_ieq(name, STR("t"));
}

/* Whether there is a ';' behind the first '>' of the To header, or anywhere without one. */
static bool may_have_tag(struct str bytes)
{
    struct str line, rest = bytes;
    bool to = false;
    while (str_cut(&line, &rest, '\n') && line.len > 1) {
        if (line.p[0] != ' ' && line.p[0] != '\t')
            to = names_to(line);
        ptrdiff_t close = to ? str_find(line, '>', 0) : 0;
        if (to && str_find(line, ';', close < 0 ? 0 : (size_t)close) >= 0)
            return true;
    }
    return false;
}

bool glance_continues(struct str bytes)
{
    while (bytes.len && (bytes.p[0] == '\r' || bytes.p[0] == '\n'))
        bytes = str_sub(bytes, 1, bytes.len);
    return method_continues(bytes) || may_have_tag(bytes);
}
