/* Trusted peers and groups of addresses, read whole from tables. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/permissions/priv.h"

enum { WHY = 160 };

/* ---- trusted peers ---- */

static void free_peers(void *data)
{
    struct peers *l = data;
    for (unsigned i = 0; i < l->n; i++)
        regex_free(l->row[i].from);
}

bool peer_pattern(struct str text, struct regex **out)
{
    char mem[WHY];
    struct buf why;
    size_t at = 0;
    *out = NULL;
    if (text.len == 0)
        return true;
    buf_fixed(&why, mem, sizeof mem);
    if (regex_compile(text, REGEX_BASIC, out, &why, &at) == ERR_OK)
        return true;
    log_err("permissions: the pattern \"%.*s\" of a trusted peer: %.*s", STR_ARG(text),
            STR_ARG(buf_str(&why)));
    return false;
}

bool peer_fits(struct str row_proto, const struct regex *from, struct str proto, struct str uri)
{
    if (!str_ieq(row_proto, STR("any")) && !str_ieq(row_proto, proto))
        return false;
    return !from || regex_find(from, uri, 0, NULL) > 0;
}

static int order_of(const struct ip *a, const struct ip *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->b, b->b, a->family == 4 ? 4 : 16);
}

/* Where rows with this address begin, or would stand, in rows sorted by the address at the start of
 * each. */
static unsigned first_with(const void *rows, unsigned n, size_t size, const struct ip *ip)
{
    unsigned low = 0, high = n;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        const struct ip *at = (const struct ip *)((const char *)rows + middle * size);
        if (order_of(at, ip) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* By address; rows of one address stay in the order of the table. */
static int by_peer(const void *a, const void *b)
{
    const struct peer *x = a, *y = b;
    int order = order_of(&x->ip, &y->ip);
    return order ? order : x->number < y->number ? -1 : x->number > y->number;
}

static bool read_peer(struct memtable_reading *reading, const struct db_result *r, unsigned row)
{
    struct peers *l = reading->data;
    char mem[4][DB_VALUE_TEXT];
    struct peer *p = &l->row[l->n];
    struct str ip = db_value_text(db_cell(r, row, 0), mem[0]);
    struct str proto = db_value_text(db_cell(r, row, 1), mem[1]);
    if (ip_parse(&p->ip, ip) != ERR_OK ||
        (proto_parse(proto) < 0 && !str_ieq(proto, STR("none")))) {
        log_err("permissions: row %u of the trusted peers is left out: address \"%.*s\", protocol "
                "\"%.*s\"",
                row + 1, STR_ARG(ip), STR_ARG(proto));
        return true;
    }
    if (!peer_pattern(db_value_text(db_cell(r, row, 2), mem[2]), &p->from))
        return true; /* left out: it would let in more than was meant */
    p->proto = arena_dup(reading->arena, proto);
    p->number = row;
    p->tag = arena_dup(reading->arena, db_value_text(db_cell(r, row, 3), mem[3]));
    l->n++;
    return p->proto.p && p->tag.p;
}

static bool read_peers(struct memtable_reading *reading)
{
    const struct perm_conf *conf = reading->conf;
    const struct str column[] = {conf->source_col, conf->proto_col, conf->from_col, conf->tag_col};
    struct peers *l = reading->data = arena_zalloc(reading->arena, sizeof *l);
    struct db_result r;
    if (!l || !memtable_select(reading, conf->trusted_table, 4, column, &r))
        return false;
    l->row = arena_zalloc(reading->arena, (r.rows + 1) * sizeof *l->row);
    for (unsigned i = 0; l->row && i < r.rows; i++)
        if (!read_peer(reading, &r, i))
            return false;
    if (l->row)
        qsort(l->row, l->n, sizeof *l->row, by_peer);
    return l->row != NULL;
}

static bool trusted_in_memory(const void *data)
{
    const struct perm_conf *conf = data;
    return conf->asks_trusted && conf->db_mode;
}

const struct memtable perm_trusted = {.name = "the trusted peers",
                                      .wanted = trusted_in_memory,
                                      .absent = "the trusted table is not in memory",
                                      .reload = {"trusted_reload", "",
                                                 "Reads the trusted table anew; with db_mode 1.", 0,
                                                 0, 0, NULL, mi_reload_table},
                                      .read = read_peers,
                                      .free = free_peers};

const struct peer *peers_find(const struct peers *l, const struct ip *ip, struct str proto,
                              struct str uri)
{
    for (unsigned i = first_with(l->row, l->n, sizeof *l->row, ip);
         i < l->n && ip_eq(&l->row[i].ip, ip); i++)
        if (peer_fits(l->row[i].proto, l->row[i].from, proto, uri))
            return &l->row[i];
    return NULL;
}

/* ---- groups of addresses ---- */

static unsigned all_bits(const struct ip *ip)
{
    return ip->family == 4 ? 32 : 128;
}

/* Single addresses first, sorted; networks behind them as in the table. */
static int by_address(const void *a, const void *b)
{
    const struct address *x = a, *y = b;
    bool one = x->bits == all_bits(&x->ip), other = y->bits == all_bits(&y->ip);
    if (one != other)
        return one ? -1 : 1;
    return order_of(&x->ip, &y->ip);
}

/* A row that makes no sense ends the reading: half a table lets in the wrong ones. */
static bool read_address(struct memtable_reading *reading, const struct db_result *r, unsigned row)
{
    struct addresses *l = reading->data;
    char mem[DB_VALUE_TEXT];
    struct address *a = &l->row[l->n];
    struct str ip = db_value_text(db_cell(r, row, 1), mem);
    int64_t group = db_value_int(db_cell(r, row, 0), -1), bits, port;
    bool good = ip_parse(&a->ip, ip) == ERR_OK;
    bits = db_value_int(db_cell(r, row, 2), good ? all_bits(&a->ip) : 0);
    port = db_value_int(db_cell(r, row, 3), 0);
    if (!good || group < 0 || group > INT32_MAX || bits < 0 || bits > all_bits(&a->ip) ||
        port < 0 || port > 65535) {
        buf_printf(reading->why,
                   "row %u of the addresses makes no sense: group %lld, address \"%.*s\", mask "
                   "%lld, port %lld",
                   row + 1, (long long)group, STR_ARG(ip), (long long)bits, (long long)port);
        return false;
    }
    a->bits = (uint8_t)bits;
    a->port = (uint16_t)port;
    a->group = (int32_t)group;
    l->n++;
    return true;
}

static bool read_addresses(struct memtable_reading *reading)
{
    const struct perm_conf *conf = reading->conf;
    const struct str column[] = {conf->grp_col, conf->ip_addr_col, conf->mask_col, conf->port_col};
    struct addresses *l = reading->data = arena_zalloc(reading->arena, sizeof *l);
    struct db_result r;
    if (!l || !memtable_select(reading, conf->address_table, 4, column, &r))
        return false;
    l->row = arena_zalloc(reading->arena, (r.rows + 1) * sizeof *l->row);
    for (unsigned i = 0; l->row && i < r.rows; i++)
        if (!read_address(reading, &r, i))
            return false;
    if (!l->row)
        return false;
    qsort(l->row, l->n, sizeof *l->row, by_address);
    while (l->nets < l->n &&
           l->row[l->n - 1 - l->nets].bits < all_bits(&l->row[l->n - 1 - l->nets].ip))
        l->nets++;
    l->n -= l->nets;
    return true;
}

static bool address_in_memory(const void *conf)
{
    return ((const struct perm_conf *)conf)->asks_address;
}

const struct memtable perm_address = {.name = "the addresses",
                                      .wanted = address_in_memory,
                                      .absent = "the address table is not used",
                                      .reload = {"address_reload", "",
                                                 "Reads the address table anew.", 0, 0, 0, NULL,
                                                 mi_reload_table},
                                      .read = read_addresses};

static bool fits(const struct address *a, int32_t group, uint16_t port)
{
    return (group < 0 || a->group == group) && (a->port == 0 || a->port == port);
}

const struct address *addresses_find(const struct addresses *l, int32_t group, const struct ip *ip,
                                     uint16_t port)
{
    for (unsigned i = first_with(l->row, l->n, sizeof *l->row, ip);
         i < l->n && ip_eq(&l->row[i].ip, ip); i++)
        if (fits(&l->row[i], group, port))
            return &l->row[i];
    for (unsigned i = l->n; i < l->n + l->nets; i++)
        if (ip_in(ip, &l->row[i].ip, l->row[i].bits) && fits(&l->row[i], group, port))
            return &l->row[i];
    return NULL;
}
