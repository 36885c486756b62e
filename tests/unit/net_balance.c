/* Which threads run which workers: decisions only. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/net/balance.h"

enum { MOST = 64, PERCENT = 10000 };

/* What is asked; the answers go back into it. */
struct office {
    unsigned n, calm;
    struct balance_thread t[MOST];
    struct balance_worker w[MOST];
};

static void at_home(struct office *o, unsigned n)
{
    *o = (struct office){.n = n, .calm = BALANCE_CALM};
    for (unsigned i = 0; i < n; i++)
        o->w[i] = (struct balance_worker){.thread = i, .weight = 1};
}

static void all_on(struct office *o, unsigned n, unsigned thread)
{
    at_home(o, n);
    for (unsigned i = 0; i < n; i++)
        o->w[i].thread = thread;
}

static unsigned look(struct office *o)
{
    return balance(&o->calm, o->n, o->t, o->w);
}

static unsigned threads(const struct office *o)
{
    unsigned count = 0;
    for (unsigned i = 0; i < o->n; i++)
        for (unsigned k = 0; k < o->n; k++)
            if (o->w[k].thread == i) {
                count++;
                break;
            }
    return count;
}

static void test_nothing_to_do_gathers_all(void **state)
{
    struct office o;
    (void)state;
    at_home(&o, 32);
    assert_int_equal(look(&o), 31);
    assert_int_equal(threads(&o), 1);
    o.calm = BALANCE_CALM;
    assert_int_equal(look(&o), 0);
}

static void test_gathers_only_what_fits(void **state)
{
    struct office o;
    (void)state;
    at_home(&o, 8);
    for (unsigned i = 0; i < 8; i++)
        o.t[i].share = 10 * PERCENT;
    look(&o);
    assert_int_equal(threads(&o), 3); /* 35% of a core each: three tens */
    for (unsigned i = 0; i < 8; i++)
        assert_true(o.t[i].share <= BALANCE_ROOM);
}

static void test_not_before_it_is_calm(void **state)
{
    struct office o;
    (void)state;
    at_home(&o, 2);
    o.calm = 0;
    for (unsigned i = 0; i < BALANCE_CALM; i++)
        assert_int_equal(look(&o), 0);
    assert_int_equal(look(&o), 1);
}

static void test_a_full_thread_gives_half_away(void **state)
{
    struct office o;
    (void)state;
    all_on(&o, 8, 0);
    o.t[0].share = 64 * PERCENT;
    assert_int_equal(look(&o), 4);
    assert_int_equal(threads(&o), 2);
    assert_int_equal(o.t[0].share, 32 * PERCENT);
    /* and does not take it back */
    for (unsigned i = 0; i < 3 * BALANCE_CALM; i++) {
        o.t[0].share = o.t[1].share = 32 * PERCENT;
        assert_int_equal(look(&o), 0);
    }
}

static void test_the_busiest_goes(void **state)
{
    struct office o;
    (void)state;
    all_on(&o, 3, 2);
    o.w[0].weight = 10;
    o.w[1].weight = 100;
    o.w[2].weight = 10;
    o.t[2].share = 90 * PERCENT;
    assert_int_equal(look(&o), 1);
    assert_int_equal(o.w[1].thread, 1); /* its own, as it was empty */
    assert_int_equal(o.w[0].thread, 2);
}

static void test_a_full_thread_with_one_worker_keeps_it(void **state)
{
    struct office o;
    (void)state;
    at_home(&o, 2);
    o.t[0].share = 99 * PERCENT;
    o.t[1].share = 1 * PERCENT;
    for (unsigned i = 0; i < 3 * BALANCE_CALM; i++)
        assert_int_equal(look(&o), 0);
}

/* A thread that gets little of its core cannot show it by what it used. */
static void test_pressed(void **state)
{
    struct office o;
    (void)state;
    all_on(&o, 4, 0);
    o.t[0].share = 5 * PERCENT;
    o.t[0].pressed = true;
    assert_true(look(&o) > 0);
    assert_true(threads(&o) > 1);
    assert_int_equal(o.calm, 0);
}

/* Whatever the load: every worker has a thread, and who was told to move has another one. */
static void test_any_load(void **state)
{
    struct office o;
    unsigned seed = 7;
    (void)state;
    at_home(&o, 16);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned before[MOST], moved = 0;
        for (unsigned i = 0; i < o.n; i++) {
            seed = seed * 1664525 + 1013904223;
            o.t[i].share = seed % 1000000;
            o.t[i].pressed = seed >> 28 == 0;
            o.w[i].weight = seed >> 20;
            before[i] = o.w[i].thread;
        }
        unsigned moves = look(&o);
        for (unsigned i = 0; i < o.n; i++) {
            assert_true(o.w[i].thread < o.n);
            moved += o.w[i].thread != before[i];
        }
        assert_true(moved <= moves);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do_gathers_all),
        cmocka_unit_test(test_gathers_only_what_fits),
        cmocka_unit_test(test_not_before_it_is_calm),
        cmocka_unit_test(test_a_full_thread_gives_half_away),
        cmocka_unit_test(test_the_busiest_goes),
        cmocka_unit_test(test_a_full_thread_with_one_worker_keeps_it),
        cmocka_unit_test(test_pressed),
        cmocka_unit_test(test_any_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
