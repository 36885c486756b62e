/* ratelimit. */
/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>

#include "modules/ratelimit/measure.h"
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
    assert_false(
        world_try(RL("modparam(\"ratelimit\", \"pipe\", \"1:FEEDBACK:0\")\n") "route { }"));
    assert_false(
        world_try(RL("modparam(\"ratelimit\", \"pipe\", \"1:FEEDBACK:101\")\n") "route { }"));
    assert_false(
        world_try(RL("modparam(\"ratelimit\", \"pipe\", \"1:RED:1048577\")\n") "route { }"));
    assert_true(world_try(RL("modparam(\"ratelimit\", \"pipe\", \"1:NETWORK:1\")\n") "route { }"));
}

#define PIPE0(pipe)                                                                                \
    RL("modparam(\"ratelimit\", \"pipe\", \"" pipe "\")\n")                                        \
    "route { rl_check_pipe(\"0\"); sl_send_reply(\"200\", \"$rc\"); }"

/* How many of a hundred requests pass. */
static unsigned passing(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < 100; i++) {
        world_put(REQUEST("OPTIONS", "sip:bob@example.org", ""));
        n += strncmp(world.bytes[0], "SIP/2.0 200 1\n", 14) == 0;
    }
    return n;
}

static const char *asks(const char *request)
{
    const char *answer = world_ask(request);
    assert_memory_equal(answer, "200 OK\n", 7);
    return answer + 7;
}

static void seconds(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        world_pass(1000);
}

static void feedback(void **state)
{
    (void)state;
    world_open(PIPE0("0:FEEDBACK:50"));
    assert_int_equal(passing(), 100);
    asks(":rl_push_load:\n0.9\n"); /* 40 too many, a quarter of that is refused ... */
    assert_int_equal(passing(), 90);
    seconds(2); /* ... and more in each interval that this goes on */
    assert_int_equal(passing(), 80);
    seconds(60);
    assert_int_equal(passing(), 0);
    assert_non_null(strstr(asks(":rl_stats:\n"), "(drop rate: 100)\nLOAD: 0.900\n"));
    asks(":rl_push_load:\n0.1\n"); /* what is refused falls as it rose */
    assert_int_equal(passing(), 10);
    seconds(60);
    assert_int_equal(passing(), 100);
    seconds(60); /* idle time is not saved up */
    asks(":rl_push_load:\n0.9\n");
    assert_int_equal(passing(), 90);
    asks(":rl_set_pid:\n0\n-100\n0\n"); /* no memory: 40 too many, 40 refused */
    asks(":rl_push_load:\n0.9\n");
    assert_int_equal(passing(), 60);
    assert_string_equal(asks(":rl_get_pid:\n"), "PID::  ki=0.000 kp=-100.000 kd=0.000\n\n");
    assert_string_equal(world_ask(":rl_push_load:\n1.5\n"), "400 Bad load: 0.0 to 1.0\n\n");
    assert_string_equal(world_ask(":rl_set_pid:\n1\nnan\n1\n"),
                        "400 Bad parameter: ki, kp and kd are numbers\n\n");
    assert_string_equal(world_ask(":rl_push_load:\n0.5x\n"), "400 Bad load: 0.0 to 1.0\n\n");
}

static void commands_change_pipes(void **state)
{
    (void)state;
    world_open(PIPE0("0:TAILDROP:2"));
    assert_string_equal(asks(":rl_get_pipes:\n"),
                        "PIPE::  id=0 algorithm=TAILDROP limit=2 counter=0\n\n");
    assert_int_equal(passing(), 4);
    assert_string_equal(asks(":rl_get_pipes:\n"),
                        "PIPE::  id=0 algorithm=TAILDROP limit=2 counter=100\n\n");
    assert_string_equal(asks(":rl_set_pipe:\n0\ntaildrop\n30\n"), "\n");
    seconds(2);
    assert_int_equal(passing(), 60);
    asks(":rl_set_pipe:\n3\nRED\n7\n");
    assert_non_null(strstr(asks(":rl_get_pipes:\n"), "id=3 algorithm=RED limit=7"));
    asks(":rl_set_pipe:\n0\nNOP\n0\n");
    assert_null(strstr(asks(":rl_get_pipes:\n"), "id=0"));
    assert_int_equal(passing(), 100);
    assert_string_equal(world_ask(":rl_set_pipe:\n16\nRED\n1\n"), "400 Bad pipe: 0 to 15\n\n");
    assert_string_equal(world_ask(":rl_set_pipe:\n1\nBLUE\n1\n"),
                        "400 Bad algorithm: NOP, TAILDROP, RED, FEEDBACK or NETWORK\n\n");
    assert_string_equal(world_ask(":rl_set_pipe:\n1\nRED\n-1\n"), "400 Bad limit: a number\n\n");
    assert_string_equal(world_ask(":rl_set_pipe:\n1\nFEEDBACK\n101\n"),
                        "400 Bad limit: the load to be kept is 1 to 100 percent\n\n");
    /* the interval before is told of */
    world_open(PIPE0("0:TAILDROP:2"));
    passing();
    asks(":rl_set_dbg:\n1\n");
    world.logged = 0;
    seconds(2);
    world.log[world.logged] = 0;
    assert_non_null(strstr(world.log, "ratelimit: pipe 0 TAILDROP 2: 100 requests, 0% refused"));
    assert_non_null(strstr(asks(":rl_stats:\n"), "PIPE[0]: 100/2 (drop rate: 0)\n"));
    asks(":rl_set_dbg:\n0\n");
    world.logged = 0;
    seconds(4);
    assert_int_equal(world.logged, 0);
}

static void commands_change_queues(void **state)
{
    (void)state;
    world_open(
        RL("modparam(\"ratelimit\", \"pipe\", \"1:TAILDROP:0\")\n"
           "modparam(\"ratelimit\", \"queue\", \"0:INVITE\")\n"
           "modparam(\"ratelimit\", \"queue\", \"0:*\")\n") "route { rl_check(); "
                                                            "sl_send_reply(\"200\", \"$rc\"); }");
    assert_string_equal(asks(":rl_get_queues:\n"),
                        "QUEUE::  id=0 method=INVITE pipe=0\nQUEUE::  id=1 method=* pipe=0\n\n");
    answers("MESSAGE", 1, "1");
    asks(":rl_set_queue:\n0\nmessage\n1\n");
    answers("MESSAGE", 1, "-1");
    answers("OPTIONS", 1, "1");
    asks(":rl_set_queue:\n1\n*\n1\n");
    answers("OPTIONS", 1, "-1");
    assert_string_equal(world_ask(":rl_set_queue:\n32\nA\n1\n"), "400 Bad queue: 0 to 31\n\n");
    assert_string_equal(world_ask(":rl_set_queue:\n0\nA\n16\n"), "400 Bad pipe: 0 to 15\n\n");
    assert_string_equal(world_ask(":rl_set_queue:\n0\n\"\"\n1\n"), "400 Bad method\n\n");
}

/* ---- measuring ---- */

static void lines_of_the_kernel(void **state)
{
    struct cpu_time t;
    struct addr a;
    uint64_t n;
    (void)state;
    assert_true(cpu_line(STR("cpu  10 1 5 80 4 0 2 3 9 9\n"), &t));
    assert_int_equal(t.all, 105);
    assert_int_equal(t.busy, 21);
    assert_true(cpu_line(STR("cpu 10 1 5 80"), &t));
    assert_int_equal(t.busy, 16);
    assert_false(cpu_line(STR("cpu0 10 1 5 80 4 0 2 3"), &t));
    assert_false(cpu_line(STR("cpu 10 1 x 80"), &t));
    assert_false(cpu_line(STR("cpu 10 1"), &t));
    assert_false(cpu_line(STR(""), &t));

    assert_true(udp_line(
        STR("  35: 0100007F:13C4 00000000:0000 07 00000000:00000A00 00:00000000 0"), &a, &n));
    char text[ADDR_TEXT];
    struct str s = addr_text(text, &a);
    assert_int_equal(n, 0xa00);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    assert_true(str_eq(s, STR("udp:127.0.0.1:5060")));
#endif
    assert_true(udp_line(STR("1: 00000000000000000000000001000000:13C5 0:0 07 0:7 0"), &a, &n));
    assert_int_equal(a.ip.family, 6);
    assert_int_equal(a.port, 5061);
    assert_int_equal(n, 7);
    static const char *const odd[] = {
        "",
        "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when",
        "1: 0100007F 0:0 07 0:7",
        "1: 0100007F:13C4 0:0 07 0",
        "1: 0100007:13C4 0:0 07 0:7",
        "1: 0100007G:13C4 0:0 07 0:7",
        "1: 0100007F:113C4 0:0 07 0:7",
        "1: 0100007F:13C4 0:0 07 0:123456789",
        "1: 0100007F:13C4",
    };
    for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_false(udp_line(str_from(odd[i]), &a, &n));
}

/* Of a real socket that nobody reads. */
static void what_waits(void **state)
{
    char text[128];
    struct buf why;
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    struct cpu_time t;
    struct addr a = {.ip = {4, {127, 0, 0, 1}}, .proto = PROTO_UDP};
    (void)state;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, addr_to_sockaddr(&sa, &a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(addr_from_sockaddr(&a, (struct sockaddr *)&sa), ERR_OK);
    a.proto = PROTO_UDP;
    buf_fixed(&why, text, sizeof text);
    struct measure *m = measure_new(&a, 1, &why);
    assert_non_null(m);
    assert_true(measure_cpu(m, &t));
    assert_true(t.all > 0 && t.busy <= t.all);
    struct cpu_time later = t;
    while (later.all == t.all) /* time passes */
        assert_true(measure_cpu(m, &later));
    assert_true(later.all > t.all && later.busy >= t.busy);
    assert_int_equal(measure_waiting(m), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(sendto(fd, text, 100, 0, (struct sockaddr *)&sa, len), 100);
    assert_true(measure_waiting(m) >= 300);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(recv(fd, text, sizeof text, 0), 100);
    assert_int_equal(measure_waiting(m), 0);
    measure_free(m);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pipes_have_limits),
        TEST(drops_are_answered),
        TEST(mistakes),
        TEST(feedback),
        TEST(commands_change_pipes),
        TEST(commands_change_queues),
        TEST(lines_of_the_kernel),
        TEST(what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
