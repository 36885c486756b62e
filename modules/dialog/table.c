/* Dialogs in memory: making, finding, their states and their end. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/dialog/priv.h"

enum { TABLE_BITS = 6, MEMORY = 1024 };

/* ---- the worker's table ---- */

/* A dialog from the database goes on as if nothing had been; one whose time is over ends now. */
static void adopt(struct dialog_worker *w, struct dialog *d, struct engine *e)
{
    int64_t left = d->until - engine_time(e);
    d->worker = w;
    atomic_fetch_add(&w->state->active, -1); /* counted when it was loaded */
    if (left <= 0) {
        struct arena memory = d->memory;
        engine_count_stat(e, &dialog_module, STAT_EXPIRED, 1);
        d->state = DLG_DELETED;
        dialog_changed(d, e);
        arena_reset(&memory);
        return;
    }
    d->lifetime = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
    htable_insert(&w->table, &d->node, store_hash(w->state->store, d->call_id));
    dialog_enter(d, e, (enum dlg_state)d->was);
    dialog_arm(d, e);
}

static bool make_worker(struct dialog_worker *w, struct dialog_state *s, struct engine *e)
{
    w->state = s;
    if (htable_init(&w->table, TABLE_BITS) != ERR_OK)
        return false;
    if (s->store && !(w->changes = store_changes(s->store, w))) {
        htable_free(&w->table);
        return false;
    }
    w->ready = true;
    for (struct dialog *d = s->store ? store_take(s->store, e) : NULL, *next; d; d = next) {
        next = d->next_loaded;
        adopt(w, d, e);
    }
    return true;
}

struct dialog_worker *dialog_worker(struct dialog_state *s, struct engine *e)
{
    struct dialog_worker *w = &s->worker[engine_index(e)];
    return w->ready || make_worker(w, s, e) ? w : NULL;
}

static struct dialog_worker *worker_of(const struct call *c)
{
    return dialog_worker(call_state(c, &dialog_module), c->engine);
}

static uint64_t call_hash(const struct call *c)
{
    return hash_str(call_hash_key(c), c->msg->call_id);
}

/* ---- did ---- */

static void write_reversed(struct buf *out, uint32_t n)
{
    do {
        buf_char(out, "0123456789abcdef"[n & 15]);
        n >>= 4;
    } while (n);
}

void dialog_write_did(struct buf *out, const struct dialog *d)
{
    write_reversed(out, d->entry);
    buf_char(out, '.');
    write_reversed(out, d->id);
}

static bool read_reversed(struct str s, uint32_t *out)
{
    *out = 0;
    if (s.len == 0 || s.len > 8)
        return false;
    for (size_t i = s.len; i-- > 0;) {
        int digit = ascii_hex(s.p[i]);
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

bool dialog_read_did(struct str text, uint32_t *entry, uint32_t *id)
{
    struct str first;
    return str_cut(&first, &text, '.') && read_reversed(first, entry) && read_reversed(text, id);
}

/* ---- making ---- */

bool dialog_keep(struct dialog *d, struct str *out, struct str text)
{
    if (text.len > DLG_TEXT_MAX || arena_size(&d->memory) > 4 * DLG_TEXT_MAX)
        return false;
    struct str copy = arena_dup(&d->memory, text);
    if (copy.p)
        *out = copy;
    return copy.p != NULL;
}

/* The one Contact's URI; empty when there is none, or more than one. */
static struct str only_contact(const struct msg *m)
{
    struct value_iter it = {0};
    struct nameaddr n;
    if (!msg_value_next(m, HDR_CONTACT, &it) || nameaddr_parse(&n, it.text) != ERR_OK ||
        msg_value_next(m, HDR_CONTACT, &it))
        return STR_NONE;
    return n.uri;
}

/* Record-Route of the INVITE, as it came: the way back to the caller. */
static struct str routes_of(const struct call *c)
{
    struct value_iter it = {0};
    struct buf b;
    buf_init(&b, c->arena, 128);
    while (msg_value_next(c->msg, HDR_RECORD_ROUTE, &it)) {
        buf_add(&b, b.len ? STR(",") : STR_NONE);
        buf_add(&b, it.text);
    }
    return buf_str(&b);
}

static bool fill(struct dialog *d, struct call *c, struct str contact)
{
    const struct nameaddr *from = call_from(c), *to = call_to(c);
    struct dlg_party *caller = &d->party[CALLER], *callee = &d->party[CALLEE];
    caller->cseq = c->msg->cseq;
    caller->socket = (int16_t)c->msg->socket;
    callee->socket = NO_SOCKET;
    return from && to && dialog_keep(d, &d->call_id, c->msg->call_id) &&
           dialog_keep(d, &caller->uri, from->uri) && dialog_keep(d, &callee->uri, to->uri) &&
           dialog_keep(d, &caller->tag, c->msg->from_tag) &&
           dialog_keep(d, &caller->contact, contact) &&
           dialog_keep(d, &caller->routes, routes_of(c));
}

static uint32_t lowest_power(int32_t n)
{
    uint32_t p = 1;
    while (p * 2 <= (uint32_t)n)
        p *= 2;
    return p;
}

struct dialog *dialog_new(struct call *c)
{
    const struct dialog_conf *conf = call_conf(c, &dialog_module);
    struct dialog_worker *w = worker_of(c);
    struct str contact = only_contact(c->msg);
    struct arena memory;
    if (!w || contact.len == 0)
        return NULL;
    arena_init_tight(&memory, NULL, MEMORY);
    struct dialog *d = arena_zalloc(&memory, sizeof *d);
    if (!d)
        return NULL;
    d->memory = memory;
    d->worker = w;
    d->state = DLG_UNCONFIRMED;
    d->entry = (uint32_t)call_hash(c) & (lowest_power(conf->hash_size) - 1);
    d->id = (uint32_t)call_random(c) & INT32_MAX; /* columns of tables may have a sign */
    if (!fill(d, c, contact)) {
        memory = d->memory;
        arena_reset(&memory);
        return NULL;
    }
    htable_insert(&w->table, &d->node, call_hash(c));
    return d;
}

void dialog_free(struct dialog *d)
{
    struct arena memory = d->memory;
    profile_unlink_all(d->worker->state->profiles, d);
    htable_remove(&d->worker->table, &d->node);
    arena_reset(&memory);
}

/* ---- finding ---- */

static struct dialog *next_of_call(const struct call *c, struct hnode *n)
{
    for (; n; n = htable_next(n)) {
        struct dialog *d = container_of(n, struct dialog, node);
        if (str_eq(d->call_id, c->msg->call_id))
            return d;
    }
    return NULL;
}

struct dialog *dialog_by_did(struct call *c, uint32_t entry, uint32_t id)
{
    struct dialog_worker *w = worker_of(c);
    struct dialog *d = w ? next_of_call(c, htable_first(&w->table, call_hash(c))) : NULL;
    while (d && (d->entry != entry || d->id != id))
        d = next_of_call(c, htable_next(&d->node));
    return d;
}

struct dialog *dialog_known(struct dialog_worker *w, struct hash_key key, struct str call_id,
                            uint32_t entry, uint32_t id)
{
    struct hnode *n = htable_first(&w->table, hash_str(key, call_id));
    for (; n; n = htable_next(n)) {
        struct dialog *d = container_of(n, struct dialog, node);
        if (d->entry == entry && d->id == id && str_eq(d->call_id, call_id))
            return d;
    }
    return NULL;
}

/* A tag that is not known yet, the callee's before an answer, fits any. */
static bool tags_fit(const struct dialog *d, enum side from, const struct msg *m)
{
    const struct str *mine = &d->party[from].tag, *other = &d->party[!from].tag;
    return (mine->len == 0 || str_eq(*mine, m->from_tag)) &&
           (other->len == 0 || str_eq(*other, m->to_tag));
}

bool dialog_side(const struct dialog *d, const struct msg *m, enum side *from)
{
    *from = CALLER;
    if (tags_fit(d, CALLER, m))
        return true;
    *from = CALLEE;
    return tags_fit(d, CALLEE, m);
}

struct dialog *dialog_by_tags(struct call *c, enum side *from)
{
    struct dialog_worker *w = worker_of(c);
    struct dialog *d = w ? next_of_call(c, htable_first(&w->table, call_hash(c))) : NULL;
    while (d && !dialog_side(d, c->msg, from))
        d = next_of_call(c, htable_next(&d->node));
    return d;
}

/* ---- states ---- */

static void count_state(struct dialog *d, struct engine *e, int n)
{
    if (d->state == DLG_EARLY)
        engine_count_stat(e, &dialog_module, STAT_EARLY, n);
    if (dialog_answered(d)) {
        engine_count_stat(e, &dialog_module, STAT_ACTIVE, n);
        atomic_fetch_add(&d->worker->state->active, n);
    }
}

void dialog_enter(struct dialog *d, struct engine *e, enum dlg_state state)
{
    count_state(d, e, -1);
    if (state == DLG_UNACKED && !d->start)
        d->start = engine_time(e);
    d->state = (uint8_t)state;
    count_state(d, e, 1);
    dialog_changed(d, e);
}

void dialog_changed(struct dialog *d, struct engine *e)
{
    struct dialog_store *store = d->worker->state->store;
    if (store)
        store_note(store, d, e);
}

/* Its lifetime is over: nothing is sent, it is only forgotten, as in the reference. */
static void expired(struct timer *t, void *ctx)
{
    struct dialog *d = container_of(t, struct dialog, timer);
    struct engine *e = ctx;
    log_info("dialog: %.*s is forgotten after %u s", STR_ARG(d->call_id), d->lifetime);
    engine_count_stat(e, &dialog_module, STAT_EXPIRED, 1);
    dialog_enter(d, e, DLG_DELETED);
    dialog_free(d);
}

void dialog_arm(struct dialog *d, struct engine *e)
{
    struct loop *l = engine_loop(e);
    d->until = engine_time(e) + d->lifetime;
    wheel_arm(l->wheel, &d->timer, l->now + (uint64_t)d->lifetime * 1000, expired);
}
