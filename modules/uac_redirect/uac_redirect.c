/* uac_redirect: follows redirections: the contacts of 3xx replies become branches. */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module uac_redirect_module;

enum { MAX_FILTERS = 6, MAX_PER_REPLY = 16, MAX_CONTACTS = 64, Q_WITHOUT = 1000 };

enum rule { RULE_ACCEPT, RULE_DENY, RULES };

struct conf {
    struct str default_filter, filter_text[RULES], acc_function, acc_db_table;
    const struct regex *filter[RULES]; /* made of filter_text, or NULL */
    enum rule otherwise;               /* when no filter matches */
};

/* Filters that a failure_route has set, until get_redirects() has used them. */
struct slot {
    const struct regex *added[RULES][MAX_FILTERS];
    unsigned count[RULES];
    bool without_default[RULES];
};

/* ---- filters ---- */

enum reset { RESET_NONE, RESET_ALL, RESET_DEFAULT, RESET_ADDED };

static int set_filter(struct call *c, const struct arg *args, enum rule rule)
{
    struct slot *s = call_slot(c, &uac_redirect_module);
    enum reset reset = (enum reset)args[1].v.i;
    if (!s)
        return -1;
    if (reset == RESET_ALL || reset == RESET_DEFAULT)
        s->without_default[rule] = true;
    if (reset == RESET_ALL || reset == RESET_ADDED)
        s->count[rule] = 0;
    if (s->count[rule] == MAX_FILTERS) {
        log_err("uac_redirect: no more than %d filters of one kind", MAX_FILTERS);
        return -1;
    }
    s->added[rule][s->count[rule]++] = args[0].obj;
    return 1;
}

static int set_deny_filter(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return set_filter(c, args, RULE_DENY);
}

static int set_accept_filter(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return set_filter(c, args, RULE_ACCEPT);
}

static int prepare_filter(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    static const char *const words[] = {
        [RESET_NONE] = "",
        [RESET_ALL] = "reset_all",
        [RESET_DEFAULT] = "reset_default",
        [RESET_ADDED] = "reset_added",
    };
    if (argn == 0)
        return ERR_OK; /* its kind has compiled it */
    for (int i = RESET_NONE; i <= RESET_ADDED; i++)
        if (str_ieq(text, str_from(words[i]))) {
            out->v = value_int(i);
            return ERR_OK;
        }
    buf_printf(p->error, "\"%.*s\" is none of reset_all, reset_default, reset_added and empty",
               STR_ARG(text));
    return ERR_INVALID;
}

static bool matches(const struct regex *re, struct str uri)
{
    struct regex_match m;
    return re && regex_find(re, uri, 0, &m) > 0;
}

static bool any_matches(const struct conf *conf, const struct slot *s, enum rule rule,
                        struct str uri)
{
    if (!s->without_default[rule] && matches(conf->filter[rule], uri))
        return true;
    for (unsigned i = 0; i < s->count[rule]; i++)
        if (matches(s->added[rule][i], uri))
            return true;
    return false;
}

static bool accepted(const struct conf *conf, const struct slot *s, struct str uri)
{
    if (any_matches(conf, s, RULE_ACCEPT, uri))
        return true;
    if (conf->otherwise == RULE_ACCEPT)
        return !any_matches(conf, s, RULE_DENY, uri);
    return false;
}

/* ---- contacts ---- */

struct contact {
    struct str uri;
    int q; /* thousandths, NO_Q without */
};

/* By falling q, those of equal q in the order they came; without q counts as 1. */
struct contacts {
    unsigned n;
    struct contact list[MAX_CONTACTS];
};

static int rank(const struct contact *c)
{
    return c->q == NO_Q ? Q_WITHOUT : c->q;
}

static void enter(struct contacts *l, const struct contact *c, unsigned from)
{
    if (l->n == MAX_CONTACTS)
        return;
    unsigned at = l->n++;
    for (; at > from && rank(&l->list[at - 1]) < rank(c); at--)
        l->list[at] = l->list[at - 1];
    l->list[at] = *c;
}

/* "0.7" in thousandths, NO_Q for what is no q value. */
static int read_q(struct str text)
{
    uint32_t whole = 0, part = 0;
    struct str digits = str_sub(text, 2, text.len);
    if (text.len == 0 || text.len > 5 || str_u32(&whole, str_sub(text, 0, 1), 1) != ERR_OK ||
        (text.len > 1 && text.p[1] != '.') || (digits.len && str_u32(&part, digits, 999) != ERR_OK))
        return NO_Q;
    for (size_t i = digits.len; i < 3; i++)
        part *= 10;
    return whole ? 1000 : (int)part;
}

static bool read_contact(struct contact *out, struct str value)
{
    struct nameaddr n;
    struct uri u;
    struct str q;
    if (nameaddr_parse(&n, value) != ERR_OK || uri_parse(&u, n.uri) != ERR_OK)
        return false;
    *out = (struct contact){.uri = n.uri, .q = NO_Q};
    if (param_find(n.params, STR("q"), &q))
        out->q = read_q(q);
    return true;
}

/* The best of one reply; most: how many. */
static void take_reply(struct call *c, struct contacts *all, struct str bytes, unsigned most)
{
    const struct conf *conf = call_conf(c, &uac_redirect_module);
    const struct slot *s = call_slot(c, &uac_redirect_module);
    struct msg *m = arena_alloc(c->arena, sizeof *m);
    struct value_iter it = {0};
    unsigned from = all->n;
    struct contact one;
    if (!m || !s || msg_scan(m, c->arena, bytes) != ERR_OK || m->status / 100 != 3)
        return;
    while (all->n - from < MAX_PER_REPLY && msg_value_next(m, HDR_CONTACT, &it))
        if (read_contact(&one, it.text) && accepted(conf, s, one.uri))
            enter(all, &one, from);
    if (most && all->n - from > most)
        all->n = from + most;
}

static void sort_all(struct contacts *all)
{
    struct contacts *l = all;
    for (unsigned i = 1; i < l->n; i++) {
        struct contact one = l->list[i];
        unsigned at = i;
        for (; at > 0 && rank(&l->list[at - 1]) < rank(&one); at--)
            l->list[at] = l->list[at - 1];
        l->list[at] = one;
    }
}

/* ---- get_redirects ---- */

struct limits {
    uint32_t total, branch; /* 0: none */
};

static int add_branches(struct call *c, const struct contacts *all, unsigned most)
{
    int result = -1;
    for (unsigned i = 0; i < all->n && (most == 0 || i < most); i++) {
        struct target t = {
            .uri = all->list[i].uri, .q = (int16_t)all->list[i].q, .socket = NO_SOCKET};
        if (call_add_branch(c, &t) != ERR_OK)
            break;
        result = 1;
    }
    return result;
}

static int get_redirects(struct call *c, const struct arg *args, unsigned n)
{
    const struct limits *l = args[0].obj;
    struct contacts *all = arena_zalloc(c->arena, sizeof *all);
    struct slot *s = call_slot(c, &uac_redirect_module);
    struct str bytes;
    (void)n;
    if (!all || !s)
        return -1;
    for (unsigned i = 0; call_failed_reply(c, i, &bytes); i++)
        take_reply(c, all, bytes, l->branch);
    sort_all(all);
    memset(s, 0, sizeof *s);
    return add_branches(c, all, l->total);
}

static bool read_limit(struct str text, uint32_t *out)
{
    *out = 0;
    return str_eq(text, STR("*")) || str_u32(out, text, 255) == ERR_OK;
}

static int prepare_limits(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct limits *l;
    struct str rest = text, total = STR_NONE;
    if (argn > 0)
        return ERR_OK;
    l = arena_zalloc(p->arena, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    out->obj = l;
    str_cut(&total, &rest, ':');
    if (read_limit(total, &l->total) && (!rest.p || read_limit(rest, &l->branch)))
        return ERR_OK;
    buf_printf(p->error, "\"%.*s\": a number up to 255 or *, perhaps with :number behind it",
               STR_ARG(text));
    return ERR_INVALID;
}

/* ---- rows ---- */

static const struct fn_spec functions[] = {
    {"get_redirects",
     get_redirects,
     1,
     1,
     {ARG_CUSTOM},
     ROUTE_FAILURE,
     FN_BRANCHES,
     prepare_limits,
     "total[:each]",
     "Adds the contacts of the 3xx replies that were received as branches, the highest q first; at "
     "most so many, of each reply at most so many, * for all. False when there is none."},
    {"get_redirects",
     get_redirects,
     2,
     2,
     {ARG_CUSTOM, ARG_STR},
     ROUTE_FAILURE,
     FN_BRANCHES,
     prepare_limits,
     "total[:each], reason",
     "The same; the reason is for accounting, which does not count branches yet."},
    {"set_deny_filter",
     set_deny_filter,
     2,
     2,
     {ARG_RE, ARG_CUSTOM},
     ROUTE_FAILURE,
     0,
     prepare_filter,
     "expression, flag",
     "Contacts that match are left out by the next get_redirects(). The flag reset_all, "
     "reset_default or reset_added drops earlier filters first, an empty one none."},
    {"set_accept_filter",
     set_accept_filter,
     2,
     2,
     {ARG_RE, ARG_CUSTOM},
     ROUTE_FAILURE,
     0,
     prepare_filter,
     "expression, flag",
     "Contacts that match are taken by the next get_redirects(), whatever is denied; flags as for "
     "set_deny_filter."},
    {.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_STRING("default_filter", default_filter, "accept",
                 "What happens to contacts that no filter matches: accept or deny."),
    PARAM_STRING("accept_filter", filter_text[RULE_ACCEPT], NULL,
                 "Expression of contacts to take."),
    PARAM_STRING("deny_filter", filter_text[RULE_DENY], NULL,
                 "Expression of contacts to leave out."),
    PARAM_STRING("acc_function", acc_function, "acc_log_request",
                 "Accounts contacts; not used yet."),
    PARAM_STRING("acc_db_table", acc_db_table, "acc", "Table for that; not used yet."),
    {.name = NULL},
};

static int conf_check(struct prepare *p, void *data)
{
    struct conf *conf = data;
    bool deny = str_ieq(conf->default_filter, STR("deny"));
    if (!deny && !str_ieq(conf->default_filter, STR("accept"))) {
        buf_printf(p->error, "default_filter is accept or deny");
        return ERR_INVALID;
    }
    conf->otherwise = deny ? RULE_DENY : RULE_ACCEPT;
    for (unsigned i = 0; i < RULES; i++) {
        struct str text = conf->filter_text[i];
        int rc = text.len ? prepare_regex(p, text, true, &conf->filter[i]) : ERR_OK;
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

const struct module uac_redirect_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "uac_redirect",
                .doc = "Follows redirections (3xx).",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf),
                .conf_check = conf_check},
    .slot_size = sizeof(struct slot),
};
