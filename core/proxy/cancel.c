/* CANCEL: the caller's, and our own to branches that are no longer wanted (MODULES 1.1.3). */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

/* How long a cancelled branch may take to end, 64*T1 (RFC 3261 9.1). */
enum { LAST_WORD = 32000 };

/* ---- ours ---- */

static void cancel_ended(struct tx *x, void *ctx)
{
    (void)ctx;
    txn_settle(container_of(x, struct cancel, tx)->branch->txn);
}

/* Whatever is answered to it, only the INVITE's own final reply counts. */
const struct tx_user cancel_user = {.ended = cancel_ended};

static struct str render(struct branch *b)
{
    struct txn *t = b->txn;
    struct arena scratch;
    struct buf out;
    arena_init(&scratch, &t->engine->pool, 4096);
    buf_init(&out, &t->work->arena, 448);
    int rc = build_cancel(&out, &scratch, b->leg->sent, t->config->user_agent_header);
    arena_reset(&scratch);
    return rc != ERR_OK || out.failed ? STR_NONE : buf_str(&out);
}

/* Only an INVITE that rings can be cancelled; one of which nothing was heard waits for its first
 * provisional reply. */
void cancel_send(struct branch *b)
{
    struct engine *e = b->txn->engine;
    struct leg *leg = b->leg;
    if (!leg || leg->cancel || b->tx.kind != TX_ICT)
        return;
    leg->cancel_due = b->tx.state == TX_CALLING;
    if (b->tx.state != TX_PROCEEDING)
        return;
    wheel_cancel(&e->wheel, &leg->ring);
    tx_client_deadline(&e->tx, &b->tx, LAST_WORD);
    struct cancel *c = arena_zalloc(&b->txn->work->arena, sizeof *c);
    struct str bytes = c ? render(b) : STR_NONE;
    if (!bytes.p)
        return;
    c->branch = b;
    leg->cancel = c;
    if (b->txn->watched)
        txn_goes(b->txn, &b->tx.flow, bytes);
    tx_client_start(&e->tx, &c->tx, TX_NICT, METHOD_CANCEL, leg->id, &b->tx.flow, bytes,
                    &b->txn->config->times, &cancel_user);
}

void cancel_branches(struct txn *t, const struct branch *except)
{
    if (!txn_is_invite(t))
        return;
    for (struct branch *b = t->first; b; b = b->next)
        if (b != except && b->status == 0 && branch_live(b))
            cancel_send(b);
}

/* ---- the caller's ---- */

/* Branches that ring get a CANCEL; those of which nothing was heard count as ended with 487, so
 * that the caller need not wait, and get it when they ring after all. */
static void cancel_txn(struct txn *t)
{
    if (txn_answered(t) || t->cancelled)
        return;
    t->cancelled = true;
    for (struct branch *b = t->first; b; b = b->next) {
        if (b->blind && b->status == 0)
            b->status = 487; /* the program is not asked */
        if (b->status || !branch_live(b))
            continue;
        cancel_send(b);
        if (b->tx.state == TX_CALLING || b->tx.state == TX_TRYING)
            branch_fail(b, 487);
    }
    if (!t->first && !t->failing && txn_answer_stored(t, 487) != ERR_OK)
        txn_release(t);
    fork_check(t);
}

bool cancel_request(struct call *c, int *result)
{
    struct txn *t = txn_of_cancel(c->engine, c->msg);
    if (!t)
        return false;
    *result = c->txn ? 1 : call_newtran(c);
    if (*result <= 0)
        return true;
    txn_hold(t);
    txn_answer(c->txn, c->msg, c->arena, 200, STR("canceling"), buf_str(&c->reply_headers));
    cancel_txn(t);
    txn_drop(t);
    return true;
}
