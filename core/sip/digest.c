/* Digest headers through libosip2. It sees one bounded copy without NUL at a time, and allocates
 * from a piece of arena set aside beforehand: its own way out of a failed allocation is not safe.
 */
/* SPDX-License-Identifier: MIT */
#include "core/sip/digest.h"

#include <stdlib.h>

#include <osipparser2/headers/osip_authorization.h>
#include <osipparser2/headers/osip_www_authenticate.h>
#include <osipparser2/osip_port.h>

#include "core/base/err.h"
#include "core/sip/text.h"

/* What libosip2 may use at the moment on this thread; NULL outside of an explanation. */
struct reserve {
    char *at, *end;
};
static _Thread_local struct reserve *current;

/* Bytes set aside: each byte of the value is copied at most once into a field, and there are no
 * more fields than this, each rounded up. */
enum { FIELDS = 64, ROUND = 16 };

static void *reserve_take(size_t n)
{
    if (!current)
        return malloc(n);
    n = (n + ROUND - 1) & ~(size_t)(ROUND - 1);
    if (n > (size_t)(current->end - current->at))
        return NULL;
    char *p = current->at;
    current->at += n;
    return p;
}

/* libosip2 grows no field of these headers; were it to, the reserve cannot tell the old size. */
static void *reserve_grow(void *p, size_t n)
{
    return current ? NULL : realloc(p, n);
}

static void reserve_give(void *p)
{
    if (!current)
        free(p);
}

/* libosip2 prints what it does not like; what a phone sends is no news for standard output. */
static void ignore_trace(const char *file, int line, osip_trace_level_t level, const char *text,
                         va_list ap)
{
    (void)file;
    (void)line;
    (void)level;
    (void)text;
    (void)ap;
}

__attribute__((constructor)) static void prepare_osip(void)
{
    osip_set_allocators(reserve_take, reserve_grow, reserve_give);
    osip_trace_initialize_func(OSIP_FATAL, ignore_trace);
}

/* Sets a reserve aside and copies the value behind itself as a C string; NULL and the reason. */
static char *reserve_begin(struct reserve *r, struct arena *a, struct str value, int *rc)
{
    if (value.len > DIGEST_MAX || memchr(value.p, 0, value.len)) {
        *rc = value.len > DIGEST_MAX ? ERR_LIMIT : ERR_SYNTAX;
        return NULL;
    }
    size_t size = 4 * (value.len + 1) + FIELDS * ROUND + sizeof(osip_authorization_t) +
                  sizeof(osip_www_authenticate_t);
    struct str copy = arena_dup(a, value);
    r->at = copy.p ? arena_alloc(a, size) : NULL;
    *rc = r->at ? ERR_OK : ERR_NOMEM;
    if (*rc)
        return NULL;
    r->end = r->at + size;
    char *text = (char *)(uintptr_t)copy.p;
    for (size_t i = 0; i < value.len; i++)
        if (text[i] == '\r' || text[i] == '\n') /* of a fold */
            text[i] = ' ';
    return text;
}

static struct str field(const char *z)
{
    struct str s = str_trim(str_from(z));
    bool quoted = s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"';
    return quoted ? str_sub(s, 1, s.len - 1) : s;
}

/* Whether the value is of the scheme Digest, and has parameters. */
static bool is_digest(struct str value)
{
    return str_istarts(value, STR("Digest")) && value.len > 6 && char_blank(value.p[6]);
}

int digest_parse(struct digest *out, struct arena *a, struct str value)
{
    struct reserve r;
    osip_authorization_t *h = NULL;
    int rc = ERR_SYNTAX;
    *out = (struct digest){.username = STR_NONE};
    if (!is_digest(value))
        return ERR_UNSUPPORTED;
    char *text = reserve_begin(&r, a, value, &rc);
    if (!text)
        return rc;
    current = &r;
    if (osip_authorization_init(&h) || osip_authorization_parse(h, text))
        h = NULL;
    current = NULL;
    if (!h)
        return ERR_SYNTAX;
    *out = (struct digest){.username = field(h->username),
                           .realm = field(h->realm),
                           .nonce = field(h->nonce),
                           .uri = field(h->uri),
                           .response = field(h->response),
                           .algorithm = field(h->algorithm),
                           .cnonce = field(h->cnonce),
                           .opaque = field(h->opaque),
                           .qop = field(h->message_qop),
                           .nc = field(h->nonce_count)};
    return ERR_OK;
}

int digest_challenge(struct digest *out, struct arena *a, struct str value)
{
    struct reserve r;
    osip_www_authenticate_t *h = NULL;
    int rc = ERR_SYNTAX;
    *out = (struct digest){.username = STR_NONE};
    if (!is_digest(value))
        return ERR_UNSUPPORTED;
    char *text = reserve_begin(&r, a, value, &rc);
    if (!text)
        return rc;
    current = &r;
    if (osip_www_authenticate_init(&h) || osip_www_authenticate_parse(h, text))
        h = NULL;
    current = NULL;
    if (!h)
        return ERR_SYNTAX;
    *out = (struct digest){.realm = field(h->realm),
                           .nonce = field(h->nonce),
                           .opaque = field(h->opaque),
                           .algorithm = field(h->algorithm),
                           .qop = field(h->qop_options),
                           .stale = field(h->stale),
                           .domain = field(h->domain)};
    return ERR_OK;
}
