/* avpops: what can be done to AVPs besides assigning them. */
/* SPDX-License-Identifier: MIT */
#include "modules/avpops/priv.h"

/* All of it is for the database: kept, so that scripts load, until there is one. */
struct conf {
    struct str db_url, avp_table, column;
    int32_t use_domain;
};

/* avp_db_*: never called, a script with one of them is refused. */
static int no_database(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)args, (void)n;
    return -1;
}

enum { ROUTES = ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH | ROUTE_ONREPLY | ROUTE_LOCAL };

/* A row of one or two arguments that a prepare hook compiles. */
#define ROW1(name, call, prepare, usage, doc)                                                      \
    {name, call, 1, 1, {ARG_CUSTOM}, ROUTES, 0, prepare, usage, doc},
#define ROW2(name, call, prepare, usage, doc)                                                      \
    {name, call, 2, 2, {ARG_CUSTOM, ARG_CUSTOM}, ROUTES, 0, prepare, usage, doc},
#define WRITES(name, call, prepare, flags, usage, doc)                                             \
    {name, call, 2, 2, {ARG_CUSTOM, ARG_CUSTOM}, ROUTES, FN_WRITES | flags, prepare, usage, doc},
#define DB(name, least, most, usage, doc)                                                          \
    {name, no_database, least, most, {ARG_STR, ARG_STR}, ROUTES, FN_MISSING, NULL, usage, doc},

/* clang-format off */
static const struct fn_spec functions[] = {
    ROW1("avp_delete", avpops_delete, avpops_prepare_delete, "$avp(name)[/g] or s, i, a, *",
         "Removes the newest value, or with g every value of that name. A class removes all AVPs with "
         "names (s), with numbers (i), or every one (a, *). False when there was none.")
    ROW2("avp_copy", avpops_copy, avpops_prepare_copy, "$avp(old), $avp(new)[/flags]",
         "Pushes the newest value, or with g every value, of the first AVP to the second. d takes the "
         "original away, n makes it a number, s a text. False when there is none.")
    WRITES("avp_pushto", avpops_pushto, avpops_prepare_pushto, 0,
         "$ru, $ru/username, $ru/domain, $du or $br, $variable[/g]",
         "Writes the value to the R-URI, a part of it, the next hop or a new branch. With g further "
         "values of an AVP make further branches. False when there is no value.")
    ROW2("avp_check", avpops_check, avpops_prepare_check, "$variable, operator/value[/flags]",
         "Compares: eq ne lt le gt ge, re (expression), fm (shell pattern), and or xor (bits). g tries "
         "every value of an AVP, i ignores case. False when nothing fits.")
    ROW2("avp_op", avpops_op, avpops_prepare_op, "$avp(name)[/$avp(result)], operator/value[/flags]",
         "Computes add sub mul div mod and or xor not and pushes the result. g does so with every value, "
         "d takes the operand away. False when there is no number.")
    {"avp_subst", avpops_subst, 2, 2, {ARG_CUSTOM, ARG_SUBST}, ROUTES, 0, avpops_prepare_subst,
     "$avp(name)[/$avp(result)][/flags], /expression/replacement/flags",
     "Pushes the text with the matches replaced, in place of the old value or to another AVP. g works "
     "on every value, d takes the original away. False when nothing matched."},
    ROW1("is_avp_set", avpops_is_set, avpops_prepare_set, "$avp(name)[/flags]",
         "True when the AVP has a value; with n a number, with s a text, with e an empty text or 0.")
    {"avp_print", avpops_print, 0, 0, {ARG_NONE}, ROUTES, 0, NULL, "",
     "Logs every AVP at level L_INFO."},
    ROW2("avp_write", avpops_write, avpops_prepare_write, "$variable, i:number or text, $avp(name)",
         "The assignment of 1.0: pushes the value to the AVP.")
    DB("avp_db_load", 2, 2, "source, name", "there is no database module yet, and the avp_db_ functions need one")
    DB("avp_db_store", 2, 2, "source, name", "there is no database module yet, and the avp_db_ functions need one")
    DB("avp_db_delete", 2, 2, "source, name", "there is no database module yet, and the avp_db_ functions need one")
    DB("avp_db_query", 1, 2, "sql[, AVPs]", "there is no database module yet, and the avp_db_ functions need one")
    {.name = NULL},
};
/* clang-format on */

static int add_aliases(struct prepare *p, void *conf, const struct value *v)
{
    (void)conf;
    return prepare_avp_aliases(p, v->s);
}

/* Describes how a column of any table becomes AVPs; for the database. */
static int keep_scheme(struct prepare *p, void *conf, const struct value *v)
{
    (void)conf;
    if (str_find(v->s, ':', 0) > 0)
        return ERR_OK;
    buf_printf(p->error, "a scheme is written name:value_col=...;table=...");
    return ERR_INVALID;
}

#define TEXT(name_, field, text_, doc_)                                                            \
    {                                                                                              \
        .name = name_, .type = PARAM_STR, .offset = offsetof(struct conf, field), .text = text_,   \
        .doc = doc_                                                                                \
    }
#define COLUMN(name) TEXT(name "_column", column, name, "Column of the table.")

static const struct param_spec params[] = {
    TEXT("db_url", db_url, NULL, "The database; not built yet."),
    TEXT("avp_url", db_url, NULL, "The same as db_url."),
    TEXT("avp_table", avp_table, NULL, "Its table, usually usr_preferences."),
    COLUMN("uuid"),
    COLUMN("username"),
    COLUMN("domain"),
    COLUMN("attribute"),
    COLUMN("value"),
    COLUMN("type"),
    {.name = "use_domain",
     .type = PARAM_INT,
     .offset = offsetof(struct conf, use_domain),
     .min = 0,
     .max = 1,
     .doc = "Whether users are told apart by their domain too."},
    {.name = "db_scheme",
     .type = PARAM_STR,
     .set = keep_scheme,
     .doc = "Another way to read AVPs from a table."},
    {.name = "avp_aliases",
     .type = PARAM_STR,
     .set = add_aliases,
     .doc = "Other names for AVPs, as 1.0 and 1.1 declared them here."},
    {.name = NULL},
};

const struct module avpops_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "avpops",
                .doc = "Operations on AVPs: tests, arithmetic, substitutions, copies.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
};
