/* msg_scan, msg_check and the accessors. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/sip_help.h"

static const char invite[] = HEAD(
    "INVITE") "v: SIP/2.0/TCP 192.0.2.7 ;branch=z9hG4bKb, SIP/2.0/UDP h\r\n"
              "Max-Forwards: 70\r\n" REST("INVITE") "m: \"A, B\" <sip:a,b@h>, sip:c@d;q=0.5\r\n"
                                                    "X-One: 1\r\nx-ONE: 2\r\n"
                                                    "Subject : folded\r\n  text \r\n"
                                                    "Content-Length: 5\r\n\r\nhelloGARBAGE";

static void test_index(void **state)
{
    struct arena a;
    struct msg m;
    (void)state;
    arena_init(&a, NULL, 512);
    assert_int_equal(scan_text(&m, &a, invite), ERR_OK);
    assert_int_equal(m.fault.code, 0);
    assert_int_equal(msg_check(&m).code, 0);
    assert_true(m.request && m.method == METHOD_INVITE);
    assert_str(m.method_text, "INVITE");
    assert_str(m.uri, "sip:bob@example.com");
    assert_str(m.version, "SIP/2.0");
    assert_str(m.via.branch, "z9hG4bKa");
    assert_str(m.via.host, "192.0.2.1");
    assert_int_equal(m.via.port, 5060);
    assert_str(m.call_id, "c1@host");
    assert_str(m.from_tag, "f1");
    assert_str(m.to_tag, "");
    assert_str(m.cseq_number, "7");
    assert_str(m.cseq_method, "INVITE");
    assert_int_equal(m.cseq, 7);
    assert_str(m.body, "hello");
    assert_true(m.raw.len == sizeof invite - 1 - strlen("GARBAGE"));
    assert_int_equal(m.count, 12);
    arena_reset(&a);
}

static void test_lookup(void **state)
{
    struct arena a;
    struct msg m;
    (void)state;
    arena_init(&a, NULL, 512);
    scan_text(&m, &a, invite);
    const struct hdr *h = msg_header_named(&m, STR("CONTACT"), NULL);
    assert_non_null(h);
    assert_str(h->name, "m");
    assert_null(msg_header_named(&m, STR("Contact"), h));
    h = msg_header_named(&m, STR("X-One"), NULL);
    assert_str(h->value, "1");
    h = msg_header_named(&m, STR("X-One"), h);
    assert_str(h->value, "2");
    assert_null(msg_header_named(&m, STR("X-One"), h));
    assert_null(msg_header_named(&m, STR("X-Two"), NULL));
    assert_str(msg_header(&m, HDR_SUBJECT)->value, "folded\r\n  text");
    assert_str(msg_header(&m, HDR_SUBJECT)->line, "Subject : folded\r\n  text \r\n");
    h = msg_header(&m, HDR_VIA);
    assert_str(msg_header_next(&m, h)->name, "v");
    assert_null(msg_header(&m, HDR_ROUTE));
    arena_reset(&a);
}

static void test_values(void **state)
{
    static const char *const vias[] = {"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
                                       "SIP/2.0/TCP 192.0.2.7 ;branch=z9hG4bKb", "SIP/2.0/UDP h"};
    struct arena a;
    struct msg m;
    struct value_iter it = {.started = false};
    (void)state;
    arena_init(&a, NULL, 512);
    scan_text(&m, &a, invite);
    for (size_t i = 0; i < 3; i++) {
        assert_true(msg_value_next(&m, HDR_VIA, &it));
        assert_str(it.text, vias[i]);
    }
    assert_false(msg_value_next(&m, HDR_VIA, &it));
    it = (struct value_iter){.started = false};
    assert_true(msg_value_next(&m, HDR_CONTACT, &it));
    assert_str(it.text, "\"A, B\" <sip:a,b@h>");
    assert_true(msg_value_next(&m, HDR_CONTACT, &it));
    assert_str(it.text, "sip:c@d;q=0.5");
    assert_false(msg_value_next(&m, HDR_CONTACT, &it));
    it = (struct value_iter){.started = false};
    assert_false(msg_value_next(&m, HDR_ROUTE, &it));
    assert_str(msg_from(&m)->uri, "sip:alice@example.com");
    assert_ptr_equal(msg_to(&m), msg_to(&m));
    assert_str(msg_uri(&m)->host, "example.com");
    arena_reset(&a);
}

/* Every name of the list, in any case and in its compact form. */
static void test_names(void **state)
{
    static const struct {
        enum hdr_id id;
        const char *name;
        char compact;
    } all[] = {
#define HDR(id, name, compact, flags, source) {HDR_##id, name, compact},
#include "core/sip/header.def"
#undef HDR
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char text[64];
        size_t n = strlen(all[i].name);
        assert_true(n < sizeof text);
        for (size_t k = 0; k < n; k++)
            text[k] = (char)(i % 2 ? ascii_lower(all[i].name[k]) : all[i].name[k]);
        assert_int_equal(hdr_lookup(str_make(text, n)), all[i].id);
        assert_string_equal(hdr_name(all[i].id), all[i].name);
        text[n - 1] ^= 1;
        assert_int_equal(hdr_lookup(str_make(text, n)), HDR_OTHER);
        char upper = (char)(all[i].compact ^ 0x20);
        if (all[i].compact) {
            assert_int_equal(hdr_lookup(str_make(&all[i].compact, 1)), all[i].id);
            assert_int_equal(hdr_lookup(str_make(&upper, 1)), all[i].id);
        }
    }
    assert_int_equal(hdr_lookup(STR("Call\rID")), HDR_OTHER);
    assert_int_equal(hdr_lookup(STR("")), HDR_OTHER);
    assert_int_equal(hdr_lookup(STR("q")), HDR_OTHER);
    assert_string_equal(hdr_name(HDR_OTHER), "");
    assert_int_equal(method_lookup(STR("INVITE")), METHOD_INVITE);
    assert_int_equal(method_lookup(STR("invite")), METHOD_OTHER);
    assert_string_equal(method_name(METHOD_PUBLISH), "PUBLISH");
    assert_string_equal(method_name(METHOD_OTHER), "");
}

/* What each of these is: -1 dropped, else the code of msg_check. */
static void test_verdicts(void **state)
{
    static const struct {
        int want;
        const char *text;
    } cases[] = {
        {0, HEAD("OPTIONS") REST("OPTIONS") "\r\n"},
        {0, "\r\n\r\n" HEAD("OPTIONS") REST("OPTIONS") "\r\n"},
        {0, HEAD("OPTIONS") REST("OPTIONS") "Content-Length: 0\n\n"},
        {0, HEAD("WIBBLE") REST("WIBBLE") "\r\n"},
        {0, HEAD("OPTIONS") REST("OPTIONS") "X:\r\n \r\n \r\n\r\n"},
        {400, HEAD("OPTIONS") REST("OPTIONS") "X: a\n b\r\n\r\n"},
        {400, HEAD("OPTIONS") REST("OPTIONS") "X: a\rY: b\r\n\r\n"},
        {400, HEAD("OPTIONS") REST("OPTIONS")},
        {400, HEAD("OPTIONS") REST("OPTIONS") "X: cut"},
        {400, HEAD("OPTIONS") REST("OPTIONS") "no colon\r\n\r\n"},
        {400, HEAD("OPTIONS") REST("OPTIONS") ": no name\r\n\r\n"},
        {400, HEAD("OPTIONS") REST("INVITE") "\r\n"},
        {400, HEAD("OPTIONS") REST("OPTIONS") "Call-ID: twice\r\n\r\n"},
        {400, HEAD("OPTIONS") REST("OPTIONS") "l: 0\r\nContent-Length: 0\r\n\r\n"},
        {400, HEAD("OPTIONS") REST("OPTIONS") "l: 4\r\n\r\nabc"},
        {400, HEAD("OPTIONS") REST("OPTIONS") "l: 4294967299\r\n\r\nabc"},
        {400, HEAD("OPTIONS") REST("OPTIONS") "Max-Forwards: 256\r\n\r\n"},
        {400, HEAD("OPTIONS") "To: <sip:a@b>\r\nCSeq: 1 OPTIONS\r\nCall-ID: x\r\n\r\n"},
        {420, HEAD("OPTIONS") REST("OPTIONS") "Proxy-Require: foo, bar\r\n\r\n"},
        {505, "OPTIONS sip:a@b SIP/3.0\r\nVia: SIP/3.0/UDP h\r\n" REST("OPTIONS") "\r\n"},
        {0, "OPTIONS urn:x:y SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n" REST("OPTIONS") "\r\n"},
        {400, "OPTIONS bob SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n" REST("OPTIONS") "\r\n"},
        {-1, "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/3.0/UDP h\r\n" REST("OPTIONS") "\r\n"},
        {-1, "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/XYZ h\r\n" REST("OPTIONS") "\r\n"},
        {-1, "OPTIONS sip:a@b SIP/2.0\r\n" REST("OPTIONS") "\r\n"},
        {-1, "OPTIONS sip:a@b\r\nVia: SIP/2.0/UDP h\r\n\r\n"},
        {-1, "GET / HTTP/1.1\r\n\r\n"},
        {-1, "\r\n\r\n"},
        {-1, ""},
        {0, "SIP/2.0 200\r\nVia: SIP/2.0/UDP h\r\n" REST("OPTIONS") "\r\n"},
        {0, "sip/2.0 404 Not: found\r\nVia: SIP/2.0/UDP h\r\n" REST("OPTIONS") "\r\n"},
        {-1, "SIP/2.0 2000 OK\r\nVia: SIP/2.0/UDP h\r\n" REST("OPTIONS") "\r\n"},
        {-1, "SIP/2.0 700 No\r\nVia: SIP/2.0/UDP h\r\n" REST("OPTIONS") "\r\n"},
        {-1, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nCSeq: x\r\n\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct msg m;
        arena_init(&a, NULL, 512);
        int got = scan_text(&m, &a, cases[i].text) ? -1 : msg_check(&m).code;
        if (got != cases[i].want)
            fail_msg("%d instead of %d for\n%s", got, cases[i].want, cases[i].text);
        arena_reset(&a);
    }
}

/* A NUL is let through as a quoted pair and nowhere else, and ends nothing. */
static void test_nul(void **state)
{
    static const char good[] = HEAD("OPTIONS") REST("OPTIONS") "X: \"a\\\0b\"\r\nY: 1\r\n\r\n\0";
    static const char bad[] = HEAD("OPTIONS") REST("OPTIONS") "X: a\\\0b\r\nY: 1\r\n\r\n";
    struct arena a;
    struct msg m;
    (void)state;
    arena_init(&a, NULL, 512);
    assert_int_equal(msg_scan(&m, &a, str_make(good, sizeof good - 1)), ERR_OK);
    assert_int_equal(m.fault.code, 0);
    assert_non_null(msg_header_named(&m, STR("Y"), NULL));
    assert_int_equal(m.body.len, 1);
    assert_int_equal(msg_scan(&m, &a, str_make(bad, sizeof bad - 1)), ERR_OK);
    assert_int_equal(m.fault.code, 400);
    arena_reset(&a);
}

/* Header rows and Vias up to their limits and one more. */
static void run_limit(const char *row, unsigned n, int want)
{
    struct arena a;
    struct msg m;
    struct buf b;
    arena_init(&a, NULL, 512);
    buf_init(&b, &a, 1024);
    buf_add(&b, STR(HEAD("OPTIONS") REST("OPTIONS")));
    for (unsigned i = 0; i < n; i++)
        buf_add(&b, str_from(row));
    buf_add(&b, STR("\r\n"));
    assert_int_equal(msg_scan(&m, &a, buf_str(&b)), ERR_OK);
    assert_int_equal(msg_check(&m).code, want);
    arena_reset(&a);
}

static void test_limits(void **state)
{
    (void)state;
    run_limit("Y-Y: y\r\n", MSG_MAX_HEADERS - 5, 0);
    run_limit("Y-Y: y\r\n", MSG_MAX_HEADERS - 4, 400);
    run_limit("Via: SIP/2.0/UDP h\r\n", MSG_MAX_VIAS - 1, 0);
    run_limit("Via: SIP/2.0/UDP h\r\n", MSG_MAX_VIAS, 400);
}

static void test_reply(void **state)
{
    struct arena a;
    struct msg m;
    (void)state;
    arena_init(&a, NULL, 512);
    assert_int_equal(
        scan_text(&m, &a,
                  "SIP/2.0 180 Ringing away\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n"
                  "From: \"x;tag=no\" <sip:a;tag=no@b>;x=\"tag=q;tag=r\" ; tag = yes\r\n"
                  "To: sip:c@d;tag=t;x\r\nCall-ID: i\r\nCSeq: 00012\r\n INVITE\r\n\r\n"),
        ERR_OK);
    assert_false(m.request);
    assert_int_equal(m.status, 180);
    assert_str(m.reason, "Ringing away");
    assert_str(m.from_tag, "yes");
    assert_str(m.to_tag, "t");
    assert_int_equal(m.cseq, 12);
    assert_int_equal(m.method, METHOD_INVITE);
    assert_null(msg_uri(&m));
    arena_reset(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index),    cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_values),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_verdicts), cmocka_unit_test(test_nul),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
