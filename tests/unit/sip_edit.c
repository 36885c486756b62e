/* The list of edits: order, overlap, stretches. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/splice.h"
#include "tests/unit/sip_help.h"

struct fixture {
    struct arena a;
    struct edits l;
};

static int setup(void **state)
{
    static struct fixture f;
    f.l = (struct edits){0};
    arena_init(&f.a, NULL, 512);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    arena_reset(&((struct fixture *)*state)->a);
    return 0;
}

static const struct str raw = STR_INIT("0123456789");

static void check(struct fixture *f, size_t from, size_t to, const char *want)
{
    struct buf b;
    struct stretch w = {.raw = raw, .from = from, .to = to, .edits = &f->l};
    buf_init(&b, &f->a, 8);
    edits_write(&b, raw, from, to, &f->l, NULL);
    assert_str(buf_str(&b), want);
    assert_int_equal(edits_length(&w), b.len);
}

static void test_order(void **state)
{
    struct fixture *f = *state;
    edits_insert(&f->l, &f->a, 5, STR("c"), EDIT_PLAIN);
    edits_insert(&f->l, &f->a, 5, STR("e"), EDIT_LATE);
    edits_insert(&f->l, &f->a, 5, STR("b"), EDIT_EARLY);
    edits_insert(&f->l, &f->a, 5, STR("d"), EDIT_PLAIN);
    edits_insert(&f->l, &f->a, 5, STR("a"), EDIT_EARLY);
    edits_insert(&f->l, &f->a, 5, STR("f"), EDIT_LATE);
    edits_insert(&f->l, &f->a, 0, STR("<"), EDIT_PLAIN);
    edits_insert(&f->l, &f->a, 10, STR(">"), EDIT_PLAIN);
    check(f, 0, 10, "<01234abcdef56789>");
    check(f, 0, 5, "<01234");
    check(f, 5, 10, "abcdef56789>");
    assert_int_equal(f->l.count, 8);
}

static void test_overlap(void **state)
{
    struct fixture *f = *state;
    edits_replace(&f->l, &f->a, 2, 4, STR("X")); /* 2-5 */
    edits_replace(&f->l, &f->a, 4, 4, STR("Y")); /* 4-7, its text inside the first */
    edits_insert(&f->l, &f->a, 3, STR("i"), EDIT_PLAIN);
    edits_insert(&f->l, &f->a, 8, STR("j"), EDIT_PLAIN);
    check(f, 0, 10, "01XiYj89");
    check(f, 0, 3, "01X");
    check(f, 3, 10, "iYj89");
    check(f, 6, 10, "j89");
    assert_true(edits_removed(&f->l, 2) && edits_removed(&f->l, 7));
    assert_false(edits_removed(&f->l, 1) || edits_removed(&f->l, 8));
    edits_replace(&f->l, &f->a, 9, 1000, STR("!"));
    check(f, 0, 10, "01XiYj8!");
    edits_replace(&f->l, &f->a, 0, 10, STR(""));
    check(f, 0, 10, "XiYj!");
}

/* A header removed twice, text put before it and behind it. */
static void test_glue(void **state)
{
    struct fixture *f = *state;
    edits_insert(&f->l, &f->a, 3, STR("b"), EDIT_PLAIN);
    edits_replace(&f->l, &f->a, 3, 3, STR(""));
    edits_replace(&f->l, &f->a, 3, 3, STR(""));
    edits_insert(&f->l, &f->a, 6, STR("a"), EDIT_PLAIN);
    check(f, 0, 10, "012ba6789");
}

static void render(struct buf *out, const struct edit *e, const struct send_info *info)
{
    buf_add(out, str_make(e->arg, e->arg_size));
    buf_u64(out, info ? info->port : 0);
}

static void test_render_and_copy(void **state)
{
    struct fixture *f = *state;
    struct edits copy;
    struct arena other;
    struct send_info info = {.port = 77};
    struct buf b;
    char text[] = "r=";
    edits_render(&f->l, &f->a, 4, render, text, 2, EDIT_PLAIN);
    edits_insert(&f->l, &f->a, 4, STR(";"), EDIT_LATE);
    text[0] = '?';
    check(f, 0, 10, "0123r=0;456789");
    arena_init(&other, NULL, 512);
    assert_int_equal(edits_copy(&copy, &f->l, &other), ERR_OK);
    arena_reset(&f->a);
    f->l = (struct edits){0};
    buf_init(&b, &other, 4);
    edits_write(&b, raw, 0, 10, &copy, &info);
    assert_str(buf_str(&b), "0123r=77;456789");
    assert_int_equal(copy.count, 2);
    arena_reset(&other);
}

/* Whatever the edits, pieces put together give the whole. */
static void test_pieces(void **state)
{
    struct fixture *f = *state;
    uint32_t seed = 1;
    for (unsigned round = 0; round < 500; round++) {
        struct buf whole;
        f->l = (struct edits){0};
        for (unsigned i = 0; i < 6; i++) {
            seed = seed * 1664525 + 1013904223;
            size_t at = seed >> 28 > 10 ? 10 : seed >> 28;
            if (seed & 0x10000)
                edits_replace(&f->l, &f->a, at, seed >> 20 & 7, STR("R"));
            else
                edits_insert(&f->l, &f->a, at, STR("I"), (enum edit_order)((seed >> 12) % 3));
        }
        buf_init(&whole, &f->a, 64);
        edits_write(&whole, raw, 0, 10, &f->l, NULL);
        for (size_t cut = 0; cut < 10; cut++) {
            struct buf parts;
            buf_init(&parts, &f->a, 64);
            edits_write(&parts, raw, 0, cut, &f->l, NULL);
            edits_write(&parts, raw, cut, 10, &f->l, NULL);
            assert_true(str_eq(buf_str(&parts), buf_str(&whole)));
        }
    }
}

static void test_empty(void **state)
{
    struct fixture *f = *state;
    struct buf b;
    check(f, 0, 10, "0123456789");
    check(f, 4, 4, "");
    buf_init(&b, &f->a, 8);
    edits_write(&b, raw, 0, 10, NULL, NULL);
    assert_int_equal(b.len, 10);
    assert_false(edits_removed(NULL, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_glue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_render_and_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
