/* Checks the parameters of the global section and stores them in the program. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/ast_build.h"
#include "lang/check.h"

/* ---- values of parameters ---------------------------------------------------------------------
 */

struct word_value {
    const char *word;
    int32_t value;
};

static const struct word_value facilities[] = {
    {"LOG_AUTH", 0},   {"LOG_CRON", 0},   {"LOG_DAEMON", 0},   {"LOG_KERN", 0},   {"LOG_LOCAL0", 0},
    {"LOG_LOCAL1", 0}, {"LOG_LOCAL2", 0}, {"LOG_LOCAL3", 0},   {"LOG_LOCAL4", 0}, {"LOG_LOCAL5", 0},
    {"LOG_LOCAL6", 0}, {"LOG_LOCAL7", 0}, {"LOG_LPR", 0},      {"LOG_MAIL", 0},   {"LOG_NEWS", 0},
    {"LOG_USER", 0},   {"LOG_UUCP", 0},   {"LOG_AUTHPRIV", 0}, {"LOG_FTP", 0},    {"LOG_SYSLOG", 0},
    {NULL, 0},
};
static const struct word_value services[] = {
    {"IPTOS_LOWDELAY", 0x10}, {"IPTOS_THROUGHPUT", 0x08}, {"IPTOS_RELIABILITY", 0x04},
    {"IPTOS_MINCOST", 0x02},  {"IPTOS_LOWCOST", 0x02},    {NULL, 0},
};
static const struct word_value polls[] = {
    {"none", 0},   {"poll", 0},   {"epoll_lt", 0},  {"epoll_et", 0}, {"sigio_rt", 0},
    {"select", 0}, {"kqueue", 0}, {"/dev/poll", 0}, {NULL, 0},
};
static const struct word_value tls_methods[] = {
    {"sslv23", 0}, {"sslv2", 0}, {"sslv3", 0}, {"tlsv1", 0}, {NULL, 0},
};

static const struct word_value *find_word(const struct word_value *list, struct str word)
{
    for (; list->word; list++)
        if (str_ieq(word, str_from(list->word)))
            return list;
    return NULL;
}

static bool wrong_type(struct checker *c, const struct item *i, const char *expected)
{
    if (!i->value->broken)
        check_error(c, i->value->loc, "%s expected", expected);
    return false;
}

static bool take_number(struct checker *c, const struct item *i, long max, struct setting *out)
{
    const struct node *v = i->value;
    if (v->kind != NODE_NUMBER || v->number.sign)
        return wrong_type(c, i, "number");
    if (max && (v->number.value < 0 || v->number.value > max)) {
        check_error(c, v->loc, "%.*s must be from 0 to %ld", STR_ARG(i->name), max);
        return false;
    }
    out->number = v->number.value;
    return true;
}

static bool take_bool(struct checker *c, const struct item *i, struct setting *out)
{
    if (i->value->kind != NODE_NUMBER || i->value->number.sign)
        return wrong_type(c, i, "boolean value");
    out->number = i->value->number.value != 0;
    return true;
}

static bool take_text(struct checker *c, const struct item *i, bool word, struct setting *out)
{
    const struct node *v = i->value;
    if (v->kind != NODE_STRING && !(word && v->kind == NODE_WORD))
        return wrong_type(c, i, word ? "name or string" : "string value");
    out->text = check_keep(c, v->text);
    return true;
}

static bool take_host(struct checker *c, const struct item *i, struct setting *out)
{
    struct str text = i->value->broken ? STR_NONE : ast_host_text(i->value);
    if (!text.p || i->value->kind == NODE_NUMBER)
        return wrong_type(c, i, "host name or address");
    out->text = check_keep(c, text);
    return true;
}

/* One of a list of words. */
static bool take_word(struct checker *c, const struct item *i, const struct word_value *list,
                      bool string, struct setting *out)
{
    const struct node *v = i->value;
    if (v->kind != NODE_WORD && !(string && v->kind == NODE_STRING))
        return wrong_type(c, i, "name");
    const struct word_value *w = find_word(list, v->text);
    if (w) {
        out->number = w->value;
        out->text = check_keep(c, str_from(w->word));
        return true;
    }
    struct nearest near = nearest_to(v->text);
    for (; list->word; list++)
        nearest_offer(&near, str_from(list->word));
    check_error(c, v->loc, "'%.*s' is no value of %.*s", STR_ARG(v->text), STR_ARG(i->name));
    if (nearest_found(&near).len)
        diag_hint(c->diag, "did you mean %.*s?", STR_ARG(nearest_found(&near)));
    return false;
}

static bool take_tos(struct checker *c, const struct item *i, struct setting *out)
{
    if (i->value->kind != NODE_NUMBER)
        return take_word(c, i, services, false, out);
    if (!take_number(c, i, 255, out))
        return false;
    if (out->number > 0)
        return true;
    check_error(c, i->value->loc, "tos must be from 1 to 255");
    return false;
}

static bool take_aliases(struct checker *c, const struct item *i, struct setting *out)
{
    if (!take_text(c, i, false, out))
        return false;
    struct prepare p = check_begin(c);
    return check_prepared(c, prepare_avp_aliases(&p, out->text), &p, i->value);
}

static bool take_value(struct checker *c, const struct setting_row *row, const struct item *i,
                       struct setting *out)
{
    switch (row->type) {
    case SET_BOOL:
    case SET_OLD_BOOL:
        return take_bool(c, i, out);
    case SET_NUMBER:
    case SET_OLD_NUMBER:
        return take_number(c, i, 0, out);
    case SET_PORT:
        return take_number(c, i, 65535, out);
    case SET_TEXT:
    case SET_OLD_TEXT:
        return take_text(c, i, false, out);
    case SET_NAME:
    case SET_OLD_NAME:
        return take_text(c, i, true, out);
    case SET_HOST:
        return take_host(c, i, out);
    case SET_FACILITY:
        return take_word(c, i, facilities, false, out);
    case SET_TOS:
        return take_tos(c, i, out);
    case SET_POLL:
        return take_word(c, i, polls, true, out);
    case SET_TLS:
        return take_word(c, i, tls_methods, false, out);
    case SET_ALIASES:
        return take_aliases(c, i, out);
    }
    return false;
}

static bool is_old(enum setting_type t)
{
    return t >= SET_OLD_BOOL;
}

static void check_setting(struct checker *c, const struct item *i)
{
    struct nearest near = nearest_to(i->name);
    const struct setting_row *row = resolve_setting(i->name, &near);
    if (!row) {
        if (c->diag->today)
            diag_add(c->diag, DIAG_WARNING, "not-built", i->name_loc,
                     "unknown parameter '%.*s': it has no effect", STR_ARG(i->name));
        else
            check_error(c, i->name_loc, "unknown parameter '%.*s'", STR_ARG(i->name));
        if (nearest_found(&near).len)
            diag_hint(c->diag, "did you mean '%.*s'?", STR_ARG(nearest_found(&near)));
        return;
    }
    struct setting value = {.given = true};
    if (!take_value(c, row, i, &value))
        return;
    c->program->settings[row->id] = value;
    if (is_old(row->type))
        diag_add(c->diag, DIAG_NOTE, "old-parameter", i->name_loc, "%.*s has no effect (%s)",
                 STR_ARG(i->name), row->doc);
}

/* ---- addresses --------------------------------------------------------------------------------
 */

static unsigned count_hosts(const struct checker *c, enum item_kind kind)
{
    unsigned n = 0;
    for (const struct item *i = c->script->items; i; i = i->next)
        for (const struct node *h = i->kind == kind ? i->value : NULL; h; h = h->next)
            n++;
    return n;
}

/* Room for all addresses of the script. */
static struct listen_spec *room(struct checker *c, enum item_kind kind)
{
    size_t n = (count_hosts(c, kind) + 1) * sizeof(struct listen_spec);
    struct listen_spec *l = arena_zalloc(&c->program->arena, n);
    c->no_memory |= !l;
    return l;
}

/* listen="udp:1.2.3.4" in quotes would be a host of that name. */
static bool sensible_host(struct checker *c, const struct node *h)
{
    struct ip ip;
    if (!h->host.quoted || str_find(h->host.host, ':', 0) < 0 ||
        ip_parse(&ip, h->host.host) == ERR_OK)
        return true;
    check_error(c, h->loc, "this is no host name");
    diag_hint(c->diag, "write transport and port outside of the quotes");
    return false;
}

static void add_hosts(struct checker *c, const struct item *i, struct listen_spec *list,
                      unsigned *n)
{
    for (const struct node *h = i->value; h && list; h = h->next) {
        if (h->broken || (i->kind == ITEM_LISTEN && !sensible_host(c, h)))
            continue;
        list[(*n)++] = (struct listen_spec){.proto = h->host.proto,
                                            .host = check_keep(c, h->host.host),
                                            .port = h->host.port,
                                            .loc = h->loc};
    }
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

/* Copies a list into the program. */
static void keep_blacklist(struct checker *c, const struct item *i)
{
    struct program *p = c->program;
    unsigned n = 0, at = 0;
    for (const struct blacklist_rule *r = i->rules; r; r = r->next)
        n++;
    struct block_rule *rules = arena_alloc(&p->arena, (n + 1) * sizeof *rules);
    if (!rules || p->n_blacklists == MAX_BLACKLISTS)
        return;
    for (const struct blacklist_rule *r = i->rules; r; r = r->next)
        rules[at++] = (struct block_rule){r->negated, r->proto, r->bits,
                                          r->port,    r->net,   check_keep(c, r->pattern)};
    p->blacklists[p->n_blacklists++] = (struct blacklist){check_keep(c, i->name), rules, n};
}

static void check_blacklist(struct checker *c, const struct item *i)
{
    unsigned n = 0;
    for (const struct item *b = c->script->items; b != i && n < MAX_BLACKLISTS; b = b->next) {
        n += b->kind == ITEM_BLACKLIST;
        if (b->kind == ITEM_BLACKLIST && str_eq(b->name, i->name))
            check_error(c, i->loc, "the blacklist %.*s is defined already, in line %u",
                        STR_ARG(i->name), b->loc.line);
    }
    if (n == MAX_BLACKLISTS)
        check_error(c, i->loc, "there can be %d blacklists", MAX_BLACKLISTS);
    else
        keep_blacklist(c, i);
}

/* Settings inside a TLS domain are checked like those outside, but kept apart. */
static void check_tls_domain(struct checker *c, const struct item *i)
{
    for (const struct item *s = i->inner; s; s = s->next) {
        const struct setting_row *row = resolve_setting(s->name, NULL);
        struct setting value;
        if (!row || !str_starts(s->name, STR("tls_")))
            check_error(c, s->name_loc, "'%.*s' is no parameter of a TLS domain", STR_ARG(s->name));
        else
            take_value(c, row, s, &value);
    }
    diag_add(c->diag, DIAG_WARNING, "not-built", i->loc,
             "TLS domains are not built yet: this one has no effect");
}

static void check_item(struct checker *c, const struct item *i)
{
    struct program *p = c->program;
    switch (i->kind) {
    case ITEM_SETTING:
        check_setting(c, i);
        break;
    case ITEM_LISTEN:
        add_hosts(c, i, p->listens, &p->n_listens);
        break;
    case ITEM_ALIAS:
        add_hosts(c, i, p->aliases, &p->n_aliases);
        break;
    case ITEM_MPATH:
        break;
    case ITEM_LOADMODULE:
        check_loadmodule(c, i);
        break;
    case ITEM_MODPARAM:
        check_modparam(c, i);
        break;
    case ITEM_BLACKLIST:
        check_blacklist(c, i);
        break;
    case ITEM_TLS_DOMAIN:
        check_tls_domain(c, i);
        break;
    }
}

void check_global(struct checker *c)
{
    c->program->listens = room(c, ITEM_LISTEN);
    c->program->aliases = room(c, ITEM_ALIAS);
    check_core(c);
    for (const struct item *i = c->script->items; i; i = i->next)
        check_item(c, i);
    check_configurations(c);
}
