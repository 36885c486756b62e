/* Requests that an operator sends, and the engine's requests of its own. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define PLAIN LOAD "route { sl_send_reply(\"200\", \"OK\"); }"

static void expect_in(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no <%s> in\n%s", part, text);
}

static void a_request_is_sent_and_its_answer_told(void **state)
{
    (void)state;
    world_open(PLAIN);
    world.sent = 0;
    const char *told = world_keep_asking(":t_uac_dlg:\nOPTIONS\nsip:bob@198.51.100.9:5080\n.\n.\n"
                                         "\"From: <sip:op@!!>\r\nTo: <sip:bob@198.51.100.9>\r\n"
                                         "X-Why: curious\r\n\"\n\n");
    assert_int_equal(world.sent, 1);
    expect_line(0, "OPTIONS sip:bob@198.51.100.9:5080 SIP/2.0");
    expect_text(0, "From: <sip:op@192.0.2.1:5060>;tag=");
    expect_text(0, "\nTo: <sip:bob@198.51.100.9>\n");
    expect_text(0, "\nX-Why: curious\n");
    expect_text(0, "\nCSeq: 1 OPTIONS\n");
    expect_text(0, "\nMax-Forwards: 70\n");
    assert_int_equal(world.dst[0].port, 5080);
    assert_string_equal(told, "");
    world_reply(0, "404 Not Here", "Contact: <sip:b@198.51.100.9>\n");
    expect_in(told, "200 OK\n404 Not Here\nsip:b@198.51.100.9\n.\n.\n\"Via: SIP/2.0/UDP 192.0.2.1");
    expect_in(told, "Contact: <sip:b@198.51.100.9>\r\n");
    world_stop_asking();
}

static void no_answer_is_told_too(void **state)
{
    (void)state;
    world_open(PLAIN);
    world.sent = 0;
    const char *told = world_keep_asking(
        ":t_uac_dlg:\nOPTIONS\nsip:bob@198.51.100.9\nsip:198.51.100.8\nudp:192.0.2.1:5070\n"
        "\"From: <sip:a@b>;tag=mine\nTo: <sip:b@b>\nCall-ID: own@b\nCSeq: 7 OPTIONS\"\n\n");
    assert_int_equal(world.dst[0].ip.b[3], 8);
    assert_int_equal(world.socket[0], 1);
    expect_text(0, "From: <sip:a@b>;tag=mine\n");
    expect_text(0, "Call-ID: own@b\nCSeq: 7 OPTIONS\n");
    world_seconds(40);
    expect_in(told, "200 OK\n408 Request Timeout\n.\n");
    world_stop_asking();
}

static void an_invite_is_acknowledged_and_cancelled(void **state)
{
    (void)state;
    world_open(PLAIN);
    world.sent = 0;
    const char *told = world_keep_asking(":t_uac_dlg:\nINVITE\nsip:bob@198.51.100.9\n.\n.\n"
                                         "\"From: <sip:a@b>\nTo: <sip:b@b>\nCall-ID: own@b\"\n\n");
    assert_string_equal(world_ask(":t_uac_cancel:\nown@b\n1\n"),
                        "500 not cancelled: not possible in this state\n\n");
    assert_string_equal(world_ask(":t_uac_cancel:\nown@b\n2\n"), "481 No such transaction\n\n");
    world_reply(0, "180 Ringing", "");
    assert_string_equal(told, "");
    world.sent = 1; /* the INVITE is still the first */
    assert_string_equal(world_ask(":t_uac_cancel:\nown@b\n1\n"), "200 OK\n\n");
    expect_line(1, "CANCEL sip:bob@198.51.100.9 SIP/2.0");
    world_reply(0, "487 Request Terminated", "");
    expect_line(0, "ACK sip:bob@198.51.100.9 SIP/2.0");
    expect_in(told, "\n487 Request Terminated\n");
    world_stop_asking();
}

static void nonsense_is_refused(void **state)
{
    static const struct {
        const char *ask, *answer;
    } bad[] = {
        {":t_uac_dlg:\nOPTIONS\nsip:b@198.51.100.9\n.\n.\n\"To: <sip:b>\"\n",
         "400 Headers From and To are needed\n\n"},
        {":t_uac_dlg:\nOPTIONS\nsip:b@198.51.100.9\n.\n.\n\"To: <sip:b>\nFrom: <sip:a>\nVia: x\"\n",
         "400 Invalid headers\n\n"},
        {":t_uac_dlg:\nOPTIONS\nsip:b@198.51.100.9\n.\nudp:9.9.9.9:5060\n\"To: <sip:b>\"\n",
         "404 no such socket of ours\n\n"},
        {":t_uac_dlg:\nOPT IONS\nsip:b@198.51.100.9\n.\n.\n\"To: <sip:b>\nFrom: <sip:a>\"\n",
         "500 cannot be sent: malformed input\n\n"},
        {":t_uac_dlg:\nOPTIONS\nnothing\n.\n.\n\"To: <sip:b>\nFrom: <sip:a>\"\n",
         "500 cannot be sent: malformed input\n\n"},
        {":t_uac_dlg:\nOPTIONS\nsip:name.invalid\n.\n.\n\"To: <sip:b>\nFrom: <sip:a>\"\n",
         "500 cannot be sent: no way to that destination\n\n"},
        {":t_uac_dlg:\nOPTIONS\nsip:b@198.51.100.9\n.\n.\n\"To: <sip:b>\nFrom: <sip:a>\"\n\"x\"\n",
         "400 A body needs Content-Type\n\n"},
    };
    (void)state;
    world_open(PLAIN);
    world.sent = 0;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_string_equal(world_ask(bad[i].ask), bad[i].answer);
    assert_int_equal(world.sent, 0);
    assert_string_equal(world_ask(":t_hash:\n"), "200 OK\nWorker:: 0 Current=0\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_sent_and_its_answer_told),
        TEST(no_answer_is_told_too),
        TEST(an_invite_is_acknowledged_and_cancelled),
        TEST(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
