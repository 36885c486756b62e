/* dispatcher: spreads requests over sets of servers. */
/* SPDX-License-Identifier: MIT */
#include "modules/dispatcher/priv.h"

enum where { TO_DST, TO_DOMAIN };

/* ---- writing a choice ---- */

static int go_to(struct call *c, enum where where, struct str uri)
{
    if (where == TO_DST)
        return call_set_dst_uri(c, uri);
    if (str_istarts(uri, STR("sip:")))
        uri = str_sub(uri, 4, uri.len);
    return call_rewrite(c, PART_HOSTPORT, uri);
}

static bool avp_name(struct call *c, const struct ds_variable *v, struct avp_name *out)
{
    return v->pv && avp_name_of(v->pv, c, call_host(), out) == ERR_OK;
}

static bool push(struct call *c, const struct ds_variable *v, const struct value *value)
{
    struct avp_name name;
    return !v->pv || (avp_name(c, v, &name) && avp_push(c->avps, &name, value) == ERR_OK);
}

/* ---- ds_select ---- */

static bool usable(const struct ds_dest *d, uint32_t bad)
{
    return !(atomic_load(&d->state) & bad);
}

/* From start on the first that is neither inactive nor probing; count when there is none. */
static unsigned first_usable(const struct ds_set *set, unsigned start, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (usable(&set->dest[(start + i) % count], DS_INACTIVE | DS_PROBING))
            return (start + i) % count;
    return count;
}

/* The destination a call goes to; -1 when none is usable. */
static int pick(struct call *c, const struct ds_conf *conf, struct ds_set *set, int32_t alg)
{
    bool fallback = conf->use_default && set->n > 1;
    unsigned count = fallback ? set->n - 1 : set->n;
    unsigned start = ds_choose(c, conf, set, alg, count);
    unsigned at = first_usable(set, start, count);
    if (at != start)
        atomic_store(&set->last, at + 1); /* round robin goes on behind what was skipped */
    if (at < count)
        return (int)at;
    return fallback && usable(&set->dest[count], DS_INACTIVE | DS_PROBING) ? (int)count : -1;
}

/* Leaves the destinations in AVPs, the last to be tried first: AVPs are stacks. */
static bool store(struct call *c, const struct ds_conf *conf, const struct ds_set *set, unsigned at)
{
    unsigned count = conf->use_default && set->n > 1 ? set->n - 1 : set->n;
    int32_t stored = 0;
    struct value v;
    if (at < count && count < set->n) { /* the fallback */
        v = value_str(set->dest[count].uri);
        if (usable(&set->dest[count], DS_INACTIVE)) {
            if (!push(c, &conf->dst_avp, &v))
                return false;
            stored++;
        }
    }
    for (unsigned i = count; at < count && i-- > 1;) {
        const struct ds_dest *d = &set->dest[(at + i) % count];
        v = value_str(d->uri);
        if (!usable(d, DS_INACTIVE))
            continue;
        if (!push(c, &conf->dst_avp, &v))
            return false;
        stored++;
    }
    struct value first = value_str(set->dest[at].uri), group = value_int((int32_t)set->id),
                 n = value_int(stored + 1);
    return push(c, &conf->dst_avp, &first) && push(c, &conf->grp_avp, &group) &&
           push(c, &conf->cnt_avp, &n);
}

static int select_from(struct call *c, const struct arg *args, enum where where)
{
    const struct ds_conf *conf = call_conf(c, &dispatcher_module);
    struct ds_set *set =
        args[0].v.i >= 0 ? ds_find_set(call_table(c, &ds_table), (uint32_t)args[0].v.i) : NULL;
    if (where == TO_DST && c->target.dst_uri.len && !conf->force_dst)
        return -1;
    if (!set) {
        log_err("dispatcher: there is no set %d", args[0].v.i);
        return -1;
    }
    int at = pick(c, conf, set, args[1].v.i);
    if (at < 0)
        return -1;
    if (go_to(c, where, set->dest[at].uri) != ERR_OK)
        return -1;
    if (!(conf->flags & DS_FAILOVER) || !conf->dst_avp.pv)
        return 1;
    return store(c, conf, set, (unsigned)at) ? 1 : -1;
}

static int select_dst(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return select_from(c, args, TO_DST);
}

static int select_domain(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return select_from(c, args, TO_DOMAIN);
}

/* ---- ds_next ---- */

static int next(struct call *c, enum where where)
{
    const struct ds_conf *conf = call_conf(c, &dispatcher_module);
    struct avp_name name;
    if (!(conf->flags & DS_FAILOVER) || !avp_name(c, &conf->dst_avp, &name))
        return -1;
    struct avp *used = avp_find(c->avps, &name, NULL);
    if (!used)
        return -1;
    avp_remove(c->avps, used);
    const struct avp *now = avp_find(c->avps, &name, NULL);
    if (!now || go_to(c, where, now->value.s) != ERR_OK)
        return -1;
    struct target branch = c->target;
    branch.q = NO_Q;
    return call_add_branch(c, &branch) == ERR_OK ? 1 : -1;
}

static int next_dst(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return next(c, TO_DST);
}

static int next_domain(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return next(c, TO_DOMAIN);
}

/* ---- ds_mark_dst ---- */

static int mark_state(struct call *c, uint32_t state)
{
    const struct ds_conf *conf = call_conf(c, &dispatcher_module);
    struct avp_name dst, grp;
    if (!avp_name(c, &conf->dst_avp, &dst) || !avp_name(c, &conf->grp_avp, &grp))
        return -1;
    const struct avp *uri = avp_find(c->avps, &dst, NULL);
    const struct avp *group = avp_find(c->avps, &grp, NULL);
    struct ds_set *set =
        uri && group ? ds_find_set(call_table(c, &ds_table), (uint32_t)group->value.i) : NULL;
    int result = -1;
    for (unsigned i = 0; set && i < set->n; i++)
        if (str_eq(set->dest[i].uri, uri->value.s)) {
            ds_mark(conf, &set->dest[i], state);
            result = 1;
        }
    return result;
}

static int mark_dst(struct call *c, const struct arg *args, unsigned n)
{
    return mark_state(c, n ? (uint32_t)args[0].v.i : DS_INACTIVE);
}

static int prepare_state(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    char l = text.len ? ascii_lower(text.p[0]) : 0;
    (void)p, (void)argn;
    bool inactive = l == 'i' || l == '0', probing = l == 'p' || l == '2';
    out->v = value_int(inactive ? DS_INACTIVE : probing ? DS_PROBING : 0);
    return ERR_OK;
}

/* ---- ds_is_from_list ---- */

static bool is_from(const struct ds_set *set, const struct addr *src)
{
    for (unsigned i = 0; i < set->n; i++) {
        const struct ds_dest *d = &set->dest[i];
        if (d->ip.family && ip_eq(&d->ip, &src->ip) && (d->port == 0 || d->port == src->port))
            return true;
    }
    return false;
}

static int is_from_list(struct call *c, const struct arg *args, unsigned n)
{
    const struct ds_conf *conf = call_conf(c, &dispatcher_module);
    const struct ds_list *l = call_table(c, &ds_table);
    for (const struct ds_set *s = l ? l->sets : NULL; s; s = s->next) {
        if ((n && s->id != (uint32_t)args[0].v.i) || !is_from(s, &c->msg->src))
            continue;
        struct value id = value_int((int32_t)s->id);
        const struct pv_ref *pv = conf->setid_pvname.pv;
        return !pv || pv_write(pv, c, call_host(), PV_SET, &id) > 0 ? 1 : -2;
    }
    return -1;
}

/* ---- rows ---- */

/* clang-format off */
static const struct fn_spec functions[] = {
    {"ds_select_dst", select_dst, 2, 2, {ARG_IGP, ARG_IGP}, ROUTE_REQUEST, FN_TARGET, NULL,
     "set, algorithm",
     "Chooses a destination of the set and makes it $du. Algorithms: 0 Call-ID, 1 From, 2 To, 3 R-URI, "
     "4 round robin, 5 digest user, 6 random, 7 hash_pvar, others the first. False when there is none, "
     "and when $du is set already, unless force_dst is."},
    {"ds_select_domain", select_domain, 2, 2, {ARG_IGP, ARG_IGP}, ROUTE_REQUEST, FN_TARGET, NULL,
     "set, algorithm", "The same, into host and port of the R-URI."},
    {"ds_next_dst", next_dst, 0, 0, {ARG_NONE}, ROUTE_FAILURE, FN_TARGET | FN_BRANCHES, NULL, "",
     "Takes the next destination as $du of a new branch. False when there is none."},
    {"ds_next_domain", next_domain, 0, 0, {ARG_NONE}, ROUTE_FAILURE, FN_TARGET | FN_BRANCHES, NULL, "",
     "The same, into host and port of the R-URI."},
    {"ds_mark_dst", mark_dst, 0, 0, {ARG_NONE}, ROUTE_FAILURE, 0, NULL, "",
     "Marks the destination in use as inactive. False when it is not known."},
    {"ds_mark_dst", mark_dst, 1, 1, {ARG_CUSTOM}, ROUTE_FAILURE, 0, prepare_state, "state",
     "Marks it: i or 0 inactive, p or 2 one more failure towards probing, else active."},
    {"ds_is_from_list", is_from_list, 0, 1, {ARG_UINT},
     ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_ONREPLY | ROUTE_BRANCH, 0, NULL, "[set]",
     "True when the sender is a destination, of that set if one is given. -2 when setid_pvname could "
     "not be written."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct ds_conf

static const struct param_spec params[] = {
    PARAM_STRING("list_file", list_file, "/etc/openser/dispatcher.list",
                 "File of the destinations."),
    PARAM_SWITCH("force_dst", force_dst, 0, "1: a $du that is set already is replaced."),
    PARAM_NUMBER("flags", flags, 0, 3, 0,
                 "1: only the user of a URI is hashed; 2: AVPs for failover."),
    PARAM_SWITCH("use_default", use_default, 0,
                 "1: the last destination of a set is for when no other is left."),
    PARAM_NUMBER("ds_probing_threshhold", probing_threshold, 0, INT32_MAX, 3,
                 "Failures before a destination is probing."),
    PARAM_STRING("dst_avp", dst_avp.text, NULL, "AVP of the destinations to try."),
    PARAM_STRING("grp_avp", grp_avp.text, NULL, "AVP of their set."),
    PARAM_STRING("cnt_avp", cnt_avp.text, NULL, "AVP of how many they are."),
    PARAM_STRING("hash_pvar", hash_pvar.text, NULL, "Variable for algorithm 7."),
    PARAM_STRING("setid_pvname", setid_pvname.text, NULL,
                 "Variable that ds_is_from_list() leaves the set in."),
    PARAM_STRING("db_url", db_url, NULL, "A database with the destinations, instead of list_file."),
    PARAM_STRING("table_name", table_name, "dispatcher", "Its table."),
    PARAM_STRING("setid_col", setid_col, "setid", "Column of the set."),
    PARAM_STRING("destination_col", destination_col, "destination", "Column of the URI."),
    PARAM_STRING("flags_col", flags_col, "flags", "Column of the state."),
    PARAM_STRING("ds_ping_method", ping_method, "OPTIONS",
                 "Method of the requests that ask whether a destination lives."),
    PARAM_STRING("ds_ping_from", ping_from, "sip:dispatcher@localhost", "Their From."),
    PARAM_NUMBER("ds_ping_interval", ping_interval, 0, 86400, 0,
                 "Seconds between two of them; 0: none."),
    PARAM_SWITCH("ds_probing_mode", probing_mode, 0,
                 "1: all destinations are asked; 0: those that are probing."),
    PARAM_OLD("dst_avp_id", PARAM_INT, "Not used yet."),
    PARAM_OLD("grp_avp_id", PARAM_INT, "Not used yet."),
    PARAM_OLD("cnt_avp_id", PARAM_INT, "Not used yet."),
    {.name = NULL},
};

static int prepare_variable(struct prepare *p, struct ds_variable *v)
{
    return v->text.len ? prepare_pv(p, v->text, &v->pv) : ERR_OK;
}

/* From becomes a header value: a URI goes into angle brackets. */
static int check_ping(struct prepare *p, struct ds_conf *conf)
{
    struct nameaddr n;
    struct uri u;
    if (nameaddr_parse(&n, conf->ping_from) != ERR_OK || uri_parse(&u, n.uri) != ERR_OK) {
        buf_printf(p->error, "ds_ping_from is no URI: \"%.*s\"", STR_ARG(conf->ping_from));
        return ERR_INVALID;
    }
    if (method_lookup(conf->ping_method) == METHOD_OTHER) {
        buf_printf(p->error, "ds_ping_method is no method: \"%.*s\"", STR_ARG(conf->ping_method));
        return ERR_INVALID;
    }
    if (!n.angle)
        conf->ping_from = arena_printf(p->arena, "<%.*s>", STR_ARG(n.uri));
    return conf->ping_from.p ? ERR_OK : ERR_NOMEM;
}

static int conf_check(struct prepare *p, void *data)
{
    struct ds_conf *conf = data;
    int rc = prepare_avp_param(p, "dst_avp", conf->dst_avp.text, &conf->dst_avp.pv);
    if (rc == ERR_OK)
        rc = prepare_avp_param(p, "grp_avp", conf->grp_avp.text, &conf->grp_avp.pv);
    if (rc == ERR_OK)
        rc = prepare_avp_param(p, "cnt_avp", conf->cnt_avp.text, &conf->cnt_avp.pv);
    if (rc == ERR_OK)
        rc = check_ping(p, conf);
    if (rc == ERR_OK)
        rc = prepare_variable(p, &conf->hash_pvar);
    if (rc == ERR_OK)
        rc = prepare_variable(p, &conf->setid_pvname);
    return rc == ERR_OK && conf->db_url.len == 0 ? ds_check_file(p, conf) : rc;
}

static const struct db_table_use tables[] = {
    {.name = offsetof(struct ds_conf, table_name), .lowest = 1, .highest = 2}};
static const struct db_use db_use = {
    .url = offsetof(struct ds_conf, db_url), .optional = true, .tables = tables, .n_tables = 1};

const struct module dispatcher_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "dispatcher",
                .doc = "Spreads requests over sets of servers.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct ds_conf),
                .conf_check = conf_check},
    .db = &db_use,
    .table = {&ds_table},
    .on_second = ds_on_second,
    .commands = ds_commands,
};
