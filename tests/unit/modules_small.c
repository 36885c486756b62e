/* sl, maxfwd, uri, xlog and the descriptor of tm. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

static const char PLAIN[] = REQUEST("OPTIONS", "sip:bob@203.0.113.5", "");

/* ---- maxfwd ---- */

static void expect_hops(const char *header, const char *result, const char *sent)
{
    char message[1024];
    snprintf(message, sizeof message, REQUEST("OPTIONS", "sip:bob@203.0.113.5", "%s"), header);
    run(LOAD
        "route { mf_process_maxfwd_header(\"10\"); append_hf(\"X-Rc: $rc\\r\\n\"); forward(); }",
        message);
    expect_text(0, result);
    expect_text(0, sent);
}

static void hops_are_counted(void **state)
{
    (void)state;
    expect_hops("Max-Forwards: 70\n", "X-Rc: 1\n", "Max-Forwards: 69\n");
    expect_hops("Max-Forwards: 10\n", "X-Rc: 1\n", "Max-Forwards:  9\n");
    expect_hops("Max-Forwards:   9  \n", "X-Rc: 1\n", "Max-Forwards:   8  \n");
    expect_hops("Max-Forwards: 007\n", "X-Rc: 1\n", "Max-Forwards:   6\n");
    expect_hops("Max-Forwards: 0\n", "X-Rc: -1\n", "Max-Forwards: 0\n");
    expect_hops("", "X-Rc: 2\n", "CSeq: 1 OPTIONS\nMax-Forwards: 10\nX-Rc");
}

static void hops_are_limited(void **state)
{
    (void)state;
    run(LOAD "modparam(\"maxfwd\", \"max_limit\", 20)\n"
             "route { mf_process_maxfwd_header(\"100\"); forward(); }",
        REQUEST("OPTIONS", "sip:bob@203.0.113.5", "Max-Forwards: 200\n"));
    expect_text(0, "Max-Forwards:  20\n");
    world_put(PLAIN);
    expect_text(0, "Max-Forwards: 20\n");
}

static void hops_are_counted_each_time(void **state)
{
    static const char script[] =
        LOAD "route { mf_process_maxfwd_header(\"10\"); mf_process_maxfwd_header(\"10\");"
             "if (is_maxfwd_lt(\"10\")) forward(); }";
    (void)state;
    run(script, PLAIN);
    expect_text(0, "CSeq: 1 OPTIONS\nMax-Forwards: 9\n\n");
    run(script, REQUEST("OPTIONS", "sip:bob@203.0.113.5", "Max-Forwards: 10\n"));
    expect_text(0, "CSeq: 1 OPTIONS\nMax-Forwards:  8\n\n");
}

static void hops_are_compared(void **state)
{
    static const char script[] =
        SHOW("is_maxfwd_lt(\"5\"); $var(a) = $rc; is_maxfwd_lt(\"1\");", "$var(a) $rc");
    (void)state;
    expect_shown(script, REQUEST("OPTIONS", "sip:b@x", "Max-Forwards: 1\n"), "1 -1");
    expect_shown(script, REQUEST("OPTIONS", "sip:b@x", "Max-Forwards: 5\n"), "-1 -1");
    expect_shown(script, PLAIN, "-2 -2");
    assert_false(world_try(LOAD "route { mf_process_maxfwd_header(\"500\"); }"));
}

/* ---- sl ---- */

static void ack_of_our_reply_is_absorbed(void **state)
{
    char ack[2048], tag[64];
    (void)state;
    run(LOAD
        "route { xlog(\"[$rm]\"); if (is_method(\"ACK\")) exit; sl_send_reply(\"486\", \"Busy\");"
        "}",
        REQUEST("INVITE", "sip:bob@example.org", ""));
    assert_string_equal(world.log, "[INVITE]");
    const char *to = strstr(strstr(world.bytes[0], "\nTo:"), "tag=");
    assert_non_null(to);
    snprintf(tag, sizeof tag, "%.*s", (int)strcspn(to + 4, "\n"), to + 4);
    snprintf(ack, sizeof ack,
             REQUEST_TO("ACK", "sip:bob@example.org", "<sip:bob@example.org>;tag=%s", "", ""), tag);
    world_put(ack);
    assert_string_equal(world.log, "");
    world_put(REQUEST_TO("ACK", "sip:bob@example.org", "<sip:bob@example.org>;tag=other", "", ""));
    assert_string_equal(world.log, "[ACK]");
    world_pass(2100); /* the reference lets it through now: an ACK nobody is waiting for */
    world_put(ack);
    assert_string_equal(world.log, "");
}

static void replies_that_cannot_be(void **state)
{
    (void)state;
    run(LOAD "route { $var(c) = 99; sl_send_reply(\"$var(c)\", \"Low\"); xlog(\"$rc \");"
             "$var(c) = 700; sl_send_reply(\"$var(c)\", \"High\"); xlog(\"$rc \");"
             "$var(r) = \"\"; sl_send_reply(\"200\", \"$var(r)\"); xlog(\"$rc\"); }",
        PLAIN);
    assert_int_equal(world.sent, 0);
    assert_string_equal(world.log, "-1 -1 -1");
    assert_false(world_try(LOAD "route { sl_send_reply(\"200\", \"\"); }"));
    assert_false(world_try(LOAD "route { sl_send_reply(\"99\", \"x\"); }"));
    assert_false(world_try(LOAD "route { forward(); } branch_route[1] { sl_send_reply(\"200\","
                                "\"x\"); }"));
}

/* ---- uri ---- */

static void uri_parameters(void **state)
{
    static const char uri[] = REQUEST("OPTIONS", "sips:bob@x.test;x=1;lr?h=v", "");
    (void)state;
    expect_shown(SHOW("uri_param(\"x\"); $var(a) = $rc; uri_param(\"lr\"); $var(b) = $rc;"
                      "uri_param(\"x\",\"1\"); $var(c) = $rc; uri_param(\"x\",\"2\");",
                      "$var(a) $var(b) $var(c) $rc"),
                 uri, "-1 1 1 -1");
    expect_shown(SHOW("add_uri_param(\"n=1\"); add_uri_param(\"\");", "$rc $ru"), uri,
                 "1 sips:bob@x.test;x=1;lr;n=1?h=v");
    expect_shown(SHOW("is_user(\"bob\");", "$rc"), uri, "-1");
}

static void telephone_numbers(void **state)
{
    (void)state;
    expect_shown(SHOW("tel2sip();", "$rc $ru"), REQUEST("INVITE", "tel:+12025550100", ""),
                 "1 sip:+12025550100@example.org;user=phone");
    expect_shown(SHOW("tel2sip();", "$rc $ru"), PLAIN, "1 sip:bob@203.0.113.5");
    expect_shown(SHOW("is_uri_user_e164(\"$ru\"); $var(a) = $rc; is_uri_user_e164(\"$fu\");"
                      "$var(b) = $rc; $avp(s:a) = \"sip:+12a@x\"; is_uri_user_e164(\"$avp(s:a)\");",
                      "$var(a) $var(b) $rc"),
                 REQUEST("INVITE", "sip:+12025550100@x", ""), "1 -1 -1");
}

static void dialogs_have_a_tag(void **state)
{
    (void)state;
    expect_shown(SHOW("has_totag();", "$rc"), PLAIN, "-1");
    expect_shown(SHOW("has_totag();", "$rc"), IN_DIALOG("OPTIONS", "sip:b@x", ""), "1");
}

/* ---- xlog ---- */

static void lines_are_logged(void **state)
{
    (void)state;
    run("debug=0\n" LOAD
        "route { xlog(\"L_ERR\", \"a $rm\\n\"); xlog(\"L_INFO\", \"no\"); xlog(\"b\");"
        "$var(l) = -1; xlog(\"$var(l)\", \"c\"); xdbg(\"no\"); $avp(s:x) = \"t\";"
        "xlog(\"$avp(s:x)\", \"no\"); xlog(\"$rc\"); }",
        PLAIN);
    assert_string_equal(world.log, "a OPTIONS\nbc-1");
}

static void long_lines_are_not(void **state)
{
    (void)state;
    run(LOAD "modparam(\"xlog\", \"buf_size\", 8)\nroute { xlog(\"GLD 45678\"); }", PLAIN);
    assert_null(strstr(world.log, "GLD"));
    assert_non_null(strstr(world.log, "buf_size"));
}

static void colours(void **state)
{
    (void)state;
    run(LOAD "modparam(\"xlog\", \"force_color\", 1)\nroute { xlog(\"$C(Rx)x$C(xx)\"); }", PLAIN);
    assert_string_equal(world.log, "\033[1;31;49mx\033[0;39;49m");
    assert_false(world_try(LOAD "route { xlog(\"$C(qq)\"); }"));
    assert_false(world_try(LOAD "route { xlog(\"L_QUITE\", \"x\"); }"));
}

/* ---- tm and the registry ---- */

static void tm_parameters(void **state)
{
    (void)state;
    assert_true(world_try(LOAD "modparam(\"tm\", \"fr_timer_avp\", \"i:24\")\n"
                               "modparam(\"tm\", \"noisy_ctimer\", 1)\nroute { forward(); }"));
    assert_false(world_try(LOAD "modparam(\"tm\", \"T2_timer\", 400)\nroute { forward(); }"));
    assert_false(world_try(LOAD "modparam(\"tm\", \"fr_timer\", 1)\nroute { forward(); }"));
    assert_false(world_try(LOAD "route { t_local_replied(\"some\"); }"));
}

static void planned_modules_are_refused(void **state)
{
    (void)state;
    assert_false(world_try("loadmodule \"mi_fifo.so\"\nroute { forward(); }"));
}

static void the_registry_is_whole(void **state)
{
    const struct module_set *set = module_set();
    (void)state;
    assert_true(set->count <= SHARED_MAX_MODULES && set->count == set->catalog.count);
    assert_string_equal(set->modules[0]->symbols.name, "core");
    assert_null(set->modules[set->count]);
    for (unsigned i = 0; i < set->count; i++) {
        assert_int_equal(set->modules[i]->abi, MODULE_ABI);
        assert_ptr_equal(&set->modules[i]->symbols, set->catalog.modules[i]);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(set->modules[i]->symbols.name, set->modules[j]->symbols.name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hops_are_counted),
        TEST(hops_are_limited),
        TEST(hops_are_counted_each_time),
        TEST(hops_are_compared),
        TEST(ack_of_our_reply_is_absorbed),
        TEST(replies_that_cannot_be),
        TEST(uri_parameters),
        TEST(telephone_numbers),
        TEST(dialogs_have_a_tag),
        TEST(lines_are_logged),
        TEST(long_lines_are_not),
        TEST(colours),
        TEST(tm_parameters),
        TEST(planned_modules_are_refused),
        TEST(the_registry_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
