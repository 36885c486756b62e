/* A kernel that takes no more: loopback never does that, so this program has its own sendmmsg and
 * sendto, which the linker prefers to the C library's. */
/* SPDX-License-Identifier: MIT */
#include <sys/syscall.h>

#include "net_rig.h"

static atomic_int refusals, error_to_give, accept_first;

/* Takes accept_first datagrams, then refuses; all when refusals has run out. */
int sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags)
{
    if (atomic_load(&refusals) > 0) {
        unsigned take = (unsigned)atomic_exchange(&accept_first, 0);
        if (take == 0) {
            atomic_fetch_sub(&refusals, 1);
            errno = atomic_load(&error_to_give);
            return -1;
        }
        n = take < n ? take : n;
    }
    return (int)syscall(SYS_sendmmsg, fd, v, n, flags);
}

ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len)
{
    if (to && atomic_load(&refusals) > 0) {
        atomic_fetch_sub(&refusals, 1);
        errno = atomic_load(&error_to_give);
        return -1;
    }
    return syscall(SYS_sendto, fd, p, n, flags, to, len);
}

static void refuse(int times, int error, int first)
{
    atomic_store(&refusals, times);
    atomic_store(&error_to_give, error);
    atomic_store(&accept_first, first);
}

static unsigned answers;

static void answer(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    (void)now;
    for (unsigned i = 0; i < answers; i++) {
        unsigned char m[100] = {(unsigned char)i};
        net_send(w->net, p->socket, &p->src, str_make((char *)m, sizeof m));
    }
}

/* Sends one datagram and expects n answers in order. */
static void expect_answers(int fd, unsigned n)
{
    unsigned char m[200];
    assert_int_equal(send(fd, "go", 2, 0), 2);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(rig_receive(fd, m, sizeof m), 100);
        assert_int_equal(m[0], i % 256);
    }
}

static void test_backlog(void **state)
{
    (void)state;
    struct rig r = {.input = answer};
    struct net_stats s;
    rig_open(&r, 1, "127.0.0.1");
    rig_start(&r, 1);
    int fd = rig_client(&r);
    answers = 200;
    refuse(5, EAGAIN, 0);
    expect_answers(fd, answers);
    refuse(3, EAGAIN, 10); /* in the middle of a batch */
    expect_answers(fd, answers);
    refuse(3, EINTR, 0);
    expect_answers(fd, answers);
    refuse(1, ECONNREFUSED, 0); /* an older datagram's: tried again */
    expect_answers(fd, answers);
    RIG_WAIT((net_stats(r.net, &s), s.sent == 800));
    assert_int_equal(s.dropped, 0);
    assert_int_equal(s.send_errors, 0);
    close(fd);
    rig_stop(&r);
}

static void test_errors_of_its_own(void **state)
{
    (void)state;
    struct rig r = {.input = answer};
    struct net_stats s;
    rig_open(&r, 1, "127.0.0.1");
    rig_start(&r, 1);
    int fd = rig_client(&r);
    answers = 1;
    refuse(2, EPERM, 0);
    assert_int_equal(send(fd, "go", 2, 0), 2);
    RIG_WAIT(atomic_load(&r.worker[0].unreachable) == 1);
    refuse(2, ENOBUFS, 0);
    assert_int_equal(send(fd, "go", 2, 0), 2);
    RIG_WAIT((net_stats(r.net, &s), s.send_errors == 2));
    assert_int_equal(atomic_load(&r.worker[0].unreachable), 1);
    close(fd);
    rig_stop(&r);
}

/* The backlog is bounded, and ending with one frees it. */
static void test_backlog_bound(void **state)
{
    (void)state;
    struct rig r = {.input = answer};
    struct net_stats s;
    rig_open(&r, 1, "127.0.0.1");
    rig_start(&r, 1);
    int fd = rig_client(&r);
    answers = 60000;
    refuse(INT32_MAX, EAGAIN, 0);
    assert_int_equal(send(fd, "go", 2, 0), 2);
    RIG_WAIT((net_stats(r.net, &s), s.dropped > 0));
    assert_true(s.dropped < 60000);
    close(fd);
    rig_stop(&r);
    refuse(0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_errors_of_its_own),
        cmocka_unit_test(test_backlog_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
