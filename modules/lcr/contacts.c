/* Contacts tried by their q, one group after the other: the destination set parked in an AVP. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/lcr/priv.h"

/* A parked target is a text of fields with line feeds between them, which no URI holds: whether it
 * is the last of its group, flags, socket, q, URI, outbound proxy, Path. */
static struct str pack(struct call *c, const struct target *t, bool last)
{
    return arena_printf(c->arena, "%d\n%u\n%d\n%d\n%.*s\n%.*s\n%.*s", last, t->flags, t->socket,
                        t->q, STR_ARG(t->uri), STR_ARG(t->dst_uri), STR_ARG(t->path));
}

static int number(struct str text)
{
    uint32_t v = 0;
    bool negative = str_starts(text, STR("-"));
    if (str_u32(&v, str_sub(text, negative, text.len), INT32_MAX) != ERR_OK)
        return 0;
    return negative ? -(int)v : (int)v;
}

static bool unpack(struct str text, struct target *t, bool *last)
{
    struct str field[6];
    uint32_t flags;
    for (unsigned i = 0; i < 6; i++)
        if (!str_cut(&field[i], &text, '\n'))
            return false;
    if (str_u32(&flags, field[1], UINT32_MAX) != ERR_OK)
        return false;
    *last = str_eq(field[0], STR("1"));
    *t = (struct target){.flags = flags,
                         .socket = (int16_t)number(field[2]),
                         .q = (int16_t)number(field[3]),
                         .uri = field[4],
                         .dst_uri = field[5],
                         .path = text};
    return true;
}

/* Lowest q first; of equal ones the later first, so that the earlier is taken first. */
static int by_q(const void *a, const void *b)
{
    const struct target *x = *(const struct target *const *)a,
                        *y = *(const struct target *const *)b;
    if (x->q != y->q)
        return x->q < y->q ? -1 : 1;
    return x > y ? -1 : x < y;
}

int lcr_load_contacts(struct call *c, const struct arg *args, unsigned n)
{
    const struct lcr_conf *conf = call_conf(c, &lcr_module);
    struct target all[CALL_MAX_BRANCHES];
    const struct target *sorted[CALL_MAX_BRANCHES];
    unsigned count = 0;
    bool one_q = true;
    (void)args, (void)n;
    all[count++] = c->target;
    for (unsigned i = 0; i < c->extras; i++)
        all[count++] = c->extra[i];
    for (unsigned i = 0; i < count; i++) {
        sorted[i] = &all[i];
        one_q = one_q && all[i].q == all[0].q;
    }
    lcr_clear(c, &conf->contact_avp);
    if (one_q)
        return 1; /* they may all ring at once */
    qsort(sorted, count, sizeof *sorted, by_q);
    for (unsigned i = 0; i < count; i++) {
        struct value v = value_str(pack(c, sorted[i], i == 0 || sorted[i - 1]->q != sorted[i]->q));
        if (!v.s.p || !lcr_push(c, &conf->contact_avp, &v))
            return -1;
    }
    c->extras = 0;
    return 1;
}

static bool use(struct call *c, const struct target *t, bool first)
{
    if (!first || c->kind == ROUTE_FAILURE)
        return call_add_branch(c, t) == ERR_OK;
    if (call_set_uri(c, t->uri) != ERR_OK || call_set_dst_uri(c, t->dst_uri) != ERR_OK)
        return false;
    struct str path = arena_dup(c->arena, t->path);
    c->target.path = path;
    c->target.flags = t->flags;
    c->target.socket = t->socket;
    c->target.q = t->q;
    return path.p != NULL;
}

/* How long this group may ring. */
static bool set_timer(struct call *c, const struct lcr_conf *conf, bool more)
{
    struct value v = value_int(more ? conf->fr_inv_timer_next : conf->fr_inv_timer);
    lcr_clear(c, &conf->fr_inv_timer_avp);
    return lcr_push(c, &conf->fr_inv_timer_avp, &v);
}

int lcr_next_contacts(struct call *c, const struct arg *args, unsigned n)
{
    const struct lcr_conf *conf = call_conf(c, &lcr_module);
    struct avp_name name;
    struct str text;
    struct target t;
    bool last = false;
    (void)args, (void)n;
    if (avp_name_of(conf->contact_avp.pv, c, call_host(), &name) != ERR_OK)
        return -1;
    if (!avp_find(c->avps, &name, NULL))
        return c->kind == ROUTE_FAILURE ? -1 : 1;
    if (c->kind != ROUTE_FAILURE)
        c->extras = 0;
    for (bool first = true; !last && lcr_take(c, &conf->contact_avp, &text); first = false)
        if (!unpack(text, &t, &last) || !use(c, &t, first))
            return -1;
    return set_timer(c, conf, avp_find(c->avps, &name, NULL) != NULL) ? 1 : -1;
}
