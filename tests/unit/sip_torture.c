/* Every prefix of every torture message, and the stream captures. What becomes of each message is
 * judged in tests/messages, with the whole engine. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/sip/frame.h"
#include "tests/fuzz/fuzz_sip_exercise.h"

enum { FILE_MAX = 1 << 20 };

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
