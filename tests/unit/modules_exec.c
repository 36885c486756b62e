/* exec, as far as no program runs: what is refused, and what a simulated world says. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define EXEC LOAD "loadmodule \"exec.so\"\n"

static void commands_are_checked_at_load(void **state)
{
    (void)state;
    assert_true(
        world_try(EXEC "route { exec_msg(\"logger $ru $HOME $1 $$ '$(ru{s.len})' \\$fu\"); }"));
    assert_false(world_try(EXEC "route { exec_msg(\"\"); }"));
    assert_false(world_try(EXEC "route { exec_avp(\"date\", \"$ru\"); }"));
    assert_false(world_try(EXEC "route { exec_avp(\"date\", \"$avp(s:a);nothing\"); }"));
    assert_true(world_try(EXEC "route { exec_avp(\"date\", \"$avp(s:a); $avp(i:2)\"); }"));
    assert_false(world_try(EXEC "onreply_route { exec_msg(\"true\"); }"));
}

static void without_programs_it_is_false(void **state)
{
    (void)state;
    run(EXEC "route { exec_dset(\"echo sip:x@y\"); sl_send_reply(\"200\", \"$rc $ru\"); }",
        REQUEST("OPTIONS", "sip:bob@example.org", ""));
    expect_line(0, "SIP/2.0 200 -1 sip:bob@example.org");
    assert_non_null(strstr(world.log, "no programs in a simulated world"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commands_are_checked_at_load),
        TEST(without_programs_it_is_false),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
