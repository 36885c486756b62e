/* SipHash-1-3 and the table. */
/* SPDX-License-Identifier: MIT */
#include "core/base/hash.h"
#include "core/base/list.h"
#include "tests/lib/unit.h"

struct element {
    struct hnode node;
    unsigned value;
    bool in;
};

/* The first from the reference implementation, the others from CPython's hash of bytes, which is
 * SipHash-1-3 under a key of zeros. */
static void test_known_values(void **state)
{
    (void)state;
    struct hash_key counting = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u}, zero = {0, 0};
    assert_true(hash_bytes(counting, "", 0) == 0xabac0158050fc4dcu);
    assert_true(hash_str(zero, STR("a")) == 0x407448d2b89b1813u);
    assert_true(hash_str(zero, STR("abcdefg")) == 0x6db12aae9070f506u);
    assert_true(hash_str(zero, STR("abcdefgh")) == 0x3f7b849c0b8e35eau);
    assert_true(hash_str(zero, STR("INVITE sip:bob@example.org SIP/2.0")) == 0xaf9d7855eab7aee5u);
    assert_true(hash_str(counting, STR("a")) != hash_str(zero, STR("a")));
    assert_true(hash_mix(1, 2) != hash_mix(2, 1));
}

static bool wide_same(struct hash_key key, struct str a, struct str b, struct str c, struct str d,
                      uint64_t number)
{
    const struct str one[] = {a, b}, other[] = {c, d};
    struct hash_wide x = hash_texts_wide(key, one, 2, 7);
    struct hash_wide y = hash_texts_wide(key, other, 2, number);
    assert_true((x.low == y.low) == (x.high == y.high));
    return x.low == y.low;
}

/* Each of the texts, the border between them, the number and the key count, in both halves. */
static void test_wide(void **state)
{
    (void)state;
    struct hash_key key = {1, 2}, other = {1, 3};
    struct str a = STR("z9hG4bK.1"), b = STR("192.0.2.1"), texts[] = {a, b};
    assert_true(wide_same(key, a, b, STR("z9hG4bK.1"), STR("192.0.2.1"), 7));
    assert_false(wide_same(key, a, b, STR("z9hG4bK.2"), b, 7));
    assert_false(wide_same(key, a, b, a, STR("192.0.2.2"), 7));
    assert_false(wide_same(key, a, b, STR("z9hG4bK.11"), STR("92.0.2.1"), 7));
    assert_false(wide_same(key, a, b, a, b, 8));
    struct hash_wide mine = hash_texts_wide(key, texts, 2, 7);
    struct hash_wide theirs = hash_texts_wide(other, texts, 2, 7);
    assert_true(mine.low != theirs.low && mine.high != theirs.high && mine.low != mine.high);
    assert_true(mine.low != hash_texts(key, texts, 2, 7));
}

static struct element *find(struct htable *t, uint64_t hash, unsigned value)
{
    for (struct hnode *n = htable_first(t, hash); n; n = htable_next(n)) {
        struct element *e = container_of(n, struct element, node);
        if (e->value == value)
            return e;
    }
    return NULL;
}

/* Few different hashes, so that equal ones stand side by side while the table grows. */
static uint64_t hash_of(unsigned value)
{
    return (value % 3000) * 0x9e3779b97f4a7c15u;
}

static void test_against_a_model(void **state)
{
    (void)state;
    enum { N = 5000, STEPS = 60000 };
    static struct element e[N];
    struct htable t;
    size_t count = 0;
    assert_int_equal(htable_init(&t, 0), ERR_OK);
    uint64_t seed = 1;
    for (unsigned step = 0; step < STEPS; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned i = (unsigned)(seed >> 33) % N;
        e[i].value = i;
        assert_true(find(&t, hash_of(i), i) == (e[i].in ? &e[i] : NULL));
        bool insert = !e[i].in;
        if (insert)
            htable_insert(&t, &e[i].node, hash_of(i));
        else if (seed >> 62) /* mostly removes, so that it grows slowly past each size */
            continue;
        else
            htable_remove(&t, &e[i].node);
        e[i].in = insert;
        count += insert ? 1 : (size_t)-1;
        assert_int_equal(t.count, count);
    }
    for (unsigned i = 0; i < N; i++)
        assert_true(find(&t, hash_of(i), i) == (e[i].in ? &e[i] : NULL));
    htable_free(&t);
}

static void remove_odd(struct hnode *n, void *arg)
{
    struct element *e = container_of(n, struct element, node);
    struct htable *t = arg;
    e->in = true; /* visited */
    if (e->value % 2)
        htable_remove(t, n);
}

static void test_each(void **state)
{
    (void)state;
    struct element e[600] = {0};
    struct htable t;
    assert_int_equal(htable_init(&t, 2), ERR_OK);
    for (unsigned i = 0; i < 600; i++) {
        e[i].value = i;
        htable_insert(&t, &e[i].node, hash_of(i));
    }
    htable_each(&t, remove_odd, &t);
    assert_int_equal(t.count, 300);
    for (unsigned i = 0; i < 600; i++) {
        assert_true(e[i].in);
        assert_true((find(&t, hash_of(i), i) != NULL) == (i % 2 == 0));
    }
    htable_free(&t);
}

/* Removing what was already removed changes nothing. */
static void test_remove_absent(void **state)
{
    (void)state;
    struct element a = {0}, b = {0};
    struct htable t;
    assert_int_equal(htable_init(&t, 1), ERR_OK);
    htable_insert(&t, &a.node, 5);
    htable_insert(&t, &b.node, 5);
    htable_remove(&t, &a.node);
    htable_remove(&t, &a.node);
    assert_int_equal(t.count, 1);
    assert_ptr_equal(htable_first(&t, 5), &b.node);
    assert_null(htable_next(&b.node));
    assert_null(htable_first(&t, 4));
    htable_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),    cmocka_unit_test(test_wide),
        cmocka_unit_test(test_against_a_model), cmocka_unit_test(test_each),
        cmocka_unit_test(test_remove_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
