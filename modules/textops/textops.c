/* textops: looking at and changing the text of messages. The rows of its functions. */
/* SPDX-License-Identifier: MIT */
#include "modules/textops/priv.h"

enum {
    CHANGES =
        ROUTE_REQUEST | ROUTE_ONREPLY | ROUTE_FAILURE | ROUTE_BRANCH | ROUTE_LOCAL, /* R O F B L */
    TARGETS = ROUTE_REQUEST | ROUTE_ONREPLY | ROUTE_FAILURE | ROUTE_BRANCH,
};

/* Rows of the usual form: name, function, arguments, routes, usage, documentation. */
#define ROW0(name, fn, routes, doc) {name, fn, 0, 0, {ARG_NONE}, routes, 0, NULL, "", doc},
#define ROW1(name, fn, a, routes, usage, doc) {name, fn, 1, 1, {a}, routes, 0, NULL, usage, doc},
#define ROW2(name, fn, a, b, routes, usage, doc)                                                   \
    {name, fn, 2, 2, {a, b}, routes, 0, NULL, usage, doc},

/* clang-format off */
static const struct fn_spec functions[] = {
    ROW1("search", textops_search, ARG_RE, CHANGES, "expression",
         "True when the expression is found anywhere in the message, first line and body included.")
    ROW1("search_body", textops_search_body, ARG_RE, CHANGES, "expression",
         "True when the expression is found in the body.")
    ROW2("search_append", textops_search_append, ARG_RE, ARG_STR, CHANGES, "expression, text",
         "Adds the text behind the first match in headers and body. False without a match.")
    ROW2("search_append_body", textops_search_append_body, ARG_RE, ARG_STR, CHANGES,
         "expression, text",
         "Adds the text behind the first match in the body. False without a match.")
    ROW2("replace", textops_replace, ARG_RE, ARG_STR, CHANGES, "expression, text",
         "Replaces the first match in headers and body. The text is taken as it is. False without a "
         "match.")
    ROW2("replace_all", textops_replace_all, ARG_RE, ARG_STR, CHANGES, "expression, text",
         "Replaces every match in headers and body. False without a match, and when one is empty.")
    ROW2("replace_body", textops_replace_body, ARG_RE, ARG_STR, CHANGES, "expression, text",
         "Replaces the first match in the body. False without a match.")
    ROW2("replace_body_all", textops_replace_body_all, ARG_RE, ARG_STR, CHANGES,
         "expression, text", "Replaces every match in the body, ^ and $ at line ends. False without "
         "a match, and when one is empty.")
    ROW2("replace_body_atonce", textops_replace_body_all, ARG_RENL, ARG_STR, CHANGES,
         "expression, text", "Replaces every match in the body, taken as one text: ^ and $ only at "
         "its ends, . also for line ends. False without a match, and when one is empty.")
    ROW1("subst", textops_subst, ARG_SUBST, CHANGES, "/expression/replacement/flags",
         "Applies the substitution to headers and body. False when nothing was replaced.")
    ROW1("subst_body", textops_subst_body, ARG_SUBST, CHANGES, "/expression/replacement/flags",
         "Applies the substitution to the body. False when nothing was replaced.")
    {"subst_uri", textops_subst_uri, 1, 1, {ARG_SUBST}, TARGETS, FN_TARGET, NULL,
     "/expression/replacement/flags",
     "Applies the substitution to the R-URI. False when nothing was replaced."},
    {"subst_user", textops_subst_user, 1, 1, {ARG_SUBST}, TARGETS, FN_TARGET, NULL,
     "/expression/replacement/flags",
     "Applies the substitution to the user of the R-URI. False when nothing was replaced."},
    ROW1("filter_body", textops_filter_body, ARG_STR, CHANGES, "type/subtype",
         "Leaves only the first part of that type of a multipart body. Content-Type stays as it is. "
         "False when there is no such part.")
    ROW1("append_to_reply", textops_append_to_reply, ARG_FMT,
         ROUTE_REQUEST | ROUTE_BRANCH | ROUTE_ERROR, "text",
         "Adds header lines to the replies made here. Each line ends with \\r\\n.")
    ROW1("append_hf", textops_append_hf, ARG_FMT, CHANGES, "text",
         "Adds header lines behind the last header.")
    ROW2("append_hf", textops_append_hf, ARG_FMT, ARG_STR, CHANGES, "text, name",
         "Adds header lines behind the first header of that name, or behind the last one when there "
         "is none.")
    ROW1("insert_hf", textops_insert_hf, ARG_FMT, CHANGES, "text",
         "Adds header lines before the first header.")
    ROW2("insert_hf", textops_insert_hf, ARG_FMT, ARG_STR, CHANGES, "text, name",
         "Adds header lines before the first header of that name, or before all when there is none.")
    ROW2("append_urihf", textops_append_urihf, ARG_STR, ARG_STR,
         ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH, "before, behind",
         "Adds a header line behind the last header: the first text, the R-URI as received, the "
         "second text.")
    ROW1("remove_hf", textops_remove_hf, ARG_STR, CHANGES, "name",
         "Removes every header of that name, its compact form too. False when there is none.")
    ROW1("is_present_hf", textops_is_present_hf, ARG_STR, CHANGES, "name",
         "True when the received message has a header of that name, or its compact form.")
    ROW0("append_time", textops_append_time,
         ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH | ROUTE_LOCAL,
         "Adds Date to the replies made here.")
    {"is_method", textops_is_method, 1, 1, {ARG_CUSTOM}, CHANGES, FN_METHOD, textops_prepare_method,
     "METHOD|METHOD...", "True when the method, in a reply that of CSeq, is one of these."},
    ROW0("has_body", textops_has_body, CHANGES, "True when the message has a body.")
    ROW1("has_body", textops_has_body, ARG_STR, CHANGES, "type/subtype",
         "True when the message has a body of that type. Without Content-Type it is taken for "
         "application/sdp.")
    {"is_privacy", textops_is_privacy, 1, 1, {ARG_CUSTOM}, CHANGES, 0, textops_prepare_privacy,
     "value", "True when Privacy holds this value: id, user, header, session, none or critical."},
    {.name = NULL},
};
/* clang-format on */

const struct module textops_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "textops",
                .doc = "Looking at and changing the text of messages.",
                .functions = functions},
};
