/* The torture sets, judged by their INDEX.tsv, and every prefix of every message. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/sip/frame.h"
#include "tests/fuzz/fuzz_sip_exercise.h"

enum { FILE_MAX = 1 << 20, LINE_MAX_BYTES = 4096 };

static const char *torture(void)
{
    const char *dir = getenv("SIGNALBOX_TORTURE");
    return dir ? dir : "../shared/torture";
}

static bool torture_absent(void)
{
    DIR *d = opendir(torture());
    if (d) {
        closedir(d);
        return false;
    }
    print_message("no torture messages at %s, skipped\n", torture());
    return true;
}

/* A file in memory of exactly its size; p is NULL when it cannot be read. To be freed. */
static struct str slurp(const char *path)
{
    static char mem[FILE_MAX];
    FILE *f = fopen(path, "rb");
    if (!f)
        return STR_NONE;
    size_t n = fread(mem, 1, sizeof mem, f);
    fclose(f);
    char *copy = malloc(n ? n : 1);
    memcpy(copy, mem, n);
    return str_make(copy, n);
}

/* Whether a reply with a via-parm below ours may go where that one says. */
static bool passes(const struct msg *m)
{
    struct value_iter it = {.started = false};
    struct addr where;
    struct str host;
    if (m->request || !msg_value_next(m, HDR_VIA, &it) || !msg_value_next(m, HDR_VIA, &it))
        return true;
    int rc = reply_destination(&where, &host, m, false);
    return rc == ERR_OK || rc == ERR_NOTFOUND;
}

/* What our side does with a message: 0 takes it, a status refuses it, -1 drops it. */
static int verdict(struct str bytes)
{
    struct arena a;
    struct msg m;
    arena_init(&a, NULL, 4096);
    int code = msg_scan(&m, &a, bytes) || !passes(&m) ? -1 : msg_check(&m).code;
    arena_reset(&a);
    return code;
}

/* Whether tests/messages/leniencies.tsv lists this file of this set with this verdict. */
static bool listed(const char *set, const char *file, int code)
{
    char line[LINE_MAX_BYTES], want[300];
    bool found = false;
    FILE *f = fopen("tests/messages/leniencies.tsv", "r");
    assert_non_null(f);
    int n = snprintf(want, sizeof want, "%s/%s\t%d\t", set, file, code);
    while (fgets(line, sizeof line, f))
        found |= strncmp(line, want, (size_t)n) == 0;
    fclose(f);
    return found;
}

/* The RFC sets: "400" and "505" stand for themselves, 483 is the script's business. */
static bool rfc_allows(const char *must, const char *may, int code)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%d", code);
    if (strcmp(must, "n/a") == 0)
        return true;
    if (code > 0)
        return strstr(must, digits) || strstr(may, digits);
    if (code < 0)
        return strstr(must, "drop") != NULL;
    return strstr(must, "forward") || strstr(must, "accept") || strstr(must, "483") ||
           strstr(may, "drop the headers");
}

/* The grammar set says which messages are well-formed. */
static bool grammar_allows(const char *must, const char *may, int code)
{
    (void)may;
    return (strcmp(must, "accept") == 0) == (code == 0);
}

/* The CVE set speaks of a whole server. Here it is judged what is refused, dropped and answered;
 * the rest is that nothing breaks. */
static bool cve_allows(const char *must, const char *may, int code)
{
    (void)may;
    if (strncmp(must, "400 (or silent", 14) == 0 || strncmp(must, "400 on UDP", 10) == 0)
        return code != 0;
    if (strncmp(must, "forward or normal reply", 23) == 0)
        return code >= 0;
    if (strncmp(must, "ignore", 6) == 0 || strcmp(must, "drop") == 0)
        return code < 0;
    return true;
}

typedef bool (*allows)(const char *must, const char *may, int code);

/* Judges one message of a set. */
static bool judge_one(const char *set, char *const *column, unsigned must, allows fn)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s/%s", torture(), set, column[0]);
    struct str bytes = slurp(path);
    assert_non_null(bytes.p);
    int code = verdict(bytes);
    free((void *)(uintptr_t)bytes.p);
    if (fn(column[must], column[must + 1] ? column[must + 1] : "", code) ||
        listed(set, column[0], code))
        return true;
    print_message("%s/%s: %d, but: %s\n", set, column[0], code, column[must]);
    return false;
}

/* Goes through an index; must is the column that says what has to happen. Returns how many messages
 * were treated otherwise. Stream captures are for the framer. */
static unsigned judge(const char *set, unsigned must, allows fn)
{
    char path[512], line[LINE_MAX_BYTES];
    unsigned wrong = 0, count = 0;
    snprintf(path, sizeof path, "%s/%s/INDEX.tsv", torture(), set);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    while (fgets(line, sizeof line, f)) {
        char *column[10] = {NULL}, *save = NULL;
        unsigned n = 0;
        for (char *t = strtok_r(line, "\t\n", &save); t && n < 9; t = strtok_r(NULL, "\t\n", &save))
            column[n++] = t;
        const char *dot = strrchr(column[0], '.');
        if (!dot || strcmp(dot, ".tcp") == 0 || strcmp(dot, ".ws") == 0)
            continue;
        wrong += !judge_one(set, column, must, fn);
        count++;
    }
    fclose(f);
    print_message("%s: %u messages\n", set, count);
    return wrong;
}

static void test_rfc4475(void **state)
{
    (void)state;
    if (!torture_absent())
        assert_int_equal(judge("rfc4475", 3, rfc_allows), 0);
}

static void test_rfc5118(void **state)
{
    (void)state;
    if (!torture_absent())
        assert_int_equal(judge("rfc5118", 3, rfc_allows), 0);
}

static void test_grammar(void **state)
{
    (void)state;
    if (!torture_absent())
        assert_int_equal(judge("grammar", 1, grammar_allows), 0);
}

static void test_cve(void **state)
{
    (void)state;
    if (!torture_absent())
        assert_int_equal(judge("cve", 6, cve_allows), 0);
}

/* Runs the first n bytes as if nothing were behind them. */
static void run_prefix(struct str bytes, size_t n)
{
    char *copy = malloc(n ? n : 1);
    memcpy(copy, bytes.p, n);
    exercise(str_make(copy, n));
    struct frame f = {0};
    size_t length;
    enum frame_result r = frame_next(&f, str_make(copy, n), MSG_MAX_BYTES, &length);
    assert_true(length <= n && (r != FRAME_MESSAGE || length > 0));
    free(copy);
}

/* All prefixes of messages of usual size; of larger ones all short prefixes and a choice beyond. */
static void run_prefixes(struct str bytes)
{
    enum { ALL = 3000, CHOICE = 40 };
    size_t step = bytes.len > ALL ? (bytes.len - ALL) / CHOICE + 1 : 1;
    for (size_t n = 0; n < bytes.len; n += n < ALL ? 1 : step)
        run_prefix(bytes, n);
    run_prefix(bytes, bytes.len);
}

static void test_prefixes(void **state)
{
    static const char *const sets[] = {"rfc4475", "rfc5118", "grammar", "cve", "rfc_examples"};
    (void)state;
    if (torture_absent())
        return;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", torture(), sets[i]);
        DIR *d = opendir(path);
        assert_non_null(d);
        for (struct dirent *e; (e = readdir(d)) != NULL;) {
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s/%s", torture(), sets[i], e->d_name);
            struct str bytes = slurp(path);
            assert_non_null(bytes.p);
            run_prefixes(bytes);
            free((void *)(uintptr_t)bytes.p);
        }
        closedir(d);
    }
}

/* How many messages a stream gives before it ends or has to be closed. */
static unsigned stream_messages(struct str bytes, bool *closed)
{
    struct frame f = {0};
    unsigned count = 0;
    size_t length;
    for (;;) {
        enum frame_result r = frame_next(&f, bytes, MSG_MAX_BYTES, &length);
        *closed = r == FRAME_BAD;
        if (r == FRAME_BAD || r == FRAME_MORE)
            return count;
        count += r == FRAME_MESSAGE;
        bytes = str_make(bytes.p + length, bytes.len - length);
    }
}

/* The stream captures: where framing is in doubt the connection is closed and nothing behind the
 * doubt is taken for a message. */
static void test_streams(void **state)
{
    static const struct {
        const char *file;
        unsigned messages;
        bool closed;
    } cases[] = {
        {"osips_2023_28097_cl_2147483647.tcp", 0, true},
        {"osips_2023_28097_cl_2147483648.tcp", 0, true},
        {"osips_2023_28097_cl_4294967295.tcp", 0, true},
        {"osips_2023_28097_cl_4294967296.tcp", 0, true},
        {"osips_2023_28097_cl_99999999999999999999.tcp", 0, true},
        {"osips_2023_28097_cl_-1.tcp", 0, true},
        {"tcp_2026_23457_cl_wrap.tcp", 0, true},
        {"tcp_two_cl.tcp", 0, true},
        {"tcp_no_cl.tcp", 0, true},
        {"tcp_lf_smuggle.tcp", 0, true},
        {"tcp_http.tcp", 0, true},
        {"tcp_tls_hello.tcp", 0, true},
        {"tcp_header_no_end.tcp", 0, true},
        {"tcp_pipeline_200.tcp", 200, false},
        {"tcp_crlf_flood.tcp", 1, false},
        {"ast_2018_7286_burst_close.tcp", 10, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases && !torture_absent(); i++) {
        char path[512];
        bool closed;
        snprintf(path, sizeof path, "%s/cve/%s", torture(), cases[i].file);
        struct str bytes = slurp(path);
        assert_non_null(bytes.p);
        if (stream_messages(bytes, &closed) != cases[i].messages || closed != cases[i].closed)
            fail_msg("%s", cases[i].file);
        free((void *)(uintptr_t)bytes.p);
    }
}

/* The RFCs' own examples are taken. */
static void test_examples(void **state)
{
    char path[512];
    (void)state;
    if (torture_absent())
        return;
    snprintf(path, sizeof path, "%s/rfc_examples", torture());
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/rfc_examples/%s", torture(), e->d_name);
        struct str bytes = slurp(path);
        int code = verdict(bytes);
        if (code)
            print_message("%s: %d\n", e->d_name, code);
        assert_true(code == 0 || listed("rfc_examples", e->d_name, code));
        free((void *)(uintptr_t)bytes.p);
    }
    closedir(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc4475),  cmocka_unit_test(test_rfc5118),
        cmocka_unit_test(test_grammar),  cmocka_unit_test(test_cve),
        cmocka_unit_test(test_examples), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
