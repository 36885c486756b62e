/* The compiled script as an object: making, freeing and asking it. */
/* SPDX-License-Identifier: MIT */
#include "lang/program.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "lang/code.h"
#include "lang/program_priv.h"
#include "lang/regex.h"

/* Defaults: the rows of setting.def, as far as values go. */
static const struct {
    int32_t number;
    const char *text;
} defaults[] = {
#define SETTING(id, name, type, number, text, doc) {number, text},
#include "lang/setting.def"
#undef SETTING
};

static void fill_defaults(struct setting *settings)
{
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        settings[i] = (struct setting){false, defaults[i].number, str_from(defaults[i].text)};
}

struct program *program_new(const struct catalog *c)
{
    struct program *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    arena_init(&p->arena, NULL, 16384);
    p->catalog = c;
    p->error_route = -1;
    p->loaded = arena_zalloc(&p->arena, (c->count + 1) * sizeof *p->loaded);
    p->conf = arena_zalloc(&p->arena, (c->count + 1) * sizeof *p->conf);
    if (!p->loaded || !p->conf) {
        program_free(p);
        return NULL;
    }
    p->loaded[0] = true;
    fill_defaults(p->settings);
    return p;
}

void program_free(struct program *p)
{
    if (!p)
        return;
    regex_free_all(p->regexes);
    arena_reset(&p->arena);
    free(p);
}

int program_route(const struct program *p, enum route_kind kind, struct str name)
{
    for (uint32_t i = 0; i < p->n_routes; i++)
        if (p->routes[i].kind == kind && str_eq(p->routes[i].name, name))
            return (int)i;
    return -1;
}

unsigned program_route_count(const struct program *p)
{
    return p->n_routes;
}

struct str program_route_name(const struct program *p, int index)
{
    return p->routes[index].title;
}

enum route_kind program_route_kind(const struct program *p, int index)
{
    return p->routes[index].kind;
}

uint64_t program_route_digest(const struct program *p, int index)
{
    return p->routes[index].digest;
}

int32_t program_setting_int(const struct program *p, enum setting_id id)
{
    return p->settings[id].number;
}

struct str program_setting_str(const struct program *p, enum setting_id id)
{
    return p->settings[id].text;
}

bool program_setting_given(const struct program *p, enum setting_id id)
{
    return p->settings[id].given;
}

unsigned program_blacklists(const struct program *p, const struct blacklist **out)
{
    *out = p->blacklists;
    return p->n_blacklists;
}

unsigned program_listens(const struct program *p, const struct listen_spec **out)
{
    *out = p->listens;
    return p->n_listens;
}

unsigned program_aliases(const struct program *p, const struct listen_spec **out)
{
    *out = p->aliases;
    return p->n_aliases;
}

bool program_loaded(const struct program *p, unsigned module)
{
    return p->loaded[module];
}

void *program_conf(const struct program *p, unsigned module)
{
    return p->conf[module];
}

const struct catalog *program_catalog(const struct program *p)
{
    return p->catalog;
}

const struct source *program_source(const struct program *p, unsigned file)
{
    return file < p->n_sources ? &p->sources[file] : NULL;
}

struct loc program_loc(const struct program *p, uint32_t pc)
{
    uint32_t low = 0, high = p->n_lines;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (p->lines[middle].pc <= pc)
            low = middle;
        else
            high = middle;
    }
    return low < p->n_lines ? p->lines[low].loc : (struct loc){0, 0, 0, 0, 0};
}

void program_each_call(const struct program *p,
                       void (*see)(void *user, const struct fn_spec *fn, const struct arg *args,
                                   unsigned n, struct loc at),
                       void *user)
{
    for (uint32_t pc = 0; pc < p->n_code; pc++) {
        if (p->code[pc].op != OP_CALL)
            continue;
        const struct call_site *s = p->objects[p->code[pc].k];
        see(user, s->fn, s->ready, s->n, program_loc(p, pc));
    }
}
