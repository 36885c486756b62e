/* Which message finds which transaction: RFC 3261 17.1.3, 17.2.3, 9.2, and the rules of RFC 2543.
 */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/fsm/world.h"

/* What a test may vary in a request; NULL: the usual. */
struct fields {
    const char *method, *uri, *via, *call_id, *cseq, *from_tag, *to_tag;
};

static struct world world;
static const struct tx_user deaf;

static int begin(void **state)
{
    (void)state;
    world_begin(&world);
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(world.wheel.armed, 0);
    assert_int_equal(world.layer.live, 0);
    world_end(&world);
    return 0;
}

static const char * or (const char *a, const char *b)
{
    return a ? a : b;
}

static struct msg *request(struct fields f)
{
    struct world *w = &world;
    const char *method = or (f.method, "INVITE");
    const char *cseq_method = strcmp(method, "ACK") == 0 ? "INVITE" : method;
    struct str to_tag = f.to_tag ? arena_printf(&w->arena, ";tag=%s", f.to_tag) : STR_NONE;
    return world_scan(
        w, arena_printf(&w->arena,
                        "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\nCall-ID: %s\r\n"
                        "From: <sip:a@example.org>;tag=%s\r\nTo: <sip:b@example.net>%.*s\r\n"
                        "CSeq: %s %s\r\nContent-Length: 0\r\n\r\n",
                        method, or (f.uri, "sip:b@example.net"),
                        or (f.via, "192.0.2.9:5062;branch=z9hG4bKb1"), or (f.call_id, "c1@h"),
                        or (f.from_tag, "f1"), STR_ARG(to_tag), or (f.cseq, "7"), cseq_method));
}

static struct tx *serve(struct fields f)
{
    struct world *w = &world;
    struct msg *m = request(f);
    struct tx *t = arena_zalloc(&w->arena, sizeof *t);
    tx_server_start(&w->layer, t, m, world_key(w, m), &w->flow, &w->times, &deaf);
    return t;
}

static struct tx *client(enum tx_kind kind, uint32_t method, const char *branch)
{
    struct world *w = &world;
    struct tx *t = arena_zalloc(&w->arena, sizeof *t);
    tx_client_start(&w->layer, t, kind, method, str_from(branch), &w->flow, STR("X"), &w->times,
                    &deaf);
    return t;
}

static struct tx *found(struct fields f)
{
    return tx_match_request(&world.layer, request(f));
}

static struct tx *cancelled(struct fields f)
{
    f.method = "CANCEL";
    return tx_match_cancel(&world.layer, request(f));
}

static struct tx *answered(unsigned status, const char *method, const char *via)
{
    struct str bytes = world_reply(&world, status, str_from(method), via);
    return tx_match_response(&world.layer, world_scan(&world, bytes));
}

static void stop(struct tx *t)
{
    tx_stop(&world.layer, t);
}

#define F(...) ((struct fields){__VA_ARGS__})

static void by_branch_sent_by_and_method(void **state)
{
    (void)state;
    struct tx *t = serve(F(.method = NULL));
    assert_false(t->rfc2543);
    assert_int_equal(t->kind, TX_IST);
    assert_ptr_equal(found(F(.method = NULL)), t);
    /* nothing else counts */
    assert_ptr_equal(
        found(F(.uri = "sip:x@y", .call_id = "other", .cseq = "8", .from_tag = "x", .to_tag = "y")),
        t);
    assert_null(found(F(.via = "192.0.2.9:5062;branch=z9hG4bKb2")));
    assert_null(found(F(.via = "192.0.2.9:5062;branch=z9hG4bKB1")));
    assert_null(found(F(.via = "192.0.2.9:5062;branch=z9hG4bKb")));
    assert_null(found(F(.via = "192.0.2.9:5062;branch=z9hG4bKb11")));
    assert_null(found(F(.via = "192.0.2.8:5062;branch=z9hG4bKb1")));
    assert_null(found(F(.via = "192.0.2.9:5063;branch=z9hG4bKb1")));
    assert_null(found(F(.via = "192.0.2.9;branch=z9hG4bKb1")));
    assert_null(found(F(.method = "OPTIONS")));
    assert_null(found(F(.method = "CANCEL")));
    assert_ptr_equal(found(F(.method = "ACK", .to_tag = "t1")), t);
    stop(t);
    assert_null(found(F(.method = NULL)));
}

static void unknown_methods_differ(void **state)
{
    (void)state;
    struct tx *foo = serve(F(.method = "FOO"));
    struct tx *bar = serve(F(.method = "BAR"));
    assert_int_equal(foo->kind, TX_NIST);
    assert_ptr_equal(found(F(.method = "FOO")), foo);
    assert_ptr_equal(found(F(.method = "BAR")), bar);
    assert_null(found(F(.method = "foo")));
    stop(foo);
    stop(bar);
}

static void ack_finds_invites_only(void **state)
{
    (void)state;
    struct tx *t = serve(F(.method = "OPTIONS"));
    assert_null(found(F(.method = "ACK")));
    stop(t);
    /* the ACK of a 2xx has a branch of its own: it is proxied */
    t = serve(F(.method = NULL));
    assert_int_equal(tx_respond(&world.layer, t, 200, STR("SIP/2.0 200 OK\r\n\r\n")), ERR_OK);
    assert_null(found(F(.method = "ACK", .via = "192.0.2.9:5062;branch=z9hG4bKack")));
    stop(t);
}

static void cancel_finds_what_it_is_about(void **state)
{
    (void)state;
    struct tx *invite = serve(F(.method = NULL)), *other, *itself;
    assert_ptr_equal(cancelled(F(.method = NULL)), invite);
    assert_null(cancelled(F(.via = "192.0.2.9:5062;branch=z9hG4bKb2")));
    assert_null(cancelled(F(.via = "192.0.2.8:5062;branch=z9hG4bKb1")));
    itself = serve(F(.method = "CANCEL"));
    assert_ptr_equal(cancelled(F(.method = NULL)), invite);
    assert_ptr_equal(found(F(.method = "CANCEL")), itself);
    assert_ptr_equal(found(F(.method = NULL)), invite);
    stop(invite);
    assert_null(cancelled(F(.method = NULL)));
    stop(itself);
    other = serve(F(.method = "FOO"));
    assert_ptr_equal(cancelled(F(.method = NULL)), other);
    stop(other);
}

#define OLD_VIA "192.0.2.9:5062"

static void by_rfc2543(void **state)
{
    (void)state;
    struct tx *t = serve(F(.via = OLD_VIA));
    assert_true(t->rfc2543);
    assert_ptr_equal(found(F(.via = OLD_VIA)), t);
    assert_null(found(F(.via = OLD_VIA ";x=y")));
    assert_null(found(F(.via = OLD_VIA, .uri = "sip:c@example.net")));
    assert_null(found(F(.via = OLD_VIA, .call_id = "c2@h")));
    assert_null(found(F(.via = OLD_VIA, .cseq = "8")));
    assert_null(found(F(.via = OLD_VIA, .from_tag = "f2")));
    assert_null(found(F(.via = OLD_VIA, .to_tag = "t1")));
    assert_null(found(F(.via = OLD_VIA, .method = "OPTIONS")));
    assert_ptr_equal(cancelled(F(.via = OLD_VIA)), t);
    assert_null(cancelled(F(.via = OLD_VIA, .cseq = "8")));
    assert_null(cancelled(F(.via = OLD_VIA, .to_tag = "t1")));
    stop(t);
}

static struct str old_reply(unsigned status, const char *to_tag)
{
    return arena_printf(&world.arena,
                        "SIP/2.0 %u X\r\nVia: SIP/2.0/UDP " OLD_VIA "\r\nCall-ID: c1@h\r\n"
                        "From: <sip:a@example.org>;tag=f1\r\nTo: <sip:b@example.net>%s%s\r\n"
                        "CSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n",
                        status, to_tag ? ";tag=" : "", or (to_tag, ""));
}

static void an_old_ack_has_the_to_tag_of_the_reply(void **state)
{
    (void)state;
    struct tx *t = serve(F(.via = OLD_VIA));
    assert_null(found(F(.method = "ACK", .via = OLD_VIA, .to_tag = "t1")));
    tx_respond(&world.layer, t, 486, old_reply(486, "t1"));
    assert_ptr_equal(found(F(.method = "ACK", .via = OLD_VIA, .to_tag = "t1")), t);
    assert_null(found(F(.method = "ACK", .via = OLD_VIA, .to_tag = "t2")));
    assert_null(found(F(.method = "ACK", .via = OLD_VIA)));
    assert_null(found(F(.method = "ACK", .via = OLD_VIA, .to_tag = "t1", .cseq = "8")));
    assert_null(found(F(.method = "ACK", .via = OLD_VIA, .to_tag = "t1", .uri = "sip:x@y")));
    /* further ACKs are absorbed as well */
    struct msg *ack = request(F(.method = "ACK", .via = OLD_VIA, .to_tag = "t1"));
    tx_input(&world.layer, t, ack, NULL);
    assert_int_equal(t->state, TX_CONFIRMED);
    assert_ptr_equal(tx_match_request(&world.layer, ack), t);
    stop(t);
    /* some phones of that time knew no tags */
    t = serve(F(.via = OLD_VIA));
    tx_respond(&world.layer, t, 486, old_reply(486, NULL));
    assert_ptr_equal(found(F(.method = "ACK", .via = OLD_VIA)), t);
    stop(t);
}

static void an_old_ack_of_a_relayed_2xx_is_proxied(void **state)
{
    (void)state;
    struct fields ack = {.method = "ACK", .via = OLD_VIA, .to_tag = "t1"};
    struct tx *t = serve(F(.via = OLD_VIA));
    tx_respond(&world.layer, t, 200, old_reply(200, "t1"));
    assert_null(found(ack));
    stop(t);
    /* and that of our own is ours */
    t = serve(F(.via = OLD_VIA));
    tx_respond_local(&world.layer, t, 200, old_reply(200, "t1"));
    assert_ptr_equal(found(ack), t);
    stop(t);
}

/* Branches that identify nothing must not make strangers one: empty, the cookie alone, absent. */
static void odd_branches_do_not_collide(void **state)
{
    static const char *const vias[] = {
        "192.0.2.9",
        "192.0.2.9;branch=",
        "192.0.2.9;branch",
        "192.0.2.9;branch=1",
        "192.0.2.9;branch=z9hG4bK",
        "192.0.2.9;branch=Z9hg4Bkx",
        "192.0.2.9;branch=z9",
        "192.0.2.9:5060;branch=z9hG4bK",
        "192.0.2.9;branch=z9hG4bKx",
    };
    enum { N = sizeof vias / sizeof vias[0] };
    struct tx *t[N], *twin[N];
    (void)state;
    for (unsigned i = 0; i < N; i++)
        t[i] = serve(F(.via = vias[i], .call_id = "one"));
    for (unsigned i = 0; i < N - 1; i++) {
        assert_null(found(F(.via = vias[i], .call_id = "two")));
        twin[i] = serve(F(.via = vias[i], .call_id = "two"));
    }
    for (unsigned i = 0; i < N; i++) {
        assert_ptr_equal(found(F(.via = vias[i], .call_id = "one")), t[i]);
        assert_ptr_equal(cancelled(F(.via = vias[i], .call_id = "one")), t[i]);
    }
    for (unsigned i = 0; i < N - 1; i++) {
        assert_ptr_equal(found(F(.via = vias[i], .call_id = "two")), twin[i]);
        stop(twin[i]);
    }
    for (unsigned i = 0; i < N; i++)
        stop(t[i]);
}

/* Moving the border between two parts of a key makes another key. */
static void parts_do_not_run_together(void **state)
{
    (void)state;
    struct tx *t = serve(F(.via = OLD_VIA, .call_id = "ab", .cseq = "12", .from_tag = "3x"));
    assert_null(found(F(.via = OLD_VIA, .call_id = "ab1", .cseq = "2", .from_tag = "3x")));
    assert_null(found(F(.via = OLD_VIA, .call_id = "ab", .cseq = "123", .from_tag = "x")));
    stop(t);
    t = serve(F(.via = "10.0.0.1;branch=z9hG4bKab"));
    assert_null(found(F(.via = "0.0.0.1;branch=z9hG4bKab1")));
    stop(t);
}

/* Even if two keys had one hash: a key is compared, not its hash. */
static void equal_hashes_are_told_apart(void **state)
{
    (void)state;
    struct tx *a = serve(F(.method = NULL)),
              *b = serve(F(.via = "192.0.2.9:5062;branch=z9hG4bKb2"));
    uint64_t hash = b->node.hash;
    htable_remove(&world.layer.servers, &a->node);
    htable_insert(&world.layer.servers, &a->node, hash);
    assert_ptr_equal(found(F(.via = "192.0.2.9:5062;branch=z9hG4bKb2")), b);
    stop(b);
    assert_null(found(F(.via = "192.0.2.9:5062;branch=z9hG4bKb2")));
    stop(a);

    a = client(TX_ICT, METHOD_INVITE, "z9hG4bKq1");
    b = client(TX_ICT, METHOD_INVITE, "z9hG4bKq2");
    htable_remove(&world.layer.clients, &a->node);
    htable_insert(&world.layer.clients, &a->node, b->node.hash);
    assert_ptr_equal(answered(180, "INVITE", "UDP 192.0.2.1;branch=z9hG4bKq2"), b);
    stop(b);
    stop(a);
}

static void replies_by_branch_and_cseq_method(void **state)
{
    (void)state;
    struct tx *invite = client(TX_ICT, METHOD_INVITE, "z9hG4bKq1");
    struct tx *cancel = client(TX_NICT, METHOD_CANCEL, "z9hG4bKq1");
    assert_ptr_equal(answered(180, "INVITE", "UDP 192.0.2.1;branch=z9hG4bKq1"), invite);
    assert_ptr_equal(answered(200, "CANCEL", "UDP 192.0.2.1;branch=z9hG4bKq1"), cancel);
    assert_null(answered(200, "OPTIONS", "UDP 192.0.2.1;branch=z9hG4bKq1"));
    assert_null(answered(200, "ACK", "UDP 192.0.2.1;branch=z9hG4bKq1"));
    assert_null(answered(200, "INVITE", "UDP 192.0.2.1;branch=z9hG4bKq2"));
    assert_null(answered(200, "INVITE", "UDP 192.0.2.1;branch=z9hG4bK"));
    assert_null(answered(200, "INVITE", "UDP 192.0.2.1"));
    stop(cancel);
    stop(invite);
    assert_null(answered(180, "INVITE", "UDP 192.0.2.1;branch=z9hG4bKq1"));
}

static void an_empty_branch_matches_nothing(void **state)
{
    (void)state;
    struct tx *t = client(TX_ICT, METHOD_INVITE, "");
    assert_null(answered(200, "INVITE", "UDP 192.0.2.1"));
    stop(t);
}

static void requests_never_find_clients(void **state)
{
    (void)state;
    struct tx *c = client(TX_ICT, METHOD_INVITE, "z9hG4bKb1");
    assert_null(found(F(.method = NULL)));
    struct tx *s = serve(F(.method = NULL));
    assert_ptr_equal(answered(200, "INVITE", "UDP 192.0.2.9:5062;branch=z9hG4bKb1"), c);
    stop(c);
    assert_null(answered(200, "INVITE", "UDP 192.0.2.9:5062;branch=z9hG4bKb1"));
    stop(s);
}

/* Of our own work: others may be busy on the machine. */
static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

enum { MANY = 100000 };

struct crowd {
    struct tx t[MANY];
    struct msg m[MANY];
};

static struct crowd *crowd_new(struct world *w)
{
    struct crowd *c = calloc(1, sizeof *c);
    assert_non_null(c);
    for (unsigned i = 0; i < MANY; i++) {
        struct str bytes = arena_printf(
            &w->arena,
            "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK%08x\r\n\r\n",
            i * 2654435761u);
        assert_int_equal(msg_scan(&c->m[i], &w->arena, bytes), ERR_OK);
        tx_server_start(&w->layer, &c->t[i], &c->m[i], world_key(w, &c->m[i]), &w->flow, &w->times,
                        &deaf);
    }
    return c;
}

static void a_hundred_thousand(void **state)
{
    (void)state;
    struct world *w = &world;
    struct crowd *c = crowd_new(w);
    struct msg m = c->m[0]; /* a message is in the cache when it has just been scanned */
    double from = seconds();
    for (unsigned i = 0; i < MANY; i++) {
        unsigned at = (unsigned)(i * 7919ull % MANY);
        m.via.branch = c->m[at].via.branch;
        if (tx_match_request(&w->layer, &m) != &c->t[at])
            fail();
    }
    print_message("find among %d: %.0f ns; struct tx: %zu bytes\n", MANY,
                  (seconds() - from) / MANY * 1e9, sizeof(struct tx));
    assert_int_equal(w->layer.live, MANY);
    for (unsigned i = 0; i < MANY; i++)
        tx_stop(&w->layer, &c->t[i]);
    assert_int_equal(w->layer.created, MANY);
    assert_int_equal(w->layer.servers.count, 0);
    free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(by_branch_sent_by_and_method),
        TEST(unknown_methods_differ),
        TEST(ack_finds_invites_only),
        TEST(cancel_finds_what_it_is_about),
        TEST(by_rfc2543),
        TEST(an_old_ack_has_the_to_tag_of_the_reply),
        TEST(an_old_ack_of_a_relayed_2xx_is_proxied),
        TEST(odd_branches_do_not_collide),
        TEST(parts_do_not_run_together),
        TEST(equal_hashes_are_told_apart),
        TEST(replies_by_branch_and_cseq_method),
        TEST(an_empty_branch_matches_nothing),
        TEST(requests_never_find_clients),
        TEST(a_hundred_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
