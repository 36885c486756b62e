/* registrar: what save() enters, what it refuses, and under which address. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/registrar_alone.h"

/* ---- save: what is entered ------------------------------------------------------------------- */

static void saves_and_answers(void **state)
{
    (void)state;
    assert_int_equal(reg(""), 1);
    expect(200, "");
    assert_int_equal(reg("Contact: <sip:al@192.0.2.9>\r\n"), 1);
    expect(200, "Contact: <sip:al@192.0.2.9>;expires=3600\r\n");
    alone.time += 100;
    assert_int_equal(reg(""), 1);
    expect(200, "Contact: <sip:al@192.0.2.9>;expires=3500\r\n");
    assert_int_equal(reg("Contact: \"Al\" <sip:al@192.0.2.9>;expires=0\r\n"), 1);
    expect(200, "");
    assert_int_equal(call->reply_headers.len, 0);
    assert_int_equal(world.stat[STAT_ACCEPTED], 4);
}

static void order_of_contacts(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>, <sip:b@h>\r\nm: <sip:c@h>,<sip:d@h>\r\n");
    expect(200, "Contact: <sip:b@h>;expires=3600, <sip:a@h>;expires=3600, "
                "<sip:d@h>;expires=3600, <sip:c@h>;expires=3600\r\n");
    reg("Contact: *\r\nExpires: 0\r\n");
    expect(200, "");
    reg("Contact: <sip:a@h>;q=0.1, <sip:b@h>;q=0.9,\r\n <sip:c@h>;q=0.55, <sip:d@h>;q=1\r\n");
    expect(200, "Contact: <sip:d@h>;q=1;expires=3600, <sip:b@h>;q=0.9;expires=3600, "
                "<sip:c@h>;q=0.55;expires=3600, <sip:a@h>;q=0.1;expires=3600\r\n");
}

static void times(void **state)
{
    static const struct {
        const char *contact, *expires;
        int32_t max;
        unsigned want;
    } row[] = {
        {"", "Expires: 120\r\n", 0, 120},
        {";expires=200", "Expires: 120\r\n", 0, 200},
        {";expires=\"200\"", "", 0, 200},
        {"", "Expires: abc\r\n", 0, 3600},
        {"", "Expires: 5\r\n", 0, 60},
        {"", "Expires: 9999\r\n", 1000, 1000},
        {"", "", 1000, 1000},
        {"", "Expires: 4294967295\r\n", 0, 60},
        {"", "Expires: 99999999999999999999\r\n", 0, 3600},
        {"", "Expires: -1\r\n", 0, 3600},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        set_int("max_expires", row[i].max);
        struct str h = arena_printf(&world.arena, "Contact: <sip:a@h>%s\r\n%s", row[i].contact,
                                    row[i].expires);
        struct str want =
            arena_printf(&world.arena, "Contact: <sip:a@h>;expires=%u\r\n", row[i].want);
        reg(h.p);
        expect(200, want.p);
    }
}

static void runs_out(void **state)
{
    (void)state;
    set_int("min_expires", 1);
    reg("Contact: <sip:a@h>\r\nExpires: 2\r\n");
    alone.time += 1;
    assert_int_equal(look("sip:al@example.test"), 1);
    alone.time += 1;
    assert_int_equal(look("sip:al@example.test"), -1);
}

static void default_q(void **state)
{
    (void)state;
    set_int("default_q", 500);
    reg("Contact: <sip:a@h>, <sip:b@h>;q=0.2, <sip:c@h>;q=0.6789\r\n");
    expect(200, "Contact: <sip:c@h>;q=0.678;expires=3600, <sip:a@h>;q=0.5;expires=3600, "
                "<sip:b@h>;q=0.2;expires=3600\r\n");
}

static void retransmission(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>\r\n");
    world.cseq--;
    assert_int_equal(reg("Contact: <sip:a@h>\r\nExpires: 100\r\n"), 1);
    expect(200, "Contact: <sip:a@h>;expires=3600\r\n");
    world.cseq -= 2;
    assert_int_equal(reg("Contact: <sip:a@h>\r\nExpires: 100\r\n"), 0);
    expect(400, "Contact: <sip:a@h>;expires=3600\r\nP-Registrar-Error: Invalid CSeq number\r\n");
    assert_int_equal(world.stat[STAT_REJECTED], 1);
}

static void on_any_method(void **state)
{
    (void)state;
    arrive("OPTIONS sip:bob@example.test", "To: <sip:bob@example.test>\r\nCall-ID: c\r\n"
                                           "CSeq: 1 OPTIONS\r\nContact: <sip:b@h>\r\n");
    assert_int_equal(run("save", "", -1), 1);
    expect(200, "Contact: <sip:b@h>;expires=3600\r\n");
}

static void flags(void **state)
{
    (void)state;
    arrive_register("al", "Contact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", SAVE_NO_REPLY), 1);
    arrive_register("al", "Contact: <sip:a@h>;q=7\r\n");
    assert_int_equal(run("save", "location", SAVE_NO_REPLY), 0);
    assert_int_equal(run("save_noreply", "location", -1), 0);
    assert_int_equal(world.replies, 0);
    arrive_register("al", "Contact: <sip:b@h>\r\n");
    assert_int_equal(run("save_memory", "location", -1), 1);
    world.send_fails = true;
    assert_int_equal(reg(""), -1);
    assert_false(world.stateful);
    world.send_fails = false;
    arrive_register("al", "");
    call->txn = (struct txn *)&world;
    assert_int_equal(run("save", "location", -1), 1);
    assert_true(world.stateful);
}

/* ---- save: what is refused ------------------------------------------------------------------- */

static void refusals(void **state)
{
    static const struct {
        const char *headers;
        unsigned code;
        const char *error;
    } row[] = {
        {"Contact: <sip:a@h>;q=1.5\r\n", 400, "Invalid q param in contact"},
        {"Contact: <sip:a@h>;q=1.001\r\n", 400, "Invalid q param in contact"},
        {"Contact: <sip:a@h>;q=abc\r\n", 400, "Invalid q param in contact"},
        {"Contact: <sip:b@h>, <sip:a@h>;q=-1\r\n", 400, "Invalid q param in contact"},
        {"Contact: *\r\n", 400, "* used in contact and expires is not zero"},
        {"Contact: *\r\nExpires: 60\r\n", 400, "* used in contact and expires is not zero"},
        {"Contact: *\r\nExpires: 0\r\nContact: <sip:a@h>\r\n", 400,
         "* used in contact beside other contacts"},
        {"Contact: <sip:a@h>, *\r\nExpires: 0\r\n", 400, "* used in contact beside other contacts"},
        {"Contact: <sip:a@h>\r\nContact: *\r\nExpires: 0\r\n", 400,
         "* used in contact beside other contacts"},
        {"Contact: <sip:a@h\r\n", 400, "Contact parse error"},
        {"Contact: nonsense\r\n", 400, "Contact parse error"},
        {"Contact: <sip:a@h> <sip:b@h>\r\n", 400, "Contact parse error"},
        {"Contact: <sip:a@h\r\n ;x=y>\r\n", 400, "Contact parse error"},
        {"Contact:\r\n", 400, "Contact parse error"},
        {"Contact: <sip:b@h>,,<sip:a@h>\r\n", 400, "Contact parse error"},
    };
    (void)state;
    reg("Contact: <sip:x@h>\r\n");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *list = row[i].error[0] == 'I' ? "Contact: <sip:x@h>;expires=3600\r\n" : "";
        struct str want =
            arena_printf(&world.arena, "%sP-Registrar-Error: %s\r\n", list, row[i].error);
        assert_int_equal(reg(row[i].headers), 0);
        expect(row[i].code, want.p);
    }
    arrive_register("bo", "Contact: <sip:a@h>;q=abc\r\n"); /* nothing registered: no Contact */
    assert_int_equal(run("save", "location", -1), 0);
    expect(400, "P-Registrar-Error: Invalid q param in contact\r\n");
}

#define FLOW(uri, instance, reg_id)                                                                \
    "Contact: <sip:" uri ">;+sip.instance=\"<urn:uuid:" instance ">\";reg-id=" reg_id "\r\n"
#define HAS_FLOW(uri, instance, reg_id)                                                            \
    "<sip:" uri ">;expires=3600;+sip.instance=\"<urn:uuid:" instance ">\";reg-id=" reg_id

/* RFC 5626: a phone that comes back with another address replaces its flow, and no other. */
static void flows(void **state)
{
    (void)state;
    reg(FLOW("a@h:1", "1", "1"));
    expect(200, "Contact: " HAS_FLOW("a@h:1", "1", "1") "\r\n");
    reg(FLOW("a@h:2", "1", "1"));
    expect(200, "Contact: " HAS_FLOW("a@h:2", "1", "1") "\r\n");
    reg(FLOW("a@h:3", "1", "2"));
    expect(200, "Contact: " HAS_FLOW("a@h:2", "1", "1") ", " HAS_FLOW("a@h:3", "1", "2") "\r\n");
    reg(FLOW("a@h:4", "2", "1"));
    expect(200, "Contact: " HAS_FLOW("a@h:2", "1", "1") ", " HAS_FLOW("a@h:3", "1", "2") ", " //
           HAS_FLOW("a@h:4", "2", "1") "\r\n");
    /* the URI of the second is now the first one's: it gives way */
    reg(FLOW("a@h:3", "1", "1"));
    expect(200, "Contact: " HAS_FLOW("a@h:3", "1", "1") ", " HAS_FLOW("a@h:4", "2", "1") "\r\n");
    reg("Contact: <sip:x@h>;+sip.instance=\"<urn:uuid:2>\";reg-id=1;expires=0\r\n");
    expect(200, "Contact: " HAS_FLOW("a@h:3", "1", "1") "\r\n");
    reg("Contact: *\r\nExpires: 0\r\n");
    expect(200, "");
}

/* Without both parts it is the URI that counts. */
static void half_flows(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h:1>;+sip.instance=\"<urn:uuid:1>\"\r\n");
    expect(200, "Contact: <sip:a@h:1>;expires=3600;+sip.instance=\"<urn:uuid:1>\"\r\n");
    reg("Contact: <sip:a@h:2>;+sip.instance=\"<urn:uuid:1>\"\r\n");
    expect(200, "Contact: <sip:a@h:1>;expires=3600;+sip.instance=\"<urn:uuid:1>\", "
                "<sip:a@h:2>;expires=3600;+sip.instance=\"<urn:uuid:1>\"\r\n");
    reg("Contact: *\r\nExpires: 0\r\n");
    reg("Contact: <sip:a@h:1>;reg-id=1\r\n");
    reg("Contact: <sip:a@h:2>;reg-id=1\r\n");
    expect(200, "Contact: <sip:a@h:1>;expires=3600, <sip:a@h:2>;expires=3600\r\n");
    reg("Contact: *\r\nExpires: 0\r\n");
    static const char *const no_id[] = {"0", "-1", "x", "2147483648", "99999999999999999999"};
    for (unsigned i = 0; i < sizeof no_id / sizeof *no_id; i++) {
        struct str contact = arena_printf(
            &world.arena, "Contact: <sip:a@h:%u>;+sip.instance=\"<urn:x>\";reg-id=%s\r\n", i + 1,
            no_id[i]);
        reg(contact.p);
        assert_int_equal(world.code, 200);
        assert_null(strstr(world.headers, "reg-id"));
    }
    assert_non_null(strstr(world.headers, "<sip:a@h:5>"));
    assert_non_null(strstr(world.headers, "<sip:a@h:1>"));
}

static void bad_flows(void **state)
{
    (void)state;
    assert_int_equal(reg(FLOW("a@h:1", "1", "1") FLOW("a@h:2", "1", "2")), 0);
    expect(400, "P-Registrar-Error: A contact with reg-id stands alone\r\n");
    reg(FLOW("a@h:1", "1", "1") "Contact: <sip:b@h>;expires=0\r\n"); /* one comes, one goes */
    assert_int_equal(world.code, 200);
    reg(repeat("Contact: <sip:b@h>;+sip.instance=\"", 255, "\"\r\n"));
    assert_int_equal(world.code, 200);
    reg(repeat("Contact: <sip:c@h>;+sip.instance=\"", 256, "\"\r\n"));
    assert_int_equal(world.code, 400);
}

static void star(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>, <sip:b@h>\r\n");
    reg("Contact: *, <sip:c@h>\r\nExpires: 0\r\n"); /* what is behind the star does not count */
    expect(200, "");
    reg("Contact: *\r\nExpires: 0\r\n");
    expect(200, "");
}

static void most_contacts(void **state)
{
    (void)state;
    set_int("max_contacts", 1);
    reg("Contact: <sip:a@h>\r\n");
    assert_int_equal(reg("Contact: <sip:b@h>\r\n"), 0);
    expect(503, "Contact: <sip:a@h>;expires=3600\r\n"
                "P-Registrar-Error: Too many registered contacts\r\n");
    set_int("retry_after", 30);
    reg("Contact: <sip:b@h>\r\n");
    expect(503, "Contact: <sip:a@h>;expires=3600\r\n"
                "P-Registrar-Error: Too many registered contacts\r\nRetry-After: 30\r\n");
    reg("Contact: <sip:b@h>, <sip:a@h>;expires=0\r\n"); /* one goes, one comes */
    expect(200, "Contact: <sip:b@h>;expires=3600\r\n");
}

/* 33 contacts in one message, whether the table would take them or not. */
static void many_contacts(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, &world.arena, 1024);
    for (int i = 0; i < 33; i++)
        buf_printf(&b, "Contact: <sip:a%d@h>\r\n", i);
    buf_char(&b, '\0');
    assert_int_equal(reg(b.p), 0);
    expect(503, "P-Registrar-Error: Too many registered contacts\r\n");
    buf_init(&b, &world.arena, 1024);
    buf_printf(&b, "Contact: <sip:a@h>");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, ",<sip:a%d@h>", i);
    buf_printf(&b, "\r\n");
    buf_char(&b, '\0');
    assert_int_equal(reg(b.p), 0);
    assert_int_equal(world.code, 503);
}

static void long_texts(void **state)
{
    (void)state;
    reg(repeat("Contact: <sip:", 255 - 4 - 2, "@h>\r\n"));
    assert_int_equal(world.code, 200);
    reg(repeat("Contact: <sip:", 255 - 4 - 1, "@h>\r\n"));
    assert_non_null(strstr(world.headers, "Contact URI or received is too long"));
    reg(repeat("Contact: <sip:", 4096, "@h>\r\n"));
    assert_int_equal(world.code, 400);
    reg(repeat("Contact: <sip:a@h>;received=\"sip:", 300, "\"\r\n"));
    assert_int_equal(world.code, 400);
    reg(repeat("Contact: <sip:a@h>\r\nUser-Agent: ", 5000, "\r\n"));
    assert_int_equal(world.code, 200);
    arrive("REGISTER sip:h", repeat("To: <sip:al@h>\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@h>\r\n"
                                    "Call-ID: ",
                                    256, "\r\n"));
    run("save", "location", -1);
    assert_non_null(strstr(world.headers, "Call-ID is too long"));
    arrive_register(repeat("", 65, ""), "Contact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", -1), 0);
    expect(500, "P-Registrar-Error: Address of record is too long\r\n");
    arrive_register(repeat("", 64, ""), "Contact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", -1), 1);
    assert_int_equal(look(repeat("sip:", 65, "@example.test")), -3);
}

static void missing_parts(void **state)
{
    (void)state;
    arrive("REGISTER sip:h", "Call-ID: c\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", -1), 0);
    expect(400, "P-Registrar-Error: No usable To header\r\n");
    arrive("REGISTER sip:h", "To: <sip:a@h>\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", -1), 0);
    assert_int_equal(world.code, 400);
    arrive("REGISTER sip:h", "To: <sip:a@h>\r\nCall-ID: c\r\nContact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", -1), 0);
    assert_int_equal(world.code, 400);
    world.no_usrloc = true;
    reg("Contact: <sip:a@h>\r\n");
    expect(500, "P-Registrar-Error: Location table is not available\r\n");
    assert_int_equal(look("sip:al@example.test"), -3);
}

/* ---- addresses of record --------------------------------------------------------------------- */

static void keys(void **state)
{
    (void)state;
    arrive_register("A%6c%00x", "Contact: <sip:%00@h>,<sip:%00%00@h>\r\n"); /* RFC 4475 3.1.1.4 */
    assert_int_equal(run("save", "location", -1), 1);
    expect(200, "Contact: <sip:%00%00@h>;expires=3600, <sip:%00@h>;expires=3600\r\n");
    assert_int_equal(look("sip:al@example.test"), -1);
    assert_int_equal(look("sip:%61L%00X@other.test:5070"), 1);
    set_int("case_sensitive", 1);
    arrive_register("Bo", "Contact: <sip:b@h>\r\n");
    run("save", "location", -1);
    assert_int_equal(look("sip:bo@example.test"), -1);
    assert_int_equal(look("sip:Bo@example.test"), 1);
    set_int("case_sensitive", 0);
    arrive("REGISTER sip:h", "To: <tel:+1-202>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
                             "Contact: <tel:+12025550100>\r\n");
    assert_int_equal(run("save", "location", -1), 1);
    assert_int_equal(look("sip:+1-202@example.test"), 1);
}

static void domains(void **state)
{
    (void)state;
    set_param(0, "use_domain", NULL, 1);
    set_param(1, "realm_prefix", "sip.", 0);
    reg("Contact: <sip:a@h>\r\n");
    assert_int_equal(look("sip:al@other.test"), -1);
    assert_int_equal(look("sip:AL@EXAMPLE.test"), 1);
    assert_int_equal(look("sip:al@sip.example.test"), 1);
    assert_int_equal(look("sip:al@sip."), -1);
    assert_int_equal(look("sip:example.test"), -1);
    arrive("REGISTER sip:h", "To: <sip:example.test>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
                             "Contact: <sip:pbx@h>\r\n");
    assert_int_equal(run("save", "location", -1), 1);
    assert_int_equal(look("sip:example.test"), 1);
}

static void aor_avp(void **state)
{
    (void)state;
    set_param(1, "aor_avp", "$avp(s:aor)", 0);
    world.avp = "sip:zoe@h";
    reg("Contact: <sip:z@h>\r\n");
    assert_int_equal(look("sip:nobody@h"), 1);
    world.avp = NULL;
    assert_int_equal(look("sip:zoe@h"), 1);
    assert_int_equal(look("sip:al@h"), -1);
    world.avp = "not a uri";
    assert_int_equal(look("sip:zoe@h"), -3);
}

/* The language reads the text; the number is what the module adds to it. */
static void avp_notations(void **state)
{
    (void)state;
    set_param(1, "received_avp", "$avp(s:rcv)", 0);
    assert_string_equal(prepared, "$avp(s:rcv)");
    set_param(1, "aor_avp", "rcv", 0);
    assert_string_equal(prepared, "rcv");
    set_int("received_avp", 42);
    assert_string_equal(prepared, "i:42");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T3(saves_and_answers, order_of_contacts, times),
        T3(runs_out, default_q, retransmission),
        T3(on_any_method, flags, refusals),
        T3(star, most_contacts, many_contacts),
        T3(flows, half_flows, bad_flows),
        T3(long_texts, missing_parts, keys),
        T3(domains, aor_avp, avp_notations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
