/* Dialogs in a database. */
/* SPDX-License-Identifier: MIT */
#include "modules/dialog/store.h"

#include <pthread.h>
#include <stdlib.h>

#include "modules/dialog/priv.h"

enum { MATCHES = 2, SOCKETS_MAX = 64, CSEQ_TEXT = 12, MEMORY = 1024 };

struct dialog_store {
    struct db *db;
    struct arena memory; /* of the names below: they outlive the version they came from */
    struct str table, column[DLG_COLUMNS];
    enum dlg_db_mode mode;
    struct hash_key key;
    struct addr socket[SOCKETS_MAX];
    unsigned sockets;
    pthread_mutex_t lock;
    struct dialog *loaded; /* that no worker has taken over yet */
};

enum dlg_db_mode store_mode(const struct dialog_store *s)
{
    return s->mode;
}

uint64_t store_hash(const struct dialog_store *s, struct str call_id)
{
    return hash_str(s->key, call_id);
}

/* ---- rows ---- */

/* A query and what it points at. */
struct dialog_row {
    struct db_query query;
    struct str column[DLG_COLUMNS];
    struct db_value value[DLG_COLUMNS];
    struct db_match match[MATCHES];
    char cseq[2][CSEQ_TEXT], socket[2][ADDR_TEXT];
};

static void match_numbers(struct dialog_row *q, const struct dialog_store *s, uint32_t entry,
                          uint32_t id)
{
    q->match[0] = (struct db_match){s->column[DLG_ENTRY], DB_EQ, db_int(entry)};
    q->match[1] = (struct db_match){s->column[DLG_ID], DB_EQ, db_int(id)};
    q->query.matches = MATCHES;
    q->query.match = q->match;
}

static struct str socket_text(const struct dialog_store *s, int16_t socket, char *mem)
{
    bool known = socket >= 0 && (unsigned)socket < s->sockets;
    return known ? addr_text(mem, &s->socket[socket]) : STR_NONE;
}

/* A party's columns lie two apart: caller, callee. */
static void fill_party(struct dialog_row *q, const struct dialog_store *s, const struct dialog *d,
                       enum side side)
{
    const struct dlg_party *p = &d->party[side];
    struct buf cseq;
    buf_fixed(&cseq, q->cseq[side], CSEQ_TEXT);
    buf_u64(&cseq, p->cseq);
    q->value[side == CALLER ? DLG_FROM_URI : DLG_TO_URI] = db_text(p->uri);
    q->value[side == CALLER ? DLG_FROM_TAG : DLG_TO_TAG] = db_text(p->tag);
    q->value[side == CALLER ? DLG_FROM_CSEQ : DLG_TO_CSEQ] = db_text(buf_str(&cseq));
    q->value[side == CALLER ? DLG_FROM_ROUTE : DLG_TO_ROUTE] =
        p->routes.len ? db_text(p->routes) : db_null();
    q->value[side == CALLER ? DLG_FROM_CONTACT : DLG_TO_CONTACT] = db_text(p->contact);
    q->value[side == CALLER ? DLG_FROM_SOCK : DLG_TO_SOCK] =
        db_text(socket_text(s, p->socket, q->socket[side]));
}

static void row_put(struct dialog_row *q, const struct dialog_store *s, const struct dialog *d)
{
    q->query = (struct db_query){.verb = DB_UPDATE,
                                 .table = s->table,
                                 .columns = DLG_COLUMNS,
                                 .column = s->column,
                                 .value = q->value};
    q->value[DLG_ENTRY] = db_int(d->entry);
    q->value[DLG_ID] = db_int(d->id);
    q->value[DLG_CALL_ID] = db_text(d->call_id);
    q->value[DLG_STATE] = db_int(d->state);
    q->value[DLG_START] = db_int(d->start);
    q->value[DLG_TIMEOUT] = db_int(d->until);
    fill_party(q, s, d, CALLER);
    fill_party(q, s, d, CALLEE);
    match_numbers(q, s, d->entry, d->id);
}

static void row_delete(struct dialog_row *q, const struct dialog_store *s, uint32_t entry,
                       uint32_t id)
{
    q->query = (struct db_query){.verb = DB_DELETE, .table = s->table};
    match_numbers(q, s, entry, id);
}

/* ---- names of dialogs among the changes: Call-ID and did ---- */

enum { KEY_CALL_ID, KEY_DID };

static struct changes_key key_of(const struct dialog *d, char mem[DLG_DID_TEXT])
{
    struct buf did;
    buf_fixed(&did, mem, DLG_DID_TEXT);
    dialog_write_did(&did, d);
    return (struct changes_key){{[KEY_CALL_ID] = d->call_id, [KEY_DID] = buf_str(&did)}};
}

/* The row of a dialog as it is now, as an UPDATE; without one that goes on, the row's DELETE. */
static void row_of(struct dialog_row *q, struct dialog_worker *w, const struct changes_key *key)
{
    const struct dialog_store *s = w->state->store;
    uint32_t entry = 0, id = 0;
    dialog_read_did(key->text[KEY_DID], &entry, &id);
    const struct dialog *d = dialog_known(w, s->key, key->text[KEY_CALL_ID], entry, id);
    if (d && dialog_answered(d))
        row_put(q, s, d);
    else
        row_delete(q, s, entry, id);
}

/* ---- writing ---- */

/* A dialog on its way: kept until the row was found, or made. */
struct put {
    struct dialog_worker *w;
    struct worker_here here;
    struct flight *flight;
    struct changes_key key;
    struct arena arena; /* it lies in it */
};

static void put_over(struct put *p, int status)
{
    struct flight *f = p->flight;
    struct arena a = p->arena;
    arena_reset(&a);
    changes_done(f, status);
}

static void written(void *arg, int status, const struct db_result *r)
{
    (void)r;
    put_over(arg, status);
}

static int run(struct put *p, const struct dialog_row *q, db_done done)
{
    return db_run(p->w->state->store->db, p->here.index, p->here.loop, &q->query, done, p);
}

/* Makes the row, unless the dialog has ended meanwhile: that is another change. */
static bool to_insert(struct dialog_row *q, struct put *p)
{
    row_of(q, p->w, &p->key);
    if (q->query.verb != DB_UPDATE)
        return false;
    q->query.verb = DB_INSERT;
    q->query.matches = 0;
    return true;
}

static void updated(void *arg, int status, const struct db_result *r)
{
    struct put *p = arg;
    struct dialog_row q;
    if (status == ERR_OK && r->changed == 0 && to_insert(&q, p) &&
        (status = run(p, &q, written)) == ERR_OK)
        return;
    put_over(p, status);
}

static struct put *put_new(struct dialog_worker *w, const struct worker_here *here,
                           const struct changes_key *key, struct flight *f)
{
    struct arena a;
    arena_init(&a, NULL, 512);
    struct put *p = arena_zalloc(&a, sizeof *p);
    if (!p)
        return NULL;
    *p = (struct put){.w = w, .here = *here, .flight = f};
    p->key.text[KEY_CALL_ID] = arena_dup(&a, key->text[KEY_CALL_ID]);
    p->key.text[KEY_DID] = arena_dup(&a, key->text[KEY_DID]);
    p->arena = a;
    if (p->key.text[KEY_CALL_ID].p && p->key.text[KEY_DID].p)
        return p;
    arena_reset(&a);
    return NULL;
}

static int write_later(void *user, const struct worker_here *here, const struct changes_key *key,
                       struct flight *f)
{
    struct put *p = put_new(user, here, key, f);
    struct dialog_row q;
    if (!p)
        return ERR_NOMEM;
    row_of(&q, p->w, key);
    int rc = run(p, &q, q.query.verb == DB_UPDATE ? updated : written);
    if (rc != ERR_OK) {
        struct arena a = p->arena;
        arena_reset(&a);
    }
    return rc;
}

static int run_now(const struct dialog_store *s, const struct dialog_row *q, uint64_t *changed)
{
    struct arena a;
    struct db_result r = {0};
    char text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    arena_init(&a, NULL, 1024);
    int rc = db_run_now(s->db, &q->query, &a, &r, &why);
    *changed = r.changed;
    arena_reset(&a);
    if (rc != ERR_OK)
        log_err("dialog: %s: %.*s", db_name(s->db), STR_ARG(buf_str(&why)));
    return rc;
}

static int write_now(void *user, const struct changes_key *key)
{
    struct dialog_worker *w = user;
    struct dialog_row q;
    uint64_t changed;
    row_of(&q, w, key);
    int rc = run_now(w->state->store, &q, &changed);
    if (rc != ERR_OK || changed || q.query.verb != DB_UPDATE)
        return rc;
    q.query.verb = DB_INSERT;
    q.query.matches = 0;
    return run_now(w->state->store, &q, &changed);
}

static void refused(void *user, const struct changes_key *key)
{
    (void)user;
    log_err("dialog: the database refuses %.*s: a restart will not find it",
            STR_ARG(key->text[KEY_CALL_ID]));
}

static const struct changes_backend backend = {write_later, write_now, refused};

struct changes *store_changes(struct dialog_store *s, struct dialog_worker *w)
{
    return changes_new("dialog", s->key, s->mode == DLG_DB_AT_ONCE, &backend, w);
}

void store_note(struct dialog_store *s, struct dialog *d, struct engine *e)
{
    char mem[DLG_DID_TEXT];
    struct changes_key key = key_of(d, mem);
    bool live = dialog_answered(d);
    if (live ? s->mode == DLG_DB_AT_END : !d->stored)
        return;
    d->stored = d->stored || live;
    if (changes_note(d->worker->changes, &key) != ERR_OK)
        log_err("dialog: no memory to note that %.*s has changed", STR_ARG(d->call_id));
    else if (s->mode == DLG_DB_AT_ONCE) {
        const struct worker_here here = {engine_index(e), engine_loop(e), (uint32_t)engine_time(e)};
        changes_begin(d->worker->changes, &here, key.text);
    }
}

static void note_last(struct hnode *n, void *arg)
{
    struct dialog *d = container_of(n, struct dialog, node);
    char mem[DLG_DID_TEXT];
    struct changes_key key = key_of(d, mem);
    (void)arg;
    if (dialog_answered(d) && changes_note(d->worker->changes, &key) != ERR_OK)
        log_err("dialog: no memory to write %.*s before the end", STR_ARG(d->call_id));
}

void store_end(struct dialog_store *s, struct dialog_worker *w)
{
    if (s->mode == DLG_DB_AT_END)
        htable_each(&w->table, note_last, NULL);
    changes_free(w->changes);
    w->changes = NULL;
}

/* ---- loading ---- */

static struct str text_at(const struct db_result *r, unsigned row, enum dlg_column column,
                          char mem[DB_VALUE_TEXT])
{
    const struct db_value *v = db_cell(r, row, column);
    return v->type == DB_NULL ? STR_NONE : db_value_text(v, mem);
}

/* Our socket of that name, or NO_SOCKET: it listens no more. */
static int16_t socket_named(const struct dialog_store *s, struct str name)
{
    char text[ADDR_TEXT];
    for (unsigned i = 0; i < s->sockets; i++)
        if (str_ieq(addr_text(text, &s->socket[i]), name))
            return (int16_t)i;
    return NO_SOCKET;
}

static bool read_party(const struct dialog_store *s, const struct db_result *r, unsigned row,
                       struct dialog *d, enum side side)
{
    struct dlg_party *p = &d->party[side];
    char mem[DB_VALUE_TEXT];
    struct str cseq = text_at(r, row, side == CALLER ? DLG_FROM_CSEQ : DLG_TO_CSEQ, mem);
    if (str_u32(&p->cseq, cseq, UINT32_MAX) != ERR_OK)
        p->cseq = 0;
    p->socket = socket_named(s, text_at(r, row, side == CALLER ? DLG_FROM_SOCK : DLG_TO_SOCK, mem));
    return dialog_keep(d, &p->uri,
                       text_at(r, row, side == CALLER ? DLG_FROM_URI : DLG_TO_URI, mem)) &&
           dialog_keep(d, &p->tag,
                       text_at(r, row, side == CALLER ? DLG_FROM_TAG : DLG_TO_TAG, mem)) &&
           dialog_keep(d, &p->routes,
                       text_at(r, row, side == CALLER ? DLG_FROM_ROUTE : DLG_TO_ROUTE, mem)) &&
           dialog_keep(d, &p->contact,
                       text_at(r, row, side == CALLER ? DLG_FROM_CONTACT : DLG_TO_CONTACT, mem));
}

/* A number in a column; -1 when it is none or does not fit. */
static int64_t number_at(const struct db_result *r, unsigned row, enum dlg_column column)
{
    int64_t n = db_value_int(db_cell(r, row, column), -1);
    return n >= 0 && n <= UINT32_MAX ? n : -1;
}

static bool read_row(const struct dialog_store *s, const struct db_result *r, unsigned row,
                     struct dialog *d)
{
    char mem[DB_VALUE_TEXT];
    int64_t entry = number_at(r, row, DLG_ENTRY), id = number_at(r, row, DLG_ID);
    int64_t state = number_at(r, row, DLG_STATE), until = number_at(r, row, DLG_TIMEOUT);
    int64_t start = number_at(r, row, DLG_START);
    struct str call_id = text_at(r, row, DLG_CALL_ID, mem);
    if (entry < 0 || id < 0 || until < 0 || start < 0 || call_id.len == 0 ||
        (state != DLG_UNACKED && state != DLG_CONFIRMED))
        return false;
    d->entry = (uint32_t)entry;
    d->id = (uint32_t)id;
    d->was = (uint8_t)state;
    d->start = start;
    d->until = until;
    d->stored = true;
    return dialog_keep(d, &d->call_id, call_id) && read_party(s, r, row, d, CALLER) &&
           read_party(s, r, row, d, CALLEE);
}

static bool take_row(struct dialog_store *s, const struct db_result *r, unsigned row)
{
    struct arena memory;
    arena_init_tight(&memory, NULL, MEMORY);
    struct dialog *d = arena_zalloc(&memory, sizeof *d);
    if (!d)
        return false;
    d->memory = memory;
    if (read_row(s, r, row, d)) {
        d->next_loaded = s->loaded;
        s->loaded = d;
        return true;
    }
    memory = d->memory;
    arena_reset(&memory);
    return false;
}

static int load(struct dialog_store *s, struct buf *why)
{
    struct db_query q = {
        .verb = DB_SELECT, .table = s->table, .columns = DLG_COLUMNS, .column = s->column};
    struct arena a;
    struct db_result r;
    unsigned taken = 0;
    arena_init(&a, NULL, 1 << 16);
    int rc = db_run_now(s->db, &q, &a, &r, why);
    for (unsigned i = 0; rc == ERR_OK && i < r.rows; i++)
        taken += take_row(s, &r, i);
    if (rc == ERR_OK && r.rows)
        log_info("dialog: %u calls of table %.*s go on, %u rows passed over", taken,
                 STR_ARG(s->table), r.rows - taken);
    arena_reset(&a);
    return rc;
}

int store_loaded(struct dialog_store *s)
{
    int n = 0;
    pthread_mutex_lock(&s->lock);
    for (const struct dialog *d = s->loaded; d; d = d->next_loaded)
        n++;
    pthread_mutex_unlock(&s->lock);
    return n;
}

struct dialog *store_take(struct dialog_store *s, const struct engine *e)
{
    struct dialog *mine = NULL, *d;
    pthread_mutex_lock(&s->lock);
    for (struct dialog **at = &s->loaded; (d = *at);) {
        if (engine_owner_of(e, d->call_id) != engine_index(e)) {
            at = &d->next_loaded;
            continue;
        }
        *at = d->next_loaded;
        d->next_loaded = mine;
        mine = d;
    }
    pthread_mutex_unlock(&s->lock);
    return mine;
}

/* ---- life ---- */

static bool keep_names(struct dialog_store *s, const struct dialog_conf *conf)
{
    s->table = arena_dup(&s->memory, conf->table);
    bool ok = s->table.p;
    for (unsigned i = 0; ok && i < DLG_COLUMNS; i++)
        ok = (s->column[i] = arena_dup(&s->memory, conf->column[i])).p;
    return ok;
}

struct dialog_store *store_new(const struct module_start *begin)
{
    const struct dialog_conf *conf = begin->conf;
    struct dialog_store *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    arena_init(&s->memory, NULL, 1024);
    s->db = begin->db;
    s->mode = (enum dlg_db_mode)conf->db_mode;
    s->key = begin->key;
    s->sockets = begin->sockets < SOCKETS_MAX ? begin->sockets : SOCKETS_MAX;
    memcpy(s->socket, begin->socket, s->sockets * sizeof *s->socket);
    if (keep_names(s, conf) && load(s, begin->why) == ERR_OK)
        return s;
    store_free(s);
    return NULL;
}

void store_free(struct dialog_store *s)
{
    while (s->loaded) {
        struct dialog *d = s->loaded;
        struct arena memory = d->memory;
        s->loaded = d->next_loaded;
        arena_reset(&memory);
    }
    pthread_mutex_destroy(&s->lock);
    arena_reset(&s->memory);
    free(s);
}
