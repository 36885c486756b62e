/* Branches that send nothing: their request was handed to a program of this machine, which answers
 * through the engine when it likes (t_write_req, the management command t_reply). To picking,
 * CANCEL and failure_route they are branches like any other. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

/* ---- making ---- */

static bool may_branch(const struct call *c)
{
    const struct txn *t = c->txn;
    return t && t->work && !txn_answered(t) && !t->cancelled && !t->closed &&
           t->branches < TXN_MAX_BRANCHES;
}

int call_blind_branch(struct call *c, uint32_t label)
{
    struct txn *t = c->txn;
    if (!may_branch(c))
        return ERR_STATE;
    struct branch *b = arena_zalloc(&t->small, sizeof *b);
    struct blind *blind = arena_zalloc(&t->work->arena, sizeof *blind);
    if (!b || !blind)
        return ERR_NOMEM;
    blind->leg.branch = b;
    blind->leg.uri = arena_dup(&t->work->arena, c->target.uri);
    blind->label = label;
    if (!blind->leg.uri.p)
        return ERR_NOMEM;
    b->txn = t;
    b->leg = &blind->leg;
    b->blind = true;
    b->flags = c->target.flags;
    b->fork = c->kind == ROUTE_FAILURE ? t->next_fork : t->fork;
    list_append(&t->engine->blind, &blind->link);
    branch_link(t, b);
    t->branches++;
    branch_ring(b, branch_fr_seconds(t, c));
    return ERR_OK;
}

/* ---- answering ---- */

static struct branch *waiting(struct engine *e, uint32_t label)
{
    for (struct list *at = e->blind.next; at != &e->blind; at = at->next) {
        struct blind *blind = container_of(at, struct blind, link);
        if (blind->label == label)
            return blind->leg.branch;
    }
    return NULL;
}

/* A provisional reply lets it ring as long as an INVITE may. */
static void goes_on(struct branch *b)
{
    if (txn_is_invite(b->txn))
        branch_ring(b, (uint32_t)txn_conf(b->txn)->fr_inv_timer);
}

int engine_answer_blind(struct engine *e, uint32_t label, const struct blind_answer *a)
{
    struct branch *b = waiting(e, label);
    if (!b)
        return ERR_NOTFOUND;
    struct txn *t = b->txn;
    txn_hold(t);
    t->speaker = b;
    int rc = txn_answer_blind(t, a);
    t->speaker = NULL;
    if (rc == ERR_OK && a->code < 200) {
        goes_on(b);
    } else if (rc == ERR_OK) {
        branch_quiet(b);
        branch_fail(b, a->code);
        cancel_branches(t, NULL);
    }
    txn_drop(t);
    return rc == ERR_STATE ? ERR_NOTFOUND : rc;
}
