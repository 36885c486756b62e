/* A variable named after the script was compiled: by a test that looks at what the script left. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/program_priv.h"
#include "lang/pv.h"

static const struct var_slot *nearest(const struct program *p, struct str name)
{
    const struct var_slot *best = NULL;
    unsigned least = 3;
    for (const struct var_slot *s = p->vars; s; s = s->next) {
        unsigned d = str_distance(name, s->name);
        if (d < least) {
            least = d;
            best = s;
        }
    }
    return best;
}

/* A $var that the script does not have got a slot that its calls do not have. */
static int refuse_new(struct prepare *p, const struct program *program, const struct var_slot *s)
{
    const struct var_slot *near = nearest(program, s->name);
    if (near)
        prepare_hint(p, "did you mean $var(%.*s)?", STR_ARG(near->name));
    return prepare_fail(p, 0, "the script has no $var(%.*s)", STR_ARG(s->name));
}

int program_variable(const struct program *p, struct arena *a, struct str text, struct buf *error,
                     struct buf *hint, size_t *at, const struct pv_ref **out)
{
    struct prepare_env env;
    int rc = prepare_env_init(&env, a, p->catalog, p->loaded);
    if (rc != ERR_OK)
        return rc;
    env.aliases = p->avp_aliases;
    env.conf = p->conf;
    env.vars = (struct var_slot *)(uintptr_t)p->vars; /* new ones are put before them */
    *env.var_total = p->n_vars;
    struct prepare prepare = prepare_begin(&env, error, hint);
    rc = prepare_pv(&prepare, text, out);
    if (rc == ERR_OK && *env.var_total != p->n_vars)
        rc = refuse_new(&prepare, p, env.vars);
    if (rc == ERR_OK && env.regexes)
        rc = prepare_fail(&prepare, 0, "a regular expression has no place in it");
    *at = prepare.at;
    prepare_env_free(&env);
    return rc;
}
