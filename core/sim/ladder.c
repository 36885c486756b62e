/* The ladder: columns for who takes part, arrows for messages, the lines of the script between. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/ladder.h"

#include "core/base/err.h"

enum {
    MOST_COLUMNS = 40,
    COLUMN = 18,
    MOST_EVENTS = 2000,
    HEAD_ROWS = 60,
    TAIL_ROWS = 20,
    WHAT_MAX = 60
};

enum rung_kind { RUNG_MESSAGE, RUNG_LINE, RUNG_NOTE };

struct rung {
    struct rung *next;
    enum rung_kind kind;
    uint64_t at, packet;
    int from, to;
    const char *lost; /* why, or NULL */
    bool again, delivered, copy;
    struct str what;
};

struct column {
    struct str name;
    struct addr at;
    int place; /* of those of the same name one */
};

struct ladder {
    struct arena *arena;
    struct world *world;
    struct observer observer;
    struct column column[MOST_COLUMNS];
    unsigned columns, places;
    struct rung *first, **last;
    unsigned rungs;
    unsigned left_out;
};

/* ---- watching ---- */

static struct rung *add(struct ladder *l, enum rung_kind kind)
{
    struct rung *r = l->rungs < MOST_EVENTS ? arena_zalloc(l->arena, sizeof *r) : NULL;
    if (!r) {
        l->left_out++;
        return NULL;
    }
    l->rungs++;
    r->kind = kind;
    r->at = world_now(l->world);
    *l->last = r;
    l->last = &r->next;
    return r;
}

static int place_of(const struct ladder *l, const struct addr *a)
{
    for (unsigned i = 0; i < l->columns; i++)
        if (addr_eq(&l->column[i].at, a))
            return l->column[i].place;
    return -1;
}

/* "INVITE sip:bob@127.0.0.1" without the version, "486 Busy Here (INVITE)". */
static struct str describe(struct arena *a, struct str bytes)
{
    char what[WHAT_MAX];
    struct str line = str_sub(bytes, 0, (size_t)(str_find(bytes, '\n', 0) + 1));
    line = str_trim(line.len ? line : bytes);
    packet_what(what, sizeof what, bytes);
    if (str_starts(line, STR("SIP/2.0 "))) {
        line = str_sub(line, 8, line.len);
        const char *method = strlen(what) > 4 ? what + 4 : "?";
        return strcmp(method, "INVITE") == 0 ? arena_dup(a, line)
                                             : arena_printf(a, "%.*s (%s)", STR_ARG(line), method);
    }
    if (str_ends(line, STR(" SIP/2.0")))
        line.len -= 8;
    return arena_dup(a, line);
}

static bool sent_before(const struct ladder *l, const struct rung *r)
{
    for (const struct rung *x = l->first; x && x != r; x = x->next)
        if (x->kind == RUNG_MESSAGE && x->from == r->from && x->to == r->to &&
            str_eq(x->what, r->what))
            return true;
    return false;
}

static struct rung *find(struct ladder *l, uint64_t packet, bool copy)
{
    struct rung *found = NULL;
    for (struct rung *x = l->first; x; x = x->next)
        if (x->kind == RUNG_MESSAGE && x->packet == packet && (x->copy == copy || !copy))
            found = x;
    return found;
}

static void packet(void *user, const struct packet *p, enum packet_fate fate)
{
    struct ladder *l = user;
    struct rung *r = fate == PACKET_SENT ? NULL : find(l, p->number, p->copy);
    if (fate == PACKET_SENT || (p->copy && !r)) {
        r = add(l, RUNG_MESSAGE);
        if (!r)
            return;
        r->packet = p->number;
        r->copy = p->copy;
        r->from = place_of(l, &p->src);
        r->to = place_of(l, &p->dst);
        r->what = describe(l->arena, p->bytes);
        r->again = sent_before(l, r);
    }
    if (r && fate == PACKET_LOST)
        r->lost = p->why;
    if (r && fate == PACKET_DELIVERED)
        r->delivered = true;
}

static void line(void *user, const struct program *program, struct loc at)
{
    struct ladder *l = user;
    struct str name, text = str_trim(program_source_line(program, at, &name));
    struct rung *r = add(l, RUNG_LINE);
    size_t slash = name.len;
    if (!r)
        return;
    while (slash && name.p[slash - 1] != '/')
        slash--;
    r->what = arena_printf(l->arena, "%.*s:%u  %.*s", STR_ARG(str_sub(name, slash, name.len)),
                           at.line, STR_ARG(text));
}

static void log_text(void *user, int level, struct str text)
{
    (void)level;
    ladder_note(user, str_trim(text));
}

struct ladder *ladder_new(struct arena *a, struct world *w)
{
    struct ladder *l = arena_zalloc(a, sizeof *l);
    if (!l)
        return NULL;
    l->arena = a;
    l->world = w;
    l->last = &l->first;
    l->observer = (struct observer){.user = l, .packet = packet, .line = line, .log = log_text};
    world_observe(w, &l->observer);
    return l;
}

void ladder_stop(struct ladder *l)
{
    if (l->world)
        world_ignore(l->world, &l->observer);
    l->world = NULL;
}

void ladder_column(struct ladder *l, struct str name, const struct addr *at)
{
    if (l->columns == MOST_COLUMNS)
        return;
    struct column *c = &l->column[l->columns];
    *c = (struct column){arena_dup(l->arena, name), *at, -1};
    for (unsigned i = 0; i < l->columns; i++)
        if (str_eq(l->column[i].name, name))
            c->place = l->column[i].place;
    if (c->place < 0)
        c->place = (int)l->places++;
    l->columns++;
}

void ladder_note(struct ladder *l, struct str text)
{
    struct rung *r = add(l, RUNG_NOTE);
    if (r)
        r->what = arena_dup(l->arena, text);
}

/* ---- drawing ---- */

enum { ROW_MAX = MOST_COLUMNS * COLUMN + 1 };

static void empty_row(const struct ladder *l, char *row)
{
    memset(row, ' ', ROW_MAX);
    for (unsigned i = 0; i < l->places; i++)
        row[i * COLUMN + COLUMN / 2] = '|';
    row[l->places * COLUMN] = 0;
}

static void end_row(char *row, size_t cap, FILE *out)
{
    size_t n = strnlen(row, cap);
    while (n && row[n - 1] == ' ')
        n--;
    fprintf(out, "%.*s", (int)n, row);
}

static void print_head(const struct ladder *l, FILE *out)
{
    char row[ROW_MAX];
    memset(row, ' ', sizeof row);
    for (unsigned i = 0; i < l->columns; i++) {
        struct str n = l->column[i].name;
        size_t len = n.len < COLUMN - 2 ? n.len : COLUMN - 2;
        memcpy(row + l->column[i].place * COLUMN + (COLUMN - len) / 2, n.p, len);
    }
    row[l->places * COLUMN] = 0;
    fputs("             ", out);
    end_row(row, sizeof row, out);
    fputc('\n', out);
}

/* The words on an arrow, cut to what there is room for; a request is named by its method alone when
 * its URI has no room. */
static void put_words(char *row, size_t from, size_t room, struct str what)
{
    if (what.len > room && !ascii_digit(what.p[0])) {
        ptrdiff_t blank = str_find(what, ' ', 0);
        what = str_sub(what, 0, blank < 0 ? what.len : (size_t)blank);
    }
    size_t n = what.len < room ? what.len : room;
    for (size_t i = 0; i < n; i++)
        row[from + i] = (unsigned char)what.p[i] < 0x20 ? '?' : what.p[i];
}

static void print_message(const struct ladder *l, const struct rung *r, FILE *out)
{
    char row[ROW_MAX];
    empty_row(l, row);
    fprintf(out, "%8llu.%03llu ", (unsigned long long)(r->at / 1000),
            (unsigned long long)(r->at % 1000));
    if (r->from < 0 || r->to < 0 || r->from == r->to) {
        end_row(row, sizeof row, out);
        fprintf(out, "  %.*s %s", STR_ARG(r->what),
                r->from == r->to ? "(to itself)" : "(from or to an address nobody has)");
    } else {
        bool right = r->from < r->to;
        size_t a = (size_t)(right ? r->from : r->to) * COLUMN + COLUMN / 2 + 1;
        size_t b = (size_t)(right ? r->to : r->from) * COLUMN + COLUMN / 2;
        memset(row + a, '-', b - a);
        row[right ? b - 1 : a] = r->lost ? 'x' : right ? '>' : '<';
        struct str what = r->what;
        put_words(row, a + 2, b - a - 4, what);
        end_row(row, sizeof row, out);
    }
    if (r->again)
        fputs("  again", out);
    if (r->lost)
        fprintf(out, "  lost: %s", r->lost);
    fputc('\n', out);
}

static void print(const struct ladder *l, bool whole, FILE *out)
{
    unsigned n = 0;
    print_head(l, out);
    for (const struct rung *r = l->first; r; r = r->next, n++)
        if (n >= HEAD_ROWS && n + TAIL_ROWS < l->rungs && !whole) {
            if (n == HEAD_ROWS)
                fprintf(out, "             ... %u more ...\n", l->rungs - HEAD_ROWS - TAIL_ROWS);
        } else if (r->kind == RUNG_MESSAGE)
            print_message(l, r, out);
        else
            fprintf(out, "             %s %.*s\n", r->kind == RUNG_LINE ? "      *" : "--",
                    STR_ARG(r->what));
    if (l->left_out)
        fprintf(out, "             ... and %u more\n", l->left_out);
}

void ladder_print(const struct ladder *l, FILE *out)
{
    print(l, false, out);
}

void ladder_print_whole(const struct ladder *l, FILE *out)
{
    print(l, true, out);
}

/* ---- comparing ---- */

static struct str name_at(const struct ladder *l, int place)
{
    for (unsigned i = 0; i < l->columns; i++)
        if (l->column[i].place == place)
            return l->column[i].name;
    return STR("?");
}

void ladder_digest(const struct ladder *l, struct buf *out)
{
    for (const struct rung *r = l->first; r; r = r->next) {
        struct str from = name_at(l, r->from), to = name_at(l, r->to);
        if (r->kind == RUNG_MESSAGE && !r->again)
            buf_printf(out, "%.*s: %.*s > %.*s\n", STR_ARG(r->what), STR_ARG(from), STR_ARG(to));
    }
}
