/* Answers to challenges, against the examples of RFC 7616 3.9.1 and RFC 2617 3.5. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/sim/credentials.h"

static struct arena arena;

static struct str line_of(const char *password, struct challenge *c, const char *cnonce)
{
    struct credentials who = {STR("Mufasa"), str_from(password)};
    return credentials_line(&arena, &who, c, STR("GET"), STR("/dir/index.html"), str_from(cnonce));
}

static void has(struct str line, const char *text)
{
    if (str_search(line, str_from(text), 0) < 0)
        fail_msg("%s is not in: %.*s", text, STR_ARG(line));
}

/* The nonce and cnonce of RFC 7616's examples. */
static const struct challenge example = {
    .realm = STR_INIT("http-auth@example.org"),
    .nonce = STR_INIT("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
    .opaque = STR_INIT("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"),
    .qop = true,
};
static const char cnonce[] = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

static void md5(void **state)
{
    struct challenge c = example;
    (void)state;
    c.algorithm = STR("MD5");
    struct str line = line_of("Circle of Life", &c, cnonce);
    has(line, "Authorization: Digest username=\"Mufasa\", realm=\"http-auth@example.org\"");
    has(line, "response=\"8ca523f5e9506fed4657c9700eebdbec\"");
    has(line, "qop=auth, nc=00000001");
    has(line_of("Circle of Life", &c, cnonce), "nc=00000002");
}

static void sha256(void **state)
{
    struct challenge c = example;
    (void)state;
    c.algorithm = STR("SHA-256");
    has(line_of("Circle of Life", &c, cnonce),
        "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"");
}

static void before_qop(void **state)
{
    struct challenge c = {.realm = STR("testrealm@host.com"),
                          .nonce = STR("dcd98b7102dd2f0e8b11d0f600bfb0c093"),
                          .qop = true,
                          .proxy = true};
    (void)state;
    struct str line = line_of("Circle Of Life", &c, "0a4f113b");
    has(line, "Proxy-Authorization: ");
    has(line, "response=\"6629fae49393a05397450978507c4ef1\"");
    c.qop = false;
    has(line_of("Circle Of Life", &c, "0a4f113b"), "response=\"670fd8c2df070c60b045671b8b24ff02\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5),
        cmocka_unit_test(sha256),
        cmocka_unit_test(before_qop),
    };
    arena_init(&arena, NULL, 4096);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_reset(&arena);
    return rc;
}
