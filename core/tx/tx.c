/* What the owner of a layer does with transactions, turned into events of the machines. */
/* SPDX-License-Identifier: MIT */
#include "core/tx/tx.h"

#include <assert.h>

#include "core/base/err.h"
#include "core/tx/fsm.h"

void tx_client_start(struct tx_layer *l, struct tx *t, enum tx_kind kind, uint32_t method,
                     struct str branch, const struct flow *flow, struct str bytes,
                     const struct tx_times *times, const struct tx_user *user)
{
    fsm_born(l, t, kind);
    t->method = (uint16_t)method;
    t->flow = *flow;
    t->times = times;
    t->user = user;
    table_add_client(l, t, branch);
    fsm_step(l, t, EV_START, &(struct fsm_input){.bytes = bytes});
}

void tx_server_start(struct tx_layer *l, struct tx *t, const struct msg *m, struct str key_text,
                     const struct flow *flow, const struct tx_times *times,
                     const struct tx_user *user)
{
    assert(m->request && m->method != METHOD_ACK);
    fsm_born(l, t, m->method == METHOD_INVITE ? TX_IST : TX_NIST);
    t->method = (uint16_t)m->method;
    t->flow = *flow;
    t->times = times;
    t->user = user;
    table_add_server(l, t, m, key_text);
    fsm_step(l, t, EV_START, &(struct fsm_input){0});
}

/* The event of a reply, given that of a 1xx: those of 2xx and of 3xx to 6xx follow it. EV_COUNT
 * when the number is no status. */
static enum tx_event reply_event(enum tx_event of_1xx, unsigned status)
{
    unsigned class = status / 100;
    if (class < 1 || class > 6)
        return EV_COUNT;
    return of_1xx + (class > 3 ? 3 : class) - 1;
}

static int respond(struct tx_layer *l, struct tx *t, enum tx_event event, unsigned status,
                   struct str bytes)
{
    if (event == EV_COUNT)
        return ERR_INVALID;
    struct fsm_input in = {.bytes = bytes, .status = status};
    return fsm_step(l, t, event, &in) ? ERR_OK : ERR_STATE;
}

int tx_respond(struct tx_layer *l, struct tx *t, unsigned status, struct str bytes)
{
    return respond(l, t, reply_event(EV_TU_1XX, status), status, bytes);
}

int tx_respond_local(struct tx_layer *l, struct tx *t, unsigned status, struct str bytes)
{
    enum tx_event event = reply_event(EV_TU_1XX, status);
    if (event == EV_TU_2XX && t->kind == TX_IST)
        event = EV_TU_2XX_LOCAL;
    return respond(l, t, event, status, bytes);
}

int tx_client_ack(struct tx_layer *l, struct tx *t, struct str bytes)
{
    struct fsm_input in = {.bytes = bytes, .status = t->status};
    return t->kind == TX_ICT && fsm_step(l, t, EV_TU_ACK, &in) ? ERR_OK : ERR_STATE;
}

void tx_server_ack(struct tx_layer *l, struct tx *t)
{
    if (t->kind == TX_IST)
        fsm_step(l, t, EV_TU_ACK, &(struct fsm_input){0});
}

/* EV_COUNT for what is no message of a transaction of this kind: a CANCEL belongs to its own. */
static enum tx_event input_event(const struct tx *t, const struct msg *m)
{
    bool client = t->kind == TX_ICT || t->kind == TX_NICT;
    if (client)
        return m->request ? EV_COUNT : reply_event(EV_RX_1XX, m->status);
    if (!m->request)
        return EV_COUNT;
    if (m->method == METHOD_ACK)
        return EV_RX_ACK;
    return m->method == t->method ? EV_RX_REQUEST : EV_COUNT;
}

void tx_input(struct tx_layer *l, struct tx *t, struct msg *m, void *ctx)
{
    enum tx_event event = input_event(t, m);
    if (event == EV_COUNT)
        l->ignored++;
    else
        fsm_step(l, t, event, &(struct fsm_input){.msg = m, .status = m->status, .ctx = ctx});
}

void tx_transport_error(struct tx_layer *l, struct tx *t, void *ctx)
{
    fsm_step(l, t, EV_ERROR, &(struct fsm_input){.ctx = ctx});
}

void tx_resend(struct tx_layer *l, struct tx *t)
{
    if (t->state == TX_IDLE || t->bytes.len == 0)
        return;
    l->resent++;
    l->env.send(l->env.user, &t->flow, t->bytes);
}

void tx_client_deadline(struct tx_layer *l, struct tx *t, uint32_t ms)
{
    (void)l;
    if (fsm_expects(t, EV_TIMER_C))
        fsm_expire_in(t, EV_TIMER_C, ms);
}

const char *tx_kind_name(enum tx_kind k)
{
    static const char *const names[] = {
        [TX_ICT] = "ict", [TX_NICT] = "nict", [TX_IST] = "ist", [TX_NIST] = "nist"};
    return names[k];
}

const char *tx_state_name(enum tx_state s)
{
    static const char *const names[] = {
#define X(name, text) [TX_##name] = text,
        TX_STATE_LIST(X)
#undef X
    };
    return names[s];
}
