/* URIs, name-addrs, via-parms, comma lists and digest values; URIs beside libosip2. */
/* SPDX-License-Identifier: MIT */
#include <osipparser2/osip_parser.h>

#include "tests/fuzz/fuzz_sip_exercise.h"

/* Both take it: then host, port and user agree. libosip2 unescapes the user, so only plain ones are
 * compared. */
static void oracle(struct str text)
{
    struct uri u;
    osip_uri_t *o = NULL;
    struct arena a;
    if (memchr(text.p, 0, text.len) || text.len > 4096 || uri_parse(&u, text) ||
        u.scheme > URI_SIPS)
        return;
    arena_init(&a, NULL, 512);
    struct str copy = arena_dup(&a, text);
    if (osip_uri_init(&o) == 0 && osip_uri_parse(o, copy.p) == OSIP_SUCCESS) {
        struct str host = u.host.p[0] == '[' ? str_sub(u.host, 1, u.host.len - 1) : u.host;
        MUST(o->host && str_eq(str_from(o->host), host));
        MUST(!o->port == !u.port_text.len);
        if (o->port)
            MUST(str_eq(str_from(o->port), u.port_text));
        if (u.user.len && str_find(u.user, '%', 0) < 0)
            MUST(o->username && str_eq(str_from(o->username), u.user));
    }
    osip_uri_free(o);
    arena_reset(&a);
}

static void lists(struct str text)
{
    struct str rest = text, one, name, value;
    size_t steps = 0;
    while (value_cut(&rest, &one)) {
        struct via v;
        MUST(ex_inside(one, text) && ++steps <= text.len + 1);
        ex_nameaddr(one);
        if (via_parse(&v, one) == ERR_OK) {
            struct addr where;
            struct str host = STR_NONE;
            MUST(v.host.len && ex_inside(v.host, one) && ex_inside(v.params, one));
            if (via_destination(&where, &host, &v) == ERR_OK)
                MUST(where.port && where.ip.family);
        }
    }
    steps = 0;
    for (rest = text; param_next(&rest, &name, &value);)
        MUST(ex_inside(name, text) && ex_inside(value, text) && ++steps <= text.len + 1);
    param_find(text, STR("lr"), &value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make((const char *)data, size);
    struct digest d;
    struct arena a;
    ex_uri(text);
    ex_nameaddr(text);
    lists(text);
    oracle(text);
    arena_init(&a, NULL, 512);
    digest_challenge(&d, &a, text);
    arena_reset(&a);
    /* two URIs in one input: equality does not depend on the order */
    struct uri u, v;
    ptrdiff_t cut = str_find(text, '\n', 0);
    if (cut > 0 && uri_parse(&u, str_sub(text, 0, (size_t)cut)) == ERR_OK &&
        uri_parse(&v, str_sub(text, (size_t)cut + 1, size)) == ERR_OK)
        MUST(uri_same(&u, &v) == uri_same(&v, &u));
    return 0;
}
