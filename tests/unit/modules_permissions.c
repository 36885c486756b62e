/* permissions. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_are_judged),
        TEST(branches_count),
        TEST(registrations_are_judged),
        TEST(bad_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
