/* Builders of the steps that are about the network, the script and what goes wrong. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sim/scenario_parse.h"

static struct diag *findings(struct scn_parse *p)
{
    return &p->scenario->diag;
}

/* ---- the network, the script ---- */

void scn_link(struct scn_parse *p, const struct loc *at, enum direction d,
              const struct scn_token *name)
{
    scn_step(p, at, STEP_FAULT, NULL);
    if (!p->step)
        return;
    p->step->direction = d;
    p->step->n = 0;
    p->step->fault = FAULT_WHOLE;
    if (name && name->word.vars)
        p->step->target = name->word;
    else if (name)
        p->step->party = scn_need_party(p, name);
}

void scn_fault(struct scn_parse *p, const struct loc *at, enum fault_kind kind,
               const struct scn_token *amount)
{
    struct step *s = p->step;
    if (!s)
        return;
    if (s->n++) { /* "and": one more on the same link */
        int party = s->party;
        enum direction d = s->direction;
        scn_link(p, at, d, NULL);
        s = p->step;
        if (!s)
            return;
        s->party = party;
        s->n = 1;
    }
    s->fault = kind;
    s->loc = scn_join(s->loc, *at);
    if (!amount)
        return;
    s->permille = s->ms_max = amount->value;
    if (kind == FAULT_DELAY) {
        s->permille = amount->value;
        s->ms_max = amount->most;
    } else if (amount->value > 1000) {
        diag_add(findings(p), DIAG_ERROR, NULL, amount->word.loc, "100%% is all there is");
    }
}

void scn_next_ones(struct scn_parse *p, const struct loc *at, enum fault_kind kind,
                   const struct scn_token *what)
{
    struct step *s = p->step;
    if (!s)
        return;
    s->kind = STEP_NEXT;
    s->fault = kind;
    s->loc = *at;
    s->pattern.what = what->word;
    if (s->n == 0)
        s->n = 1;
}

/* A variable is named as in a script; '$' in it means no column. */
void scn_variable(struct scn_parse *p, const struct loc *at, const struct scn_token *name)
{
    scn_step(p, at, STEP_VARIABLE, name);
    if (p->step)
        p->step->what.vars = false;
}

void scn_value(struct scn_parse *p, enum cond_op op, const struct scn_token *value)
{
    struct cond *c = scn_alloc(p, sizeof *c);
    if (!c || !p->step)
        return;
    c->op = op;
    c->field = p->step->what;
    if (value) {
        c->value = value->word;
        p->step->loc = scn_join(p->step->loc, value->word.loc);
    }
    if (op == COND_MATCHES)
        scn_compile(p, &c->value, &c->regex);
    p->step->pattern.conds = c;
}

void scn_flag_step(struct scn_parse *p, const struct loc *at, enum flag_kind kind,
                   const struct scn_token *number)
{
    scn_step(p, at, STEP_FLAG, NULL);
    if (number->value > 31)
        diag_add(findings(p), DIAG_ERROR, NULL, number->word.loc,
                 "flags have numbers from 0 to 31");
    if (!p->step)
        return;
    p->step->flag = kind;
    p->step->n = number->value;
}

void scn_flag(struct scn_parse *p, const struct loc *at, bool never)
{
    if (!p->step)
        return;
    p->step->never = never;
    p->step->loc = *at;
}

void scn_in_route(struct scn_parse *p, const struct scn_token *title)
{
    if (!p->step)
        return;
    p->step->call = title->word;
    p->step->mods |= MOD_IN;
}

void scn_check_step(struct scn_parse *p, const struct loc *at, enum step_kind kind, bool never,
                    bool matches, const struct scn_token *what)
{
    scn_step(p, at, kind, what);
    if (!p->step)
        return;
    p->step->never = never;
    p->step->matches = matches;
    p->step->n = what->value;
    if (matches)
        scn_compile(p, &what->word, &p->step->regex);
}

/* ---- mishaps ---- */

/* What a packet may be called: anything but another word than "packet". */
static bool is_packet(struct str s)
{
    return ascii_digit(s.p[0]) || (s.p[0] >= 'A' && s.p[0] <= 'Z') || str_eq(s, STR("packet"));
}

void scn_packet(struct scn_parse *p, const struct scn_token *nth, const struct scn_token *what,
                const struct scn_token *from, const struct scn_token *to)
{
    const struct scn_token *ends[] = {from, to};
    struct addr a;
    scn_step(p, &nth->word.loc, STEP_MISHAP, NULL);
    for (unsigned i = 0; i < 2; i++)
        if (scn_party_number(p->scenario, ends[i]->word.text) < 0 &&
            !str_eq(ends[i]->word.text, STR("proxy")) && !scn_address(&a, ends[i]->word.text))
            scn_need_party(p, ends[i]);
    if (!is_packet(what->word.text))
        diag_add(findings(p), DIAG_ERROR, NULL, what->word.loc,
                 "a method, a number such as 200, or 'packet' for what is no SIP");
    if (!p->step)
        return;
    p->step->n = nth->value;
    p->step->pattern.what = what->word;
    p->step->target = from->word;
    p->step->call = to->word;
}

void scn_packet_of(struct scn_parse *p, const struct scn_token *method)
{
    if (p->step)
        p->step->pattern.to = method->word;
}

void scn_mishap(struct scn_parse *p, const struct loc *at, enum mishap_kind kind,
                const struct scn_token *amount)
{
    if (!p->step)
        return;
    p->step->loc = *at;
    p->step->mishap = kind;
    p->step->ms = amount ? amount->value : 1;
}

void scn_moment(struct scn_parse *p, const struct loc *at, const struct scn_token *number,
                const struct scn_token *nth)
{
    scn_step(p, at, STEP_MISHAP, NULL);
    if (nth->value < 2 || nth->value > MOMENT_MOST)
        diag_add(findings(p), DIAG_ERROR, NULL, nth->word.loc, "from 2nd to %dth", MOMENT_MOST);
    if (!p->step)
        return;
    p->step->mishap = MISHAP_ORDER;
    p->step->n = number->value;
    p->step->ms = nth->value - 1;
}

void scn_event(struct scn_parse *p, const struct loc *at, enum mishap_kind kind,
               const struct scn_token *amount, bool back)
{
    scn_step(p, at, STEP_EVENT, NULL);
    if (!p->step)
        return;
    p->step->mishap = kind;
    p->step->ms = amount ? amount->value : 0;
    p->step->never = back;
}

/* Loading the script as it is at once is a step that may fail. */
void scn_event_now(struct scn_parse *p)
{
    if (p->step && p->step->mishap == MISHAP_RELOAD)
        p->step->kind = STEP_RELOAD;
}

void scn_event_at(struct scn_parse *p, const struct loc *at, const struct scn_token *time)
{
    if (!p->step)
        return;
    p->step->loc = *at;
    p->step->n = time->value;
    p->step->timed = true;
}

void scn_explore(struct scn_parse *p, const struct loc *at, const struct scn_token *seed,
                 const struct scn_token *delay, bool small)
{
    scn_step(p, at, STEP_EXPLORE, NULL);
    if (!p->step)
        return;
    p->step->n = seed->value;
    p->step->timed = delay != NULL;
    p->step->ms = delay ? delay->value : 0;
    p->step->never = small;
}
