/* dialog: calls are followed, found again, counted, and forgotten. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define DIALOG(more)                                                                               \
    LOAD "loadmodule \"avpops.so\"\nloadmodule \"dialog.so\"\n"                                    \
         "modparam(\"dialog\", \"dlg_flag\", 4)\n"                                                 \
         "modparam(\"dialog\", \"profiles_with_value\", \"who\")\n"                                \
         "modparam(\"dialog\", \"profiles_no_value\", \"any; other\")\n" more "route {\n"          \
         "  if (has_totag()) { loose_route();\n"                                                   \
         "    xlog(\"L_ERR\", \"in $rm st=$DLG_status cnt=$DLG_count\"); t_relay(); exit; }\n"     \
         "  setflag(4); set_dlg_profile(\"who\", \"$fU\"); set_dlg_profile(\"any\");\n"            \
         "  record_route(); t_relay(\"udp:198.51.100.9:5060\");\n"                                 \
         "}\n"

#define CALL                                                                                       \
    REQUEST("INVITE", "sip:bob@example.org",                                                       \
            "Contact: <sip:alice@198.51.100.7>\n"                                                  \
            "Record-Route: <sip:192.0.2.77;lr>\n")

static char did[64];

/* The INVITE went to bob; what stands in its Record-Route is noted. */
static void call_begins(const char *script)
{
    world_open(script);
    world_put(CALL);
    for (unsigned i = 0; i < world.sent; i++) {
        const char *at = strstr(world.bytes[i], ";did=");
        if (at)
            snprintf(did, sizeof did, "%.*s", (int)strcspn(at + 5, ";>"), at + 5);
    }
}

/* Bob's phone answers the INVITE that stands in slot i. */
static void bob_says(const char *line)
{
    static char invite[WORLD_BYTES], reply[WORLD_BYTES];
    for (unsigned i = 0; i < world.sent; i++)
        if (strncmp(world.bytes[i], "INVITE ", 7) == 0)
            strcpy(invite, world.bytes[i]);
    const char *via = strstr(invite, "Via: "), *from = strstr(invite, "From: ");
    assert_true(via && from);
    sprintf(reply,
            "SIP/2.0 %s\n%.*sTo: <sip:bob@example.org>;tag=bt\nCall-ID: c1@test\nCSeq: 1 INVITE\n"
            "From: \"Alice\" <sip:alice@example.org>;tag=ft\n"
            "Record-Route: <sip:192.0.2.88;lr>,<sip:192.0.2.1;lr;did=%s>,<sip:192.0.2.77;lr>\n"
            "Contact: <sip:bob@198.51.100.9>\nContent-Length: 0\n\n",
            line, (int)(from - via), via, did);
    world_put(reply);
}

static void inside(const char *method, unsigned cseq, const char *from_tag, const char *to_tag)
{
    static char text[WORLD_BYTES];
    static unsigned n;
    sprintf(text,
            "%s sip:bob@198.51.100.9 SIP/2.0\n"
            "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKin%u\n"
            "Route: <sip:192.0.2.1;lr;did=%s>\nFrom: <sip:alice@example.org>;tag=%s\n"
            "To: <sip:bob@example.org>;tag=%s\nCall-ID: c1@test\nCSeq: %u %s\n"
            "Max-Forwards: 70\nContent-Length: 0\n\n",
            method, ++n, did, from_tag, to_tag, cseq, method);
    world_put(text);
}

static void logged(const char *text)
{
    if (!strstr(world.log, text))
        fail_msg("no <%s> in <%s>", text, world.log);
}

static void counts(const char *which, int n)
{
    char ask[128], want[128];
    snprintf(ask, sizeof ask, ":get_statistics:\ndialog:%s\n", which);
    snprintf(want, sizeof want, "200 OK\ndialog:%s = %d\n\n", which, n);
    assert_string_equal(world_ask(ask), want);
}

static void a_call_is_followed_to_its_end(void **state)
{
    (void)state;
    call_begins(DIALOG(""));
    assert_true(did[0]);
    counts("processed_dialogs", 1);
    bob_says("180 Ringing");
    counts("early_dialogs", 1);
    counts("active_dialogs", 0);
    bob_says("200 OK");
    counts("early_dialogs", 0);
    counts("active_dialogs", 1);
    inside("ACK", 1, "ft", "bt");
    logged("in ACK st=4 cnt=1");
    inside("INFO", 2, "bt", "ft"); /* from the callee */
    logged("in INFO st=4 cnt=1");
    inside("BYE", 2, "ft", "bt");
    logged("in BYE st=5 cnt=0");
    counts("active_dialogs", 0);
    assert_string_equal(world_ask(":dlg_list:\n"), "200 OK\n\n");
    inside("BYE", 3, "ft", "bt");
    logged("in BYE st=<null> cnt=0");
}

static void strangers_do_not_find_it(void **state)
{
    (void)state;
    call_begins(DIALOG(""));
    bob_says("200 OK");
    inside("BYE", 2, "xx", "bt");
    logged("st=<null> cnt=1");
    strcpy(did, "0.0");
    inside("BYE", 2, "ft", "bt");
    logged("st=<null> cnt=1");
    strcpy(did, "zz.123456789");
    inside("BYE", 2, "ft", "bt");
    logged("st=<null> cnt=1");
    call_begins(DIALOG("modparam(\"dialog\", \"dlg_match_mode\", 2)\n"));
    bob_says("200 OK");
    strcpy(did, "x");
    inside("BYE", 2, "ft", "bt");
    logged("st=5 cnt=0");
}

static void what_fails_or_is_not_one_call_is_not_kept(void **state)
{
    (void)state;
    call_begins(DIALOG(""));
    bob_says("486 Busy Here");
    counts("failed_dialogs", 1);
    assert_string_equal(world_ask(":dlg_list:\n"), "200 OK\n\n");
    world_open(DIALOG(""));
    world_put(REQUEST("INVITE", "sip:bob@example.org", ""));
    counts("processed_dialogs", 0);
    logged("not one Contact");
}

static void its_lifetime_ends_it(void **state)
{
    (void)state;
    call_begins(DIALOG("modparam(\"dialog\", \"default_timeout\", 100)\n"));
    bob_says("200 OK");
    inside("ACK", 1, "ft", "bt");
    world_seconds(90);
    inside("INFO", 2, "ft", "bt");
    world_seconds(90);
    counts("active_dialogs", 1);
    world_seconds(15);
    counts("active_dialogs", 0);
    counts("expired_dialogs", 1);
}

static void profiles_count_calls(void **state)
{
    (void)state;
    call_begins(DIALOG(""));
    assert_string_equal(world_ask(":profile_get_size:\nwho\nalice\n"),
                        "200 OK\nProfile::  name=who value=alice count=1\n\n");
    assert_string_equal(world_ask(":profile_get_size:\nwho\n"),
                        "200 OK\nProfile::  name=who value= count=1\n\n");
    assert_string_equal(world_ask(":profile_get_size:\nother\n"),
                        "200 OK\nProfile::  name=other value= count=0\n\n");
    assert_string_equal(world_ask(":profile_get_size:\nnix\n"), "404 Profile not found\n\n");
    assert_non_null(strstr(world_ask(":profile_list_dlgs:\nwho\nalice\n"), "callid:: c1@test"));
    assert_string_equal(world_ask(":profile_list_dlgs:\nwho\nbob\n"), "200 OK\n\n");
    bob_says("404 Not Found");
    assert_string_equal(world_ask(":profile_get_size:\nany\n"),
                        "200 OK\nProfile::  name=any value= count=0\n\n");
    assert_false(world_try(LOAD "loadmodule \"dialog.so\"\nmodparam(\"dialog\", \"dlg_flag\", 4)\n"
                                "route { set_dlg_profile(\"nix\"); }"));
    assert_false(world_try(LOAD "loadmodule \"dialog.so\"\nroute { t_relay(); }"));
}

static void an_operator_ends_a_call(void **state)
{
    unsigned entry, id;
    char ask[128];
    (void)state;
    call_begins(DIALOG("modparam(\"dialog\", \"dlg_extra_hdrs\", \"X-Why: enough\")\n"));
    const char *list = world_ask(":dlg_list:\nc1@test\nft\n");
    assert_int_equal(sscanf(strstr(list, "hash="), "hash=%u:%u", &entry, &id), 2);
    assert_non_null(strstr(list, "  state:: 1\n"));
    assert_string_equal(world_ask(":dlg_list:\nc2@test\n"), "404 No such dialog\n\n");
    snprintf(ask, sizeof ask, ":dlg_end_dlg:\n%u\n%u\n", entry, id);
    assert_string_equal(world_ask(ask), "403 Operation failed: the call is not answered yet\n\n");
    bob_says("200 OK");
    list = world_ask(":dlg_list_ctx:\n");
    assert_non_null(strstr(list, "  callee_contact:: sip:bob@198.51.100.9\n"));
    assert_non_null(strstr(list, "  callee_route_set:: <sip:192.0.2.88;lr>\n"));
    assert_non_null(strstr(list, "  caller_route_set:: <sip:192.0.2.77;lr>\n"));
    assert_non_null(strstr(list, "    profile:: alice\n"));
    world.sent = 0;
    assert_string_equal(world_ask(":dlg_end_dlg:\n1\n1\n"), "404 Requested Dialog not found\n\n");
    assert_string_equal(world_ask(ask), "200 OK\n\n");
    assert_int_equal(world.sent, 2);
    expect_line(0, "BYE sip:alice@198.51.100.7 SIP/2.0");
    expect_text(0, "Route: <sip:192.0.2.77;lr>\n");
    expect_text(0, "From: <sip:bob@example.org>;tag=bt\n");
    expect_text(0, "To: <sip:alice@example.org>;tag=ft\n");
    expect_line(1, "BYE sip:bob@198.51.100.9 SIP/2.0");
    expect_text(1, "CSeq: 2 BYE\n");
    expect_text(1, "X-Why: enough\n");
    assert_int_equal(world.dst[1].ip.b[3], 88);
    counts("active_dialogs", 0);
}

/* ---- in a database ---- */

#define ROWS(mode) DIALOG("modparam(\"dialog\", \"db_mode\", " #mode ")\ndb_failures=0\n")

static void expect_rows(const char *query, const char *wanted)
{
    assert_string_equal(world_sql("dialog", query), wanted);
}

static void tick(unsigned ms)
{
    for (; ms >= 100; ms -= 100)
        world_pass(100);
}

static void weather(uint32_t delay, bool down)
{
    db_set_weather(world.shared.dbs, (struct db_weather){.delay = delay, .down = down});
}

static void each_step_is_a_row(void **state)
{
    (void)state;
    call_begins(ROWS(1));
    tick(1100);
    bob_says("180 Ringing");
    tick(1100);
    expect_rows("SELECT count(*) FROM dialog", "0"); /* a call that rings ends with the process */
    bob_says("200 OK");
    tick(200);
    expect_rows("SELECT callid || ' ' || from_uri || ' ' || from_tag || ' ' || to_uri || ' ' || "
                "to_tag FROM dialog",
                "c1@test sip:alice@example.org ft sip:bob@example.org bt");
    expect_rows("SELECT caller_contact || ' ' || callee_contact || ' ' || caller_route_set || ' ' "
                "|| callee_route_set FROM dialog",
                "sip:alice@198.51.100.7 sip:bob@198.51.100.9 <sip:192.0.2.77;lr> "
                "<sip:192.0.2.88;lr>");
    expect_rows("SELECT caller_cseq || ' ' || caller_sock || ' ' || state FROM dialog",
                "1 udp:192.0.2.1:5060 3");
    expect_rows("SELECT timeout - start_time > 43000 FROM dialog", "1");
    inside("ACK", 1, "ft", "bt");
    tick(200);
    expect_rows("SELECT state FROM dialog", "4");
    inside("INFO", 7, "bt", "ft");
    tick(200);
    expect_rows("SELECT callee_cseq FROM dialog", "7");
    inside("BYE", 2, "ft", "bt");
    tick(200);
    expect_rows("SELECT count(*) FROM dialog", "0");
}

static void changes_wait_for_their_time(void **state)
{
    (void)state;
    call_begins(DIALOG("modparam(\"dialog\", \"db_mode\", 2)\n"
                       "modparam(\"dialog\", \"db_update_period\", 10)\n"));
    tick(10000); /* the period has begun */
    bob_says("200 OK");
    counts("unwritten_dialogs", 0); /* told once a second */
    inside("ACK", 1, "ft", "bt");
    tick(1000);
    counts("unwritten_dialogs", 1);
    expect_rows("SELECT count(*) FROM dialog", "0");
    tick(12000);
    expect_rows("SELECT state FROM dialog", "4");
    counts("unwritten_dialogs", 0);
}

static void nothing_is_lost_while_it_is_away(void **state)
{
    (void)state;
    call_begins(ROWS(1));
    weather(10, true);
    bob_says("200 OK");
    tick(1000);
    inside("ACK", 1, "ft", "bt");
    tick(5000);
    weather(10, false);
    expect_rows("SELECT count(*) FROM dialog", "0");
    tick(3000);
    expect_rows("SELECT state FROM dialog", "4");
    weather(10, true);
    inside("BYE", 2, "ft", "bt");
    tick(2000);
    weather(10, false);
    tick(3000);
    expect_rows("SELECT count(*) FROM dialog", "0");
}

static void only_at_the_end(void **state)
{
    (void)state;
    call_begins(ROWS(3));
    bob_says("200 OK");
    inside("ACK", 1, "ft", "bt");
    tick(5000);
    expect_rows("SELECT count(*) FROM dialog", "0"); /* the end: tests/dialogs/run */
    counts("unwritten_dialogs", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_followed_to_its_end),
        TEST(strangers_do_not_find_it),
        TEST(what_fails_or_is_not_one_call_is_not_kept),
        TEST(its_lifetime_ends_it),
        TEST(profiles_count_calls),
        TEST(an_operator_ends_a_call),
        TEST(each_step_is_a_row),
        TEST(changes_wait_for_their_time),
        TEST(nothing_is_lost_while_it_is_away),
        TEST(only_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
