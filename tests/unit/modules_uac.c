/* uac. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define UAC LOAD "loadmodule \"uac.so\"\n"
#define MODE(mode) UAC "modparam(\"uac\", \"from_restore_mode\", \"" mode "\")\n"
#define FORWARD(actions) "route { " actions " append_hf(\"X-R: $rc\\r\\n\"); forward(); }"

static const char CALL[] = REQUEST("INVITE", "sip:bob@203.0.113.5", "");

static void from_is_replaced(void **state)
{
    (void)state;
    run(MODE("none") FORWARD("uac_replace_from(\"sip:x@y\");"), CALL);
    expect_text(0, "\nFrom: \"Alice\" <sip:x@y>;tag=ft\n");
    run(MODE("none") FORWARD("uac_replace_from(\"\", \"sip:x@y\");"), CALL);
    expect_text(0, "\nFrom: <sip:x@y>;tag=ft\n");
    run(MODE("none") FORWARD("uac_replace_from(\"A \\\"B\\\"\", \"\");"), CALL);
    expect_text(0, "\nFrom: \"A \\\"B\\\"\" <sip:alice@example.org>;tag=ft\n");
    run(MODE("none") FORWARD("uac_replace_from(\"sip:x@y\"); uac_replace_from(\"N\", \"\");"),
        CALL);
    expect_text(0, "\nFrom: \"N\" <sip:x@y>;tag=ft\n");
    run(MODE("none") FORWARD("uac_replace_from(\"nonsense\");"), CALL);
    expect_text(0, "X-R: -1\n");
    run(UAC FORWARD("uac_replace_from(\"sip:x@y\");"),
        IN_DIALOG("INVITE", "sip:bob@203.0.113.5", ""));
    expect_text(0, "X-R: -1\n");
    assert_false(world_try(MODE("sometimes") "route { }"));
}

/* A request inside the dialog, its From or To as the sender knows it. */
static void in_dialog(const char *from, const char *to, char *route)
{
    char message[2048];
    static unsigned branch; /* one transaction each */
    snprintf(message, sizeof message,
             "BYE sip:bob@203.0.113.5 SIP/2.0\n"
             "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKb%u\n"
             "Route: %s\nFrom: %s\nTo: %s\nCall-ID: c1@test\nCSeq: 2 BYE\n\n",
             branch++, route, from, to);
    world_put(message);
}

/* What Record-Route says in the first message sent. */
static void record(char *out, size_t n)
{
    const char *at = strstr(world.bytes[world.sent - 1], "Record-Route: ");
    assert_non_null(at);
    at += strlen("Record-Route: ");
    snprintf(out, n, "%.*s", (int)strcspn(at, "\n"), at);
}

static void follow_dialog(const char *script)
{
    char route[512];
    run(script, CALL);
    expect_text(1, "From: \"Anon\" <sip:anonymous.person.without.any.name@hidden>;tag=ft\n");
    record(route, sizeof route);
    in_dialog("\"Alice\" <sip:alice@example.org>;tag=ft", "<sip:bob@example.org>;tag=b", route);
    expect_text(0, "From: \"Alice\" <sip:anonymous.person.without.any.name@hidden>;tag=ft\n");
    expect_text(0, "To: <sip:bob@example.org>;tag=b\n");
    in_dialog("<sip:bob@example.org>;tag=b",
              "<sip:anonymous.person.without.any.name@hidden>;tag=ft", route);
    expect_text(0, "From: <sip:bob@example.org>;tag=b\n");
    expect_text(0, "To: <sip:alice@example.org>;tag=ft\n");
    in_dialog("<sip:mallory@example.org.with.a.very.long.name.that.does.not.fit>;tag=ft",
              "<sip:bob@example.org>;tag=b", route);
    expect_text(0, "From: <sip:mallory@");
}

#define DIALOG(restore)                                                                            \
    "modparam(\"uac\", \"from_passwd\", \"pw\")\n"                                                 \
    "route { if (has_totag()) { loose_route(); " restore " t_relay(\"udp:203.0.113.5\"); exit; }"  \
    "uac_replace_from(\"Anon\", \"sip:anonymous.person.without.any.name@hidden\");"                \
    "record_route(); t_relay(); }"

static void dialogs_are_followed(void **state)
{
    (void)state;
    follow_dialog(UAC DIALOG(""));
    follow_dialog(MODE("manual") DIALOG("uac_restore_from();"));
}

static void replies_are_restored(void **state)
{
    char message[1024], via[256];
    (void)state;
    run(UAC DIALOG(""), CALL);
    const char *from = strstr(world.bytes[1], "\nVia:") + 1;
    snprintf(via, sizeof via, "%.*s", (int)(strstr(from, "\nRecord-Route") - from), from);
    snprintf(message, sizeof message,
             "SIP/2.0 180 Ringing\n%s\nFrom: \"Anon\" <sip:anon@hidden>;tag=ft\n"
             "To: <sip:bob@example.org>;tag=b\nCall-ID: c1@test\nCSeq: 1 INVITE\n\n",
             via);
    world_put(message);
    expect_line(0, "SIP/2.0 180 Ringing");
    expect_text(0, "From: \"Alice\" <sip:alice@example.org>;tag=ft\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(from_is_replaced),
        TEST(dialogs_are_followed),
        TEST(replies_are_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
