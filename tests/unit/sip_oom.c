/* core/sip with failing allocations: the k-th alone, and all from the k-th on. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/digest.h"
#include "tests/unit/failing_malloc.h"
#include "tests/unit/sip_help.h"

static const char text[] = HEAD("INVITE")
    REST("INVITE") "Contact: \"A\" <sip:a@h>;q=0.5\r\nRoute: <sip:r;lr>\r\n"
                   "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n\"\r\n"
                   "A-A: 1\r\nA-A: 1\r\nA-A: 1\r\nA-A: 1\r\nA-A: 1\r\nA-A: 1\r\n"
                   "A-A: 1\r\nA-A: 1\r\nA-A: 1\r\nA-A: 1\r\nA-A: 1\r\nA-A: 1\r\n"
                   "A-A: 1\r\nA-A: 1\r\nA-A: 1\r\nA-A: 1\r\nA-A: 1\r\nA-A: 1\r\n"
                   "Content-Length: 2\r\n\r\nhi";

static void render(struct buf *out, const struct edit *e, const struct send_info *info)
{
    (void)info;
    buf_add(out, str_make(e->arg, e->arg_size));
}

static void write_all(struct msg *m, struct arena *a)
{
    struct send_info info = {.src = {.port = 5060, .proto = PROTO_UDP}};
    struct edits l = {0}, copy;
    struct buf b;
    struct reply_out r = {.code = 200, .reason = STR("OK")};
    edits_insert(&l, a, 40, STR("X: y\r\n"), EDIT_PLAIN);
    edits_replace(&l, a, m->raw.len - 1, 1, STR("o"));
    edits_render(&l, a, 40, render, "Y: z\r\n", 6, EDIT_LATE);
    edits_copy(&copy, &l, a);
    struct request_out o = {
        .uri = m->uri, .via_branch = STR("z9hG4bKx"), .edits = &copy, .info = &info};
    buf_init(&b, a, 16);
    build_request(&b, m, &o);
    buf_init(&b, a, 16);
    build_reply(&b, m, &r);
    buf_init(&b, a, 16);
    build_ack(&b, a, m->raw, m, STR_NONE);
    buf_init(&b, a, 16);
    build_cancel(&b, a, m->raw, STR("User-Agent: x"));
}

/* Everything with one arena, whose first block decides where later ones are needed; whatever fails,
 * nothing breaks. */
static void run(size_t first)
{
    struct arena a;
    struct msg m;
    struct digest d;
    arena_init(&a, NULL, first);
    int rc = msg_scan(&m, &a, str_make(text, sizeof text - 1));
    assert_true(rc == ERR_OK || rc == ERR_NOMEM);
    if (rc == ERR_OK) {
        struct fault f = msg_check(&m);
        assert_true(f.code == 0 || f.code == 500);
        msg_from(&m);
        msg_to(&m);
        msg_uri(&m);
        rc = digest_parse(&d, msg_header(&m, HDR_AUTHORIZATION)->value);
        assert_true(rc == ERR_OK || rc == ERR_NOMEM);
        write_all(&m, &a);
    }
    arena_reset(&a);
}

/* Fails one allocation after the other until there are no more; returns how many there were. */
static unsigned fail_each(size_t first)
{
    unsigned k = 1;
    do {
        memory.failures = 0;
        memory.countdown = ++k;
        run(first);
        memory.countdown = 0;
    } while (memory.failures);
    return k - 2;
}

static void test_every_allocation(void **state)
{
    unsigned count = 0;
    (void)state;
    for (int good = 0; good < 2; good++) {
        memory.for_good = good;
        for (size_t first = 512; first < 8192; first += 48)
            count += fail_each(first);
    }
    print_message("%u allocations failed in turn\n", count);
    assert_true(!OWN_MALLOC || count > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
