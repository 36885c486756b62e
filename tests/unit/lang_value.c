/* Values: texts, copies, digits. */
/* SPDX-License-Identifier: MIT */
#include "lang_bench.h"

static void check_text(int32_t i, const char *want)
{
    char buf[VALUE_TEXT];
    struct value v = value_int(i);
    struct str s = value_text(&v, buf);
    assert_true(str_eq(s, str_from(want)));
}

static void texts(void **state)
{
    (void)state;
    check_text(0, "0");
    check_text(7, "7");
    check_text(-1, "-1");
    check_text(2147483647, "2147483647");
    check_text(INT32_MIN, "-2147483648");
    char buf[VALUE_TEXT];
    struct value v = VALUE_NULL;
    assert_int_equal(value_text(&v, buf).len, 0);
    v = value_both(STR("5060"), 5060);
    assert_true(str_eq(value_text(&v, buf), STR("5060")));
}

static void storing(void **state)
{
    struct arena a;
    struct value out, v = value_both(STR("042"), 42);
    (void)state;
    arena_init(&a, NULL, 256);
    assert_int_equal(value_store(&out, &v, &a), ERR_OK);
    assert_int_equal(out.flags, VAL_STR); /* a text that has a number stays a text */
    v.flags |= VAL_TYPED;
    assert_int_equal(value_store(&out, &v, &a), ERR_OK);
    assert_int_equal(out.flags, VAL_INT | VAL_TYPED);
    assert_int_equal(out.i, 42);
    v = value_str(STR(""));
    assert_int_equal(value_store(&out, &v, &a), ERR_OK);
    assert_false(value_is_null(&out));
    v = VALUE_NULL;
    assert_int_equal(value_store(&out, &v, &a), ERR_OK);
    assert_true(value_is_null(&out));
    arena_reset(&a);
}

static void printing(void **state)
{
    struct arena a;
    struct value v = value_int(-5);
    (void)state;
    arena_init(&a, NULL, 256);
    assert_false(value_has_text(&v));
    assert_int_equal(value_print(&v, &a), ERR_OK);
    assert_true(value_has_text(&v));
    assert_true(str_eq(v.s, STR("-5")));
    v = VALUE_NULL;
    assert_int_equal(value_print(&v, &a), ERR_OK);
    assert_true(value_is_null(&v));
    arena_reset(&a);
}

static bool digits(const char *s, int64_t *n)
{
    struct value v = value_str(str_from(s));
    return value_digits(&v, n);
}

static void numbers_in_texts(void **state)
{
    int64_t n = 0;
    (void)state;
    assert_true(digits("042", &n));
    assert_int_equal(n, 42);
    assert_true(digits("4294967296", &n));
    assert_true(n == 4294967296);
    assert_false(digits("", &n));
    assert_false(digits("-1", &n));
    assert_false(digits("4x", &n));
    assert_false(digits("99999999999999999999", &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(storing),
        cmocka_unit_test(printing),
        cmocka_unit_test(numbers_in_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
