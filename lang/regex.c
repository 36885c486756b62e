/* Regular expressions on PCRE2: compiling, matching under limits, the cache of a machine. */
/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lang/regex.h"

#include <pcre2.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "lang/pv.h"

enum { PATTERN_BITS = 4 }; /* buckets of a compilation's patterns at first */

/* ---- compiling ---- */

static uint32_t pcre_options(unsigned flags)
{
    uint32_t o = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
    if (flags & REGEX_ICASE)
        o |= PCRE2_CASELESS;
    if (flags & REGEX_NEWLINE)
        return o | PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX;
    return o | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY;
}

static pcre2_code *compile_perl(struct str perl, unsigned flags, struct buf *error)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return NULL;
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_code *re =
        pcre2_compile((PCRE2_SPTR)perl.p, perl.len, pcre_options(flags), &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!re) {
        PCRE2_UCHAR text[128];
        pcre2_get_error_message(code, text, sizeof text);
        buf_printf(error, "bad re: %s", (const char *)text);
    }
    return re;
}

static pcre2_match_context *make_limits(void)
{
    pcre2_match_context *m = pcre2_match_context_create(NULL);
    if (!m)
        return NULL;
    pcre2_set_match_limit(m, REGEX_MATCH_LIMIT);
    pcre2_set_depth_limit(m, REGEX_DEPTH_LIMIT);
    pcre2_set_heap_limit(m, REGEX_HEAP_LIMIT);
    return m;
}

/* The Perl pattern that means what the text does in its dialect. */
static int write_perl(const struct regex *re, struct arena *a, struct buf *perl, struct buf *error,
                      size_t *at)
{
    struct str text = re->text;
    const char *why = NULL;
    struct buf extended;
    *at = 0;
    if (text.len > REGEX_MAX) {
        buf_printf(error, "bad re: longer than %d bytes", REGEX_MAX);
        return ERR_SYNTAX;
    }
    if (re->flags & REGEX_PERL) {
        buf_add(perl, text);
        return perl->failed ? ERR_NOMEM : ERR_OK;
    }
    if (re->flags & REGEX_BASIC) {
        buf_init(&extended, a, 2 * text.len + 8);
        regex_from_basic(text, &extended);
        if (extended.failed)
            return ERR_NOMEM;
        text = buf_str(&extended);
    }
    int rc = regex_translate(text, re->flags, perl, at, &why);
    if (rc == ERR_SYNTAX)
        buf_printf(error, "bad re: %s", why);
    return rc;
}

static int compile_into(struct regex *re, struct arena *a, struct buf *error, size_t *at)
{
    struct buf perl;
    buf_init(&perl, a, 2 * re->text.len + 64);
    int rc = write_perl(re, a, &perl, error, at);
    if (rc != ERR_OK)
        return rc;
    *at = 0;
    re->code = compile_perl(buf_str(&perl), re->flags, error);
    re->limits = make_limits();
    if (!re->code)
        return ERR_SYNTAX;
    if (re->flags & REGEX_JIT)
        pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE); /* without it matching is only slower */
    return re->limits ? ERR_OK : ERR_NOMEM;
}

int regex_compile(struct str text, unsigned flags, struct regex **out, struct buf *error,
                  size_t *at)
{
    struct arena scratch;
    struct regex *re = malloc(sizeof *re + text.len + 1);
    *out = NULL;
    if (!re)
        return ERR_NOMEM;
    char *copy = (char *)(re + 1);
    if (text.len)
        memcpy(copy, text.p, text.len);
    copy[text.len] = 0;
    *re = (struct regex){.text = str_make(copy, text.len), .flags = flags};
    arena_init(&scratch, NULL, 1024);
    int rc = compile_into(re, &scratch, error, at);
    arena_reset(&scratch);
    if (rc != ERR_OK) {
        regex_free(re);
        return rc;
    }
    *out = re;
    return ERR_OK;
}

void regex_free(struct regex *re)
{
    if (!re)
        return;
    pcre2_code_free(re->code);
    pcre2_match_context_free(re->limits);
    free(re);
}

void regex_free_all(struct regex *first)
{
    while (first) {
        struct regex *next = first->next;
        regex_free(first);
        first = next;
    }
}

/* Who writes a script may aim at our buckets: it is his own start that gets slower. */
static uint64_t pattern_hash(struct str text, unsigned flags)
{
    return hash_texts((struct hash_key){0, 0}, &text, 1, flags);
}

static const struct regex *find_pattern(struct htable *t, struct str text, unsigned flags)
{
    if (!t->slot)
        return NULL;
    for (struct hnode *n = htable_first(t, pattern_hash(text, flags)); n; n = htable_next(n)) {
        const struct regex *re = container_of(n, struct regex, node);
        if (re->flags == flags && str_eq(re->text, text))
            return re;
    }
    return NULL;
}

int prepare_regex_flags(struct prepare *p, struct str text, unsigned flags,
                        const struct regex **out)
{
    struct prepare_env *env = p->compiler;
    struct regex *re;
    flags |= REGEX_JIT;
    p->error->len = 0;
    *out = find_pattern(&env->patterns, text, flags);
    if (*out)
        return ERR_OK;
    int rc = regex_compile(text, flags, &re, p->error, &p->at);
    if (rc != ERR_OK)
        return rc;
    re->next = env->regexes;
    env->regexes = re;
    if (env->patterns.slot || htable_init(&env->patterns, PATTERN_BITS) == ERR_OK)
        htable_insert(&env->patterns, &re->node, pattern_hash(re->text, flags));
    *out = re;
    return ERR_OK;
}

int prepare_regex(struct prepare *p, struct str text, bool newline, const struct regex **out)
{
    return prepare_regex_flags(p, text, REGEX_ICASE | (newline ? REGEX_NEWLINE : 0), out);
}

/* ---- matching ---- */

/* PCRE2 wants its match data from an allocator: a match takes it from here, the stack, and only an
 * interpreter that has to remember much goes to malloc. */
struct match_memory {
    size_t used;
    char bytes[1024] __attribute__((aligned(16)));
};

static void *memory_take(PCRE2_SIZE n, void *data)
{
    struct match_memory *m = data;
    n = (n + 15) & ~(PCRE2_SIZE)15;
    if (n > sizeof m->bytes - m->used)
        return malloc(n);
    m->used += n;
    return m->bytes + m->used - n;
}

static void memory_give(void *p, void *data)
{
    struct match_memory *m = data;
    if ((char *)p < m->bytes || (char *)p >= m->bytes + sizeof m->bytes)
        free(p);
}

static struct str group_at(struct str text, const PCRE2_SIZE *ends, unsigned i)
{
    if (ends[2 * i] == PCRE2_UNSET || ends[2 * i] > ends[2 * i + 1])
        return STR_NONE;
    if (!text.p)
        return STR("");
    return str_make(text.p + ends[2 * i], ends[2 * i + 1] - ends[2 * i]);
}

/* Runs the match; machine code that runs out of stack gives way to the interpreter. */
static int run_match(const struct regex *re, struct str text, size_t start, pcre2_match_data *data)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)(text.p ? text.p : "");
    int rc = pcre2_match(re->code, subject, text.len, start, 0, data, re->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(re->code, subject, text.len, start, PCRE2_NO_JIT, data, re->limits);
    return rc;
}

int regex_find(const struct regex *re, struct str text, size_t start, struct regex_match *m)
{
    enum { GROUPS = sizeof m->group / sizeof *m->group };
    struct match_memory memory = {.used = 0};
    if (start > text.len)
        return 0;
    pcre2_general_context *general =
        pcre2_general_context_create(memory_take, memory_give, &memory);
    pcre2_match_data *data = general ? pcre2_match_data_create(GROUPS, general) : NULL;
    if (!data) {
        pcre2_general_context_free(general);
        return ERR_NOMEM;
    }
    int rc = run_match(re, text, start, data);
    if (m && rc >= 0) {
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
        unsigned n = rc == 0 ? GROUPS : (unsigned)rc;
        for (unsigned i = 0; i < GROUPS; i++)
            m->group[i] = i < n ? group_at(text, ends, i) : STR_NONE;
    }
    pcre2_match_data_free(data);
    pcre2_general_context_free(general);
    if (rc >= 0)
        return 1;
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    log_err("regular expression \"%.*s\" gave up: error %d", STR_ARG(re->text), rc);
    return ERR_LIMIT;
}

/* ---- the cache ---- */

/* A pattern is translated to machine code when it comes up again. */
static const struct regex *cache_hit(struct regex_cache *c, unsigned i)
{
    struct regex *re = c->slot[i];
    c->used[i] = c->now;
    if (!(re->flags & REGEX_JIT)) {
        re->flags |= REGEX_JIT;
        pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);
    }
    return re;
}

const struct regex *regex_cache_get(struct regex_cache *c, struct str text)
{
    unsigned oldest = 0;
    char message[160];
    struct buf error;
    size_t at;
    c->now++;
    for (unsigned i = 0; i < REGEX_CACHE; i++) {
        if (c->slot[i] && str_eq(c->slot[i]->text, text))
            return cache_hit(c, i);
        if (c->used[i] < c->used[oldest])
            oldest = i;
    }
    struct regex *re;
    buf_fixed(&error, message, sizeof message);
    if (regex_compile(text, REGEX_ICASE, &re, &error, &at) != ERR_OK) {
        log_err("%.*s in \"%.*s\"", STR_ARG(buf_str(&error)), STR_ARG(text));
        return NULL;
    }
    regex_free(c->slot[oldest]);
    c->slot[oldest] = re;
    c->used[oldest] = c->now;
    return re;
}

void regex_cache_free(struct regex_cache *c)
{
    for (unsigned i = 0; i < REGEX_CACHE; i++)
        regex_free(c->slot[i]);
    *c = (struct regex_cache){.now = 0};
}
