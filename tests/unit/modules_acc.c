/* acc. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define ACC                                                                                        \
    LOAD                                                                                           \
        "loadmodule \"acc.so\"\nmodparam(\"acc\", \"log_flag\", 1)\n"                              \
        "modparam(\"acc\", \"log_missed_flag\", 2)\nmodparam(\"acc\", \"failed_transaction_flag\"" \
        ", 3)\nmodparam(\"acc\", \"log_level\", -1)\n"

static const char CALL[] = REQUEST("INVITE", "sip:bob@203.0.113.5", "");

/* A reply to the INVITE that message number i sent; the log begins anew. */
static void answer(unsigned i, const char *status)
{
    char message[2048], via[512];
    const char *from = strstr(world.bytes[i], "\nVia:") + 1;
    snprintf(via, sizeof via, "%.*s", (int)(strstr(from, "\nFrom:") - from), from);
    snprintf(message, sizeof message,
             "SIP/2.0 %s\n%s\nFrom: \"Alice\" <sip:alice@example.org>;tag=ft\n"
             "To: <sip:bob@example.org>;tag=b\nCall-ID: c1@test\nCSeq: 1 INVITE\n\n",
             status, via);
    world_put(message);
}

#define LINE(event, to_tag, code, reason)                                                          \
    "ACC: " event ": timestamp=1000000000;method=INVITE;from_tag=ft;to_tag=" to_tag                \
    ";call_id=c1@test;code=" code ";reason=" reason

/* How often the text is in the log. */
static unsigned logged(const char *text)
{
    unsigned n = 0;
    for (const char *at = world.log; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static void expect_logged(const char *text)
{
    if (logged(text) != 1)
        fail_msg("not once <%s> in <%s>", text, world.log);
}

static void answered_calls(void **state)
{
    (void)state;
    run(ACC "modparam(\"acc\", \"report_ack\", 1)\nroute { setflag(1); t_relay(); }", CALL);
    answer(1, "180 Ringing");
    assert_string_equal(world.log, "");
    run(ACC "modparam(\"acc\", \"report_ack\", 1)\nmodparam(\"acc\", \"early_media\", 1)\n"
            "route { setflag(1); t_relay(); }",
        CALL);
    char invite[WORLD_BYTES];
    memcpy(invite, world.bytes[1], sizeof invite);
    answer(1, "183 Progress");
    expect_logged(LINE("transaction answered", "b", "183", "Progress"));
    memcpy(world.bytes[1], invite, sizeof invite);
    answer(1, "200 OK");
    expect_logged(LINE("transaction answered", "b", "200", "OK"));
    world_put(REQUEST_TO("ACK", "sip:bob@203.0.113.5", "<sip:bob@example.org>;tag=b", "", ""));
    expect_logged("ACC: request acknowledged: timestamp=1000000000;method=ACK;from_tag=ft;to_tag=b;"
                  "call_id=c1@test;code=200;reason=");
}

static void failed_calls(void **state)
{
    (void)state;
    run(ACC "route { setflag(1); t_relay(); }", CALL);
    answer(1, "486 Busy");
    assert_string_equal(world.log, "");
    run(ACC "route { setflag(1); setflag(2); setflag(3); t_relay(); }", CALL);
    answer(1, "486 Busy");
    expect_logged(LINE("call missed", "b", "486", "Busy"));
    expect_logged(LINE("transaction answered", "b", "486", "Busy"));
    run(ACC "route { setflag(1); setflag(3); t_newtran(); t_reply(\"404\", \"Nobody\"); }", CALL);
    expect_logged(LINE("transaction answered", "", "404", "Nobody"));
    run(ACC "route { t_relay(); }", CALL); /* no flag when the transaction is made */
    answer(1, "486 Busy");
    assert_string_equal(world.log, "");
}

static void missed_calls(void **state)
{
    (void)state;
    run(ACC "modparam(\"acc\", \"log_extra\", \"uri=$ru\")\n"
            "route { setflag(2); t_on_failure(\"1\"); t_relay(); }\n"
            "failure_route[1] { setflag(2); append_branch(\"sip:c@203.0.113.6\"); t_relay(); }",
        CALL);
    answer(1, "486 Busy");
    expect_logged(LINE("call missed", "b", "486", "Busy") ";uri=sip:bob@203.0.113.5");
    answer(1, "480 Away");
    expect_logged(LINE("call missed", "b", "480", "Away") ";uri=sip:c@203.0.113.6");
}

static void requests(void **state)
{
    (void)state;
    run(ACC "modparam(\"acc\", \"log_extra\", \"ua=$ua; src=$si;x=$avp(s:x)\")\n"
            "modparam(\"acc\", \"multi_leg_info\", \"a=$avp(s:a);b=$avp(s:b)\")\n"
            "route { $avp(s:x) = 5; $avp(s:a) = \"a2\"; $avp(s:a) = \"a1\"; $avp(s:b) = \"b1\";"
            "acc_log_request(\"404 gone\"); acc_log_request(\"text\"); }",
        CALL);
    expect_logged(
        LINE("request accounted", "", "404", "gone") ";ua=;src=198.51.100.7;x=5;a=a1;b=b1;a=a2;b=");
    expect_logged(LINE("request accounted", "", "", "text") ";ua=;src=");
    assert_false(world_try(ACC "route { acc_log_request(\"\"); }"));
    assert_false(world_try(ACC "route { acc_rad_request(\"x\"); }"));
    assert_false(world_try(ACC "modparam(\"acc\", \"log_extra\", \"ua\")\nroute { }"));
    assert_false(world_try(ACC "modparam(\"acc\", \"multi_leg_info\", \"a=$ru\")\nroute { }"));
    assert_false(world_try(ACC "modparam(\"acc\", \"log_flag\", 32)\nroute { }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answered_calls),
        TEST(failed_calls),
        TEST(missed_calls),
        TEST(requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
