/* The timer wheel against a plain list of due times. */
/* SPDX-License-Identifier: MIT */
#include "core/base/wheel.h"
#include "tests/lib/unit.h"

enum { TIMERS = 300 };

struct item {
    struct timer timer;
    uint64_t due; /* model; 0: not armed */
};

struct world {
    struct wheel wheel;
    struct item item[TIMERS];
    uint64_t from, to; /* of the advance in progress */
    uint64_t last;     /* due time that fired last in it */
    uint64_t random;
    unsigned fired;
    bool rearm;
};

static uint64_t draw(struct world *w)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return w->random >> 16;
}

/* Mostly short, now and then days, rarely beyond the wheel's whole range. */
static uint64_t draw_delay(struct world *w)
{
    static const unsigned bits[] = {4, 8, 9, 12, 16, 17, 24, 30, 33, 41};
    return draw(w) & (((uint64_t)1 << bits[draw(w) % 10]) - 1);
}

static void fire(struct timer *t, void *ctx)
{
    struct world *w = ctx;
    struct item *i = container_of(t, struct item, timer);
    assert_true(i->due != 0);
    assert_false(timer_armed(t));
    assert_true(i->due > w->from && i->due <= w->to);
    assert_true(i->due >= w->last);
    assert_true(i->due == w->wheel.now);
    w->last = i->due;
    i->due = 0;
    w->fired++;
    if (!w->rearm)
        return;
    uint64_t delay = draw_delay(w);
    i->due = delay ? w->wheel.now + delay : w->wheel.now + 1;
    wheel_arm(&w->wheel, t, w->wheel.now + delay, fire);
    struct item *other = &w->item[draw(w) % TIMERS]; /* fire may cancel any timer */
    if (other != i) {
        wheel_cancel(&w->wheel, &other->timer);
        other->due = 0;
    }
}

static uint64_t earliest(const struct world *w)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < TIMERS; i++)
        if (w->item[i].due && w->item[i].due < least)
            least = w->item[i].due;
    return least;
}

static void advance(struct world *w, uint64_t to)
{
    w->from = w->wheel.now;
    w->to = to;
    w->last = 0;
    wheel_advance(&w->wheel, to, w);
    assert_true(w->wheel.now == to);
    assert_true(earliest(w) > to);
    assert_true(wheel_next(&w->wheel) <= earliest(w));
    assert_true(wheel_next(&w->wheel) > to);
}

static void step(struct world *w)
{
    for (unsigned k = 0; k < 20; k++) {
        struct item *i = &w->item[draw(w) % TIMERS];
        uint64_t delay = draw_delay(w);
        if (draw(w) % 3 == 0) {
            wheel_cancel(&w->wheel, &i->timer);
            i->due = 0;
            continue;
        }
        wheel_arm(&w->wheel, &i->timer, w->wheel.now + delay, fire);
        i->due = delay ? w->wheel.now + delay : w->wheel.now + 1;
    }
    unsigned armed = 0;
    for (unsigned i = 0; i < TIMERS; i++) {
        armed += w->item[i].due != 0;
        assert_true(timer_armed(&w->item[i].timer) == (w->item[i].due != 0));
    }
    assert_true(w->wheel.armed == armed);
    /* either as a loop does, to where the wheel says, or by a leap */
    uint64_t next = wheel_next(&w->wheel);
    advance(w, draw(w) % 2 && next != UINT64_MAX ? next : w->wheel.now + draw_delay(w) + 1);
}

static void test_against_a_model(void **state)
{
    (void)state;
    static const uint64_t starts[] = {
        0, 1, 255, 1234567, ((uint64_t)1 << 40) - 300, ((uint64_t)1 << 32) - 5, 1700000000000};
    for (unsigned s = 0; s < sizeof starts / sizeof *starts; s++)
        for (unsigned rearm = 0; rearm < 2; rearm++) {
            static struct world w;
            memset(&w, 0, sizeof w);
            w.random = s * 2 + rearm + 1;
            wheel_init(&w.wheel, starts[s]);
            for (unsigned n = 0; n < 400; n++) {
                w.rearm = rearm && n % 4 == 0; /* re-arming makes every leap cost its length */
                step(&w);
            }
            assert_true(w.fired > 1000);
        }
}

static void count(struct timer *t, void *ctx)
{
    (void)t;
    ++*(unsigned *)ctx;
}

static void test_past_and_moved(void **state)
{
    (void)state;
    static struct wheel w;
    struct timer t = {0};
    unsigned fired = 0;
    wheel_init(&w, 1000);
    assert_true(wheel_next(&w) == UINT64_MAX);
    wheel_cancel(&w, &t); /* never armed */
    wheel_arm(&w, &t, 5, count);
    wheel_advance(&w, 1000, &fired);
    assert_int_equal(fired, 0);
    wheel_advance(&w, 1001, &fired);
    assert_int_equal(fired, 1);
    wheel_arm(&w, &t, 2000, count);
    wheel_arm(&w, &t, 3000, count); /* moves it */
    assert_true(w.armed == 1);
    wheel_advance(&w, 2999, &fired);
    assert_int_equal(fired, 1);
    wheel_advance(&w, 10000, &fired);
    assert_int_equal(fired, 2);
    wheel_arm(&w, &t, 11000, count);
    wheel_cancel(&w, &t);
    wheel_cancel(&w, &t);
    assert_true(wheel_next(&w) == UINT64_MAX);
    wheel_advance(&w, 20000, &fired);
    assert_int_equal(fired, 2);
    wheel_advance(&w, 15000, &fired); /* time never goes back */
    assert_true(w.now == 20000);
}

/* Timers of one coarse slot are spread over the finer ones while the slot before it passes, so that
 * no advance has all of them to move. */
static void test_moved_bit_by_bit(void **state)
{
    (void)state;
    enum { MANY = 20000, SLOT = 1 << 2 * WHEEL_BITS };
    static struct wheel w;
    static struct timer timer[MANY];
    unsigned fired = 0;
    wheel_init(&w, 0);
    for (unsigned i = 0; i < MANY; i++)
        wheel_arm(&w, &timer[i], 2 * SLOT + i % SLOT, count);
    uint32_t before = w.filed[2][2];
    assert_int_equal(before, MANY);
    for (uint64_t now = 1; now < SLOT; now++)
        wheel_advance(&w, now, &fired);
    assert_false(list_empty(&w.slot[2][2]));
    for (uint64_t now = SLOT; now < SLOT + SLOT / 2 + 1; now++)
        wheel_advance(&w, now, &fired);
    assert_true(list_empty(&w.slot[2][2]));
    for (unsigned i = 0; i < 256; i++) /* as evenly as they are due */
        assert_in_range(w.filed[1][i], 0, MANY / 64);
    assert_int_equal(fired, 0);
    wheel_advance(&w, 3 * SLOT, &fired);
    assert_int_equal(fired, MANY);
    assert_true(wheel_next(&w) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_past_and_moved),
        cmocka_unit_test(test_moved_bit_by_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
