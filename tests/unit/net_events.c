/* Everything but datagrams: timers, posts, names, signals, work aside, addresses of this machine.
 */
/* SPDX-License-Identifier: MIT */
#include <netdb.h>
#include <signal.h>

#include "core/base/list.h"
#include "core/base/loop.h"
#include "net_rig.h"

/* -- timers ----------------------------------------------------------------------------------- */

static void again_in_20(struct rig_worker *w, uint64_t now)
{
    w->due = atomic_load(&w->ticks) < 4 ? now + 20 : 0;
}

static void arm_from_packet(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    uint64_t ms = 0;
    str_u64(&ms, p->bytes, 100000);
    w->due = ms ? now + ms : 0;
}

static void test_timer(void **state)
{
    (void)state;
    struct rig r = {.input = arm_from_packet, .tick = again_in_20};
    rig_open(&r, 1, "127.0.0.1");
    rig_start(&r, 1);
    rig_sleep(30);
    assert_int_equal(atomic_load(&r.worker[0].ticks), 0);
    int fd = rig_client(&r);
    uint64_t before = rig_clock();
    assert_int_equal(send(fd, "20", 2, 0), 2);
    RIG_WAIT(atomic_load(&r.worker[0].ticks) == 5);
    assert_true(rig_clock() - before >= 99); /* 5 times 20, but for the grain of the clock */
    rig_sleep(60);
    assert_int_equal(atomic_load(&r.worker[0].ticks), 5);
    close(fd);
    rig_stop(&r);
}

static void never_again(struct rig_worker *w, uint64_t now)
{
    (void)now;
    w->due = 0;
}

/* A due time that comes nearer, goes away, or is already past is followed. */
static void test_timer_moves(void **state)
{
    (void)state;
    struct rig r = {.input = arm_from_packet, .tick = never_again};
    rig_open(&r, 1, "127.0.0.1");
    rig_start(&r, 1);
    int fd = rig_client(&r);
    assert_int_equal(send(fd, "90000", 5, 0), 5);
    assert_int_equal(send(fd, "10", 2, 0), 2);
    RIG_WAIT(atomic_load(&r.worker[0].ticks) == 1);
    assert_int_equal(send(fd, "40", 2, 0), 2);
    assert_int_equal(send(fd, "0", 1, 0), 1); /* never */
    RIG_WAIT(rig_inputs(&r) == 4);
    rig_sleep(80);
    assert_int_equal(atomic_load(&r.worker[0].ticks), 1);
    close(fd);
    rig_stop(&r);
}

/* -- posts ------------------------------------------------------------------------------------ */

enum { POSTERS = 3, POSTS = 2000 };

static struct {
    uint32_t next[POSTERS];
    atomic_uint arrived;
} seen;

/* An item is poster << 24 | number + 1. */
static void check_order(struct rig_worker *w, uint64_t now, void *item)
{
    uintptr_t v = (uintptr_t)item;
    unsigned poster = (unsigned)(v >> 24);
    (void)now;
    if (poster >= POSTERS || seen.next[poster]++ != (v & 0xffffff) - 1)
        atomic_fetch_add(&w->rig->wrong, 1);
    atomic_fetch_add(&seen.arrived, 1);
}

struct poster {
    struct rig *rig;
    unsigned number;
};

static void *post_all(void *arg)
{
    const struct poster *p = arg;
    for (uintptr_t i = 0; i < POSTS; i++)
        if (net_post(p->rig->net, 1, (void *)((uintptr_t)p->number << 24 | (i + 1))) != ERR_OK)
            atomic_fetch_add(&p->rig->wrong, 1);
    return NULL;
}

static void test_posts(void **state)
{
    (void)state;
    struct rig r = {.posted = check_order};
    pthread_t thread[POSTERS];
    struct poster poster[POSTERS];
    memset(seen.next, 0, sizeof seen.next);
    atomic_store(&seen.arrived, 0);
    rig_open(&r, 2, "127.0.0.1");
    /* before it runs, too: kept until the worker begins */
    assert_int_equal(net_post(r.net, 0, (void *)(uintptr_t)(0 << 24 | 1)), ERR_OK);
    assert_int_equal(net_post(r.net, 2, NULL), ERR_INVALID);
    rig_start(&r, 2);
    RIG_WAIT(atomic_load(&seen.arrived) == 1);
    seen.next[0] = 0;
    for (unsigned i = 0; i < POSTERS; i++) {
        poster[i] = (struct poster){&r, i};
        assert_int_equal(pthread_create(&thread[i], NULL, post_all, &poster[i]), 0);
    }
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(thread[i], NULL);
    RIG_WAIT(atomic_load(&seen.arrived) == 1 + POSTERS * POSTS);
    net_stop(r.net);
    assert_int_equal(net_post(r.net, 0, NULL), ERR_STATE);
    rig_stop(&r);
}

/* -- put off to the end of an event ------------------------------------------------------------ */

struct late {
    struct loop_item item;
    struct rig_worker *worker;
    unsigned again; /* how often it puts itself off once more */
};

static struct {
    struct late item[3];
    bool off; /* put off, and not called yet */
    atomic_uint events, calls, wrong;
} late;

static void called_late(struct loop_item *i)
{
    struct late *l = container_of(i, struct late, item);
    unsigned n = atomic_fetch_add(&late.calls, 1);
    if (n % 4 < 3 && l != &late.item[n % 4]) /* in their order, then the one that comes again */
        atomic_fetch_add(&late.wrong, 1);
    late.off = false;
    if (l->again) {
        l->again--;
        net_loop(l->worker->net)->after(net_loop(l->worker->net), i);
    }
}

static void put_three_off(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    struct loop *loop = net_loop(w->net);
    (void)now, (void)p;
    if (late.off)
        return; /* a datagram of the same event */
    late.off = true;
    atomic_fetch_add(&late.events, 1);
    for (unsigned i = 0; i < 3; i++) {
        late.item[i] = (struct late){.item.fn = called_late, .worker = w, .again = i == 1};
        loop->after(loop, &late.item[i].item);
    }
}

static void test_put_off(void **state)
{
    (void)state;
    struct rig r = {.input = put_three_off};
    rig_open(&r, 1, "127.0.0.1");
    rig_start(&r, 1);
    int fd = rig_client(&r);
    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(send(fd, "x", 1, 0), 1);
        RIG_WAIT(atomic_load(&late.calls) == 4 * i);
        assert_int_equal(atomic_load(&late.events), i);
    }
    assert_int_equal(atomic_load(&late.wrong), 0);
    close(fd);
    rig_stop(&r);
}

/* -- signals and work ------------------------------------------------------------------------- */

static atomic_int signals_seen, worked, done_seen;
static pthread_t work_thread, main_loop_thread;

static void work(void *arg)
{
    (void)arg;
    work_thread = pthread_self();
    rig_sleep(20);
    atomic_fetch_add(&worked, 1);
}

static void done(void *arg)
{
    struct rig *r = arg;
    if (!atomic_load(&worked) || !pthread_equal(main_loop_thread, pthread_self()))
        atomic_fetch_add(&r->wrong, 1);
    atomic_fetch_add(&done_seen, 1);
}

static void on_usr1(void *user, int signum)
{
    struct rig *r = user;
    main_loop_thread = pthread_self();
    if (signum != SIGUSR1 || net_work(r->net, work, done, r) != ERR_OK)
        atomic_fetch_add(&r->wrong, 1);
    atomic_fetch_add(&signals_seen, 1);
}

static void on_term(void *user, int signum)
{
    struct rig *r = user;
    (void)signum;
    if (net_work(r->net, work, done, r) != ERR_OK) /* finishes although all ends */
        atomic_fetch_add(&r->wrong, 1);
    net_stop(r->net);
}

static void test_signals_and_work(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, 2, "127.0.0.1");
    assert_int_equal(net_work(r.net, work, done, &r), ERR_STATE);
    assert_int_equal(net_on_signal(r.net, SIGUSR1, on_usr1, &r), ERR_OK);
    assert_int_equal(net_on_signal(r.net, SIGTERM, on_term, &r), ERR_OK);
    rig_start(&r, 2);
    rig_sleep(20); /* the handlers are there before the workers start */
    kill(getpid(), SIGPIPE);
    kill(getpid(), SIGUSR1);
    RIG_WAIT(atomic_load(&signals_seen) == 1);
    RIG_WAIT(atomic_load(&done_seen) == 1);
    assert_false(pthread_equal(work_thread, main_loop_thread));
    assert_int_equal(net_on_signal(r.net, SIGUSR2, on_usr1, &r), ERR_STATE);
    kill(getpid(), SIGTERM);
    pthread_join(r.thread, NULL);
    assert_int_equal(atomic_load(&done_seen), 2);
    assert_int_equal(atomic_load(&r.wrong), 0);
    assert_int_equal(r.result, ERR_OK);
    net_free(r.net);
}

/* -- addresses of this machine ---------------------------------------------------------------- */

/* A bare chroot has no /etc/hosts. */
static bool localhost_is_known(void)
{
    struct addrinfo *list, hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
    if (getaddrinfo("localhost", NULL, &hints, &list) != 0)
        return false;
    freeaddrinfo(list);
    return true;
}

static void test_expand(void **state)
{
    (void)state;
    struct addr a[64], home = rig_addr("127.0.0.1", 5060), six = rig_addr("::1", 5060);
    assert_int_equal(net_expand(a, 64, STR("127.0.0.1"), 5060, PROTO_UDP), 1);
    assert_true(addr_eq(&a[0], &home));
    assert_int_equal(net_expand(a, 64, STR("[::1]"), 5060, PROTO_UDP), 1);
    assert_true(addr_eq(&a[0], &six));
    assert_int_equal(net_expand(a, 64, STR("0.0.0.0"), 5060, PROTO_UDP), 1);
    assert_int_equal(net_expand(a, 64, STR("lo"), 5060, PROTO_UDP), 1);
    assert_true(addr_eq(&a[0], &home));
    if (localhost_is_known()) {
        assert_int_equal(net_expand(a, 64, STR("localhost"), 5060, PROTO_UDP), 1);
        assert_true(addr_eq(&a[0], &home));
    }
    int n = net_expand(a, 64, STR(""), 5060, PROTO_TCP);
    assert_true(n >= 1);
    bool found = false;
    for (int i = 0; i < n; i++) {
        assert_int_equal(a[i].ip.family, 4);
        assert_int_equal(a[i].proto, PROTO_TCP);
        found = found || ip_eq(&a[i].ip, &home.ip);
    }
    assert_true(found);
    assert_int_equal(net_expand(a, 0, STR("127.0.0.1"), 5060, PROTO_UDP), ERR_LIMIT);
    assert_int_equal(net_expand(a, 0, STR(""), 5060, PROTO_UDP), ERR_LIMIT);
    static char label[80];
    memset(label, 'a', sizeof label);
    assert_int_equal(net_expand(a, 64, str_make(label, sizeof label), 5060, PROTO_UDP),
                     ERR_NOTFOUND);
}

static void test_source_for(void **state)
{
    (void)state;
    struct addr home = rig_addr("127.0.0.1", 5060), none = {.port = 5060};
    struct ip ip;
    assert_int_equal(net_source_for(&ip, &home), ERR_OK);
    assert_true(ip_eq(&ip, &home.ip));
    none.ip.family = 6;
    memset(none.ip.b, 0xff, sizeof none.ip.b); /* multicast of no interface or no IPv6 at all */
    none.ip.b[1] = 0;
    (void)net_source_for(&ip, &none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer),
        cmocka_unit_test(test_timer_moves),
        cmocka_unit_test(test_posts),
        cmocka_unit_test(test_put_off),
        cmocka_unit_test(test_signals_and_work),
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_source_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
