/* The network of a world: links, what goes wrong on them, who is at an address. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/sim/world_priv.h"

enum { KIND_BITS = 6, REORDER_BY = 100, CHANCES = 10000 };

static const struct hash_key kind_key = {0x5349474e414c, 0x424f58};

/* ---- what a packet is ---- */

static struct str cseq_method(struct str bytes)
{
    struct str line, rest = bytes;
    while (str_cut(&line, &rest, '\n')) {
        if (line.len < 5 || ascii_lower(line.p[0]) != 'c' || !str_istarts(line, STR("CSeq:"))) {
            if (line.len <= 1)
                break; /* end of the headers */
            continue;
        }
        struct str value = str_trim(str_sub(line, 5, line.len));
        ptrdiff_t blank = str_find(value, ' ', 0);
        return blank < 0 ? STR_NONE : str_trim(str_sub(value, (size_t)blank, value.len));
    }
    return STR_NONE;
}

static bool is_method(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_alpha(s.p[i]))
            return false;
    return s.len > 0 && s.len <= 20;
}

void packet_what(char *out, size_t cap, struct str bytes)
{
    struct str method = str_sub(bytes, 0, (size_t)(str_find(bytes, ' ', 0) + 1));
    if (cap)
        out[0] = 0;
    if (str_starts(bytes, STR("SIP/2.0 ")) && bytes.len > 11) {
        method = cseq_method(bytes);
        if (is_method(method))
            snprintf(out, cap, "%.3s %.*s", bytes.p + 8, STR_ARG(method));
        return;
    }
    method = str_trim(method);
    if (is_method(method))
        snprintf(out, cap, "%.*s", STR_ARG(method));
}

/* ---- links ---- */

static bool end_matches(bool any, const struct addr *rule, const struct addr *a)
{
    return any || (ip_eq(&rule->ip, &a->ip) && (rule->port == 0 || rule->port == a->port));
}

static const struct link *link_of(const struct world *w, const struct addr *from,
                                  const struct addr *to)
{
    static const struct link plain = {.delay = 1};
    for (const struct rule *r = w->rules; r; r = r->next)
        if (end_matches(r->any_from, &r->from, from) && end_matches(r->any_to, &r->to, to))
            return &r->link;
    return &plain;
}

static bool end_same(bool any, const struct addr *rule, const struct addr *a)
{
    return any ? a == NULL : a && ip_eq(&rule->ip, &a->ip) && rule->port == a->port;
}

void world_unlink(struct world *w, const struct addr *from, const struct addr *to)
{
    for (struct rule **at = &w->rules, *r; (r = *at) != NULL;)
        if (end_same(r->any_from, &r->from, from) && end_same(r->any_to, &r->to, to)) {
            *at = r->next;
            free(r);
        } else {
            at = &r->next;
        }
}

int world_link(struct world *w, const struct addr *from, const struct addr *to,
               const struct link *l)
{
    world_unlink(w, from, to);
    struct rule *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    *r = (struct rule){.next = w->rules, .any_from = !from, .any_to = !to, .link = *l};
    if (from)
        r->from = *from;
    if (to)
        r->to = *to;
    w->rules = r;
    return ERR_OK;
}

/* ---- mishaps ---- */

/* What names a packet but for its number among its like. */
uint64_t network_kind(const struct addr *from, const struct addr *to, const char *what)
{
    uint8_t text[2 * sizeof from->ip.b + 8 + MISHAP_TEXT] = {0}, *at = text;
    const struct addr *ends[] = {from, to};
    for (unsigned i = 0; i < 2; i++) {
        *at++ = ends[i]->ip.family;
        memcpy(at, ends[i]->ip.b, sizeof from->ip.b);
        at += sizeof from->ip.b;
        *at++ = (uint8_t)(ends[i]->port >> 8);
        *at++ = (uint8_t)ends[i]->port;
    }
    size_t n = strlen(what);
    memcpy(at, what, n);
    return hash_bytes(kind_key, text, (size_t)(at - text) + n);
}

/* Counts one more of a kind. */
static uint32_t next_of_kind(struct world *w, uint64_t kind)
{
    struct hnode *n = htable_first(&w->kinds, kind);
    struct kind_count *k = n ? container_of(n, struct kind_count, node) : NULL;
    if (!k) {
        k = arena_zalloc(&w->arena, sizeof *k);
        if (!k)
            return 1;
        htable_insert(&w->kinds, &k->node, kind);
    }
    return ++k->n;
}

/* A packet about to be sent, and the chances it has. */
struct sending {
    struct world *w;
    const struct packet *packet;
    const struct link *link;
    uint64_t kind, dice;
    struct mishap id; /* but for its kind and ms */
};

static void note(struct sending *s, enum mishap_kind kind, uint32_t ms)
{
    struct mishap m = s->id;
    m.kind = kind;
    m.ms = ms;
    mishap_note(s->w, &m);
}

static uint32_t draw(struct sending *s, uint32_t n)
{
    return n ? (uint32_t)((splitmix(&s->dice) >> 32) * n >> 32) : 0;
}

/* Whether a mishap befalls the packet, and its ms. chance and most say how likely it is, and the
 * most that ms may be drawn to, where nothing is planned. */
static bool befalls(struct sending *s, enum mishap_kind kind, uint32_t chance, uint32_t most,
                    uint32_t *ms)
{
    uint32_t luck = draw(s, CHANCES), value = draw(s, most) + 1;
    bool planned = mishap_planned(s->w, kind, s->kind, s->id.nth, ms);
    if (!planned)
        *ms = value;
    if (!planned && (s->w->planned_only || luck >= chance))
        return false;
    note(s, kind, *ms);
    return true;
}

/* ---- arrival ---- */

static void tell(struct world *w, const struct packet *p, enum packet_fate fate)
{
    for (struct observer *o = w->observers, *next; o; o = next) {
        next = o->next;
        if (o->packet)
            o->packet(o->user, p, fate);
    }
}

static void lose(struct world *w, struct packet *p, const char *why)
{
    w->count.lost++;
    p->why = why;
    tell(w, p, PACKET_LOST);
}

static struct endpoint *endpoint_at(const struct world *w, const struct addr *a)
{
    struct endpoint *e = w->endpoints;
    while (e && !addr_eq(&e->at, a))
        e = e->next;
    return e;
}

static bool is_ours(const struct world *w, const struct addr *a)
{
    for (unsigned i = 0; i < w->shared.n_sockets; i++)
        if (addr_eq(&w->shared.sockets[i].addr, a))
            return true;
    return false;
}

static void arrives(struct world *w, struct happening *h)
{
    struct flying *f = container_of(h, struct flying, arrival);
    struct packet *p = &f->packet;
    struct endpoint *e = endpoint_at(w, &p->dst);
    if (e && !e->down) {
        w->count.delivered++;
        tell(w, p, PACKET_DELIVERED);
        e->receive(e->user, p);
    } else if (!e && is_ours(w, &p->dst)) {
        w->count.delivered++;
        tell(w, p, PACKET_DELIVERED);
        nodes_receive(w, f); /* keeps it */
        return;
    } else {
        bool refused = e && e->refuses;
        lose(w, p, refused ? "refused" : "nobody there");
        if (refused && p->from_engine)
            nodes_refused(w, f);
    }
    free(f);
}

/* ---- departure ---- */

static struct flying *flying_new(const struct packet *p)
{
    struct flying *f = malloc(sizeof *f + p->bytes.len + 1);
    if (!f)
        return NULL;
    *f = (struct flying){.packet = *p};
    if (p->bytes.len)
        memcpy(f->bytes, p->bytes.p, p->bytes.len);
    f->bytes[p->bytes.len] = 0;
    f->packet.bytes = str_make(f->bytes, p->bytes.len);
    return f;
}

/* What was sent is kept for observers: their rules are about that. */
static void mark_damaged(struct sending *s, struct flying *f)
{
    f->packet.damaged = true;
    f->packet.original = arena_dup(&s->w->arena, s->packet->bytes);
}

static void damage(struct sending *s, struct flying *f)
{
    uint32_t n, len = (uint32_t)f->packet.bytes.len;
    if (befalls(s, MISHAP_TRUNCATE, s->link->truncate, len, &n) && n < len) {
        f->packet.bytes.len = n;
        mark_damaged(s, f);
    }
    len = (uint32_t)f->packet.bytes.len;
    if (befalls(s, MISHAP_FLIP, s->link->flip, 8 * len, &n) && n / 8 < len) {
        f->bytes[n / 8] ^= (char)(1 << n % 8);
        mark_damaged(s, f);
    }
}

static int take_off(struct sending *s, int worker, uint32_t delay, bool copy)
{
    struct world *w = s->w;
    struct flying *f = flying_new(s->packet);
    if (!f)
        return ERR_NOMEM;
    f->worker = worker < 0 ? 0 : (unsigned)worker;
    f->packet.copy = copy;
    f->packet.due = w->now + delay;
    if (!copy)
        damage(s, f);
    return world_at(w, &f->arrival, f->packet.due, arrives);
}

/* How much later than usual it comes by jitter and by being reordered, where nothing is planned. */
static uint32_t lateness(struct sending *s)
{
    const struct link *l = s->link;
    uint32_t jitter = draw(s, l->jitter + 1), luck = draw(s, CHANCES);
    uint32_t reordered = draw(s, l->reorder_by ? l->reorder_by : REORDER_BY) + 1;
    return jitter + (luck < l->reorder ? reordered : 0);
}

/* What the link makes of the packet. */
static int travel(struct sending *s, struct packet *p, int worker)
{
    const struct link *l = s->link;
    uint32_t more = 0, ms = 0;
    if (l->cut || (l->mtu && p->bytes.len > l->mtu)) {
        lose(s->w, p, l->cut ? "cut" : "too large");
        return ERR_OK;
    }
    if (befalls(s, MISHAP_LOSS, l->loss, 1, &ms)) {
        lose(s->w, p, "loss");
        return ERR_OK;
    }
    uint32_t late = lateness(s);
    if (befalls(s, MISHAP_DELAY, late ? CHANCES : 0, late, &ms))
        more = ms;
    int rc = take_off(s, worker, l->delay + more, false);
    if (befalls(s, MISHAP_DUPLICATE, l->duplicate, 2 * (l->delay + l->jitter + 1), &ms)) {
        s->w->count.copied++;
        take_off(s, worker, l->delay + more + ms, true);
    }
    return rc;
}

int network_send(struct world *w, const struct addr *src, const struct addr *dst, struct str bytes,
                 int worker, unsigned socket)
{
    struct packet p = {.number = ++w->packets,
                       .sent = w->now,
                       .due = w->now,
                       .src = *src,
                       .dst = *dst,
                       .socket = (uint16_t)socket,
                       .from_engine = worker >= 0,
                       .bytes = bytes};
    struct sending s = {.w = w, .packet = &p};
    s.id = (struct mishap){.from = *src, .to = *dst};
    packet_what(s.id.what, sizeof s.id.what, bytes);
    s.kind = network_kind(src, dst, s.id.what);
    s.id.nth = next_of_kind(w, s.kind);
    uint64_t mixed = w->seed + s.kind;
    s.dice = splitmix(&mixed) + s.id.nth * 0xff51afd7ed558ccdu;
    w->count.sent++;
    tell(w, &p, PACKET_SENT);
    s.link = link_of(w, src, dst); /* who was told may have changed it */
    return travel(&s, &p, worker);
}

int world_send(struct world *w, const struct addr *src, const struct addr *dst, struct str bytes)
{
    return network_send(w, src, dst, bytes, -1, 0);
}

/* ---- endpoints ---- */

int world_attach(struct world *w, struct endpoint *e)
{
    if (endpoint_at(w, &e->at) || is_ours(w, &e->at))
        return ERR_EXISTS;
    e->next = w->endpoints;
    w->endpoints = e;
    return ERR_OK;
}

void world_detach(struct world *w, struct endpoint *e)
{
    for (struct endpoint **at = &w->endpoints; *at; at = &(*at)->next)
        if (*at == e) {
            *at = e->next;
            return;
        }
}

/* ---- birth and death ---- */

int network_init(struct world *w)
{
    return htable_init(&w->kinds, KIND_BITS);
}

/* Packets are the only happenings that are ours and still planned: others belong to their owners.
 */
void network_free(struct world *w)
{
    for (size_t i = 0; i < w->planned; i++)
        if (w->heap[i]->act == arrives || w->heap[i]->act == node_handed_over)
            free(container_of(w->heap[i], struct flying, arrival));
        else
            w->heap[i]->slot = 0;
    for (struct rule *r = w->rules, *next; r; r = next) {
        next = r->next;
        free(r);
    }
    htable_free(&w->kinds);
}
