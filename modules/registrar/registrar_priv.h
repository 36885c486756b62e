/* The inside of the registrar, for its own files: what it is told by parameters, the verdicts it
 * comes to, and the steps of save() and lookup(). */
/* SPDX-License-Identifier: MIT */
#ifndef REGISTRAR_PRIV_H
#define REGISTRAR_PRIV_H

#include "core/module.h"
#include "modules/usrloc/usrloc.h"

extern const struct module registrar_module;

struct registrar_conf {
    int32_t default_expires, min_expires, max_expires, default_q, append_branches, case_sensitive;
    int32_t max_contacts, retry_after, sock_flag, tcp_persistent_flag, method_filtering;
    int32_t use_path, path_mode, path_use_received;
    int32_t use_domain, desc_time_order, nat_flag, ignored; /* parameters of 1.0 and 1.1 */
    struct str realm_prefix, received_param, sock_hdr_name;
    const struct pv_ref *received_avp, *aor_avp; /* NULL when not set */
};

enum path_mode { PATH_NEVER, PATH_LAZY, PATH_STRICT };

/* What becomes of a REGISTER. Row: id, status code, text of P-Registrar-Error. From CALL_ID_LENGTH
 * on a refusal comes when contacts are entered, and its answer lists those there are. */
#define VERDICT_LIST(X)                                                                            \
    X(OK, 200, "")                                                                                 \
    X(NO_TO, 400, "No usable To header")                                                           \
    X(NO_CALL_ID, 400, "No Call-ID header")                                                        \
    X(NO_CSEQ, 400, "No usable CSeq header")                                                       \
    X(AOR_URI, 400, "Address of record is not a URI")                                              \
    X(AOR_ESCAPE, 400, "Bad escape in the user of the address of record")                          \
    X(AOR_LENGTH, 500, "Address of record is too long")                                            \
    X(STAR_EXPIRES, 400, "* used in contact and expires is not zero")                              \
    X(STAR_MIXED, 400, "* used in contact beside other contacts")                                  \
    X(CONTACT, 400, "Contact parse error")                                                         \
    X(NO_USRLOC, 500, "Location table is not available")                                           \
    X(CALL_ID_LENGTH, 400, "Call-ID is too long")                                                  \
    X(CONTACT_LENGTH, 400, "Contact URI or received is too long")                                  \
    X(Q, 400, "Invalid q param in contact")                                                        \
    X(FLOWS, 400, "A contact with reg-id stands alone")                                            \
    X(CSEQ, 400, "Invalid CSeq number")                                                            \
    X(PATH, 400, "Path parse error")                                                               \
    X(PATH_UNSUPPORTED, 420, "Path was used, but is not supported by the user agent")              \
    X(TOO_MANY, 503, "Too many registered contacts")                                               \
    X(FULL, 503, "No room for more contacts")                                                      \
    X(NOT_STORED, 500, "The location could not be stored")                                         \
    X(NO_MEMORY, 500, "Out of memory")

enum verdict {
#define X(id, code, text) VERDICT_##id,
    VERDICT_LIST(X)
#undef X
};
/* Status code of the answer a verdict leads to. */
unsigned verdict_code(enum verdict v);
/* What P-Registrar-Error says of it. */
struct str verdict_text(enum verdict v);

/* Numbers of the statistics. */
enum registrar_stat { STAT_ACCEPTED, STAT_REJECTED, STAT_FULL };

enum save_flag { SAVE_MEMORY_ONLY = 1, SAVE_NO_REPLY = 2 };

static inline const struct registrar_conf *registrar_conf(const struct call *c)
{
    return call_conf(c, &registrar_module);
}
/* The location tables, NULL (with a line in the log) when usrloc is not loaded. */
const struct usrloc_api *registrar_tables(const struct call *c);
/* The text of an AVP parameter; false when the parameter is not set or the AVP is not there. */
bool registrar_avp(struct call *c, const struct pv_ref *avp, struct str *out);
/* text without its double quotes. */
struct str registrar_unquote(struct str text);
/* text with %-escapes undone, in the call's arena. ERR_SYNTAX, ERR_NOMEM. */
int registrar_unescape(struct call *c, struct str text, struct str *out);

/* The key in the table for a URI, or for what aor_avp says instead (aor.c). */
enum verdict registrar_aor(struct call *c, struct str uri, struct str *out);

/* What a REGISTER asks for (contacts.c). */
struct wishes {
    struct ucontact *v; /* in the order in which they are to be entered */
    unsigned n;
    bool star; /* Contact: * */
};
/* Reads the Contact headers, of which there is one at least. What a contact does not say itself is
 * copied from common. */
enum verdict registrar_wishes(struct call *c, const struct ucontact *common, struct wishes *out);
/* What all contacts of the message have in common. flags: enum save_flag. */
enum verdict registrar_common(struct call *c, unsigned flags, struct ucontact *out);

/* The values of all Path headers, comma separated, and what the first one says of the source
 * (path.c). */
struct path {
    struct str values;
    struct str received; /* empty without */
};
enum verdict registrar_path(struct call *c, struct path *out);
/* The URI of the first value: where requests along this path go first. */
struct str path_first_uri(struct str values);

/* Answers with the contacts in list; true when a reply was sent (reply.c). path: what was stored
 * with them, which may turn a 200 into 420. */
bool registrar_answer(struct call *c, enum verdict v, const struct ucontacts *list,
                      struct str path);

/* The functions of the script: results as in MODULES 1.6, or CALL_SUSPENDED while a database is
 * asked (save.c, lookup.c). */
int registrar_save(struct call *c, struct str table, unsigned flags);
int registrar_lookup(struct call *c, struct str table);
int registrar_registered(struct call *c, struct str table);

#endif
