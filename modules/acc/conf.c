/* The parameters of acc: fields of records, and what earlier releases called them. */
/* SPDX-License-Identifier: MIT */
#include "modules/acc/priv.h"
#include "modules/rr/rr.h"

/* ---- fields ---- */

static int parse_field(struct prepare *p, struct str text, bool avp, struct acc_field *out)
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

static int parse_fields(struct prepare *p, struct str text, unsigned most, struct acc_fields **out)
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
        int rc = parse_field(p, one, most == ACC_MAX_LEGS, &(*out)->list[(*out)->n++]);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* ---- log_fmt ---- */

/* The letters of 1.0 and 1.1. */
static const struct {
    char letter;
    const char *name;
    enum acc_part part;
    const char *variable, *backup;
} letters[] = {
    {'m', "method", PART_METHOD, NULL, NULL},
    {'i', "i-uri", PART_VARIABLE, "$ou", NULL},
    {'o', "o-uri", PART_VARIABLE, "$ru", NULL},
    {'c', "call_id", PART_CALL_ID, NULL, NULL},
    {'f', "from", PART_VARIABLE, "$hdr(From)", NULL},
    {'s', "code", PART_STATUS, NULL, NULL},
    {'n', "cseq", PART_VARIABLE, "$cs", NULL},
    {'r', "from_tag", PART_VARIABLE, "$ft", NULL},
    {'F', "from_uri", PART_VARIABLE, "$fu", NULL},
    {'0', "from_user", PART_VARIABLE, "$fU", NULL},
    {'X', "from_domain", PART_VARIABLE, "$fd", NULL},
    {'t', "to", PART_VARIABLE, "$hdr(To)", NULL},
    {'d', "to_tag", PART_TO_TAG, NULL, NULL},
    {'T', "to_uri", PART_VARIABLE, "$tu", NULL},
    {'1', "to_user", PART_VARIABLE, "$tU", NULL},
    {'S', "status", PART_CODE, NULL, NULL},
    {'U', "user", PART_VARIABLE, "$au", "$fU"},
    {'u', "auth_user", PART_VARIABLE, "$au", NULL},
    {'p', "ruri_user", PART_VARIABLE, "$rU", NULL},
    {'D', "ruri_domain", PART_VARIABLE, "$rd", NULL},
};

static int add_letter(struct prepare *p, char letter, struct acc_fields *out)
{
    for (unsigned i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (letters[i].letter != letter)
            continue;
        struct acc_field *f = &out->list[out->n++];
        *f = (struct acc_field){.name = str_from(letters[i].name), .part = letters[i].part};
        int rc =
            letters[i].variable ? prepare_pv(p, str_from(letters[i].variable), &f->pv) : ERR_OK;
        return rc == ERR_OK && letters[i].backup
                   ? prepare_pv(p, str_from(letters[i].backup), &f->backup)
                   : rc;
    }
    buf_printf(p->error, "log_fmt knows no letter %c", letter);
    if (p->hint)
        buf_printf(p->hint, "the letters are miocfsnrF0XtdT1SUupD");
    return ERR_INVALID;
}

static int parse_format(struct prepare *p, struct str text, struct acc_fields **out)
{
    *out = text.len ? arena_zalloc(p->arena, sizeof **out) : NULL;
    if (!*out)
        return text.len ? ERR_NOMEM : ERR_OK;
    if (text.len > ACC_MAX_FORMAT) {
        buf_printf(p->error, "log_fmt has more than %d letters", ACC_MAX_FORMAT);
        return ERR_LIMIT;
    }
    int rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < text.len; i++)
        rc = add_letter(p, text.p[i], *out);
    return rc;
}

/* ---- columns and legs of 1.0 and 1.1 ---- */

static int add_column(struct prepare *p, struct acc_conf *conf, struct str name,
                      const char *variable)
{
    if (!conf->db_extra && !(conf->db_extra = arena_zalloc(p->arena, sizeof *conf->db_extra)))
        return ERR_NOMEM;
    if (conf->db_extra->n == ACC_MAX_EXTRA) {
        buf_printf(p->error, "no more than %u columns", ACC_MAX_EXTRA);
        return ERR_LIMIT;
    }
    struct acc_field *f = &conf->db_extra->list[conf->db_extra->n++];
    *f = (struct acc_field){.name = name};
    return prepare_pv(p, str_from(variable), &f->pv);
}

static int add_old_columns(struct prepare *p, struct acc_conf *conf)
{
    static const char *const variable[ACC_OLD_COLUMNS] = {
#define X(id, parameter, variable) [OLD_##id] = variable,
        ACC_OLD_COLUMN_LIST(X)
#undef X
    };
    int rc = ERR_OK;
    for (unsigned i = 0; rc == ERR_OK && i < ACC_OLD_COLUMNS; i++)
        if (conf->old_column[i].len)
            rc = add_column(p, conf, conf->old_column[i], variable[i]);
    return rc;
}

/* multi_leg_enabled with two numbers of AVPs is a multi_leg_info of two fields. */
static int make_legs(struct prepare *p, struct acc_conf *conf)
{
    if (!conf->legs_enabled)
        return parse_fields(p, conf->legs_text, ACC_MAX_LEGS, &conf->legs);
    if (conf->legs_text.len || conf->src_leg_avp == 0 || conf->dst_leg_avp == 0) {
        buf_printf(p->error, conf->legs_text.len
                                 ? "multi_leg_enabled and multi_leg_info exclude each other"
                                 : "multi_leg_enabled needs src_leg_avp_id and dst_leg_avp_id");
        return ERR_INVALID;
    }
    struct str text =
        arena_printf(p->arena, "%.*s=$avp(i:%d);%.*s=$avp(i:%d)", STR_ARG(conf->src_leg_column),
                     (int)conf->src_leg_avp, STR_ARG(conf->dst_leg_column), (int)conf->dst_leg_avp);
    return text.p ? parse_fields(p, text, ACC_MAX_LEGS, &conf->legs) : ERR_NOMEM;
}

int acc_conf_check(struct prepare *p, void *data)
{
    struct acc_conf *conf = data;
    int rc = parse_fields(p, conf->extra_text, ACC_MAX_EXTRA, &conf->extra);
    if (rc == ERR_OK)
        rc = parse_fields(p, conf->db_extra_text, ACC_MAX_EXTRA, &conf->db_extra);
    if (rc == ERR_OK)
        rc = parse_format(p, conf->format_text, &conf->format);
    if (rc == ERR_OK)
        rc = add_old_columns(p, conf);
    if (rc == ERR_OK)
        rc = make_legs(p, conf);
    return rc == ERR_OK && conf->detect_direction ? rr_tells_direction(p) : rc;
}

/* ---- what is not here ---- */

/* Accounting that a script asks for and does not get is money lost: it is refused. */
static int refuse(struct prepare *p, void *conf, const struct value *v)
{
    (void)conf;
    if (v->flags & VAL_INT && v->i < 0)
        return ERR_OK; /* the flag is not used */
    buf_printf(p->error, "acc cannot account by RADIUS or Diameter: the log and databases are what "
                         "it writes to");
    return ERR_UNSUPPORTED;
}

/* It is taken, and this is why nothing comes of it. */
static int without_effect(struct prepare *p, const char *why)
{
    if (p->hint)
        buf_printf(p->hint, "%s", why);
    return ERR_OK;
}

static int no_facility(struct prepare *p, void *conf, const struct value *v)
{
    (void)conf, (void)v;
    return without_effect(p, "the log goes to stderr");
}

static int no_server(struct prepare *p, void *conf, const struct value *v)
{
    (void)conf, (void)v;
    return without_effect(p, "acc cannot account by RADIUS or Diameter");
}

static int local_time(struct prepare *p, void *conf, const struct value *v)
{
    (void)conf;
    return v->i ? ERR_OK : without_effect(p, "the time in rows is always local, as from 1.2 on");
}

/* ---- parameters ---- */

#define PARAM_CONF struct acc_conf
#define NOT_HERE(name_, type_)                                                                     \
    PARAM_SET(name_, type_, refuse, "Refused: there is no such accounting.")
#define SERVER(name_, type_)                                                                       \
    PARAM_SET(name_, type_, no_server, "Of such accounting; without effect.")
#define X(id, parameter, variable)                                                                 \
    PARAM_STRING(parameter, old_column[OLD_##id], NULL,                                            \
                 "A further column of 1.0 with " variable "."),

const struct param_spec acc_params[] = {
    PARAM_FLAG("log_flag", log_flag, "Message flag of requests to be accounted."),
    PARAM_FLAG("log_missed_flag", log_missed_flag,
               "Message flag of calls to be accounted when they are missed."),
    PARAM_FLAG("failed_transaction_flag", failed_transaction_flag,
               "Message flag that has failures accounted too."),
    PARAM_SWITCH("early_media", early_media, 0, "1: a 183 is accounted too."),
    PARAM_SWITCH("report_ack", report_ack, 0, "1: the ACK for a 2xx is accounted too."),
    PARAM_SWITCH("report_cancels", report_cancels, 0, "1: CANCEL is accounted too."),
    PARAM_SWITCH("detect_direction", detect_direction, 0,
                 "1: a request from callee to caller has its tags changed round."),
    PARAM_NUMBER("log_level", log_level, -3, 4, 2, "Level of the log lines."),
    PARAM_STRING("log_extra", extra_text, NULL, "More fields: name=$variable;name=$variable."),
    PARAM_STRING("log_fmt", format_text, NULL, "Lines as in 1.0, with these letters."),
    PARAM_STRING("multi_leg_info", legs_text, NULL,
                 "Fields of each leg: name=$avp(a);name=$avp(b)."),
    PARAM_FLAG("db_flag", db_flag, "Message flag of requests to be accounted in the database."),
    PARAM_FLAG("db_missed_flag", db_missed_flag,
               "Message flag of calls to be accounted there when they are missed."),
    PARAM_STRING("db_extra", db_extra_text, NULL, "More columns: name=$variable;name=$variable."),
    PARAM_STRING("db_url", db_url, NULL, "The database; without it there is none."),
    PARAM_STRING("db_table_acc", table, "acc", "Table of answered requests."),
    PARAM_STRING("db_table_missed_calls", missed_table, "missed_calls", "Table of missed calls."),
    PARAM_STRING("acc_method_column", column[COL_METHOD], "method", "Column of the method."),
    PARAM_STRING("acc_from_tag_column", column[COL_FROM_TAG], "from_tag",
                 "Column of the From tag."),
    PARAM_STRING("acc_to_tag_column", column[COL_TO_TAG], "to_tag", "Column of the To tag."),
    PARAM_STRING("acc_callid_column", column[COL_CALL_ID], "callid", "Column of the Call-ID."),
    PARAM_STRING("acc_sip_code_column", column[COL_CODE], "sip_code", "Column of the status code."),
    PARAM_STRING("acc_sip_reason_column", column[COL_REASON], "sip_reason",
                 "Column of the reason."),
    PARAM_STRING("acc_time_column", column[COL_TIME], "time", "Column of the time."),
    PARAM_NUMBER("db_waiting", db_waiting, 1, 10000000, 100000,
                 "Rows that may wait while the database is away."),
    PARAM_STRING("acc_totag_column", column[COL_TO_TAG], "to_tag", "acc_to_tag_column, as in 1.2."),
    PARAM_STRING("acc_fromtag_column", column[COL_FROM_TAG], "from_tag",
                 "acc_from_tag_column, as in 1.0."),
    PARAM_STRING("acc_sip_method_column", column[COL_METHOD], "method",
                 "acc_method_column, as in 1.0."),
    PARAM_STRING("acc_sip_callid_column", column[COL_CALL_ID], "callid",
                 "acc_callid_column, as in 1.0."),
    PARAM_STRING("acc_sip_status_column", column[COL_CODE], "sip_code",
                 "acc_sip_code_column, as in 1.0."),
    /* clang-format off */
    ACC_OLD_COLUMN_LIST(X)
    /* clang-format on */
    PARAM_SWITCH("multi_leg_enabled", legs_enabled, 0, "1: legs as in 1.0, of two AVPs."),
    PARAM_NUMBER("src_leg_avp_id", src_leg_avp, 0, INT32_MAX, 0,
                 "Number of the AVP with the sources."),
    PARAM_NUMBER("dst_leg_avp_id", dst_leg_avp, 0, INT32_MAX, 0,
                 "Number of that with the destinations."),
    PARAM_STRING("acc_src_leg_column", src_leg_column, "src_leg",
                 "Column and field of the source."),
    PARAM_STRING("acc_dst_leg_column", dst_leg_column, "dst_leg",
                 "Column and field of the destination."),
    PARAM_SET("db_localtime", PARAM_INT, local_time, "Of 1.0: the time in rows is local."),
    PARAM_SET("log_facility", PARAM_STR, no_facility, "Without effect: the log goes to stderr."),
    NOT_HERE("radius_flag", PARAM_INT),
    NOT_HERE("radius_missed_flag", PARAM_INT),
    NOT_HERE("diameter_flag", PARAM_INT),
    NOT_HERE("diameter_missed_flag", PARAM_INT),
    SERVER("radius_extra", PARAM_STR),
    SERVER("radius_config", PARAM_STR),
    SERVER("service_type", PARAM_INT),
    SERVER("diameter_extra", PARAM_STR),
    SERVER("diameter_client_host", PARAM_STR),
    SERVER("diameter_client_port", PARAM_INT),
    {.name = NULL},
};
#undef X
