/* Runs scanner and parser over one source. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "lang/source.h"
#include "lang/parser.h"

static void script_init(struct script *s, struct diag *d, int file)
{
    memset(s, 0, sizeof *s);
    arena_init(&s->arena, NULL, 16384);
    s->diag = d;
    s->routes_end = &s->routes;
    s->source = file;
}

int parse_script(struct script *out, struct diag *d, int file)
{
    struct parse *p = calloc(1, sizeof *p);
    script_init(out, d, file);
    if (!p)
        return ERR_NOMEM;
    p->script = out;
    p->items_end = &out->items;
    int err = pre_open(&p->pre, d, &out->arena, file);
    if (err == ERR_OK && lang_yyparse(p) == 2 && !p->quiet)
        err = ERR_NOMEM;
    if (p->no_memory || p->pre.no_memory)
        err = ERR_NOMEM;
    pre_close(&p->pre);
    out->defines = p->pre.defines;
    out->lost = p->lost;
    free(p);
    return err;
}

void script_free(struct script *s)
{
    arena_reset(&s->arena);
}
