/* Datagrams over loopback: echo, hand-over, batches, failures, ending. */
/* SPDX-License-Identifier: MIT */
#include "net_rig.h"

enum { CLIENTS = 24, EACH = 40 };

static void echo(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    (void)now;
    net_send(w->net, p->socket, &p->src, p->bytes);
}

static unsigned owner_by_first_byte(const struct packet *p, unsigned workers)
{
    return p->bytes.len ? (unsigned char)p->bytes.p[0] % workers : 0;
}

/* Every client sends numbered datagrams and gets them back, in order per owner. */
static void exchange(struct rig *r)
{
    int client[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++)
        client[i] = rig_client(r);
    for (unsigned n = 0; n < EACH; n++)
        for (unsigned i = 0; i < CLIENTS; i++) {
            unsigned char m[3] = {(unsigned char)i, (unsigned char)n, 'x'};
            assert_int_equal(send(client[i], m, sizeof m, 0), sizeof m);
        }
    for (unsigned i = 0; i < CLIENTS; i++) {
        for (unsigned n = 0; n < EACH; n++) {
            unsigned char m[8];
            assert_int_equal(rig_receive(client[i], m, sizeof m), 3);
            assert_int_equal(m[0], i);
            assert_int_equal(m[1], n);
        }
        close(client[i]);
    }
}

static void echo_with(unsigned workers, const char *ip)
{
    struct rig r = {.input = echo, .owner = owner_by_first_byte};
    struct net_stats s;
    rig_open(&r, workers, ip);
    rig_start(&r, workers);
    exchange(&r);
    net_stats(r.net, &s);
    assert_int_equal(s.received, CLIENTS * EACH);
    assert_int_equal(s.dropped, 0);
    assert_int_equal(s.send_errors, 0);
    RIG_WAIT((net_stats(r.net, &s), s.sent == CLIENTS * EACH));
    for (unsigned i = 0; i < workers; i++)
        assert_int_equal(atomic_load(&r.worker[i].inputs), CLIENTS * EACH / workers);
    if (workers == 1)
        assert_int_equal(s.handed_over, 0);
    else
        assert_true(s.handed_over > 0);
    rig_stop(&r);
    assert_int_equal(r.result, ERR_OK);
}

static void test_echo_one_worker(void **state)
{
    (void)state;
    echo_with(1, "127.0.0.1");
}

static void test_echo_two_workers(void **state)
{
    (void)state;
    echo_with(2, "127.0.0.1");
}

static void test_echo_four_workers(void **state)
{
    (void)state;
    echo_with(4, "127.0.0.1");
}

static bool have_ipv6(void)
{
    struct addr a = rig_addr("::1", 0);
    struct ip source;
    a.port = 9;
    return net_source_for(&source, &a) == ERR_OK;
}

static void test_echo_ipv6(void **state)
{
    (void)state;
    if (!have_ipv6())
        skip();
    echo_with(2, "::1");
}

/* What is heard on the wildcard address; IPv4 and IPv6 wildcards on one port do not collide. */
static void test_wildcards(void **state)
{
    (void)state;
    if (!have_ipv6())
        skip();
    struct rig r = {.input = echo};
    struct net_ops ops = rig_ops(&r);
    struct rig probe = {0};
    rig_open(&probe, 1, "0.0.0.0");
    uint16_t port = net_listening(probe.net, 0)->port;
    net_free(probe.net);
    struct addr listen[2] = {rig_addr("0.0.0.0", port), rig_addr("::", port)};
    struct net_config c = {.workers = 2, .listen = listen, .listens = 2, .tos = 0x60};
    assert_int_equal(net_open(&r.net, &c, &ops, NULL), ERR_OK);
    rig_start(&r, 2);
    for (unsigned i = 0; i < 2; i++) {
        struct addr dst = rig_addr(i ? "::1" : "127.0.0.1", port);
        struct sockaddr_storage sa;
        socklen_t len = addr_to_sockaddr(&sa, &dst);
        char m[8];
        int fd = socket(sa.ss_family, SOCK_DGRAM, 0);
        assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&sa, len), 5);
        assert_int_equal(rig_receive(fd, m, sizeof m), 5);
        close(fd);
    }
    rig_stop(&r);
}

static unsigned always_one(const struct packet *p, unsigned workers)
{
    (void)p;
    return 1 % workers;
}

/* Largest and empty datagrams survive the hand-over unchanged. */
static void test_sizes(void **state)
{
    (void)state;
    static char big[65507], back[65536];
    struct rig r = {.input = echo, .owner = always_one};
    rig_open(&r, 2, "127.0.0.1");
    rig_start(&r, 2);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 31 % 251);
    static const size_t sizes[] = {65507, 1, 1400, 8000, 2000, 65507};
    for (unsigned n = 0; n < 8; n++) { /* several sockets: some hand over, some do not */
        int fd = rig_client(&r);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            assert_int_equal(send(fd, big, sizes[i], 0), sizes[i]);
            assert_int_equal(rig_receive(fd, back, sizeof back), sizes[i]);
            assert_memory_equal(back, big, sizes[i]);
        }
        close(fd);
    }
    unsigned before = rig_inputs(&r);
    int fd = rig_client(&r);
    assert_int_equal(send(fd, "", 0, 0), 0);
    RIG_WAIT(rig_inputs(&r) == before + 1);
    close(fd);
    rig_stop(&r);
}

/* ---- steering ---- */

static const struct spread spread = {0x12345678, 0x9abcdef1};

/* By what stands behind "\r\nCall-ID: ", wherever that is. */
static unsigned owner_by_call_id(const struct packet *p, unsigned workers)
{
    ptrdiff_t at = str_search(p->bytes, STR("\r\nCall-ID:"), 0);
    if (at < 0)
        return 0;
    struct str line, rest = str_sub(p->bytes, (size_t)at + 10, p->bytes.len);
    str_cut(&line, &rest, '\r');
    return spread_owner(&spread, str_trim(line), workers);
}

/* What the kernel delivers of messages with this line, number in the Call-ID: how many of n were
 * handed over. */
static uint64_t handed_over(unsigned workers, const char *ip, const char *before, const char *line,
                            unsigned n)
{
    char text[2048], back[2048];
    struct rig r = {.input = echo, .owner = owner_by_call_id, .spread = &spread};
    struct net_stats s;
    rig_open(&r, workers, ip);
    rig_start(&r, workers);
    int fd = rig_client(&r);
    for (unsigned i = 0; i < n; i++) {
        int len = snprintf(text, sizeof text, "OPTIONS sip:a@b SIP/2.0\r\n%s", before);
        len += snprintf(text + len, sizeof text - (size_t)len, line, i);
        len += snprintf(text + len, sizeof text - (size_t)len, "\r\nCSeq: %u X\r\n\r\n", i);
        assert_int_equal(send(fd, text, (size_t)len, 0), len);
        assert_int_equal(rig_receive(fd, back, sizeof back), len);
    }
    close(fd);
    for (unsigned i = 0; i < workers; i++) /* all of them work */
        assert_true(atomic_load(&r.worker[i].inputs) > n / workers / 2);
    net_stats(r.net, &s);
    rig_stop(&r);
    return s.handed_over;
}

static void test_steering(void **state)
{
    (void)state;
    char far[1500];
    memset(far, 'x', sizeof far);
    memcpy(far, "X: ", 3);
    strcpy(far + sizeof far - 3, "\r\n");
    static const char *const ids[] = {"Call-ID: %u@host", "Call-ID: %u",
                                      "Call-ID: a-very-long-prefix-%u-longer-than-what-counts@h"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_int_equal(handed_over(2, "127.0.0.1", "", ids[i], 200), 0);
        assert_int_equal(handed_over(4, "127.0.0.1", "Via: x\r\n", ids[i], 400), 0);
        assert_int_equal(handed_over(2, "::1", "Camera: x\r\nVia: x\r\n", ids[i], 200), 0);
    }
    /* what it does not find arrives all the same */
    assert_true(handed_over(2, "127.0.0.1", far, "Call-ID: %u@host", 200) > 0);
    assert_true(handed_over(2, "127.0.0.1", "Call-Info: x\r\n", "Call-ID: %u@host", 200) > 0);
    assert_true(handed_over(2, "127.0.0.1", "", "Call-ID:   %u@host", 200) > 0);
}

static atomic_int gate;

static void wait_at_gate(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    (void)w, (void)now, (void)p;
    while (!atomic_load(&gate))
        rig_sleep(1);
}

static void test_batch_of_1000(void **state)
{
    (void)state;
    struct rig r = {.input = wait_at_gate};
    struct net_stats s;
    char m[600] = {'m'};
    atomic_store(&gate, 0);
    rig_open(&r, 1, "127.0.0.1");
    rig_start(&r, 1);
    int fd = rig_client(&r);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(send(fd, m, sizeof m, 0), sizeof m);
    atomic_store(&gate, 1);
    RIG_WAIT(rig_inputs(&r) == 1000);
    net_stats(r.net, &s);
    assert_int_equal(s.received, 1000);
    assert_true(s.batches < 50);
    close(fd);
    rig_stop(&r);
}

static atomic_uint new_before_bye;

static void note_bye(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    wait_at_gate(w, now, p);
    if (str_starts(p->bytes, STR("BYE ")))
        atomic_store(&new_before_bye, atomic_load(&w->inputs));
}

/* New requests, a BYE behind them, all while the worker is busy: the BYE does not wait for them,
 * and does not find its place taken. */
static void test_new_requests_wait(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        struct rig r = {.input = note_bye, .owner = owner_by_call_id, .spread = &spread};
        char m[600] = "INVITE sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n";
        static const char bye[] = "BYE sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n";
        struct net_stats s;
        r.receive_buffer = 65536;
        atomic_store(&gate, 0);
        rig_open(&r, workers, "127.0.0.1");
        rig_start(&r, workers);
        int fd = rig_client(&r);
        for (unsigned i = 0; i < 1000; i++)
            assert_int_equal(send(fd, m, sizeof m, 0), sizeof m);
        assert_int_equal(send(fd, bye, sizeof bye, 0), sizeof bye);
        rig_sleep(20);
        atomic_store(&gate, 1);
        RIG_WAIT(atomic_load(&new_before_bye) > 0);
        assert_true(atomic_load(&new_before_bye) <= 16); /* one batch at the gate, one behind it */
        atomic_store(&new_before_bye, 0);
        /* what arrives after the drops tells of them */
        RIG_WAIT(send(fd, m, sizeof m, 0) > 0 && (net_stats(r.net, &s), s.kernel_drops > 0));
        assert_true(atomic_load(&r.longest) >= 20000);
        assert_false(atomic_load(&r.dropped)); /* one burst tells nothing */
        close(fd);
        rig_stop(&r);
    }
}

static atomic_uint next_new;

static void note_order(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    unsigned number = 0;
    wait_at_gate(w, now, p);
    sscanf(p->bytes.p, "INVITE sip:%u@", &number);
    if (number != atomic_fetch_add(&next_new, 1))
        atomic_fetch_add(&w->rig->wrong, 1);
}

/* All are read while the first is at work, wait in the worker, and have their turn in order, with
 * how long that took. */
static void test_new_requests_keep_their_order(void **state)
{
    enum { COUNT = 2000 };
    (void)state;
    struct rig r = {.input = note_order, .owner = owner_by_call_id, .spread = &spread};
    struct net_stats s;
    char m[600] = "";
    atomic_store(&gate, 0);
    atomic_store(&next_new, 0);
    rig_open(&r, 1, "127.0.0.1");
    rig_start(&r, 1);
    int fd = rig_client(&r);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(m, sizeof m, "INVITE sip:%u@b SIP/2.0\r\nCall-ID: x%u\r\n\r\n", i, i);
        assert_int_equal(send(fd, m, sizeof m, 0), sizeof m);
    }
    rig_sleep(20);
    atomic_store(&gate, 1);
    RIG_WAIT(rig_inputs(&r) == COUNT);
    assert_true(atomic_load(&r.longest) >= 20000);
    net_stats(r.net, &s);
    assert_int_equal(s.dropped + s.kernel_drops, 0);
    close(fd);
    rig_stop(&r);
}

/* One datagram in, 500 out: more than a send batch holds. */
static void fan_out(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    char m[1200];
    (void)now;
    for (unsigned i = 0; i < 500; i++) {
        memset(m, (int)('a' + i % 26), sizeof m);
        net_send(w->net, p->socket, &p->src, str_make(m, sizeof m));
    }
}

static void test_many_sends_of_one_callback(void **state)
{
    (void)state;
    struct rig r = {.input = fan_out};
    int size = 8 << 20;
    rig_open(&r, 1, "127.0.0.1");
    rig_start(&r, 1);
    int fd = rig_client(&r);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    assert_int_equal(send(fd, "go", 2, 0), 2);
    for (unsigned i = 0; i < 500; i++) {
        char m[2000];
        assert_int_equal(rig_receive(fd, m, sizeof m), 1200);
        assert_int_equal(m[0], 'a' + i % 26);
        assert_int_equal(m[1199], 'a' + i % 26);
    }
    close(fd);
    rig_stop(&r);
}

/* -- failures --------------------------------------------------------------------------------- */

static struct addr closed_port(const char *ip)
{
    struct rig probe = {0};
    rig_open(&probe, 1, ip);
    struct addr a = *net_listening(probe.net, 0);
    net_free(probe.net);
    return a;
}

static struct addr nobody;

static void send_to_nobody(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    (void)now;
    if (str_eq(p->bytes, STR("nobody")))
        net_send(w->net, 0, &nobody, STR("is anyone there?"));
    else
        net_send(w->net, p->socket, &p->src, p->bytes);
}

static void unreachable_with(unsigned workers, const char *ip)
{
    struct rig r = {.input = send_to_nobody, .owner = owner_by_first_byte};
    char m[16];
    nobody = closed_port(ip);
    rig_open(&r, workers, ip);
    rig_start(&r, workers);
    int fd = rig_client(&r);
    for (unsigned round = 1; round <= 3; round++) {
        assert_int_equal(send(fd, "nobody", 6, 0), 6);
        for (unsigned i = 0; i < workers; i++)
            RIG_WAIT(atomic_load(&r.worker[i].unreachable) >= round);
        /* the sockets go on working */
        assert_int_equal(send(fd, "ping", 4, 0), 4);
        assert_int_equal(rig_receive(fd, m, sizeof m), 4);
    }
    close(fd);
    rig_stop(&r);
    assert_true(addr_eq(&r.last_unreachable, &nobody));
}

static void test_unreachable(void **state)
{
    (void)state;
    unreachable_with(1, "127.0.0.1");
    unreachable_with(3, "127.0.0.1");
}

static void test_unreachable_ipv6(void **state)
{
    (void)state;
    if (!have_ipv6())
        skip();
    unreachable_with(2, "::1");
}

/* A refusal that comes back must not take other datagrams with it. */
static void scatter(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    (void)now;
    for (unsigned i = 0; i < 50; i++) {
        net_send(w->net, 0, &nobody, STR("void"));
        net_send(w->net, p->socket, &p->src, STR("real"));
    }
}

static void test_refusals_between_real_ones(void **state)
{
    (void)state;
    struct rig r = {.input = scatter};
    char m[16];
    nobody = closed_port("127.0.0.1");
    rig_open(&r, 1, "127.0.0.1");
    rig_start(&r, 1);
    int fd = rig_client(&r);
    for (unsigned round = 0; round < 10; round++) {
        assert_int_equal(send(fd, "go", 2, 0), 2);
        for (unsigned i = 0; i < 50; i++)
            assert_int_equal(rig_receive(fd, m, sizeof m), 4);
    }
    RIG_WAIT(atomic_load(&r.worker[0].unreachable) > 0);
    close(fd);
    rig_stop(&r);
}

/* What cannot be sent at all is told to the sender alone. */
static void send_nonsense(struct rig_worker *w, uint64_t now, const struct packet *p)
{
    static char huge[70000];
    struct addr other_family = rig_addr("::1", 5060), no_port = rig_addr("127.0.0.1", 0);
    struct addr too_large = rig_addr("127.0.0.1", 9);
    (void)now;
    net_send(w->net, 77, &p->src, STR("no such socket"));
    net_send(w->net, 0, &p->src, STR_NONE);
    net_send(w->net, 0, &p->src, str_make(huge, sizeof huge));
    net_send(w->net, 0, &other_family, STR("x"));
    net_send(w->net, 0, &no_port, STR("x"));
    net_send(w->net, 0, &too_large, str_make(huge, 65530));
}

static void test_what_cannot_be_sent(void **state)
{
    (void)state;
    struct rig r = {.input = send_nonsense, .owner = always_one};
    struct net_stats s;
    rig_open(&r, 2, "127.0.0.1");
    rig_start(&r, 2);
    int fd = rig_client(&r);
    assert_int_equal(send(fd, "go", 2, 0), 2);
    RIG_WAIT(atomic_load(&r.worker[1].unreachable) == 3);
    net_stats(r.net, &s);
    assert_int_equal(s.send_errors, 6);
    assert_int_equal(atomic_load(&r.worker[0].unreachable), 0);
    close(fd);
    rig_stop(&r);
}

static unsigned nobodys(const struct packet *p, unsigned workers)
{
    (void)p;
    return workers + 5;
}

static void test_owner_out_of_range(void **state)
{
    (void)state;
    struct rig r = {.owner = nobodys};
    struct net_stats s;
    rig_open(&r, 2, "127.0.0.1");
    rig_start(&r, 2);
    int fd = rig_client(&r);
    assert_int_equal(send(fd, "go", 2, 0), 2);
    RIG_WAIT((net_stats(r.net, &s), s.dropped == 1));
    close(fd);
    rig_stop(&r);
}

/* -- opening ---------------------------------------------------------------------------------- */

static int try_open(const struct addr *listen, unsigned listens, unsigned workers, char *text,
                    size_t cap)
{
    struct net_config c = {.workers = workers, .listen = listen, .listens = listens, .tos = -1};
    struct rig r = {0};
    struct net_ops ops = rig_ops(&r);
    struct buf error;
    buf_fixed(&error, text, cap - 1);
    int rc = net_open(&r.net, &c, &ops, &error);
    text[error.len] = 0;
    if (rc == ERR_OK)
        net_free(r.net);
    return rc;
}

static void test_address_in_use(void **state)
{
    (void)state;
    char text[256], expected[256];
    for (unsigned first = 1; first <= 2; first++)
        for (unsigned second = 1; second <= 2; second++) {
            struct rig r = {0};
            rig_open(&r, first, "127.0.0.1");
            struct addr a = *net_listening(r.net, 0), wild = rig_addr("0.0.0.0", a.port);
            assert_int_equal(try_open(&a, 1, second, text, sizeof text), ERR_IO);
            snprintf(expected, sizeof expected,
                     "cannot listen on udp:127.0.0.1:%u: another program has that port", a.port);
            assert_string_equal(text, expected);
            assert_int_equal(try_open(&wild, 1, second, text, sizeof text), ERR_IO);
            net_free(r.net);
            assert_int_equal(try_open(&a, 1, second, text, sizeof text), ERR_OK);
        }
}

static void test_bad_addresses(void **state)
{
    (void)state;
    char text[256];
    struct addr twice[2] = {rig_addr("127.0.0.1", 0), rig_addr("127.0.0.1", 0)};
    struct addr foreign = rig_addr("192.0.2.77", 5060), tcp = rig_addr("127.0.0.1", 0);
    struct addr none = {.proto = PROTO_UDP};
    tcp.proto = PROTO_TCP;
    assert_int_equal(try_open(&foreign, 1, 1, text, sizeof text), ERR_IO);
    assert_string_equal(text,
                        "cannot listen on udp:192.0.2.77:5060: this machine has no such address");
    assert_int_equal(try_open(&tcp, 1, 1, text, sizeof text), ERR_UNSUPPORTED);
    assert_int_equal(try_open(&none, 1, 1, text, sizeof text), ERR_UNSUPPORTED);
    assert_int_equal(try_open(twice, 2, 2, text, sizeof text), ERR_OK); /* two ports */
    assert_int_equal(try_open(twice, 1, 0, text, sizeof text), ERR_INVALID);
    struct rig probe = {0};
    rig_open(&probe, 1, "127.0.0.1");
    twice[0] = twice[1] = *net_listening(probe.net, 0);
    net_free(probe.net);
    assert_int_equal(try_open(twice, 2, 2, text, sizeof text), ERR_IO); /* the same one twice */
}

static void test_no_sockets_at_all(void **state)
{
    (void)state;
    struct rig r = {0};
    struct net_config c = {.workers = 2, .tos = -1};
    struct net_ops ops = rig_ops(&r);
    assert_int_equal(net_open(&r.net, &c, &ops, NULL), ERR_OK);
    rig_start(&r, 2);
    rig_stop(&r);
}

/* -- ending ----------------------------------------------------------------------------------- */

static atomic_bool flooding;

static void *flood(void *arg)
{
    const struct rig *r = arg;
    int fd[8];
    unsigned char m[300] = {0};
    for (unsigned i = 0; i < 8; i++)
        fd[i] = rig_client(r);
    for (unsigned n = 0; atomic_load(&flooding); n++) {
        m[0] = (unsigned char)n;
        ssize_t sent = send(fd[n % 8], m, sizeof m, 0);
        (void)sent; /* refused once the net has gone */
    }
    for (unsigned i = 0; i < 8; i++)
        close(fd[i]);
    return NULL;
}

static void test_stop_under_load(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        struct rig r = {.input = echo, .owner = owner_by_first_byte};
        pthread_t flooder;
        rig_open(&r, 3, "127.0.0.1");
        rig_start(&r, 3);
        atomic_store(&flooding, true);
        assert_int_equal(pthread_create(&flooder, NULL, flood, &r), 0);
        RIG_WAIT(rig_inputs(&r) > 500);
        net_stop(r.net);
        pthread_join(r.thread, NULL);
        atomic_store(&flooding, false);
        pthread_join(flooder, NULL);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(atomic_load(&r.worker[i].stopped), 1);
        net_free(r.net);
    }
}

static void test_stop_before_run(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, 2, "127.0.0.1");
    net_stop(r.net);
    assert_int_equal(net_run(r.net), ERR_OK);
    assert_int_equal(net_run(r.net), ERR_STATE);
    net_free(r.net);
}

static void test_start_refused(void **state)
{
    (void)state;
    struct rig r = {.refuse_start = true};
    rig_open(&r, 2, "127.0.0.1");
    assert_int_equal(net_run(r.net), ERR_STATE);
    net_free(r.net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_one_worker),
        cmocka_unit_test(test_echo_two_workers),
        cmocka_unit_test(test_echo_four_workers),
        cmocka_unit_test(test_echo_ipv6),
        cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_steering),
        cmocka_unit_test(test_batch_of_1000),
        cmocka_unit_test(test_new_requests_wait),
        cmocka_unit_test(test_new_requests_keep_their_order),
        cmocka_unit_test(test_many_sends_of_one_callback),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_unreachable_ipv6),
        cmocka_unit_test(test_refusals_between_real_ones),
        cmocka_unit_test(test_what_cannot_be_sent),
        cmocka_unit_test(test_owner_out_of_range),
        cmocka_unit_test(test_address_in_use),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_no_sockets_at_all),
        cmocka_unit_test(test_stop_under_load),
        cmocka_unit_test(test_stop_before_run),
        cmocka_unit_test(test_start_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
