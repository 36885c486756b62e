/* Queries as SQL: names quoted, values only ever marks. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/db/driver.h"

struct writer {
    struct buf *out;
    const struct db_dialect *d;
    unsigned marks;
};

/* A name in quotes; a quote in it is doubled. */
static void name(struct writer *w, struct str s)
{
    buf_char(w->out, w->d->quote);
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == w->d->quote)
            buf_char(w->out, w->d->quote);
        buf_char(w->out, s.p[i]);
    }
    buf_char(w->out, w->d->quote);
}

static void mark(struct writer *w)
{
    w->marks++;
    if (!w->d->numbered) {
        buf_char(w->out, '?');
        return;
    }
    buf_char(w->out, '$');
    buf_u64(w->out, w->marks);
}

static void names_of(struct writer *w, const struct db_query *q)
{
    for (unsigned i = 0; i < q->columns; i++) {
        buf_add(w->out, i ? STR(",") : STR_NONE);
        name(w, q->column[i]);
    }
}

static void marks(struct writer *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        buf_add(w->out, i ? STR(",") : STR_NONE);
        mark(w);
    }
}

static void sets(struct writer *w, const struct db_query *q)
{
    for (unsigned i = 0; i < q->columns; i++) {
        buf_add(w->out, i ? STR(",") : STR_NONE);
        name(w, q->column[i]);
        buf_char(w->out, '=');
        mark(w);
    }
}

static void where(struct writer *w, const struct db_query *q)
{
    static const char *const how[] = {
        [DB_EQ] = "=",  [DB_NE] = "<>", [DB_LT] = "<",       [DB_GT] = ">",
        [DB_LE] = "<=", [DB_GE] = ">=", [DB_LIKE] = " LIKE "};
    for (unsigned i = 0; i < q->matches; i++) {
        const struct db_match *m = &q->match[i];
        buf_add(w->out, i ? STR(" AND ") : STR(" WHERE "));
        name(w, m->column);
        if (m->value.type == DB_NULL) {
            buf_add(w->out, m->how == DB_NE ? STR(" IS NOT NULL") : STR(" IS NULL"));
            continue;
        }
        buf_add(w->out, str_from(how[m->how]));
        mark(w);
    }
}

static void select(struct writer *w, const struct db_query *q)
{
    buf_add(w->out, STR("SELECT "));
    if (q->columns)
        names_of(w, q);
    else
        buf_char(w->out, '*');
    buf_add(w->out, STR(" FROM "));
    name(w, q->table);
    where(w, q);
    if (q->order.len) {
        bool falling = q->order.p[0] == '-';
        buf_add(w->out, STR(" ORDER BY "));
        name(w, str_sub(q->order, falling, q->order.len));
        buf_add(w->out, falling ? STR(" DESC") : STR_NONE);
    }
    if (q->limit) {
        buf_add(w->out, STR(" LIMIT "));
        buf_u64(w->out, q->limit);
    }
}

/* INSERT; a REPLACE becomes one that updates the row of the same key where the dialect has no word
 * for it. */
static void insert(struct writer *w, const struct db_query *q)
{
    bool replace = q->verb == DB_REPLACE;
    buf_add(w->out, replace && w->d->replace ? STR("REPLACE INTO ") : STR("INSERT INTO "));
    name(w, q->table);
    buf_add(w->out, STR(" ("));
    names_of(w, q);
    buf_add(w->out, STR(") VALUES ("));
    marks(w, q->columns);
    buf_char(w->out, ')');
    if (!replace || w->d->replace)
        return;
    buf_add(w->out, STR(" ON CONFLICT ("));
    for (unsigned i = 0; i < q->matches; i++) {
        buf_add(w->out, i ? STR(",") : STR_NONE);
        name(w, q->match[i].column);
    }
    buf_add(w->out, STR(") DO UPDATE SET "));
    for (unsigned i = 0; i < q->columns; i++) {
        buf_add(w->out, i ? STR(",") : STR_NONE);
        name(w, q->column[i]);
        buf_add(w->out, STR("=excluded."));
        name(w, q->column[i]);
    }
}

static void given(struct writer *w, struct str sql)
{
    char quote = 0;
    for (size_t i = 0; i < sql.len; i++) {
        char c = sql.p[i];
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '\'' || c == '"' || c == '`')
            quote = c;
        if (c == '?' && !quote)
            mark(w);
        else
            buf_char(w->out, c);
    }
}

void db_sql_text(struct buf *out, const struct db_query *q, const struct db_dialect *d)
{
    struct writer w = {.out = out, .d = d};
    switch (q->verb) {
    case DB_SELECT:
        select(&w, q);
        break;
    case DB_INSERT:
    case DB_REPLACE:
        insert(&w, q);
        break;
    case DB_UPDATE:
        buf_add(out, STR("UPDATE "));
        name(&w, q->table);
        buf_add(out, STR(" SET "));
        sets(&w, q);
        where(&w, q);
        break;
    case DB_DELETE:
        buf_add(out, STR("DELETE FROM "));
        name(&w, q->table);
        where(&w, q);
        break;
    case DB_SQL:
        given(&w, q->sql);
        break;
    }
}

/* Values in the order of their marks: columns first, then matches but those that are NULL. */
static bool columns_bind(const struct db_query *q)
{
    return q->verb != DB_SELECT && q->verb != DB_DELETE;
}

static bool matches_bind(const struct db_query *q)
{
    return q->verb == DB_SELECT || q->verb == DB_UPDATE || q->verb == DB_DELETE;
}

unsigned db_sql_values(const struct db_query *q)
{
    unsigned n = columns_bind(q) ? q->columns : 0;
    for (unsigned i = 0; matches_bind(q) && i < q->matches; i++)
        n += q->match[i].value.type != DB_NULL;
    return n;
}

const struct db_value *db_sql_value(const struct db_query *q, unsigned i)
{
    if (columns_bind(q)) {
        if (i < q->columns)
            return &q->value[i];
        i -= q->columns;
    }
    for (unsigned k = 0; matches_bind(q) && k < q->matches; k++)
        if (q->match[k].value.type != DB_NULL && i-- == 0)
            return &q->match[k].value;
    return NULL;
}
