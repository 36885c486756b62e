/* pike. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define PIKE(density)                                                                              \
    LOAD "loadmodule \"pike.so\"\nmodparam(\"pike\", \"sampling_time_unit\", 10)\n"                \
         "modparam(\"pike\", \"reqs_density_per_unit\", " density ")\n"                            \
         "modparam(\"pike\", \"remove_latency\", 30)\n"                                            \
         "route { pike_check_req(); sl_send_reply(\"200\", \"$rc\"); }"

static void answers(unsigned n, const char *result)
{
    char line[64];
    snprintf(line, sizeof line, "SIP/2.0 200 %s", result);
    for (unsigned i = 0; i < n; i++) {
        world_put(REQUEST("OPTIONS", "sip:bob@example.org", ""));
        expect_line(0, line);
    }
}

static void floods_are_noticed(void **state)
{
    (void)state;
    world_open(PIKE("3"));
    answers(6, "1"); /* three bytes of the address are warmed up first */
    answers(1, "-2");
    assert_non_null(strstr(world.log, "198.51.100.7"));
    answers(3, "-1");
    assert_string_equal(world.log, "");
    world_pass(25000); /* two windows later all is forgiven */
    answers(1, "1");
    world_open(PIKE("40"));
    answers(10 + 10 + 10 + 1 + 39, "1");
    answers(1, "-2");
}

static void addresses_are_forgotten(void **state)
{
    (void)state;
    world_open(PIKE("3"));
    answers(6, "1");
    for (int i = 0; i < 32; i++)
        world_pass(1000);
    answers(6, "1");
    answers(1, "-2");
}

static void floods_are_listed(void **state)
{
    (void)state;
    world_open(PIKE("3"));
    answers(6, "1");
    assert_string_equal(world_ask(":pike_list:\n"), "200 OK\n\n");
    answers(1, "-2");
    assert_string_equal(world_ask(":pike_list:\n"), "200 OK\n198.51.100.7\n\n");
    world_pass(25000); /* nobody has asked since, and it is over all the same */
    assert_string_equal(world_ask(":pike_list:\n"), "200 OK\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(floods_are_noticed),
        TEST(addresses_are_forgotten),
        TEST(floods_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
