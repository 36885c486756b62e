/* Overload: whom an engine turns away when it is told that new requests wait. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/proxy_world.h"

#define ALICE "192.0.2.10"
#define BOB "192.0.2.20"

enum { LONG = 150000, SHORT = 1000 }; /* us; overload_delay is 100 ms */

static const char relay[] = "route { t_relay(); }";

/* ---- the decision ---- */

struct line {
    struct overload o;
    uint64_t us;
};

/* One report after ms of the time before. */
static bool note(struct line *l, unsigned ms, uint32_t waited, uint32_t dropped)
{
    l->us += ms * 1000;
    struct queue_state q = {.clock = l->us, .waited = waited, .dropped = dropped};
    return overload_note(&l->o, l->us / 1000, &q, 100);
}

static void test_a_moment_is_no_overload(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    assert_false(note(&l, 0, LONG, 0));
    assert_false(note(&l, 99, LONG, 0));
    assert_int_equal(overload_judge(&l.o, 100), OVERLOAD_SERVE);
    assert_false(note(&l, 1, SHORT, 0)); /* the queue was worked off: from the beginning */
    assert_false(note(&l, 1, LONG, 0));
    assert_false(note(&l, 99, LONG, 0));
    assert_true(note(&l, 1, LONG, 0));
    assert_true(l.o.refusing);
    assert_int_equal(overload_judge(&l.o, 100), OVERLOAD_REFUSE);
}

static void test_who_has_not_waited_is_served(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    note(&l, 0, LONG, 0);
    assert_true(note(&l, 100, LONG, 0));
    assert_false(note(&l, 1, 100000, 0));
    assert_int_equal(overload_judge(&l.o, 100), OVERLOAD_SERVE);
    assert_false(note(&l, 1, 100001, 0));
    assert_int_equal(overload_judge(&l.o, 100), OVERLOAD_REFUSE);
}

static void test_it_ends_after_a_calm_second(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    note(&l, 0, LONG, 0);
    note(&l, 100, LONG, 0);
    assert_false(note(&l, 10, SHORT, 0));
    assert_false(note(&l, 999, SHORT, 0));
    assert_false(note(&l, 1, LONG, 0)); /* not calm yet */
    assert_false(note(&l, 1, SHORT, 0));
    assert_false(note(&l, 999, SHORT, 0));
    assert_true(note(&l, 1, SHORT, 0));
    assert_false(l.o.refusing);
}

static void test_drops_tell_at_once_and_how_much_fits(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    assert_false(note(&l, 0, 2000, 1)); /* those are drops of the past */
    assert_true(note(&l, 1, 40000, 1)); /* 40 ms is all that the queue holds */
    assert_false(note(&l, 1, 20000, 0));
    assert_int_equal(overload_judge(&l.o, 100), OVERLOAD_SERVE);
    assert_false(note(&l, 1, 20001, 0));
    assert_int_equal(overload_judge(&l.o, 100), OVERLOAD_REFUSE);
}

/* Batches that take 1 ms, all of which would be refused: how many of a thousand are. */
static void test_refusing_has_its_share_of_the_time(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    unsigned refused = 0, dropped = 0;
    note(&l, 0, LONG, 0);
    note(&l, 100, LONG, 0);
    for (unsigned i = 0; i < 1000; i++) {
        note(&l, 1, LONG, 0);
        refused += overload_judge(&l.o, 100) == OVERLOAD_REFUSE;
    }
    assert_in_range(refused, 1000 / OVERLOAD_SHARE, 1000 / OVERLOAD_SHARE + 15);
    for (unsigned i = 0; i < 100; i++) {
        note(&l, 1, 4 * 100000 + 1, 0); /* nobody waits for that any more */
        dropped += overload_judge(&l.o, 100) == OVERLOAD_DROP;
    }
    assert_in_range(dropped, 80, 99);
}

/* Milliseconds of a storm that drops so many in each; how many in a thousand are refused. */
static unsigned storm(struct line *l, unsigned ms, uint32_t dropped)
{
    unsigned refused = 0;
    for (unsigned i = 0; i < ms; i++) {
        note(l, 1, LONG, dropped);
        refused += overload_judge(&l->o, 100) == OVERLOAD_REFUSE;
    }
    return refused * 1000 / ms;
}

/* Its repeats are refused much more readily than itself, for a while, unless another one comes. */
static void test_after_a_storm(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    storm(&l, 1000, 40);
    assert_in_range(storm(&l, 3000, 40), 1000 / OVERLOAD_SHARE - 5, 1000 / OVERLOAD_SHARE + 5);
    assert_in_range(storm(&l, 3000, 30), 1000 / OVERLOAD_SHARE - 5, 1000 / OVERLOAD_SHARE + 5);
    storm(&l, 2 * OVERLOAD_WINDOW, 20);
    assert_in_range(storm(&l, 1500, 20), 1000 / OVERLOAD_SHARE_AFTER - 20,
                    1000 / OVERLOAD_SHARE_AFTER + 20);
    storm(&l, 1000, 20); /* goes on: that is how it is now */
    assert_in_range(storm(&l, 1000, 20), 1000 / OVERLOAD_SHARE - 5, 1000 / OVERLOAD_SHARE + 15);
    storm(&l, 2 * OVERLOAD_WINDOW, 1);
    assert_in_range(storm(&l, 500, 0), 1000 / OVERLOAD_SHARE_AFTER - 20,
                    1000 / OVERLOAD_SHARE_AFTER + 20);
    storm(&l, 2 * OVERLOAD_WINDOW, 40);
    assert_in_range(storm(&l, 1000, 40), 1000 / OVERLOAD_SHARE - 5, 1000 / OVERLOAD_SHARE + 15);
}

/* The clock may be set back, or far ahead, without harm. */
static void test_a_clock_that_jumps(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    note(&l, 0, LONG, 0);
    note(&l, 100, LONG, 0);
    struct queue_state q = {.clock = 0, .waited = LONG};
    overload_note(&l.o, 6000, &q, 100);
    q.clock = UINT64_MAX;
    overload_note(&l.o, 6000, &q, 100);
    assert_in_range(l.o.credit, 0, OVERLOAD_SAVED);
}

/* ---- the engine ---- */

static void queued(struct world *w, uint32_t waited)
{
    struct queue_state q = {.clock = w->now * 1000, .waited = waited};
    engine_set_time(w->engine, w->now, 1700000000000 + w->now);
    engine_queued(w->engine, &q);
}

static void overload(struct world *w)
{
    queued(w, LONG);
    w->now += 100;
    queued(w, LONG);
}

static void test_new_requests_are_refused(void **state)
{
    (void)state;
    struct world *w = world_new("overload_retry_after=20\nroute { t_relay(); }");
    overload(w);
    invite(w);
    struct caught *c = expect(w, ALICE, "SIP/2.0 503 Service Unavailable");
    assert_in_range(atoi(header(c, "Retry-After")), 20, 40);
    char tag[80];
    snprintf(tag, sizeof tag, "%s", strstr(header(c, "To"), ";tag=") + 5);
    ack_negative(w, tag); /* ends here */
    call_request(w, "REGISTER", "sip:192.0.2.20", "-r1", "", "");
    expect(w, ALICE, "SIP/2.0 503");
    expect_nothing(w);
    assert_non_null(strstr(w->log, "worker 0 is overloaded: new requests have waited 150 ms"));
    world_end(w);
}

static void test_calls_in_progress_are_served(void **state)
{
    (void)state;
    struct world *w = world_new(relay);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    struct caught *i = expect(w, BOB, "INVITE");
    overload(w);
    invite(w); /* a repeat of what we have begun */
    expect(w, ALICE, "SIP/2.0 100");
    answer(w, i, 180, "Ringing");
    expect(w, ALICE, "SIP/2.0 180");
    call_request(w, "BYE", "sip:bob@192.0.2.20", "-b9", "b1", "");
    expect(w, BOB, "BYE");
    cancel(w);
    expect(w, ALICE, "SIP/2.0 200");
    answer(w, expect(w, BOB, "CANCEL"), 200, "OK");
    answer(w, i, 487, "Request Terminated");
    expect(w, BOB, "ACK");
    expect(w, ALICE, "SIP/2.0 487");
    ack_negative(w, "b1");
    expect_nothing(w);
    world_end(w);
}

static void test_it_is_over_and_can_be_switched_off(void **state)
{
    (void)state;
    struct world *w = world_new(relay);
    overload(w);
    w->now += 1;
    queued(w, SHORT);
    w->now += 1000;
    queued(w, SHORT);
    queued(w, LONG); /* a moment */
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    assert_non_null(strstr(w->log, "the overload is over after 1 s"));
    world_end(w);
    w = world_new("overload_delay=0\nroute { t_relay(); }");
    overload(w);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_moment_is_no_overload),
        cmocka_unit_test(test_who_has_not_waited_is_served),
        cmocka_unit_test(test_it_ends_after_a_calm_second),
        cmocka_unit_test(test_drops_tell_at_once_and_how_much_fits),
        cmocka_unit_test(test_refusing_has_its_share_of_the_time),
        cmocka_unit_test(test_after_a_storm),
        cmocka_unit_test(test_a_clock_that_jumps),
        cmocka_unit_test(test_new_requests_are_refused),
        cmocka_unit_test(test_calls_in_progress_are_served),
        cmocka_unit_test(test_it_is_over_and_can_be_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
