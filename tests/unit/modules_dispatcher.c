/* dispatcher. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define LIST "/tmp/signalbox-dispatcher.list"
#define DS(params)                                                                                 \
    LOAD "loadmodule \"dispatcher.so\"\nmodparam(\"dispatcher\", \"list_file\", \"" LIST           \
         "\")\n" params
#define SHOWN(actions, reason) "route { " actions " sl_send_reply(\"200\", \"" reason "\"); }"
#define FAILOVER                                                                                   \
    "modparam(\"dispatcher\", \"flags\", 2)\nmodparam(\"dispatcher\", \"dst_avp\", "               \
    "\"$avp(i:1)\")\n"                                                                             \
    "modparam(\"dispatcher\", \"grp_avp\", \"i:2\")\n"                                             \
    "modparam(\"dispatcher\", \"cnt_avp\", \"$avp(i:3)\")\n"

static const char PLAIN[] = REQUEST("OPTIONS", "sip:bob@example.org", "");

static void list(const char *text)
{
    FILE *f = fopen(LIST, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void next_is(const char *shown)
{
    char line[256];
    world_put(PLAIN);
    snprintf(line, sizeof line, "SIP/2.0 200 %s", shown);
    expect_line(0, line);
}

static const char three[] = "# comment\n\n1 sip:a.test\n1 sip:b.test:99 \n1\tsip:c.test;x=1\n";

static void round_robin(void **state)
{
    (void)state;
    list(three);
    world_open(DS("") SHOWN("ds_select_dst(\"1\", \"4\");", "$rc $du"));
    next_is("1 sip:a.test");
    next_is("1 sip:b.test:99");
    next_is("1 sip:c.test;x=1");
    next_is("1 sip:a.test");
    world_open(DS("") SHOWN("$var(s) = 1; ds_select_domain(\"$var(s)\", \"99\");", "$rc $ru $du"));
    next_is("1 sip:bob@a.test <null>");
    world_open(DS("") SHOWN("ds_select_dst(\"9\", \"4\");", "$rc"));
    next_is("-1");
    world_open(DS("") SHOWN("$du = \"sip:x\"; ds_select_dst(\"1\", \"4\");", "$rc $du"));
    next_is("-1 sip:x");
    world_open(DS("modparam(\"dispatcher\", \"force_dst\", 1)\n")
                   SHOWN("$du = \"sip:x\"; ds_select_dst(\"1\", \"4\");", "$rc $du"));
    next_is("1 sip:a.test");
}

/* The same call goes the same way, whatever is hashed. */
static void hashes(void **state)
{
    char script[1024];
    (void)state;
    list(three);
    for (int alg = 0; alg <= 7; alg++) {
        if (alg == 4 || alg == 5)
            continue;
        snprintf(script, sizeof script,
                 DS("modparam(\"dispatcher\", \"hash_pvar\", \"$fU\")\n")
                     SHOWN("ds_select_dst(\"1\", \"%d\");", "%s"),
                 alg, "$rc $du");
        world_open(script);
        world_put(PLAIN);
        char first[WORLD_BYTES];
        memcpy(first, world.bytes[0], sizeof first);
        world_put(PLAIN);
        assert_string_equal(world.bytes[0], first);
        assert_non_null(strstr(first, "200 1 sip:"));
    }
}

static void inactive_ones_are_skipped(void **state)
{
    (void)state;
    list("1 sip:a.test 1\n1 sip:b.test\n1 sip:c.test 2\n");
    world_open(DS("") SHOWN("ds_select_dst(\"1\", \"4\");", "$rc $du"));
    next_is("1 sip:b.test");
    next_is("1 sip:b.test");
    list("1 sip:a.test 1\n1 sip:b.test 2\n");
    world_open(DS("") SHOWN("ds_select_dst(\"1\", \"4\");", "$rc $du"));
    next_is("-1 <null>");
    list("1 sip:a.test 1\n1 sip:b.test\n");
    world_open(DS("modparam(\"dispatcher\", \"use_default\", 1)\n")
                   SHOWN("ds_select_dst(\"1\", \"4\");", "$rc $du"));
    next_is("1 sip:b.test");
}

static void failover(void **state)
{
    (void)state;
    list("3 sip:a.test\n3 sip:b.test\n3 sip:c.test\n3 sip:d.test 1\n3 sip:e.test\n");
    world_open(DS(FAILOVER "modparam(\"dispatcher\", \"use_default\", 1)\n")
                   SHOWN("ds_select_dst(\"3\", \"4\");", "$(avp(i:1)[*]) $avp(i:2) $avp(i:3)"));
    next_is("sip:a.test, sip:b.test, sip:c.test, sip:e.test 3 4");
    next_is("sip:b.test, sip:c.test, sip:a.test, sip:e.test 3 4");
    list("1 sip:203.0.113.1\n1 sip:203.0.113.2\n");
    run(DS(FAILOVER) "route { ds_select_dst(\"1\", \"4\"); t_on_failure(\"1\"); t_relay(); }\n"
                     "failure_route[1] { ds_mark_dst(); ds_next_dst(); xlog(\"$rc $du\");"
                     "ds_next_dst(); xlog(\" $rc\"); }",
        REQUEST("INVITE", "sip:bob@203.0.113.9", ""));
    expect_line(1, "INVITE sip:bob@203.0.113.9 SIP/2.0");
    for (int i = 0; i < 40; i++)
        world.sent = 0, world_pass(1000); /* nobody answers */
    world.log[world.logged] = 0;
    assert_string_equal(world.log, "1 sip:203.0.113.2 -1");
}

static void senders_are_known(void **state)
{
    (void)state;
    list("7 sip:198.51.100.7:5061\n8 sip:198.51.100.7\n");
    world_open(DS("modparam(\"dispatcher\", \"setid_pvname\", \"$var(set)\")\n") SHOWN(
        "ds_is_from_list(\"7\"); $var(a) = $rc; ds_is_from_list();", "$var(a) $rc $var(set)"));
    next_is("-1 1 8");
}

static void bad_lists(void **state)
{
    (void)state;
    list("1 sip:a.test\nnonsense\n");
    assert_false(world_try(DS("") "route { }"));
    list("1 sip:a.test 9\n");
    assert_false(world_try(DS("") "route { }"));
    list("# nothing\n");
    assert_false(world_try(DS("") "route { }"));
    remove(LIST);
    assert_false(world_try(DS("") "route { }"));
}

#define STATES(a, b)                                                                               \
    "200 OK\nSET_NO:: 1\nSET:: 1\n  URI:: sip:198.51.100.1 flag=" a                                \
    "\n  URI:: sip:198.51.100.2 flag=" b "\n\n"

static void operators_set_states(void **state)
{
    (void)state;
    list("1 sip:198.51.100.1\n1 sip:198.51.100.2 1\n");
    world_open(DS("") "route { }");
    assert_string_equal(world_ask(":ds_list:\n"), STATES("A", "I"));
    assert_string_equal(world_ask(":ds_set_state:\ni\n1\nsip:198.51.100.1\n"), "200 OK\n\n");
    assert_string_equal(world_ask(":ds_set_state:\n2\n1\nsip:198.51.100.2\n"), "200 OK\n\n");
    assert_string_equal(world_ask(":ds_list:\n"), STATES("I", "P"));
    assert_string_equal(world_ask(":ds_set_state:\na\n2\nsip:198.51.100.2\n"),
                        "404 Destination not found\n\n");
    assert_string_equal(world_ask(":ds_set_state:\nx\n1\nsip:198.51.100.2\n"),
                        "400 Bad state: a or 1 active, i or 0 inactive, p or 2 probing\n\n");
    remove(LIST);
}

static void those_that_are_probing_are_pinged(void **state)
{
    unsigned pinged = 0;
    (void)state;
    list("1 sip:198.51.100.1\n1 sip:198.51.100.2 2\n");
    world_open(
        DS("modparam(\"dispatcher\", \"ds_ping_interval\", 10)\n"
           "modparam(\"dispatcher\", \"ds_ping_from\", \"sip:me@example.org\")\n") "route { }");
    for (int i = 0; i < 10 && !pinged; i++) {
        world_seconds(1);
        pinged += world.sent;
    }
    assert_int_equal(pinged, 1);
    expect_line(0, "OPTIONS sip:198.51.100.2 SIP/2.0");
    expect_text(0, "From: <sip:me@example.org>;tag=");
    world_reply(0, "404 Not Found", "");
    assert_string_equal(world_ask(":ds_list:\n"), STATES("A", "P"));
    for (pinged = 0; !pinged; pinged += world.sent)
        world_seconds(1);
    world_reply(0, "200 OK", "");
    assert_string_equal(world_ask(":ds_list:\n"), STATES("A", "A"));
    assert_non_null(strstr(world.log, "is active"));
    for (int i = 0; i < 25; i++) {
        world_seconds(1);
        assert_int_equal(world.sent, 0);
    }
    remove(LIST);
}

static void silence_makes_a_destination_probing(void **state)
{
    (void)state;
    list("1 sip:198.51.100.1\n1 sip:198.51.100.2\n");
    world_open(DS("modparam(\"dispatcher\", \"ds_ping_interval\", 40)\n"
                  "modparam(\"dispatcher\", \"ds_probing_threshhold\", 2)\n"
                  "modparam(\"dispatcher\", \"ds_probing_mode\", 1)\n") "route { }");
    bool first = true;
    for (int i = 0; i < 110; i++) {
        world_seconds(1);
        for (unsigned k = 0; k < world.sent; k++)
            if (strstr(world.bytes[k], "OPTIONS sip:198.51.100.1 ")) {
                first = false;
                world_reply(k, "501 Not Implemented", "");
                break;
            }
    }
    assert_false(first);
    assert_string_equal(world_ask(":ds_list:\n"), STATES("A", "P"));
    remove(LIST);
}

/* ---- reading the list anew, and from a table ---- */

#define ROUND_ROBIN SHOWN("ds_select_dst(\"1\", \"4\");", "$rc $du")

static void a_file_is_read_anew(void **state)
{
    (void)state;
    list("1 sip:a.test\n1 sip:b.test\n1 sip:c.test 1\n2 sip:z.test\n");
    world_open(DS("") ROUND_ROBIN);
    assert_string_equal(world_ask(":ds_set_state:\np\n1\nsip:a.test\n"), "200 OK\n\n");
    assert_string_equal(world_ask(":ds_set_state:\na\n1\nsip:c.test\n"), "200 OK\n\n");
    list("1 sip:a.test\n1 sip:b.test\n1 sip:c.test 0\n1 sip:d.test 2\n");
    assert_string_equal(world_ask(":ds_reload:\n"), "200 OK\n\n");
    /* what was found out stays, but where the list says something else */
    assert_string_equal(world_ask(":ds_list:\n"), "200 OK\nSET_NO:: 1\nSET:: 1\n"
                                                  "  URI:: sip:a.test flag=P\n"
                                                  "  URI:: sip:b.test flag=A\n"
                                                  "  URI:: sip:c.test flag=A\n"
                                                  "  URI:: sip:d.test flag=P\n\n");
    next_is("1 sip:b.test");
    list("1 sip:a.test\nnonsense\n");
    assert_string_equal(world_ask(":ds_reload:\n"),
                        "500 " LIST ", line 2: \"nonsense\" is not written: set uri [flags]\n\n");
    unlink(LIST);
    assert_string_equal(world_ask(":ds_reload:\n"), "500 cannot read the list of destinations " LIST
                                                    ": No such file or directory\n\n");
    next_is("1 sip:c.test"); /* the list in force is what it was */
}

#define TABLE(params)                                                                              \
    LOAD "loadmodule \"dispatcher.so\"\nmodparam(\"dispatcher\", \"db_url\", "                     \
         "\"sqlite://x\")\n" params

static void sql(const char *text)
{
    world_sql("dispatcher", text);
}

static void row(const char *set, const char *uri, const char *flags)
{
    char text[256];
    snprintf(text, sizeof text,
             "INSERT INTO dispatcher (setid, destination, flags, description) VALUES (%s, %s, %s, "
             "'')",
             set, uri, flags);
    sql(text);
}

/* Takes values that make no sense too. */
static void loose_table(void)
{
    sql("DROP TABLE dispatcher");
    sql("CREATE TABLE dispatcher (id INTEGER PRIMARY KEY, setid, destination, flags, description)");
}

static void a_table(void **state)
{
    (void)state;
    world_open(TABLE("") ROUND_ROBIN); /* needs no file */
    next_is("-1 <null>");
    assert_string_equal(world_ask(":ds_list:\n"), "200 OK\nSET_NO:: 0\n\n");
    loose_table();
    row("1", "'sip:a.test'", "0");
    row("2", "'sip:z.test'", "0");
    row("1", "'sip:b.test:99'", "1");
    row("1", "'sip:c.test'", "NULL");
    next_is("-1 <null>"); /* nothing is asked while a request waits */
    assert_string_equal(world_ask(":ds_reload:\n"), "200 OK\n\n");
    assert_string_equal(world_ask(":ds_list:\n"),
                        "200 OK\nSET_NO:: 2\nSET:: 1\n  URI:: sip:a.test flag=A\n"
                        "  URI:: sip:b.test:99 flag=I\n  URI:: sip:c.test flag=A\n"
                        "SET:: 2\n  URI:: sip:z.test flag=A\n\n");
    next_is("1 sip:a.test");
    next_is("1 sip:c.test");
    /* a table that cannot be read changes nothing */
    sql("ALTER TABLE dispatcher RENAME TO elsewhere");
    assert_memory_equal(world_ask(":ds_reload:\n"), "500 ", 4);
    next_is("1 sip:a.test");
    sql("ALTER TABLE elsewhere RENAME TO dispatcher");
    /* version 1 of the table has no flags */
    sql("UPDATE version SET table_version = 1 WHERE table_name = 'dispatcher'");
    sql("ALTER TABLE dispatcher DROP COLUMN flags");
    assert_string_equal(world_ask(":ds_reload:\n"), "200 OK\n\n");
    assert_non_null(strstr(world_ask(":ds_list:\n"), "sip:b.test:99 flag=A"));
}

static void rows_that_make_no_sense(void **state)
{
    static const struct {
        const char *set, *uri, *flags, *told;
    } bad[] = {
        {"NULL", "'sip:a'", "0", "set \"\", destination \"sip:a\", flags \"0\""},
        {"-1", "'sip:a'", "0", "set \"-1\""},
        {"'one'", "'sip:a'", "0", "set \"one\""},
        {"4294967296", "'sip:a'", "0", "set \"4294967296\""},
        {"1", "NULL", "0", "destination \"\""},
        {"1", "'nothing'", "0", "destination \"nothing\""},
        {"1", "'sip:a'", "4", "flags \"4\""},
        {"1", "'sip:a'", "'x'", "flags \"x\""},
    };
    (void)state;
    world_open(TABLE("") ROUND_ROBIN);
    loose_table();
    row("1", "'sip:good.test'", "0");
    world_ask(":ds_reload:\n");
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        row(bad[i].set, bad[i].uri, bad[i].flags);
        const char *answer = world_ask(":ds_reload:\n");
        assert_memory_equal(answer, "500 row 2 of table dispatcher makes no sense: ", 46);
        if (!strstr(answer, bad[i].told))
            fail_msg("no <%s> in %s", bad[i].told, answer);
        sql("DELETE FROM dispatcher WHERE id > 1");
        next_is("1 sip:good.test");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(round_robin),
        TEST(hashes),
        TEST(inactive_ones_are_skipped),
        TEST(failover),
        TEST(senders_are_known),
        TEST(bad_lists),
        TEST(operators_set_states),
        TEST(those_that_are_probing_are_pinged),
        TEST(silence_makes_a_destination_probing),
        TEST(a_file_is_read_anew),
        TEST(a_table),
        TEST(rows_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
