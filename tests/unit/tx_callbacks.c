/* What users do from inside their callbacks: stop, free, start again, in the same memory too; sends
 * that fail while they are made; handles of former lives; and a storm of all of it at random. Each
 * transaction is malloc'ed, so that the sanitizer sees every touch after its end. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "core/tx/tx.h"

struct party;
typedef void (*react)(struct party *p);

/* A transaction and what its user does when told something. */
struct party {
    struct tx t;
    react response, timeout, failed, acked, unacked, ended;
    char *told; /* a letter a call; in a test's buffer, so that it outlives the party */
    bool fail;  /* a send fails while it is made */
};

static struct wheel wheel;
static struct tx_layer layer;
static unsigned sends;

static const struct tx_times times = {500, 4000, 5000, 32000, 32000, 32000};
static const struct flow udp = {.socket = 1}, tcp = {.socket = 1, .reliable = true};

static struct party *party_of(struct tx *t)
{
    return container_of(t, struct party, t);
}

static void tell(struct party *p, char letter, react then)
{
    size_t n = strlen(p->told);
    p->told[n] = letter;
    p->told[n + 1] = 0;
    if (then)
        then(p);
}

static void on_response(struct tx *t, struct msg *m, void *ctx)
{
    (void)m, (void)ctx;
    tell(party_of(t), 'r', party_of(t)->response);
}

static void on_acked(struct tx *t, struct msg *m, void *ctx)
{
    (void)m, (void)ctx;
    tell(party_of(t), 'a', party_of(t)->acked);
}

#define CALL(name, letter)                                                                         \
    static void on_##name(struct tx *t, void *ctx)                                                 \
    {                                                                                              \
        (void)ctx;                                                                                 \
        tell(party_of(t), letter, party_of(t)->name);                                              \
    }
CALL(timeout, 't')
CALL(failed, 'f')
CALL(unacked, 'u')
CALL(ended, 'e')

static const struct tx_user user = {on_response, on_timeout, on_failed,
                                    on_acked,    on_unacked, on_ended};

/* The transaction whose sends fail, while it lives. */
static struct party *broken;

static void send_bytes(void *ctx, const struct flow *flow, struct str bytes)
{
    (void)ctx, (void)flow, (void)bytes;
    sends++;
    if (broken && broken->fail)
        tx_transport_error(&layer, &broken->t, NULL);
}

static int begin(void **state)
{
    (void)state;
    struct tx_env env = {send_bytes, NULL};
    wheel_init(&wheel, 1000);
    sends = 0;
    broken = NULL;
    return tx_layer_init(&layer, &wheel, (struct hash_key){3, 4}, env, 1);
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(wheel.armed, 0);
    assert_int_equal(layer.live, 0);
    assert_null(layer.active);
    tx_layer_free(&layer);
    return 0;
}

static void drain(void)
{
    while (wheel.armed)
        wheel_advance(&wheel, wheel_next(&wheel), NULL);
}

static struct party *party_new(char *told)
{
    struct party *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->told = told;
    return p;
}

static void call(struct party *p, enum tx_kind kind, const struct flow *flow)
{
    tx_client_start(&layer, &p->t, kind, kind == TX_ICT ? METHOD_INVITE : METHOD_OPTIONS,
                    STR("z9hG4bKx"), flow, STR("REQUEST"), &times, &user);
}

static void serve(struct party *p, enum tx_kind kind, const struct flow *flow)
{
    struct msg m = {.request = true,
                    .method = kind == TX_IST ? METHOD_INVITE : METHOD_OPTIONS,
                    .via = {.branch = STR("z9hG4bKy")}};
    tx_server_start(&layer, &p->t, &m, STR(""), flow, &times, &user);
}

/* A reply to a client. */
static void reply(struct party *p, unsigned status)
{
    struct msg m = {.status = (uint16_t)status};
    tx_input(&layer, &p->t, &m, NULL);
}

static void ack(struct party *p)
{
    struct msg m = {.request = true, .method = METHOD_ACK};
    tx_input(&layer, &p->t, &m, NULL);
}

static void respond(struct party *p, unsigned status)
{
    tx_respond(&layer, &p->t, status, STR("REPLY"));
}

static void just_free(struct party *p)
{
    if (broken == p)
        broken = NULL;
    free(p);
}

static void stop_and_free(struct party *p)
{
    tx_stop(&layer, &p->t);
    just_free(p);
}

static void hand_ack(struct party *p)
{
    tx_client_ack(&layer, &p->t, STR("ACK"));
}

static void call_again(struct party *p)
{
    p->response = p->timeout = p->failed = p->ended = NULL;
    p->ended = just_free;
    call(p, TX_NICT, &udp);
}

static void stop_and_call_again(struct party *p)
{
    tx_stop(&layer, &p->t);
    call_again(p);
}

static void error_inside(struct party *p)
{
    tx_transport_error(&layer, &p->t, NULL);
}

static void end_is_the_last_call(void **state)
{
    (void)state;
    char told[32] = "";
    struct party *p = party_new(told);
    p->ended = just_free;
    call(p, TX_ICT, &udp);
    drain();
    assert_string_equal(told, "te");
    assert_int_equal(sends, 7);
}

static void stop_inside_each_call(void **state)
{
    (void)state;
    char told[32] = "";
    struct party *p = party_new(told);
    p->response = stop_and_free;
    call(p, TX_ICT, &udp);
    reply(p, 180);

    p = party_new(told);
    p->response = stop_and_free;
    call(p, TX_ICT, &udp);
    reply(p, 486);

    p = party_new(told);
    p->timeout = stop_and_free;
    call(p, TX_NICT, &udp);
    drain();

    p = party_new(told);
    p->failed = stop_and_free;
    call(p, TX_NICT, &udp);
    tx_transport_error(&layer, &p->t, NULL);

    p = party_new(told);
    p->acked = stop_and_free;
    serve(p, TX_IST, &udp);
    respond(p, 486);
    ack(p);

    p = party_new(told);
    p->unacked = stop_and_free;
    serve(p, TX_IST, &udp);
    respond(p, 486);
    drain();

    p = party_new(told);
    p->failed = stop_and_free;
    serve(p, TX_IST, &udp);
    respond(p, 180);
    tx_transport_error(&layer, &p->t, NULL);
    assert_string_equal(told, "rrtfauf");
}

static void start_again_inside_each_call(void **state)
{
    (void)state;
    char told[64] = "";
    struct party *p = party_new(told);
    p->response = stop_and_call_again;
    call(p, TX_ICT, &udp);
    reply(p, 200);
    drain();
    assert_string_equal(told, "rte");

    p = party_new(told);
    p->timeout = call_again; /* the former life is over: no end of it is told */
    call(p, TX_ICT, &udp);
    drain();
    assert_string_equal(told, "rtette");

    p = party_new(told);
    p->failed = call_again;
    call(p, TX_ICT, &udp);
    tx_transport_error(&layer, &p->t, NULL);
    drain();
    assert_string_equal(told, "rtettefte");

    p = party_new(told);
    p->ended = call_again;
    call(p, TX_ICT, &udp);
    drain();
    assert_string_equal(told, "rtetteftetete");
}

static void an_ack_from_inside(void **state)
{
    (void)state;
    char told[32] = "";
    struct party *p = party_new(told);
    p->response = hand_ack;
    p->ended = just_free;
    call(p, TX_ICT, &udp);
    reply(p, 486);
    assert_int_equal(sends, 2);
    reply(p, 486);
    assert_int_equal(sends, 3);
    drain();
    assert_string_equal(told, "re");
}

static void an_ack_that_fails_at_once(void **state)
{
    (void)state;
    char told[32] = "";
    struct party *p = party_new(told);
    p->response = hand_ack;
    p->ended = just_free;
    call(p, TX_ICT, &udp);
    broken = p;
    p->fail = true;
    reply(p, 486);
    assert_string_equal(told, "rfe");
}

static void a_request_that_fails_at_once(void **state)
{
    (void)state;
    char told[32] = "";
    struct party *p = broken = party_new(told);
    p->fail = true;
    p->ended = just_free;
    call(p, TX_ICT, &udp);
    assert_string_equal(told, "fe");
    assert_int_equal(sends, 1);

    p = broken = party_new(told);
    p->ended = just_free;
    call(p, TX_NICT, &udp);
    p->fail = true;
    drain(); /* the first repeat fails */
    assert_string_equal(told, "fefe");
    assert_int_equal(sends, 3);
}

static void a_reply_that_fails_at_once(void **state)
{
    (void)state;
    char told[64] = "";
    struct party *p = broken = party_new(told);
    p->fail = true;
    p->ended = just_free;
    serve(p, TX_NIST, &udp);
    respond(p, 200);
    assert_string_equal(told, "fe");

    p = broken = party_new(told);
    p->fail = true;
    p->ended = just_free;
    serve(p, TX_IST, &udp);
    respond(p, 486);
    drain();
    assert_string_equal(told, "fefffffffffffue");
}

static void an_error_inside_a_response(void **state)
{
    (void)state;
    char told[32] = "";
    struct party *p = party_new(told);
    p->response = error_inside;
    p->ended = just_free;
    call(p, TX_NICT, &udp);
    reply(p, 100);
    assert_string_equal(told, "rfe");
}

static void start_hundreds(struct party *p)
{
    for (unsigned i = 0; i < 500; i++) {
        struct party *q = party_new(p->told + 32);
        p->told[32] = 0;
        q->ended = just_free;
        call(q, TX_NICT, &tcp);
        reply(q, 200);
    }
}

static void many_starts_inside(void **state)
{
    (void)state;
    char told[2048] = "";
    struct party *p = party_new(told);
    p->response = start_hundreds;
    p->ended = just_free;
    call(p, TX_ICT, &udp);
    reply(p, 200);
    assert_int_equal(layer.live, 501);
    drain();
    assert_string_equal(told, "re");
    assert_int_equal(layer.created, 501);
}

static void handles(void **state)
{
    (void)state;
    char told[32] = "";
    struct party *p = party_new(told);
    struct tx_handle none = tx_handle(NULL), first, second;
    assert_null(tx_of(none));
    call(p, TX_ICT, &udp);
    first = tx_handle(&p->t);
    assert_ptr_equal(tx_of(first), &p->t);
    tx_stop(&layer, &p->t);
    assert_null(tx_of(first));
    call(p, TX_ICT, &udp);
    second = tx_handle(&p->t);
    assert_null(tx_of(first));
    assert_ptr_equal(tx_of(second), &p->t);
    drain();
    assert_null(tx_of(second));
    assert_string_equal(told, "te");
    free(p);
}

static void stopping_does_no_harm(void **state)
{
    (void)state;
    char told[32] = "";
    struct party *p = party_new(told);
    tx_stop(&layer, &p->t); /* zeroed */
    call(p, TX_ICT, &udp);
    tx_stop(&layer, &p->t);
    tx_stop(&layer, &p->t);
    reply(p, 200);
    tx_transport_error(&layer, &p->t, NULL);
    tx_resend(&layer, &p->t);
    tx_client_deadline(&layer, &p->t, 100);
    assert_int_equal(tx_client_ack(&layer, &p->t, STR("ACK")), ERR_STATE);
    assert_int_equal(sends, 1);
    assert_string_equal(told, "");
    free(p);
}

/* Owners that mix things up do no harm either. */
static void what_is_not_meant_for_it_is_ignored(void **state)
{
    (void)state;
    char told[32] = "";
    struct party *p = party_new(told);
    struct msg cancel = {.request = true, .method = METHOD_CANCEL},
               ok = {.status = 200, .method = METHOD_INVITE};
    serve(p, TX_IST, &udp);
    respond(p, 180);
    tx_input(&layer, &p->t, &cancel, NULL);
    tx_input(&layer, &p->t, &ok, NULL);
    assert_int_equal(layer.ignored, 2);
    tx_respond_local(&layer, &p->t, 200, STR("REPLY"));
    assert_int_equal(tx_client_ack(&layer, &p->t, STR("ACK")), ERR_STATE);
    assert_int_equal(p->t.state, TX_ANSWERED);
    tx_stop(&layer, &p->t);
    sends = 0;
    call(p, TX_ICT, &udp);
    tx_input(&layer, &p->t, &(struct msg){.request = true, .method = METHOD_INVITE, .status = 200},
             NULL);
    assert_int_equal(p->t.state, TX_CALLING);
    reply(p, 486);
    tx_server_ack(&layer, &p->t);
    assert_int_equal(sends, 1);
    assert_string_equal(told, "r");
    stop_and_free(p);
}

static void deaf_users_are_let_be(void **state)
{
    static const struct tx_user deaf;
    (void)state;
    char told[8] = "";
    struct party *p = party_new(told);
    call(p, TX_NICT, &udp);
    p->t.user = &deaf;
    reply(p, 180);
    drain();
    assert_int_equal(p->t.state, TX_IDLE);
    assert_int_equal(layer.timeouts, 1);
    assert_int_equal(layer.resent, sends - 1);
    call(p, TX_ICT, &udp);
    p->t.user = &deaf;
    tx_transport_error(&layer, &p->t, NULL);
    for (unsigned acked = 0; acked < 2; acked++) {
        serve(p, TX_IST, &udp);
        p->t.user = &deaf;
        respond(p, 486);
        if (acked)
            ack(p);
        drain();
    }
    assert_string_equal(told, "");
    free(p);
}

/* Absurd numbers end, too. */
static void extremes(void **state)
{
    static const struct tx_times long_times = {0x60000000, 0x60000000, 1,
                                               UINT32_MAX, UINT32_MAX, UINT32_MAX};
    static const struct tx_times all_zero;
    (void)state;
    char told[32] = "";
    struct party *p = party_new(told);
    layer.generation = UINT32_MAX;
    tx_client_start(&layer, &p->t, TX_ICT, METHOD_INVITE, STR("z9hG4bKx"), &udp, STR("X"),
                    &long_times, &user);
    assert_int_equal(p->t.generation, 1);
    drain();
    assert_int_equal(sends, 2);
    tx_client_start(&layer, &p->t, TX_ICT, METHOD_INVITE, STR("z9hG4bKx"), &udp, STR("X"),
                    &all_zero, &user);
    drain();
    serve(p, TX_IST, &udp);
    p->t.times = &all_zero;
    respond(p, 486);
    drain();
    assert_string_equal(told, "teteue");
    free(p);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(tx_kind_name(TX_NIST), "nist");
    assert_string_equal(tx_state_name(TX_IDLE), "idle");
    assert_string_equal(tx_state_name(TX_ANSWERED), "answered");
}

/* The storm: everything at once, from a seed. */
enum { CROWD = 40, STEPS = 20000 };

struct storm {
    uint64_t seed, digest;
    struct party *crowd[CROWD];
    char told[CROWD][8];
    unsigned depth;
};

static struct storm storm;

static uint64_t draw(void)
{
    uint64_t z = storm.seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void mix(uint64_t v)
{
    storm.digest = hash_mix(storm.digest, v);
}

static void storm_step(unsigned at);

/* From inside callbacks too, but not for ever. */
static void storm_react(struct party *p)
{
    p->told[0] = 0;
    mix(p->t.state);
    if (storm.depth < 3 && draw() % 2) {
        storm.depth++;
        storm_step(draw() % CROWD);
        storm.depth--;
    }
}

static unsigned place_of(const struct party *p)
{
    unsigned at = 0;
    while (storm.crowd[at] != p)
        at++;
    return at;
}

static void storm_ended(struct party *p)
{
    unsigned at = place_of(p);
    storm.crowd[at] = NULL;
    just_free(p);
    mix(at);
    if (draw() % 4 == 0)
        storm_step(draw() % CROWD);
}

static void storm_start(unsigned at)
{
    struct party *p = storm.crowd[at] = party_new(storm.told[at]);
    const struct flow *flow = draw() % 4 ? &udp : &tcp;
    storm.told[at][0] = 0;
    p->response = p->timeout = p->failed = p->acked = p->unacked = storm_react;
    p->ended = storm_ended;
    switch (draw() % 4) {
    case 0:
        call(p, TX_ICT, flow);
        break;
    case 1:
        call(p, TX_NICT, flow);
        break;
    case 2:
        serve(p, TX_IST, flow);
        break;
    default:
        serve(p, TX_NIST, flow);
    }
}

static void storm_message(struct party *p)
{
    static const uint16_t statuses[] = {100, 180, 200, 202, 302, 486, 503, 603};
    struct msg m = {.request = draw() % 2};
    m.method = draw() % 3 ? p->t.method : METHOD_ACK;
    m.status = m.request ? 0 : statuses[draw() % 8];
    tx_input(&layer, &p->t, &m, NULL);
}

static void storm_use(struct party *p)
{
    static const uint16_t statuses[] = {0, 100, 180, 200, 404, 503, 603, 700};
    unsigned status = statuses[draw() % 8];
    switch (draw() % 8) {
    case 0:
        tx_transport_error(&layer, &p->t, NULL);
        break;
    case 1:
        tx_client_deadline(&layer, &p->t, (uint32_t)(draw() % 200000));
        break;
    case 2:
        tx_client_ack(&layer, &p->t, STR("ACK"));
        break;
    case 3:
        tx_server_ack(&layer, &p->t);
        break;
    case 4:
        tx_respond_local(&layer, &p->t, status, STR("REPLY"));
        break;
    case 5:
        tx_resend(&layer, &p->t);
        break;
    default:
        tx_respond(&layer, &p->t, status, STR("REPLY"));
    }
}

static void storm_step(unsigned at)
{
    struct party *p = storm.crowd[at];
    mix(at);
    if (!p) {
        storm_start(at);
    } else if (draw() % 20 == 0) {
        storm.crowd[at] = NULL;
        stop_and_free(p);
    } else {
        p->fail = draw() % 8 == 0;
        broken = p->fail ? p : NULL;
        if (draw() % 2)
            storm_message(p);
        else
            storm_use(p);
        broken = NULL;
    }
}

static uint64_t storm_run(uint64_t seed)
{
    memset(&storm, 0, sizeof storm);
    storm.seed = seed;
    for (unsigned i = 0; i < STEPS; i++) {
        wheel_advance(&wheel, wheel.now + draw() % 500, NULL);
        storm_step(draw() % CROWD);
    }
    assert_int_equal(layer.live, layer.servers.count + layer.clients.count);
    for (unsigned i = 0; i < CROWD; i++)
        if (storm.crowd[i]) {
            stop_and_free(storm.crowd[i]);
            storm.crowd[i] = NULL;
        }
    assert_int_equal(layer.live, 0);
    assert_int_equal(wheel.armed, 0);
    mix(sends);
    mix(layer.created);
    mix(layer.timeouts);
    mix(layer.ignored);
    return storm.digest;
}

static void a_storm(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t digest[2];
        for (unsigned twice = 0; twice < 2; twice++) {
            digest[twice] = storm_run(seed);
            assert_int_equal(end(state), 0);
            assert_int_equal(begin(state), 0);
        }
        assert_true(digest[0] == digest[1]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(end_is_the_last_call),
        TEST(stop_inside_each_call),
        TEST(start_again_inside_each_call),
        TEST(an_ack_from_inside),
        TEST(an_ack_that_fails_at_once),
        TEST(a_request_that_fails_at_once),
        TEST(a_reply_that_fails_at_once),
        TEST(an_error_inside_a_response),
        TEST(many_starts_inside),
        TEST(handles),
        TEST(stopping_does_no_harm),
        TEST(what_is_not_meant_for_it_is_ignored),
        TEST(deaf_users_are_let_be),
        TEST(extremes),
        TEST(names),
        TEST(a_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
