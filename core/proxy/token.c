/* Texts that nobody else can make: branch parameters and To tags, keyed with what was drawn at
 * start. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/txn.h"

enum { HEX = 16, ROOM = 48 };

static void add_hex(struct buf *out, uint64_t v, unsigned digits)
{
    while (digits-- > 0)
        buf_char(out, "0123456789abcdef"[v >> 4 * digits & 15]);
}

/* "z9hG4bK", 64 keyed bits of the number, and the number: no two are the same, and knowing one
 * tells nothing about the next. */
struct str token_branch(struct engine *e, struct arena *a)
{
    struct buf out;
    uint64_t number[2] = {e->index, ++e->id};
    buf_init(&out, a, ROOM);
    buf_add(&out, STR("z9hG4bK"));
    add_hex(&out, hash_bytes(e->shared->key, number, sizeof number), HEX);
    buf_char(&out, '.');
    buf_u64(&out, e->index);
    buf_char(&out, '.');
    buf_u64(&out, e->id);
    return out.failed ? STR_NONE : buf_str(&out);
}

struct str token_forward(const struct engine *e, const struct via *via, const struct msg *m,
                         struct arena *a)
{
    struct buf out;
    struct hash_key key = e->shared->key;
    uint64_t h = hash_str(key, via->branch);
    h = hash_mix(h, hash_str(key, via->host));
    h = hash_mix(h, via->port);
    h = hash_mix(h, hash_str(key, m->call_id));
    h = hash_mix(h, hash_str(key, m->from_tag));
    h = hash_mix(h, m->cseq);
    buf_init(&out, a, ROOM);
    buf_add(&out, STR("z9hG4bK"));
    add_hex(&out, h, HEX);
    return out.failed ? STR_NONE : buf_str(&out);
}

uint64_t token_tag_hash(const struct engine *e, const struct msg *m)
{
    struct hash_key key = e->shared->key;
    uint64_t h = hash_str(key, m->via.branch);
    h = hash_mix(h, hash_str(key, m->via.host));
    return hash_mix(h, m->via.port);
}

struct str token_tag(uint64_t hash, char kind, struct arena *a)
{
    struct buf out;
    buf_init(&out, a, ROOM);
    add_hex(&out, hash, HEX);
    buf_char(&out, '.');
    buf_char(&out, kind);
    return out.failed ? STR_NONE : buf_str(&out);
}
