/* Inside of the avpops module: its database functions. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_AVPOPS_DB_H
#define MODULES_AVPOPS_DB_H

#include "modules/avpops/priv.h"

/* db_scheme: one column of any table. */
struct scheme {
    const struct scheme *next;
    struct str name, table, uuid_col, username_col, domain_col, value_col;
    bool number; /* value_type=integer */
};

struct avpops_conf {
    struct str db_url, avp_table;
    struct str uuid_column, username_column, domain_column, attribute_column, value_column;
    struct str type_column;
    int32_t use_domain;
    const struct scheme *schemes;
    bool asks; /* the script calls an avp_db_ function */
};

/* A mark on AVPs that came from the table or went there: the highest of their user flags. */
enum { AVP_IN_DB = 128 };

enum source_mode { SOURCE_UUID, SOURCE_USERNAME, SOURCE_DOMAIN, SOURCE_URI };

/* "$pv/mode" or "text/mode": whose AVPs. */
struct db_source {
    const struct pv_ref *pv; /* NULL: constant counts */
    struct str constant;
    enum source_mode mode;
};

/* An AVP, or a class, with "/table" or "/$scheme" behind it: which of them. */
struct db_names {
    const struct pv_ref *avp; /* NULL: a class */
    char class;               /* 's' named, 'i' numbered, 'a' all */
    uint8_t flags;            /* user flags, 0 for none */
    struct str table;         /* empty: avp_table */
    const struct scheme *scheme;
};

/* A statement of the script, taken apart: a ? stands where a value goes, never a text of it. */
struct statement {
    struct str sql;
    unsigned values;
    struct sql_value {
        const struct format *text; /* a quoted text with variables in it, or NULL */
        const struct pv_ref *pv;   /* a variable by itself */
    } * value;
};

/* AVPs for the columns of a result. */
struct db_dest {
    unsigned n;
    const struct pv_ref **avp;
};

/* db_parse.c: prepare hooks; they note that the database is wanted, and refuse without db_url. */
int avpops_prepare_db(struct prepare *p, unsigned argn, struct str text, struct arg *out);
/* The same for avp_db_load(), which knows schemes. */
int avpops_prepare_db_load(struct prepare *p, unsigned argn, struct str text, struct arg *out);
/* The same for avp_db_query(). */
int avpops_prepare_db_query(struct prepare *p, unsigned argn, struct str text, struct arg *out);
/* A db_scheme parameter. */
int avpops_add_scheme(struct prepare *p, void *conf, const struct value *v);

/* db_sql.c: takes a statement apart; ERR_INVALID with a sentence in p->error. */
int avpops_prepare_sql(struct prepare *p, struct str text, struct statement **out);

/* db.c: what scripts call; each stands in its row in avpops.c. */
script_function avpops_db_load, avpops_db_store, avpops_db_delete, avpops_db_query;

#endif
