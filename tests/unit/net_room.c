/* New requests that wait: nothing is lost, changed or reordered, whatever the sizes. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/net/room.h"

enum { MOST = 65536 };

static const struct addr src = {.proto = PROTO_UDP, .port = 5060, .ip = {.family = 4, .b = {192}}};

/* Number n's bytes: its length and every byte follow from n. */
static size_t fill(char *out, unsigned n)
{
    size_t len = n % 17 == 0 ? MOST - n % 1000 : (n * 2654435761u) % 1500;
    memset(out, (char)n, len);
    return len;
}

static void put(struct room *r, char *scratch, unsigned n, bool fits)
{
    struct str bytes = str_make(scratch, fill(scratch, n));
    assert_int_equal(room_add(r, n * 10, &src, (uint16_t)(n % 100), bytes), fits);
}

static void take(struct room *r, char *scratch, unsigned n)
{
    const struct room_entry *e = room_first(r);
    assert_non_null(e);
    assert_int_equal(e->len, fill(scratch, n));
    assert_memory_equal(e->bytes, scratch, e->len);
    assert_int_equal(e->came, n * 10);
    assert_int_equal(e->socket, n % 100);
    assert_true(addr_eq(&e->src, &src));
    room_next(r);
}

static void test_first_come_first_out(void **state)
{
    static char scratch[MOST];
    struct room r = {0};
    unsigned in = 0, out = 0;
    (void)state;
    assert_null(room_first(&r));
    for (unsigned round = 0; round < 3000; round++) { /* 100 times around, at all fillings */
        for (unsigned i = round * 7 % 61; i && r.count < 150; i--)
            put(&r, scratch, in++, true);
        for (unsigned i = round * 11 % 61; i && out < in; i--)
            take(&r, scratch, out++);
    }
    while (out < in)
        take(&r, scratch, out++);
    assert_null(room_first(&r));
    assert_true(in > 50000);
    room_free(&r);
}

/* Full is full, in one piece and in two, and then there is room again. */
static void test_full(void **state)
{
    static char scratch[MOST];
    struct room r = {0};
    unsigned in = 0, out = 0;
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        struct str bytes;
        while (bytes = str_make(scratch, fill(scratch, in)),
               room_add(&r, in * 10, &src, (uint16_t)(in % 100), bytes))
            in++;
        put(&r, scratch, in, false);
        assert_true(r.count > 300);
        for (unsigned i = 0; i < 100; i++)
            take(&r, scratch, out++);
    }
    while (out < in)
        take(&r, scratch, out++);
    static char big[ROOM_BYTES];
    assert_false(room_add(&r, 0, &src, 0, str_make(big, sizeof big)));
    room_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_come_first_out),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
