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

#define ASK                                                                                        \
    ":t_uac_dlg:\nMESSAGE\nsip:bob@198.51.100.9\n.\n.\n\"From: <sip:a@b>;tag=f\nTo: <sip:b@b>\n"   \
    "Content-Type: text/plain\"\nhello\n"

/* local_route sees what is about to be sent and may change it, but not where it goes or whether. */
static void local_route_has_its_say(void **state)
{
    (void)state;
    world_open(LOAD "route { sl_send_reply(\"200\", \"OK\"); }\n"
                    "local_route { xlog(\"L_ERR\", \"local $rm to $ru from $si\\n\");\n"
                    "  append_hf(\"X-Ours: $rm\\r\\n\"); subst_body('/hello/good morning/');\n"
                    "  $ru = \"sip:elsewhere@203.0.113.9\"; $du = \"sip:203.0.113.10\"; drop; }");
    world.sent = world.logged = 0;
    const char *told = world_keep_asking(ASK);
    world.log[world.logged] = 0;
    expect_in(world.log, "local MESSAGE to sip:bob@198.51.100.9 from 192.0.2.1");
    assert_int_equal(world.sent, 1);
    expect_line(0, "MESSAGE sip:bob@198.51.100.9 SIP/2.0");
    assert_int_equal(world.dst[0].ip.b[3], 9);
    expect_text(0, "\nX-Ours: MESSAGE\n");
    expect_text(0, "\nContent-Length: 12\n");
    expect_text(0, "\n\ngood morning");
    world_pass(600);
    assert_int_equal(world.sent, 2);
    expect_text(1, "\nX-Ours: MESSAGE\n"); /* and so are its repeats */
    world_reply(0, "200 OK", "");
    expect_in(told, "200 OK\n200 OK\n");
    world_stop_asking();
}

static void local_route_may_wait(void **state)
{
    (void)state;
    world_open(LOAD "loadmodule \"cfgutils.so\"\nroute { sl_send_reply(\"200\", \"OK\"); }\n"
                    "local_route { sleep(\"2\"); append_hf(\"X-Late: yes\\r\\n\"); }");
    world.sent = 0;
    const char *told = world_keep_asking(ASK);
    world_pass(1000);
    assert_int_equal(world.sent, 0);
    world_pass(1000);
    assert_int_equal(world.sent, 1);
    expect_text(0, "\nX-Late: yes\n");
    world_reply(0, "200 OK", "");
    expect_in(told, "200 OK\n200 OK\n");
    world_stop_asking();
    world_keep_asking(ASK); /* the process ends while it waits */
    world_close();
    world_stop_asking();
}

static void programs_are_told_apart(void **state)
{
    (void)state;
    world_open(PLAIN);
    assert_string_equal(world_ask(":t_reply:\n200\nOK\n0:1\n.\n.\n"),
                        "404 Transaction not found\n\n");
    assert_string_equal(world_ask(":t_reply:\n200\nOK\n7\n.\n.\n"), "400 Invalid trans_id\n\n");
    assert_string_equal(world_ask(":t_reply:\n1000\nOK\n0:1\n.\n.\n"), "400 Invalid code\n\n");
    assert_false(world_try(LOAD "route { t_write_unix(\"/a\", \"\"); }"));
    assert_false(world_try(LOAD "route { t_write_req(\"/a\", \"x/none\"); }"));
    assert_false(world_try(LOAD "modparam(\"tm\", \"tw_append\", \"none\")\nroute { }"));
    assert_false(world_try(LOAD "modparam(\"tm\", \"tw_append\", \"a: b\")\nroute { }"));
    run(LOAD "modparam(\"tm\", \"tw_append\", \"a: ua=$ua;$rb\")\n"
             "route { $var(a) = t_write_unix(\"/a\", \"x/a\"); t_newtran();"
             "  $var(b) = t_write_req(\"/a\", \"x\"); t_reply(\"500\", \"$var(a) $var(b)\"); }",
        REQUEST("OPTIONS", "sip:a@b", ""));
    expect_line(0, "SIP/2.0 500 -1 -1"); /* no transaction; nothing is opened in this world */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_sent_and_its_answer_told),
        TEST(no_answer_is_told_too),
        TEST(an_invite_is_acknowledged_and_cancelled),
        TEST(nonsense_is_refused),
        TEST(local_route_has_its_say),
        TEST(local_route_may_wait),
        TEST(programs_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
