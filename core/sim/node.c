/* The engine inside a world: workers, sockets, names, versions of the script. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/sim/world_priv.h"
#include "modules/registry.h"

enum { DEFAULT_PORT = 5060 };

/* ---- what an engine wants done ---- */

void node_inside(const struct world *w, bool engine)
{
    if (w->inside)
        w->inside(engine);
}

static void node_send(void *user, uint16_t socket, const struct addr *dst, struct str bytes)
{
    struct node *n = user;
    struct world *w = n->world;
    node_inside(w, false);
    network_send(w, &w->shared.sockets[socket].addr, dst, bytes, (int)n->index, socket);
    node_inside(w, true);
}

static uint64_t node_random(void *user)
{
    struct node *n = user;
    return world_random(n->world);
}

static void node_line(void *user, const struct program *program, struct loc at)
{
    struct node *n = user;
    for (struct observer *o = n->world->observers; o; o = o->next)
        if (o->line)
            o->line(o->user, program, at);
}

static void node_ran(void *user, struct call *c, int route)
{
    struct node *n = user;
    node_inside(n->world, false);
    for (struct observer *o = n->world->observers; o; o = o->next)
        if (o->ran)
            o->ran(o->user, c, route);
    node_inside(n->world, true);
}

/* ---- entering an engine ---- */

void node_enter(struct node *n)
{
    struct world *w = n->world;
    engine_set_time(n->engine, ENGINE_EPOCH + w->now,
                    (uint64_t)((int64_t)(w->start_wall + w->now) + w->wall_jump));
    node_inside(w, true);
}

void node_leave(struct node *n)
{
    uint64_t next = engine_next(n->engine);
    node_inside(n->world, false);
    n->next = next == UINT64_MAX ? next : next > ENGINE_EPOCH ? next - ENGINE_EPOCH : 0;
}

void node_tick(struct node *n)
{
    node_enter(n);
    engine_tick(n->engine);
    node_leave(n);
}

static void node_input(struct node *n, const struct flying *f)
{
    node_enter(n);
    engine_input(n->engine, f->packet.bytes, &f->packet.src, f->packet.socket);
    node_leave(n);
}

void world_queue(struct world *w, uint32_t ms, uint32_t dropped)
{
    /* its clock stands still: what passes between two of these is not the time of refusing */
    struct queue_state q = {.waited = ms < UINT32_MAX / 1000 ? ms * 1000 : UINT32_MAX,
                            .dropped = dropped};
    for (unsigned i = 0; i < w->nodes; i++) {
        node_enter(&w->node[i]);
        engine_queued(w->node[i].engine, &q);
        node_leave(&w->node[i]);
    }
}

/* ---- packets ---- */

void node_handed_over(struct world *w, struct happening *h)
{
    struct flying *f = container_of(h, struct flying, arrival);
    node_input(&w->node[f->worker], f);
    free(f);
}

/* The system spreads packets by their source; the worker that gets one hands it to its owner. */
static void to_worker(struct world *w, struct flying *f)
{
    unsigned owner = engine_owner(&w->shared, f->packet.bytes, w->nodes);
    unsigned first = f->packet.src.port % w->nodes;
    f->worker = owner;
    if (first == owner) {
        node_input(&w->node[owner], f);
        free(f);
        return;
    }
    w->count.handed_over++;
    if (world_at(w, &f->arrival, w->now, node_handed_over) != ERR_OK)
        free(f);
}

bool nodes_receive(struct world *w, struct flying *f)
{
    for (unsigned i = 0; i < w->shared.n_sockets; i++)
        if (addr_eq(&w->shared.sockets[i].addr, &f->packet.dst)) {
            f->packet.socket = (uint16_t)i;
            to_worker(w, f);
            return true;
        }
    return false;
}

void nodes_refused(struct world *w, const struct flying *f)
{
    struct node *n = &w->node[f->worker];
    node_enter(n);
    engine_unreachable(n->engine, f->packet.socket, &f->packet.dst);
    node_leave(n);
}

/* ---- start ---- */

static int add_socket(struct world *w, const struct addr *a)
{
    char text[IP_TEXT];
    struct shared *s = &w->shared;
    if (s->n_sockets == SHARED_MAX_SOCKETS)
        return ERR_LIMIT;
    struct socket_info *k = &s->sockets[s->n_sockets++];
    struct str ip = ip_text(text, &a->ip);
    k->addr = *a;
    k->host = k->name = arena_printf(&s->arena, a->ip.family == 6 ? "[%.*s]" : "%.*s", STR_ARG(ip));
    return k->host.p ? ERR_OK : ERR_NOMEM;
}

/* A listen= line; TCP and TLS have no place here, as in the server. */
static int add_spec(struct world *w, const struct listen_spec *l, uint16_t port, struct buf *why)
{
    struct addr a = {.proto = PROTO_UDP, .port = l->port ? l->port : port};
    if (l->proto != PROTO_ANY && l->proto != PROTO_UDP)
        return ERR_OK;
    if (ip_parse(&a.ip, l->host) != ERR_OK) {
        buf_printf(why, "listen=%.*s: a simulated world knows addresses only", STR_ARG(l->host));
        return ERR_NOTFOUND;
    }
    if (ip_is_any(&a.ip))
        ip_parse(&a.ip, STR("127.0.0.1"));
    return add_socket(w, &a);
}

static int add_sockets(struct world *w, const struct world_conf *conf, struct buf *why)
{
    static const struct listen_spec everywhere = {.host = STR_INIT("127.0.0.1")};
    const struct program *p = conf->config->program;
    const struct listen_spec *specs;
    unsigned n = program_listens(p, &specs);
    int given = program_setting_int(p, SETTING_PORT), rc = ERR_OK;
    uint16_t port = given > 0 && given < 65536 ? (uint16_t)given : DEFAULT_PORT;
    for (unsigned i = 0; i < conf->listens && rc == ERR_OK; i++)
        rc = add_socket(w, &conf->listen[i]);
    for (unsigned i = 0; i < n && !conf->listens && rc == ERR_OK; i++)
        rc = add_spec(w, &specs[i], port, why);
    if (rc == ERR_OK && w->shared.n_sockets == 0)
        rc = add_spec(w, &everywhere, port, why);
    return rc;
}

static bool start_engine(struct node *n, bool lines)
{
    struct engine_env env = {.user = n,
                             .send = node_send,
                             .ask = names_ask,
                             .random = node_random,
                             .line = lines ? node_line : NULL,
                             .ran = node_ran};
    n->engine = engine_new(&n->world->shared, n->index, &env, ENGINE_EPOCH + n->world->now);
    if (n->engine)
        node_leave(n);
    return n->engine != NULL;
}

/* All modules of a simulated script share one database. */
static struct db *first_db(const struct config *c)
{
    for (unsigned i = 0; c->db && i < SHARED_MAX_MODULES; i++)
        if (c->db[i])
            return c->db[i];
    return NULL;
}

uint64_t world_pauses(const struct world *w)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < w->nodes; i++)
        n += w->node[i].engine ? engine_pauses(w->node[i].engine) : 0;
    return n;
}

bool world_waiting(const struct world *w)
{
    for (unsigned i = 0; i < w->nodes; i++)
        if (w->node[i].engine && engine_waiting(w->node[i].engine))
            return true;
    return false;
}

struct db *world_db(const struct world *w)
{
    return first_db(atomic_load(&w->shared.current));
}

int nodes_start(struct world *w, const struct world_conf *conf, struct buf *why)
{
    unsigned workers = conf->workers ? conf->workers : 1;
    struct shared *s = &w->shared;
    arena_init(&s->arena, NULL, 1024);
    s->workers = workers;
    s->table_bits = (uint8_t)conf->table_bits;
    s->key = (struct hash_key){splitmix(&w->random), splitmix(&w->random)};
    w->node = calloc(workers, sizeof *w->node);
    if (!w->node)
        return ERR_NOMEM;
    int rc = add_sockets(w, conf, why);
    if (rc != ERR_OK)
        return rc;
    config_ref(conf->config);
    w->config = conf->config;
    s->simulated = true;
    s->set = module_set();
    rc = shared_open_dbs(s, conf->config, why);
    if (rc == ERR_OK && conf->fill)
        rc = conf->fill(conf->fill_user, first_db(conf->config), why);
    if (rc == ERR_OK)
        rc = shared_start(s, module_set(), conf->config, why);
    if (rc != ERR_OK)
        return rc;
    w->config = NULL; /* the shared part's now */
    w->lines = conf->lines;
    for (; w->nodes < workers; w->nodes++) {
        w->node[w->nodes].world = w;
        w->node[w->nodes].index = w->nodes;
        if (!start_engine(&w->node[w->nodes], w->lines))
            return ERR_NOMEM;
    }
    return ERR_OK;
}

void nodes_free(struct world *w)
{
    for (unsigned i = 0; i < w->nodes; i++)
        engine_free(w->node[i].engine);
    names_free(w);
    if (w->config)
        config_unref(w->config);
    shared_stop(&w->shared);
    free(w->node);
}

/* ---- for the world's user ---- */

int world_restart(struct world *w, unsigned worker)
{
    struct node *n = &w->node[worker];
    engine_free(n->engine);
    names_forget(w, n);
    return start_engine(n, w->lines) ? ERR_OK : ERR_NOMEM;
}

int world_reload(struct world *w, struct config *next, struct buf *why)
{
    for (unsigned i = 0; i < w->nodes; i++)
        engine_adopt(w->node[i].engine);
    shared_settle(&w->shared);
    if (shared_open_dbs(&w->shared, next, why) == ERR_OK &&
        shared_can_reload(&w->shared, next, why) && shared_publish(&w->shared, next) != 0)
        return ERR_OK;
    if (why->len == 0)
        buf_printf(why, "a module does not start");
    config_unref(next);
    return ERR_INVALID;
}

const struct addr *world_listen(const struct world *w, unsigned n)
{
    return &w->shared.sockets[n].addr;
}

unsigned world_listens(const struct world *w)
{
    return w->shared.n_sockets;
}

const struct shared *world_shared(const struct world *w)
{
    return &w->shared;
}

struct engine *world_engine(struct world *w, unsigned worker)
{
    return w->node[worker].engine;
}
