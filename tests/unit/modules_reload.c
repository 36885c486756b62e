/* What a reload may change: parameters that are looked at once, when a module starts, are named. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define FIFO                                                                                       \
    LOAD "loadmodule \"mi_fifo.so\"\nmodparam(\"mi_fifo\", \"fifo_name\", \"/tmp/signalbox-a\")\n"
#define DATAGRAM                                                                                   \
    LOAD "loadmodule \"mi_datagram.so\"\nmodparam(\"mi_datagram\", \"socket_name\", "              \
         "\"udp:127.0.0.1:7\")\n"
#define REGISTRAR LOAD "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n"
#define AUTH LOAD "loadmodule \"auth.so\"\n"

/* Whether a script may follow another; else what is said about it. */
static void expect_change(const char *before, const char *after, const char *refusal)
{
    char mem[512];
    struct buf why;
    world_open(before);
    diag_free(&world.findings);
    struct config *next = world_compile(after);
    assert_non_null(next);
    buf_fixed(&why, mem, sizeof mem);
    assert_int_equal(shared_can_reload(&world.shared, next, &why), refusal[0] == 0);
    config_free(next);
    if (!str_eq(buf_str(&why), str_from(refusal)))
        fail_msg("refused with: %.*s", STR_ARG(buf_str(&why)));
    world_close();
}

static void fixed_parameters_are_named(void **state)
{
    (void)state;
    expect_change(FIFO "route { exit; }", FIFO "route { drop; }", "");
    expect_change(FIFO "route { exit; }",
                  FIFO "modparam(\"mi_fifo\", \"reply_dir\", \"/var\")\n"
                       "modparam(\"mi_fifo\", \"fifo_mode\", 0600)\nroute { exit; }",
                  "mi_fifo: fifo_mode cannot be changed live: the pipe is made at start; "
                  "mi_fifo: reply_dir cannot be changed live: the pipe is made at start");
    expect_change(
        DATAGRAM "route { exit; }",
        DATAGRAM "modparam(\"mi_datagram\", \"reply_indent\", \"-\")\n"
                 "modparam(\"mi_datagram\", \"socket_timeout\", 1)\nroute { exit; }",
        "mi_datagram: reply_indent cannot be changed live: the socket is opened at start");
    expect_change(REGISTRAR "route { exit; }",
                  REGISTRAR "modparam(\"registrar\", \"realm_prefix\", \"sip.\")\n"
                            "modparam(\"registrar\", \"max_contacts\", 3)\n"
                            "modparam(\"registrar\", \"case_sensitive\", 1)\nroute { exit; }",
                  "registrar: case_sensitive cannot be changed live: what is registered could not "
                  "be found any more; registrar: realm_prefix cannot be changed live: what is "
                  "registered could not be found any more");
    expect_change(REGISTRAR "route { exit; }",
                  REGISTRAR "modparam(\"registrar\", \"max_contacts\", 3)\nroute { exit; }", "");
    expect_change(AUTH "route { exit; }",
                  AUTH "modparam(\"auth\", \"nonce_slots\", 2048)\nroute { exit; }",
                  "auth: nonce_slots cannot be changed live: its memory is taken at start");
}

/* A user is given by name or number; a number is kept as the text it is. */
static void numbers_are_texts(void **state)
{
    (void)state;
    expect_change(FIFO "modparam(\"mi_fifo\", \"fifo_user\", 12)\nroute { exit; }",
                  FIFO "modparam(\"mi_fifo\", \"fifo_user\", \"12\")\nroute { exit; }", "");
    expect_change(FIFO "modparam(\"mi_fifo\", \"fifo_user\", 12)\nroute { exit; }",
                  FIFO "modparam(\"mi_fifo\", \"fifo_user\", \"13\")\nroute { exit; }",
                  "mi_fifo: fifo_user cannot be changed live: the pipe is made at start");
    assert_false(world_try(FIFO "modparam(\"mi_fifo\", \"fifo_user\", \"no such user\")\n"
                                "route { exit; }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fixed_parameters_are_named),
        TEST(numbers_are_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
