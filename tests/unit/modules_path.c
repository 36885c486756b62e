/* path. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define LOAD_PATH LOAD "loadmodule \"path.so\"\n"

static const char PLAIN[] = REQUEST("REGISTER", "sip:203.0.113.5", "");

static void path_is_added(void **state)
{
    (void)state;
    run(LOAD_PATH "route { add_path(); forward(); }", PLAIN);
    expect_text(0, "CSeq: 1 REGISTER\nPath: <sip:192.0.2.1:5060;lr>\n\n");
    run(LOAD_PATH "route { add_path(\"edge\"); force_send_socket(192.0.2.1:5070); forward(); }",
        REQUEST("REGISTER", "sip:203.0.113.5", "Path: <sip:first@x;lr>\nX: y\n"));
    expect_text(0, "\nPath: <sip:edge@192.0.2.1:5070;lr>\nPath: <sip:first@x;lr>\nX: y\n");
    run(LOAD_PATH "route { add_path_received(\"e\"); forward(); }", PLAIN);
    expect_text(0, "\nPath: <sip:e@192.0.2.1:5060;lr;received=sip:198.51.100.7:5060>\n");
    run(LOAD_PATH "route { set_advertised_address(\"edge.example.org\"); add_path_received();"
                  "forward(); }",
        PLAIN);
    expect_text(0, "\nPath: <sip:edge.example.org:5060;lr;received=sip:198.51.100.7:5060>\n");
    assert_false(world_try(LOAD_PATH "route { add_path(\"a b\"); }"));
    assert_false(world_try(LOAD_PATH "route { add_path(\"\"); }"));
}

static void route_by_received(const char *parameter, const char *route, const char *shown)
{
    char script[1024], headers[256];
    snprintf(script, sizeof script,
             LOAD_PATH "%sroute { loose_route(); sl_send_reply(\"200\", \"$du\"); }", parameter);
    snprintf(headers, sizeof headers, "Route: <sip:192.0.2.1;lr%s>\n", route);
    char message[1024];
    snprintf(message, sizeof message, REQUEST("MESSAGE", "sip:bob@10.0.0.1", "%s"), headers);
    expect_shown(script, message, shown);
}

static void received_is_followed(void **state)
{
    static const char use[] = "modparam(\"path\", \"use_received\", 1)\n";
    (void)state;
    route_by_received(use, ";received=sip:203.0.113.1:7", "sip:203.0.113.1:7");
    route_by_received(use, ";received=sip:203.0.113.1:7%3Btransport%3Dtcp",
                      "sip:203.0.113.1:7;transport=tcp");
    route_by_received(use, ";received=nonsense", "<null>");
    route_by_received(use, "", "<null>");
    route_by_received("", ";received=sip:203.0.113.1:7", "<null>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(path_is_added),
        TEST(received_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
