/* db_mode 3: rows are read, worked on as a record, and what became of it is written, row by row. */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/direct.h"

/* A row to be written. */
struct step {
    enum { STEP_DELETE, STEP_UPDATE, STEP_INSERT } kind;
    struct ucontact contact;
};

/* One lookup or save as it goes on; in the call's arena. */
struct visit {
    const struct row_form *f;
    struct str table, aor;
    const struct usrloc_update *update; /* NULL: only looked at */
    struct record_rules rules;
    usrloc_done done;
    void *arg;
    struct ucontacts list;
    struct step *step;
    unsigned steps, next;
};

static int over(struct call *c, struct visit *v, int status)
{
    return v->done(c, v->arg, status, &v->list);
}

/* ---- reading ---- */

/* The rows of an address as a record; NULL without memory. */
static struct record *to_record(const struct visit *v, const struct db_result *r)
{
    struct record *rec = record_new(v->aor);
    struct row row;
    for (unsigned i = 0; rec && i < r->rows; i++)
        if (row_read(&row, v->f, r, i))
            record_load(rec, &row.contact, v->f->match_call_id);
    if (rec && v->rules.newest_first)
        record_sort_by_age(rec);
    return rec;
}

/* ---- writing ---- */

/* A contact whose texts are the arena's. */
static bool copy_contact(struct ucontact *out, const struct binding *b, struct arena *a)
{
    struct str text = arena_dup(a, str_make(b->text, binding_text_len(b)));
    if (text.p)
        binding_view(out, b, text.p);
    return text.p;
}

static bool add_step(struct visit *v, struct arena *a, int kind, const struct binding *b)
{
    struct step *s = &v->step[v->steps++];
    s->kind = kind;
    return copy_contact(&s->contact, b, a);
}

/* What a plan asks for, as rows. */
static int to_steps(struct visit *v, struct arena *a, const struct plan *p)
{
    v->step = arena_alloc(a, (p->n + p->gones + 1) * sizeof *v->step);
    bool ok = v->step;
    for (unsigned i = 0; ok && i < p->gones; i++)
        if (!p->gone[i].replaced)
            ok = add_step(v, a, STEP_DELETE, p->gone[i].b);
    for (unsigned i = 0; ok && i < p->n; i++)
        if (p->item[i].state != PLAN_KEPT)
            ok = add_step(v, a, p->item[i].state == PLAN_INSERTED ? STEP_INSERT : STEP_UPDATE,
                          p->item[i].b);
    return ok ? ERR_OK : ERR_NOMEM;
}

static int write_next(struct call *c, struct visit *v);

static int written(struct call *c, void *arg, int status, const struct db_result *r)
{
    struct visit *v = arg;
    struct step *s = &v->step[v->next];
    if (status != ERR_OK)
        return over(c, v, row_status(status));
    if (s->kind == STEP_UPDATE && r->changed == 0)
        s->kind = STEP_INSERT; /* somebody has deleted it meanwhile */
    else
        v->next++;
    return write_next(c, v);
}

static int write_next(struct call *c, struct visit *v)
{
    struct row_query q;
    if (v->next == v->steps)
        return over(c, v, ERR_OK);
    const struct step *s = &v->step[v->next];
    if (s->kind == STEP_DELETE)
        row_delete(&q, v->f, v->table, v->aor, &s->contact);
    else if (s->kind == STEP_UPDATE)
        row_update(&q, v->f, v->table, v->aor, &s->contact);
    else
        row_insert(&q, v->f, v->table, v->aor, &s->contact);
    return call_query(c, v->f->db, &q.query, written, v);
}

/* ---- both ---- */

/* Makes the change in the record: nothing of it is left but the list and the steps. */
static int change(struct call *c, struct visit *v, struct record *rec)
{
    struct plan p;
    int rc = plan_make(&p, c->arena, rec, v->update, &v->rules);
    if (rc != ERR_OK)
        return rc;
    rc = to_steps(v, c->arena, &p);
    plan_commit(&p, rec);
    for (unsigned i = 0; i < p.gones; i++)
        free_binding(p.gone[i].b);
    return rc;
}

static int selected(struct call *c, void *arg, int status, const struct db_result *r)
{
    struct visit *v = arg;
    if (status != ERR_OK)
        return over(c, v, row_status(status));
    struct record *rec = to_record(v, r);
    if (!rec)
        return over(c, v, ERR_NOMEM);
    int rc = v->update ? change(c, v, rec) : ERR_OK;
    int found = record_copy(rec, v->rules.now, c->arena, &v->list);
    record_free(rec);
    if (rc != ERR_OK || !v->update)
        return over(c, v, rc != ERR_OK ? rc : found);
    return write_next(c, v);
}

static int visit(struct call *c, const struct row_form *f, struct str table, struct str aor,
                 const struct visit *how)
{
    struct row_query q;
    struct ucontacts none = {NULL, 0};
    struct visit *v = arena_alloc(c->arena, sizeof *v);
    if (!v)
        return how->done(c, how->arg, ERR_NOMEM, &none);
    *v = *how;
    v->f = f;
    v->table = table;
    v->aor = aor;
    row_select(&q, f, table, aor);
    return call_query(c, f->db, &q.query, selected, v);
}

int direct_lookup(struct call *c, const struct row_form *f, struct str table, struct str aor,
                  bool newest_first, usrloc_done done, void *arg)
{
    struct visit how = {.rules = {.now = (uint32_t)call_time(c), .newest_first = newest_first},
                        .done = done,
                        .arg = arg};
    return visit(c, f, table, aor, &how);
}

int direct_save(struct call *c, const struct row_form *f, const struct usrloc_update *u,
                const struct record_rules *rules, usrloc_done done, void *arg)
{
    struct visit how = {.update = u, .rules = *rules, .done = done, .arg = arg};
    return visit(c, f, u->table, u->aor, &how);
}
