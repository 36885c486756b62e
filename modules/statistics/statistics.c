/* statistics: counters of the script's own. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>

#include "core/module.h"

extern const struct module statistics_module;

/* A counter that the script declares. */
struct declared {
    struct declared *next;
    struct str name;
    bool no_reset;
};

struct conf {
    struct declared *names;
};

/* A counter that was used; it outlives the version of the script. */
struct counter {
    struct counter *next;
    int64_t value;
    bool no_reset;
    size_t len;
    char name[]; /* of len bytes */
};

struct state {
    pthread_mutex_t lock;
    struct counter *counters;
};

/* ---- counters ---- */

static const struct declared *find_declared(const struct conf *conf, struct str name)
{
    const struct declared *d = conf->names;
    while (d && !str_eq(d->name, name))
        d = d->next;
    return d;
}

static struct counter *find(const struct state *s, struct str name)
{
    struct counter *k = s->counters;
    while (k && !str_eq(str_make(k->name, k->len), name))
        k = k->next;
    return k;
}

static struct counter *get(struct state *s, struct str name)
{
    struct counter *k = find(s, name);
    if (k || !(k = calloc(1, sizeof *k + name.len)))
        return k;
    k->len = name.len;
    memcpy(k->name, name.p, name.len);
    k->next = s->counters;
    s->counters = k;
    return k;
}

/* Adds n to the counter, or with n 0 sets it to 0. */
static int change(struct call *c, struct str name, int32_t n)
{
    const struct conf *conf = call_conf(c, &statistics_module);
    struct state *s = call_state(c, &statistics_module);
    const struct declared *d = find_declared(conf, name);
    if (!d || (n == 0 && d->no_reset)) {
        log_err("statistics: there is no variable %.*s%s", STR_ARG(name),
                d ? " that can be reset" : "");
        return -1;
    }
    pthread_mutex_lock(&s->lock);
    struct counter *k = get(s, name);
    if (k) {
        k->value = n ? k->value + n : 0;
        k->no_reset = d->no_reset;
    }
    pthread_mutex_unlock(&s->lock);
    return k ? 1 : -1;
}

/* ---- functions ---- */

/* A name, or the variable that holds it. */
struct name_arg {
    struct str name;
    const struct pv_ref *pv;
};

static int change_named(struct call *c, const struct name_arg *a, int32_t n)
{
    struct value v = value_str(a->name);
    if (a->pv && (pv_read(a->pv, c, call_host(), &v) != ERR_OK || !value_has_text(&v)))
        return -1;
    return change(c, v.s, n);
}

static int update_stat(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return change_named(c, args[0].obj, args[1].v.i);
}

static int reset_stat(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return change_named(c, args[0].obj, 0);
}

static int unknown(struct prepare *p, struct str name)
{
    buf_printf(p->error, "\"%.*s\" is not declared", STR_ARG(name));
    if (p->hint)
        buf_printf(p->hint, "add modparam(\"statistics\", \"variable\", \"%.*s\")", STR_ARG(name));
    return ERR_INVALID;
}

static bool is_declared(const struct prepare *p, struct str name)
{
    const struct conf *conf = prepare_conf(p, &statistics_module.symbols);
    return !conf || find_declared(conf, name);
}

static int prepare_name(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct name_arg *a;
    if (argn > 0 && out->v.i != 0)
        return ERR_OK;
    if (argn > 0) {
        buf_printf(p->error, "adding 0 changes nothing");
        return ERR_INVALID;
    }
    a = arena_zalloc(p->arena, sizeof *a);
    if (!a)
        return ERR_NOMEM;
    out->obj = a;
    if (text.len && text.p[0] == '$')
        return prepare_pv(p, text, &a->pv);
    a->name = text;
    return is_declared(p, text) ? ERR_OK : unknown(p, text);
}

/* ---- $stat(name) ---- */

static int prepare_stat(struct prepare *p, struct str inner, const void **data)
{
    *data = NULL;
    return is_declared(p, inner) ? ERR_OK : unknown(p, inner);
}

static int get_stat(struct call *c, const struct pv_use *u, struct value *out)
{
    struct state *s = call_state(c, &statistics_module);
    pthread_mutex_lock(&s->lock);
    const struct counter *k = find(s, u->inner.s);
    int64_t n = k ? k->value : 0;
    pthread_mutex_unlock(&s->lock);
    *out = value_int((int32_t)n);
    out->s = arena_printf(c->arena, "%lld", (long long)n);
    out->flags |= VAL_STR;
    return out->s.p ? ERR_OK : ERR_NOMEM;
}

/* ---- rows ---- */

static int add_variable(struct prepare *p, void *data, const struct value *v)
{
    struct conf *conf = data;
    struct str name = v->s;
    struct declared *d = arena_zalloc(p->arena, sizeof *d);
    if (!d)
        return ERR_NOMEM;
    d->no_reset = str_ends(name, STR("/no_reset"));
    if (d->no_reset)
        name = str_sub(name, 0, name.len - strlen("/no_reset"));
    if (name.len == 0 || str_find(name, '/', 0) >= 0 || find_declared(conf, name)) {
        buf_printf(p->error, "\"%.*s\": a name, or name/no_reset, once each", STR_ARG(v->s));
        return ERR_INVALID;
    }
    d->name = name;
    d->next = conf->names;
    conf->names = d;
    return ERR_OK;
}

enum {
    ROUTES = ROUTE_REQUEST | ROUTE_BRANCH | ROUTE_FAILURE | ROUTE_ONREPLY | ROUTE_LOCAL,
};

static const struct fn_spec functions[] = {
    {"update_stat",
     update_stat,
     2,
     2,
     {ARG_CUSTOM, ARG_INT},
     ROUTES,
     0,
     prepare_name,
     "name or $variable, n",
     "Adds n, which may be negative, to the counter. False when a variable names none."},
    {"reset_stat",
     reset_stat,
     1,
     1,
     {ARG_CUSTOM},
     ROUTES,
     0,
     prepare_name,
     "name or $variable",
     "Sets the counter to 0. False when a variable names none, or one that cannot be reset."},
    {.name = NULL},
};

static const struct pv_spec variables[] = {
    {"stat", get_stat, NULL, prepare_stat, 0, PV_INNER, "$stat(name): the counter as it stands"},
    {.name = NULL},
};

static const struct param_spec params[] = {
    PARAM_SET("variable", PARAM_STR, add_variable, "Declares a counter: name, or name/no_reset."),
    {.name = NULL},
};

static void *start(const struct module_start *begin, bool *failed)
{
    struct state *s = calloc(1, sizeof *s);
    (void)begin;
    *failed = !s || pthread_mutex_init(&s->lock, NULL) != 0;
    if (!*failed)
        return s;
    free(s);
    return NULL;
}

static void stop(void *state)
{
    struct state *s = state;
    if (!s)
        return;
    for (struct counter *k = s->counters, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- for get_statistics and reset_statistics ---- */

static void list(void *state, stat_put put, void *user)
{
    struct state *s = state;
    pthread_mutex_lock(&s->lock);
    for (const struct counter *k = s->counters; k; k = k->next)
        put(user, "script", str_make(k->name, k->len), k->value);
    pthread_mutex_unlock(&s->lock);
}

static bool reset(void *state, struct str name)
{
    struct state *s = state;
    pthread_mutex_lock(&s->lock);
    struct counter *k = find(s, name);
    bool done = k && !k->no_reset;
    if (done)
        k->value = 0;
    pthread_mutex_unlock(&s->lock);
    return done;
}

const struct module statistics_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "statistics",
                .doc = "Counters of the script's own.",
                .functions = functions,
                .variables = variables,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .start = start,
    .stop = stop,
    .stat_list = list,
    .stat_reset = reset,
};
