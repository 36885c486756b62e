/* Which transaction a message belongs to (RFC 3261 17.1.3, 17.2.3, 9.2).
 *
 * A client is known by its branch, a server by parts of its request. 128 keyed bits stand for them,
 * one half of which is the place in the table, and the method is compared beside: a transaction is
 * kept for half a minute after its end, and texts would be a fifth of it. Only requests of RFC 2543
 * need their texts, because what counts of them depends on the message and on settings: they are a
 * list, each preceded by its length in two bytes, so that no text can pass for another by moving
 * the borders between parts; the hash leaves out the parts that may differ. */
/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "core/base/err.h"
#include "core/tx/fsm.h"

/* Parts of a server's key: four with the magic cookie, all seven by RFC 2543. */
enum part {
    PART_ID,     /* branch; RFC 2543: the whole top Via */
    PART_HOST,   /* sent-by host; RFC 2543: Call-ID */
    PART_PORT,   /* sent-by port in two bytes; RFC 2543: CSeq number */
    PART_METHOD, /* INVITE for an ACK */
    PART_TO_TAG, /* RFC 2543 only, as the rest */
    PART_FROM_TAG,
    PART_URI,
    PARTS
};

enum {
    SKIP_ID = 1 << PART_ID,
    SKIP_METHOD = 1 << PART_METHOD,
    SKIP_TO_TAG = 1 << PART_TO_TAG,
    SKIP_URI = 1 << PART_URI,
};

_Static_assert(MSG_MAX_BYTES <= UINT16_MAX, "a part's length fits in two bytes");

struct parts {
    struct str at[PARTS];
    unsigned count;
    char port[2];
};

static struct str two_bytes(char *mem, size_t v)
{
    mem[0] = (char)(v >> 8);
    mem[1] = (char)v;
    return str_make(mem, 2);
}

/* The cookie alone identifies nothing (RFC 4475, badbranch). */
static bool has_cookie(struct str branch)
{
    struct str cookie = STR("z9hG4bK");
    return branch.len > cookie.len && str_starts(branch, cookie);
}

static void parts_of(struct parts *p, const struct msg *m)
{
    p->at[PART_METHOD] = m->method == METHOD_ACK ? STR("INVITE") : m->method_text;
    p->count = PART_METHOD + 1;
    if (has_cookie(m->via.branch)) {
        p->at[PART_ID] = m->via.branch;
        p->at[PART_HOST] = m->via.host;
        p->at[PART_PORT] = two_bytes(p->port, m->via.port);
        return;
    }
    p->at[PART_ID] = m->via.text;
    p->at[PART_HOST] = m->call_id;
    p->at[PART_PORT] = m->cseq_number;
    p->at[PART_TO_TAG] = m->to_tag;
    p->at[PART_FROM_TAG] = m->from_tag;
    p->at[PART_URI] = m->uri;
    p->count = PARTS;
}

static struct hash_wide parts_hash(const struct parts *p, struct hash_key key)
{
    struct str texts[PARTS];
    size_t n = 0;
    unsigned out = SKIP_METHOD | SKIP_TO_TAG | (p->count == PARTS ? SKIP_ID | SKIP_URI : 0);
    for (unsigned i = 0; i < p->count; i++)
        if (!(out >> i & 1))
            texts[n++] = p->at[i];
    return hash_texts_wide(key, texts, n, p->count);
}

static struct hash_wide branch_hash(const struct tx_layer *l, struct str branch)
{
    return hash_texts_wide(l->key, &branch, 1, 0);
}

/* 0 for methods that have a bit of their own. */
static uint32_t method_hash(const struct tx_layer *l, const struct msg *m)
{
    return m->method == METHOD_OTHER ? (uint32_t)hash_str(l->key, m->method_text) : 0;
}

/* Cuts the next part off a key. */
static struct str part_cut(struct str *key)
{
    size_t n = (size_t)(unsigned char)key->p[0] << 8 | (unsigned char)key->p[1];
    struct str part = str_make(key->p + 2, n);
    *key = str_make(part.p + n, key->len - n - 2);
    return part;
}

/* RFC 2543. skip: a bit for each part that may differ. */
static bool texts_same(const struct tx *t, const struct parts *p, unsigned skip)
{
    struct str key = str_make(t->text, t->more);
    for (unsigned i = 0; i < p->count; i++) {
        if (key.len == 0)
            return false;
        struct str part = part_cut(&key);
        if (!(skip >> i & 1) && !str_eq(part, p->at[i]))
            return false;
    }
    return key.len == 0;
}

void tx_server_key(struct buf *out, const struct msg *m)
{
    struct parts p;
    char length[2];
    parts_of(&p, m);
    for (unsigned i = 0; p.count == PARTS && i < PARTS; i++) {
        buf_add(out, two_bytes(length, p.at[i].len));
        buf_add(out, p.at[i]);
    }
}

size_t tx_server_key_size(const struct msg *m)
{
    struct parts p;
    size_t size = 0;
    parts_of(&p, m);
    for (unsigned i = 0; p.count == PARTS && i < PARTS; i++)
        size += 2 + p.at[i].len;
    return size;
}

int tx_layer_init(struct tx_layer *l, struct wheel *wheel, struct hash_key key, struct tx_env env,
                  unsigned bits)
{
    *l = (struct tx_layer){.wheel = wheel, .key = key, .env = env};
    if (htable_init(&l->servers, bits) == ERR_OK && htable_init(&l->clients, bits) == ERR_OK)
        return ERR_OK;
    htable_free(&l->servers);
    return ERR_NOMEM;
}

void tx_layer_old_rules(struct tx_layer *l, bool by_uri, bool by_via)
{
    l->old_skip = (by_uri ? 0 : SKIP_URI) | (by_via ? 0 : SKIP_ID);
}

void tx_layer_free(struct tx_layer *l)
{
    assert(l->live == 0);
    htable_free(&l->servers);
    htable_free(&l->clients);
}

void table_add_client(struct tx_layer *l, struct tx *t, struct str branch)
{
    struct hash_wide h = branch_hash(l, branch);
    t->key = h.high;
    htable_insert(&l->clients, &t->node, h.low);
}

void table_add_server(struct tx_layer *l, struct tx *t, const struct msg *m, struct str text)
{
    struct parts p;
    parts_of(&p, m);
    struct hash_wide h = parts_hash(&p, l->key);
    t->rfc2543 = p.count == PARTS;
    if (t->rfc2543) {
        t->text = text.p;
        t->more = (uint32_t)text.len;
    } else {
        t->key = h.high;
        t->more = method_hash(l, m);
    }
    htable_insert(&l->servers, &t->node, h.low);
}

void table_remove(struct tx_layer *l, struct tx *t)
{
    htable_remove(t->kind < TX_IST ? &l->clients : &l->servers, &t->node);
}

/* RFC 2543: whether an ACK speaks of the reply that t sent, by the To tag. A relayed 2xx is not
 * kept, so that its ACK goes on to the far end. */
static bool acks_reply(const struct tx *t, const struct msg *ack)
{
    struct msg reply;
    struct arena_mark mark = arena_mark(ack->arena);
    bool same = t->bytes.len && msg_scan(&reply, ack->arena, t->bytes) == ERR_OK &&
                str_eq(reply.to_tag, ack->to_tag);
    arena_rewind(ack->arena, mark);
    return same;
}

/* Whether t, whose hash is right, is the transaction of a request. any_method: of a CANCEL. */
static bool is_server_of(const struct tx_layer *l, const struct tx *t, const struct msg *m,
                         const struct parts *p, uint64_t key, bool any_method)
{
    if (t->rfc2543 != (p->count == PARTS))
        return false;
    if (t->rfc2543) {
        bool ack = m->method == METHOD_ACK;
        unsigned skip = any_method ? SKIP_METHOD : ack ? SKIP_TO_TAG : 0;
        return texts_same(t, p, skip | l->old_skip) && (!ack || acks_reply(t, m));
    }
    uint32_t method = m->method == METHOD_ACK ? METHOD_INVITE : m->method;
    return t->key == key && (any_method || (t->method == method && t->more == method_hash(l, m)));
}

struct tx *tx_match_request(struct tx_layer *l, const struct msg *m)
{
    struct parts p;
    parts_of(&p, m);
    struct hash_wide h = parts_hash(&p, l->key);
    for (struct hnode *n = htable_first(&l->servers, h.low); n; n = htable_next(n)) {
        struct tx *t = container_of(n, struct tx, node);
        if (is_server_of(l, t, m, &p, h.high, false))
            return t;
    }
    return NULL;
}

struct tx *tx_match_cancel(struct tx_layer *l, const struct msg *m)
{
    struct parts p;
    parts_of(&p, m);
    struct hash_wide h = parts_hash(&p, l->key);
    for (struct hnode *n = htable_first(&l->servers, h.low); n; n = htable_next(n)) {
        struct tx *t = container_of(n, struct tx, node);
        if (t->method != METHOD_CANCEL && is_server_of(l, t, m, &p, h.high, true))
            return t;
    }
    return NULL;
}

struct tx *tx_client_of(struct tx_layer *l, struct str branch, uint32_t method)
{
    if (branch.len == 0)
        return NULL;
    struct hash_wide h = branch_hash(l, branch);
    for (struct hnode *n = htable_first(&l->clients, h.low); n; n = htable_next(n)) {
        struct tx *t = container_of(n, struct tx, node);
        if (t->method == method && t->key == h.high)
            return t;
    }
    return NULL;
}

struct tx *tx_match_response(struct tx_layer *l, const struct msg *m)
{
    return tx_client_of(l, m->via.branch, m->method);
}
