/* The engine: looks an event up in the rows of fsm.def and does what the row says. */
/* SPDX-License-Identifier: MIT */
#include "core/tx/fsm.h"

#include <assert.h>

/* Bits of the actions column. Above them a bit for each timer, ARM_A and so on. */
enum {
    NONE = 0,
    STOP = 1 << 0,
    STOP_B = 1 << 1,
    KEEP = 1 << 2,
    FORGET = 1 << 3,
    SEND = 1 << 4,
    RESEND = 1 << 5,
    PASS_UP = 1 << 6,
    TIMEOUT = 1 << 7,
    FAILED = 1 << 8,
    ACKED = 1 << 9,
    UNACKED = 1 << 10,
    END = 1 << 11,
    ARM_SHIFT = 12,
};

enum timer_number {
#define TIMER(name, event, manner, length, reliable, section) NUMBER_##name,
#include "core/tx/fsm.def"
};

enum {
#define TIMER(name, event, manner, length, reliable, section)                                      \
    ARM_##name = 1 << (ARM_SHIFT + NUMBER_##name),
#include "core/tx/fsm.def"
};

enum manner { ONCE, DOUBLING, CAPPED, STEADY };
enum reliable { SAME, ZERO, OFF };

struct timer_row {
    uint8_t event, manner, reliable;
    size_t length; /* offset in struct tx_times */
};

static const struct timer_row timers[] = {
#define TIMER(name, event, manner, length, reliable, section)                                      \
    {EV_##event, manner, reliable, offsetof(struct tx_times, length)},
#include "core/tx/fsm.def"
};

struct row {
    uint32_t actions;
    uint8_t next;
};

static const struct row rows[ROW_COUNT] = {
#define ROW(machine, state, event, next, actions, section)                                         \
    [ROW_##machine##_##state##_##event] = {actions, TX_##next},
#include "core/tx/fsm.def"
};

enum { KINDS = TX_NIST + 1, STATES = TX_ANSWERED + 1 };

static const uint8_t row_of[KINDS][STATES][EV_COUNT] = {
#define ROW(machine, state, event, next, actions, section)                                         \
    [TX_##machine][TX_##state][EV_##event] = ROW_##machine##_##state##_##event,
#include "core/tx/fsm.def"
};

_Static_assert(ROW_COUNT <= UINT8_MAX, "row_of holds a byte a row");
_Static_assert(sizeof(struct tx) <= 160, "there may be millions of them");

/* A step whose callbacks may be running, on the C stack. t becomes NULL when the transaction is
 * stopped or ended by one of them: then its memory is not ours to look at any more. */
struct tx_frame {
    struct tx_frame *outer;
    struct tx *t;
};

static void leave_frames(struct tx_layer *l, const struct tx *t)
{
    for (struct tx_frame *f = l->active; f; f = f->outer)
        if (f->t == t)
            f->t = NULL;
}

/* ---- time: one timer of the wheel, armed for the earlier of two moments ---- */

static void timer_fired(struct timer *timer, void *ctx);

#define NEVER UINT64_MAX

/* After a change of either moment. */
static void rearm(struct tx *t)
{
    struct wheel *w = t->layer->wheel;
    uint64_t due = t->expire_at <= t->retransmit_at ? t->expire_at : t->retransmit_at;
    if (due == NEVER)
        wheel_cancel(w, &t->timer);
    else
        wheel_arm(w, &t->timer, due, timer_fired);
}

static void timer_fired(struct timer *timer, void *ctx)
{
    struct tx *t = container_of(timer, struct tx, timer);
    bool expired = t->expire_at <= t->retransmit_at;
    enum tx_event event = expired ? t->expire_event : t->retransmit_event;
    if (expired)
        t->expire_at = NEVER;
    else
        t->retransmit_at = NEVER;
    rearm(t);
    fsm_step(t->layer, t, event, &(struct fsm_input){.ctx = ctx});
}

static void set_expiry(struct tx *t, enum tx_event event, uint32_t ms)
{
    t->expire_event = (uint8_t)event;
    t->expire_at = t->layer->wheel->now + ms;
}

static void set_retransmission(struct tx *t, enum tx_event event, uint32_t ms)
{
    t->retransmit_event = (uint8_t)event;
    t->retransmit_at = t->layer->wheel->now + ms;
    t->interval = ms;
}

void fsm_expire_in(struct tx *t, enum tx_event event, uint32_t ms)
{
    set_expiry(t, event, ms);
    rearm(t);
}

/* The interval after the present one; a transaction retransmits in one state only, so that 0 means
 * the first. */
static uint32_t next_interval(const struct tx *t, enum manner manner, uint32_t first)
{
    uint32_t twice = t->interval > UINT32_MAX / 2 ? UINT32_MAX : t->interval * 2;
    if (t->interval == 0 || manner == STEADY)
        return first;
    return manner == CAPPED && twice > t->times->t2 ? t->times->t2 : twice;
}

static void arm(struct tx *t, const struct timer_row *row)
{
    uint32_t length = *(const uint32_t *)((const char *)t->times + row->length);
    if (t->flow.reliable && row->reliable == OFF)
        return;
    if (t->flow.reliable && row->reliable == ZERO)
        length = 0;
    if (row->manner == ONCE)
        set_expiry(t, row->event, length);
    else
        set_retransmission(t, row->event, next_interval(t, row->manner, length));
}

static void set_timers(struct tx *t, uint32_t actions)
{
    if (actions & STOP)
        t->retransmit_at = NEVER;
    if (actions & STOP_B)
        t->expire_at = NEVER;
    for (uint32_t left = actions >> ARM_SHIFT; left; left &= left - 1)
        arm(t, &timers[__builtin_ctz(left)]);
    if (actions & (STOP | STOP_B) || actions >> ARM_SHIFT)
        rearm(t);
}

static void set_bytes(struct tx *t, uint32_t actions, const struct fsm_input *in)
{
    if (actions & KEEP)
        t->bytes = in->bytes;
    if (actions & FORGET)
        t->bytes = STR_NONE;
    if (actions & (SEND | PASS_UP))
        t->status = (uint16_t)in->status;
}

static void transmit(struct tx_layer *l, const struct tx *t, uint32_t actions,
                     const struct fsm_input *in)
{
    if (actions & SEND)
        l->env.send(l->env.user, &t->flow, in->bytes);
    else if (actions & RESEND && t->bytes.len) {
        l->resent++;
        l->env.send(l->env.user, &t->flow, t->bytes);
    }
}

/* At most one of these stands in a row. */
static void tell(struct tx *t, uint32_t actions, const struct fsm_input *in)
{
    const struct tx_user *u = t->user;
    if (actions & PASS_UP && u->response)
        u->response(t, in->msg, in->ctx);
    else if (actions & TIMEOUT && u->timeout)
        u->timeout(t, in->ctx);
    else if (actions & FAILED && u->failed)
        u->failed(t, in->ctx);
    else if (actions & ACKED && u->acked)
        u->acked(t, in->msg, in->ctx);
    else if (actions & UNACKED && u->unacked)
        u->unacked(t, in->ctx);
}

/* Out of the table, timers off; the memory stays the owner's. */
static void leave_table(struct tx_layer *l, struct tx *t)
{
    t->retransmit_at = t->expire_at = NEVER;
    wheel_cancel(l->wheel, &t->timer);
    table_remove(l, t);
    l->live--;
}

static void finish(struct tx_layer *l, struct tx *t, void *ctx)
{
    t->state = TX_IDLE;
    leave_frames(l, t);
    if (t->user->ended)
        t->user->ended(t, ctx);
}

bool fsm_step(struct tx_layer *l, struct tx *t, enum tx_event event, const struct fsm_input *in)
{
    unsigned number = row_of[t->kind][t->state][event];
    uint32_t actions = rows[number].actions;
    if (number == ROW_NONE) {
        l->ignored++;
        return false;
    }
    if (l->trace)
        l->trace(l->env.user, t, number);
    t->state = rows[number].next;
    set_timers(t, actions);
    set_bytes(t, actions, in);
    if (actions & (TIMEOUT | UNACKED))
        l->timeouts++;
    if (actions & END)
        leave_table(l, t);

    struct tx_frame here = {l->active, t};
    l->active = &here;
    transmit(l, t, actions, in);
    if (here.t)
        tell(t, actions, in);
    l->active = here.outer;
    if (here.t && actions & END)
        finish(l, t, in->ctx);
    return true;
}

bool fsm_expects(const struct tx *t, enum tx_event event)
{
    return row_of[t->kind][t->state][event] != ROW_NONE;
}

void fsm_born(struct tx_layer *l, struct tx *t, enum tx_kind kind)
{
    assert(t->state == TX_IDLE || t->state == TX_TERMINATED);
    leave_frames(l, t); /* when it is born inside the last callback of its former life */
    if (++l->generation == 0)
        l->generation = 1;
    *t = (struct tx){.layer = l, .kind = (uint8_t)kind, .generation = l->generation};
    t->retransmit_at = t->expire_at = NEVER;
    l->created++;
    l->live++;
}

void tx_stop(struct tx_layer *l, struct tx *t)
{
    if (t->state == TX_IDLE)
        return;
    if (t->state != TX_TERMINATED)
        leave_table(l, t);
    t->state = TX_IDLE;
    leave_frames(l, t);
}
