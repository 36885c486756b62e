/* acc: accounting: what became of calls, a line of the log or a row of a table each. */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module acc_module;

enum { MAX_EXTRA = 64, MAX_LEGS = 16, NO_FLAG = -1 };

/* Columns whose names are parameters, in the order in which rows are written. */
enum { COL_METHOD, COL_FROM_TAG, COL_TO_TAG, COL_CALL_ID, COL_CODE, COL_REASON, COL_TIME, COLUMNS };
enum { MAX_COLUMNS = COLUMNS + MAX_EXTRA + MAX_LEGS };

/* name=$variable */
struct field {
    struct str name;
    const struct pv_ref *pv;
};

struct fields {
    unsigned n;
    struct field list[MAX_EXTRA];
};

struct conf {
    int32_t log_flag, log_missed_flag, failed_transaction_flag;
    int32_t early_media, report_ack, report_cancels, log_level, unused_number;
    int32_t db_flag, db_missed_flag, db_waiting;
    struct str extra_text, legs_text, db_extra_text;
    struct str db_url, table, missed_table, column[COLUMNS];
    struct fields *extra, *legs, *db_extra; /* made of their texts, or NULL */
};

/* One line. */
struct record {
    const char *event;
    struct str to_tag, code, reason;
};

/* ---- writing ---- */

static void add_field(struct buf *out, struct str name, const struct value *v)
{
    char digits[VALUE_TEXT];
    buf_printf(out, ";%.*s=", STR_ARG(name));
    buf_add(out, value_text(v, digits));
}

static void add_extra(struct buf *out, struct call *c, const struct fields *f)
{
    for (unsigned i = 0; f && i < f->n; i++) {
        struct value v = VALUE_NULL;
        if (pv_read(f->list[i].pv, c, call_host(), &v) != ERR_OK)
            v = VALUE_NULL;
        add_field(out, f->list[i].name, &v);
    }
}

/* The n-th value of each AVP, newest first; false when none has so many. */
static bool leg_values(struct call *c, const struct fields *f, unsigned n,
                       struct value out[MAX_EXTRA])
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

static void add_legs(struct buf *out, struct call *c, const struct fields *f)
{
    struct value values[MAX_EXTRA];
    if (!f)
        return;
    for (unsigned n = 0; leg_values(c, f, n, values) || n == 0; n++)
        for (unsigned i = 0; i < f->n; i++)
            add_field(out, f->list[i].name, &values[i]);
}

static int write_record(struct call *c, const struct record *r)
{
    const struct conf *conf = call_conf(c, &acc_module);
    const struct msg *m = c->msg;
    struct buf line;
    buf_init(&line, c->arena, 512);
    buf_printf(&line, "timestamp=%lld;method=%.*s;from_tag=%.*s;to_tag=%.*s;call_id=%.*s",
               (long long)call_time(c), STR_ARG(m->method_text), STR_ARG(m->from_tag),
               STR_ARG(r->to_tag), STR_ARG(m->call_id));
    buf_printf(&line, ";code=%.*s;reason=%.*s", STR_ARG(r->code), STR_ARG(r->reason));
    add_extra(&line, c, conf->extra);
    add_legs(&line, c, conf->legs);
    if (line.failed)
        return -1;
    log_line(conf->log_level, "ACC: %s: %.*s", r->event, STR_ARG(buf_str(&line)));
    return 1;
}

/* ---- rows ---- */

/* A row as it grows. */
struct row {
    unsigned n;
    struct str column[MAX_COLUMNS];
    struct db_value value[MAX_COLUMNS];
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

static bool fill_row(struct call *c, const struct conf *conf, const struct record *r,
                     struct row *row)
{
    const struct msg *m = c->msg;
    const struct str texts[COL_TIME] = {m->method_text, m->from_tag, r->to_tag,
                                        m->call_id,     r->code,     r->reason};
    row->n = 0;
    for (unsigned i = 0; i < COL_TIME; i++)
        add_text(row, conf->column[i], texts[i]);
    row->column[row->n] = conf->column[COL_TIME];
    row->value[row->n++] = db_time(call_time(c));
    for (unsigned i = 0; conf->db_extra && i < conf->db_extra->n; i++) {
        struct value v = VALUE_NULL;
        if (pv_read(conf->db_extra->list[i].pv, c, call_host(), &v) != ERR_OK)
            v = VALUE_NULL;
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

/* One row, or one for each leg. 1, or -1 when a row is lost. */
static int write_rows(struct call *c, const struct record *r, struct str table)
{
    const struct conf *conf = call_conf(c, &acc_module);
    struct journal *j = call_state(c, &acc_module);
    struct value values[MAX_EXTRA];
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

/* ---- functions ---- */

/* A comment may begin with a status code. */
static struct record record_of(const struct call *c, struct str comment)
{
    struct record r = {.event = "request accounted", .to_tag = c->msg->to_tag, .reason = comment};
    if (comment.len > 2 && ascii_digit(comment.p[0]) && ascii_digit(comment.p[1]) &&
        ascii_digit(comment.p[2])) {
        r.code = str_sub(comment, 0, 3);
        r.reason = str_trim(str_sub(comment, 3, comment.len));
    }
    return r;
}

static int log_request(struct call *c, const struct arg *args, unsigned n)
{
    struct record r = record_of(c, args[0].v.s);
    (void)n;
    return write_record(c, &r);
}

static int db_request(struct call *c, const struct arg *args, unsigned n)
{
    struct record r = record_of(c, args[0].v.s);
    (void)n;
    return write_rows(c, &r, args[1].v.s);
}

static int check_comment(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)out;
    if (argn > 0 || text.len)
        return ERR_OK;
    buf_printf(p->error, "the comment is empty");
    return ERR_INVALID;
}

static int not_built(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)args, (void)n;
    return -1;
}

/* ---- transactions ---- */

static bool has(uint32_t flags, int32_t flag)
{
    return flag != NO_FLAG && flags & (uint32_t)1 << flag;
}

/* To tag and reason stand in the reply, when it came from outside. */
static void read_reply(struct call *c, struct record *r, const struct txn_event *e)
{
    struct msg *m = e->reply.len ? arena_alloc(c->arena, sizeof *m) : NULL;
    r->to_tag = c->msg->to_tag;
    r->code = arena_printf(c->arena, "%u", e->code);
    if (!m || msg_scan(m, c->arena, e->reply) != ERR_OK)
        return;
    r->reason = m->reason;
    if (!e->local)
        r->to_tag = m->to_tag;
}

/* To the log and to a table, as the flags say. */
static void account(struct call *c, const struct txn_event *e, const char *event, bool log,
                    const struct str *table)
{
    struct record r = {.event = event};
    if (!log && !table)
        return;
    read_reply(c, &r, e);
    if (log)
        write_record(c, &r);
    if (table)
        write_rows(c, &r, *table);
}

/* Once for each time the flag was set. */
static bool take_flag(struct call *c, const struct txn_event *e, int32_t flag)
{
    if (!has(e->first_flags, flag) || !has(c->flags, flag))
        return false;
    c->flags &= ~((uint32_t)1 << flag);
    return true;
}

static void missed(struct call *c, const struct conf *conf, const struct txn_event *e)
{
    if (c->msg->method != METHOD_INVITE || e->code < 300)
        return;
    bool log = take_flag(c, e, conf->log_missed_flag);
    bool row = take_flag(c, e, conf->db_missed_flag);
    account(c, e, "call missed", log, row ? &conf->missed_table : NULL);
}

static bool counts(const struct conf *conf, uint32_t flags, unsigned code)
{
    if (code < 200)
        return conf->early_media;
    return code < 300 || has(flags, conf->failed_transaction_flag);
}

static void on_transaction(struct call *c, const struct txn_event *e)
{
    const struct conf *conf = call_conf(c, &acc_module);
    if (c->msg->method == METHOD_CANCEL && !conf->report_cancels)
        return;
    if (e->kind == TXN_ACKED) {
        if (conf->report_ack)
            account(c, e, "request acknowledged", has(e->flags, conf->log_flag),
                    has(e->flags, conf->db_flag) ? &conf->table : NULL);
        return;
    }
    missed(c, conf, e);
    if (e->kind == TXN_REPLIED && counts(conf, c->flags, e->code))
        account(c, e, "transaction answered", has(c->flags, conf->log_flag),
                has(c->flags, conf->db_flag) ? &conf->table : NULL);
}

static uint32_t bit(int32_t flag)
{
    return flag == NO_FLAG ? 0 : (uint32_t)1 << flag;
}

static uint32_t transaction_flags(const void *data)
{
    const struct conf *conf = data;
    return bit(conf->log_flag) | bit(conf->log_missed_flag) | bit(conf->db_flag) |
           bit(conf->db_missed_flag);
}

/* ---- life: the state is the journal, NULL without a database ---- */

static void *start(const struct module_start *begin, bool *failed)
{
    const struct conf *conf = begin->conf;
    struct journal *j = begin->db ? journal_new(begin->db, (unsigned)conf->db_waiting) : NULL;
    *failed = begin->db && !j;
    return j;
}

static void stop(void *state)
{
    journal_free(state);
}

static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    const struct conf *a = old_conf, *b = next->conf;
    (void)state;
    if (str_eq(a->db_url, b->db_url) && a->db_waiting == b->db_waiting)
        return true;
    buf_printf(next->why, "%sacc: %s cannot be changed live: rows may wait for the database",
               next->why->len ? "; " : "",
               a->db_waiting == b->db_waiting ? "db_url" : "db_waiting");
    return false;
}

enum { STAT_WRITTEN, STAT_REFUSED, STAT_LOST };
static const struct stat_spec stats[] = {
    [STAT_WRITTEN] = {"acc_rows", false, "rows written to the database"},
    [STAT_REFUSED] = {"acc_refused", false, "rows that the database did not take"},
    [STAT_LOST] = {"acc_lost", false, "rows lost because too many waited for the database"},
    {0},
};

static void on_second(struct engine *e, void *state, const void *conf)
{
    (void)conf;
    if (!state)
        return;
    journal_second(state, engine_index(e), engine_loop(e));
    if (engine_index(e) != 0)
        return;
    struct journal_counts n = journal_take_counts(state);
    engine_count_stat(e, &acc_module, STAT_WRITTEN, (int64_t)n.written);
    engine_count_stat(e, &acc_module, STAT_REFUSED, (int64_t)n.refused);
    engine_count_stat(e, &acc_module, STAT_LOST, (int64_t)n.lost);
}

/* ---- parameters ---- */

static int parse_field(struct prepare *p, struct str text, bool avp, struct field *out)
{
    ptrdiff_t equals = str_find(text, '=', 0);
    struct str value = str_trim(str_sub(text, (size_t)equals + 1, text.len));
    if (equals <= 0 || value.len == 0 || (avp && !str_istarts(value, STR("$avp(")))) {
        buf_printf(p->error, "\"%.*s\" is not written name=%s", STR_ARG(text),
                   avp ? "$avp(name)" : "$variable");
        return ERR_INVALID;
    }
    out->name = str_trim(str_sub(text, 0, (size_t)equals));
    return prepare_pv(p, value, &out->pv);
}

static int parse_fields(struct prepare *p, struct str text, unsigned most, struct fields **out)
{
    struct str rest = text, one;
    *out = text.len ? arena_zalloc(p->arena, sizeof **out) : NULL;
    if (!*out)
        return text.len ? ERR_NOMEM : ERR_OK;
    while (str_cut(&one, &rest, ';')) {
        one = str_trim(one);
        if (one.len == 0)
            continue;
        if ((*out)->n == most) {
            buf_printf(p->error, "no more than %u variables", most);
            return ERR_LIMIT;
        }
        int rc = parse_field(p, one, most == MAX_LEGS, &(*out)->list[(*out)->n++]);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static int conf_check(struct prepare *p, void *data)
{
    struct conf *conf = data;
    int rc = parse_fields(p, conf->extra_text, MAX_EXTRA, &conf->extra);
    if (rc == ERR_OK)
        rc = parse_fields(p, conf->db_extra_text, MAX_EXTRA, &conf->db_extra);
    return rc == ERR_OK ? parse_fields(p, conf->legs_text, MAX_LEGS, &conf->legs) : rc;
}

static int keep(struct prepare *p, void *conf, const struct value *v)
{
    (void)p, (void)conf, (void)v;
    return ERR_OK;
}

#define NUMBER(name_, lo, hi, def, doc_)                                                           \
    {.name = #name_,                                                                               \
     .type = PARAM_INT,                                                                            \
     .offset = offsetof(struct conf, name_),                                                       \
     .min = lo,                                                                                    \
     .max = hi,                                                                                    \
     .number = def,                                                                                \
     .doc = doc_},
#define FLAG(name_, doc_) NUMBER(name_, -1, 31, -1, doc_)
#define SWITCH(name_, doc_) NUMBER(name_, 0, 1, 0, doc_)
#define TEXT(name_, field_, doc_)                                                                  \
    {.name = name_, .type = PARAM_STR, .offset = offsetof(struct conf, field_), .doc = doc_},
#define COLUMN(name_, field_, def_, doc_)                                                          \
    {.name = name_,                                                                                \
     .type = PARAM_STR,                                                                            \
     .offset = offsetof(struct conf, field_),                                                      \
     .text = def_,                                                                                 \
     .doc = doc_},
#define OLD_TEXT(name_) {.name = #name_, .type = PARAM_STR, .set = keep, .doc = "Not used yet."},
#define OLD_NUMBER(name_) {.name = #name_, .type = PARAM_INT, .set = keep, .doc = "Not used yet."},

/* clang-format off */
static const struct param_spec params[] = {
    FLAG(log_flag, "Message flag of requests to be accounted.")
    FLAG(log_missed_flag, "Message flag of calls to be accounted when they are missed.")
    FLAG(failed_transaction_flag, "Message flag that has failures accounted too.")
    SWITCH(early_media, "1: a 183 is accounted too.")
    SWITCH(report_ack, "1: the ACK for a 2xx is accounted too.")
    SWITCH(report_cancels, "1: CANCEL is accounted too.")
    NUMBER(log_level, -3, 4, 2, "Level of the log lines.")
    TEXT("log_extra", extra_text, "More fields: name=$variable;name=$variable.")
    TEXT("multi_leg_info", legs_text, "Fields of each leg: name=$avp(a);name=$avp(b).")
    FLAG(db_flag, "Message flag of requests to be accounted in the database.")
    FLAG(db_missed_flag, "Message flag of calls to be accounted there when they are missed.")
    TEXT("db_extra", db_extra_text, "More columns: name=$variable;name=$variable.")
    TEXT("db_url", db_url, "The database; without it there is none.")
    COLUMN("db_table_acc", table, "acc", "Table of answered requests.")
    COLUMN("db_table_missed_calls", missed_table, "missed_calls", "Table of missed calls.")
    COLUMN("acc_method_column", column[COL_METHOD], "method", "Column of the method.")
    COLUMN("acc_from_tag_column", column[COL_FROM_TAG], "from_tag", "Column of the From tag.")
    COLUMN("acc_to_tag_column", column[COL_TO_TAG], "to_tag", "Column of the To tag.")
    COLUMN("acc_totag_column", column[COL_TO_TAG], "to_tag", "acc_to_tag_column, as in 1.2.")
    COLUMN("acc_callid_column", column[COL_CALL_ID], "callid", "Column of the Call-ID.")
    COLUMN("acc_sip_code_column", column[COL_CODE], "sip_code", "Column of the status code.")
    COLUMN("acc_sip_reason_column", column[COL_REASON], "sip_reason", "Column of the reason.")
    COLUMN("acc_time_column", column[COL_TIME], "time", "Column of the time.")
    NUMBER(db_waiting, 1, 10000000, 100000, "Rows that may wait while the database is away.")
    OLD_TEXT(log_facility) OLD_NUMBER(detect_direction) OLD_TEXT(log_fmt)
    OLD_NUMBER(radius_flag) OLD_NUMBER(radius_missed_flag) OLD_TEXT(radius_extra)
    OLD_TEXT(radius_config) OLD_NUMBER(service_type)
    OLD_NUMBER(diameter_flag) OLD_NUMBER(diameter_missed_flag) OLD_TEXT(diameter_extra)
    OLD_TEXT(diameter_client_host) OLD_NUMBER(diameter_client_port)
    OLD_NUMBER(multi_leg_enabled) OLD_NUMBER(src_leg_avp_id) OLD_NUMBER(dst_leg_avp_id)
    {.name = NULL},
};

enum { ROUTES = ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH | ROUTE_LOCAL };

static const struct fn_spec functions[] = {
    {"acc_log_request", log_request, 1, 1, {ARG_STR}, ROUTES, 0, check_comment, "comment",
     "Accounts the request now. Three digits at the beginning of the comment are the code, the rest is "
     "the reason."},
    {"acc_db_request", db_request, 2, 2, {ARG_STR, ARG_STR}, ROUTES, 0, check_comment,
     "comment, table", "Accounts the request now in that table. -1 without db_url, or when too many rows "
     "wait for the database."},
    {"acc_rad_request", not_built, 1, 1, {ARG_STR}, ROUTES, FN_MISSING, NULL, "comment",
     "acc cannot account by RADIUS"},
    {"acc_diam_request", not_built, 1, 1, {ARG_STR}, ROUTES, FN_MISSING, NULL, "comment",
     "acc cannot account by Diameter"},
    {.name = NULL},
};
/* clang-format on */

static const struct db_use db_use = {.url = offsetof(struct conf, db_url), .optional = true};

const struct module acc_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "acc",
                .doc = "Accounts calls: a line of the log, a row of a table each.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf),
                .conf_check = conf_check},
    .stats = stats,
    .db = &db_use,
    .start = start,
    .stop = stop,
    .reload = reload,
    .on_second = on_second,
    .on_transaction = on_transaction,
    .transaction_flags = transaction_flags,
};
