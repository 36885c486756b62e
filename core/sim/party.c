/* Parties: their place in the world, what they receive, what they do by themselves. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/party.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/sim/party_priv.h"
#include "core/sim/world_priv.h"

enum { POOL_KEEP = 1 << 20, CALL_BITS = 4 };

struct str party_token(struct party *p, struct arena *a, const char *prefix)
{
    uint64_t n = splitmix(&p->random);
    return arena_printf(a, "%s%s%012llx", prefix, prefix == p->name ? "-" : "",
                        (unsigned long long)(n >> 16));
}

/* ---- what it does by itself ---- */

static void answer(struct got *g, unsigned code)
{
    if (g->leg)
        leg_reply(g->leg, g, &(struct reply_plan){.code = code});
}

static void act_by_itself(struct party *p, struct got *g)
{
    if (!p->conf.answer_bye || !g->leg || !g->msg.request || g->repeat)
        return;
    if (g->msg.method != METHOD_BYE && g->msg.method != METHOD_CANCEL)
        return;
    struct got *invite = g->twin;
    answer(g, 200);
    if (g->msg.method == METHOD_CANCEL && invite && invite->answered < 200)
        answer(invite, 487);
}

/* ---- what it receives ---- */

static struct got *got_new(struct party *p, const struct packet *packet)
{
    struct arena a;
    arena_init(&a, &p->pool, 4096);
    struct got *g = arena_zalloc(&a, sizeof *g);
    struct str copy = arena_dup(&a, packet->bytes);
    if (!g || !copy.p) {
        arena_reset(&a);
        return NULL;
    }
    g->arena = a;
    g->at = world_now(p->world);
    g->packet = packet->number;
    g->from = packet->src;
    g->bytes = copy;
    return g;
}

static void got_free(struct got *g)
{
    struct arena a = g->arena;
    if (g->leg)
        leg_forget(g->leg, g);
    arena_reset(&a);
}

static void enqueue(struct party *p, struct got *g)
{
    if (p->last)
        p->last->next = g;
    else
        p->first = g;
    p->last = g;
}

static void unlink_got(struct party *p, struct got *g)
{
    struct got *before = NULL;
    for (struct got *x = p->first; x != g; x = x->next)
        before = x;
    if (before)
        before->next = g->next;
    else
        p->first = g->next;
    if (p->last == g)
        p->last = before;
}

static void receive(void *user, const struct packet *packet)
{
    struct party *p = user;
    struct got *g = got_new(p, packet);
    if (!g)
        return;
    enqueue(p, g);
    g->sip = msg_scan(&g->msg, &g->arena, g->bytes) == ERR_OK;
    if (g->sip)
        leg_take(p, g);
    if (g->sip)
        act_by_itself(p, g);
    g->seen = g->repeat && !p->conf.no_retransmission;
    if (p->conf.receive && p->conf.receive(p->conf.user, p, g))
        party_forget(p, g);
}

struct got *party_next(struct party *p)
{
    for (struct got *g = p->first; g; g = g->next)
        if (!g->seen) {
            g->seen = true;
            return g;
        }
    return NULL;
}

void party_forget(struct party *p, struct got *g)
{
    if (g) {
        unlink_got(p, g);
        for (struct got *x = p->first; x; x = x->next)
            if (x->twin == g)
                x->twin = NULL;
        got_free(g);
        return;
    }
    for (struct got *x = p->first, *next; x; x = next) {
        next = x->next;
        if (x->seen)
            party_forget(p, x);
    }
}

int party_send(struct party *p, const struct addr *dst, struct str bytes)
{
    return world_send(p->world, &p->endpoint.at, dst ? dst : &p->conf.proxy, bytes);
}

/* ---- birth, death, and between ---- */

static uint64_t seed_of(const struct world *w, const char *name)
{
    uint64_t n = w->seed;
    for (const char *c = name; *c; c++)
        n = (n ^ (uint8_t)*c) * 0x100000001b3u;
    return n;
}

static void copy_name(char *out, size_t cap, const char *text)
{
    snprintf(out, cap, "%s", text);
}

struct party *party_new(struct world *w, const struct party_conf *conf)
{
    struct party *p = calloc(1, sizeof *p);
    if (!p || htable_init(&p->calls, CALL_BITS) != ERR_OK) {
        free(p);
        return NULL;
    }
    p->world = w;
    p->conf = *conf;
    p->conf.t1 = conf->t1 ? conf->t1 : T1;
    p->conf.t2 = conf->t2 ? conf->t2 : T2;
    copy_name(p->name, sizeof p->name, conf->name);
    copy_name(p->domain, sizeof p->domain, conf->domain ? conf->domain : "example.com");
    copy_name(p->user, sizeof p->user, conf->auth_user ? conf->auth_user : conf->name);
    copy_name(p->password, sizeof p->password, conf->password ? conf->password : "");
    p->random = seed_of(w, p->name);
    list_init(&p->legs);
    arena_pool_init(&p->pool, POOL_KEEP);
    p->endpoint = (struct endpoint){.at = conf->at, .user = p, .receive = receive};
    if (world_attach(w, &p->endpoint) != ERR_OK) {
        htable_free(&p->calls);
        free(p);
        return NULL;
    }
    return p;
}

static void forget_all(struct party *p)
{
    while (!list_empty(&p->legs))
        leg_free(container_of(p->legs.next, struct leg, link));
    while (p->first)
        party_forget(p, p->first);
}

void party_free(struct party *p)
{
    if (!p)
        return;
    world_detach(p->world, &p->endpoint);
    forget_all(p);
    htable_free(&p->calls);
    arena_pool_free(&p->pool);
    free(p);
}

void party_crash(struct party *p, bool refuses)
{
    forget_all(p);
    p->endpoint.down = true;
    p->endpoint.refuses = refuses;
}

void party_start(struct party *p)
{
    p->endpoint.down = p->endpoint.refuses = false;
}
