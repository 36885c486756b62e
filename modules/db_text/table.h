/* One table of db_text: a file whose first line names the columns, then a line a row. */
/* SPDX-License-Identifier: MIT */
#ifndef DB_TEXT_TABLE_H
#define DB_TEXT_TABLE_H

#include <sys/stat.h>

#include "core/db/driver.h"

enum { TEXT_MAX_COLUMNS = 64 };

struct text_column {
    struct str name;
    char type; /* i, d, s, b or t */
    bool null, automatic;
};

struct text_row {
    struct text_row *next;
    bool gone;
    struct db_value cell[];
};

struct text_table {
    struct text_table *next;
    struct str name;
    struct arena memory;
    unsigned columns, rows;
    struct text_column column[TEXT_MAX_COLUMNS];
    struct text_row *first, **last;
    int64_t next_id; /* of an automatic column */
    bool changed;    /* not written yet */
    struct timespec mtime;
    off_t size;
};

/* Reads a table's text. ERR_SYNTAX with the line in why, ERR_NOMEM. Also for the fuzzer: any bytes.
 */
int text_table_parse(struct text_table *t, struct str text, struct buf *why);
/* The text of a table. */
void text_table_print(struct buf *out, const struct text_table *t);
/* Reads, or writes by way of a second file that takes the first one's place. ERR_NOTFOUND, ERR_IO,
 * ERR_SYNTAX. */
int text_table_load(struct text_table **out, struct str folder, struct str name, struct buf *why);
int text_table_save(struct text_table *t, struct str folder, struct buf *why);
/* Whether the file is another one than was read or written last. */
bool text_table_stale(const struct text_table *t, struct str folder);
void text_table_free(struct text_table *t);
/* Number of a column, -1 when there is none. */
int text_table_column(const struct text_table *t, struct str name);
/* Runs any query but DB_SQL on it. */
int text_table_run(struct text_table *t, const struct db_query *q, struct arena *a,
                   struct db_result *out, struct buf *why);

#endif
