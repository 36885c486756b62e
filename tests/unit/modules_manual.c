/* Every module's manual names all that the module offers, and its examples compile. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

enum { MANUAL_MAX = 1 << 17 };

static char manual[MANUAL_MAX];

static bool read_manual(const char *module)
{
    char path[256];
    snprintf(path, sizeof path, "modules/%s/%s.md", module, module);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    size_t n = fread(manual, 1, sizeof manual - 1, f);
    manual[n] = 0;
    fclose(f);
    return n > 0;
}

static bool in_name(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || c == '_';
}

/* Whether the manual has the name as a word. */
static bool told(const char *name)
{
    size_t len = strlen(name);
    for (const char *at = manual; (at = strstr(at, name)) != NULL; at += len)
        if (!in_name(at[len]) && (at == manual || !in_name(at[-1])))
            return true;
    return false;
}

static unsigned missing(const char *module, const char *kind, const char *before, const char *name)
{
    char text[128];
    snprintf(text, sizeof text, "%s%s", before, name);
    if (told(text))
        return 0;
    print_error("%s.md does not tell of the %s %s\n", module, kind, text);
    return 1;
}

static unsigned missing_names(const struct module *m)
{
    const struct symbols *s = &m->symbols;
    unsigned n = 0;
    for (const struct fn_spec *f = s->functions; f && f->name; f++)
        n += missing(s->name, "function", "", f->name);
    for (const struct pv_spec *v = s->variables; v && v->name; v++)
        n += missing(s->name, "variable", "$", v->name);
    for (const struct param_spec *p = s->params; p && p->name; p++)
        n += missing(s->name, "parameter", "", p->name);
    for (const struct stat_spec *t = m->stats; t && t->name; t++)
        n += missing(s->name, "statistic", "", t->name);
    for (const struct mi_command *c = m->commands; c && c->name; c++)
        n += missing(s->name, "command", "", c->name);
    for (unsigned i = 0; i < MODULE_TABLES && m->table[i]; i++)
        if (m->table[i]->reload.name)
            n += missing(s->name, "command", "", m->table[i]->reload.name);
    return n;
}

static void manuals_are_complete(void **state)
{
    const struct module_set *set = module_set();
    unsigned n = 0;
    (void)state;
    for (unsigned i = 0; i < set->count; i++) {
        if (set->modules[i]->symbols.planned)
            continue;
        assert_true(read_manual(set->modules[i]->symbols.name));
        n += missing_names(set->modules[i]);
    }
    assert_int_equal(n, 0);
}

/* Compiles one fenced block; findings are printed when it is refused. */
static unsigned refused(const char *module, const char *script)
{
    if (world_try(script))
        return 0;
    print_error("an example of %s.md:\n%s", module, script);
    diag_print(&world.findings, stderr);
    return 1;
}

static unsigned refused_examples(const char *module, unsigned *count)
{
    unsigned n = 0;
    char *at = manual;
    while ((at = strstr(at, "\n```cfg\n")) != NULL) {
        at += 8;
        char *end = strstr(at, "```");
        assert_non_null(end);
        *end = 0;
        n += refused(module, at);
        at = end + 3;
        (*count)++;
    }
    return n;
}

static void examples_compile(void **state)
{
    const struct module_set *set = module_set();
    (void)state;
    for (unsigned i = 0; i < set->count; i++) {
        unsigned count = 0;
        if (set->modules[i]->symbols.planned)
            continue;
        assert_true(read_manual(set->modules[i]->symbols.name));
        assert_int_equal(refused_examples(set->modules[i]->symbols.name, &count), 0);
        assert_true(count > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(manuals_are_complete),
        TEST(examples_compile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
