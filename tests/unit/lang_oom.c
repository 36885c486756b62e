/* The whole language with failing allocations: the k-th alone, and all from the k-th on. Nothing
 * crashes, nothing leaks, and what fails says so. */
/* SPDX-License-Identifier: MIT */
#include "lang_bench.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_MALLOC 0
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0
#endif
#ifndef OWN_MALLOC
#define OWN_MALLOC 1
#endif

/* Allocations left until one fails; 0: none fails. */
static unsigned countdown;
static bool for_good;
static unsigned failures;
static long outstanding; /* blocks given and not taken back */

#if OWN_MALLOC
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void free(void *p);

static bool refused(void)
{
    if (!countdown || (countdown != 1 && --countdown != 1))
        return false;
    if (!for_good)
        countdown = 0;
    failures++;
    return true;
}

void *malloc(size_t n)
{
    void *p = refused() ? NULL : __libc_malloc(n);
    outstanding += p != NULL;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = refused() ? NULL : __libc_calloc(n, size);
    outstanding += p != NULL;
    return p;
}

void *realloc(void *p, size_t n)
{
    void *q = refused() ? NULL : __libc_realloc(p, n);
    outstanding += q && !p;
    return q;
}

void free(void *p)
{
    outstanding -= p != NULL;
    __libc_free(p);
}
#endif

static const char script[] =
    "avp_aliases = \"nick=s:name\"\n"
    "route {\n"
    "  $var(x) = \"text\" + $rU; $avp(nick) = $(ru{uri.host}{s.toupper});\n"
    "  $avp(s:y) := 5; print(\"$var(x) $(avp(s:y)[*]) $hdr(X-A) $$\");\n"
    "  if ($ru =~ \"^sip:(a|b)*\" && $rU =~ $rd || src_ip == 10.0.0.0/8) "
    "subst_ru(\"/b(.)b/\\1$rU/g\");\n"
    "  switch ($rm) { case \"A\": ok(); break; case 5: fail(); default: route(1); }\n"
    "  while ($var(i) < 3) { $var(i) += 1; if (method == \"INVITE\") break; }\n"
    "}\n"
    "route[1] { if (src_ip == \"localhost\") return(-1); show2(\"4$cs$cs\", \"$ml\"); }\n"
    "error_route { exit; }\n";

static struct program *compile(void)
{
    struct diag *d = malloc(sizeof *d);
    if (!d)
        return NULL;
    diag_init(d);
    struct program *p = program_compile_text(STR("t"), STR(script), &fake_catalog, d);
    diag_free(d);
    free(d);
    return p;
}

static void run(const struct program *p)
{
    struct call *c = malloc(sizeof *c);
    struct vm_result result;
    if (!c)
        return;
    fake_call_init(c);
    c->vm = vm_new(&fake_host, 10000);
    if (c->vm)
        vm_run(c->vm, p, program_route(p, ROUTE_REQUEST, STR("0")), c, &result);
    vm_free(c->vm);
    fake_call_free(c);
    free(c);
}

/* Tries once with the k-th allocation failing; true when it was reached. */
static bool attempt(const struct program *p, unsigned k, bool all)
{
    long before = outstanding;
    countdown = k + 1;
    for_good = all;
    failures = 0;
    if (p) {
        run(p);
    } else {
        struct program *made = compile();
        countdown = 0;
        assert_true(made || failures || !OWN_MALLOC);
        program_free(made);
    }
    countdown = 0;
    /* flex loses the buffer it was about to use when it finds no memory to note it */
    assert_in_range(outstanding, before, before + (p ? 0 : 2));
    return failures > 0;
}

static bool both(const struct program *p, unsigned k)
{
    bool alone = attempt(p, k, false);
    return attempt(p, k, true) || alone;
}

static void compiling(void **state)
{
    unsigned k = 1;
    (void)state;
    program_free(compile()); /* what libraries keep for themselves is kept now */
    while (both(NULL, k))
        k++;
    assert_true(k > 5 || !OWN_MALLOC);
}

static void running(void **state)
{
    struct program *p = compile();
    unsigned k = 1;
    (void)state;
    assert_non_null(p);
    log_set_level(-3);
    while (both(p, k))
        k++;
    log_set_level(2);
    assert_true(k > 3 || !OWN_MALLOC);
    program_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(compiling), cmocka_unit_test(running)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
