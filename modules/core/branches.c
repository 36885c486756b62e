/* Adding branches, and trying them one q after the other (LANGUAGE 8.2). */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

int core_append_branch(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return script_result(call_append_current(c));
}

int core_append_branch_uri(struct call *c, const struct arg *args, unsigned n)
{
    struct target t = c->target;
    t.uri = args[0].v.s;
    t.q = n > 1 ? (int16_t)args[1].v.i : NO_Q;
    return script_result(call_add_branch(c, &t));
}

/* ---- serial forking ----
 *
 * serialize_branches keeps the targets as values of one AVP: the highest q on top, and the last one
 * of each group of equal q marked. next_branches takes values off the top up to a marked one. */

enum { SERIAL_AVP = 0x3434, LAST_OF_GROUP = 0x80 };

static struct avp_name serial_name(uint8_t flags)
{
    return (struct avp_name){.number = SERIAL_AVP, .flags = flags};
}

/* R-URI and branches by falling q, those of equal q in the order they were added. How many. */
static unsigned sort_targets(const struct call *c, const struct target *out[CALL_MAX_BRANCHES])
{
    unsigned count = 0;
    for (unsigned i = 0; i <= c->extras; i++) {
        const struct target *t = i ? &c->extra[i - 1] : &c->target;
        unsigned at = count++;
        for (; at > 0 && out[at - 1]->q < t->q; at--)
            out[at] = out[at - 1];
        out[at] = t;
    }
    return count;
}

int core_serialize_branches(struct call *c, const struct arg *args, unsigned n)
{
    const struct target *sorted[CALL_MAX_BRANCHES];
    struct avp_name name = serial_name(0);
    unsigned count = sort_targets(c, sorted);
    (void)n;
    if (args[0].v.i)
        avp_clear(c->avps, &name);
    if (sorted[0]->q == sorted[count - 1]->q)
        return 1;
    for (unsigned i = count; i-- > 0;) {
        bool last = i == count - 1 || sorted[i]->q != sorted[i + 1]->q;
        struct avp_name as = serial_name(last ? LAST_OF_GROUP : 0);
        struct value uri = value_str(sorted[i]->uri);
        if (avp_push(c->avps, &as, &uri) != ERR_OK)
            return -1;
    }
    c->extras = 0;
    return 1;
}

/* Makes uri the R-URI or one more branch. */
static int take_target(struct call *c, struct str uri, bool as_ruri)
{
    struct target t = {.uri = uri, .q = NO_Q, .socket = NO_SOCKET};
    return as_ruri ? call_set_uri(c, uri) : call_add_branch(c, &t);
}

int core_next_branches(struct call *c, const struct arg *args, unsigned n)
{
    struct avp_name name = serial_name(0);
    bool as_ruri = c->kind == ROUTE_REQUEST;
    bool last = false;
    int taken = 0;
    (void)args, (void)n;
    if (!(c->kind & (ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_ONREPLY))) {
        log_err("next_branches() works in request, failure and reply routes only");
        return -1;
    }
    for (struct avp *a; !last && (a = avp_find(c->avps, &name, NULL)); taken++) {
        if (take_target(c, a->value.s, as_ruri && taken == 0) != ERR_OK)
            return -1;
        last = a->name.flags & LAST_OF_GROUP;
        avp_remove(c->avps, a);
    }
    return taken ? 1 : -1;
}
