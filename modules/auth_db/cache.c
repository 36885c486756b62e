/* Rows of subscribers kept for a while by one worker, the longest unused leaving first. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/auth_db/priv.h"

struct entry {
    struct hnode node; /* first: what the table gives back */
    struct list used;  /* newest first */
    uint64_t came;     /* ms */
    struct cache_key key;
    struct row row;
    char text[]; /* of all of them */
};

struct cache {
    struct htable table;
    struct list used;
    unsigned count, most;
};

enum { TABLE_BITS = 6 };

struct cache *cache_new(unsigned most)
{
    struct cache *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    list_init(&c->used);
    c->most = most;
    if (htable_init(&c->table, TABLE_BITS) == ERR_OK)
        return c;
    free(c);
    return NULL;
}

static void forget(struct cache *c, struct entry *e)
{
    htable_remove(&c->table, &e->node);
    list_remove(&e->used);
    c->count--;
    free(e);
}

void cache_free(struct cache *c)
{
    if (!c)
        return;
    while (!list_empty(&c->used))
        forget(c, container_of(c->used.next, struct entry, used));
    htable_free(&c->table);
    free(c);
}

static uint64_t hash_of(const struct hash_key *hash, const struct cache_key *key)
{
    const struct str texts[] = {key->table, key->column, key->user, key->domain};
    return hash_texts(*hash, texts, 4, key->generation);
}

static bool same(const struct cache_key *a, const struct cache_key *b)
{
    return a->conf == b->conf && a->generation == b->generation && str_eq(a->user, b->user) &&
           str_eq(a->domain, b->domain) && str_eq(a->table, b->table) &&
           str_eq(a->column, b->column);
}

static struct entry *find(struct cache *c, uint64_t h, const struct cache_key *key)
{
    for (struct hnode *n = htable_first(&c->table, h); n; n = htable_next(n)) {
        struct entry *e = container_of(n, struct entry, node);
        if (same(&e->key, key))
            return e;
    }
    return NULL;
}

const struct row *cache_find(struct cache *c, const struct hash_key *hash,
                             const struct cache_key *key, uint64_t now, uint64_t ttl)
{
    struct entry *e = find(c, hash_of(hash, key), key);
    if (!e || now - e->came >= ttl)
        return NULL;
    list_remove(&e->used);
    list_append(c->used.next, &e->used); /* in front */
    return &e->row;
}

static struct str put(char **at, struct str s)
{
    char *p = *at;
    if (s.len)
        memcpy(p, s.p, s.len);
    *at += s.len;
    return str_make(p, s.len);
}

static bool has_text(const struct db_value *v)
{
    return v->type == DB_TEXT || v->type == DB_BLOB;
}

static size_t bytes_of(const struct cache_key *key, const struct row *row)
{
    size_t n = key->table.len + key->column.len + key->user.len + key->domain.len;
    for (unsigned i = 0; i < row->columns; i++)
        n += has_text(&row->cell[i]) ? row->cell[i].s.len : 0;
    return n;
}

void cache_keep(struct cache *c, const struct hash_key *hash, const struct cache_key *key,
                uint64_t now, const struct row *row)
{
    struct entry *e = malloc(sizeof *e + bytes_of(key, row));
    if (!e)
        return;
    cache_drop(c, hash, key);
    char *at = e->text;
    e->came = now;
    e->key = *key;
    e->key.table = put(&at, key->table);
    e->key.column = put(&at, key->column);
    e->key.user = put(&at, key->user);
    e->key.domain = put(&at, key->domain);
    e->row = *row;
    for (unsigned i = 0; i < row->columns; i++)
        if (has_text(&row->cell[i]))
            e->row.cell[i].s = put(&at, row->cell[i].s);
    htable_insert(&c->table, &e->node, hash_of(hash, &e->key));
    list_append(c->used.next, &e->used); /* in front */
    if (++c->count > c->most)
        forget(c, container_of(c->used.prev, struct entry, used));
}

void cache_drop(struct cache *c, const struct hash_key *hash, const struct cache_key *key)
{
    struct entry *e = find(c, hash_of(hash, key), key);
    if (e)
        forget(c, e);
}
