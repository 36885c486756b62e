/* benchmark. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define BENCH LOAD "loadmodule \"benchmark.so\"\n"

static void time_is_measured_and_summed(void **state)
{
    (void)state;
    world_open(BENCH
               "modparam(\"benchmark\", \"granularity\", 2)\n"
               "modparam(\"benchmark\", \"loglevel\", -1)\n"
               "route { bm_start_timer(\"a\"); $var(r) = bm_log_timer(\"b\");\n"
               "  if ($BM_time_diff == null && bm_log_timer(\"a\") && $BM_time_diff != null)\n"
               "    sl_send_reply(\"200\", \"$var(r)\"); }");
    for (int i = 0; i < 4; i++) {
        world_put(REQUEST("OPTIONS", "sip:bob@example.org", ""));
        expect_line(0, "SIP/2.0 200 -1"); /* b was not started */
        assert_int_equal(strstr(world.log, "benchmark: a: ") != NULL, i % 2);
    }
    assert_non_null(strstr(world_ask(":bm_timers:\n"), "200 OK\nTimer:: a calls=4 total="));
    assert_non_null(strstr(world_ask(":bm_timers:\n"), "\nTimer:: b calls=0 total=0 least=0"));
}

static void switched_off_it_costs_nothing(void **state)
{
    (void)state;
    run(BENCH "modparam(\"benchmark\", \"enable\", 0)\n"
              "route { if (bm_log_timer(\"a\")) sl_send_reply(\"200\", \"$BM_time_diff\"); }",
        REQUEST("OPTIONS", "sip:bob@example.org", ""));
    expect_line(0, "SIP/2.0 200 <null>");
    assert_false(world_try(BENCH "route { bm_start_timer(\"\"); }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(time_is_measured_and_summed),
        TEST(switched_off_it_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
