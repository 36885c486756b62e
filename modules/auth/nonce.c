/* Nonces: nothing is kept of one that is only given out. It carries the second it was made in, the
 * process that made it, a ticket, and a keyed sum over these that only we can make.
 *
 * What is kept is which counts (nc) of a nonce were used, in a table of fixed size. A nonce's place
 * is its ticket's remainder, and the entry says which of the tickets with that remainder it is:
 *
 *     63        40 39      24 23       0
 *     generation   highest nc  window      bit i of the window: highest nc - i was used
 *
 * A later ticket takes the entry over, after which the earlier nonce is stale; so nothing is ever
 * taken twice, however full the table is, and who asks for challenges without answering them with a
 * password moves nobody out. One compare-and-swap takes a count.
 *
 * Nonces of other processes that share our secret have tickets of their own. They live in a second
 * table, by the hash of their text: tag, time in steps of 4 s, highest nc, window. An entry is
 * taken over only when its nonce has expired; until then others at that place are stale.
 *
 * A request that comes again because its answer was lost (the same branch, Call-ID, CSeq and
 * response, within 32 s) is no second use: the place remembers the hash of the last one that was
 * taken, and when. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/auth/priv.h"

enum {
    WINDOW_BITS = 24,
    TICKET_BITS = 40,
    SUM_DIGITS = 32,
    NONCE_DIGITS = 8 + 8 + TICKET_BITS / 4 + SUM_DIGITS,
    FOREIGN_WINDOW = 20,
    FOREIGN_TOP = 12,
    FUTURE = 60,  /* s that another server's clock may be ahead */
    REPEATS = 32, /* s for which a request may be retransmitted: 64*T1 */
};

struct nonces {
    _Atomic uint64_t next; /* ticket */
    _Atomic int64_t began; /* second of the first call; 0: none yet */
    uint64_t mask;
    unsigned bits;
    _Atomic uint64_t *foreign; /* NULL when the secret is ours alone */
    _Atomic uint64_t *last;    /* who was taken last at each place of own: hash, second */
    _Atomic uint64_t own[];
};

struct nonces *nonces_new(unsigned slots, bool shared_secret)
{
    unsigned bits = 0;
    while ((1u << bits) < slots)
        bits++;
    size_t n = (size_t)1 << bits;
    struct nonces *t = calloc(1, sizeof *t + n * sizeof *t->own);
    if (!t)
        return NULL;
    t->mask = n - 1;
    t->bits = bits;
    t->foreign = shared_secret ? calloc(n, sizeof *t->foreign) : NULL;
    t->last = calloc(n, sizeof *t->last);
    if (t->last && (t->foreign || !shared_secret))
        return t;
    nonces_free(t);
    return NULL;
}

void nonces_free(struct nonces *n)
{
    if (n) {
        free(n->foreign);
        free(n->last);
    }
    free(n);
}

/* ---- the text ---- */

/* What a nonce says. */
struct mark {
    uint32_t time, instance;
    uint64_t ticket;
};

/* Never 0, so that 0 can stand for this process. */
static uint32_t own_instance(const struct call *c)
{
    return (uint32_t)hash_str(call_hash_key(c), STR("auth instance")) | 1;
}

/* The keyed sum of a mark. All of it has one length, and half of the sum is shown, so that nothing
 * can be added to either; it is one block of SHA-256. */
static void add_sum(struct buf *out, const struct auth_conf *conf, const struct call *c,
                    const struct mark *m)
{
    struct hash_key drawn = call_hash_key(c);
    uint8_t text[16], sum[SUM_MOST];
    char hex[SUM_DIGITS];
    struct sum s;
    for (unsigned i = 0; i < 8; i++) {
        uint32_t word = i < 4 ? m->time : m->instance;
        text[i] = (uint8_t)(word >> 8 * (i % 4));
        text[8 + i] = (uint8_t)(m->ticket >> 8 * i);
    }
    sum_begin(&s, SUM_SHA256);
    if (conf->secret.len)
        sum_add(&s, str_make((const char *)conf->key, sizeof conf->key));
    else
        sum_add(&s, str_make((const char *)&drawn, sizeof drawn));
    sum_add(&s, str_make((const char *)text, sizeof text));
    sum_end(&s, sum);
    str_hex(hex, sum, sizeof hex / 2);
    buf_add(out, str_make(hex, sizeof hex));
}

static void begun(struct nonces *n, int64_t now)
{
    int64_t none = 0;
    if (atomic_load_explicit(&n->began, memory_order_relaxed) == 0)
        atomic_compare_exchange_strong(&n->began, &none, now);
}

struct str nonce_make(struct nonces *n, const struct auth_conf *conf, struct call *c,
                      char text[NONCE_MAX])
{
    struct mark m = {.time = (uint32_t)call_time(c), .instance = own_instance(c)};
    struct buf out;
    m.ticket = atomic_fetch_add(&n->next, 1) & (((uint64_t)1 << TICKET_BITS) - 1);
    begun(n, call_time(c));
    buf_fixed(&out, text, NONCE_MAX);
    buf_printf(&out, "%08x%08x%010llx", m.time, m.instance, (unsigned long long)m.ticket);
    add_sum(&out, conf, c, &m);
    return buf_str(&out);
}

static bool hex_value(struct str digits, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits.len; i++) {
        char d = digits.p[i];
        if (!ascii_digit(d) && (d < 'a' || d > 'f'))
            return false;
        *out = *out << 4 | (uint64_t)(ascii_digit(d) ? d - '0' : d - 'a' + 10);
    }
    return true;
}

int nonce_read(struct nonces *n, const struct auth_conf *conf, struct call *c, struct str text,
               struct auth_claim *out)
{
    uint64_t time, instance, ticket;
    char want[SUM_DIGITS];
    struct buf sum;
    begun(n, call_time(c));
    if (text.len != NONCE_DIGITS || !hex_value(str_sub(text, 0, 8), &time) ||
        !hex_value(str_sub(text, 8, 16), &instance) ||
        !hex_value(str_sub(text, 16, NONCE_DIGITS - SUM_DIGITS), &ticket))
        return AUTH_STALE;
    struct mark m = {(uint32_t)time, (uint32_t)instance, ticket};
    buf_fixed(&sum, want, sizeof want);
    add_sum(&sum, conf, c, &m);
    if (!digest_equal(str_sub(text, NONCE_DIGITS - SUM_DIGITS, text.len), buf_str(&sum)))
        return AUTH_STALE;
    int64_t age = call_time(c) - (int64_t)time;
    bool ours = m.instance == own_instance(c);
    if (age > conf->nonce_expire || age < -FUTURE)
        return AUTH_STALE;
    /* What another process made before we began may have been used here then. */
    if (!ours && (!n->foreign || (int64_t)time < atomic_load(&n->began)))
        return AUTH_STALE;
    out->time = m.time;
    out->instance = ours ? 0 : m.instance;
    out->ticket = ticket;
    return AUTH_OK;
}

/* ---- counts ---- */

/* Highest count and which of those below it were used. */
struct counts {
    uint32_t top, window;
};

/* Uses nc: false when it was used, or is too far behind or ahead to be known. */
static bool count(struct counts *k, uint32_t nc, unsigned top_bits, unsigned window_bits)
{
    uint32_t highest = (1u << top_bits) - 1, all = (1u << window_bits) - 1;
    if (nc == 0) { /* once, and never again with or without counting */
        if (k->top)
            return false;
        *k = (struct counts){highest, all};
        return true;
    }
    if (nc >= highest)
        return false;
    if (nc > k->top) {
        uint32_t ahead = nc - k->top;
        k->window = (ahead >= window_bits ? 0 : k->window << ahead) | 1;
        k->window &= all;
        k->top = nc;
        return true;
    }
    uint32_t behind = k->top - nc;
    if (behind >= window_bits || k->window >> behind & 1)
        return false;
    k->window |= 1u << behind;
    return true;
}

static bool swap(_Atomic uint64_t *slot, uint64_t *old, uint64_t now, bool take)
{
    return !take || atomic_compare_exchange_weak(slot, old, now);
}

static bool use_own(struct nonces *n, const struct auth_claim *claim, bool take)
{
    const uint64_t generations = (uint64_t)1 << 24;
    _Atomic uint64_t *slot = &n->own[claim->ticket & n->mask];
    uint64_t mine = claim->ticket >> n->bits & (generations - 1);
    uint64_t old = atomic_load(slot), now;
    do {
        uint64_t newer = (mine - (old >> 40)) & (generations - 1);
        struct counts k = {0, 0};
        if (newer >= generations / 2)
            return false; /* a later nonce has this place */
        if (newer == 0)
            k = (struct counts){(uint32_t)(old >> WINDOW_BITS) & 0xffff,
                                (uint32_t)old & ((1u << WINDOW_BITS) - 1)};
        if (!count(&k, claim->nc, 16, WINDOW_BITS))
            return false;
        now = mine << 40 | (uint64_t)k.top << WINDOW_BITS | k.window;
    } while (!swap(slot, &old, now, take));
    return true;
}

static bool use_foreign(struct nonces *n, const struct call *c, const struct auth_conf *conf,
                        const struct auth_claim *claim, bool take)
{
    uint64_t h = hash_str(call_hash_key(c), claim->digest.nonce);
    _Atomic uint64_t *slot = &n->foreign[h & n->mask];
    uint64_t tag = h >> 44, made = claim->time / 4 & 0xfff, now4 = (uint64_t)call_time(c) / 4;
    uint64_t old = atomic_load(slot), now;
    do {
        uint64_t age = (now4 - (old >> 32 & 0xfff)) & 0xfff;
        struct counts k = {0, 0};
        if (old && old >> 44 == tag && (old >> 32 & 0xfff) == made)
            k = (struct counts){(uint32_t)(old >> FOREIGN_WINDOW) & 0xfff,
                                (uint32_t)old & ((1u << FOREIGN_WINDOW) - 1)};
        else if (old && age <= (uint64_t)conf->nonce_expire / 4 + 1)
            return false; /* another one has this place for now */
        if (!count(&k, claim->nc, FOREIGN_TOP, FOREIGN_WINDOW))
            return false;
        now = tag << 44 | made << 32 | (uint64_t)k.top << FOREIGN_WINDOW | k.window;
    } while (!swap(slot, &old, now, take));
    return true;
}

/* What is the same in each copy of a request. */
static uint32_t request_hash(const struct call *c, const struct auth_claim *claim)
{
    const struct msg *m = c->msg;
    struct str texts[] = {m->call_id, m->via.branch, m->from_tag, claim->digest.response};
    return (uint32_t)hash_texts(call_hash_key(c), texts, 4, m->cseq);
}

bool nonce_use(struct nonces *n, const struct call *c, const struct auth_conf *conf,
               const struct auth_claim *claim, bool take)
{
    if (conf->disable_nonce_check)
        return true;
    return claim->instance ? use_foreign(n, c, conf, claim, take) : use_own(n, claim, take);
}

static _Atomic uint64_t *last_of(struct nonces *n, const struct auth_claim *claim)
{
    return &n->last[(claim->ticket ^ claim->instance) & n->mask];
}

void nonce_note(struct nonces *n, const struct call *c, const struct auth_claim *claim)
{
    uint64_t h = request_hash(c, claim);
    atomic_store(last_of(n, claim), h << 32 | (uint32_t)call_time(c));
}

bool nonce_repeated(struct nonces *n, const struct call *c, const struct auth_claim *claim)
{
    uint64_t last = atomic_load(last_of(n, claim));
    return last >> 32 == request_hash(c, claim) &&
           (uint32_t)call_time(c) - (uint32_t)last <= REPEATS;
}
