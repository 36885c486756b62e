/* Workers that move from thread to thread while they work. */
/* SPDX-License-Identifier: MIT */
#include <sys/eventfd.h>

#include "core/base/loop.h"
#include "net_rig.h"

static void echo(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    (void)now;
    net_send(w->net, p->socket, &p->src, p->bytes);
}

static unsigned owner_by_first_byte(const struct packet *p, unsigned workers)
{
    return p->bytes.len ? (unsigned char)p->bytes.p[0] % workers : 0;
}

static unsigned threads(const struct rig *r)
{
    struct net_stats s;
    net_stats(r->net, &s);
    return s.threads;
}

static void test_idle_workers_share_a_thread(void **state)
{
    struct rig r = {.input = echo, .owner = owner_by_first_byte, .gathers = true};
    struct net_stats before, after;
    (void)state;
    rig_open(&r, RIG_WORKERS, "127.0.0.1");
    rig_start(&r, RIG_WORKERS);
    RIG_WAIT(threads(&r) == 1);
    rig_sleep(50); /* the last has sat down by then, or hands over a few */
    net_stats(r.net, &before);
    int fd = rig_client(&r);
    for (unsigned i = 0; i < 400; i++) {
        unsigned char m[2] = {(unsigned char)i, 'x'}, back[8];
        assert_int_equal(send(fd, m, sizeof m, 0), sizeof m);
        assert_int_equal(rig_receive(fd, back, sizeof back), sizeof m);
        assert_int_equal(back[0], m[0]);
    }
    net_stats(r.net, &after);
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        assert_int_equal(atomic_load(&r.worker[i].inputs), 400 / RIG_WORKERS);
    assert_true(after.handed_over - before.handed_over < 400);
    close(fd);
    rig_stop(&r);
}

static void burn(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    struct timespec a, b;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    while ((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec < 100000);
    echo(w, now, p);
}

/* More than a thread can do: others help, and afterwards go to sleep again. */
static void test_load_wakes_threads(void **state)
{
    struct rig r = {.input = burn, .owner = owner_by_first_byte, .gathers = true};
    unsigned sent = 0;
    char m[64];
    (void)state;
    rig_open(&r, RIG_WORKERS, "127.0.0.1");
    rig_start(&r, RIG_WORKERS);
    RIG_WAIT(threads(&r) == 1);
    int fd = rig_client(&r);
    while (threads(&r) == 1 && sent < 400000) {
        m[0] = (char)sent++;
        send(fd, m, sizeof m, MSG_DONTWAIT);
        if (sent % 64 == 0)
            rig_sleep(1);
    }
    assert_true(threads(&r) > 1);
    RIG_WAIT(threads(&r) == 1);
    close(fd);
    rig_stop(&r);
}

/* ---- what a worker waits for moves with it ---- */

struct awaited {
    struct watch watch;
    atomic_uint ready;
};

static struct awaited awaited[RIG_WORKERS];

static void on_ready(struct watch *w, unsigned events)
{
    struct awaited *a = container_of(w, struct awaited, watch);
    uint64_t value;
    (void)events;
    assert_int_equal(read(w->fd, &value, sizeof value), sizeof value);
    atomic_fetch_add(&a->ready, 1);
}

static void never_again(struct rig_worker *w, uint64_t now)
{
    if (now >= w->due)
        w->due = 0;
}

/* Even ones watch, odd ones have a timer that fires after the move. */
static void wait_for_something(struct rig_worker *w, uint64_t now, void *item)
{
    struct awaited *a = item;
    struct loop *l = net_loop(w->net);
    if (w->index % 2)
        w->due = now + 1500;
    else if (!a->watch.handle)
        assert_int_equal(l->watch(l, &a->watch, LOOP_READ), ERR_OK);
    else
        l->unwatch(l, &a->watch);
}

static void tell(struct awaited *a)
{
    uint64_t one = 1;
    assert_int_equal(write(a->watch.fd, &one, sizeof one), sizeof one);
}

static void test_watches_and_timers_move(void **state)
{
    struct rig r = {.posted = wait_for_something, .tick = never_again, .gathers = true};
    (void)state;
    rig_open(&r, RIG_WORKERS, "127.0.0.1");
    rig_start(&r, RIG_WORKERS);
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        awaited[i] = (struct awaited){.watch = {.fd = eventfd(0, EFD_NONBLOCK), .ready = on_ready}};
        assert_int_equal(net_post(r.net, i, &awaited[i]), ERR_OK);
    }
    RIG_WAIT(threads(&r) == 1);
    for (unsigned i = 0; i < RIG_WORKERS; i += 2)
        tell(&awaited[i]);
    for (unsigned i = 0; i < RIG_WORKERS; i += 2)
        RIG_WAIT(atomic_load(&awaited[i].ready) == 1);
    for (unsigned i = 1; i < RIG_WORKERS; i += 2)
        RIG_WAIT(atomic_load(&r.worker[i].ticks) == 1);
    for (unsigned i = 0; i < RIG_WORKERS; i += 2) /* ended on another thread than begun */
        assert_int_equal(net_post(r.net, i, &awaited[i]), ERR_OK);
    rig_stop(&r);
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        assert_null(awaited[i].watch.handle);
        close(awaited[i].watch.fd);
    }
}

/* Ending may come while workers are on their way, and with watches that nobody took back. */
static void test_ends_while_moving(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 8; round++) {
        struct rig r = {.posted = wait_for_something, .gathers = true};
        rig_open(&r, RIG_WORKERS, "127.0.0.1");
        rig_start(&r, RIG_WORKERS);
        awaited[0] = (struct awaited){.watch = {.fd = eventfd(0, EFD_NONBLOCK), .ready = on_ready}};
        assert_int_equal(net_post(r.net, 0, &awaited[0]), ERR_OK);
        rig_sleep(196 + round);
        rig_stop(&r);
        close(awaited[0].watch.fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_workers_share_a_thread),
        cmocka_unit_test(test_load_wakes_threads),
        cmocka_unit_test(test_watches_and_timers_move),
        cmocka_unit_test(test_ends_while_moving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
