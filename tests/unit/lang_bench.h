/* Pieces of scripts, compiled by themselves against the fake catalog, and what unit tests need. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_BENCH_H
#define LANG_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lang_fake.h"

/* A compilation without a script, and a message to try its pieces on. */
struct bench {
    struct arena arena;
    struct prepare_env env;
    bool loaded[2];
    char error_text[512], hint_text[512];
    struct buf error, hint;
    struct prepare p;
    struct call *call;
};

static UNUSED void bench_init(struct bench *b)
{
    memset(b, 0, sizeof *b);
    b->loaded[0] = true;
    arena_init(&b->arena, NULL, 4096);
    assert_int_equal(prepare_env_init(&b->env, &b->arena, &fake_catalog, b->loaded), ERR_OK);
    buf_fixed(&b->error, b->error_text, sizeof b->error_text);
    buf_fixed(&b->hint, b->hint_text, sizeof b->hint_text);
    b->call = calloc(1, sizeof *b->call);
    fake_call_init(b->call);
}

static UNUSED void bench_free(struct bench *b)
{
    prepare_env_free(&b->env);
    fake_call_free(b->call);
    free(b->call);
    arena_reset(&b->arena);
}

/* A fresh struct prepare, complaints empty. */
static UNUSED struct prepare *bench_prepare(struct bench *b)
{
    b->p = prepare_begin(&b->env, &b->error, &b->hint);
    return &b->p;
}

/* The format's text with the values of now; "!error" when it does not compile. */
static UNUSED const char *bench_format(struct bench *b, const char *text)
{
    static char out[4096];
    const struct format *f;
    struct str s;
    if (prepare_format(bench_prepare(b), str_from(text), &f) != ERR_OK) {
        snprintf(out, sizeof out, "!%.*s", STR_ARG(buf_str(&b->error)));
        return out;
    }
    assert_int_equal(fake_format(f, b->call, &s), ERR_OK);
    snprintf(out, sizeof out, "%.*s", STR_ARG(s));
    return out;
}

#endif
