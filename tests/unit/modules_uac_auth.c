/* uac_auth: challenges of gateways. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define GATEWAY(params)                                                                            \
    LOAD "loadmodule \"avpops.so\"\nloadmodule \"uac.so\"\n" params                                \
         "route { $avp(s:u) = \"other\"; $avp(s:r) = \"avp.realm\"; $avp(s:p) = \"pass\";\n"       \
         "  t_on_failure(\"1\"); t_relay(); }\n"                                                   \
         "failure_route[1] { if (uac_auth()) t_relay(); else xlog(\"L_ERR\", \"no\"); }\n"
#define CREDENTIAL "modparam(\"uac\", \"credential\", \"me:gw:se:cret\")\n"
#define AVPS                                                                                       \
    "modparam(\"uac\", \"auth_username_avp\", \"$avp(s:u)\")\n"                                    \
    "modparam(\"uac\", \"auth_realm_avp\", \"$avp(s:r)\")\n"                                       \
    "modparam(\"uac\", \"auth_password_avp\", \"$avp(s:p)\")\n"

static unsigned invite; /* which of the sent messages went down */

static void find_invite(void)
{
    for (invite = 0; invite < world.sent; invite++)
        if (strncmp(world.bytes[invite], "INVITE", 6) == 0)
            return;
    fail_msg("no INVITE was sent");
}

static void call_is_challenged(const char *script, const char *line, const char *header)
{
    world_open(script);
    world_put(REQUEST("INVITE", "sip:123@198.51.100.9", ""));
    find_invite();
    static char kept[WORLD_BYTES];
    strcpy(kept, world.bytes[invite]);
    memmove(world.bytes[0], kept, sizeof kept);
    /* the proxy's own Via stands above the caller's: both go back */
    char more[1024], *second = strstr(strstr(kept, "Via:") + 4, "Via:");
    snprintf(more, sizeof more, "%.*s\n%s", (int)strcspn(second, "\n"), second, header);
    world_reply(0, line, more);
}

static void expect_response(unsigned i, const char *name, const char *user, const char *realm,
                            const char *password, enum digest_algorithm a, bool qop)
{
    char line[1024], ha1[DIGEST_HEX], hex[DIGEST_HEX];
    const char *at = strstr(world.bytes[i], name);
    assert_non_null(at);
    snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    struct digest d;
    assert_int_equal(digest_parse(&d, str_from(line + strlen(name))), ERR_OK);
    assert_true(str_eq(d.username, str_from(user)) && str_eq(d.realm, str_from(realm)));
    assert_true(str_eq(d.uri, STR("sip:123@198.51.100.9")));
    assert_int_equal(d.qop.len != 0, qop);
    const struct str secret[] = {str_from(user), str_from(realm), str_from(password)};
    struct str h = digest_sum(ha1, a, secret, 3);
    assert_true(str_eq(d.response, digest_response(hex, a, h, &d, STR("INVITE"), STR_NONE)));
}

static void gateways_are_answered(void **state)
{
    (void)state;
    call_is_challenged(GATEWAY(CREDENTIAL), "407 Proxy Authentication Required",
                       "Proxy-Authenticate: Digest realm=\"gw\", nonce=\"abc\", opaque=\"x\", "
                       "qop=\"auth,auth-int\", algorithm=SHA-256\n");
    find_invite();
    expect_line(invite, "INVITE sip:123@198.51.100.9 SIP/2.0");
    expect_response(invite, "Proxy-Authorization: ", "me", "gw", "se:cret", DIGEST_SHA256, true);
    expect_text(invite, "opaque=\"x\"");
    expect_text(invite, "CSeq: 1 INVITE\n");
    call_is_challenged(GATEWAY(CREDENTIAL), "401 Unauthorized",
                       "WWW-Authenticate: Digest realm=\"gw\", nonce=\"abc\"\n");
    find_invite();
    expect_response(invite, "Authorization: ", "me", "gw", "se:cret", DIGEST_MD5, false);
}

static void avps_and_several_challenges(void **state)
{
    (void)state;
    call_is_challenged(GATEWAY(CREDENTIAL AVPS), "401 Unauthorized",
                       "WWW-Authenticate: Digest realm=\"gw\", nonce=\"a\", algorithm=NEW\n"
                       "WWW-Authenticate: Digest realm=\"avp.realm\", nonce=\"b\", "
                       "algorithm=MD5\nWWW-Authenticate: Digest realm=\"gw\", nonce=\"c\"\n");
    find_invite();
    expect_response(invite, "Authorization: ", "other", "avp.realm", "pass", DIGEST_MD5, false);
}

static void what_cannot_be_answered_goes_up(void **state)
{
    static const struct {
        const char *line, *header;
    } bad[] = {
        {"401 Unauthorized", "WWW-Authenticate: Digest realm=\"gw2\", nonce=\"abc\"\n"},
        {"401 Unauthorized", "WWW-Authenticate: Digest realm=\"gw\"\n"},
        {"401 Unauthorized", "WWW-Authenticate: Basic realm=\"gw\"\n"},
        {"401 Unauthorized",
         "WWW-Authenticate: Digest realm=\"gw\", nonce=\"a\", qop=\"auth-int\"\n"},
        {"401 Unauthorized", ""},
        {"486 Busy Here", "WWW-Authenticate: Digest realm=\"gw\", nonce=\"abc\"\n"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        call_is_challenged(GATEWAY(CREDENTIAL), bad[i].line, bad[i].header);
        assert_non_null(strstr(world.log, "no"));
        for (unsigned k = 0; k < world.sent; k++)
            assert_int_not_equal(strncmp(world.bytes[k], "INVITE", 6), 0);
    }
    assert_false(world_try(GATEWAY("modparam(\"uac\", \"credential\", \"me:gw\")\n")));
    assert_false(world_try(GATEWAY("modparam(\"uac\", \"auth_realm_avp\", \"$avp(s:r)\")\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gateways_are_answered),
        TEST(avps_and_several_challenges),
        TEST(what_cannot_be_answered_goes_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
