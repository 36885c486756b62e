/* Prepared statements, a bounded number a connection, and the values of PostgreSQL. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "modules/db_postgres/priv.h"

/* Types of the server, by their numbers in its catalog pg_type. */
enum oid {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_OID = 26,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_DATE = 1082,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700,
};

/* ---- the cache ---- */

struct statement *pg_statement_find(struct pg_conn *c, struct str sql)
{
    for (unsigned i = 0; i < STATEMENTS; i++)
        if (c->cache[i].sql.len && str_eq(c->cache[i].sql, sql)) {
            c->cache[i].used = ++c->uses;
            return &c->cache[i];
        }
    return NULL;
}

struct statement *pg_statement_place(struct pg_conn *c)
{
    struct statement *best = &c->cache[0];
    for (unsigned i = 1; i < STATEMENTS && best->sql.len; i++)
        if (!c->cache[i].sql.len || c->cache[i].used < best->used)
            best = &c->cache[i];
    return best;
}

int pg_statement_new(struct pg_conn *c, struct statement *s, struct str sql)
{
    char *copy = malloc(sql.len + 1);
    if (!copy)
        return ERR_NOMEM;
    memcpy(copy, sql.p, sql.len);
    *s = (struct statement){str_make(copy, sql.len), ++c->numbers, ++c->uses};
    return ERR_OK;
}

void pg_statement_forget(struct statement *s)
{
    free((char *)s->sql.p);
    *s = (struct statement){.sql = STR_NONE};
}

void pg_statement_name(char out[NAME_MAX_BYTES], const struct statement *s)
{
    snprintf(out, NAME_MAX_BYTES, "s%llu", (unsigned long long)s->number);
}

const char *pg_statement_sql(const struct db_query *q, struct arena *a, struct str *out)
{
    struct buf sql;
    buf_init(&sql, a, 512);
    db_sql_text(&sql, q, &pg_dialect);
    buf_char(&sql, 0);
    if (sql.failed)
        return NULL;
    *out = str_make(sql.p, sql.len - 1);
    return sql.p;
}

/* ---- values going in ---- */

static int put_text(struct pg_values *v, unsigned i, const struct db_value *value, struct arena *a,
                    struct buf *why)
{
    char mem[DB_VALUE_TEXT];
    struct str s = db_value_text(value, mem);
    if (value->type == DB_REAL) /* every digit, so that it comes back as it was */
        s = str_make(mem, (size_t)snprintf(mem, sizeof mem, "%.17g", value->d));
    if (value->type == DB_TEXT && str_find(s, 0, 0) >= 0) {
        buf_printf(why, "a text with a zero byte, which PostgreSQL cannot keep");
        return ERR_INVALID;
    }
    char *z = arena_alloc(a, s.len + 1);
    if (!z)
        return ERR_NOMEM;
    if (s.len)
        memcpy(z, s.p, s.len);
    z[s.len] = 0;
    v->text[i] = z;
    v->length[i] = (int)s.len;
    v->format[i] = value->type == DB_BLOB;
    return ERR_OK;
}

int pg_values_make(struct pg_values *v, const struct db_query *q, struct arena *a, struct buf *why)
{
    *v = (struct pg_values){.n = db_sql_values(q)};
    v->text = arena_zalloc(a, v->n * sizeof *v->text + 1);
    v->length = arena_zalloc(a, v->n * sizeof *v->length + 1);
    v->format = arena_zalloc(a, v->n * sizeof *v->format + 1);
    int rc = v->text && v->length && v->format ? ERR_OK : ERR_NOMEM;
    for (unsigned i = 0; rc == ERR_OK && i < v->n; i++) {
        const struct db_value *value = db_sql_value(q, i);
        if (value->type != DB_NULL)
            rc = put_text(v, i, value, a, why);
    }
    return rc;
}

/* ---- values coming out: all in text ---- */

/* Bytes come as \x and two digits each. */
static int read_bytes(struct db_value *out, struct str s, struct arena *a)
{
    if (!str_starts(s, STR("\\x"))) {
        *out = db_text(arena_dup(a, s));
    } else {
        size_t n = (s.len - 2) / 2;
        char *bytes = arena_alloc(a, n + 1);
        for (size_t i = 0; bytes && i < n; i++) {
            int high = ascii_hex(s.p[2 + 2 * i]), low = ascii_hex(s.p[3 + 2 * i]);
            bytes[i] = (char)((high & 15) << 4 | (low & 15));
        }
        *out = db_text(str_make(bytes, n));
    }
    out->type = DB_BLOB;
    return out->s.p ? ERR_OK : ERR_NOMEM;
}

static int read_time(struct db_value *out, struct str s, unsigned oid, struct arena *a)
{
    char text[DB_VALUE_TEXT];
    struct db_value v = db_text(s);
    if (oid == OID_DATE && s.len + 10 < sizeof text)
        v.s = str_make(text, (size_t)snprintf(text, sizeof text, "%.*s 00:00:00", STR_ARG(s)));
    else
        v.s = str_sub(s, 0, sizeof "2000-01-01 00:00:00" - 1); /* without parts of a second */
    db_value_to_time(&v);
    *out = v;
    if (v.type != DB_TIME) /* infinity, or a year that no clock has */
        *out = db_text(arena_dup(a, s));
    return v.type == DB_TIME || out->s.p ? ERR_OK : ERR_NOMEM;
}

static int read_cell(struct db_value *out, const PGresult *r, int row, int column, struct arena *a)
{
    const char *text = PQgetvalue(r, row, column);
    struct str s = str_make(text, (size_t)PQgetlength(r, row, column));
    unsigned oid = PQftype(r, column);
    switch (oid) {
    case OID_BOOL:
        *out = db_int(s.len && s.p[0] == 't');
        return ERR_OK;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_OID:
        *out = db_int(strtoll(text, NULL, 10));
        return ERR_OK;
    case OID_FLOAT4:
    case OID_FLOAT8:
    case OID_NUMERIC:
        *out = db_real(strtod(text, NULL));
        return ERR_OK;
    case OID_BYTEA:
        return read_bytes(out, s, a);
    case OID_DATE:
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ:
        return read_time(out, s, oid, a);
    default:
        *out = db_text(arena_dup(a, s));
        return out->s.p ? ERR_OK : ERR_NOMEM;
    }
}

static int read_row(struct db_rows *rows, const PGresult *r, int row)
{
    struct db_value *cell = db_rows_add(rows);
    int rc = cell ? ERR_OK : ERR_NOMEM;
    for (int i = 0; rc == ERR_OK && i < (int)rows->columns; i++)
        if (!PQgetisnull(r, row, i))
            rc = read_cell(&cell[i], r, row, i, rows->a);
    return rc;
}

int pg_result_read(const PGresult *r, struct arena *a, struct db_result *out)
{
    struct db_rows rows;
    int n = PQntuples(r);
    int rc = db_rows_begin(&rows, a, (unsigned)PQnfields(r));
    for (unsigned i = 0; rc == ERR_OK && i < rows.columns; i++)
        db_rows_name(&rows, i, str_from(PQfname(r, (int)i)));
    for (int i = 0; rc == ERR_OK && i < n; i++)
        rc = read_row(&rows, r, i);
    db_rows_end(&rows, out);
    out->changed = rows.columns ? 0 : strtoull(PQcmdTuples((PGresult *)r), NULL, 10);
    return rc;
}
