/* Texts that nobody else can make: branch parameters and To tags, keyed with what was drawn at
 * start. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/txn.h"

enum { HEX = 16, ROOM = 48 };

static void add_hex(struct buf *out, uint64_t v)
{
    char text[HEX];
    for (unsigned i = HEX; i-- > 0; v >>= 4)
        text[i] = "0123456789abcdef"[v & 15];
    buf_add(out, str_make(text, HEX));
}

/* "z9hG4bK", 64 keyed bits of the number, and the number: no two are the same, and knowing one
 * tells nothing about the next. */
struct str token_branch(struct engine *e, struct arena *a)
{
    struct buf out;
    uint64_t number[2] = {e->index, ++e->id};
    buf_init(&out, a, ROOM);
    buf_add(&out, STR("z9hG4bK"));
    add_hex(&out, hash_bytes(e->shared->key, number, sizeof number));
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
    const struct str texts[] = {via->branch, via->host, m->call_id, m->from_tag};
    uint64_t h = hash_texts(e->shared->key, texts, 4, (uint64_t)via->port << 32 | m->cseq);
    buf_init(&out, a, ROOM);
    buf_add(&out, STR("z9hG4bK"));
    add_hex(&out, h);
    return out.failed ? STR_NONE : buf_str(&out);
}

uint64_t token_tag_hash(const struct engine *e, const struct msg *m)
{
    const struct str texts[] = {m->via.branch, m->via.host};
    return hash_texts(e->shared->key, texts, 2, (uint64_t)m->via.port << 32);
}

struct str token_tag(uint64_t hash, char kind, struct arena *a)
{
    struct buf out;
    buf_init(&out, a, ROOM);
    add_hex(&out, hash);
    buf_char(&out, '.');
    buf_char(&out, kind);
    return out.failed ? STR_NONE : buf_str(&out);
}
