/* Scenarios from the inside: the same seed gives the same run, results say where and why, a test
 * that fails leaves nothing behind, bad weather is no failure. */
/* SPDX-License-Identifier: MIT */
#include "tests/lib/unit.h"

#include "core/base/err.h"
#include "core/sim/ladder.h"
#include "core/sim/scenario.h"
#include "modules/registry.h"

static struct scenario *load(const char *path)
{
    struct scenario *s = scenario_load(path);
    assert_non_null(s);
    if (scenario_findings(s)->errors)
        diag_print(scenario_findings(s), stderr);
    assert_int_equal(scenario_findings(s)->errors, 0);
    return s;
}

static struct config *compile(const struct scenario *s)
{
    struct diag d;
    diag_init(&d);
    struct config *c = scenario_config(s, module_set(), NULL, &d);
    diag_free(&d);
    assert_non_null(c);
    return c;
}

static void digest(const struct scenario *s, struct config *c, unsigned test, uint64_t seed,
                   char *out, size_t cap)
{
    struct scenario_setup setup = {.set = module_set(), .config = c, .seed = seed};
    struct scenario_result r;
    struct buf text;
    assert_int_equal(scenario_run(s, test, &setup, &r), ERR_OK);
    assert_true(r.passed);
    buf_fixed(&text, out, cap - 1);
    ladder_digest(r.ladder, &text);
    out[text.len] = 0;
    scenario_result_free(&r);
}

static void same_seed_same_run(void **state)
{
    static char one[65536], two[65536];
    struct scenario *s = load("examples/voicemail.scn");
    struct config *c = compile(s);
    (void)state;
    assert_true(scenario_tests(s) > 40);
    for (unsigned i = 0; i < scenario_tests(s); i += 7) {
        digest(s, c, i, 5, one, sizeof one);
        digest(s, c, i, 5, two, sizeof two);
        assert_string_equal(one, two);
    }
    config_free(c);
    scenario_free(s);
}

static const char failing[] = "script examples/voicemail.cfg\n"
                              "phone alice 127.0.0.1:5061\n"
                              "server vm 127.0.0.1:5090\n"
                              "test \"wrong\"\n"
                              "  alice invites bob\n"
                              "  vm gets INVITE where X-Reason is \"busy\"\n";

static void a_failure_says_where_and_why(void **state)
{
    struct scenario *s = scenario_load_text(STR("wrong.scn"), str_from(failing));
    struct scenario_result r;
    (void)state;
    assert_non_null(s);
    assert_int_equal(scenario_tests(s), 1);
    struct config *c = compile(s);
    struct scenario_setup setup = {.set = module_set(), .config = c, .seed = 1};
    assert_int_equal(scenario_run(s, 0, &setup, &r), ERR_OK);
    assert_false(r.passed);
    assert_int_equal(r.at.line, 6);
    assert_true(str_search(r.text, STR("vm should get INVITE"), 0) >= 0);
    assert_true(str_search(r.came, STR("not registered"), 0) >= 0);
    scenario_result_free(&r);
    config_free(c);
    scenario_free(s);
}

static const struct weather storm = {
    .link = {.delay = 5, .jitter = 700, .loss = 1000, .duplicate = 1000, .reorder = 1000}};

static void bad_weather_is_no_failure(void **state)
{
    struct scenario *s = load("examples/proxy.scn");
    struct config *c = compile(s);
    unsigned through = 0, runs = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++)
        for (unsigned i = 0; i < scenario_tests(s); i++) {
            struct scenario_setup setup = {
                .set = module_set(), .config = c, .seed = seed, .weather = &storm};
            struct scenario_result r;
            assert_int_equal(scenario_run(s, i, &setup, &r), ERR_OK);
            through += !r.stopped;
            runs++;
            scenario_result_free(&r);
        }
    assert_true(through > runs / 8);
    config_free(c);
    scenario_free(s);
}

/* A bound that is too small for the test: it is stopped, and says at which step. */
static void what_does_not_end_is_stopped(void **state)
{
    static const char text[] = "script examples/stateless.cfg\n"
                               "phone alice 127.0.0.1:5061\n"
                               "test \"a\"\n"
                               "  alice sends OPTIONS\n"
                               "  wait 1h\n"
                               "  alice gets 200\n";
    struct scenario *s = scenario_load_text(STR("a.scn"), str_from(text));
    struct config *c = compile(s);
    struct scenario_setup setup = {.set = module_set(), .config = c, .seed = 1, .most_steps = 300};
    struct scenario_result r;
    (void)state;
    assert_int_equal(scenario_run(s, 0, &setup, &r), ERR_OK);
    assert_false(r.passed);
    assert_int_equal(r.at.line, 5);
    assert_true(str_search(r.text, STR("does not end"), 0) >= 0);
    assert_true(str_search(r.came, STR("after 300 happenings"), 0) >= 0);
    scenario_result_free(&r);
    config_free(c);
    scenario_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_run),
        cmocka_unit_test(a_failure_says_where_and_why),
        cmocka_unit_test(bad_weather_is_no_failure),
        cmocka_unit_test(what_does_not_end_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
