/* cfgutils. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "tests/unit/modules_fixture.h"

#define LOAD_CFG LOAD "loadmodule \"cfgutils.so\"\n"
#define ROUTE(actions, reason)                                                                     \
    LOAD_CFG "route {\n" actions "\n    sl_send_reply(\"200\", \"" reason "\");\n}\n"

static const char PLAIN[] = REQUEST("OPTIONS", "sip:bob@example.org", "");

static void shows(const char *script, const char *reason)
{
    expect_shown(script, PLAIN, reason);
}

static void chance(void **state)
{
    (void)state;
    shows(ROUTE("rand_get_prob(); $var(a) = $rc; rand_set_prob(\"0\"); rand_event(); $var(b) = $rc;"
                "rand_set_prob(\"100\"); rand_event(); $var(c) = $rc; rand_reset_prob();"
                "rand_get_prob();",
                "$var(a) $var(b) $var(c) $rc"),
          "10 -1 1 10");
    run(ROUTE("rand_set_prob(\"0\"); rand_get_prob();", "not reached"), PLAIN);
    assert_int_equal(world.sent, 0);
    shows(ROUTE("", "$RANDOM"), "7"); /* what the test's engine calls chance */
    assert_false(world_try(ROUTE("rand_set_prob(\"101\");", "")));
}

static void scripts_sleep(void **state)
{
    (void)state;
    run(ROUTE("$var(x) = \"kept\"; sleep(\"2\"); usleep(\"1500\");", "$rc $var(x)"), PLAIN);
    assert_int_equal(world.sent, 0);
    world_pass(1999);
    assert_int_equal(world.sent, 0);
    world_pass(1);
    assert_int_equal(world.sent, 0);
    world_pass(2);
    expect_line(0, "SIP/2.0 200 1 kept");
    assert_false(world_try(ROUTE("sleep(\"3601\");", "")));
    assert_false(world_try(ROUTE("sleep(\"x\");", "")));
}

/* Giving up a script that sleeps frees it; the leak check of the ASan build sees to that. */
static void sleepers_end_with_the_world(void **state)
{
    (void)state;
    run(ROUTE("sleep(\"5\");", "x"), PLAIN);
    world_put(REQUEST("INVITE", "sip:bob@example.org", ""));
    assert_int_equal(world.sent, 0);
    run(LOAD_CFG "route { t_newtran(); sleep(\"5\"); t_reply(\"480\", \"Late\"); }",
        REQUEST("INVITE", "sip:bob@example.org", ""));
    assert_int_equal(world.sent, 0);
    world_pass(5000);
    expect_line(0, "SIP/2.0 480 Late");
}

static void shared_variables(void **state)
{
    (void)state;
    world_open("loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\n"
               "modparam(\"cfgutils\", \"shvset\", \"n=i:-5\")\n"
               "modparam(\"cfgutils\", \"shvset\", \"t=s:text\")\n"
               "route { $shv(n) = $shv(n) + 1; $shv(t) = $shv(t) + \"x\";"
               "sl_send_reply(\"200\", \"$shv(n) $shv(t) $shv(other)\"); }");
    world_put(PLAIN);
    expect_line(0, "SIP/2.0 200 -4 textx 0");
    world_put(PLAIN);
    expect_line(0, "SIP/2.0 200 -3 textxx 0");
    assert_false(
        world_try(LOAD_CFG "modparam(\"cfgutils\", \"shvset\", \"n=5\")\nroute { exit; }"));
    assert_false(world_try(ROUTE("$shv() = 1;", "")));
}

static void preset_variables(void **state)
{
    (void)state;
    world_open("loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\n"
               "modparam(\"cfgutils\", \"varset\", \"n=i:5\")\n"
               "modparam(\"cfgutils\", \"varset\", \"n=i:6\")\n"
               "modparam(\"cfgutils\", \"varset\", \"t=s:hello\")\n"
               "route { $var(x) = $var(n); $var(n) = 9;"
               "sl_send_reply(\"200\", \"$var(x) $var(t)\"); }");
    for (int i = 0; i < 2; i++) {
        world_put(PLAIN);
        expect_line(0, "SIP/2.0 200 6 hello");
    }
}

static void the_time(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    shows(ROUTE("", "$time(year)-$time(mon)-$time(mday) $time(hour):$time(min):$time(sec) "
                    "$time(wday) $time(yday)"),
          "2001-9-9 1:46:40 1 252");
    assert_false(world_try(ROUTE("", "$time(week)")));
}

static void operators_have_it_too(void **state)
{
    (void)state;
    world_open(LOAD "loadmodule \"cfgutils.so\"\nloadmodule \"gflags.so\"\n"
                    "modparam(\"cfgutils\", \"initial_probability\", 7)\n"
                    "route { if (is_gflag(\"2\")) sl_send_reply(\"200\", \"set\");\n"
                    "        else sl_send_reply(\"200\", \"clear\"); }");
    assert_string_equal(world_ask(":rand_set_prob:\n100\n"), "200 OK\n\n");
    assert_string_equal(world_ask(":rand_get_prob:\n"),
                        "200 OK\nThe actual probability is 100 percent.\n\n");
    assert_string_equal(world_ask(":rand_set_prob:\n101\n"),
                        "400 Bad parameter: a probability from 0 to 100\n\n");
    assert_string_equal(world_ask(":rand_reset_prob:\n"), "200 OK\n\n");
    assert_string_equal(world_ask(":rand_get_prob:\n"),
                        "200 OK\nThe actual probability is 7 percent.\n\n");
    assert_string_equal(world_ask(":set_gflag:\n6\n"), "200 OK\n\n");
    world_put(REQUEST("OPTIONS", "sip:bob@example.org", ""));
    expect_line(0, "SIP/2.0 200 set");
    assert_string_equal(world_ask(":is_gflag:\n7\n"), "200 OK\nFALSE\n\n");
    assert_string_equal(world_ask(":reset_gflag:\n4\n"), "200 OK\n\n");
    assert_string_equal(world_ask(":get_gflags:\n"), "200 OK\n0x2\n2\n\n");
    assert_non_null(strstr(world_ask(":set_gflag:\nx\n"), "400 Bad parameter"));
    assert_string_equal(world_ask(":is_gflag:\n2\n"), "200 OK\nTRUE\n\n");
}

static void operators_see_and_set_shared_variables(void **state)
{
    (void)state;
    run(LOAD "loadmodule \"cfgutils.so\"\nmodparam(\"cfgutils\", \"shvset\", \"debug=i:1\")\n"
             "route { $shv(name) = \"x y\"; xlog(\"L_ERR\", \"debug is $shv(debug)\"); }",
        REQUEST("OPTIONS", "sip:a@b", ""));
    assert_non_null(strstr(world.log, "debug is 1"));
    assert_string_equal(world_ask(":shv_get:\n"), "200 OK\nVAR:: name type=string value=x y\n"
                                                  "VAR:: debug type=integer value=1\n\n");
    assert_string_equal(world_ask(":shv_get:\nnix\n"), "404 Not found\n\n");
    assert_string_equal(world_ask(":shv_set:\ndebug\nint\n-7\n"), "200 OK\n\n");
    assert_string_equal(world_ask(":shv_get:\ndebug\n"),
                        "200 OK\nVAR:: debug type=integer value=-7\n\n");
    assert_string_equal(world_ask(":shv_set:\ndebug\nint\nseven\n"),
                        "400 Bad value: no number\n\n");
    assert_string_equal(world_ask(":shv_set:\ndebug\nfloat\n7\n"),
                        "400 Bad type: int and str are\n\n");
    assert_string_equal(world_ask(":shv_set:\ndebug\nstr\nseven\n"), "200 OK\n\n");
    world_put(REQUEST("OPTIONS", "sip:a@b", ""));
    assert_non_null(strstr(world.log, "debug is seven"));
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void a_changed_script_is_found_out(void **state)
{
    char path[] = "/tmp/signalbox-hash-XXXXXX", script[512];
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    write_file(path, "abc");
    snprintf(script, sizeof script,
             LOAD "loadmodule \"cfgutils.so\"\nmodparam(\"cfgutils\", \"hash_file\", \"%s\")\n"
                  "route { }",
             path);
    world_open(script);
    assert_string_equal(world_ask(":get_config_hash:\n"),
                        "200 OK\n900150983cd24fb0d6963f7d28e17f72\n\n");
    assert_string_equal(world_ask(":check_config_hash:\n"),
                        "200 OK\nThe actual config file hash is identical to the stored one.\n\n");
    write_file(path, "abd");
    assert_string_equal(world_ask(":check_config_hash:\n"),
                        "400 The actual config file hash is not identical to the stored one.\n\n");
    unlink(path);
    assert_string_equal(world_ask(":check_config_hash:\n"), "500 The file cannot be read\n\n");
    assert_false(world_try(script));
    world_open(LOAD "loadmodule \"cfgutils.so\"\nroute { }");
    assert_string_equal(world_ask(":get_config_hash:\n"), "404 hash_file is not set\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chance),
        TEST(scripts_sleep),
        TEST(sleepers_end_with_the_world),
        TEST(shared_variables),
        TEST(preset_variables),
        TEST(the_time),
        TEST(operators_have_it_too),
        TEST(operators_see_and_set_shared_variables),
        TEST(a_changed_script_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
