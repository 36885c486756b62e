/* Looking names up. */
/* SPDX-License-Identifier: MIT */
#include "lang/resolve.h"

/* ---- the most similar name --------------------------------------------------------------------
 */

struct nearest nearest_to(struct str wanted)
{
    return (struct nearest){wanted, STR_NONE, UINT32_MAX};
}

void nearest_offer(struct nearest *n, struct str known)
{
    unsigned d = str_distance(n->wanted, known);
    if (d < n->distance) {
        n->distance = d;
        n->best = known;
    }
}

struct str nearest_found(const struct nearest *n)
{
    size_t len = n->wanted.len < n->best.len ? n->wanted.len : n->best.len;
    unsigned most = len < 4 ? 1 : len < 7 ? 2 : (unsigned)len / 3;
    return n->best.len && n->distance <= most ? n->best : STR_NONE;
}

/* ---- settings ---------------------------------------------------------------------------------
 */

static const struct setting_row settings[] = {
#define SETTING(id, name, type, number, text, doc)                                                 \
    {SETTING_##id, name, SET_##type, number, text, doc},
#include "lang/setting.def"
#undef SETTING
};

static const struct {
    const char *name;
    enum setting_id id;
} synonyms[] = {
#define SETTING(id, name, type, number, text, doc)
#define SETTING_SYNONYM(name, id) {name, SETTING_##id},
#include "lang/setting.def"
#undef SETTING
};

const struct setting_row *setting_row(enum setting_id id)
{
    return &settings[id];
}

static bool setting_try(struct str name, const char *known, struct nearest *near)
{
    if (near)
        nearest_offer(near, str_from(known));
    return str_eq(name, str_from(known));
}

const struct setting_row *resolve_setting(struct str name, struct nearest *near)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        if (setting_try(name, settings[i].name, near))
            return &settings[i];
    for (unsigned i = 0; i < sizeof synonyms / sizeof *synonyms; i++)
        if (setting_try(name, synonyms[i].name, near))
            return &settings[synonyms[i].id];
    return NULL;
}

/* ---- modules and functions --------------------------------------------------------------------
 */

const char *symbols_name(const struct symbols *m, unsigned i)
{
    if (i == 0)
        return m->name;
    for (unsigned k = 0; m->old_names && m->old_names[k]; k++)
        if (k + 1 == i)
            return m->old_names[k];
    return NULL;
}

int resolve_module(const struct catalog *c, struct str name)
{
    const char *one;
    for (unsigned i = 0; i < c->count; i++)
        for (unsigned k = 0; (one = symbols_name(c->modules[i], k)); k++)
            if (str_eq(name, str_from(one)))
                return (int)i;
    return -1;
}

static bool looked_at(const struct catalog *c, const bool *loaded, unsigned module)
{
    return c->modules[module]->functions && (!loaded || module == 0 || loaded[module]);
}

/* Weighs one row against what was found so far. */
static void consider(const struct fn_query *q, const struct fn_spec *f, unsigned module,
                     struct fn_match *m)
{
    if (f->name[0] != q->name.p[0] || !str_eq(q->name, str_from(f->name)))
        return;
    if (!m->name_known || f->min < m->min)
        m->min = f->min;
    if (!m->name_known || f->max > m->max)
        m->max = f->max;
    m->name_known = true;
    if (q->argc < f->min || q->argc > f->max)
        return;
    bool better =
        m->fn && (m->fn->routes & q->routes) != q->routes && (f->routes & q->routes) == q->routes;
    if (!m->fn || better) {
        m->fn = f;
        m->module = module;
    }
}

struct fn_match resolve_function(const struct fn_query *q)
{
    struct fn_match m = {NULL, 0, false, 0, 0};
    for (unsigned i = 0; q->name.len && i < q->catalog->count; i++)
        if (looked_at(q->catalog, q->loaded, i))
            for (const struct fn_spec *f = q->catalog->modules[i]->functions; f->name; f++)
                consider(q, f, i, &m);
    return m;
}

void offer_functions(struct nearest *n, const struct catalog *c, const bool *loaded)
{
    for (unsigned i = 0; i < c->count; i++)
        if (looked_at(c, loaded, i))
            for (const struct fn_spec *f = c->modules[i]->functions; f->name; f++)
                nearest_offer(n, str_from(f->name));
}
