/* The management commands that are always there. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/proxy/engine_priv.h"
#include "core/proxy/mi_priv.h"

/* ---- the process ---- */

/* "Thu Nov 20 12:00:00 2026", in universal time: a log and an answer must agree anywhere. */
static void put_time(struct mi *m, const char *name, int64_t wall)
{
    char text[64];
    struct tm tm;
    time_t t = (time_t)wall;
    gmtime_r(&t, &tm);
    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
    mi_line(m, 0, name, "%s", text);
}

static enum mi_next uptime(struct mi *m)
{
    int64_t now = mi_time(m), since = m->server->started;
    put_time(m, "Now", now);
    put_time(m, "Up since", since);
    mi_line(m, 0, "Up time", "%lld [sec]", (long long)(now - since));
    return MI_DONE;
}

static enum mi_next version(struct mi *m)
{
    mi_line(m, 0, "Server", "signalbox (%s)", SIGNALBOX_VERSION);
    mi_line(m, 0, "Script version", "%u", m->config->version);
    return MI_DONE;
}

static enum mi_next pwd(struct mi *m)
{
    char path[1024];
    if (!getcwd(path, sizeof path))
        return mi_fail(m, 500, "the working folder has no name");
    mi_text(m, 0, "WD", str_from(path));
    return MI_DONE;
}

static enum mi_next arguments(struct mi *m)
{
    for (int i = 0; i < m->server->env.argc; i++)
        mi_text(m, 0, NULL, str_from(m->server->env.argv[i]));
    return MI_DONE;
}

static void name_command(void *user, const struct module *of, const struct mi_command *c)
{
    struct mi *m = user;
    (void)of;
    mi_line(m, 0, NULL, "%s", c->name);
}

static enum mi_next which(struct mi *m)
{
    mi_each_command(m->server, name_command, m);
    return MI_DONE;
}

struct helped {
    struct mi *m;
    bool found;
};

static void explain_command(void *user, const struct module *of, const struct mi_command *c)
{
    struct helped *h = user;
    if (mi_args(h->m) && !str_eq(mi_arg(h->m, 0), str_from(c->name)))
        return;
    h->found = true;
    mi_line(h->m, 0, c->name, "%s", c->doc);
    mi_line(h->m, 1, "Arguments", "%s", c->usage);
    mi_line(h->m, 1, "Module", "%s", of->symbols.name);
}

static enum mi_next help(struct mi *m)
{
    struct helped h = {.m = m};
    mi_each_command(m->server, explain_command, &h);
    return h.found ? MI_DONE : mi_fail(m, 404, "no command of that name");
}

static void put_process(struct mi *m, unsigned id, const char *type)
{
    mi_line(m, 0, "Process", "%s", "");
    mi_attr(m, "ID", "%u", id);
    mi_attr(m, "PID", "%ld", (long)gettid());
    mi_attr(m, "Type", "%s", type);
}

static enum mi_next ps_worker(struct mi *m)
{
    put_process(m, mi_worker(m) + 1, "SIP worker");
    return MI_NEXT;
}

static enum mi_next ps(struct mi *m)
{
    put_process(m, 0, "main");
    return MI_DONE;
}

static enum mi_next kill_server(struct mi *m)
{
    m->server->env.stop(m->server->env.user);
    return MI_DONE;
}

static enum mi_next debug(struct mi *m)
{
    if (mi_args(m)) {
        struct str s = mi_arg(m, 0);
        bool minus = s.len && s.p[0] == '-';
        uint32_t n;
        if (str_u32(&n, str_sub(s, minus, s.len), 9) != ERR_OK)
            return mi_fail(m, 400, "Bad parameter: a level from -3 to 4");
        log_set_level(minus ? -(int)n : (int)n);
    }
    mi_line(m, 0, "DEBUG", "%d", log_level());
    return MI_DONE;
}

/* ---- statistics ---- */

static const char *const counter_names[] = {
#define X(id, name, text) name,
    COUNTER_LIST(X)
#undef X
};

/* Gauges of an engine. */
enum gauge { GAUGE_LIVE, GAUGE_WAITING, GAUGE_BYTES, GAUGE_BLOCKS, GAUGES };
static const char *const gauge_names[GAUGES] = {"live_transactions", "waiting_scripts",
                                                "bytes_in_use", "blocks_allocated"};

/* Sums over all workers. */
struct sums {
    int64_t counter[COUNTERS], gauge[GAUGES];
    int64_t *module; /* shared.n_stats of them */
};

static enum mi_next sum_up(struct mi *m)
{
    const struct shared *s = m->server->shared;
    const struct engine *e = mi_engine(m);
    struct sums *sums = mi_share(m);
    if (!sums->module)
        sums->module = arena_zalloc(mi_arena(m), (s->n_stats + 1) * sizeof *sums->module);
    if (!sums->module)
        return mi_fail(m, 500, "no memory");
    for (unsigned i = 0; i < COUNTERS; i++)
        sums->counter[i] += (int64_t)e->count[i];
    sums->gauge[GAUGE_LIVE] += (int64_t)e->live_txns;
    sums->gauge[GAUGE_WAITING] += (int64_t)e->parked;
    sums->gauge[GAUGE_BYTES] += (int64_t)e->pool.live;
    sums->gauge[GAUGE_BLOCKS] += (int64_t)e->pool.mallocs;
    for (unsigned i = 0; i < s->n_stats; i++)
        sums->module[i] += e->module_stats[i];
    return MI_NEXT;
}

/* Whether an argument asks for this one: "all", "group:", a name, or both. */
static bool wanted(const struct mi *m, struct str group, struct str name)
{
    for (unsigned i = 0; i < mi_args(m); i++) {
        struct str a = mi_arg(m, i), g;
        if (str_eq(a, STR("all")) || str_eq(a, name))
            return true;
        ptrdiff_t colon = str_find(a, ':', 0);
        g = colon < 0 ? STR_NONE : str_sub(a, 0, (size_t)colon);
        if (colon < 0 || !str_eq(g, group))
            continue;
        struct str rest = str_sub(a, (size_t)colon + 1, a.len);
        if (rest.len == 0 || str_eq(rest, name))
            return true;
    }
    return false;
}

static void put_stat(void *user, const char *group, struct str name, int64_t value)
{
    struct mi *m = user;
    if (wanted(m, str_from(group), name))
        mi_line(m, 0, NULL, "%s:%.*s = %lld", group, STR_ARG(name), (long long)value);
}

static void put_module(struct mi *m, const struct sums *sums, unsigned i)
{
    const struct shared *s = m->server->shared;
    const struct module *mod = s->set->modules[i];
    unsigned at = s->stat_base[i];
    for (const struct stat_spec *t = mod->stats; t && t->name; t++, at++)
        put_stat(m, mod->symbols.name, str_from(t->name), sums->module[at]);
    if (mod->stat_list && s->module_state[i])
        mod->stat_list(s->module_state[i], put_stat, m);
}

static enum mi_next get_statistics(struct mi *m)
{
    const struct shared *s = m->server->shared;
    const struct sums *sums = mi_share(m);
    for (unsigned i = 0; i < COUNTERS; i++)
        put_stat(m, "core", str_from(counter_names[i]), sums->counter[i]);
    for (unsigned i = 0; i < GAUGES; i++)
        put_stat(m, "core", str_from(gauge_names[i]), sums->gauge[i]);
    for (unsigned i = 0; i < s->set->count; i++)
        if (program_loaded(m->config->program, i))
            put_module(m, sums, i);
    return m->lines.len ? MI_DONE : mi_fail(m, 404, "Statistics Not Found");
}

static void reset(struct mi *m, const char *group, const char *name, uint64_t *value)
{
    bool *found = mi_share(m);
    if (wanted(m, str_from(group), str_from(name))) {
        *value = 0;
        *found = true;
    }
}

static enum mi_next reset_worker(struct mi *m)
{
    const struct shared *s = m->server->shared;
    struct engine *e = mi_engine(m);
    for (unsigned i = 0; i < COUNTERS; i++)
        reset(m, "core", counter_names[i], &e->count[i]);
    for (unsigned i = 0; i < s->set->count; i++) {
        const struct module *mod = s->set->modules[i];
        unsigned at = s->stat_base[i];
        if (!program_loaded(m->config->program, i))
            continue;
        for (const struct stat_spec *t = mod->stats; t && t->name; t++, at++)
            if (!t->gauge)
                reset(m, mod->symbols.name, t->name, (uint64_t *)&e->module_stats[at]);
    }
    return MI_NEXT;
}

static enum mi_next reset_statistics(struct mi *m)
{
    const struct shared *s = m->server->shared;
    bool *found = mi_share(m);
    for (unsigned i = 0; i < s->set->count; i++) {
        const struct module *mod = s->set->modules[i];
        if (!mod->stat_reset || !s->module_state[i])
            continue;
        for (unsigned k = 0; k < mi_args(m); k++)
            *found |= mod->stat_reset(s->module_state[i], mi_arg(m, k));
    }
    return *found ? MI_DONE : mi_fail(m, 404, "Statistics Not Found");
}

/* ---- rows ---- */

const struct mi_command mi_core_commands[] = {
    {"uptime", "", "Since when the server runs, in universal time.", 0, 0, 0, NULL, uptime},
    {"version", "", "Name and version of the server, and of the script in force.", 0, 0, 0, NULL,
     version},
    {"pwd", "", "The working folder.", 0, 0, 0, NULL, pwd},
    {"arg", "", "The command line the server was started with.", 0, 0, 0, NULL, arguments},
    {"which", "", "The names of all commands.", 0, 0, 0, NULL, which},
    {"help", "[command]", "What commands do and which arguments they take.", 0, 1, 0, NULL, help},
    {"ps", "", "The threads: one main thread and the workers.", 0, 0, 0, ps_worker, ps},
    {"kill", "", "Ends the server as SIGTERM does.", 0, 0, 0, NULL, kill_server},
    {"debug", "[level]", "Shows, and with a number sets, the highest level that is logged.", 0, 1,
     0, NULL, debug},
    {"get_statistics", "all | group: | name ...",
     "Statistics of all workers together, as group:name = value.", 1, 64, sizeof(struct sums),
     sum_up, get_statistics},
    {"reset_statistics", "name ...", "Sets counters to 0. Gauges cannot be reset.", 1, 64,
     sizeof(bool), reset_worker, reset_statistics},
    {.name = NULL},
};
