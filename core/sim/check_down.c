/* Rules of what goes on below: requests that are sent, replies that come. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/check_priv.h"

enum { ROUNDING = 1, MOST_INVITES = 7, MOST_OTHERS = 11 };

static bool invite(const struct down *d)
{
    return d->method == METHOD_INVITE;
}

/* Whether we have a transaction for it, and do not just pass it on: an INVITE that has one got a
 * 100. */
static bool stateful(const struct check *c, const struct down *d)
{
    return c->stateful && (!invite(d) || !d->up || d->up->trying != NEVER);
}

/* ---- requests are sent ---- */

static void same_place(struct check *c, const struct down *d, const char *what)
{
    if (!addr_eq(&c->packet->dst, &d->dst))
        check_broken(c, RULE_STRANGER, "a %s went elsewhere than its INVITE", what);
}

static void ack_sent(struct check *c, const struct msg *m)
{
    struct down *d = down_find(c, m->via.branch, METHOD_INVITE);
    uint64_t dialog = check_dialog_key(m);
    if (d && down_tainted(d))
        return;
    if (d && d->negatives && stateful(c, d)) {
        same_place(c, d, "ACK");
        if (++d->acks > d->negatives)
            check_broken(c, RULE_ACK_UNSEEN, "%u ACKs of %u negative finals", d->acks,
                         d->negatives);
        duty_done(c, DUTY_ACK_NEGATIVE, NULL, d, 0);
        return;
    }
    duty_done(c, DUTY_ACK_DOWN, NULL, NULL, dialog);
    for (unsigned i = 0; i < RECENT; i++)
        if (c->ack_came[i] == dialog)
            return;
    check_broken(c, RULE_ACK_UNSEEN, "To tag %.*s", STR_ARG(m->to_tag));
}

static void cancel_sent(struct check *c, const struct msg *m)
{
    struct down *d = down_find(c, m->via.branch, METHOD_INVITE);
    if (!d || down_tainted(d))
        return;
    same_place(c, d, "CANCEL");
    if (d->rang == NEVER)
        check_broken(c, RULE_CANCEL_EARLY, "nothing came since %llu ms",
                     (unsigned long long)d->first);
    if (d->cancelled == NEVER)
        d->cancelled = check_now(c);
    duty_done(c, DUTY_CANCEL, NULL, d, 0);
}

/* A branch to where one is open already, because the caller repeated himself. */
static bool opened_again(const struct check *c, const struct down *d)
{
    if (d->up->repeated != check_now(c) || d->up->opened == check_now(c))
        return false;
    for (const struct down *x = d->next; x; x = x->next)
        if (x->final == NEVER && x->trouble == NEVER && addr_eq(&x->dst, &d->dst))
            return true;
    return false;
}

static void branch_opens(struct check *c, const struct msg *m, struct down *d)
{
    const struct up *u = d->up;
    d->times = 1;
    d->gap = c->times.t1;
    d->again = check_now(c) + d->gap;
    if (!u)
        return;
    if (u->negative != NEVER || u->success != NEVER)
        check_broken(c, RULE_RINGS_AGAIN, "the final went up at %llu ms",
                     (unsigned long long)(u->negative != NEVER ? u->negative : u->success));
    if (opened_again(c, d))
        check_broken(c, RULE_TWICE, "a second branch for a repeated request");
    if (check_vias(m) != u->vias + 1)
        check_broken(c, RULE_VIA, "%u, the request came with %u", check_vias(m), u->vias);
    int hops = check_hops(m);
    if (c->hops && u->hops >= 0 && hops >= u->hops)
        check_broken(c, RULE_HOPS, "from %d to %d", u->hops, hops);
    if (check_unknown(m) != u->unknown)
        check_broken(c, RULE_BYTES, "the headers named X-Through");
    if (check_hash(m->body) != u->body)
        check_broken(c, RULE_BYTES, "the body");
}

static void branch_repeats(struct check *c, const struct msg *m, struct down *d)
{
    uint64_t now = check_now(c);
    if (d->up && d->up->repeated == now && !stateful(c, d))
        return; /* forwarded without a transaction: as often as it comes */
    if (check_hash(m->raw) != d->bytes)
        check_broken(c, RULE_TWICE, "two requests on one branch");
    if (++d->times > (invite(d) ? MOST_INVITES : MOST_OTHERS))
        check_broken(c, RULE_TOO_MANY, "sent %u times", d->times);
    if ((invite(d) && d->rang < now) || d->final < now)
        check_broken(c, RULE_AFTER_REPLY, "sent %u times", d->times);
    if (now < d->again || now > d->again + ROUNDING)
        check_broken(c, RULE_SPACING, "the timer was for %llu ms", (unsigned long long)d->again);
    d->gap *= 2;
    if (!invite(d) && (d->gap > c->times.t2 || d->rang != NEVER))
        d->gap = c->times.t2;
    d->again = now + d->gap;
}

void rules_request_sent(struct check *c, const struct msg *m)
{
    struct down *d = down_find(c, m->via.branch, m->method);
    if (m->method == METHOD_ACK)
        ack_sent(c, m);
    if (!d || down_tainted(d))
        return;
    if (m->method == METHOD_CANCEL)
        cancel_sent(c, m);
    if (d->times == 0)
        branch_opens(c, m, d);
    else
        branch_repeats(c, m, d);
}

/* ---- replies come ---- */

/* Whether timers A and E have done their duty up to a time. */
static void look_at_repeats(struct check *c, const struct down *d, uint64_t until)
{
    if (stateful(c, d) && d->trouble == NEVER && d->again + ROUNDING < until &&
        d->times < (invite(d) ? MOST_INVITES : MOST_OTHERS))
        check_broken(c, RULE_REQUEST_REPEATED, "not repeated at %llu ms, the first was at %llu",
                     (unsigned long long)d->again, (unsigned long long)d->first);
}

/* Until when a request without final reply is repeated. */
static uint64_t repeats_until(const struct check *c, const struct down *d)
{
    uint64_t end = d->first + c->times.no_reply;
    if (invite(d) && d->rang < end)
        end = d->rang;
    return d->final < end ? d->final : end;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Whether our machine for the branch still hears what comes. */
static bool hears(const struct check *c, const struct down *d)
{
    uint64_t now = check_now(c);
    if (!stateful(c, d))
        return true; /* there is none that could have ended */
    if (d->trouble != NEVER || (d->rang == NEVER && now >= d->first + c->times.no_reply))
        return false;
    return d->final == NEVER || now < d->final + c->times.linger;
}

static void invite_2xx(struct check *c, const struct msg *m, struct down *d)
{
    uint64_t tag = check_hash(m->to_tag);
    const struct up *u = d->up;
    bool first = d->final == NEVER;
    bool heard = !stateful(c, d) || (hears(c, d) && (first || d->status < 300));
    if (heard && d->successes < MOST_TAGS)
        d->success_tag[d->successes++] = tag;
    for (struct down *x = heard && u && first ? u->first : NULL; x; x = x->next)
        if (x != d && x->rang != NEVER && x->final == NEVER && x->cancelled == NEVER && hears(c, x))
            duty_add(c, DUTY_CANCEL, d->up, x, 0); /* the others (16.7 10) */
    if (heard && u && (u->cancelled != NEVER || (u->negative == NEVER && d->cancelled == NEVER)))
        duty_add(c, DUTY_2XX_UP, d->up, d, tag);
}

static void invite_negative(struct check *c, struct down *d)
{
    bool first = d->final == NEVER;
    d->negatives++;
    if (stateful(c, d) && hears(c, d) && (first || d->status >= 300) &&
        (d->cancelled == NEVER || check_now(c) < d->cancelled + LIFE_MS))
        duty_add(c, DUTY_ACK_NEGATIVE, NULL, d, 0);
}

static bool rings(const struct check *c, const struct down *d)
{
    return invite(d) && d->rang != NEVER && d->final == NEVER && d->cancelled == NEVER &&
           hears(c, d);
}

void rules_call_over(struct check *c, struct up *u)
{
    for (struct down *d = u->first; d; d = d->next)
        if (stateful(c, d) && rings(c, d))
            duty_add(c, DUTY_CANCEL, u, d, 0);
}

static void provisional(struct check *c, struct down *d, unsigned status)
{
    if (d->rang == NEVER && d->final == NEVER && hears(c, d))
        d->rang = check_now(c);
    if (!d->up || !stateful(c, d) || !rings(c, d))
        return;
    bool over = d->up->negative != NEVER || d->up->success != NEVER;
    if (over || d->up->cancelled != NEVER)
        duty_add(c, DUTY_CANCEL, d->up, d, 0);
    else if (status > 100 && !c->drops)
        duty_add(c, DUTY_1XX_UP, d->up, d, status);
}

void rules_reply_came(struct check *c, const struct msg *m)
{
    struct down *d = down_find(c, m->via.branch, m->method);
    if (!d || down_tainted(d))
        return;
    if (d->rang == NEVER && d->final == NEVER)
        look_at_repeats(c, d, earlier(check_now(c), repeats_until(c, d)));
    if (m->status < 200) {
        provisional(c, d, m->status);
        return;
    }
    if (invite(d) && m->status < 300)
        invite_2xx(c, m, d);
    else if (invite(d))
        invite_negative(c, d);
    if (d->final == NEVER) {
        d->final = check_now(c);
        d->status = m->status;
    }
}

/* ---- the end ---- */

void rules_down_ends(struct check *c, const struct down *d)
{
    if (down_tainted(d))
        return;
    look_at_repeats(c, d, earlier(check_now(c), repeats_until(c, d)));
}
