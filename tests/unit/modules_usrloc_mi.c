/* usrloc's management commands. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define SCRIPT                                                                                     \
    LOAD "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n"                                 \
         "route { if (method == \"REGISTER\") save(\"location\"); else {\n"                        \
         "  lookup(\"location\"); sl_send_reply(\"200\", \"$rc $ru\"); } }\n"
#define ADD "1000\n0.5\n0\n0\n64\n0\n"

static void found(const char *result)
{
    char line[256];
    snprintf(line, sizeof line, "SIP/2.0 200 %s", result);
    world_put(REQUEST("OPTIONS", "sip:bob@example.org", ""));
    expect_line(0, line);
}

static void contacts_are_added_shown_and_removed(void **state)
{
    (void)state;
    world_open(SCRIPT);
    world.now += 1000000; /* the fixture's clock for commands and for messages are not the same */
    found("-1 sip:bob@example.org");
    assert_string_equal(world_ask(":ul_add:\nlocation\nBob@example.org\nsip:b@10.0.0.1\n" ADD),
                        "200 OK\n\n");
    assert_string_equal(world_ask(":ul_add:\nlocation\nbob\nsip:b@10.0.0.2\n0\n1.0\n0\n0\n0\n5\n"),
                        "200 OK\n\n");
    assert_string_equal(world_ask(":ul_show_contact:\nlocation\nbob\n"),
                        "200 OK\nContact:: <sip:b@10.0.0.2>;q=1.000;expires=0;flags=0x0;cflags=0x0;"
                        "methods=0x5;user_agent=<OpenSER MI Server>\n"
                        "Contact:: <sip:b@10.0.0.1>;q=0.500;expires=1000;flags=0x0;cflags=0x40;"
                        "methods=0xFFFFFFFF;user_agent=<OpenSER MI Server>\n\n");
    assert_string_equal(
        world_ask(":ul_dump:\nbrief\n"),
        "200 OK\nDomain:: location\n  AOR:: bob\n"
        "    Contact:: sip:b@10.0.0.2 Q=1.000\n    Contact:: sip:b@10.0.0.1 Q=0.500\n\n");
    assert_non_null(strstr(world_ask(":ul_dump:\n"), "      Expires:: permanent\n"));
    found("1 sip:b@10.0.0.2");
    assert_string_equal(world_ask(":ul_rm_contact:\nlocation\nbob\nsip:b@10.0.0.2\n"),
                        "200 OK\n\n");
    assert_string_equal(world_ask(":ul_rm_contact:\nlocation\nbob\nsip:b@10.0.0.2\n"),
                        "404 Contact not found\n\n");
    assert_string_equal(world_ask(":ul_rm:\nlocation\nbob\n"), "200 OK\n\n");
    assert_string_equal(world_ask(":ul_rm:\nlocation\nbob\n"), "404 AOR not found\n\n");
    assert_string_equal(world_ask(":ul_show_contact:\nlocation\nbob\n"),
                        "404 AOR has no contacts\n\n");
    assert_string_equal(world_ask(":ul_dump:\n"), "200 OK\n\n");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    world_open(SCRIPT);
    assert_string_equal(world_ask(":ul_rm:\nelsewhere\nbob\n"), "404 Table not found\n\n");
    assert_string_equal(world_ask(":ul_dump:\nlong\n"), "400 Bad parameter: brief, or none\n\n");
    assert_string_equal(world_ask(":ul_add:\nlocation\nbob\nnothing\n" ADD),
                        "400 Bad parameter: the contact is no URI\n\n");
    assert_string_equal(
        world_ask(":ul_add:\nlocation\nbob\nsip:b@10.0.0.1\nsoon\n0.5\n0\n0\n64\n0\n"),
        "400 Bad parameter: expires, flags, cflags and methods are numbers\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(contacts_are_added_shown_and_removed),
        TEST(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
