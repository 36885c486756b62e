/* Worlds: order of happenings, links, names, workers, reload, what a party repeats. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "core/sim/check.h"
#include "core/sim/explore.h"
#include "core/sim/party.h"
#include "modules/registry.h"

static struct config *script(void)
{
    struct diag d;
    diag_init(&d);
    struct config *c = config_load(module_set(), "tests/sim/calls.cfg", &d);
    diag_free(&d);
    assert_non_null(c);
    return c;
}

static struct addr at(const char *ip)
{
    struct addr a = {.port = 5060, .proto = PROTO_UDP};
    assert_int_equal(ip_parse(&a.ip, str_from(ip)), ERR_OK);
    return a;
}

struct scene {
    struct config *config;
    struct world *w;
    struct party *alice, *bob;
};

static struct party *join(struct world *w, const char *name, const char *ip)
{
    struct party_conf conf = {.name = name, .at = at(ip), .proxy = at("192.0.2.1")};
    struct party *p = party_new(w, &conf);
    assert_non_null(p);
    return p;
}

static void begin(struct scene *s, const struct world_conf *more)
{
    struct world_conf conf = *more;
    s->config = conf.config = script();
    s->w = world_new(&conf, NULL);
    assert_non_null(s->w);
    s->alice = join(s->w, "alice", "192.0.2.10");
    s->bob = join(s->w, "bob", "192.0.2.20");
}

static void end(struct scene *s)
{
    party_free(s->alice);
    party_free(s->bob);
    world_free(s->w);
    config_unref(s->config);
}

static struct got *next_is(struct party *p, const char *what)
{
    char text[40];
    struct got *g = party_next(p);
    assert_non_null(g);
    packet_what(text, sizeof text, g->bytes);
    assert_string_equal(text, what);
    return g;
}

static struct sent *ask(struct leg *l, const char *method)
{
    return leg_request(l, &(struct request_plan){.method = str_from(method)});
}

static void reply(struct got *g, unsigned code)
{
    assert_int_equal(leg_reply(g->leg, g, &(struct reply_plan){.code = code}), ERR_OK);
}

/* ---- a call ---- */

static void test_a_call(void **state)
{
    struct scene s;
    (void)state;
    begin(&s, &(struct world_conf){.seed = 1});
    struct check *k = check_new(s.w);
    struct leg *l = leg_new(s.alice, STR("sip:bob@192.0.2.20"));
    ask(l, "INVITE");
    world_pass(s.w, 100);
    struct got *invite = next_is(s.bob, "INVITE");
    reply(invite, 180);
    reply(invite, 200);
    world_pass(s.w, 100);
    next_is(s.alice, "100 INVITE");
    next_is(s.alice, "180 INVITE");
    next_is(s.alice, "200 INVITE");
    ask(l, "ACK");
    ask(l, "BYE");
    world_pass(s.w, 100);
    next_is(s.bob, "ACK");
    reply(next_is(s.bob, "BYE"), 200);
    world_pass(s.w, 100);
    next_is(s.alice, "200 BYE");
    assert_true(world_settle(s.w, 100000));
    check_end(k);
    assert_int_equal(check_violations(k, NULL), 0);
    check_free(k);
    end(&s);
}

/* Nobody answers: an INVITE is sent 7 times, then its sender gives up. */
static void test_repeats(void **state)
{
    struct scene s;
    (void)state;
    begin(&s, &(struct world_conf){.seed = 1});
    world_link(s.w, NULL, NULL, &(struct link){.cut = true});
    struct sent *sent = ask(leg_new(s.alice, STR("sip:bob@192.0.2.20")), "INVITE");
    world_pass(s.w, 40000);
    assert_int_equal(sent->times, 7);
    assert_true(sent->timed_out);
    end(&s);
}

/* ---- the network ---- */

static void test_links(void **state)
{
    struct scene s;
    unsigned n;
    struct addr from = at("192.0.2.10");
    struct mishap lost = {
        .kind = MISHAP_LOSS, .from = from, .to = at("192.0.2.1"), .what = "OPTIONS", .nth = 2};
    (void)state;
    begin(&s, &(struct world_conf){.seed = 1});
    world_link(s.w, &from, NULL, &(struct link){.delay = 70});
    world_plan(s.w, &lost, 1);
    for (unsigned i = 0; i < 3; i++)
        ask(leg_new(s.alice, STR("sip:bob@192.0.2.20")), "OPTIONS");
    world_pass(s.w, 70);
    assert_null(party_next(s.bob));
    world_pass(s.w, 100);
    next_is(s.bob, "OPTIONS");
    next_is(s.bob, "OPTIONS");
    assert_null(party_next(s.bob));
    assert_int_equal(world_mishaps(s.w, &n)[0].nth, 2);
    assert_int_equal(n, 1);
    end(&s);
}

static void test_crash_and_icmp(void **state)
{
    struct scene s;
    (void)state;
    begin(&s, &(struct world_conf){.seed = 1});
    party_crash(s.bob, true);
    ask(leg_new(s.alice, STR("sip:bob@192.0.2.20")), "MESSAGE");
    world_pass(s.w, 10);
    next_is(s.alice, "500 MESSAGE"); /* a 503 does not go up */
    party_start(s.bob);
    ask(leg_new(s.alice, STR("sip:bob@192.0.2.20")), "MESSAGE");
    world_pass(s.w, 10);
    next_is(s.bob, "MESSAGE");
    end(&s);
}

static void test_names(void **state)
{
    struct scene s;
    (void)state;
    begin(&s, &(struct world_conf){.seed = 1});
    assert_int_equal(world_dns(s.w, STR("bob.example.net A 192.0.2.20")), ERR_OK);
    assert_int_equal(world_dns(s.w, STR("bob.example.net A nowhere")), ERR_SYNTAX);
    world_dns_server(s.w, false, 50);
    ask(leg_new(s.alice, STR("sip:bob@bob.example.net")), "MESSAGE");
    world_pass(s.w, 200);
    next_is(s.bob, "MESSAGE");
    assert_true(world_counts(s.w)->lookups > 0);
    end(&s);
}

/* ---- workers, versions, bounds ---- */

static void test_workers(void **state)
{
    struct scene s;
    (void)state;
    begin(&s, &(struct world_conf){.seed = 1, .workers = 4});
    for (unsigned i = 0; i < 20; i++)
        ask(leg_new(s.alice, STR("sip:bob@192.0.2.20")), "MESSAGE");
    world_pass(s.w, 100);
    for (unsigned i = 0; i < 20; i++)
        reply(next_is(s.bob, "MESSAGE"), 200);
    world_pass(s.w, 100);
    for (unsigned i = 0; i < 20; i++)
        next_is(s.alice, "200 MESSAGE");
    assert_true(world_counts(s.w)->handed_over > 0);
    assert_int_equal(world_restart(s.w, 1), ERR_OK);
    end(&s);
}

static void test_reload(void **state)
{
    struct scene s;
    char text[256];
    struct buf why;
    (void)state;
    begin(&s, &(struct world_conf){.seed = 1});
    buf_fixed(&why, text, sizeof text);
    ask(leg_new(s.alice, STR("sip:bob@192.0.2.20")), "MESSAGE");
    world_pass(s.w, 10);
    assert_int_equal(world_reload(s.w, script(), &why), ERR_OK);
    assert_int_equal(world_reload(s.w, script(), &why), ERR_OK);
    reply(next_is(s.bob, "MESSAGE"), 200);
    world_pass(s.w, 10);
    next_is(s.alice, "200 MESSAGE");
    end(&s);
}

static void test_endless(void **state)
{
    struct scene s;
    (void)state;
    begin(&s, &(struct world_conf){.seed = 1, .most_steps = 50});
    assert_int_equal(world_pass(s.w, 10000), STOP_TIME);
    assert_int_equal(world_pass(s.w, 1000000000), STOP_ENDLESS);
    end(&s);
}

/* ---- rules ---- */

/* Somebody plays us and breaks a rule: it is seen. */
static void test_a_broken_rule(void **state)
{
    struct scene s;
    const struct violation *v;
    (void)state;
    begin(&s, &(struct world_conf){.seed = 1, .most_steps = 1000000});
    struct check *k = check_new(s.w);
    ask(leg_new(s.alice, STR("sip:bob@192.0.2.20")), "INVITE");
    world_pass(s.w, 100);
    check_end(k); /* far too early: the transaction lives */
    assert_true(check_violations(k, &v) > 0);
    assert_string_equal(v[0].rule, "final-in-time");
    check_free(k);
    end(&s);
}

/* The packets that came to the proxy, in their order. */
struct order {
    char text[64];
};

static void note_order(void *user, const struct packet *p, enum packet_fate fate)
{
    struct order *o = user;
    size_t n = strlen(o->text);
    if (fate == PACKET_DELIVERED && !p->from_engine)
        snprintf(o->text + n, sizeof o->text - n, "%.1s", p->bytes.p);
}

/* Three requests at once, in the order of sending and in others. */
static void test_orders(void **state)
{
    static const struct {
        unsigned nth, which;
        const char *order;
    } rows[] = {{1, 0, "OMI"}, {1, 1, "MOI"}, {1, 2, "IOM"}, {2, 1, "OIM"}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene s;
        struct order o = {""};
        struct observer watch = {.user = &o, .packet = note_order};
        const struct mishap turn = {.kind = MISHAP_ORDER, .nth = rows[i].nth, .ms = rows[i].which};
        unsigned n;
        begin(&s, &(struct world_conf){.seed = 1});
        world_watch_order(s.w);
        world_plan(s.w, &turn, rows[i].which ? 1 : 0);
        world_observe(s.w, &watch);
        ask(leg_new(s.alice, STR("sip:bob@192.0.2.20")), "OPTIONS");
        ask(leg_new(s.alice, STR("sip:bob@192.0.2.20")), "MESSAGE");
        ask(leg_new(s.alice, STR("sip:bob@192.0.2.20")), "INVITE");
        world_pass(s.w, 1);
        assert_string_equal(o.text, rows[i].order);
        assert_int_equal(world_moments(s.w, &n)[0], 3);
        assert_int_equal(world_moments(s.w, &n)[1], 2);
        world_ignore(s.w, &watch);
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call),        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_links),         cmocka_unit_test(test_crash_and_icmp),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_workers),
        cmocka_unit_test(test_reload),        cmocka_unit_test(test_endless),
        cmocka_unit_test(test_a_broken_rule), cmocka_unit_test(test_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
