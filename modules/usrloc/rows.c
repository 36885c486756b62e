/* Contacts as rows: the queries, and what they bring back. */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/rows.h"

#include <stdlib.h>

enum { GRACE = 3600 };

/* How many columns rows have here, and where the id stands behind them. */
static unsigned columns_of(const struct row_form *f)
{
    return f->flows ? ROW_COLUMNS : ROW_INSTANCE;
}

/* ---- addresses of record ---- */

/* user and domain of a key; without use_domain all of it is the user. */
static void split(const struct row_form *f, struct str aor, struct str *user, struct str *domain)
{
    size_t at = aor.len;
    *user = aor;
    *domain = STR_NONE;
    if (!f->use_domain)
        return;
    while (at > 0 && aor.p[at - 1] != '@')
        at--;
    *user = at ? str_sub(aor, 0, at - 1) : STR_NONE;
    *domain = str_sub(aor, at, aor.len);
}

static bool join(const struct row_form *f, struct str user, struct str domain, struct row *out)
{
    struct buf b;
    buf_fixed(&b, out->aor_text, sizeof out->aor_text);
    buf_add(&b, user);
    if (f->use_domain && domain.len) {
        buf_add(&b, user.len ? STR("@") : STR_NONE);
        buf_add(&b, domain);
    }
    out->aor = buf_str(&b);
    return !b.failed && out->aor.len;
}

/* ---- queries ---- */

static struct db_value text_or_null(struct str s)
{
    return s.len ? db_text(s) : db_null();
}

static void set(struct row_query *q, const struct row_form *f, enum row_column column,
                struct db_value v)
{
    q->column[q->query.columns] = f->column[column];
    q->value[q->query.columns++] = v;
}

static void match(struct row_query *q, struct str column, enum db_compare how, struct db_value v)
{
    q->match[q->query.matches++] = (struct db_match){column, how, v};
}

static void begin(struct row_query *q, enum db_verb verb, struct str table)
{
    q->query = (struct db_query){
        .verb = verb, .table = table, .column = q->column, .value = q->value, .match = q->match};
}

/* Numbers are as wide as the reference's columns, which have signs. */
static struct db_value narrow(uint32_t n)
{
    return db_int((int32_t)n);
}

static void set_fields(struct row_query *q, const struct row_form *f, const struct ucontact *c)
{
    bool known = c->socket >= 0 && (unsigned)c->socket < f->sockets;
    struct str socket = known ? addr_text(q->socket, &f->socket[c->socket]) : STR_NONE;
    set(q, f, ROW_EXPIRES, db_time(c->expires));
    set(q, f, ROW_Q, db_real(c->q < 0 ? -1.0 : c->q / 1000.0));
    set(q, f, ROW_CALL_ID, db_text(c->call_id));
    set(q, f, ROW_CSEQ, narrow(c->cseq));
    set(q, f, ROW_FLAGS, db_int(c->flags));
    set(q, f, ROW_CFLAGS, narrow(c->cflags));
    set(q, f, ROW_AGENT, db_text(c->user_agent));
    set(q, f, ROW_RECEIVED, text_or_null(c->received));
    set(q, f, ROW_PATH, text_or_null(c->path));
    set(q, f, ROW_SOCKET, text_or_null(socket));
    set(q, f, ROW_METHODS, c->methods == USRLOC_ALL_METHODS ? db_null() : narrow(c->methods));
    set(q, f, ROW_MODIFIED, db_time(c->modified));
    if (f->flows) {
        set(q, f, ROW_INSTANCE, text_or_null(c->instance));
        set(q, f, ROW_REG_ID, c->reg_id ? narrow(c->reg_id) : db_null());
    }
}

static void match_aor(struct row_query *q, const struct row_form *f, struct str aor)
{
    struct str user, domain;
    split(f, aor, &user, &domain);
    match(q, f->column[ROW_USER], DB_EQ, db_text(user));
    if (f->use_domain)
        match(q, f->column[ROW_DOMAIN], DB_EQ, db_text(domain));
}

static void match_contact(struct row_query *q, const struct row_form *f, struct str aor,
                          const struct ucontact *c)
{
    match_aor(q, f, aor);
    match(q, f->column[ROW_CONTACT], DB_EQ, db_text(c->uri));
    if (f->match_call_id)
        match(q, f->column[ROW_CALL_ID], DB_EQ, db_text(c->call_id));
}

void row_update(struct row_query *q, const struct row_form *f, struct str table, struct str aor,
                const struct ucontact *c)
{
    begin(q, DB_UPDATE, table);
    set_fields(q, f, c);
    match_contact(q, f, aor, c);
}

void row_insert(struct row_query *q, const struct row_form *f, struct str table, struct str aor,
                const struct ucontact *c)
{
    struct str user, domain;
    split(f, aor, &user, &domain);
    begin(q, DB_INSERT, table);
    set(q, f, ROW_USER, db_text(user));
    if (f->use_domain)
        set(q, f, ROW_DOMAIN, db_text(domain));
    set(q, f, ROW_CONTACT, db_text(c->uri));
    set_fields(q, f, c);
}

void row_delete(struct row_query *q, const struct row_form *f, struct str table, struct str aor,
                const struct ucontact *c)
{
    begin(q, DB_DELETE, table);
    match_contact(q, f, aor, c);
}

/* All columns, in the order of their numbers. */
static void select_all(struct row_query *q, const struct row_form *f, struct str table)
{
    begin(q, DB_SELECT, table);
    q->query.columns = columns_of(f);
    for (unsigned i = 0; i < q->query.columns; i++)
        q->column[i] = f->column[i];
    q->query.value = NULL; /* a SELECT sets none: nothing that would be there to be copied */
}

void row_select(struct row_query *q, const struct row_form *f, struct str table, struct str aor)
{
    select_all(q, f, table);
    match_aor(q, f, aor);
}

void row_delete_old(struct row_query *q, const struct row_form *f, struct str table, uint32_t now)
{
    begin(q, DB_DELETE, table);
    match(q, f->column[ROW_EXPIRES], DB_LT, db_time((int64_t)now - GRACE));
    match(q, f->column[ROW_EXPIRES], DB_NE, db_time(0)); /* those that never run out */
}

bool row_has_flows(const struct row_form *f, struct str table)
{
    const struct db_value none[] = {db_null(), db_null()};
    const struct db_match nobody[] = {{f->column[ROW_CONTACT], DB_EQ, db_text(STR(""))},
                                      {f->column[ROW_CALL_ID], DB_EQ, db_text(STR(""))}};
    /* not a SELECT: to SQLite a quoted name that it does not know is a text */
    struct db_query q = {.verb = DB_UPDATE,
                         .table = table,
                         .columns = ROW_COLUMNS - ROW_INSTANCE,
                         .column = &f->column[ROW_INSTANCE],
                         .value = none,
                         .matches = 2,
                         .match = nobody};
    char text[256];
    struct buf why;
    struct arena a;
    struct db_result r;
    if (!f->column[ROW_INSTANCE].len || !f->column[ROW_REG_ID].len)
        return false;
    buf_fixed(&why, text, sizeof text);
    arena_init(&a, NULL, 1024);
    int rc = db_run_now(f->db, &q, &a, &r, &why);
    arena_reset(&a);
    return rc == ERR_OK;
}

/* ---- results ---- */

static struct str text_of(const struct db_value *v, char mem[DB_VALUE_TEXT])
{
    return v->type == DB_NULL ? STR_NONE : db_value_text(v, mem);
}

static double real_of(const struct db_value *v)
{
    char mem[DB_VALUE_TEXT + 1];
    if (v->type == DB_REAL)
        return v->d;
    if ((v->type != DB_TEXT && v->type != DB_BLOB) || v->s.len > DB_VALUE_TEXT)
        return (double)db_value_int(v, -1);
    memcpy(mem, v->s.p, v->s.len);
    mem[v->s.len] = 0;
    return strtod(mem, NULL);
}

static int16_t q_of(const struct db_value *v)
{
    double q = real_of(v);
    return q >= 0 && q <= 1 ? (int16_t)(q * 1000 + 0.5) : NO_Q;
}

/* Our socket of that name, or NO_SOCKET: it listens no more. */
static int16_t socket_of(const struct row_form *f, struct str name)
{
    char text[ADDR_TEXT];
    for (unsigned i = 0; name.len && i < f->sockets; i++)
        if (str_ieq(addr_text(text, &f->socket[i]), name))
            return (int16_t)i;
    return NO_SOCKET;
}

bool row_read(struct row *out, const struct row_form *f, const struct db_result *r, unsigned row)
{
    const struct db_value *v = r->cell + (size_t)row * r->columns;
    struct str user = text_of(&v[ROW_USER], out->text[0]);
    struct str domain = text_of(&v[ROW_DOMAIN], out->text[1]);
    int64_t expires = db_value_int(&v[ROW_EXPIRES], -1);
    int64_t cseq = db_value_int(&v[ROW_CSEQ], INT64_MIN);
    int64_t flags = db_value_int(&v[ROW_FLAGS], INT64_MIN);
    out->contact = (struct ucontact){.uri = text_of(&v[ROW_CONTACT], out->text[2]),
                                     .received = text_of(&v[ROW_RECEIVED], out->text[3]),
                                     .path = text_of(&v[ROW_PATH], out->text[4]),
                                     .call_id = text_of(&v[ROW_CALL_ID], out->text[5]),
                                     .user_agent = text_of(&v[ROW_AGENT], out->text[6]),
                                     .expires = (uint32_t)expires,
                                     .modified = (uint32_t)db_value_int(&v[ROW_MODIFIED], 0),
                                     .cseq = (uint32_t)cseq,
                                     .flags = (uint16_t)flags,
                                     .cflags = (uint32_t)db_value_int(&v[ROW_CFLAGS], 0),
                                     .methods = (uint32_t)db_value_int(&v[ROW_METHODS], -1),
                                     .q = q_of(&v[ROW_Q]),
                                     .socket = socket_of(f, text_of(&v[ROW_SOCKET], out->text[7]))};
    if (f->flows) {
        int64_t reg_id = db_value_int(&v[ROW_REG_ID], 0);
        out->contact.instance = text_of(&v[ROW_INSTANCE], out->text[8]);
        out->contact.reg_id = reg_id > 0 && reg_id <= INT32_MAX ? (uint32_t)reg_id : 0;
    }
    return join(f, user, domain, out) && out->contact.uri.len && out->contact.call_id.len &&
           expires >= 0 && expires <= UINT32_MAX && cseq != INT64_MIN && flags != INT64_MIN;
}

/* ---- all of a table, at start ---- */

struct loading {
    const struct row_form *f;
    store_put put;
    void *arg;
    int64_t last; /* id of the last row */
    uint64_t taken, unusable;
};

/* The rows of one answer. */
static void take_rows(struct loading *l, const struct db_result *r)
{
    struct row row;
    for (unsigned i = 0; i < r->rows; i++) {
        if (r->columns > columns_of(l->f))
            l->last = db_value_int(db_cell(r, i, columns_of(l->f)), l->last);
        if (row_read(&row, l->f, r, i) && l->put(l->arg, row.aor, &row.contact) == ERR_OK)
            l->taken++;
        else
            l->unusable++;
    }
}

/* Rows in the order of their ids, as many at a time as fetch_rows says. ERR_INVALID: the table has
 * no ids, or the database no order. */
static int load_pages(struct loading *l, struct str table, struct buf *why)
{
    unsigned got;
    int rc;
    do {
        struct row_query q;
        struct arena a;
        struct db_result r;
        int64_t before = l->last;
        arena_init(&a, NULL, 1 << 16);
        select_all(&q, l->f, table);
        q.column[q.query.columns++] = STR("id");
        match(&q, STR("id"), DB_GT, db_int(l->last));
        q.query.order = STR("id");
        q.query.limit = l->f->fetch;
        rc = db_run_now(l->f->db, &q.query, &a, &r, why);
        got = rc == ERR_OK ? r.rows : 0;
        if (rc == ERR_OK)
            take_rows(l, &r);
        arena_reset(&a);
        if (got && l->last <= before)
            break; /* ids that do not grow: no end would be found */
    } while (got == l->f->fetch);
    return rc;
}

static int load_whole(struct loading *l, struct str table, struct buf *why)
{
    struct row_query q;
    struct arena a;
    struct db_result r;
    arena_init(&a, NULL, 1 << 16);
    select_all(&q, l->f, table);
    int rc = db_run_now(l->f->db, &q.query, &a, &r, why);
    if (rc == ERR_OK)
        take_rows(l, &r);
    arena_reset(&a);
    return rc;
}

int rows_load(const struct row_form *f, struct str table, store_put put, void *arg)
{
    struct loading l = {.f = f, .put = put, .arg = arg, .last = INT64_MIN / 2};
    char text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    int rc = f->fetch ? load_pages(&l, table, &why) : ERR_INVALID;
    if (rc == ERR_INVALID) {
        why.len = 0;
        rc = load_whole(&l, table, &why);
    }
    if (rc != ERR_OK)
        log_err("usrloc: table %.*s of %s: %.*s", STR_ARG(table), db_name(f->db),
                STR_ARG(buf_str(&why)));
    else
        log_info("usrloc: %llu contacts of table %.*s, %llu rows passed over",
                 (unsigned long long)l.taken, STR_ARG(table), (unsigned long long)l.unusable);
    return rc;
}

/* ---- writing ---- */

/* A contact on its way: kept until the row was found, or made. */
struct put {
    struct arena arena; /* it lies in it */
    const struct row_form *f;
    struct worker_here here;
    struct flight *flight;
    struct str table, aor;
    struct ucontact c;
};

static void put_over(struct put *p, int status)
{
    struct flight *f = p->flight;
    struct arena a = p->arena;
    arena_reset(&a);
    changes_done(f, status);
}

static void answered(void *arg, int status, const struct db_result *r)
{
    (void)r;
    put_over(arg, status);
}

static int run(struct put *p, struct row_query *q, db_done done)
{
    return db_run(p->f->db, p->here.index, p->here.loop, &q->query, done, p);
}

/* UPDATE found no row: the contact is new. */
static void updated(void *arg, int status, const struct db_result *r)
{
    struct put *p = arg;
    struct row_query q;
    if (status != ERR_OK || r->changed) {
        put_over(p, status);
        return;
    }
    row_insert(&q, p->f, p->table, p->aor, &p->c);
    status = run(p, &q, answered);
    if (status != ERR_OK)
        put_over(p, status);
}

static struct put *put_new(const struct row_form *f, const struct worker_here *here,
                           struct str table, struct str aor, const struct ucontact *c,
                           struct flight *flight)
{
    struct arena a;
    arena_init(&a, NULL, 1024);
    struct put *p = arena_zalloc(&a, sizeof *p);
    if (!p)
        return NULL;
    *p = (struct put){.f = f, .here = *here, .flight = flight, .c = *c};
    p->table = arena_dup(&a, table);
    p->aor = arena_dup(&a, aor);
    struct str *texts[] = {&p->c.uri,     &p->c.received,   &p->c.path,
                           &p->c.call_id, &p->c.user_agent, &p->c.instance};
    bool ok = p->table.p && p->aor.p;
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = arena_dup(&a, *texts[i]);
        ok = ok && texts[i]->p;
    }
    p->arena = a;
    if (ok)
        return p;
    arena_reset(&a);
    return NULL;
}

static int write_later(void *user, const struct worker_here *here, struct str table, struct str aor,
                       const struct ucontact *c, bool gone, struct flight *flight)
{
    struct row_query q;
    struct put *p = put_new(user, here, table, aor, c, flight);
    if (!p)
        return ERR_NOMEM;
    if (gone)
        row_delete(&q, p->f, p->table, p->aor, &p->c);
    else
        row_update(&q, p->f, p->table, p->aor, &p->c);
    int rc = run(p, &q, gone ? answered : updated);
    if (rc != ERR_OK) {
        struct arena a = p->arena;
        arena_reset(&a);
    }
    return rc;
}

static int run_now(const struct row_form *f, struct row_query *q, uint64_t *changed)
{
    char text[256];
    struct buf why;
    struct arena a;
    struct db_result r = {0};
    buf_fixed(&why, text, sizeof text);
    arena_init(&a, NULL, 1024);
    int rc = db_run_now(f->db, &q->query, &a, &r, &why);
    *changed = r.changed;
    arena_reset(&a);
    if (rc != ERR_OK)
        log_err("usrloc: %s: %.*s", db_name(f->db), STR_ARG(buf_str(&why)));
    return rc;
}

static int write_now(void *user, struct str table, struct str aor, const struct ucontact *c,
                     bool gone)
{
    const struct row_form *f = user;
    struct row_query q;
    uint64_t changed = 0;
    if (gone)
        row_delete(&q, f, table, aor, c);
    else
        row_update(&q, f, table, aor, c);
    int rc = run_now(f, &q, &changed);
    if (rc != ERR_OK || gone || changed)
        return rc;
    row_insert(&q, f, table, aor, c);
    return run_now(f, &q, &changed);
}

const struct writer_backend row_backend = {write_later, write_now};
