/* SipHash-1-3 (Aumasson and Bernstein) and the hash table. */
/* SPDX-License-Identifier: MIT */
#include "core/base/hash.h"

#include "core/base/err.h"
#include "core/base/pages.h"

static inline uint64_t rotl(uint64_t x, unsigned b)
{
    return (x << b) | (x >> (64 - b));
}

struct sip_state {
    uint64_t a, b, c, d;
};

static inline void round_once(struct sip_state *v)
{
    v->a += v->b;
    v->b = rotl(v->b, 13) ^ v->a;
    v->a = rotl(v->a, 32);
    v->c += v->d;
    v->d = rotl(v->d, 16) ^ v->c;
    v->a += v->d;
    v->d = rotl(v->d, 21) ^ v->a;
    v->c += v->b;
    v->b = rotl(v->b, 17) ^ v->c;
    v->c = rotl(v->c, 32);
}

static inline uint64_t read_word(const unsigned char *p)
{
    uint64_t m;
    memcpy(&m, p, sizeof m);
    return m;
}

static inline uint64_t read_half(const unsigned char *p)
{
    uint32_t m;
    memcpy(&m, p, sizeof m);
    return m;
}

/* The last n < 8 bytes of a text of len, as the low bytes of a word: loads that overlap, no loop.
 */
static inline uint64_t read_tail(const unsigned char *p, size_t n, size_t len)
{
    if (n == 0)
        return 0;
    if (len >= 8)
        return read_word(p + n - 8) >> 8 * (8 - n);
    if (n >= 4)
        return read_half(p) | read_half(p + n - 4) << 8 * (n - 4);
    return (uint64_t)p[0] | (uint64_t)p[n / 2] << 8 * (n / 2) | (uint64_t)p[n - 1] << 8 * (n - 1);
}

static inline struct sip_state start(struct hash_key key)
{
    return (struct sip_state){key.k0 ^ 0x736f6d6570736575u, key.k1 ^ 0x646f72616e646f6du,
                              key.k0 ^ 0x6c7967656e657261u, key.k1 ^ 0x7465646279746573u};
}

static inline void absorb(struct sip_state *v, uint64_t m)
{
    v->d ^= m;
    round_once(v);
    v->a ^= m;
}

/* All of the bytes, then their number modulo 256 in the top byte of the last word. */
static inline void absorb_bytes(struct sip_state *v, const unsigned char *p, size_t n)
{
    size_t left = n;
    for (; left >= 8; left -= 8, p += 8)
        absorb(v, read_word(p));
    absorb(v, (uint64_t)n << 56 | read_tail(p, left, n));
}

static inline uint64_t finish(struct sip_state *v, uint64_t mark)
{
    v->c ^= mark;
    round_once(v);
    round_once(v);
    round_once(v);
    return v->a ^ v->b ^ v->c ^ v->d;
}

uint64_t hash_bytes(struct hash_key key, const void *data, size_t n)
{
    struct sip_state v = start(key);
    absorb_bytes(&v, data, n);
    return finish(&v, 0xff);
}

static inline void absorb_texts(struct sip_state *v, const struct str *texts, size_t n,
                                uint64_t number)
{
    absorb(v, number);
    for (size_t i = 0; i < n; i++) {
        absorb(v, texts[i].len);
        absorb_bytes(v, (const unsigned char *)texts[i].p, texts[i].len);
    }
}

uint64_t hash_texts(struct hash_key key, const struct str *texts, size_t n, uint64_t number)
{
    struct sip_state v = start(key);
    absorb_texts(&v, texts, n, number);
    return finish(&v, 0xff);
}

struct hash_wide hash_texts_wide(struct hash_key key, const struct str *texts, size_t n,
                                 uint64_t number)
{
    struct hash_wide h;
    struct sip_state v = start(key);
    v.b ^= 0xee;
    absorb_texts(&v, texts, n, number);
    h.low = finish(&v, 0xee);
    v.b ^= 0xdd;
    h.high = finish(&v, 0);
    return h;
}

int htable_init(struct htable *t, unsigned bits)
{
    memset(t, 0, sizeof *t);
    t->mask = ((size_t)1 << bits) - 1;
    t->slot = pages_zalloc(t->mask + 1, sizeof *t->slot);
    return t->slot ? ERR_OK : ERR_NOMEM;
}

void htable_free(struct htable *t)
{
    pages_free(t->slot, t->mask + 1, sizeof *t->slot);
    pages_free(t->old, t->old_mask + 1, sizeof *t->old);
    memset(t, 0, sizeof *t);
}

/* The bits in the middle: the low ones pick the bucket, the high ones shards of some users. */
static uint64_t kind_of(uint64_t hash)
{
    return (uint64_t)1 << (hash >> 40 & 63);
}

static void push(struct bucket *b, struct hnode *n)
{
    n->next = b->first;
    b->first = n;
    b->kinds |= kind_of(n->hash);
}

/* Moves a bucket of the old table into the new one. */
static void move_bucket(struct htable *t, size_t at)
{
    struct hnode *e = t->old[at].first;
    t->old[at] = (struct bucket){NULL, 0};
    while (e) {
        struct hnode *next = e->next;
        push(&t->slot[e->hash & t->mask], e);
        e = next;
    }
}

/* Empties up to n buckets of the old table into the new one. */
static void move_some(struct htable *t, unsigned n)
{
    while (t->old && n--) {
        move_bucket(t, t->moved);
        if (t->moved++ == t->old_mask) {
            pages_free(t->old, t->old_mask + 1, sizeof *t->old);
            t->old = NULL;
        }
    }
}

static void grow(struct htable *t)
{
    struct bucket *bigger = pages_zalloc((t->mask + 1) * 2, sizeof *bigger);
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

enum { MANY_KINDS = 8 }; /* more than a chain has: some are of elements that are gone */

/* After a removal. */
static void update_kinds(struct bucket *b)
{
    if (b->first && __builtin_popcountll(b->kinds) <= MANY_KINDS)
        return;
    b->kinds = 0;
    for (const struct hnode *n = b->first; n; n = n->next)
        b->kinds |= kind_of(n->hash);
}

static bool unlink_from(struct bucket *b, const struct hnode *n)
{
    for (struct hnode **at = &b->first; *at; at = &(*at)->next)
        if (*at == n) {
            *at = n->next;
            update_kinds(b);
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
    if (t->old)
        move_bucket(t, hash & t->old_mask);
    const struct bucket *b = &t->slot[hash & t->mask];
    return b->kinds & kind_of(hash) ? chain_find(b->first, hash) : NULL;
}

struct hnode *htable_next(const struct hnode *n)
{
    return chain_find(n->next, n->hash);
}

bool htable_some(struct htable *t, size_t *at, size_t count, void (*fn)(struct hnode *n, void *arg),
                 void *arg)
{
    while (t->old)
        move_some(t, 64);
    for (; count && *at <= t->mask; count--, (*at)++)
        for (struct hnode *n = t->slot[*at].first, *next; n; n = next) {
            next = n->next;
            fn(n, arg);
        }
    return *at <= t->mask;
}

void htable_each(struct htable *t, void (*fn)(struct hnode *n, void *arg), void *arg)
{
    size_t at = 0;
    htable_some(t, &at, SIZE_MAX, fn, arg);
}
