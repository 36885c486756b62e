/* siptrace. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define TRACE                                                                                      \
    LOAD "loadmodule \"siptrace.so\"\nmodparam(\"siptrace\", \"db_url\", \"sqlite://x\")\n"        \
         "modparam(\"siptrace\", \"trace_flag\", 22)\nmodparam(\"siptrace\", \"trace_on\", 1)\n"

static const char CALL[] = REQUEST("INVITE", "sip:bob@203.0.113.5", "");

static void tick(unsigned seconds)
{
    for (unsigned i = 0; i < 10 * seconds; i++)
        world_pass(100);
}

static void expect_rows(const char *query, const char *wanted)
{
    tick(1);
    assert_string_equal(world_sql("siptrace", query), wanted);
}

#define WHAT "SELECT direction || ':' || method || status FROM sip_trace ORDER BY id"

/* A reply to message i as it was sent, which may be asked for again. */
static char kept[WORLD_BYTES];
static void keep(unsigned i)
{
    assert_true(i < world.sent);
    memcpy(kept, world.bytes[i], sizeof kept);
}
static void answer(const char *status)
{
    memcpy(world.bytes[0], kept, sizeof kept);
    world_reply(0, status, "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKone\n");
}

static void a_call(void **state)
{
    (void)state;
    run(TRACE "route { setflag(22); sip_trace(); t_relay(); }", CALL);
    keep(1);
    expect_rows(WHAT, "in:INVITE out:INVITE100 out:INVITE");
    answer("180 Ringing");
    answer("200 OK");
    answer("200 OK"); /* the far end repeats it: it goes up again */
    expect_rows(WHAT, "in:INVITE out:INVITE100 out:INVITE in:INVITE180 out:INVITE180 in:INVITE200 "
                      "out:INVITE200 in:INVITE200 out:INVITE200");
    expect_rows("SELECT DISTINCT callid || traced_user || fromtag FROM sip_trace", "c1@testft");
    expect_rows("SELECT fromip || '>' || toip FROM sip_trace ORDER BY id LIMIT 3",
                "udp:198.51.100.7:5060>udp:192.0.2.1:5060 "
                "udp:192.0.2.1:5060>udp:198.51.100.7:5060 "
                "udp:192.0.2.1:5060>udp:203.0.113.5:5060");
    expect_rows("SELECT count(*) FROM sip_trace WHERE time_stamp LIKE '2001-09-09 %'", "9");
    expect_rows("SELECT count(*) FROM sip_trace WHERE direction='in' AND method='INVITE' AND "
                "status='' AND msg LIKE 'INVITE sip:bob@203.0.113.5 SIP/2.0\r\nVia: SIP/2.0/UDP "
                "198.51.100.7:5060;branch=z9hG4bKone\r\nFrom:%'",
                "1");
    expect_rows("SELECT count(*) FROM sip_trace WHERE direction='out' AND msg LIKE 'INVITE%Via: "
                "SIP/2.0/UDP 192.0.2.1%z9hG4bKone%'",
                "1");
}

/* What a phone refuses is acknowledged by us, and our caller's ACK ends here. */
static void acks(void **state)
{
    static const char ACK[] =
        REQUEST_TO("ACK", "sip:bob@203.0.113.5", "<sip:bob@example.org>;tag=x", "", "");
    (void)state;
    run(TRACE "route { setflag(22); t_relay(); }", CALL);
    keep(1);
    answer("486 Busy");
    world_put(ACK);
    expect_rows(WHAT, "out:INVITE100 out:INVITE in:INVITE486 out:ACK out:INVITE486");
    run(TRACE "modparam(\"siptrace\", \"enable_ack_trace\", 1)\n"
              "route { setflag(22); t_newtran(); t_reply(\"486\", \"No\"); }",
        CALL);
    world_put(ACK);
    expect_rows(WHAT, "out:INVITE486 in:ACK");
}

static void cancels(void **state)
{
    (void)state;
    run(TRACE "route { setflag(22); if (method == \"CANCEL\") sip_trace(); t_relay(); }", CALL);
    keep(1);
    answer("180 Ringing");
    world_put(REQUEST("CANCEL", "sip:bob@203.0.113.5", ""));
    char cancel[WORLD_BYTES];
    assert_true(strncmp(world.bytes[1], "CANCEL ", 7) == 0);
    memcpy(cancel, world.bytes[1], sizeof cancel);
    answer("487 Gone");
    memcpy(kept, cancel, sizeof kept);
    world.sent = 1;
    memcpy(world.bytes[0], kept, sizeof kept);
    world_reply(0, "200 OK", "");
    expect_rows(WHAT " LIMIT 5 OFFSET 4",
                "in:CANCEL out:CANCEL200 out:CANCEL in:INVITE487 out:ACK");
    expect_rows(WHAT " LIMIT 5 OFFSET 9", "out:INVITE487 in:CANCEL200");
}

static void stateless_replies(void **state)
{
    (void)state;
    run(TRACE "route { setflag(22); sl_send_reply(\"404\", \"Nobody\"); }", CALL);
    expect_rows(WHAT, "out:INVITE404");
    expect_rows("SELECT fromip || '>' || toip FROM sip_trace",
                "udp:192.0.2.1:5060>udp:198.51.100.7:5060");
    run(TRACE "route { sl_send_reply(\"404\", \"Nobody\"); setflag(22); }", CALL);
    expect_rows(WHAT, "");
    run(TRACE "route { setflag(22); }", "INVITE sip:x SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.7\n"
                                        "CSeq: what\n\n");
    expect_line(0, "SIP/2.0 400 Bad CSeq");
    expect_rows(WHAT, "");
}

/* It counts what is set when the transaction is made. */
static void only_what_is_wanted(void **state)
{
    (void)state;
    run(TRACE "route { t_newtran(); setflag(22); t_reply(\"486\", \"No\"); }", CALL);
    expect_rows(WHAT, "");
    run(TRACE "route { if (sip_trace()) t_reply(\"500\", \"x\"); setflag(22); t_relay(); }", CALL);
    assert_int_equal(world.sent, 2);
    run(TRACE "route { t_relay(); }", CALL);
    expect_rows(WHAT, "");
    /* a failure_route that takes the flag back ends it, with what it sends itself */
    run(TRACE
        "route { setflag(22); t_on_failure(\"1\"); t_relay(); }\n"
        "failure_route[1] { resetflag(22); append_branch(\"sip:c@203.0.113.6\"); t_relay(); }",
        CALL);
    keep(1);
    answer("486 Busy");
    expect_rows(WHAT, "out:INVITE100 out:INVITE in:INVITE486 out:ACK out:INVITE");
    keep(1);
    answer("486 Busy");
    expect_rows("SELECT count(*) FROM sip_trace", "5");
}

static void users(void **state)
{
    (void)state;
    run(TRACE "modparam(\"siptrace\", \"traced_user_avp\", \"$avp(s:who)\")\n"
              "modparam(\"siptrace\", \"trace_local_ip\", \"here\")\n"
              "route { $avp(s:who) = \"sip:alice@a\"; $avp(s:who) = 7; sip_trace(); t_newtran(); "
              "t_reply(\"486\", \"No\"); }",
        CALL);
    expect_rows("SELECT direction || traced_user || fromip || toip FROM sip_trace ORDER BY id",
                "in7udp:198.51.100.7:5060here insip:alice@audp:198.51.100.7:5060here "
                "out7hereudp:198.51.100.7:5060 outsip:alice@ahereudp:198.51.100.7:5060");
    run(TRACE "modparam(\"siptrace\", \"traced_user_avp\", \"s:who\")\n"
              "route { $avp(s:who) = \"x\"; setflag(22); sip_trace(); }",
        CALL);
    expect_rows("SELECT '<' || traced_user || '>' FROM sip_trace ORDER BY id", "<> <x>");
    assert_false(
        world_try(TRACE "modparam(\"siptrace\", \"traced_user_avp\", \"$ru\")\nroute { }"));
    assert_false(
        world_try(TRACE "modparam(\"siptrace\", \"trace_table_avp\", \"$ru\")\nroute { }"));
}

static void tables(void **state)
{
    (void)state;
#define ELSEWHERE(name)                                                                            \
    TRACE "modparam(\"siptrace\", \"trace_table_avp\", \"$avp(s:t)\")\n"                           \
          "route { setflag(22); $avp(s:t) = \"" name "\"; sip_trace(); }"
    run(ELSEWHERE("acc"), CALL); /* has no such columns */
    expect_rows(WHAT, "");
    assert_non_null(strstr(world.log, "acc"));
    run(ELSEWHERE("x; DROP TABLE sip_trace"), CALL);
    expect_rows(WHAT, "in:INVITE");
    run(TRACE "modparam(\"siptrace\", \"table\", \"globalblacklist\")\n"
              "modparam(\"siptrace\", \"callid_column\", \"nothing\")\n"
              "route { setflag(22); sip_trace(); }",
        CALL);
    tick(1);
    assert_non_null(strstr(world_ask(":get_statistics:\ntrace_refused\n"), "trace_refused = 1"));
}

/* Every database takes what a stranger sends, cut to the columns of the reference. */
static void hostile_texts(void **state)
{
    char message[3000], long_id[400];
    (void)state;
    memset(long_id, 'x', sizeof long_id);
    long_id[399] = 0;
    memcpy(long_id + 252, "\xe2\x82\xac", 3); /* a character that ends where the column does */
    memcpy(long_id + 256, "\xff\xc0\xaf", 3);
    snprintf(message, sizeof message,
             "MESSAGE sip:x SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKx\n"
             "From: <sip:a@b>;tag=1\nTo: <sip:b@c>\nCall-ID: %s\nCSeq: 1 MESSAGE\n"
             "Subject: \xc3\xa9 \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82\n\n",
             long_id);
    run(TRACE "route { setflag(22); sip_trace(); }", message);
    expect_rows("SELECT length(CAST(callid AS BLOB)) || hex(substr(callid, 253)) FROM sip_trace",
                "255E282AC");
    expect_rows("SELECT substr(msg, instr(msg, 'Subject')) FROM sip_trace",
                "Subject: \xc3\xa9 ??? ???? ??\r\n\r\n");
}

static void database_away(void **state)
{
    (void)state;
    world_open(TRACE "modparam(\"siptrace\", \"db_waiting\", 2)\ndb_failures=0\n"
                     "route { setflag(22); if (!sip_trace()) xlog(\"L_ERR\", \"lost\"); }");
    db_set_weather(world.shared.dbs, (struct db_weather){.delay = 10, .down = true});
    world_put(CALL);
    world_put(CALL);
    assert_null(strstr(world.log, "lost"));
    world_put(CALL);
    assert_non_null(strstr(world.log, "lost"));
    tick(2);
    expect_rows(WHAT, "");
    assert_non_null(strstr(world_ask(":get_statistics:\ntrace_lost\n"), "trace_lost = 1"));
    db_set_weather(world.shared.dbs, (struct db_weather){.delay = 10});
    tick(3);
    expect_rows(WHAT, "in:INVITE in:INVITE");
    assert_non_null(strstr(world_ask(":get_statistics:\ntrace_rows\n"), "trace_rows = 2"));
    assert_non_null(
        strstr(world_ask(":get_statistics:\ntraced_requests\n"), "traced_requests = 3"));
}

#define COPIES                                                                                     \
    LOAD "loadmodule \"siptrace.so\"\nmodparam(\"siptrace\", \"trace_flag\", 3)\n"                 \
         "modparam(\"siptrace\", \"trace_on\", 1)\n"                                               \
         "modparam(\"siptrace\", \"duplicate_uri\", \"sip:192.0.2.99:9060\")\n"

static void copies(void **state)
{
    (void)state;
    run(COPIES "route { setflag(3); sip_trace(); t_newtran(); t_reply(\"486\", \"No\"); }", CALL);
    assert_null(world_db("siptrace"));
    assert_int_equal(world.sent, 3);
    expect_line(0, "INVITE sip:bob@203.0.113.5 SIP/2.0");
    expect_line(1, "SIP/2.0 486 No");
    expect_line(2, "SIP/2.0 486 No");
    assert_int_equal(world.dst[0].port, 9060);
    assert_int_equal(world.dst[1].port, 5060);
    assert_int_equal(world.dst[2].port, 9060);
    /* a copy is no answer: the script left the caller without one */
    run(COPIES "route { setflag(3); sip_trace(); }", CALL);
    assert_int_equal(world.sent, 1);
    assert_non_null(strstr(world_ask(":get_statistics:\ntraced_requests\n"), "= 1"));
    assert_false(
        world_try(COPIES "modparam(\"siptrace\", \"duplicate_uri\", \"sip:name\")\nroute{}"));
    assert_false(
        world_try(COPIES "modparam(\"siptrace\", \"duplicate_uri\", \"sips:192.0.2.9\")\nroute{}"));
}

/* The copy of a copy would never end. */
static void copies_to_ourselves(void **state)
{
    char text[256];
    struct buf why;
    (void)state;
    struct config *c = world_compile(
        COPIES "modparam(\"siptrace\", \"duplicate_uri\", \"sip:192.0.2.1:5070\")\nroute { }");
    assert_non_null(c);
    buf_fixed(&why, text, sizeof text - 1);
    world.shared.workers = 1;
    world.shared.simulated = true;
    world_socket("192.0.2.1", 5070);
    assert_int_not_equal(shared_start(&world.shared, module_set(), c, &why), ERR_OK);
    text[why.len] = 0;
    assert_string_equal(text, "siptrace: duplicate_uri is one of our own sockets");
    shared_stop(&world.shared);
    config_unref(c);
}

/* A script that can replace that of TRACE, or NULL; text gets why not. */
static struct config *next_version(const char *script, char text[256])
{
    struct buf why;
    buf_fixed(&why, text, 255);
    diag_free(&world.findings);
    struct config *c = world_compile(script);
    assert_non_null(c);
    assert_int_equal(shared_open_dbs(&world.shared, c, &why), ERR_OK);
    bool can = shared_can_reload(&world.shared, c, &why);
    text[why.len] = 0;
    if (!can)
        config_unref(c);
    return can ? c : NULL;
}

static bool reloads(const char *script, char text[256])
{
    struct config *c = next_version(script, text);
    config_unref(c);
    return c != NULL;
}

static void reload(void **state)
{
    char why[256];
    (void)state;
    world_open(TRACE "route { }");
    assert_true(reloads(TRACE "modparam(\"siptrace\", \"table\", \"t2\")\nroute { }", why));
    assert_string_equal(world_ask(":sip_trace:\n"), "200 OK\non\n\n");
    struct config *next =
        next_version(TRACE "modparam(\"siptrace\", \"trace_on\", 0)\nroute { }", why);
    assert_non_null(next); /* another module may refuse it yet */
    assert_string_equal(world_ask(":sip_trace:\n"), "200 OK\non\n\n");
    assert_int_equal(shared_publish(&world.shared, next), 2);
    assert_string_equal(world_ask(":sip_trace:\n"), "200 OK\noff\n\n");
    engine_adopt(world.engine);
    assert_true(shared_settle(&world.shared));
    assert_false(reloads(TRACE "modparam(\"siptrace\", \"db_waiting\", 7)\nroute { }", why));
    assert_non_null(strstr(why, "siptrace: db_waiting cannot be changed live"));
    assert_false(reloads(COPIES "route { }", why));
    assert_non_null(strstr(why, "siptrace: rows cannot begin or end live"));
    assert_false(reloads(
        TRACE "modparam(\"siptrace\", \"duplicate_uri\", \"sip:192.0.2.1\")\nroute { }", why));
    assert_non_null(strstr(why, "siptrace: duplicate_uri is one of our own sockets"));
}

static void the_switch(void **state)
{
    (void)state;
    world_open(TRACE "modparam(\"siptrace\", \"trace_on\", 0)\n"
                     "route { setflag(22); sip_trace(); t_newtran(); t_reply(\"486\", \"No\"); }");
    assert_string_equal(world_ask(":sip_trace:\n"), "200 OK\noff\n\n");
    world_put(CALL);
    expect_rows(WHAT, "");
    assert_string_equal(world_ask(":sip_trace:\nnow\n"), "400 Bad parameter: on or off\n\n");
    assert_string_equal(world_ask(":sip_trace:\nOn\n"), "200 OK\n\n");
    assert_string_equal(world_ask(":sip_trace:\n"), "200 OK\non\n\n");
    world_open(TRACE "route { setflag(22); sip_trace(); t_newtran(); t_reply(\"486\", \"No\"); }");
    world_put(CALL);
    expect_rows(WHAT, "in:INVITE out:INVITE486");
    assert_string_equal(world_ask(":sip_trace:\noff\n"), "200 OK\n\n");
    world_put(REQUEST("MESSAGE", "sip:bob@203.0.113.5", ""));
    expect_rows(WHAT, "in:INVITE out:INVITE486");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call),
        TEST(acks),
        TEST(cancels),
        TEST(stateless_replies),
        TEST(only_what_is_wanted),
        TEST(users),
        TEST(tables),
        TEST(hostile_texts),
        TEST(database_away),
        TEST(copies),
        TEST(the_switch),
        TEST(copies_to_ourselves),
        TEST(reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
