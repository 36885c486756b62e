/* Runs every script of tests/lang. What print() writes is expected on its line:
 *
 *     print("$var(x)"); # expect: 5
 *
 * A line that runs more than once has as many "# expect:". A line "# result: N", "# result: exit"
 * or "# result: drop" says how the script ends, if not with a result of 1 or more.
 * Scripts named stock-* need modules: tests/unit/modules_stock.c has them.
 * Every script runs several times: as it is, with every function answering later, traced, and with
 * all small budgets of steps. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>

#include "lang/code.h"
#include "lang_bench.h"

enum { MAX_LINES = 2000, MAX_EXPECTED = 4000, LATER = 1, TRACED = 2 };

/* A script with what it should print. */
struct script_test {
    const char *path;
    struct str text;
    struct program *program;
    struct str expected[MAX_EXPECTED];
    unsigned line[MAX_EXPECTED], n;
    bool met[MAX_EXPECTED];
    char result[32];
    unsigned lines_traced;
};

static unsigned total_expectations, failures;

/* Complains and goes on, so that one run shows all that is wrong. */
#define WRONG(...) (failures++, print_error(__VA_ARGS__), print_error("\n"))

/* ---- expectations ---- */

static void read_line(struct script_test *t, struct str line, unsigned number)
{
    static const struct str mark = STR_INIT("# expect: ");
    ptrdiff_t at = str_search(line, mark, 0);
    while (at >= 0) {
        ptrdiff_t next = str_search(line, mark, (size_t)at + 1);
        struct str want = str_sub(line, (size_t)at + mark.len, next < 0 ? line.len : (size_t)next);
        assert_true(t->n < MAX_EXPECTED);
        t->line[t->n] = number;
        t->expected[t->n++] = str_trim(want);
        at = next;
    }
    at = str_search(line, STR("# result: "), 0);
    if (at >= 0)
        snprintf(t->result, sizeof t->result, "%.*s",
                 STR_ARG(str_trim(str_sub(line, (size_t)at + 10, line.len))));
}

static void read_expectations(struct script_test *t)
{
    struct str rest = t->text, line;
    for (unsigned number = 1; str_cut(&line, &rest, '\n'); number++)
        read_line(t, line, number);
    total_expectations += t->n;
}

static void check_print(struct call *c, struct str s)
{
    struct script_test *t = c->user;
    unsigned line = vm_where(c->vm).line;
    for (unsigned i = 0; i < t->n; i++)
        if (t->line[i] == line && !t->met[i]) {
            t->met[i] = true;
            if (!str_eq(str_trim(s), t->expected[i]))
                WRONG("%s:%u: \"%.*s\", expected \"%.*s\"", t->path, line, STR_ARG(s),
                      STR_ARG(t->expected[i]));
            return;
        }
    WRONG("%s:%u: \"%.*s\" was not expected", t->path, line, STR_ARG(s));
}

/* ---- runs ---- */

static void traced(void *user, struct loc at)
{
    struct script_test *t = user;
    t->lines_traced++;
    assert_true(at.line > 0 && at.line < MAX_LINES);
}

static enum vm_status run_to_end(struct call *c, const struct program *p, struct vm_result *out)
{
    int route = program_route(p, ROUTE_REQUEST, STR("0"));
    enum vm_status s = vm_run(c->vm, p, route, c, out);
    while (s == VM_SUSPENDED)
        s = vm_resume(c->vm, c->later, out);
    return s;
}

static void check_result(const struct script_test *t, const struct vm_result *r)
{
    char got[32];
    snprintf(got, sizeof got, "%d", r->value);
    if (r->exited)
        strcpy(got, r->dropped ? "drop" : "exit");
    if (!t->result[0] && !r->exited && r->value > 0)
        return;
    if (strcmp(got, t->result))
        WRONG("%s ends with %s, expected %s", t->path, got, t->result);
}

static void run_checked(struct script_test *t, unsigned how)
{
    struct call *c = malloc(sizeof *c);
    struct vm_result result;
    fake_call_init(c);
    c->vm = vm_new(&fake_host, 100000);
    c->printed = check_print;
    c->user = t;
    c->wait_always = (how & LATER) != 0;
    memset(t->met, 0, sizeof t->met);
    if (how & TRACED)
        vm_trace(c->vm, traced, t);
    assert_int_equal(run_to_end(c, t->program, &result), VM_DONE);
    check_result(t, &result);
    for (unsigned i = 0; i < t->n; i++)
        if (!t->met[i])
            WRONG("%s:%u: \"%.*s\" was never printed", t->path, t->line[i],
                  STR_ARG(t->expected[i]));
    vm_free(c->vm);
    fake_call_free(c);
    free(c);
}

/* Stopped after any number of steps the machine can begin anew. */
static void run_starved(const struct script_test *t)
{
    struct call *c = malloc(sizeof *c);
    struct vm_result result;
    fake_call_init(c);
    for (uint64_t steps = 1; steps < 400; steps++) {
        c->vm = vm_new(&fake_host, steps);
        c->wait_always = steps % 2;
        enum vm_status first = run_to_end(c, t->program, &result);
        assert_true(first == VM_FUEL || first == VM_DONE);
        run_to_end(c, t->program, &result);
        c->log_len = 0;
        vm_free(c->vm);
    }
    fake_call_free(c);
    free(c);
}

/* ---- scripts ---- */

static struct str read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(1 << 20);
    if (!f || !text)
        fail_msg("cannot read %s", path);
    size_t n = fread(text, 1, 1 << 20, f);
    fclose(f);
    return str_make(text, n);
}

static void compile(struct script_test *t, struct diag *d)
{
    char message[256];
    struct buf why;
    t->program = program_compile_text(str_from(t->path), t->text, &fake_catalog, d);
    if (!t->program) {
        diag_print(d, stderr);
        WRONG("%s does not compile", t->path);
        return;
    }
    buf_fixed(&why, message, sizeof message);
    if (program_verify(t->program, &why) != ERR_OK)
        WRONG("%s: %.*s", t->path, STR_ARG(buf_str(&why)));
}

static void dump_somewhere(const struct program *p)
{
    FILE *out = fopen("/dev/null", "w");
    program_dump(p, out);
    fclose(out);
}

static void run_all_ways(struct script_test *t)
{
    dump_somewhere(t->program);
    run_checked(t, 0);
    run_checked(t, LATER);
    run_checked(t, LATER | TRACED);
    assert_true(t->lines_traced > 0);
    run_starved(t);
}

static void test_script(const char *path)
{
    struct script_test *t = calloc(1, sizeof *t);
    struct diag *d = malloc(sizeof *d);
    diag_init(d);
    t->path = path;
    t->text = read_file(path);
    read_expectations(t);
    compile(t, d);
    if (t->program)
        run_all_ways(t);
    program_free(t->program);
    diag_free(d);
    free(d);
    free((char *)t->text.p);
    free(t);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void all_scripts(void **state)
{
    enum { MAX = 500 };
    char *paths[MAX];
    unsigned n = 0;
    DIR *dir = opendir("tests/lang");
    struct dirent *e;
    (void)state;
    assert_non_null(dir);
    log_set_level(-3);
    while ((e = readdir(dir)) && n < MAX)
        if (str_ends(str_from(e->d_name), STR(".cfg")) &&
            !str_starts(str_from(e->d_name), STR("stock-"))) {
            paths[n] = malloc(300);
            snprintf(paths[n++], 300, "tests/lang/%s", e->d_name);
        }
    closedir(dir);
    qsort(paths, n, sizeof *paths, by_name);
    for (unsigned i = 0; i < n; i++) {
        test_script(paths[i]);
        free(paths[i]);
    }
    print_message("%u scripts, %u expectations\n", n, total_expectations);
    assert_true(n > 0 && failures == 0);
}

int main(void)
{
    setenv("SIGNALBOX_TEST_HOME", "5", 1); /* for 10.1-preprocessor.cfg */
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_scripts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
