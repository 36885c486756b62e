/* nathelper. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define SOCK(text) "modparam(\"nathelper\", \"rtpproxy_sock\", \"" text "\")\n"
#define NAT LOAD "loadmodule \"nathelper.so\"\n"
#define FORWARD(actions) NAT "route { " actions " append_hf(\"X-R: $rc\\r\\n\"); forward(); }"
#define SDP(ip)                                                                                    \
    "v=0\no=alice 1 1 IN IP4 " ip "\ns=-\nc=IN IP4 " ip "\nt=0 0\nm=audio 4000 RTP/AVP 0\n"
#define INVITE(headers, body)                                                                      \
    REQUEST_TO("INVITE", "sip:bob@203.0.113.5", "<sip:bob@x>", headers, body)
#define TYPE "Content-Type: application/sdp\n"

static void test_is(const char *mask, const char *message, const char *result)
{
    char script[512];
    snprintf(script, sizeof script,
             NAT "route { nat_uac_test(\"%s\"); sl_send_reply(\"200\", \"$rc\"); }", mask);
    expect_shown(script, message, result);
}

static void nat_is_noticed(void **state)
{
    static const char plain[] = INVITE("Contact: <sip:a@198.51.100.7>\n", "");
    static const char private[] =
        INVITE(TYPE "Contact: \"A\" <sip:a@172.31.0.1:99>\n", SDP("192.168.1.1"));
    static const char moved[] =
        "OPTIONS sip:b@x SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:9;branch=z9hG4bKx\n"
        "From: <sip:a@x>;tag=1\nTo: <sip:b@x>\nCall-ID: 1\nCSeq: 1 OPTIONS\n"
        "Contact: <sip:a@172.32.0.1>\n\n";
    (void)state;
    test_is("31", plain, "-1");
    test_is("1", private, "1");
    test_is("8", private, "1");
    test_is("22", private, "-1");
    test_is("2", moved, "1");
    test_is("4", moved, "1");
    test_is("16", moved, "1");
    test_is("9", moved, "-1");
}

static void contact_is_fixed(void **state)
{
    (void)state;
    run(FORWARD("fix_nated_contact(); fix_nated_contact();"),
        INVITE("m: \"A\" <sip:a@10.0.0.1:7;x=1>;q=1, <sip:b@10.0.0.2>\n", ""));
    expect_text(0, "\nm: \"A\" <sip:a@198.51.100.7:5060;x=1>;q=1, <sip:b@10.0.0.2>\n");
    expect_text(0, "X-R: 1\n");
    run(FORWARD("fix_nated_contact();"), INVITE("Contact: *\n", ""));
    expect_text(0, "Contact: *\nX-R: -1\n");
    run(FORWARD("fix_nated_contact();"), INVITE("", ""));
    expect_text(0, "X-R: -1\n");
}

static void sdp_is_fixed(void **state)
{
    (void)state;
    run(FORWARD("fix_nated_sdp(\"2\"); fix_nated_sdp(\"3\");"), INVITE(TYPE, SDP("10.0.0.1")));
    expect_text(0, "c=IN IP4 198.51.100.7\n");
    expect_text(0, "o=alice 1 1 IN IP4 10.0.0.1\n");
    expect_text(0, "RTP/AVP 0\na=oldmediaip:10.0.0.1\na=direction:active\n");
    run(FORWARD("fix_nated_sdp(\"14\", \"192.0.2.9\");"), INVITE(TYPE, SDP("10.0.0.1")));
    expect_text(0, "o=alice 1 1 IN IP4 192.0.2.9\n");
    expect_text(0, "0\na=nortpproxy:yes\na=oldmediaip:10.0.0.1\na=oldmediaip:10.0.0.1\n");
    run(FORWARD("fix_nated_sdp(\"2\");"), INVITE(TYPE, SDP("0.0.0.0")));
    expect_text(0, "c=IN IP4 0.0.0.0\nt=0 0\nm=audio 4000 RTP/AVP 0\n");
    expect_no_text(0, "oldmediaip");
    run(FORWARD("fix_nated_sdp(\"2\");"), INVITE(TYPE, "c=IN IP6 ::1\n"));
    expect_text(0, "X-R: -1\n");
    run(FORWARD("fix_nated_sdp(\"2\");"), INVITE("Content-Type: text/plain\n", SDP("10.0.0.1")));
    expect_text(0, "X-R: -1\n");
    assert_false(world_try(FORWARD("fix_nated_sdp(\"2\", \"::1\");")));
}

static void registrations_are_fixed(void **state)
{
    static const char contacts[] = INVITE("Contact: <sip:a@10.0.0.1>, sip:b@10.0.0.2;q=1\n", "");
    (void)state;
    expect_shown(NAT "modparam(\"nathelper\", \"received_avp\", \"s:rcv\")\n"
                     "route { fix_nated_register(); sl_send_reply(\"200\", \"$rc $avp(s:rcv)\"); }",
                 contacts, "1 sip:198.51.100.7:5060");
    run(FORWARD("add_rcv_param();"), contacts);
    expect_text(0, "Contact: <sip:a@10.0.0.1>;received=\"sip:198.51.100.7:5060\", "
                   "sip:b@10.0.0.2;q=1;received=\"sip:198.51.100.7:5060\"\n");
    run(FORWARD("add_rcv_param(\"1\");"), contacts);
    expect_text(0, "Contact: <sip:a@10.0.0.1;received=\"sip:198.51.100.7:5060\">, ");
    run(FORWARD("add_rcv_param();"), INVITE("Contact: *\n", ""));
    expect_text(0, "X-R: -1\n");
    assert_false(world_try(NAT "route { fix_nated_register(); }"));
    assert_false(world_try(NAT "route { force_rtp_proxy(); }")); /* no proxy is named */
    assert_false(world_try(NAT "route { unforce_rtp_proxy(); }"));
    assert_false(world_try(NAT SOCK("2 == udp:[::1]") "route { set_rtp_proxy_set(\"2\"); "
                                                      "force_rtp_proxy(\"ari\"); }"));
    assert_true(world_try(NAT SOCK(
        "2 == udp6:[::1]:22=5 unix:/run/rtp /run/rtp2") "route { set_rtp_proxy_set(\"2\"); "
                                                        "force_rtp_proxy(\"ari\"); }"));
    assert_string_equal(world_ask(":nh_enable_rtpp:\n/run/rtp2\n0\n"), "200 OK\n\n");
    assert_non_null(
        strstr(world_ask(":nh_show_rtpp:\n"), "\n/run/rtp2 set=2\n  index:: 2\n  disabled:: 1\n"));
    assert_string_equal(world_ask(":nh_enable_rtpp:\n/run/rtp3\n0\n"),
                        "404 RTP proxy not found\n\n");
    assert_false(world_try(NAT SOCK("udp:127.0.0.1") "route { set_rtp_proxy_set(\"2\"); }"));
    assert_false(world_try(NAT SOCK("udp:127.0.0.1") "route { force_rtp_proxy(\"x\"); }"));
    assert_false(world_try(NAT SOCK("udp:host.test") "route { }"));
    assert_false(world_try(NAT SOCK("udp:127.0.0.1:0") "route { }"));
    assert_false(world_try(NAT SOCK("udp:127.0.0.1=0") "route { }"));
    assert_false(world_try(NAT SOCK("x == udp:127.0.0.1") "route { }"));
    assert_false(world_try(NAT SOCK("3 ==") "route { }"));
    run(NAT SOCK("udp:127.0.0.1") "route { force_rtp_proxy(); sl_send_reply(\"200\", \"$rc\"); }",
        REQUEST_TO("INVITE", "sip:b@c", "<sip:b@c>", "Content-Type: application/sdp\n",
                   "v=0\nc=IN IP4 10.0.0.1\nm=audio 4 RTP/AVP 0\n"));
    expect_line(0, "SIP/2.0 200 -1"); /* there are no proxies in a simulated world */
    assert_false(world_try(NAT "modparam(\"nathelper\", \"received_avp\", \"$ru\")\nroute { }"));
}

#define PING(params)                                                                               \
    LOAD "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\nloadmodule \"nathelper.so\"\n"    \
         "modparam(\"usrloc\", \"nat_bflag\", 6)\n"                                                \
         "modparam(\"registrar|nathelper\", \"received_avp\", \"$avp(i:8)\")\n"                    \
         "modparam(\"nathelper\", \"natping_interval\", 20)\n" params                              \
         "route { if ($tU != \"far\") { setbflag(6); fix_nated_register(); }\n"                    \
         "  if ($tU == \"sip\") setbflag(7); save(\"location\"); }\n"

static void phone_registers(const char *user, const char *call_id)
{
    char text[1024];
    snprintf(text, sizeof text,
             "REGISTER sip:x SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK%s\n"
             "From: <sip:%s@x>;tag=1\nTo: <sip:%s@x>\nCall-ID: %s\nCSeq: 1 REGISTER\n"
             "Contact: <sip:%s@10.0.0.1:5099>\nExpires: 600\n\n",
             user, user, user, call_id, user);
    world_put(text);
    expect_line(0, "SIP/2.0 200 OK");
}

/* Packets of so many seconds: how many of four zero bytes, how many requests, where the last went.
 */
static unsigned pings(unsigned seconds, unsigned *requests, struct addr *last)
{
    unsigned bytes = 0;
    *requests = 0;
    while (seconds--) {
        world_seconds(1);
        for (unsigned i = 0; i < world.sent; i++) {
            bool request = strncmp(world.bytes[i], "OPTIONS ", 8) == 0;
            *requests += request;
            bytes += world.bytes[i][0] == 0;
            *last = world.dst[i];
            if (request) {
                expect_line(i, "OPTIONS sip:sip@10.0.0.1:5099 SIP/2.0");
                expect_text(i, "From: <sip:pinger@x>;tag=");
            }
        }
    }
    return bytes;
}

static void contacts_are_pinged(void **state)
{
    unsigned requests;
    struct addr last;
    (void)state;
    world_open(PING("modparam(\"nathelper\", \"ping_nated_only\", 1)\n"
                    "modparam(\"nathelper\", \"sipping_bflag\", 7)\n"
                    "modparam(\"nathelper\", \"sipping_from\", \"sip:pinger@x\")\n"));
    phone_registers("near", "r1");
    phone_registers("far", "r2");
    phone_registers("sip", "r3");
    assert_int_equal(pings(20, &requests, &last), 1);
    assert_int_equal(requests, 1);
    assert_int_equal(last.port, 5060); /* where REGISTER came from */
    assert_int_equal(last.ip.b[0], 198);
    assert_int_equal(pings(200, &requests, &last), 10);
    assert_int_equal(requests, 10);
    assert_string_equal(world_ask(":nh_enable_ping:\n0\n"), "200 OK\n\n");
    assert_int_equal(pings(20, &requests, &last), 0);
    assert_string_equal(world_ask(":nh_enable_ping:\n1\n"), "200 OK\n\n");
    assert_int_equal(pings(20, &requests, &last), 1);
    assert_int_equal(pings(400, &requests, &last), 12); /* 600 s after REGISTER they are gone */
    assert_int_equal(pings(40, &requests, &last), 0);
    world_open(PING(""));
    phone_registers("far", "r2");
    assert_int_equal(pings(20, &requests, &last), 1);
    assert_int_equal(last.port, 5099);
    assert_false(world_try(PING("modparam(\"nathelper\", \"sipping_bflag\", 7)\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nat_is_noticed),          TEST(contact_is_fixed),    TEST(sdp_is_fixed),
        TEST(registrations_are_fixed), TEST(contacts_are_pinged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
