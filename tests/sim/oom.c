/* Memory runs out: the n-th allocation of the engine fails, for n = 1, 2, ... until none is left to
 * fail; alone, and with all that follow for a while. Calls may go wrong, but nothing crashes and
 * nothing is left. Usage: oom SCRIPT [most]. Linked with --wrap for malloc,
 * calloc, realloc, arena_alloc_slow, arena_zalloc and arena_dup. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/proxy/engine_priv.h"
#include "modules/registry.h"
#include "tests/sim/calls.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_arena_alloc_slow(struct arena *a, size_t n);
void *__real_arena_zalloc(struct arena *a, size_t n);
struct str __real_arena_dup(struct arena *a, struct str s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_arena_alloc_slow(struct arena *a, size_t n);
void *__wrap_arena_zalloc(struct arena *a, size_t n);
struct str __wrap_arena_dup(struct arena *a, struct str s);

static bool at_work;          /* the engine runs */
static long countdown, spell; /* allocations until one fails; how many fail then */
static long failed;

static bool fails(void)
{
    if (!at_work || countdown <= 0 || --countdown > spell - 1)
        return false;
    failed++;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_arena_alloc_slow(struct arena *a, size_t n)
{
    return fails() ? NULL : __real_arena_alloc_slow(a, n);
}

void *__wrap_arena_zalloc(struct arena *a, size_t n)
{
    return fails() ? NULL : __real_arena_zalloc(a, n);
}

struct str __wrap_arena_dup(struct arena *a, struct str s)
{
    return fails() ? STR_NONE : __real_arena_dup(a, s);
}

static void inside(bool engine)
{
    at_work = engine;
}

/* Every block of memory comes from malloc. */
static void prepare(struct world *w)
{
    world_engine(w, 0)->pool.keep = 0;
}

/* Fails the n-th and the length - 1 after it. Whether it came to that; *bad counts what is left. */
static bool starve(struct calls_conf *conf, long n, long length, unsigned *bad)
{
    struct calls_result r;
    countdown = n + length - 1;
    spell = length;
    failed = 0;
    if (calls_run(conf, &r) != 0)
        abort();
    if (r.violations) {
        ++*bad;
        printf("not ok allocation %ld of %s fails, %ld in a row: %s\n", n, conf->path, length,
               r.first);
    }
    free(r.mishaps);
    return failed > 0;
}

int main(int argc, char **argv)
{
    struct calls_conf conf = {.calls = 6,
                              .gap = 3000,
                              .link.delay = 5,
                              .inside = inside,
                              .prepare = prepare,
                              .lasting = true,
                              .rude = true};
    struct diag d;
    unsigned bad = 0;
    long most = argc > 2 ? strtol(argv[2], NULL, 10) : 100000, n = 0;
    if (argc < 2)
        return 2;
    diag_init(&d);
    conf.path = argv[1];
    conf.config = config_load(module_set(), conf.path, &d);
    diag_print(&d, stderr);
    diag_free(&d);
    if (!conf.config)
        return 2;
    for (long length = 1; length <= 16; length *= 4)
        for (conf.seed = 1; conf.seed <= 3; conf.seed++)
            for (long i = 1; i <= most && starve(&conf, i, length, &bad); i++)
                n++;
    config_unref(conf.config);
    printf("%s %ld allocations of %s failed, %u left something behind\n", bad ? "not ok" : "ok", n,
           conf.path, bad);
    return bad ? 1 : 0;
}
