/* The databases of a configuration: opened when it is loaded, known by module afterwards. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/base/log.h"
#include "core/db/driver.h"
#include "core/module.h"
#include "core/proxy/shared.h"

#define DEFAULT_MYSQL "mysql://openser:openserrw@localhost/openser"
#define DEFAULT_SQLITE "sqlite://signalbox.db"
#define SIMULATED_DB "sqlite://:memory:"

static bool has_scheme(const struct db_driver *d, struct str url)
{
    for (const char *const *s = d->schemes; *s; s++) {
        struct str scheme = str_from(*s);
        if (str_istarts(url, scheme) && str_starts(str_sub(url, scheme.len, url.len), STR("://")))
            return true;
    }
    return false;
}

/* The module that drives databases of this URL; -1 when none does. */
static int driver_for(const struct module_set *set, struct str url)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->modules[i]->driver && has_scheme(set->modules[i]->driver, url))
            return (int)i;
    return -1;
}

/* Without db_url: what the reference takes when its MySQL driver is loaded, else a file that needs
 * no server. */
static struct str default_url(const struct shared *s, const struct config *c)
{
    int mysql = driver_for(s->set, STR(DEFAULT_MYSQL));
    if (mysql >= 0 && program_loaded(c->program, (unsigned)mysql))
        return STR(DEFAULT_MYSQL);
    return STR(DEFAULT_SQLITE);
}

static bool url_of(const struct shared *s, const struct config *c, unsigned i, struct str *url)
{
    const struct db_use *use = s->set->modules[i]->db;
    const void *conf = program_conf(c->program, i);
    *url = *(const struct str *)((const char *)conf + use->url);
    if (url->len == 0 && use->optional)
        return false;
    if (use->wanted && !use->wanted(conf))
        return false;
    if (s->simulated)
        *url = STR(SIMULATED_DB);
    else if (url->len == 0)
        *url = default_url(s, c);
    return true;
}

static int check_driver(const struct shared *s, const struct config *c, struct str url,
                        const void **conf, struct buf *why)
{
    int i = driver_for(s->set, url);
    *conf = NULL;
    if (i < 0) {
        ptrdiff_t end = str_search(url, STR("://"), 0);
        buf_printf(why, "no driver knows databases of the kind \"%.*s\"",
                   STR_ARG(str_sub(url, 0, end < 0 ? 0 : (size_t)end)));
        return ERR_NOTFOUND;
    }
    if (program_loaded(c->program, (unsigned)i))
        *conf = program_conf(c->program, (unsigned)i);
    if (*conf || str_istarts(url, STR("sqlite:")))
        return ERR_OK;
    buf_printf(why, "its database needs loadmodule \"%s.so\"", s->set->modules[i]->symbols.name);
    return ERR_STATE;
}

static int check_tables(struct db *db, const struct db_use *use, const void *conf, struct buf *why)
{
    for (unsigned i = 0; i < use->n_tables; i++) {
        const struct db_table_use *t = &use->tables[i];
        struct str name =
            t->fixed ? str_from(t->fixed) : *(const struct str *)((const char *)conf + t->name);
        if (!t->highest || name.len == 0 || (t->wanted && !t->wanted(conf)))
            continue;
        int rc = db_check_version(db, name, t->lowest, t->highest, why);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static struct service_limits limits_of(const struct config *c)
{
    const struct program *p = c->program;
    return (struct service_limits){
        .deadline = (uint32_t)program_setting_int(p, SETTING_DB_DEADLINE),
        .waiting = (uint32_t)program_setting_int(p, SETTING_DB_WAITS),
        .failures = (uint32_t)program_setting_int(p, SETTING_DB_FAILURES),
        .pause = (uint32_t)program_setting_int(p, SETTING_DB_PAUSE)};
}

static int open_for(struct shared *s, struct config *c, unsigned i, struct buf *why)
{
    const struct module *m = s->set->modules[i];
    struct db_options o = {.limits = limits_of(c)};
    struct str url;
    if (!m->db || !program_loaded(c->program, i) || !url_of(s, c, i, &url))
        return ERR_OK;
    buf_printf(why, "%smodule %s: ", why->len ? "; " : "", m->symbols.name);
    int rc = check_driver(s, c, url, &o.conf, why);
    if (rc != ERR_OK)
        return rc;
    if (!c->db && !(c->db = arena_zalloc(&c->arena, SHARED_MAX_MODULES * sizeof(struct db *))))
        return ERR_NOMEM;
    c->db[i] = db_open(s->dbs, url, &o, why);
    return c->db[i] ? check_tables(c->db[i], m->db, program_conf(c->program, i), why) : ERR_IO;
}

static int make_set(struct shared *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->set->count && n + 1 < SHARED_MAX_DRIVERS; i++)
        if (s->set->modules[i]->driver)
            s->drivers[n++] = s->set->modules[i]->driver;
    s->dbs = db_set_new(s->drivers, s->simulated);
    return s->dbs ? ERR_OK : ERR_NOMEM;
}

int shared_open_dbs(struct shared *s, struct config *c, struct buf *why)
{
    int first = s->dbs ? ERR_OK : make_set(s);
    for (unsigned i = 0; first != ERR_NOMEM && i < s->set->count; i++) {
        size_t before = why->len;
        int rc = open_for(s, c, i, why);
        if (rc == ERR_OK)
            why->len = before;
        else if (first == ERR_OK)
            first = rc;
    }
    return first;
}

struct db *config_db(const struct shared *s, const struct config *c, const struct module *m)
{
    for (unsigned i = 0; c->db && i < s->set->count; i++)
        if (s->set->modules[i] == m)
            return c->db[i];
    return NULL;
}
