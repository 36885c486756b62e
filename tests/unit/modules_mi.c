/* Management: how requests are read, the way of a command, the core's commands. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

static struct arena memory;

static int parse(struct mi_request *r, const char *text, bool whole, size_t *used)
{
    arena_reset(&memory);
    arena_init(&memory, NULL, 256);
    return mi_parse(r, &memory, str_from(text), whole, used);
}

static void expect_arg(const struct mi_request *r, unsigned i, const char *name, const char *value)
{
    assert_true(i < r->args);
    assert_true(str_eq(r->arg[i].name, str_from(name)));
    if (!str_eq(r->arg[i].value, str_from(value)))
        fail_msg("<%.*s> is not <%s>", STR_ARG(r->arg[i].value), value);
}

static void requests_are_read(void **state)
{
    struct mi_request r;
    size_t used;
    (void)state;
    assert_int_equal(parse(&r, ":ul_rm:pipe\nlocation\naor::alice\n\n:next", false, &used), ERR_OK);
    assert_int_equal(used, strlen(":ul_rm:pipe\nlocation\naor::alice\n\n"));
    assert_true(str_eq(r.command, STR("ul_rm")) && str_eq(r.reply, STR("pipe")));
    assert_int_equal(r.args, 2);
    expect_arg(&r, 0, "", "location");
    expect_arg(&r, 1, "aor", "alice");
    assert_int_equal(parse(&r, "\r\n\n:which:\r\n\r\n", false, &used), ERR_OK);
    assert_int_equal(used, 14);
    assert_int_equal(r.reply.len, 0);
    assert_int_equal(parse(&r, ":which:", true, &used), ERR_OK);
    assert_int_equal(parse(&r, ":which:\nx", true, &used), ERR_OK);
    expect_arg(&r, 0, "", "x");
}

static void values_may_be_quoted(void **state)
{
    struct mi_request r;
    size_t used;
    (void)state;
    assert_int_equal(
        parse(&r, ":x:\n\"a\nb \\\"c\\\" \\\\ \\n\"\nh::\"To: <sip:b>\r\n\"  \n\n", false, &used),
        ERR_OK);
    assert_int_equal(r.args, 2);
    expect_arg(&r, 0, "", "a\nb \"c\" \\ \\n");
    expect_arg(&r, 1, "h", "To: <sip:b>\r\n");
    assert_int_equal(parse(&r, ":x:\nsip:a@[2001:db8::1]\n\"::\"\n\n", false, &used), ERR_OK);
    expect_arg(&r, 0, "", "sip:a@[2001:db8::1]");
    expect_arg(&r, 1, "", "::");
    assert_int_equal(parse(&r, ":x:\n\"a\"", true, &used), ERR_OK);
    expect_arg(&r, 0, "", "a");
    assert_int_equal(parse(&r, ":x:\n\"a\" b\n\n", false, &used), ERR_SYNTAX);
    assert_int_equal(parse(&r, ":x:\n\"a\\", true, &used), ERR_SYNTAX);
}

static void a_part_waits_for_the_rest(void **state)
{
    static const char *const parts[] = {
        "", ":", ":x", ":x:", ":x:r\n", ":x:r\na", ":x:r\na\n", ":x:r\n\"a\n\n"};
    struct mi_request r;
    size_t used;
    (void)state;
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        assert_int_equal(parse(&r, parts[i], false, &used), ERR_STATE);
        assert_int_equal(used, 0);
    }
    assert_int_equal(parse(&r, "\n\n:x", false, &used), ERR_STATE);
    assert_int_equal(used, 2);
}

static void nonsense_is_thrown_away(void **state)
{
    struct mi_request r;
    size_t used;
    (void)state;
    assert_int_equal(parse(&r, "hello\nthere\n\n:x:\n\n", false, &used), ERR_SYNTAX);
    assert_int_equal(used, strlen("hello\nthere\n\n"));
    assert_int_equal(parse(&r, "::x\n\n:y:\n\n", false, &used), ERR_SYNTAX);
    assert_int_equal(used, strlen("::x\n\n"));
    assert_int_equal(parse(&r, ":no colon\n\n", true, &used), ERR_SYNTAX);
    assert_int_equal(parse(&r, "", true, &used), ERR_STATE);
}

static void requests_have_limits(void **state)
{
    static char text[MI_REQUEST_MAX + 64];
    struct mi_request r;
    size_t used;
    (void)state;
    memset(text, 'a', sizeof text - 1);
    assert_int_equal(parse(&r, text, false, &used), ERR_LIMIT);
    assert_int_equal(used, sizeof text - 1);
    memcpy(text, ":x:\n", 4);
    assert_int_equal(parse(&r, text, false, &used), ERR_LIMIT);
    for (unsigned i = 4; i < 4 + 2 * (MI_ARGS_MAX + 1); i += 2)
        memcpy(text + i, "b\n", 2);
    assert_int_equal(parse(&r, text, false, &used), ERR_LIMIT);
    arena_reset(&memory);
}

static void commands_answer(void **state)
{
    (void)state;
    world_open(LOAD "route { sl_send_reply(\"200\", \"OK\"); }");
    assert_string_equal(
        world_ask(":uptime:\n"),
        "200 OK\nNow:: Sun Sep  9 01:46:40 2001\nUp since:: Sun Sep  9 01:46:40 2001\n"
        "Up time:: 0 [sec]\n\n");
    assert_string_equal(world_ask(":nix:\n"), "500 command 'nix' not available\n\n");
    assert_string_equal(world_ask(":uptime:\nnow\n"),
                        "400 Too few or too many arguments: uptime\n\n");
    assert_non_null(strstr(world_ask(":which:\n"), "\nwhich\n"));
    assert_non_null(strstr(world_ask(":help:\ndebug\n"), "  Module:: core\n"));
    assert_string_equal(world_ask(":help:\nnix\n"), "404 no command of that name\n\n");
}

static void the_log_level_is_set(void **state)
{
    int before = log_level();
    (void)state;
    world_open("route { drop; }");
    assert_string_equal(world_ask(":debug:\n-2\n"), "200 OK\nDEBUG:: -2\n\n");
    assert_int_equal(log_level(), -2);
    assert_string_equal(world_ask(":debug:\nmuch\n"),
                        "400 Bad parameter: a level from -3 to 4\n\n");
    log_set_level(before);
}

static void statistics_are_summed_and_reset(void **state)
{
    (void)state;
    world_open(LOAD "loadmodule \"statistics.so\"\n"
                    "modparam(\"statistics\", \"variable\", \"mine\")\n"
                    "modparam(\"statistics\", \"variable\", \"kept/no_reset\")\n"
                    "route { update_stat(\"mine\", \"+3\"); update_stat(\"kept\", \"+1\");\n"
                    "        sl_send_reply(\"200\", \"OK\"); }");
    world_put(REQUEST("OPTIONS", "sip:bob@example.org", ""));
    assert_string_equal(world_ask(":get_statistics:\nrcv_requests\nscript:\n2xx_replies\n"),
                        "200 OK\ncore:rcv_requests = 1\nsl:2xx_replies = 1\nscript:kept = 1\n"
                        "script:mine = 3\n\n");
    assert_string_equal(world_ask(":get_statistics:\nsl:2xx_replies\n"),
                        "200 OK\nsl:2xx_replies = 1\n\n");
    assert_string_equal(world_ask(":get_statistics:\nnix\n"), "404 Statistics Not Found\n\n");
    assert_string_equal(world_ask(":reset_statistics:\nmine\nrcv_requests\n2xx_replies\n"),
                        "200 OK\n\n");
    assert_string_equal(world_ask(":get_statistics:\nrcv_requests\nmine\n2xx_replies\n"),
                        "200 OK\ncore:rcv_requests = 0\nsl:2xx_replies = 0\nscript:mine = 0\n\n");
    assert_string_equal(world_ask(":reset_statistics:\nkept\n"), "404 Statistics Not Found\n\n");
    assert_string_equal(world_ask(":reset_statistics:\ninuse_transactions\n"),
                        "404 Statistics Not Found\n\n");
}

/* Each has a name, and the core's manual explains it. */
static void statistics_are_explained(void **state)
{
    static char manual[1 << 16], row[128];
    (void)state;
    FILE *f = fopen("modules/core/core.md", "r");
    assert_non_null(f);
    manual[fread(manual, 1, sizeof manual - 1, f)] = 0;
    fclose(f);
    world_open(LOAD "route { drop; }");
    const char *at = world_ask(":get_statistics:\ncore:\n");
    unsigned n = 0;
    for (; (at = strstr(at, "core:")); n++) {
        at += strlen("core:");
        assert_true(strcspn(at, " ") > 0);
        snprintf(row, sizeof row, "\n| `%.*s` | ", (int)strcspn(at, " "), at);
        if (!strstr(manual, row))
            fail_msg("modules/core/core.md lacks a row%s", row);
    }
    assert_true(n > 20);
}

static void transports_are_checked_at_load(void **state)
{
    static const char *const bad[] = {
        "loadmodule \"mi_fifo.so\"\nroute { drop; }",
        "loadmodule \"mi_fifo.so\"\nmodparam(\"mi_fifo\", \"fifo_name\", \"/tmp/x\")\n"
        "modparam(\"mi_fifo\", \"fifo_user\", \"nobody-of-that-name\")\nroute { drop; }",
        "loadmodule \"mi_datagram.so\"\nroute { drop; }",
        "loadmodule \"mi_datagram.so\"\n"
        "modparam(\"mi_datagram\", \"socket_name\", \"udp:example.org:1\")\nroute { drop; }",
        "loadmodule \"mi_datagram.so\"\n"
        "modparam(\"mi_datagram\", \"socket_name\", \"udp:127.0.0.1\")\nroute { drop; }",
        "loadmodule \"mi_datagram.so\"\n"
        "modparam(\"mi_datagram\", \"socket_name\", \"tmp/x\")\nroute { drop; }",
    };
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(world_try(bad[i]));
    world_open("loadmodule \"mi_datagram.so\"\n"
               "modparam(\"mi_datagram\", \"socket_name\", \"udp:[::1]:8888\")\n"
               "modparam(\"mi_datagram\", \"unix_socket_user\", 0)\n"
               "modparam(\"mi_datagram\", \"unix_socket_group\", \"root\")\nroute { drop; }");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_read),         TEST(values_may_be_quoted),
        TEST(a_part_waits_for_the_rest), TEST(nonsense_is_thrown_away),
        TEST(requests_have_limits),      TEST(commands_answer),
        TEST(the_log_level_is_set),      TEST(statistics_are_summed_and_reset),
        TEST(statistics_are_explained),  TEST(transports_are_checked_at_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
