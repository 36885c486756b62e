/* cfgutils: chance, pauses, variables that all messages share, and the time of day. */
/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <time.h>

#include "modules/cfgutils/priv.h"

/* ---- chance ---- */

static int rand_set_prob(struct call *c, const struct arg *args, unsigned n)
{
    struct cfgutils_state *s = call_state(c, &cfgutils_module);
    (void)n;
    atomic_store(&s->probability, args[0].v.i);
    return 1;
}

static int rand_reset_prob(struct call *c, const struct arg *args, unsigned n)
{
    struct cfgutils_state *s = call_state(c, &cfgutils_module);
    const struct cfgutils_conf *conf = call_conf(c, &cfgutils_module);
    (void)args, (void)n;
    atomic_store(&s->probability, conf->initial_probability);
    return 1;
}

static int rand_get_prob(struct call *c, const struct arg *args, unsigned n)
{
    struct cfgutils_state *s = call_state(c, &cfgutils_module);
    (void)args, (void)n;
    return atomic_load(&s->probability);
}

static int rand_event(struct call *c, const struct arg *args, unsigned n)
{
    struct cfgutils_state *s = call_state(c, &cfgutils_module);
    (void)args, (void)n;
    return (int)(call_random(c) % 100) < atomic_load(&s->probability) ? 1 : -1;
}

static int check_probability(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)argn, (void)text;
    if (out->v.i >= 0 && out->v.i <= 100)
        return ERR_OK;
    buf_printf(p->error, "a probability is a number from 0 to 100");
    return ERR_INVALID;
}

static int get_random(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = value_int((int32_t)(call_random(c) & INT32_MAX));
    return ERR_OK;
}

/* ---- pauses ---- */

enum { MAX_SLEEP = 3600 }; /* s */

static int sleep_seconds(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return call_wait_ms(c, (uint32_t)args[0].v.i * 1000);
}

/* The engine's time is in milliseconds: shorter pauses become one. */
static int sleep_microseconds(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return call_wait_ms(c, ((uint32_t)args[0].v.i + 999) / 1000);
}

static int check_seconds(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)argn, (void)text;
    if (out->v.i >= 0 && out->v.i <= MAX_SLEEP)
        return ERR_OK;
    buf_printf(p->error, "a script sleeps for %d s at most", MAX_SLEEP);
    return ERR_INVALID;
}

static int check_microseconds(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)argn, (void)text;
    if (out->v.i >= 0)
        return ERR_OK;
    buf_printf(p->error, "a script sleeps for %d us at most", INT32_MAX);
    return ERR_INVALID;
}

/* ---- what a reference's worker would tell of itself ---- */

static int not_done(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)args, (void)n;
    log_warn("abort() does nothing: one script must not end the calls of others");
    return 1;
}

static int no_status(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)args, (void)n;
    log_info("memory is not divided into pools here: see the engine's statistics");
    return 1;
}

/* ---- $time(x) ---- */

enum time_part { SEC, MIN, HOUR, MDAY, MON, YEAR, WDAY, YDAY, ISDST, TIME_PARTS };

static const char *const part_names[TIME_PARTS] = {"sec",  "min",  "hour", "mday", "mon",
                                                   "year", "wday", "yday", "isdst"};

static int prepare_time(struct prepare *p, struct str inner, const void **data)
{
    for (unsigned i = 0; i < TIME_PARTS; i++)
        if (str_eq(inner, str_from(part_names[i]))) {
            *data = &part_names[i];
            return ERR_OK;
        }
    buf_printf(p->error, "$time(%.*s): no such part of the time", STR_ARG(inner));
    if (p->hint)
        buf_printf(p->hint, "there are sec min hour mday mon year wday yday isdst");
    return ERR_INVALID;
}

static int get_time(struct call *c, const struct pv_use *u, struct value *out)
{
    const char *const *part = u->data;
    time_t now = (time_t)call_time(c);
    struct tm t;
    if (!part || !localtime_r(&now, &t))
        return ERR_INVALID;
    const int32_t values[TIME_PARTS] = {
        [SEC] = t.tm_sec,       [MIN] = t.tm_min,       [HOUR] = t.tm_hour,
        [MDAY] = t.tm_mday,     [MON] = t.tm_mon + 1,   [YEAR] = t.tm_year + 1900,
        [WDAY] = t.tm_wday + 1, [YDAY] = t.tm_yday + 1, [ISDST] = t.tm_isdst};
    *out = value_int(values[part - part_names]);
    return ERR_OK;
}

/* ---- rows ---- */

enum {
    ROUTES = ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH | ROUTE_ONREPLY | ROUTE_LOCAL,
};

#define ROW0(name, call, doc) {name, call, 0, 0, {ARG_NONE}, ROUTES, 0, NULL, "", doc},
#define ROW1(name, call, check, usage, doc)                                                        \
    {name, call, 1, 1, {ARG_UINT}, ROUTES, 0, check, usage, doc},

/* clang-format off */
static const struct fn_spec functions[] = {
    ROW1("rand_set_prob", rand_set_prob, check_probability, "percent",
         "Sets the probability of rand_event() for all messages, 0 to 100.")
    ROW0("rand_reset_prob", rand_reset_prob, "Puts it back to initial_probability.")
    {"rand_get_prob", rand_get_prob, 0, 0, {ARG_NONE}, ROUTES, FN_MAY_STOP, NULL, "",
     "Returns the probability; 0, as any result of 0, ends the script."},
    ROW0("rand_event", rand_event, "True with that probability.")
    ROW1("sleep", sleep_seconds, check_seconds, "seconds",
         "Lets this script wait that long while the worker serves other messages. Always true.")
    ROW1("usleep", sleep_microseconds, check_microseconds, "microseconds",
         "The same in microseconds, rounded up to milliseconds.")
    ROW0("abort", not_done, "Kept for old scripts: logs that it does nothing.")
    ROW0("pkg_status", no_status, "Kept for old scripts: logs where memory is told of.")
    ROW0("shm_status", no_status, "The same as pkg_status.")
    {.name = NULL},
};
/* clang-format on */

static const struct pv_spec variables[] = {
    {"RANDOM", get_random, NULL, NULL, 0, 0, "A random number, 0 to 2147483647"},
    {"shv", cfgutils_get_shv, cfgutils_set_shv, cfgutils_prepare_shv, 0, PV_INNER,
     "$shv(name): a variable that all messages share; 0 until it is set"},
    {"time", get_time, NULL, prepare_time, 0, PV_INNER,
     "$time(x): a part of the local time when the message came: sec min hour mday mon year wday "
     "yday isdst"},
    {.name = NULL},
};

/* Names a file whose checksum the management interface of the reference compares. */
/* The sum is that of the file as this version of the script found it. */
static int read_hash(struct prepare *p, void *conf, const struct value *v)
{
    struct cfgutils_conf *c = conf;
    c->hash_file = prepare_path(p, v->s);
    if (!c->hash_file.p)
        return ERR_NOMEM;
    if (cfgutils_hash_file(c->hash_file.p, c->hash))
        return ERR_OK;
    buf_printf(p->error, "%.*s cannot be read", STR_ARG(c->hash_file));
    return ERR_IO;
}

#define PARAM_CONF struct cfgutils_conf

static const struct param_spec params[] = {
    PARAM_NUMBER("initial_probability", initial_probability, 0, 100, 10,
                 "Probability of rand_event() until rand_set_prob() is called.", .unit = "%"),
    PARAM_SET("hash_file", PARAM_STR, read_hash,
              "The file whose sum get_config_hash shows, the script itself most often."),
    PARAM_SET("varset", PARAM_STR, cfgutils_add_var,
              "name=i:5 or name=s:text: what $var(name) holds when a request begins."),
    PARAM_SET("shvset", PARAM_STR, cfgutils_add_shv, "The same for $shv(name), until it is set."),
    {.name = NULL},
};

static void *start(const struct module_start *begin, bool *failed)
{
    const struct cfgutils_conf *c = begin->conf;
    struct cfgutils_state *s = cfgutils_state_new();
    *failed = !s;
    if (s)
        atomic_init(&s->probability, c->initial_probability);
    return s;
}

const struct module cfgutils_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "cfgutils",
                .doc = "Chance, pauses, shared variables and the time of day.",
                .functions = functions,
                .variables = variables,
                .params = params,
                .conf_size = sizeof(struct cfgutils_conf)},
    .start = start,
    .stop = cfgutils_state_free,
    .on_request = cfgutils_on_request,
    .commands = cfgutils_commands,
};
