/* A party is asked who it is: the request once more, with credentials (RFC 3261 22.2). */
/* SPDX-License-Identifier: MIT */
#include "core/sim/party_priv.h"

struct sent *sent_latest(struct sent *s)
{
    while (s && s->retry)
        s = s->retry;
    return s;
}

/* The latest challenge of a realm takes the place of the one before. */
static void remember(struct leg *l, struct challenge *c)
{
    struct challenge **at = &l->challenges;
    while (*at && ((*at)->proxy != c->proxy || !str_eq((*at)->realm, c->realm)))
        at = &(*at)->next;
    c->next = *at ? (*at)->next : NULL;
    *at = c;
}

static bool tried(const struct leg *l, const struct sent *s, const struct challenge *c)
{
    for (const struct challenge *x = l->challenges; x && s->credentials.len; x = x->next)
        if (x->proxy == c->proxy && str_eq(x->realm, c->realm))
            return true;
    return false;
}

struct str leg_credentials(struct leg *l, struct str method, struct str uri)
{
    struct buf out;
    if (!l->challenges || !l->credentials.password.len || str_eq(method, STR("CANCEL")))
        return STR_NONE;
    buf_init(&out, &l->arena, 400);
    for (struct challenge *c = l->challenges; c; c = c->next)
        buf_add(&out, credentials_line(&l->arena, &l->credentials, c, method, uri,
                                       party_token(l->party, &l->arena, "")));
    return out.failed ? STR_NONE : buf_str(&out);
}

/* Whether there is a challenge that these credentials have not failed at yet. */
static bool take_challenges(struct sent *s, const struct msg *m)
{
    struct leg *l = s->leg;
    struct challenge *c = challenges_of(&l->arena, m);
    bool stale = challenge_stale(m, &l->arena), any = false;
    for (struct challenge *next; c; c = next) {
        next = c->next;
        if (tried(l, s, c) && !stale)
            return false;
        remember(l, c);
        any = true;
    }
    return any;
}

void sent_challenged(struct sent *s, struct got *g)
{
    struct leg *l = s->leg;
    struct msg old;
    if (!l->credentials.password.len || s->retry || !take_challenges(s, &g->msg) ||
        msg_scan(&old, &l->arena, s->bytes) != 0)
        return;
    struct sent *again = sent_new(l, s->method, STR_NONE);
    if (!again)
        return;
    again->cseq = ++l->cseq;
    again->dst = s->dst;
    again->to_tag = s->to_tag;
    again->credentials = leg_credentials(l, s->method, old.uri);
    again->bytes = compose_again(l, s, again);
    g->challenge = sent_launch(again, false) != NULL;
    s->retry = g->challenge ? again : NULL;
}
