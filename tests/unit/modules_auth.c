/* auth: challenges, credentials in every state, nonces and their counts, Remote-Party-ID. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <pthread.h>

#include "modules/auth/priv.h"
#include "tests/unit/modules_fixture.h"

#define AUTH                                                                                       \
    LOAD "loadmodule \"auth.so\"\n"                                                                \
         "modparam(\"auth\", \"username_spec\", \"$var(u)\")\n"                                    \
         "modparam(\"auth\", \"password_spec\", \"$var(p)\")\n"                                    \
         "modparam(\"auth\", \"calculate_ha1\", 1)\n"
/* Lets alice in, says "200 <result>"; challenges with the result in a header. */
#define DOOR_AS(user, params, qop, more)                                                           \
    AUTH params "route { $var(u) = \"" user "\"; $var(p) = \"secret\";\n"                          \
                "    if (!pv_www_authorize(\"r.test\")) {\n"                                       \
                "        append_to_reply(\"X-R: $rc\\r\\n\");\n"                                   \
                "        www_challenge(\"r.test\", \"" qop "\");\n"                                \
                "        exit; }\n" more "    sl_send_reply(\"200\", \"in\"); }\n"
#define DOOR(params, qop) DOOR_AS("alice", params, qop, "")

/* ---- a client ---- */

struct answer {
    const char *user, *realm, *password, *uri, *nonce, *qop, *nc, *algorithm, *body, *more;
};

static char nonce[NONCE_MAX + 1];

/* The nonce of the last message sent. */
static void keep_nonce(void)
{
    const char *at = strstr(world.bytes[world.sent - 1], "nonce=\"");
    assert_non_null(at);
    size_t n = strcspn(at + 7, "\"");
    assert_true(n < sizeof nonce);
    memcpy(nonce, at + 7, n);
    nonce[n] = 0;
}

static struct answer good(void)
{
    return (struct answer){.user = "alice",
                           .realm = "r.test",
                           .password = "secret",
                           .uri = "sip:r.test",
                           .nonce = nonce,
                           .algorithm = "",
                           .qop = "",
                           .nc = "",
                           .body = "",
                           .more = ""};
}

static void write_credentials(char *out, size_t size, const struct answer *a)
{
    char ha1[DIGEST_HEX], response[DIGEST_HEX], tail[256] = "";
    enum digest_algorithm alg;
    struct digest d = {.nonce = str_from(a->nonce),
                       .uri = str_from(a->uri),
                       .qop = str_from(a->qop),
                       .nc = str_from(a->nc),
                       .cnonce = STR("c0")};
    digest_algorithm_find(&alg, str_from(a->algorithm));
    const struct str who[] = {str_from(a->user), str_from(a->realm), str_from(a->password)};
    struct str sum = digest_sum(ha1, alg, who, 3);
    sum = digest_response(response, alg, sum, &d, STR("REGISTER"), str_from(a->body));
    if (*a->qop)
        snprintf(tail, sizeof tail, ", qop=%s, nc=%s, cnonce=\"c0\"", a->qop, a->nc);
    snprintf(out, size,
             "Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", "
             "response=\"%.*s\"%s%s%s%s",
             a->user, a->realm, a->nonce, a->uri, STR_ARG(sum), tail,
             *a->algorithm ? ", algorithm=" : "", a->algorithm, a->more);
}

/* The same bytes once more, as when an answer was lost. */
static char newest[8192];

static void put_again(void)
{
    world_put(newest);
}

/* Each is a request of its own: its Via has another branch. */
static void put_header(const char *name, const char *credentials, const char *body)
{
    static unsigned requests;
    char text[8192], length[32], branch[4];
    snprintf(length, sizeof length, "%zu", strlen(body));
    snprintf(text, sizeof text,
             REQUEST("REGISTER", "sip:r.test", "%s%s%s%sContent-Length: %s\n") "%s", name,
             *name ? ": " : "", credentials, *name ? "\n" : "", length, body);
    snprintf(branch, sizeof branch, "%03u", requests++ % 1000);
    memcpy(strstr(text, "z9hG4bKone") + 7, branch, 3);
    memcpy(newest, text, sizeof newest);
    put_again();
}

static void put_answer(struct answer a)
{
    static char text[8192];
    write_credentials(text, sizeof text, &a);
    put_header("Authorization", text, a.body);
}

/* Opens the door and asks once. */
static void ask(const char *script)
{
    world_open(script);
    put_header("", "", "");
    expect_line(0, "SIP/2.0 401 Unauthorized");
    keep_nonce();
}

static void expect_in(void)
{
    if (world.sent != 1 || strncmp(world.bytes[0], "SIP/2.0 200 in\n", 15) != 0)
        fail_msg("not let in: %s", world.sent ? world.bytes[0] : "nothing sent");
}

/* Challenged again because of this result. */
static void expect_out(const char *result)
{
    char line[32];
    snprintf(line, sizeof line, "X-R: %s\n", result);
    expect_line(0, "SIP/2.0 401 Unauthorized");
    expect_text(0, line);
}

static void expect_400(const char *log)
{
    expect_line(0, "SIP/2.0 400 Bad Request");
    assert_int_equal(world.sent, 1);
    if (!strstr(world.log, log))
        fail_msg("no <%s> in the log: %s", log, world.log);
}

/* ---- challenges ---- */

static void challenges(void **state)
{
    (void)state;
    ask(DOOR("", "0"));
    expect_text(0, "\nX-R: -4\n");
    expect_text(0, "WWW-Authenticate: Digest realm=\"r.test\", nonce=\"");
    expect_no_text(0, "qop");
    expect_no_text(0, "stale");
    expect_no_text(0, "algorithm");
    ask(DOOR("", "1"));
    expect_text(0, ", qop=\"auth\"\n");
    run(AUTH "route { proxy_challenge(\"r.test\", \"1\"); sl_send_reply(\"200\", \"on\"); }",
        REQUEST("INVITE", "sip:x@y.test", ""));
    assert_int_equal(world.sent, 1); /* the script ends */
    expect_line(0, "SIP/2.0 407 Proxy Authentication Required");
    expect_text(0, "\nProxy-Authenticate: Digest realm=\"r.test\", ");
}

static void realms_by_themselves(void **state)
{
    const char *script = AUTH "modparam(\"auth\", \"realm_prefix\", \"sip.\")\n"
                              "route { www_challenge(\"\", \"0\"); }";
    (void)state;
    run(script, REQUEST_TO("REGISTER", "sip:x", "<sip:a@SIP.to.test>", "", ""));
    expect_text(0, "realm=\"to.test\"");
    run(script, REQUEST_TO("MESSAGE", "sip:x", "<sip:a@sip.to.test>", "", ""));
    expect_text(0, "realm=\"example.org\"");
}

/* A realm cannot end its quotes nor begin a header. */
static void realms_are_quoted(void **state)
{
    (void)state;
    run(AUTH "route { $var(r) = \"a\\\"b\\\\c\\r\\nX: y\"; www_challenge(\"$var(r)\", \"0\"); }",
        REQUEST("REGISTER", "sip:x", ""));
    expect_text(0, "realm=\"a\\\"b\\\\cX: y\", nonce=");
}

static void several_algorithms(void **state)
{
    static const char *const names[] = {"SHA-256", "SHA-512-256", "MD5"};
    const char *script =
        DOOR("modparam(\"auth\", \"algorithm\", \"SHA-256, SHA-512-256,MD5\")\n", "1");
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        char line[64];
        ask(script);
        snprintf(line, sizeof line, "qop=\"auth\", algorithm=%s\n", names[i]);
        expect_text(0, line);
        struct answer a = good();
        a.algorithm = names[i];
        a.qop = "auth";
        a.nc = "00000001";
        put_answer(a);
        expect_in();
    }
    /* the best stands first */
    ask(script);
    assert_true(strstr(world.bytes[0], "=SHA-256") < strstr(world.bytes[0], "=MD5"));
    /* what is not offered is not accepted */
    ask(DOOR("modparam(\"auth\", \"algorithm\", \"SHA-256\")\n", "0"));
    put_answer(good());
    expect_out("-4");
    ask(DOOR("", "0"));
    struct answer a = good();
    a.algorithm = "SHA-256";
    put_answer(a);
    expect_out("-4");
    a.algorithm = "MD5-sess";
    put_answer(a);
    expect_out("-4");
}

/* ---- answers ---- */

static void right_and_wrong(void **state)
{
    struct answer a;
    (void)state;
    ask(DOOR("", "0"));
    put_answer(good());
    expect_in();
    ask(DOOR("", "0"));
    a = good();
    a.password = "wrong";
    put_answer(a);
    expect_out("-5");
    put_answer(good()); /* a wrong password uses nothing up */
    expect_in();
    ask(DOOR("", "0"));
    a = good();
    a.user = "mallory";
    put_answer(a);
    expect_out("-1");
    a = good();
    a.realm = "other.test";
    put_answer(a);
    expect_out("-4");
    a = good();
    a.realm = "R.TEST"; /* found by any case, and part of the sum as it was sent */
    put_answer(a);
    expect_in();
}

static void the_header_counts(void **state)
{
    char text[1024];
    struct answer a;
    (void)state;
    ask(DOOR("", "0"));
    a = good();
    write_credentials(text, sizeof text, &a);
    put_header("Proxy-Authorization", text, "");
    expect_out("-4");
    put_header("Authorization", "Bearer abc.def", "");
    expect_out("-4");
    /* a scheme of others and another realm stand before the right ones */
    strcat(text, "\nAuthorization: Bearer x");
    char both[2048];
    snprintf(both, sizeof both, "Bearer x\nAuthorization: Digest realm=\"z\"\nAuthorization: %s",
             text);
    put_header("Authorization", both, "");
    expect_in();
}

static void ha1_instead_of_a_password(void **state)
{
    const struct str who[] = {STR("alice"), STR("r.test"), STR("secret")};
    char ha1[DIGEST_HEX + 1] = {0}, script[2048];
    (void)state;
    digest_sum(ha1, DIGEST_MD5, who, 3);
    snprintf(script, sizeof script,
             AUTH "modparam(\"auth\", \"calculate_ha1\", 0)\n"
                  "route { $var(u) = \"alice\"; $var(p) = \"%s\";\n"
                  "    if (!pv_www_authorize(\"r.test\")) { www_challenge(\"r.test\", \"0\"); }\n"
                  "    sl_send_reply(\"200\", \"in\"); }\n",
             ha1);
    ask(script);
    put_answer(good());
    expect_in();
}

/* Neither can be sent again with an answer (RFC 3261 22.1). */
static void ack_and_cancel_pass(void **state)
{
    (void)state;
    run(AUTH "route { pv_www_authorize(\"r\"); xlog(\"L_ERR\", \"$rm $rc;\"); }",
        REQUEST("ACK", "sip:x", ""));
    assert_string_equal(world.log, "ACK 1;");
    world_put(REQUEST("CANCEL", "sip:x", ""));
    assert_string_equal(world.log, "CANCEL 1;");
}

static void names_and_domains(void **state)
{
    struct answer a;
    (void)state;
    ask(DOOR("", "0"));
    a = good();
    a.user = "alice@r.test";
    put_answer(a);
    expect_in();
    ask(DOOR("", "0"));
    a.user = "alice@other.test";
    put_answer(a);
    expect_400("another domain than the realm");
    a.user = "@r.test";
    put_answer(a);
    expect_400("without user");
    /* escapes count in the sum as they were sent, and not in the name */
    ask(DOOR_AS("al\\\"i", "", "0", ""));
    a = good();
    a.user = "al\\\"i";
    put_answer(a);
    expect_in();
}

static void sql_is_only_a_name(void **state)
{
    struct answer a = good();
    (void)state;
    ask(DOOR("", "0"));
    a.user = "' OR '1'='1'; DROP TABLE subscriber; --";
    put_answer(a);
    expect_out("-1");
}

/* ---- nonces ---- */

static void foreign_and_old_nonces(void **state)
{
    struct answer a = good();
    (void)state;
    ask(DOOR("modparam(\"auth\", \"nonce_expire\", 10)\n", "0"));
    a.nonce = "6b02f0d9000000008ddd19bf9eca372de62c6db2289a8788";
    put_answer(a);
    expect_out("-3");
    expect_text(0, ", stale=true");
    for (unsigned i = 0; i < strlen(nonce); i += 7) { /* any digit changed */
        char was = nonce[i];
        nonce[i] = was == '0' ? '1' : '0';
        put_answer(good());
        expect_out("-3");
        nonce[i] = was;
    }
    world_pass(0);
    put_header("", "", "");
    keep_nonce();
    world_pass(10000);
    put_answer(good());
    expect_in();
    put_header("", "", "");
    keep_nonce();
    world_pass(11000);
    put_answer(good());
    expect_out("-3");
    expect_text(0, ", stale=true");
    keep_nonce();
    put_answer(good());
    expect_in();
}

static void without_counting_only_once(void **state)
{
    (void)state;
    ask(DOOR("", "0"));
    put_answer(good());
    expect_in();
    put_answer(good());
    expect_out("-6");
    expect_text(0, ", stale=true");
    struct answer a = good(); /* nor with a count behind it */
    a.qop = "auth";
    a.nc = "00000001";
    put_answer(a);
    expect_out("-6");
    ask(DOOR("modparam(\"auth\", \"disable_nonce_check\", 1)\n", "0"));
    for (int i = 0; i < 3; i++) {
        put_answer(good());
        expect_in();
    }
}

/* A retransmission is no second use, for as long as there may be one. */
static void a_repeat_is_let_in(void **state)
{
    (void)state;
    ask(DOOR("", "0"));
    put_answer(good());
    expect_in();
    put_again();
    expect_in();
    world_pass(34000);
    put_again();
    expect_out("-6");
}

static void put_count(const char *nc)
{
    struct answer a = good();
    a.qop = "auth";
    a.nc = nc;
    put_answer(a);
}

static void counts_only_once(void **state)
{
    (void)state;
    ask(DOOR("", "1"));
    put_count("00000001");
    expect_in();
    put_count("00000001");
    expect_out("-6");
    put_count("00000005"); /* the network changes the order */
    expect_in();
    put_count("00000003");
    expect_in();
    put_count("00000003");
    expect_out("-6");
    put_count("00000005");
    expect_out("-6");
    put_count("00001000");
    expect_in();
    put_count("00000FE9"); /* 23 behind: just remembered */
    expect_in();
    put_count("00000fe8"); /* 24 behind: no longer known */
    expect_out("-6");
    put_count("0000ffff"); /* more than are counted */
    expect_out("-6");
    put_count("ffffffff");
    expect_out("-6");
    put_answer(good()); /* without counting, after counting */
    expect_out("-6");
    static const char *const bad[] = {"0", "1", "00000000", "0000000g", "000000001", "-0000001"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_count(bad[i]);
        expect_400("bad nc");
    }
}

/* However full the table is: what was used stays used. Challenges without an answer move nobody
 * out. */
static void full_tables_forget_nothing(void **state)
{
    char first[NONCE_MAX + 1];
    struct answer a = good();
    (void)state;
    ask(DOOR("modparam(\"auth\", \"nonce_slots\", 1024)\n", "1"));
    memcpy(first, nonce, sizeof first);
    put_count("00000001");
    expect_in();
    for (int i = 0; i < 1024; i++)
        put_header("", "", "");
    keep_nonce(); /* of the same place as the first */
    a.nonce = first;
    a.qop = "auth";
    a.nc = "00000002";
    put_answer(a);
    expect_in();
    put_count("00000001");
    expect_in();
    a.nc = "00000003"; /* moved out: stale, never accepted again */
    put_answer(a);
    expect_out("-6");
    a.nc = "00000001";
    put_answer(a);
    expect_out("-6");
}

/* Two servers: with a secret they take each other's nonces, each count once. */
static void secrets_are_shared(void **state)
{
    const char *script = DOOR("modparam(\"auth\", \"secret\", \"a secret of two servers\")\n", "1");
    char first[NONCE_MAX + 1];
    (void)state;
    world_key = (struct hash_key){1, 2};
    ask(script);
    memcpy(first, nonce, sizeof first);
    world_key = (struct hash_key){3, 4};
    ask(script); /* the other server, of the same second */
    memcpy(nonce, first, sizeof first);
    put_count("00000001");
    expect_in();
    put_count("00000001");
    expect_out("-6");
    put_count("00000002");
    expect_in();
    memcpy(nonce, first, sizeof first);
    ask(DOOR("modparam(\"auth\", \"secret\", \"another secret of them\")\n", "1"));
    memcpy(nonce, first, sizeof first);
    put_count("00000003");
    expect_out("-3");
    ask(DOOR("", "1"));
    memcpy(nonce, first, sizeof first);
    put_count("00000003");
    expect_out("-3");
    world_key = (struct hash_key){0, 0};
}

/* What another server, or this one before a restart, gave out before we began may have been used:
 * it is stale. */
static void nothing_from_before_the_start(void **state)
{
    const char *script = DOOR("modparam(\"auth\", \"secret\", \"a secret of two servers\")\n", "1");
    char first[NONCE_MAX + 1];
    (void)state;
    world_key = (struct hash_key){1, 2};
    ask(script);
    memcpy(first, nonce, sizeof first);
    world_key = (struct hash_key){3, 4};
    world_open(script);
    world_pass(5000);
    put_header("", "", "");
    memcpy(nonce, first, sizeof first);
    put_count("00000001");
    expect_out("-3");
    world_key = (struct hash_key){0, 0};
}

enum { TAKERS = 4, COUNTS = 2000 };

struct taker {
    struct nonces *nonces;
    unsigned taken;
};

static void *take_all(void *arg)
{
    struct taker *t = arg;
    const struct auth_conf conf = {.nonce_expire = 300};
    struct auth_claim claim = {.ticket = 5};
    for (claim.nc = 1; claim.nc <= COUNTS; claim.nc++)
        t->taken += nonce_use(t->nonces, NULL, &conf, &claim, true);
    return NULL;
}

/* Whichever workers ask, a count is taken once. */
static void one_taker_only(void **state)
{
    struct taker t[TAKERS];
    pthread_t thread[TAKERS];
    unsigned sum = 0;
    struct nonces *n = nonces_new(1024, false);
    (void)state;
    assert_non_null(n);
    for (int i = 0; i < TAKERS; i++) {
        t[i] = (struct taker){n, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, take_all, &t[i]), 0);
    }
    for (int i = 0; i < TAKERS; i++) {
        pthread_join(thread[i], NULL);
        sum += t[i].taken;
    }
    assert_in_range(sum, COUNTS / TAKERS, COUNTS);
    nonces_free(n);
}

/* ---- bad input ---- */

static void other_uri(void **state)
{
    struct answer a;
    (void)state;
    ask(DOOR("", "0"));
    a = good();
    a.uri = "sip:other.test";
    put_answer(a);
    expect_400("another URI");
    a.uri = "sip:R.test;x=1"; /* the same by RFC 3261 19.1.4 */
    put_answer(a);
    expect_in();
    ask(DOOR("modparam(\"auth\", \"check_uri\", 0)\n", "0"));
    a.uri = "sip:other.test";
    put_answer(a);
    expect_in();
}

static void malformed_is_answered_400(void **state)
{
    static const struct {
        const char *credentials, *log;
    } cases[] = {
        {"Digest username=\"alice\", realm=\"r.test\", username=\"bob\"", "a field twice"},
        {"Digest realm=\"r.test\", realm=\"r.test\"", "a field twice"},
        {"Digest username=\"alice", "malformed"},
        {"Digest realm=\"r.test\", nonce=\"n\", uri=\"u\", response=\"0\"", "without username"},
        {"Digest username=\"alice\", realm=\"r.test\", uri=\"u\", response=\"0\"", "without"},
        {"Digest username=\"alice\", realm=\"r.test\", nonce=\"n\", response=\"0\"", "without"},
        {"Digest username=\"alice\", realm=\"r.test\", nonce=\"n\", uri=\"u\"", "without"},
        {"Digest username=\"alice\", realm=\"r.test\", nonce=\"n\", uri=\"u\", response=\"0\"",
         "wrong length"},
        {"Digest username=\"alice\", realm=\"r.test\", nonce=\"n\", uri=\"u\", qop=auth, "
         "response=\"00000000000000000000000000000000\"",
         "without cnonce"},
        {"Digest username=\"alice\", realm=\"r.test\", nonce=\"n\", uri=\"u\", qop=auth, "
         "nc=00000001, response=\"00000000000000000000000000000000\"",
         "without cnonce"},
        {"Digest username=\"alice\", realm=\"r.test\", nonce=\"n\", uri=\"u\", qop=best, "
         "nc=00000001, cnonce=\"x\", response=\"00000000000000000000000000000000\"",
         "a qop that nobody knows"},
        {"Digest username=\"alice\", realm=\"r.test\", nonce=\"n\", uri=\"u\", qop=auth-int, "
         "nc=00000001, cnonce=\"x\", response=\"00000000000000000000000000000000\"",
         "not offered"},
    };
    (void)state;
    ask(DOOR("", "0"));
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_header("Authorization", cases[i].credentials, "");
        expect_400(cases[i].log);
    }
}

static void long_realms(void **state)
{
    static char text[4400];
    char *p;
    (void)state;
    ask(DOOR("", "0"));
    p = text + snprintf(text, sizeof text, "Digest username=\"alice\", realm=\"");
    memset(p, 'r', 4096);
    strcpy(p + 4096, "\", nonce=\"n\"");
    put_header("Authorization", text, "");
    expect_out("-4");
}

/* One torture message with credentials: answered, refused or dropped, never let in. */
static bool torture(const char *path)
{
    static char bytes[2048];
    const struct addr src = {.ip = {4, {198, 51, 100, 7}}, .port = 5060, .proto = PROTO_UDP};
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    struct str text = str_make(bytes, n);
    if (n == sizeof bytes || str_search(text, STR("Authorization:"), 0) < 0 ||
        str_starts(text, STR("CANCEL")))
        return false;
    world.sent = 0;
    engine_input(world.engine, text, &src, 0);
    if (world.sent && strncmp(world.bytes[0], "SIP/2.0 200", 11) == 0)
        fail_msg("%s was let in", path);
    return true;
}

static void torture_lets_nobody_in(void **state)
{
    static const char *const sets[] = {"grammar", "cve", "rfc4475", "rfc_examples"};
    const char *root = getenv("SIGNALBOX_TORTURE");
    unsigned seen = 0;
    (void)state;
    for (unsigned i = 0; i < sizeof sets / sizeof *sets; i++) {
        char folder[256], path[600];
        snprintf(folder, sizeof folder, "%s/%s", root ? root : "../shared/torture", sets[i]);
        DIR *d = opendir(folder);
        if (!d) {
            print_message("no torture messages at %s, skipped\n", folder);
            skip();
        }
        for (const struct dirent *e; (e = readdir(d)) != NULL;) {
            if (e->d_name[0] == '.' || strstr(e->d_name, ".tsv"))
                continue;
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            world_open(AUTH
                       "route { $var(u) = \"bob\"; $var(p) = \"\";\n"
                       "    if (!pv_www_authorize(\"\")) { www_challenge(\"\", \"1\"); exit; }\n"
                       "    sl_send_reply(\"200\", \"in\"); }");
            seen += torture(path);
        }
        closedir(d);
    }
    assert_true(seen >= 20);
}

static void the_body_counts_if_offered(void **state)
{
    struct answer a;
    (void)state;
    ask(DOOR("modparam(\"auth\", \"qop\", \"auth,auth-int\")\n", "1"));
    expect_text(0, ", qop=\"auth,auth-int\"");
    a = good();
    a.qop = "auth-int";
    a.nc = "00000001";
    a.body = "hello";
    char text[1024];
    write_credentials(text, sizeof text, &a);
    put_header("Authorization", text, "hullo");
    expect_out("-5");
    put_header("Authorization", text, "hello");
    expect_in();
}

/* ---- what follows ---- */

static void credentials_are_consumed(void **state)
{
    (void)state;
    ask(DOOR_AS("alice", "", "0",
                "consume_credentials(); $var(a) = $rc; consume_credentials();\n"
                "xlog(\"L_ERR\", \"$var(a) $rc\"); forward(\"udp:203.0.113.9\"); exit;\n"));
    put_answer(good());
    assert_int_equal(world.sent, 1);
    assert_string_equal(world.log, "1 -1");
    expect_no_text(0, "Authorization");
    expect_text(0, "\nCall-ID: c1@test\n");
    run(AUTH "route { consume_credentials(); xlog(\"L_ERR\", \"$rc\"); }",
        REQUEST("INVITE", "sip:x", "Authorization: Digest username=\"a\"\n"));
    assert_string_equal(world.log, "-1");
}

static void the_user_is_known(void **state)
{
    (void)state;
    ask(DOOR_AS("alice", "", "0",
                "is_user(\"alice\"); $var(a) = $rc; is_user(\"Alice\"); $var(b) = $rc;\n"
                "xlog(\"L_ERR\", \"$var(a) $var(b)\");"));
    put_answer(good());
    expect_in();
    assert_string_equal(world.log, "1 -1");
    ask(AUTH "route { $var(u) = \"alice\"; $var(p) = \"secret\"; pv_www_authorize(\"r.test\");\n"
             "is_user(\"alice\"); xlog(\"L_ERR\", \"$rc\"); www_challenge(\"r.test\", \"0\"); }");
    struct answer a = good();
    a.password = "wrong";
    put_answer(a);
    assert_string_equal(world.log, "-1");
}

static void variables_without_value(void **state)
{
    (void)state;
    ask(LOAD "loadmodule \"auth.so\"\nmodparam(\"auth\", \"username_spec\", \"$avp(s:u)\")\n"
             "route { if (!pv_www_authorize(\"r.test\")) { append_to_reply(\"X-R: $rc\\r\\n\");\n"
             "www_challenge(\"r.test\", \"0\"); } }");
    put_answer(good());
    expect_out("-5");
    assert_non_null(strstr(world.log, "the variable of username_spec has no value"));
}

static void remote_party_id(void **state)
{
    const char *script = AUTH "modparam(\"auth\", \"rpid_avp\", \"$avp(s:id)\")\n"
                              "modparam(\"auth\", \"rpid_suffix\", \";screen=yes\")\n";
    char text[2048];
    (void)state;
    snprintf(text, sizeof text, "%s%s", script,
             "route { $avp(s:id) = \"\\\"A\\\" <sip:+4930@x.test>\"; append_rpid_hf();\n"
             "append_rpid_hf(\"<\", \">;x\"); is_rpid_user_e164(); xlog(\"L_ERR\", \"$rc\");\n"
             "forward(\"udp:203.0.113.9\"); }");
    run(text, REQUEST("INVITE", "sip:x@y.test", ""));
    expect_text(0, "\nRemote-Party-ID: \"A\" <sip:+4930@x.test>;screen=yes\n");
    expect_text(0, "\nRemote-Party-ID: <\"A\" <sip:+4930@x.test>>;x\n");
    assert_string_equal(world.log, "1");
    snprintf(text, sizeof text, "%s%s", script,
             "route { append_rpid_hf(); $var(a) = $rc; $avp(s:id) = \"sip:a@x\\r\\nX-Evil: 1\";\n"
             "append_rpid_hf(); $var(b) = $rc; $avp(s:id) = \"sip:4930@x.test\";\n"
             "is_rpid_user_e164(); xlog(\"L_ERR\", \"$var(a) $var(b) $rc\"); }");
    run(text, REQUEST("INVITE", "sip:x@y.test", ""));
    assert_non_null(strstr(world.log, "-1 -1 -1"));
}

static void bad_parameters(void **state)
{
    static const char *const bad[] = {
        "modparam(\"auth\", \"algorithm\", \"SHA-1\")\n",
        "modparam(\"auth\", \"algorithm\", \"MD5,MD5\")\n",
        "modparam(\"auth\", \"algorithm\", \"MD5,\")\n",
        "modparam(\"auth\", \"qop\", \"none\")\n",
        "modparam(\"auth\", \"nonce_expire\", 0)\n",
        "modparam(\"auth\", \"nonce_slots\", 1)\n",
        "modparam(\"auth\", \"rpid_suffix\", \"x\\r\\ny\")\n",
        "modparam(\"auth\", \"username_spec\", \"$nothing\")\n",
    };
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[1024];
        snprintf(text, sizeof text, LOAD "loadmodule \"auth.so\"\n%sroute { exit; }", bad[i]);
        if (world_try(text))
            fail_msg("accepted: %s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(challenges),
        TEST(realms_by_themselves),
        TEST(realms_are_quoted),
        TEST(several_algorithms),
        TEST(right_and_wrong),
        TEST(the_header_counts),
        TEST(ha1_instead_of_a_password),
        TEST(ack_and_cancel_pass),
        TEST(names_and_domains),
        TEST(sql_is_only_a_name),
        TEST(foreign_and_old_nonces),
        TEST(without_counting_only_once),
        TEST(a_repeat_is_let_in),
        TEST(counts_only_once),
        TEST(full_tables_forget_nothing),
        TEST(secrets_are_shared),
        TEST(nothing_from_before_the_start),
        TEST(one_taker_only),
        TEST(other_uri),
        TEST(malformed_is_answered_400),
        TEST(long_realms),
        TEST(torture_lets_nobody_in),
        TEST(the_body_counts_if_offered),
        TEST(credentials_are_consumed),
        TEST(the_user_is_known),
        TEST(variables_without_value),
        TEST(remote_party_id),
        TEST(bad_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
