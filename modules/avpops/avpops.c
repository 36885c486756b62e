/* avpops: what can be done to AVPs besides assigning them. */
/* SPDX-License-Identifier: MIT */
#include "modules/avpops/db.h"

enum { ROUTES = ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH | ROUTE_ONREPLY | ROUTE_LOCAL };

/* A row of one or two arguments that a prepare hook compiles. */
#define ROW1(name, call, prepare, usage, doc)                                                      \
    {name, call, 1, 1, {ARG_CUSTOM}, ROUTES, 0, prepare, usage, doc},
#define ROW2(name, call, prepare, usage, doc)                                                      \
    {name, call, 2, 2, {ARG_CUSTOM, ARG_CUSTOM}, ROUTES, 0, prepare, usage, doc},
#define WRITES(name, call, prepare, flags, usage, doc)                                             \
    {name, call, 2, 2, {ARG_CUSTOM, ARG_CUSTOM}, ROUTES, FN_WRITES | flags, prepare, usage, doc},

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
    ROW2("avp_db_load", avpops_db_load, avpops_prepare_db_load, "source[/mode], name[/table]",
         "Loads AVPs of a user (mode uri, uuid, username or domain of a variable or text): one, or those with names "
         "(s), with numbers (i) or all (*), or by a scheme. False when there is none, and when the database fails.")
    ROW2("avp_db_store", avpops_db_store, avpops_prepare_db, "source[/mode], name[/table]",
         "Stores those AVPs that are not in the table yet. False when there is none, and when the database fails.")
    ROW2("avp_db_delete", avpops_db_delete, avpops_prepare_db, "source[/mode], name[/table]",
         "Removes rows from the table; the AVPs stay. False when the database fails.")
    {"avp_db_query", avpops_db_query, 1, 2, {ARG_CUSTOM, ARG_CUSTOM}, ROUTES, 0, avpops_prepare_db_query,
     "SQL[, AVPs]", "Runs a statement, whose variables are bound as values, and pushes each column to its AVP, else to "
     "$avp(i:1) and so on. False without a row, and when the database fails."},
    {.name = NULL},
};
/* clang-format on */

static int add_aliases(struct prepare *p, void *conf, const struct value *v)
{
    (void)conf;
    return prepare_avp_aliases(p, v->s);
}

#define PARAM_CONF struct avpops_conf
#define COLUMN(name) PARAM_STRING(#name "_column", name##_column, #name, "Column of the table.")

static const struct param_spec params[] = {
    PARAM_STRING("db_url", db_url, NULL, "The database."),
    PARAM_STRING("avp_url", db_url, NULL, "The same as db_url."),
    PARAM_STRING("avp_table", avp_table, NULL, "Its table, usually usr_preferences."),
    COLUMN(uuid),
    COLUMN(username),
    COLUMN(domain),
    COLUMN(attribute),
    COLUMN(value),
    COLUMN(type),
    PARAM_SWITCH("use_domain", use_domain, 0, "Whether users are told apart by their domain too."),
    PARAM_SET("db_scheme", PARAM_STR, avpops_add_scheme,
              "One column of any table: name:value_col=..;table=..;username_col=.."),
    PARAM_SET("avp_aliases", PARAM_STR, add_aliases,
              "Other names for AVPs, as 1.0 and 1.1 declared them here."),
    {.name = NULL},
};

static bool wanted(const void *data)
{
    return ((const struct avpops_conf *)data)->asks;
}

static const struct db_use use = {
    .url = offsetof(struct avpops_conf, db_url), .optional = true, .wanted = wanted};

const struct module avpops_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "avpops",
                .doc = "Operations on AVPs: tests, arithmetic, substitutions, copies, tables.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct avpops_conf)},
    .db = &use,
};
