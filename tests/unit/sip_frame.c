/* Stream framing: each message at every split point, and what closes a connection. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/frame.h"
#include "tests/unit/sip_help.h"

enum { MAX = 2000, MANY = 300 };

/* Feeds two pieces, then what is left, and writes a letter a result: M, P(ing), p(ong), X for bad.
 */
static void feed(struct str bytes, size_t split, char *out)
{
    struct frame f = {0};
    size_t from = 0, have = split, n = 0, length;
    for (;;) {
        switch (frame_next(&f, str_sub(bytes, from, have), MAX, &length)) {
        case FRAME_MORE:
            if (have == bytes.len) {
                out[n] = 0;
                return;
            }
            have = bytes.len;
            continue;
        case FRAME_MESSAGE:
            out[n++] = 'M';
            break;
        case FRAME_PING:
            out[n++] = 'P';
            break;
        case FRAME_PONG:
            out[n++] = 'p';
            break;
        case FRAME_BAD:
            out[n++] = 'X';
            out[n] = 0;
            assert_int_equal(length, 0);
            return;
        }
        from += length;
    }
}

#define OPTIONS "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n"

static void test_splits(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {OPTIONS "Content-Length: 0\r\n\r\n", "M"},
        {OPTIONS "l:3\r\n\r\nabc" OPTIONS "L : 0\r\n\r\n", "MM"},
        {OPTIONS "Content-Length:\r\n 3\r\n\t\r\n\r\nabc", "M"},
        {"\r\n\r\n" OPTIONS "l: 0\r\n\r\n\r\n" OPTIONS "l: 0\r\n\r\n\r\n\r\n", "PMpMP"},
        {"SIP/2.0 200 OK\r\nl: 5\r\n\r\n\r\n\r\nxSIP/2.0 100\r\nl: 0\r\n\r\n", "MM"},
        {OPTIONS "\r\n", "X"},
        {OPTIONS "l: 3\r\nContent-Length: 3\r\n\r\nabc", "X"},
        {OPTIONS "l: -1\r\n\r\n", "X"},
        {OPTIONS "l: +1\r\n\r\n", "X"},
        {OPTIONS "l: 0x1\r\n\r\n", "X"},
        {OPTIONS "l: 1 1\r\n\r\n", "X"},
        {OPTIONS "l:\r\n\r\n", "X"},
        {OPTIONS "l: 4294967296\r\n\r\n", "X"},
        {OPTIONS "l: 18446744073709551616\r\n\r\n", "X"},
        {OPTIONS "l: 1990\r\n\r\n", "X"},
        {OPTIONS "l: 5\n\nOPTIONS", "X"},
        {OPTIONS "X: a\rb\r\nl: 0\r\n\r\n", "X"},
        {OPTIONS "X: a\nl: 0\r\n\r\n", "X"},
        {"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "X"},
        {"junk\r\nl: 0\r\n\r\n", "X"},
        {"\nOPTIONS", "X"},
        {"\rOPTIONS", "X"},
        {" OPTIONS", "X"},
        {"\x16\x03\x01", "X"},
        {"\r\n", ""},
        {OPTIONS, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str bytes = str_from(cases[i].text);
        for (size_t split = 0; split <= bytes.len; split++) {
            char got[MANY];
            feed(bytes, split, got);
            if (strcmp(got, cases[i].want) != 0)
                fail_msg("%s instead of %s at %zu of:\n%s", got, cases[i].want, split,
                         cases[i].text);
        }
    }
}

/* A byte at a time, with each byte looked at once. */
static void test_bytewise(void **state)
{
    static const char text[] = OPTIONS "X: y\r\nContent-Length: 4\r\n\r\nbody";
    struct frame f = {0};
    size_t length, seen = 0;
    (void)state;
    for (size_t n = 1; n < sizeof text - 1; n++) {
        assert_int_equal(frame_next(&f, str_make(text, n), MAX, &length), FRAME_MORE);
        assert_true(f.seen >= seen && f.seen <= n);
        seen = f.seen;
    }
    assert_int_equal(frame_next(&f, str_make(text, sizeof text - 1), MAX, &length), FRAME_MESSAGE);
    assert_int_equal(length, sizeof text - 1);
}

/* A head without end is not read for ever. */
static void test_limit(void **state)
{
    static char text[MAX + 10] = "OPTIONS sip:a SIP/2.0\r\nX: ";
    struct frame f = {0};
    size_t length, start = strlen(text);
    (void)state;
    memset(text + start, 'x', sizeof text - start);
    assert_int_equal(frame_next(&f, str_make(text, MAX - 1), MAX, &length), FRAME_MORE);
    assert_int_equal(frame_next(&f, str_make(text, MAX + 1), MAX, &length), FRAME_BAD);
    f = (struct frame){0};
    assert_int_equal(frame_next(&f, STR_NONE, MAX, &length), FRAME_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_bytewise),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
