/* Tables in text files: reading and writing them. */
/* SPDX-License-Identifier: MIT */
#include "modules/db_text/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_MAX_BYTES = 1024, FILE_MAX = 256 << 20 };

/* ---- reading ---- */

static int bad(struct buf *why, unsigned line, const char *what)
{
    buf_printf(why, "line %u: %s", line, what);
    return ERR_SYNTAX;
}

/* name(type[,attribute]) */
static int parse_column(struct text_column *c, struct str text)
{
    ptrdiff_t open = str_find(text, '(', 0);
    if (open <= 0 || text.p[text.len - 1] != ')')
        return ERR_SYNTAX;
    struct str inside = str_sub(text, (size_t)open + 1, text.len - 1), type;
    *c = (struct text_column){.name = str_sub(text, 0, (size_t)open)};
    if (!str_cut(&type, &inside, ',') || type.len == 0)
        return ERR_SYNTAX;
    c->type = ascii_lower(type.p[0]);
    if (!strchr("idsbt", c->type) || !c->type)
        return ERR_SYNTAX;
    c->null = inside.p && str_starts(inside, STR("null"));
    c->automatic = inside.p && str_starts(inside, STR("auto"));
    return ERR_OK;
}

static int parse_head(struct text_table *t, struct str line, struct buf *why)
{
    struct str word;
    while (str_cut(&word, &line, ' ')) {
        word = str_trim(word);
        if (word.len == 0)
            continue;
        if (t->columns == TEXT_MAX_COLUMNS)
            return bad(why, 1, "too many columns");
        struct text_column *c = &t->column[t->columns];
        if (parse_column(c, word) != ERR_OK)
            return bad(why, 1, "a column is not written name(type[,null|auto])");
        c->name = arena_dup(&t->memory, c->name);
        if (!c->name.p)
            return ERR_NOMEM;
        t->columns++;
    }
    return t->columns ? ERR_OK : bad(why, 1, "no column is named");
}

/* The next field, without its escapes; *null when it is empty. */
static struct str field(struct text_table *t, struct str *rest, bool *more)
{
    char *mem = arena_alloc(&t->memory, rest->len + 1);
    size_t n = 0, i = 0;
    if (!mem)
        return STR_NONE;
    while (i < rest->len && rest->p[i] != ':') {
        char c = rest->p[i++];
        if (c == '\\' && i < rest->len) {
            c = rest->p[i++];
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c == '0' ? '\0' : c;
        }
        mem[n++] = c;
    }
    *more = i < rest->len;
    *rest = str_sub(*rest, i + *more, rest->len);
    t->memory.at = mem + ((n + ARENA_ALIGN) & ~(size_t)(ARENA_ALIGN - 1)); /* what was not needed */
    if (t->memory.at > t->memory.end)
        t->memory.at = t->memory.end;
    return str_make(mem, n);
}

static int64_t number_of(struct str s, bool *ok)
{
    uint64_t n = 0;
    bool minus = s.len && s.p[0] == '-', plus = s.len && s.p[0] == '+';
    *ok = str_u64(&n, str_sub(s, minus || plus, s.len), INT64_MAX) == ERR_OK;
    return minus ? -(int64_t)n : (int64_t)n;
}

/* What a field means in its column. */
static bool value_of(struct db_value *out, const struct text_column *c, struct str text)
{
    char mem[64], *end;
    bool ok = true;
    if (text.len == 0) {
        *out = c->null || (c->type != 's' && c->type != 'b') ? db_null() : db_text(text);
        return true;
    }
    switch (c->type) {
    case 'i':
        *out = db_int(number_of(text, &ok));
        return ok;
    case 't':
        *out = db_time(number_of(text, &ok));
        return ok;
    case 'd':
        if (text.len >= sizeof mem)
            return false;
        memcpy(mem, text.p, text.len);
        mem[text.len] = 0;
        *out = db_real(strtod(mem, &end));
        return *end == 0;
    default:
        *out = db_text(text);
        out->type = c->type == 'b' ? DB_BLOB : DB_TEXT;
        return true;
    }
}

static struct text_row *add_row(struct text_table *t)
{
    struct text_row *r = arena_zalloc(&t->memory, sizeof *r + t->columns * sizeof *r->cell);
    if (!r)
        return NULL;
    *t->last = r;
    t->last = &r->next;
    t->rows++;
    return r;
}

static void note_id(struct text_table *t, const struct text_row *r)
{
    for (unsigned i = 0; i < t->columns; i++)
        if (t->column[i].automatic && r->cell[i].type == DB_INT && r->cell[i].i >= t->next_id &&
            r->cell[i].i < INT64_MAX)
            t->next_id = r->cell[i].i + 1;
}

static int parse_row(struct text_table *t, struct str line, unsigned number, struct buf *why)
{
    struct text_row *r = add_row(t);
    bool more = true;
    if (!r)
        return ERR_NOMEM;
    for (unsigned i = 0; i < t->columns; i++) {
        if (!more)
            return bad(why, number, "too few fields");
        struct str text = field(t, &line, &more);
        if (!text.p)
            return ERR_NOMEM;
        if (!value_of(&r->cell[i], &t->column[i], text))
            return bad(why, number, "a field is no number");
    }
    note_id(t, r);
    return more ? bad(why, number, "too many fields") : ERR_OK;
}

int text_table_parse(struct text_table *t, struct str text, struct buf *why)
{
    struct str line;
    unsigned number = 1;
    t->next_id = 1;
    t->last = &t->first;
    if (!str_cut(&line, &text, '\n'))
        return bad(why, 1, "the file is empty");
    int rc = parse_head(t, str_trim(line), why);
    while (rc == ERR_OK && str_cut(&line, &text, '\n')) {
        number++;
        if (line.len && line.p[line.len - 1] == '\r')
            line.len--;
        if (str_trim(line).len)
            rc = parse_row(t, line, number, why);
    }
    return rc;
}

/* ---- writing ---- */

static void print_text(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        const char *escape = c == '\n'   ? "\\n"
                             : c == '\r' ? "\\r"
                             : c == '\t' ? "\\t"
                             : c == ':'  ? "\\:"
                             : c == '\\' ? "\\\\"
                             : c == 0    ? "\\0"
                                         : NULL;
        if (escape)
            buf_add(out, str_from(escape));
        else
            buf_char(out, c);
    }
}

static void print_cell(struct buf *out, const struct db_value *v)
{
    switch (v->type) {
    case DB_INT:
    case DB_TIME: /* seconds, in the file too */
        buf_printf(out, "%lld", (long long)v->i);
        return;
    case DB_REAL:
        buf_printf(out, "%.6f", v->d);
        return;
    case DB_TEXT:
    case DB_BLOB:
        print_text(out, v->s);
        return;
    case DB_NULL:
        return;
    }
}

void text_table_print(struct buf *out, const struct text_table *t)
{
    for (unsigned i = 0; i < t->columns; i++) {
        const struct text_column *c = &t->column[i];
        const char *type = c->type == 'i'   ? "int"
                           : c->type == 'd' ? "double"
                           : c->type == 's' ? "string"
                           : c->type == 'b' ? "blob"
                                            : "time";
        buf_printf(out, "%s%.*s(%s%s)", i ? " " : "", STR_ARG(c->name), type,
                   c->null        ? ",null"
                   : c->automatic ? ",auto"
                                  : "");
    }
    buf_char(out, '\n');
    for (const struct text_row *r = t->first; r; r = r->next) {
        for (unsigned i = 0; !r->gone && i < t->columns; i++) {
            buf_add(out, i ? STR(":") : STR_NONE);
            print_cell(out, &r->cell[i]);
        }
        buf_add(out, r->gone ? STR_NONE : STR("\n"));
    }
}

/* ---- files ---- */

/* A table's name must not lead out of its folder. */
static bool path_of(char *path, struct str folder, struct str name, const char *suffix)
{
    if (name.len == 0 || name.p[0] == '.' || str_find(name, '/', 0) >= 0 ||
        memchr(name.p, 0, name.len))
        return false;
    int n = snprintf(path, PATH_MAX_BYTES, "%.*s/%.*s%s", STR_ARG(folder), STR_ARG(name), suffix);
    return n > 0 && n < PATH_MAX_BYTES;
}

static int read_all(int fd, size_t size, struct arena *a, struct str *out)
{
    char *mem = arena_alloc(a, size + 1);
    size_t n = 0;
    while (mem && n < size) {
        ssize_t got = read(fd, mem + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    *out = str_make(mem, n);
    return mem ? ERR_OK : ERR_NOMEM;
}

static int load_from(struct text_table *t, const char *path, struct buf *why)
{
    struct stat st;
    struct arena a;
    struct str text;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
        buf_printf(why, "%s: %s", path, fd < 0 ? strerror(errno) : "not a file of a fit size");
        if (fd >= 0)
            close(fd);
        return ERR_NOTFOUND;
    }
    t->mtime = st.st_mtim;
    t->size = st.st_size;
    arena_init(&a, NULL, 4096);
    int rc = read_all(fd, (size_t)st.st_size, &a, &text);
    close(fd);
    size_t before = why->len;
    buf_printf(why, "%s: ", path);
    if (rc == ERR_OK)
        rc = text_table_parse(t, text, why);
    if (rc == ERR_OK)
        why->len = before;
    arena_reset(&a);
    return rc;
}

int text_table_load(struct text_table **out, struct str folder, struct str name, struct buf *why)
{
    char path[PATH_MAX_BYTES];
    if (!path_of(path, folder, name, "")) {
        buf_printf(why, "\"%.*s\" is no name of a table", STR_ARG(name));
        return ERR_NOTFOUND;
    }
    struct text_table *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    arena_init(&t->memory, NULL, 4096);
    t->name = arena_dup(&t->memory, name);
    int rc = t->name.p ? load_from(t, path, why) : ERR_NOMEM;
    if (rc == ERR_OK)
        *out = t;
    else
        text_table_free(t);
    return rc;
}

static bool write_all(int fd, struct str s)
{
    size_t n = 0;
    while (n < s.len) {
        ssize_t put = write(fd, s.p + n, s.len - n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        n += (size_t)put;
    }
    return true;
}

int text_table_save(struct text_table *t, struct str folder, struct buf *why)
{
    char path[PATH_MAX_BYTES], fresh[PATH_MAX_BYTES];
    struct arena a;
    struct buf text;
    struct stat st;
    if (!path_of(path, folder, t->name, "") || !path_of(fresh, folder, t->name, ".new"))
        return ERR_INVALID;
    arena_init(&a, NULL, 65536);
    buf_init(&text, &a, 65536);
    text_table_print(&text, t);
    int fd = text.failed ? -1 : open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
    bool ok = fd >= 0 && write_all(fd, buf_str(&text)) && fdatasync(fd) == 0 && fstat(fd, &st) == 0;
    if (fd >= 0)
        close(fd);
    ok = ok && rename(fresh, path) == 0;
    if (!ok)
        buf_printf(why, "%s: %s", path, strerror(errno));
    arena_reset(&a);
    if (!ok)
        return ERR_IO;
    t->changed = false;
    t->mtime = st.st_mtim;
    t->size = st.st_size;
    return ERR_OK;
}

bool text_table_stale(const struct text_table *t, struct str folder)
{
    char path[PATH_MAX_BYTES];
    struct stat st;
    return path_of(path, folder, t->name, "") && stat(path, &st) == 0 &&
           (st.st_mtim.tv_sec != t->mtime.tv_sec || st.st_mtim.tv_nsec != t->mtime.tv_nsec ||
            st.st_size != t->size);
}

void text_table_free(struct text_table *t)
{
    if (!t)
        return;
    arena_reset(&t->memory);
    free(t);
}

int text_table_column(const struct text_table *t, struct str name)
{
    for (unsigned i = 0; i < t->columns; i++)
        if (str_ieq(t->column[i].name, name))
            return (int)i;
    return -1;
}
