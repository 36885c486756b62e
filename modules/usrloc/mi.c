/* usrloc's management commands: looking at contacts and changing them in memory. */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/mi.h"

/* ---- arguments ---- */

/* An address of record as it is kept: lower case, without domain unless use_domain; empty when it
 * cannot be one. */
static struct str aor_of(struct mi *m, const struct usrloc_view *v, unsigned arg)
{
    struct str text = arena_dup(mi_arena(m), mi_arg(m, arg));
    ptrdiff_t at = str_find(text, '@', 0);
    char *p = (char *)(uintptr_t)text.p;
    if (!p || (v->use_domain && at < 0))
        return STR_NONE;
    if (!v->use_domain && at >= 0)
        text.len = (size_t)at;
    for (size_t i = 0; i < text.len; i++)
        p[i] = ascii_lower(p[i]);
    return text;
}

/* Table and address of record, the first two arguments; false with a refusal. */
static bool read_key(struct mi *m, const struct usrloc_view *v, struct location_key *k)
{
    *k = (struct location_key){mi_hash_key(m), mi_arg(m, 0), aor_of(m, v, 1)};
    if (!v->in_memory)
        mi_fail(m, 500, "with db_mode 3 contacts are in the database only");
    else if (!usrloc_has_table(m, k->table))
        mi_fail(m, 404, "Table not found");
    else if (k->aor.len == 0)
        mi_fail(m, 400, "Domain missing in AOR");
    else
        return true;
    return false;
}

/* ---- showing ---- */

struct dump {
    struct mi *m;
    bool brief;
    struct str table, aor;
};

static void put_q(struct mi *m, int16_t q)
{
    if (q == NO_Q)
        mi_attr(m, "Q", "%s", "");
    else
        mi_attr(m, "Q", "%d.%03d", q / 1000, q % 1000);
}

static void put_details(struct mi *m, const struct ucontact *c)
{
    if (c->expires)
        mi_line(m, 3, "Expires", "%lld", (long long)c->expires - (long long)mi_time(m));
    else
        mi_line(m, 3, "Expires", "permanent");
    mi_text(m, 3, "Callid", c->call_id);
    mi_line(m, 3, "Cseq", "%u", c->cseq);
    mi_text(m, 3, "User-agent", c->user_agent);
    mi_text(m, 3, "Received", c->received);
    mi_text(m, 3, "Path", c->path);
    mi_line(m, 3, "Flags", "%u", c->flags);
    mi_line(m, 3, "Cflags", "%u", c->cflags);
    mi_line(m, 3, "Socket", "%d", c->socket);
    mi_line(m, 3, "Methods", "%u", c->methods);
}

static void dump_one(void *arg, struct str table, struct str aor, const struct ucontact *c)
{
    struct dump *d = arg;
    if (!str_eq(table, d->table)) {
        mi_text(d->m, 0, "Domain", table);
        d->aor = STR_NONE;
    }
    d->table = table;
    if (!str_eq(aor, d->aor)) {
        mi_text(d->m, 1, "AOR", aor);
        d->aor = arena_dup(mi_arena(d->m), aor);
    }
    mi_text(d->m, 2, "Contact", c->uri);
    put_q(d->m, c->q);
    if (!d->brief)
        put_details(d->m, c);
}

static enum mi_next ul_dump(struct mi *m)
{
    struct usrloc_view v = usrloc_view(m);
    struct dump d = {.m = m, .brief = str_eq(mi_arg(m, 0), STR("brief"))};
    if (mi_args(m) && !d.brief)
        return mi_fail(m, 400, "Bad parameter: brief, or none");
    locations_each(v.locations, v.rules.now, 0, 1, dump_one, &d);
    return MI_DONE;
}

static void show_one(struct mi *m, const struct ucontact *c, uint32_t now)
{
    struct buf b;
    buf_init(&b, mi_arena(m), 256);
    buf_printf(&b, "<%.*s>;q=", STR_ARG(c->uri));
    if (c->q != NO_Q)
        buf_printf(&b, "%d.%03d", c->q / 1000, c->q % 1000);
    buf_printf(&b, ";expires=%u;flags=0x%X;cflags=0x%X;methods=0x%X",
               c->expires ? c->expires - now : 0, c->flags, c->cflags, c->methods);
    if (c->received.len)
        buf_printf(&b, ";received=<%.*s>", STR_ARG(c->received));
    if (c->user_agent.len)
        buf_printf(&b, ";user_agent=<%.*s>", STR_ARG(c->user_agent));
    if (c->path.len)
        buf_printf(&b, ";path=<%.*s>", STR_ARG(c->path));
    mi_text(m, 0, "Contact", buf_str(&b));
}

static enum mi_next ul_show_contact(struct mi *m)
{
    struct usrloc_view v = usrloc_view(m);
    struct location_key k;
    struct ucontacts list;
    if (!read_key(m, &v, &k))
        return MI_DONE;
    if (locations_find(v.locations, &k, v.rules.now, mi_arena(m), &list) != ERR_OK)
        return mi_fail(m, 404, "AOR has no contacts");
    for (unsigned i = 0; i < list.n; i++)
        show_one(m, &list.v[i], v.rules.now);
    return MI_DONE;
}

/* ---- changing ---- */

static enum mi_next change(struct mi *m, const struct usrloc_view *v, const struct location_key *k,
                           const struct usrloc_update *u)
{
    int rc = locations_update(v->locations, k, u, &v->rules, mi_arena(m), NULL);
    return rc == ERR_OK ? MI_DONE : mi_fail(m, 500, "not changed: %s", err_text(rc));
}

static enum mi_next ul_rm(struct mi *m)
{
    struct usrloc_view v = usrloc_view(m);
    struct location_key k;
    if (!read_key(m, &v, &k))
        return MI_DONE;
    if (locations_find(v.locations, &k, v.rules.now, mi_arena(m), NULL) != ERR_OK)
        return mi_fail(m, 404, "AOR not found");
    return change(m, &v, &k,
                  &(struct usrloc_update){.table = k.table, .aor = k.aor, .clear = true});
}

static enum mi_next ul_rm_contact(struct mi *m)
{
    struct usrloc_view v = usrloc_view(m);
    struct location_key k;
    struct ucontacts list;
    if (!read_key(m, &v, &k))
        return MI_DONE;
    if (locations_find(v.locations, &k, v.rules.now, mi_arena(m), &list) != ERR_OK)
        return mi_fail(m, 404, "AOR not found");
    struct ucontact *gone = arena_zalloc(mi_arena(m), list.n * sizeof *gone);
    unsigned n = 0;
    for (unsigned i = 0; gone && i < list.n; i++)
        if (str_eq(list.v[i].uri, mi_arg(m, 2)))
            gone[n++] = (struct ucontact){
                .uri = list.v[i].uri, .call_id = list.v[i].call_id, .remove = true};
    if (!n)
        return mi_fail(m, 404, "Contact not found");
    return change(m, &v, &k,
                  &(struct usrloc_update){.table = k.table, .aor = k.aor, .change = {gone, n}});
}

/* "0.5" as thousandths; NO_Q for anything else. */
static int16_t read_q(struct str s)
{
    uint32_t whole = 0, part = 0;
    struct str left, right = s;
    str_cut(&left, &right, '.');
    if (str_u32(&whole, left, 1) != ERR_OK || right.len > 3 ||
        (right.len && str_u32(&part, right, 999) != ERR_OK))
        return NO_Q;
    for (size_t i = right.len; right.len && i < 3; i++)
        part *= 10;
    return whole * 1000 + part > 1000 ? NO_Q : (int16_t)(whole * 1000 + part);
}

static enum mi_next ul_add(struct mi *m)
{
    struct usrloc_view v = usrloc_view(m);
    struct location_key k;
    uint32_t n[4]; /* expires, flags, cflags, methods */
    static const uint8_t place[] = {3, 6, 7, 8};
    struct uri u;
    if (!read_key(m, &v, &k))
        return MI_DONE;
    for (unsigned i = 0; i < 4; i++)
        if (str_u32(&n[i], mi_arg(m, place[i]), i == 1 ? UINT16_MAX : UINT32_MAX) != ERR_OK)
            return mi_fail(m, 400, "Bad parameter: expires, flags, cflags and methods are numbers");
    if (uri_parse(&u, mi_arg(m, 2)) != ERR_OK)
        return mi_fail(m, 400, "Bad parameter: the contact is no URI");
    struct ucontact c = {.uri = mi_arg(m, 2),
                         .call_id = STR("dfjrewr12386fd6-343@openser.mi"),
                         .user_agent = STR("OpenSER MI Server"),
                         .expires = n[0] ? v.rules.now + n[0] : 0,
                         .cseq = 1,
                         .methods = n[3] ? n[3] : USRLOC_ALL_METHODS,
                         .cflags = n[2],
                         .flags = (uint16_t)n[1],
                         .q = read_q(mi_arg(m, 4)),
                         .socket = NO_SOCKET};
    return change(m, &v, &k,
                  &(struct usrloc_update){.table = k.table, .aor = k.aor, .change = {&c, 1}});
}

/* The first worker begins, the others join it within a second. */
static enum mi_next ul_flush(struct mi *m)
{
    usrloc_flush(m);
    return MI_DONE;
}

const struct mi_command usrloc_commands[] = {
    {"ul_dump", "[brief]", "All contacts in memory, by table and address of record.", 0, 1, 0, NULL,
     ul_dump},
    {"ul_show_contact", "table aor", "The contacts of an address of record.", 2, 2, 0, NULL,
     ul_show_contact},
    {"ul_rm", "table aor", "Removes all contacts of an address of record.", 2, 2, 0, NULL, ul_rm},
    {"ul_rm_contact", "table aor contact", "Removes one contact, given by its URI.", 3, 3, 0, NULL,
     ul_rm_contact},
    {"ul_add", "table aor contact expires q unused flags cflags methods",
     "Enters a contact for so many seconds, 0: for ever.", 9, 9, 0, NULL, ul_add},
    {"ul_flush", "", "Begins to write to the database what it has not got yet.", 0, 0, 0, ul_flush,
     NULL},
    {.name = NULL},
};
