/* The Request-URI under a script's hands (LANGUAGE 6.1, deviations 6 and 23). */
/* SPDX-License-Identifier: MIT */
#include "tests/lib/unit.h"

#include "core/base/err.h"
#include "core/proxy/call.h"

struct rig {
    struct arena arena;
    struct msg msg;
    struct call call;
};

static struct call *call_for(struct rig *r, const char *uri)
{
    memset(r, 0, sizeof *r);
    arena_init(&r->arena, NULL, 1024);
    r->msg.request = true;
    r->msg.uri = str_from(uri);
    r->call.arena = r->msg.arena = &r->arena;
    r->call.msg = &r->msg;
    r->call.target = (struct target){.uri = r->msg.uri, .q = NO_Q, .socket = NO_SOCKET};
    return &r->call;
}

/* A row: what is done to which URI, and what comes out; NULL: refused, and nothing changes. */
struct row {
    const char *uri;
    enum uri_part part;
    const char *value, *result;
};

static void rewrites_one_part_and_keeps_the_rest(void **state)
{
    static const char full[] = "sip:bob:pw@example.test:5080;transport=udp;x=1?h=v";
    static const struct row rows[] = {
        {full, PART_HOST, "new.test", "sip:bob:pw@new.test:5080;transport=udp;x=1?h=v"},
        {full, PART_HOSTPORT, "new.test:7", "sip:bob:pw@new.test:7;transport=udp;x=1?h=v"},
        {full, PART_HOSTPORT, "new.test", "sip:bob:pw@new.test;transport=udp;x=1?h=v"},
        {full, PART_USER, "carol", "sip:carol:pw@example.test:5080;transport=udp;x=1?h=v"},
        {full, PART_USERPASS, "carol:s", "sip:carol:s@example.test:5080;transport=udp;x=1?h=v"},
        {full, PART_PORT, "1", "sip:bob:pw@example.test:1;transport=udp;x=1?h=v"},
        {full, PART_PORT, "", "sip:bob:pw@example.test;transport=udp;x=1?h=v"},
        {full, PART_PREFIX, "00", "sip:00bob:pw@example.test:5080;transport=udp;x=1?h=v"},
        {"sip:example.test", PART_USER, "carol", "sip:carol@example.test"},
        {"sip:example.test", PART_PREFIX, "00", "sip:00@example.test"},
        {"sip:example.test", PART_PORT, "7", "sip:example.test:7"},
        {"sip:bob@example.test", PART_USER, "", "sip:example.test"},
        {"sips:bob@example.test", PART_HOST, "n.test", "sips:bob@n.test"},
        {"sip:bob@[2001:db8::9]:5070", PART_PORT, "99", "sip:bob@[2001:db8::9]:99"},
        {"sip:bob;phone=x@a.test;user=phone", PART_HOST, "b.test",
         "sip:bob;phone=x@b.test;user=phone"},
        {"tel:+12025550100", PART_HOST, "gw.test", "sip:+12025550100@gw.test"},
        {"tel:+12025550100", PART_HOSTPORT, "gw.test:5", "sip:+12025550100@gw.test:5"},
        {"tel:+12025550100", PART_USER, "123", "tel:123"},
        {"tel:+12025550100", PART_PORT, "5", NULL},
        {"not a uri", PART_HOST, "x", NULL},
        {"sip:bob@a.test", PART_HOST, "",
         "sip:bob@"}, /* as the reference: unreadable from now on */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig r;
        struct call *c = call_for(&r, rows[i].uri);
        int rc = call_rewrite(c, rows[i].part, str_from(rows[i].value));
        assert_int_equal(rc == ERR_OK, rows[i].result != NULL);
        const char *wanted = rows[i].result ? rows[i].result : rows[i].uri;
        assert_int_equal(c->target.uri.len, strlen(wanted));
        assert_memory_equal(c->target.uri.p, wanted, strlen(wanted));
        arena_reset(&r.arena);
    }
}

static void strips_from_either_end(void **state)
{
    static const struct {
        const char *uri;
        unsigned n;
        bool tail;
        const char *result;
    } rows[] = {
        {"sip:bob@a.test", 1, false, "sip:ob@a.test"},
        {"sip:bob@a.test", 1, true, "sip:bo@a.test"},
        {"sip:bob@a.test", 0, true, "sip:bob@a.test"},
        {"sip:bob@a.test", 3, false, "sip:a.test"},
        {"sip:bob@a.test", 9, true, "sip:a.test"},
        {"sip:a.test", 1, false, "sip:a.test"},
        {"sip:bob:pw@a.test", 1, true, "sip:bo:pw@a.test"},
        {"tel:+1202", 2, false, "tel:202"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig r;
        struct call *c = call_for(&r, rows[i].uri);
        assert_int_equal(call_strip(c, rows[i].n, rows[i].tail), ERR_OK);
        assert_int_equal(c->target.uri.len, strlen(rows[i].result));
        assert_memory_equal(c->target.uri.p, rows[i].result, strlen(rows[i].result));
        arena_reset(&r.arena);
    }
}

static void refuses_what_grows_too_long(void **state)
{
    struct rig r;
    char big[1100];
    (void)state;
    memset(big, 'a', sizeof big);
    struct call *c = call_for(&r, "sip:bob@a.test");
    assert_int_equal(call_rewrite(c, PART_USER, str_make(big, sizeof big)), ERR_LIMIT);
    assert_true(str_eq(c->target.uri, STR("sip:bob@a.test")));
    assert_false(c->uri_changed);
    arena_reset(&r.arena);
}

static void reverts_to_what_came_in(void **state)
{
    struct rig r;
    (void)state;
    struct call *c = call_for(&r, "sip:bob@a.test");
    call_rewrite(c, PART_HOST, STR("b.test"));
    assert_true(c->uri_changed);
    call_revert_uri(c);
    assert_true(str_eq(c->target.uri, STR("sip:bob@a.test")));
    assert_false(c->uri_changed);
    arena_reset(&r.arena);
}

static void appending_the_current_branch_clears_its_extras(void **state)
{
    struct rig r;
    (void)state;
    struct call *c = call_for(&r, "sip:bob@a.test");
    call_set_dst_uri(c, STR("sip:proxy.test"));
    c->target.flags = 5;
    c->target.q = 700;
    assert_int_equal(call_append_current(c), ERR_OK);
    assert_int_equal(c->extras, 1);
    assert_true(str_eq(c->extra[0].dst_uri, STR("sip:proxy.test")));
    assert_int_equal(c->extra[0].flags, 5);
    assert_int_equal(c->extra[0].q, NO_Q);
    assert_int_equal(c->target.dst_uri.len, 0);
    assert_int_equal(c->target.flags, 0);
    arena_reset(&r.arena);
}

static void takes_eleven_branches_beside_the_uri(void **state)
{
    struct rig r;
    (void)state;
    struct call *c = call_for(&r, "sip:bob@a.test");
    for (int i = 0; i < CALL_MAX_BRANCHES - 1; i++)
        assert_int_equal(call_append_current(c), ERR_OK);
    assert_int_equal(call_append_current(c), ERR_LIMIT);
    arena_reset(&r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewrites_one_part_and_keeps_the_rest),
        cmocka_unit_test(strips_from_either_end),
        cmocka_unit_test(refuses_what_grows_too_long),
        cmocka_unit_test(reverts_to_what_came_in),
        cmocka_unit_test(appending_the_current_branch_clears_its_extras),
        cmocka_unit_test(takes_eleven_branches_beside_the_uri),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
