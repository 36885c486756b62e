/* options and gflags. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define OPTIONS LOAD "loadmodule \"options.so\"\n"

static void options_are_answered(void **state)
{
    static const char script[] = OPTIONS "modparam(\"options\", \"support\", \"path\")\n"
                                         "route { options_reply(); xlog(\"$rc\"); }";
    (void)state;
    run(script, REQUEST("OPTIONS", "sip:192.0.2.1", ""));
    expect_line(0, "SIP/2.0 200 OK");
    expect_text(0, "Accept: */*\nAccept-Encoding: \nAccept-Language: en\nSupported: path\n");
    assert_string_equal(world.log, "");
    run(script, REQUEST("OPTIONS", "sip:bob@192.0.2.1", ""));
    assert_int_equal(world.sent, 0);
    assert_string_equal(world.log, "-1");
    run(script, REQUEST("MESSAGE", "sip:192.0.2.1", ""));
    assert_string_equal(world.log, "-1");
    run(OPTIONS "route { t_newtran(); options_reply(); }", REQUEST("OPTIONS", "sip:192.0.2.1", ""));
    expect_line(0, "SIP/2.0 200 OK");
    assert_false(world_try(OPTIONS "modparam(\"options\", \"accept\", \"a\r\nX: y\")\n"
                                   "route { exit; }"));
}

#define GFLAGS LOAD "loadmodule \"gflags.so\"\n"

/* LANGUAGE row 8.1/5 */
static void global_flags_are_shared(void **state)
{
    (void)state;
    world_open(GFLAGS "modparam(\"gflags\", \"initial\", 5)\n"
                      "route { is_gflag(\"0\"); $var(a) = $rc; is_gflag(\"1\"); $var(b) = $rc;"
                      "is_gflag(\"31\"); $var(c) = $rc; reset_gflag(\"0\"); set_gflag(\"31\");"
                      "sl_send_reply(\"200\", \"$var(a) $var(b) $var(c)\"); }");
    world_put(REQUEST("OPTIONS", "sip:192.0.2.1", ""));
    expect_line(0, "SIP/2.0 200 1 -1 -1");
    world_put(REQUEST("OPTIONS", "sip:192.0.2.1", ""));
    expect_line(0, "SIP/2.0 200 -1 -1 1");
    assert_false(world_try(GFLAGS "route { set_gflag(\"32\"); }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(options_are_answered),
        TEST(global_flags_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
