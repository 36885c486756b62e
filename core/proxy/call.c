/* What modules may ask of a call: configuration, state, time, addresses. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/call.h"

#include "core/module.h"
#include "core/proxy/engine_priv.h"

static unsigned index_of(const struct shared *s, const struct module *m)
{
    return directory_of(&s->directory, s->set->modules, m);
}

void *call_conf(const struct call *c, const struct module *m)
{
    unsigned i = index_of(c->engine->shared, m);
    return i != DIRECTORY_NONE ? program_conf(c->config->program, i) : NULL;
}

void *call_state(const struct call *c, const struct module *m)
{
    unsigned i = index_of(c->engine->shared, m);
    return i != DIRECTORY_NONE ? c->engine->shared->module_state[i] : NULL;
}

void *call_slot(struct call *c, const struct module *m)
{
    const struct shared *s = c->engine->shared;
    unsigned i = index_of(s, m);
    if (i == DIRECTORY_NONE)
        return NULL;
    if (!c->slot)
        c->slot = arena_zalloc(c->arena, s->n_slots * sizeof *c->slot);
    if (!c->slot)
        return NULL;
    void **slot = &c->slot[s->slot[i]];
    if (!*slot)
        *slot = arena_zalloc(c->arena, m->slot_size);
    return *slot;
}

const void *call_api(const struct call *c, const char *module)
{
    const struct shared *s = c->engine->shared;
    unsigned i = directory_named(&s->directory, s->set->modules, module);
    return i != DIRECTORY_NONE && program_loaded(c->config->program, i) ? s->set->modules[i]->api
                                                                        : NULL;
}

uint64_t call_now(const struct call *c)
{
    return c->engine->now;
}

int64_t call_time(const struct call *c)
{
    return (int64_t)(c->engine->wall / 1000);
}

const struct program *call_program(const struct call *c)
{
    return c->config->program;
}

uint64_t call_number(const struct call *c)
{
    return c->engine->count[COUNT_REQUESTS] + c->engine->count[COUNT_REPLIES];
}

struct hash_key call_hash_key(const struct call *c)
{
    return c->engine->shared->key;
}

uint64_t call_random(const struct call *c)
{
    return c->engine->env.random(c->engine->env.user);
}

void call_count(const struct call *c, const struct module *m, unsigned stat, int64_t n)
{
    struct engine *e = c->engine;
    unsigned i = index_of(e->shared, m);
    if (i != DIRECTORY_NONE)
        e->module_stats[e->shared->stat_base[i] + stat] += n;
}

void call_loose_routed(struct call *c, struct str params)
{
    const struct shared *s = c->engine->shared;
    for (unsigned k = 0; k < s->on_loose_route.n; k++) {
        unsigned i = s->on_loose_route.module[k];
        if (program_loaded(c->config->program, i))
            s->set->modules[i]->on_loose_route(c, params);
    }
}

/* ---- errors that a script sees ------------------------------------------------------------------
 */

void call_set_error(struct call *c, int class, int level, int code, const char *reason,
                    const char *info)
{
    if (c->error.class)
        return; /* the first one tells most */
    c->error = (struct call_error){.class = class,
                                   .level = level,
                                   .code = code,
                                   .info = str_from(info),
                                   .reason = str_from(reason)};
}

const struct nameaddr *call_from(struct call *c)
{
    const struct nameaddr *n = msg_from(c->msg);
    if (!n)
        call_set_error(c, 1, 3, 400, "Bad From", "error parsing From header");
    return n;
}

const struct nameaddr *call_to(struct call *c)
{
    const struct nameaddr *n = msg_to(c->msg);
    if (!n)
        call_set_error(c, 1, 3, 400, "Bad To", "error parsing To header");
    return n;
}

/* ---- who we are ---------------------------------------------------------------------------------
 */

/* A host that is compared with several: as an address only when its text is not the same. */
struct asked {
    struct str host;
    struct ip ip;
    bool explained;
};

static bool same_host(struct asked *a, const struct socket_info *s)
{
    if (str_ieq(a->host, s->name) || str_ieq(a->host, s->host))
        return true;
    if (!a->explained && ip_parse(&a->ip, a->host) != ERR_OK)
        a->ip.family = 0;
    a->explained = true;
    return a->ip.family && ip_eq(&a->ip, &s->addr.ip);
}

bool call_is_self(const struct call *c, struct str host, uint16_t port, bool any_port)
{
    const struct shared *s = c->engine->shared;
    struct asked asked = {.host = host};
    uint16_t wanted = port ? port : 5060;
    for (unsigned i = 0; i < s->n_sockets; i++)
        if ((any_port || s->sockets[i].addr.port == wanted) && same_host(&asked, &s->sockets[i]))
            return true;
    for (unsigned i = 0; i < c->config->n_aliases; i++) {
        const struct alias *a = &c->config->aliases[i];
        if ((any_port || a->port == 0 || a->port == wanted) && str_ieq(host, a->host))
            return true;
    }
    return false;
}

bool call_uri_is_self(const struct call *c, const struct uri *u)
{
    return u->host.len && call_is_self(c, u->host, u->port, false);
}

int call_find_socket(const struct call *c, enum proto proto, struct str host, uint16_t port)
{
    const struct shared *s = c->engine->shared;
    struct asked asked = {.host = host};
    for (unsigned i = 0; i < s->n_sockets; i++) {
        const struct socket_info *k = &s->sockets[i];
        if ((proto == PROTO_ANY || k->addr.proto == proto) && (port == 0 || k->addr.port == port) &&
            same_host(&asked, k))
            return (int)i;
    }
    return NO_SOCKET;
}

const struct addr *call_socket(const struct call *c, unsigned i)
{
    return &c->engine->shared->sockets[i].addr;
}

unsigned call_sockets(const struct call *c)
{
    return c->engine->shared->n_sockets;
}

int call_check_reason(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)out;
    if (argn != 1 || text.len)
        return ERR_OK;
    buf_printf(p->error, "the reason phrase is empty");
    return ERR_INVALID;
}
