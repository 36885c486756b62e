/* Management commands of permissions: tables shown, rules asked. */
/* SPDX-License-Identifier: MIT */
#include "modules/permissions/priv.h"

static enum mi_next trusted_dump(struct mi *m)
{
    const struct peers *l = mi_table(m, &perm_trusted);
    char ip[IP_TEXT];
    if (!l)
        return mi_fail(m, 500, "%s", perm_trusted.absent);
    for (unsigned i = 0; i < l->n; i++) {
        const struct peer *p = &l->row[i];
        mi_text(m, 0, "peer", ip_text(ip, &p->ip));
        mi_attr_text(m, "proto", p->proto);
        mi_attr_text(m, "pattern", p->from ? p->from->text : STR_NONE);
        mi_attr_text(m, "tag", p->tag);
    }
    return MI_DONE;
}

static void show(struct mi *m, const struct address *a)
{
    char ip[IP_TEXT];
    mi_text(m, 0, "address", ip_text(ip, &a->ip));
    mi_attr(m, "grp", "%d", a->group);
    mi_attr(m, "mask", "%u", a->bits);
    mi_attr(m, "port", "%u", a->port);
}

static enum mi_next address_dump(struct mi *m)
{
    const struct addresses *l = mi_table(m, &perm_address);
    for (unsigned i = 0; l && i < l->n; i++)
        show(m, &l->row[i]);
    return MI_DONE;
}

static enum mi_next subnet_dump(struct mi *m)
{
    const struct addresses *l = mi_table(m, &perm_address);
    for (unsigned i = 0; l && i < l->nets; i++)
        show(m, &l->row[l->n + i]);
    return MI_DONE;
}

static enum mi_next allow_uri(struct mi *m)
{
    const struct perm_conf *conf = mi_conf(m);
    const struct base *b = conf->bases;
    struct str from = permissions_uri(mi_arena(m), mi_arg(m, 1));
    struct str uri = permissions_uri(mi_arena(m), mi_arg(m, 2));
    while (b && !str_eq(b->name, mi_arg(m, 0)))
        b = b->next;
    if (!b)
        return mi_fail(m, 404, "no function of the script has this base name");
    if (!from.p || !uri.p)
        return mi_fail(m, 400, "that is no URI");
    return permissions_allow(b->rules, from, uri) ? MI_DONE : mi_fail(m, 403, "Forbidden");
}

const struct mi_command perm_commands[] = {
    {"trusted_dump", "", "Shows the trusted peers in memory.", 0, 0, 0, NULL, trusted_dump},
    {"address_dump", "", "Shows the single addresses.", 0, 0, 0, NULL, address_dump},
    {"subnet_dump", "", "Shows the networks.", 0, 0, 0, NULL, subnet_dump},
    {"allow_uri", "base from uri",
     "Says whether the files of a base name let from reach the URI: OK or 403.", 3, 3, 0, NULL,
     allow_uri},
    {.name = NULL},
};
