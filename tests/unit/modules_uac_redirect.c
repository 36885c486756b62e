/* uac_redirect. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define SCRIPT(params, actions)                                                                    \
    LOAD "loadmodule \"uac_redirect.so\"\n" params "route { t_on_failure(\"1\"); t_relay(); }\n"   \
         "failure_route[1] { " actions " xlog(\"$rc $ds\"); }\n"

#define CONTACTS                                                                                   \
    "Contact: <sip:low@203.0.113.1>;q=0.1, sip:none@203.0.113.2\n"                                 \
    "Contact: nonsense, <sip:half@203.0.113.3;x=1>;q=0.5, <sip:high@203.0.113.4>;q=0.55\n"

/* A reply to the INVITE that was sent last, as the last thing that happens. */
static void answer(const char *status, const char *headers)
{
    char message[2048], via[512];
    const char *from = strstr(world.bytes[world.sent - 1], "\nVia:") + 1;
    const char *to = strstr(from, "\nFrom:");
    assert_non_null(to);
    snprintf(via, sizeof via, "%.*s", (int)(to - from), from);
    snprintf(message, sizeof message,
             "SIP/2.0 %s\n%s\nFrom: \"Alice\" <sip:alice@example.org>;tag=ft\n"
             "To: <sip:bob@example.org>;tag=b\nCall-ID: c1@test\nCSeq: 1 INVITE\n%s\n",
             status, via, headers);
    world_put(message);
}

static void redirect(const char *script, const char *headers)
{
    run(script, REQUEST("INVITE", "sip:bob@203.0.113.9", ""));
    answer("302 Moved", headers);
}

#define RURI "Contact: sip:bob@203.0.113.9"

static void contacts_are_sorted(void **state)
{
    (void)state;
    redirect(SCRIPT("", "get_redirects(\"*\");"), CONTACTS);
    assert_string_equal(world.log,
                        "1 " RURI ", sip:none@203.0.113.2, <sip:high@203.0.113.4>;q=0.55, "
                        "<sip:half@203.0.113.3;x=1>;q=0.5, <sip:low@203.0.113.1>;q=0.1");
    redirect(SCRIPT("", "get_redirects(\"2\");"), CONTACTS);
    assert_string_equal(world.log,
                        "1 " RURI ", sip:none@203.0.113.2, <sip:high@203.0.113.4>;q=0.55");
    redirect(SCRIPT("", "get_redirects(\"0:1\");"), CONTACTS);
    assert_string_equal(world.log, "1 " RURI ", sip:none@203.0.113.2");
    redirect(SCRIPT("", "get_redirects(\"*\", \"302 redirected\");"), "");
    assert_string_equal(world.log, "-1 " RURI);
}

static void contacts_are_called(void **state)
{
    (void)state;
    redirect(SCRIPT("", "get_redirects(\"*\"); t_relay();"), "Contact: <sip:c@203.0.113.5>\n");
    assert_int_equal(world.sent, 2);
    expect_line(0, "ACK sip:bob@203.0.113.9 SIP/2.0");
    expect_line(1, "INVITE sip:c@203.0.113.5 SIP/2.0");
}

static void contacts_are_filtered(void **state)
{
    (void)state;
    redirect(SCRIPT("modparam(\"uac_redirect\", \"deny_filter\", \"NONE|half\")",
                    "set_deny_filter(\"high\", \"\"); get_redirects(\"*\");"),
             CONTACTS);
    assert_string_equal(world.log, "1 " RURI ", <sip:low@203.0.113.1>;q=0.1");
    redirect(SCRIPT("modparam(\"uac_redirect\", \"deny_filter\", \"sip\")",
                    "set_accept_filter(\"high\", \"\"); get_redirects(\"*\");"),
             CONTACTS);
    assert_string_equal(world.log, "1 " RURI ", <sip:high@203.0.113.4>;q=0.55");
    redirect(SCRIPT("modparam(\"uac_redirect\", \"deny_filter\", \"sip\")",
                    "set_deny_filter(\"n\", \"\"); set_deny_filter(\"l\", \"reset_all\");"
                    "get_redirects(\"1\");"),
             CONTACTS);
    assert_string_equal(world.log, "1 " RURI ", sip:none@203.0.113.2");
    redirect(
        SCRIPT("modparam(\"uac_redirect\", \"default_filter\", \"deny\")", "get_redirects(\"*\");"),
        CONTACTS);
    assert_string_equal(world.log, "-1 " RURI);
}

static void mistakes(void **state)
{
    (void)state;
    assert_false(world_try(SCRIPT("", "get_redirects(\"256\");")));
    assert_false(world_try(SCRIPT("", "get_redirects(\"1:x\");")));
    assert_false(world_try(SCRIPT("", "set_deny_filter(\"(\", \"\");")));
    assert_false(world_try(SCRIPT("", "set_deny_filter(\"a\", \"reset\");")));
    assert_false(world_try(SCRIPT("modparam(\"uac_redirect\", \"default_filter\", \"no\")", "")));
    assert_false(world_try(SCRIPT("modparam(\"uac_redirect\", \"deny_filter\", \"[\")", "")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(contacts_are_sorted),
        TEST(contacts_are_called),
        TEST(contacts_are_filtered),
        TEST(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
