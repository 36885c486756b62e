/* Where requests go: next hops as scripts write them, addresses nobody may be sent to, sockets. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/dest.h"
#include "tests/unit/proxy_world.h"

static void reads(const char *hop, const char *host, unsigned port, enum proto proto)
{
    struct dest d;
    enum failure f = dest_read(&d, str_from(hop));
    if (f != FAIL_NONE)
        fail_msg("%s: failure %d", hop, f);
    assert_true(str_eq(d.host, str_from(host)));
    assert_int_equal(d.port, port);
    assert_int_equal(d.proto, proto);
}

static void test_next_hops(void **state)
{
    (void)state;
    reads("192.0.2.9", "192.0.2.9", 5060, PROTO_UDP);
    reads("192.0.2.9:5070", "192.0.2.9", 5070, PROTO_UDP);
    reads("udp:192.0.2.9:5070", "192.0.2.9", 5070, PROTO_UDP);
    reads("tcp:gw.example.com", "gw.example.com", 5060, PROTO_TCP);
    reads("tls:gw.example.com", "gw.example.com", 5061, PROTO_TLS);
    reads("any:gw.example.com", "gw.example.com", 5060, PROTO_UDP);
    reads("[2001:db8::9]", "[2001:db8::9]", 5060, PROTO_UDP);
    reads("[2001:db8::9]:5070", "[2001:db8::9]", 5070, PROTO_UDP);
    reads("udp:[2001:db8::9]:5070", "[2001:db8::9]", 5070, PROTO_UDP);
    reads("2001:db8::9", "2001:db8::9", 5060, PROTO_UDP);
    reads("sip:bob@gw.example.com", "gw.example.com", 5060, PROTO_UDP);
    reads("sip:gw.example.com:5070;transport=tcp", "gw.example.com", 5070, PROTO_TCP);
    reads("sip:gw.example.com;transport=xyz", "gw.example.com", 5060, PROTO_UDP);
    reads("sips:gw.example.com", "gw.example.com", 5061, PROTO_TLS);
    reads("sip:gw.example.com;maddr=192.0.2.7", "192.0.2.7", 5060, PROTO_UDP);
    reads("sip:[2001:db8::9]:5070", "[2001:db8::9]", 5070, PROTO_UDP);
}

static void refuses(const char *hop, enum failure f)
{
    struct dest d;
    if (dest_read(&d, str_from(hop)) != f)
        fail_msg("%s: not failure %d", hop, f);
}

static void test_no_next_hops(void **state)
{
    (void)state;
    refuses("", FAIL_BAD_URI);
    refuses("192.0.2.9:0", FAIL_BAD_URI);
    refuses("192.0.2.9:99999", FAIL_BAD_URI);
    refuses("192.0.2.9:", FAIL_BAD_URI);
    refuses("192.0.2.9:x", FAIL_BAD_URI);
    refuses("[2001:db8::9", FAIL_UNRESOLVED);
    refuses("two words", FAIL_UNRESOLVED);
    refuses("sip:", FAIL_BAD_URI);
    refuses("bob@example.com", FAIL_BAD_URI);
    refuses("tel:+12025550100", FAIL_UNRESOLVED);
}

/* The request that the script sends on, and through which socket. */
static void goes(const char *script, const char *dst, unsigned socket)
{
    struct world *w = world_new(script);
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-m1", "", "");
    assert_int_equal(expect(w, dst, "MESSAGE sip:bob@192.0.2.20 SIP/2.0")->socket, socket);
    expect_nothing(w);
    world_end(w);
}

static void test_sockets(void **state)
{
    (void)state;
    goes("route { t_relay(\"udp:192.0.2.9:5070\"); }", "192.0.2.9:5070", 0);
    goes("route { t_relay(\"udp:[2001:db8::9]:5070\"); }", "[2001:db8::9]:5070", 1);
    goes("route { $du = \"sip:[2001:db8::9]\"; t_relay(); }", "[2001:db8::9]:5060", 1);
    goes("route { $du = \"sip:[2001:db8::9]\"; forward(); }", "[2001:db8::9]:5060", 1);
    goes("route { forward(\"192.0.2.9:5070\"); }", "192.0.2.9:5070", 0);
    /* a forced socket of another family is of no use */
    goes("route { force_send_socket(udp:[2001:db8::1]:5060); t_relay(); }", "192.0.2.20", 0);
}

static void test_via_of_the_way_out(void **state)
{
    (void)state;
    struct world *w = world_new("route { $du = \"sip:[2001:db8::9]\"; force_local_rport(); "
                                "t_relay(); }");
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-m1", "", "");
    struct caught *c = expect(w, "[2001:db8::9]:5060", "MESSAGE");
    assert_true(str_starts(str_from(header(c, "Via")),
                           STR("SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK")));
    assert_true(str_ends(str_from(header(c, "Via")), STR(";rport")));
    world_end(w);
    w = world_new("advertised_address=\"adv.test\" advertised_port=9999 route { t_relay(); }");
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-m1", "", "");
    c = expect(w, "192.0.2.20", "MESSAGE");
    assert_true(str_starts(str_from(header(c, "Via")), STR("SIP/2.0/UDP adv.test:9999;branch=")));
    answer(w, c, 200, "OK");
    expect(w, "192.0.2.10", "SIP/2.0 200");
    world_end(w);
}

static int no_route(void *user, struct ip *out, const struct addr *dst)
{
    (void)user, (void)dst;
    return ip_parse(out, STR("192.0.2.2"));
}

static void test_mhomed(void **state)
{
    (void)state;
    struct world *w = world_new("mhomed=yes route { t_relay(); }");
    world_socket(w, "192.0.2.2:5060", "192.0.2.2");
    w->engine->env.source = no_route;
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-m1", "", "");
    struct caught *c = expect(w, "192.0.2.20", "MESSAGE");
    assert_int_equal(c->socket, 2);
    answer(w, c, 200, "OK");
    assert_int_equal(expect(w, "192.0.2.10", "SIP/2.0 200")->socket, 0);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_hops), cmocka_unit_test(test_no_next_hops),
        cmocka_unit_test(test_sockets),   cmocka_unit_test(test_via_of_the_way_out),
        cmocka_unit_test(test_mhomed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
