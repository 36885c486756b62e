/* Addresses and transports as text. */
/* SPDX-License-Identifier: MIT */
#include "core/base/addr.h"
#include "tests/lib/unit.h"

static void test_protos(void **state)
{
    (void)state;
    assert_string_equal(proto_name(PROTO_UDP), "udp");
    assert_string_equal(proto_name((enum proto)99), "?");
    assert_int_equal(proto_parse(STR("TLS")), PROTO_TLS);
    assert_int_equal(proto_parse(STR("*")), PROTO_ANY);
    assert_int_equal(proto_parse(STR("ud")), -1);
    assert_int_equal(proto_parse(STR_NONE), -1);
}

static void test_parse(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"::", "::"},
        {"[2001:DB8::1]", "2001:db8::1"},
        {"2001:db8:0::0:1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
    };
    static const char *const bad[] = {
        "",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.01",
        "1.2.3.4.5",
        "[192.0.2.1]",
        "[::1",
        "::1]",
        "[]",
        "fe80::1%lo",
        ":::",
        " 192.0.2.1",
        "0x7f.1",
        "192.0.2.1:50",
        "localhost",
        "127.1",
        "2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8",
    };
    char text[IP_TEXT];
    struct ip ip;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(ip_parse(&ip, str_from(good[i][0])), ERR_OK);
        assert_str(ip_text(text, &ip), good[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ip_parse(&ip, str_from(bad[i])), ERR_SYNTAX);
        assert_int_equal(ip.family, 0);
    }
    assert_int_equal(ip_parse(&ip, STR("192.0.2.1\0x")), ERR_SYNTAX);
    assert_str(ip_text(text, &ip), "");
}

static void test_text(void **state)
{
    (void)state;
    char text[ADDR_TEXT];
    struct addr a = {.port = 5060, .proto = PROTO_UDP};
    ip_parse(&a.ip, STR("192.0.2.1"));
    assert_str(addr_text(text, &a), "udp:192.0.2.1:5060");
    assert_str(ip_text_long(text, &a.ip), "192.0.2.1");
    a.proto = PROTO_TLS;
    ip_parse(&a.ip, STR("2001:db8::a0b"));
    assert_str(addr_text(text, &a), "tls:[2001:db8::a0b]:5060");
    assert_str(ip_text_long(text, &a.ip), "2001:DB8:0:0:0:0:0:A0B");
    a.proto = PROTO_SCTP;
    a.port = 65535;
    ip_parse(&a.ip, STR("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"));
    assert_str(ip_text_long(text, &a.ip), "FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF");
    assert_str(addr_text(text, &a), "sctp:[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

static bool in(const char *ip, const char *net, unsigned bits)
{
    struct ip a, n;
    assert_int_equal(ip_parse(&a, str_from(ip)), ERR_OK);
    assert_int_equal(ip_parse(&n, str_from(net)), ERR_OK);
    return ip_in(&a, &n, bits);
}

static void test_networks(void **state)
{
    (void)state;
    assert_true(in("192.0.2.1", "192.0.2.1", 32));
    assert_false(in("192.0.2.2", "192.0.2.1", 32));
    assert_true(in("192.0.2.200", "192.0.2.128", 25));
    assert_false(in("192.0.2.100", "192.0.2.128", 25));
    assert_true(in("10.1.2.3", "0.0.0.0", 0));
    assert_false(in("10.1.2.3", "10.1.2.3", 33));
    assert_true(in("2001:db8:ffff::1", "2001:db8::", 32));
    assert_false(in("2001:db9::1", "2001:db8::", 32));
    assert_true(in("2001:db8::1", "2001:db8::1", 128));
    assert_false(in("2001:db8::1", "2001:db8::1", 129));
    assert_false(in("::1", "0.0.0.0", 0));
}

static void test_compare(void **state)
{
    (void)state;
    struct ip any4, any6, none = {0};
    struct addr a = {.port = 1, .proto = PROTO_UDP}, b = a;
    ip_parse(&any4, STR("0.0.0.0"));
    ip_parse(&any6, STR("::"));
    assert_true(ip_is_any(&any4));
    assert_true(ip_is_any(&any6));
    assert_false(ip_eq(&any4, &any6));
    assert_true(ip_eq(&none, &none));
    a.ip = b.ip = any4;
    b.ip.b[9] = 7; /* beyond an IPv4 address: of no meaning */
    assert_true(addr_eq(&a, &b));
    b.port = 2;
    assert_false(addr_eq(&a, &b));
}

static void test_sockaddr(void **state)
{
    (void)state;
    static const char *const ips[] = {"192.0.2.1", "2001:db8::1"};
    for (unsigned i = 0; i < 2; i++) {
        struct addr a = {.port = 5061, .proto = PROTO_UDP}, back = {.proto = PROTO_UDP};
        struct sockaddr_storage sa;
        assert_int_equal(ip_parse(&a.ip, str_from(ips[i])), ERR_OK);
        socklen_t len = addr_to_sockaddr(&sa, &a);
        assert_int_equal(len, i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        assert_int_equal(addr_from_sockaddr(&back, (struct sockaddr *)&sa), ERR_OK);
        assert_true(addr_eq(&a, &back));
    }
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct addr a;
    assert_int_equal(addr_from_sockaddr(&a, &other), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protos),  cmocka_unit_test(test_parse),
        cmocka_unit_test(test_text),    cmocka_unit_test(test_networks),
        cmocka_unit_test(test_compare), cmocka_unit_test(test_sockaddr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
