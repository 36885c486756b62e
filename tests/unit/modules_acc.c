/* acc. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define ACC                                                                                        \
    LOAD                                                                                           \
        "loadmodule \"acc.so\"\nmodparam(\"acc\", \"log_flag\", 1)\n"                              \
        "modparam(\"acc\", \"log_missed_flag\", 2)\nmodparam(\"acc\", \"failed_transaction_flag\"" \
        ", 3)\nmodparam(\"acc\", \"log_level\", -1)\n"

static const char CALL[] = REQUEST("INVITE", "sip:bob@203.0.113.5", "");

/* A reply to the INVITE that message number i sent; the log begins anew. */
static void answer(unsigned i, const char *status)
{
    char message[2048], via[512];
    const char *from = strstr(world.bytes[i], "\nVia:") + 1;
    snprintf(via, sizeof via, "%.*s", (int)(strstr(from, "\nFrom:") - from), from);
    snprintf(message, sizeof message,
             "SIP/2.0 %s\n%s\nFrom: \"Alice\" <sip:alice@example.org>;tag=ft\n"
             "To: <sip:bob@example.org>;tag=b\nCall-ID: c1@test\nCSeq: 1 INVITE\n\n",
             status, via);
    world_put(message);
}

#define LINE(event, to_tag, code, reason)                                                          \
    "ACC: " event ": timestamp=1000000000;method=INVITE;from_tag=ft;to_tag=" to_tag                \
    ";call_id=c1@test;code=" code ";reason=" reason

/* How often the text is in the log. */
static unsigned logged(const char *text)
{
    unsigned n = 0;
    for (const char *at = world.log; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static void expect_logged(const char *text)
{
    if (logged(text) != 1)
        fail_msg("not once <%s> in <%s>", text, world.log);
}

static void answered_calls(void **state)
{
    (void)state;
    run(ACC "modparam(\"acc\", \"report_ack\", 1)\nroute { setflag(1); t_relay(); }", CALL);
    answer(1, "180 Ringing");
    assert_string_equal(world.log, "");
    run(ACC "modparam(\"acc\", \"report_ack\", 1)\nmodparam(\"acc\", \"early_media\", 1)\n"
            "route { setflag(1); t_relay(); }",
        CALL);
    char invite[WORLD_BYTES];
    memcpy(invite, world.bytes[1], sizeof invite);
    answer(1, "183 Progress");
    expect_logged(LINE("transaction answered", "b", "183", "Progress"));
    memcpy(world.bytes[1], invite, sizeof invite);
    answer(1, "200 OK");
    expect_logged(LINE("transaction answered", "b", "200", "OK"));
    world_put(REQUEST_TO("ACK", "sip:bob@203.0.113.5", "<sip:bob@example.org>;tag=b", "", ""));
    expect_logged("ACC: request acknowledged: timestamp=1000000000;method=ACK;from_tag=ft;to_tag=b;"
                  "call_id=c1@test;code=200;reason=");
}

static void failed_calls(void **state)
{
    (void)state;
    run(ACC "route { setflag(1); t_relay(); }", CALL);
    answer(1, "486 Busy");
    assert_string_equal(world.log, "");
    run(ACC "route { setflag(1); setflag(2); setflag(3); t_relay(); }", CALL);
    answer(1, "486 Busy");
    expect_logged(LINE("call missed", "b", "486", "Busy"));
    expect_logged(LINE("transaction answered", "b", "486", "Busy"));
    run(ACC "route { setflag(1); setflag(3); t_newtran(); t_reply(\"404\", \"Nobody\"); }", CALL);
    expect_logged(LINE("transaction answered", "", "404", "Nobody"));
    run(ACC "route { t_relay(); }", CALL); /* no flag when the transaction is made */
    answer(1, "486 Busy");
    assert_string_equal(world.log, "");
}

static void missed_calls(void **state)
{
    (void)state;
    run(ACC "modparam(\"acc\", \"log_extra\", \"uri=$ru\")\n"
            "route { setflag(2); t_on_failure(\"1\"); t_relay(); }\n"
            "failure_route[1] { setflag(2); append_branch(\"sip:c@203.0.113.6\"); t_relay(); }",
        CALL);
    answer(1, "486 Busy");
    expect_logged(LINE("call missed", "b", "486", "Busy") ";uri=sip:bob@203.0.113.5");
    answer(1, "480 Away");
    expect_logged(LINE("call missed", "b", "480", "Away") ";uri=sip:c@203.0.113.6");
}

static void requests(void **state)
{
    (void)state;
    run(ACC "modparam(\"acc\", \"log_extra\", \"ua=$ua; src=$si;x=$avp(s:x)\")\n"
            "modparam(\"acc\", \"multi_leg_info\", \"a=$avp(s:a);b=$avp(s:b)\")\n"
            "route { $avp(s:x) = 5; $avp(s:a) = \"a2\"; $avp(s:a) = \"a1\"; $avp(s:b) = \"b1\";"
            "acc_log_request(\"404 gone\"); acc_log_request(\"text\"); }",
        CALL);
    expect_logged(
        LINE("request accounted", "", "404", "gone") ";ua=;src=198.51.100.7;x=5;a=a1;b=b1;a=a2;b=");
    expect_logged(LINE("request accounted", "", "", "text") ";ua=;src=");
    assert_false(world_try(ACC "route { acc_log_request(\"\"); }"));
    assert_false(world_try(ACC "route { acc_rad_request(\"x\"); }"));
    assert_false(world_try(ACC "modparam(\"acc\", \"log_extra\", \"ua\")\nroute { }"));
    assert_false(world_try(ACC "modparam(\"acc\", \"multi_leg_info\", \"a=$ru\")\nroute { }"));
    assert_false(world_try(ACC "modparam(\"acc\", \"log_flag\", 32)\nroute { }"));
}

/* The letters of 1.0. */
static void lines_of_older_releases(void **state)
{
    (void)state;
    run(ACC "modparam(\"acc\", \"log_fmt\", \"miocfs\")\nroute { setflag(1); "
            "rewriteuri(\"sip:c@203.0.113.6\"); t_relay(); }",
        CALL);
    answer(1, "200 OK");
    expect_logged("ACC: transaction answered: method=INVITE, i-uri=sip:bob@203.0.113.5, "
                  "o-uri=sip:c@203.0.113.6, call_id=c1@test, from=");
    expect_logged(">;tag=ft, code=200 OK");
    run(ACC "modparam(\"acc\", \"log_fmt\", \"nrF0Xtd1TSUupD\")\n"
            "modparam(\"acc\", \"log_extra\", \"src=$si\")\n"
            "route { acc_log_request(\"404 gone\"); }",
        CALL);
    expect_logged("cseq=1, from_tag=ft, from_uri=sip:alice@example.org, from_user=alice, "
                  "from_domain=example.org, to=<sip:bob@example.org>, to_tag=, to_user=bob, "
                  "to_uri=sip:bob@example.org, status=404, user=alice, auth_user=, ruri_user=bob, "
                  "ruri_domain=203.0.113.5, src=198.51.100.7");
    assert_false(world_try(ACC "modparam(\"acc\", \"log_fmt\", \"mz\")\nroute { }"));
}

static void legs_of_older_releases(void **state)
{
    (void)state;
    run(ACC "modparam(\"acc\", \"multi_leg_enabled\", 1)\n"
            "modparam(\"acc\", \"src_leg_avp_id\", 11)\nmodparam(\"acc\", \"dst_leg_avp_id\", "
            "12)\nroute { $avp(i:11) = \"a\"; $avp(i:12) = \"b\"; acc_log_request(\"x\"); }",
        CALL);
    expect_logged("reason=x;src_leg=a;dst_leg=b");
    assert_false(world_try(ACC "modparam(\"acc\", \"multi_leg_enabled\", 1)\nroute { }"));
    assert_false(world_try(ACC
                           "modparam(\"acc\", \"multi_leg_enabled\", 1)\nmodparam(\"acc\", "
                           "\"src_leg_avp_id\", 11)\nmodparam(\"acc\", \"dst_leg_avp_id\", 12)\n"
                           "modparam(\"acc\", \"multi_leg_info\", \"a=$avp(s:a)\")\nroute { }"));
}

/* A BYE of the callee: its Route names the caller's tag. */
static void direction(void **state)
{
#define BYE(ftag)                                                                                  \
    REQUEST_TO("BYE", "sip:alice@203.0.113.9", "<sip:bob@example.org>;tag=b",                      \
               "Route: <sip:192.0.2.1;lr;ftag=" ftag ">\n", "")
#define TAGS(from, to) ";from_tag=" from ";to_tag=" to ";"
    (void)state;
    run(ACC "modparam(\"acc\", \"detect_direction\", 1)\n"
            "route { setflag(1); loose_route(); acc_log_request(\"x\"); t_relay(); }",
        BYE("b"));
    expect_logged(TAGS("b", "ft"));
    run(ACC
        "modparam(\"acc\", \"detect_direction\", 1)\n"
        "route { setflag(1); setflag(3); loose_route(); t_newtran(); t_reply(\"404\", \"No\"); }",
        BYE("b"));
    expect_logged(TAGS("b", "ft")); /* long after the script: the stored request is looked at */
    run(ACC "modparam(\"acc\", \"detect_direction\", 1)\n"
            "route { loose_route(); acc_log_request(\"x\"); }",
        BYE("ft"));
    expect_logged(TAGS("ft", "b"));
    run(ACC "route { loose_route(); acc_log_request(\"x\"); }", BYE("b"));
    expect_logged(TAGS("ft", "b"));
    assert_false(world_try(ACC "modparam(\"rr\", \"append_fromtag\", 0)\n"
                               "modparam(\"acc\", \"detect_direction\", 1)\nroute { }"));
    assert_false(world_try("loadmodule \"acc.so\"\n"
                           "modparam(\"acc\", \"detect_direction\", 1)\nroute { }"));
}

static void cancelled_calls(void **state)
{
    (void)state;
    run(ACC "modparam(\"acc\", \"report_cancels\", 1)\nroute { setflag(1); t_relay(); }", CALL);
    answer(1, "180 Ringing");
    world_put(REQUEST("CANCEL", "sip:bob@203.0.113.5", ""));
    expect_logged("transaction answered: timestamp=1000000000;method=CANCEL;");
    run(ACC "route { setflag(1); t_relay(); }", CALL);
    world_put(REQUEST("CANCEL", "sip:bob@203.0.113.5", ""));
    assert_null(strstr(world.log, "ACC"));
}

/* What cannot be done is refused, or noted when nothing is lost by it. */
static void not_here(void **state)
{
    (void)state;
    assert_false(world_try(ACC "modparam(\"acc\", \"radius_flag\", 1)\nroute { }"));
    assert_false(world_try(ACC "modparam(\"acc\", \"diameter_missed_flag\", 1)\nroute { }"));
    world_open(ACC "modparam(\"acc\", \"radius_flag\", -1)\nroute { }");
    assert_int_equal(world.findings.notes, 0);
    world_open(ACC "modparam(\"acc\", \"log_facility\", \"LOG_LOCAL0\")\n"
                   "modparam(\"acc\", \"service_type\", 3)\nroute { }");
    assert_int_equal(world.findings.notes, 2);
    assert_non_null(strstr(world.findings.first->text.p, "the log goes to stderr"));
}

/* ---- in a database ---- */

#define ROWS                                                                                       \
    LOAD "loadmodule \"acc.so\"\nmodparam(\"acc\", \"db_url\", \"sqlite://x\")\n"                  \
         "modparam(\"acc\", \"db_flag\", 1)\nmodparam(\"acc\", \"db_missed_flag\", 2)\n"

static void expect_rows(const char *query, const char *wanted)
{
    assert_string_equal(world_sql("acc", query), wanted);
}

static void tick(unsigned seconds)
{
    for (unsigned i = 0; i < 10 * seconds; i++)
        world_pass(100);
}

static void rows_of_calls(void **state)
{
    (void)state;
    run(ROWS "route { setflag(1); setflag(2); t_relay(); }", CALL);
    answer(1, "486 Busy");
    tick(1);
    expect_rows("SELECT method || from_tag || to_tag || callid || sip_code || sip_reason FROM "
                "missed_calls",
                "INVITEftbc1@test486Busy");
    expect_rows("SELECT count(*) FROM acc", "0");
    run(ROWS "route { setflag(1); t_relay(); }", CALL);
    answer(1, "200 It's OK");
    tick(1);
    expect_rows("SELECT sip_code || sip_reason FROM acc", "200It's OK");
    expect_rows("SELECT count(*) FROM acc WHERE time LIKE '2001-09-09 %'", "1");
    run(ROWS "route { acc_db_request(\"404 no'body\", \"missed_calls\"); }", CALL);
    tick(1);
    expect_rows("SELECT sip_code || sip_reason FROM missed_calls", "404no'body");
}

/* The log and the database may share a flag, as stock scripts have it. */
static void one_flag_for_both(void **state)
{
    (void)state;
    run(ROWS "modparam(\"acc\", \"log_missed_flag\", 2)\nmodparam(\"acc\", \"log_level\", -1)\n"
             "route { setflag(2); t_relay(); }",
        CALL);
    answer(1, "486 Busy");
    expect_logged(LINE("call missed", "b", "486", "Busy"));
    tick(1);
    expect_rows("SELECT count(*) FROM missed_calls", "1");
}

static void columns_of_older_releases(void **state)
{
    (void)state;
    world_open(ROWS "modparam(\"acc\", \"acc_sip_method_column\", \"sip_method\")\n"
                    "modparam(\"acc\", \"acc_i_uri_column\", \"i_uri\")\n"
                    "modparam(\"acc\", \"acc_from_uri_column\", \"from_uri\")\n"
                    "modparam(\"acc\", \"multi_leg_enabled\", 1)\n"
                    "modparam(\"acc\", \"src_leg_avp_id\", 11)\n"
                    "modparam(\"acc\", \"dst_leg_avp_id\", 12)\n"
                    "modparam(\"acc\", \"acc_dst_leg_column\", \"dst\")\n"
                    "route { $avp(i:12) = \"x\"; rewriteuser(\"c\"); acc_db_request(\"x\", "
                    "\"acc\"); }");
    world_sql("acc", "ALTER TABLE acc RENAME COLUMN method TO sip_method");
    static const char *const columns[] = {"i_uri", "from_uri", "src_leg", "dst"};
    for (unsigned i = 0; i < 4; i++) {
        char text[64];
        snprintf(text, sizeof text, "ALTER TABLE acc ADD COLUMN %s VARCHAR(64)", columns[i]);
        world_sql("acc", text);
    }
    world_put(CALL);
    tick(1);
    expect_rows("SELECT sip_method || i_uri || from_uri || src_leg || dst FROM acc",
                "INVITEsip:bob@203.0.113.5sip:alice@example.orgx");
}

static void extra_columns_and_legs(void **state)
{
    (void)state;
    world_open(ROWS "modparam(\"acc\", \"db_extra\", \"caller=$fU; agent=$ua\")\n"
                    "modparam(\"acc\", \"multi_leg_info\", \"src=$avp(s:src);dst=$avp(s:dst)\")\n"
                    "route { $avp(s:src) = \"a\"; $avp(s:src) = \"b\"; $avp(s:dst) = \"c\"; "
                    "acc_db_request(\"x\", \"acc\"); }");
    const char *const columns[] = {"caller", "agent", "src", "dst"};
    for (unsigned i = 0; i < 4; i++) {
        char text[64];
        snprintf(text, sizeof text, "ALTER TABLE acc ADD COLUMN %s VARCHAR(64)", columns[i]);
        world_sql("acc", text);
    }
    world_put(CALL);
    tick(1);
    expect_rows("SELECT caller || '/' || agent || '/' || src || '/' || dst FROM acc ORDER BY id",
                "alice//b/c alice//a/");
}

/* Nothing is lost while the database is away, within the bound. */
static void database_away(void **state)
{
    (void)state;
    world_open(ROWS "modparam(\"acc\", \"db_waiting\", 3)\ndb_failures=0\n"
                    "route { $var(ok) = \"1\"; if (!acc_db_request(\"$mi\", \"acc\")) $var(ok) = "
                    "\"0\"; xlog(\"L_ERR\", \"accounted $var(ok)\"); }");
    db_set_weather(world.shared.dbs, (struct db_weather){.delay = 10, .down = true});
    for (unsigned i = 0; i < 3; i++) {
        world_put(CALL);
        assert_non_null(strstr(world.log, "accounted 1"));
    }
    world_put(CALL);
    assert_non_null(strstr(world.log, "accounted 0"));
    assert_non_null(strstr(world.log, "3 rows wait"));
    tick(3);
    expect_rows("SELECT count(*) FROM acc", "0");
    db_set_weather(world.shared.dbs, (struct db_weather){.delay = 10});
    tick(3);
    expect_rows("SELECT count(*) FROM acc", "3");
    world_put(CALL);
    assert_non_null(strstr(world.log, "accounted 1"));

    /* a row that the database does not take holds nothing up */
    world_open(ROWS "route { acc_db_request(\"a\", \"no_such_table\"); "
                    "acc_db_request(\"b\", \"acc\"); }");
    world_put(CALL);
    tick(2);
    expect_rows("SELECT sip_reason FROM acc", "b");
}

static void no_database(void **state)
{
    (void)state;
    run(LOAD "loadmodule \"acc.so\"\nroute { if (!acc_db_request(\"a\", \"acc\")) xlog(\"L_ERR\", "
             "\"none\"); }",
        CALL);
    assert_non_null(strstr(world.log, "none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answered_calls),
        TEST(failed_calls),
        TEST(missed_calls),
        TEST(requests),
        TEST(rows_of_calls),
        TEST(extra_columns_and_legs),
        TEST(database_away),
        TEST(no_database),
        TEST(lines_of_older_releases),
        TEST(legs_of_older_releases),
        TEST(direction),
        TEST(cancelled_calls),
        TEST(not_here),
        TEST(one_flag_for_both),
        TEST(columns_of_older_releases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
