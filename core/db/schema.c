/* The tables that modules use, and how they are made. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/db/driver.h"
#include "core/db/priv.h"

const struct db_table_spec db_schema[] = {
#define TABLE(name, version, columns, unique, module) {name, version, columns, unique, module},
#include "core/db/schema.def"
#undef TABLE
    {.name = NULL}};

static void read_type(struct db_column_spec *out, struct str type)
{
    static const struct {
        struct str word;
        enum db_column_kind kind;
    } words[] = {{STR_INIT("text"), DB_COL_TEXT},
                 {STR_INIT("int"), DB_COL_INT},
                 {STR_INIT("real"), DB_COL_REAL},
                 {STR_INIT("time"), DB_COL_TIME},
                 {STR_INIT("blob"), DB_COL_BLOB}};
    uint32_t n = 0;
    out->extra = type.len && type.p[type.len - 1] == '+';
    out->null = out->extra || (type.len && type.p[type.len - 1] == '?');
    type.len -= out->null;
    out->kind = DB_COL_STRING;
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(type, words[i].word))
            out->kind = words[i].kind;
    if (out->kind == DB_COL_STRING)
        str_u32(&n, str_sub(type, 1, type.len), 65535);
    out->length = n;
}

bool db_column_next(struct db_column_spec *out, struct str *rest)
{
    struct str one;
    if (!str_cut(&one, rest, ','))
        return false;
    one = str_trim(one);
    ptrdiff_t blank = str_find(one, ' ', 0);
    if (blank < 0)
        return false;
    out->name = str_sub(one, 0, (size_t)blank);
    read_type(out, str_sub(one, (size_t)blank + 1, one.len));
    return true;
}

static void write_column(struct buf *out, const struct db_column_spec *c,
                         const struct db_dialect *d)
{
    buf_printf(out, ", %c%.*s%c ", d->quote, STR_ARG(c->name), d->quote);
    switch (c->kind) {
    case DB_COL_STRING:
        buf_printf(out, "VARCHAR(%u)%s", c->length, c->null ? "" : " DEFAULT '' NOT NULL");
        return;
    case DB_COL_TEXT:
        buf_add(out, str_from(d->text));
        return;
    case DB_COL_INT:
        buf_printf(out, "%s%s", d->number, c->null ? "" : " DEFAULT 0 NOT NULL");
        return;
    case DB_COL_REAL:
        buf_add(out, c->null ? STR("REAL") : STR("REAL DEFAULT 0 NOT NULL"));
        return;
    case DB_COL_TIME:
        buf_printf(out, "%s%s", d->time, c->null ? "" : " DEFAULT '1900-01-01 00:00:01' NOT NULL");
        return;
    case DB_COL_BLOB:
        buf_add(out, str_from(d->blob));
        return;
    }
}

static void write_unique(struct buf *out, struct str names, const struct db_dialect *d)
{
    struct str one;
    bool first = true;
    buf_add(out, STR(", UNIQUE ("));
    while (str_cut(&one, &names, ',')) {
        buf_printf(out, "%s%c%.*s%c", first ? "" : ", ", d->quote, STR_ARG(one), d->quote);
        first = false;
    }
    buf_char(out, ')');
}

void db_sql_create(struct buf *out, const struct db_table_spec *t, const struct db_dialect *d)
{
    struct str rest = str_from(t->columns);
    struct db_column_spec c;
    buf_printf(out, "CREATE TABLE %c%s%c (%cid%c %s", d->quote, t->name, d->quote, d->quote,
               d->quote, d->id);
    while (db_column_next(&c, &rest))
        write_column(out, &c, d);
    if (t->unique)
        write_unique(out, str_from(t->unique), d);
    buf_char(out, ')');
}

/* ---- making them ---- */

static int note_version(struct db *db, const struct db_table_spec *t, struct buf *why)
{
    static const struct str columns[] = {STR_INIT("table_name"), STR_INIT("table_version")};
    struct db_value values[] = {db_text(str_from(t->name)), db_int(t->version)};
    struct db_match match = {columns[0], DB_EQ, values[0]};
    struct db_query q = {.verb = DB_DELETE,
                         .table = STR("version"),
                         .columns = 2,
                         .column = columns,
                         .value = values,
                         .matches = 1,
                         .match = &match};
    struct arena a;
    struct db_result r;
    arena_init(&a, NULL, 1024);
    int rc = db_run_now(db, &q, &a, &r, why);
    q.verb = DB_INSERT;
    q.matches = 0;
    if (rc == ERR_OK)
        rc = db_run_now(db, &q, &a, &r, why);
    arena_reset(&a);
    return rc;
}

static int create_one(struct db *db, const struct db_table_spec *t, struct buf *why)
{
    pthread_mutex_lock(&db->lock);
    int rc = db_connect_now(db, why);
    if (rc == ERR_OK)
        rc = db->driver->create(db->now, t, why);
    pthread_mutex_unlock(&db->lock);
    return rc;
}

int db_create_all(struct db *db, unsigned *created, struct buf *why)
{
    *created = 0;
    if (!db->driver->create) {
        buf_printf(why, "databases of the kind %s have no tables to make", db->driver->name);
        return ERR_UNSUPPORTED;
    }
    for (const struct db_table_spec *t = db_schema; t->name; t++) {
        size_t before = why->len;
        int rc = create_one(db, t, why);
        if (rc == ERR_EXISTS) {
            why->len = before;
            continue;
        }
        if (rc == ERR_OK && t->version)
            rc = note_version(db, t, why);
        if (rc != ERR_OK)
            return rc;
        ++*created;
    }
    return ERR_OK;
}
