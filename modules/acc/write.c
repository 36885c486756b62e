/* Records as lines of the log and as rows of a table. */
/* SPDX-License-Identifier: MIT */
#include "modules/acc/priv.h"
#include "modules/rr/rr.h"

/* ---- what a record consists of ---- */

/* Its tags: of a request against the direction of the dialog they change places, with
 * detect_direction, so that all records of a call have the caller's first. */
struct tags {
    struct str from, to;
};

static struct tags tags_of(struct call *c, const struct acc_record *r)
{
    const struct acc_conf *conf = call_conf(c, &acc_module);
    const struct rr_api *rr = conf->detect_direction ? call_api(c, "rr") : NULL;
    struct str from = c->msg->from_tag;
    return rr && rr->upstream(c) ? (struct tags){r->to_tag, from} : (struct tags){from, r->to_tag};
}

static struct value read_variable(struct call *c, const struct pv_ref *pv)
{
    struct value v = VALUE_NULL;
    if (!pv || pv_read(pv, c, call_host(), &v) != ERR_OK)
        return VALUE_NULL;
    return v;
}

static struct value field_value(struct call *c, const struct acc_record *r,
                                const struct acc_field *f)
{
    struct value v;
    switch (f->part) {
    case PART_METHOD:
        return value_str(c->msg->method_text);
    case PART_CALL_ID:
        return value_str(c->msg->call_id);
    case PART_TO_TAG:
        return value_str(r->to_tag);
    case PART_CODE:
        return value_str(r->code);
    case PART_STATUS:
        return value_str(arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(r->code),
                                      r->code.len && r->reason.len ? " " : "", STR_ARG(r->reason)));
    default:
        v = read_variable(c, f->pv);
        return v.flags ? v : read_variable(c, f->backup);
    }
}

/* The n-th value of each AVP, newest first; false when none has so many. */
static bool leg_values(struct call *c, const struct acc_fields *f, unsigned n,
                       struct value out[ACC_MAX_EXTRA])
{
    bool any = false;
    for (unsigned i = 0; i < f->n; i++) {
        struct avp_name name;
        const struct avp *a = NULL;
        if (avp_name_of(f->list[i].pv, c, call_host(), &name) == ERR_OK)
            a = avp_find(c->avps, &name, NULL);
        for (unsigned k = 0; a && k < n; k++)
            a = avp_find(c->avps, &name, a);
        out[i] = a ? a->value : VALUE_NULL;
        any = any || a;
    }
    return any;
}

/* ---- lines ---- */

/* A line as it grows. between: what stands before each field but the first. */
struct line {
    struct buf text;
    const char *between;
    size_t begin;
};

static void add_field(struct line *l, struct str name, const struct value *v)
{
    char digits[VALUE_TEXT];
    buf_printf(&l->text, "%s%.*s=", l->text.len > l->begin ? l->between : "", STR_ARG(name));
    buf_add(&l->text, value_text(v, digits));
}

static void add_fields(struct line *l, struct call *c, const struct acc_record *r,
                       const struct acc_fields *f)
{
    for (unsigned i = 0; f && i < f->n; i++) {
        struct value v = field_value(c, r, &f->list[i]);
        add_field(l, f->list[i].name, &v);
    }
}

static void add_legs(struct line *l, struct call *c, const struct acc_fields *f)
{
    struct value values[ACC_MAX_EXTRA];
    if (!f)
        return;
    for (unsigned n = 0; leg_values(c, f, n, values) || n == 0; n++)
        for (unsigned i = 0; i < f->n; i++)
            add_field(l, f->list[i].name, &values[i]);
}

static void add_usual(struct line *l, struct call *c, const struct acc_record *r)
{
    struct tags tags = tags_of(c, r);
    buf_printf(&l->text, "timestamp=%lld;method=%.*s;from_tag=%.*s;to_tag=%.*s;call_id=%.*s",
               (long long)call_time(c), STR_ARG(c->msg->method_text), STR_ARG(tags.from),
               STR_ARG(tags.to), STR_ARG(c->msg->call_id));
    buf_printf(&l->text, ";code=%.*s;reason=%.*s", STR_ARG(r->code), STR_ARG(r->reason));
}

int acc_write_line(struct call *c, const struct acc_record *r)
{
    const struct acc_conf *conf = call_conf(c, &acc_module);
    struct line l = {.between = conf->format ? ", " : ";"};
    buf_init(&l.text, c->arena, 512);
    if (conf->format)
        add_fields(&l, c, r, conf->format);
    else
        add_usual(&l, c, r);
    add_fields(&l, c, r, conf->extra);
    add_legs(&l, c, conf->legs);
    if (l.text.failed)
        return -1;
    log_line(conf->log_level, "ACC: %s: %.*s", r->event, STR_ARG(buf_str(&l.text)));
    return 1;
}

/* ---- rows ---- */

/* A row as it grows. */
struct row {
    unsigned n;
    struct str column[ACC_MAX_ROW];
    struct db_value value[ACC_MAX_ROW];
};

static void add_text(struct row *row, struct str column, struct str text)
{
    row->column[row->n] = column;
    row->value[row->n++] = db_text(text);
}

/* Texts must live until the row is given away, numbers too. */
static bool add_value(struct call *c, struct row *row, struct str column, const struct value *v)
{
    char digits[VALUE_TEXT];
    struct str text = arena_dup(c->arena, value_text(v, digits));
    add_text(row, column, text);
    return text.p;
}

static bool fill_row(struct call *c, const struct acc_conf *conf, const struct acc_record *r,
                     struct row *row)
{
    const struct msg *m = c->msg;
    struct tags tags = tags_of(c, r);
    const struct str texts[COL_TIME] = {m->method_text, tags.from, tags.to,
                                        m->call_id,     r->code,   r->reason};
    row->n = 0;
    for (unsigned i = 0; i < COL_TIME; i++)
        add_text(row, conf->column[i], texts[i]);
    row->column[row->n] = conf->column[COL_TIME];
    row->value[row->n++] = db_time(call_time(c));
    for (unsigned i = 0; conf->db_extra && i < conf->db_extra->n; i++) {
        struct value v = field_value(c, r, &conf->db_extra->list[i]);
        if (!add_value(c, row, conf->db_extra->list[i].name, &v))
            return false;
    }
    return true;
}

static bool give_row(struct call *c, struct journal *j, struct str table, const struct row *row)
{
    struct db_query q = {.verb = DB_INSERT,
                         .table = table,
                         .columns = row->n,
                         .column = row->column,
                         .value = row->value};
    return journal_add(j, call_worker(c), call_loop(c), &q) == ERR_OK;
}

int acc_write_rows(struct call *c, const struct acc_record *r, struct str table)
{
    const struct acc_conf *conf = call_conf(c, &acc_module);
    struct journal *j = call_state(c, &acc_module);
    struct value values[ACC_MAX_EXTRA];
    struct row *row = j ? arena_alloc(c->arena, sizeof *row) : NULL;
    if (!row || !fill_row(c, conf, r, row))
        return -1;
    if (!conf->legs)
        return give_row(c, j, table, row) ? 1 : -1;
    bool good = true;
    unsigned common = row->n;
    for (unsigned n = 0; good && (leg_values(c, conf->legs, n, values) || n == 0); n++) {
        row->n = common;
        for (unsigned i = 0; good && i < conf->legs->n; i++)
            good = add_value(c, row, conf->legs->list[i].name, &values[i]);
        good = good && give_row(c, j, table, row);
    }
    return good ? 1 : -1;
}
