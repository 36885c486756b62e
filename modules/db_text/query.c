/* Queries on a table in memory: every row is looked at. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/db_text/table.h"

/* A match with its column found. */
struct test {
    int column;
    enum db_compare how;
    struct db_value value;
};

struct plan {
    struct text_table *table;
    unsigned tests, columns;
    struct test test[TEXT_MAX_COLUMNS];
    int column[TEXT_MAX_COLUMNS];
};

static int no_column(const struct text_table *t, struct str name, struct buf *why)
{
    buf_printf(why, "table %.*s has no column %.*s", STR_ARG(t->name), STR_ARG(name));
    return ERR_INVALID;
}

static int explain(struct plan *p, struct text_table *t, const struct db_query *q, struct buf *why)
{
    *p = (struct plan){.table = t, .tests = q->matches, .columns = q->columns};
    if (q->matches > TEXT_MAX_COLUMNS || q->columns > TEXT_MAX_COLUMNS)
        return ERR_LIMIT;
    for (unsigned i = 0; i < q->matches; i++) {
        const struct db_match *m = &q->match[i];
        p->test[i] = (struct test){text_table_column(t, m->column), m->how, m->value};
        if (p->test[i].column < 0)
            return no_column(t, m->column, why);
        if (m->how == DB_LIKE) {
            buf_printf(why, "LIKE is not known to text tables");
            return ERR_UNSUPPORTED;
        }
    }
    for (unsigned i = 0; i < q->columns; i++) {
        p->column[i] = text_table_column(t, q->column[i]);
        if (p->column[i] < 0)
            return no_column(t, q->column[i], why);
    }
    return ERR_OK;
}

/* < 0, 0, > 0; numbers as numbers when both are, else as texts. */
static int order_of(const struct db_value *a, const struct db_value *b)
{
    char x[DB_VALUE_TEXT], y[DB_VALUE_TEXT];
    bool numbers = (a->type == DB_INT || a->type == DB_TIME || a->type == DB_REAL);
    if (!numbers)
        return str_cmp(db_value_text(a, x), db_value_text(b, y));
    if (a->type == DB_REAL || b->type == DB_REAL) {
        double l = a->type == DB_REAL ? a->d : (double)a->i;
        double r = b->type == DB_REAL ? b->d : (double)db_value_int(b, 0);
        return l < r ? -1 : l > r;
    }
    int64_t r = db_value_int(b, INT64_MIN);
    return a->i < r ? -1 : a->i > r;
}

static bool holds(const struct test *t, const struct db_value *cell)
{
    if (cell->type == DB_NULL || t->value.type == DB_NULL) {
        bool same = cell->type == t->value.type;
        return t->how == DB_NE ? !same : same && t->how == DB_EQ;
    }
    int c = order_of(cell, &t->value);
    switch (t->how) {
    case DB_EQ:
        return c == 0;
    case DB_NE:
        return c != 0;
    case DB_LT:
        return c < 0;
    case DB_GT:
        return c > 0;
    case DB_LE:
        return c <= 0;
    case DB_GE:
        return c >= 0;
    case DB_LIKE:
        break;
    }
    return false;
}

static bool fits(const struct plan *p, const struct text_row *r)
{
    if (r->gone)
        return false;
    for (unsigned i = 0; i < p->tests; i++)
        if (!holds(&p->test[i], &r->cell[p->test[i].column]))
            return false;
    return true;
}

/* ---- SELECT ---- */

static bool copy_cell(struct db_value *to, const struct db_value *from, struct arena *a)
{
    *to = *from;
    if (from->type == DB_TEXT || from->type == DB_BLOB)
        to->s = arena_dup(a, from->s);
    return (from->type != DB_TEXT && from->type != DB_BLOB) || to->s.p;
}

static bool select_row(struct db_rows *rows, const struct plan *p, const struct text_row *r)
{
    struct db_value *row = db_rows_add(rows);
    for (unsigned i = 0; row && i < rows->columns; i++)
        if (!copy_cell(&row[i], &r->cell[p->columns ? (unsigned)p->column[i] : i], rows->a))
            return false;
    return row;
}

struct sorted {
    const struct text_row *row;
    unsigned at;
    int column;
    bool falling;
};

static int by_column(const void *x, const void *y)
{
    const struct sorted *a = x, *b = y;
    int c = order_of(&a->row->cell[a->column], &b->row->cell[b->column]);
    if (c == 0)
        return a->at < b->at ? -1 : a->at > b->at;
    return a->falling ? -c : c;
}

/* The rows that fit, in the wanted order. */
static int collect(const struct plan *p, const struct db_query *q, struct arena *a,
                   struct sorted **out, unsigned *n, struct buf *why)
{
    bool falling = q->order.len && q->order.p[0] == '-';
    struct str name = str_sub(q->order, falling, q->order.len);
    int column = q->order.len ? text_table_column(p->table, name) : 0;
    *n = 0;
    if (column < 0)
        return no_column(p->table, name, why);
    *out = arena_alloc(a, (p->table->rows + 1) * sizeof **out);
    if (!*out)
        return ERR_NOMEM;
    for (const struct text_row *r = p->table->first; r; r = r->next)
        if (fits(p, r)) {
            (*out)[*n] = (struct sorted){r, *n, column, falling};
            ++*n;
        }
    if (q->order.len)
        qsort(*out, *n, sizeof **out, by_column);
    return ERR_OK;
}

static int run_select(const struct plan *p, const struct db_query *q, struct arena *a,
                      struct db_result *out, struct buf *why)
{
    const struct text_table *t = p->table;
    struct db_rows rows;
    struct sorted *found;
    unsigned n;
    int rc = db_rows_begin(&rows, a, p->columns ? p->columns : t->columns);
    if (rc == ERR_OK)
        rc = collect(p, q, a, &found, &n, why);
    if (rc != ERR_OK)
        return rc;
    for (unsigned i = 0; i < rows.columns; i++)
        db_rows_name(&rows, i, t->column[p->columns ? (unsigned)p->column[i] : i].name);
    for (unsigned i = 0; i < n && (!q->limit || i < q->limit); i++)
        if (!select_row(&rows, p, found[i].row))
            return ERR_NOMEM;
    db_rows_end(&rows, out);
    return ERR_OK;
}

/* ---- changes ---- */

/* A value as its column keeps it. */
static bool store(struct text_table *t, unsigned column, struct db_value *to,
                  const struct db_value *v)
{
    char mem[DB_VALUE_TEXT];
    if (v->type == DB_NULL) {
        *to = db_null();
        return true;
    }
    switch (t->column[column].type) {
    case 'i':
        *to = db_int(db_value_int(v, 0));
        return true;
    case 't':
        *to = db_time(db_value_int(v, 0));
        return true;
    case 'd':
        *to = db_real(v->type == DB_REAL ? v->d : (double)db_value_int(v, 0));
        return true;
    default:
        *to = db_text(arena_dup(&t->memory, db_value_text(v, mem)));
        return to->s.p;
    }
}

static int run_insert(const struct plan *p, const struct db_query *q, struct db_result *out)
{
    struct text_table *t = p->table;
    struct text_row *r = arena_zalloc(&t->memory, sizeof *r + t->columns * sizeof *r->cell);
    if (!r)
        return ERR_NOMEM;
    for (unsigned i = 0; i < t->columns; i++)
        if (t->column[i].automatic)
            r->cell[i] = db_int(t->next_id++);
    for (unsigned i = 0; i < p->columns; i++)
        if (!store(t, (unsigned)p->column[i], &r->cell[p->column[i]], &q->value[i]))
            return ERR_NOMEM;
    *t->last = r;
    t->last = &r->next;
    t->rows++;
    out->changed = 1;
    return ERR_OK;
}

static int run_change(const struct plan *p, const struct db_query *q, struct db_result *out)
{
    for (struct text_row *r = p->table->first; r; r = r->next) {
        if (!fits(p, r))
            continue;
        out->changed++;
        r->gone = q->verb == DB_DELETE;
        for (unsigned i = 0; !r->gone && i < p->columns; i++)
            if (!store(p->table, (unsigned)p->column[i], &r->cell[p->column[i]], &q->value[i]))
                return ERR_NOMEM;
    }
    return ERR_OK;
}

/* REPLACE: the row of the same key, or a new one. */
static int run_replace(const struct plan *p, const struct db_query *q, struct db_result *out)
{
    int rc = run_change(p, q, out);
    return rc != ERR_OK || out->changed ? rc : run_insert(p, q, out);
}

int text_table_run(struct text_table *t, const struct db_query *q, struct arena *a,
                   struct db_result *out, struct buf *why)
{
    struct plan p;
    int rc = explain(&p, t, q, why);
    *out = (struct db_result){.rows = 0};
    if (rc != ERR_OK)
        return rc;
    switch (q->verb) {
    case DB_SELECT:
        return run_select(&p, q, a, out, why);
    case DB_INSERT:
        rc = run_insert(&p, q, out);
        break;
    case DB_REPLACE:
        rc = run_replace(&p, q, out);
        break;
    case DB_UPDATE:
    case DB_DELETE:
        rc = run_change(&p, q, out);
        break;
    case DB_SQL:
        buf_printf(why, "text tables know no SQL");
        return ERR_UNSUPPORTED;
    }
    t->changed = t->changed || out->changed;
    return rc;
}
