/* The checker: it watches, keeps records, and looks at what is left at the end. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/module.h"
#include "core/proxy/engine_priv.h"
#include "core/sim/check_priv.h"

enum { TABLE_BITS = 8, MOST_FOR_ONE = 64 };

static const struct hash_key plain_key = {3, 4};

static const struct {
    const char *name, *means, *source;
} rules[] = {
#define RULE(id, name, means, source) {name, means, source},
#include "core/sim/rules.def"
#undef RULE
};

uint64_t check_hash(struct str s)
{
    return hash_str(plain_key, s);
}

void check_broken(struct check *c, enum rule_id rule, const char *fmt, ...)
{
    va_list ap;
    if ((c->only_rest && rule < RULE_ALIVE) || c->violations++ >= CHECK_KEPT)
        return;
    struct violation *v = &c->kept[c->violations - 1];
    v->rule = rules[rule].name;
    v->means = rules[rule].means;
    v->source = rules[rule].source;
    v->at = check_now(c);
    v->packet = c->packet ? c->packet->number : 0;
    va_start(ap, fmt);
    vsnprintf(v->text, sizeof v->text, fmt, ap);
    va_end(ap);
}

void check_only_rest(struct check *c, bool on)
{
    c->only_rest = on;
}

unsigned check_violations(const struct check *c, const struct violation **v)
{
    if (v)
        *v = c->kept;
    return c->violations;
}

uint64_t check_transactions(const struct check *c)
{
    return c->transactions;
}

/* ---- records ---- */

static uint64_t up_hash(const struct via *via, uint32_t method)
{
    uint64_t h = hash_mix(check_hash(via->branch), check_hash(via->host));
    return hash_mix(hash_mix(h, via->port), method == METHOD_ACK ? METHOD_INVITE : method);
}

struct up *up_find(struct check *c, const struct via *via, uint32_t method)
{
    struct hnode *n = htable_first(&c->ups, up_hash(via, method));
    return n ? container_of(n, struct up, node) : NULL;
}

static uint64_t down_hash(struct str branch, uint32_t method)
{
    return hash_mix(check_hash(branch), method);
}

struct down *down_find(struct check *c, struct str branch, uint32_t method)
{
    struct hnode *n = htable_first(&c->downs, down_hash(branch, method));
    return n ? container_of(n, struct down, node) : NULL;
}

uint64_t check_call_key(const struct msg *m)
{
    return hash_mix(hash_mix(check_hash(m->call_id), m->cseq), check_hash(m->from_tag));
}

uint64_t check_dialog_key(const struct msg *m)
{
    return hash_mix(check_call_key(m), check_hash(m->to_tag));
}

uint64_t check_unknown(const struct msg *m)
{
    uint64_t h = 0;
    for (unsigned i = 0; i < m->count; i++)
        if (str_starts(m->hdr[i].name, STR("X-Through")))
            h = hash_mix(h, check_hash(m->hdr[i].line));
    return h;
}

unsigned check_vias(const struct msg *m)
{
    struct value_iter it = {0};
    unsigned n = 0;
    while (msg_value_next(m, HDR_VIA, &it))
        n++;
    return n;
}

int check_hops(const struct msg *m)
{
    const struct hdr *h = msg_header(m, HDR_MAX_FORWARDS);
    uint32_t n;
    return h && str_u32(&n, h->value, 255) == ERR_OK ? (int)n : -1;
}

static struct up *up_new(struct check *c, const struct msg *m)
{
    struct up *u = malloc(sizeof *u);
    if (!u)
        return NULL;
    *u = (struct up){.src = c->packet->src,
                     .method = m->method,
                     .call = check_call_key(m),
                     .opened = check_now(c),
                     .repeated = NEVER,
                     .trying = NEVER,
                     .negative = NEVER,
                     .success = NEVER,
                     .acked = NEVER,
                     .cancelled = NEVER,
                     .body = check_hash(m->body),
                     .unknown = check_unknown(m),
                     .hops = check_hops(m),
                     .vias = check_vias(m)};
    htable_insert(&c->ups, &u->node, up_hash(&m->via, m->method));
    list_append(&c->up_list, &u->link);
    c->transactions++;
    return u;
}

static void up_free(struct check *c, struct up *u)
{
    for (unsigned i = 0; i < u->successes; i++)
        htable_remove(&c->successes, &u->went_up[i].node);
    for (struct down *d = u->first, *next; d; d = next) {
        next = d->next;
        htable_remove(&c->downs, &d->node);
        free(d);
    }
    htable_remove(&c->ups, &u->node);
    list_remove(&u->link);
    free(u);
}

/* Looks back at a transaction and forgets it. */
static void up_ends(struct check *c, struct up *u)
{
    rules_up_ends(c, u);
    for (struct down *d = u->first; d; d = d->next)
        rules_down_ends(c, d);
    up_free(c, u);
}

/* The transaction a request of ours is for: by the Via below ours. */
static struct up *up_of_request(struct check *c, const struct msg *m, struct via *below)
{
    struct value_iter it = {0};
    if (!msg_value_next(m, HDR_VIA, &it) || !msg_value_next(m, HDR_VIA, &it) ||
        via_parse(below, it.text) != ERR_OK)
        return NULL;
    return up_find(c, below, m->method);
}

static struct down *down_new(struct check *c, const struct msg *m, struct up *u)
{
    struct down *d = malloc(sizeof *d);
    if (!d)
        return NULL;
    *d = (struct down){.up = u,
                       .next = u ? u->first : NULL,
                       .dst = c->packet->dst,
                       .method = m->method,
                       .bytes = check_hash(m->raw),
                       .first = check_now(c),
                       .rang = NEVER,
                       .final = NEVER,
                       .trouble = NEVER,
                       .cancelled = NEVER};
    if (u)
        u->first = d;
    htable_insert(&c->downs, &d->node, down_hash(m->via.branch, m->method));
    return d;
}

/* ---- duties ---- */

/* Counts whatever makes an answer come later. */
static uint64_t waits(const struct check *c)
{
    return world_counts(c->w)->lookups + world_pauses(c->w);
}

void duty_add(struct check *c, enum duty_kind kind, struct up *u, struct down *d, uint64_t tag)
{
    if (kind == DUTY_REPEAT && world_waiting(c->w))
        return; /* a repeat of what waits is answered when the script has ended */
    if (c->duties < MOST_DUTIES && !(u && u->tainted) && !(d && down_tainted(d)))
        c->duty[c->duties++] = (struct duty){.kind = kind,
                                             .at = check_now(c),
                                             .tag = tag,
                                             .packet = c->packet->number,
                                             .lookups = waits(c),
                                             .up = u,
                                             .down = d};
}

void duty_done(struct check *c, enum duty_kind kind, const struct up *u, const struct down *d,
               uint64_t tag)
{
    for (unsigned i = 0; i < c->duties; i++) {
        const struct duty *x = &c->duty[i];
        if (x->kind == kind && (!u || x->up == u) && (!d || x->down == d) &&
            (!tag || x->tag == tag)) {
            c->duty[i--] = c->duty[--c->duties];
        }
    }
}

static void duty_missed(struct check *c, const struct duty *x)
{
    static const enum rule_id rule[] = {
        [DUTY_2XX_UP] = RULE_EVERY_2XX,   [DUTY_1XX_UP] = RULE_RINGING_UP,
        [DUTY_ACK_DOWN] = RULE_ACK_LOST,  [DUTY_ACK_NEGATIVE] = RULE_ACK_MISSING,
        [DUTY_CANCEL] = RULE_CANCEL_LOST, [DUTY_REPEAT] = RULE_REPEAT_ANSWERED};
    check_broken(c, rule[x->kind], "packet #%llu at %llu ms led to nothing",
                 (unsigned long long)x->packet, (unsigned long long)x->at);
}

/* Whatever was due before now and has not been done. A script that waited for a name or a database
 * excuses. */
static void look_at_duties(struct check *c)
{
    uint64_t lookups = waits(c);
    for (unsigned i = 0; i < c->duties; i++) {
        struct duty x = c->duty[i];
        if (x.at >= check_now(c))
            continue;
        c->duty[i--] = c->duty[--c->duties];
        bool tainted = (x.up && x.up->tainted) || (x.down && down_tainted(x.down));
        /* ringing that crosses the caller's CANCEL in the same moment is of no use to him */
        bool crossed = x.kind == DUTY_1XX_UP && x.up && x.up->cancelled == x.at;
        if (x.lookups == lookups && !tainted && !crossed)
            duty_missed(c, &x);
    }
}

/* ---- watching ---- */

static void request_came(struct check *c, const struct msg *m)
{
    struct up *u = up_find(c, &m->via, m->method);
    if (u && m->method != METHOD_ACK && rules_up_over(c, u)) {
        up_ends(c, u);
        u = NULL;
    }
    bool fresh = !u && m->method != METHOD_ACK;
    if (fresh)
        u = up_new(c, m);
    else if (u && m->method == u->method)
        u->repeated = check_now(c);
    rules_request_came(c, m, u, fresh);
}

static void request_sent(struct check *c, const struct msg *m)
{
    struct via below;
    struct down *d = down_find(c, m->via.branch, m->method);
    if (!d && m->method != METHOD_ACK) {
        struct up *u = up_of_request(c, m, &below);
        d = down_new(c, m, u);
    }
    rules_request_sent(c, m);
}

/* How many packets one that came, or one ms, leads to. */
static void count_work(struct check *c, bool sent)
{
    if (c->burst_at != check_now(c)) {
        c->burst_at = check_now(c);
        c->burst = c->inputs = 0;
    }
    if (!sent)
        c->inputs++;
    else if (++c->burst == MOST_FOR_ONE * (c->inputs + 1) + world_live(c->w) * 16)
        check_broken(c, RULE_WORK, "%u packets in one ms after %u that came", c->burst, c->inputs);
}

static bool ours(const struct check *c, const struct addr *a)
{
    for (unsigned i = 0; i < world_listens(c->w); i++)
        if (addr_eq(world_listen(c->w, i), a))
            return true;
    return false;
}

static void in_trouble(struct hnode *n, void *arg)
{
    const struct check *c = arg;
    struct down *d = container_of(n, struct down, node);
    if (addr_eq(&d->dst, &c->packet->dst) && d->rang == NEVER && d->final == NEVER)
        d->trouble = check_now(c);
}

/* Nobody listens at a place any more: so much for all that waits for it. */
static void nobody_there(struct check *c)
{
    if (c->packet->why[0] == 'r')
        htable_each(&c->downs, in_trouble, c);
}

static void prune(struct check *c)
{
    while (!list_empty(&c->up_list)) {
        struct up *u = container_of(c->up_list.next, struct up, link);
        if (u->opened + FOREVER_MS > check_now(c))
            return;
        up_ends(c, u);
    }
}

/* A request that came to us damaged, or a reply that its sender got so (and acknowledges as it got
 * it): whatever it is taken for, its transaction is nothing to judge by, nor is the one that it
 * cancels or acknowledges. */
static void taint_transaction(struct check *c, const struct msg *m)
{
    struct up *u = up_find(c, &m->via, m->method);
    struct up *invite = m->method == METHOD_CANCEL ? up_find(c, &m->via, METHOD_INVITE) : NULL;
    if (!u && m->request && m->method != METHOD_ACK)
        u = up_new(c, m);
    if (u)
        u->tainted = true;
    if (invite)
        invite->tainted = true;
}

static void taint_branch(struct check *c, const struct msg *m)
{
    struct down *d = down_find(c, m->via.branch, m->method);
    struct down *invite =
        m->method == METHOD_CANCEL ? down_find(c, m->via.branch, METHOD_INVITE) : NULL;
    for (unsigned i = 0; i < 2; i++, d = invite)
        if (d) {
            d->tainted = true;
            if (d->up)
                d->up->tainted = true;
        }
}

/* What was sent says whose message was damaged; what came, which ACK may be passed on. */
static void damage_delivered(struct check *c, const struct packet *p, bool came)
{
    struct arena a;
    struct msg m;
    arena_init(&a, NULL, 4096);
    c->packet = p;
    if (msg_scan(&m, &a, p->original) == ERR_OK) {
        if (m.request == came) /* a request that came, a reply that was sent */
            taint_transaction(c, &m);
        else
            taint_branch(c, &m);
    }
    if (came && msg_scan(&m, &a, p->bytes) == ERR_OK && m.request && m.method == METHOD_ACK)
        rules_ack_seen(c, &m);
    c->packet = NULL;
    arena_reset(&a);
}

static void watch(void *user, const struct packet *p, enum packet_fate fate)
{
    struct check *c = user;
    struct arena a;
    struct msg m;
    bool came = fate == PACKET_DELIVERED && ours(c, &p->dst);
    if (fate == PACKET_DELIVERED && p->damaged && !c->ended)
        damage_delivered(c, p, came);
    bool sent = fate == PACKET_SENT && p->from_engine;
    if (c->ended || (!came && !sent && !(fate == PACKET_LOST && p->from_engine)))
        return;
    c->packet = p;
    look_at_duties(c);
    prune(c);
    arena_init(&a, NULL, 4096);
    if (fate == PACKET_LOST)
        nobody_there(c);
    else if (!p->damaged && msg_scan(&m, &a, p->bytes) == ERR_OK) {
        if (came)
            (m.request ? request_came : rules_reply_came)(c, &m);
        else
            (m.request ? request_sent : rules_reply_sent)(c, &m);
    }
    if (fate != PACKET_LOST)
        count_work(c, sent);
    arena_reset(&a);
    c->packet = NULL;
}

/* ---- birth, end, death ---- */

/* Those of queries that a database has not answered do not count: they have their deadline. */
static uint64_t timers_of(const struct check *c)
{
    uint64_t n = 0 - db_set_pending(world_shared(c->w)->dbs);
    for (unsigned i = 0; i < world_shared(c->w)->workers; i++)
        n += world_engine(c->w, i)->wheel.armed;
    return n;
}

static bool has_module(const struct check *c, const char *name)
{
    const struct shared *s = world_shared(c->w);
    const struct config *now = atomic_load(&s->current);
    for (unsigned i = 0; i < s->set->count; i++)
        if (strcmp(s->set->modules[i]->symbols.name, name) == 0)
            return program_loaded(now->program, i);
    return false;
}

static bool has_reply_route(const struct check *c)
{
    const struct config *now = atomic_load(&world_shared(c->w)->current);
    for (unsigned i = 0; i < program_route_count(now->program); i++)
        if (program_route_kind(now->program, (int)i) == ROUTE_ONREPLY)
            return true;
    return false;
}

static void free_tables(struct check *c)
{
    if (!c)
        return;
    htable_free(&c->ups);
    htable_free(&c->downs);
    htable_free(&c->successes);
}

struct check *check_new(struct world *w)
{
    struct check *c = calloc(1, sizeof *c);
    if (!c || htable_init(&c->ups, TABLE_BITS) != ERR_OK ||
        htable_init(&c->downs, TABLE_BITS) != ERR_OK ||
        htable_init(&c->successes, TABLE_BITS) != ERR_OK) {
        free_tables(c);
        free(c);
        return NULL;
    }
    c->w = w;
    list_init(&c->up_list);
    c->memory = world_memory(w);
    c->timers = timers_of(c);
    c->hops = has_module(c, "maxfwd");
    c->stateful = has_module(c, "tm");
    c->drops = has_reply_route(c);
    c->times = atomic_load(&world_shared(w)->current)->times;
    c->observer = (struct observer){.user = c, .packet = watch};
    world_observe(w, &c->observer);
    return c;
}

void check_end(struct check *c)
{
    look_at_duties(c);
    while (!list_empty(&c->up_list))
        up_ends(c, container_of(c->up_list.next, struct up, link));
    if (world_live(c->w))
        check_broken(c, RULE_ALIVE, "%llu are left", (unsigned long long)world_live(c->w));
    if (world_memory(c->w) != c->memory)
        check_broken(c, RULE_MEMORY, "%llu bytes, %llu at the start",
                     (unsigned long long)world_memory(c->w), (unsigned long long)c->memory);
    if (timers_of(c) != c->timers)
        check_broken(c, RULE_TIMERS, "%llu, %llu at the start", (unsigned long long)timers_of(c),
                     (unsigned long long)c->timers);
    for (unsigned i = 0; i < world_shared(c->w)->workers; i++) {
        const struct engine *e = world_engine(c->w, i);
        if (e->tx.live || e->answered.count || e->peers.count)
            check_broken(c, RULE_ALIVE, "machines %llu, dialogs %zu, peers %zu",
                         (unsigned long long)e->tx.live, e->answered.count, e->peers.count);
    }
    c->ended = true;
}

static void free_down(struct hnode *n, void *arg)
{
    struct check *c = arg;
    htable_remove(&c->downs, n);
    free(container_of(n, struct down, node));
}

void check_free(struct check *c)
{
    if (!c)
        return;
    world_ignore(c->w, &c->observer);
    while (!list_empty(&c->up_list))
        up_free(c, container_of(c->up_list.next, struct up, link));
    htable_each(&c->downs, free_down, c); /* requests of our own */
    free_tables(c);
    free(c);
}
