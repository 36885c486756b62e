/* Loops: a request that comes back to where it was, with nothing changed, would go round until
 * Max-Forwards ends it, and where it forks each time there would be 2^70 of it (RFC 5393 3).
 *
 * The RFC suggests to write a hash of all that routing goes by into the branch parameter. A script
 * may go by anything in the request, and where the earlier pass is still under way its request is
 * still here: each Via is looked up among the branches, and the two requests are compared. What may
 * differ is what every hop changes (Via, Max-Forwards, Max-Breadth, Record-Route) and how often the
 * same header line is there, since scripts add one at each pass. So a spiral, a request that comes
 * back because the script wanted it to and has another Request-URI, header or source then, goes
 * on. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

enum { TOKEN_DOT = 7 + 16 }; /* behind the magic cookie and the keyed bits */

static bool changes_each_hop(const struct hdr *h)
{
    return h->id == HDR_VIA || h->id == HDR_MAX_FORWARDS || h->id == HDR_MAX_BREADTH ||
           h->id == HDR_RECORD_ROUTE;
}

/* One number for the set of header lines, whatever their order and repeats. */
static uint64_t headers_shape(const struct engine *e, const struct msg *m)
{
    uint64_t *seen = arena_alloc(m->arena, (m->count + 1u) * sizeof *seen), sum = 0;
    unsigned n = 0, k;
    if (!seen)
        return 0;
    for (unsigned i = 0; i < m->count; i++) {
        const struct hdr *h = &m->hdr[i];
        const struct str texts[] = {h->name, h->value};
        if (changes_each_hop(h))
            continue;
        uint64_t line = hash_texts(e->shared->key, texts, 2, 0);
        for (k = 0; k < n && seen[k] != line; k++)
            ;
        if (k == n) {
            seen[n++] = line;
            sum += line;
        }
    }
    return sum;
}

/* What a script can go by, as one number, never 0. */
static uint64_t shape_of(const struct engine *e, const struct msg *m)
{
    const struct str texts[] = {
        m->uri, m->body, str_make((const char *)m->src.ip.b, m->src.ip.family == 6 ? 16 : 4)};
    uint64_t h = hash_texts(e->shared->key, texts, 3, m->socket);
    return hash_mix(h, headers_shape(e, m)) | 1;
}

/* The same of the request that a transaction is about; kept, for the next that asks. 0: not known
 * any more. */
static uint64_t shape_of_txn(struct txn *t)
{
    struct work *w = t->work;
    if (!w || w->shape)
        return w ? w->shape : 0;
    struct arena scratch;
    arena_init(&scratch, &t->engine->pool, 4096);
    struct msg *m = txn_request(t, &scratch);
    if (m)
        w->shape = shape_of(t->engine, m);
    arena_reset(&scratch);
    return w->shape;
}

/* The branch of ours that a Via of the request names, or NULL. Most are not even shaped like ours
 * (token_branch). */
static struct branch *our_branch(struct engine *e, struct str id, uint32_t method)
{
    if (id.len < TOKEN_DOT + 4 || id.p[TOKEN_DOT] != '.')
        return NULL;
    struct tx *x = tx_client_of(&e->tx, id, method);
    return x && x->user == &branch_user ? branch_of(x) : NULL;
}

/* shape is that of m, 0 until somebody asked. */
static bool same_shape(struct engine *e, const struct branch *b, const struct msg *m,
                       uint64_t *shape)
{
    if (b && *shape == 0)
        *shape = shape_of(e, m);
    return b && shape_of_txn(b->txn) == *shape;
}

bool loop_found(struct engine *e, struct msg *m)
{
    struct value_iter it = {0};
    struct via via;
    uint64_t shape = 0;
    const struct hdr *h = msg_header(m, HDR_VIA);
    if (m->method == METHOD_ACK || m->method == METHOD_CANCEL)
        return false;
    if (same_shape(e, our_branch(e, m->via.branch, m->method), m, &shape))
        return true;
    if (!h->next && h->value.len == m->via.text.len)
        return false; /* the only one, as with most requests */
    for (bool top = true; msg_value_next(m, HDR_VIA, &it); top = false)
        if (!top && via_parse(&via, it.text) == ERR_OK &&
            same_shape(e, our_branch(e, via.branch, m->method), m, &shape))
            return true;
    return false;
}
