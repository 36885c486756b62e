/* Questions to the tables of peers and addresses. */
/* SPDX-License-Identifier: MIT */
#include "modules/permissions/priv.h"

/* ---- trusted peers ---- */

struct who {
    struct ip ip;
    struct str proto, uri;
};

static bool leave_tag(struct call *c, const struct perm_conf *conf, struct str tag)
{
    struct value v = value_str(tag);
    if (!conf->peer_tag_avp || tag.len == 0)
        return true;
    return pv_write(conf->peer_tag_avp, c, call_host(), PV_SET, &v) > 0;
}

/* The rows of this address, in the order they came. */
static int answered(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct perm_conf *conf = call_conf(c, &permissions_module);
    const struct who *who = arg;
    if (status != ERR_OK || r->columns < 3) {
        log_err("permissions: table %.*s: %s", STR_ARG(conf->trusted_table),
                status == ERR_OK ? "an answer without columns" : err_text(status));
        return -1;
    }
    for (unsigned i = 0; i < r->rows; i++) {
        char mem[3][DB_VALUE_TEXT];
        struct regex *from;
        struct str proto = db_value_text(db_cell(r, i, 0), mem[0]);
        if (!peer_pattern(db_value_text(db_cell(r, i, 1), mem[1]), &from))
            continue;
        bool fits = peer_fits(proto, from, who->proto, who->uri);
        regex_free(from);
        if (fits)
            return leave_tag(c, conf, db_value_text(db_cell(r, i, 2), mem[2])) ? 1 : -1;
    }
    return -1;
}

static int ask(struct call *c, const struct perm_conf *conf, const struct who *who)
{
    char *text = arena_alloc(c->arena, IP_TEXT);
    const struct str column[] = {conf->proto_col, conf->from_col, conf->tag_col};
    struct db_match match = {conf->source_col, DB_EQ, {.type = DB_NULL}};
    if (!text)
        return -1;
    match.value = db_text(ip_text(text, &who->ip));
    const struct db_query q = {.verb = DB_SELECT,
                               .table = conf->trusted_table,
                               .columns = 3,
                               .column = column,
                               .matches = 1,
                               .match = &match};
    return call_query(c, call_db(c, &permissions_module), &q, answered, (void *)(uintptr_t)who);
}

static bool read_text(struct call *c, const void *pv, struct str *out)
{
    struct value v;
    if (pv_read(pv, c, call_host(), &v) != ERR_OK || value_print(&v, c->arena) != ERR_OK ||
        !(v.flags & VAL_STR))
        return false;
    *out = v.s;
    return true;
}

int perm_allow_trusted(struct call *c, const struct arg *args, unsigned n)
{
    const struct perm_conf *conf = call_conf(c, &permissions_module);
    const struct nameaddr *from = call_from(c);
    struct who *who = arena_zalloc(c->arena, sizeof *who);
    struct str ip;
    if (!who || !from)
        return -1;
    who->uri = from->uri;
    who->ip = c->msg->src.ip;
    who->proto = str_from(proto_name((enum proto)c->msg->src.proto));
    if (n && (!read_text(c, args[0].obj, &ip) || ip_parse(&who->ip, ip) != ERR_OK ||
              !read_text(c, args[1].obj, &who->proto) || proto_parse(who->proto) <= 0))
        return -1;
    if (!conf->db_mode)
        return ask(c, conf, who);
    const struct peers *l = call_table(c, &perm_trusted);
    const struct peer *p = l ? peers_find(l, &who->ip, who->proto, who->uri) : NULL;
    return p && leave_tag(c, conf, p->tag) ? 1 : -1;
}

/* ---- groups of addresses ---- */

static const struct address *find(struct call *c, int32_t group, const struct ip *ip, uint16_t port)
{
    const struct addresses *l = call_table(c, &perm_address);
    return l ? addresses_find(l, group, ip, port) : NULL;
}

static int allow(struct call *c, int32_t group, const struct arg *ip_arg)
{
    struct str text;
    struct value port;
    struct ip ip;
    uint32_t number;
    if (group < 0 || !read_text(c, ip_arg[0].obj, &text) || ip_parse(&ip, text) != ERR_OK ||
        pv_read(ip_arg[1].obj, c, call_host(), &port) != ERR_OK || value_is_null(&port))
        return -1;
    if (port.flags & VAL_INT)
        number = port.i >= 0 ? (uint32_t)port.i : UINT32_MAX;
    else if (str_u32(&number, port.s, 65535) != ERR_OK)
        return -1;
    return number <= 65535 && find(c, group, &ip, (uint16_t)number) ? 1 : -1;
}

int perm_allow_address(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return allow(c, args[0].v.i, args + 1);
}

int perm_allow_address_of_group(struct call *c, const struct arg *args, unsigned n)
{
    const struct perm_slot *slot = call_slot(c, &permissions_module);
    (void)n;
    return slot ? allow(c, slot->group, args) : -1;
}

int perm_set_address_group(struct call *c, const struct arg *args, unsigned n)
{
    struct perm_slot *slot = call_slot(c, &permissions_module);
    (void)n;
    if (!slot || args[0].v.i < 0)
        return -1;
    slot->group = args[0].v.i;
    return 1;
}

int perm_allow_source_address(struct call *c, const struct arg *args, unsigned n)
{
    const struct addr *src = &c->msg->src;
    (void)n;
    return args[0].v.i >= 0 && find(c, args[0].v.i, &src->ip, src->port) ? 1 : -1;
}

int perm_allow_source_address_group(struct call *c, const struct arg *args, unsigned n)
{
    const struct addr *src = &c->msg->src;
    const struct address *a = find(c, -1, &src->ip, src->port);
    (void)args, (void)n;
    return a ? a->group : -1;
}

/* ---- prepare hooks ---- */

static int need_url(struct prepare *p, const struct perm_conf *conf)
{
    if (conf->db_url.len)
        return ERR_OK;
    buf_printf(p->error, "this asks a table: permissions needs its parameter db_url");
    return ERR_INVALID;
}

int perm_prepare_trusted(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct perm_conf *conf = prepare_conf(p, &permissions_module.symbols);
    (void)argn, (void)text, (void)out;
    if (!conf)
        return ERR_OK;
    conf->asks_trusted = true;
    return need_url(p, conf);
}

int perm_prepare_address(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct perm_conf *conf = prepare_conf(p, &permissions_module.symbols);
    (void)argn, (void)text, (void)out;
    if (!conf)
        return ERR_OK;
    conf->asks_address = true;
    return need_url(p, conf);
}
