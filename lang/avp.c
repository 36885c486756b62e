/* The list of AVPs: newest first, found by name and flags. */
/* SPDX-License-Identifier: MIT */
#include "lang/avp.h"

#include "core/base/err.h"

/* Names are case-sensitive. Flags asked for match when one is shared; none asked for is any. */
static bool same_name(const struct avp_name *have, const struct avp_name *want)
{
    if (want->flags && !(want->flags & have->flags))
        return false;
    if (want->text.len)
        return str_eq(have->text, want->text);
    return have->text.len == 0 && have->number == want->number;
}

struct avp *avp_find(const struct avps *l, const struct avp_name *name, const struct avp *after)
{
    struct avp *a = after ? after->next : l->head;
    while (a && !same_name(&a->name, name))
        a = a->next;
    return a;
}

int avp_push(struct avps *l, const struct avp_name *name, const struct value *v)
{
    struct avp *a = arena_alloc(l->arena, sizeof *a);
    if (!a)
        return ERR_NOMEM;
    a->name = *name;
    if (name->text.len) {
        a->name.text = arena_dup(l->arena, name->text);
        if (!a->name.text.p)
            return ERR_NOMEM;
    }
    int rc = value_store(&a->value, v, l->arena);
    if (rc != ERR_OK)
        return rc;
    a->next = l->head;
    l->head = a;
    return ERR_OK;
}

void avp_remove(struct avps *l, struct avp *a)
{
    struct avp **at = &l->head;
    while (*at && *at != a)
        at = &(*at)->next;
    if (*at)
        *at = a->next;
}

unsigned avp_clear(struct avps *l, const struct avp_name *name)
{
    unsigned n = 0;
    struct avp **at = &l->head;
    while (*at) {
        if (same_name(&(*at)->name, name)) {
            *at = (*at)->next;
            n++;
        } else {
            at = &(*at)->next;
        }
    }
    return n;
}

/* Appends a copy of every AVP of in behind the last of out, so that the order stays. */
int avps_copy(struct avps *out, const struct avps *in)
{
    struct avps copy = {out->arena, NULL};
    struct avp **end = &out->head;
    while (*end)
        end = &(*end)->next;
    for (const struct avp *a = in->head; a; a = a->next) {
        copy.head = NULL;
        int rc = avp_push(&copy, &a->name, &a->value);
        if (rc != ERR_OK)
            return rc;
        *end = copy.head;
        end = &copy.head->next;
    }
    return ERR_OK;
}
