/* avpops. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define LOAD_AVPOPS LOAD "loadmodule \"avpops.so\"\n"
#define ROUTE(actions, reason)                                                                     \
    LOAD_AVPOPS "route {\n" actions "\n    sl_send_reply(\"200\", \"" reason "\");\n}\n"
#define THREE "$avp(s:x) = \"one\"; $avp(s:x) = \"two\"; $avp(s:x) = \"three\";"

static const char PLAIN[] = REQUEST("OPTIONS", "sip:bob@example.org", "");

static void shows(const char *script, const char *reason)
{
    expect_shown(script, PLAIN, reason);
}

static void values_are_deleted(void **state)
{
    (void)state;
    shows(ROUTE(THREE "avp_delete(\"$avp(s:x)\");", "$rc $(avp(s:x)[*])"), "1 two, one");
    shows(ROUTE(THREE "avp_delete(\"s:x/g\");", "$rc $(avp(s:x)[*])"), "1 <null>");
    shows(ROUTE("avp_delete(\"$avp(s:x)\");", "$rc"), "-1");
    shows(ROUTE(THREE "$avp(i:5) = 1; avp_delete(\"s\");", "$rc $avp(s:x) $avp(i:5)"),
          "1 <null> 1");
    shows(ROUTE(THREE "$avp(i:5) = 1; avp_delete(\"i\"); avp_delete(\"i\");",
                "$rc $avp(s:x) $avp(i:5)"),
          "-1 three <null>");
    shows(ROUTE("$avp(s3:x) = 1; $avp(s4:y) = 2; avp_delete(\"*4\");", "$rc $avp(s:x) $avp(s:y)"),
          "1 1 <null>");
}

static void values_are_copied(void **state)
{
    (void)state;
    shows(ROUTE(THREE "avp_copy(\"$avp(s:x)\", \"$avp(s:y)\");", "$rc $(avp(s:y)[*])"), "1 three");
    shows(
        ROUTE(THREE "avp_copy(\"$avp(s:x)\", \"$avp(s:y)/gd\");", "$(avp(s:x)[*]) $(avp(s:y)[*])"),
        "<null> one, two, three");
    shows(ROUTE("$avp(s:x) = \"12a\"; avp_copy(\"$avp(s:x)\", \"$avp(i:1)/n\");"
                "$avp(i:1) = $avp(i:1) + 1;",
                "$avp(i:1)"),
          "13");
    shows(ROUTE("$avp(s:x) = 7; avp_copy(\"$avp(s:x)\", \"$avp(s:y)/s\");"
                "is_avp_set(\"$avp(s:y)/s\");",
                "$rc"),
          "1");
    shows(ROUTE("avp_copy(\"$avp(s:x)\", \"$avp(s:y)\");", "$rc"), "-1");
    assert_false(world_try(ROUTE("avp_copy(\"$avp(s:x)\", \"$avp(s:y)/ns\");", "")));
    assert_false(world_try(ROUTE("avp_copy(\"$avp(s:x)\", \"$ru\");", "")));
    assert_false(world_try(ROUTE("avp_copy(\"$avp(s:x)\", \"$avp(s:y)/q\");", "")));
}

static void values_become_targets(void **state)
{
    (void)state;
    shows(ROUTE("$avp(s:x) = \"sip:1@p.test\"; avp_pushto(\"$ru\", \"$avp(s:x)\");", "$rc $ru"),
          "1 sip:1@p.test");
    shows(ROUTE("$avp(s:x) = \"ann\"; avp_pushto(\"$ru/username\", \"$avp(s:x)\");", "$rc $ru"),
          "1 sip:ann@example.org");
    shows(ROUTE("$avp(s:x) = \"x.test\"; avp_pushto(\"$ru/domain\", \"$avp(s:x)\");", "$ru"),
          "sip:bob@x.test");
    shows(ROUTE("$avp(s:x) = \"sip:1@p.test\"; $avp(s:x) = \"sip:2@p.test\";"
                "avp_pushto(\"$ru\", \"$avp(s:x)/g\");",
                "$ru $bR"),
          "sip:1@p.test sip:2@p.test");
    shows(ROUTE("avp_pushto(\"$du\", \"$fu\");", "$rc $du"), "1 sip:alice@example.org");
    shows(ROUTE("avp_pushto(\"$du\", \"$avp(s:none)\");", "$rc $du"), "-1 <null>");
    assert_false(world_try(ROUTE("avp_pushto(\"$fu\", \"$avp(s:x)\");", "")));
}

static void expect_result(const char *value, const char *test, const char *result)
{
    char script[1024];
    snprintf(script, sizeof script,
             ROUTE("$avp(s:x) = %s; avp_check(\"$avp(s:x)\", \"%s\");", "%s"), value, test, "$rc");
    shows(script, result);
}

static void values_are_compared(void **state)
{
    (void)state;
    expect_result("\"abc\"", "eq/abc", "1");
    expect_result("\"abc\"", "eq/s:ABC", "-1");
    expect_result("\"abc\"", "eq/s:ABC/i", "1");
    expect_result("\"abc\"", "ne/s:abd", "1");
    expect_result("\"abc\"", "lt/s:ABD", "1");
    expect_result("\"abc\"", "re/^A.C$", "1");
    expect_result("\"a/c\"", "fm/a/?/", "1");
    expect_result("\"abc\"", "fm/B*", "-1");
    expect_result("\"5\"", "eq/i:5", "-1");
    expect_result("5", "eq/i:0x5", "1");
    expect_result("5", "ge/i:6", "-1");
    expect_result("5", "gt/i:-6", "1");
    expect_result("5", "and/i:4", "1");
    expect_result("5", "and/i:2", "-1");
    expect_result("5", "xor/i:5", "-1");
    shows(ROUTE(THREE "avp_check(\"$avp(s:x)\", \"eq/one/g\"); $var(a) = $rc;"
                      "$avp(s:y) = \"one\"; $avp(s:y) = \"zzz\";"
                      "avp_check(\"$avp(s:y)\", \"eq/$avp(s:x)\"); $var(b) = $rc;"
                      "avp_check(\"$avp(s:y)\", \"eq/$avp(s:x)/g\");",
                "$var(a) $var(b) $rc"),
          "1 -1 1");
    assert_false(world_try(ROUTE("avp_check(\"$ru\", \"like/x\");", "")));
    assert_false(world_try(ROUTE("avp_check(\"$ru\", \"re/(\");", "")));
    assert_false(world_try(ROUTE("avp_check(\"$ru\", \"re/$fu\");", "")));
    assert_false(world_try(ROUTE("avp_check(\"$ru\", \"eq/i:5x\");", "")));
}

static void values_are_computed(void **state)
{
    (void)state;
    shows(ROUTE("$avp(s:x) = 7; avp_op(\"$avp(s:x)\", \"div/i:0\");", "$rc $(avp(s:x)[*])"),
          "1 0, 7");
    shows(ROUTE("$avp(s:x) = 7; avp_op(\"$avp(s:x)/$avp(s:y)\", \"sub/i:9/d\");",
                "$avp(s:x) $avp(s:y)"),
          "<null> -2");
    shows(ROUTE("$avp(s:x) = 1; $avp(s:x) = \"t\"; $avp(s:x) = 2; $avp(s:n) = 10;"
                "avp_op(\"$avp(s:x)\", \"mul/$avp(s:n)/g\");",
                "$(avp(s:x)[*])"),
          "10, 20, 2, t, 1");
    shows(ROUTE("$avp(s:x) = 0; avp_op(\"$avp(s:x)\", \"not/i:0\");", "$avp(s:x)"), "-1");
    shows(ROUTE("$avp(s:x) = \"5\"; avp_op(\"$avp(s:x)\", \"add/i:1\");", "$rc"), "-1");
    assert_false(world_try(ROUTE("avp_op(\"$avp(s:x)\", \"add/s:1\");", "")));
    assert_false(world_try(ROUTE("avp_op(\"$avp(s:x)\", \"eq/i:1\");", "")));
}

static void values_are_substituted(void **state)
{
    (void)state;
    shows(ROUTE("$avp(s:x) = \"aXc\"; avp_subst(\"$avp(s:x)\", \"/x/-$rU-/i\");",
                "$rc $(avp(s:x)[*])"),
          "1 a-bob-c");
    shows(ROUTE(THREE "avp_subst(\"$avp(s:x)/$avp(s:y)/g\", \"/e/E/g\");",
                "$(avp(s:x)[*]); $(avp(s:y)[*])"),
          "three, two, one; onE, thrEE");
    shows(ROUTE(THREE "avp_subst(\"$avp(s:x)\", \"/z//\");", "$rc $avp(s:x)"), "-1 three");
}

static void values_are_asked_for(void **state)
{
    (void)state;
    shows(ROUTE("$avp(s:x) = 0; is_avp_set(\"$avp(s:x)/en\"); $var(a) = $rc;"
                "is_avp_set(\"$avp(s:x)/s\"); $var(b) = $rc; is_avp_set(\"$(avp(s:x)[1])\");",
                "$var(a) $var(b) $rc"),
          "1 -1 -1");
    shows(ROUTE("avp_write(\"$fu/username\", \"s:u\"); avp_write(\"i:5\", \"$avp(s:n)\");",
                "$avp(s:u) $avp(s:n)"),
          "alice 5");
    assert_false(world_try(ROUTE("is_avp_set(\"$ru\");", "")));
}

#define TABLES                                                                                     \
    LOAD_AVPOPS "modparam(\"avpops\", \"db_url\", \"sqlite://x.db\")\n"                            \
                "modparam(\"avpops\", \"avp_table\", \"usr_preferences\")\n"

static bool loads(const char *params, const char *call)
{
    char text[2048];
    snprintf(text, sizeof text, "%s%sroute { %s; }", TABLES, params, call);
    return world_try(text);
}

static void tables_need_their_parameters(void **state)
{
    (void)state;
    assert_false(world_try(ROUTE("avp_db_load(\"$tu/username\", \"*\");", "")));
    assert_false(world_try(ROUTE("avp_db_query(\"select 1\");", "")));
    assert_false(world_try(LOAD_AVPOPS "modparam(\"avpops\", \"db_url\", \"sqlite://x.db\")\n"
                                       "route { avp_db_load(\"$fu\", \"*\"); }"));
    assert_true(world_try(LOAD_AVPOPS "modparam(\"avpops\", \"db_url\", \"sqlite://x.db\")\n"
                                      "route { avp_db_load(\"$fu\", \"*/other\"); }"));
    assert_true(world_try(LOAD_AVPOPS "modparam(\"avpops\", \"avp_aliases\", \"u=s:user\")\n"
                                      "route { $avp(u) = \"a\"; avp_print(); }"));
}

static void table_arguments(void **state)
{
    static const char *const good[] = {
        "avp_db_load(\"$fu\", \"$avp(s:x)\")",          "avp_db_load(\"$fu/uuid\", \"s:x\")",
        "avp_db_load(\"text/username\", \"s2\")",       "avp_db_store(\"$avp(s:a/b)/uuid\", \"i\")",
        "avp_db_delete(\"$fu/domain\", \"a/t\")",       "avp_db_load(\"$fu\", \"$avp(s:x)/$one\")",
        "avp_db_query(\"select 1\", \"$avp(i:1);s:x\")"};
    static const char *const bad[] = {"avp_db_load(\"$fu/what\", \"*\")",
                                      "avp_db_load(\"\", \"*\")",
                                      "avp_db_load(\"$fu\", \"$ru\")",
                                      "avp_db_load(\"$fu\", \"s200\")",
                                      "avp_db_load(\"$fu\", \"$avp(s:x)/$no\")",
                                      "avp_db_load(\"$fu\", \"*/$one\")",
                                      "avp_db_store(\"$fu\", \"$avp(s:x)/$one\")",
                                      "avp_db_query(\"select 1\", \"$ru\")"};
    const char *scheme = "modparam(\"avpops\", \"db_scheme\", "
                         "\"one: username_col=u; value_col=v; value_type=integer; table=t\")\n";
    (void)state;
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++)
        if (!loads(scheme, good[i]))
            fail_msg("refused: %s", good[i]);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        if (loads(scheme, bad[i]))
            fail_msg("accepted: %s", bad[i]);
    assert_false(loads("modparam(\"avpops\", \"db_scheme\", \"x:table=t\")\n", good[0]));
    assert_false(loads("modparam(\"avpops\", \"db_scheme\", \"value_col=v;table=t\")\n", good[0]));
    assert_false(
        loads("modparam(\"avpops\", \"db_scheme\", \"x:value_col=v;table=t;odd=1\")\n", good[0]));
}

/* What cannot be bound does not load. */
static void only_values_are_variables(void **state)
{
    static const char *const good[] = {
        "select a from t where u='$rU' and d=$var(d)", "select '$$', \"$fU-$tU\"",
        "insert into t values ('it''s $rU', $(avp(s:x)[0]), $hdr(X))", "select 'no variable ?'",
        "select a from t where u like '%$rU%' limit $var(n);"};
    static const char *const bad[] = {"$var(sql)",
                                      "select a from $var(t)",
                                      "insert into $var(t) values (1)",
                                      "update $var(t) set a=1",
                                      "select a_$var(c) from t",
                                      "select `$var(c)` from t",
                                      "select '$rU from t",
                                      "select a where b=?",
                                      "select $rU$tU",
                                      "select t.$var(c) from t",
                                      "select '$nothing(x)'",
                                      "select $nothing(x)",
                                      "delete from t join $rU"};
    char call[256];
    (void)state;
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        char quoted[200];
        size_t n = 0;
        for (const char *p = good[i]; *p; p++) {
            if (*p == '"')
                quoted[n++] = '\\';
            quoted[n++] = *p;
        }
        quoted[n] = 0;
        snprintf(call, sizeof call, "avp_db_query(\"%s\")", quoted);
        if (!loads("", call))
            fail_msg("refused: %s", good[i]);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(call, sizeof call, "avp_db_query(\"%s\")", bad[i]);
        if (loads("", call))
            fail_msg("accepted: %s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_are_deleted),    TEST(values_are_copied),
        TEST(values_become_targets), TEST(values_are_compared),
        TEST(values_are_computed),   TEST(values_are_substituted),
        TEST(values_are_asked_for),  TEST(tables_need_their_parameters),
        TEST(table_arguments),       TEST(only_values_are_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
