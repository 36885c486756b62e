/* Log lines. */
/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "core/base/log.h"
#include "tests/lib/unit.h"

static struct {
    char text[8192];
    size_t len;
    int level;
    unsigned lines;
} got;

static void keep(void *user, int level, struct str text)
{
    (void)user;
    assert_true(text.len < sizeof got.text);
    memcpy(got.text, text.p, text.len);
    got.len = text.len;
    got.level = level;
    got.lines++;
}

static int setup(void **state)
{
    (void)state;
    memset(&got, 0, sizeof got);
    log_set_sink(keep, NULL);
    log_set_level(LOG_NOTICE_);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    log_set_level(LOG_NOTICE_);
    return 0;
}

static void test_threshold(void **state)
{
    (void)state;
    log_info("not yet");
    log_dbg("nor this");
    assert_int_equal(got.lines, 0);
    log_notice("yes %d", 5);
    assert_int_equal(got.lines, 1);
    assert_int_equal(got.level, LOG_NOTICE_);
    assert_str(str_make(got.text, got.len), "yes 5");
    log_set_level(LOG_DBG_);
    assert_int_equal(log_level(), LOG_DBG_);
    log_dbg("now");
    assert_int_equal(got.lines, 2);
    log_set_level(LOG_ALERT_);
    log_err("quiet");
    assert_int_equal(got.lines, 2);
}

static void test_no_forged_lines(void **state)
{
    (void)state;
    log_err("user %s", "x\r\nsignalbox: error: \x01\x7f\ty\xc3\xa4");
    assert_str(str_make(got.text, got.len),
               "user x\\x0d\\x0asignalbox: error: \\x01\\x7f\ty\xc3\xa4");
}

static void test_long_lines(void **state)
{
    (void)state;
    static char controls[6000];
    memset(controls, 1, sizeof controls - 1);
    log_err("%s", controls);
    assert_true(got.len < 4096);
    memset(controls, 'a', sizeof controls - 1);
    log_err("%s", controls);
    assert_int_equal(got.len, 2047);
    assert_int_equal(got.text[2046], 'a');
}

static void test_raw(void **state)
{
    (void)state;
    log_raw(LOG_ERR_, STR("as\x01it is\n"));
    assert_str(str_make(got.text, got.len), "as\x01it is\n");
    log_raw(LOG_DBG_, STR("no"));
    assert_int_equal(got.lines, 1);
}

/* What arrives on stderr, as the only sink there is at start. */
static void test_stderr(void **state)
{
    (void)state;
    char text[256];
    int pipes[2], saved = dup(STDERR_FILENO);
    log_set_sink(NULL, NULL);
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    log_warn("one\ntwo");
    log_line(-9, "beyond"); /* levels out of range have the nearest name */
    log_raw(LOG_ERR_, STR("raw\n"));
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipes[1]);
    ssize_t n = read(pipes[0], text, sizeof text);
    close(pipes[0]);
    assert_true(n > 0);
    assert_str(str_make(text, (size_t)n), "signalbox: warning: one\\x0atwo\n"
                                          "signalbox: alert: beyond\nraw\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threshold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_forged_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_raw, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stderr, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
