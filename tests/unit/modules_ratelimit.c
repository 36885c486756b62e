/* ratelimit. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define RL(params)                                                                                 \
    LOAD "loadmodule \"ratelimit.so\"\nmodparam(\"ratelimit\", \"timer_interval\", 2)\n" params

static void answers(const char *method, unsigned n, const char *result)
{
    char line[64], message[1024];
    snprintf(line, sizeof line, "SIP/2.0 200 %s", result);
    snprintf(message, sizeof message, REQUEST("%s", "sip:bob@example.org", ""), method, method);
    for (unsigned i = 0; i < n; i++) {
        world_put(message);
        expect_line(0, line);
    }
}

static void pipes_have_limits(void **state)
{
    (void)state;
    world_open(RL("modparam(\"ratelimit\", \"pipe\", \"3:TAILDROP:2\")\n"
                  "modparam(\"ratelimit\", \"queue\", \"3:MESSAGE\")\n") "route { rl_check(); "
                                                                         "sl_send_reply(\"200\", "
                                                                         "\"$rc\"); }");
    answers("MESSAGE", 4, "1");
    answers("MESSAGE", 2, "-1");
    answers("OPTIONS", 9, "1");
    world_pass(2000);
    answers("MESSAGE", 4, "1");
    answers("MESSAGE", 1, "-1");
    world_open(RL(
        "modparam(\"ratelimit\", \"pipe\", \"0:RED:1\")\n") "route { rl_check_pipe(\"0\"); "
                                                            "sl_send_reply(\"200\", \"$rc\"); }");
    answers("MESSAGE", 6, "1");
    world_pass(2000); /* three times too many: every third from now on */
    answers("MESSAGE", 2, "-1");
    answers("MESSAGE", 1, "1");
    answers("MESSAGE", 2, "-1");
    world_open(RL(
        "modparam(\"ratelimit\", \"pipe\", \"1:TAILDROP:0\")\n") "route { $var(p) = 1; "
                                                                 "rl_check(\"$var(p)\"); $var(a) = "
                                                                 "$rc; $var(p) = 99;"
                                                                 "rl_check(\"$var(p)\"); $var(b) = "
                                                                 "$rc; rl_check_pipe(\"2\");"
                                                                 "sl_send_reply(\"200\", \"$var(a) "
                                                                 "$var(b) $rc\"); }");
    answers("MESSAGE", 1, "-1 -1 1");
}

static void drops_are_answered(void **state)
{
    (void)state;
    run(RL("") "route { rl_drop(\"5\", \"9\"); }", REQUEST("MESSAGE", "sip:b@x", ""));
    expect_line(0, "SIP/2.0 503 Server Unavailable");
    expect_text(0, "Retry-After: 7\n");
    run(RL("modparam(\"ratelimit\", \"reply_code\", 480)\n") "route { t_newtran(); rl_drop(); }",
        REQUEST("MESSAGE", "sip:b@x", ""));
    expect_line(0, "SIP/2.0 480 Server Unavailable");
    expect_no_text(0, "Retry-After");
}

static void mistakes(void **state)
{
    (void)state;
    assert_false(world_try(RL("modparam(\"ratelimit\", \"pipe\", \"16:RED:1\")\n") "route { }"));
    assert_false(world_try(RL("modparam(\"ratelimit\", \"pipe\", \"1:BLUE:1\")\n") "route { }"));
    assert_false(world_try(RL("modparam(\"ratelimit\", \"pipe\", \"1:RED\")\n") "route { }"));
    assert_false(world_try(RL("modparam(\"ratelimit\", \"queue\", \"INVITE\")\n") "route { }"));
    assert_false(world_try(RL("") "route { rl_check_pipe(\"16\"); }"));
    assert_true(world_try(RL("modparam(\"ratelimit\", \"pipe\", \"1:NETWORK:1\")\n") "route { }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pipes_have_limits),
        TEST(drops_are_answered),
        TEST(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
