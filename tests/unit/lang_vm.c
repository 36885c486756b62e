/* The machine from outside: results, waiting, error_route, budgets, traces, nested runs. Scripts
 * stand in the tests; what statements mean is tested in tests/lang. */
/* SPDX-License-Identifier: MIT */
#include "lang_bench.h"

/* A compiled script, a machine and a message. */
struct rig {
    struct diag diag;
    struct program *p;
    struct vm *vm;
    struct call call;
    struct vm_result result;
};

static struct rig *rig_new(const char *script)
{
    struct rig *r = calloc(1, sizeof *r);
    diag_init(&r->diag);
    r->p = program_compile_text(STR("test"), str_from(script), &fake_catalog, &r->diag);
    if (!r->p)
        diag_print(&r->diag, stderr);
    assert_non_null(r->p);
    fake_call_init(&r->call);
    r->vm = r->call.vm = vm_new(&fake_host, 100000);
    assert_non_null(r->vm);
    return r;
}

static void rig_free(struct rig *r)
{
    vm_free(r->vm);
    fake_call_free(&r->call);
    program_free(r->p);
    diag_free(&r->diag);
    free(r);
}

static enum vm_status run(struct rig *r)
{
    int main_route = program_route(r->p, ROUTE_REQUEST, STR("0"));
    return vm_run(r->vm, r->p, main_route, &r->call, &r->result);
}

static void check_log(const struct rig *r, const char *want)
{
    assert_string_equal(r->call.log, want);
}

static void results(void **state)
{
    static const struct {
        const char *script;
        int value;
        bool exited, dropped;
    } rows[] = {
        {"route { ok(); }", 1, false, false},
        {"route { fail(); }", -1, false, false},
        {"route { return(5); }", 5, false, false},
        {"route { return(0); }", 0, true, false},
        {"route { exit; ok(); }", 0, true, false},
        {"route { drop; ok(); }", 0, true, true},
        {"route { give(0); }", 0, true, false},
        {"route { if (give(0)) ok(); }", 0, true, false},
        {"route { if (drop) ok(); }", 0, true, true},
        {"route { ; }", 1, false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig *r = rig_new(rows[i].script);
        assert_int_equal(run(r), VM_DONE);
        assert_int_equal(r->result.value, rows[i].value);
        assert_int_equal(r->result.exited, rows[i].exited);
        assert_int_equal(r->result.dropped, rows[i].dropped);
        rig_free(r);
    }
}

/* ---- waiting ---- */

static void waiting(void **state)
{
    struct rig *r = rig_new("route { $var(x) = 1; while ($var(x) < 3) { route(1); }\n"
                            " print(\"end $var(x)\"); }\n"
                            "route[1] { if (ok() && wait() && ok()) { $var(x) = $var(x) + 1;\n"
                            " print(\"in $var(x) $rc\"); } }");
    (void)state;
    assert_int_equal(run(r), VM_SUSPENDED);
    assert_int_equal(vm_where(r->vm).line, 3);
    assert_int_equal(vm_resume(r->vm, 1, &r->result), VM_SUSPENDED);
    check_log(r, "in 2 1\n");
    assert_int_equal(vm_resume(r->vm, 5, &r->result), VM_DONE);
    check_log(r, "in 2 1\nin 3 1\nend 3\n");
    rig_free(r);
}

static void waiting_for_zero(void **state)
{
    struct rig *r = rig_new("route { route(1); print(\"no\"); }\nroute[1] { wait(); }");
    (void)state;
    assert_int_equal(run(r), VM_SUSPENDED);
    assert_int_equal(vm_resume(r->vm, 0, &r->result), VM_DONE);
    assert_true(r->result.exited);
    check_log(r, "");
    rig_free(r);
}

static void waiting_for_a_name(void **state)
{
    struct rig *r = rig_new("route { if (src_ip == localhost) print(\"yes\"); else print(\"no\");\n"
                            " if (src_ip != localhost) print(\"yes\"); else print(\"no\"); }");
    (void)state;
    r->call.name_answer = CALL_SUSPENDED;
    assert_int_equal(run(r), VM_SUSPENDED);
    assert_int_equal(vm_resume(r->vm, 1, &r->result), VM_SUSPENDED);
    assert_int_equal(vm_resume(r->vm, 0, &r->result), VM_DONE);
    check_log(r, "yes\nyes\n");
    /* an error is neither */
    r->call.log_len = 0;
    assert_int_equal(run(r), VM_SUSPENDED);
    assert_int_equal(vm_resume(r->vm, -1, &r->result), VM_SUSPENDED);
    assert_int_equal(vm_resume(r->vm, -1, &r->result), VM_DONE);
    check_log(r, "no\nno\n");
    rig_free(r);
}

static void abandoned(void **state)
{
    struct rig *r = rig_new("route { route(1); }\nroute[1] { $var(x) = 1 + wait(); }");
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run(r), VM_SUSPENDED);
        vm_abandon(r->vm);
    }
    assert_int_equal(run(r), VM_SUSPENDED);
    assert_int_equal(vm_resume(r->vm, 4, &r->result), VM_DONE);
    assert_int_equal(r->call.vars.slot[0].i, 5);
    rig_free(r);
}

/* Two messages wait in two machines and go on in the other order. */
static void side_by_side(void **state)
{
    struct rig *r = rig_new("route { $var(x) = wait(); print(\"$var(x)\"); }");
    struct rig *s = rig_new("route { $var(x) = wait(); print(\"$var(x)\"); }");
    (void)state;
    assert_int_equal(run(r), VM_SUSPENDED);
    assert_int_equal(vm_run(s->vm, r->p, 0, &s->call, &s->result), VM_SUSPENDED);
    assert_int_equal(vm_resume(s->vm, 2, &s->result), VM_DONE);
    assert_int_equal(vm_resume(r->vm, 1, &r->result), VM_DONE);
    check_log(r, "1\n");
    check_log(s, "2\n");
    rig_free(s);
    rig_free(r);
}

/* ---- error_route ---- */

static const char with_error_route[] = "route { trip(); print(\"after\");\n"
                                       " if (trip()) print(\"then\"); }\n"
                                       "error_route { ok(); }";

static void error_route(void **state)
{
    struct rig *r = rig_new(with_error_route);
    (void)state;
    assert_int_equal(run(r), VM_DONE);
    check_log(r, "after\nthen\n");
    assert_int_equal(r->call.error_runs, 2);
    r->call.error_answer = 0; /* it ended the script */
    r->call.log[r->call.log_len = 0] = 0;
    assert_int_equal(run(r), VM_DONE);
    assert_true(r->result.exited);
    check_log(r, "");
    rig_free(r);
}

static void error_route_waits(void **state)
{
    struct rig *r = rig_new(with_error_route);
    (void)state;
    r->call.error_answer = CALL_SUSPENDED;
    assert_int_equal(run(r), VM_SUSPENDED);
    assert_int_equal(vm_resume(r->vm, 1, &r->result), VM_SUSPENDED);
    check_log(r, "after\n");
    assert_int_equal(vm_resume(r->vm, 0, &r->result), VM_DONE);
    assert_true(r->result.exited);
    check_log(r, "after\n");
    rig_free(r);
}

static void no_error_route(void **state)
{
    struct rig *r = rig_new("route { trip(); print(\"after\"); }");
    (void)state;
    assert_int_equal(run(r), VM_DONE);
    assert_int_equal(r->call.error_runs, 0);
    rig_free(r);
}

/* ---- log lines nobody sees ---- */

static void quiet_lines(void **state)
{
    struct rig *r = rig_new("route { $var(n) = 0;\n"
                            " whisper(\"a $ru\"); print(\"$rc\");\n"
                            " if (whisper(\"b $(ru{s.len})\")) print(\"true\"); }");
    (void)state;
    assert_int_equal(run(r), VM_DONE);
    assert_string_equal(r->call.log, "1\ntrue\n");
    r->call.log_len = 0;
    log_set_level(LOG_DBG_);
    assert_int_equal(run(r), VM_DONE);
    log_set_level(2);
    assert_true(strncmp(r->call.log, "a sip:", 6) == 0);
    rig_free(r);
}

/* ---- bounds ---- */

static void endless(void **state)
{
    struct rig *r = rig_new("route { while (1) { while (1) { while (1) { ok(); } } } }");
    (void)state;
    log_set_level(-3);
    vm_free(r->vm);
    r->vm = r->call.vm = vm_new(&fake_host, 50000);
    assert_int_equal(run(r), VM_FUEL);
    assert_true(r->result.exited);
    log_set_level(2);
    rig_free(r);
}

/* A text that doubles is stopped at its limit, and costs its length. */
static void doubling(void **state)
{
    struct rig *r = rig_new("route { $var(x) = \"0123456789\"; $var(i) = 0;\n"
                            " while (1) { $var(x) = $var(x) + $var(x); if ($rc < 0) break; }\n"
                            " while (1) { while (1) $var(y) = $var(x) + \"\"; } }");
    (void)state;
    log_set_level(-3);
    assert_int_equal(run(r), VM_FUEL);
    assert_true(r->call.vars.slot[0].s.len <= 65535);
    assert_true(arena_size(&r->call.arena) < 16u << 20);
    log_set_level(2);
    rig_free(r);
}

/* ---- traces ---- */

static void note_line(void *user, struct loc at)
{
    struct buf *b = user;
    buf_printf(b, "%u ", at.line);
}

static void traces(void **state)
{
    struct rig *r = rig_new("route {\n"
                            "\tok();\n"
                            "\tif (fail())\n"
                            "\t\tok();\n"
                            "\telse {\n"
                            "\t\troute(1);\n"
                            "\t}\n"
                            "\tok(); ok();\n"
                            "}\n"
                            "route[1] {\n"
                            "\tok();\n"
                            "}\n");
    char text[128];
    struct buf b;
    (void)state;
    buf_fixed(&b, text, sizeof text);
    vm_trace(r->vm, note_line, &b);
    assert_int_equal(run(r), VM_DONE);
    assert_true(str_eq(buf_str(&b), STR("2 3 6 11 12 6 8 9 ")));
    vm_trace(r->vm, NULL, NULL);
    b.len = 0;
    assert_int_equal(run(r), VM_DONE);
    assert_int_equal(b.len, 0);
    rig_free(r);
}

/* ---- variables ---- */

static void fresh_variables(void **state)
{
    struct rig *r = rig_new("route { print(\"$var(x)\"); $var(x) = \"kept\"; route(1); }\n"
                            "route[1] { print(\"$var(x)\"); }");
    struct call other;
    (void)state;
    fake_call_init(&other);
    assert_int_equal(run(r), VM_DONE);
    assert_int_equal(vm_run(r->vm, r->p, 0, &other, &r->result), VM_DONE);
    check_log(r, "0\nkept\n");
    assert_string_equal(other.log, "0\nkept\n");
    fake_call_free(&other);
    rig_free(r);
}

static void copied_variables(void **state)
{
    struct rig *r = rig_new("route { $var(x) = \"text\"; $var(y) = 5; }");
    struct arena a;
    struct vars copy = {.arena = &a};
    (void)state;
    arena_init(&a, NULL, 256);
    assert_int_equal(run(r), VM_DONE);
    assert_int_equal(vars_copy(&copy, &r->call.vars), ERR_OK);
    rig_free(r);
    assert_int_equal(copy.count, 2);
    assert_true(str_eq(copy.slot[0].s, STR("text")));
    assert_int_equal(copy.slot[1].i, 5);
    assert_int_equal(copy.rc, 1);
    arena_reset(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results),          cmocka_unit_test(waiting),
        cmocka_unit_test(waiting_for_zero), cmocka_unit_test(waiting_for_a_name),
        cmocka_unit_test(abandoned),        cmocka_unit_test(side_by_side),
        cmocka_unit_test(error_route),      cmocka_unit_test(error_route_waits),
        cmocka_unit_test(no_error_route),   cmocka_unit_test(endless),
        cmocka_unit_test(quiet_lines),      cmocka_unit_test(doubling),
        cmocka_unit_test(traces),           cmocka_unit_test(fresh_variables),
        cmocka_unit_test(copied_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
