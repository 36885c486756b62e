/* The list of destinations: a file of lines "set uri [flags]", or a table. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "modules/dispatcher/priv.h"

enum { LINE_BYTES = 1024, FIRST_ROOM = 8, STATES = DS_INACTIVE | DS_PROBING };

/* ---- sets ---- */

struct ds_set *ds_find_set(const struct ds_list *l, uint32_t id)
{
    struct ds_set *s = l ? l->sets : NULL;
    while (s && s->id != id)
        s = s->next;
    return s;
}

static struct ds_list *make_list(struct arena *a)
{
    struct ds_list *l = arena_zalloc(a, sizeof *l);
    if (l)
        l->end = &l->sets;
    return l;
}

static struct ds_set *make_set(struct arena *a, struct ds_list *l, uint32_t id)
{
    struct ds_set *s = ds_find_set(l, id);
    if (s || !(s = arena_zalloc(a, sizeof *s)))
        return s;
    s->id = id;
    *l->end = s;
    l->end = &s->next;
    return s;
}

static struct ds_dest *add_dest(struct arena *a, struct ds_set *s)
{
    if (s->n == s->room) {
        unsigned room = s->room ? s->room * 2 : FIRST_ROOM;
        struct ds_dest *more = arena_zalloc(a, room * sizeof *more);
        if (!more)
            return NULL;
        for (unsigned i = 0; i < s->n; i++) {
            more[i].uri = s->dest[i].uri;
            more[i].ip = s->dest[i].ip;
            more[i].port = s->dest[i].port;
            more[i].listed = s->dest[i].listed;
            atomic_init(&more[i].state, more[i].listed);
        }
        s->dest = more;
        s->room = room;
    }
    return &s->dest[s->n++];
}

/* ERR_SYNTAX for what is no destination. */
static int add(struct arena *a, struct ds_list *l, int64_t id, struct str uri, int64_t state)
{
    struct uri u;
    if (id < 0 || id > INT32_MAX || state < 0 || state > STATES || uri_parse(&u, uri) != ERR_OK ||
        u.host.len == 0)
        return ERR_SYNTAX;
    struct ds_set *s = make_set(a, l, (uint32_t)id);
    struct ds_dest *d = s ? add_dest(a, s) : NULL;
    if (!d)
        return ERR_NOMEM;
    d->uri = arena_dup(a, uri);
    d->port = u.port;
    d->listed = (uint32_t)state;
    atomic_init(&d->state, d->listed);
    if (ip_parse(&d->ip, u.host) != ERR_OK)
        d->ip.family = 0;
    return d->uri.p ? ERR_OK : ERR_NOMEM;
}

/* ---- from a file ---- */

/* The next word of a line; empty at its end. */
static struct str next_word(struct str *rest)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->len && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    struct str word = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->len);
    return word;
}

static int read_line(struct arena *a, struct ds_list *l, struct str line)
{
    struct str rest = line, set = next_word(&rest), uri = next_word(&rest);
    struct str flags = next_word(&rest);
    uint32_t id, state = 0;
    if (str_u32(&id, set, INT32_MAX) != ERR_OK ||
        (flags.len && str_u32(&state, flags, STATES) != ERR_OK))
        return ERR_SYNTAX;
    return add(a, l, id, uri, state);
}

static int read_lines(struct arena *a, struct ds_list *l, struct str name, FILE *f, struct buf *why)
{
    char bytes[LINE_BYTES];
    for (unsigned number = 1; fgets(bytes, sizeof bytes, f); number++) {
        struct str line = str_trim(str_from(bytes));
        if (line.len == 0 || line.p[0] == '#')
            continue;
        int rc = read_line(a, l, line);
        if (rc == ERR_NOMEM)
            return rc;
        if (rc != ERR_OK) {
            buf_printf(why, "%.*s, line %u: \"%.*s\" is not written: set uri [flags]",
                       STR_ARG(name), number, STR_ARG(line));
            return rc;
        }
    }
    if (l->sets)
        return ERR_OK;
    buf_printf(why, "%.*s has no destination", STR_ARG(name));
    return ERR_INVALID;
}

static int read_file(struct arena *a, struct ds_list *l, const struct ds_conf *conf,
                     struct buf *why)
{
    FILE *f = fopen(conf->path.p, "r");
    if (!f) {
        buf_printf(why, "cannot read the list of destinations %.*s: %s", STR_ARG(conf->path),
                   strerror(errno));
        return ERR_IO;
    }
    int rc = read_lines(a, l, conf->list_file, f, why);
    fclose(f);
    return rc;
}

static bool exists(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f)
        fclose(f);
    return f != NULL;
}

int ds_check_file(struct prepare *p, struct ds_conf *conf)
{
    struct arena scratch;
    conf->path = prepare_path(p, conf->list_file);
    if (!conf->path.p)
        return ERR_NOMEM;
    size_t folder = conf->path.len - conf->list_file.len;
    if (folder && !exists(conf->path.p) && exists(conf->path.p + folder))
        conf->path = str_sub(conf->path, folder, conf->path.len); /* from where we run */
    arena_init(&scratch, NULL, LINE_BYTES);
    struct ds_list *l = make_list(&scratch);
    int rc = l ? read_file(&scratch, l, conf, p->error) : ERR_NOMEM;
    arena_reset(&scratch);
    return rc;
}

/* ---- from a table ---- */

/* A number, or a text of digits; -1 for anything else. */
static int64_t number_of(const struct db_value *v)
{
    return db_value_int(v, -1);
}

static int read_row(struct memtable_reading *reading, const struct db_result *r, unsigned row)
{
    const struct ds_conf *conf = reading->conf;
    char mem[3][DB_VALUE_TEXT];
    const struct db_value *set = db_cell(r, row, 0), *uri = db_cell(r, row, 1);
    const struct db_value *flags = r->columns > 2 ? db_cell(r, row, 2) : NULL;
    int64_t state = flags && flags->type != DB_NULL ? number_of(flags) : 0;
    int rc = add(reading->arena, reading->data, number_of(set), db_value_text(uri, mem[0]), state);
    if (rc == ERR_SYNTAX)
        buf_printf(reading->why,
                   "row %u of table %.*s makes no sense: set \"%.*s\", destination \"%.*s\", flags "
                   "\"%.*s\"",
                   row + 1, STR_ARG(conf->table_name), STR_ARG(db_value_text(set, mem[1])),
                   STR_ARG(db_value_text(uri, mem[0])),
                   STR_ARG(flags ? db_value_text(flags, mem[2]) : STR_NONE));
    return rc;
}

/* Version 1 of the table has no flags. */
static bool has_flags(const struct memtable_reading *reading)
{
    const struct ds_conf *conf = reading->conf;
    char text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    return db_check_version(reading->db, conf->table_name, 2, 2, &why) == ERR_OK;
}

static bool read_rows(struct memtable_reading *reading)
{
    const struct ds_conf *conf = reading->conf;
    const struct str column[] = {conf->setid_col, conf->destination_col, conf->flags_col};
    struct db_result r;
    if (!memtable_select(reading, conf->table_name, has_flags(reading) ? 3 : 2, column, &r))
        return false;
    for (unsigned i = 0; i < r.rows; i++)
        if (read_row(reading, &r, i) != ERR_OK)
            return false;
    if (r.rows == 0)
        log_warn("dispatcher: table %.*s has no destination", STR_ARG(conf->table_name));
    return true;
}

/* ---- both ---- */

/* What was found out about a destination since it was read stays true, unless the list itself says
 * something else now. */
static void keep_states(struct ds_list *l, const struct ds_list *before)
{
    for (struct ds_set *s = l->sets; s; s = s->next)
        for (unsigned i = 0; i < s->n; i++) {
            struct ds_dest *d = &s->dest[i];
            const struct ds_dest *was = ds_find_dest(before, s->id, d->uri);
            if (!was || was->listed != d->listed)
                continue;
            atomic_store(&d->state, atomic_load(&was->state));
            atomic_store(&d->failures, atomic_load(&was->failures));
        }
}

static bool read_list(struct memtable_reading *reading)
{
    const struct ds_conf *conf = reading->conf;
    struct ds_list *l = reading->data = make_list(reading->arena);
    bool good = l && (reading->db ? read_rows(reading)
                                  : read_file(reading->arena, l, conf, reading->why) == ERR_OK);
    if (good)
        keep_states(l, reading->now);
    return good;
}

const struct memtable ds_table = {.name = "the destinations",
                                  .reload = {"ds_reload", "",
                                             "Reads the list of destinations anew.", 0, 0, 0, NULL,
                                             mi_reload_table},
                                  .read = read_list};
