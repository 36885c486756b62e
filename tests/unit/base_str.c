/* Text slices. */
/* SPDX-License-Identifier: MIT */
#include "tests/lib/unit.h"

static void test_equality(void **state)
{
    (void)state;
    assert_true(str_eq(STR_NONE, STR("")));
    assert_true(str_eq(STR("abc"), STR("abc")));
    assert_false(str_eq(STR("abc"), STR("abC")));
    assert_false(str_eq(STR("abc"), STR("ab")));
    assert_true(str_ieq(STR("Call-ID"), STR("cALL-id")));
    assert_false(str_ieq(STR("[x"), STR("{x"))); /* differ by the case bit but are no letters */
    assert_false(str_ieq(STR("a"), STR("ab")));
    assert_str(str_from(NULL), "");
    assert_str(str_from("z"), "z");
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void test_order(void **state)
{
    (void)state;
    assert_int_equal(sign(str_cmp(STR("a"), STR("b"))), -1);
    assert_int_equal(sign(str_cmp(STR("ab"), STR("a"))), 1);
    assert_int_equal(sign(str_cmp(STR("\xff"), STR("a"))), 1);
    assert_int_equal(sign(str_cmp(STR_NONE, STR(""))), 0);
    assert_int_equal(sign(str_icmp(STR("ABC"), STR("abd"))), -1);
    assert_int_equal(sign(str_icmp(STR("ABC"), STR("abc"))), 0);
    assert_int_equal(sign(str_icmp(STR("\xff"), STR("Z"))), 1);
    assert_int_equal(sign(str_icmp(STR("abc"), STR("AB"))), 1);
}

static void test_ends(void **state)
{
    (void)state;
    assert_true(str_starts(STR("sip:bob"), STR("sip:")));
    assert_false(str_starts(STR("si"), STR("sip:")));
    assert_true(str_istarts(STR("SIP:bob"), STR("sip:")));
    assert_true(str_starts(STR_NONE, STR_NONE));
    assert_true(str_ends(STR("tm.so"), STR(".so")));
    assert_false(str_ends(STR("so"), STR(".so")));
    assert_true(str_ends(STR("x"), STR("")));
}

static void test_find(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("a:b:c"), ':', 0), 1);
    assert_int_equal(str_find(STR("a:b:c"), ':', 2), 3);
    assert_int_equal(str_find(STR("a:b:c"), ':', 4), -1);
    assert_int_equal(str_find(STR("a"), 'a', 9), -1);
    assert_int_equal(str_find(STR_NONE, 'a', 0), -1);
    assert_int_equal(str_search(STR("hello hello"), STR("llo"), 0), 2);
    assert_int_equal(str_search(STR("hello hello"), STR("llo"), 3), 8);
    assert_int_equal(str_search(STR("hello"), STR("lloo"), 0), -1);
    assert_int_equal(str_search(STR("hello"), STR(""), 5), 5);
    assert_int_equal(str_search(STR("hello"), STR(""), 6), -1);
    assert_int_equal(str_search(STR_NONE, STR("x"), 0), -1);
}

static void test_sub_and_trim(void **state)
{
    (void)state;
    assert_str(str_sub(STR("abcdef"), 1, 3), "bc");
    assert_str(str_sub(STR("abcdef"), 4, 99), "ef");
    assert_str(str_sub(STR("abcdef"), 4, 2), "");
    assert_str(str_sub(STR_NONE, 0, 5), "");
    assert_str(str_trim(STR(" \t\r\nx y\n ")), "x y");
    assert_str(str_trim(STR(" \t ")), "");
    assert_str(str_trim(STR_NONE), "");
}

static void test_cut(void **state)
{
    (void)state;
    struct str rest = STR("a,,b,"), part;
    static const char *const parts[] = {"a", "", "b", ""};
    for (unsigned i = 0; i < 4; i++) {
        assert_true(str_cut(&part, &rest, ','));
        assert_str(part, parts[i]);
    }
    assert_false(str_cut(&part, &rest, ','));
    rest = STR("");
    assert_true(str_cut(&part, &rest, ','));
    assert_false(str_cut(&part, &rest, ','));
}

static void test_numbers(void **state)
{
    (void)state;
    uint64_t v = 7;
    uint32_t small = 7;
    assert_int_equal(str_u64(&v, STR("18446744073709551615"), UINT64_MAX), ERR_OK);
    assert_true(v == UINT64_MAX);
    assert_int_equal(str_u64(&v, STR("18446744073709551616"), UINT64_MAX), ERR_LIMIT);
    assert_int_equal(str_u64(&v, STR("99999999999999999999999"), UINT64_MAX), ERR_LIMIT);
    assert_int_equal(str_u64(&v, STR(""), 10), ERR_SYNTAX);
    assert_int_equal(str_u64(&v, STR("+1"), 10), ERR_SYNTAX);
    assert_int_equal(str_u64(&v, STR("-1"), 10), ERR_SYNTAX);
    assert_int_equal(str_u64(&v, STR("1 "), 10), ERR_SYNTAX);
    assert_int_equal(str_u64(&v, STR("0x1"), 10), ERR_SYNTAX);
    assert_int_equal(str_u64(&v, STR("11"), 10), ERR_LIMIT);
    assert_int_equal(str_u64(&v, STR("9"), 5), ERR_LIMIT);
    assert_int_equal(str_u64(&v, STR("0000000000000000000000010"), 10), ERR_OK);
    assert_int_equal(v, 10);
    assert_int_equal(str_u32(&small, STR("4294967296"), UINT32_MAX), ERR_LIMIT);
    assert_int_equal(small, 7);
    assert_int_equal(str_u32(&small, STR("4294967295"), UINT32_MAX), ERR_OK);
    assert_true(small == UINT32_MAX);
}

static void test_hex_digits(void **state)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char *at = c ? strchr(digits, c) : NULL;
        int place = at ? (int)(at - digits) : -1;
        assert_int_equal(ascii_hex((char)c), place > 15 ? place - 6 : place);
    }
}

static void test_distance(void **state)
{
    (void)state;
    static char a[100], b[100];
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    assert_int_equal(str_distance(STR("t_relay"), STR("t_relay")), 0);
    assert_int_equal(str_distance(STR("T_RELAY"), STR("t_relay")), 0);
    assert_int_equal(str_distance(STR("t_realy"), STR("t_relay")), 2);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(str_distance(STR(""), STR("abc")), 3);
    assert_int_equal(str_distance(STR("abc"), STR("")), 3);
    assert_int_equal(str_distance(str_make(a, 100), str_make(b, 100)), 64);
}

static void test_error_texts(void **state)
{
    (void)state;
    assert_string_equal(err_text(ERR_OK), "success");
    assert_string_equal(err_text(ERR_NOMEM), "out of memory");
    assert_string_equal(err_text(-12345), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality),     cmocka_unit_test(test_order),
        cmocka_unit_test(test_ends),         cmocka_unit_test(test_find),
        cmocka_unit_test(test_sub_and_trim), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_numbers),      cmocka_unit_test(test_distance),
        cmocka_unit_test(test_error_texts),  cmocka_unit_test(test_hex_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
