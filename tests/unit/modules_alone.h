/* For tests of usrloc and registrar without an engine: the worker that they ask, and what only a
 * database makes them call. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_MODULES_ALONE_H
#define TESTS_MODULES_ALONE_H

#include <stdlib.h>

#include "core/module.h"
#include "core/proxy/uac.h"

struct wait *call_wait(struct call *c, struct service *s, wait_done done, void *arg, int *status)
{
    (void)c, (void)s, (void)done, (void)arg, (void)status;
    abort();
}

void wait_end(struct wait *w, int status, const void *answer)
{
    (void)w, (void)status, (void)answer;
    abort();
}

void wait_drop(struct wait *w)
{
    (void)w;
    abort();
}

struct loop *call_loop(const struct call *c)
{
    (void)c;
    abort();
}

unsigned call_worker(const struct call *c)
{
    (void)c;
    abort();
}

int call_query(struct call *c, struct db *db, const struct db_query *q, query_done done, void *arg)
{
    (void)c, (void)db, (void)q, (void)done, (void)arg;
    abort();
}

/* What the module is told of its worker and itself, for whoever sets it. */
static struct {
    unsigned index, workers;
    struct loop *loop;
    int64_t time;
    void *state; /* of usrloc */
} alone;

void *call_state(const struct call *c, const struct module *m)
{
    (void)c, (void)m;
    return alone.state;
}

int64_t call_time(const struct call *c)
{
    (void)c;
    return alone.time;
}

struct hash_key call_hash_key(const struct call *c)
{
    (void)c;
    return (struct hash_key){1, 2};
}

unsigned engine_index(const struct engine *e)
{
    (void)e;
    return alone.index;
}

unsigned engine_workers(const struct engine *e)
{
    (void)e;
    return alone.workers;
}

struct loop *engine_loop(struct engine *e)
{
    (void)e;
    return alone.loop;
}

int64_t engine_time(const struct engine *e)
{
    (void)e;
    return alone.time;
}

void engine_count_stat(struct engine *e, const struct module *m, unsigned stat, int64_t n)
{
    (void)e, (void)m, (void)stat, (void)n;
    abort();
}

void *engine_state(const struct engine *e, const struct module *m)
{
    (void)e, (void)m;
    abort();
}

const void *engine_conf(const struct engine *e, const struct module *m)
{
    (void)e, (void)m;
    abort();
}

void *prepare_conf(const struct prepare *p, const struct symbols *m)
{
    (void)p, (void)m;
    abort();
}

unsigned mi_args(const struct mi *m)
{
    (void)m;
    abort();
}

struct str mi_arg(const struct mi *m, unsigned i)
{
    (void)m, (void)i;
    abort();
}

struct arena *mi_arena(struct mi *m)
{
    (void)m;
    abort();
}

struct hash_key mi_hash_key(const struct mi *m)
{
    (void)m;
    abort();
}

struct engine *mi_engine(const struct mi *m)
{
    (void)m;
    abort();
}

int64_t mi_time(const struct mi *m)
{
    (void)m;
    abort();
}

const void *mi_conf(const struct mi *m)
{
    (void)m;
    abort();
}

void *mi_state(const struct mi *m)
{
    (void)m;
    abort();
}

void mi_text(struct mi *m, unsigned depth, const char *name, struct str value)
{
    (void)m, (void)depth, (void)name, (void)value;
    abort();
}

void mi_line(struct mi *m, unsigned depth, const char *name, const char *fmt, ...)
{
    (void)m, (void)depth, (void)name, (void)fmt;
    abort();
}

void mi_attr(struct mi *m, const char *name, const char *fmt, ...)
{
    (void)m, (void)name, (void)fmt;
    abort();
}

enum mi_next mi_fail(struct mi *m, unsigned code, const char *fmt, ...)
{
    (void)m, (void)code, (void)fmt;
    abort();
}

#endif
