/* The way of a management request through the threads, and its answer. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/mi.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/proxy/engine_priv.h"
#include "core/proxy/mi_priv.h"

enum { MEMORY = 4096, REASON_MAX = 256, VALUE_MAX = 512 };

/* ---- questions ---- */

unsigned mi_args(const struct mi *m)
{
    return m->args;
}

struct str mi_arg(const struct mi *m, unsigned i)
{
    return i < m->args ? m->arg[i].value : STR_NONE;
}

struct str mi_arg_name(const struct mi *m, unsigned i)
{
    return i < m->args ? m->arg[i].name : STR_NONE;
}

struct arena *mi_arena(struct mi *m)
{
    return &m->memory;
}

void *mi_share(struct mi *m)
{
    return m->share;
}

void *mi_state(const struct mi *m)
{
    return m->server->shared->module_state[m->module_index];
}

const void *mi_conf(const struct mi *m)
{
    return program_conf(m->config->program, m->module_index);
}

struct db *mi_db(const struct mi *m)
{
    return config_db(m->server->shared, m->config, m->module);
}

struct engine *mi_engine(const struct mi *m)
{
    return m->engine;
}

unsigned mi_worker(const struct mi *m)
{
    return m->engine ? m->worker : 0;
}

unsigned mi_workers(const struct mi *m)
{
    return m->server->shared->workers;
}

struct hash_key mi_hash_key(const struct mi *m)
{
    return m->server->shared->key;
}

int64_t mi_time(const struct mi *m)
{
    return m->time;
}

struct loop *mi_loop(const struct mi_server *s)
{
    return s->env.loop;
}

/* ---- answers ---- */

static bool plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] < ' ' && s.p[i] != '\t')
            return false;
    return true;
}

/* A value with line ends goes into quotes, as a request may have one; other control bytes have no
 * business in an answer. */
static void put_value(struct buf *b, struct str s)
{
    if (plain(s)) {
        buf_add(b, s);
        return;
    }
    buf_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        bool fine = (unsigned char)c >= ' ' || c == '\t' || c == '\r' || c == '\n';
        if (c == '"' || c == '\\')
            buf_char(b, '\\');
        buf_char(b, fine ? c : '?');
    }
    buf_char(b, '"');
}

static void begin_line(struct mi *m, unsigned depth, const char *name)
{
    if (m->lines.len)
        buf_char(&m->lines, '\n');
    while (depth--)
        buf_add(&m->lines, str_from(m->client.indent));
    if (name) {
        buf_add(&m->lines, str_from(name));
        buf_add(&m->lines, STR(":: "));
    }
}

void mi_text(struct mi *m, unsigned depth, const char *name, struct str value)
{
    if (m->lines.len > m->client.limit)
        return; /* too much already: more would only take memory */
    begin_line(m, depth, name);
    put_value(&m->lines, value);
}

void mi_attr_text(struct mi *m, const char *name, struct str value)
{
    buf_char(&m->lines, ' ');
    buf_add(&m->lines, str_from(name));
    buf_char(&m->lines, '=');
    put_value(&m->lines, value);
}

/* printf for short texts; what does not fit is cut. */
static struct str format(char *mem, size_t cap, const char *fmt, va_list ap)
{
    int n = vsnprintf(mem, cap, fmt, ap);
    return str_make(mem, n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1);
}

void mi_line(struct mi *m, unsigned depth, const char *name, const char *fmt, ...)
{
    char mem[VALUE_MAX];
    va_list ap;
    va_start(ap, fmt);
    mi_text(m, depth, name, format(mem, sizeof mem, fmt, ap));
    va_end(ap);
}

void mi_attr(struct mi *m, const char *name, const char *fmt, ...)
{
    char mem[VALUE_MAX];
    va_list ap;
    va_start(ap, fmt);
    mi_attr_text(m, name, format(mem, sizeof mem, fmt, ap));
    va_end(ap);
}

static void set_status(struct mi *m, unsigned code, const char *fmt, va_list ap)
{
    char mem[REASON_MAX];
    struct buf b;
    struct str text = format(mem, sizeof mem, fmt, ap);
    buf_init(&b, &m->memory, text.len + 8);
    for (size_t i = 0; i < text.len; i++)
        buf_char(&b, (unsigned char)text.p[i] < ' ' ? '?' : text.p[i]);
    m->code = code;
    m->reason = buf_str(&b);
}

void mi_status(struct mi *m, unsigned code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_status(m, code, fmt, ap);
    va_end(ap);
}

enum mi_next mi_fail(struct mi *m, unsigned code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_status(m, code, fmt, ap);
    va_end(ap);
    m->lines.len = 0;
    return MI_DONE;
}

/* ---- the end ---- */

static void release(struct mi *m)
{
    struct arena memory = m->memory; /* the request lies in it */
    list_remove(&m->link);
    config_unref(m->config);
    arena_reset(&memory);
}

static void hand_out(struct mi *m)
{
    struct buf b;
    if (m->lines.failed || m->lines.len > m->client.limit)
        mi_fail(m, 500, "the answer is too long for this way of asking");
    buf_init(&b, &m->memory, m->lines.len + m->reason.len + 32);
    buf_printf(&b, "%u %.*s\n", m->code, STR_ARG(m->reason));
    buf_add(&b, buf_str(&m->lines));
    buf_add(&b, m->lines.len ? STR("\n\n") : STR("\n"));
    if (!b.failed)
        m->client.answer(m->client.user, buf_str(&b));
    release(m);
}

/* ---- the way ---- */

static void main_step(struct mi *m);

static void arrived(struct loop_item *i)
{
    struct mi *m = container_of(i, struct mi, carry);
    m->engine = NULL;
    main_step(m);
}

/* Back to the main thread. When that is ending, the request is let go with the server. */
static void go_home(struct mi *m)
{
    struct loop *l = m->server->env.loop;
    m->carry.fn = arrived;
    l->post(l, &m->carry);
}

static void worker_step(struct loop_item *i);

/* On to the next worker, or home. */
static void go_on(struct mi *m)
{
    const struct mi_env *env = &m->server->env;
    m->worker++;
    m->carry.fn = worker_step;
    if (m->worker >= m->server->shared->workers)
        go_home(m);
    else
        env->post(env->user, m->worker, &m->carry);
}

static void worker_step(struct loop_item *i)
{
    struct mi *m = container_of(i, struct mi, carry);
    m->engine = m->server->shared->engine[m->worker];
    enum mi_next next = m->engine ? m->command->worker(m) : MI_NEXT;
    if (next == MI_NEXT) {
        go_on(m);
    } else if (next == MI_DONE) {
        m->command = NULL; /* nothing is left to do at home */
        go_home(m);
    }
}

static void main_step(struct mi *m)
{
    enum mi_next next = m->command && m->command->run ? m->command->run(m) : MI_DONE;
    if (next != MI_LATER)
        hand_out(m);
}

void mi_finish(struct mi *m)
{
    bool at_home = !m->engine;
    m->command = NULL;
    if (at_home)
        hand_out(m);
    else
        go_home(m);
}

/* ---- the beginning ---- */

struct search {
    struct str name;
    const struct mi_command *command;
    const struct module *module;
};

static void compare(void *user, const struct module *m, const struct mi_command *c)
{
    struct search *s = user;
    if (!s->command && str_eq(s->name, str_from(c->name))) {
        s->command = c;
        s->module = m;
    }
}

void mi_each_command(const struct mi_server *s,
                     void (*fn)(void *user, const struct module *m, const struct mi_command *c),
                     void *user)
{
    const struct config *config = atomic_load(&s->shared->current);
    const struct module_set *set = s->shared->set;
    for (unsigned i = 0; i < set->count; i++) {
        const struct module *m = set->modules[i];
        if (!program_loaded(config->program, i))
            continue;
        for (const struct mi_command *c = m->commands; c && c->name; c++)
            fn(user, m, c);
        for (unsigned k = 0; k < MODULE_TABLES && m->table[k]; k++)
            if (m->table[k]->reload.name)
                fn(user, m, &m->table[k]->reload);
    }
}

static struct mi *new_request(struct mi_server *s, const struct mi_client *client)
{
    struct arena memory;
    arena_init(&memory, NULL, MEMORY);
    struct mi *m = arena_zalloc(&memory, sizeof *m);
    if (!m)
        return NULL;
    m->memory = memory;
    m->server = s;
    m->client = *client;
    m->config = config_ref(atomic_load(&s->shared->current));
    m->time = s->env.wall(s->env.user);
    m->code = 200;
    m->reason = STR("OK");
    m->worker = s->shared->workers;
    buf_init(&m->lines, &m->memory, 1024);
    list_append(&s->open, &m->link);
    return m;
}

static int copy_arguments(struct mi *m, const struct mi_request *r)
{
    m->args = r->args;
    m->arg = arena_alloc(&m->memory, (r->args + 1) * sizeof *m->arg);
    for (unsigned i = 0; m->arg && i < r->args; i++) {
        m->arg[i].name = arena_dup(&m->memory, r->arg[i].name);
        m->arg[i].value = arena_dup(&m->memory, r->arg[i].value);
        if (!m->arg[i].name.p || !m->arg[i].value.p)
            return ERR_NOMEM;
    }
    return m->arg ? ERR_OK : ERR_NOMEM;
}

static unsigned index_of(const struct module_set *set, const struct module *m)
{
    unsigned i = 0;
    while (set->modules[i] != m)
        i++;
    return i;
}

static void start(struct mi *m)
{
    const struct mi_command *c = m->command;
    if (m->args < c->min || m->args > c->max) {
        mi_fail(m, 400, "Too few or too many arguments: %s%s%s", c->name, *c->usage ? " " : "",
                c->usage);
        hand_out(m);
    } else if (c->worker) {
        m->worker = UINT32_MAX; /* the next one is 0 */
        go_on(m);
    } else {
        main_step(m);
    }
}

void mi_begin(struct mi_server *s, const struct mi_request *r, const struct mi_client *client)
{
    struct search found = {.name = r->command};
    struct mi *m = new_request(s, client);
    if (!m)
        return;
    mi_each_command(s, compare, &found);
    m->command = found.command;
    m->module = found.module;
    if (!found.command) {
        mi_fail(m, 500, "command '%.*s' not available", STR_ARG(r->command));
        hand_out(m);
        return;
    }
    m->module_index = index_of(s->shared->set, found.module);
    m->share = found.command->share ? arena_zalloc(&m->memory, found.command->share) : NULL;
    if (copy_arguments(m, r) == ERR_OK && (m->share || !found.command->share)) {
        start(m);
    } else {
        mi_fail(m, 500, "command '%.*s' failed", STR_ARG(r->command));
        hand_out(m);
    }
}

void mi_refuse(struct mi_server *s, const struct mi_request *r, const struct mi_client *client)
{
    struct mi *m = new_request(s, client);
    if (!m)
        return;
    mi_fail(m, 400, "parse error in command '%.*s'", STR_ARG(r->command));
    hand_out(m);
}

/* ---- the server ---- */

struct mi_server *mi_server_new(struct shared *shared, const struct mi_env *env)
{
    struct mi_server *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->shared = shared;
    s->env = *env;
    s->started = env->wall(env->user);
    list_init(&s->open);
    return s;
}

void mi_server_free(struct mi_server *s)
{
    if (!s)
        return;
    while (!list_empty(&s->open))
        release(container_of(s->open.next, struct mi, link));
    free(s);
}

int mi_server_open(struct mi_server *s, struct buf *why)
{
    const struct config *config = atomic_load(&s->shared->current);
    const struct module_set *set = s->shared->set;
    for (unsigned i = 0; i < set->count; i++) {
        if (!set->modules[i]->serve || s->serving[i] || !program_loaded(config->program, i))
            continue;
        size_t before = why->len;
        buf_printf(why, "%s: ", set->modules[i]->symbols.name);
        s->serving[i] = true;
        int rc = set->modules[i]->serve(s->shared->module_state[i], s, why);
        if (rc != ERR_OK)
            return rc;
        why->len = before;
    }
    return ERR_OK;
}

void mi_server_close(struct mi_server *s)
{
    const struct module_set *set = s->shared->set;
    for (unsigned i = 0; i < set->count; i++)
        if (set->modules[i]->unserve && s->serving[i])
            set->modules[i]->unserve(s->shared->module_state[i]);
}
