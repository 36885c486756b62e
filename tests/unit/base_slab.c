/* Blocks packed into large pages, and those pages. */
/* SPDX-License-Identifier: MIT */
#include "core/base/arena.h"
#include "core/base/pages.h"
#include "core/base/slab.h"
#include "tests/lib/unit.h"

/* Sizes of all kinds, given and freed in no order: blocks never overlap, what they hold stays. */
static void test_against_a_model(void **state)
{
    (void)state;
    enum { N = 20000, STEPS = 200000 };
    static struct held {
        unsigned char *p;
        size_t size;
    } held[N];
    struct slab s;
    uint64_t seed = 1;
    slab_init(&s);
    for (unsigned step = 0; step < STEPS; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        struct held *h = &held[(seed >> 33) % N];
        if (h->p) {
            for (size_t i = 0; i < h->size; i += 61)
                assert_int_equal(h->p[i], (h - held) & 255);
            assert_int_equal(h->p[h->size - 1], (h - held) & 255);
            slab_free(h->p);
            h->p = NULL;
            continue;
        }
        h->size = 8 + (seed >> 20) % (SLAB_LARGEST - 7);
        h->p = slab_alloc(&s, h->size);
        assert_non_null(h->p);
        assert_int_equal((uintptr_t)h->p % _Alignof(max_align_t), 0);
        memset(h->p, (int)(h - held), h->size);
    }
    assert_true(s.mapped > (size_t)8 << 20);
    for (unsigned i = 0; i < N; i++)
        if (held[i].p)
            slab_free(held[i].p);
    assert_int_equal(s.mapped, PAGES_LARGE); /* one chunk is kept for what comes next */
    slab_trim(&s);
    assert_int_equal(s.mapped, 0);
    slab_trim(&s); /* nothing to give */
    slab_end(&s);
    assert_int_equal(s.mapped, 0);
}

/* Chunks go back as soon as the last of their blocks is free, whatever the order. */
static void test_gives_back(void **state)
{
    (void)state;
    enum { BLOCKS = 4000, SIZE = 2816 };
    static void *p[BLOCKS];
    struct slab s;
    slab_init(&s);
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_non_null(p[i] = slab_alloc(&s, SIZE));
    size_t most = s.mapped;
    assert_in_range(most, BLOCKS * SIZE, BLOCKS * SIZE * 11 / 10 + PAGES_LARGE);
    for (unsigned i = 0; i < BLOCKS / 2; i++)
        slab_free(p[i]);
    assert_in_range(s.mapped, most / 2, most / 2 + 2 * PAGES_LARGE);
    for (unsigned i = BLOCKS; i-- > BLOCKS / 2;)
        slab_free(p[i]);
    assert_int_equal(s.mapped, PAGES_LARGE);
    slab_end(&s);
}

/* What one size has left serves another. */
static void test_sizes_share(void **state)
{
    (void)state;
    enum { BLOCKS = 20000 };
    static void *p[BLOCKS];
    struct slab s;
    slab_init(&s);
    for (size_t size = 64; size <= 256; size += 64) {
        for (unsigned i = 0; i < BLOCKS; i++)
            assert_non_null(p[i] = slab_alloc(&s, size));
        assert_in_range(s.mapped, BLOCKS * size, BLOCKS * size + 2 * PAGES_LARGE);
        for (unsigned i = 0; i < BLOCKS; i++)
            slab_free(p[i]);
    }
    slab_end(&s);
}

static void test_pages(void **state)
{
    (void)state;
    static const size_t count[] = {1, 1000, 300000, 1000000};
    for (unsigned i = 0; i < sizeof count / sizeof *count; i++) {
        uint64_t *p = pages_zalloc(count[i], sizeof *p);
        assert_non_null(p);
        for (size_t k = 0; k < count[i]; k++) {
            assert_true(p[k] == 0);
            p[k] = k;
        }
        pages_free(p, count[i], sizeof *p);
    }
    assert_null(pages_zalloc(SIZE_MAX / 2, 3));
    assert_null(pages_zalloc(SIZE_MAX, 1));
    pages_free(NULL, 1000000, 8);
    char *large = pages_take();
    assert_non_null(large);
    assert_int_equal((uintptr_t)large % PAGES_LARGE, 0);
    large[PAGES_LARGE - 1] = 1;
    pages_give(large);
}

/* A pool's blocks, whether from malloc or from slabs, come and go with the load. */
static void test_pool_of_many(void **state)
{
    (void)state;
    enum { N = 8000 };
    static struct arena a[N];
    struct arena_pool pool;
    arena_pool_init(&pool, 1 << 20);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) {
            arena_init_tight(&a[i], &pool, 1000 + i % 7 * 500);
            memset(arena_alloc(&a[i], 1000), (int)i, 1000);
        }
        for (unsigned i = 0; i < N; i++) {
            const char *text = a[i].at - ARENA_ROOM(1000);
            assert_int_equal((unsigned char)text[0], i & 255);
            assert_int_equal((unsigned char)text[999], i & 255);
            arena_reset(&a[i]);
        }
        assert_int_equal(pool.live, 0);
        assert_true(pool.held <= 1 << 20);
    }
    while (pool.held)
        arena_pool_trim(&pool, SIZE_MAX);
    assert_true(pool.slab.mapped <= PAGES_LARGE);
    arena_pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_model), cmocka_unit_test(test_gives_back),
        cmocka_unit_test(test_sizes_share),     cmocka_unit_test(test_pages),
        cmocka_unit_test(test_pool_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
