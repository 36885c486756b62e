/* Rules of what goes on with those who call: requests that come, replies that go up. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/check_priv.h"

enum { ROUNDING = 1 };

static bool invite(const struct up *u)
{
    return u->method == METHOD_INVITE;
}

bool rules_up_over(const struct check *c, const struct up *u)
{
    uint64_t now = check_now(c);
    if (u->success != NEVER)
        return now >= u->success + c->times.linger;
    if (u->negative == NEVER)
        return false;
    if (!invite(u))
        return now >= u->negative + c->times.linger;
    return u->acked != NEVER ? now >= u->acked + c->times.t4 : now >= u->negative + c->times.no_ack;
}

/* ---- requests come ---- */

static struct success *success_of_ack(struct check *c, const struct msg *m)
{
    struct hnode *n = htable_first(&c->successes, check_dialog_key(m));
    return n ? container_of(n, struct success, node) : NULL;
}

/* Whether timer G has done its duty up to a time. */
static void look_at_repeats(struct check *c, const struct up *u, uint64_t until)
{
    if (c->stateful && u->trying != NEVER && u->again + ROUNDING < until)
        check_broken(c, RULE_REPLY_ONCE, "not repeated at %llu ms, the first was at %llu",
                     (unsigned long long)u->again, (unsigned long long)u->negative);
}

void rules_ack_seen(struct check *c, const struct msg *m)
{
    c->ack_came[c->acks_came++ % RECENT] = check_dialog_key(m);
}

static void ack_came(struct check *c, const struct msg *m, struct up *u)
{
    rules_ack_seen(c, m);
    if (u && u->tainted)
        return;
    if (u && u->negative != NEVER) {
        if (u->acked == NEVER && !rules_up_over(c, u)) {
            look_at_repeats(c, u, check_now(c));
            u->acked = check_now(c);
        }
        return;
    }
    struct success *s = success_of_ack(c, m);
    if (!u && s && s->relayed && !s->up->tainted)
        duty_add(c, DUTY_ACK_DOWN, NULL, NULL, check_dialog_key(m));
}

/* Whether there is a reply that a repeated request gets again. What a CANCEL gets, once its INVITE
 * is over, is for the script to say. */
static bool replies_again(const struct check *c, const struct up *u)
{
    if (!c->stateful)
        return false;
    if (invite(u))
        return u->success == NEVER && u->trying != NEVER &&
               (u->negative == NEVER || u->acked == NEVER);
    return u->method != METHOD_CANCEL && (u->success != NEVER || u->negative != NEVER);
}

void rules_request_came(struct check *c, const struct msg *m, struct up *u, bool fresh)
{
    if (m->method == METHOD_ACK)
        ack_came(c, m, u);
    else if (!fresh && u && replies_again(c, u))
        duty_add(c, DUTY_REPEAT, u, NULL, 0);
}

/* ---- replies go up ---- */

static bool came_from_below(const struct up *u, uint64_t tag)
{
    for (const struct down *d = u->first; d; d = d->next)
        for (unsigned i = 0; i < d->successes; i++)
            if (d->success_tag[i] == tag)
                return true;
    return false;
}

static void note_success(struct check *c, const struct msg *m, struct up *u, uint64_t tag)
{
    for (unsigned i = 0; i < u->successes; i++)
        if (u->went_up[i].tag == tag)
            return;
    if (u->successes == MOST_TAGS)
        return;
    struct success *s = &u->went_up[u->successes++];
    *s = (struct success){.up = u, .tag = tag, .relayed = came_from_below(u, tag)};
    htable_insert(&c->successes, &s->node, check_dialog_key(m));
    if (u->first && !s->relayed)
        check_broken(c, RULE_INVENTED, "%u with To tag %.*s", m->status, STR_ARG(m->to_tag));
}

static void invite_2xx(struct check *c, const struct msg *m, struct up *u)
{
    uint64_t tag = check_hash(m->to_tag);
    if (u->negative != NEVER && !came_from_below(u, tag))
        check_broken(c, RULE_LATE_2XX, "%u, the negative one was at %llu ms", m->status,
                     (unsigned long long)u->negative);
    note_success(c, m, u, tag);
    duty_done(c, DUTY_2XX_UP, u, NULL, tag);
    if (u->success == NEVER)
        u->success = check_now(c);
}

/* A negative final of an INVITE once more. */
static void repeated_final(struct check *c, struct up *u)
{
    uint64_t now = check_now(c);
    if (u->acked != NEVER && u->acked < now)
        check_broken(c, RULE_REPLY_AFTER_ACK, "the ACK came at %llu ms",
                     (unsigned long long)u->acked);
    if (now >= u->again && now <= u->again + ROUNDING) {
        u->gap = 2 * u->gap < c->times.t2 ? 2 * u->gap : c->times.t2;
        u->again = now + u->gap;
    } else if (u->repeated != now) {
        check_broken(c, RULE_REPLY_SPACING, "the timer was for %llu ms",
                     (unsigned long long)u->again);
    }
}

/* What must be the same in each copy of a final reply. A challenge without a transaction may have
 * another nonce each time (RFC 3261 8.2.7 asks for the same tag). */
static uint64_t identity(const struct msg *m)
{
    bool challenge = m->status == 401 || m->status == 407;
    return challenge ? check_hash(m->to_tag) ^ m->status : check_hash(m->raw);
}

static void final(struct check *c, const struct msg *m, struct up *u)
{
    uint64_t bytes = identity(m);
    if (u->success != NEVER && invite(u) && u->negative == NEVER)
        check_broken(c, RULE_AFTER_2XX, "%u, the 2xx was at %llu ms", m->status,
                     (unsigned long long)u->success);
    if (u->negative == NEVER) {
        rules_call_over(c, u);
        u->negative = check_now(c);
        u->negative_bytes = bytes;
        u->gap = c->times.t1;
        u->again = check_now(c) + u->gap;
    } else if ((invite(u) || u->first) && u->negative_bytes != bytes) {
        check_broken(c, RULE_ONE_NEGATIVE, "%u, another one went up at %llu ms", m->status,
                     (unsigned long long)u->negative);
    } else if (invite(u) && u->trying != NEVER) {
        repeated_final(c, u);
    }
}

static void trying(struct check *c, struct up *u)
{
    if (!invite(u))
        check_broken(c, RULE_TRYING, "a 100 to another method");
    else if (u->trying == NEVER)
        u->trying = check_now(c);
    else if (u->repeated != check_now(c))
        check_broken(c, RULE_TRYING, "a second 100, the first was at %llu ms",
                     (unsigned long long)u->trying);
}

/* A CANCEL gets its 200: what is to be cancelled now? */
static void cancel_taken(struct check *c, const struct msg *m, const struct up *cancel)
{
    struct up *u = up_find(c, &m->via, METHOD_INVITE);
    if (cancel->first) /* it overtook its INVITE, and the script sent it on */
        return;
    if (!u || u->cancelled != NEVER || u->negative != NEVER || u->success != NEVER)
        return;
    u->cancelled = check_now(c);
    for (struct down *d = u->first; d; d = d->next)
        if (d->rang != NEVER && d->final == NEVER && d->cancelled == NEVER && d->trouble == NEVER)
            duty_add(c, DUTY_CANCEL, u, d, 0);
}

static void to_whom(struct check *c, const struct msg *m, const struct up *u)
{
    const struct addr *dst = &c->packet->dst;
    uint16_t port = m->via.port ? m->via.port : 5060;
    if (!ip_eq(&dst->ip, &u->src.ip) || (dst->port != u->src.port && dst->port != port))
        check_broken(c, RULE_STRANGER, "a %u went elsewhere", m->status);
}

void rules_reply_sent(struct check *c, const struct msg *m)
{
    struct up *u = up_find(c, &m->via, m->method);
    if (m->method == METHOD_ACK) {
        check_broken(c, RULE_ACK_ANSWERED, "%u", m->status);
        return;
    }
    if (!u || u->tainted)
        return;
    if (u->call != check_call_key(m))
        check_broken(c, RULE_IDENTITY, "a %u", m->status);
    to_whom(c, m, u);
    if (check_vias(m) != u->vias)
        check_broken(c, RULE_VIA, "a %u with %u, the request came with %u", m->status,
                     check_vias(m), u->vias);
    duty_done(c, DUTY_REPEAT, u, NULL, 0);
    if (m->status > 100 && m->status < 200)
        duty_done(c, DUTY_1XX_UP, u, NULL, m->status);
    if (m->status == 100)
        trying(c, u);
    else if (m->status >= 300 || (m->status >= 200 && !invite(u)))
        final(c, m, u);
    else if (m->status >= 200)
        invite_2xx(c, m, u);
    if (m->status >= 200 && m->status < 300 && m->method == METHOD_CANCEL)
        cancel_taken(c, m, u);
}

/* ---- the end ---- */

void rules_up_ends(struct check *c, const struct up *u)
{
    if (!invite(u) || u->trying == NEVER || u->tainted)
        return;
    if (u->negative == NEVER && u->success == NEVER)
        check_broken(c, RULE_FINAL, "the INVITE of %llu ms has none",
                     (unsigned long long)u->opened);
    if (u->negative != NEVER && u->acked == NEVER) {
        uint64_t end = u->negative + c->times.no_ack;
        look_at_repeats(c, u, end < check_now(c) ? end : check_now(c));
    }
}
