/* lcr: the cheapest way out, over groups of gateways. */
/* SPDX-License-Identifier: MIT */
#include "modules/lcr/priv.h"

/* ---- AVPs ---- */

bool lcr_push(struct call *c, const struct lcr_avp *avp, const struct value *v)
{
    struct avp_name name;
    return avp_name_of(avp->pv, c, call_host(), &name) == ERR_OK &&
           avp_push(c->avps, &name, v) == ERR_OK;
}

void lcr_clear(struct call *c, const struct lcr_avp *avp)
{
    struct avp_name name;
    if (avp_name_of(avp->pv, c, call_host(), &name) == ERR_OK)
        avp_clear(c->avps, &name);
}

bool lcr_take(struct call *c, const struct lcr_avp *avp, struct str *out)
{
    struct avp_name name;
    if (avp_name_of(avp->pv, c, call_host(), &name) != ERR_OK)
        return false;
    struct avp *a = avp_find(c->avps, &name, NULL);
    if (!a)
        return false;
    *out = arena_dup(c->arena, a->value.s);
    avp_remove(c->avps, a);
    return out->p != NULL;
}

static const struct lcr_tables *tables_of(const struct call *c)
{
    return call_table(c, &lcr_memory);
}

static bool leave_flags(struct call *c, int32_t flags)
{
    const struct lcr_conf *conf = call_conf(c, &lcr_module);
    struct value v = value_int(flags);
    lcr_clear(c, &conf->flags_avp);
    return lcr_push(c, &conf->flags_avp, &v);
}

/* ---- load_gws ---- */

struct choice {
    const struct gw *gw;
    size_t prefix; /* its length; 0 in prefix_mode 1 */
    int32_t priority;
    uint64_t chance;
};

struct choices {
    struct call *c;
    const struct lcr_tables *tables;
    bool by_length;
    unsigned n;
    struct choice of[LCR_CHOICES];
};

/* The better one comes first. */
static bool better(const struct choice *a, const struct choice *b)
{
    if (a->prefix != b->prefix)
        return a->prefix > b->prefix;
    if (a->priority != b->priority)
        return a->priority < b->priority;
    return a->chance < b->chance;
}

/* Keeps the best LCR_CHOICES in order, an address once: at its best place. */
static void add(struct choices *all, const struct choice *new)
{
    unsigned at, end;
    for (at = 0; at < all->n && better(&all->of[at], new); at++)
        if (ip_eq(&all->of[at].gw->ip, &new->gw->ip))
            return;
    for (end = at; end < all->n && !ip_eq(&all->of[end].gw->ip, &new->gw->ip); end++)
        continue;
    if (end == LCR_CHOICES && --end < at)
        return;
    if (end == all->n)
        all->n++;
    memmove(&all->of[at + 1], &all->of[at], (end - at) * sizeof *all->of);
    all->of[at] = *new;
}

static void add_group(void *arg, const struct route_rule *r)
{
    struct choices *all = arg;
    const struct gw *first;
    unsigned n = lcr_group(all->tables, r->group, &first);
    for (unsigned i = 0; i < n; i++) {
        struct choice one = {.gw = first + i,
                             .prefix = all->by_length ? r->prefix.len : 0,
                             .priority = r->priority,
                             .chance = call_random(all->c)};
        add(all, &one);
    }
}

/* Leaves a choice behind as "flags strip tag|scheme|host part": what next_gw() needs, for the table
 * may be another one by then. */
static bool park(struct call *c, const struct lcr_conf *conf, const struct gw *g)
{
    char ip[IP_TEXT];
    bool six = g->ip.family == 6;
    struct buf b;
    buf_init(&b, c->arena, 128);
    buf_printf(&b, "%d|%u|%.*s|%s|%s%.*s%s", g->flags, g->strip, STR_ARG(g->tag),
               g->sips ? "sips" : "sip", six ? "[" : "", STR_ARG(ip_text(ip, &g->ip)),
               six ? "]" : "");
    if (g->port)
        buf_printf(&b, ":%u", g->port);
    if (g->transport != PROTO_ANY)
        buf_printf(&b, ";transport=%s", proto_name((enum proto)g->transport));
    struct value v = value_str(buf_str(&b));
    return !b.failed && lcr_push(c, &conf->gw_uri_avp, &v);
}

static int park_all(struct call *c, const struct choices *all)
{
    const struct lcr_conf *conf = call_conf(c, &lcr_module);
    lcr_clear(c, &conf->gw_uri_avp);
    lcr_clear(c, &conf->ruri_user_avp);
    for (unsigned i = all->n; i-- > 0;)
        if (!park(c, conf, all->of[i].gw))
            return -1;
    return 1;
}

/* Who calls: the argument, else the rpid, else From. */
static bool read_caller(struct call *c, const struct lcr_conf *conf, const struct pv_ref *pv,
                        struct str *out)
{
    const struct nameaddr *from;
    struct nameaddr party;
    struct value v;
    if (pv_read(pv ? pv : conf->rpid_avp.pv, c, call_host(), &v) == ERR_OK && (v.flags & VAL_STR)) {
        *out = nameaddr_parse(&party, v.s) == ERR_OK ? party.uri : v.s;
        return true;
    }
    from = pv ? NULL : call_from(c);
    if (from)
        *out = from->uri;
    return from != NULL;
}

static int load_gws(struct call *c, const struct arg *args, unsigned n)
{
    const struct lcr_conf *conf = call_conf(c, &lcr_module);
    const struct uri *u = call_uri(c);
    struct choices all = {.c = c, .tables = tables_of(c), .by_length = !conf->prefix_mode};
    struct str caller;
    if (!u || u->user.len == 0 || !all.tables ||
        !read_caller(c, conf, n ? args[0].obj : NULL, &caller))
        return -1;
    lcr_each(all.tables, conf->prefix_mode, u->user, caller, add_group, &all);
    return park_all(c, &all);
}

static int load_gws_from_grp(struct call *c, const struct arg *args, unsigned n)
{
    struct choices all = {.c = c, .tables = tables_of(c)};
    struct route_rule whole = {.priority = 0};
    uint32_t group;
    (void)n;
    if (!all.tables || str_u32(&group, args[0].v.s, INT32_MAX) != ERR_OK || group == 0) {
        log_err("lcr: \"%.*s\" is no group of gateways", STR_ARG(args[0].v.s));
        return -1;
    }
    whole.group = group;
    add_group(&all, &whole);
    return park_all(c, &all);
}

/* ---- next_gw ---- */

/* The user that was dialled: kept at the first call for the others. */
static bool dialled(struct call *c, const struct lcr_conf *conf, struct str *out)
{
    struct avp_name name;
    if (avp_name_of(conf->ruri_user_avp.pv, c, call_host(), &name) != ERR_OK)
        return false;
    const struct avp *kept = avp_find(c->avps, &name, NULL);
    if (kept) {
        *out = kept->value.s;
        return true;
    }
    const struct uri *u = c->kind == ROUTE_FAILURE ? NULL : call_uri(c);
    if (!u || u->user.len == 0)
        return false;
    struct value v = value_str(u->user);
    *out = u->user;
    return avp_push(c->avps, &name, &v) == ERR_OK;
}

/* The URI of a parked choice; p is NULL when the number is too short for it. */
static struct str uri_of(struct call *c, struct str choice, struct str user, int32_t *flags)
{
    struct str f, strip_text, tag, scheme;
    uint32_t strip;
    bool negative = str_starts(choice, STR("-"));
    uint32_t bits = 0;
    if (!str_cut(&f, &choice, '|') || !str_cut(&strip_text, &choice, '|') ||
        !str_cut(&tag, &choice, '|') || !str_cut(&scheme, &choice, '|') ||
        str_u32(&bits, str_sub(f, negative, f.len), UINT32_MAX) != ERR_OK ||
        str_u32(&strip, strip_text, UINT8_MAX) != ERR_OK)
        return STR_NONE;
    *flags = (int32_t)(negative ? 0 - bits : bits);
    if (strip > user.len || (strip == user.len && tag.len == 0))
        return STR_NONE;
    return arena_printf(c->arena, "%.*s:%.*s%.*s@%.*s", STR_ARG(scheme), STR_ARG(tag),
                        STR_ARG(str_sub(user, strip, user.len)), STR_ARG(choice));
}

static int next_gw(struct call *c, const struct arg *args, unsigned n)
{
    const struct lcr_conf *conf = call_conf(c, &lcr_module);
    struct str choice, user, uri = STR_NONE;
    int32_t flags = 0;
    (void)args, (void)n;
    while (!uri.p && lcr_take(c, &conf->gw_uri_avp, &choice)) {
        if (!dialled(c, conf, &user))
            return -1;
        uri = uri_of(c, choice, user, &flags);
    }
    if (!uri.p || !leave_flags(c, flags))
        return -1;
    if (c->kind != ROUTE_FAILURE)
        return call_set_uri(c, uri) == ERR_OK ? 1 : -1;
    const struct target t = {.uri = uri, .q = NO_Q, .socket = NO_SOCKET};
    return call_add_branch(c, &t) == ERR_OK ? 1 : -1;
}

/* ---- from_gw, to_gw ---- */

/* A gateway with this address; a group below 0 stands for all. */
static const struct gw *find(const struct lcr_tables *t, int64_t group, const struct ip *ip)
{
    for (unsigned i = 0; t && i < t->n_gws; i++)
        if ((group < 0 || t->gw[i].group == group) && ip_eq(&t->gw[i].ip, ip))
            return &t->gw[i];
    return NULL;
}

static int from(struct call *c, int64_t group, const struct ip *ip)
{
    const struct gw *g = find(tables_of(c), group, ip);
    return g && leave_flags(c, g->flags) ? 1 : -1;
}

static int from_gw(struct call *c, const struct arg *args, unsigned n)
{
    struct value v;
    struct ip ip;
    if (n == 0)
        return from(c, -1, &c->msg->src.ip);
    if (pv_read(args[0].obj, c, call_host(), &v) != ERR_OK || !(v.flags & VAL_STR) ||
        ip_parse(&ip, v.s) != ERR_OK)
        return -1;
    return from(c, -1, &ip);
}

static int from_gw_grp(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return from(c, args[0].v.i, &c->msg->src.ip);
}

static int to_gw(struct call *c, const struct arg *args, unsigned n)
{
    const struct uri *u = call_uri(c);
    struct ip ip;
    if (!u || host_ip(&ip, u->host) != ERR_OK)
        return -1;
    return find(tables_of(c), n ? args[0].v.i : -1, &ip) ? 1 : -1;
}

/* ---- management ---- */

static enum mi_next mi_dump(struct mi *m)
{
    const struct lcr_tables *t = mi_table(m, &lcr_memory);
    char ip[IP_TEXT];
    for (unsigned i = 0; t && i < t->n_gws; i++) {
        const struct gw *g = &t->gw[i];
        mi_text(m, 0, "GW", g->name);
        mi_attr(m, "GRP_ID", "%lld", (long long)g->group);
        mi_attr_text(m, "IP_ADDR", ip_text(ip, &g->ip));
        mi_attr(m, "PORT", "%u", g->port);
        mi_attr(m, "SCHEME", "%s", g->sips ? "sips" : "sip");
        mi_attr(m, "TRANSPORT", "%s", proto_name((enum proto)g->transport));
        mi_attr(m, "STRIP", "%u", g->strip);
        mi_attr_text(m, "TAG", g->tag);
        mi_attr(m, "FLAGS", "%d", g->flags);
    }
    for (unsigned i = 0; t && i < t->n_rules; i++) {
        const struct route_rule *r = &t->rule[i];
        mi_text(m, 0, "RULE", r->prefix);
        mi_attr_text(m, "FROM_URI", r->from ? r->from->text : STR_NONE);
        mi_attr(m, "GRP_ID", "%lld", (long long)r->group);
        mi_attr(m, "PRIORITY", "%d", r->priority);
    }
    return MI_DONE;
}

static const struct mi_command commands[] = {
    {"lcr_dump", "", "Shows gateways and rules.", 0, 0, 0, NULL, mi_dump},
    {.name = NULL},
};

/* ---- rows ---- */

enum { RF = ROUTE_REQUEST | ROUTE_FAILURE, RFO = RF | ROUTE_ONREPLY };

/* clang-format off */
static const struct fn_spec functions[] = {
    {"load_gws", load_gws, 0, 0, {ARG_NONE}, ROUTE_REQUEST, 0, NULL, "",
     "Looks for gateways for the user of the R-URI and for who calls: rpid_avp, else From. True also when there "
     "are none; next_gw() takes them one after the other."},
    {"load_gws", load_gws, 1, 1, {ARG_PV}, ROUTE_REQUEST, 0, NULL, "$caller", "The same for this caller's URI."},
    {"load_gws_from_grp", load_gws_from_grp, 1, 1, {ARG_FMT}, ROUTE_REQUEST, 0, NULL, "group",
     "Takes the gateways of this group, in an order by chance."},
    {"next_gw", next_gw, 0, 0, {ARG_NONE}, RF, FN_TARGET | FN_BRANCHES, NULL, "",
     "Puts the next gateway into the R-URI, in a failure_route into a branch. False when there is none left."},
    {"from_gw", from_gw, 0, 0, {ARG_NONE}, RFO, 0, NULL, "", "True when the message came from a gateway."},
    {"from_gw", from_gw, 1, 1, {ARG_PV}, RFO, 0, NULL, "$ip", "True when the address in the variable is a gateway's."},
    {"from_gw_grp", from_gw_grp, 1, 1, {ARG_UINT}, RFO, 0, NULL, "group",
     "True when the message came from a gateway of this group."},
    {"to_gw", to_gw, 0, 0, {ARG_NONE}, RF, 0, NULL, "", "True when the host of the R-URI is a gateway's address."},
    {"to_gw", to_gw, 1, 1, {ARG_UINT}, RF, 0, NULL, "group", "The same for gateways of this group."},
    {"load_contacts", lcr_load_contacts, 0, 0, {ARG_NONE}, ROUTE_REQUEST, 0, NULL, "",
     "Parks the destination set by q for next_contacts(), unless all have the same."},
    {"next_contacts", lcr_next_contacts, 0, 0, {ARG_NONE}, RF, FN_TARGET | FN_BRANCHES, NULL, "",
     "Makes those with the next lower q the destination set. In a failure_route false when none is left."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct lcr_conf

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database; without it the default one."),
    PARAM_STRING("gw_table", gw_table, "gw", "Table of gateways."),
    PARAM_STRING("lcr_table", lcr_table, "lcr", "Table of rules."),
    PARAM_STRING("gw_name_column", gw_name_column, "gw_name", "Column with the name of a gateway."),
    PARAM_STRING("grp_id_column", grp_id_column, "grp_id",
                 "Column with the group, in both tables."),
    PARAM_STRING("ip_addr_column", ip_addr_column, "ip_addr", "Column with the address."),
    PARAM_STRING("port_column", port_column, "port", "Column with the port."),
    PARAM_STRING("uri_scheme_column", uri_scheme_column, "uri_scheme",
                 "Column with 1 for sip, 2 for sips."),
    PARAM_STRING("transport_column", transport_column, "transport",
                 "Column with 1 for UDP, 2 TCP, 3 TLS, 4 SCTP."),
    PARAM_STRING("strip_column", strip_column, "strip",
                 "Column with how many characters of the number are left away."),
    PARAM_STRING("tag_column", tag_column, "tag", "Column with what is put before it then."),
    PARAM_STRING("flags_column", flags_column, "flags", "Column with a number for flags_avp."),
    PARAM_STRING("prefix_column", prefix_column, "prefix", "Column with the beginning of numbers."),
    PARAM_STRING("from_uri_column", from_uri_column, "from_uri",
                 "Column with a basic expression for the caller's URI."),
    PARAM_STRING("priority_column", priority_column, "priority",
                 "Column with the priority; the lowest comes first."),
    PARAM_STRING("fr_inv_timer_avp", fr_inv_timer_avp.text, "$avp(s:fr_inv_timer_avp)",
                 "AVP that gets how long contacts may ring."),
    PARAM_STRING("gw_uri_avp", gw_uri_avp.text, "$avp(i:1400)", "AVP where gateways wait."),
    PARAM_STRING("ruri_user_avp", ruri_user_avp.text, "$avp(i:1402)", "AVP that keeps the number."),
    PARAM_STRING("contact_avp", contact_avp.text, "$avp(i:1401)", "AVP where contacts wait."),
    PARAM_STRING("rpid_avp", rpid_avp.text, "$avp(s:rpid)", "AVP with the caller's URI."),
    PARAM_STRING("flags_avp", flags_avp.text, "$avp(i:1403)",
                 "AVP that gets the flags of a gateway."),
    PARAM_NUMBER("fr_inv_timer", fr_inv_timer, 0, 86400, 90, "How long the last contacts may ring.",
                 .unit = "s"),
    PARAM_NUMBER("fr_inv_timer_next", fr_inv_timer_next, 0, 86400, 30, "How long those before may.",
                 .unit = "s"),
    PARAM_SWITCH("prefix_mode", prefix_mode, 0, "1: prefixes are basic expressions."),
    PARAM_OLD("db_mode", PARAM_INT, "Of earlier releases; without effect."),
    PARAM_OLD("fr_timer", PARAM_INT, "Of earlier releases; without effect."),
    PARAM_OLD("dm_flag", PARAM_INT, "Of earlier releases; without effect."),
    PARAM_OLD("dm_column", PARAM_STR, "Of earlier releases; without effect."),
    {.name = NULL},
};

static int conf_check(struct prepare *p, void *data)
{
    struct lcr_conf *c = data;
    const struct {
        const char *name;
        struct lcr_avp *avp;
    } avps[] = {{"fr_inv_timer_avp", &c->fr_inv_timer_avp},
                {"gw_uri_avp", &c->gw_uri_avp},
                {"ruri_user_avp", &c->ruri_user_avp},
                {"contact_avp", &c->contact_avp},
                {"rpid_avp", &c->rpid_avp},
                {"flags_avp", &c->flags_avp}};
    for (unsigned i = 0; i < sizeof avps / sizeof *avps; i++) {
        struct lcr_avp *avp = avps[i].avp;
        int rc = prepare_avp_param(p, avps[i].name, avp->text, &avp->pv);
        if (rc != ERR_OK)
            return rc;
        if (!avp->pv) {
            buf_printf(p->error, "%s is empty", avps[i].name);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

/* ---- the module ---- */

static const struct db_table_use tables[] = {
    {.name = offsetof(struct lcr_conf, gw_table), .lowest = 7, .highest = 7},
    {.name = offsetof(struct lcr_conf, lcr_table), .lowest = 2, .highest = 2},
};

static const struct db_use use = {
    .url = offsetof(struct lcr_conf, db_url), .tables = tables, .n_tables = 2};

const struct module lcr_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "lcr",
                .doc = "The cheapest way out, over groups of gateways.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct lcr_conf),
                .conf_check = conf_check},
    .db = &use,
    .table = {&lcr_memory},
    .commands = commands,
};
