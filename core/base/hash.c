/* SipHash-1-3 (Aumasson and Bernstein) and the hash table. */
/* SPDX-License-Identifier: MIT */
#include "core/base/hash.h"

#include <stdlib.h>

#include "core/base/err.h"

static inline uint64_t rotl(uint64_t x, unsigned b)
{
    return (x << b) | (x >> (64 - b));
}

static inline void round_once(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static uint64_t read_tail(const unsigned char *p, size_t n)
{
    uint64_t m = 0;
    for (size_t i = 0; i < n; i++)
        m |= (uint64_t)p[i] << (8 * i);
    return m;
}

uint64_t hash_bytes(struct hash_key key, const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t v[4] = {key.k0 ^ 0x736f6d6570736575u, key.k1 ^ 0x646f72616e646f6du,
                     key.k0 ^ 0x6c7967656e657261u, key.k1 ^ 0x7465646279746573u};
    size_t left = n;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t m;
        memcpy(&m, p, 8);
        v[3] ^= m;
        round_once(v);
        v[0] ^= m;
    }
    uint64_t last = (uint64_t)n << 56 | read_tail(p, left);
    v[3] ^= last;
    round_once(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    round_once(v);
    round_once(v);
    round_once(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

int htable_init(struct htable *t, unsigned bits)
{
    memset(t, 0, sizeof *t);
    t->mask = ((size_t)1 << bits) - 1;
    t->slot = calloc(t->mask + 1, sizeof *t->slot);
    return t->slot ? ERR_OK : ERR_NOMEM;
}

void htable_free(struct htable *t)
{
    free(t->slot);
    free(t->old);
    memset(t, 0, sizeof *t);
}

static void push(struct hnode **slot, struct hnode *n)
{
    n->next = *slot;
    *slot = n;
}

/* Empties up to n buckets of the old table into the new one. */
static void move_some(struct htable *t, unsigned n)
{
    while (t->old && n--) {
        struct hnode *e = t->old[t->moved];
        t->old[t->moved] = NULL;
        while (e) {
            struct hnode *next = e->next;
            push(&t->slot[e->hash & t->mask], e);
            e = next;
        }
        if (t->moved++ == t->old_mask) {
            free(t->old);
            t->old = NULL;
        }
    }
}

static void grow(struct htable *t)
{
    struct hnode **bigger = calloc((t->mask + 1) * 2, sizeof *bigger);
    if (!bigger)
        return; /* longer chains are better than a lost element */
    t->old = t->slot;
    t->old_mask = t->mask;
    t->moved = 0;
    t->slot = bigger;
    t->mask = t->mask * 2 + 1;
}

void htable_insert(struct htable *t, struct hnode *n, uint64_t hash)
{
    if (t->old)
        move_some(t, 4);
    else if (t->count > t->mask)
        grow(t);
    n->hash = hash;
    push(&t->slot[hash & t->mask], n);
    t->count++;
}

static bool unlink_from(struct hnode **at, const struct hnode *n)
{
    for (; *at; at = &(*at)->next)
        if (*at == n) {
            *at = n->next;
            return true;
        }
    return false;
}

void htable_remove(struct htable *t, struct hnode *n)
{
    bool gone = unlink_from(&t->slot[n->hash & t->mask], n);
    if (!gone && t->old)
        gone = unlink_from(&t->old[n->hash & t->old_mask], n);
    if (gone)
        t->count--;
    n->next = NULL;
}

static struct hnode *chain_find(struct hnode *n, uint64_t hash)
{
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct hnode *htable_first(struct htable *t, uint64_t hash)
{
    /* While growing, a bucket is either still in old or already in slot: nodes of one hash are
     * never split, but for those inserted since, which stand in slot. So move the bucket first. */
    if (t->old) {
        size_t at = hash & t->old_mask;
        struct hnode *e = t->old[at];
        t->old[at] = NULL;
        while (e) {
            struct hnode *next = e->next;
            push(&t->slot[e->hash & t->mask], e);
            e = next;
        }
    }
    return chain_find(t->slot[hash & t->mask], hash);
}

struct hnode *htable_next(const struct hnode *n)
{
    return chain_find(n->next, n->hash);
}

static void each_in(struct hnode **slot, size_t mask, void (*fn)(struct hnode *, void *), void *arg)
{
    for (size_t i = 0; i <= mask; i++)
        for (struct hnode *n = slot[i], *next; n; n = next) {
            next = n->next;
            fn(n, arg);
        }
}

void htable_each(struct htable *t, void (*fn)(struct hnode *n, void *arg), void *arg)
{
    while (t->old)
        move_some(t, 64);
    each_in(t->slot, t->mask, fn, arg);
}
