/* Scripts that wait in the middle (src_ip == "name" asks for the name), and what happens meanwhile.
 */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/proxy_world.h"

#define ALICE "192.0.2.10"
#define BOB "192.0.2.20"
#define VM "192.0.2.90"
#define WAIT "if (src_ip == \"slow.example.com\") setflag(9);"

static void let_go(struct world *w)
{
    resolved(w, "slow.example.com", "198.51.100.1");
}

static void test_request_route(void **state)
{
    (void)state;
    struct world *w =
        world_new("route { $var(x) = \"kept\"; " WAIT " append_hf(\"X: $var(x)\\r\\n\"); "
                  "t_relay(); }");
    invite(w);
    invite(w); /* a retransmission of what waits is absorbed */
    expect_nothing(w);
    let_go(w);
    expect(w, ALICE, "SIP/2.0 100");
    assert_true(has(expect(w, BOB, "INVITE"), "X: kept"));
    expect_nothing(w);
    world_end(w);
}

static const char branches[] =
    "route { rewritehost(\"b.example.com\"); "
    "append_branch(\"sip:c@192.0.2.30\"); t_on_branch(\"1\"); t_relay(); "
    "xlog(\"GLD $rc $mf\"); } branch_route[1] { " WAIT
    " append_hf(\"X-I: $T_branch_idx\\r\\n\"); setflag(2); }";

static void test_branch_route_and_name(void **state)
{
    (void)state;
    struct world *w = world_new(branches);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    let_go(w);
    resolved(w, "b.example.com", BOB);
    struct caught *i = expect(w, BOB, "INVITE sip:bob@b.example.com");
    assert_true(has(i, "X-I: 1"));
    answer(w, i, 486, "Busy Here"); /* while the second branch is being made */
    expect(w, BOB, "ACK");
    expect_nothing(w);
    let_go(w);
    i = expect(w, "192.0.2.30", "INVITE sip:c@");
    assert_true(has(i, "X-I: 2"));
    assert_non_null(strstr(w->log, "GLD 1 4"));
    answer_with(w, i, 404, "Not Found", "c1", "");
    expect(w, "192.0.2.30", "ACK");
    expect(w, ALICE, "SIP/2.0 404");
    ack_negative(w, "c1");
    world_end(w);
}

/* The last branch turns out to lead nowhere after the others have failed. */
static void test_last_branch_unresolved(void **state)
{
    (void)state;
    struct world *w = world_new("route { append_branch(\"sip:c@b.example.com\"); t_relay(); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK");
    expect_nothing(w);
    resolved(w, "b.example.com", NULL);
    expect(w, ALICE, "SIP/2.0 486");
    ack_negative(w, "b1");
    world_end(w);
}

static void test_answered_while_a_branch_is_made(void **state)
{
    (void)state;
    struct world *w = world_new("route { append_branch(\"sip:c@b.example.com\"); t_relay(); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    answer(w, i, 200, "OK");
    expect(w, ALICE, "SIP/2.0 200");
    resolved(w, "b.example.com", "192.0.2.30");
    expect_nothing(w); /* no phone rings after the call was answered */
    world_end(w);
}

static void test_cancelled_while_branch_route_waits(void **state)
{
    (void)state;
    struct world *w = world_new(branches);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    call_request(w, "CANCEL", "sip:bob@192.0.2.20", "-i1", "", "");
    /* the CANCEL's own t_relay() finds the INVITE at once */
    expect(w, ALICE, "SIP/2.0 200 canceling");
    expect(w, ALICE, "SIP/2.0 487");
    let_go(w);
    resolved(w, "b.example.com", BOB);
    while (w->lookups)
        let_go(w);
    expect_nothing(w);
    ack_negative(w, "x");
    world_end(w);
}

static void test_failure_route(void **state)
{
    (void)state;
    struct world *w = world_new("route { t_on_failure(\"1\"); t_relay(); } failure_route[1] { " WAIT
                                " append_branch(\"sip:v@192.0.2.90\"); t_relay(); "
                                "xlog(\"GLD $rc\"); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK");
    expect_nothing(w);
    let_go(w);
    struct caught *v = expect(w, VM, "INVITE");
    answer_with(w, v, 200, "OK", "v1", "");
    expect(w, ALICE, "SIP/2.0 200");
    world_end(w);
}

static void test_cancelled_while_failure_route_waits(void **state)
{
    (void)state;
    struct world *w = world_new("route { t_on_failure(\"1\"); t_relay(); } failure_route[1] { " WAIT
                                " append_branch(\"sip:v@192.0.2.90\"); t_relay(); "
                                "xlog(\"GLD $rc\"); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK");
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200 canceling");
    expect_nothing(w);
    let_go(w);
    assert_non_null(strstr(w->log, "GLD -3"));
    expect(w, ALICE, "SIP/2.0 486");
    ack_negative(w, "b1");
    expect_nothing(w);
    world_end(w);
}

/* Replies whose routes wait are dealt with in the order in which the routes end. */
static void test_reply_route(void **state)
{
    (void)state;
    struct world *w = world_new("route { t_on_reply(\"1\"); t_relay(); } onreply_route[1] { "
                                "if (status == \"180\") { " WAIT " } }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    answer(w, i, 180, "Ringing");
    expect_nothing(w);
    answer(w, i, 200, "OK");
    expect(w, ALICE, "SIP/2.0 200");
    let_go(w);
    expect_nothing(w); /* a 180 behind a 200 helps nobody */
    world_end(w);
}

static void test_final_reply_route(void **state)
{
    (void)state;
    struct world *w = world_new("route { append_branch(\"sip:c@192.0.2.30\"); t_on_reply(\"1\"); "
                                "t_relay(); } onreply_route[1] { if (status == \"486\") { " WAIT
                                " rewritehost(\"192.0.2.90\"); append_branch(); t_relay(); } }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    struct caught *c = expect(w, "192.0.2.30", "INVITE");
    answer(w, i, 486, "Busy Here");
    expect(w, BOB, "ACK");
    answer_with(w, c, 404, "Not Found", "c1", "");
    expect(w, "192.0.2.30", "ACK");
    expect_nothing(w); /* the 486 may still bring another target */
    let_go(w);
    struct caught *v = expect(w, VM, "INVITE");
    answer_with(w, v, 200, "OK", "v1", "");
    expect(w, ALICE, "SIP/2.0 200");
    world_end(w);
}

static void test_forward(void **state)
{
    (void)state;
    struct world *w = world_new("route { rewritehost(\"b.example.com\"); if (forward()) "
                                "xlog(\"GLD yes\"); else xlog(\"GLD no\"); }");
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-m1", "", "");
    resolved(w, "b.example.com", BOB);
    expect(w, BOB, "MESSAGE sip:bob@b.example.com");
    assert_non_null(strstr(w->log, "GLD yes"));
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-m2", "", "");
    resolved(w, "b.example.com", NULL);
    assert_non_null(strstr(w->log, "GLD no"));
    expect_nothing(w);
    world_end(w);
}

static void test_reply_to_a_name(void **state)
{
    (void)state;
    struct world *w = world_new("route { t_relay(); }");
    const char *reply = "SIP/2.0 180 Ringing\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKold\n"
                        "Via: SIP/2.0/UDP alice.example.com;branch=z9hG4bKx\n"
                        "From: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: s1\n"
                        "CSeq: 1 INVITE\nContent-Length: 0\n\n";
    hear(w, BOB, reply);
    resolved(w, "alice.example.com", ALICE);
    expect(w, ALICE, "SIP/2.0 180");
    hear(w, BOB, reply);
    resolved(w, "alice.example.com", NULL);
    hear(w, BOB, reply);
    expect_nothing(w);
    world_free(w); /* with a name still being looked up */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_route),
        cmocka_unit_test(test_branch_route_and_name),
        cmocka_unit_test(test_last_branch_unresolved),
        cmocka_unit_test(test_answered_while_a_branch_is_made),
        cmocka_unit_test(test_cancelled_while_branch_route_waits),
        cmocka_unit_test(test_failure_route),
        cmocka_unit_test(test_cancelled_while_failure_route_waits),
        cmocka_unit_test(test_reply_route),
        cmocka_unit_test(test_final_reply_route),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_reply_to_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
