/* Management commands of permissions: tables read anew and shown, rules asked. */
/* SPDX-License-Identifier: MIT */
#include "modules/permissions/priv.h"

static struct module_start again(struct mi *m, struct buf *why, char *text, size_t size)
{
    const struct perm_state *s = mi_state(m);
    buf_fixed(why, text, size);
    return (struct module_start){.conf = mi_conf(m), .db = s->db, .why = why};
}

static enum mi_next trusted_reload(struct mi *m)
{
    const struct perm_conf *conf = mi_conf(m);
    struct perm_state *s = mi_state(m);
    char text[256];
    struct buf why;
    struct module_start begin = again(m, &why, text, sizeof text);
    if (!conf->asks_trusted || !conf->db_mode)
        return mi_fail(m, 500, "the trusted table is not in memory");
    struct peers *l = peers_read(&begin);
    if (!l)
        return mi_fail(m, 500, "%.*s", STR_ARG(buf_str(&why)));
    snapshot_set(&s->trusted, l);
    return MI_DONE;
}

static enum mi_next trusted_dump(struct mi *m)
{
    const struct perm_state *s = mi_state(m);
    const struct peers *l = snapshot_get(&s->trusted);
    char ip[IP_TEXT];
    if (!l)
        return mi_fail(m, 500, "the trusted table is not in memory");
    for (unsigned i = 0; i < l->n; i++) {
        const struct peer *p = &l->row[i];
        mi_text(m, 0, "peer", ip_text(ip, &p->ip));
        mi_attr_text(m, "proto", p->proto);
        mi_attr_text(m, "pattern", p->from ? p->from->text : STR_NONE);
        mi_attr_text(m, "tag", p->tag);
    }
    return MI_DONE;
}

static enum mi_next address_reload(struct mi *m)
{
    const struct perm_conf *conf = mi_conf(m);
    struct perm_state *s = mi_state(m);
    char text[256];
    struct buf why;
    struct module_start begin = again(m, &why, text, sizeof text);
    if (!conf->asks_address)
        return mi_fail(m, 500, "the address table is not used");
    struct addresses *l = addresses_read(&begin);
    if (!l)
        return mi_fail(m, 500, "%.*s", STR_ARG(buf_str(&why)));
    snapshot_set(&s->address, l);
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
    const struct perm_state *s = mi_state(m);
    const struct addresses *l = snapshot_get(&s->address);
    for (unsigned i = 0; l && i < l->n; i++)
        show(m, &l->row[i]);
    return MI_DONE;
}

static enum mi_next subnet_dump(struct mi *m)
{
    const struct perm_state *s = mi_state(m);
    const struct addresses *l = snapshot_get(&s->address);
    for (unsigned i = 0; l && i < l->nets; i++)
        show(m, &l->row[l->n + i]);
    return MI_DONE;
}

const struct mi_command perm_commands[] = {
    {"trusted_reload", "", "Reads the trusted table anew; with db_mode 1.", 0, 0, 0, NULL,
     trusted_reload},
    {"trusted_dump", "", "Shows the trusted peers in memory.", 0, 0, 0, NULL, trusted_dump},
    {"address_reload", "", "Reads the address table anew.", 0, 0, 0, NULL, address_reload},
    {"address_dump", "", "Shows the single addresses.", 0, 0, 0, NULL, address_dump},
    {"subnet_dump", "", "Shows the networks.", 0, 0, 0, NULL, subnet_dump},
    {.name = NULL},
};
