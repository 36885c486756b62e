/* Inside of the auth_db module: its parameters, what a row says, rows kept for a while. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_AUTH_DB_PRIV_H
#define MODULES_AUTH_DB_PRIV_H

#include <stdatomic.h>

#include "modules/auth/auth.h"

extern const struct module auth_db_module;

enum { AUTH_DB_COLUMNS = 16 };

/* A column that becomes an AVP. */
struct load {
    struct str column;
    const struct pv_ref *avp;
};

/* A table that the script names. */
struct table_name {
    struct table_name *next;
    struct str name;
};

struct auth_db_conf {
    struct str db_url, user_column, domain_column, password_column, password_column_2, load_text;
    struct str sha256_column, sha512_256_column;
    int32_t calculate_ha1, use_domain, cache_rows, cache_ttl;
    struct load load[AUTH_DB_COLUMNS];
    unsigned loads;
    struct table_name *tables;
};

/* What a query found: the password first, then what load_credentials names. */
struct row {
    unsigned columns;
    struct db_value cell[1 + AUTH_DB_COLUMNS];
};

/* ---- rows kept for a while (cache.c): one cache a worker, nothing is shared ---- */

struct cache;
struct cache_key {
    const struct auth_db_conf *conf; /* a row is of use with the columns it was asked with only */
    unsigned generation;             /* rises with each reload */
    struct str table, column, user, domain;
};

/* most: rows kept, the longest unused goes first. NULL without memory. */
struct cache *cache_new(unsigned most);
void cache_free(struct cache *c);
/* The row if it is there and came less than ttl ms ago; it lives until the next call. */
const struct row *cache_find(struct cache *c, const struct hash_key *hash,
                             const struct cache_key *key, uint64_t now, uint64_t ttl);
/* Keeps a copy, in place of what there was. */
void cache_keep(struct cache *c, const struct hash_key *hash, const struct cache_key *key,
                uint64_t now, const struct row *row);
/* Forgets it. */
void cache_drop(struct cache *c, const struct hash_key *hash, const struct cache_key *key);

#endif
