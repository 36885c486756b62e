/* signalbox db: makes the tables that modules use, or looks whether they fit. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "core/base/err.h"
#include "core/db/driver.h"
#include "core/module.h"
#include "core/tools.h"

static int say_why(const struct buf *why)
{
    fprintf(stderr, "signalbox: %.*s\n", (int)why->len, why->p);
    return 1;
}

static int create_tables(struct db *db, struct buf *why)
{
    unsigned made = 0;
    if (db_create_all(db, &made, why) != ERR_OK)
        return say_why(why);
    if (made)
        printf("%s: %u table%s made\n", db_name(db), made, made == 1 ? "" : "s");
    else
        printf("%s: every table is there\n", db_name(db));
    return 0;
}

/* Whether a table has each of its columns: a query that asks for them says so. */
static int check_columns(struct db *db, const struct db_table_spec *t, struct buf *why)
{
    struct str rest = str_from(t->columns), column[64];
    struct db_column_spec c;
    struct db_result r;
    struct arena a;
    unsigned n = 0;
    while (n < sizeof column / sizeof *column && db_column_next(&c, &rest))
        if (!c.extra)
            column[n++] = c.name;
    struct db_query q = {
        .verb = DB_SELECT, .table = str_from(t->name), .columns = n, .column = column, .limit = 1};
    arena_init(&a, NULL, 4096);
    int rc = db_run_now(db, &q, &a, &r, why);
    arena_reset(&a);
    return rc;
}

static int check_tables(struct db *db)
{
    unsigned bad = 0;
    for (const struct db_table_spec *t = db_schema; t->name; t++) {
        char text[512];
        struct buf why;
        buf_fixed(&why, text, sizeof text);
        int rc = check_columns(db, t, &why);
        if (rc == ERR_OK && t->version)
            rc = db_check_version(db, str_from(t->name), t->version, t->version, &why);
        bad += rc != ERR_OK;
        printf("%-16s %-12s %s%.*s\n", t->name, t->module,
               rc == ERR_OK ? "ok" : "does not fit: ", (int)why.len, why.p);
    }
    if (bad)
        printf("%u table%s cannot be used by the module named beside %s; 'signalbox db create' "
               "makes those that are missing\n",
               bad, bad == 1 ? "" : "s", bad == 1 ? "it" : "them");
    return bad ? 1 : 0;
}

int tool_db(const struct options *o, const struct module_set *set)
{
    const struct db_driver *drivers[SHARED_MAX_DRIVERS] = {NULL};
    struct db_options options = {.conf = NULL};
    char text[512];
    struct buf why;
    unsigned n = 0;
    if (o->n_args != 2)
        return options_usage(o);
    bool create = strcmp(o->args[0], "create") == 0;
    if (!create && strcmp(o->args[0], "check") != 0)
        return options_usage(o);
    for (unsigned i = 0; i < set->count && n + 1 < SHARED_MAX_DRIVERS; i++)
        if (set->modules[i]->driver)
            drivers[n++] = set->modules[i]->driver;
    buf_fixed(&why, text, sizeof text);
    struct db_set *dbs = db_set_new(drivers, false);
    struct db *db = dbs ? db_open(dbs, str_from(o->args[1]), &options, &why) : NULL;
    int status = !db ? say_why(&why) : create ? create_tables(db, &why) : check_tables(db);
    db_set_free(dbs);
    return status;
}
