/* Values of databases and results made of them. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "core/base/err.h"
#include "core/db/driver.h"

enum { ROWS_FIRST = 8 };

struct str db_value_text(const struct db_value *v, char mem[DB_VALUE_TEXT])
{
    struct tm tm;
    time_t t;
    int n = 0;
    switch (v->type) {
    case DB_TEXT:
    case DB_BLOB:
        return v->s;
    case DB_INT:
        n = snprintf(mem, DB_VALUE_TEXT, "%lld", (long long)v->i);
        break;
    case DB_REAL:
        n = snprintf(mem, DB_VALUE_TEXT, "%.15g", v->d);
        break;
    case DB_TIME:
        t = (time_t)v->i;
        if (localtime_r(&t, &tm))
            n = (int)strftime(mem, DB_VALUE_TEXT, "%Y-%m-%d %H:%M:%S", &tm);
        break;
    case DB_NULL:
        break;
    }
    return str_make(mem, n > 0 ? (size_t)n : 0);
}

void db_value_to_time(struct db_value *v)
{
    struct tm tm = {.tm_isdst = -1};
    char text[DB_VALUE_TEXT];
    int end = 0;
    if ((v->type != DB_TEXT && v->type != DB_BLOB) || v->s.len >= sizeof text)
        return;
    memcpy(text, v->s.p, v->s.len);
    text[v->s.len] = 0;
    if (sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &end) < 6 ||
        end == 0)
        return;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *v = db_time((int64_t)mktime(&tm));
}

static int64_t text_int(struct str s, int64_t missing)
{
    uint64_t n = 0;
    bool minus = s.len && s.p[0] == '-';
    if (str_u64(&n, minus ? str_sub(s, 1, s.len) : s, INT64_MAX) != ERR_OK)
        return missing;
    return minus ? -(int64_t)n : (int64_t)n;
}

int64_t db_value_int(const struct db_value *v, int64_t missing)
{
    switch (v->type) {
    case DB_INT:
    case DB_TIME:
        return v->i;
    case DB_REAL:
        return v->d >= -9e18 && v->d <= 9e18 ? (int64_t)v->d : missing;
    case DB_TEXT:
    case DB_BLOB:
        return text_int(v->s, missing);
    case DB_NULL:
        break;
    }
    return missing;
}

int db_rows_begin(struct db_rows *b, struct arena *a, unsigned columns)
{
    *b = (struct db_rows){.a = a, .columns = columns};
    b->name = arena_zalloc(a, columns * sizeof *b->name + 1);
    return b->name ? ERR_OK : ERR_NOMEM;
}

void db_rows_name(struct db_rows *b, unsigned column, struct str name)
{
    b->name[column] = arena_dup(b->a, name);
}

struct db_value *db_rows_add(struct db_rows *b)
{
    if (b->rows == b->room) {
        unsigned room = b->room ? b->room * 2 : ROWS_FIRST;
        struct db_value *more = arena_alloc(b->a, (size_t)room * b->columns * sizeof *more + 1);
        if (!more)
            return NULL;
        if (b->rows)
            memcpy(more, b->cell, (size_t)b->rows * b->columns * sizeof *more);
        b->cell = more;
        b->room = room;
    }
    struct db_value *row = b->cell + (size_t)b->rows++ * b->columns;
    for (unsigned i = 0; i < b->columns; i++)
        row[i] = db_null();
    return row;
}

void db_rows_end(const struct db_rows *b, struct db_result *out)
{
    *out = (struct db_result){
        .columns = b->columns, .rows = b->rows, .name = b->name, .cell = b->cell};
}
