/* failure_route and onreply_route: serial forks, what scripts see there, and CANCEL in every
 * state. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/proxy_world.h"

#define ALICE "192.0.2.10"
#define BOB "192.0.2.20"
#define VM "192.0.2.90"

static const char voicemail[] =
    "route { t_on_failure(\"1\"); t_relay(); }"
    "failure_route[1] { xlog(\"GLD $T_reply_code $ru\"); if (t_was_cancelled()) exit; "
    "if (t_check_status(\"486|408\")) { rewritehostport(\"192.0.2.90\"); append_branch(); "
    "t_relay(); } }";

static const char voicemail_onreply[] =
    "route { t_on_reply(\"1\"); t_relay(); }"
    "onreply_route[1] { if (status == \"486\") { rewritehostport(\"192.0.2.90\"); "
    "append_branch(); t_relay(); xlog(\"GLD rc=$rc\"); } }";

/* Alice calls, bob rings. */
static struct caught *ring(struct world *w)
{
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    answer(w, i, 180, "Ringing");
    expect(w, ALICE, "SIP/2.0 180");
    return i;
}

static void busy_then_voicemail(const char *script)
{
    struct world *w = world_new(script);
    struct caught *i = ring(w);
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK");
    struct caught *v = expect(w, VM, "INVITE sip:bob@192.0.2.90 SIP/2.0");
    answer_with(w, v, 200, "OK", "v1", "");
    assert_string_equal(header(expect(w, ALICE, "SIP/2.0 200"), "To"),
                        "<sip:bob@example.com>;tag=v1");
    expect_nothing(w);
    world_end(w);
}

static void test_busy_goes_to_voicemail(void **state)
{
    (void)state;
    busy_then_voicemail(voicemail);
    busy_then_voicemail(voicemail_onreply);
}

static void voicemail_fails(const char *script, int code, const char *reply)
{
    struct world *w = world_new(script);
    struct caught *i = ring(w);
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK");
    struct caught *v = expect(w, VM, "INVITE");
    answer_with(w, v, code, "Failed", "v1", "");
    expect(w, VM, "ACK");
    expect(w, ALICE, reply);
    ack_negative(w, "v1");
    expect_nothing(w);
    world_end(w);
}

/* After a failure_route only the new branches count; branches of an onreply_route join the fork. */
static void test_voicemail_fails(void **state)
{
    (void)state;
    voicemail_fails(voicemail, 503, "SIP/2.0 500 Failed");
    voicemail_fails(voicemail, 488, "SIP/2.0 488 Failed");
    voicemail_fails(voicemail_onreply, 503, "SIP/2.0 486 Busy Here");
    voicemail_fails(voicemail_onreply, 404, "SIP/2.0 404 Failed");
    voicemail_fails(voicemail_onreply, 488, "SIP/2.0 486 Busy Here");
}

static void test_no_answer_goes_to_voicemail(void **state)
{
    (void)state;
    struct world *w = world_new(voicemail);
    struct caught *i = ring(w);
    pass(w, 120000);
    struct caught *k = expect(w, BOB, "CANCEL");
    struct caught *v = expect(w, VM, "INVITE");
    assert_non_null(strstr(w->log, "GLD 408 sip:bob@192.0.2.20"));
    answer(w, k, 200, "OK");
    answer(w, i, 487, "Request Terminated");
    expect(w, BOB, "ACK");
    answer_with(w, v, 200, "OK", "v1", "");
    expect(w, ALICE, "SIP/2.0 200");
    expect_nothing(w);
    world_end(w);
}

static void test_silent_phone_goes_to_voicemail(void **state)
{
    (void)state;
    struct world *w = world_new(voicemail);
    invite(w);
    pass(w, 30000);
    expect(w, ALICE, "SIP/2.0 100");
    for (int n = 0; n < 6; n++)
        expect(w, BOB, "INVITE");
    struct caught *v = expect(w, VM, "INVITE");
    answer_with(w, v, 200, "OK", "v1", "");
    expect(w, ALICE, "SIP/2.0 200");
    expect_nothing(w);
    world_end(w);
}

static void test_failure_route_runs_once(void **state)
{
    (void)state;
    struct world *w = world_new(voicemail);
    struct caught *i = ring(w);
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK");
    struct caught *v = expect(w, VM, "INVITE");
    answer_with(w, v, 486, "Busy Too", "v1", "");
    expect(w, VM, "ACK");
    expect(w, ALICE, "SIP/2.0 486 Busy Too");
    assert_null(strstr(strstr(w->log, "GLD") + 1, "GLD"));
    ack_negative(w, "v1");
    world_end(w);
}

/* A script that arms itself again and again meets the limit of branches. */
static void test_endless_serial_fork(void **state)
{
    (void)state;
    struct world *w = world_new("route { t_on_failure(\"1\"); t_relay(); } failure_route[1] { "
                                "t_on_failure(\"1\"); append_branch(); t_relay(); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    for (int n = 0; n < 12; n++) {
        struct caught *i = expect(w, BOB, "INVITE");
        answer(w, i, 486, "Busy Here");
        expect(w, BOB, "ACK");
    }
    expect(w, ALICE, "SIP/2.0 486");
    ack_negative(w, "b1");
    world_end(w);
}

static void test_replies_in_failure_route(void **state)
{
    (void)state;
    struct world *w = world_new(
        "route { t_on_failure(\"1\"); t_relay(); } failure_route[1] { t_reply(\"181\", \"On\"); "
        "t_reply(\"480\", \"Mine\"); append_branch(\"sip:v@192.0.2.90\"); t_relay(); "
        "xlog(\"GLD $rc\"); }");
    struct caught *i = ring(w);
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK");
    expect(w, ALICE, "SIP/2.0 181 On");
    expect(w, ALICE, "SIP/2.0 480 Mine");
    expect_nothing(w); /* deviation 17: nothing is sent after a final reply */
    assert_non_null(strstr(w->log, "GLD -1"));
    ack_negative(w, "x");
    world_end(w);
}

static void test_what_a_failure_route_sees(void **state)
{
    (void)state;
    struct world *w = world_new(
        "route { setflag(3); setbflag(4); $avp(s:x) = \"v\"; $var(y) = 5; prefix(\"1\"); "
        "append_hf(\"X-One: 1\\r\\n\"); t_on_reply(\"1\"); t_on_failure(\"1\"); t_relay(); }"
        "onreply_route[1] { xlog(\"GLD reply $rs mf=$mf bf=$bf y=$var(y) x=$avp(s:x);\"); "
        "setflag(6); }"
        "failure_route[1] { xlog(\"GLD fail mf=$mf bf=$bf y=$var(y) x=$avp(s:x) $ru $ou;\"); "
        "rewritehostport(\"192.0.2.90\"); append_branch(); append_hf(\"X-Two: 2\\r\\n\"); "
        "t_relay(); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE sip:1bob@192.0.2.20 ");
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK sip:1bob@192.0.2.20 ");
    struct caught *v = expect(w, VM, "INVITE sip:1bob@192.0.2.90 ");
    assert_true(has(v, "X-One: 1") && has(v, "X-Two: 2"));
    assert_non_null(strstr(w->log, "GLD reply 486 mf=8 bf=16 y=5 x=<null>;"));
    assert_non_null(strstr(w->log, "GLD fail mf=72 bf=16 y=5 x=v sip:1bob@192.0.2.20 "
                                   "sip:bob@192.0.2.20;"));
    world_end(w);
}

static void test_no_branch_after_6xx(void **state)
{
    (void)state;
    struct world *w = world_new("route { t_on_failure(\"1\"); t_relay(); } failure_route[1] { "
                                "append_branch(\"sip:v@192.0.2.90\"); t_relay(); "
                                "xlog(\"GLD $rc\"); }");
    struct caught *i = ring(w);
    answer(w, i, 603, "Decline");
    expect(w, BOB, "ACK");
    expect(w, ALICE, "SIP/2.0 603 Decline");
    assert_non_null(strstr(w->log, "GLD -3"));
    ack_negative(w, "b1");
    world_end(w);
}

static void test_reply_routes(void **state)
{
    (void)state;
    struct world *w =
        world_new("route { t_on_reply(\"1\"); t_relay(); }"
                  "onreply_route { xlog(\"GLD all $rs;\"); append_hf(\"X-All: 1\\r\\n\"); }"
                  "onreply_route[1] { xlog(\"GLD one $rs;\"); append_hf(\"X-One: 1\\r\\n\"); "
                  "if (status == \"183\") drop; if (status == \"486\") drop; }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    answer(w, i, 180, "Ringing");
    struct caught *c = expect(w, ALICE, "SIP/2.0 180");
    assert_true(has(c, "X-All: 1") && has(c, "X-One: 1"));
    answer(w, i, 183, "Progress");
    expect_nothing(w);
    answer(w, i, 486, "Busy Here"); /* a final reply cannot be dropped */
    expect(w, BOB, "ACK");
    expect(w, ALICE, "SIP/2.0 486");
    assert_non_null(strstr(w->log, "GLD all 180;GLD one 180;GLD all 183;GLD one 183;"));
    ack_negative(w, "b1");
    world_end(w);
}

/* Repeats of a 2xx meet the same script after the transaction has shed its memory. */
static void test_reply_route_of_a_late_2xx(void **state)
{
    (void)state;
    struct world *w = world_new("route { setflag(2); t_on_reply(\"1\"); t_relay(); } "
                                "onreply_route[1] { append_hf(\"X-F: $mf\\r\\n\"); }");
    struct caught *i = ring(w);
    answer(w, i, 200, "OK");
    assert_true(has(expect(w, ALICE, "SIP/2.0 200"), "X-F: 4"));
    size_t live = w->engine->pool.live;
    assert_true(live <= 1024);
    answer(w, i, 200, "OK");
    assert_true(has(expect(w, ALICE, "SIP/2.0 200"), "X-F: 4"));
    assert_int_equal(w->engine->pool.live, live);
    world_end(w);
}

/* ---- CANCEL ---- */

static void test_cancel_while_ringing(void **state)
{
    (void)state;
    struct world *w = world_new(voicemail);
    struct caught *i = ring(w);
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200 canceling");
    struct caught *k = expect(w, BOB, "CANCEL sip:bob@192.0.2.20 SIP/2.0");
    assert_string_equal(header(k, "CSeq"), "1 CANCEL");
    char via[256];
    snprintf(via, sizeof via, "%s", header(i, "Via"));
    assert_string_equal(header(k, "Via"), via);
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200 canceling");
    answer(w, k, 200, "OK");
    expect_nothing(w);
    answer(w, i, 487, "Request Terminated");
    expect(w, BOB, "ACK");
    expect(w, ALICE, "SIP/2.0 487 Request Terminated");
    assert_non_null(strstr(w->log, "GLD 487"));
    ack_negative(w, "b1");
    expect_nothing(w);
    world_end(w);
}

static void test_cancel_before_any_reply(void **state)
{
    (void)state;
    struct world *w = world_new(voicemail);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200 canceling");
    expect(w, ALICE, "SIP/2.0 487 Request Terminated");
    ack_negative(w, "x");
    expect_nothing(w);
    answer(w, i, 180, "Ringing");
    struct caught *k = expect(w, BOB, "CANCEL");
    answer(w, k, 200, "OK");
    answer(w, i, 487, "Request Terminated");
    expect(w, BOB, "ACK");
    expect_nothing(w);
    world_end(w);
}

/* The phone was faster: its 200 reaches the caller after the 487. */
static void test_cancel_crosses_200(void **state)
{
    (void)state;
    struct world *w = world_new(voicemail);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200 canceling");
    expect(w, ALICE, "SIP/2.0 487");
    ack_negative(w, "x");
    answer(w, i, 200, "OK");
    assert_string_equal(header(expect(w, ALICE, "SIP/2.0 200 OK"), "CSeq"), "1 INVITE");
    expect_nothing(w);
    world_end(w);
}

static void test_cancel_after_the_end(void **state)
{
    (void)state;
    struct world *w = world_new(voicemail);
    struct caught *i = ring(w);
    answer(w, i, 200, "OK");
    expect(w, ALICE, "SIP/2.0 200 OK");
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200 canceling");
    expect_nothing(w);
    world_end(w);
}

static void test_cancel_on_voicemail(void **state)
{
    (void)state;
    struct world *w = world_new(voicemail);
    struct caught *i = ring(w);
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK");
    struct caught *v = expect(w, VM, "INVITE");
    answer_with(w, v, 180, "Ringing", "v1", "");
    expect(w, ALICE, "SIP/2.0 180");
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200 canceling");
    struct caught *k = expect(w, VM, "CANCEL");
    answer(w, k, 200, "OK");
    answer_with(w, v, 487, "Request Terminated", "v1", "");
    expect(w, VM, "ACK");
    expect(w, ALICE, "SIP/2.0 487");
    ack_negative(w, "v1");
    expect_nothing(w);
    world_end(w);
}

/* The phone answers neither the CANCEL nor anything else any more. */
static void test_cancel_of_a_dead_phone(void **state)
{
    (void)state;
    struct world *w = world_new(voicemail);
    ring(w);
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200 canceling");
    pass(w, 31999);
    unsigned cancels = 0;
    while (w->read < w->n)
        cancels += has(expect(w, BOB, "CANCEL"), "CANCEL");
    assert_int_equal(cancels, 10); /* timer E, until F */
    pass(w, 1);
    expect(w, ALICE, "SIP/2.0 487 Request Terminated");
    ack_negative(w, "x");
    expect_nothing(w);
    world_end(w);
}

static void test_cancel_of_a_message(void **state)
{
    (void)state;
    struct world *w = world_new("route { t_relay(); }");
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-i1", "", "");
    struct caught *m = expect(w, BOB, "MESSAGE");
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200 canceling");
    expect(w, ALICE, "SIP/2.0 487");
    answer(w, m, 200, "OK");
    expect_nothing(w);
    world_end(w);
}

static void test_cancel_of_nothing_we_know(void **state)
{
    (void)state;
    struct world *w = world_new("route { t_relay(); xlog(\"GLD $rc\"); }");
    cancel(w);
    struct caught *k = expect(w, BOB, "CANCEL");
    answer(w, k, 481, "No Such Call");
    expect(w, ALICE, "SIP/2.0 481 No Such Call");
    expect_nothing(w);
    world_end(w);
}

/* ---- reload ---- */

static void test_a_call_keeps_its_version(void **state)
{
    (void)state;
    struct world *w = world_new(voicemail);
    struct caught *i = ring(w);
    struct config *next = world_compile("route { sl_send_reply(\"500\", \"New\"); } "
                                        "failure_route[1] { t_reply(\"500\", \"New\"); }");
    assert_int_equal(shared_publish(&w->shared, next), 2);
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-m1", "", "");
    expect(w, ALICE, "SIP/2.0 500 New");
    assert_true(shared_settle(&w->shared));
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK");
    struct caught *v = expect(w, VM, "INVITE");
    answer_with(w, v, 200, "OK", "v1", "");
    expect(w, ALICE, "SIP/2.0 200 OK");
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy_goes_to_voicemail),
        cmocka_unit_test(test_voicemail_fails),
        cmocka_unit_test(test_no_answer_goes_to_voicemail),
        cmocka_unit_test(test_silent_phone_goes_to_voicemail),
        cmocka_unit_test(test_failure_route_runs_once),
        cmocka_unit_test(test_endless_serial_fork),
        cmocka_unit_test(test_replies_in_failure_route),
        cmocka_unit_test(test_what_a_failure_route_sees),
        cmocka_unit_test(test_no_branch_after_6xx),
        cmocka_unit_test(test_reply_routes),
        cmocka_unit_test(test_reply_route_of_a_late_2xx),
        cmocka_unit_test(test_cancel_while_ringing),
        cmocka_unit_test(test_cancel_before_any_reply),
        cmocka_unit_test(test_cancel_crosses_200),
        cmocka_unit_test(test_cancel_after_the_end),
        cmocka_unit_test(test_cancel_on_voicemail),
        cmocka_unit_test(test_cancel_of_a_dead_phone),
        cmocka_unit_test(test_cancel_of_a_message),
        cmocka_unit_test(test_cancel_of_nothing_we_know),
        cmocka_unit_test(test_a_call_keeps_its_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
