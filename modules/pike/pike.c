/* pike: notices sources that send too many requests. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/module.h"

extern const struct module pike_module;

struct conf {
    int32_t sampling_time_unit, reqs_density_per_unit, remove_latency, pike_log_level;
};

/* A leading part of an address: 1 to 4 bytes of IPv4, 1 to 16 of IPv6. Counting begins with the
 * first byte and goes on to the next when what is counted so far becomes warm, so that millions of
 * forged addresses do not take memory each. */
struct node {
    struct hnode link;
    struct node *next; /* in the list of all, newest first */
    struct ip prefix;
    uint8_t len;          /* bytes of prefix that count */
    uint32_t before, now; /* hits of the window before, and of this one */
    uint64_t window;      /* number of this one */
    uint64_t heard;       /* ms */
    bool hot;
};

enum { NODES_MOST = 1 << 20, TABLE_BITS = 10 };

struct state {
    pthread_mutex_t lock;
    struct htable nodes;
    struct node *all;
    _Atomic int32_t latency; /* s, of the newest version of the script */
};

/* ---- the tree ---- */

static unsigned bytes_of(const struct ip *ip)
{
    return ip->family == 6 ? 16 : 4;
}

static uint64_t hash_prefix(struct hash_key key, const struct ip *ip, unsigned len)
{
    uint8_t text[18] = {ip->family, (uint8_t)len};
    memcpy(text + 2, ip->b, len);
    return hash_bytes(key, text, 2 + len);
}

static struct node *find(struct state *s, uint64_t hash, const struct ip *ip, unsigned len)
{
    for (struct hnode *n = htable_first(&s->nodes, hash); n; n = htable_next(n)) {
        struct node *x = container_of(n, struct node, link);
        if (x->len == len && x->prefix.family == ip->family && !memcmp(x->prefix.b, ip->b, len))
            return x;
    }
    return NULL;
}

static struct node *get(struct call *c, struct state *s, const struct ip *ip, unsigned len)
{
    uint64_t hash = hash_prefix(call_hash_key(c), ip, len);
    struct node *x = find(s, hash, ip, len);
    if (x || s->nodes.count >= NODES_MOST || !(x = calloc(1, sizeof *x)))
        return x;
    x->prefix = *ip;
    x->len = (uint8_t)len;
    x->next = s->all;
    s->all = x;
    htable_insert(&s->nodes, &x->link, hash);
    return x;
}

/* ---- counting ---- */

/* Lets windows pass: the last one becomes the one before. */
static void turn(struct node *x, uint64_t window)
{
    if (window == x->window)
        return;
    x->before = window == x->window + 1 ? x->now : 0;
    x->now = 0;
    x->window = window;
}

static bool reaches(const struct node *x, uint32_t density)
{
    return x->before >= density || x->now >= density || (x->before + x->now) / 2 >= density;
}

/* Counts one hit at the longest part that is followed yet, and makes the next part when this one is
 * warm. Returns the node of the whole address, or NULL while there is none. */
static struct node *count(struct call *c, struct state *s, const struct conf *conf)
{
    const struct ip *ip = &c->msg->src.ip;
    uint64_t window = call_now(c) / ((uint64_t)conf->sampling_time_unit * 1000);
    uint32_t warm = (uint32_t)conf->reqs_density_per_unit / 4;
    unsigned whole = bytes_of(ip);
    for (unsigned len = 1; len <= whole; len++) {
        struct node *x = get(c, s, ip, len);
        if (!x)
            return NULL;
        bool known = x->heard != 0;
        turn(x, window);
        x->heard = call_now(c);
        if (len == whole) {
            x->now += known; /* as in the reference, the request that makes it is not counted */
            return x;
        }
        if (!reaches(x, warm ? warm : 1)) {
            x->now++;
            return NULL;
        }
    }
    return NULL;
}

enum { PASS = 1, BLOCKED = -1, BECAME_HOT = -2 };

static int judge(struct node *x, uint32_t density)
{
    bool was = x->hot;
    x->hot = reaches(x, density);
    return !x->hot ? PASS : was ? BLOCKED : BECAME_HOT;
}

static int check_req(struct call *c, const struct arg *args, unsigned n)
{
    const struct conf *conf = call_conf(c, &pike_module);
    struct state *s = call_state(c, &pike_module);
    char text[IP_TEXT];
    (void)args, (void)n;
    atomic_store_explicit(&s->latency, conf->remove_latency, memory_order_relaxed);
    pthread_mutex_lock(&s->lock);
    struct node *x = count(c, s, conf);
    int result = x ? judge(x, (uint32_t)conf->reqs_density_per_unit) : PASS;
    pthread_mutex_unlock(&s->lock);
    if (result == BECAME_HOT)
        log_line(conf->pike_log_level, "pike: %.*s sends too many requests",
                 STR_ARG(ip_text(text, &c->msg->src.ip)));
    return result;
}

/* ---- forgetting ---- */

static void forget(struct state *s, uint64_t now, uint64_t latency)
{
    struct node **at = &s->all;
    while (*at) {
        struct node *x = *at;
        if (now - x->heard < latency) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        htable_remove(&s->nodes, &x->link);
        free(x);
    }
}

static void each_second(void *state, uint64_t now, int64_t wall, unsigned worker, unsigned workers)
{
    struct state *s = state;
    (void)wall, (void)workers;
    if (worker != 0)
        return;
    pthread_mutex_lock(&s->lock);
    forget(s, now, (uint64_t)atomic_load(&s->latency) * 1000);
    pthread_mutex_unlock(&s->lock);
}

static void *start(const struct module_start *begin, bool *failed)
{
    const struct conf *conf = begin->conf;
    struct state *s = calloc(1, sizeof *s);
    *failed = !s || htable_init(&s->nodes, TABLE_BITS) != ERR_OK;
    if (*failed || pthread_mutex_init(&s->lock, NULL) != 0) {
        *failed = true;
        free(s);
        return NULL;
    }
    atomic_init(&s->latency, conf->remove_latency);
    return s;
}

static void stop(void *state)
{
    struct state *s = state;
    if (!s)
        return;
    forget(s, UINT64_MAX, 0);
    htable_free(&s->nodes);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- management command ---- */

/* Whether a source would be refused if it came now. */
static bool is_hot(const struct node *x, uint64_t window, uint32_t density)
{
    struct node now = *x;
    turn(&now, window);
    return x->hot && x->len == bytes_of(&x->prefix) && reaches(&now, density);
}

/* On the first worker, for its clock. */
static enum mi_next list(struct mi *m)
{
    const struct conf *conf = mi_conf(m);
    struct state *s = mi_state(m);
    char text[IP_TEXT];
    uint64_t window = engine_now(mi_engine(m)) / ((uint64_t)conf->sampling_time_unit * 1000);
    pthread_mutex_lock(&s->lock);
    for (const struct node *x = s->all; x; x = x->next)
        if (is_hot(x, window, (uint32_t)conf->reqs_density_per_unit))
            mi_line(m, 0, NULL, "%.*s", STR_ARG(ip_text(text, &x->prefix)));
    pthread_mutex_unlock(&s->lock);
    return MI_DONE;
}

static const struct mi_command commands[] = {
    {"pike_list", "", "The addresses that send too many requests now.", 0, 0, 0, list, NULL},
    {.name = NULL},
};

/* ---- rows ---- */

static const struct fn_spec functions[] = {
    {"pike_check_req",
     check_req,
     0,
     0,
     {ARG_NONE},
     ROUTE_REQUEST,
     0,
     NULL,
     "",
     "Counts the request. False when its source sends too many: -2 for the first one too many, -1 "
     "for further ones."},
    {.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_NUMBER("sampling_time_unit", sampling_time_unit, 1, 86400, 2,
                 "Length of a window in which requests count.", .unit = "s"),
    PARAM_NUMBER("reqs_density_per_unit", reqs_density_per_unit, 1, 1 << 30, 30,
                 "Requests in a window that are too many."),
    PARAM_NUMBER("remove_latency", remove_latency, 1, 86400, 120,
                 "How long an address is remembered after its last request.", .unit = "s"),
    PARAM_NUMBER("pike_log_level", pike_log_level, -3, 4, 1,
                 "Level of the line that tells of a source."),
    {.name = NULL},
};

const struct module pike_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "pike",
                .doc = "Notices sources that send too many requests.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .start = start,
    .stop = stop,
    .each_second = each_second,
    .commands = commands,
};
