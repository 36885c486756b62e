/* The queue between threads and its pools. */
/* SPDX-License-Identifier: MIT */
#include "core/net/inbox.h"
#include "net_rig.h"

enum { PUSHERS = 3, NODES = 20000, CHAIN = 7 };

struct pusher {
    struct inbox *to;
    struct inbox_pool pool;
    unsigned number;
    pthread_t thread;
};

/* Pushes numbered nodes in chains of different lengths; waits while its pool is used up. */
static void *push_all(void *arg)
{
    struct pusher *p = arg;
    for (unsigned i = 0; i < NODES;) {
        struct inbox_chain chain = {NULL, NULL};
        for (unsigned k = 0; k <= i % CHAIN && i < NODES; k++) {
            struct inbox_node *n = inbox_node_new(&p->pool, 1 + i % 3000);
            if (!n)
                break;
            n->item = (void *)(uintptr_t)i++;
            n->socket = (uint16_t)p->number;
            inbox_chain_add(&chain, n);
        }
        if (chain.newest)
            inbox_push(p->to, &chain);
        else
            rig_sleep(1);
    }
    return NULL;
}

static void test_order_and_return(void **state)
{
    (void)state;
    struct inbox in;
    struct pusher p[PUSHERS];
    uintptr_t next[PUSHERS] = {0};
    unsigned total = 0;
    inbox_init(&in);
    for (unsigned i = 0; i < PUSHERS; i++) {
        p[i] = (struct pusher){.to = &in, .number = i};
        inbox_pool_init(&p[i].pool, 1 << 20);
        assert_int_equal(pthread_create(&p[i].thread, NULL, push_all, &p[i]), 0);
    }
    uint64_t until = rig_clock() + 60000;
    while (total < PUSHERS * NODES && rig_clock() < until) {
        struct inbox_node *list = inbox_take(&in);
        for (struct inbox_node *n = list; n; n = n->next) {
            assert_true((uintptr_t)n->item == next[n->socket]);
            next[n->socket]++;
            total++;
        }
        inbox_give_back(list);
    }
    assert_int_equal(total, PUSHERS * NODES);
    assert_true(inbox_empty(&in));
    for (unsigned i = 0; i < PUSHERS; i++) {
        pthread_join(p[i].thread, NULL);
        assert_true(p[i].pool.held <= 1 << 20);
        inbox_pool_free(&p[i].pool);
    }
}

static void test_pool_stops_allocating(void **state)
{
    (void)state;
    struct inbox_pool pool;
    uint64_t warm = 0;
    inbox_pool_init(&pool, 10 << 20);
    for (unsigned round = 0; round < 100; round++) {
        struct inbox_node *list = NULL;
        for (unsigned i = 0; i < 50; i++) {
            struct inbox_node *n = inbox_node_new(&pool, i % 5 ? 500 : 5000);
            assert_non_null(n);
            n->next = list;
            list = n;
        }
        inbox_give_back(list);
        if (round == 0)
            warm = pool.mallocs;
    }
    assert_int_equal(warm, 50);
    assert_int_equal(pool.mallocs, warm);
    inbox_pool_free(&pool);
}

static void test_pool_limits(void **state)
{
    (void)state;
    struct inbox_pool pool;
    inbox_pool_init(&pool, 5000);
    struct inbox_node *a = inbox_node_new(&pool, 100), *b = inbox_node_new(&pool, 100);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(inbox_node_new(&pool, 100));
    assert_null(inbox_node_new(&pool, 70000));
    a->next = NULL;
    inbox_give_back(a);
    assert_ptr_equal(inbox_node_new(&pool, 200), a);
    a->next = b;
    b->next = NULL;
    inbox_give_back(a);
    inbox_pool_free(&pool);
    inbox_pool_init(&pool, 1 << 20);
    struct inbox_node *big = inbox_node_new(&pool, 65507);
    assert_non_null(big);
    memset(big->bytes, 1, 65507);
    big->next = NULL;
    inbox_give_back(big);
    inbox_pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_return),
        cmocka_unit_test(test_pool_stops_allocating),
        cmocka_unit_test(test_pool_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
