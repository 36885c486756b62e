/* AVPs (LANGUAGE 7.4): the list, and $avp in all its forms. */
/* SPDX-License-Identifier: MIT */
#include "lang_bench.h"

static struct avp_name named(const char *text)
{
    return (struct avp_name){.text = str_from(text)};
}

static void push_text(struct avps *l, const struct avp_name *name, const char *text)
{
    struct value v = value_str(str_from(text));
    assert_int_equal(avp_push(l, name, &v), ERR_OK);
}

static void stack(void **state)
{
    struct arena a;
    struct avps l;
    struct avp_name x = named("x"), upper = named("X"), number = {.number = 5};
    (void)state;
    arena_init(&a, NULL, 512);
    avps_init(&l, &a);
    push_text(&l, &x, "one");
    push_text(&l, &number, "five");
    push_text(&l, &x, "two");
    push_text(&l, &upper, "other");
    struct avp *newest = avp_find(&l, &x, NULL);
    assert_true(str_eq(newest->value.s, STR("two")));
    struct avp *oldest = avp_find(&l, &x, newest);
    assert_true(str_eq(oldest->value.s, STR("one")));
    assert_null(avp_find(&l, &x, oldest));
    avp_remove(&l, newest);
    assert_ptr_equal(avp_find(&l, &x, NULL), oldest);
    avp_remove(&l, newest); /* a second time does no harm */
    assert_int_equal(avp_clear(&l, &x), 1);
    assert_null(avp_find(&l, &x, NULL));
    assert_non_null(avp_find(&l, &number, NULL));
    arena_reset(&a);
}

static void flags(void **state)
{
    struct arena a;
    struct avps l;
    struct avp_name three = {.number = 9, .flags = 3}, one = {.number = 9, .flags = 1},
                    four = {.number = 9, .flags = 4}, any = {.number = 9};
    (void)state;
    arena_init(&a, NULL, 512);
    avps_init(&l, &a);
    push_text(&l, &three, "v");
    assert_non_null(avp_find(&l, &any, NULL));
    assert_non_null(avp_find(&l, &one, NULL));
    assert_null(avp_find(&l, &four, NULL));
    arena_reset(&a);
}

static void copies(void **state)
{
    struct arena a, b;
    struct avps from, to;
    struct avp_name x = named("x"), y = named("y");
    (void)state;
    arena_init(&a, NULL, 512);
    arena_init(&b, NULL, 512);
    avps_init(&from, &a);
    avps_init(&to, &b);
    push_text(&to, &y, "old");
    push_text(&from, &x, "one");
    push_text(&from, &x, "two");
    assert_int_equal(avps_copy(&to, &from), ERR_OK);
    arena_reset(&a); /* the copy stands alone */
    assert_true(str_eq(avp_find(&to, &x, NULL)->value.s, STR("two")));
    assert_true(str_eq(avp_find(&to, &y, NULL)->value.s, STR("old")));
    arena_reset(&b);
}

/* ---- $avp ---- */

static void assign(struct bench *b, const char *name, enum pv_assign op, struct value v)
{
    const struct pv_ref *ref;
    assert_int_equal(prepare_pv(bench_prepare(b), str_from(name), &ref), ERR_OK);
    assert_true(pv_write(ref, b->call, &fake_host, op, &v) > 0);
}

#define TEXT(s) value_str(STR(s))

static void three(struct bench *b)
{
    bench_init(b);
    assign(b, "$avp(s:x)", PV_SET, TEXT("one"));
    assign(b, "$avp(s:x)", PV_SET, TEXT("two"));
    assign(b, "$avp(s:x)", PV_SET, TEXT("three"));
}

static void reading(void **state)
{
    struct bench b;
    (void)state;
    three(&b);
    assert_string_equal(bench_format(&b, "$avp(s:x)"), "three");
    assert_string_equal(bench_format(&b, "$(avp(s:x)[0]) $(avp(s:x)[1]) $(avp(s:x)[2])"),
                        "three two one");
    assert_string_equal(bench_format(&b, "$(avp(s:x)[-1]) $(avp(s:x)[-3])"), "one three");
    assert_string_equal(bench_format(&b, "$(avp(s:x)[3]) $(avp(s:x)[-4])"), "<null> <null>");
    assert_string_equal(bench_format(&b, "$(avp(s:x)[*])"), "three, two, one");
    assert_string_equal(bench_format(&b, "$(avp(s:none)[*]) $avp(s:X)"), "<null> <null>");
    assign(&b, "$var(i)", PV_SET, value_int(1));
    assert_string_equal(bench_format(&b, "$(avp(s:x)[$var(i)])"), "two");
    bench_free(&b);
}

static void writing(void **state)
{
    struct bench b;
    (void)state;
    three(&b);
    assign(&b, "$(avp(s:x)[1])", PV_SET, TEXT("new")); /* the index makes no difference */
    assert_string_equal(bench_format(&b, "$(avp(s:x)[*])"), "new, three, two, one");
    assign(&b, "$avp(s:x)", PV_SET, VALUE_NULL);
    assign(&b, "$(avp(s:x)[2])", PV_SET, VALUE_NULL);
    assert_string_equal(bench_format(&b, "$(avp(s:x)[*])"), "two, one");
    assign(&b, "$avp(s:x)", PV_RESET, TEXT("only"));
    assert_string_equal(bench_format(&b, "$(avp(s:x)[*])"), "only");
    assign(&b, "$avp(s:x)", PV_RESET, VALUE_NULL);
    assert_string_equal(bench_format(&b, "$avp(s:x)"), "<null>");
    assign(&b, "$avp(s:x)", PV_SET, VALUE_NULL); /* nothing to take away: fine */
    assign(&b, "$avp(i:9)", PV_SET, value_int(-5));
    assert_string_equal(bench_format(&b, "$avp(i:9)"), "-5");
    bench_free(&b);
}

static void names(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b);
    assert_int_equal(prepare_avp_aliases(bench_prepare(&b), STR("nick=s:real; num=i:77")), ERR_OK);
    assign(&b, "$avp(s:real)", PV_SET, TEXT("v"));
    assign(&b, "$avp(i:77)", PV_SET, value_int(3));
    assert_string_equal(bench_format(&b, "$avp(nick) $avp(num)"), "v 3");
    assign(&b, "$avp(i3:9)", PV_SET, TEXT("f"));
    assert_string_equal(bench_format(&b, "$avp(i3:9) $avp(I:9) $avp(i4:9)"), "f f <null>");
    /* a variable's text is the name itself, its number a number */
    assign(&b, "$var(n)", PV_SET, TEXT("real"));
    assert_string_equal(bench_format(&b, "$avp($var(n))"), "v");
    assign(&b, "$var(n)", PV_SET, value_int(77));
    assert_string_equal(bench_format(&b, "$avp($var(n))"), "3");
    assert_string_equal(bench_format(&b, "[$avp($ua)]"), "[]");
    assert_string_equal(bench_format(&b, "$avp(i:65613)"), "3"); /* 16 bits count */
    bench_free(&b);
}

static void bad_names(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b);
    assert_string_equal(bench_format(&b, "$avp(name)"),
                        "!bad avp name [name]: neither s:name, i:number nor an alias");
    assert_true(b.hint.len > 0);
    assert_true(bench_format(&b, "$avp(x:name)")[0] == '!');
    assert_true(bench_format(&b, "$avp(i:name)")[0] == '!');
    assert_string_equal(bench_format(&b, "$avp(s:) $avp(i:0)"), "<null> <null>");
    assert_true(bench_format(&b, "$avp()")[0] == '!');
    assert_true(bench_format(&b, "$avp")[0] == '!');
    assert_int_equal(prepare_avp_aliases(bench_prepare(&b), STR("a=s:x;")), ERR_SYNTAX);
    assert_int_equal(prepare_avp_aliases(bench_prepare(&b), STR("a=s:y")), ERR_SYNTAX);
    assert_int_equal(prepare_avp_aliases(bench_prepare(&b), STR("b=s:x")), ERR_SYNTAX);
    assert_int_equal(prepare_avp_aliases(bench_prepare(&b), STR("c")), ERR_SYNTAX);
    bench_free(&b);
}

static void old_notation(void **state)
{
    struct bench b;
    const struct pv_ref *ref;
    struct avp_name name;
    (void)state;
    bench_init(&b);
    assert_int_equal(prepare_avp(bench_prepare(&b), STR("i:24"), &ref), ERR_OK);
    assert_int_equal(avp_name_of(ref, b.call, &fake_host, &name), ERR_OK);
    assert_int_equal(name.number, 24);
    assert_int_equal(prepare_avp(bench_prepare(&b), STR("$avp(s:x)"), &ref), ERR_OK);
    assert_int_equal(avp_name_of(ref, b.call, &fake_host, &name), ERR_OK);
    assert_true(str_eq(name.text, STR("x")));
    assert_int_equal(prepare_avp(bench_prepare(&b), STR("$var(x)"), &ref), ERR_SYNTAX);
    bench_free(&b);
}

/* As a parameter of a module. */
static void of_parameters(void **state)
{
    struct bench b;
    const struct pv_ref *ref = NULL;
    (void)state;
    bench_init(&b);
    struct prepare *p = bench_prepare(&b);
    assert_int_equal(prepare_avp_param(p, "x_avp", STR_NONE, &ref), ERR_OK);
    assert_null(ref);
    assert_int_equal(prepare_avp_param(p, "x_avp", STR("s:x"), &ref), ERR_OK);
    assert_non_null(ref);
    assert_int_equal(prepare_avp_param(p, "x_avp", STR("$var(x)"), &ref), ERR_SYNTAX);
    assert_true(str_eq(buf_str(p->error), STR("x_avp: an AVP is needed here: $avp(s:name) or "
                                              "$avp(i:number)")));
    assert_int_equal(prepare_avp_param(p, "x_avp", STR("i:x"), &ref), ERR_SYNTAX);
    assert_true(str_starts(buf_str(p->error), STR("x_avp: bad avp name [i:x]")));
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack),         cmocka_unit_test(flags),
        cmocka_unit_test(copies),        cmocka_unit_test(reading),
        cmocka_unit_test(writing),       cmocka_unit_test(names),
        cmocka_unit_test(bad_names),     cmocka_unit_test(old_notation),
        cmocka_unit_test(of_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
