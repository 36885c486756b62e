/* Digest headers. Credentials decide who gets in, so they are read strictly and by our own code:
 * libosip2 takes a user name without quotes for the next quoted text it finds, and ignores a second
 * field of the same name. Challenges go through libosip2. It sees one bounded copy without NUL at a
 * time, and allocates from a piece of arena set aside beforehand: its own way out of a failed
 * allocation is not safe. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/digest.h"

#include <stdlib.h>

#include <osipparser2/headers/osip_www_authenticate.h>
#include <osipparser2/osip_port.h>

#include "core/base/err.h"
#include "core/sip/text.h"

/* Whether the value is of the scheme Digest, and has parameters. */
static bool is_digest(struct str value)
{
    return str_istarts(value, STR("Digest")) && value.len > 6 && char_blank(value.p[6]);
}

/* ---- credentials ---- */

/* A field of credentials: its name and its slice in struct digest. */
struct field {
    struct str name;
    size_t offset;
};

static const struct field fields[] = {
    {STR_INIT("username"), offsetof(struct digest, username)},
    {STR_INIT("realm"), offsetof(struct digest, realm)},
    {STR_INIT("nonce"), offsetof(struct digest, nonce)},
    {STR_INIT("uri"), offsetof(struct digest, uri)},
    {STR_INIT("response"), offsetof(struct digest, response)},
    {STR_INIT("algorithm"), offsetof(struct digest, algorithm)},
    {STR_INIT("cnonce"), offsetof(struct digest, cnonce)},
    {STR_INIT("opaque"), offsetof(struct digest, opaque)},
    {STR_INIT("qop"), offsetof(struct digest, qop)},
    {STR_INIT("nc"), offsetof(struct digest, nc)},
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct str *rest)
{
    while (rest->len && is_space(*rest->p))
        *rest = str_sub(*rest, 1, rest->len);
}

static bool take(struct str *rest, char c)
{
    skip_space(rest);
    if (rest->len == 0 || *rest->p != c)
        return false;
    *rest = str_sub(*rest, 1, rest->len);
    return true;
}

/* What stands up to a blank, comma, equals sign or quote. */
static struct str take_token(struct str *rest)
{
    size_t n = 0;
    while (n < rest->len && !is_space(rest->p[n]) && !memchr(",=\"", rest->p[n], 3))
        n++;
    struct str token = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->len);
    return token;
}

/* The rest of a quoted string behind its first quote; false when it does not end. */
static bool take_quoted(struct str *rest, struct str *out)
{
    for (size_t n = 0; n < rest->len; n++) {
        if (rest->p[n] == '"') {
            *out = str_sub(*rest, 0, n);
            *rest = str_sub(*rest, n + 1, rest->len);
            return true;
        }
        n += rest->p[n] == '\\';
    }
    return false;
}

static bool no_control(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (((uint8_t)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 127)
            return false;
    return true;
}

/* name = value; false when it is none. */
static bool take_param(struct str *rest, struct str *name, struct str *value)
{
    *name = take_token(rest);
    if (name->len == 0 || !take(rest, '='))
        return false;
    if (take(rest, '"')) {
        if (!take_quoted(rest, value))
            return false;
    } else {
        *value = take_token(rest);
    }
    return no_control(*name) && no_control(*value);
}

/* Puts a field where it belongs; false when it stands there already. */
static bool keep(struct digest *out, unsigned *seen, struct str name, struct str value)
{
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!str_ieq(name, fields[i].name))
            continue;
        if (*seen & 1u << i)
            return false;
        *seen |= 1u << i;
        memcpy((char *)out + fields[i].offset, &value, sizeof value);
        return true;
    }
    return true; /* what is not known is allowed (auth-param) */
}

int digest_parse(struct digest *out, struct str value)
{
    struct str name, text;
    unsigned seen = 0;
    *out = (struct digest){.username = STR_NONE};
    if (!is_digest(value))
        return ERR_UNSUPPORTED;
    if (value.len > DIGEST_MAX)
        return ERR_LIMIT;
    struct str rest = str_sub(value, 6, value.len);
    do {
        skip_space(&rest);
        if (rest.len == 0 || *rest.p == ',') /* an empty element of the list */
            continue;
        if (!take_param(&rest, &name, &text) || !keep(out, &seen, name, text))
            return ERR_SYNTAX;
    } while (take(&rest, ','));
    return rest.len == 0 && seen ? ERR_OK : ERR_SYNTAX;
}

/* ---- challenges ---- */

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
    size_t size = 4 * (value.len + 1) + FIELDS * ROUND + sizeof(osip_www_authenticate_t);
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

static struct str unquoted(const char *z)
{
    struct str s = str_trim(str_from(z));
    bool quoted = s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"';
    return quoted ? str_sub(s, 1, s.len - 1) : s;
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
    *out = (struct digest){.realm = unquoted(h->realm),
                           .nonce = unquoted(h->nonce),
                           .opaque = unquoted(h->opaque),
                           .algorithm = unquoted(h->algorithm),
                           .qop = unquoted(h->qop_options),
                           .stale = unquoted(h->stale),
                           .domain = unquoted(h->domain)};
    return ERR_OK;
}
