/* dispatcher's management commands. */
/* SPDX-License-Identifier: MIT */
#include "modules/dispatcher/priv.h"

static char letter(const struct ds_dest *d)
{
    uint32_t state = atomic_load(&d->state);
    return state & DS_INACTIVE ? 'I' : state & DS_PROBING ? 'P' : 'A';
}

static enum mi_next ds_list(struct mi *m)
{
    const struct ds_list *l = mi_table(m, &ds_table);
    unsigned n = 0;
    for (const struct ds_set *s = l->sets; s; s = s->next)
        n++;
    mi_line(m, 0, "SET_NO", "%u", n);
    for (const struct ds_set *s = l->sets; s; s = s->next) {
        mi_line(m, 0, "SET", "%u", s->id);
        for (unsigned i = 0; i < s->n; i++) {
            mi_text(m, 1, "URI", s->dest[i].uri);
            mi_attr(m, "flag", "%c", letter(&s->dest[i]));
        }
    }
    return MI_DONE;
}

static enum mi_next ds_set_state(struct mi *m)
{
    struct str state = mi_arg(m, 0), uri = mi_arg(m, 2);
    uint32_t group;
    char l = state.len ? ascii_lower(state.p[0]) : 0;
    if (!l || !strchr("a1i0p2", l))
        return mi_fail(m, 400, "Bad state: a or 1 active, i or 0 inactive, p or 2 probing");
    if (str_u32(&group, mi_arg(m, 1), INT32_MAX) != ERR_OK)
        return mi_fail(m, 400, "Bad group: a number");
    struct ds_dest *d = ds_find_dest(mi_table(m, &ds_table), group, uri);
    if (!d)
        return mi_fail(m, 404, "Destination not found");
    atomic_store(&d->failures, 0);
    atomic_store(&d->state, l == 'a' || l == '1'   ? 0
                            : l == 'i' || l == '0' ? DS_INACTIVE
                                                   : DS_PROBING);
    return MI_DONE;
}

const struct mi_command ds_commands[] = {
    {"ds_list", "", "The sets with their destinations: A active, I inactive, P probing.", 0, 0, 0,
     NULL, ds_list},
    {"ds_set_state", "state group uri",
     "Sets the state of a destination: a or 1 active, i or 0 inactive, p or 2 probing.", 3, 3, 0,
     NULL, ds_set_state},
    {.name = NULL},
};
