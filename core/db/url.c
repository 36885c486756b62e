/* Database URLs, read as the reference reads them: no escaping, the first @ ends the user, the
 * first / after the authority begins the database (MODULES 1.37). */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/db/driver.h"

static int bad(struct buf *why, struct str text, const char *what)
{
    buf_printf(why, "the database URL \"%.*s\" %s", STR_ARG(text), what);
    return ERR_SYNTAX;
}

int db_url_parse(struct db_url *out, struct str text, struct buf *why)
{
    ptrdiff_t colon = str_search(text, STR("://"), 0);
    *out = (struct db_url){.port = 0};
    if (colon <= 0)
        return bad(why, text, "does not begin with scheme://");
    out->scheme = str_sub(text, 0, (size_t)colon);
    struct str rest = str_sub(text, (size_t)colon + 3, text.len);
    if (str_ieq(out->scheme, STR("sqlite")) || str_ieq(out->scheme, STR("text")) ||
        str_ieq(out->scheme, STR("dbtext"))) { /* a path, to be taken as it is */
        out->database = rest;
        return rest.len ? ERR_OK : bad(why, text, "names no file");
    }
    ptrdiff_t slash = str_find(rest, '/', 0);
    if (slash < 0 || (size_t)slash + 1 == rest.len)
        return bad(
            why, text,
            "names no database: it is written scheme://[user[:password]@]host[:port]/database");
    out->database = str_sub(rest, (size_t)slash + 1, rest.len);
    struct str authority = str_sub(rest, 0, (size_t)slash);
    ptrdiff_t at = str_find(authority, '@', 0);
    if (at >= 0) {
        struct str who = str_sub(authority, 0, (size_t)at);
        authority = str_sub(authority, (size_t)at + 1, authority.len);
        ptrdiff_t sep = str_find(who, ':', 0);
        out->user = sep < 0 ? who : str_sub(who, 0, (size_t)sep);
        out->password = sep < 0 ? STR_NONE : str_sub(who, (size_t)sep + 1, who.len);
    }
    ptrdiff_t sep = str_find(authority, ':', 0);
    uint32_t port = 0;
    out->host = sep < 0 ? authority : str_sub(authority, 0, (size_t)sep);
    if (sep >= 0 &&
        str_u32(&port, str_sub(authority, (size_t)sep + 1, authority.len), 65535) != ERR_OK)
        return bad(why, text, "has a malformed port");
    out->port = (uint16_t)port;
    return ERR_OK;
}
