/* Inside of the core module: its functions and variables by their rows, and the codes of the rows.
 */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_CORE_PRIV_H
#define MODULES_CORE_PRIV_H

#include "core/module.h"

/* What each function does stands in its row. */
#define FN(name, function, min, max, kinds, flags, usage, doc)                                     \
    int function(struct call *c, const struct arg *args, unsigned n);
#include "modules/core/function.def"
#undef FN

/* What each variable holds stands in its row; NULL columns make no prototype. */
typedef int pv_get(struct call *c, const struct pv_use *u, struct value *out);
typedef int pv_set(struct call *c, const struct pv_use *u, enum pv_assign op,
                   const struct value *v);

/* Codes of vars_uri.c and vars_party.c: whose URI (upper bits), what of it (lower four). */
enum { URI_NOW = 0, URI_RECEIVED = 16, URI_DST = 32 };
enum {
    PARTY_FROM = 0,
    PARTY_TO = 16,
    PARTY_PAI = 32,
    PARTY_PPI = 48,
    PARTY_RPID = 64,
    PARTY_REFER_TO = 80,
    PARTY_DIVERSION = 96
};
enum {
    WHAT_URI,
    WHAT_USER,
    WHAT_HOST,
    WHAT_PORT,
    WHAT_TRANSPORT,
    WHAT_NAME,
    WHAT_REASON,
    WHAT_PRIVACY,
    WHAT_MASK = 15
};

/* vars_uri.c */
pv_get core_get_uri;
pv_set core_set_ru, core_set_rU, core_set_rd, core_set_rp, core_set_du;

/* vars_party.c */
pv_get core_get_party, core_get_tag;

/* vars_auth.c */
enum { CREDENTIAL_NAME, CREDENTIAL_DOMAIN, CREDENTIAL_USERNAME, CREDENTIAL_REALM, CREDENTIAL_URI };
pv_get core_get_credential, core_get_account;

/* vars_msg.c */
enum { ERROR_CLASS, ERROR_LEVEL, ERROR_RCODE, ERROR_INFO, ERROR_RREASON };
pv_get core_get_method, core_get_status, core_get_reason, core_get_call_id, core_get_cseq,
    core_get_header_of, core_get_content_length, core_get_body, core_get_message_length,
    core_get_message, core_get_message_number, core_get_error;

/* vars_hdr.c: $hdr(name). */
pv_get core_get_hdr;
/* Looks the header's name up once, at compile time. */
int core_prepare_hdr(struct prepare *p, struct str inner, const void **data);

/* vars_net.c */
enum { END_SOURCE, END_LOCAL };
pv_get core_get_ip, core_get_port, core_get_proto, core_get_fs, core_get_pid, core_get_time,
    core_get_time_text;
pv_set core_set_fs;

/* vars_branch.c */
enum { FLAGS_MESSAGE, FLAGS_BRANCH, FLAGS_SCRIPT };
pv_get core_get_br, core_get_bR, core_get_ds, core_get_flags, core_get_flags_hex;
pv_set core_set_br, core_set_flags;

/* The socket that "[proto:]host[:port]" names; NO_SOCKET when it is none of ours. */
int core_find_socket(const struct call *c, struct str text);

/* The script's result of something that gives an error code. */
static inline int script_result(int rc)
{
    return rc == ERR_OK ? 1 : -1;
}

/* A text or, when it is empty, null. */
static inline struct value text_or_null(struct str s)
{
    return s.len ? value_str(s) : VALUE_NULL;
}

#endif
