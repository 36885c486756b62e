/* From a file or a text to a program: read, parse, check, generate. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/check.h"
#include "lang/gen.h"
#include "lang/source.h"

static void out_of_memory(struct diag *d, int file)
{
    struct loc at = {.file = (uint16_t)file};
    diag_add(d, DIAG_ERROR, NULL, at, "out of memory");
}

/* The value of $def(name). */
static bool defined(void *user, struct str name, struct str *value)
{
    const struct script *s = user;
    const struct define *d = define_find(s->defines, name);
    if (d)
        *value = d->value;
    return d != NULL;
}

/* Everything behind the parser. ERR_OK even when the script has errors. */
static int build(struct script *s, struct program *p, int file, unsigned errors_before)
{
    struct prepare_env env;
    int err = prepare_env_init(&env, &p->arena, p->catalog, p->loaded);
    if (err != ERR_OK)
        return err;
    env.conf = p->conf;
    env.define = defined;
    env.define_user = s;
    env.script = s->diag->sources[file].name;
    env.today = s->diag->today;
    err = check_script(s, p, &env);
    if (err == ERR_OK && s->diag->errors == errors_before)
        err = gen_program(p, s, &env, s->diag);
    prepare_env_free(&env);
    return err;
}

static struct program *compile(int file, const struct catalog *c, struct diag *d)
{
    struct script s;
    unsigned errors_before = d->errors;
    struct program *p = program_new(c);
    d->today = false;
    int err = p ? parse_script(&s, d, file) : ERR_NOMEM;
    if (err == ERR_OK)
        err = build(&s, p, file, errors_before);
    if (p)
        script_free(&s);
    if (err == ERR_LIMIT)
        diag_add(d, DIAG_ERROR, NULL, (struct loc){.file = (uint16_t)file},
                 "the script is too large");
    else if (err != ERR_OK)
        out_of_memory(d, file);
    if (d->errors == errors_before)
        return p;
    program_free(p);
    return NULL;
}

struct program *program_compile_file(const char *path, const struct catalog *c, struct diag *d)
{
    struct loc nowhere = {.file = UINT16_MAX};
    int file = source_load(d, path, &nowhere);
    return file < 0 ? NULL : compile(file, c, d);
}

struct program *program_compile_text(struct str name, struct str text, const struct catalog *c,
                                     struct diag *d)
{
    int file = source_add(d, name, text);
    if (file >= 0)
        return compile(file, c, d);
    diag_add(d, DIAG_ERROR, NULL, (struct loc){.file = UINT16_MAX}, "cannot read %.*s: %s",
             STR_ARG(name), err_text(file));
    return NULL;
}
