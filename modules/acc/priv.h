/* Inside of the acc module: what its parameters say, and a record as it is written. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_ACC_PRIV_H
#define MODULES_ACC_PRIV_H

#include "core/module.h"

extern const struct module acc_module;

enum {
    ACC_MAX_EXTRA = 64, /* fields of log_extra or db_extra */
    ACC_MAX_LEGS = 16,  /* fields of a leg */
    ACC_MAX_FORMAT = 32,
    ACC_NO_FLAG = -1,
};

/* Columns whose names are parameters, in the order in which rows are written. */
enum acc_column {
    COL_METHOD,
    COL_FROM_TAG,
    COL_TO_TAG,
    COL_CALL_ID,
    COL_CODE,
    COL_REASON,
    COL_TIME,
    ACC_COLUMNS,
};

/* Columns of 1.0 and 1.1 that a row has when their parameters are set: row of id, parameter, what
 * stands in it. */
#define ACC_OLD_COLUMN_LIST(X)                                                                     \
    X(SIP_FROM, "acc_sip_from_column", "$hdr(From)")                                               \
    X(SIP_TO, "acc_sip_to_column", "$hdr(To)")                                                     \
    X(I_URI, "acc_i_uri_column", "$ou")                                                            \
    X(O_URI, "acc_o_uri_column", "$ru")                                                            \
    X(USER, "acc_user_column", "$au")                                                              \
    X(DOMAIN, "acc_domain_column", "$ar")                                                          \
    X(FROM_URI, "acc_from_uri_column", "$fu")                                                      \
    X(TO_URI, "acc_to_uri_column", "$tu")

enum acc_old_column {
#define X(id, parameter, variable) OLD_##id,
    ACC_OLD_COLUMN_LIST(X)
#undef X
        ACC_OLD_COLUMNS,
};

enum { ACC_MAX_ROW = ACC_COLUMNS + ACC_MAX_EXTRA + ACC_MAX_LEGS };

/* What a field shows: a variable, or a part of the record itself. */
enum acc_part { PART_VARIABLE, PART_METHOD, PART_CALL_ID, PART_TO_TAG, PART_CODE, PART_STATUS };

/* name=$variable */
struct acc_field {
    struct str name;
    enum acc_part part;
    const struct pv_ref *pv;     /* of PART_VARIABLE */
    const struct pv_ref *backup; /* read when pv is null, or NULL */
};

struct acc_fields {
    unsigned n;
    struct acc_field list[ACC_MAX_EXTRA];
};

struct acc_conf {
    int32_t log_flag, log_missed_flag, failed_transaction_flag;
    int32_t early_media, report_ack, report_cancels, log_level, detect_direction;
    int32_t db_flag, db_missed_flag, db_waiting;
    int32_t legs_enabled, src_leg_avp, dst_leg_avp; /* of 1.0 and 1.1 */
    struct str extra_text, legs_text, db_extra_text, format_text;
    struct str db_url, table, missed_table, column[ACC_COLUMNS];
    struct str old_column[ACC_OLD_COLUMNS], src_leg_column, dst_leg_column;
    struct acc_fields *extra, *legs, *db_extra; /* made of their texts, or NULL */
    struct acc_fields *format;                  /* log_fmt's, or NULL */
};

/* One line or row. */
struct acc_record {
    const char *event;
    struct str to_tag, code, reason;
};

/* A line of the log. 1, or -1 without memory. */
int acc_write_line(struct call *c, const struct acc_record *r);
/* One row, or one for each leg. 1, or -1 when a row is lost. */
int acc_write_rows(struct call *c, const struct acc_record *r, struct str table);

/* conf.c: the parameters, and what they come to. */
extern const struct param_spec acc_params[];
int acc_conf_check(struct prepare *p, void *conf);

#endif
