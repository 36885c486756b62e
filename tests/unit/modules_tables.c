/* Tables in memory under management commands: read anew, shown, refused when a row makes no sense.
 */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

static const char script[] = LOAD
    "loadmodule \"domain.so\"\nloadmodule \"permissions.so\"\nloadmodule \"dialplan.so\"\n"
    "loadmodule \"lcr.so\"\nloadmodule \"pdt.so\"\nloadmodule \"userblacklist.so\"\n"
    "modparam(\"domain\", \"db_mode\", 1)\nmodparam(\"permissions\", \"db_mode\", 1)\n"
    "modparam(\"permissions\", \"db_url\", \"sqlite://x\")\n"
    "route { is_from_local(); allow_trusted(); allow_source_address(\"1\");\n"
    "check_blacklist(\"globalblacklist\"); $var(r) = $rc; sl_send_reply(\"200\", \"$var(r)\"); }";

/* In the database that all modules share here. */
static void sql(const char *text)
{
    world_sql("domain", text);
}

static void expect_answer(const char *ask, const char *want)
{
    const char *told = world_ask(ask);
    if (strcmp(told, want) != 0)
        fail_msg("%s answers\n%s", ask, told);
}

/* A refusal that says why; what there was stays. */
static void expect_refusal(const char *ask, const char *why)
{
    const char *told = world_ask(ask);
    if (strncmp(told, "500 ", 4) != 0 || !strstr(told, why))
        fail_msg("%s answers\n%s", ask, told);
}

static void domains(void **state)
{
    (void)state;
    world_open(script);
    expect_answer(":domain_dump:\n", "200 OK\n\n");
    sql("insert into domain (domain) values ('B.test'), ('a.test'), ('')");
    expect_answer(":domain_dump:\n", "200 OK\n\n");
    expect_answer(":domain_reload:\n", "200 OK\n\n");
    expect_answer(":domain_dump:\n", "200 OK\ndomain:: a.test\ndomain:: b.test\n\n");
    world_open(LOAD "loadmodule \"domain.so\"\nroute { is_from_local(); }");
    expect_refusal(":domain_reload:\n", "db_mode 0");
    expect_refusal(":domain_dump:\n", "db_mode 0");
}

static void peers_and_addresses(void **state)
{
    (void)state;
    world_open(script);
    sql("insert into trusted (src_ip, proto, from_pattern, tag) values "
        "('192.0.2.9', 'udp', '^sip:a', 'peer')");
    sql("insert into address (grp, ip_addr, mask, port) values (1, '10.0.0.0', 8, 0), "
        "(2, '10.1.2.3', 32, 5060)");
    expect_answer(":trusted_reload:\n", "200 OK\n\n");
    expect_answer(":address_reload:\n", "200 OK\n\n");
    expect_answer(":trusted_dump:\n",
                  "200 OK\npeer:: 192.0.2.9 proto=udp pattern=^sip:a tag=peer\n\n");
    expect_answer(":address_dump:\n", "200 OK\naddress:: 10.1.2.3 grp=2 mask=32 port=5060\n\n");
    expect_answer(":subnet_dump:\n", "200 OK\naddress:: 10.0.0.0 grp=1 mask=8 port=0\n\n");
    sql("insert into address (grp, ip_addr, mask, port) values (1, 'nonsense', 32, 0)");
    expect_refusal(":address_reload:\n", "row 3 of the addresses makes no sense");
    expect_answer(":address_dump:\n", "200 OK\naddress:: 10.1.2.3 grp=2 mask=32 port=5060\n\n");
}

static void dial_plans(void **state)
{
    (void)state;
    world_open(script);
    expect_answer(":dp_translate:\n1\n0049\n", "404 No translation\n\n");
    sql("insert into dialplan (dpid, pr, match_op, match_exp, match_len, subst_exp, repl_exp, "
        "attrs) "
        "values (1, 1, 1, '^00', 0, '^00(.*)$', '+\\1', 'intl')");
    expect_answer(":dp_reload:\n", "200 OK\n\n");
    expect_answer(":dp_translate:\n1\n0049\n", "200 OK\nOutput:: +49\nATTRIBUTES:: intl\n\n");
    expect_answer(":dp_translate:\nx\n0049\n", "400 the id is no number\n\n");
    sql("insert into dialplan (dpid, pr, match_op, match_exp, match_len, subst_exp, repl_exp, "
        "attrs) "
        "values (1, 1, 1, '(', 0, '', '', '')");
    expect_refusal(":dp_reload:\n", "in row 2");
    sql("update dialplan set match_op = 7 where match_exp = '('");
    expect_refusal(":dp_reload:\n", "row 2 makes no sense");
    expect_answer(":dp_translate:\n1\n0049\n", "200 OK\nOutput:: +49\nATTRIBUTES:: intl\n\n");
}

static void gateways(void **state)
{
    static const char *const bad[] = {
        "'x', 1, 'no address', 5060, 1, 1, 0, '', 0", "'x', 1, '10.0.0.1', 65536, 1, 1, 0, '', 0",
        "'x', 1, '10.0.0.1', 5060, 3, 1, 0, '', 0",   "'x', 1, '10.0.0.1', 5060, 1, 9, 0, '', 0",
        "'x', 1, '10.0.0.1', 5060, 1, 1, -1, '', 0",  "'x', 1, '10.0.0.1', 5060, 1, 1, 0, 'a@b', 0",
        "'x', -1, '10.0.0.1', 5060, 1, 1, 0, '', 0"};
    (void)state;
    world_open(script);
    sql("insert into gw (gw_name, grp_id, ip_addr, port, uri_scheme, transport, strip, tag, flags) "
        "values ('a', 1, '2001:db8::1', NULL, 2, 3, 1, '77', 5)");
    sql("insert into lcr (prefix, from_uri, grp_id, priority) values ('49', '^sip:a', 1, 3)");
    expect_answer(":lcr_reload:\n", "200 OK\n\n");
    expect_answer(":lcr_dump:\n",
                  "200 OK\nGW:: a GRP_ID=1 IP_ADDR=2001:db8::1 PORT=0 SCHEME=sips TRANSPORT=tls "
                  "STRIP=1 TAG=77 FLAGS=5\nRULE:: 49 FROM_URI=^sip:a GRP_ID=1 PRIORITY=3\n\n");
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        snprintf(
            text, sizeof text,
            "insert into gw (gw_name, grp_id, ip_addr, port, uri_scheme, transport, strip, tag, "
            "flags) values (%s)",
            bad[i]);
        sql(text);
        expect_refusal(":lcr_reload:\n", "row 2 of the gateways makes no sense");
        sql("delete from gw where gw_name = 'x'");
    }
    sql("insert into lcr (prefix, from_uri, grp_id, priority) values ('4', '\\(', 1, 3)");
    expect_refusal(":lcr_reload:\n", "row 2 of the rules makes no sense");
}

static void domains_of_prefixes(void **state)
{
    static const char *const bad[] = {"'', '1', 'a.test'",   "'*', '', 'a.test'",
                                      "'*', '1x', 'a.test'", "'*', '1', 'a b'",
                                      "'*', '1', ''",        "'*', '1', 'u@a.test'"};
    (void)state;
    world_open(script);
    sql("insert into pdt (sdomain, prefix, domain) values ('*', '49', 'de.test')");
    expect_answer(":pdt_reload:\n", "200 OK\n\n");
    expect_answer(":pdt_list:\n", "200 OK\nPDT::  SDOMAIN=* PREFIX=49 DOMAIN=de.test\n\n");
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        snprintf(text, sizeof text, "insert into pdt (sdomain, prefix, domain) values (%s)",
                 bad[i]);
        sql(text);
        expect_refusal(":pdt_reload:\n", "row 2 of table pdt makes no sense");
        sql("delete from pdt where prefix <> '49'");
    }
}

static void prefixes_added_and_removed(void **state)
{
    static const char one[] = "PDT::  SDOMAIN=* PREFIX=49 DOMAIN=de.test\n";
    char all[256];
    (void)state;
    world_open(script);
    expect_answer(":pdt_add:\n*\n49\nde.test\n", "200 OK\n\n");
    expect_answer(":pdt_add:\na.test\n43\nat.test\n", "200 OK\n\n");
    snprintf(all, sizeof all, "200 OK\n%sPDT::  SDOMAIN=a.test PREFIX=43 DOMAIN=at.test\n\n", one);
    expect_answer(":pdt_list:\n", all);
    expect_answer(":pdt_reload:\n", "200 OK\n\n");
    expect_answer(":pdt_list:\n", all);
    expect_answer(":pdt_list:\n.\n43\n",
                  "200 OK\nPDT::  SDOMAIN=a.test PREFIX=43 DOMAIN=at.test\n\n");
    expect_answer(":pdt_list:\n*\n.\nat.test\n", "200 OK\n\n");
    expect_answer(":pdt_add:\n*\n49\nx.test\n", "400 this source has the prefix already\n\n");
    assert_memory_equal(world_ask(":pdt_add:\n*\n4x\nx.test\n"), "400 ", 4);
    assert_memory_equal(world_ask(":pdt_add:\n*\n4\nx y\n"), "400 ", 4);
    expect_answer(":pdt_delete:\n*\nat.test\n", "404 there is no such row\n\n");
    expect_answer(":pdt_delete:\na.test\nat.test\n", "200 OK\n\n");
    snprintf(all, sizeof all, "200 OK\n%s\n", one);
    expect_answer(":pdt_list:\n", all);
}

static void black_lists(void **state)
{
    (void)state;
    world_open(script);
    world_put(REQUEST("OPTIONS", "sip:1900@x.test", ""));
    expect_line(0, "SIP/2.0 200 1");
    sql("insert into globalblacklist (prefix, whitelist, description) values ('1900', 0, '')");
    expect_answer(":reload_blacklist:\n", "200 OK\n\n");
    world_put(REQUEST("OPTIONS", "sip:1900@x.test", ""));
    expect_line(0, "SIP/2.0 200 -1");
}

static struct config *next_version(struct buf *why)
{
    diag_free(&world.findings);
    struct config *next = world_compile(script);
    assert_non_null(next);
    assert_int_equal(shared_open_dbs(&world.shared, next, why), ERR_OK);
    return next;
}

/* A version whose tables are not all good is refused whole: none of them is taken. */
static void all_or_none(void **state)
{
    char mem[256];
    struct buf why;
    (void)state;
    world_open(script);
    sql("insert into domain (domain) values ('a.test')");
    sql("insert into pdt (sdomain, prefix, domain) values ('*', 'x', 'de.test')");
    buf_fixed(&why, mem, sizeof mem);
    struct config *next = next_version(&why);
    assert_false(shared_can_reload(&world.shared, next, &why));
    assert_true(str_starts(buf_str(&why), STR("module pdt: row 1 of table pdt makes no sense")));
    config_free(next);
    expect_answer(":domain_dump:\n", "200 OK\n\n");

    sql("delete from pdt");
    why.len = 0;
    next = next_version(&why);
    assert_true(shared_can_reload(&world.shared, next, &why));
    expect_answer(":domain_dump:\n", "200 OK\n\n");
    assert_int_equal(shared_publish(&world.shared, next), 2);
    expect_answer(":domain_dump:\n", "200 OK\ndomain:: a.test\n\n");
    engine_adopt(world.engine);
    assert_true(shared_settle(&world.shared));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(domains),     TEST(peers_and_addresses),        TEST(dial_plans),
        TEST(gateways),    TEST(domains_of_prefixes),        TEST(black_lists),
        TEST(all_or_none), TEST(prefixes_added_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
