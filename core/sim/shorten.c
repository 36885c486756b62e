/* Shortening by leaving out. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/shorten.h"

#include <stdlib.h>

struct trial {
    bool (*broken)(void *user, const struct mishap *m, unsigned n);
    void *user;
    struct mishap *rest;
    unsigned left; /* runs */
};

/* Leaves out [from, from + n) when that still breaks the rule. */
static bool without(struct trial *t, struct mishap *m, unsigned *count, unsigned from, unsigned n)
{
    unsigned rest = 0;
    for (unsigned i = 0; i < *count; i++)
        if (i < from || i >= from + n)
            t->rest[rest++] = m[i];
    t->left--;
    if (!t->broken(t->user, t->rest, rest))
        return false;
    memcpy(m, t->rest, rest * sizeof *m);
    *count = rest;
    return true;
}

static bool pass(struct trial *t, struct mishap *m, unsigned *n, unsigned size)
{
    bool less = false;
    for (unsigned at = 0; at < *n && t->left;)
        if (without(t, m, n, at, size))
            less = true;
        else
            at += size;
    return less;
}

unsigned shorten(struct mishap *m, unsigned n,
                 bool (*broken)(void *user, const struct mishap *m, unsigned n), void *user,
                 unsigned most_runs)
{
    struct trial t = {broken, user, calloc(n + 1, sizeof *m), most_runs};
    if (!t.rest)
        return n;
    for (unsigned size = (n + 1) / 2; size > 0 && n > 0 && t.left;) {
        bool less = pass(&t, m, &n, size);
        if (size > 1)
            size = (size + 1) / 2;
        else if (!less)
            size = 0;
    }
    free(t.rest);
    return n;
}
