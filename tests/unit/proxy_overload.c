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
    assert_int_equal(overload_judge(&l.o, 100, false), OVERLOAD_SERVE);
    assert_false(note(&l, 1, SHORT, 0)); /* the queue was worked off: from the beginning */
    assert_false(note(&l, 1, LONG, 0));
    assert_false(note(&l, 99, LONG, 0));
    assert_true(note(&l, 1, LONG, 0));
    assert_true(l.o.refusing);
    assert_int_equal(overload_judge(&l.o, 100, false), OVERLOAD_REFUSE);
}

static void test_who_has_not_waited_is_served(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    note(&l, 0, LONG, 0);
    assert_true(note(&l, 100, LONG, 0));
    assert_false(note(&l, 1, 100000, 0));
    assert_int_equal(overload_judge(&l.o, 100, false), OVERLOAD_SERVE);
    assert_false(note(&l, 1, 100001, 0));
    assert_int_equal(overload_judge(&l.o, 100, false), OVERLOAD_REFUSE);
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
    assert_int_equal(overload_judge(&l.o, 100, false), OVERLOAD_SERVE);
    assert_false(note(&l, 1, 20001, 0));
    assert_int_equal(overload_judge(&l.o, 100, false), OVERLOAD_REFUSE);
}

/* New requests that take 1 ms each when they are refused: how many of a thousand are. */
static void test_refusing_has_its_share_of_the_time(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    unsigned refused = 0, dropped = 0;
    note(&l, 0, LONG, 0);
    note(&l, 100, LONG, 0);
    for (unsigned i = 0; i < 1000; i++) {
        note(&l, 1, LONG, 0);
        enum overload_verdict v = overload_judge(&l.o, 100, i % 2);
        refused += v == OVERLOAD_REFUSE;
        dropped += v == OVERLOAD_DROP;
    }
    unsigned share = 1000 / (1 + OVERLOAD_COST * (OVERLOAD_SHARE - 1));
    assert_in_range(refused, share, share + OVERLOAD_SAVED / 1000);
    assert_int_equal(dropped, 1000 - refused);
}

/* The new go before those who come again, who are refused as soon as that takes nobody's turn. */
static void test_who_comes_again(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    note(&l, 0, LONG, 0);
    assert_int_equal(overload_judge(&l.o, 100, true), OVERLOAD_REFUSE); /* overload or not */
    note(&l, 100, LONG, 0);
    while (overload_judge(&l.o, 100, false) == OVERLOAD_REFUSE)
        note(&l, 1, LONG, 0);
    note(&l, 0, 90000, 0);
    assert_int_equal(overload_judge(&l.o, 100, false), OVERLOAD_SERVE);
    assert_int_equal(overload_judge(&l.o, 100, true), OVERLOAD_DROP);
    for (unsigned i = 0; i < 100; i++) { /* as many as there are */
        note(&l, 1, 50000, 0);
        assert_int_equal(overload_judge(&l.o, 100, true), OVERLOAD_REFUSE);
    }
    note(&l, 1, 100000 / OVERLOAD_SHORT, 0);
    assert_int_equal(overload_judge(&l.o, 100, true), OVERLOAD_SERVE);
    assert_true(overload_wary(&l.o));
    note(&l, 1000, SHORT, 0); /* it is over, and they still come */
    note(&l, 1000, SHORT, 0);
    assert_false(l.o.refusing);
    assert_true(overload_wary(&l.o));
    note(&l, 0, 50000, 0);
    assert_int_equal(overload_judge(&l.o, 100, true), OVERLOAD_REFUSE);
    assert_int_equal(overload_judge(&l.o, 0, true), OVERLOAD_SERVE); /* switched off since */
    note(&l, OVERLOAD_MEMORY, SHORT, 0);
    assert_false(overload_wary(&l.o));
}

/* One report, then a refusal and someone who is served: its time counts as refusing. */
static void test_a_refusal_is_charged_whoever_follows(void **state)
{
    (void)state;
    struct line l = {.us = 5000000};
    note(&l, 0, LONG, 0);
    note(&l, 100, LONG, 0);
    note(&l, 0, 90000, 0);
    int32_t before = l.o.credit;
    assert_int_equal(overload_judge(&l.o, 100, true), OVERLOAD_REFUSE);
    assert_int_equal(overload_judge(&l.o, 100, false), OVERLOAD_SERVE);
    note(&l, 1, 90000, 0);
    assert_int_equal(l.o.credit, before - 1000 * OVERLOAD_COST);
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

/* ---- who was turned away ---- */

static void test_the_set_remembers_the_latest(void **state)
{
    (void)state;
    struct turned t = {0};
    turned_add(&t, 7); /* no room yet */
    assert_false(turned_has(&t, 7));
    turned_begin(&t);
    assert_non_null(t.set);
    for (uint64_t i = 1; i <= TURNED_WAYS + 1; i++)
        turned_add(&t, i << 32 | 5); /* one more than a set of it holds */
    assert_false(turned_has(&t, (uint64_t)1 << 32 | 5));
    for (uint64_t i = 2; i <= TURNED_WAYS + 1; i++)
        assert_true(turned_has(&t, i << 32 | 5));
    assert_false(turned_has(&t, (uint64_t)2 << 32 | 6));
    turned_add(&t, (uint64_t)2 << 32 | 5); /* again: the latest now */
    for (uint64_t i = 0; i < TURNED_WAYS - 1; i++)
        turned_add(&t, (i + 100) << 32 | 5);
    assert_true(turned_has(&t, (uint64_t)2 << 32 | 5));
    assert_false(turned_has(&t, (uint64_t)3 << 32 | 5));
    turned_free(&t);
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

/* What is dropped is not parsed; what was dropped or refused is known by its bytes. */
static void test_repeats_are_known(void **state)
{
    (void)state;
    struct world *w = world_new(relay);
    overload(w);
    w->engine->overload.credit = 0;
    invite(w);
    expect_nothing(w);
    assert_int_equal(w->engine->count[COUNT_OVERLOAD_DROPPED], 1);
    assert_int_equal(w->engine->count[COUNT_REQUESTS], 0);
    queued(w, LONG / 3); /* a new one would be served */
    invite(w);
    expect(w, ALICE, "SIP/2.0 503");
    call_request(w, "MESSAGE", "sip:192.0.2.20", "-n1", "", "");
    answer(w, expect(w, BOB, "MESSAGE"), 200, "OK");
    expect(w, ALICE, "SIP/2.0 200");
    w->now += 2000; /* over */
    queued(w, SHORT);
    w->now += 1000;
    queued(w, SHORT);
    assert_false(w->engine->overload.refusing);
    queued(w, LONG / 3);
    invite(w);
    expect(w, ALICE, "SIP/2.0 503");
    queued(w, SHORT);
    invite(w);
    expect(w, ALICE, "SIP/2.0 100");
    expect(w, BOB, "INVITE");
    expect_nothing(w);
    world_end(w);
}

/* In-dialog by a tag, however the header is written, is never shed. */
static void test_in_dialog_is_not_shed(void **state)
{
    static const char *const to[] = {"To: <sip:bob@b>;tag=1", "t:\tsip:bob@b ; tag=1",
                                     "TO : \"B>\" <sip:bob@b;x=y>\r\n ;TAG=1",
                                     "t: <sip:bob@b>\r\n\t;tag=1", "To: <sip:bob@b>;tag=1;x=\">\""};
    char text[300];
    (void)state;
    struct world *w = world_new(relay);
    overload(w);
    w->engine->overload.credit = 0;
    for (unsigned i = 0; i < sizeof to / sizeof *to; i++) {
        snprintf(text, sizeof text, "INVITE sip:bob@b SIP/2.0\r\nVia: x\r\n%s\r\n\r\n", to[i]);
        assert_int_equal(engine_look(w->engine, str_from(text)), OVERLOAD_LATER);
    }
    assert_int_equal(
        engine_look(w->engine, STR("INVITE sip:b@b SIP/2.0\r\nTo: <sip:b@b;tag=1>\r\n\r\n;")),
        OVERLOAD_DROP);
    assert_int_equal(engine_look(w->engine, STR("CANCEL sip:b@b SIP/2.0\r\nTo: <sip:b@b>\r\n\r\n")),
                     OVERLOAD_LATER);
    assert_int_equal(engine_look(w->engine, STR("SIP/2.0 200 OK\r\nTo: <sip:b@b>\r\n\r\n")),
                     OVERLOAD_LATER);
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
        cmocka_unit_test(test_who_comes_again),
        cmocka_unit_test(test_a_refusal_is_charged_whoever_follows),
        cmocka_unit_test(test_a_clock_that_jumps),
        cmocka_unit_test(test_the_set_remembers_the_latest),
        cmocka_unit_test(test_new_requests_are_refused),
        cmocka_unit_test(test_repeats_are_known),
        cmocka_unit_test(test_in_dialog_is_not_shed),
        cmocka_unit_test(test_calls_in_progress_are_served),
        cmocka_unit_test(test_it_is_over_and_can_be_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
