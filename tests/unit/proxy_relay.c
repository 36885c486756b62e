/* Relaying: what goes down, what comes up, retransmissions, forks, names, stateless forwarding. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/proxy_world.h"

#define ALICE "192.0.2.10"
#define BOB "192.0.2.20"
#define VM "192.0.2.90"

static const char plain[] = "route { t_relay(); }";

static void test_basic_call_byte_for_byte(void **state)
{
    (void)state;
    struct world *w = world_new("route { if (is_method(\"ACK|BYE\")) { t_relay(); exit; } "
                                "t_relay(); }");
    hear(w, ALICE,
         "INVITE sip:bob@192.0.2.20 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK-i1\n"
         "X-Odd  : kept,  as it was \nFrom: <sip:alice@example.com>;tag=a1\n"
         "t: <sip:bob@example.com>\nCall-ID: c1\nCSeq: 1 INVITE\nMax-Forwards: 70\n"
         "Content-Length: 4\n\na\nb");
    struct caught *c = expect(w, ALICE, "SIP/2.0 100 Giving a try\r\n");
    assert_null(strstr(c->text, ";tag=b"));
    c = expect(w, BOB,
               "INVITE sip:bob@192.0.2.20 SIP/2.0\r\nVia: SIP/2.0/UDP "
               "192.0.2.1:5060;branch=z9hG4bK");
    const char *rest = strstr(strstr(c->text, "branch=z9hG4bK"), "\r\n") + 2;
    assert_string_equal(rest,
                        "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK-i1\r\n"
                        "X-Odd  : kept,  as it was \r\nFrom: <sip:alice@example.com>;tag=a1\r\n"
                        "t: <sip:bob@example.com>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"
                        "Max-Forwards: 70\r\nContent-Length: 4\r\n\r\na\r\nb");
    expect_nothing(w);
    world_free(w);
}

static void test_call_and_bye(void **state)
{
    (void)state;
    struct world *w = world_new(plain);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    answer_with(w, i, 100, "Trying", "", "");
    expect_nothing(w);
    answer(w, i, 180, "Ringing");
    assert_string_equal(header(expect(w, ALICE, "SIP/2.0 180 Ringing"), "To"),
                        "<sip:bob@example.com>;tag=b1");
    answer(w, i, 200, "OK");
    struct caught *ok = expect(w, ALICE, "SIP/2.0 200 OK");
    assert_string_equal(header(ok, "Via"), "SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK-i1");
    answer(w, i, 200, "OK"); /* lost ACK: every repeat goes up */
    expect(w, ALICE, "SIP/2.0 200 OK");
    call_request(w, "ACK", "sip:bob@192.0.2.20", "-a1", "b1", "");
    struct caught *first = expect(w, BOB, "ACK sip:bob@192.0.2.20");
    call_request(w, "ACK", "sip:bob@192.0.2.20", "-a1", "b1", "");
    assert_string_equal(first->text, expect(w, BOB, "ACK")->text);
    call_request(w, "BYE", "sip:bob@192.0.2.20", "-b1", "b1", "");
    struct caught *bye = expect(w, BOB, "BYE");
    answer(w, bye, 200, "OK");
    expect(w, ALICE, "SIP/2.0 200 OK");
    call_request(w, "BYE", "sip:bob@192.0.2.20", "-b1", "b1", "");
    expect(w, ALICE, "SIP/2.0 200 OK");
    expect_nothing(w);
    world_end(w);
}

/* INVITE repeats get the last reply; after a 2xx they are swallowed for 32 s (RFC 6026). */
static void test_repeated_invite(void **state)
{
    (void)state;
    struct world *w = world_new(plain);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    answer(w, i, 180, "Ringing");
    expect(w, ALICE, "SIP/2.0 180");
    invite(w);
    expect(w, ALICE, "SIP/2.0 180");
    answer(w, i, 200, "OK");
    expect(w, ALICE, "SIP/2.0 200");
    pass(w, 31000);
    invite(w);
    expect_nothing(w);
    world_end(w);
}

static void test_negative_reply_until_ack(void **state)
{
    (void)state;
    struct world *w = world_new(plain);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    answer(w, i, 486, "Busy Here");
    struct caught *ack = expect(w, BOB, "ACK sip:bob@192.0.2.20 SIP/2.0\r\nVia: ");
    assert_string_equal(header(ack, "To"), "<sip:bob@example.com>;tag=b1");
    char via[256];
    snprintf(via, sizeof via, "%s", header(i, "Via"));
    assert_string_equal(header(ack, "Via"), via);
    expect(w, ALICE, "SIP/2.0 486 Busy Here");
    pass(w, 500);
    expect(w, ALICE, "SIP/2.0 486");
    pass(w, 1000);
    expect(w, ALICE, "SIP/2.0 486");
    answer(w, i, 486, "Busy Here"); /* repeats are answered with the same ACK */
    assert_string_equal(expect(w, BOB, "ACK")->text, ack->text);
    ack_negative(w, "b1");
    pass(w, 10000);
    answer(w, i, 486, "Busy Here");
    assert_string_equal(expect(w, BOB, "ACK")->text, ack->text);
    expect_nothing(w);
    world_end(w);
}

static void test_unanswered_invite(void **state)
{
    (void)state;
    struct world *w = world_new(plain);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    pass(w, 30000);
    for (int n = 0; n < 6; n++)
        expect(w, BOB, "INVITE");
    struct caught *c = expect(w, ALICE, "SIP/2.0 408 Request Timeout");
    assert_int_equal(c->at, 30000);
    ack_negative(w, "x");
    expect_nothing(w);
    world_end(w);
}

/* A non-INVITE ends without a word: no 408 (RFC 4320), and repeats are not sent on again. */
static void test_unanswered_message(void **state)
{
    (void)state;
    struct world *w = world_new("modparam(\"tm\", \"fr_timer\", 3) route { t_on_failure(\"1\"); "
                                "t_relay(); } failure_route[1] { xlog(\"GLD $T_reply_code\"); }");
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-m1", "", "");
    expect(w, BOB, "MESSAGE");
    pass(w, 3000);
    expect(w, BOB, "MESSAGE");
    expect(w, BOB, "MESSAGE");
    assert_non_null(strstr(w->log, "GLD 408"));
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-m1", "", "");
    expect_nothing(w);
    world_end(w);
}

static void test_ringing_ends(void **state)
{
    (void)state;
    struct world *w = world_new("modparam(\"tm\", \"fr_inv_timer\", 60) route { t_relay(); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    answer(w, i, 180, "Ringing");
    expect(w, ALICE, "SIP/2.0 180");
    pass(w, 59000);
    answer(w, i, 180, "Ringing"); /* each provisional reply starts the timer anew */
    expect(w, ALICE, "SIP/2.0 180");
    pass(w, 59999);
    expect_nothing(w);
    pass(w, 1);
    struct caught *k = expect(w, BOB, "CANCEL sip:bob@192.0.2.20 SIP/2.0");
    expect(w, ALICE, "SIP/2.0 408 Request Timeout");
    answer(w, k, 200, "OK");
    answer(w, i, 487, "Request Terminated");
    expect(w, BOB, "ACK");
    ack_negative(w, "x");
    expect_nothing(w);
    world_end(w);
}

static void test_fork_takes_the_first_2xx(void **state)
{
    (void)state;
    struct world *w = world_new("route { append_branch(\"sip:carol@192.0.2.30\"); "
                                "append_branch(\"sip:dave@192.0.2.40\"); t_relay(); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *bob = expect(w, BOB, "INVITE sip:bob@");
    struct caught *carol = expect(w, "192.0.2.30", "INVITE sip:carol@");
    struct caught *dave = expect(w, "192.0.2.40", "INVITE sip:dave@");
    answer(w, bob, 180, "Ringing");
    expect(w, ALICE, "SIP/2.0 180");
    answer(w, carol, 200, "OK");
    expect(w, ALICE, "SIP/2.0 200");
    struct caught *k = expect(w, BOB, "CANCEL sip:bob@");
    expect_nothing(w);
    answer(w, k, 200, "OK");
    answer_with(w, dave, 180, "Ringing", "d1", ""); /* only now may the CANCEL go */
    k = expect(w, "192.0.2.40", "CANCEL sip:dave@");
    answer_with(w, dave, 200, "OK", "d1", ""); /* too late, but every 2xx goes up */
    assert_string_equal(header(expect(w, ALICE, "SIP/2.0 200"), "To"),
                        "<sip:bob@example.com>;tag=d1");
    answer(w, k, 200, "OK");
    answer(w, bob, 487, "Request Terminated");
    expect(w, BOB, "ACK");
    expect_nothing(w);
    world_end(w);
}

static void fork_of_two(int first, int second, const char *winner)
{
    struct world *w = world_new("route { append_branch(\"sip:carol@192.0.2.30\"); t_relay(); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *bob = expect(w, BOB, "INVITE");
    struct caught *carol = expect(w, "192.0.2.30", "INVITE");
    answer_with(w, bob, first, "First", "b1", "");
    expect(w, BOB, "ACK");
    expect_nothing(w);
    answer_with(w, carol, second, "Second", "c1", "");
    expect(w, "192.0.2.30", "ACK");
    expect(w, ALICE, winner);
    ack_negative(w, "b1");
    expect_nothing(w);
    world_end(w);
}

static void test_best_reply(void **state)
{
    (void)state;
    fork_of_two(486, 404, "SIP/2.0 404 Second");
    fork_of_two(404, 486, "SIP/2.0 404 First");
    fork_of_two(404, 302, "SIP/2.0 302 Second");
    fork_of_two(503, 486, "SIP/2.0 486 Second");
    fork_of_two(486, 503, "SIP/2.0 486 First");
    fork_of_two(503, 503, "SIP/2.0 500 Second");
    fork_of_two(486, 486, "SIP/2.0 486 First");
    fork_of_two(500, 486, "SIP/2.0 486 Second");
}

static void test_6xx_ends_the_fork(void **state)
{
    (void)state;
    struct world *w = world_new("route { append_branch(\"sip:carol@192.0.2.30\"); t_relay(); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *bob = expect(w, BOB, "INVITE");
    struct caught *carol = expect(w, "192.0.2.30", "INVITE");
    answer(w, bob, 180, "Ringing");
    expect(w, ALICE, "SIP/2.0 180");
    answer(w, carol, 603, "Decline");
    expect(w, "192.0.2.30", "ACK");
    expect(w, BOB, "CANCEL");
    expect(w, ALICE, "SIP/2.0 603 Decline");
    ack_negative(w, "b1");
    answer(w, bob, 487, "Request Terminated");
    expect(w, BOB, "ACK");
    pass(w, 1000);
    expect(w, BOB, "CANCEL"); /* nobody answers it */
    world_end(w);
}

static void test_names(void **state)
{
    (void)state;
    struct world *w = world_new("route { rewritehost(\"b.example.com\"); t_relay(); "
                                "xlog(\"GLD done $rc\"); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    expect_nothing(w);
    assert_int_equal(w->lookups, 1);
    invite(w); /* a repeat meanwhile */
    expect(w, ALICE, "SIP/2.0 100");
    resolved(w, "b.example.com", BOB);
    assert_non_null(strstr(w->log, "GLD done 1"));
    struct caught *i = expect(w, BOB, "INVITE sip:bob@b.example.com SIP/2.0");
    answer(w, i, 200, "OK");
    expect(w, ALICE, "SIP/2.0 200");
    world_end(w);
}

static void test_names_unknown(void **state)
{
    (void)state;
    struct world *w = world_new("route { rewritehost(\"b.example.com\"); t_relay(); "
                                "xlog(\"GLD not reached\"); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    resolved(w, "b.example.com", NULL);
    expect(w, ALICE, "SIP/2.0 476 Unresolvable destination (476/TM)");
    assert_null(strstr(w->log, "GLD"));
    ack_negative(w, "x");
    world_end(w);
}

static void test_name_pending_at_the_end(void **state)
{
    (void)state;
    struct world *w = world_new("route { rewritehost(\"b.example.com\"); t_on_branch(\"1\"); "
                                "t_relay(); } branch_route[1] { setflag(1); }");
    invite(w);
    assert_int_equal(w->lookups, 1);
    world_free(w); /* leaks would be found */
}

static void test_cancelled_while_a_name_is_sought(void **state)
{
    (void)state;
    struct world *w = world_new("route { if (is_method(\"INVITE\")) "
                                "rewritehost(\"b.example.com\"); t_relay(); }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200 canceling");
    expect(w, ALICE, "SIP/2.0 487 Request Terminated");
    resolved(w, "b.example.com", BOB);
    ack_negative(w, "x");
    expect_nothing(w);
    world_end(w);
}

static void relay_error(const char *uri, const char *reply)
{
    struct world *w = world_new(plain);
    call_request(w, "MESSAGE", uri, "-m1", "", "");
    expect(w, ALICE, reply);
    call_request(w, "MESSAGE", uri, "-m1", "", "");
    expect(w, ALICE, reply);
    expect_nothing(w);
    world_end(w);
}

static void test_relay_errors(void **state)
{
    (void)state;
    relay_error("sip:bob@192.0.2.20;transport=tcp", "SIP/2.0 500 Server error occurred (2/TM)");
    relay_error("sips:bob@192.0.2.20", "SIP/2.0 476 Unresolvable destination (476/TM)");
    relay_error("tel:+12025550100", "SIP/2.0 476 Unresolvable destination (476/TM)");
    relay_error("sip:bob@224.0.0.1", "SIP/2.0 476");
    relay_error("sip:bob@255.255.255.255", "SIP/2.0 476");
    relay_error("sip:bob@0.0.0.0", "SIP/2.0 476");
    relay_error("sip:bob@192.0.2.20;maddr=239.1.1.1", "SIP/2.0 476");
}

static void test_relay_error_told_to_the_script(void **state)
{
    (void)state;
    struct world *w =
        world_new("route { if (!t_relay(\"0x02\")) { xlog(\"GLD $rc\"); sl_reply_error(); } }");
    call_request(w, "MESSAGE", "sips:bob@192.0.2.20", "-m1", "", "");
    expect(w, ALICE, "SIP/2.0 476 Unresolvable destination (476/SL)");
    assert_non_null(strstr(w->log, "GLD -4"));
    world_end(w);
}

static void test_branch_route(void **state)
{
    (void)state;
    struct world *w = world_new(
        "route { setflag(1); append_branch(\"sip:carol@192.0.2.30\"); "
        "append_branch(\"sip:dave@192.0.2.40\"); append_hf(\"X-All: 1\\r\\n\"); "
        "t_on_branch(\"1\"); t_relay(); xlog(\"GLD $mf\"); }"
        "branch_route[1] { if ($rU == \"carol\") drop; append_hf(\"X-No: $T_branch_idx\\r\\n\"); "
        "if ($T_branch_idx == 2) { rewriteuser(\"other\"); setflag(3); } }");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *c = expect(w, BOB, "INVITE sip:bob@192.0.2.20 ");
    assert_true(has(c, "X-All: 1") && has(c, "X-No: 1") && !has(c, "X-No: 2"));
    c = expect(w, "192.0.2.40", "INVITE sip:other@192.0.2.40 ");
    assert_true(has(c, "X-All: 1") && has(c, "X-No: 2") && !has(c, "X-No: 1"));
    expect_nothing(w);
    assert_non_null(strstr(w->log, "GLD 10"));
    world_end(w);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct world *w = world_new("route { t_on_failure(\"1\"); t_relay(); } failure_route[1] { "
                                "xlog(\"GLD $T_reply_code\"); }");
    struct addr bob = world_addr(BOB), other = world_addr("192.0.2.21");
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    expect(w, BOB, "INVITE");
    engine_unreachable(w->engine, 0, &other);
    expect_nothing(w);
    engine_unreachable(w->engine, 0, &bob);
    expect(w, ALICE, "SIP/2.0 500 Service Unavailable");
    assert_non_null(strstr(w->log, "GLD 503"));
    ack_negative(w, "x");
    world_end(w);
}

static void test_local_2xx(void **state)
{
    (void)state;
    struct world *w =
        world_new("route { if (is_method(\"ACK\")) { if (t_check_trans()) xlog(\"GLD known\"); "
                  "t_relay(); exit; } t_newtran(); t_reply(\"200\", \"fine\"); }");
    invite(w);
    struct caught *ok = expect(w, ALICE, "SIP/2.0 200 fine");
    pass(w, 500);
    expect(w, ALICE, "SIP/2.0 200 fine");
    char tag[128];
    snprintf(tag, sizeof tag, "%s", strstr(header(ok, "To"), "tag=") + 4);
    call_request(w, "ACK", "sip:bob@192.0.2.20", "-a1", tag, "");
    assert_non_null(strstr(w->log, "GLD known"));
    pass(w, 5000);
    expect_nothing(w);
    world_end(w);
}

static void test_script_without_answer(void **state)
{
    (void)state;
    struct world *w = world_new("route { t_newtran(); }");
    invite(w);
    invite(w);
    expect_nothing(w);
    assert_int_equal(engine_live(w->engine), 1);
    world_end(w);
}

static void test_redirect(void **state)
{
    (void)state;
    struct world *w =
        world_new("route { append_branch(\"sip:one@1.test\"); "
                  "append_branch(\"sip:two@2.test\", \"0.7\"); t_newtran(); "
                  "append_to_reply(\"X-A: 1\\r\\n\"); t_reply(\"302\", \"Moved\"); }");
    invite(w);
    struct caught *c = expect(w, ALICE, "SIP/2.0 302 Moved");
    assert_string_equal(header(c, "Contact"), "sip:one@1.test, <sip:two@2.test>;q=0.7");
    assert_true(has(c, "\r\nX-A: 1\r\n"));
    ack_negative(w, "x");
    world_end(w);
}

static void test_replicas_answer_nobody(void **state)
{
    (void)state;
    struct world *w =
        world_new("route { t_replicate(\"sip:192.0.2.50\"); sl_send_reply(\"202\", \"ok\"); }");
    call_request(w, "MESSAGE", "sip:bob@192.0.2.20", "-m1", "", "");
    struct caught *c = expect(w, "192.0.2.50", "MESSAGE sip:bob@192.0.2.20");
    expect(w, ALICE, "SIP/2.0 202 ok");
    answer(w, c, 200, "OK");
    expect_nothing(w);
    world_end(w);
}

/* ---- without state ---- */

static void test_forward(void **state)
{
    (void)state;
    struct world *w = world_new("route { forward(); }");
    call_request(w, "INVITE", "sip:bob@192.0.2.20", "-i1", "", "");
    struct caught *i = expect(w, BOB, "INVITE");
    call_request(w, "INVITE", "sip:bob@192.0.2.20", "-i1", "", "");
    assert_string_equal(expect(w, BOB, "INVITE")->text, i->text);
    char via[256];
    snprintf(via, sizeof via, "%s", header(i, "Via"));
    cancel(w);
    assert_string_equal(header(expect(w, BOB, "CANCEL"), "Via"), via);
    answer(w, i, 180, "Ringing");
    expect(w, ALICE, "SIP/2.0 180");
    answer(w, i, 200, "OK");
    expect(w, ALICE, "SIP/2.0 200");
    expect_nothing(w);
    world_end(w);
}

static void stray(const char *top_via, const char *status, const char *method, bool passes)
{
    char text[1024];
    struct world *w = world_new(plain);
    snprintf(text, sizeof text,
             "SIP/2.0 %s\n%sVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKx\n"
             "From: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: s1\nCSeq: 1 %s\n"
             "Content-Length: 0\n\n",
             status, top_via, method);
    hear(w, BOB, text);
    if (passes)
        expect(w, ALICE, "SIP/2.0");
    expect_nothing(w);
    world_end(w);
}

static void test_stray_replies(void **state)
{
    const char *ours = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKold\n";
    (void)state;
    stray(ours, "180 Ringing", "INVITE", true);
    stray(ours, "200 OK", "MESSAGE", false); /* RFC 4320 */
    stray(ours, "200 OK", "INVITE", false);  /* RFC 6026 */
    stray(ours, "486 Busy", "INVITE", false);
    stray("Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKold\n", "180 Ringing", "INVITE", false);
    stray("", "180 Ringing", "INVITE", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_basic_call_byte_for_byte),
        cmocka_unit_test(test_call_and_bye),
        cmocka_unit_test(test_repeated_invite),
        cmocka_unit_test(test_negative_reply_until_ack),
        cmocka_unit_test(test_unanswered_invite),
        cmocka_unit_test(test_unanswered_message),
        cmocka_unit_test(test_ringing_ends),
        cmocka_unit_test(test_fork_takes_the_first_2xx),
        cmocka_unit_test(test_best_reply),
        cmocka_unit_test(test_6xx_ends_the_fork),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_unknown),
        cmocka_unit_test(test_name_pending_at_the_end),
        cmocka_unit_test(test_cancelled_while_a_name_is_sought),
        cmocka_unit_test(test_relay_errors),
        cmocka_unit_test(test_relay_error_told_to_the_script),
        cmocka_unit_test(test_branch_route),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_local_2xx),
        cmocka_unit_test(test_script_without_answer),
        cmocka_unit_test(test_redirect),
        cmocka_unit_test(test_replicas_answer_nobody),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_stray_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
