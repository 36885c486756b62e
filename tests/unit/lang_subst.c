/* Substitutions: /regex/replacement/flags. */
/* SPDX-License-Identifier: MIT */
#include "lang/regex.h"
#include "lang_bench.h"

/* The text after the substitution; "!" when it is refused, "-" when nothing matched. */
static const char *substituted(const char *subst, const char *text)
{
    static char out[256];
    struct bench b;
    const struct subst *s;
    struct str result;
    bench_init(&b);
    int rc = prepare_subst(bench_prepare(&b), str_from(subst), &s);
    int n = rc == ERR_OK ? subst_apply(s, str_from(text), b.call, &fake_host, &result) : 0;
    if (rc != ERR_OK)
        snprintf(out, sizeof out, "!%.*s", STR_ARG(buf_str(&b.error)));
    else
        snprintf(out, sizeof out, "%.*s", STR_ARG(n > 0 ? result : STR("-")));
    bench_free(&b);
    return out;
}

static void substitutions(void **state)
{
    (void)state;
    assert_string_equal(substituted("/b/x/", "abcb"), "axcb");
    assert_string_equal(substituted("/b/x/g", "abcb"), "axcx");
    assert_string_equal(substituted("/B/x/", "abc"), "-");
    assert_string_equal(substituted("/B/x/i", "abc"), "axc");
    assert_string_equal(substituted("#a/b#c/d#", "a/b"), "c/d");
    assert_string_equal(substituted("/a\\/b/c\\/d/", "a/b"), "c/d");
    assert_string_equal(substituted("/^sip:b(.*)@(.*)$/sip:B\\1@\\2;\\0/", "sip:bob@h"),
                        "sip:Bob@h;sip:bob@h");
    assert_string_equal(substituted("/b/[&]\\n\\t\\\\\\q\\9/", "abc"), "a[&]\n\t\\\\qc");
    assert_string_equal(substituted("/b/$rU-$(rd{s.len})-$$-\\$-$ua/", "abc"),
                        "abob-12-$-$-<null>c");
    assert_string_equal(substituted("/.*/whole/", "abc"), "whole");
    assert_string_equal(substituted("/x*/-/g", "abc"), "-a-b-c-");
    assert_string_equal(substituted("/^/> /g", "a\nb"), "> a\n> b");
    assert_string_equal(substituted("/a.b/x/", "a\nb"), "-");
    assert_string_equal(substituted("/a.b/x/s", "a\nb"), "x");
    assert_string_equal(substituted("//x/", "abc"), "xabc");
    assert_string_equal(substituted("/bob//", "bob"), "");
}

static void bad_substitutions(void **state)
{
    (void)state;
    assert_true(substituted("", "x")[0] == '!');
    assert_true(substituted("/a", "x")[0] == '!');
    assert_true(substituted("abc", "x")[0] == '!');
    assert_true(substituted("/a/b", "x")[0] == '!');
    assert_true(substituted("/a/b/x", "x")[0] == '!');
    assert_true(substituted("/(/b/", "x")[0] == '!');
    assert_true(substituted("/a/$nosuch/", "x")[0] == '!');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(substitutions),
        cmocka_unit_test(bad_substitutions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
