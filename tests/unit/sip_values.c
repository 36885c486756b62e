/* via-parms, name-addrs, comma lists, digest values. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/digest.h"
#include "tests/unit/sip_help.h"

static void test_via(void **state)
{
    struct via v;
    (void)state;
    assert_int_equal(via_parse(&v, STR("SIP /\r\n 2.0/ TLS \t[2001:db8::9] : 5070 ; Branch = z9 ;"
                                       "RPORT; received=1.2.3.4;maddr=m;x=\"a;b\" (c (d) \\))")),
                     ERR_OK);
    assert_str(v.transport, "TLS");
    assert_str(v.host, "[2001:db8::9]");
    assert_int_equal(v.port, 5070);
    assert_str(v.branch, "z9");
    assert_str(v.received, "1.2.3.4");
    assert_str(v.maddr, "m");
    assert_true(v.has_rport && v.rport.len == 0 && !v.odd);
    assert_int_equal(via_parse(&v, STR("SIP/2.0/UDP h;rport=17")), ERR_OK);
    assert_str(v.rport, "17");
    assert_str(v.params, "rport=17");
    assert_true(!v.has_port && v.port == 0);
}

static void test_via_faults(void **state)
{
    static const char *const unusable[] = {"",
                                           "SIP/2.0/UDP",
                                           "SIP/2.0/UDP ",
                                           "SIP/2.0 h",
                                           "SIP/2.0/UDP ;branch=x",
                                           "SIP/2.0/UDP :5060",
                                           "SIP/2.0/UDP h:",
                                           "SIP/2.0/UDP h:x",
                                           "SIP/2.0/UDP [::1",
                                           "/2.0/UDP h",
                                           "SIP//UDP h",
                                           "x"};
    static const char *const odd[] = {"SIP/2.0/UDP h;",
                                      "SIP/2.0/UDP h;;a",
                                      "SIP/2.0/UDP h;branch=",
                                      "SIP/2.0/UDP h;=a",
                                      "SIP/2.0/UDP h;branch=a;branch=b",
                                      "SIP/2.0/UDP h;rport;rport=1",
                                      "SIP/2.0/UDP h:99999",
                                      "SIP/2.0/UDP .h",
                                      "SIP/2.0/UDP [zz]",
                                      "SIP/2.0/UDP h;a=\"b",
                                      "SIP/2.0/UDP h (c",
                                      "SIP/2.0/UDP h i",
                                      "SIP/2.0/UDP h;a,b",
                                      "HTTP/2.0/UDP h"};
    struct via v;
    (void)state;
    for (size_t i = 0; i < sizeof unusable / sizeof *unusable; i++)
        assert_int_equal(via_parse(&v, str_from(unusable[i])), ERR_SYNTAX);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_int_equal(via_parse(&v, str_from(odd[i])), ERR_OK);
        if (!v.odd)
            fail_msg("not odd: %s", odd[i]);
    }
}

static void test_nameaddr(void **state)
{
    struct nameaddr n;
    (void)state;
    assert_int_equal(nameaddr_parse(&n, STR(" \"A \\\" <x>\" <sip:a@b;c?d> ; tag=1;q=\"z;\"")),
                     ERR_OK);
    assert_str(n.display, "\"A \\\" <x>\"");
    assert_str(n.uri, "sip:a@b;c?d");
    assert_str(n.params, "tag=1;q=\"z;\"");
    assert_true(n.angle);
    assert_int_equal(nameaddr_parse(&n, STR("J Q  Public<sip:a>")), ERR_OK);
    assert_str(n.display, "J Q  Public");
    assert_int_equal(nameaddr_parse(&n, STR("sip:a@b;tag=1")), ERR_OK);
    assert_str(n.uri, "sip:a@b");
    assert_str(n.params, "tag=1");
    assert_false(n.angle);
}

static void test_nameaddr_faults(void **state)
{
    static const char *const bad[] = {
        "",          "<>",           "<sip:a",    "\"a <sip:b>",   "\"a\" sip:b",
        "\"a\\",     "a, b <sip:c>", "sip:a?b=c", "sip:a,b",       "<sip:a>;",
        "<sip:a>;;", "<sip:a>;t=",   "<sip:a> x", "<sip:a>;t=\"x", ";x",
        "\"",        "<sip:a>;=x"};
    struct nameaddr n;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (nameaddr_parse(&n, str_from(bad[i])) == ERR_OK)
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_cut(void **state)
{
    static const char *const want[] = {"a", "\"b,\\\",\" <c,d>;e=\",\"", "", "f"};
    struct str rest = STR(" a , \"b,\\\",\" <c,d>;e=\",\",, f"), one;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(value_cut(&rest, &one));
        assert_str(one, want[i]);
    }
    assert_false(value_cut(&rest, &one));
    rest = STR("<a, b");
    assert_true(value_cut(&rest, &one));
    assert_str(one, "<a, b");
    assert_false(value_cut(&rest, &one));
}

static void test_digest(void **state)
{
    struct arena a;
    struct digest d;
    (void)state;
    arena_init(&a, NULL, 512);
    assert_int_equal(
        digest_parse(
            &d, STR("Digest username=\"bob\",\r\n realm=\"r\", nonce=\"n\", uri=\"sip:x\", "
                    "response=\"0f\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\"")),
        ERR_OK);
    assert_str(d.username, "bob");
    assert_str(d.realm, "r");
    assert_str(d.uri, "sip:x");
    assert_str(d.algorithm, "SHA-256");
    assert_str(d.qop, "auth");
    assert_str(d.nc, "00000001");
    assert_str(d.opaque, "");
    assert_int_equal(digest_challenge(&d, &a, STR("digest realm=\"r\", nonce=\"n\", stale=true")),
                     ERR_OK);
    assert_str(d.nonce, "n");
    assert_str(d.stale, "true");
    assert_int_equal(digest_parse(&d, STR("Bearer abc")), ERR_UNSUPPORTED);
    assert_int_equal(digest_parse(&d, STR("Digest")), ERR_UNSUPPORTED);
    assert_int_equal(digest_parse(&d, STR("Digest username=\"")), ERR_SYNTAX);
    assert_int_equal(digest_parse(&d, str_make("Digest realm=\"\0\"", 16)), ERR_SYNTAX);
    arena_reset(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_via),      cmocka_unit_test(test_via_faults),
        cmocka_unit_test(test_nameaddr), cmocka_unit_test(test_nameaddr_faults),
        cmocka_unit_test(test_cut),      cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
