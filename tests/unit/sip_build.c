/* What goes out, byte for byte. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/sip_help.h"

struct fixture {
    struct arena a;
    struct msg m;
    struct send_info info;
    struct edits edits;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.info = {.src = {.port = 15060, .proto = PROTO_UDP}}};
    ip_parse(&f.info.src.ip, STR("127.0.0.1"));
    arena_init(&f.a, NULL, 512);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    arena_reset(&((struct fixture *)*state)->a);
    return 0;
}

/* Receives text from ip:port. */
static void receive(struct fixture *f, const char *text, const char *ip, uint16_t port)
{
    assert_int_equal(scan_text(&f->m, &f->a, text), ERR_OK);
    f->m.src = (struct addr){.port = port, .proto = PROTO_UDP};
    assert_int_equal(ip_parse(&f->m.src.ip, str_from(ip)), ERR_OK);
}

static void relay(struct fixture *f, const char *uri, const char *want)
{
    struct buf b;
    struct request_out o = {
        .uri = str_from(uri), .via_branch = STR("z9hG4bKo"), .edits = &f->edits, .info = &f->info};
    buf_init(&b, &f->a, 64);
    build_request(&b, &f->m, &o);
    assert_str(buf_str(&b), want);
}

static size_t line_of(struct fixture *f, const char *name)
{
    return (size_t)(msg_header_named(&f->m, str_from(name), NULL)->line.p - f->m.raw.p);
}

#define TAIL                                                                                       \
    "From: <sip:a@b>;tag=1\r\nTo:\r\n <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 MESSAGE\r\n"              \
    "X-One: 1\r\nContent-Length: 2\r\n\r\nhi"
#define OURS "Via: SIP/2.0/UDP 127.0.0.1:15060;branch=z9hG4bKo\r\n"

static void test_plain(void **state)
{
    struct fixture *f = *state;
    receive(f, "MESSAGE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9:7\r\n" TAIL "extra",
            "127.0.0.9", 7);
    relay(f, "sip:x@y", "MESSAGE sip:x@y SIP/2.0\r\n" OURS "Via: SIP/2.0/UDP 127.0.0.9:7\r\n" TAIL);
    f->info.host = STR("adv.test");
    f->info.port = 99;
    f->info.src.proto = PROTO_TLS;
    relay(f, "sip:x@y",
          "MESSAGE sip:x@y SIP/2.0\r\nVia: SIP/2.0/TLS adv.test:99;branch=z9hG4bKo\r\n"
          "Via: SIP/2.0/UDP 127.0.0.9:7\r\n" TAIL);
}

static void test_ipv6(void **state)
{
    struct fixture *f = *state;
    receive(f, "MESSAGE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n" TAIL, "2001:db8::7", 7);
    ip_parse(&f->info.src.ip, STR("2001:db8::1"));
    relay(f, "sip:x@y",
          "MESSAGE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::1]:15060;branch=z9hG4bKo\r\n"
          "Via: SIP/2.0/UDP h;received=2001:db8::7\r\n" TAIL);
}

/* received and rport of the Via below ours, as RFC 3261 18.2.1 and RFC 3581 ask and where the
 * reference puts them. */
static void test_stamps(void **state)
{
    static const struct {
        const char *via, *relayed, *answered;
        bool force;
    } cases[] = {
        {"127.0.0.9:7;branch=b", "127.0.0.9:7;branch=b", "127.0.0.9:7;branch=b", false},
        {"h.test;branch=b", "h.test;received=127.0.0.9;branch=b",
         "h.test;branch=b;received=127.0.0.9", false},
        {"h", "h;received=127.0.0.9", "h;received=127.0.0.9", false},
        {"127.0.0.9:1;rport;branch=b", "127.0.0.9:1;rport=4242;branch=b",
         "127.0.0.9:1;rport=4242;branch=b", false},
        {"10.1.1.1:9;rport;branch=b", "10.1.1.1:9;received=127.0.0.9;rport=4242;branch=b",
         "10.1.1.1:9;rport=4242;branch=b;received=127.0.0.9", false},
        {"127.0.0.9;branch=b", "127.0.0.9;rport=4242;branch=b", "127.0.0.9;branch=b;rport=4242",
         true},
        {"h;branch=b", "h;received=127.0.0.9;rport=4242;branch=b",
         "h;branch=b;rport=4242;received=127.0.0.9", true},
        {"h;received=9.9.9.9;rport=17;branch=b", "h;received=127.0.0.9;rport=4242;branch=b",
         "h;received=127.0.0.9;rport=4242;branch=b", false},
        {"h;rport = 17;received = 9.9.9.9", "h;rport = 4242;received = 127.0.0.9",
         "h;rport = 4242;received = 127.0.0.9", false},
        {"h;received=127.0.0.9;rport=4242", "h;received=127.0.0.9;rport=4242",
         "h;received=127.0.0.9;rport=4242", false},
        {"[2001:db8::9] : 5 (c)", "[2001:db8::9] : 5;received=127.0.0.9 (c)",
         "[2001:db8::9] : 5;received=127.0.0.9 (c)", false},
        {"h;a=b, SIP/2.0/UDP i", "h;received=127.0.0.9;a=b, SIP/2.0/UDP i",
         "h;a=b;received=127.0.0.9, SIP/2.0/UDP i", false},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reply_out r = {.code = 100, .reason = STR("Trying")};
        char text[512], want[512];
        struct buf b;
        snprintf(text, sizeof text, "MESSAGE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\n" TAIL,
                 cases[i].via);
        receive(f, text, "127.0.0.9", 4242);
        f->m.force_rport = cases[i].force;
        snprintf(want, sizeof want,
                 "MESSAGE sip:x@y SIP/2.0\r\n" OURS "Via: SIP/2.0/UDP %s\r\n" TAIL,
                 cases[i].relayed);
        relay(f, "sip:x@y", want);
        snprintf(want, sizeof want,
                 "SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP %s\r\nFrom: <sip:a@b>;tag=1\r\n"
                 "To:\r\n <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
                 cases[i].answered);
        buf_init(&b, &f->a, 64);
        build_reply(&b, &f->m, &r);
        assert_str(buf_str(&b), want);
    }
}

static void test_uri(void **state)
{
    static const char *const cases[][2] = {
        {"sip:a@b?Route=%3Csip:c%3E", "sip:a@b"},
        {"sip:a@b:5;x;method=REGISTER;y=z?h=i", "sip:a@b:5;x;y=z"},
        {"sip:a?b@c", "sip:a?b@c"},
        {"sip:a@[2001:db8:::192.0.2.1]:5;lr", "sip:a@[2001:db8::192.0.2.1]:5;lr"},
        {"tel:+1;method=x", "tel:+1;method=x"},
        {"not a uri", "not a uri"},
        {"sip:a@b\r\nX: y", "sip:a@b%0D%0AX: y"},
    };
    struct fixture *f = *state;
    receive(f, "MESSAGE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9\r\n" TAIL, "127.0.0.9", 5060);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[512];
        snprintf(want, sizeof want,
                 "MESSAGE %s SIP/2.0\r\n" OURS "Via: SIP/2.0/UDP 127.0.0.9\r\n" TAIL, cases[i][1]);
        relay(f, cases[i][0], want);
    }
}

/* Edits at the first Via come above ours, also when that row is removed; the length follows the
 * body. */
static void test_edits(void **state)
{
    struct fixture *f = *state;
    receive(f, "MESSAGE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9\r\n" TAIL, "127.0.0.9", 5060);
    size_t via = line_of(f, "Via"), one = line_of(f, "X-One");
    edits_insert(&f->edits, &f->a, via, STR("X-New: 1\r\n"), EDIT_PLAIN);
    edits_insert(&f->edits, &f->a, via, STR("Record-Route: <sip:r>\r\n"), EDIT_EARLY);
    edits_replace(&f->edits, &f->a, one, 10, STR(""));
    edits_replace(&f->edits, &f->a, (size_t)(f->m.body.p - f->m.raw.p), 2, STR("hello"));
    edits_insert(&f->edits, &f->a, (size_t)(f->m.body.p - f->m.raw.p) - 2, STR("X-End: 1\r\n"),
                 EDIT_LATE);
    relay(f, "sip:x",
          "MESSAGE sip:x SIP/2.0\r\nRecord-Route: <sip:r>\r\nX-New: 1\r\n" OURS
          "Via: SIP/2.0/UDP 127.0.0.9\r\n"
          "From: <sip:a@b>;tag=1\r\nTo:\r\n <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 MESSAGE\r\n"
          "Content-Length: 5\r\nX-End: 1\r\n\r\nhello");
    f->edits = (struct edits){0};
    f->m.via.has_rport = true; /* a stamp that has lost its place is not written */
    f->m.via.rport = str_make(f->m.via.host.p + f->m.via.host.len, 0);
    edits_replace(&f->edits, &f->a, via, strlen("Via: SIP/2.0/UDP 127.0.0.9\r\n"), STR(""));
    relay(f, "sip:x", "MESSAGE sip:x SIP/2.0\r\n" OURS TAIL);
}

static void test_route_and_length(void **state)
{
    struct fixture *f = *state;
    struct buf b;
    receive(f,
            "INVITE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9\r\nRoute: <sip:r1;lr>\r\n"
            "CSeq: 1 INVITE\r\n\r\nbody",
            "127.0.0.9", 5060);
    struct request_out o = {.uri = STR("sip:x"),
                            .via_branch = STR("z9hG4bKo"),
                            .via_extra = STR(";rport"),
                            .route = STR("Route: <sip:p;lr>\r\n"),
                            .info = &f->info,
                            .content_length = true};
    buf_init(&b, &f->a, 64);
    build_request(&b, &f->m, &o);
    assert_str(buf_str(&b),
               "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:15060;branch=z9hG4bKo;rport\r\n"
               "Via: SIP/2.0/UDP 127.0.0.9\r\nRoute: <sip:p;lr>\r\nRoute: <sip:r1;lr>\r\n"
               "CSeq: 1 INVITE\r\nContent-Length: 4\r\n\r\nbody");
    char small[40];
    buf_fixed(&b, small, sizeof small);
    build_request(&b, &f->m, &o);
    assert_true(b.failed);
}

static void pass(struct fixture *f, const char *text, const char *want)
{
    struct buf b;
    receive(f, text, "127.0.0.9", 5060);
    buf_init(&b, &f->a, 64);
    build_relayed_reply(&b, &f->m, &f->edits, &f->info);
    assert_str(buf_str(&b), want);
}

static void test_relayed_reply(void **state)
{
    struct fixture *f = *state;
    pass(f, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\nVia: SIP/2.0/UDP b\r\nX: y\r\n\r\nbody",
         "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP b\r\nX: y\r\n\r\nbody");
    pass(f, "SIP/2.0 200 OK\r\nX: y\r\nv:SIP/2.0/UDP a;x=\",\" , \r\n SIP/2.0/UDP b\r\n\r\n",
         "SIP/2.0 200 OK\r\nX: y\r\nv:SIP/2.0/UDP b\r\n\r\n");
    struct edits none = {0};
    receive(f, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\nl: 1\r\n\r\nx", "127.0.0.9", 5060);
    edits_insert(&f->edits, &f->a, line_of(f, "Via"), STR("X-First: 1\r\n"), EDIT_PLAIN);
    edits_insert(&f->edits, &f->a, f->m.raw.len, STR("yz"), EDIT_PLAIN);
    pass(f, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\nl: 1\r\n\r\nx",
         "SIP/2.0 200 OK\r\nX-First: 1\r\nl: 3\r\n\r\nxyz");
    f->edits = none;
}

/* Rows in the order of the request; what is copied into which answers. */
static void test_reply(void **state)
{
    struct fixture *f = *state;
    struct buf b;
    struct reply_out r = {.code = 183,
                          .reason = STR("R"),
                          .to_tag = STR("t9"),
                          .headers = STR("X-A: 1\r\nX-B: 2\r\n"),
                          .server = STR("Server: s"),
                          .body = STR("12")};
    receive(f,
            "INVITE sip:c@d SIP/2.0\r\nv: SIP/2.0/UDP 127.0.0.9\r\nFrom: <sip:a@b>;tag=1\r\n"
            "To: sip:c@d;x=1  \r\nCall-ID: i\r\nCSeq: 1 INVITE\r\nContact: <sip:a>\r\n"
            "Record-Route: <sip:r;lr>\r\nVia: SIP/2.0/UDP 9.9.9.9, SIP/2.0/TCP 8.8.8.8\r\n\r\n",
            "127.0.0.9", 5060);
    buf_init(&b, &f->a, 64);
    build_reply(&b, &f->m, &r);
    assert_str(buf_str(&b),
               "SIP/2.0 183 R\r\nv: SIP/2.0/UDP 127.0.0.9\r\nFrom: <sip:a@b>;tag=1\r\n"
               "To: sip:c@d;x=1;tag=t9\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\n"
               "Record-Route: <sip:r;lr>\r\nVia: SIP/2.0/UDP 9.9.9.9, SIP/2.0/TCP 8.8.8.8\r\n"
               "X-A: 1\r\nX-B: 2\r\nServer: s\r\nContent-Length: 2\r\n\r\n12");
    r = (struct reply_out){.code = 404, .reason = STR("No"), .to_tag = STR("t9")};
    receive(f,
            "INVITE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9\r\nFrom: <sip:a@b>\r\n"
            "To: <sip:c@d>;tag=q;y=2\r\nRecord-Route: <sip:r;lr>\r\nCSeq: 1 INVITE\r\n\r\n",
            "127.0.0.9", 5060);
    buf_init(&b, &f->a, 64);
    build_reply(&b, &f->m, &r);
    assert_str(buf_str(&b),
               "SIP/2.0 404 No\r\nVia: SIP/2.0/UDP 127.0.0.9\r\nFrom: <sip:a@b>\r\n"
               "To: <sip:c@d>;tag=q;y=2\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n");
}

/* The answer to a bad request carries no second From and no bare CR. */
static void test_refusal(void **state)
{
    struct fixture *f = *state;
    struct buf b;
    struct reply_out r = {.code = 400, .reason = STR("Bad")};
    receive(f,
            "INVITE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9\r\nFrom: <sip:a@b>\rX: y\r\n"
            "From: <sip:e>\r\n\r\n",
            "127.0.0.9", 5060);
    buf_init(&b, &f->a, 64);
    build_reply(&b, &f->m, &r);
    assert_str(buf_str(&b), "SIP/2.0 400 Bad\r\nVia: SIP/2.0/UDP 127.0.0.9\r\n"
                            "From: <sip:a@b> X: y\r\nContent-Length: 0\r\n\r\n");
    receive(f, HEAD("OPTIONS") REST("OPTIONS") "Proxy-Require: a, b\r\nProxy-Require: c\r\n\r\n",
            "192.0.2.1", 5060);
    struct fault fault = msg_check(&f->m);
    buf_init(&b, &f->a, 64);
    build_fault_headers(&b, &f->m, fault);
    assert_str(buf_str(&b), "Unsupported: a, b, c\r\n");
}

static void test_ack_and_cancel(void **state)
{
    static const char sent[] = "INVITE sip:b@h SIP/2.0\r\nRecord-Route: <sip:p;lr>\r\n" OURS
                               "Via: SIP/2.0/UDP 127.0.0.9\r\nFrom: <sip:a@b>;tag=1\r\n"
                               "To: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 0017 INVITE\r\n"
                               "Max-Forwards: 69\r\nRoute: <sip:r1;lr>\r\nRoute: <sip:r2;lr>\r\n"
                               "Content-Length: 0\r\n\r\n";
    struct fixture *f = *state;
    struct buf b;
    receive(f,
            "SIP/2.0 486 Busy\r\n" OURS "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
            "Call-ID: i\r\nCSeq: 17 INVITE\r\n\r\n",
            "127.0.0.9", 5060);
    buf_init(&b, &f->a, 64);
    assert_int_equal(build_ack(&b, &f->a, str_from(sent), &f->m, STR_NONE), ERR_OK);
    assert_str(buf_str(&b), "ACK sip:b@h SIP/2.0\r\n" OURS
                            "From: <sip:a@b>;tag=1\r\nCall-ID: i\r\nTo: <sip:c@d>;tag=2\r\n"
                            "CSeq: 17 ACK\r\nMax-Forwards: 70\r\nRoute: <sip:r1;lr>\r\n"
                            "Route: <sip:r2;lr>\r\nContent-Length: 0\r\n\r\n");
    buf_init(&b, &f->a, 64);
    assert_int_equal(build_cancel(&b, &f->a, str_from(sent), STR("User-Agent: u")), ERR_OK);
    assert_str(buf_str(&b), "CANCEL sip:b@h SIP/2.0\r\n" OURS
                            "From: <sip:a@b>;tag=1\r\nCall-ID: i\r\nTo: <sip:c@d>\r\n"
                            "CSeq: 17 CANCEL\r\nMax-Forwards: 70\r\nRoute: <sip:r1;lr>\r\n"
                            "Route: <sip:r2;lr>\r\nUser-Agent: u\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(build_cancel(&b, &f->a, STR("junk"), STR_NONE), ERR_SYNTAX);
}

/* Where replies to requests go, and where those that pass through. */
static void test_destination(void **state)
{
    static const struct {
        const char *via;
        bool to_via, stream;
        int rc;
        const char *want;
    } cases[] = {
        {"127.0.0.9:7", false, false, ERR_OK, "udp:127.0.0.9:7"},
        {"127.0.0.9", false, false, ERR_OK, "udp:127.0.0.9:5060"},
        {"10.0.0.1:8;rport", false, false, ERR_OK, "udp:127.0.0.9:4242"},
        {"10.0.0.1:0", false, false, ERR_OK, "udp:127.0.0.9:4242"},
        {"255.255.255.255;maddr=224.0.0.1;ttl=255", false, false, ERR_OK, "udp:127.0.0.9:5060"},
        {"10.0.0.1:8", false, true, ERR_OK, "tcp:127.0.0.9:4242"},
        {"10.0.0.1:8", true, false, ERR_OK, "udp:10.0.0.1:8"},
        {"10.0.0.1:8;received=10.0.0.2;rport=9", true, false, ERR_OK, "udp:10.0.0.2:9"},
        {"10.0.0.1;maddr=10.0.0.3", true, false, ERR_OK, "udp:10.0.0.3:5060"},
        {"h.test:8", true, false, ERR_NOTFOUND, "h.test"},
        {"255.255.255.255", true, false, ERR_INVALID, ""},
        {"[ff02::1]", true, false, ERR_INVALID, ""},
        {"10.0.0.1:0", true, false, ERR_INVALID, ""},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], mem[ADDR_TEXT];
        struct addr out;
        struct str host;
        snprintf(text, sizeof text, "MESSAGE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\n" TAIL,
                 cases[i].via);
        receive(f, text, "127.0.0.9", 4242);
        if (cases[i].stream)
            f->m.src.proto = PROTO_TCP;
        assert_int_equal(reply_destination(&out, &host, &f->m, cases[i].to_via), cases[i].rc);
        if (cases[i].rc != ERR_INVALID)
            assert_str(cases[i].rc ? host : addr_text(mem, &out), cases[i].want);
    }
}

static void test_reply_destination(void **state)
{
    static const struct {
        const char *via;
        int rc;
        const char *want;
    } cases[] = {
        {"SIP/2.0/UDP 10.0.0.1:8;received=10.0.0.2;rport=9", ERR_OK, "udp:10.0.0.2:9"},
        {"SIP/2.0/TLS 10.0.0.1", ERR_OK, "tls:10.0.0.1:5061"},
        {"SIP/2.0/UDP [2001:db8::1];received=2001:db8::2", ERR_OK, "udp:[2001:db8::2]:5060"},
        {"SIP/2.0/UDP h.test", ERR_NOTFOUND, "h.test"},
        {"SIP/2.0/UDP 255.255.255.255", ERR_INVALID, ""},
        {"SIP/2.0/FOO 10.0.0.1", ERR_UNSUPPORTED, ""},
        {"junk", ERR_INVALID, ""},
    };
    struct fixture *f = *state;
    struct addr out;
    struct str host;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], mem[ADDR_TEXT];
        snprintf(text, sizeof text, "SIP/2.0 200 OK\r\n" OURS "Via: %s\r\nCSeq: 1 A\r\n\r\n",
                 cases[i].via);
        receive(f, text, "127.0.0.9", 4242);
        assert_int_equal(reply_destination(&out, &host, &f->m, false), cases[i].rc);
        if (cases[i].rc == ERR_OK || cases[i].rc == ERR_NOTFOUND)
            assert_str(cases[i].rc ? host : addr_text(mem, &out), cases[i].want);
    }
    receive(f, "SIP/2.0 200 OK\r\n" OURS "\r\n", "127.0.0.9", 4242);
    assert_int_equal(reply_destination(&out, &host, &f->m, false), ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plain),         TEST(test_ipv6),
        TEST(test_stamps),        TEST(test_uri),
        TEST(test_edits),         TEST(test_route_and_length),
        TEST(test_relayed_reply), TEST(test_reply),
        TEST(test_refusal),       TEST(test_ack_and_cancel),
        TEST(test_destination),   TEST(test_reply_destination),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
