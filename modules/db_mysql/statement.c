/* Prepared statements: a bounded number a connection; values bound, results read by type. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "modules/db_mysql/priv.h"

enum { BINARY_CHARSET = 63 };

/* ---- the cache ---- */

struct statement *maria_statement_find(struct maria_conn *c, struct str sql)
{
    for (unsigned i = 0; i < STATEMENTS; i++)
        if (c->cache[i].stmt && str_eq(c->cache[i].sql, sql)) {
            c->cache[i].used = ++c->uses;
            return &c->cache[i];
        }
    return NULL;
}

struct statement *maria_statement_place(struct maria_conn *c)
{
    struct statement *best = &c->cache[0];
    for (unsigned i = 1; i < STATEMENTS && best->stmt; i++)
        if (!c->cache[i].stmt || c->cache[i].used < best->used)
            best = &c->cache[i];
    return best;
}

int maria_statement_new(struct maria_conn *c, struct statement *s, struct str sql)
{
    char *copy = malloc(sql.len + 1);
    MYSQL_STMT *stmt = copy ? mysql_stmt_init(c->my) : NULL;
    if (!stmt) {
        free(copy);
        return ERR_NOMEM;
    }
    memcpy(copy, sql.p, sql.len);
    *s = (struct statement){.stmt = stmt, .sql = str_make(copy, sql.len), .used = ++c->uses};
    return ERR_OK;
}

void maria_statement_forget(struct statement *s)
{
    if (s->meta)
        mysql_free_result(s->meta);
    free((char *)s->sql.p);
    *s = (struct statement){.stmt = NULL};
}

/* ---- values going in ---- */

bool maria_time(MYSQL_TIME *out, int64_t seconds)
{
    struct tm tm;
    time_t t = (time_t)seconds;
    if (!localtime_r(&t, &tm))
        return false;
    *out = (MYSQL_TIME){.year = (unsigned)tm.tm_year + 1900,
                        .month = (unsigned)tm.tm_mon + 1,
                        .day = (unsigned)tm.tm_mday,
                        .hour = (unsigned)tm.tm_hour,
                        .minute = (unsigned)tm.tm_min,
                        .second = (unsigned)tm.tm_sec,
                        .time_type = MYSQL_TIMESTAMP_DATETIME};
    return true;
}

static int bind_time(MYSQL_BIND *b, const struct db_value *v, struct arena *a)
{
    MYSQL_TIME *t = arena_alloc(a, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    b->buffer_type = MYSQL_TYPE_DATETIME;
    b->buffer = t;
    return maria_time(t, v->i) ? ERR_OK : ERR_INVALID;
}

static int bind_one(MYSQL_BIND *b, const struct db_value *v, struct arena *a)
{
    switch (v->type) {
    case DB_INT:
        b->buffer_type = MYSQL_TYPE_LONGLONG;
        b->buffer = (void *)&v->i;
        return ERR_OK;
    case DB_REAL:
        b->buffer_type = MYSQL_TYPE_DOUBLE;
        b->buffer = (void *)&v->d;
        return ERR_OK;
    case DB_TEXT:
    case DB_BLOB:
        b->buffer_type = v->type == DB_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
        b->buffer = (void *)(v->s.len ? v->s.p : "");
        b->buffer_length = b->length_value = v->s.len;
        return ERR_OK;
    case DB_TIME:
        return bind_time(b, v, a);
    case DB_NULL:
        break;
    }
    b->buffer_type = MYSQL_TYPE_NULL;
    return ERR_OK;
}

int maria_statement_bind(struct maria_conn *c, struct statement *s, const struct db_query *q,
                         struct arena *a, struct buf *why)
{
    unsigned n = db_sql_values(q);
    unsigned long marks = mysql_stmt_param_count(s->stmt);
    if (n != marks) {
        buf_printf(why, "%u values for %lu marks", n, marks);
        return ERR_INVALID;
    }
    MYSQL_BIND *b = n ? arena_zalloc(a, n * sizeof *b) : NULL;
    if (n && !b)
        return ERR_NOMEM;
    for (unsigned i = 0; i < n; i++) {
        int rc = bind_one(&b[i], db_sql_value(q, i), a);
        if (rc == ERR_INVALID)
            buf_printf(why, "a time that no calendar has");
        if (rc != ERR_OK)
            return rc;
        b[i].length = &b[i].length_value; /* of this array: the library has its own copy */
    }
    if (n && mysql_stmt_bind_param(s->stmt, b) != 0)
        return maria_conn_failed(c, mysql_stmt_errno(s->stmt), mysql_stmt_error(s->stmt), why);
    return ERR_OK;
}

/* ---- values coming out ---- */

/* Where the library puts a cell. */
struct cell {
    union {
        int64_t i;
        double d;
        MYSQL_TIME t;
    };
    unsigned long length;
    my_bool null, truncated;
};

static enum enum_field_types kind_of(const MYSQL_FIELD *f)
{
    switch (f->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
        return MYSQL_TYPE_LONGLONG;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        return MYSQL_TYPE_DOUBLE;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
        return MYSQL_TYPE_DATETIME;
    default:
        return f->charsetnr == BINARY_CHARSET && f->type != MYSQL_TYPE_TIME ? MYSQL_TYPE_BLOB
                                                                            : MYSQL_TYPE_STRING;
    }
}

/* Texts get no room here: their length is asked for first. */
static int bind_results(struct statement *s, unsigned n, struct arena *a, MYSQL_BIND **bind,
                        struct cell **cell)
{
    const MYSQL_FIELD *field = mysql_fetch_fields(s->meta);
    MYSQL_BIND *b = arena_zalloc(a, n * sizeof *b);
    struct cell *k = arena_zalloc(a, n * sizeof *k);
    if (!b || !k)
        return ERR_NOMEM;
    for (unsigned i = 0; i < n; i++) {
        b[i].buffer_type = kind_of(&field[i]);
        b[i].length = &k[i].length;
        b[i].is_null = &k[i].null;
        b[i].error = &k[i].truncated;
        if (b[i].buffer_type != MYSQL_TYPE_STRING && b[i].buffer_type != MYSQL_TYPE_BLOB) {
            b[i].buffer = &k[i].i;
            b[i].buffer_length = sizeof(MYSQL_TIME);
        }
    }
    *bind = b;
    *cell = k;
    return mysql_stmt_bind_result(s->stmt, b) == 0 ? ERR_OK : ERR_NOMEM;
}

/* A date that no calendar has (0000-00-00) is NULL. */
static struct db_value from_mysql_time(const MYSQL_TIME *t)
{
    struct tm tm = {.tm_year = (int)t->year - 1900,
                    .tm_mon = (int)t->month - 1,
                    .tm_mday = (int)t->day,
                    .tm_hour = (int)t->hour,
                    .tm_min = (int)t->minute,
                    .tm_sec = (int)t->second,
                    .tm_isdst = -1};
    return t->month && t->day ? db_time((int64_t)mktime(&tm)) : db_null();
}

static int read_text(MYSQL_STMT *stmt, unsigned i, MYSQL_BIND *b, const struct cell *k,
                     struct arena *a, struct db_value *out)
{
    char *text = arena_alloc(a, k->length + 1);
    unsigned long length = k->length;
    my_bool null = 0, truncated = 0;
    MYSQL_BIND whole = {.buffer_type = b->buffer_type,
                        .buffer = text,
                        .buffer_length = k->length + 1,
                        .length = &length,
                        .is_null = &null,
                        .error = &truncated};
    if (!text || mysql_stmt_fetch_column(stmt, &whole, i, 0) != 0)
        return ERR_NOMEM;
    *out = db_text(str_make(text, k->length));
    if (b->buffer_type == MYSQL_TYPE_BLOB)
        out->type = DB_BLOB;
    return ERR_OK;
}

static int read_row(struct statement *s, MYSQL_BIND *bind, const struct cell *cell,
                    struct db_rows *rows)
{
    struct db_value *row = db_rows_add(rows);
    int rc = row ? ERR_OK : ERR_NOMEM;
    for (unsigned i = 0; rc == ERR_OK && i < rows->columns; i++) {
        if (cell[i].null)
            continue; /* it is NULL already */
        switch (bind[i].buffer_type) {
        case MYSQL_TYPE_LONGLONG:
            row[i] = db_int(cell[i].i);
            break;
        case MYSQL_TYPE_DOUBLE:
            row[i] = db_real(cell[i].d);
            break;
        case MYSQL_TYPE_DATETIME:
            row[i] = from_mysql_time(&cell[i].t);
            break;
        default:
            rc = read_text(s->stmt, i, &bind[i], &cell[i], rows->a, &row[i]);
        }
    }
    return rc;
}

static int read_rows(struct maria_conn *c, struct statement *s, struct db_rows *rows,
                     struct buf *why)
{
    MYSQL_BIND *bind;
    struct cell *cell;
    int rc = bind_results(s, rows->columns, rows->a, &bind, &cell), got;
    while (rc == ERR_OK && (got = mysql_stmt_fetch(s->stmt)) != MYSQL_NO_DATA) {
        if (got == 1)
            rc = maria_conn_failed(c, mysql_stmt_errno(s->stmt), mysql_stmt_error(s->stmt), why);
        else
            rc = read_row(s, bind, cell, rows);
    }
    return rc;
}

int maria_statement_read(struct maria_conn *c, struct statement *s, struct arena *a,
                         struct db_result *out, struct buf *why)
{
    struct db_rows rows;
    unsigned n = s->meta ? mysql_num_fields(s->meta) : 0;
    int rc = db_rows_begin(&rows, a, n);
    if (rc == ERR_OK && n != mysql_stmt_field_count(s->stmt)) {
        buf_printf(why, "the table was changed meanwhile");
        rc = ERR_IO; /* prepared anew on the next connection */
    }
    for (unsigned i = 0; rc == ERR_OK && i < n; i++)
        db_rows_name(&rows, i, str_from(mysql_fetch_field_direct(s->meta, i)->name));
    if (rc == ERR_OK && n)
        rc = read_rows(c, s, &rows, why);
    db_rows_end(&rows, out);
    my_ulonglong changed = mysql_stmt_affected_rows(s->stmt);
    out->changed = n || changed == (my_ulonglong)-1 ? 0 : changed;
    return rc;
}
