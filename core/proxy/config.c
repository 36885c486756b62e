/* One version of the configuration: loading it, comparing it with another, letting go of it. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/module.h"
#include "core/proxy/shared.h"
#include "core/proxy/tm_conf.h"

/* References are the one thing that changes in a published configuration. */
static atomic_uint *refs_of(const struct config *c)
{
    return (atomic_uint *)&c->refs;
}

const struct config *config_ref(const struct config *c)
{
    atomic_fetch_add_explicit(refs_of(c), 1, memory_order_relaxed);
    return c;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    memtables_drop(c);
    program_free(c->program);
    arena_reset(&c->arena);
    free(c);
}

void config_unref(const struct config *c)
{
    if (c && atomic_fetch_sub_explicit(refs_of(c), 1, memory_order_acq_rel) == 1) {
        log_dbg("version %u of the script is free: its last call has ended", c->version);
        config_free((struct config *)c);
    }
}

bool config_is_last(const struct config *c)
{
    return atomic_load_explicit(refs_of(c), memory_order_acquire) == 1;
}

/* "Server: ..." as the script says, our own by default, nothing when signatures are off. */
static struct str signature(struct config *c, enum setting_id id, const char *name)
{
    if (!program_setting_int(c->program, SETTING_SERVER_SIGNATURE))
        return STR_NONE;
    if (program_setting_given(c->program, id))
        return arena_dup(&c->arena, str_trim(program_setting_str(c->program, id)));
    return arena_printf(&c->arena, "%s: signalbox (%s)", name, SIGNALBOX_VERSION);
}

static int copy_aliases(struct config *c)
{
    const struct listen_spec *specs;
    unsigned n = program_aliases(c->program, &specs);
    struct alias *a = arena_zalloc(&c->arena, (n + 1) * sizeof *a);
    if (!a)
        return ERR_NOMEM;
    for (unsigned i = 0; i < n; i++)
        a[i] = (struct alias){specs[i].host, specs[i].port, specs[i].proto};
    c->aliases = a;
    c->n_aliases = n;
    return ERR_OK;
}

/* Index of a module of the set by name, or -1. */
static int module_named(const struct module_set *set, const char *name)
{
    for (unsigned i = 0; i < set->count; i++)
        if (strcmp(set->modules[i]->symbols.name, name) == 0)
            return (int)i;
    return -1;
}

static uint32_t at_least_0(int n)
{
    return n > 0 ? (uint32_t)n : 0;
}

static bool someone_watches(const struct program *p, const struct module_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->modules[i]->on_passing && program_loaded(p, i))
            return true;
    return false;
}

/* Explains once what every message asks for. */
static int explain(struct config *c, const struct module_set *set)
{
    const struct program *p = c->program;
    int tm = module_named(set, "tm");
    c->tm = tm >= 0 && program_loaded(p, (unsigned)tm) ? program_conf(p, (unsigned)tm) : NULL;
    tm_times(&c->times, c->tm);
    c->server_header = signature(c, SETTING_SERVER_HEADER, "Server");
    c->user_agent_header = signature(c, SETTING_USER_AGENT_HEADER, "User-Agent");
    c->advertised_host = program_setting_str(p, SETTING_ADVERTISED_ADDRESS);
    c->advertised_port = (uint16_t)program_setting_int(p, SETTING_ADVERTISED_PORT);
    c->main_route = program_route(p, ROUTE_REQUEST, STR("0"));
    c->onreply_route = program_route(p, ROUTE_ONREPLY, STR("0"));
    c->error_route = program_route(p, ROUTE_ERROR, STR("0"));
    c->local_route = program_route(p, ROUTE_LOCAL, STR("0"));
    c->watches = someone_watches(p, set);
    c->sip_warning = program_setting_int(p, SETTING_SIP_WARNING);
    c->reply_to_via = program_setting_int(p, SETTING_REPLY_TO_VIA);
    c->mhomed = program_setting_int(p, SETTING_MHOMED);
    c->overload_delay = at_least_0(program_setting_int(p, SETTING_OVERLOAD_DELAY));
    c->overload_retry_after = at_least_0(program_setting_int(p, SETTING_OVERLOAD_RETRY_AFTER));
    return copy_aliases(c);
}

/* A configuration around a program, which it takes over; NULL for none. */
static struct config *config_of(const struct module_set *set, struct program *p)
{
    if (!p)
        return NULL;
    struct config *c = calloc(1, sizeof *c);
    if (!c) {
        program_free(p);
        return NULL;
    }
    atomic_init(&c->refs, 1);
    c->program = p;
    arena_init(&c->arena, NULL, 1024);
    if (explain(c, set) != ERR_OK) {
        config_free(c);
        return NULL;
    }
    return c;
}

struct config *config_load(const struct module_set *set, const char *path, struct diag *d)
{
    return config_of(set, program_compile_file(path, &set->catalog, d));
}

struct config *config_load_text(const struct module_set *set, struct str name, struct str text,
                                struct diag *d)
{
    return config_of(set, program_compile_text(name, text, &set->catalog, d));
}

/* ---- what changed between two versions ---- */

static bool route_same(const struct program *a, int i, const struct program *b)
{
    /* titles are "failure_route[1]"; names alone would mix the kinds */
    struct str title = program_route_name(a, i);
    for (unsigned j = 0; j < program_route_count(b); j++)
        if (str_eq(program_route_name(b, (int)j), title))
            return program_route_digest(a, i) == program_route_digest(b, (int)j);
    return false;
}

static bool route_present(const struct program *p, struct str title)
{
    for (unsigned j = 0; j < program_route_count(p); j++)
        if (str_eq(program_route_name(p, (int)j), title))
            return true;
    return false;
}

static void name_route(struct buf *out, struct str title, const char *how)
{
    buf_printf(out, "%s%.*s%s", out->len ? ", " : "", STR_ARG(title), how);
}

void config_changes(struct buf *out, const struct config *a, const struct config *b)
{
    const struct program *old = a->program, *new = b->program;
    for (unsigned i = 0; i < program_route_count(new); i++)
        if (!route_same(new, (int)i, old))
            name_route(out, program_route_name(new, (int)i),
                       route_present(old, program_route_name(new, (int)i)) ? "" : " (new)");
    for (unsigned i = 0; i < program_route_count(old); i++)
        if (!route_present(new, program_route_name(old, (int)i)))
            name_route(out, program_route_name(old, (int)i), " (gone)");
}
