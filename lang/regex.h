/* Regular expressions: written as POSIX extended ones, run by PCRE2 under limits. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_REGEX_H
#define LANG_REGEX_H

#include "core/base/hash.h"
#include "lang/host.h"
#include "lang/vm.h"

enum regex_flag {
    REGEX_ICASE = 1,
    REGEX_NEWLINE = 2, /* . and [^x] stop at line ends, ^ and $ match there */
    REGEX_JIT = 4,     /* worth a machine-code translation */
    REGEX_BASIC = 8,   /* a POSIX basic one, with the operators that GNU adds */
    REGEX_PERL = 16,   /* as PCRE2 reads it: for dialects with their own classes */
};

enum {
    REGEX_MAX = 4096,           /* bytes of a pattern */
    REGEX_MATCH_LIMIT = 200000, /* steps of one match: some milliseconds */
    REGEX_DEPTH_LIMIT = 2000,
    REGEX_HEAP_LIMIT = 1024, /* KiB */
};

struct regex {
    struct regex *next; /* in the owner's list */
    struct hnode node;  /* while a script is compiled, in prepare_env.patterns */
    struct str text;    /* as written; behind the struct */
    unsigned flags;
    void *code, *limits; /* pcre2_code, pcre2_match_context */
};

/* Compiles a pattern; one malloc'ed object, to be freed with regex_free. error receives a sentence
 * and *at the place when it is malformed (ERR_SYNTAX). */
int regex_compile(struct str text, unsigned flags, struct regex **out, struct buf *error,
                  size_t *at);
void regex_free(struct regex *re);
/* Frees a list. */
void regex_free_all(struct regex *first);
/* prepare_regex with chosen flags. What a script says twice is compiled once. */
int prepare_regex_flags(struct prepare *p, struct str text, unsigned flags,
                        const struct regex **out);
/* Writes the Perl pattern that means what the POSIX extended one does; 0, or the place of the
 * mistake and a sentence in *why (ERR_SYNTAX). */
int regex_translate(struct str posix, unsigned flags, struct buf *out, size_t *at,
                    const char **why);
/* Writes the POSIX extended pattern that means what the basic one does. */
void regex_from_basic(struct str basic, struct buf *out);

/* ---- patterns that scripts make at run time ---- */

enum { REGEX_CACHE = 16 };

/* The last patterns of one machine, bounded. Zeroed memory is an empty cache. */
struct regex_cache {
    struct regex *slot[REGEX_CACHE];
    uint64_t used[REGEX_CACHE]; /* when last */
    uint64_t now;
};

/* The compiled pattern, from the cache or made; NULL when it is malformed. Ignores case. */
const struct regex *regex_cache_get(struct regex_cache *c, struct str text);
void regex_cache_free(struct regex_cache *c);

#endif
