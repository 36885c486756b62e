/* Max-Breadth (RFC 5393 5.3): how far a request may spread, so that proxies that fork to each other
 * cannot make a flood of one call. Each branch gets a share of what the request came with, and
 * gives it back when it has ended.
 *
 * A request without the header stands for the default, here and at the next hop alike: it is
 * written only where a branch gets less than that, so a request that does not fork goes on as it
 * came. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/proxy/txn.h"

enum { NO_MORE = 65535 }; /* beyond that a value is taken for this */

/* The value a request came with; false for none, or none that is a number. */
static bool received(const struct msg *m, uint32_t *value)
{
    const struct hdr *h = msg_header(m, HDR_MAX_BREADTH);
    if (!h || h->value.len == 0)
        return false;
    for (size_t i = 0; i < h->value.len; i++)
        if (h->value.p[i] < '0' || h->value.p[i] > '9')
            return false;
    if (str_u32(value, h->value, NO_MORE) != ERR_OK)
        *value = NO_MORE;
    return true;
}

bool breadth_allows(const struct msg *m)
{
    uint32_t value;
    return !received(m, &value) || value > 0;
}

static uint32_t pending(const struct txn *t)
{
    uint32_t n = 0;
    for (const struct branch *b = t->first; b; b = b->next)
        if (b->status == 0 && b->leg && branch_live(b))
            n += b->leg->breadth;
    return n;
}

enum failure breadth_take(struct breadth *out, const struct txn *t, const struct msg *m, unsigned n)
{
    uint32_t limit = (uint32_t)txn_conf(t)->max_breadth;
    *out = (struct breadth){0};
    if (limit == 0)
        return FAIL_NONE;
    received(m, &limit);
    uint32_t used = pending(t);
    *out = (struct breadth){.limit = limit, .free = limit > used ? limit - used : 0};
    return out->free < n || limit == 0 ? FAIL_BREADTH : FAIL_NONE;
}

uint32_t breadth_share(const struct breadth *b, unsigned i, unsigned n)
{
    return b->free / n + (i < b->free % n);
}
