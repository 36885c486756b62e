/* Tables in memory: read, put in force, found. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/memtable.h"

#include "core/base/err.h"
#include "core/module.h"
#include "core/proxy/engine_priv.h"
#include "core/proxy/mi_priv.h"
#include "core/proxy/shared.h"

enum { FIRST_BLOCK = 4096, REASON = 256 };

/* What was read, at the beginning of its own arena. */
struct memtable_data {
    struct arena arena;
    const struct memtable *table;
    void *data;
};

/* A table of a module of the set. */
struct memtable_place {
    const struct memtable *table;
    const struct module *module;
    unsigned index; /* of the module */
    struct snapshot now;
};

/* ---- reading ---- */

static void free_data(void *data)
{
    struct memtable_data *d = data;
    if (d->data && d->table->free)
        d->table->free(d->data);
    struct arena arena = d->arena; /* d lies in it */
    arena_reset(&arena);
}

static struct memtable_data *new_data(const struct memtable *t)
{
    struct arena arena;
    arena_init(&arena, NULL, FIRST_BLOCK);
    struct memtable_data *d = arena_zalloc(&arena, sizeof *d);
    if (d) {
        d->arena = arena;
        d->table = t;
    }
    return d;
}

static void *data_of(const struct memtable_place *p)
{
    const struct memtable_data *d = p ? snapshot_get(&p->now) : NULL;
    return d ? d->data : NULL;
}

/* NULL with a sentence in why. */
static struct memtable_data *read_place(const struct shared *s, const struct memtable_place *p,
                                        const struct config *c, struct buf *why)
{
    struct memtable_data *d = new_data(p->table);
    struct arena scratch;
    size_t before = why->len;
    if (!d) {
        buf_printf(why, "no memory for %s", p->table->name);
        return NULL;
    }
    arena_init(&scratch, NULL, FIRST_BLOCK);
    struct memtable_reading r = {.conf = program_conf(c->program, p->index),
                                 .db = config_db(s, c, p->module),
                                 .why = why,
                                 .now = data_of(p),
                                 .arena = &d->arena,
                                 .scratch = &scratch};
    bool ok = p->table->read(&r);
    d->data = r.data;
    arena_reset(&scratch);
    if (ok)
        return d;
    if (why->len == before)
        buf_printf(why, "%s cannot be read", p->table->name);
    free_data(d);
    return NULL;
}

bool memtable_select(struct memtable_reading *r, struct str table, unsigned columns,
                     const struct str *column, struct db_result *out)
{
    struct db_query q = {.verb = DB_SELECT, .table = table, .columns = columns, .column = column};
    return db_run_now(r->db, &q, r->scratch, out, r->why) == ERR_OK;
}

/* ---- versions ---- */

static bool wants(const struct memtable_place *p, const struct config *c)
{
    return program_loaded(c->program, p->index) &&
           (!p->table->wanted || p->table->wanted(program_conf(c->program, p->index)));
}

static unsigned tables_of(const struct module *m)
{
    unsigned n = 0;
    while (n < MODULE_TABLES && m->table[n])
        n++;
    return n;
}

int memtables_start(struct shared *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->set->count; i++)
        n += tables_of(s->set->modules[i]);
    s->table = arena_zalloc(&s->arena, (n + 1) * sizeof *s->table);
    for (unsigned i = 0; s->table && i < s->set->count; i++)
        for (unsigned k = 0; k < tables_of(s->set->modules[i]); k++) {
            struct memtable_place *p = &s->table[s->n_tables];
            p->module = s->set->modules[i];
            p->table = p->module->table[k];
            p->index = i;
            if (!snapshot_init(&p->now, free_data))
                return ERR_NOMEM;
            s->n_tables++;
        }
    return s->table ? ERR_OK : ERR_NOMEM;
}

void memtables_stop(struct shared *s)
{
    while (s->n_tables)
        snapshot_end(&s->table[--s->n_tables].now);
}

bool memtables_read(const struct shared *s, struct config *c, struct buf *why)
{
    bool good = true;
    c->fresh = arena_zalloc(&c->arena, (s->n_tables + 1) * sizeof *c->fresh);
    if (!c->fresh) {
        buf_printf(why, "%sno memory for tables", why->len ? "; " : "");
        return false;
    }
    c->n_fresh = s->n_tables;
    for (unsigned i = 0; i < s->n_tables; i++) {
        size_t before = why->len;
        if (!wants(&s->table[i], c))
            continue;
        buf_printf(why, "%smodule %s: ", before ? "; " : "", s->table[i].module->symbols.name);
        c->fresh[i] = read_place(s, &s->table[i], c, why);
        if (c->fresh[i])
            why->len = before;
        else
            good = false;
    }
    return good;
}

void memtables_use(struct shared *s, struct config *c)
{
    for (unsigned i = 0; i < c->n_fresh; i++)
        if (c->fresh[i]) {
            snapshot_set(&s->table[i].now, c->fresh[i]);
            c->fresh[i] = NULL;
        }
}

void memtables_drop(struct config *c)
{
    for (unsigned i = 0; i < c->n_fresh; i++)
        if (c->fresh[i])
            free_data(c->fresh[i]);
    c->n_fresh = 0;
}

void memtables_pass(struct shared *s, unsigned worker)
{
    for (unsigned i = 0; i < s->n_tables; i++)
        snapshot_pass(&s->table[i].now, worker, s->workers);
}

/* ---- for modules ---- */

/* Tables are few: about ten in all modules together. */
static struct memtable_place *place_of(const struct shared *s, const struct memtable *t)
{
    for (unsigned i = 0; i < s->n_tables; i++)
        if (s->table[i].table == t)
            return &s->table[i];
    return NULL;
}

void *call_table(const struct call *c, const struct memtable *t)
{
    return data_of(place_of(c->engine->shared, t));
}

void *engine_table(const struct engine *e, const struct memtable *t)
{
    return data_of(place_of(e->shared, t));
}

void *mi_table(const struct mi *m, const struct memtable *t)
{
    const struct memtable_place *p = place_of(m->server->shared, t);
    return p && wants(p, m->config) ? data_of(p) : NULL;
}

enum mi_next mi_read_table(struct mi *m, const struct memtable *t)
{
    struct memtable_place *p = place_of(m->server->shared, t);
    char text[REASON];
    struct buf why;
    if (!wants(p, m->config))
        return mi_fail(m, 500, "%s", t->absent);
    buf_fixed(&why, text, sizeof text);
    struct memtable_data *d = read_place(m->server->shared, p, m->config, &why);
    if (!d)
        return mi_fail(m, 500, "%.*s", STR_ARG(buf_str(&why)));
    snapshot_set(&p->now, d);
    return MI_DONE;
}

enum mi_next mi_reload_table(struct mi *m)
{
    return mi_read_table(m, container_of(m->command, struct memtable, reload));
}
