/* Keyed hashing (SipHash-1-3) and an intrusive hash table that grows a step at a time. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>

#include "core/base/str.h"

/* Drawn at start; whoever does not know it cannot aim texts at one bucket. */
struct hash_key {
    uint64_t k0, k1;
};

/* SipHash-1-3 of the bytes. */
uint64_t hash_bytes(struct hash_key key, const void *p, size_t n);

static inline uint64_t hash_str(struct hash_key key, struct str s)
{
    return hash_bytes(key, s.p, s.len);
}

/* One hash of n texts and a number: moving a border between texts makes another one. Cheaper than a
 * hash of each. */
uint64_t hash_texts(struct hash_key key, const struct str *texts, size_t n, uint64_t number);

/* The same with 128 bits, which may stand for the texts themselves: whoever does not know the key
 * cannot make two that are alike (SipHash-128). */
struct hash_wide {
    uint64_t low, high;
};
struct hash_wide hash_texts_wide(struct hash_key key, const struct str *texts, size_t n,
                                 uint64_t number);

/* Folds a second hash into a first: order matters. */
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    a ^= b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2);
    return a * 0xff51afd7ed558ccdu ^ (a >> 32);
}

/* Lives inside the element. */
struct hnode {
    struct hnode *next;
    uint64_t hash;
};

/* A chain, and a bit for each of 64 kinds of hashes that it may hold: who looks for another kind
 * touches no element, which would be a stranger's and in no cache. */
struct bucket {
    struct hnode *first;
    uint64_t kinds;
};

/* Chained table. Growing moves a few buckets at each insertion, so none is ever slow. */
struct htable {
    struct bucket *slot, *old; /* old: the smaller table still being emptied, or NULL */
    size_t mask, old_mask;
    size_t moved; /* buckets of old already emptied */
    size_t count;
};

/* 2^bits buckets to begin with. ERR_OK or ERR_NOMEM. */
int htable_init(struct htable *t, unsigned bits);
/* Frees the buckets, not the elements. */
void htable_free(struct htable *t);
/* Adds a node under its hash; equal hashes may stand side by side. */
void htable_insert(struct htable *t, struct hnode *n, uint64_t hash);
/* Removes the node; it must be in the table. */
void htable_remove(struct htable *t, struct hnode *n);
/* First node with this hash, then the next: for (n = htable_first(...); n; n = htable_next(n)). */
struct hnode *htable_first(struct htable *t, uint64_t hash);
struct hnode *htable_next(const struct hnode *n);
/* Calls fn for each node; fn may remove and free the node it is given, but no other. */
void htable_each(struct htable *t, void (*fn)(struct hnode *n, void *arg), void *arg);
/* The same for count buckets from the one on that *at says, which is moved behind them: a table may
 * be gone through a piece at a time, 0 first. False when there were no more. What is inserted or
 * moved by growing meanwhile may be left out. */
bool htable_some(struct htable *t, size_t *at, size_t count, void (*fn)(struct hnode *n, void *arg),
                 void *arg);

#endif
