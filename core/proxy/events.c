/* Telling modules what becomes of a transaction (struct module, on_transaction). */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"
#include "core/proxy/txn.h"

/* Whether the module wants to know of this transaction. */
static bool listens(const struct txn *t, unsigned i)
{
    const struct module *m = t->engine->shared->set->modules[i];
    const struct program *p = t->config->program;
    return m->on_transaction && program_loaded(p, i) &&
           (!m->transaction_flags || m->transaction_flags(program_conf(p, i)) & t->first_flags);
}

static bool anyone_listens(const struct txn *t)
{
    for (unsigned i = 0; i < t->engine->shared->set->count; i++)
        if (listens(t, i))
            return true;
    return false;
}

static void tell(struct txn *t, struct call *c, const struct txn_event *e)
{
    for (unsigned i = 0; i < t->engine->shared->set->count; i++)
        if (listens(t, i))
            t->engine->shared->set->modules[i]->on_transaction(c, e);
}

void txn_tell(struct txn *t, enum txn_event_kind kind, unsigned code, struct str reply)
{
    struct txn_event e = {
        .kind = kind, .code = code, .reply = reply, .local = t->local, .flags = t->flags};
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
    struct txn_event e = {
        .kind = TXN_ACKED, .code = t->server.status, .local = t->local, .flags = t->flags};
    tell(t, ack, &e);
}
