/* The engine under test and what it sees of the world. */
/* SPDX-License-Identifier: MIT */
#include "tests/messages/world.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/module.h"
#include "core/proxy/engine_priv.h"
#include "lang/diag.h"
#include "modules/registry.h"

static const uint64_t epoch = 1700000000000;

struct addr addr_of(const char *text, enum proto proto)
{
    struct addr a = {.proto = (uint8_t)proto, .port = 5060};
    struct str host = str_from(text);
    for (size_t i = host.len; i-- > 0 && host.p[i] != ']';)
        if (host.p[i] == ':') {
            a.port = (uint16_t)strtoul(host.p + i + 1, NULL, 10);
            host = str_sub(host, 0, i);
            break;
        }
    ip_parse(&a.ip, host);
    return a;
}

/* ---- effects ---- */

static void keep_packet(void *user, uint16_t socket, const struct addr *dst, struct str bytes)
{
    struct world *w = user;
    (void)socket;
    if (w->count == w->room) {
        w->room = w->room ? w->room * 2 : 64;
        w->packet = realloc(w->packet, w->room * sizeof *w->packet);
    }
    char *copy = malloc(bytes.len ? bytes.len : 1);
    memcpy(copy, bytes.p, bytes.len);
    w->packet[w->count++] = (struct packet){*dst, str_make(copy, bytes.len)};
}

/* Names of the usual domains exist, others do not. */
static bool name_known(struct str name)
{
    static const struct str ends[] = {STR_INIT(".com"), STR_INIT(".net"), STR_INIT(".org"),
                                      STR_INIT(".edu"), STR_INIT(".com.")};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (name.len < 200 && str_ends(name, ends[i]))
            return true;
    return false;
}

static int ask(void *user, struct str name, enum dns_type type, void *token)
{
    struct world *w = user;
    const struct dns_answer none = {.status = DNS_NONE};
    if (type != DNS_A) {
        engine_answered(w->engine, token, &none);
        return ERR_OK;
    }
    if (w->questions == WORLD_QUESTIONS)
        return ERR_LIMIT;
    w->asked[w->questions++] = (struct question){token, name_known(name)};
    w->lookups++;
    return ERR_OK;
}

static void answer_questions(struct world *w)
{
    while (w->questions) {
        struct question q = w->asked[--w->questions];
        struct dns_record found = {.ip = addr_of(PHONE, PROTO_UDP).ip};
        struct dns_answer a = {q.known ? DNS_FOUND : DNS_NONE, 60, q.known, &found};
        engine_answered(w->engine, q.token, &a);
    }
}

static uint64_t fixed_number(void *user)
{
    (void)user;
    return 4; /* the same run every time */
}

static void keep_log(void *user, int level, struct str text)
{
    struct world *w = user;
    (void)level;
    buf_add(&w->log, text);
}

/* ---- birth and death ---- */

static struct config *compile(const char *script)
{
    struct diag d;
    diag_init(&d);
    struct config *c = config_load(module_set(), script, &d);
    if (!c) {
        diag_print(&d, stderr);
        fprintf(stderr, "%s does not compile\n", script);
        exit(1);
    }
    diag_free(&d);
    return c;
}

static void add_socket(struct world *w, const char *address, const char *host, enum proto proto)
{
    struct socket_info *s = &w->shared.sockets[w->shared.n_sockets++];
    s->addr = addr_of(address, proto);
    s->name = s->host = str_from(host);
}

struct world *world_new(const char *script)
{
    struct world *w = calloc(1, sizeof *w);
    char text[256];
    struct buf why;
    w->script = script;
    w->now = 1000000;
    w->shared.workers = 1;
    w->shared.simulated = true; /* tables in memory */
    w->shared.key = (struct hash_key){7, 8};
    add_socket(w, "127.0.0.1", "127.0.0.1", PROTO_UDP);
    add_socket(w, "[::1]", "[::1]", PROTO_UDP);
    add_socket(w, "127.0.0.1", "127.0.0.1", PROTO_TCP);
    arena_init(&w->log_memory, NULL, 4096);
    buf_fixed(&why, text, sizeof text);
    struct engine_env env = {.user = w, .send = keep_packet, .ask = ask, .random = fixed_number};
    if (shared_start(&w->shared, module_set(), compile(script), &why) != ERR_OK ||
        !(w->engine = engine_new(&w->shared, 0, &env, w->now))) {
        fprintf(stderr, "%s does not start: %.*s\n", script, STR_ARG(buf_str(&why)));
        exit(1);
    }
    world_clear(w);
    return w;
}

void world_clear(struct world *w)
{
    while (w->count)
        free((void *)(uintptr_t)w->packet[--w->count].bytes.p);
    w->lookups = 0;
    arena_reset(&w->log_memory);
    buf_init(&w->log, &w->log_memory, 256);
}

void world_free(struct world *w)
{
    world_clear(w);
    engine_free(w->engine);
    shared_stop(&w->shared);
    log_set_sink(NULL, NULL);
    arena_reset(&w->log_memory);
    free(w->packet);
    free(w);
}

/* ---- events ---- */

void world_feed(struct world *w, struct str bytes, const struct addr *src)
{
    char *copy = malloc(bytes.len ? bytes.len : 1);
    uint16_t socket = src->proto == PROTO_TCP ? 2 : src->ip.family == 6;
    if (bytes.len)
        memcpy(copy, bytes.p, bytes.len);
    log_set_sink(keep_log, w);
    engine_set_time(w->engine, w->now, epoch + w->now);
    engine_input(w->engine, str_make(copy, bytes.len), src, socket);
    free(copy);
    answer_questions(w);
}

void world_pass(struct world *w, uint64_t ms)
{
    uint64_t end = w->now + ms;
    log_set_sink(keep_log, w);
    for (;;) {
        uint64_t next = engine_next(w->engine);
        w->now = next > end ? end : next > w->now ? next : w->now;
        engine_set_time(w->engine, w->now, epoch + w->now);
        engine_tick(w->engine);
        answer_questions(w);
        if (w->now == end)
            return;
    }
}

const char *world_left(const struct world *w)
{
    const struct engine *e = w->engine;
    if (engine_live(e) || e->tx.live)
        return "a transaction is still alive";
    if (e->pool.live)
        return "memory is still in use";
    return e->answered.count || e->peers.count ? "a table is not empty" : NULL;
}
