/* permissions. */
/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>

#include "core/db/driver.h"
#include "modules/permissions/priv.h"
#include "tests/unit/modules_fixture.h"

extern const struct module db_text_module;

#define BASE "/tmp/signalbox-permissions"
#define PERM LOAD "loadmodule \"permissions.so\"\n"

static void file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void files(const char *allow, const char *deny)
{
    file(BASE ".allow", allow);
    file(BASE ".deny", deny);
}

static void routing_is(const char *uri, const char *result)
{
    char message[1024];
    snprintf(message, sizeof message, REQUEST("INVITE", "%s", ""), uri);
    expect_shown(PERM "route { allow_routing(\"" BASE "\"); sl_send_reply(\"200\", \"$rc\"); }",
                 message, result);
}

static void calls_are_judged(void **state)
{
    (void)state;
    files("# a comment\n\n\"^sip:ALICE@\" : \"^sip:secret@a\", \"^sip:open@\"\n",
          "ALL : \"^sip:sec\" EXCEPT \"^sip:secretary@\" # all\n"
          "ALL EXCEPT \"alice\" : \"^sip:boss@\"\n\"^sip:alice@example.org$\" : \"@evil\"\n");
    routing_is("sip:secret@a.test", "1");
    routing_is("sip:secret@b.test", "-1");
    routing_is("sip:secretary@b.test:99;x=y", "1");
    routing_is("sip:boss@b.test", "1");
    routing_is("sip:x@evil", "-1");
    routing_is("sip:other@x", "1");
    files("", "");
    routing_is("sip:secret@b.test", "1");
}

/* What the files say can be asked without a call. */
static void operators_ask(void **state)
{
    (void)state;
    files("", "\"^sip:a@x\" : \"^sip:no@y$\"\n");
    world_open(PERM "route { allow_routing(\"" BASE "\"); }");
    assert_string_equal(world_ask(":allow_uri:\n" BASE "\nsip:a@x:7;x=y\nsip:no@y:5070\n"),
                        "403 Forbidden\n\n");
    assert_string_equal(world_ask(":allow_uri:\n" BASE "\nsip:b@x\nsip:no@y\n"), "200 OK\n\n");
    assert_memory_equal(world_ask(":allow_uri:\n" BASE "\nnothing\nsip:no@y\n"), "400 ", 4);
    assert_memory_equal(world_ask(":allow_uri:\nother\nsip:b@x\nsip:no@y\n"), "404 ", 4);
}

static void branches_count(void **state)
{
    (void)state;
    files("", "ALL : \"no@\"\n");
    expect_shown(PERM "route { append_branch(\"sip:no@x\"); allow_routing(\"" BASE "\");"
                      "$var(a) = $rc; allow_routing(\"" BASE ".deny\", \"" BASE ".allow\");"
                      "sl_send_reply(\"200\", \"$var(a) $rc\"); }",
                 REQUEST("INVITE", "sip:b@x", ""), "-1 1");
    expect_shown(PERM "modparam(\"permissions\", \"check_all_branches\", 0)\n"
                      "route { append_branch(\"sip:no@x\"); allow_routing(\"" BASE "\");"
                      "sl_send_reply(\"200\", \"$rc\"); }",
                 REQUEST("INVITE", "sip:b@x", ""), "1");
    expect_shown(PERM "modparam(\"permissions\", \"default_deny_file\", \"" BASE ".deny\")\n"
                      "route { $var(u) = \"sip:no@x\"; allow_uri(\"" BASE "\", \"$var(u)\");"
                      "$var(a) = $rc; rewriteuser(\"no\"); allow_routing();"
                      "sl_send_reply(\"200\", \"$var(a) $rc\"); }",
                 REQUEST("INVITE", "sip:b@x", ""), "-1 -1");
}

static void register_is(const char *contacts, const char *result)
{
    char message[1024];
    snprintf(message, sizeof message, REQUEST("REGISTER", "sip:x", "%s"), contacts);
    expect_shown(PERM "route { allow_register(\"" BASE "\"); sl_send_reply(\"200\", \"$rc\"); }",
                 message, result);
}

static void registrations_are_judged(void **state)
{
    (void)state;
    files("", "ALL : \"127[.]0[.]0[.]1\"\n");
    register_is("", "1");
    register_is("Contact: *\n", "1");
    register_is("Contact: <sip:a@192.0.2.1>\n", "1");
    register_is("Contact: <sip:a@192.0.2.1>, <sip:a@127.0.0.1:5060>\n", "-1");
}

static void bad_rules(void **state)
{
    static const char script[] = PERM "route { allow_routing(\"" BASE "\"); }";
    static const char *const bad[] = {"ALL\n", "ALL : sip:x\n", "ALL : \"(\"\n", "ALL : ALL x\n",
                                      "ALL : \"x\", \n"};
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        files("", bad[i]);
        assert_false(world_try(script));
    }
    remove(BASE ".allow");
    remove(BASE ".deny");
    assert_true(world_try(script));
    assert_false(world_try(PERM "route { allow_trusted(); }"));
}

/* ---- tables ---- */

#define FOLDER "/tmp/signalbox-permissions-tables"

static const struct db_driver *drivers[2];
static struct arena memory;

/* Reads an address table with these rows into memory; the complaint goes to why. */
static struct addresses *read_addresses(const char *rows, struct buf *why)
{
    static const struct perm_conf conf = {.address_table = STR_INIT("address"),
                                          .grp_col = STR_INIT("grp"),
                                          .ip_addr_col = STR_INIT("ip_addr"),
                                          .mask_col = STR_INIT("mask"),
                                          .port_col = STR_INIT("port")};
    const struct db_options options = {.limits = {.deadline = 1000}};
    char text[512];
    drivers[0] = db_text_module.driver;
    mkdir(FOLDER, 0700);
    snprintf(text, sizeof text, "grp(int) ip_addr(string) mask(int,null) port(int,null)\n%s", rows);
    file(FOLDER "/address", text);
    struct db_set *set = db_set_new(drivers, true);
    assert_non_null(set);
    struct db *db = db_open(set, STR("text://" FOLDER), &options, why);
    assert_non_null(db);
    arena_init(&memory, NULL, 1024);
    struct memtable_reading r = {
        .conf = &conf, .db = db, .why = why, .arena = &memory, .scratch = &memory};
    bool good = perm_address.read(&r);
    db_set_free(set);
    return good ? r.data : NULL;
}

/* Half a table would let in the wrong ones. */
static void bad_addresses(void **state)
{
    static const char *const bad[] = {"1:half an address:32:0\n", "1:10.0.0.0:33:0\n",
                                      "1:10.0.0.0:-1:0\n",        "1:10.0.0.0:8:65536\n",
                                      "-1:10.0.0.0:8:0\n",        "1::8:0\n"};
    char mem[256];
    struct buf why;
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        buf_fixed(&why, mem, sizeof mem);
        assert_null(read_addresses(bad[i], &why));
        arena_reset(&memory);
        assert_true(str_search(buf_str(&why), STR("row 1 of the addresses makes no sense"), 0) >=
                    0);
    }
}

static void addresses_in_groups(void **state)
{
    char mem[256];
    struct buf why;
    struct ip ip;
    (void)state;
    buf_fixed(&why, mem, sizeof mem);
    struct addresses *l = read_addresses("1:10.0.0.0:8:0\n2:10.1.2.3::5060\n3:10.1.2.3:32:0\n"
                                         "4:2001\\:db8\\:\\::32:0\n0:0.0.0.0:0:7\n",
                                         &why);
    assert_non_null(l);
    assert_int_equal(ip_parse(&ip, STR("10.1.2.3")), ERR_OK);
    assert_int_equal(addresses_find(l, -1, &ip, 5060)->group, 2);
    assert_int_equal(addresses_find(l, -1, &ip, 1)->group, 3);
    assert_int_equal(addresses_find(l, 1, &ip, 1)->group, 1);
    assert_null(addresses_find(l, 2, &ip, 1));
    assert_int_equal(ip_parse(&ip, STR("2001:db8:1::5")), ERR_OK);
    assert_int_equal(addresses_find(l, -1, &ip, 1)->group, 4);
    assert_int_equal(ip_parse(&ip, STR("203.0.113.1")), ERR_OK);
    assert_null(addresses_find(l, -1, &ip, 1));
    assert_int_equal(addresses_find(l, -1, &ip, 7)->group, 0);
    arena_reset(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_addresses),  TEST(addresses_in_groups),      TEST(calls_are_judged),
        TEST(branches_count), TEST(registrations_are_judged), TEST(bad_rules),
        TEST(operators_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
