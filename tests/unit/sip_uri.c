/* URIs: splitting, refusing, parameters, comparison. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/sip_help.h"

static void test_parts(void **state)
{
    struct uri u;
    (void)state;
    assert_int_equal(uri_parse(&u, STR("sip:al%20ice;x=y:p&w@[2001:db8::1]:5070;lr;a=b?S=x&T=y")),
                     ERR_OK);
    assert_int_equal(u.scheme, URI_SIP);
    assert_str(u.user, "al%20ice;x=y");
    assert_str(u.password, "p&w");
    assert_str(u.host, "[2001:db8::1]");
    assert_str(u.port_text, "5070");
    assert_int_equal(u.port, 5070);
    assert_str(u.params, "lr;a=b");
    assert_str(u.headers, "S=x&T=y");
    assert_true(u.has_user);
    assert_int_equal(uri_parse(&u, STR("SIPS:h")), ERR_OK);
    assert_true(u.scheme == URI_SIPS && !u.has_user && u.port == 0);
    assert_int_equal(uri_parse(&u, STR("tel:+1-201;phone-context=x")), ERR_OK);
    assert_str(u.user, "+1-201");
    assert_str(u.params, "phone-context=x");
    assert_int_equal(uri_parse(&u, STR("urn:service:sos;a")), ERR_OK);
    assert_int_equal(u.scheme, URI_OTHER);
    assert_str(u.scheme_text, "urn");
    assert_str(u.user, "service:sos");
}

static void check_uri(const char *text, int want)
{
    struct uri u;
    if (uri_parse(&u, str_from(text)) != want)
        fail_msg("not %d: %s", want, text);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"",
                                      ":",
                                      "sip",
                                      "sip:",
                                      "sips:",
                                      "tel:",
                                      "tel:-",
                                      "tel:+1;",
                                      "x y:z",
                                      "1a:b",
                                      "bob@host",
                                      "sip:@h",
                                      "sip::p@h",
                                      "sip:a@",
                                      "sip:a@b@c",
                                      "sip:a@h:",
                                      "sip:a@h:65536",
                                      "sip:a@h:5060x",
                                      "sip:a@h:-1",
                                      "sip:a@h;",
                                      "sip:a@h;;lr",
                                      "sip:a@h;=x",
                                      "sip:a@h;lr=",
                                      "sip:a@h;lr;LR",
                                      "sip:a@h?",
                                      "sip:a@h;x=\"y\"",
                                      "sip:a b@h",
                                      "sip:a@h ",
                                      "sip:%@h",
                                      "sip:a%4@h",
                                      "sip:a%zz@h",
                                      "sip:a@[::1",
                                      "sip:a@[zz]",
                                      "sip:a@[1.2.3.4]",
                                      "sip:a@.h",
                                      "sip:a@h..i",
                                      "sip:a@[fe80::1%eth0]",
                                      "sip:<a@h>",
                                      "sip:a\xc3\xa4@h",
                                      "sip:a@h\r\nX: y",
                                      "urn:a b",
                                      "urn:",
                                      "sip:2001:db8::10"};
    static const char *const good[] = {"sip:h",      "sip:h.",      "sip:a_b.c",
                                       "sip:*98#@h", "sip:a@1.2.3", "sip:h;x=a=b",
                                       "sip:h;%6Cr", "sip:a?b/c@h", "sip:[2001:db8:::192.0.2.1]",
                                       "a+b-c.d:x",  "tel:*31#",    "tel:911;x=y",
                                       "sip:a@h:0"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_uri(bad[i], ERR_SYNTAX);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        check_uri(good[i], ERR_OK);
}

static void test_addresses(void **state)
{
    struct ip a, b;
    (void)state;
    assert_int_equal(host_ip(&a, STR("[2001:db8:::192.0.2.1]")), ERR_OK);
    assert_int_equal(ip_parse(&b, STR("2001:db8::192.0.2.1")), ERR_OK);
    assert_true(ip_eq(&a, &b));
    assert_int_equal(host_ip(&a, STR("192.0.2.1")), ERR_OK);
    assert_int_equal(host_ip(&a, STR("h")), ERR_SYNTAX);
    assert_int_equal(host_ip(&a, STR(":::")), ERR_OK);
    assert_true(ip_is_any(&a));
    assert_int_equal(host_ip(&a, STR("[::::]")), ERR_SYNTAX);
}

static void test_params(void **state)
{
    struct str value, rest = STR("a;b=1; c = \"x;y\" ;;d"), name;
    (void)state;
    assert_true(param_find(rest, STR("A"), &value));
    assert_str(value, "");
    assert_true(param_find(rest, STR("c"), &value));
    assert_str(value, "\"x;y\"");
    assert_false(param_find(rest, STR("y\" "), &value));
    assert_null(value.p);
    assert_true(param_find(STR("%6c%52=on"), STR("lr"), &value));
    assert_str(value, "on");
    assert_false(param_find(STR(""), STR("x"), NULL));
    static const char *const names[] = {"a", "b", "c", "", "d"};
    for (size_t i = 0; i < 5; i++) {
        assert_true(param_next(&rest, &name, &value));
        assert_str(name, names[i]);
    }
    assert_false(param_next(&rest, &name, &value));
}

static void test_transport(void **state)
{
    static const struct {
        const char *uri;
        int transport, port;
    } cases[] = {
        {"sip:h", PROTO_UDP, 5060},
        {"sip:h;transport=TCP", PROTO_TCP, 5060},
        {"sip:h;transport=tls", PROTO_TLS, 5061},
        {"sip:h:5070;transport=tls", PROTO_TLS, 5070},
        {"sip:h;transport=carrier-pigeon", -1, 5060},
        {"sips:h", PROTO_TLS, 5061},
        {"sips:h;transport=tcp", PROTO_TLS, 5061},
        {"sips:h;transport=udp", -1, 5061},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct uri u;
        assert_int_equal(uri_parse(&u, str_from(cases[i].uri)), ERR_OK);
        assert_int_equal(uri_transport(&u), cases[i].transport);
        assert_int_equal(uri_port(&u), cases[i].port);
    }
}

/* The lists of RFC 3261 19.1.4, and tel: of RFC 3966. */
static void test_same(void **state)
{
    static const struct {
        bool same;
        const char *a, *b;
    } cases[] = {
        {true, "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"},
        {true, "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"},
        {true, "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"},
        {true, "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"},
        {true, "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
         "sip:alice@atlanta.com?priority=urgent&subject=project%20x"},
        {false, "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"},
        {false, "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"},
        {false, "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"},
        {false, "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"},
        {false, "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"},
        {false, "sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"},
        {false, "sip:h", "sips:h"},
        {false, "sip:admin%00x@h", "sip:admin@h"},
        {true, "tel:+1-201-555-0123", "tel:+1(201)5550123"},
        {false, "tel:+12015550123", "tel:+12015550124"},
        {true, "URN:a;b", "urn:a;b"},
        {false, "urn:a;b", "urn:a;c"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct uri a, b;
        assert_int_equal(uri_parse(&a, str_from(cases[i].a)), ERR_OK);
        assert_int_equal(uri_parse(&b, str_from(cases[i].b)), ERR_OK);
        if (uri_same(&a, &b) != cases[i].same)
            print_error("%s and %s\n", cases[i].a, cases[i].b);
        assert_int_equal(uri_same(&a, &b), cases[i].same);
        assert_int_equal(uri_same(&b, &a), cases[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_params),
        cmocka_unit_test(test_transport), cmocka_unit_test(test_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
