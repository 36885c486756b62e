/* Digest credentials read strictly, and the sums of RFC 2617, 7616 and 8760. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sip/digest.h"
#include "tests/lib/unit.h"

static int parse(struct digest *d, const char *text)
{
    return digest_parse(d, str_from(text));
}

static void fields_are_found(void **state)
{
    struct digest d;
    (void)state;
    assert_int_equal(parse(&d, "dIgEsT username=\"a\\\"b, c\",realm=\"r\" ,\r\n nonce = \"n\","
                               ",uri=\"sip:x\", response=\"0f\",algorithm=SHA-256, QOP=auth,"
                               "nc=00000001, cnonce=\"\", opaque=\"o\", later=\"x\""),
                     ERR_OK);
    assert_str(d.username, "a\\\"b, c");
    assert_str(d.realm, "r");
    assert_str(d.nonce, "n");
    assert_str(d.uri, "sip:x");
    assert_str(d.response, "0f");
    assert_str(d.algorithm, "SHA-256");
    assert_str(d.qop, "auth");
    assert_str(d.nc, "00000001");
    assert_str(d.cnonce, "");
    assert_str(d.opaque, "o");
}

/* A name without quotes is its own text, not the next one that has them. */
static void unquoted_is_itself(void **state)
{
    struct digest d;
    (void)state;
    assert_int_equal(parse(&d, "Digest username=alice, realm=r, cnonce=\"mallory\""), ERR_OK);
    assert_str(d.username, "alice");
    assert_str(d.realm, "r");
    assert_str(d.cnonce, "mallory");
}

static void doubtful_is_refused(void **state)
{
    static const char *const texts[] = {
        "Digest username=\"a\", username=\"b\"", /* which one? */
        "Digest realm=\"r\", nonce=\"n\", REALM=\"s\"",
        "Digest response=\"0\", response=\"0\"",
        "Digest username=\"a\" realm=\"r\"", /* no comma */
        "Digest username=\"a",
        "Digest username=\"a\\\"",
        "Digest username",
        "Digest =\"a\"",
        "Digest \"a\"=b",
        "Digest ,,,",
        "Digest username=\"a\"x",
        "Digest username=\"a\r\n b\"",
        "Digest username=\"a\x01\"",
        "Digest username=\"a\x7f\"",
    };
    struct digest d;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (parse(&d, texts[i]) != ERR_SYNTAX)
            fail_msg("accepted: %s", texts[i]);
    assert_int_equal(digest_parse(&d, str_make("Digest realm=\"\0\"", 16)), ERR_SYNTAX);
    assert_int_equal(parse(&d, "Bearer abc"), ERR_UNSUPPORTED);
    assert_int_equal(parse(&d, "Digestive a=b"), ERR_UNSUPPORTED);
    assert_int_equal(parse(&d, ""), ERR_UNSUPPORTED);
}

static void length_is_bounded(void **state)
{
    static char text[DIGEST_MAX + 64];
    struct digest d;
    (void)state;
    memset(text, 'r', sizeof text);
    memcpy(text, "Digest realm=\"", 14);
    text[4000] = '"';
    text[4001] = 0;
    assert_int_equal(parse(&d, text), ERR_OK);
    assert_int_equal(d.realm.len, 4000 - 14);
    text[4000] = text[4001] = 'r';
    assert_int_equal(digest_parse(&d, str_make(text, sizeof text)), ERR_LIMIT);
}

static void expect_response(enum digest_algorithm a, const char *const who[3],
                            const struct digest *d, const char *method, const char *body,
                            const char *want)
{
    const struct str pieces[] = {str_from(who[0]), str_from(who[1]), str_from(who[2])};
    char ha1[DIGEST_HEX], hex[DIGEST_HEX];
    struct str sum = digest_sum(ha1, a, pieces, 3);
    sum = digest_response(hex, a, sum, d, str_from(method), str_from(body));
    assert_int_equal(sum.len, digest_digits(a));
    assert_memory_equal(sum.p, want, sum.len);
}

static void responses_of_the_standards(void **state)
{
    const char *const mufasa[] = {"Mufasa", "testrealm@host.com", "Circle Of Life"};
    const char *const fields[] = {"Mufasa", "http-auth@example.org", "Circle of Life"};
    struct digest d = {.nonce = STR("dcd98b7102dd2f0e8b11d0f600bfb0c093"),
                       .uri = STR("/dir/index.html"),
                       .qop = STR("auth"),
                       .nc = STR("00000001"),
                       .cnonce = STR("0a4f113b")};
    (void)state;
    /* RFC 2617 3.5 */
    expect_response(DIGEST_MD5, mufasa, &d, "GET", "", "6629fae49393a05397450978507c4ef1");
    d.qop = STR_NONE; /* RFC 2069 */
    expect_response(DIGEST_MD5, mufasa, &d, "GET", "", "670fd8c2df070c60b045671b8b24ff02");
    /* RFC 7616 3.9.1 */
    d.qop = STR("auth");
    d.nonce = STR("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v");
    d.cnonce = STR("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ");
    expect_response(DIGEST_MD5, fields, &d, "GET", "", "8ca523f5e9506fed4657c9700eebdbec");
    expect_response(DIGEST_SHA256, fields, &d, "GET", "",
                    "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

/* The body counts with auth-int only. */
static void body_counts(void **state)
{
    struct digest d = {.nonce = STR("n"),
                       .uri = STR("sip:x"),
                       .nc = STR("00000001"),
                       .cnonce = STR("c"),
                       .qop = STR("auth")};
    char one[DIGEST_HEX], two[DIGEST_HEX];
    struct str ha1 = STR("0123");
    (void)state;
    for (int i = 0; i < DIGEST_ALGORITHMS; i++) {
        enum digest_algorithm a = (enum digest_algorithm)i;
        d.qop = STR("auth");
        assert_true(digest_equal(digest_response(one, a, ha1, &d, STR("INVITE"), STR("x")),
                                 digest_response(two, a, ha1, &d, STR("INVITE"), STR("y"))));
        d.qop = STR("auth-int");
        assert_false(digest_equal(digest_response(one, a, ha1, &d, STR("INVITE"), STR("x")),
                                  digest_response(two, a, ha1, &d, STR("INVITE"), STR("y"))));
    }
}

static void algorithms_by_name(void **state)
{
    enum digest_algorithm a;
    (void)state;
    assert_true(digest_algorithm_find(&a, STR_NONE) && a == DIGEST_MD5);
    assert_true(digest_algorithm_find(&a, STR("md5")) && a == DIGEST_MD5);
    assert_true(digest_algorithm_find(&a, STR("SHA-256")) && a == DIGEST_SHA256);
    assert_true(digest_algorithm_find(&a, STR("sha-512-256")) && a == DIGEST_SHA512_256);
    assert_false(digest_algorithm_find(&a, STR("MD5-sess")));
    assert_false(digest_algorithm_find(&a, STR("SHA-1")));
}

static void equality(void **state)
{
    (void)state;
    assert_true(digest_equal(STR("abc"), STR("abc")));
    assert_true(digest_equal(STR_NONE, STR("")));
    assert_false(digest_equal(STR("abc"), STR("abd")));
    assert_false(digest_equal(STR("abc"), STR("ab")));
    assert_false(digest_equal(STR("abc"), STR("Abc")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found),           cmocka_unit_test(unquoted_is_itself),
        cmocka_unit_test(doubtful_is_refused),        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(responses_of_the_standards), cmocka_unit_test(body_counts),
        cmocka_unit_test(algorithms_by_name),         cmocka_unit_test(equality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
