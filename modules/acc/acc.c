/* acc: accounting: what became of calls, a line of the log each. */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module acc_module;

enum { MAX_EXTRA = 64, MAX_LEGS = 16, NO_FLAG = -1 };

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
    struct str extra_text, legs_text, unused;
    struct fields *extra, *legs; /* made of their texts, or NULL */
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

/* ---- acc_log_request ---- */

/* A comment may begin with a status code. */
static int log_request(struct call *c, const struct arg *args, unsigned n)
{
    struct str comment = args[0].v.s;
    struct record r = {.event = "request accounted", .to_tag = c->msg->to_tag, .reason = comment};
    (void)n;
    if (comment.len > 2 && ascii_digit(comment.p[0]) && ascii_digit(comment.p[1]) &&
        ascii_digit(comment.p[2])) {
        r.code = str_sub(comment, 0, 3);
        r.reason = str_trim(str_sub(comment, 3, comment.len));
    }
    return write_record(c, &r);
}

static int check_comment(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)out;
    if (argn > 0 || text.len)
        return ERR_OK;
    buf_printf(p->error, "the comment is empty");
    return ERR_INVALID;
}

static int no_database(struct call *c, const struct arg *args, unsigned n)
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

static void account(struct call *c, const struct txn_event *e, const char *event)
{
    struct record r = {.event = event};
    read_reply(c, &r, e);
    write_record(c, &r);
}

/* Once for each time the flag was set. */
static void missed(struct call *c, const struct conf *conf, const struct txn_event *e)
{
    bool wanted = c->msg->method == METHOD_INVITE && e->code >= 300 &&
                  has(e->first_flags, conf->log_missed_flag) &&
                  has(c->flags, conf->log_missed_flag);
    if (!wanted)
        return;
    account(c, e, "call missed");
    c->flags &= ~((uint32_t)1 << conf->log_missed_flag);
}

static bool counts(const struct conf *conf, uint32_t flags, unsigned code)
{
    if (!has(flags, conf->log_flag))
        return false;
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
        if (conf->report_ack && has(e->flags, conf->log_flag))
            account(c, e, "request acknowledged");
        return;
    }
    missed(c, conf, e);
    if (e->kind == TXN_REPLIED && counts(conf, c->flags, e->code))
        account(c, e, "transaction answered");
}

static uint32_t transaction_flags(const void *data)
{
    const struct conf *conf = data;
    uint32_t flags = conf->log_flag == NO_FLAG ? 0 : (uint32_t)1 << conf->log_flag;
    return conf->log_missed_flag == NO_FLAG ? flags : flags | (uint32_t)1 << conf->log_missed_flag;
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
    OLD_TEXT(log_facility) OLD_NUMBER(detect_direction)
    OLD_NUMBER(db_flag) OLD_NUMBER(db_missed_flag) OLD_TEXT(db_extra) OLD_TEXT(db_url)
    OLD_TEXT(db_table_acc) OLD_TEXT(db_table_missed_calls) OLD_TEXT(acc_method_column)
    OLD_TEXT(acc_from_tag_column) OLD_TEXT(acc_to_tag_column) OLD_TEXT(acc_totag_column)
    OLD_TEXT(acc_callid_column) OLD_TEXT(acc_sip_code_column) OLD_TEXT(acc_sip_reason_column)
    OLD_TEXT(acc_time_column) OLD_TEXT(log_fmt)
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
    {"acc_db_request", no_database, 2, 2, {ARG_STR, ARG_STR}, ROUTES, FN_MISSING, check_comment,
     "comment, table", "there is no database yet: acc_log_request() writes to the log"},
    {"acc_rad_request", no_database, 1, 1, {ARG_STR}, ROUTES, FN_MISSING, NULL, "comment",
     "acc cannot account by RADIUS"},
    {"acc_diam_request", no_database, 1, 1, {ARG_STR}, ROUTES, FN_MISSING, NULL, "comment",
     "acc cannot account by Diameter"},
    {.name = NULL},
};
/* clang-format on */

const struct module acc_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "acc",
                .doc = "Accounts calls, a line of the log each.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf),
                .conf_check = conf_check},
    .on_transaction = on_transaction,
    .transaction_flags = transaction_flags,
};
