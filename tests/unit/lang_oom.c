/* The whole language with failing allocations: the k-th alone, and all from the k-th on. Nothing
 * crashes, nothing leaks, and what fails says so. */
/* SPDX-License-Identifier: MIT */
#include "lang_bench.h"
#include "tests/unit/failing_malloc.h"

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
    long before = memory.outstanding;
    memory.countdown = k + 1;
    memory.for_good = all;
    memory.failures = 0;
    if (p) {
        run(p);
    } else {
        struct program *made = compile();
        memory.countdown = 0;
        assert_true(made || memory.failures || !OWN_MALLOC);
        program_free(made);
    }
    memory.countdown = 0;
    /* flex loses the buffer it was about to use when it finds no memory to note it */
    assert_in_range(memory.outstanding, before, before + (p ? 0 : 2));
    return memory.failures > 0;
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
