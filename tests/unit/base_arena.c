/* Bump allocation, its pool, and text buffers. */
/* SPDX-License-Identifier: MIT */
#include "core/base/arena.h"
#include "tests/lib/unit.h"

static void test_alignment_and_contents(void **state)
{
    (void)state;
    struct arena a;
    char *p[200];
    arena_init(&a, NULL, 100);
    for (unsigned i = 0; i < 200; i++) {
        p[i] = arena_alloc(&a, i);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i, i);
    }
    for (unsigned i = 0; i < 200; i++)
        for (unsigned k = 0; k < i; k++)
            assert_int_equal((unsigned char)p[i][k], i);
    char *z = arena_zalloc(&a, 5000);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(z[i], 0);
    arena_reset(&a);
    assert_int_equal(arena_size(&a), 0);
    assert_non_null(arena_alloc(&a, 1)); /* usable again */
    arena_reset(&a);
}

static void test_impossible_sizes(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, NULL, 512);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 20));
    assert_non_null(arena_alloc(&a, 0));
    arena_reset(&a);
}

static void test_pool_reuses(void **state)
{
    (void)state;
    struct arena_pool pool;
    uint64_t warm = 0;
    arena_pool_init(&pool, 1 << 20);
    for (unsigned round = 0; round < 50; round++) {
        struct arena a, b;
        arena_init(&a, &pool, 1024);
        arena_init(&b, &pool, 2048);
        for (unsigned i = 0; i < 100; i++) {
            assert_non_null(arena_alloc(&a, 100));
            assert_non_null(arena_alloc(&b, 300));
        }
        assert_int_equal(pool.live, arena_size(&a) + arena_size(&b));
        arena_reset(&a);
        arena_reset(&b);
        assert_int_equal(pool.live, 0);
        if (round == 0)
            warm = pool.mallocs;
    }
    assert_int_equal(pool.mallocs, warm);
    arena_pool_free(&pool);
}

static void test_trim_gives_back_what_lay_idle(void **state)
{
    struct arena_pool pool;
    struct arena a[8];
    (void)state;
    arena_pool_init(&pool, 1 << 20);
    for (int i = 0; i < 8; i++) {
        arena_init(&a[i], &pool, 1024);
        assert_non_null(arena_alloc(&a[i], 100));
    }
    for (int i = 0; i < 8; i++)
        arena_reset(&a[i]);
    assert_int_equal(arena_pool_trim(&pool, 1 << 20), 0); /* they were in use since the last one */
    assert_non_null(arena_alloc(&a[0], 100));
    arena_reset(&a[0]);
    size_t held = pool.held;
    assert_int_equal(arena_pool_trim(&pool, 1 << 20), held / 8 * 7); /* all but the one used */
    assert_int_equal(arena_pool_trim(&pool, 1 << 20), held / 8);
    assert_int_equal(pool.held, 0);
    arena_pool_free(&pool);
}

static void test_pool_keeps_no_more_than_told(void **state)
{
    (void)state;
    struct arena_pool pool;
    struct arena a;
    arena_pool_init(&pool, 2000);
    arena_init(&a, &pool, 512);
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(arena_alloc(&a, 100));
    assert_non_null(arena_alloc(&a, 1 << 20)); /* larger than any class: never kept */
    arena_reset(&a);
    assert_true(pool.held <= 2000);
    arena_pool_free(&pool);
    assert_int_equal(pool.held, 0);
}

static void test_rewind(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, NULL, 512);
    struct arena_mark empty = arena_mark(&a);
    struct str kept = arena_dup(&a, STR("kept"));
    struct arena_mark m = arena_mark(&a);
    size_t size = arena_size(&a);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 50; i++)
            memset(arena_alloc(&a, 200), 0xee, 200);
        memset(arena_alloc(&a, 100000), 0xee, 100000);
        arena_rewind(&a, m);
        assert_int_equal(arena_size(&a), size);
        assert_str(kept, "kept");
    }
    char *x = arena_alloc(&a, 8), *y;
    arena_rewind(&a, m);
    y = arena_alloc(&a, 8);
    assert_ptr_equal(x, y);
    arena_rewind(&a, empty);
    assert_int_equal(arena_size(&a), 0);
}

static void test_text(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, NULL, 512);
    struct str s = arena_dup(&a, STR_NONE);
    assert_non_null(s.p);
    assert_string_equal(s.p, "");
    s = arena_dup(&a, STR("a\0b"));
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    s = arena_printf(&a, "%s-%d-%0600d", "x", 42, 7);
    assert_int_equal(s.len, 605);
    assert_true(str_starts(s, STR("x-42-0000")));
    assert_int_equal(s.p[s.len], 0);
    arena_reset(&a);
}

static void test_growing_buffer(void **state)
{
    (void)state;
    struct arena a;
    struct buf b;
    arena_init(&a, NULL, 512);
    buf_init(&b, &a, 4);
    for (unsigned i = 0; i < 500; i++) {
        buf_add(&b, STR("ab"));
        buf_char(&b, 'c');
        buf_u64(&b, i);
        buf_printf(&b, "<%u>", i);
    }
    assert_false(b.failed);
    assert_true(str_starts(buf_str(&b), STR("abc0<0>abc1<1>abc2")));
    assert_true(str_ends(buf_str(&b), STR("abc499<499>")));
    buf_add(&b, STR_NONE);
    buf_u64(&b, UINT64_MAX);
    assert_true(str_ends(buf_str(&b), STR("18446744073709551615")));
    arena_reset(&a);
}

static void test_fixed_buffer(void **state)
{
    (void)state;
    char mem[8];
    struct buf b;
    buf_fixed(&b, mem, sizeof mem);
    buf_add(&b, STR("12345678"));
    assert_false(b.failed);
    assert_str(buf_str(&b), "12345678");
    buf_char(&b, '9');
    assert_true(b.failed);
    assert_str(buf_str(&b), "12345678");
    buf_fixed(&b, mem, sizeof mem);
    buf_printf(&b, "%s", "1234567");
    assert_false(b.failed);
    buf_printf(&b, "%s", "89");
    assert_true(b.failed);
    assert_str(buf_str(&b), "1234567");
    buf_add(&b, STR("8")); /* there would be room, but what follows a hole is not wanted */
    assert_str(buf_str(&b), "1234567");
}

/* printf's final NUL needs a byte too, and it never writes beyond the memory. */
static void test_printf_into_fixed_memory(void **state)
{
    (void)state;
    char mem[9];
    struct buf b;
    mem[8] = 'x';
    buf_fixed(&b, mem, 8);
    buf_printf(&b, "%s", "12345678");
    assert_true(b.failed);
    assert_int_equal(b.len, 0);
    assert_int_equal(mem[8], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment_and_contents),
        cmocka_unit_test(test_impossible_sizes),
        cmocka_unit_test(test_pool_reuses),
        cmocka_unit_test(test_trim_gives_back_what_lay_idle),
        cmocka_unit_test(test_pool_keeps_no_more_than_told),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_growing_buffer),
        cmocka_unit_test(test_fixed_buffer),
        cmocka_unit_test(test_printf_into_fixed_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
