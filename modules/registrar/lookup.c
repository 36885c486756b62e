/* lookup() and registered(): from an address of record to where its user is. */
/* SPDX-License-Identifier: MIT */
#include "modules/registrar/registrar_priv.h"

enum { FOUND = 1, NOT_FOUND = -1, WRONG_METHOD = -2, FAILED = -3 };

/* Asks for the contacts of the current Request-URI. */
static int ask(struct call *c, struct str table, usrloc_done done)
{
    const struct usrloc_api *tables = registrar_tables(c);
    struct str aor;
    if (!tables || registrar_aor(c, c->target.uri, &aor) != VERDICT_OK)
        return done(c, NULL, ERR_INVALID, NULL);
    return tables->lookup(c, table, aor, done, NULL);
}

/* The first contact from number i on that takes the request's method; list->n when there is none.
 */
static unsigned next_usable(struct call *c, const struct ucontacts *list, unsigned i)
{
    bool filter = registrar_conf(c)->method_filtering;
    while (filter && i < list->n && !(list->v[i].methods & c->msg->method))
        i++;
    return i;
}

/* Where a request to the contact goes first, or empty: straight to it. */
static struct str way_to(const struct ucontact *u)
{
    return u->path.len ? path_first_uri(u->path) : u->received;
}

/* nat_flag of 1.0 and 1.1: tells the script that the contact is behind a NAT. */
static void tell_nat(struct call *c, const struct ucontact *u)
{
    int32_t nat = registrar_conf(c)->nat_flag;
    if (nat >= 0 && u->flags & USRLOC_NAT)
        c->flags |= 1u << nat;
}

/* The best contact becomes the Request-URI. */
static int use_first(struct call *c, const struct ucontact *u)
{
    struct str way = way_to(u);
    if (call_set_uri(c, u->uri) != ERR_OK || (way.len && call_set_dst_uri(c, way) != ERR_OK))
        return FAILED;
    c->target.path = u->path; /* lies in the call's arena already */
    c->target.flags |= u->cflags;
    c->target.q = u->q;
    if (u->socket != NO_SOCKET)
        c->target.socket = u->socket;
    tell_nat(c, u);
    return FOUND;
}

/* The others become branches, as many as there is room for. */
static void use_more(struct call *c, const struct ucontacts *list, unsigned i)
{
    for (i = next_usable(c, list, i); i < list->n; i = next_usable(c, list, i + 1)) {
        const struct ucontact *u = &list->v[i];
        struct target t = {.uri = u->uri,
                           .dst_uri = way_to(u),
                           .path = u->path,
                           .flags = u->cflags,
                           .q = u->q,
                           .socket = u->socket};
        if (call_add_branch(c, &t) != ERR_OK) {
            log_info("registrar: no room for a branch to contact %u of %u", i + 1, list->n);
            return;
        }
        tell_nat(c, u);
    }
}

static int found(struct call *c, void *arg, int status, const struct ucontacts *list)
{
    (void)arg;
    if (status != ERR_OK)
        return status == ERR_NOTFOUND ? NOT_FOUND : FAILED;
    unsigned first = next_usable(c, list, 0);
    if (first == list->n)
        return WRONG_METHOD;
    int rc = use_first(c, &list->v[first]);
    if (rc == FOUND && registrar_conf(c)->append_branches)
        use_more(c, list, first + 1);
    return rc;
}

int registrar_lookup(struct call *c, struct str table)
{
    return ask(c, table, found);
}

static int is_there(struct call *c, void *arg, int status, const struct ucontacts *list)
{
    (void)c, (void)arg, (void)list;
    return status == ERR_OK ? 1 : -1;
}

int registrar_registered(struct call *c, struct str table)
{
    return ask(c, table, is_there);
}
