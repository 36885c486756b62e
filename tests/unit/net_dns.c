/* Questions to name servers over real sockets: the server is a thread of this test. */
/* SPDX-License-Identifier: MIT */
#include "tests/lib/dns_bytes.h"
#include "tests/unit/net_rig.h"

/* ---- a name server ---- */

enum { TIMEOUT = 100 };

static struct {
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_uint asked;
    atomic_bool silent, broken, ends;
} server;

static void respond(const uint8_t *q, struct dns_bytes *b)
{
    unsigned id = (unsigned)q[0] << 8 | q[1];
    char name[DNS_NAME + 1] = "";
    size_t at = 12, n = 0;
    for (; q[at]; at += q[at] + 1u) {
        if (n)
            name[n++] = '.';
        memcpy(name + n, q + at + 1, q[at]);
        n += q[at];
        name[n] = 0;
    }
    unsigned type = (unsigned)q[at + 1] << 8 | q[at + 2];
    if (atomic_load(&server.broken)) {
        dns_begin(b, id, 2, name, type, 0, 0);
    } else if (type == DNS_A && strcasecmp(name, "a.example.com") == 0) {
        dns_begin(b, id, 0, name, type, 1, 0);
        dns_a(b, NULL, 60, 0xc0000214);
    } else if (type == DNS_SRV && strcasecmp(name, "_sip._udp.example.com") == 0) {
        dns_begin(b, id, 0, name, type, 1, 0);
        dns_srv(b, 30, 10, 60, 5070, "a.example.com");
    } else {
        dns_begin(b, id, 3, name, type, 0, 1);
        dns_soa(b, 40, 40);
    }
}

static void *serve(void *arg)
{
    (void)arg;
    while (!atomic_load(&server.ends)) {
        uint8_t q[512];
        struct dns_bytes b;
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(server.fd, q, sizeof q - 1, 0, (struct sockaddr *)&from, &len);
        if (n < 17)
            continue;
        q[n] = 0;
        atomic_fetch_add(&server.asked, 1);
        if (atomic_load(&server.silent))
            continue;
        respond(q, &b);
        sendto(server.fd, b.p, b.n, 0, (struct sockaddr *)&from, len);
    }
    return NULL;
}

static int server_start(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    struct timeval tick = {0, 50000};
    (void)state;
    memset(&server, 0, sizeof server);
    server.fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&at, sizeof at), 0);
    getsockname(server.fd, (struct sockaddr *)&at, &len);
    setsockopt(server.fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
    server.port = ntohs(at.sin_port);
    return pthread_create(&server.thread, NULL, serve, NULL);
}

static int server_end(void **state)
{
    (void)state;
    atomic_store(&server.ends, true);
    pthread_join(server.thread, NULL);
    return close(server.fd);
}

/* ---- questions ---- */

struct question {
    struct str name;
    enum dns_type type;
    atomic_int rc, done, status;
    unsigned n;
    struct dns_record first;
    uint32_t ttl;
    char target[64];
};

static void keep_answer(struct rig_worker *w, void *token, const struct dns_answer *a)
{
    struct question *q = token;
    (void)w;
    q->n = a->n;
    q->ttl = a->ttl;
    if (a->n) {
        q->first = a->record[0];
        snprintf(q->target, sizeof q->target, "%.*s", STR_ARG(a->record[0].name));
    }
    atomic_store(&q->status, a->status);
    atomic_fetch_add(&q->done, 1);
}

static void ask(struct rig_worker *w, uint64_t now, void *item)
{
    struct question *q = item;
    (void)now;
    atomic_store(&q->rc, net_ask(w->net, q->name, q->type, q));
}

static char servers[80], hosts[64];

static void open_rig(struct rig *r, bool with_dead_one)
{
    *r = (struct rig){.posted = ask, .answered = keep_answer};
    if (with_dead_one)
        snprintf(servers, sizeof servers, "192.0.2.254:53,127.0.0.1:%u", server.port);
    else
        snprintf(servers, sizeof servers, "127.0.0.1:%u", server.port);
    r->dns = (struct net_dns){
        .servers = str_from(servers), .timeout = TIMEOUT, .tries = 2, .hosts = hosts};
    rig_open(r, 2, "127.0.0.1");
    rig_start(r, 2);
}

static void put(struct rig *r, struct question *q, const char *name, enum dns_type type)
{
    *q = (struct question){.name = str_from(name), .type = type, .rc = 1};
    assert_int_equal(net_post(r->net, 0, q), ERR_OK);
    RIG_WAIT(atomic_load(&q->rc) != 1);
}

static void answered(struct rig *r, struct question *q, const char *name, enum dns_type type,
                     enum dns_status status)
{
    put(r, q, name, type);
    assert_int_equal(atomic_load(&q->rc), ERR_OK);
    RIG_WAIT(atomic_load(&q->done));
    assert_int_equal(atomic_load(&q->status), status);
}

/* ---- tests ---- */

static void test_answers(void **state)
{
    struct rig r;
    struct question q;
    (void)state;
    open_rig(&r, false);
    answered(&r, &q, "a.example.com", DNS_A, DNS_FOUND);
    assert_int_equal(q.n, 1);
    assert_int_equal(q.ttl, 60);
    assert_memory_equal(q.first.ip.b, "\xc0\0\2\x14", 4);
    answered(&r, &q, "_sip._udp.example.com", DNS_SRV, DNS_FOUND);
    assert_int_equal(q.first.port, 5070);
    assert_string_equal(q.target, "a.example.com");
    answered(&r, &q, "nobody.example.com", DNS_NAPTR, DNS_NONE);
    assert_int_equal(q.ttl, 40);
    atomic_store(&server.broken, true);
    answered(&r, &q, "a.example.com", DNS_A, DNS_BROKEN);
    rig_stop(&r);
}

static void test_silence(void **state)
{
    struct rig r;
    struct question q;
    (void)state;
    open_rig(&r, false);
    atomic_store(&server.silent, true);
    answered(&r, &q, "a.example.com", DNS_A, DNS_SILENT);
    assert_int_equal(atomic_load(&server.asked), 2); /* tries */
    rig_stop(&r);
}

static void test_second_server(void **state)
{
    struct rig r;
    struct question q;
    (void)state;
    open_rig(&r, true);
    answered(&r, &q, "a.example.com", DNS_A, DNS_FOUND);
    rig_stop(&r);
}

static void test_hosts(void **state)
{
    struct rig r;
    struct question q;
    (void)state;
    open_rig(&r, false);
    answered(&r, &q, "Phone", DNS_A, DNS_FOUND);
    assert_memory_equal(q.first.ip.b, "\xc0\0\2\x07", 4);
    answered(&r, &q, "phone.alias", DNS_AAAA, DNS_FOUND);
    assert_int_equal(q.first.ip.family, 6);
    answered(&r, &q, "_sip._udp.phone", DNS_SRV, DNS_NONE);
    assert_int_equal(atomic_load(&server.asked), 0);
    answered(&r, &q, "commented", DNS_A, DNS_NONE); /* asked for */
    rig_stop(&r);
}

static void test_no_names(void **state)
{
    static char too_long[300];
    struct rig r;
    struct question q;
    (void)state;
    open_rig(&r, false);
    put(&r, &q, "", DNS_A);
    assert_int_equal(atomic_load(&q.rc), ERR_INVALID);
    memset(too_long, 'b', sizeof too_long - 1);
    put(&r, &q, too_long, DNS_A);
    assert_int_equal(atomic_load(&q.rc), ERR_INVALID);
    too_long[80] = 0; /* longer than a label may be */
    answered(&r, &q, too_long, DNS_A, DNS_NONE);
    rig_stop(&r);
}

/* Ending with questions in progress: nothing is delivered, nothing leaks. */
static void test_stop(void **state)
{
    struct rig r;
    static struct question q[40];
    (void)state;
    open_rig(&r, false);
    atomic_store(&server.silent, true);
    for (unsigned i = 0; i < 40; i++)
        put(&r, &q[i], "a.example.com", DNS_A);
    rig_stop(&r);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(atomic_load(&q[i].done), 0);
}

static int write_hosts(void **state)
{
    (void)state;
    snprintf(hosts, sizeof hosts, "/tmp/signalbox-hosts-%d", (int)getpid());
    FILE *f = fopen(hosts, "w");
    if (!f)
        return 1;
    fputs("# 192.0.2.9 commented\n192.0.2.7\tphone phone.alias # the desk\n::7 phone.alias\n"
          "nonsense here\n",
          f);
    return fclose(f);
}

static int remove_hosts(void **state)
{
    (void)state;
    return unlink(hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, server_start, server_end),
        cmocka_unit_test_setup_teardown(test_silence, server_start, server_end),
        cmocka_unit_test_setup_teardown(test_second_server, server_start, server_end),
        cmocka_unit_test_setup_teardown(test_hosts, server_start, server_end),
        cmocka_unit_test_setup_teardown(test_no_names, server_start, server_end),
        cmocka_unit_test_setup_teardown(test_stop, server_start, server_end),
    };
    return cmocka_run_group_tests(tests, write_hosts, remove_hosts);
}
