/* Record-Route and loose_route, case by case (MODULES 1.3). */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define US "<sip:192.0.2.1;lr>"

/* What loose_route answered, the R-URI and $du behind it. */
static const char ROUTED[] = SHOW("loose_route();", "$rc $ru $du");
/* The request as it goes on. */
static const char RELAYED[] = LOAD "route { loose_route(); forward(); }";

static void expect_routed(const char *message, const char *reason)
{
    expect_shown(ROUTED, message, reason);
}

static void without_routes(void **state)
{
    (void)state;
    expect_routed(IN_DIALOG("BYE", "sip:b@203.0.113.5", ""), "-1 sip:b@203.0.113.5 <null>");
    expect_routed(IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: sip:192.0.2.1;lr\n"),
                  "-1 sip:b@203.0.113.5 <null>");
    expect_routed(IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: <<>>\n"),
                  "-1 sip:b@203.0.113.5 <null>");
}

static void ours_alone(void **state)
{
    (void)state;
    expect_routed(IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: " US "\n"),
                  "1 sip:b@203.0.113.5 <null>");
    expect_routed(REQUEST("INVITE", "sip:b@203.0.113.5", "Route: " US "\n"),
                  "-1 sip:b@203.0.113.5 <null>");
    run(RELAYED, IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: " US "\n"));
    expect_no_text(0, "Route:");
    run(RELAYED, REQUEST("INVITE", "sip:b@203.0.113.5", "Route: " US "\n"));
    expect_no_text(0, "Route:");
}

static void ours_and_a_loose_one(void **state)
{
    static const char two_lines[] =
        IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: " US "\nRoute: <sip:203.0.113.8;lr>\n");
    static const char one_line[] =
        IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: " US " , <sip:203.0.113.8;lr>,<sip:c;lr>\n");
    (void)state;
    expect_routed(two_lines, "1 sip:b@203.0.113.5 sip:203.0.113.8;lr");
    run(RELAYED, two_lines);
    expect_text(0, "CSeq: 1 BYE\nRoute: <sip:203.0.113.8;lr>\n\n");
    run(RELAYED, one_line);
    expect_text(0, "CSeq: 1 BYE\nRoute: <sip:203.0.113.8;lr>,<sip:c;lr>\n\n");
    assert_int_equal(world.dst[0].ip.b[3], 8);
}

static void not_ours(void **state)
{
    static const char message[] =
        IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: <sip:192.0.2.1:5090;lr>\n");
    (void)state;
    expect_routed(message, "1 sip:b@203.0.113.5 sip:192.0.2.1:5090;lr");
    run(RELAYED, message);
    expect_text(0, "Route: <sip:192.0.2.1:5090;lr>\n");
}

static void next_hop_is_strict(void **state)
{
    static const char message[] =
        IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: " US "\nRoute: <sip:203.0.113.8>\nX-A: a\n");
    (void)state;
    expect_routed(message, "1 sip:203.0.113.8 <null>");
    run(RELAYED, message);
    expect_line(0, "BYE sip:203.0.113.8 SIP/2.0");
    expect_text(0, "CSeq: 1 BYE\nX-A: a\nRoute: <sip:b@203.0.113.5>\n\n");
}

static void previous_hop_was_strict(void **state)
{
    (void)state;
    expect_routed(IN_DIALOG("BYE", "sip:192.0.2.1;lr",
                            "Route: <sip:203.0.113.8;lr>\nRoute: <sip:b@203.0.113.5>\n"),
                  "1 sip:b@203.0.113.5 sip:203.0.113.8;lr");
    run(RELAYED,
        IN_DIALOG("BYE", "sip:192.0.2.1;lr", "Route: <sip:203.0.113.8;lr>, <sip:b@203.0.113.5>\n"));
    expect_text(0, "CSeq: 1 BYE\nRoute: <sip:203.0.113.8;lr>\n\n");
    expect_routed(IN_DIALOG("BYE", "sip:192.0.2.1", "Route: <sip:b@203.0.113.5>\n"),
                  "1 sip:b@203.0.113.5 <null>");
    expect_routed(IN_DIALOG("BYE", "sip:b@192.0.2.1", "Route: " US "\n"),
                  "1 sip:192.0.2.1;lr sip:192.0.2.1;lr");
}

static void two_of_ours(void **state)
{
    static const char script[] = SHOW("loose_route();", "$rc $du $fs");
    (void)state;
    expect_shown(script,
                 IN_DIALOG("BYE", "sip:b@203.0.113.5",
                           "Route: <sip:192.0.2.1;r2=on;lr>\nRoute: "
                           "<sip:192.0.2.1:5070;r2=on;lr>\nRoute: <sip:c;lr>\n"),
                 "1 sip:c;lr udp:192.0.2.1:5070");
    expect_shown(script,
                 IN_DIALOG("BYE", "sip:b@203.0.113.5",
                           "Route: <sip:192.0.2.1;r2=on;lr>, <sip:192.0.2.1:5070;r2=on;lr>\n"),
                 "1 <null> udp:192.0.2.1:5070");
    expect_shown(script, IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: <sip:192.0.2.1;r2=on;lr>\n"),
                 "1 <null> <null>");
    /* the one behind is not ours: it stays */
    expect_shown(script,
                 IN_DIALOG("BYE", "sip:b@203.0.113.5",
                           "Route: <sip:192.0.2.1;r2=on;lr>, <sip:203.0.113.9;lr>\n"),
                 "1 sip:203.0.113.9;lr <null>");
}

static void maddr_leads_elsewhere(void **state)
{
    (void)state;
    expect_routed(IN_DIALOG("BYE", "sip:b@203.0.113.5",
                            "Route: <sip:proxy.test:5066;maddr=203.0.113.8;lr>\n"),
                  "1 sip:b@203.0.113.5 sip:203.0.113.8:5066");
}

static void twice_is_once(void **state)
{
    (void)state;
    run(LOAD "route { loose_route(); loose_route(); forward(); }",
        IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: " US "\nRoute: <sip:203.0.113.8>\n"));
    expect_text(0, "CSeq: 1 BYE\nRoute: <sip:b@203.0.113.5>\n\n");
}

static void parameters_and_direction(void **state)
{
    static const char script[] =
        SHOW("loose_route(); if (check_route_param(\"^;lr;.*note=1$\")) $var(a) = 1;"
             "if (check_route_param(\"nope\")) $var(a) = 2;"
             "if (is_direction(\"upstream\")) $var(b) = 1; if (is_direction(\"downstream\"))"
             "$var(b) = $var(b) + 2;",
             "$var(a) $var(b)");
    (void)state;
    expect_shown(
        script, IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: <sip:192.0.2.1;lr;ftag=ft;note=1>\n"),
        "1 2");
    expect_shown(
        script, IN_DIALOG("BYE", "sip:b@203.0.113.5", "Route: <sip:192.0.2.1;lr;ftag=x>\n"), "0 1");
    expect_shown(script, IN_DIALOG("BYE", "sip:b@203.0.113.5", ""), "0 2");
}

/* ---- Record-Route ---- */

#define RECORD(settings, actions) LOAD settings "route { " actions " forward(\"203.0.113.5\"); }"

static const char INVITE[] = REQUEST("INVITE", "sip:bob@203.0.113.5", "");

static void record_route_goes_on_top(void **state)
{
    (void)state;
    run(RECORD("", "record_route();"), INVITE);
    expect_text(0, "SIP/2.0\nRecord-Route: <sip:192.0.2.1;lr;ftag=ft>\nVia: SIP/2.0/UDP 192.0.2.1");
    run(RECORD("modparam(\"rr\", \"append_fromtag\", 0) modparam(\"rr\", \"enable_full_lr\", 1)\n"
               "modparam(\"rr\", \"add_username\", 1)\n",
               "rewriteuser(\"other\"); record_route(\";a=$rm\");"),
        INVITE);
    expect_text(0, "Record-Route: <sip:bob@192.0.2.1;lr=on;a=INVITE>\n");
}

static void record_route_on_two_sockets(void **state)
{
    (void)state;
    run(RECORD("", "record_route(); force_send_socket(udp:192.0.2.1:5070);"), INVITE);
    expect_text(0, "SIP/2.0\nRecord-Route: <sip:192.0.2.1:5070;r2=on;lr;ftag=ft>\n"
                   "Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=ft>\nVia:");
    run(RECORD("modparam(\"rr\", \"enable_double_rr\", 0)\n",
               "record_route(); force_send_socket(udp:192.0.2.1:5070);"),
        INVITE);
    expect_text(0, "SIP/2.0\nRecord-Route: <sip:192.0.2.1:5070;lr;ftag=ft>\nVia:");
}

static void record_route_parameters(void **state)
{
    (void)state;
    run(RECORD("", "add_rr_param(\";a=1\"); record_route(\";b=2\"); add_rr_param(\";u=$fU\");"),
        INVITE);
    expect_text(0, "Record-Route: <sip:192.0.2.1;lr;ftag=ft;b=2;a=1;u=alice>\n");
    expect_shown(SHOW("add_rr_param(\"a=1\"); $var(a) = $rc; record_route(\"x\"); $var(b) = $rc;"
                      "record_route(); $var(c) = $rc; record_route();",
                      "$var(a) $var(b) $var(c) $rc"),
                 INVITE, "-1 -1 1 -1");
}

static void record_route_preset(void **state)
{
    (void)state;
    run(RECORD("", "record_route_preset(\"p.test:5066\"); add_rr_param(\";a\"); record_route();"),
        INVITE);
    expect_text(0, "SIP/2.0\nRecord-Route: <sip:p.test:5066;lr;ftag=ft>\nVia:");
}

static void advertised_names_count(void **state)
{
    (void)state;
    run("advertised_address=\"p.test\"\n" LOAD
        "route { record_route(); force_send_socket(udp:192.0.2.1:5070); forward(\"203.0.113.5\"); "
        "}",
        INVITE);
    expect_text(0, "Record-Route: <sip:p.test:5070;r2=on;lr;ftag=ft>\n"
                   "Record-Route: <sip:p.test;r2=on;lr;ftag=ft>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_routes),
        TEST(ours_alone),
        TEST(ours_and_a_loose_one),
        TEST(not_ours),
        TEST(next_hop_is_strict),
        TEST(previous_hop_was_strict),
        TEST(two_of_ours),
        TEST(maddr_leads_elsewhere),
        TEST(twice_is_once),
        TEST(parameters_and_direction),
        TEST(record_route_goes_on_top),
        TEST(record_route_on_two_sockets),
        TEST(record_route_parameters),
        TEST(record_route_preset),
        TEST(advertised_names_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
