/* Telling modules what becomes of a transaction (struct module, on_transaction). */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"
#include "core/proxy/txn.h"

/* The k-th module with the hook, when it wants to know of this transaction; else NULL. */
static const struct module *listener(const struct txn *t, unsigned k)
{
    const struct shared *s = t->engine->shared;
    unsigned i = s->on_transaction.module[k];
    const struct module *m = s->set->modules[i];
    const struct program *p = t->config->program;
    bool wants =
        program_loaded(p, i) &&
        (!m->transaction_flags || m->transaction_flags(program_conf(p, i)) & t->first_flags);
    return wants ? m : NULL;
}

static bool anyone_listens(const struct txn *t)
{
    for (unsigned k = 0; k < t->engine->shared->on_transaction.n; k++)
        if (listener(t, k))
            return true;
    return false;
}

static void tell(struct txn *t, struct call *c, const struct txn_event *e)
{
    for (unsigned k = 0; k < t->engine->shared->on_transaction.n; k++) {
        const struct module *m = listener(t, k);
        if (m)
            m->on_transaction(c, e);
    }
}

void txn_tell_begin(struct call *c)
{
    const struct shared *s = c->engine->shared;
    const struct program *p = c->config->program;
    for (unsigned k = 0; k < s->on_begin.n; k++) {
        unsigned i = s->on_begin.module[k];
        const struct module *m = s->set->modules[i];
        if (program_loaded(p, i) &&
            (!m->transaction_flags || m->transaction_flags(program_conf(p, i)) & c->flags))
            m->on_begin(c);
    }
}

void txn_tell(struct txn *t, enum txn_event_kind kind, unsigned code, struct str reply)
{
    struct txn_event e = {.kind = kind,
                          .code = code,
                          .reply = reply,
                          .local = t->local,
                          .flags = t->flags,
                          .first_flags = t->first_flags};
    if (!t->work || t->replicate || !anyone_listens(t))
        return;
    struct call *c = txn_call(t, t->speaker);
    if (!c)
        return;
    tell(t, c, &e);
    txn_return(t, c);
    call_free(c);
}

void txn_tell_ack(struct txn *t, struct call *ack)
{
    struct txn_event e = {.kind = TXN_ACKED,
                          .code = t->server.status,
                          .local = t->local,
                          .flags = t->flags,
                          .first_flags = t->first_flags};
    tell(t, ack, &e);
}
