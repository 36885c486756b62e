/* Memory runs out: the n-th allocation of the engine fails, for n = 1, 2, ... until none is left to
 * fail; alone, and with all that follow for a while. Calls may go wrong, but nothing crashes and
 * nothing is left. Usage: oom SCRIPT|SCENARIO.scn [most]: random calls through a script, or each
 * test of a scenario. Linked with --wrap for malloc, calloc, realloc, arena_alloc_slow,
 * arena_zalloc and arena_dup. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/proxy/engine_priv.h"
#include "core/sim/scenario.h"
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
static long taken; /* allocations since the latest packet came; the first three are for itself */

static bool fails(void)
{
    if (!at_work)
        return false;
    if (!failed)
        taken++;
    if (countdown <= 0 || --countdown > spell - 1)
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
    if (!fails())
        return __real_arena_alloc_slow(a, n);
    if (a->pool)
        a->pool->refused++;
    return NULL;
}

void *__wrap_arena_zalloc(struct arena *a, size_t n)
{
    if (!fails())
        return __real_arena_zalloc(a, n);
    if (a->pool)
        a->pool->refused++;
    return NULL;
}

struct str __wrap_arena_dup(struct arena *a, struct str s)
{
    if (!fails())
        return __real_arena_dup(a, s);
    if (a->pool)
        a->pool->refused++;
    return STR_NONE;
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

/* ---- the tests of a scenario ---- */

/* Allocations for a message that came: its memory (arena and malloc) and the copy in it. */
enum { OWN = 3 };

/* What becomes of the request that was being dealt with when memory ran out. */
struct fate {
    struct observer observer;
    struct world *w;
    uint64_t hash; /* of its branch */
    uint64_t at;   /* when it came: an answer to a repeat is none */
    bool failed;   /* memory has run out */
    bool invite, answered, refused;
};

struct sums {
    unsigned failed, left;
    unsigned invites, refused, silent; /* one alone, in the middle of an INVITE: how that fared */
    unsigned needless;                 /* of the silent: memory was lacking later */
};

static uint64_t branch_of(struct str bytes)
{
    struct arena a;
    struct msg m;
    arena_init(&a, NULL, 4096);
    uint64_t h = msg_scan(&m, &a, bytes) == 0 ? hash_str((struct hash_key){1, 2}, m.via.branch) : 0;
    arena_reset(&a);
    return h;
}

static void watch(void *user, const struct packet *p, enum packet_fate fate)
{
    struct fate *f = user;
    bool ours = addr_eq(&p->dst, world_listen(f->w, 0));
    if (fate == PACKET_DELIVERED && ours && !failed) {
        f->hash = branch_of(p->bytes);
        f->invite = str_starts(p->bytes, STR("INVITE "));
        f->answered = f->refused = false;
        f->at = world_now(f->w);
        taken = 0;
    } else if (fate == PACKET_SENT && p->from_engine && f->at == world_now(f->w)) {
        bool reply = str_starts(p->bytes, STR("SIP/2.0 ")) && branch_of(p->bytes) == f->hash;
        f->answered = f->answered || reply || str_starts(p->bytes, STR("INVITE ")); /* or sent on */
        f->refused = f->refused || (reply && str_starts(p->bytes, STR("SIP/2.0 50")));
    }
}

static void prepare_test(void *user, struct world *w)
{
    struct fate *f = user;
    prepare(w);
    f->w = w;
    f->observer = (struct observer){.user = f, .packet = watch};
    world_observe(w, &f->observer);
}

/* One test with allocations n ... n + length - 1 failing. Whether it came to that. */
static bool starve_test(const struct scenario *s, unsigned test, struct config *c, long n,
                        long length, struct sums *sums)
{
    static const struct weather fair = {.link.delay = 1, .exact = true, .lasting = true};
    struct fate fate = {.failed = false};
    struct scenario_setup setup = {.set = module_set(),
                                   .config = c,
                                   .seed = 1,
                                   .weather = &fair,
                                   .inside = inside,
                                   .prepare = prepare_test,
                                   .user = &fate};
    struct scenario_result r;
    countdown = n + length - 1;
    spell = length;
    failed = 0;
    if (scenario_run(s, test, &setup, &r) != 0)
        abort();
    countdown = 0;
    if (r.broken) {
        sums->left++;
        struct str name = scenario_test_name(s, test);
        printf("not ok allocation %ld of '%.*s' fails, %ld in a row: %s %s\n", n, STR_ARG(name),
               length, r.violation.rule, r.violation.text);
    }
    scenario_result_free(&r);
    sums->failed += failed > 0;
    if (failed && fate.invite && length == 1) { /* with more there is none for a reply either */
        sums->invites++;
        sums->refused += fate.refused;
        sums->silent += !fate.answered;
        sums->needless += !fate.answered && taken > OWN;
    }
    return failed > 0;
}

static int starve_scenario(const char *path, long most, bool lenient)
{
    struct scenario *s = scenario_load(path);
    struct sums sums = {0};
    struct diag d;
    diag_init(&d);
    struct config *c =
        s && !scenario_findings(s)->errors ? scenario_config(s, module_set(), NULL, &d) : NULL;
    diag_print(&d, stderr);
    diag_free(&d);
    if (!c)
        return 2;
    for (unsigned test = 0; test < scenario_tests(s); test++)
        for (long length = 1; length <= 16; length *= 16)
            for (long i = 1; i <= most && starve_test(s, test, c, i, length, &sums); i++)
                ;
    /* With a database memory runs out inside its client, too: then a caller may have to ask again.
     */
    bool bad = sums.left || (sums.needless && !lenient);
    printf("%s %u allocations of %s failed, %u left something behind; %u alone in an INVITE: %u "
           "refused with 500 or 503, %u without a word, %u of these with memory for the message\n",
           bad ? "not ok" : "ok", sums.failed, path, sums.left, sums.invites, sums.refused,
           sums.silent, sums.needless);
    config_unref(c);
    scenario_free(s);
    return bad ? 1 : 0;
}

static bool is_scenario(const char *path)
{
    return str_ends(str_from(path), STR(".scn"));
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
    if (is_scenario(argv[1]))
        return starve_scenario(argv[1], most, argc > 3 && strcmp(argv[3], "database") == 0);
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
