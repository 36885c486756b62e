/* What the compiler makes of scripts, seen through the dump; digests; the verifier. */
/* SPDX-License-Identifier: MIT */
#include "lang/code.h"
#include "lang_bench.h"

static struct program *compile(const char *script)
{
    struct diag *d = malloc(sizeof *d);
    diag_init(d);
    struct program *p = program_compile_text(STR("t"), str_from(script), &fake_catalog, d);
    if (!p)
        diag_print(d, stderr);
    assert_non_null(p);
    diag_free(d);
    free(d);
    return p;
}

static void check_dump(const char *script, const char *want)
{
    char *text = NULL;
    size_t n = 0;
    struct program *p = compile(script);
    FILE *f = open_memstream(&text, &n);
    program_dump(p, f);
    fclose(f);
    assert_string_equal(text, want);
    free(text);
    program_free(p);
}

static void statements(void **state)
{
    (void)state;
    check_dump("route {\n"
               "  if (method == \"INVITE\" && !fail() || 0) ok(); else $var(x) = 2 + 3 * 4;\n"
               "  $avp(s:a) := \"x\" + $rU;\n"
               "  return(-1);\n"
               "}\n",
               "route (2 operands)\n"
               "  t:2: if (method == \"INVITE\" && !fail() || 0) ok(); else $var(x) = 2 + 3 * 4;\n"
               "        0  OPERAND      method\n"
               "        1  COMPARE_TEXT == \"INVITE\"\n"
               "        2  AND          -> 6\n"
               "        3  CALL         fail()\n"
               "        4  DECIDE\n"
               "        5  NOT\n"
               "        6  OR           -> 8\n"
               "        7  INT          0\n"
               "        8  BRANCH       -> 12\n"
               "        9  CALL         ok()\n"
               "       10  DONE\n"
               "       11  JUMP         -> 15\n"
               "       12  INT          14\n"
               "       13  STORE_VAR    $var(x)\n"
               "       14  DONE\n"
               "  t:3: $avp(s:a) := \"x\" + $rU;\n"
               "       15  CONST        \"x\"\n"
               "       16  LOAD         $rU\n"
               "       17  ADD\n"
               "       18  STORE        := $avp(s:a)\n"
               "       19  DONE\n"
               "  t:4: return(-1);\n"
               "       20  INT          -1\n"
               "       21  RETURN\n"
               "  t:5: }\n"
               "       22  END\n");
}

static void loops_and_switches(void **state)
{
    (void)state;
    check_dump(
        "route[X] {\n"
        "  while ($var(i) < 3) route(Y);\n"
        "  switch ($rm) { case \"B\": exit; case 2: break; case \"a\": default: drop; }\n"
        "}\n"
        "route[Y] { if (src_ip == 10.0.0.0/8) ok(); }\n"
        "route { route(X); }\n",
        "route[X] (2 operands)\n"
        "  t:2: while ($var(i) < 3) route(Y);\n"
        "        0  LOOP\n"
        "        1  ROUND        -> 9\n"
        "        2  VAR          $var(i)\n"
        "        3  COMPARE_INT  < 3\n"
        "        4  BRANCH       -> 8\n"
        "        5  ROUTE        route[Y]\n"
        "        6  DONE\n"
        "        7  JUMP         -> 1\n"
        "        8  ONE\n"
        "        9  LOOP_END\n"
        "  t:3: switch ($rm) { case \"B\": exit; case 2: break; case \"a\": default: drop; }\n"
        "       10  LOAD         $rm\n"
        "       11  SWITCH       2: 13, \"a\": 15, \"B\": 12, else: 16, end: 17\n"
        "       12  EXIT\n"
        "       13  CLOSE\n"
        "       14  JUMP         -> 17\n"
        "       15  JUMP         -> 17\n"
        "       16  DROP\n"
        "       17  CLOSE\n"
        "  t:4: }\n"
        "       18  END\n"
        "\n"
        "route[Y] (1 operands)\n"
        "  t:5: route[Y] { if (src_ip == 10.0.0.0/8) ok(); }\n"
        "       19  IN_NET       == src_ip 10.0.0.0/8\n"
        "       20  BRANCH       -> 24\n"
        "       21  CALL         ok()\n"
        "       22  DONE\n"
        "       23  JUMP         -> 25\n"
        "       24  EMPTY\n"
        "       25  END\n"
        "\n"
        "route (1 operands)\n"
        "  t:6: route { route(X); }\n"
        "       26  ROUTE        route[X]\n"
        "       27  DONE\n"
        "       28  END\n");
}

/* ---- digests ---- */

static uint64_t digest(const char *script)
{
    struct program *p = compile(script);
    uint64_t d = program_route_digest(p, program_route(p, ROUTE_REQUEST, STR("1")));
    program_free(p);
    return d;
}

static void digests(void **state)
{
    uint64_t d = digest("route { route(1); }\nroute[1] { print(\"a $rU\"); }");
    (void)state;
    /* place, spacing and what stands around do not count */
    assert_true(d == digest("route[1] { print( \"a $rU\" ) ; }\n\nroute { ok(); route(1); }"));
    assert_true(d != digest("route { route(1); }\nroute[1] { print(\"b $rU\"); }"));
    assert_true(d != digest("route { route(1); }\nroute[1] { print(\"a $rd\"); }"));
    assert_true(d != digest("route { route(1); }\nroute[1] { print(\"a $rU\"); ok(); }"));
    d = digest("route { route(1); }\nroute[1] { while ($rU =~ \"x\") ok(); }");
    assert_true(d == digest("route { ok(); route(1); }\nroute[1] { while ($rU =~ \"x\") ok(); }"));
    assert_true(d != digest("route { route(1); }\nroute[1] { while ($rU =~ \"y\") ok(); }"));
}

/* Comparisons of one value with several texts are one, and so are ifs on it. */
static void sets_and_choices(void **state)
{
    (void)state;
    check_dump(
        "route {\n"
        "  if (method == \"A\" || method == \"B\" || $ua == \"C\") ok();\n"
        "  if (method != \"A\" && method != \"B\") ok();\n"
        "  if ($var(x) == \"A\") ok();\n"
        "  else if ($var(x) == \"b\" || $var(x) == \"C\") fail();\n"
        "  else if ($var(x) == \"D\") ;\n"
        "  else exit;\n"
        "}\n",
        "route (1 operands)\n"
        "  t:2: if (method == \"A\" || method == \"B\" || $ua == \"C\") ok();\n"
        "        0  OPERAND      method\n"
        "        1  AMONG        == \"A\", \"B\"\n"
        "        2  OR           -> 5\n"
        "        3  LOAD         $ua\n"
        "        4  COMPARE_TEXT == \"C\"\n"
        "        5  BRANCH       -> 9\n"
        "        6  CALL         ok()\n"
        "        7  DONE\n"
        "        8  JUMP         -> 10\n"
        "        9  EMPTY\n"
        "  t:3: if (method != \"A\" && method != \"B\") ok();\n"
        "       10  OPERAND      method\n"
        "       11  AMONG        != \"A\", \"B\"\n"
        "       12  BRANCH       -> 16\n"
        "       13  CALL         ok()\n"
        "       14  DONE\n"
        "       15  JUMP         -> 17\n"
        "       16  EMPTY\n"
        "  t:4: if ($var(x) == \"A\") ok();\n"
        "       17  VAR          $var(x)\n"
        "       18  CHOOSE       \"A\": 19, \"b\": 22, \"C\": 22, \"D\": 25, else: 27, end: 27\n"
        "       19  CALL         ok()\n"
        "       20  DONE\n"
        "       21  JUMP         -> 28\n"
        "  t:5: else if ($var(x) == \"b\" || $var(x) == \"C\") fail();\n"
        "       22  CALL         fail()\n"
        "       23  DONE\n"
        "       24  JUMP         -> 28\n"
        "  t:6: else if ($var(x) == \"D\") ;\n"
        "       25  EMPTY\n"
        "       26  JUMP         -> 28\n"
        "  t:7: else exit;\n"
        "       27  EXIT\n"
        "  t:6: else if ($var(x) == \"D\") ;\n"
        "       28  CLOSE\n"
        "  t:8: }\n"
        "       29  END\n");
}

/* What is known when a script is compiled costs nothing when it runs. */
static void known_conditions(void **state)
{
    (void)state;
    check_dump("route {\n"
               "  if (!0) ok(); else fail();\n"
               "  if ([2 - 2]) fail(); else ok();\n"
               "  while (1) break;\n"
               "  $var(x) = ~(7 & 3) << 1;\n"
               "}\n",
               "route (1 operands)\n"
               "  t:2: if (!0) ok(); else fail();\n"
               "        0  CALL         ok()\n"
               "        1  DONE\n"
               "  t:3: if ([2 - 2]) fail(); else ok();\n"
               "        2  CALL         ok()\n"
               "        3  DONE\n"
               "  t:4: while (1) break;\n"
               "        4  LOOP\n"
               "        5  ROUND        -> 9\n"
               "        6  CLOSE\n"
               "        7  JUMP         -> 9\n"
               "        8  JUMP         -> 5\n"
               "        9  LOOP_END\n"
               "  t:5: $var(x) = ~(7 & 3) << 1;\n"
               "       10  INT          -8\n"
               "       11  STORE_VAR    $var(x)\n"
               "       12  DONE\n"
               "  t:6: }\n"
               "       13  END\n");
}

/* A text with variables is their values and what stands between them; one without is a constant. */
static void formats(void **state)
{
    (void)state;
    check_dump("route {\n"
               "  print(\"<$rU> $var(x)$$ $(ru{s.len})\");\n"
               "  print(\"cost: 5$$\");\n"
               "  give($rc);\n"
               "  whisper(\"$rU\");\n"
               "}\n",
               "route (3 operands)\n"
               "  t:2: print(\"<$rU> $var(x)$$ $(ru{s.len})\");\n"
               "        0  LOAD         $rU\n"
               "        1  VAR          $var(x)\n"
               "        2  LOAD         $(ru{s.len})\n"
               "        3  FORMAT       \"<$rU> $var(x)$$ $(ru{s.len})\"\n"
               "        4  CALL         print(\"<$rU> $var(x)$$ $(ru{s.len})\")\n"
               "        5  DONE\n"
               "  t:3: print(\"cost: 5$$\");\n"
               "        6  CALL         print(\"cost: 5$$\")\n"
               "        7  DONE\n"
               "  t:4: give($rc);\n"
               "        8  RC\n"
               "        9  CALL         give(\"$rc\")\n"
               "       10  DONE\n"
               "  t:5: whisper(\"$rU\");\n"
               "       11  LOUD         4 -> 16\n"
               "       12  LOAD         $rU\n"
               "       13  FORMAT       \"$rU\"\n"
               "       14  CALL         whisper(\"$rU\")\n"
               "       15  JUMP         -> 17\n"
               "       16  INT          1\n"
               "       17  DONE\n"
               "  t:6: }\n"
               "       18  END\n");
}

/* ---- the verifier ---- */

static bool verified(const struct program *p)
{
    char text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    int rc = program_verify(p, &why);
    assert_true((rc == ERR_OK) == (why.len == 0));
    return rc == ERR_OK;
}

/* Every instruction made wrong in turn is noticed. */
static void verifier(void **state)
{
    struct program *p = compile("route { $var(i) = 0; while ($var(i) < 3 && $rU != null) {\n"
                                " $var(i) += 1; if (src_ip == localhost) print(\"$rU\"); }\n"
                                " switch ($rm) { case \"a\": ok(); case 1: break; } route(1); }\n"
                                "route[1] { if ($rU =~ \"x\" || $rU =~ $rd) return(5);\n"
                                " if ($rm == \"a\" || $rm == \"b\") ok();\n"
                                " else if ($rm == \"c\") ok(); else if ($rm == \"d\") ok();\n"
                                " if ($rm != \"a\" && $rm != \"b\") ok(); whisper(\"$rU\"); }");
    (void)state;
    assert_true(verified(p));
    for (uint32_t pc = 0; pc < p->n_code; pc++) {
        struct insn was = p->code[pc];
        p->code[pc].op = OPCODES;
        assert_false(verified(p));
        p->code[pc] = was;
        p->code[pc].k = 1u << 20;
        if (op_info(was.op)->operands[0] && strpbrk(op_info(was.op)->operands, "tTpvrfnhwRsem"))
            assert_false(verified(p));
        p->code[pc] = was;
        p->code[pc].a = 99;
        if (strpbrk(op_info(was.op)->operands, "cal"))
            assert_false(verified(p));
        p->code[pc] = was;
    }
    uint32_t stack = p->routes[0].stack;
    p->routes[0].stack = 1;
    assert_false(verified(p));
    p->routes[0].stack = stack;
    assert_true(verified(p));
    program_free(p);
}

/* A call takes as many values as it has arguments that are no constants. */
static void calls_take_their_arguments(void **state)
{
    struct program *p = compile("route { print(\"a $rU\"); }");
    (void)state;
    assert_int_equal(p->code[2].op, OP_CALL);
    struct call_site *site = (struct call_site *)p->objects[p->code[2].k];
    site->given = 0;
    assert_false(verified(p));
    site->given = 1;
    p->code[1].op = OP_NOT; /* nothing pushed */
    p->code[0].op = OP_DONE;
    assert_false(verified(p));
    program_free(p);
}

/* Every opcode can be printed and has a sentence. */
static void opcodes(void **state)
{
    (void)state;
    for (unsigned op = 0; op < OPCODES; op++) {
        const struct op_info *info = op_info(op);
        assert_true(strlen(info->doc) > 5);
        assert_true(strspn(info->operands, "ivpsocarfRnhwemltT") == strlen(info->operands));
    }
    assert_null(op_info(OPCODES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements),       cmocka_unit_test(loops_and_switches),
        cmocka_unit_test(sets_and_choices), cmocka_unit_test(known_conditions),
        cmocka_unit_test(formats),          cmocka_unit_test(calls_take_their_arguments),
        cmocka_unit_test(digests),          cmocka_unit_test(verifier),
        cmocka_unit_test(opcodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
