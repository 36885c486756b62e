/* statistics. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define STAT                                                                                       \
    LOAD "loadmodule \"statistics.so\"\nmodparam(\"statistics\", \"variable\", \"a\")\n"           \
         "modparam(\"statistics\", \"variable\", \"b/no_reset\")\n"

static void next_is(const char *shown)
{
    char line[256];
    world_put(REQUEST("OPTIONS", "sip:bob@example.org", ""));
    snprintf(line, sizeof line, "SIP/2.0 200 %s", shown);
    expect_line(0, line);
}

static void counters_count(void **state)
{
    (void)state;
    world_open(STAT
               "route { update_stat(\"a\", \"2\"); update_stat(\"b\", \"-1\"); $var(n) = \"a\";"
               "update_stat(\"$var(n)\", \"+1\"); sl_send_reply(\"200\", \"$rc $stat(a) "
               "$stat(b)\"); }");
    next_is("1 3 -1");
    next_is("1 6 -2");
    world_open(STAT "route { update_stat(\"a\", \"2\"); reset_stat(\"a\"); $var(x) = $rc;"
                    "reset_stat(\"b\"); $var(y) = $rc; $var(n) = \"none\";"
                    "update_stat(\"$var(n)\", \"1\");"
                    "sl_send_reply(\"200\", \"$var(x) $var(y) $rc $stat(a)\"); }");
    next_is("1 -1 -1 0");
}

static void mistakes(void **state)
{
    (void)state;
    assert_false(world_try(STAT "route { update_stat(\"c\", \"1\"); }"));
    assert_false(world_try(STAT "route { update_stat(\"a\", \"0\"); }"));
    assert_false(world_try(STAT "route { xlog(\"$stat(c)\"); }"));
    assert_false(world_try(STAT "modparam(\"statistics\", \"variable\", \"a\")\nroute { }"));
    assert_false(world_try(STAT "modparam(\"statistics\", \"variable\", \"c/reset\")\nroute { }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counters_count),
        TEST(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
