/* The contacts of one address of record: keeping them small, in order, and by the rules of a
 * registrar (RFC 3261 10.3, MODULES 1.5). */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/record.h"

#include <stdlib.h>

/* ---- one contact ----------------------------------------------------------------------------- */

static bool fits(const struct ucontact *c)
{
    return c->uri.len <= USRLOC_TEXT_MAX && c->received.len <= USRLOC_TEXT_MAX &&
           c->path.len <= USRLOC_PATH_MAX && c->call_id.len <= USRLOC_TEXT_MAX &&
           c->user_agent.len <= USRLOC_TEXT_MAX && c->instance.len <= USRLOC_TEXT_MAX;
}

static struct binding *binding_new(const struct ucontact *c, uint32_t now)
{
    const struct str text[TEXT_COUNT] = {
        [TEXT_URI] = c->uri,         [TEXT_RECEIVED] = c->received, [TEXT_PATH] = c->path,
        [TEXT_CALL_ID] = c->call_id, [TEXT_AGENT] = c->user_agent,  [TEXT_INSTANCE] = c->instance};
    size_t size = 0;
    for (unsigned i = 0; i < TEXT_COUNT; i++)
        size += text[i].len;
    struct binding *b = malloc(sizeof *b + size);
    if (!b)
        return NULL;
    *b = (struct binding){.expires = c->expires,
                          .modified = now,
                          .cseq = c->cseq,
                          .methods = c->methods,
                          .cflags = c->cflags,
                          .reg_id = c->reg_id,
                          .q = c->q,
                          .socket = c->socket,
                          .flags = c->flags};
    char *at = b->text;
    for (unsigned i = 0; i < TEXT_COUNT; i++) {
        b->len[i] = (uint16_t)text[i].len;
        if (text[i].len)
            memcpy(at, text[i].p, text[i].len);
        at += text[i].len;
    }
    return b;
}

size_t binding_text_len(const struct binding *b)
{
    size_t n = 0;
    for (unsigned i = 0; i < TEXT_COUNT; i++)
        n += b->len[i];
    return n;
}

void binding_view(struct ucontact *out, const struct binding *b, const char *text)
{
    struct str s[TEXT_COUNT];
    for (unsigned i = 0; i < TEXT_COUNT; i++) {
        s[i] = str_make(text, b->len[i]);
        text += b->len[i];
    }
    *out = (struct ucontact){.uri = s[TEXT_URI],
                             .received = s[TEXT_RECEIVED],
                             .path = s[TEXT_PATH],
                             .call_id = s[TEXT_CALL_ID],
                             .user_agent = s[TEXT_AGENT],
                             .instance = s[TEXT_INSTANCE],
                             .reg_id = b->reg_id,
                             .expires = b->expires,
                             .modified = b->modified,
                             .cseq = b->cseq,
                             .methods = b->methods,
                             .cflags = b->cflags,
                             .flags = b->flags,
                             .q = b->q,
                             .socket = b->socket};
}

/* r holds b from now on. */
static void note_expiry(struct record *r, const struct binding *b)
{
    if (b->expires && b->expires < r->earliest)
        r->earliest = b->expires;
}

static struct str binding_call_id(const struct binding *b)
{
    size_t before = (size_t)b->len[TEXT_URI] + b->len[TEXT_RECEIVED] + b->len[TEXT_PATH];
    return str_make(b->text + before, b->len[TEXT_CALL_ID]);
}

static struct str binding_instance(const struct binding *b)
{
    size_t len = b->len[TEXT_INSTANCE];
    return str_make(b->text + binding_text_len(b) - len, len); /* the last one */
}

/* ---- the record ------------------------------------------------------------------------------ */

struct record *record_new(struct str aor)
{
    struct record *r = malloc(sizeof *r + aor.len);
    if (!r)
        return NULL;
    *r = (struct record){.aor_len = (uint16_t)aor.len, .earliest = UINT32_MAX};
    if (aor.len)
        memcpy(r->aor, aor.p, aor.len);
    return r;
}

void record_free(struct record *r)
{
    for (struct binding *b = r->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(r);
}

void free_binding(struct binding *b)
{
    free(b);
}

const struct binding *record_find(const struct record *r, struct str uri, struct str call_id)
{
    for (const struct binding *b = r->first; b; b = b->next)
        if (str_eq(binding_uri(b), uri) &&
            (call_id.len == 0 || str_eq(binding_call_id(b), call_id)))
            return b;
    return NULL;
}

int record_load(struct record *r, const struct ucontact *c, bool match_call_id)
{
    if (!fits(c) || r->count >= USRLOC_CONTACTS_MAX)
        return ERR_LIMIT;
    if (record_find(r, c->uri, match_call_id ? c->call_id : STR_NONE))
        return ERR_EXISTS;
    struct binding *b = binding_new(c, c->modified);
    if (!b)
        return ERR_NOMEM;
    struct binding **at = &r->first;
    while (*at && (*at)->q >= b->q)
        at = &(*at)->next;
    b->next = *at;
    *at = b;
    r->count++;
    note_expiry(r, b);
    return ERR_OK;
}

int record_copy(const struct record *r, uint32_t now, struct arena *a, struct ucontacts *out)
{
    unsigned n = 0;
    size_t bytes = 0;
    for (const struct binding *b = r->first; b; b = b->next)
        if (binding_live(b, now)) {
            n++;
            bytes += binding_text_len(b);
        }
    if (!n || !out)
        return n ? ERR_OK : ERR_NOTFOUND;
    struct ucontact *v = arena_alloc(a, n * sizeof *v + bytes);
    if (!v)
        return ERR_NOMEM;
    *out = (struct ucontacts){v, n};
    char *text = (char *)(v + n);
    for (const struct binding *b = r->first; b; b = b->next) {
        if (!binding_live(b, now))
            continue;
        size_t len = binding_text_len(b);
        memcpy(text, b->text, len);
        binding_view(v++, b, text);
        text += len;
    }
    return ERR_OK;
}

void record_sort_by_age(struct record *r)
{
    struct binding *rest = r->first;
    r->first = NULL;
    while (rest) {
        struct binding *b = rest, **at = &r->first;
        rest = b->next;
        while (*at && (*at)->modified >= b->modified)
            at = &(*at)->next;
        b->next = *at;
        *at = b;
    }
}

unsigned record_expire(struct record *r, uint32_t now,
                       void (*gone)(void *arg, const struct binding *b), void *arg)
{
    unsigned n = 0;
    if (r->earliest > now)
        return 0;
    r->earliest = UINT32_MAX;
    for (struct binding **at = &r->first; *at;) {
        struct binding *b = *at;
        if (binding_live(b, now)) {
            note_expiry(r, b);
            at = &b->next;
            continue;
        }
        *at = b->next;
        gone(arg, b);
        free(b);
        n++;
    }
    r->count = (uint16_t)(r->count - n);
    return n;
}

/* ---- planning a change --------------------------------------------------------------------------
 *
 * The list is worked on as an array of pointers, so that a refusal half way leaves nothing behind:
 * RFC 3261 10.3 wants all changes of a REGISTER or none. */

static int plan_begin(struct plan *p, struct arena *a, const struct record *r,
                      const struct usrloc_update *u, const struct record_rules *rules)
{
    *p = (struct plan){.cap = r->count + u->change.n};
    p->item = arena_alloc(a, (p->cap + 1) * sizeof *p->item);
    p->gone = arena_alloc(a, (p->cap + 1) * sizeof *p->gone);
    if (!p->item || !p->gone)
        return ERR_NOMEM;
    for (struct binding *b = r->first; b; b = b->next) {
        if (u->clear || !binding_live(b, rules->now))
            p->gone[p->gones++] = (struct plan_gone){b, false};
        else
            p->item[p->n++] = (struct plan_item){b, PLAN_KEPT};
    }
    return ERR_OK;
}

/* Whether a contact has the name by which it is stored. A flow may have taken another. */
static bool same_name(const struct binding *b, const struct ucontact *c,
                      const struct record_rules *rules)
{
    return str_eq(binding_uri(b), c->uri) &&
           (!rules->match_call_id || str_eq(binding_call_id(b), c->call_id));
}

/* Where the flow of that instance and reg-id stands in the list, or -1 (RFC 5626 6). */
static int plan_find_flow(const struct plan *p, const struct ucontact *c)
{
    for (unsigned i = 0; ucontact_is_flow(c) && i < p->n; i++)
        if (p->item[i].b->reg_id == c->reg_id &&
            str_eq(binding_instance(p->item[i].b), c->instance))
            return (int)i;
    return -1;
}

/* Where the contact stands in the list, or -1. URIs are compared byte by byte. */
static int plan_find(const struct plan *p, const struct ucontact *c,
                     const struct record_rules *rules)
{
    for (unsigned i = 0; i < p->n; i++)
        if (same_name(p->item[i].b, c, rules))
            return (int)i;
    return -1;
}

static void plan_take_out(struct plan *p, unsigned at)
{
    memmove(&p->item[at], &p->item[at + 1], (p->n - at - 1) * sizeof *p->item);
    p->n--;
}

/* Puts an item where its q or its age wants it: behind those of equal q. */
static void plan_put(struct plan *p, struct plan_item item, const struct record_rules *rules)
{
    unsigned at = 0;
    while (!rules->newest_first && at < p->n && p->item[at].b->q >= item.b->q)
        at++;
    memmove(&p->item[at + 1], &p->item[at], (p->n - at) * sizeof *p->item);
    p->item[at] = item;
    p->n++;
}

/* Takes away a contact that the record holds. */
static void plan_remove(struct plan *p, unsigned at)
{
    p->gone[p->gones++] = (struct plan_gone){p->item[at].b, false};
    plan_take_out(p, at);
}

/* A contact as a change of these rules enters it. */
static struct binding *plan_binding(const struct ucontact *c, const struct record_rules *rules)
{
    struct binding *b = binding_new(c, rules->stored ? c->modified : rules->now);
    if (b && rules->claim)
        b->source = rules->claim->slot;
    return b;
}

static int plan_insert(struct plan *p, const struct ucontact *c, const struct record_rules *rules)
{
    struct binding *b = plan_binding(c, rules);
    if (!b)
        return ERR_NOMEM;
    plan_put(p, (struct plan_item){b, PLAN_INSERTED}, rules);
    p->inserted++;
    return ERR_OK;
}

/* Whether item at stands right between its neighbours. */
static bool in_place(const struct plan *p, unsigned at, const struct record_rules *rules)
{
    if (rules->newest_first)
        return at == 0;
    int16_t q = p->item[at].b->q;
    return (at == 0 || p->item[at - 1].b->q >= q) && (at + 1 == p->n || p->item[at + 1].b->q <= q);
}

static int plan_refresh(struct plan *p, unsigned at, const struct ucontact *c,
                        const struct record_rules *rules)
{
    struct binding *b = plan_binding(c, rules);
    if (!b)
        return ERR_NOMEM;
    bool same = same_name(p->item[at].b, c, rules);
    p->gone[p->gones++] = (struct plan_gone){p->item[at].b, same};
    p->item[at] = (struct plan_item){b, same ? PLAN_UPDATED : PLAN_INSERTED};
    if (!in_place(p, at, rules)) {
        struct plan_item moved = p->item[at];
        plan_take_out(p, at);
        plan_put(p, moved, rules);
    }
    return ERR_OK;
}

/* The CSeq rule for a contact that is known: ERR_OK to go on, ERR_EXISTS for a retransmission,
 * ERR_STATE for a request that comes too late. */
static int judge_cseq(const struct binding *b, const struct ucontact *c,
                      const struct record_rules *rules)
{
    if (rules->any_cseq || !str_eq(binding_call_id(b), c->call_id) || c->cseq > b->cseq)
        return ERR_OK;
    if (c->cseq < b->cseq)
        return ERR_STATE;
    return (uint64_t)b->modified + rules->cseq_delay > rules->now ? ERR_EXISTS : ERR_STATE;
}

/* The contact that a change is about: the flow, whose URI may be another now, else by its URI. A
 * second one that has the flow's new URI makes room for it. */
static int plan_meant(struct plan *p, const struct ucontact *c, const struct record_rules *rules)
{
    int flow = plan_find_flow(p, c), same = plan_find(p, c, rules);
    if (flow < 0 || same < 0 || flow == same || p->item[same].state != PLAN_KEPT || c->remove)
        return flow >= 0 ? flow : same;
    plan_remove(p, (unsigned)same);
    return flow > same ? flow - 1 : flow;
}

static int plan_one(struct plan *p, const struct ucontact *c, const struct record_rules *rules)
{
    int at = plan_meant(p, c, rules);
    if (at < 0)
        return c->remove ? ERR_OK : fits(c) ? plan_insert(p, c, rules) : ERR_LIMIT;
    if (p->item[at].state != PLAN_KEPT)
        return ERR_OK; /* named twice in one update: the first one counts */
    int rc = judge_cseq(p->item[at].b, c, rules);
    if (rc != ERR_OK)
        return rc == ERR_EXISTS ? ERR_OK : rc;
    if (c->remove) {
        plan_remove(p, (unsigned)at);
        return ERR_OK;
    }
    return fits(c) ? plan_refresh(p, (unsigned)at, c, rules) : ERR_LIMIT;
}

int plan_make(struct plan *p, struct arena *a, const struct record *r,
              const struct usrloc_update *u, const struct record_rules *rules)
{
    int rc = plan_begin(p, a, r, u, rules);
    for (unsigned i = 0; rc == ERR_OK && i < u->change.n; i++)
        rc = plan_one(p, &u->change.v[i], rules);
    if (rc == ERR_OK && p->inserted && p->n > rules->max)
        rc = ERR_LIMIT;
    if (rc != ERR_OK)
        plan_drop(p);
    return rc;
}

void plan_commit(struct plan *p, struct record *r)
{
    struct binding **at = &r->first;
    r->earliest = UINT32_MAX;
    for (unsigned i = 0; i < p->n; i++) {
        *at = p->item[i].b;
        note_expiry(r, p->item[i].b);
        at = &p->item[i].b->next;
    }
    *at = NULL;
    r->count = (uint16_t)p->n;
}

void plan_drop(struct plan *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->item[i].state != PLAN_KEPT)
            free(p->item[i].b);
    p->n = 0;
}
