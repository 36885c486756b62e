/* Variables inside texts (LANGUAGE 7.1) and what is wrong with them. */
/* SPDX-License-Identifier: MIT */
#include "lang_bench.h"

static void shapes(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b);
    assert_string_equal(bench_format(&b, ""), "");
    assert_string_equal(bench_format(&b, "plain"), "plain");
    assert_string_equal(bench_format(&b, "$rU"), "bob");
    assert_string_equal(bench_format(&b, "$(rU)$(rd)"), "bobexample.test");
    assert_string_equal(bench_format(&b, "($rU) <$rU> $rU; $rU, $rU/ $rU[0]"),
                        "(bob) <bob> bob; bob, bob/ bob[0]");
    assert_string_equal(bench_format(&b, "$$ $$rU a$$"), "$ $rU a$");
    assert_string_equal(bench_format(&b, "$hdr(x-a) $(hdr(X-A)[1]) $(hdr(X-A)[-1])"),
                        "one two three");
    assert_string_equal(bench_format(&b, "$(hdr(X-A)[*])"), "one, two, three");
    assert_string_equal(bench_format(&b, "$(rU{s.len}{s.len})"), "1");
    assert_string_equal(bench_format(&b, "$(rU {s.toupper} {s.len} )"), "3");
    assert_string_equal(bench_format(&b, "$(hdr(X-A)[1]{s.toupper})"), "TWO");
    assert_string_equal(bench_format(&b, "$var(a b)"), "0");
    assert_string_equal(bench_format(&b, "$rp $ml $rc"), "5060 297 0");
    bench_free(&b);
}

static void null_and_failed(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b);
    assert_string_equal(bench_format(&b, "[$ua] [$hdr(None)]"), "[<null>] [<null>]");
    assert_string_equal(bench_format(&b, "[$bad] [$(ua{s.len})] [$(rU{s.int})]"), "[] [] []");
    assert_string_equal(bench_format(&b, "[$hdr($ua)] [$(hdr(X-A)[$rU])]"), "[] []");
    assert_string_equal(bench_format(&b, "[$null]"), "[<null>]");
    bench_free(&b);
}

static void check_error(struct bench *b, const char *text, const char *error, size_t at,
                        const char *hint)
{
    char want[600];
    snprintf(want, sizeof want, "!%s", error);
    assert_string_equal(bench_format(b, text), want);
    assert_int_equal(b->p.at, at);
    assert_true(str_eq(buf_str(&b->hint), str_from(hint)));
}

static void errors(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b);
    check_error(&b, "x $uaa", "unknown variable $uaa", 2, "did you mean $ua?");
    check_error(&b, "to $rU.", "unknown variable $rU.", 3,
                "write $(rU) where '.' follows the name");
    check_error(&b, "cost 5$\n", "a variable's name must follow $", 6,
                "write $$ for a dollar sign");
    check_error(&b, "$", "a variable's name must follow $", 0, "write $$ for a dollar sign");
    check_error(&b, "$T_code", "$T_code belongs to the module other, which is not loaded", 0,
                "add loadmodule \"other.so\"");
    check_error(&b, "$hdr", "$hdr needs a name in brackets: $hdr(name)", 4, "");
    check_error(&b, "$hdr()", "the name in the brackets of $hdr is empty", 5, "");
    check_error(&b, "$hdr(x", "')' is missing", 6, "");
    check_error(&b, "$rU(x)", "$rU takes no name in brackets", 3,
                "write $(rU) where a bracket follows");
    check_error(&b, "$(rU[0])", "$rU has no index", 4, "");
    check_error(&b, "$(hdr(x)[a])", "an index is a number, * or a variable", 9, "");
    check_error(&b, "$(hdr(x)[1)", "']' is missing", 11, "");
    check_error(&b, "$(rU", "')' expected at the end of $(rU", 4, "");
    check_error(&b, "$(rU x)", "')' expected at the end of $(rU", 5, "");
    check_error(&b, "$(hdr($zz)[0])", "unknown variable $zz", 6, "");
    bench_free(&b);
}

static void transformation_errors(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b);
    check_error(&b, "$(ru{s.nosuch})", "unknown transformation {s.nosuch}", 5, "");
    check_error(&b, "a$(ru{s.lenn})", "unknown transformation {s.lenn}", 6,
                "did you mean {s.len}?");
    check_error(&b, "$(ru{uri.usr})", "unknown transformation {uri.usr}", 5,
                "did you mean {uri.user}?");
    check_error(&b, "$(ru{})", "unknown transformation {.}", 5, "");
    check_error(&b, "$(ru{ s.len })", "unknown transformation { s.len }", 5,
                "did you mean {s.len}?");
    check_error(&b, "$(ru{s.select,1})", "{s.select} needs 2 parameter(s)", 15, "");
    check_error(&b, "$(ru{s.substr})", "{s.substr} needs 2 parameter(s)", 13, "");
    check_error(&b, "$(ru{s.substr,x,1})", "this parameter must be a number", 14, "");
    check_error(&b, "$(ru{s.len,1})", "'}' expected after {s.len", 10, "");
    check_error(&b, "$(ru{uri.param,})", "a parameter is missing", 15, "");
    check_error(&b, "$(ru{uri.param,$zz})", "unknown variable $zz", 15, "");
    bench_free(&b);
}

/* Brackets within brackets are refused at a fixed depth, not by the stack. */
static void depth(void **state)
{
    struct bench b;
    char text[4096];
    size_t n = 0;
    (void)state;
    bench_init(&b);
    for (int i = 0; i < 500; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "$hdr(");
    for (int i = 0; i < 500; i++)
        text[n++] = ')';
    text[n] = 0;
    assert_string_equal(bench_format(&b, text), "!variables within variables are too deep");
    bench_free(&b);
}

static void defines(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b);
    assert_string_equal(bench_format(&b, "$def(X)"), "!X is not defined");
    bench_free(&b);
}

static void see(void *user, const struct pv_ref *v)
{
    struct buf *out = user;
    buf_add(out, pv_ref_text(v));
    buf_char(out, ' ');
}

static void walking(void **state)
{
    struct bench b;
    const struct format *f;
    char text[256];
    struct buf out;
    struct str constant;
    (void)state;
    bench_init(&b);
    buf_fixed(&out, text, sizeof text);
    assert_int_equal(
        prepare_format(bench_prepare(&b), STR("$rU-$(hdr($ua)[$var(i)]{s.select,$var(n),,})"), &f),
        ERR_OK);
    assert_false(format_is_constant(f, &constant));
    format_walk(f, see, &out);
    assert_true(str_eq(buf_str(&out),
                       STR("$rU $(hdr($ua)[$var(i)]{s.select,$var(n),,}) $ua $var(i) $var(n) ")));
    assert_int_equal(prepare_format(bench_prepare(&b), STR("a$$b"), &f), ERR_OK);
    assert_true(format_is_constant(f, &constant));
    assert_true(str_eq(constant, STR("a$b")));
    bench_free(&b);
}

static void long_text(void **state)
{
    struct bench b;
    const struct format *f;
    struct str s;
    char *text = malloc(70001);
    (void)state;
    bench_init(&b);
    memset(text, 'x', 70000);
    memcpy(text + 69990, "$rU ", 4);
    assert_int_equal(prepare_format(bench_prepare(&b), str_make(text, 70000), &f), ERR_OK);
    assert_int_equal(fake_format(f, b.call, &s), ERR_LIMIT);
    free(text);
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),  cmocka_unit_test(null_and_failed),
        cmocka_unit_test(errors),  cmocka_unit_test(transformation_errors),
        cmocka_unit_test(depth),   cmocka_unit_test(defines),
        cmocka_unit_test(walking), cmocka_unit_test(long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
