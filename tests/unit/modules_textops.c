/* textops: where text is found, and what the message looks like behind it. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

static const char MESSAGE[] = REQUEST_TO(
    "MESSAGE", "sip:bob@203.0.113.5", "<sip:bob@example.org>",
    "X-One: alpha\nX-Two: beta gamma\nX-Two: delta\nSubject: hello hello\nPrivacy: id;critical\n"
    "Content-Type: text/plain;charset=x\nContent-Length: 22\n",
    "line one\nline two one");

/* The message as it goes on behind the actions, and their last result. */
static void edit(const char *actions)
{
    char script[1024];
    snprintf(script, sizeof script,
             LOAD "route { %s $var(r) = $rc; append_hf(\"X-Rc: $var(r)\\r\\n\"); forward(); }",
             actions);
    run(script, MESSAGE);
}

static void ask(const char *condition, bool expected)
{
    char script[1024];
    snprintf(script, sizeof script,
             LOAD "route { if (%s) $var(r) = \"yes\"; else $var(r) = \"no\";"
                  "sl_send_reply(\"200\", \"$var(r)\"); }",
             condition);
    expect_shown(script, MESSAGE, expected ? "yes" : "no");
}

static void searching(void **state)
{
    (void)state;
    ask("search(\"ALPHA\")", true);
    ask("search(\"^X-One\")", true);
    ask("search(\"alpha.*beta\")", false);
    ask("search(\"^MESSAGE sip:\")", true);
    ask("search(\"line two\")", true);
    ask("search_body(\"^line two\")", true);
    ask("search_body(\"alpha\")", false);
    ask("search_body(\"one.*two\")", false);
}

static void appending_behind_a_match(void **state)
{
    (void)state;
    edit("search_append(\"beta\", \"-more\");");
    expect_text(0, "X-Two: beta-more gamma\n");
    edit("search_append_body(\"one\", \"!\");");
    expect_text(0, "\nContent-Length: 23\nX-Rc: 1\n\nline one!\nline two one");
    edit("search_append(\"zzz\", \"-more\");");
    expect_text(0, "X-Rc: -1\n");
}

static void replacing(void **state)
{
    (void)state;
    edit("replace(\"hello\", \"$rU \\\\1\");");
    expect_text(0, "Subject: $rU \\1 hello\n");
    edit("replace_all(\"^X-Two\", \"X-Deux\");");
    expect_text(0, "X-Deux: beta gamma\nX-Deux: delta\n");
    edit("replace_body(\"one\", \"number 1\");");
    expect_text(0, "Content-Length: 27\nX-Rc: 1\n\nline number 1\nline two one");
    edit("replace_body_all(\"^line\", \"L\");");
    expect_text(0, "Content-Length: 16\nX-Rc: 1\n\nL one\nL two one");
    edit("replace_body_atonce(\"^line\", \"L\");");
    expect_text(0, "Content-Length: 19\nX-Rc: 1\n\nL one\nline two one");
    edit("replace_all(\"x*\", \"y\");");
    expect_text(0, "X-Rc: -1\n");
    edit("replace(\"^MESSAGE\", \"INFO\");");
    expect_text(0, "X-Rc: -1\n");
}

static void substituting(void **state)
{
    (void)state;
    edit("subst('/X-One: ([a-z]*)/X-Uno: <\\1> $rU/');");
    expect_text(0, "X-Uno: <alpha> bob\n");
    edit("subst('/hello/hi/g');");
    expect_text(0, "Subject: hi hi\n");
    edit("subst('/HELLO/hi/');");
    expect_text(0, "Subject: hello hello\n");
    edit("subst_body('/ONE/1/gi');");
    expect_text(0, "Content-Length: 18\nX-Rc: 1\n\nline 1\nline two 1");
    expect_shown(SHOW("subst_uri('/^sip:b(.*)@(.*)$/sip:B\\1@new.test/');", "$rc $ru"), MESSAGE,
                 "1 sip:Bob@new.test");
    expect_shown(SHOW("subst_uri('/zzz/x/');", "$rc $ru"), MESSAGE, "-1 sip:bob@203.0.113.5");
    expect_shown(SHOW("subst_user('/^b(.*)$/x\\1y/');", "$rc $ru"), MESSAGE,
                 "1 sip:xoby@203.0.113.5");
    expect_shown(SHOW("subst_user('/bob//');", "$rc $ru"), MESSAGE, "1 sip:203.0.113.5");
}

static void adding_lines(void **state)
{
    (void)state;
    edit("append_hf(\"X-A: $fU\\r\\n\"); append_hf(\"X-B: b\");");
    expect_text(0, "Content-Length: 22\nX-A: alice\nX-B: b\nX-Rc: 1\n\n");
    edit("append_hf(\"X-A: a\\r\\n\", \"X-One\");");
    expect_text(0, "X-One: alpha\nX-A: a\nX-Two");
    edit("insert_hf(\"X-A: a\\r\\n\"); insert_hf(\"X-B: b\\r\\n\");");
    expect_text(0, "SIP/2.0\nX-A: a\nX-B: b\nVia: SIP/2.0/UDP 192.0.2.1");
    edit("insert_hf(\"X-A: a\\r\\n\", \"x-two\");");
    expect_text(0, "X-One: alpha\nX-A: a\nX-Two: beta");
    edit("append_urihf(\"X-U: <\", \">\\r\\n\");");
    expect_text(0, "X-U: <sip:bob@203.0.113.5>\nX-Rc: 1\n");
}

static void removing_lines(void **state)
{
    (void)state;
    edit("remove_hf(\"x-tWO\");");
    expect_text(0, "X-One: alpha\nSubject");
    edit("remove_hf(\"s\");");
    expect_text(0, "X-Two: delta\nPrivacy");
    edit("remove_hf(\"None\");");
    expect_text(0, "X-Rc: -1\n");
    edit("remove_hf(\"X-One\"); append_hf(\"X-One: new\\r\\n\"); is_present_hf(\"X-One\");");
    expect_text(0, "Content-Length: 22\nX-One: new\nX-Rc: 1\n");
    expect_no_text(0, "alpha");
}

static void lines_for_replies(void **state)
{
    (void)state;
    run(SHOW("append_to_reply(\"X-A: $rm\\r\\n\"); append_to_reply(\"X-B: 2\\r\\n\"); "
             "append_time();",
             "OK"),
        MESSAGE);
    expect_text(0, "X-A: MESSAGE\nX-B: 2\nDate: Sun, 09 Sep 2001 01:46:40 GMT\n");
    edit("append_to_reply(\"X-A: 1\\r\\n\");");
    expect_no_text(0, "X-A");
}

static void questions(void **state)
{
    (void)state;
    ask("is_present_hf(\"x-one\")", true);
    ask("is_present_hf(\"f\")", true);
    ask("is_present_hf(\"X-None\")", false);
    ask("is_method(\"INVITE|MESSAGE\")", true);
    ask("is_method(\"INVITE\")", false);
    ask("is_method(\"FROBNICATE\")", false);
    ask("has_body()", true);
    ask("has_body(\"TEXT/plain\")", true);
    ask("has_body(\"text/plain;charset=y\")", true);
    ask("has_body(\"application/sdp\")", false);
    ask("is_privacy(\"id\")", true);
    ask("is_privacy(\"user\")", false);
}

static void bad_arguments_do_not_compile(void **state)
{
    (void)state;
    static const char *const bad[] = {"is_method(\"INVITE|FROB\");",
                                      "is_privacy(\"everything\");",
                                      "subst(\"abc\");",
                                      "search(\"(\");",
                                      "remove_hf();",
                                      "has_body(\"a\", \"b\");"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        char script[256];
        snprintf(script, sizeof script, LOAD "route { %s }", bad[i]);
        assert_false(world_try(script));
    }
}

#define MIXED                                                                                      \
    "--b1\nContent-Type: text/plain\n\nhello\n--b1\ncontent-type: application/sdp;x=1\nX-P: 1\n\n" \
    "v=0\ns=-\n--b1--\n"

static void one_part_of_many(void **state)
{
    static const char message[] =
        REQUEST_TO("INVITE", "sip:bob@203.0.113.5", "<sip:bob@example.org>",
                   "Content-Type: multipart/mixed; boundary=\"b1\"\n", MIXED);
    (void)state;
    run(LOAD "route { filter_body(\"application/sdp\"); forward(); }", message);
    expect_text(0, "\n\nv=0\ns=-\n");
    expect_no_text(0, "hello");
    expect_shown(SHOW("filter_body(\"image/png\");", "$rc"), message, "-1");
    expect_shown(SHOW("filter_body(\"text/plain\");", "$rc"), MESSAGE, "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(searching),
        TEST(appending_behind_a_match),
        TEST(replacing),
        TEST(substituting),
        TEST(adding_lines),
        TEST(removing_lines),
        TEST(lines_for_replies),
        TEST(questions),
        TEST(bad_arguments_do_not_compile),
        TEST(one_part_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
