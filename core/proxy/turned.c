/* The set of requests that were turned away. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/turned.h"

#include <stdlib.h>

void turned_begin(struct turned *t)
{
    if (!t->set)
        t->set = calloc(TURNED_SETS, sizeof *t->set);
}

void turned_free(struct turned *t)
{
    free(t->set);
    t->set = NULL;
}

/* 0 is an empty place. */
static uint32_t mark_of(uint64_t hash)
{
    uint32_t mark = (uint32_t)(hash >> 32);
    return mark ? mark : 1;
}

void turned_add(struct turned *t, uint64_t hash)
{
    if (!t->set)
        return;
    uint32_t *way = t->set[hash % TURNED_SETS], mark = mark_of(hash);
    unsigned at = 0;
    while (at < TURNED_WAYS - 1 && way[at] != mark)
        at++;
    for (; at > 0; at--)
        way[at] = way[at - 1];
    way[0] = mark;
}

bool turned_has(const struct turned *t, uint64_t hash)
{
    if (!t->set)
        return false;
    const uint32_t *way = t->set[hash % TURNED_SETS];
    uint32_t mark = mark_of(hash);
    for (unsigned i = 0; i < TURNED_WAYS; i++)
        if (way[i] == mark)
            return true;
    return false;
}
