/* Telling modules of the messages of a transaction that one of them watches (struct module,
 * on_passing), for tracing. Whoever sends or receives asks txn.watched first: a transaction that
 * nobody watches pays for that look alone. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/module.h"
#include "core/proxy/txn.h"

enum { MOST_WATCHERS = 4 }; /* bits of txn.watched */

/* The k-th module with the hook; NULL when this version does not load it. */
static const struct module *watcher(const struct engine *e, const struct config *config, unsigned k)
{
    unsigned i = e->shared->on_passing.module[k];
    return program_loaded(config->program, i) ? e->shared->set->modules[i] : NULL;
}

unsigned passing_watched(struct call *c)
{
    unsigned found = 0;
    for (unsigned k = 0; k < c->engine->shared->on_passing.n && k < MOST_WATCHERS; k++) {
        const struct module *m = watcher(c->engine, c->config, k);
        if (m && m->watches(c))
            found |= 1u << k;
    }
    return found;
}

static void tell(struct call *c, unsigned watched, const struct passing *p)
{
    for (unsigned k = 0; watched >> k; k++) {
        const struct module *m = watched >> k & 1 ? watcher(c->engine, c->config, k) : NULL;
        if (m)
            m->on_passing(c, p);
    }
}

/* A call that shows the message itself; NULL without memory. */
static struct call *show(struct engine *e, const struct config *config, const struct passing *p)
{
    struct call *c = call_new(e, config, ROUTE_ONREPLY);
    struct msg *m = c ? arena_alloc(c->arena, sizeof *m) : NULL;
    if (m && msg_scan(m, c->arena, p->bytes) == ERR_OK) {
        m->src = p->from;
        m->local = p->out ? p->from : p->to;
        m->socket = p->socket;
        m->force_rport = false;
        call_begin(c, m);
        return c;
    }
    if (c)
        call_free(c);
    return NULL;
}

static void passes(struct txn *t, const struct passing *p)
{
    struct call *c = show(t->engine, t->config, p);
    if (!c)
        return;
    txn_lend(t, c, true);
    tell(c, t->watched, p);
    uint32_t flags = t->flags; /* it has only been looked at */
    txn_return(t, c);
    t->flags = flags;
    call_free(c);
}

void txn_goes(struct txn *t, const struct flow *way, struct str bytes)
{
    struct passing p = {.out = true,
                        .bytes = bytes,
                        .from = t->engine->shared->sockets[way->socket].addr,
                        .to = way->dst,
                        .socket = way->socket};
    passes(t, &p);
}

void txn_comes(struct txn *t, const struct msg *m)
{
    struct passing p = {.bytes = m->raw, .from = m->src, .to = m->local, .socket = m->socket};
    passes(t, &p);
}

void passing_stateless(struct call *c, const struct addr *dst, struct str bytes)
{
    unsigned watched = passing_watched(c);
    struct passing p = {.out = true,
                        .bytes = bytes,
                        .from = c->engine->shared->sockets[c->msg->socket].addr,
                        .to = *dst,
                        .socket = c->msg->socket};
    struct call *shown = watched ? show(c->engine, c->config, &p) : NULL;
    if (!shown)
        return;
    shown->flags = c->flags;
    shown->avps = c->avps;
    shown->vars = c->vars;
    tell(shown, watched, &p);
    call_free(shown);
}
