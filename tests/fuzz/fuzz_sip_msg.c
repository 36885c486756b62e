/* One datagram through the whole of core/sip, and beside libosip2: where both take a message, they
 * agree on what routing needs. */
/* SPDX-License-Identifier: MIT */
#include <osipparser2/osip_parser.h>

#include "core/sip/glance.h"
#include "tests/fuzz/fuzz_sip_exercise.h"

/* The oracle never sees a body, a NUL or more than this. */
enum { ORACLE_MAX = 16384 };

/* A value that libosip2 keeps as it is: no quotes, blanks or escapes. */
static bool simple(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_digit(s.p[i]) && !ascii_alpha(s.p[i]) && !strchr("-._@", s.p[i]))
            return false;
    return s.len > 0;
}

static void same(const char *theirs, struct str ours)
{
    if (theirs && simple(ours))
        MUST(str_eq(str_from(theirs), ours));
}

static void compare(struct msg *m, osip_message_t *o)
{
    char name[] = "tag";
    osip_generic_param_t *tag = NULL;
    if (m->request && simple(m->method_text))
        same(o->sip_method, m->method_text);
    if (!m->request)
        MUST(o->status_code == m->status);
    if (o->cseq && !msg_header_next(m, msg_header(m, HDR_CSEQ))) {
        same(o->cseq->number, m->cseq_number);
        same(o->cseq->method, m->cseq_method);
    }
    if (o->call_id && !o->call_id->host)
        same(o->call_id->number, m->call_id);
    if (o->from && osip_uri_param_get_byname(&o->from->gen_params, name, &tag) == OSIP_SUCCESS &&
        tag)
        same(tag->gvalue, m->from_tag);
    tag = NULL;
    if (o->to && osip_uri_param_get_byname(&o->to->gen_params, name, &tag) == OSIP_SUCCESS && tag)
        same(tag->gvalue, m->to_tag);
    osip_via_t *via = osip_list_get(&o->vias, 0);
    if (via)
        same(via->host, m->via.host);
}

static void oracle(struct str bytes)
{
    static bool ready;
    struct arena a;
    struct msg m;
    osip_message_t *o = NULL;
    arena_init(&a, NULL, 4096);
    if (!ready)
        ready = parser_init() == OSIP_SUCCESS;
    /* libosip2 takes the next line for the reason when there is no blank behind the code */
    if (msg_scan(&m, &a, bytes) == ERR_OK && msg_check(&m).code == 0 &&
        (m.request || m.reason.len)) {
        size_t head = (size_t)(m.body.p - m.raw.p);
        if (head <= ORACLE_MAX && !memchr(m.raw.p, 0, head) && osip_message_init(&o) == 0) {
            struct str copy = arena_dup(&a, str_make(m.raw.p, head));
            if (osip_message_parse(o, copy.p, copy.len) == OSIP_SUCCESS)
                compare(&m, o);
            osip_message_free(o);
        }
    }
    arena_reset(&a);
}

/* A glance never misses a tag that the scan finds. */
static void glance(struct str bytes)
{
    struct arena a;
    struct msg m;
    arena_init(&a, NULL, 4096);
    if (msg_scan(&m, &a, bytes) == ERR_OK && m.fault.code == 0 && (m.to_tag.len || !m.request))
        MUST(glance_continues(bytes));
    arena_reset(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_make((const char *)data, size);
    exercise(bytes);
    glance(bytes);
    oracle(bytes);
    return 0;
}
